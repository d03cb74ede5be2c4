"""Every chart in every state: refused, alone or beside many, ratios of a million, figures that are not known."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from explorer import export
from explorer.answers import map_operator, refine
from explorer.charts import all_charts
from explorer.charts.asking import AskingChart
from explorer.charts.chart import Chart
from explorer.charts.chart_menu import COPY_DATA, COPY_PICTURE, EXPORT, FREEZE, chart_menu
from explorer.charts.compare_bars import CompareBars
from explorer.charts.compare_chart import CompareChart
from explorer.charts.compare_charts import compare_charts
from explorer.charts.compare_roofline import CompareRoofline
from explorer.charts.energy import EnergyChart
from explorer.charts.growth import GrowthChart
from explorer.charts.mapping import MappingChart
from explorer.charts.memory_wall import MemoryWallChart, WallSet
from explorer.charts.operator_table import OperatorTable
from explorer.charts.operator_time import OperatorTimeChart
from explorer.charts.placement import PlacementChart
from explorer.charts.roofline import RooflineChart
from explorer.charts.timeline import TimelineChart
from explorer.charts.waterfall import WaterfallChart
from explorer.document import Document
from explorer.evaluator import Results
from explorer.rested import Subject
from hwlib.analysis.wall import memory_wall
from hwlib.catalog import find_model, load_example
from hwlib.design.design import Design
from hwlib.evaluate import evaluate
from hwlib.report import Report
from hwlib.workload.scenario import Scenario
from tests.explorer import factories

LLAMA = find_model("Llama-3.1-8B")
CHARTS: dict[str, Callable[[Document], Chart]] = {
    c.name: c for c in (
        OperatorTimeChart, EnergyChart, RooflineChart, OperatorTable, MemoryWallChart, TimelineChart, GrowthChart,
        PlacementChart, MappingChart, CompareBars, CompareRoofline, WaterfallChart,
    )
}  # fmt: skip
SIZES = ((320, 200), (520, 288), (900, 500))
every_chart = pytest.mark.parametrize("name", CHARTS)


@cache
def own() -> Report:
    return evaluate(load_example("systolic-tpu-hbm2"), Scenario(), LLAMA)


@cache
def empty() -> Report:
    return evaluate(Design(name="Nothing yet"), Scenario(), LLAMA)


@cache
def unable() -> Report:
    """A chip with memory and nothing that computes."""
    design = load_example("systolic-tpu-hbm2")
    return evaluate(
        msgspec.structs.replace(design, blocks=tuple(b for b in design.blocks if b.kind == "dram"), links=()),
        Scenario(),
        LLAMA,
    )


def scaled(report: Report, factor: float, name: str) -> Report:
    """The same chip with all times and energies by a factor."""
    rows = tuple(
        msgspec.structs.replace(
            r, time_s=r.time_s * factor, times_s=tuple(t * factor for t in r.times_s), energy_J=r.energy_J * factor,
            shares_s=tuple(t * factor for t in r.shares_s), energies_J=tuple(e * factor for e in r.energies_J),
        ) for r in report.operators
    )  # fmt: skip
    metrics = report.metrics
    assert metrics is not None
    return msgspec.structs.replace(
        report, subject=name, operators=rows,
        metrics=msgspec.structs.replace(
            metrics, ttft_s=metrics.ttft_s * factor, tpot_s=metrics.tpot_s * factor,
            tokens_per_s=metrics.tokens_per_s / factor, energy_per_token_J=metrics.energy_per_token_J * factor,
        ),
        time_by_resource={p: {k: v * factor for k, v in d.items()} for p, d in report.time_by_resource.items()},
        energy_by_component={k: v * factor for k, v in report.energy_by_component.items()},
        energies=tuple(msgspec.structs.replace(e, J_per_token=e.J_per_token * factor) for e in report.energies),
    )  # fmt: skip


STATES: dict[str, Callable[[], tuple[Report, tuple[Report, ...]]]] = {
    "alone": lambda: (own(), ()),
    "a million times slower": lambda: (own(), (scaled(own(), 1e6, "Slow"),)),
    "a million times faster": lambda: (own(), (scaled(own(), 1e-6, "Fast"),)),
    "ten others": lambda: (own(), tuple(scaled(own(), 1 + i / 3, f"Chip {i} of a long name") for i in range(10))),
    "beside one that does not fit": lambda: (own(), (factories.does_not_fit(),)),
    "beside NaN": lambda: (own(), (scaled(own(), math.nan, "Unknown"),)),
}  # fmt: skip
REFUSED: dict[str, Callable[[], Report]] = {
    "empty": empty, "does not fit": factories.does_not_fit, "cannot run": unable,
}  # fmt: skip


def made(qtbot: QtBot, name: str, size: tuple[int, int] = SIZES[2]) -> Chart:
    document = Document(load_example("systolic-tpu-hbm2"), Scenario(), LLAMA)
    chart = CHARTS[name](document)
    qtbot.addWidget(chart)
    chart.resize(*size)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def show(chart: Chart, report: Report, others: tuple[Report, ...] = (), generation: int = 1) -> None:
    if isinstance(chart, CompareChart):
        chart.show_reports((report, *others))
        return
    chart.show_results(Results(generation, report, others, 0.01))
    if isinstance(chart, MemoryWallChart) and report.design.blocks:
        wall = memory_wall(report.design, report.scenario, report.llm, chart.axis)
        chart.show_walls(WallSet(wall, (None,) * len(others)))
    if isinstance(chart, AskingChart) and (subject := chart.subject()) is not None:
        chart.show_answer(subject, answer(chart.name, subject))


@cache
def answer(name: str, subject: Subject) -> object:
    """What is computed in the background for a chart."""
    return {"placement": refine, "mapping": map_operator}[name](subject, lambda: False)


def touch_everywhere(qtbot: QtBot, chart: Chart) -> set[str]:
    """Hover, click and ask for the menu all over every plot; the words of the tooltips."""
    told = set()
    for plot in chart.plots():
        view = plot.viewport()
        for i in range(6):
            for j in range(5):
                pos = QPoint((2 * i + 1) * view.width() // 12, (2 * j + 1) * view.height() // 10)
                qtbot.mouseMove(view, pos)
                at = plot.box_point(pos)
                told.add(plot.tooltip_at(at))
                chart.source_at(plot.mapTo(chart, pos))
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(view.width() // 2, view.height() // 2))
    return told - {""}


def ticks_are_sound(chart: Chart) -> None:
    for plot in chart.plots():
        (x0, x1), (y0, y1) = plot.shown_range
        assert all(math.isfinite(v) for v in (x0, x1, y0, y1))
        assert x0 < x1
        assert y0 != y1
        for side in ("left", "bottom"):
            ticks = plot.ticks(side)
            assert all("nan" not in text and "inf" not in text for _, text in ticks)
            assert len({at for at, _ in ticks}) == len(ticks)


@every_chart
@pytest.mark.parametrize("state", STATES)
def test_every_state_draws_at_every_size_and_answers_the_pointer(qtbot: QtBot, name: str, state: str) -> None:
    chart = made(qtbot, name)
    show(chart, *STATES[state]())
    for size in SIZES:
        chart.resize(*size)
        if name == "waterfall" and chart.message:
            continue
        assert chart.message == ""
        ticks_are_sound(chart)
        for text in touch_everywhere(qtbot, chart):
            assert not re.search(r"\bnan\b", text)
            assert not re.search(r"<(?!/?[bi]>|br>)", text), "a tag that is none swallows what follows"
    chart.set_frozen(True)
    chart.set_linear(True)
    show(chart, scaled(own(), 3.0, own().subject), generation=2)
    ticks_are_sound(chart)
    chart.set_frozen(False)


@every_chart
@pytest.mark.parametrize("state", REFUSED)
def test_a_refusal_says_what_to_do_and_is_left_again(qtbot: QtBot, name: str, state: str) -> None:
    chart = made(qtbot, name, SIZES[0])
    report = REFUSED[state]()
    show(chart, report)
    if name == "growth":
        assert chart.message == ""
    else:
        assert len(chart.message.split()) > 5
        assert chart.values().rows == ()
    show(chart, own(), (scaled(own(), 2.0, "Other"),), generation=2)
    assert chart.message == ""
    assert chart.values().rows != ()


@every_chart
def test_a_hidden_chart_draws_what_came_meanwhile_when_it_is_shown(qtbot: QtBot, name: str) -> None:
    chart = made(qtbot, name)
    show(chart, own(), (scaled(own(), 2.0, "Other"),))
    before = chart.values()
    chart.hide()
    show(chart, scaled(own(), 2.0, own().subject), (scaled(own(), 5.0, "Other"),), generation=2)
    chart.show()
    qtbot.waitExposed(chart)
    if name not in ("growth", "memory_wall", "placement", "mapping"):  # what these show follows from no time
        assert chart.values() != before


@every_chart
def test_what_is_on_show_goes_into_every_kind_of_file(qtbot: QtBot, name: str) -> None:
    chart = made(qtbot, name)
    show(chart, own(), (scaled(own(), 2.0, "Other"),))
    for made_as in export.CHART_FORMATS:
        assert len(export.chart_bytes(chart, made_as.suffix)) > 100
    table = export.chart_bytes(chart, ".csv").decode().splitlines()
    header, rows = chart.values()
    assert len(table) == 1 + len(rows)
    assert all(len(row) == len(header) for row in rows)
    chart.copy_data()
    chart.copy_picture()


@every_chart
def test_the_menu_offers_all_that_a_chart_can(qtbot: QtBot, name: str) -> None:
    chart = made(qtbot, name)
    show(chart, own(), (scaled(own(), 2.0, "Other"),))
    texts = [a.text() for a in chart_menu(chart, None).actions()]
    assert {COPY_DATA, COPY_PICTURE, EXPORT} <= set(texts)
    assert (FREEZE in texts) == (name not in ("operators", "placement", "mapping"))


def test_no_chart_is_left_out(qtbot: QtBot) -> None:
    document = Document(load_example("systolic-tpu-hbm2"), Scenario(), LLAMA)
    every = (*all_charts(document), *compare_charts(document))
    for chart in every:
        qtbot.addWidget(chart)
    assert [chart.name for chart in every] == list(CHARTS)
