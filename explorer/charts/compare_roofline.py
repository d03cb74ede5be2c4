"""The roofs of many chips on common axes, with the mean point of prefill and decode of each."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple

import pyqtgraph as pg
from PySide6.QtCore import QPointF
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.bands import Band, phase_band
from explorer.charts.axes import decade_ticks, log_limits
from explorer.charts.chart import Table, text_width
from explorer.charts.compare_chart import CompareChart, letters
from explorer.charts.items import LabelsItem, PlotLabel
from explorer.charts.legend import Entry, Legend
from explorer.charts.pens import line_pen
from explorer.charts.plot import RIGHT_PX, PlotView
from explorer.charts.points import Points
from explorer.charts.roofs import SYMBOLS, Beam, Roof, beam_at, beam_words, beams_of, roof_of, source_of
from explorer.charts.sources import Source, explained
from explorer.charts.wall_baselines import BaselineBandsItem, Whisker
from explorer.words import PHASE_SHORT, PHASE_TOTALS, PHASE_WORDS, phase_total_s, resource_word
from hwlib.report import PHASES, RESOURCES
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import Phase, Report

ROOMY_PX = 240
POINT_PX = 13.0
AROUND = 3.0
LINE_DASHES: tuple[tuple[float, ...], ...] = ((), *theme.BASELINE_DASHES)


class Mean(NamedTuple):
    """All operators of a phase together: FLOP per DRAM byte and FLOP/s reached, and what binds."""

    chip: int
    phase: Phase
    intensity: float
    flops: float
    bound: str
    band: Band | None = None
    """Of the FLOP/s, where the time of the phase has one."""


def mean_of(report: Report, index: int, phase: Phase) -> Mean | None:
    """Where a phase of a report lies, None where it moves no byte of DRAM or has no figures."""
    rows = report.rows(phase)
    flops, moved, time = (sum(getattr(r, name) for r in rows) for name in ("flops", "dram_bytes", "time_s"))
    if not report.fits or flops <= 0.0 or moved <= 0.0 or time <= 0.0:
        return None
    totals, band = report.time_by_resource[phase], phase_band(report, phase, time)
    bound = max(RESOURCES, key=lambda r: totals.get(r, 0.0))
    return Mean(index, phase, flops / moved, flops / time, bound, band.over(flops) if band is not None else None)


class CompareRoofline(CompareChart):
    """One line per chip with its letter; lines differ by dash and width, points are coloured by what binds."""

    name = "compare_roofline"
    title = "Rooflines"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.plot = PlotView()
        self.plot.set_grid(left=True, bottom=True)
        self.legend = Legend()
        self._stack(self.plot, self.legend)
        self.roofs: list[tuple[int, Roof]] = []
        self.points: list[Mean] = []
        self.beams: list[Beam] = []
        self.lines: list[pg.PlotCurveItem] = []
        self.scatter = {p: Points(pxMode=True, symbol=SYMBOLS[p], size=POINT_PX) for p in PHASES}
        for z, item in enumerate(self.scatter.values()):
            item.setZValue(10 + z)
            self.plot.addItem(item)
        self.whiskers = BaselineBandsItem(self.plot.box)
        self.labels = LabelsItem(self.plot.box)
        self.x_limits, self.y_limits = (0.0, 2.0), (0.0, 2.0)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at

    def _draw(self, results: Results) -> None:
        self.heading.set_text(self.title)
        self.legend.set_lines(2 if self.height() >= ROOMY_PX else 1)
        self.roofs = [(i, roof) for i, r in enumerate(self.reports) if (roof := roof_of(r)) is not None]
        means = (mean_of(report, i, phase) for i, report in enumerate(self.reports) for phase in PHASES)
        self.points = [point for point in means if point is not None]
        self._set_range()
        self._draw_lines()
        self._draw_points()
        self._set_labels()
        self._set_legend()

    def _set_range(self) -> None:
        xs = [p.intensity for p in self.points] + [roof.ridge for _, roof in self.roofs]
        ys = [p.flops for p in self.points] + [roof.compute.value for _, roof in self.roofs]
        self.x_limits = log_limits([x * f for x in xs for f in (1 / AROUND, AROUND)])
        self.y_limits = log_limits([y * f for y in ys for f in (1 / AROUND, AROUND)])
        self.plot.set_range(self.x_limits, self.y_limits)
        self.x_limits, self.y_limits = self.plot.shown_range
        roomy = self.height() >= ROOMY_PX
        ticks = decade_ticks(*self.y_limits, "FLOP/s", at_most=max(2, int(self.plot.room_px // 24)))
        axis_px = max((text_width(text) for _, text in ticks), default=0) + 10 + (20 if roomy else 0)
        self.plot.set_axis_label("left", "Achieved")
        self.plot.set_left_width(axis_px, label=roomy)
        self.plot.set_ticks("left", ticks)
        room = self.plot.width_beside(axis_px)
        ticks = decade_ticks(*self.x_limits, "", at_most=max(2, int(room // 50)))
        px = room / (self.x_limits[1] - self.x_limits[0])
        whole = [(at, text) for at, text in ticks if text_width(text) / 2 <= (self.x_limits[1] - at) * px + RIGHT_PX]
        self.plot.set_ticks("bottom", whole)
        self.plot.set_axis_label(
            "bottom", f"{'Operational intensity' if room > 300 else 'Intensity'} (FLOP per DRAM byte)"
        )

    def _draw_lines(self) -> None:
        while len(self.lines) < len(self.roofs):
            line = pg.PlotCurveItem(antialias=True)
            self.plot.addItem(line)
            self.lines.append(line)
        self.beams = []
        for item, (index, roof) in zip(self.lines, self.roofs, strict=False):
            xs, ys = roof.line(*self.x_limits)
            item.setData(xs, ys)
            self.beams += beams_of(self.reports[index], (roof.dram, roof.compute), xs, ys)
            item.setPen(line_pen(self._ink(index), 2.5 if index == self.reference else 1.5, _dash(index)))
        for item in self.lines[len(self.roofs) :]:
            item.setData([], [])

    def _ink(self, index: int) -> str:
        t = theme.current()
        return t.text if index == self.reference else theme.baseline_gray(index)

    def _draw_points(self) -> None:
        for phase, item in self.scatter.items():
            points = [p for p in self.points if p.phase == phase]
            colors = [theme.RESOURCE_COLORS[p.bound] for p in points]
            item.setData(
                x=[math.log10(p.intensity) for p in points], y=[math.log10(p.flops) for p in points],
                brush=[QBrush(QColor(c)) for c in colors], pen=[line_pen(theme.outline(c), 1) for c in colors],
            )  # fmt: skip
        banded = [(math.log10(p.intensity), p.band) for p in self.points if p.band is not None]
        self.whiskers.show_bands([], [Whisker(x, math.log10(b.low), math.log10(b.high)) for x, b in banded])

    def _set_labels(self) -> None:
        names, t = letters(len(self.reports)), theme.current()
        labels = [
            PlotLabel(
                math.log10(p.intensity), math.log10(p.flops), names[p.chip], t.text, "rlab", True, POINT_PX / 2 + 3
            )
            for p in self.points
        ]
        high = self.x_limits[1]
        px = self.plot.width_beside(self.plot.left.width()) / (high - self.x_limits[0])
        for index, roof in self.roofs:
            top, start = math.log10(roof.compute.value), math.log10(roof.ridge)
            places = [(high - (0.1 + step) * (high - start) / 12, top) for step in range(11)]
            text = f"{names[index]} {self.names[index]}"
            if self.height() < ROOMY_PX or text_width(text) > (high - start) * px * 0.9:
                text = names[index]
            labels.append(PlotLabel(*places[0], text, t.muted, "ZYAB", False, 3.0, tuple(places[1:]), start))
        obstacles = [(math.log10(p.intensity), math.log10(p.flops), POINT_PX / 2) for p in self.points]
        self.labels.set_labels(labels, obstacles)

    def _set_legend(self) -> None:
        t = theme.current()
        drawn = {i for i, _ in self.roofs} | {p.chip for p in self.points}
        entries = [
            Entry(f"{letter} {name}", self._ink(i), shape="line", dash=_dash(i))
            for i, (letter, name) in enumerate(zip(letters(len(self.reports)), self.names, strict=True))
            if i in drawn
        ]
        entries += [
            Entry(PHASE_SHORT["decode"], t.muted, shape="circle"),
            Entry(PHASE_SHORT["prefill"], t.muted, shape="square"),
        ]
        bounds = dict.fromkeys(p.bound for p in self.points)
        entries += [Entry(f"bound by {resource_word(b)}", theme.RESOURCE_COLORS[b]) for b in bounds]
        self.legend.set_entries(tuple(entries))

    def point_at(self, pos: QPointF) -> Mean | None:
        """The point under a place of the view box; of several the nearest."""
        best, nearest = None, POINT_PX
        for point in self.points:
            away = self.labels.to_pixels(math.log10(point.intensity), math.log10(point.flops)) - pos
            distance = math.hypot(away.x(), away.y())
            if distance < nearest:
                best, nearest = point, distance
        return best

    def _tooltip(self, pos: QPointF) -> str:
        point = self.point_at(pos)
        beam = beam_at(self.beams, self.labels, pos)
        if point is None and beam is not None:
            chip = next(i for i, report in enumerate(self.reports) if report is beam.report)
            return beam_words(beam, self.names[chip])
        if point is None:
            return ""
        return "<br>".join((
            f"<b>{html.escape(self.names[point.chip])}</b> · {PHASE_WORDS[point.phase].lower()}",
            f"{_achieved(point)} achieved: FLOP of all operators / their time",
            f"{format_quantity(point.intensity, '')} FLOP per DRAM byte",
            f"{format_quantity(phase_total_s(self.reports[point.chip], point.phase), 's')}, "
            f"bound by {resource_word(point.bound)}",
            *explained(self._source_at(pos)),
        ))  # fmt: skip

    def _source_at(self, pos: QPointF) -> Source | None:
        point, beam = self.point_at(pos), beam_at(self.beams, self.labels, pos)
        if point is not None:
            return Source(self.reports[point.chip], PHASE_TOTALS[point.phase])
        return None if beam is None else source_of(beam)

    def _restyle(self) -> None:
        self.plot.restyle()
        self.legend.update()

    def values(self) -> Table:
        header = ("chip", "peak_FLOP_per_s", "dram_B_per_s", "phase", "FLOP_per_DRAM_byte", "FLOP_per_s", "bound")
        roofs = dict(self.roofs)
        points = self.points if self.drawn is not None else []
        rows: list[tuple[str | float, ...]] = []
        for p in points:
            roof = roofs.get(p.chip)
            peak, bandwidth = (roof.compute.value, roof.dram.value) if roof is not None else ("", "")
            rows.append((self.names[p.chip], peak, bandwidth, p.phase, p.intensity, p.flops, p.bound))
        return Table(header, tuple(rows))


def _dash(index: int) -> tuple[float, ...]:
    return LINE_DASHES[index % len(LINE_DASHES)]


def _achieved(point: Mean) -> str:
    text = format_quantity(point.flops, "FLOP/s")
    return text if point.band is None else f"{text} ({point.band.text(point.flops, 'FLOP/s')})"
