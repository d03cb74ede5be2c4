"""Charts of many chips: order, letters, ratios, what is missing, rooflines, and waterfalls that add up."""

from __future__ import annotations

import itertools
import math
from typing import TypeVar

import msgspec
import pytest
from PySide6.QtCore import Qt, QTimer
from pytestqt.qtbot import QtBot

from explorer.charts.compare_bars import CompareBars
from explorer.charts.compare_chart import CompareChart, letters
from explorer.charts.compare_charts import compare_charts
from explorer.charts.compare_roofline import CompareRoofline, mean_of
from explorer.charts.roofs import roof_of
from explorer.charts.switch import Chooser
from explorer.charts.waterfall import WaterfallChart
from explorer.document import Document
from hwlib.analysis.waterfall import QUANTITIES, Quantity, waterfall
from hwlib.report import Report
from hwlib.units import format_quantity
from tests.explorer import factories

T = TypeVar("T", bound=CompareChart)
A, B, C = factories.report(), factories.h100(), factories.a100()
REFUSED = factories.does_not_fit()


@pytest.fixture
def document() -> Document:
    return factories.document()


def shown(qtbot: QtBot, chart: T, *reports: Report, size: tuple[int, int] = (900, 500)) -> T:
    qtbot.addWidget(chart)
    chart.resize(*size)
    chart.show()
    qtbot.waitExposed(chart)
    chart.show_reports(reports or (A, B, C))
    return chart


def test_there_is_one_of_each(qtbot: QtBot, document: Document) -> None:
    charts = compare_charts(document)
    for chart in charts:
        qtbot.addWidget(chart)
    assert [c.name for c in charts] == ["compare_bars", "compare_roofline", "waterfall"]


def test_letters_go_on_after_z() -> None:
    found = letters(60)
    assert found[:3] == ["A", "B", "C"]
    assert found[25:28] == ["Z", "AA", "AB"]
    assert len(set(found)) == 60


def test_nothing_left_to_compare_says_so(qtbot: QtBot, document: Document) -> None:
    for chart in compare_charts(document):
        shown(qtbot, chart)
        assert chart.message == ""
        chart.show_reports(())
        assert chart.message.startswith("Nothing to compare")
        assert chart.values().rows == ()


@pytest.mark.parametrize(("what", "phase"), [("prefill", "prefill"), ("decode", "decode")])
def test_bars_are_as_long_as_the_phase_takes(qtbot: QtBot, document: Document, what: str, phase: str) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.show_what(what)
    for bar, report in zip(chart.bars.bars, (A, B, C), strict=True):
        assert bar.total == pytest.approx(sum(r.time_s for r in report.rows(phase)))  # type: ignore[arg-type]
    assert "×" not in chart.bars.bars[0].label
    assert "×" in chart.bars.bars[1].label


