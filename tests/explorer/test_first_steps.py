"""A stranger's first chip: four parts dropped, three proposals accepted, and it runs an LLM."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from explorer.app import build_window
from hwlib.catalog import find_model
from hwlib.design.design import Design
from hwlib.workload.scenario import Scenario
from tests.journeys.user import User


def test_four_drops_and_three_times_enter_make_a_chip_that_runs(qtbot: QtBot) -> None:
    window = build_window(Design(), Scenario(), find_model("Llama-3.2-1B"), (), "light")
    qtbot.addWidget(window)
    user = User(window)
    assert window.headline.refusal.text() == "The die is empty"
    user.drop("SRAM", at_mm=(10, 12))
    assert window.canvas.proposal.text == "", "there is nothing to link it to yet"
    for part, place in (("Systolic array", (5, 5)), ("Vector unit", (14, 5)), ("HBM3", (19, 12))):
        user.drop(part, at_mm=place)
        assert window.canvas.proposal.text == "Connect to SRAM  ⏎"
        user.press(Qt.Key.Key_Return)
    results = window.evaluator.results
    assert results is not None
    assert results.report.fits, results.report.reason
    assert window.canvas.chip.tags, "the new link says what it carries"
    window.close()
