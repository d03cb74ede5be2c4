"""The memory wall: tokens per second (or energy per token) against batch, prompt, DRAM bandwidth or SRAM capacity."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.charts.axes import Tick
from explorer.charts.chart import Chart, Table, text_width
from explorer.charts.drag_plot import DragPlot
from explorer.charts.figure_scale import FigureScale
from explorer.charts.log_axis import binary_ticks, log_ticks, power_free
from explorer.charts.pens import line_pen
from explorer.charts.plot import RIGHT_PX
from explorer.charts.points import Points
from explorer.charts.sources import Source, explained
from explorer.charts.switch import Chooser
from explorer.charts.wall_baselines import BaselineBandsItem, band_words, curve_band, whisker_of
from explorer.charts.wall_curve import Measure, Run, between, limit_of, measured, run_line, runs_of
from explorer.charts.wall_drag import WallDrag, stepped
from explorer.charts.wall_items import GRIP_PX, BandsItem, HandleItem, TintedLabels
from explorer.charts.wall_labels import wall_labels
from explorer.charts.wall_words import (
    AXIS_LABELS,
    AXIS_UNITS,
    AXIS_WORDS,
    DOES_NOT_FIT,
    HAS_NONE,
    MEASURE_LABELS,
    MEASURE_UNITS,
    MEASURE_WORDS,
)
from explorer.words import distinct, resource_word
from hwlib.analysis.wall_axes import present_value
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.analysis.wall import Wall, WallAxis
    from hwlib.report import Report

LOGARITHMIC, LINEAR = FigureScale(False), FigureScale(True)
ROOMY_PX = 240
WIDE_PX = 456


class WallSet(NamedTuple):
    """The design's curve, and one per baseline (None where it has none on this axis)."""

    own: Wall
    baselines: tuple[Wall | None, ...]


