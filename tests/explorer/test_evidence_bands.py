"""Bands on charts: whiskers at bars, totals and boards, shades along memory walls, measured kernels on rooflines."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.bands import Band, band_of, banded, phase_band
from explorer.charts.chart import Chart
from explorer.charts.compare_bars import CompareBars
from explorer.charts.compare_roofline import CompareRoofline, mean_of
from explorer.charts.energy import EnergyChart
from explorer.charts.figure_scale import FigureScale
from explorer.charts.items import Bar, Mark, Segment, end_px, paint_whisker, room_for_words
from explorer.charts.measured import words_of
from explorer.charts.operator_time import OperatorTimeChart
from explorer.charts.roofline import RooflineChart
from explorer.charts.wall_baselines import band_words, curve_band, whisker_of
from explorer.document import Baseline
from explorer.evaluator import Results
from hwlib.analysis.device_wall import device_wall
from hwlib.catalog import find_model
from hwlib.evaluate import evaluate_device
from hwlib.report import EnergyFigure, Report
from hwlib.units import format_band
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

pytestmark = pytest.mark.usefixtures("qapp")
H100 = "H100 80GB SXM5"


def measured(low: float = 0.9, high: float = 1.25) -> Report:
    """A device whose figures have a band, its board's energy too."""
    made = factories.report("Measured", peak=300e12, is_device=True)
    m = made.metrics
    bands = {key: (low * value, high * value) for key, value in (("tpot_s", m.tpot_s), ("ttft_s", m.ttft_s))}
    bands |= {f"time.{r.key}": (low * r.time_s, high * r.time_s) for r in made.operators}
    joules = 1.5 * made.energies[0].J_per_token
    bands["board_energy_per_token_J"] = (low * joules, high * joules)
    board = EnergyFigure(J_per_token=joules, method="board power x time", scope="board", label="board power x time")
    tdp = EnergyFigure(J_per_token=2 * joules, method="TDP x time", scope="board", label="board at TDP (upper bound)")
    return msgspec.structs.replace(made, bands=bands, energies=(*made.energies, board, tdp))


def shown(qtbot: QtBot, chart: Chart, width: int = 900, height: int = 400) -> None:
    qtbot.addWidget(chart)
    chart.resize(width, height)
    chart.show()
    qtbot.waitExposed(chart)


# Bands --------------------------------------------------------------------------------------------------------------


def test_a_band_is_there_only_where_something_was_measured() -> None:
    plain, device = factories.report(), measured()
    assert band_of(plain, "tpot_s") is None
    assert band_of(device, "area_m2") is None
    flat = msgspec.structs.replace(device, bands={"tpot_s": (1.0, 1.0), "ttft_s": (math.nan, 2.0)})
    assert band_of(flat, "tpot_s") is None
    assert band_of(flat, "ttft_s") is None
    assert banded(plain, "tpot_s", 0.0105, "s") == "10.5 ms"
    assert banded(device, "tpot_s", device.metrics.tpot_s, "s").endswith(")")


def test_bands_of_ratios_turn_round() -> None:
    assert Band(2.0, 4.0).over(8.0) == Band(2.0, 4.0)
    assert Band(2.0, 4.0).times(0.5) == Band(1.0, 2.0)


@pytest.mark.parametrize(
    ("value", "ends", "unit", "text"),
    [
        (105.0, (92.0, 118.0), "W", "92–118"),
        (12.3e-3, (9.87e-4, 1.4e-2), "s", "0.987–14"),
        (0.0, (0.0, 1.0), "s", "0 s–1 s"),
        (999.9e-6, (900e-6, 1.2e-3), "s", "0.9–1.2"),
    ],
)
def test_bands_are_written_in_the_prefix_of_their_figure(
    value: float, ends: tuple[float, float], unit: str, text: str
) -> None:
    assert format_band(value, *ends, unit) == text


# Bars ---------------------------------------------------------------------------------------------------------------


