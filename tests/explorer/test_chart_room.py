"""Commands for the chart at hand: context menu, copying, exporting, freezing, and where a figure is from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from explorer.app import build_window
from explorer.charts.chart import Chart
from explorer.charts.chart_menu import COPY_DATA, COPY_PICTURE, EXPORT, FREEZE, WHERE_FROM, chart_menu
from explorer.charts.energy import EnergyChart
from explorer.charts.operator_time import OperatorTimeChart
from explorer.charts.roofline import RooflineChart
from explorer.charts.sources import Source
from explorer.document import Baseline, Document
from explorer.main_window import MainWindow
from hwlib.catalog import find_model, load_example
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

GPU, LLAMA = load_example("gpu-hbm3"), find_model("Llama-3.1-8B")


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = build_window(
        GPU, Scenario(), LLAMA, [Baseline(name="A100", device="A100 80GB SXM4")], size=QSize(1600, 1000)
    )
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: made.evaluator.state == "idle" and not made.evaluator.painting, timeout=20_000)
    # Docks move to their places in steps, and a tab that is about to be covered can be seen until then.
    qtbot.waitUntil(lambda: on_show(made) == ["operator_time", "energy", "roofline"], timeout=20_000)
    yield made
    made.close()


def on_show(window: MainWindow) -> list[str]:
    return [name for name, chart in window.charts.items() if chart.on_show]


def shown(qtbot: QtBot, make: Any, width: int = 900, height: int = 400) -> Chart:
    document = Document(GPU, Scenario(), LLAMA)
    chart = make(document)
    qtbot.addWidget(chart)
    chart.resize(width, height)
    chart.show()
    qtbot.waitExposed(chart)
    chart.show_results(factories.results(evaluate(GPU, Scenario(), LLAMA), ()))
    return chart


def texts(menu: QMenu) -> list[str]:
    return [a.text() for a in menu.actions() if a.text()]


def bar_point(chart: Chart, key: str) -> QPoint:
    """A point of the chart in the first stretch of a bar."""
    plot = next(p for p in chart.plots() if p.isVisible())
    bars = chart.panels["decode"].bars if isinstance(chart, OperatorTimeChart) else chart.bars  # type: ignore[attr-defined]
    plot = bars._box.getViewWidget()
    bar = next(b for b in bars.bars if b.key == key)
    y = bars._row_rect(bar).center().y()
    x = bars.to_pixels(bar.segments[0].value / 2, 0.0).x()
    return plot.mapTo(chart, plot.mapFromScene(plot.box.mapToScene(QPointF(x, y))))


# One chart --------------------------------------------------------------------------------------------------------


def test_the_context_menu_offers_what_the_chart_can(qtbot: QtBot) -> None:
    chart = shown(qtbot, RooflineChart)
    assert texts(chart_menu(chart, None)) == [COPY_DATA, COPY_PICTURE, EXPORT, FREEZE]
    assert texts(chart_menu(chart, Source(factories.report(), "tpot_s")))[0] == WHERE_FROM


def test_a_right_click_opens_it(qtbot: QtBot) -> None:
    chart = shown(qtbot, EnergyChart)
    pos = bar_point(chart, "0")
    plot = chart.plots()[0].viewport()
    at = plot.mapFrom(chart, pos)
    QApplication.sendEvent(plot, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, plot.mapToGlobal(at)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert texts(menu)[0] == WHERE_FROM
    with qtbot.waitSignal(chart.explain_requested) as told:
        menu.actions()[0].trigger()
    report, key = told.args
    assert chart.drawn is not None
    assert report is chart.drawn.report
    assert key.startswith("energy.")
    menu.close()


def test_a_stretch_of_a_bar_is_explained_by_its_resource(qtbot: QtBot) -> None:
    chart = shown(qtbot, OperatorTimeChart)
    source = chart.source_at(bar_point(chart, "decode.ffn_down"))
    assert source is not None
    assert source.key.startswith("time.decode.ffn_down.")
    assert source.report.explain(source.key).value >= 0.0
    assert chart.source_at(QPoint(1, 1)) is None


def test_without_figures_there_is_nothing_to_copy(qtbot: QtBot) -> None:
    chart = EnergyChart(factories.document())
    qtbot.addWidget(chart)
    menu = chart_menu(chart, None)
    assert [a.isEnabled() for a in menu.actions() if a.text() in (COPY_DATA, EXPORT, FREEZE)] == [False] * 3


def test_data_and_picture_go_to_the_clipboard(qtbot: QtBot) -> None:
    chart = shown(qtbot, EnergyChart)
    chart.copy_data()
    assert QGuiApplication.clipboard().text() == chart.values().tsv()
    chart.copy_picture()
    assert QGuiApplication.clipboard().image().size() == chart.size() * 2


@pytest.mark.parametrize("make", [OperatorTimeChart, EnergyChart, RooflineChart], ids=lambda c: c.name)
def test_frozen_axes_hold_while_figures_change(qtbot: QtBot, make: Any) -> None:
    chart = shown(qtbot, make)
    plot = next(p for p in chart.plots() if p.isVisible())
    chart.set_frozen(True)
    before, ticks = plot.shown_range[0], plot.ticks("bottom")
    slower = factories.report("Slower", peak=4e12, dram_Bps=1e10, energy_factor=40.0)
    chart.show_results(factories.results(slower, (), generation=2))
    assert (plot.shown_range[0], plot.ticks("bottom")) == (before, ticks)
    chart.set_frozen(False)
    assert plot.shown_range[0] != before


def test_hovering_tells_formula_and_source(qtbot: QtBot) -> None:
    chart = shown(qtbot, OperatorTimeChart)
    plot = chart.panels["decode"].plot  # type: ignore[attr-defined]
    pos = plot.box_point(plot.mapFrom(chart, bar_point(chart, "decode.ffn_down")))
    assert "Source: " in plot.tooltip_at(pos)
    assert "<i>= " in plot.tooltip_at(pos)


# The window -------------------------------------------------------------------------------------------------------


def test_the_row_of_charts_is_as_ever_with_more_tabs(window: MainWindow) -> None:
    assert on_show(window) == ["operator_time", "energy", "roofline"]
    assert {d.objectName() for d in window.tabifiedDockWidgets(window.docks["roofline"])} == {
        "dock.memory_wall", "dock.growth",
    }  # fmt: skip


def test_the_memory_wall_comes_with_one_key_and_gets_its_curve(qtbot: QtBot, window: MainWindow) -> None:
    chart = window.charts["memory_wall"]
    window.commands["memory_wall"].trigger()
    qtbot.waitUntil(lambda: chart.values().rows != (), timeout=20_000)
    assert chart.on_show
    assert not window.charts["roofline"].on_show


def test_only_charts_on_show_draw(qtbot: QtBot, window: MainWindow) -> None:
    window.document.set_scenario(Scenario(batch=2))
    evaluator = window.evaluator

    def painted() -> bool:
        return evaluator.results is not None and evaluator.results.report.scenario.batch == 2 and not evaluator.painting

    qtbot.waitUntil(painted, timeout=20_000)
    before = window.charts["timeline"].drawn
    assert before is None or before.report.scenario.batch == 1
    window.commands["timeline"].trigger()
    qtbot.waitUntil(lambda: window.charts["timeline"].drawn is evaluator.results)


def test_commands_are_about_the_chart_under_the_pointer(qtbot: QtBot, window: MainWindow) -> None:
    energy = window.charts["energy"]
    energy.touched.emit(energy)
    assert window.chart_room.current is energy
    window.commands["chart_data"].trigger()
    assert QGuiApplication.clipboard().text() == energy.values().tsv()
    window.commands["chart_freeze"].trigger()
    assert energy.frozen
    assert window.commands["chart_freeze"].isChecked()
    roofline = window.charts["roofline"]
    roofline.touched.emit(roofline)
    assert not window.commands["chart_freeze"].isChecked()
    with qtbot.waitSignal(window.chart_room.message) as said:
        window.commands["chart_linear"].trigger()
    assert "no axis" in said.args[0]
    assert not window.commands["chart_linear"].isChecked()


def test_the_chart_with_the_focus_comes_first(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["memory_wall"].trigger()
    wall = window.charts["memory_wall"]
    qtbot.waitUntil(lambda: wall.drawn is not None)
    window.activateWindow()
    wall.plots()[0].setFocus(Qt.FocusReason.OtherFocusReason)
    qtbot.waitUntil(lambda: window.chart_room.current is wall)
    window.commands["chart_linear"].trigger()
    assert wall.linear
    assert window.commands["chart_linear"].isChecked()


def test_where_from_opens_the_explanation(qtbot: QtBot, window: MainWindow) -> None:
    window.charts["energy"].explain_requested.emit(window.evaluator.results.report, "energy.dram")
    popup = window._popup
    qtbot.waitUntil(popup.isVisible)
    popup.close()


def test_charts_of_the_comparison_are_exported_like_all_others(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("explorer.export.ask_path", lambda *_: tmp_path / "bars.csv")
    window.commands["compare"].trigger()
    bars = window.room.view.board.charts[0]
    qtbot.waitUntil(lambda: bars.values().rows != (), timeout=20_000)
    bars.ask_export()
    assert (tmp_path / "bars.csv").read_text("utf-8").startswith("operator,chip,total")
    window.charts["energy"].ask_export()
    assert "J_per_token" in (tmp_path / "bars.csv").read_text("utf-8")


def test_commands_reach_the_charts_of_the_comparison(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["compare"].trigger()
    bars = window.room.view.board.charts[0]
    qtbot.waitUntil(lambda: bars.values().rows != (), timeout=20_000)
    qtbot.waitUntil(lambda: window.chart_room.current is bars)
    window.commands["chart_data"].trigger()
    assert QGuiApplication.clipboard().text() == bars.values().tsv()
    window.commands["chart_freeze"].trigger()
    assert bars.frozen
    fall = window.room.view.board.chart("waterfall")
    fall.touched.emit(fall)
    assert not window.commands["chart_freeze"].isChecked()
    window.commands["compare"].trigger()
    qtbot.waitUntil(lambda: window.chart_room.current in window.charts.values())


def test_the_memory_wall_takes_the_arrow_keys_as_soon_as_its_key_shows_it(qtbot: QtBot, window: MainWindow) -> None:
    wall = window.charts["memory_wall"]
    with qtbot.waitActive(window):
        window.activateWindow()
    window.commands["memory_wall"].trigger()
    qtbot.waitUntil(lambda: wall.values().rows != (), timeout=20_000)
    plot = wall.plots()[0]
    qtbot.waitUntil(plot.hasFocus)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert window.document.scenario.batch == 2