class MemoryWallChart(Chart):
    """Log-log; shaded by what binds, with the design as it is as a handle that changes it when dragged."""

    name = "memory_wall"
    title = "Memory wall"
    can_freeze = True
    can_be_linear = True
    wall_wanted = Signal()
    """Another axis was chosen or a drag ended: a new wall may be needed, without new results."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.axis: WallAxis = "batch"
        self.measure: Measure = "tokens_per_s"
        self.walls: WallSet | None = None
        self.failed = False
        """True where the curve of what is on show could not be computed."""
        self.drag: WallDrag | None = None
        self.x_limits, self.y_limits = (0.0, 3.0), (0.0, 3.0)
        self.measure_chooser = Chooser(MEASURE_WORDS, "What the chart shows")
        self.axis_chooser = Chooser({a: f"by {w}" for a, w in AXIS_WORDS.items()}, "Against what")
        self.tools.setSpacing(0)
        self.tools.addWidget(self.measure_chooser)
        self.tools.addWidget(self.axis_chooser)
        self.plot = DragPlot()
        self.setFocusProxy(self.plot)
        self.plot.set_grid(left=True, bottom=False)
        self._make_items()
        self._stack(self.plot)
        self._connect()

    def _make_items(self) -> None:
        self.bands = BandsItem(self.plot.box)
        self.curves: list[pg.PlotCurveItem] = []
        self.baseline_curves: list[pg.PlotCurveItem] = []
        self.baseline_bands = BaselineBandsItem(self.plot.box)
        self.baseline_points = Points(pxMode=True, symbol="s", size=8)
        self.baseline_points.setZValue(8)
        self.plot.addItem(self.baseline_points)
        self.sample = Points(pxMode=True, symbol="o", size=9)
        self.sample.setZValue(20)
        self.plot.addItem(self.sample)
        self.handle = HandleItem(self.plot.box)
        self.labels = TintedLabels(self.plot.box, self.bands)

    def _connect(self) -> None:
        self.axis_chooser.changed.connect(self._axis_chosen)
        self.measure_chooser.changed.connect(self._measure_chosen)
        plot = self.plot
        plot.handle_at = self.handle.contains_pixel
        plot.grabbed.connect(self._grabbed)
        plot.dragged.connect(self._dragged)
        plot.dropped.connect(self._dropped)
        plot.abandoned.connect(self._abandoned)
        plot.stepped.connect(self._stepped)
        plot.step_ended.connect(self._step_ended)
        plot.hovered.connect(self._hovered)
        plot.tooltip_at = self._tooltip
        plot.source_at = self._source_at

    # What is shown --------------------------------------------------------------------------------------------------

    def show_axis(self, axis: WallAxis) -> None:
        """Switches to another axis. The curve comes when it is computed."""
        self.axis_chooser.choose(axis)
        self._axis_chosen(axis)

    def show_measure(self, measure: Measure) -> None:
        """Switches between tokens/s and J/token."""
        self.measure_chooser.choose(measure)
        self._measure_chosen(measure)

    def _axis_chosen(self, axis: str) -> None:
        self._step_ended()
        self._thaw()
        self.failed = False
        self.axis = cast("WallAxis", axis)
        self.wall_wanted.emit()
        self._redraw()

    def _measure_chosen(self, measure: str) -> None:
        self._thaw()
        self.measure = cast("Measure", measure)
        self._redraw()

    def show_walls(self, walls: WallSet) -> None:
        """Shows curves that have been computed; those of another axis than the chosen one are left alone."""
        if walls.own.axis == self.axis:
            self.walls, self.failed = walls, False
            self._redraw()

    def tell_failure(self) -> None:
        """Say in place of a curve that there is none to come."""
        self.failed = True
        self._redraw()

    @property
    def scale(self) -> FigureScale:
        """Logarithmic, unless the user wants it linear."""
        return LINEAR if self.linear else LOGARITHMIC

    @property
    def wall(self) -> Wall | None:
        """The design's curve on the chosen axis, None until it is computed, or where there is none."""
        known = self.walls is not None and self.walls.own.axis == self.axis and len(self.walls.own.values) > 0
        return self.walls.own if known and self.walls is not None else None

    # Drawing --------------------------------------------------------------------------------------------------------

    def _shows(self, results: Results) -> bool:
        """A chip on which the LLM does not run is shown where it would: the point can be dragged there."""
        return results.report.fits or (self.wall is not None and any(self.wall.bound))

    def _draw(self, results: Results) -> None:
        self.axis_chooser.set_most(180 if self.width() >= WIDE_PX else 132)
        self.heading.set_text(self._headline(results.report))
        self._set_range(results)
        runs = runs_of(self.wall) if self.wall is not None else []
        limit = limit_of(self.wall) if self.wall is not None else None
        self.bands.set_bands([r.band for r in runs], None if limit is None else math.log10(limit))
        self._draw_curves(runs)
        self._draw_baselines(results)
        self._draw_handle(results.report)
        self._set_labels(results, runs)

    def _headline(self, report: Report) -> str:
        if self.axis in HAS_NONE and self.start_value(report) <= 0.0:
            return f"{self.title}: this chip has {HAS_NONE[self.axis]}"
        if not report.fits:
            return f"{self.title}: {DOES_NOT_FIT}"
        bound = "" if report.metrics is None else resource_word(report.metrics.bound_decode)
        room = self.width() - self.measure_chooser.width() - self.axis_chooser.width() - 4 * theme.GRID_PX
        wordings = (f"{self.title}: decode is bound by {bound}", f"{self.title}: bound by {bound}") if bound else ()
        return next((text for text in wordings if text_width(text, bold=True) <= room), self.title)

    def start_value(self, report: Report) -> float:
        """Where the report's design and scenario stand on the chosen axis."""
        return present_value(report.design, report.scenario, self.axis)

    def _set_range(self, results: Results) -> None:
        shown = (results.report, *results.baselines)
        own = self.wall
        xs = [self.start_value(r) for r in shown if r.fits] if self.axis in HAS_NONE else []
        xs += [float(own.values[0]), float(own.values[-1])] if own is not None else [self.start_value(results.report)]
        ys = [float(v) for w in self._walls() for v in measured(w, self.measure)]
        ys += [self.figure(r) for r in shown]
        self.x_limits = _tight([x for x in xs if x > 0.0])
        self.y_limits = self.scale.limits(ys, self.plot.room_px)
        self.plot.set_range(self.x_limits, self.y_limits)
        self.x_limits, self.y_limits = self.plot.shown_range
        self._set_ticks()

    def _set_ticks(self) -> None:
        roomy = self.height() >= ROOMY_PX
        ticks = self.scale.ticks(self.y_limits, self._write_figure, max(2, int(self.plot.room_px // 24)))
        axis_px = max((text_width(text) for _, text in ticks), default=0) + 10 + (20 if roomy else 0)
        self.plot.set_axis_label("left", MEASURE_LABELS[self.measure])
        self.plot.set_left_width(axis_px, label=roomy)
        self.plot.set_ticks("left", ticks)
        room = int(self.plot.width_beside(axis_px) // (72 if AXIS_UNITS[self.axis] else 44))
        make = log_ticks if self.axis == "bandwidth" else binary_ticks
        self.plot.set_ticks("bottom", self._whole(make(*self.x_limits, self.write, max(2, room)), axis_px))
        self.plot.set_axis_label("bottom", AXIS_LABELS[self.axis])
        self.plot.set_bottom_label(roomy)

    def _whole(self, ticks: list[Tick], axis_px: float) -> list[Tick]:
        """Without a tick whose text would be cut off at the right."""
        low, high = self.x_limits
        px = self.plot.width_beside(axis_px) / (high - low)
        return [(at, text) for at, text in ticks if text_width(text) / 2 <= (high - at) * px + RIGHT_PX]

    def _write_figure(self, value: float) -> str:
        """A tick of the left axis; the chart says tokens/s at its head."""
        return power_free(value) if self.measure == "tokens_per_s" else format_quantity(value, "J")

    def write(self, value: float) -> str:
        """A value of the axis as people read it."""
        if self.axis in ("batch", "context"):
            whole = value if value >= 1e6 else round(value)
            return format_quantity(whole, "").strip()
        return format_quantity(value, AXIS_UNITS[self.axis], 3, binary=self.axis == "capacity")

    def figure(self, report: Report) -> float:
        """What the chart shows of a report, NaN where it has no figures."""
        metrics = report.metrics
        return math.nan if metrics is None else float(getattr(metrics, self.measure))

    def _walls(self) -> list[Wall]:
        if self.walls is None or self.wall is None:
            return []
        others = self.walls.baselines if self.axis not in HAS_NONE else ()
        return [self.walls.own, *(w for w in others if w is not None and w.axis == self.axis)]

    def _draw_curves(self, runs: Sequence[Run]) -> None:
        shown = [r for r in runs if r.band.resource]
        while len(self.curves) < len(shown):
            self.curves.append(self._new_curve(5))
        for i, item in enumerate(self.curves):
            if i >= len(shown):
                item.setData([], [])
                continue
            xs, ys = run_line(self.wall, shown[i], self.measure, self.scale)
            item.setData(xs, ys)
            item.setPen(line_pen(theme.RESOURCE_COLORS[shown[i].band.resource], 3.0))

    def _new_curve(self, z: float) -> pg.PlotCurveItem:
        line = pg.PlotCurveItem(antialias=True)
        line.setZValue(z)
        self.plot.addItem(line)
        return line

    def _draw_baselines(self, results: Results) -> None:
        others = self.walls.baselines if self.walls is not None and self.axis not in HAS_NONE else ()
        while len(self.baseline_curves) < len(results.baselines):
            self.baseline_curves.append(self._new_curve(6))
        for i, item in enumerate(self.baseline_curves):
            wall = others[i] if i < len(others) and i < len(results.baselines) else None
            if wall is None or wall.axis != self.axis:
                item.setData([], [])
                continue
            values = measured(wall, self.measure)
            finite = np.isfinite(values) & (values > 0)
            item.setData(np.log10(wall.values[finite]), self.scale.places(values[finite]))
            item.setPen(line_pen(theme.baseline_gray(i), 1.5, theme.BASELINE_DASHES[i % len(theme.BASELINE_DASHES)]))
        points = self.baseline_places(results)
        self.baseline_points.setData([p[0] for p in points], [p[1] for p in points])
        self.baseline_points.setBrush(QColor(theme.current().base))
        self.baseline_points.setPen(line_pen(theme.current().muted, 1.5))
        self._draw_bands(results, others)

    def _draw_bands(self, results: Results, walls: Sequence[Wall | None]) -> None:
        along = self.measure == "tokens_per_s"
        bands = (curve_band(w, self.scale) for w in walls if along and w is not None and w.axis == self.axis)
        whiskers = (whisker_of(r, self.measure, self.start_value(r), self.scale) for r in results.baselines)
        self.baseline_bands.show_bands([b for b in bands if b is not None], [w for w in whiskers if w is not None])

    def baseline_places(self, results: Results) -> list[tuple[float, float, str]]:
        """(x, y, name) of every baseline that has a place on both axes, as the plane has it."""
        found = []
        names = distinct([b.subject for b in results.baselines])
        for name, report in zip(names, results.baselines, strict=True):
            x, y = self.start_value(report), self.figure(report)
            if x > 0.0 and y > 0.0 and math.isfinite(y):
                found.append((math.log10(x), self.scale.place(y), name))
        return found

    def _draw_handle(self, report: Report) -> None:
        x = self.drag.value if self.drag is not None else self.start_value(report)
        y = self.figure(report) if x == self.start_value(report) else self.on_curve(x)
        # Where nothing runs the point still can be dragged to where something does.
        low, high = self.y_limits
        place = self.scale.place(y) if y > 0.0 and math.isfinite(y) else low + (high - low) / 3
        self.handle.place((math.log10(x), place) if x > 0.0 else None, True)

    def on_curve(self, x: float) -> float:
        """The curve's figure at a value between its samples, NaN beyond them."""
        return math.nan if self.wall is None else between(self.wall, self.measure, x)

    def _set_labels(self, results: Results, runs: Sequence[Run]) -> None:
        self.labels.set_labels(*wall_labels(self, results, runs))

    def plot_px(self) -> float:
        """Width of the plot beside its axis."""
        return self.plot.width_beside(self.plot.left.width())

    # Mouse and keys -------------------------------------------------------------------------------------------------

    def value_at(self, pos: QPointF) -> float:
        """The axis' value at a point of the view box."""
        low, high = self.x_limits
        share = pos.x() / max(1.0, self.plot.box.rect().width())
        return float(10.0 ** (low + min(max(share, 0.0), 1.0) * (high - low)))

    def _within(self, value: float) -> float:
        """The value, within the ends of the curve: it can be dragged to where the figures are known."""
        if self.wall is None:
            return value
        return min(max(value, float(self.wall.values[0])), float(self.wall.values[-1]))

    def _grabbed(self, pos: QPointF) -> None:
        self.drag = WallDrag(self.document, self.axis)
        self.handle.light(True)

    def _dragged(self, pos: QPointF) -> None:
        if self.drag is not None and self.drag.move_to(self._within(self.value_at(pos))):
            self._redraw()

    def _dropped(self) -> None:
        self.drag = None
        self.handle.light(self.plot.hasFocus())
        self.wall_wanted.emit()
        self._redraw()

    def _abandoned(self) -> None:
        if self.drag is not None:
            self.drag.abandon()
        self._dropped()

    def _stepped(self, steps: int) -> None:
        """Arrow keys: all presses while a key is held are one gesture."""
        if self.drag is None:
            self.drag = WallDrag(self.document, self.axis)
        if self.drag.start > 0.0 and self.drag.move_to(stepped(self.axis, self.drag.value, steps)):
            self._redraw()

    def _step_ended(self) -> None:
        if self.drag is not None and not self.plot.dragging:
            self._dropped()

    def _hovered(self, pos: object) -> None:
        index = self._sample_at(pos) if isinstance(pos, QPointF) else None
        over = isinstance(pos, QPointF) and self.handle.contains_pixel(pos)
        self.handle.light(over or self.plot.hasFocus())
        place = None if index is None else self._sample_place(index)
        self.sample.setData([place[0]] if place else [], [place[1]] if place else [])
        self.sample.setBrush(QColor(theme.current().base))
        self.sample.setPen(line_pen(theme.current().text, 1.5))

    def _sample_at(self, pos: QPointF) -> int | None:
        """The sample of the curve nearest to a point, sideways."""
        if self.wall is None or not self.plot.box.rect().contains(pos):
            return None
        return int(np.abs(np.log10(self.wall.values) - math.log10(self.value_at(pos))).argmin())

    def _sample_place(self, index: int) -> tuple[float, float] | None:
        if self.wall is None:
            return None
        y = float(measured(self.wall, self.measure)[index])
        return (math.log10(self.wall.values[index]), self.scale.place(y)) if y > 0.0 and math.isfinite(y) else None

    def _source_at(self, pos: QPointF) -> Source | None:
        at = self.handle.at
        on_handle = at is not None and QLineF(self.handle.to_pixels(*at), pos).length() <= GRIP_PX
        return Source(self.drawn.report, self.measure) if on_handle and self.drawn is not None else None

    def _tooltip(self, pos: QPointF) -> str:
        index = self._sample_at(pos)
        if index is None or self.wall is None or self.drawn is None:
            return ""
        wall = self.wall
        lines = [f"<b>{html.escape(self._sample_words(float(wall.values[index])))}</b>"]
        if not wall.bound[index]:
            return "<br>".join([*lines, DOES_NOT_FIT])
        lines.append(f"{format_quantity(float(wall.tokens_per_s[index]), 'tokens/s')}, batch / TPOT")
        lines.append(f"{format_quantity(float(wall.energy_per_token_J[index]), 'J')} per token, by actions, package")
        lines.append(f"decode bound by {resource_word(wall.bound[index])}")
        wanted = float(wall.values[index]) if self.axis == "batch" else float(self.drawn.report.scenario.batch)
        if wall.batch_running[index] < wanted:
            lines.append(f"KV cache full: {wall.batch_running[index]:.0f} of {wanted:.0f} sequences run at once")
        lines += self._others_at(float(wall.values[index]))
        return "<br>".join([*lines, *explained(self._source_at(pos))])

    def _others_at(self, value: float) -> list[str]:
        """What the baselines that have a curve reach at a value of the axis."""
        if self.drawn is None or self.walls is None or self.axis in HAS_NONE:
            return []
        names, unit = distinct([b.subject for b in self.drawn.baselines]), MEASURE_UNITS[self.measure]
        found = []
        for name, wall in zip(names, self.walls.baselines, strict=False):
            y = between(wall, self.measure, value) if wall is not None and wall.axis == self.axis else math.nan
            if math.isfinite(y):
                band = band_words(wall, self.measure, value, y) if wall is not None else ""
                found.append(f"{html.escape(name)}: {format_quantity(y, unit)}{band}")
        return found

    def _sample_words(self, value: float) -> str:
        unit = {"batch": "", "context": " tokens"}.get(self.axis, "")
        return f"{AXIS_WORDS[self.axis][:1].upper()}{AXIS_WORDS[self.axis][1:]} {self.write(value)}{unit}"

    # What every chart has -------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        self.plot.restyle()

    def values(self) -> Table:
        header = (self.axis, "tokens_per_s", "energy_per_token_J", "bound_decode", "batch_running")
        wall = self.wall
        if wall is None or self.drawn is None:
            return Table(header, ())
        columns = (wall.values, wall.tokens_per_s, wall.energy_per_token_J, wall.bound, wall.batch_running)
        rows = zip(*(c if isinstance(c, tuple) else c.tolist() for c in columns), strict=True)
        return Table(header, tuple(tuple(row) for row in rows))


def _tight(values: Sequence[float]) -> tuple[float, float]:
    """Limits in log10 around positive values, with a little air on both sides for the handle."""
    if not values:
        return 0.0, 3.0
    low, high = math.log10(min(values)), math.log10(max(values))
    air = 0.04 * max(high - low, 1.0)
    return low - air, high + air
