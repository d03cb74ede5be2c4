"""Compute growth against bandwidth growth: the catalog's chips by year with their trends, and this chip beside them."""

from __future__ import annotations

import html
import math
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.charts.axes import Tick
from explorer.charts.chart import Chart, ElidedLabel, Table, text_width
from explorer.charts.figure_scale import FigureScale
from explorer.charts.items import LabelsItem, PlotLabel
from explorer.charts.legend import Entry, Legend
from explorer.charts.pens import line_pen
from explorer.charts.plot import PlotView
from explorer.charts.points import Points
from explorer.charts.roofs import roof_of
from explorer.charts.switch import Switch
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.analysis.growth import ChipPoint, Growth, Trend
    from hwlib.report import Report

Mode = Literal["growth", "balance"]
Figure = Literal["flops", "bandwidth_Bps", "balance"]
SHOWN: dict[Mode, tuple[Figure, ...]] = {"growth": ("flops", "bandwidth_Bps"), "balance": ("balance",)}
HEADINGS: dict[Mode, str] = {"growth": "Compute against bandwidth", "balance": "FLOP per byte by year"}
WORDS: dict[Figure, str] = {"flops": "compute", "bandwidth_Bps": "DRAM bandwidth", "balance": "FLOP per byte"}
UNITS: dict[Figure, str] = {"flops": "FLOP/s", "bandwidth_Bps": "B/s", "balance": "FLOP/B"}
COLORS: dict[Figure, str] = {
    "flops": theme.RESOURCE_COLORS["compute"], "bandwidth_Bps": theme.RESOURCE_COLORS["dram"],
    "balance": theme.RESOURCE_COLORS["link"],
}  # fmt: skip
SYMBOLS: dict[Figure, str] = {"flops": "o", "bandwidth_Bps": "s", "balance": "d"}
ROOMY_PX = 240
POINT_PX, OWN_PX = 9.0, 15.0
SPREAD = 0.32
"""How far the chips of a year are spread around it."""
OWN_YEARS = 1.0
"""How far right of the last year this chip stands."""
OWN_WORDS = "this chip"


class History(NamedTuple):
    """The catalog's chips, those among them that the trend is about, and the trend."""

    chips: tuple[ChipPoint, ...]
    counted: frozenset[str]
    trend: Trend | None


@cache
def history() -> History:
    """The catalog's chips with their trend, fitted once."""
    from hwlib.analysis.growth import growth, server_chips, trend

    chips = growth()
    counted = server_chips(chips)
    return History(chips, frozenset(c.name for c in counted), trend(counted))


class Dot(NamedTuple):
    """A chip's figure on the plane: years, and the place of the factor (or of FLOP/B)."""

    chip: ChipPoint | None
    figure: Figure
    x: float
    y: float
    value: float


