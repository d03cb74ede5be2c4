"""A comparison as a page, as JSON and as CSV: whole, escaped, loading nothing, ratios naming their reference."""

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

from hwlib.analysis.compare import Comparison, compare
from hwlib.analysis.compare_html import comparison_html, step_bar
from hwlib.analysis.compare_tables import comparison_csv, comparison_json
from hwlib.analysis.waterfall import Step
from tests.hwlib.analysis_strategies import SCENARIOS, example
from tests.hwlib.report_factory import NOTHING
from tests.hwlib.report_factory import report as handmade

DOCS = Path(__file__).parent.parent.parent / "docs" / "json.md"
NAMES = ("systolic-tpu-hbm2", "sram-cim-hbm", "sram-only-dataflow")
EVIL = "<script>alert('x')</script> & \"quotes\""


class Page(HTMLParser):
    """Checks that tags nest, and keeps what a page says and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def three() -> Comparison:
    return compare([example(name) for name in NAMES], 1)


def test_the_page_says_what_differs_and_from_where_to_where(three: Comparison) -> None:
    text = comparison_html(three)
    page = Page(text)
    assert page.addresses == []
    assert "script" not in page.tags
    assert "http" not in text
    reference = three.names[1]
    for words in (
        f"× is the ratio to {reference}",
        "★",
        "What differs",
        "Process node",
        f"From {reference} to {three.names[0]}",
        "Time per output token (TPOT)",
        three.reports[2].reason,
        f"{three.names[2]} has no figures.",
        "Energy per token, by component",
    ):
        assert words in page.words
    assert page.words.count("reference") >= 1


def test_the_page_tells_equal_subjects_apart_and_equal_designs() -> None:
    page = Page(comparison_html(compare([handmade(), handmade()])))
    assert "Chip (2)" in page.words
    assert "equal in every parameter" in page.words


def test_a_page_over_one_report_has_nothing_to_compare() -> None:
    page = Page(comparison_html(compare([handmade()])))
    assert "What differs" not in page.words
    assert "ratio to" not in page.words


def test_the_page_escapes_what_users_write() -> None:
    evil = msgspec.structs.replace(
        handmade(), subject=EVIL, design=msgspec.structs.replace(handmade().design, name=EVIL)
    )
    for several in ([evil, handmade("B", scope="board")], [NOTHING, evil]):
        text = comparison_html(compare(several))
        assert "<script" not in text
        assert EVIL in Page(text).words


@pytest.mark.parametrize(
    ("step", "x", "width"),
    [
        (Step("A", "", 0.0, 2.0), "0.00", "500.00"),
        (Step("DRAM", "dram", 3.0, 1.0), "250.00", "500.00"),
        (Step("SRAM", "sram", 4.0, 4.0), "997.00", "3.00"),
    ],
)
def test_a_step_is_drawn_from_its_start_to_its_end(step: Step, x: str, width: str) -> None:
    (rect,) = list(ET.fromstring(step_bar(step, 4.0, "s")))
    assert (rect.get("x"), rect.get("width")) == (x, width)


def test_json_holds_the_reports_and_what_they_are_to_the_reference(three: Comparison) -> None:
    made: list[dict[str, Any]] = comparison_json(three)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert [one["subject"] for one in made] == list(three.names)
    first = made[0]["comparison"]
    assert first["reference"] == three.names[1]
    assert first["ratios"]["tpot_s"] == pytest.approx(made[0]["tpot_s"] / made[1]["tpot_s"])
    assert "tpot_s" in made[1]["comparison"]["best"]
    assert {"where": "Chip", "label": "Process node", "value": "7 nm", "reference_value": "5 nm"} in first[
        "differences"
    ]
    falls = first["waterfalls"]["tpot"]
    assert (falls[0]["end"], falls[-1]["end"]) == (made[1]["tpot_s"], made[0]["tpot_s"])
    assert made[2]["comparison"]["waterfalls"] == {"ttft": [], "tpot": [], "energy": []}
    assert made[2]["comparison"]["ratios"]["tpot_s"] is None
    assert made[1]["comparison"]["differences"] == []


def test_every_key_of_a_comparison_is_documented(three: Comparison) -> None:
    section = DOCS.read_text("utf-8").split("## compare")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `comparison\.([^`]+)` \|", section, flags=re.MULTILINE))
    made = compare([three.reports[0], handmade(method="none"), handmade(scope="board")], 1)
    of_first = comparison_json(made)[0]["comparison"]
    of_first["waterfalls"]["energy"] = comparison_json(three)[0]["comparison"]["waterfalls"]["energy"]
    assert paths(of_first) == documented
    words = set(re.findall(r"`([a-zA-Z0-9_.]+)`", section))
    assert {key for key in of_first["ratios"] if not key.startswith("energy.")} <= words


def paths(value: Any, path: str = "") -> set[str]:
    """Paths of all leaves of a JSON value in the docs' notation."""
    if path == "ratios":
        return {"ratios.<figure>"}
    if isinstance(value, dict):
        return set().union(*(paths(item, f"{path}.{key}" if path else key) for key, item in value.items()))
    if isinstance(value, list):
        assert value, f"{path}[] has no item to look at"
        return set().union(*(paths(item, f"{path}[]") for item in value))
    return {path}


def test_csv_is_tidy_and_names_the_reference(three: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(three))))
    ratios = [row for row in rows if row["section"] == "ratio"]
    assert {row["item"] for row in ratios} == {three.names[1]}
    assert {row["subject"] for row in ratios} == {three.names[0], three.names[2]}
    value = {(row["subject"], row["section"], row["figure"]): row["value"] for row in rows}
    tpot = [float(value[name, "headline", "tpot_s"]) for name in three.names[:2]]
    assert float(value[three.names[0], "ratio", "tpot_s"]) == pytest.approx(tpot[0] / tpot[1])
    changes = [float(row["value"]) for row in rows if row["section"] == "waterfall.tpot"]
    assert sum(changes) == pytest.approx(tpot[0] - tpot[1])
    assert value[three.names[0], "difference", "Process node"] == "7 nm"


def test_reports_of_other_workloads_say_so() -> None:
    made = compare([example(NAMES[0]), example(NAMES[0], SCENARIOS[1], "Gemma-2-9B")])
    page = Page(comparison_html(made))
    assert "on Llama-3.1-8B, Gemma-2-9B" in page.words
    assert "Workload" in page.words