def test_bars_of_energy_are_energies_per_token(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.show_what("energy")
    totals = [sum(r.energy_by_component.values()) for r in (A, B, C)]
    assert [bar.total for bar in chart.bars.bars] == pytest.approx(totals)


def test_ratios_refer_to_the_reference(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.show_reports((A, B, C), reference=2)
    assert ["×" in bar.label for bar in chart.bars.bars] == [True, True, False]


def test_a_chip_without_figures_keeps_its_place(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document), A, REFUSED, B)
    assert chart.message == ""
    assert chart.bars.bars[1].label == "does not fit"
    assert [row[1] for row in chart.values().rows] == [A.subject, B.subject]
    chart.show_reports((REFUSED, REFUSED))
    assert chart.message.startswith("Does not fit")
    chart.show_reports((REFUSED, A))
    assert chart.message == ""


def test_operators_stand_in_groups_and_can_be_selected(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.show_split("operator")
    groups = [g.key for g in chart.groups]
    assert "ffn_down" in groups
    assert len(chart.bars.bars) == 3 * len(groups)
    row = next(r for r in B.rows("decode") if r.name == "ffn_down")
    bar = next(b for b in chart.bars.bars if b.key == "ffn_down/1")
    assert bar.total == pytest.approx(row.time_s)
    assert bar.label.startswith("B ")
    assert f"B\u2002{B.subject}" in chart.key.text
    place = chart.plot.mapFromScene(chart.plot.box.mapToScene(chart.bars._row_rect(bar).center()))
    with qtbot.waitSignal(document.operator_selected) as told:
        qtbot.mouseClick(chart.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.args == ["decode.ffn_down"]


def test_energy_of_operators_says_what_it_is(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.show_what("energy")
    chart.show_split("operator")
    row = next(r for r in A.rows("decode") if r.name == "ffn_down")
    bar = next(b for b in chart.bars.bars if b.key == "ffn_down/0")
    assert bar.total == pytest.approx(row.energy_J)
    assert "without leakage" in chart.plot.axis_labels["bottom"]


def test_frozen_bars_keep_their_axis(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareBars(document))
    chart.set_frozen(True)
    before = chart.plot.shown_range
    chart.show_reports((factories.report("Slower", dram_Bps=1e11), B, C))
    assert chart.plot.shown_range[0] == before[0]
    chart.set_frozen(False)
    assert chart.plot.shown_range[0][1] > before[0][1]


def test_every_chip_has_its_roof_and_its_points(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareRoofline(document))
    assert [i for i, _ in chart.roofs] == [0, 1, 2]
    for item, report in zip(chart.lines, (A, B, C), strict=True):
        roof = roof_of(report)
        assert roof is not None
        xs, ys = item.getData()
        assert (xs[1], ys[1]) == (pytest.approx(math.log10(roof.ridge)), pytest.approx(math.log10(roof.compute.value)))
    assert {(p.chip, p.phase) for p in chart.points} == set(itertools.product(range(3), ("prefill", "decode")))
    words = [label.text for label, _ in chart.labels.placed()]
    assert {"A", "B", "C"} <= set(words)


def test_a_mean_point_is_all_flops_over_all_time() -> None:
    found = mean_of(A, 0, "decode")
    rows = A.rows("decode")
    assert found is not None
    assert found.flops == pytest.approx(sum(r.flops for r in rows) / sum(r.time_s for r in rows))
    assert found.intensity == pytest.approx(sum(r.flops for r in rows) / sum(r.dram_bytes for r in rows))
    assert mean_of(REFUSED, 0, "decode") is None


@pytest.mark.parametrize("what", QUANTITIES)
def test_a_waterfall_leads_from_the_reference_to_the_target(qtbot: QtBot, document: Document, what: Quantity) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    chart.show_target(C.subject)
    chart.show_what(what)
    steps = waterfall(A, C, what)
    assert chart.steps == steps
    falls = chart.falls.falls
    assert falls[0].end == steps[0].end
    assert falls[-1].end == steps[-1].end
    assert all(a.end == pytest.approx(b.start) for a, b in itertools.pairwise(falls[:-1]))
    assert falls[-2].end == pytest.approx(falls[-1].end)


def test_a_small_waterfall_tells_small_changes_together(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document), size=(320, 200))
    chart.show_what("energy")
    assert len(chart.shown) <= len(chart.steps)
    now = chart.shown[0][3]
    for _, _, start, end in chart.shown[1:-1]:
        assert start == pytest.approx(now)
        now = end
    assert now == pytest.approx(chart.shown[-1][3])


def test_a_waterfall_says_why_there_is_none(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document), A)
    assert chart.message.startswith("Nothing to go to")
    chart.show_reports((A, REFUSED))
    assert chart.message.startswith("No waterfall")
    assert chart.values().rows == ()
    chart.show_reports((A, B))
    assert chart.message == ""


def test_the_target_stays_while_it_is_there(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    chart.show_target(C.subject)
    chart.show_reports((A, C))
    assert chart.ends == (0, 1)
    chart.show_reports((A, B))
    assert chart.ends == (0, 1)
    chart.show_reports((B, A, C), reference=1)
    assert chart.ends is not None
    assert chart.ends[0] == 1


def choose(qtbot: QtBot, chooser: Chooser, words: str) -> None:
    """Open a chooser's menu by the mouse and click on a word."""
    QTimer.singleShot(0, lambda: _click(qtbot, chooser, words))
    qtbot.mouseClick(chooser, Qt.MouseButton.LeftButton)


def _click(qtbot: QtBot, chooser: Chooser, words: str) -> None:
    menu = chooser.menu()
    action = next(a for a in menu.actions() if a.text() == words)
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def test_both_ends_of_a_waterfall_are_chosen(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    assert chart.ends == (0, 1)
    choose(qtbot, chart.source_chooser, f"from C {C.subject}")
    assert chart.ends == (2, 1)
    choose(qtbot, chart.target_chooser, f"to A {A.subject}")
    assert chart.ends == (2, 0)
    assert chart.steps == waterfall(C, A, "tpot")
    assert chart.heading.text.endswith(f"C → A ×{format_quantity(A.metrics.tpot_s / C.metrics.tpot_s, '', 3)}")


def test_the_ends_of_a_waterfall_change_places_where_they_would_meet(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    choose(qtbot, chart.source_chooser, f"from B {B.subject}")
    assert chart.ends == (1, 0)
    choose(qtbot, chart.target_chooser, f"to B {B.subject}")
    assert chart.ends == (0, 1)


def test_an_end_follows_its_chip_through_moves_and_renames(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    chart.show_ends(C.subject, A.subject)
    chart.show_reports((C, B, A))
    assert chart.ends == (0, 2)
    chart.show_reports((C, B, msgspec.structs.replace(A, subject="Another name")))
    assert chart.ends == (0, 2)
    chart.show_reports((B, msgspec.structs.replace(A, subject="Another name")))
    assert chart.ends == (0, 1)


def test_the_start_is_the_reference_until_another_is_chosen(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document))
    chart.show_reports((A, B, C), reference=1)
    assert chart.ends == (1, 2)
    chart.show_ends(C.subject, A.subject)
    chart.show_reports((A, B, C), reference=0)
    assert chart.ends == (2, 0)


@pytest.mark.parametrize("make", [CompareRoofline, WaterfallChart], ids=lambda c: c.name)
def test_frozen_axes_hold_until_the_chart_shows_something_else(qtbot: QtBot, document: Document, make) -> None:
    chart = shown(qtbot, make(document))
    chart.set_frozen(True)
    before = chart.plot.shown_range
    chart.show_reports((factories.report(peak=4e15, dram_Bps=5e10), B, C))
    assert chart.plot.shown_range[0] == before[0]
    chart.set_frozen(False)
    assert chart.plot.shown_range != before


def test_a_waterfall_begins_where_there_are_figures(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, WaterfallChart(document), REFUSED, A, B)
    assert chart.message == ""
    assert chart.ends == (1, 2)
    chart.show_reports((REFUSED, A))
    assert chart.message.startswith("No waterfall")
    chart.show_reports((A, REFUSED, B))
    assert chart.ends is not None
    assert chart.ends[0] == 0


def test_the_legend_of_the_rooflines_names_only_what_is_drawn(qtbot: QtBot, document: Document) -> None:
    chart = shown(qtbot, CompareRoofline(document), REFUSED, A)
    labels = [entry.label for entry in chart.legend.entries]
    assert f"B {A.subject}" in labels
    assert (f"A {REFUSED.subject}" in labels) == (roof_of(REFUSED) is not None)
