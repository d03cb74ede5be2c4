"""What all charts share: empty and refused states, hidden charts, the painted signal, themes, selection, export."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.charts import all_charts, axes
from explorer.charts.chart import MINIMUM, Chart
from explorer.charts.energy import EnergyChart
from explorer.charts.legend import Entry, Legend
from explorer.charts.operator_table import OperatorTable
from explorer.charts.operator_time import OperatorTimeChart
from explorer.charts.roofline import RooflineChart
from explorer.export import chart_bytes, save_chart
from hwlib.catalog import example_designs, find_model, load_example
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

CLASSES: tuple[Callable[..., Chart], ...] = (OperatorTimeChart, EnergyChart, RooflineChart, OperatorTable)
every_chart = pytest.mark.parametrize("make", CLASSES, ids=lambda c: c.name)


def shown(qtbot: QtBot, make: Callable[..., Chart], width: int = 520, height: int = 300) -> Chart:
    chart = make(factories.document())
    qtbot.addWidget(chart)
    chart.resize(width, height)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def test_all_charts_have_names_of_their_own(qtbot: QtBot) -> None:
    charts = all_charts(factories.document())
    for chart in charts:
        qtbot.addWidget(chart)
    first = ["operator_time", "energy", "roofline", "operators"]
    later = ["memory_wall", "timeline", "growth", "placement", "mapping"]
    assert [c.name for c in charts] == first + later
    assert all(c.minimumSize() == MINIMUM and c.title for c in charts)


@every_chart
def test_before_the_first_result_a_chart_says_so(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    assert "Nothing evaluated yet" in chart.message
    assert chart.values().rows == ()


@every_chart
def test_a_design_that_does_not_fit_says_so_in_a_line_and_shows_no_figure(
    qtbot: QtBot, make: Callable[..., Chart]
) -> None:
    chart = shown(qtbot, make)
    chart.show_results(factories.results())
    refused = factories.does_not_fit()
    chart.show_results(factories.results(refused, generation=2))
    heading, reason = chart.message.split("\n")
    assert heading == "Does not fit"
    assert reason.startswith(f"{refused.llm.name} needs more memory than there is. Add some")
    assert any(label.toolTip() == refused.reason for label in chart.findChildren(QLabel)), "the whole reason is told"
    assert chart.values().rows == ()
    chart.show_results(factories.results(generation=3))
    assert chart.message == ""
    assert chart.values().rows


@every_chart
def test_a_chart_tells_which_results_it_has_painted(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    for generation, report in enumerate((factories.report(), factories.report(), factories.does_not_fit()), start=7):
        with qtbot.waitSignal(chart.painted) as told:
            chart.show_results(factories.results(report, generation=generation))
        assert told.args == [generation]


@every_chart
def test_a_hidden_chart_draws_the_newest_results_when_it_is_shown(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = make(factories.document())
    qtbot.addWidget(chart)
    chart.show_results(factories.results(generation=1))
    chart.show_results(factories.results(factories.report("The newest"), generation=2))
    assert chart.drawn is None
    with qtbot.waitSignal(chart.painted) as told:
        chart.show()
    assert told.args == [2]
    assert chart.drawn is not None
    assert chart.drawn.report.subject == "The newest"


@every_chart
def test_a_chart_follows_the_theme(qtbot: QtBot, qapp: QApplication, make: Callable[..., Chart]) -> None:
    theme.apply(qapp, "light")
    chart = shown(qtbot, make)
    chart.show_results(factories.results())
    theme.apply(qapp, "dark")
    try:
        assert chart.palette().color(QPalette.ColorRole.Base).name() == theme.DARK.base
        assert chart.image().pixelColor(3, 3).name() == theme.DARK.base
    finally:
        theme.apply(qapp, "light")
    assert chart.image().pixelColor(3, 3).name() == theme.LIGHT.base


@every_chart
def test_a_chart_at_its_smallest_shows_figures(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make, MINIMUM.width(), MINIMUM.height())
    with qtbot.waitSignal(chart.painted):
        chart.show_results(factories.results())
    assert chart.size() == MINIMUM
    assert chart.message == ""


@every_chart
def test_a_chart_is_saved_as_png_and_svg(qtbot: QtBot, tmp_path: Path, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    chart.show_results(factories.results())
    save_chart(chart, tmp_path / "chart.png")
    save_chart(chart, tmp_path / "chart.svg")
    assert QImage(str(tmp_path / "chart.png")).size() == chart.size() * 2
    assert (tmp_path / "chart.svg").read_text().lstrip().startswith("<?xml")
    with pytest.raises(OSError, match="nowhere"):
        save_chart(chart, tmp_path / "nowhere" / "chart.svg")
    with pytest.raises(OSError, match="nowhere"):
        save_chart(chart, tmp_path / "nowhere" / "chart.png")


def test_symbols_of_a_drawing_are_shapes_as_qt_scrambles_parts_of_pictures(qtbot: QtBot) -> None:
    chart = shown(qtbot, RooflineChart)
    chart.show_results(factories.results())
    whole = chart_bytes(chart, ".svg")
    for points in (*chart.scatter.values(), chart.halo, chart.ridge, chart.measured):
        points.hide()
    without = chart_bytes(chart, ".svg")
    assert whole.count(b"<path") > without.count(b"<path")
    assert whole.count(b"<image") == without.count(b"<image")


@every_chart
def test_a_chart_hands_out_its_figures_as_a_table(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    chart.show_results(factories.results())
    lines = chart.values().tsv().splitlines()
    assert len(lines) == len(chart.values().rows) + 1
    assert len({line.count("\t") for line in lines}) == 1


@every_chart
@pytest.mark.parametrize("name", sorted(example_designs()))
def test_every_example_is_drawn_or_refused(qtbot: QtBot, make: Callable[..., Chart], name: str) -> None:
    llm, scenario = find_model("Llama-3.1-8B"), Scenario()
    report = evaluate(load_example(name), scenario, llm)
    other = evaluate(load_example("tensor-gpu-hbm3"), scenario, llm)
    chart = shown(qtbot, make, 900, 500)
    with qtbot.waitSignal(chart.painted):
        chart.show_results(factories.results(report, (other,)))
    assert bool(chart.message) != report.fits
    assert bool(chart.values().rows) == report.fits


# Axes and legend ----------------------------------------------------------------------------------------------------

positive = st.floats(1e-15, 1e18)


@given(positive)
def test_a_round_limit_encloses_the_value_closely(value: float) -> None:
    limit = axes.round_up(value)
    assert value <= limit * (1 + 1e-9)
    assert limit <= value * 1.5 * (1 + 1e-9)
    assert axes.round_up(limit) == pytest.approx(limit)


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.inf, math.nan])
def test_a_limit_for_nothing_is_one(nothing: float) -> None:
    assert axes.round_up(nothing) == 1.0


@given(positive, st.integers(1, 12))
def test_linear_ticks_start_at_zero_and_stay_inside(limit: float, at_most: int) -> None:
    ticks = axes.linear_ticks(limit, axes.scale_for(limit, "s"), at_most)
    assert ticks[0] == (0.0, "0")
    assert 1 <= len(ticks) <= at_most + 1
    assert all(0.0 <= value <= limit * (1 + 1e-9) for value, _ in ticks)


@pytest.mark.parametrize(
    ("limit", "unit"), [(0.012, "ms"), (3e-7, "ns"), (1.0, "s"), (0.999, "ms"), (1000.0, "ks"), (1e-30, "as")]
)
def test_an_axis_takes_the_prefix_that_reads_best(limit: float, unit: str) -> None:
    assert axes.scale_for(limit, "s").unit == unit


@given(st.lists(positive, min_size=1))
def test_logarithmic_limits_enclose_all_values(values: list[float]) -> None:
    low, high = axes.log_limits(values)
    assert high - low >= 2.0
    assert all(low - 1e-6 <= math.log10(v) <= high + 1e-6 for v in values)


def test_decades_are_written_with_prefix_and_unit() -> None:
    assert axes.decade_ticks(11.75, 13.0, "FLOP/s") == [(12.0, "1 TFLOP/s"), (13.0, "10 TFLOP/s")]
    assert [text for _, text in axes.decade_ticks(-1, 3, "")] == ["0.1", "1", "10", "100", "1000"]
    assert len(axes.decade_ticks(0, 20, "B", at_most=4)) <= 4


def test_a_legend_that_has_no_room_says_how_much_is_left_out(qtbot: QtBot) -> None:
    legend = Legend(at_most_lines=1)
    qtbot.addWidget(legend)
    legend.resize(150, 18)
    legend.set_entries(tuple(Entry(f"Resource {i}", "#0072b2") for i in range(9)))
    legend.show()
    assert 1 <= len(legend.visible_entries) < 9
    assert "Resource 8" in legend.toolTip()
    legend.resize(1500, 18)
    assert len(legend.visible_entries) == 9
    assert legend.toolTip() == ""


def test_a_picture_leaves_the_buttons_out(qtbot: QtBot) -> None:
    chart = shown(qtbot, OperatorTimeChart, 500, 300)
    chart.show_results(factories.results())
    button = chart.tools.itemAt(0).widget()
    place = QRect(button.mapTo(chart, QPoint()), button.size())
    image = chart.image(1.0)
    across, down = range(place.left(), place.right()), range(place.top(), place.bottom())
    colors = {image.pixelColor(x, y).name() for x in across for y in down}
    assert colors == {theme.current().base}
    text = QRect(chart.heading.mapTo(chart, QPoint()), chart.heading.size())
    assert any(image.pixelColor(x, text.center().y()).name() != theme.current().base for x in range(8, 80))
