"""The "where from?" window: formula, inputs with sources, drilling down and back, copying."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from explorer import theme
from explorer.panels.explain import COLUMNS, ExplainPopup, figure_text, quantity_parts
from hwlib.catalog import load_example
from hwlib.evaluate import evaluate
from hwlib.report import Explanation, Input
from tests.explorer.factories import LLAMA, SCENARIO, report, results

TPOT = Explanation(
    key="tpot_s", label="Time per output token", value=4.2e-3, unit="s", formula="dram_s + overhead_s",
    inputs=(
        Input("dram_s", 4e-3, "s", "operators of decode", "modelled", "dram"),
        Input("overhead_s", 0.2e-3, "s", "class prior", "estimate"),
        Input("gone_s", 0.0, "s", "nowhere", "", "no such key"),
    ),
    source="MODEL.md, Time", method="by actions", scope="package",
)  # fmt: skip
DRAM = Explanation(
    key="dram", label="DRAM time", value=4e-3, unit="s", formula="bytes / bandwidth",
    inputs=(Input("bytes", 8e9, "B", "weights and KV cache"), Input("bandwidth", 2e12, "B/s", "JEDEC", "datasheet")),
    source="roofline",
)  # fmt: skip
KNOWN = {"tpot_s": TPOT, "dram": DRAM}


@pytest.fixture
def explained():
    return msgspec.structs.replace(report(), explainer=KNOWN.__getitem__, figure_keys=tuple(KNOWN))


@pytest.fixture
def popup(qtbot, explained):
    window = ExplainPopup()
    qtbot.addWidget(window)
    window.show_explanation(explained, "tpot_s")
    qtbot.waitExposed(window)
    return window


def click(qtbot, popup: ExplainPopup, row: int) -> None:
    place = popup.table.visualItemRect(popup.table.item(row, 0)).center()
    qtbot.mouseClick(popup.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def cells(popup: ExplainPopup, row: int) -> list[str]:
    return [popup.table.item(row, column).text() for column in range(len(COLUMNS))]


def test_it_shows_figure_formula_and_inputs(popup) -> None:
    assert popup.label.text() == "Time per output token"
    assert popup.value.text() == "4.2 ms"
    assert popup.formula.text() == "= dram_s + overhead_s"
    assert "by actions" in popup.notes.text()
    assert "package" in popup.notes.text()
    assert cells(popup, 0) == ["dram_s", "4", "ms", "operators of decode", "modelled"]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("block.mem.utilisation", 0.68971, "0.6897 (69 %)"),
        ("die.good_share", 0.58575, "0.5857 (58.6 %)"),
        ("waves", 2.0, "2"),
    ],
)
def test_a_share_is_told_in_per_cent_too(key: str, value: float, shown: str) -> None:
    found = Explanation(key=key, label="A figure", value=value, unit="", formula="a", inputs=(), source="made up")
    assert figure_text(found) == shown


def test_an_estimate_looks_like_one(popup) -> None:
    assert cells(popup, 1)[-1] == "≈ estimate"
    assert popup.table.item(1, 1).font().italic()
    assert popup.table.item(1, 1).foreground().color().name() == theme.current().warning
    assert not popup.table.item(0, 1).font().italic()


def test_a_click_goes_on_and_back_returns(qtbot, popup) -> None:
    assert not popup.back.isEnabled()
    click(qtbot, popup, 0)
    assert popup.key == "dram"
    assert popup.value.text() == "4 ms"
    assert cells(popup, 1) == ["bandwidth", "2", "TB/s", "JEDEC", "datasheet"]
    qtbot.mouseClick(popup.back, Qt.MouseButton.LeftButton)
    assert popup.key == "tpot_s"
    assert not popup.back.isEnabled()


def test_an_input_without_an_explanation_leads_nowhere(qtbot, popup) -> None:
    for row in (1, 2):
        click(qtbot, popup, row)
        assert popup.key == "tpot_s"
        assert not popup.table.item(row, 0).font().underline()


def test_it_is_copied_as_text(qtbot, popup) -> None:
    qtbot.mouseClick(popup.copy, Qt.MouseButton.LeftButton)
    text = QApplication.clipboard().text()
    assert text.startswith("Time per output token: 4.2 ms\nMethod: by actions · Scope: package\n")
    assert "overhead_s = 200 µs  (class prior, estimate)" in text


def test_it_keeps_up_with_the_newest_evaluation(qtbot, popup, explained) -> None:
    click(qtbot, popup, 0)
    faster = msgspec.structs.replace(DRAM, value=2e-3)
    popup.show_results(results(msgspec.structs.replace(explained, explainer=(KNOWN | {"dram": faster}).__getitem__)))
    assert popup.key == "dram"
    assert popup.value.text() == "2 ms"


def test_what_cannot_be_explained_opens_nothing(qtbot, explained) -> None:
    window = ExplainPopup()
    qtbot.addWidget(window)
    window.show_explanation(explained, "unknown")
    assert not window.isVisible()


def test_several_numbers_are_summed_up() -> None:
    assert quantity_parts((1e-3, 3e-3), "s") == ("2 values", "1 ms to 3 ms")
    assert quantity_parts((), "s") == ("none", "s")


def test_inputs_that_are_figures_name_them_by_label(qtbot) -> None:
    """Not "figure time.decode.norm_attention"."""
    found = evaluate(load_example("tensor-gpu-hbm3"), SCENARIO, LLAMA)
    popup = ExplainPopup()
    qtbot.addWidget(popup)
    popup.show_explanation(found, "tpot_s")
    assert cells(popup, 1)[3] == "Time of attention norm in decode, of this evaluation"
    click(qtbot, popup, 1)
    assert popup.label.text() == "Time of attention norm in decode"
    popup.close()