class GrowthChart(Chart):
    """Log scale; relative to the trend in the first year, or as FLOP per byte. Trends are fitted, not quoted."""

    name = "growth"
    title = "Growth"
    can_freeze = True
    can_be_linear = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.mode: Mode = "growth"
        tips = {"growth": "Compute and bandwidth over the years", "balance": "Compute over bandwidth, by year"}
        self.switch = Switch({"growth": "Growth", "balance": "FLOP/B"}, tips)
        self.tools.addWidget(self.switch)
        self.caption = ElidedLabel()
        self.plot = PlotView()
        self.plot.set_grid(left=True, bottom=False)
        self.legend = Legend(at_most_lines=1)
        self.dots: tuple[Dot, ...] = ()
        self._make_items()
        self._stack(self.caption, self.plot, self.legend)
        self.switch.changed.connect(self.show_mode)
        self.plot.tooltip_at = self._tooltip

    def _make_items(self) -> None:
        figures: tuple[Figure, ...] = ("flops", "bandwidth_Bps", "balance")
        self.lines = {f: pg.PlotCurveItem(antialias=True) for f in figures}
        self.scatter = {f: Points(pxMode=True, symbol=SYMBOLS[f], size=POINT_PX) for f in figures}
        self.gap = pg.FillBetweenItem(self.lines["flops"], self.lines["bandwidth_Bps"])
        self.gap.setZValue(-20)
        self.plot.addItem(self.gap)
        for z, item in enumerate((*self.lines.values(), *self.scatter.values())):
            item.setZValue(z)
            self.plot.addItem(item)
        self.labels = LabelsItem(self.plot.box)

    def show_mode(self, mode: str) -> None:
        """Switches between "growth" and "balance"."""
        self._thaw()
        self.switch.choose(mode)
        self.mode = cast("Mode", mode)
        self._redraw()

    # Drawing --------------------------------------------------------------------------------------------------------

    def _shows(self, results: Results) -> bool:
        return True  # History does not depend on whether the LLM runs.

    def _draw(self, results: Results) -> None:
        roomy = self.height() >= ROOMY_PX
        self.legend.setVisible(roomy)
        self.plot.set_bottom_label(False)
        self.heading.set_text(HEADINGS[self.mode])
        past = history()
        room = self.width() - 2 * theme.GRID_PX
        self.caption.set_text(
            next((w for w in self.words(past.trend) if text_width(w) <= room), self.words(past.trend)[-1])
        )
        self.dots = tuple(self._dots(past, results.report))
        self._set_range(past)
        self._draw_lines(past.trend)
        self._draw_dots(past)
        self._set_labels(past.trend, results.report)
        self._set_legend()

    @property
    def scale(self) -> FigureScale:
        """Logarithmic, unless the user wants it linear."""
        return FigureScale(self.linear)

    def words(self, trend: Trend | None) -> tuple[str, ...]:
        """What the trend says, from the fit: with its 95 % interval, then shorter."""
        if trend is None:
            return ("Too few chips for a trend",)
        among = f"{trend.count} server chips, {trend.first} to {trend.last}"
        if self.mode == "balance":
            short = f"FLOP per byte ×{_two_years(trend.balance)} in 2 years"
            return f"{short} (95 %: {_interval(trend.balance)}), {among}", f"{short}, {among}", short
        compute, bandwidth = _two_years(trend.compute), _two_years(trend.bandwidth)
        short = f"compute ×{compute}, bandwidth ×{bandwidth}"
        return (
            f"In 2 years compute ×{compute} (95 %: {_interval(trend.compute)}), bandwidth ×{bandwidth} "
            f"({_interval(trend.bandwidth)}); {among}",
            f"In 2 years {short}; {among}",
            f"In 2 years {short}",
        )

    def base(self, figure: Figure) -> float:
        """What factors refer to: the trend in its first year; 1 for FLOP per byte."""
        trend = history().trend
        if figure == "balance":
            return 1.0
        if trend is None:
            return max(1.0, getattr(history().chips[0], figure)) if history().chips else 1.0
        return growth_of(trend, figure).at(trend.first)

    def _dots(self, past: History, report: Report) -> list[Dot]:
        found = []
        by_year: dict[int, list[ChipPoint]] = {}
        for chip in past.chips:
            by_year.setdefault(chip.year, []).append(chip)
        for year, chips in by_year.items():
            for i, chip in enumerate(sorted(chips, key=lambda c: c.flops)):
                x = year + ((i + 0.5) / len(chips) - 0.5) * 2 * SPREAD
                found += [self._dot(chip, f, x, getattr(chip, f)) for f in SHOWN[self.mode]]
        own = own_figures(report)
        last = max(by_year, default=0)
        return found + [self._dot(None, f, last + OWN_YEARS, own[f]) for f in SHOWN[self.mode] if f in own]

    def _dot(self, chip: ChipPoint | None, figure: Figure, x: float, value: float) -> Dot:
        return Dot(chip, figure, x, self.scale.place(value / self.base(figure)), value)

    def _set_range(self, past: History) -> None:
        years = [c.year for c in past.chips] or [0]
        low, high = self.scale.limits([d.value / self.base(d.figure) for d in self.dots], self.plot.room_px)
        self.plot.set_range((min(years) - 0.6, max(years) + OWN_YEARS + 0.6), (low, high))
        write = _times if self.mode == "growth" else _plain
        ticks = self.scale.ticks((low, high), write, max(2, int(self.plot.room_px // 28)))
        roomy = self.height() >= ROOMY_PX
        axis_px = max((text_width(text) for _, text in ticks), default=0) + 10 + (20 if roomy else 0)
        first = past.trend.first if past.trend is not None else min(years)
        label = f"Times the trend of {first}" if self.mode == "growth" else "FLOP per DRAM byte"
        self.plot.set_axis_label("left", label)
        self.plot.set_left_width(axis_px, label=roomy)
        self.plot.set_ticks("left", ticks)
        self.plot.set_ticks("bottom", self._years(years, self.plot.width_beside(axis_px)))

    def _years(self, years: list[int], width: float) -> list[Tick]:
        """As many years as have room, and this chip's place."""
        span = max(years) - min(years) + OWN_YEARS + 1.2
        px = width / span
        every = max(1, math.ceil(44 / px))
        taken = range(max(years), min(years) - 1, -every)
        own = (
            []
            if len(self.dots) == len(SHOWN[self.mode]) * len(history().chips)
            else [(max(years) + OWN_YEARS, OWN_WORDS)]
        )
        clear = (text_width(OWN_WORDS) / 2 + 22) / px if own else 0.0
        return [(float(y), str(y)) for y in taken if y + clear <= max(years) + OWN_YEARS] + own

    def _draw_lines(self, trend: Trend | None) -> None:
        for figure, line in self.lines.items():
            if trend is None or figure not in SHOWN[self.mode]:
                line.setData([], [])
                continue
            years = np.linspace(trend.first, trend.last, 33 if self.linear else 2).tolist()
            fit, base = growth_of(trend, figure), self.base(figure)
            line.setData(years, [self.scale.place(fit.at(y) / base) for y in years])
            line.setPen(line_pen(COLORS[figure], 2.5))
        self.gap.setVisible(self.mode == "growth" and trend is not None)
        tint = QColor(theme.current().text)
        tint.setAlphaF(0.07)
        self.gap.setBrush(QBrush(tint))

    def _draw_dots(self, past: History) -> None:
        t = theme.current()
        for figure, item in self.scatter.items():
            dots = [d for d in self.dots if d.figure == figure]
            edge = line_pen(theme.outline(COLORS[figure]), 1.0)
            faint, own = line_pen(COLORS[figure], 1.0), line_pen(t.text, 2.0)
            full, empty = QBrush(QColor(COLORS[figure])), QBrush(QColor(t.base))
            counted = [d.chip is None or d.chip.name in past.counted for d in dots]
            sizes = [OWN_PX if d.chip is None else POINT_PX for d in dots]
            item.setData(
                x=[d.x for d in dots], y=[d.y for d in dots], size=sizes,
                brush=[full if c else empty for c in counted],
                pen=[own if d.chip is None else edge if c else faint for d, c in zip(dots, counted, strict=True)],
            )  # fmt: skip

    def _set_labels(self, trend: Trend | None, report: Report) -> None:
        t = theme.current()
        labels = []
        for dot in self.dots:
            if dot.chip is None:
                text = format_quantity(dot.value, UNITS[dot.figure], 3)
                labels.append(PlotLabel(dot.x, dot.y, text, t.text, "lab", True, OWN_PX / 2 + 3))
        if trend is not None and self.mode == "growth":
            gap = growth_of(trend, "flops").at(trend.last) / self.base("flops")
            gap /= growth_of(trend, "bandwidth_Bps").at(trend.last) / self.base("bandwidth_Bps")
            words = f"gap ×{format_quantity(gap, '', 2)} since {trend.first}"
            places = [self._between(trend, trend.last - step / 8) for step in range(8 * (trend.last - trend.first))]
            labels.append(PlotLabel(*places[0], words, t.muted, "lr", False, 0.0, tuple(places[1:])))
        obstacles = [(d.x, d.y, (OWN_PX if d.chip is None else POINT_PX) / 2) for d in self.dots]
        self.labels.set_labels(labels, obstacles)

    def _between(self, trend: Trend, year: float) -> tuple[float, float]:
        """The middle between both trends in a year."""
        ends = [self.scale.place(growth_of(trend, f).at(year) / self.base(f)) for f in SHOWN["growth"]]
        return year, sum(ends) / len(ends)

    def _set_legend(self) -> None:
        t = theme.current()
        shapes = {"flops": "circle", "bandwidth_Bps": "square", "balance": "square"}
        entries = [
            Entry(
                f"{WORDS[f][:1].upper()}{WORDS[f][1:]}", COLORS[f], shape=cast("Literal['circle', 'square']", shapes[f])
            )
            for f in SHOWN[self.mode]
        ]
        entries.append(Entry("Trend of the server chips", t.muted, shape="line"))
        self.legend.set_entries(tuple(entries))

    # Tooltip --------------------------------------------------------------------------------------------------------

    def dot_at(self, pos: QPointF) -> Dot | None:
        """The point under a place of the view box; of several the nearest."""
        best, nearest = None, 10.0
        for dot in self.dots:
            away = self.labels.to_pixels(dot.x, dot.y) - pos
            distance = math.hypot(away.x(), away.y())
            if distance < nearest:
                best, nearest = dot, distance
        return best

    def _tooltip(self, pos: QPointF) -> str:
        dot = self.dot_at(pos)
        if dot is None or self.drawn is None:
            return ""
        if dot.chip is None:
            return _own_words(self.drawn.report)
        chip = dot.chip
        estimate = " (estimate)" if chip.estimate else ""
        counted = "" if chip.name in history().counted else "<br>not in the trend, which is about server chips"
        return "<br>".join((
            f"<b>{html.escape(chip.name)}</b> · {chip.year}, {html.escape(chip.device_class)}{estimate}",
            f"{format_quantity(chip.flops, 'FLOP/s')} dense, 16 bit",
            f"{format_quantity(chip.bandwidth_Bps, 'B/s')} DRAM",
            f"{format_quantity(chip.balance, '')} FLOP per byte",
            f"Source: {html.escape(chip.source)}",
        )) + counted  # fmt: skip

    def _restyle(self) -> None:
        self.plot.restyle()
        self.legend.update()

    def values(self) -> Table:
        header = ("chip", "year", "FLOP_per_s", "DRAM_B_per_s", "FLOP_per_byte", "class", "in_trend", "source")
        chips = history().chips if self.drawn is not None else ()
        counted = history().counted
        rows: list[tuple[str | float, ...]] = [
            (c.name, c.year, c.flops, c.bandwidth_Bps, c.balance, c.device_class, str(c.name in counted), c.source)
            for c in chips
        ]
        own = own_figures(self.drawn.report) if self.drawn is not None else {}
        if own and self.drawn is not None:
            figures = own["flops"], own["bandwidth_Bps"], own["balance"]
            rows.append((self.drawn.report.subject, "", *figures, OWN_WORDS, str(False), "this evaluation"))
        return Table(header, tuple(rows))


def own_figures(report: Report) -> dict[Figure, float]:
    """Peak and DRAM bandwidth of a report's chip, none where it lacks one of the two."""
    roof = roof_of(report)
    if roof is None:
        return {}
    return {"flops": roof.compute.value, "bandwidth_Bps": roof.dram.value, "balance": roof.ridge}


def growth_of(trend: Trend, figure: Figure) -> Growth:
    """The trend of one figure."""
    return {"flops": trend.compute, "bandwidth_Bps": trend.bandwidth, "balance": trend.balance}[figure]


def _two_years(fit: Growth) -> str:
    return format_quantity(fit.per_year**2, "", 2)


def _interval(fit: Growth) -> str:
    return " to ".join(format_quantity(v**2, "", 2) for v in (fit.low, fit.high))


def _own_words(report: Report) -> str:
    roof = roof_of(report)
    if roof is None:
        return ""
    return "<br>".join((
        f"<b>{html.escape(report.subject)}</b> · {OWN_WORDS}",
        f"{format_quantity(roof.compute.value, 'FLOP/s')} peak of {html.escape(roof.compute.name)}",
        f"{format_quantity(roof.dram.value, 'B/s')} of {html.escape(roof.dram.name)}",
        f"{format_quantity(roof.ridge, '')} FLOP per byte, at this scenario's bits; the others at 16",
    ))  # fmt: skip


def _times(value: float) -> str:
    return f"×{format_quantity(value, '', 3).strip()}"


def _plain(value: float) -> str:
    return format_quantity(value, "", 3).strip()
