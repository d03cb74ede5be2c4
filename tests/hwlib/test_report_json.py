"""What is written about a report: JSON with the documented keys, a whole HTML page, tidy CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hwlib.report import COMPONENTS, PHASES, RESOURCES, Report
from hwlib.report_html import report_csv, report_html, stacked_bar
from hwlib.report_json import METRICS, report_json
from hwlib.report_table import headline_rows
from tests.hwlib.report_factory import NOTHING, report

DOCS = Path(__file__).parent.parent.parent / "docs" / "json.md"
NAMED = {
    "<resource>": ("without_wall.prefill", "without_wall.decode", "breakdowns.time.prefill", "breakdowns.time.decode",
                   "operators[].times_s", "operators[].shares_s"),
    "<component>": ("breakdowns.energy", "operators[].energies_J"),
    "<figure>": ("bands",),
}  # fmt: skip


def paths(value: Any, path: str = "") -> set[str]:
    """Paths of all leaves of a JSON value in the docs' notation."""
    generic = next((word for word, places in NAMED.items() if path in places), None)
    if generic is not None:
        known = {"<resource>": RESOURCES, "<component>": COMPONENTS, "<figure>": ("ttft_s", "time.decode.qkv")}
        assert set(value) == set(known[generic]), path
        return {f"{path}.{generic}"}
    if isinstance(value, dict):
        return set().union(*(paths(item, f"{path}.{key}" if path else key) for key, item in value.items()))
    if isinstance(value, list):
        assert value, f"{path}[] has no item to look at"
        return set().union(*(paths(item, f"{path}[]") for item in value))
    return {path}


def documented() -> set[str]:
    section = DOCS.read_text("utf-8").split("## evaluate")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE))


def test_every_key_is_documented_and_every_documented_key_is_there() -> None:
    assert paths(report_json(report())) == documented()


def test_keys_are_the_same_where_the_model_does_not_fit() -> None:
    whole, nothing = report_json(report()), NOTHING.to_json()
    assert list(whole) == list(nothing)
    assert nothing["fits"] is False
    assert nothing["status"] == "does_not_fit"
    assert all(nothing[key] is None for key in (*METRICS, "energy_method", "energy_scope"))
    assert nothing["bound"] == nothing["without_wall"] == {"prefill": None, "decode": None}
    assert nothing["breakdowns"] == {"time": {"prefill": None, "decode": None}, "energy": None}
    assert nothing["area_mm2"] == pytest.approx(80.0)
    assert "4 GB" in nothing["reason"]


def test_figures_and_units() -> None:
    made = report_json(report())
    assert (made["ttft_s"], made["tpot_s"], made["area_mm2"]) == (0.5, 0.02, pytest.approx(600.0))
    assert (made["energy_method"], made["energy_scope"]) == ("actions", "package")
    assert made["bound"] == {"prefill": "compute", "decode": "dram"}
    assert made["without_wall"]["decode"]["dram"] == pytest.approx(1.8)
    assert made["breakdowns"]["time"]["decode"]["dram"] == 0.25
    assert made["scenario"]["chips"] == 1
    assert made["operators"][0]["intensity"] == 500.0
    assert made["operators"][1]["intensity"] is None


def test_nan_and_infinity_become_null() -> None:
    metrics = msgspec.structs.replace(report().metrics, power_W=float("nan"), tpot_s=float("inf"))
    made = report_json(msgspec.structs.replace(report(), metrics=metrics))
    assert made["power_W"] is None
    assert made["tpot_s"] is None
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_ratios_are_to_the_first_report_and_between_equal_scopes_only() -> None:
    board = report("Board", method="board power x time", scope="board")
    rows = {row.label: row.cells for row in headline_rows([report(), report("Other"), board, NOTHING])}
    assert [c.ratio for c in rows["Time per output token (TPOT)"]] == ["", "×1", "×1", ""]
    assert [c.ratio for c in rows["Energy per token"]] == ["", "×1", "", ""]
    assert [c.text for c in rows["Energy is counted by"]][:2] == ["actions, package", "actions, package"]
    assert [c.text for c in rows["Decode is bound by"]] == ["DRAM", "DRAM", "DRAM", "–"]
    assert rows["Area"][3].ratio == "×0.133"


def test_other_methods_and_scopes_have_rows_of_their_own() -> None:
    drawn = msgspec.structs.replace(report(), energies=report().energies[1:])
    (row,) = [row for row in headline_rows([drawn, report(), report()]) if "board" in row.label]
    assert row.label == "Energy per token, board power x time, board"
    assert [(c.text, c.ratio) for c in row.cells] == [("–", ""), ("9 J", ""), ("9 J", "")]
    (row,) = [row for row in headline_rows([report(), report()]) if "board" in row.label]
    assert [c.ratio for c in row.cells] == ["", "×1"]


class Page(HTMLParser):
    """Checks that tags nest, and keeps what a page loads and what it says."""

    EMPTY = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("reports", [[report()], [NOTHING], [report(), NOTHING, report("Third")]])
def test_the_page_is_whole_and_loads_nothing(reports: list[Report]) -> None:
    text = report_html(reports)
    page = Page(text)
    assert page.addresses == []
    assert "script" not in page.tags
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    for one in reports:
        assert one.subject in page.words
        assert one.reason in page.words
        assert all(finding.message in page.words for finding in one.findings)


def test_the_page_shows_figures_bars_operators_and_sources() -> None:
    text = report_html([report(), report("Other")])
    page = Page(text)
    for words in (
        "500 ms",
        "×1",
        "Tensor cores",
        "The link is wide.",
        "A datasheet (datasheet)",
        "CACTI",
        "qkv",
        "batch 4",
    ):
        assert words in page.words
    assert "never listed" not in page.words
    assert page.tags.count("svg") == 6
    with pytest.raises(ValueError, match="at least one"):
        report_html([])


def test_a_page_escapes_what_users_write() -> None:
    evil = "<script>alert('x')</script> & \"quotes\""
    made = report_html([msgspec.structs.replace(report(), subject=evil, reason=evil, notes=(evil,)), NOTHING])
    assert "<script" not in made
    assert evil in Page(made).words


def test_a_bar_is_as_long_as_its_parts() -> None:
    bar = ET.fromstring(stacked_bar({"compute": 1.0, "dram": 3.0, "sram": 0.0}, RESOURCES, 8.0, "s"))
    rects = list(bar)
    assert [(r.get("x"), r.get("width")) for r in rects] == [("0.00", "125.00"), ("125.00", "375.00")]
    assert [r[0].text for r in rects] == ["Compute: 1 s", "DRAM: 3 s"]
    assert bar.get("aria-label") == "Compute 1 s; DRAM 3 s"


def test_csv_is_tidy() -> None:
    rows = list(csv.DictReader(io.StringIO(report_csv([report(), NOTHING]))))
    values = {(r["subject"], r["section"], r["item"], r["figure"]): r["value"] for r in rows}
    assert len(values) == len(rows)
    assert values["Chip", "headline", "", "ttft_s"] == "0.5"
    assert values["Chip", "operator.decode", "qkv", "dram_bytes"] == "2000000.0"
    assert values[NOTHING.subject, "headline", "", "ttft_s"] == ""
    assert {r["unit"] for r in rows if r["figure"] == "power_W"} == {"W"}
    assert report_csv(NOTHING) == report_csv([NOTHING])
    assert {r["section"].split(".")[1] for r in rows if "." in r["section"]} == set(PHASES)
