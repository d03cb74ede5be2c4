"""Roofline: where points, roofs and ridge point lie, what they are called, and how operators are selected."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.charts.roofline import RooflineChart, achieved
from explorer.charts.roofs import roof_of
from explorer.document import Document
from hwlib.catalog import find_model, load_example
from hwlib.evaluate import evaluate
from hwlib.report import Report
from hwlib.workload.scenario import Scenario
from tests.explorer import factories


@pytest.fixture
def document() -> Document:
    return factories.document()


def shown(qtbot: QtBot, document: Document, width: int = 900, height: int = 500) -> RooflineChart:
    chart = RooflineChart(document)
    qtbot.addWidget(chart)
    chart.resize(width, height)
    chart.show()
    qtbot.waitExposed(chart)
    chart.show_results(factories.results())
    return chart


def pixel(chart: RooflineChart, x: float, y: float) -> QPoint:
    return chart.plot.mapFromScene(chart.plot.box.mapViewToScene(QPointF(x, y)))


def line(chart: RooflineChart, index: int) -> list[tuple[float, float]]:
    xs, ys = chart.design_lines[index].getData()
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def without(report: Report, *resources: str) -> Report:
    return msgspec.structs.replace(report, ceilings=tuple(c for c in report.ceilings if c.resource not in resources))


def test_operators_lie_where_their_figures_say(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    rows = {row.key: row for row in factories.report().operators if row.flops > 0.0}
    assert {p.row.key for p in chart.points} == set(rows)
    for point in chart.points:
        row = rows[point.row.key]
        assert 10.0**point.y == pytest.approx(row.flops / row.time_s)
        if row.dram_bytes > 0.0:
            assert 10.0**point.x == pytest.approx(row.flops / row.dram_bytes)
        else:
            assert point.x > chart.x_limits[1]


def test_the_phases_have_symbols_and_the_shares_sizes_of_their_own(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    assert chart.scatter["prefill"].opts["symbol"] != chart.scatter["decode"].opts["symbol"]
    for phase, item in chart.scatter.items():
        points = [p for p in chart.points if p.row.phase == phase]
        assert [s.size() for s in item.points()] == [p.size_px for p in points]
        ordered = sorted(points, key=lambda p: p.share)
        assert [p.size_px for p in ordered] == sorted(p.size_px for p in points)
        assert ordered[0].size_px < ordered[-1].size_px


def test_the_roof_meets_at_the_ridge_point(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    ridge, top = math.log10(400e12 / 3.35e12), math.log10(400e12)
    (x,), (y,) = chart.ridge.getData()
    assert (x, y) == (pytest.approx(ridge), pytest.approx(top))
    compute, dram = line(chart, 0), line(chart, 1)
    assert compute[0] == (pytest.approx(ridge), pytest.approx(top))
    assert dram[-1] == (pytest.approx(ridge), pytest.approx(top))
    (x0, y0), (x1, y1) = dram
    assert (y1 - y0) / (x1 - x0) == pytest.approx(1.0)
    assert chart.design_lines[0].opts["pen"].color().name() == theme.RESOURCE_COLORS["compute"]
    assert chart.design_lines[1].opts["pen"].color().name() == theme.RESOURCE_COLORS["dram"]
    assert chart.heading.text == "Roofline, ridge point 119 FLOP/B"


def test_no_operator_lies_above_the_roof(qtbot: QtBot, document: Document) -> None:
    for point in shown(qtbot, document).points:
        assert achieved(point.row) <= min(400e12, point.row.intensity * 3.35e12) * (1 + 1e-9)


def test_baselines_are_grey_lines_with_different_dashes(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    pens = [item.opts["pen"] for item in chart.baseline_lines]
    assert all(pen.color().saturation() < 60 for pen in pens)
    assert pens[0].dashPattern() != pens[1].dashPattern()
    xs, ys = chart.baseline_lines[0].getData()
    assert (xs[1], ys[1]) == (pytest.approx(math.log10(989e12 / 3.35e12)), pytest.approx(math.log10(989e12)))
    assert {"H100 SXM5", "A100 80GB SXM4"} <= {e.label for e in chart.legend.entries}


def test_baselines_that_go_away_leave_no_line(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    chart.show_results(factories.results(baselines=(factories.a100(),), generation=2))
    assert [len(item.getData()[0] if item.getData()[0] is not None else ()) for item in chart.baseline_lines] == [3, 0]


def test_the_axes_are_logarithmic_with_units(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    assert chart.plot.axis_labels["bottom"] == "Operational intensity (FLOP per DRAM byte)"
    assert all(text.endswith("FLOP/s") for _, text in chart.plot.ticks("left"))
    assert (13.0, "10 TFLOP/s") in chart.plot.ticks("left")
    (x0, x1), (y0, y1) = chart.plot.box.viewRange()
    for point in chart.points:
        if point.share > 0.02:
            assert x0 <= point.x <= x1
            assert y0 <= point.y <= y1
    assert y1 > math.log10(989e12)


@pytest.mark.parametrize(("width", "height"), [(320, 200), (520, 300), (900, 500)])
def test_labels_never_cover_each_other_or_leave_the_plot(
    qtbot: QtBot, document: Document, width: int, height: int
) -> None:
    chart = shown(qtbot, document, width, height)
    document.select_operator("decode.ffn_down")
    placed = chart.labels.placed()
    assert all(chart.labels.boundingRect().contains(rect) for _, rect in placed)
    assert not any(a.intersects(b) for (_, a), (_, b) in itertools.combinations(placed, 2))
    assert "FFN down" in [label.text for label, _ in placed if label.bold]


def test_the_roof_is_named_with_its_figures(qtbot: QtBot, document: Document) -> None:
    texts = [label.text for label, _ in shown(qtbot, document).labels.placed()]
    assert "ridge 119 FLOP/B" in texts
    assert "HBM3 3.35 TB/s" in texts
    assert "Tensor cores, int8 400 TFLOP/s" in texts


def test_a_click_on_a_point_selects_its_operator(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    point = next(p for p in chart.points if p.row.key == "prefill.lm_head")
    with qtbot.waitSignal(document.operator_selected) as told:
        qtbot.mouseClick(chart.plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel(chart, point.x, point.y))
    assert told.args == ["prefill.lm_head"]
    (x,), (y,) = chart.halo.getData()
    assert (x, y) == (point.x, point.y)
    qtbot.mouseClick(chart.plot.viewport(), Qt.MouseButton.LeftButton, pos=pixel(chart, chart.x_limits[0] + 0.2, 14.9))
    assert document.operator is None
    assert len(chart.halo.getData()[0]) == 0


def test_the_tooltip_says_what_an_operator_reaches(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    point = next(p for p in chart.points if p.row.key == "decode.lm_head")
    text = chart.plot.tooltip_at(chart.labels.to_pixels(point.x, point.y))
    assert "achieved" in text
    assert "FLOP/B" in text
    assert chart.plot.tooltip_at(QPointF(2.0, 2.0)) == ""


def test_an_operator_without_dram_traffic_stands_beyond_the_axis(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    point = next(p for p in chart.points if p.row.key == "prefill.softmax")
    assert point.x > chart.x_limits[1]
    assert "no DRAM traffic" in chart.plot.tooltip_at(chart.labels.to_pixels(point.x, point.y))
    assert "no DRAM traffic" in [label.text for label, _ in chart.labels.placed()]


@pytest.mark.parametrize("lacking", [("dram",), ("compute", "vector"), ("compute", "vector", "dram", "sram")])
def test_a_chip_without_a_ceiling_is_drawn_without_its_line(
    qtbot: QtBot, document: Document, lacking: tuple[str, ...]
) -> None:
    chart = shown(qtbot, document)
    report = without(factories.report(), *lacking)
    with qtbot.waitSignal(chart.painted):
        chart.show_results(factories.results(report, (), generation=2))
    assert roof_of(report) is None
    assert chart.heading.text == "Roofline"
    assert len(chart.ridge.getData()[0]) == 0
    assert len(chart.points) == len([r for r in report.operators if r.flops > 0.0])


def test_a_real_crossbar_chip_has_its_weights_beyond_the_axis(qtbot: QtBot, document: Document) -> None:
    report = evaluate(load_example("rram-crossbar-attention"), Scenario(), find_model("Llama-3.1-8B"))
    chart = shown(qtbot, document)
    chart.show_results(factories.results(report, ()))
    beyond = {p.row.name for p in chart.points if p.x > chart.x_limits[1]}
    assert "ffn_down" in beyond
    assert "scores" not in beyond


def test_the_ridge_point_is_that_of_units_that_stream_from_dram() -> None:
    report = evaluate(load_example("sram-cim-hbm"), Scenario(), find_model("Llama-3.1-8B"))
    ceilings = {c.resource: c.value for c in report.ceilings}
    streaming = max(c.value for c in report.ceilings if c.kind == "compute" and c.resource != "crossbar")
    roof = roof_of(report)
    assert roof is not None
    assert ceilings["crossbar"] > streaming
    assert roof.ridge == streaming / ceilings["dram"]