def test_words_at_a_bar_stand_behind_its_whisker() -> None:
    plain = Bar("a", 0, (Segment("x", 1.0, "#000000"),), "one")
    wide = Bar("a", 0, plain.segments, "one", band=(0.8, 2.0))
    assert wide.reach == 2.0
    assert end_px(wide, 100.0) == pytest.approx(end_px(plain, 100.0) + 100.0)
    marked = Bar("a", 0, plain.segments, "one", marks=(Mark(3.0, "board", (2.5, 4.0)),))
    assert end_px(marked, 100.0) > 400.0


def test_words_that_make_way_for_one_mark_do_not_end_on_the_next() -> None:
    """Marks without words of their own: the bar's stand behind the first, and behind a second that crosses them."""
    bar = Bar("a", 0, (Segment("x", 1.0, "#000000"),), "one")
    first, second = Mark(3.0, "", (1.1, 4.0)), Mark(4.1, "")
    behind_first = end_px(replace(bar, marks=(first,)), 100.0)
    assert end_px(replace(bar, marks=(first, second)), 100.0) == pytest.approx(behind_first + 10.0)


def test_a_whisker_has_both_ends_and_stands_off_what_lies_below() -> None:
    picture = QImage(100, 20, QImage.Format.Format_RGB32)
    picture.fill(QColor("#d55e00"))
    painter = QPainter(picture)
    paint_whisker(painter, 20.0, 80.0, 10.0, 16.0)
    painter.end()
    text, base = QColor(theme.current().text), QColor(theme.current().base)
    assert picture.pixelColor(50, 10) == text
    assert picture.pixelColor(50, 11) == base
    assert all(picture.pixelColor(x, 8) == text for x in (20, 80))
    assert picture.pixelColor(10, 10) == QColor("#d55e00")


def test_totals_of_measured_devices_have_whiskers_and_numbers(qtbot: QtBot) -> None:
    chart = OperatorTimeChart(factories.document())
    shown(qtbot, chart)
    device = measured()
    chart.show_results(factories.results(baselines=(device, factories.report("Drawn"))))
    strip = chart.panels["decode"].strip
    total = strip.baselines[0][1]
    assert strip.bands == (pytest.approx((0.9 * total, 1.25 * total)), None)
    assert strip.limit_s >= 1.25 * total
    assert "(" in strip.placed_names()[-1][1] or "(" in strip.placed_names()[0][1]
    assert "10 to 90 %" in strip.toolTip()


def test_a_board_has_a_whisker_and_its_upper_bound_none(qtbot: QtBot) -> None:
    chart = EnergyChart(factories.document())
    shown(qtbot, chart)
    device = measured()
    chart.show_results(factories.results(baselines=(device,)))
    board, tdp = chart.bars.bars[1].marks
    assert board.band == device.bands["board_energy_per_token_J"]
    assert tdp.band is None
    assert chart.bars.bars[0].band is None
    text = chart.plot.tooltip_at(chart.bars.to_pixels(0.01, 1.5))
    assert format_band(board.value, *board.band, "J") in text


@pytest.mark.parametrize("width", [1200, 800, 620, 500, 440])
def test_words_at_boards_never_leave_the_plot(qtbot: QtBot, width: int) -> None:
    chart = EnergyChart(factories.document())
    shown(qtbot, chart, width)
    chart.show_results(factories.results(baselines=(measured(),)))
    (_, right), _ = chart.plot.shown_range
    room = chart.plot.width_beside(chart.plot.left.width())
    assert all(end_px(bar, room / right) <= room for bar in chart.bars.bars)
    assert len(chart.bars.bars[1].marks) == 2


