"""Where the figures of the compared charts are from: each is explained by the report of its own chip."""

from __future__ import annotations

import math
from functools import cache

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF
from PySide6.QtGui import QContextMenuEvent, QHelpEvent
from PySide6.QtWidgets import QApplication, QMenu, QToolTip
from pytestqt.qtbot import QtBot

from explorer.charts.chart import Chart
from explorer.charts.chart_menu import WHERE_FROM
from explorer.charts.compare_bars import CompareBars
from explorer.charts.compare_roofline import CompareRoofline
from explorer.charts.energy import EnergyChart
from explorer.charts.plot import PlotView
from explorer.charts.roofline import RooflineChart
from explorer.charts.sources import Source
from explorer.panels.explain import ExplainPopup
from hwlib.catalog import find_model, load_example
from hwlib.design.edit import replace_settings
from hwlib.evaluate import evaluate, evaluate_device
from hwlib.report import Report
from hwlib.workload.scenario import Scenario
from tests.explorer import factories


@cache
def own() -> Report:
    return evaluate(load_example("systolic-tpu-hbm2"), Scenario(), find_model("Llama-3.1-8B"))


@cache
def h100() -> Report:
    return evaluate_device("H100 80GB SXM5", Scenario(), find_model("Llama-3.1-8B"))


def on_show(qtbot: QtBot, chart: Chart) -> None:
    qtbot.addWidget(chart)
    chart.resize(900, 500)
    chart.show()
    qtbot.waitExposed(chart)


def seen(plot: PlotView, at: QPointF) -> tuple[str, Source]:
    """What hovering tells of a point of the view box, and the source under it."""
    source = plot.source_at(at)
    assert source is not None
    assert source.known
    return plot.tooltip_at(at), source


def chosen_from_the_menu(qtbot: QtBot, chart: Chart, plot: PlotView, at: QPointF) -> tuple[Report, str]:
    """(report, key) that "Where from?" of the context menu asks for, the menu opened by the mouse."""
    view = plot.viewport()
    pos = plot.mapFromScene(plot.box.mapToScene(at))
    QApplication.sendEvent(view, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, pos, view.mapToGlobal(pos)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    first = menu.actions()[0]
    assert first.text() == WHERE_FROM
    with qtbot.waitSignal(chart.explain_requested) as told:
        first.trigger()
    menu.close()
    return told.args[0], told.args[1]


@pytest.mark.parametrize(
    ("what", "split", "group", "part", "key"),
    [
        ("decode", "whole", "", "dram", "tpot_s"), ("prefill", "whole", "", "compute", "ttft_s"),
        ("energy", "whole", "", "dram", "energy.dram"),
        ("decode", "operator", "ffn_down", "dram", "time.decode.ffn_down.dram"),
        ("energy", "operator", "ffn_down", "dram", "energy.decode.ffn_down"),
    ],
)  # fmt: skip
def test_a_stretch_of_a_compared_bar(qtbot: QtBot, what: str, split: str, group: str, part: str, key: str) -> None:
    chart = CompareBars(factories.document())
    on_show(qtbot, chart)
    chart.show_reports((own(), h100()))
    chart.show_what(what)
    chart.show_split(split)
    bar = next(b for b in chart.bars.bars if b.key == f"{group}/1")
    start, end = next((a, b) for k, a, b in bar.extents() if k == part)
    row = chart.bars._row_rect(bar)
    at = QPointF(chart.bars.to_pixels((start + end) / 2, 0.0).x(), row.center().y())
    tip, source = seen(chart.plot, at)
    assert source == (h100(), key)
    assert "Source:" in tip
    assert "= " in tip
    report, asked = chosen_from_the_menu(qtbot, chart, chart.plot, at)
    assert report is h100()
    assert asked == key


def test_points_and_roofs_of_compared_chips(qtbot: QtBot) -> None:
    chart = CompareRoofline(factories.document())
    on_show(qtbot, chart)
    chart.show_reports((own(), h100()))
    point = next(p for p in chart.points if p.chip == 1 and p.phase == "prefill")
    tip, source = seen(chart.plot, chart.labels.to_pixels(math.log10(point.intensity), math.log10(point.flops)))
    assert source == (h100(), "ttft_s")
    assert "Source:" in tip
    roof = dict(chart.roofs)[1]
    flat = chart.labels.to_pixels((math.log10(roof.ridge) + chart.x_limits[1]) / 2, math.log10(roof.compute.value))
    tip, source = seen(chart.plot, flat)
    assert source == (h100(), "peak.compute")
    assert h100().explain(source.key).value == pytest.approx(roof.compute.value)
    assert "FLOP/s peak" in tip


def test_the_slope_of_a_roofline_is_its_dram(qtbot: QtBot) -> None:
    chart = RooflineChart(factories.document())
    on_show(qtbot, chart)
    chart.show_results(factories.results(own(), (h100(),)))
    x = chart.x_limits[0] + 0.4
    beam = next(b for b in chart.beams if b.report is h100() and b.ceiling.kind == "memory")
    tip, source = seen(chart.plot, chart.labels.to_pixels(x, x + math.log10(beam.ceiling.value)))
    assert source == (h100(), "peak.dram")
    assert "B/s peak" in tip


def test_a_baseline_beside_the_design_is_explained_too(qtbot: QtBot) -> None:
    chart = EnergyChart(factories.document())
    on_show(qtbot, chart)
    chart.show_results(factories.results(own(), (h100(),)))
    bar = next(b for b in chart.bars.bars if b.key == "1")
    tip, source = seen(chart.plot, QPointF(2.0, chart.bars._row_rect(bar).center().y()))
    assert source.report is h100()
    assert "Source:" in tip
    assert chart.source_at(QPoint(1, 1)) is None


def test_an_explanation_of_another_chip_stays_that_chips(qtbot: QtBot) -> None:
    popup = ExplainPopup()
    qtbot.addWidget(popup)
    popup.show_results(factories.results(own(), (h100(),)))
    popup.show_explanation(h100(), "tpot_s")
    told = popup.value.text()
    slower = replace_settings(load_example("systolic-tpu-hbm2"), {"tdp_W": 20.0})
    popup.show_results(factories.results(evaluate(slower, Scenario(), find_model("Llama-3.1-8B")), (h100(),)))
    assert popup.value.text() == told
    assert "H100" in popup.windowTitle()
    popup.show_explanation(own(), "tpot_s")
    popup.show_results(factories.results(own(), ()))
    assert popup.value.text() != told


def test_a_tooltip_stays_while_the_pointer_rests(qtbot: QtBot) -> None:
    """After a while without a move Qt asks for help on what lies under the pointer."""
    chart = CompareBars(factories.document())
    on_show(qtbot, chart)
    chart.show_reports((own(), h100()))
    # Axes take their widths by a posted event.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
    view, row = chart.plot.viewport(), chart.bars._row_rect(chart.bars.bars[1])
    pos = chart.plot.mapFromScene(chart.plot.box.mapToScene(QPointF(20.0, row.center().y())))
    qtbot.mouseMove(view, pos + QPoint(3, 0))
    qtbot.mouseMove(view, pos)
    qtbot.waitUntil(QToolTip.isVisible)
    told = QToolTip.text()
    assert h100().subject in told
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())
    QApplication.sendEvent(view, QHelpEvent(QEvent.Type.ToolTip, pos, view.mapToGlobal(pos)))
    qtbot.waitUntil(QToolTip.isVisible)
    assert QToolTip.text() == told
    QToolTip.hideText()
