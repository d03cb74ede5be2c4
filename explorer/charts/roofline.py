"""Roofline: achieved FLOP/s of every operator against FLOP per DRAM byte, under the roofs of design and baselines."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QPen
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.charts.axes import decade_ticks, log_limits
from explorer.charts.chart import Chart, Table, text_width
from explorer.charts.items import LabelsItem, PlotLabel
from explorer.charts.legend import Entry, Legend
from explorer.charts.measured import WORDS as MEASURED
from explorer.charts.measured import MeasuredKernels, words_of
from explorer.charts.pens import line_pen
from explorer.charts.plot import PlotView
from explorer.charts.points import Points
from explorer.charts.roofs import SYMBOLS, Beam, beam_at, beam_words, beams_of, roof_of, source_of
from explorer.charts.sources import Source, explained
from explorer.words import PHASE_SHORT, PHASE_WORDS, distinct, operator_word, resource_word, rich_percent
from hwlib.report import PHASES
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import Ceiling, OperatorRow, Phase, Report

ROOMY_PX = 240
SMALLEST_PX, LARGEST_PX = 6.0, 20.0
COUNTED_SHARE = 0.01
"""Operators under this share of their phase do not stretch the axes; they lie at the edge or outside."""
AROUND = 2.0
"""Free space around what is on show, as a factor."""
HEADROOM_PX = 22.0
NAMED = 2
"""Operators of each phase that are named on the chart, the longest first."""
BEYOND = 0.5
"""Decades to the right of the axis, for operators that move no byte of DRAM."""


class Point(NamedTuple):
    """An operator on the plane, in log10."""

    row: OperatorRow
    x: float
    y: float
    size_px: float
    share: float


def achieved(row: OperatorRow) -> float:
    """FLOP/s that an operator reaches."""
    return row.flops / row.time_s if row.time_s > 0.0 else 0.0


class RooflineChart(Chart):
    """Log-log, with ridge points; symbols tell the phase, sizes the share of time, colours the binding resource."""

    name = "roofline"
    title = "Roofline"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.plot = PlotView()
        self.plot.set_grid(left=True, bottom=True)
        self.legend = Legend()
        self._stack(self.plot, self.legend)
        self.points: tuple[Point, ...] = ()
        self.x_limits, self.y_limits = (0.0, 2.0), (0.0, 2.0)
        self.beams: list[Beam] = []
        self._beyond = False
        self._top = math.inf
        self._selected: str | None = None
        self._make_items()
        self._make_looks()
        self.plot.clicked.connect(self._clicked)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at

    def _make_items(self) -> None:
        self.edge = self._line(-10)
        self.design_lines: list[pg.PlotCurveItem] = []
        self.baseline_lines: list[pg.PlotCurveItem] = []
        self.halo = Points(pxMode=True, symbol="o", size=LARGEST_PX + 10)
        self.ridge = Points(pxMode=True, symbol="d", size=11)
        self.scatter = {p: Points(pxMode=True, symbol=SYMBOLS[p], size=10) for p in PHASES}
        for z, item in enumerate((self.halo, *self.scatter.values(), self.ridge)):
            item.setZValue(10 + z)
            self.plot.addItem(item)
        self.measured = MeasuredKernels()
        self.plot.addItem(self.measured)
        self.labels = LabelsItem(self.plot.box)

    def _line(self, z: float) -> pg.PlotCurveItem:
        line = pg.PlotCurveItem(antialias=True)
        line.setZValue(z)
        self.plot.addItem(line)
        return line

    def _draw(self, results: Results) -> None:
        report = results.report
        roof = roof_of(report)
        self.heading.set_text(self.title if roof is None else f"{self.title}, ridge point {_intensity(roof.ridge)}")
        self.legend.set_lines(2 if self.height() >= ROOMY_PX else 1)
        self.points = tuple(p for phase in PHASES for p in _points(report, phase))
        self._set_range(results)
        self._place_beyond()
        self._draw_roofs(results)
        self._draw_points()
        self.measured.show_devices([b.device for b, report in results.pairs() if report.basis])
        self._set_legend(results)
        self._set_labels(results)

    # Range ------------------------------------------------------------------------------------------------------

    def _set_range(self, results: Results) -> None:
        counted = [p for p in self.points if p.share >= COUNTED_SHARE]
        roofs = [r for r in map(roof_of, (results.report, *results.baselines)) if r is not None]
        xs = [10.0**p.x / AROUND for p in counted if math.isfinite(p.x)] + [r.ridge * AROUND for r in roofs]
        xs += [10.0**p.x * AROUND for p in counted if math.isfinite(p.x)]
        ys = [10.0**p.y / AROUND for p in counted] + [r.compute.value * AROUND for r in roofs]
        self.x_limits, self.y_limits = log_limits(xs), _with_headroom(log_limits(ys), self.plot.room_px)
        self._beyond = any(not math.isfinite(p.x) for p in counted)
        x_low, x_high = self.x_limits
        y_low, y_high = self.y_limits
        self.plot.set_range((x_low, x_high + self._margin()), (y_low, y_high))
        if self.frozen:
            (x_low, right), self.y_limits = self.plot.shown_range
            x_high, (y_low, y_high) = right - self._margin(), self.y_limits
            self.x_limits = (x_low, x_high)
        ticks = decade_ticks(y_low, y_high, "FLOP/s", at_most=max(2, int(self.plot.room_px // 24)))
        roomy = self.height() >= ROOMY_PX
        axis_px = max(text_width(text) for _, text in ticks) + 10 + (20 if roomy else 0)
        self.plot.set_axis_label("left", "Achieved")
        self.plot.set_left_width(axis_px, label=roomy)
        self.plot.set_ticks("left", ticks)
        room = self.plot.width_beside(axis_px)
        self.plot.set_ticks("bottom", decade_ticks(x_low, x_high, "", at_most=max(2, int(room // 50))))
        wide = room > 300.0
        self.plot.set_axis_label("bottom", f"{'Operational intensity' if wide else 'Intensity'} (FLOP per DRAM byte)")

    def _place_beyond(self) -> None:
        """Operators without DRAM traffic stand in a column of their own, right of the axis."""
        place = self.x_limits[1] + BEYOND / 2
        self.points = tuple(p if math.isfinite(p.x) else p._replace(x=place) for p in self.points)
        x = self.x_limits[1]
        self.edge.setData([x, x] if self._beyond else [], list(self.y_limits) if self._beyond else [])
        self.edge.setPen(line_pen(theme.current().muted, 1, (2.0, 3.0)))

    # Roofs ------------------------------------------------------------------------------------------------------

    def _draw_roofs(self, results: Results) -> None:
        lines = _design_lines(results.report, self.x_limits, self.y_limits)
        while len(self.design_lines) < len(lines):
            self.design_lines.append(self._line(2))
        self.beams = []
        for item, (xs, ys, pen) in zip(self.design_lines, [*lines, *_nothing(self.design_lines, lines)], strict=True):
            item.setData(xs, ys)
            item.setPen(pen)
        for ceiling, (xs, ys, _) in zip(_shown_ceilings(results.report), lines, strict=True):
            self.beams += beams_of(results.report, [ceiling], xs, ys)
        self._draw_baselines(results.baselines)
        roof = roof_of(results.report)
        at = (math.log10(roof.ridge), math.log10(roof.compute.value)) if roof is not None else None
        self.ridge.setData([at[0]] if at else [], [at[1]] if at else [])
        self.ridge.setBrush(QColor(theme.current().base))
        self.ridge.setPen(line_pen(theme.current().text, 1.5))

    def _draw_baselines(self, baselines: Sequence[Report]) -> None:
        while len(self.baseline_lines) < len(baselines):
            self.baseline_lines.append(self._line(1))
        for index, item in enumerate(self.baseline_lines):
            roof = roof_of(baselines[index]) if index < len(baselines) else None
            xs, ys = ([], []) if roof is None else roof.line(self.x_limits[0], self.x_limits[1] + BEYOND)
            item.setData(xs, ys)
            if roof is not None:
                self.beams += beams_of(baselines[index], (roof.dram, roof.compute), xs, ys)
            item.setPen(line_pen(theme.baseline_gray(index), 1.5, _dash(index)))

    # Points -----------------------------------------------------------------------------------------------------

    def _draw_points(self) -> None:
        for phase, item in self.scatter.items():
            points = [p for p in self.points if p.row.phase == phase]
            looks = [self._looks[theme.RESOURCE_COLORS[p.row.bound]] for p in points]
            item.setData(
                x=np.array([p.x for p in points]), y=np.array([p.y for p in points]), size=[p.size_px for p in points],
                brush=[brush for brush, _ in looks], pen=[pen for _, pen in looks],
            )  # fmt: skip
        self._draw_halo()

    def _draw_halo(self) -> None:
        chosen = next((p for p in self.points if p.row.key == self._selected), None)
        self.halo.setData([chosen.x] if chosen else [], [chosen.y] if chosen else [])
        accent = QColor(theme.current().accent)
        self.halo.setPen(line_pen(theme.current().accent, 2))
        accent.setAlphaF(0.2)
        self.halo.setBrush(accent)
        if chosen is not None:
            self.halo.setSize(chosen.size_px + 10.0)

    def _select(self, key: str | None) -> None:
        self._selected = key
        if self.drawn is not None:
            self._draw_halo()
            self._set_labels(self.drawn)

    def point_at(self, pos: QPointF) -> Point | None:
        """The operator under a point of the view box; of several the nearest."""
        best, nearest = None, math.inf
        for point in self.points:
            away = self.labels.to_pixels(point.x, point.y) - pos
            distance = math.hypot(away.x(), away.y())
            if distance <= max(8.0, point.size_px / 2 + 3.0) and distance < nearest:
                best, nearest = point, distance
        return best

    def _clicked(self, pos: QPointF) -> None:
        point = self.point_at(pos)
        chosen = point is not None and point.row.key != self._selected
        self.document.select_operator(point.row.key if point is not None and chosen else None)

    def _tooltip(self, pos: QPointF) -> str:
        point = self.point_at(pos)
        if point is None:
            kernel = self.measured.kernel_at(pos, self.labels)
            if kernel is not None:
                return words_of(kernel)
            beam = beam_at(self.beams, self.labels, pos)
            return "" if beam is None else beam_words(beam, beam.report.subject)
        row = point.row
        intensity = _intensity(row.intensity) if row.dram_bytes > 0.0 else "no DRAM traffic"
        return "<br>".join((
            f"<b>{html.escape(operator_word(row.name))}</b> · {PHASE_WORDS[row.phase].lower()}",
            f"{format_quantity(achieved(row), 'FLOP/s')} achieved, {intensity}",
            f"{format_quantity(row.time_s, 's')}, {rich_percent(point.share)} of the whole",
            f"bound by {resource_word(row.bound)}",
            *explained(self._source_at(pos)),
        ))  # fmt: skip

    def _source_at(self, pos: QPointF) -> Source | None:
        point, beam = self.point_at(pos), beam_at(self.beams, self.labels, pos)
        if point is not None and self.drawn is not None:
            return Source(self.drawn.report, f"time.{point.row.key}")
        return None if beam is None else source_of(beam)

    # Words ------------------------------------------------------------------------------------------------------

    def _set_labels(self, results: Results) -> None:
        t = theme.current()
        chosen = [p for p in self.points if p.row.key == self._selected]
        named = [p for p in self._longest() if p not in chosen]
        labels = [_point_label(p, t.text, bold=True) for p in chosen]
        labels += self._roof_labels(results.report)
        labels += [_point_label(p, t.text, optional=True) for p in named]
        labels += self._baseline_labels(results.baselines)
        if self._beyond:
            x = self.x_limits[1]
            labels.append(PlotLabel(x, self.y_limits[0], "no DRAM traffic", t.muted, sides="AZ", away_px=3.0))
        points = [(p.x, p.y, p.size_px / 2) for p in self.points if p.share >= COUNTED_SHARE]
        points += [(x, y, 6.0) for x, y in zip(*self.ridge.getData(), strict=True)]
        self.labels.set_labels(labels, points, self._line_ends())

    def _line_ends(self) -> list[tuple[float, float, float, float]]:
        """Every straight stretch of a roof on show."""
        found = []
        for item in (*self.design_lines, *self.baseline_lines):
            xs, ys = item.getData()
            if xs is not None:
                ends = zip(xs[:-1], ys[:-1], xs[1:], ys[1:], strict=True)
                found += [(float(a), float(b), float(c), float(d)) for a, b, c, d in ends]
        return found

    def _longest(self) -> list[Point]:
        found = []
        for phase in reversed(PHASES):
            of_phase = [p for p in self.points if p.row.phase == phase]
            found += sorted(of_phase, key=lambda p: -p.share)[:NAMED]
        return found

    def _roof_labels(self, report: Report) -> list[PlotLabel]:
        roof = roof_of(report)
        leading = () if roof is None else (roof.compute, roof.dram)
        self._top = math.inf if roof is None else math.log10(roof.compute.value)
        bandwidth = math.inf if roof is None else math.log10(roof.dram.value)
        labels = []
        for ceiling in _shown_ceilings(report):
            y = math.log10(ceiling.value)
            text = f"{ceiling.name} {_level(ceiling)}"
            start = y - bandwidth if ceiling.kind == "compute" else -math.inf
            if ceiling in leading or self.height() >= ROOMY_PX:
                labels.append(self._line_label(y, ceiling.kind == "memory", text, theme.current().text, start))
        if roof is not None:
            at = math.log10(roof.ridge), math.log10(roof.compute.value)
            text = f"ridge {_intensity(roof.ridge)}"
            labels.insert(0, PlotLabel(*at, text, theme.current().text, sides="ZBAY", away_px=7.0))
        return labels

    def _line_label(self, level: float, sloped: bool, text: str, color: str, start: float = -math.inf) -> PlotLabel:
        """Words at a ceiling: along the flat line from the right, or beside the slope from below."""
        low, high = self.x_limits
        if not sloped:
            ends = [high + self._margin() - (0.1 + step) * (high - low) / 20 for step in range(16)]
            places = [(x, level) for x in ends]
            return PlotLabel(*places[0], text, color, "ZY", False, 3.0, tuple(places[1:]), from_x=start)
        first = max(low, self.y_limits[0] - level) + 0.1
        xs = [first + step * (high - low) / 16 for step in range(12)]
        places = [(x, x + level) for x in xs if x + level < self._top] or [(first, first + level)]
        return PlotLabel(*places[0], text, color, "lr", False, 10.0, tuple(places[1:]))

    def _margin(self) -> float:
        return BEYOND if self._beyond else 0.0

    def _baseline_labels(self, baselines: Sequence[Report]) -> list[PlotLabel]:
        labels = []
        names = distinct([b.subject for b in baselines])
        for name, roof in zip(names, map(roof_of, baselines), strict=True):
            if roof is not None:
                y, start = math.log10(roof.compute.value), math.log10(roof.ridge)
                labels.append(self._line_label(y, False, name, theme.current().muted, start))
        return labels

    def _set_legend(self, results: Results) -> None:
        t = theme.current()
        bounds = list(dict.fromkeys(p.row.bound for p in sorted(self.points, key=lambda p: -p.share)))
        entries = [Entry(PHASE_SHORT["decode"], t.muted, shape="circle")]
        entries += [Entry(PHASE_SHORT["prefill"], t.muted, shape="square")]
        entries += [Entry(f"bound by {resource_word(b)}", theme.RESOURCE_COLORS[b]) for b in bounds]
        names = distinct([b.subject for b in results.baselines])
        entries[2:2] = [
            Entry(name, theme.baseline_gray(i), shape="line", dash=_dash(i))
            for i, name in enumerate(names)
            if roof_of(results.baselines[i]) is not None
        ]
        if self.measured.kernels:
            entries.insert(2, Entry(MEASURED, t.text, shape="plus"))
        self.legend.set_entries(tuple(entries))

    def _make_looks(self) -> None:
        """Brush and pen of each colour: pyqtgraph keeps drawn symbols by them, so that they must stay the same."""
        colors = {*theme.RESOURCE_COLORS.values()}
        self._looks = {c: (QBrush(QColor(c)), line_pen(theme.outline(c), 1)) for c in colors}

    def _restyle(self) -> None:
        self._make_looks()
        self.plot.restyle()
        self.legend.update()

    def values(self) -> Table:
        header = ("phase", "operator", "FLOP_per_DRAM_byte", "FLOP_per_s", "share", "bound")
        points = self.points if self.drawn is not None else ()
        rows = tuple((p.row.phase, p.row.name, p.row.intensity, achieved(p.row), p.share, p.row.bound) for p in points)
        return Table(header, rows)


Line = tuple[list[float], list[float], QPen]


def _points(report: Report, phase: Phase) -> list[Point]:
    rows = report.rows(phase)
    whole = sum(r.time_s for r in rows)
    result = []
    for row in rows:
        if row.flops > 0.0 and row.time_s > 0.0:
            share = row.time_s / whole
            # Whole pixels, since every new size costs a symbol to be drawn and kept.
            size = float(round(SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * math.sqrt(share)))
            x = math.log10(row.intensity) if row.dram_bytes > 0.0 else math.inf
            result.append(Point(row, x, math.log10(achieved(row)), size, share))
    return result


def _shown_ceilings(report: Report) -> list[Ceiling]:
    """The ceilings worth a line: the highest compute, DRAM and SRAM one, and the next compute ones."""
    compute = sorted((c for c in report.ceilings if c.kind == "compute" and c.value > 0.0), key=lambda c: -c.value)
    memory = [c for c in report.ceilings if c.kind == "memory" and c.value > 0.0]
    memory.sort(key=lambda c: c.resource != "dram")
    by_resource = list({c.resource: c for c in reversed(memory)}.values())[::-1]
    return [*compute[:1], *by_resource, *compute[1:3]]


def _design_lines(report: Report, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> list[Line]:
    roof = roof_of(report)
    top = math.log10(roof.compute.value) if roof is not None else y_limits[1]
    bandwidth = math.log10(roof.dram.value) if roof is not None else -math.inf
    lines = []
    for ceiling in _shown_ceilings(report):
        level, color = math.log10(ceiling.value), theme.RESOURCE_COLORS[ceiling.resource]
        leading = roof is not None and ceiling in (roof.compute, roof.dram)
        pen = line_pen(color, 2.5 if leading else 1.5, () if leading else (4.0, 3.0))
        if ceiling.kind == "compute":
            start = max(x_limits[0], level - bandwidth) if math.isfinite(bandwidth) else x_limits[0]
            lines.append(([start, x_limits[1] + BEYOND], [level, level], pen))
        else:
            start = x_limits[0]
            lines.append(([start, top - level], [start + level, top], pen))
    return lines


def _nothing(items: list[pg.PlotCurveItem], lines: list[Line]) -> list[Line]:
    return [([], [], QPen(Qt.PenStyle.NoPen))] * (len(items) - len(lines))


def _dash(index: int) -> tuple[float, ...]:
    return theme.BASELINE_DASHES[index % len(theme.BASELINE_DASHES)]


def _point_label(point: Point, color: str, bold: bool = False, optional: bool = False) -> PlotLabel:
    text, away = operator_word(point.row.name), point.size_px / 2 + 3.0
    return PlotLabel(point.x, point.y, text, color, sides="rlba", bold=bold, away_px=away, optional=optional)


def _with_headroom(limits: tuple[float, float], height_px: float) -> tuple[float, float]:
    """Limits raised by quarters of a decade until words have room over the highest roof."""
    low, high = limits
    room = HEADROOM_PX / max(height_px, 2 * HEADROOM_PX) * (high - low) - math.log10(AROUND)
    return low, high + max(0.0, math.ceil(room * 4) / 4)


def _level(ceiling: Ceiling) -> str:
    return format_quantity(ceiling.value, "FLOP/s" if ceiling.kind == "compute" else "B/s", 3)


def _intensity(value: float) -> str:
    return f"{format_quantity(value, '', 3)} FLOP/B"