def test_compared_bars_have_whiskers_for_the_whole_and_by_operator(qtbot: QtBot) -> None:
    chart = CompareBars(factories.document())
    shown(qtbot, chart)
    device = measured()
    chart.show_reports((factories.report("Mine"), device))
    own, other = chart.bars.bars
    assert own.band is None
    assert other.band == pytest.approx((0.9 * other.total, 1.25 * other.total))
    table = chart.values()
    assert table.header[-2:] == ("low_s", "high_s")
    assert [row[-2:] for row in table.rows] == [("", ""), tuple(other.band)]
    chart.show_split("operator")
    for bar in chart.bars.bars:
        index, group = chart._bars_of[bar.key]
        assert bar.band == (device.bands[f"time.decode.{group.key}"] if index else None)
    chart.show_split("whole")
    chart.show_what("energy")
    assert [bar.band for bar in chart.bars.bars] == [None, None]


def test_words_inside_a_bar_keep_clear_of_the_whisker() -> None:
    rect = QRectF(0.0, 0.0, 100.0, 20.0)
    plain = Bar("a", 0, (Segment("x", 1.0, "#000000"),))
    crossed = Bar("a", 0, plain.segments, band=(0.6, 1.4))
    assert room_for_words(plain, rect, 0.0, 100.0) == rect
    assert room_for_words(crossed, rect, 0.0, 100.0).right() < 60.0
    assert room_for_words(crossed, QRectF(70.0, 0.0, 30.0, 20.0), 0.0, 100.0).width() == 0.0


def test_points_of_compared_chips_have_a_band_of_their_own(qtbot: QtBot) -> None:
    device = measured()
    decode = mean_of(device, 1, "decode")
    assert decode is not None
    assert decode.band is not None
    assert decode.band.low < decode.flops < decode.band.high
    assert decode.flops / decode.band.low == pytest.approx(phase_band(device, "decode", 1.0).high)
    chart = CompareRoofline(factories.document())
    shown(qtbot, chart)
    chart.show_reports((factories.report("Mine"), device))
    assert len(chart.whiskers.whiskers) == 2


# Walls and rooflines ------------------------------------------------------------------------------------------------


def test_a_wall_of_measured_kernels_is_shaded_and_told() -> None:
    llm, scale = find_model("Llama-3.1-8B"), FigureScale(False)
    wall = device_wall(H100, Scenario(), llm, "batch", points=4)
    x, low, high = curve_band(wall, scale)
    assert len(x) == int(np.isfinite(wall.low).sum())
    assert (low < high).all()
    report = evaluate_device(H100, Scenario(), llm)
    whisker = whisker_of(report, "tokens_per_s", 1.0, scale)
    assert (whisker.low, whisker.high) == tuple(scale.place(v) for v in report.bands["tokens_per_s"])
    assert band_words(wall, "tokens_per_s", 1.0, report.metrics.tokens_per_s).strip(" ()") == format_band(
        report.metrics.tokens_per_s, *report.bands["tokens_per_s"], "tokens/s"
    )
    assert band_words(wall, "energy_per_token_J", 1.0, 1.0) == ""
    assert whisker_of(factories.report(), "tokens_per_s", 1.0, scale) is None


def test_measured_kernels_of_the_devices_lie_on_the_roofline(qtbot: QtBot) -> None:
    chart = RooflineChart(factories.document())
    shown(qtbot, chart)
    device = evaluate_device(H100, Scenario(), find_model("Llama-3.1-8B"))
    own = factories.results(baselines=(device,))
    chart.show_results(Results(own.generation, own.report, own.baselines, 0.0, (Baseline(H100, device=H100),)))
    kernels = chart.measured.kernels
    assert kernels
    assert any(e.label == "measured kernels" for e in chart.legend.entries)
    (x0, x1), (y0, y1) = chart.plot.shown_range
    seen = [k for k in kernels if x0 < math.log10(k.intensity) < x1 and y0 < math.log10(k.flops) < y1]
    at = chart.labels.to_pixels(math.log10(seen[0].intensity), math.log10(seen[0].flops))
    assert chart.measured.kernel_at(at, chart.labels) in kernels
    assert "predicted" in words_of(seen[0])
    assert seen[0].point.source in words_of(seen[0])
    chart.show_results(factories.results(baselines=(factories.report("Drawn"),), generation=9))
    assert chart.measured.kernels == ()
