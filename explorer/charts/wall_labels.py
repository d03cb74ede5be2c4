"""The words on a memory wall: what binds where, the present point, the limit of memory, baselines, and why no curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from explorer import theme
from explorer.charts.chart import text_width
from explorer.charts.items import PlotLabel
from explorer.charts.wall_curve import Run, limit_of
from explorer.charts.wall_items import HANDLE_PX, Band
from explorer.charts.wall_words import COMPUTING, DOES_NOT_FIT, FAILED, LIMIT_WORDS, MEASURE_UNITS, MEND
from explorer.words import distinct, resource_word
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.charts.label_places import Line
    from explorer.charts.memory_wall import MemoryWallChart
    from explorer.evaluator import Results
    from hwlib.report import Report

Obstacle = tuple[float, float, float]


def wall_labels(
    chart: MemoryWallChart, results: Results, runs: Sequence[Run]
) -> tuple[list[PlotLabel], list[Obstacle], list[Line]]:
    """Labels in the order of their importance, points that stay uncovered, and lines to stay off."""
    labels = [*_note(chart, results.report), *(label for run in runs for label in _band(chart, run.band))]
    lines = _line_ends(chart)
    obstacles = [(x, y, 5.0) for x, y, _ in chart.baseline_places(results)]
    if chart.handle.at is not None:
        obstacles.append((*chart.handle.at, HANDLE_PX + 2.0))
        labels.append(_handle(chart, results, chart.handle.at))
    limit = limit_of(chart.wall) if chart.wall is not None else None
    if limit is not None:
        x, (low, high) = math.log10(limit), chart.y_limits
        # As good as upright; on neither side do its words stand on it.
        lines.append((x - 1e-9, low, x + 1e-9, high))
        labels.append(_limit(chart, limit))
    return [*labels, *_baselines(chart, results)], obstacles, lines


def note(chart: MemoryWallChart, report: Report) -> str:
    """Why there is no curve, and what to do; empty where there is one."""
    if chart.wall is not None:
        return ""
    if chart.start_value(report) <= 0.0:
        return MEND.get(chart.axis, "")
    return FAILED if chart.failed else COMPUTING


def handle_words(chart: MemoryWallChart, results: Results) -> str:
    """The present value of the axis and its figure."""
    x = chart.drag.value if chart.drag is not None else chart.start_value(results.report)
    same = x == chart.start_value(results.report)
    y = chart.figure(results.report) if same else chart.on_curve(x)
    name = {"batch": "batch ", "context": "prompt "}.get(chart.axis, "")
    figure = format_quantity(y, MEASURE_UNITS[chart.measure], 3) if math.isfinite(y) else DOES_NOT_FIT
    return f"{name}{chart.write(x)}: {figure}"


def _note(chart: MemoryWallChart, report: Report) -> list[PlotLabel]:
    """In the upper middle of the plot, in as many words as have room."""
    (left, right), (low, high) = chart.x_limits, chart.y_limits
    whole, room = note(chart, report), chart.plot_px() - 8.0
    text = next((t for t in (whole, whole.split(",")[0], whole.split(";")[0]) if text_width(t) <= room), "")
    if not text:
        return []
    first, *rest = [((left + right) / 2, low + (high - low) * share / 10) for share in (6, 5, 4, 3, 7)]
    return [PlotLabel(*first, text, theme.current().muted, "b", False, 0.0, tuple(rest))]


def _handle(chart: MemoryWallChart, results: Results, at: tuple[float, float]) -> PlotLabel:
    """At the point; where all sides are taken, the nearest free place: it stands in bold, and only it does."""
    (left, right), (low, high) = chart.x_limits, chart.y_limits
    shares = [(i / 8, j / 8) for i in range(1, 7) for j in range(1, 8)]
    x, y = (at[0] - left) / (right - left), (at[1] - low) / (high - low)
    shares.sort(key=lambda share: math.hypot(share[0] - x, share[1] - y))
    places = tuple((left + i * (right - left), low + j * (high - low)) for i, j in shares)
    return PlotLabel(*at, handle_words(chart, results), theme.current().text, "ablr", True, 19.0, places)


def _limit(chart: MemoryWallChart, limit: float) -> PlotLabel:
    words = f"{LIMIT_WORDS.get(chart.axis, 'KV cache full from')} {chart.write(limit)}"
    x, (low, high) = math.log10(limit), chart.y_limits
    aside = 3.0 / max(1.0, chart.plot_px()) * (chart.x_limits[1] - chart.x_limits[0])
    places = tuple((x + way, low + (high - low) * share / 10) for share in range(9) for way in (-aside, aside))
    return PlotLabel(*places[0], words, theme.current().error, "ZA", False, 4.0, places[1:])


def _baselines(chart: MemoryWallChart, results: Results) -> list[PlotLabel]:
    """Names at the baselines' points, else along their curves."""
    names, found = distinct([b.subject for b in results.baselines]), []
    at = {name: (x, y) for x, y, name in chart.baseline_places(results)}
    for i, name in enumerate(names):
        xs, ys = chart.baseline_curves[i].getData()
        line = [] if xs is None else [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)][::-3]
        places = [at[name], *line] if name in at else line
        if places:
            label = PlotLabel(*places[0], name, theme.current().muted, "rlba", False, 6.0, tuple(places[1:]))
            found.append(replace(label, optional=True))
    return found


def _band(chart: MemoryWallChart, band: Band) -> list[PlotLabel]:
    """The band's words at its top, as long as it has room for."""
    width = (band.end - band.start) / (chart.x_limits[1] - chart.x_limits[0]) * chart.plot_px()
    word = resource_word(band.resource) if band.resource else DOES_NOT_FIT
    for text in (f"bound by {word}", word) if band.resource else (word,):
        if text_width(text) + 6 <= width:
            middle = (band.start + band.end) / 2
            return [PlotLabel(middle, chart.y_limits[1], text, theme.current().muted, "b", False, 3.0)]
    return []


def _line_ends(chart: MemoryWallChart) -> list[Line]:
    found = []
    for item in (*chart.curves, *chart.baseline_curves):
        xs, ys = item.getData()
        if xs is not None:
            for (a, b), (c, d) in pairwise(zip(xs, ys, strict=True)):
                found.append((float(a), float(b), float(c), float(d)))
    return found
