"""Energy per token by component: the design's stacked bar beside the baselines', by actions, boards as marks."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.bands import Band, band_of, board_band
from explorer.charts.axes import linear_ticks, round_up, scale_for
from explorer.charts.chart import Chart, Table, elided, text_width
from explorer.charts.items import Bar, BarsItem, Mark, Segment, end_px, reach_for
from explorer.charts.legend import Entry, Legend
from explorer.charts.plot import PlotView
from explorer.charts.sources import Source, explained
from explorer.words import (
    actions_figure,
    board_figures,
    distinct,
    refusal,
    resource_word,
    rich_percent,
)
from hwlib.report import COMPONENTS
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import EnergyFigure, Report


ROOMY_PX = 240
NARROW_PX = 420
MOST_REACH = 5.0
"""How many times as far as the longest bar the axis goes for the sake of a board's mark."""
MOST_STRETCH = 1.8
"""How many times as far the axis goes at most for the sake of words behind the marks."""
WORDINGS = 6
"""From all words at the boards' marks to none."""
NAMED_SHARE = 0.04
"""Parts under this share of their bar have no room for words and are not worth formatting one."""


def energy(value: float) -> str:
    """An energy for a label."""
    return format_quantity(value, "J", 3)


class EnergyChart(Chart):
    """One bar per chip; the design's in the colours of its components, baselines in greys with a pattern."""

    name = "energy"
    title = "Energy per token"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.plot = PlotView()
        self.plot.box.invertY(True)
        self.plot.set_grid(left=False, bottom=True)
        self.bars = BarsItem(self.plot.box)
        self.legend = Legend()
        self._reports: tuple[Report, ...] = ()
        self.limit_J = 1.0
        self._stack(self.plot, self.legend)
        self.plot.hovered.connect(self._hovered)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at
        self.plot.value_axes = ("bottom",)

    def _draw(self, results: Results) -> None:
        self.legend.set_lines(2 if self.height() >= ROOMY_PX else 1)
        self._reports = (results.report, *results.baselines)
        names = distinct([r.subject for r in self._reports])
        self.heading.set_text(f"{self.title} {energy(_total(results.report))}")
        parts = results.report.energy_by_component
        used = sorted((c for c in COMPONENTS if parts.get(c, 0.0) > 0.0), key=lambda c: -parts[c])
        self.legend.set_entries(
            tuple(Entry(resource_word(c), theme.RESOURCE_COLORS[c], theme.RESOURCE_PATTERNS.get(c)) for c in used)
        )
        self._set_axes(names)

    def _set_bars(self, width: float) -> None:
        """Bars whose marks have as many words as fit without the bars becoming much shorter."""
        plain = [self._bar(i, report) for i, report in enumerate(self._reports)]
        boards = [self._boards(report) for report in self._reports]
        ends = [end for bar in plain for end in (bar.reach, *(m.ends[1] for m in bar.marks))]
        ends += [band.high if band is not None else f.J_per_token for found in boards for f, band in found]
        reach = round_up(max(ends)) * MOST_STRETCH
        for wording in range(WORDINGS):
            bars = [
                replace(b, marks=_marks(found, wording)) if found else b for b, found in zip(plain, boards, strict=True)
            ]
            if not any(boards) or all(end_px(bar, width / reach) <= width for bar in bars if bar.marks):
                break
        self.bars.set_bars(bars)

    def _boards(self, report: Report) -> list[tuple[EnergyFigure, Band | None]]:
        """Figures of the board that have room beside the bars, with their bands."""
        if not report.fits or self.width() < NARROW_PX:
            return []
        # Boards' far larger figures must leave the bars their room; the tooltip has them all.
        most = MOST_REACH * max(_total(r) for r in self._reports)
        return [(f, board_band(report, f)) for f in board_figures(report) if f.J_per_token <= most]

    def _bar(self, index: int, report: Report) -> Bar:
        if not report.fits:
            return Bar(str(index), index, (), refusal(report)[0].lower())
        total = _total(report)
        parts = [(c, report.energy_by_component.get(c, 0.0)) for c in COMPONENTS]
        segments = tuple(self._segment(index, c, v, v / total) for c, v in parts if v > 0.0)
        band, height = band_of(report, "energy_per_token_J"), 0.72 if index == 0 else 0.5
        return Bar(str(index), index, segments, energy(total), height=height, band=band)

    def _segment(self, index: int, component: str, value: float, share: float) -> Segment:
        color = theme.RESOURCE_COLORS[component]
        texts: tuple[str, ...] = ()
        if share > NAMED_SHARE:
            figure = energy(value)
            texts = (f"{resource_word(component)} {figure}", figure)
        if index == 0:
            return Segment(component, value, color, theme.RESOURCE_PATTERNS.get(component), texts)
        pattern = theme.BASELINE_PATTERNS[(index - 1) % len(theme.BASELINE_PATTERNS)]
        return Segment(component, value, theme.gray_of(color), pattern, texts)

    def _set_axes(self, names: list[str]) -> None:
        shown = [elided(name, self.width() * 0.3) for name in names]
        axis_px = max(text_width(s) for s in shown) + 10
        self._set_bars(self.plot.width_beside(axis_px))
        self.plot.set_left_width(axis_px)
        self.plot.set_ticks("left", [(i + 0.5, s) for i, s in enumerate(shown)])
        width = self.plot.width_beside(axis_px)
        self.limit_J = round_up(max(bar.reach for bar in self.bars.bars))
        reach = reach_for(self.bars.bars, width, self.limit_J)
        scale = scale_for(self.limit_J, "J")
        own = actions_figure(self._reports[0])
        how = f", {_how(own)}" if own is not None and width > 260.0 else ""
        self.plot.set_axis_label("bottom", f"Energy per token ({scale.unit}){how}")
        compact = self.height() < ROOMY_PX
        self.plot.set_bottom_label(not compact)
        ticks = linear_ticks(reach, scale, max(2, int(width // (70 if compact else 50))), with_unit=compact)
        self.plot.set_ticks("bottom", ticks)
        self.plot.set_range((0.0, reach), (0.0, float(len(names))))

    # Tooltip ----------------------------------------------------------------------------------------------------

    def _hovered(self, pos: object) -> None:
        bar = self.bars.bar_at(pos) if isinstance(pos, QPointF) else None
        self.bars.set_hovered(bar.key if bar is not None else None)

    def _tooltip(self, pos: QPointF) -> str:
        bar = self.bars.bar_at(pos)
        if bar is None:
            return ""
        report = self._reports[int(bar.key)]
        lines = [f"<b>{html.escape(report.subject)}</b>"]
        if not report.fits:
            return "<br>".join([*lines, *(html.escape(t) for t in refusal(report))])
        total = _total(report)
        here = self.bars.segment_at(bar, pos)
        for component in COMPONENTS:
            value = report.energy_by_component.get(component, 0.0)
            if value > 0.0:
                line = f"{resource_word(component)}: {format_quantity(value, 'J')} ({rich_percent(value / total)})"
                lines.append(f"<b>{line}</b>" if component == here else line)
        for figure in report.energies:
            band, text = board_band(report, figure), format_quantity(figure.J_per_token, "J")
            text += f" ({band.text(figure.J_per_token, 'J')})" if band is not None else ""
            lines.append(f"{text} {html.escape(figure.label or _how(figure))}")
        return "<br>".join([*lines, *explained(self._source_at(pos))])

    def _source_at(self, pos: QPointF) -> Source | None:
        bar = self.bars.bar_at(pos)
        return None if bar is None else Source(self._reports[int(bar.key)], _key(self.bars.segment_at(bar, pos)))

    def _restyle(self) -> None:
        self.plot.restyle()
        self.legend.update()

    def values(self) -> Table:
        header = ("chip", *(f"{c}_J_per_token" for c in COMPONENTS))
        fitting = [r for r in self._reports if r.fits] if self.drawn is not None else []
        rows: tuple[tuple[str | float, ...], ...] = tuple(
            (r.subject, *(r.energy_by_component.get(c, 0.0) for c in COMPONENTS)) for r in fitting
        )
        return Table(header, rows)


def _marks(boards: list[tuple[EnergyFigure, Band | None]], wording: int) -> tuple[Mark, ...]:
    return tuple(Mark(f.J_per_token, _board_words(f, n, wording), band) for n, (f, band) in enumerate(boards))


def _board_words(figure: EnergyFigure, index: int, wording: int) -> str:
    """A board figure with its caveat: power at the TDP is an upper bound. Later wordings are shorter."""
    value, at_tdp = energy(figure.J_per_token), "at TDP" if "TDP" in figure.method else ""
    if wording == 0:
        return f"{figure.label.removesuffix(' (upper bound)')} {value}"
    if wording == 1:
        return f"{at_tdp or 'board'} {value}"
    # Without its figure the bound is still told from what was measured.
    measured, bound = {2: (f"board {value}", "TDP bound"), 3: (f"board {value}", "TDP"), 4: (value, "TDP")}.get(
        wording, ("", "")
    )
    return measured if index == 0 else bound


def _key(component: str | None) -> str:
    """Under which key a report explains a part of the energy, or the whole."""
    return "energy_per_token_J" if component is None else f"energy.{component}"


def _how(figure: EnergyFigure) -> str:
    """Method and scope of a figure."""
    return f"{figure.method}, {figure.scope}"


def _total(report: Report) -> float:
    return sum(report.energy_by_component.values())
