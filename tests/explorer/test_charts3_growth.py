"""Growth: the catalog's chips by year, a trend that is fitted and said in words, and the present chip."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from explorer.charts.growth import GrowthChart, growth_of, history, own_figures
from explorer.document import Document
from hwlib.analysis.growth import growth, server_chips, trend
from hwlib.units import format_quantity
from tests.explorer import factories


@pytest.fixture
def document() -> Document:
    return factories.document()


def shown(qtbot: QtBot, document: Document, mode: str = "growth", size: tuple[int, int] = (900, 500)) -> GrowthChart:
    chart = GrowthChart(document)
    qtbot.addWidget(chart)
    chart.resize(*size)
    chart.show()
    qtbot.waitExposed(chart)
    chart.show_mode(mode)
    chart.show_results(factories.results())
    return chart


def test_every_chip_of_the_catalog_has_both_its_points(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    for figure in ("flops", "bandwidth_Bps"):
        found = {d.chip.name: d for d in chart.dots if d.chip is not None and d.figure == figure}
        assert set(found) == {c.name for c in growth()}
        for chip in growth():
            dot = found[chip.name]
            assert abs(dot.x - chip.year) < 0.5
            assert 10.0**dot.y * chart.base(figure) == pytest.approx(getattr(chip, figure))  # type: ignore[arg-type]


def test_the_words_come_from_the_fit(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    fit = trend(server_chips(growth()))
    assert fit is not None
    assert f"compute ×{format_quantity(fit.compute.per_year**2, '', 2)}" in chart.caption.text
    assert f"bandwidth ×{format_quantity(fit.bandwidth.per_year**2, '', 2)}" in chart.caption.text
    assert f"{fit.count} server chips" in chart.caption.text
    chart.show_mode("balance")
    assert f"×{format_quantity(fit.balance.per_year**2, '', 2)}" in chart.caption.text


@pytest.mark.parametrize("size", [(320, 200), (520, 300), (900, 500)])
def test_the_words_fit_the_width(qtbot: QtBot, document: Document, size: tuple[int, int]) -> None:
    chart = shown(qtbot, document, size=size)
    chart.grab()
    assert chart.caption.toolTip() == ""


def test_trend_lines_pass_through_the_fit(qtbot: QtBot, document: Document) -> None:
    chart, fit = shown(qtbot, document), history().trend
    assert fit is not None
    for figure in ("flops", "bandwidth_Bps"):
        xs, ys = chart.lines[figure].getData()  # type: ignore[index]
        assert list(xs) == [fit.first, fit.last]
        assert ys[0] == pytest.approx(0.0)
        expected = growth_of(fit, figure).at(fit.last) / growth_of(fit, figure).at(fit.first)  # type: ignore[arg-type]
        assert 10.0 ** ys[-1] == pytest.approx(expected)


def test_the_present_chip_stands_right_of_the_years(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    own = {d.figure: d for d in chart.dots if d.chip is None}
    assert own["flops"].value == pytest.approx(400e12)
    assert own["bandwidth_Bps"].value == pytest.approx(3.35e12)
    assert own["flops"].x > max(c.year for c in growth())
    assert own_figures(factories.report())["balance"] == pytest.approx(400e12 / 3.35e12)
    assert "this chip" in [text for _, text in chart.plot.ticks("bottom")]


def test_the_tooltip_names_chip_and_source(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    dot = next(d for d in chart.dots if d.chip is not None and d.chip.name == "H100 80GB SXM5")
    text = chart.plot.tooltip_at(chart.labels.to_pixels(dot.x, dot.y))
    assert "H100 80GB SXM5" in text
    assert "Source:" in text
    assert "989.4 TFLOP/s" in text
    own = next(d for d in chart.dots if d.chip is None)
    assert "Tensor-core chip" in chart.plot.tooltip_at(chart.labels.to_pixels(own.x, own.y))
    assert chart.plot.tooltip_at(QPointF(2.0, 2.0)) == ""


def test_history_is_there_even_where_the_llm_does_not_fit(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    chart.show_results(factories.results(factories.does_not_fit(), generation=2))
    assert chart.message == ""
    *chips, own = chart.values().rows
    assert len(chips) == len(growth())
    assert own[0] == factories.does_not_fit().subject


def test_a_linear_scale_bends_the_trend(qtbot: QtBot, document: Document) -> None:
    chart, fit = shown(qtbot, document), history().trend
    assert fit is not None
    chart.set_linear(True)
    xs, ys = chart.lines["flops"].getData()
    middle = len(xs) // 2
    assert ys[middle] < (ys[0] + ys[-1]) / 2
    assert ys[middle] == pytest.approx(math.exp((xs[middle] - fit.first) * math.log(fit.compute.per_year)))


def test_frozen_axes_hold_while_the_chip_changes(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, document)
    chart.set_frozen(True)
    before, ticks = chart.plot.shown_range, chart.plot.ticks("left")
    chart.show_results(factories.results(factories.report(peak=4e19, dram_Bps=5e16), generation=2))
    assert chart.plot.shown_range == before
    assert chart.plot.ticks("left") == ticks
    chart.show_mode("balance")
    assert not chart.frozen
    chart.show_mode("growth")
    assert chart.plot.shown_range[1][1] > before[1][1]
