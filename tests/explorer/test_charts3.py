"""What the memory wall, growth, timeline and comparison charts share: states, signals, themes, sizes, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.charts.chart import MINIMUM, Chart
from explorer.charts.compare_bars import CompareBars
from explorer.charts.compare_chart import CompareChart
from explorer.charts.compare_roofline import CompareRoofline
from explorer.charts.growth import GrowthChart
from explorer.charts.memory_wall import MemoryWallChart
from explorer.charts.timeline import TimelineChart
from explorer.charts.waterfall import WaterfallChart
from explorer.export import save_chart
from explorer.words import refusal_in_short
from hwlib.report import Report
from tests.explorer import factories

CLASSES: tuple[Callable[..., Chart], ...] = (
    MemoryWallChart, GrowthChart, TimelineChart, CompareBars, CompareRoofline, WaterfallChart,
)  # fmt: skip
NEEDS_A_WALL = ("memory_wall",)
every_chart = pytest.mark.parametrize("make", CLASSES, ids=lambda c: c.name)
every_size = pytest.mark.parametrize(("width", "height"), [(320, 200), (520, 300), (900, 500)])


def made(qtbot: QtBot, make: Callable[..., Chart], width: int = 520, height: int = 300) -> Chart:
    chart = make(factories.document())
    qtbot.addWidget(chart)
    chart.resize(width, height)
    return chart


def shown(qtbot: QtBot, make: Callable[..., Chart], width: int = 520, height: int = 300) -> Chart:
    chart = made(qtbot, make, width, height)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def give(chart: Chart, subject: Report, generation: int = 1) -> None:
    """Show a report beside two devices, in the way that the chart takes them."""
    if isinstance(chart, CompareChart):
        chart.show_reports((subject, factories.h100(), factories.a100()))
    else:
        chart.show_results(factories.results(subject, generation=generation))


@every_chart
def test_before_the_first_result_a_chart_says_so(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    assert chart.message.startswith("Nothing")
    assert chart.values().rows == ()


@every_chart
def test_a_chart_tells_when_it_has_painted(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    for _ in range(2):
        with qtbot.waitSignal(chart.painted):
            give(chart, factories.report())
    assert chart.message == ""


@every_chart
@every_size
def test_a_chart_of_every_size_shows_figures(qtbot: QtBot, make: Callable[..., Chart], width: int, height: int) -> None:
    chart = shown(qtbot, make, width, height)
    with qtbot.waitSignal(chart.painted):
        give(chart, factories.report())
    assert (chart.width(), chart.height()) == (width, height)
    assert chart.minimumSize() == MINIMUM
    if chart.name not in NEEDS_A_WALL:
        assert len(chart.values().tsv().splitlines()) == len(chart.values().rows) + 1 > 1


@every_chart
def test_a_chart_follows_the_theme(qtbot: QtBot, qapp: QApplication, make: Callable[..., Chart]) -> None:
    theme.apply(qapp, "light")
    chart = shown(qtbot, make)
    give(chart, factories.report())
    theme.apply(qapp, "dark")
    try:
        assert chart.image().pixelColor(3, 3).name() == theme.DARK.base
    finally:
        theme.apply(qapp, "light")
    assert chart.image().pixelColor(3, 3).name() == theme.LIGHT.base


@every_chart
def test_a_chart_is_saved_as_png_and_svg(qtbot: QtBot, tmp_path: Path, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    give(chart, factories.report())
    save_chart(chart, tmp_path / "chart.png")
    save_chart(chart, tmp_path / "chart.svg")
    assert QImage(str(tmp_path / "chart.png")).size() == chart.size() * 2
    assert chart.heading.text in (tmp_path / "chart.svg").read_text("utf-8")


@pytest.mark.parametrize("make", [MemoryWallChart, TimelineChart], ids=lambda c: c.name)
def test_a_design_that_does_not_fit_shows_the_reason(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = shown(qtbot, make)
    give(chart, factories.report())
    refused = factories.does_not_fit()
    give(chart, refused, generation=2)
    assert chart.message == "\n".join(refusal_in_short(refused))
    assert chart.values().rows == ()
    give(chart, factories.report(), generation=3)
    assert chart.message == ""


@every_chart
def test_a_hidden_chart_draws_the_newest_results_when_it_is_shown(qtbot: QtBot, make: Callable[..., Chart]) -> None:
    chart = made(qtbot, make)
    give(chart, factories.report("The oldest"), 1)
    give(chart, factories.report("The newest"), 2)
    assert chart.drawn is None
    with qtbot.waitSignal(chart.painted):
        chart.show()
    assert chart.drawn is not None
    assert chart.drawn.report.subject == "The newest"
