"""The export menu: report, picture of the chip and single charts, asked for and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from explorer.app import build_window
from explorer.export import ExportError
from explorer.export_commands import ExportCommands, report_bytes
from explorer.main_window import MainWindow
from explorer.screenshot import wait_for_results
from hwlib.catalog import find_model, load_example
from hwlib.workload.scenario import Scenario
from tests.explorer.factories import report


@pytest.fixture
def window(qtbot) -> MainWindow:
    made = build_window(load_example("systolic-tpu-hbm2"), Scenario(), find_model("Llama-3.1-8B"))
    qtbot.addWidget(made)
    made.show()
    wait_for_results(made)
    yield made
    made.close()


@pytest.fixture
def commands(window: MainWindow) -> ExportCommands:
    return ExportCommands(window.document, window.evaluator, window.canvas, window)


@pytest.fixture
def answer(monkeypatch, tmp_path):
    """Answers the next file dialogs with a name; what they suggested."""
    suggested: list[str] = []

    def say(name: str) -> list[str]:
        def ask(_parent, _title, suggestion, filters):
            suggested.append(Path(suggestion).name)
            return str(tmp_path / name), filters.split(";;")[0]

        monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
        return suggested

    return say


def test_the_report_of_the_design_is_written(qtbot, commands, window, answer, tmp_path) -> None:
    suggested = answer("mine.json")
    with qtbot.waitSignal(commands.message) as told:
        assert commands.report() == tmp_path / "mine.json"
    assert told.args == [f"Written: {tmp_path / 'mine.json'}"]
    assert suggested[0].endswith(".html")
    written = json.loads((tmp_path / "mine.json").read_text())
    assert written == window.evaluator.results.report.to_json()
    assert commands.folder == str(tmp_path)


def test_the_chip_is_written_as_the_canvas_shows_it(commands, window, answer, tmp_path) -> None:
    answer("chip.png")
    commands.chip()
    image = QImage(str(tmp_path / "chip.png"))
    assert image.size() == window.canvas.viewport().size() * 2
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 40) for y in range(0, image.height(), 40)}
    assert len(colors) > 3


def test_the_chip_as_a_drawing_has_its_names_as_text(commands, answer, tmp_path) -> None:
    answer("chip.svg")
    commands.chip()
    assert ">CMEM<" in (tmp_path / "chip.svg").read_text()


def test_a_chart_is_written(commands, window, answer, tmp_path) -> None:
    suggested = answer("energy.csv")
    commands.chart(window.charts["energy"])
    assert suggested[0].endswith("Energy-per-token.png")
    assert (tmp_path / "energy.csv").read_text().startswith("chip,")


def test_giving_up_says_nothing(qtbot, commands, answer, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    with qtbot.assertNotEmitted(commands.message):
        assert commands.report() is None
    assert not list(tmp_path.iterdir())


def test_reports_have_three_formats() -> None:
    assert report_bytes(report(), ".html").startswith(b"<!doctype html>")
    assert report_bytes(report(), ".csv").startswith(b"subject,")
    with pytest.raises(ExportError, match=r"choose \.html, \.csv or \.json"):
        report_bytes(report(), ".png")
