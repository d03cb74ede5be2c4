"""Time per operator, stacked by the resources it waits for, of the prefill and of a decode step, beside baselines."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.bands import MEANING, Band, banded, phase_band
from explorer.charts.axes import linear_ticks, round_up, scale_for
from explorer.charts.chart import Chart, ElidedLabel, Table, elided, text_width
from explorer.charts.items import Bar, BarsItem, Segment, paint_whisker, reach_for
from explorer.charts.legend import Entry, Legend, fill_swatch
from explorer.charts.plot import PlotView
from explorer.charts.sources import Source, explained
from explorer.words import (
    OTHERS,
    PHASE_SHORT,
    PHASE_WORDS,
    distinct,
    largest,
    operator_word,
    phase_total_s,
    resource_word,
    rich_percent,
    seconds,
    shares,
)
from hwlib.report import PHASES, RESOURCES
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import OperatorRow, Phase, Report

BOTH_FROM_PX = 720
ROOMY_PX = 240
"""From this height there is room for a legend and for the words under the axis."""
NARROW_PX = 420
ROW_PX = 17
NAME_GAP_PX = 10.0


class TotalStrip(QWidget):
    """The whole phase as one bar on its own scale, with marks and whiskers where the baselines' totals lie."""

    BAR_PX = 12

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stretches: tuple[tuple[str, float], ...] = ()
        self.baselines: tuple[tuple[str, float], ...] = ()
        self.bands: tuple[Band | None, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_totals(
        self, stretches: tuple[tuple[str, float], ...], baselines: tuple[tuple[str, float], ...],
        bands: tuple[Band | None, ...] = (),
    ) -> None:  # fmt: skip
        """Shows (resource, seconds) of the design and (name, seconds) of each baseline, with its band where known."""
        self.stretches, self.baselines = stretches, baselines
        self.bands = bands or (None,) * len(baselines)
        height = self.BAR_PX + 4 + (theme.TEXT_PX + 4 if baselines else 0)
        if self.height() != height:
            self.setFixedHeight(height)
        lines = [f"{name}: {_with_band(total, band)}" for name, total, band in self._totals()]
        self.setToolTip("\n".join([*lines, *([MEANING] if any(self.bands) else [])]))
        self.update()

    def _totals(self) -> list[tuple[str, float, Band | None]]:
        return [(name, total, band) for (name, total), band in zip(self.baselines, self.bands, strict=True)]

    @property
    def limit_s(self) -> float:
        """The time at the right end."""
        ends = [band.high for band in self.bands if band is not None]
        return max([sum(s for _, s in self.stretches), *(b for _, b in self.baselines), *ends], default=0.0)

    def mark_x(self, total_s: float) -> float:
        """Where a total lies, in pixels."""
        return total_s / self.limit_s * (self.width() - 2) if self.limit_s > 0.0 else 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        t = theme.current()
        x = 0.0
        painter.fillRect(QRectF(0, 2, self.width(), self.BAR_PX), QColor(t.raised))
        for resource, value in self.stretches:
            width = self.mark_x(value)
            rect = QRectF(x, 2, width, self.BAR_PX)
            fill_swatch(painter, rect, theme.RESOURCE_COLORS[resource], theme.RESOURCE_PATTERNS.get(resource))
            x += width
        for index, (_, total, band) in enumerate(self._totals()):
            at = self.mark_x(total)
            painter.fillRect(QRectF(at - 1, 0, 4, self.BAR_PX + 4), QColor(t.base))
            painter.fillRect(QRectF(at, 0, 2, self.BAR_PX + 4), QColor(t.text))
            if band is not None:
                # At two heights, or those of neighbours would run into one.
                y = 2 + self.BAR_PX * (0.25 if index % 2 == 0 else 0.75)
                paint_whisker(painter, self.mark_x(band.low), self.mark_x(band.high), y, self.BAR_PX)
        painter.setPen(QColor(t.muted))
        for left, text in self.placed_names():
            place = QRectF(left, self.BAR_PX + 4, self.width() - left, theme.TEXT_PX + 4)
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft, text)
        painter.end()

    def placed_names(self) -> list[tuple[float, str]]:
        """(left edge in pixels, words) of the baselines' totals, each near its mark and none over another."""
        ordered = sorted(self._totals(), key=lambda item: item[1])
        texts = [f"{name} {_with_band(total, band, 3)}" for name, total, band in ordered]
        if any(self.bands) and sum(text_width(t) + NAME_GAP_PX for t in texts) > self.width():
            texts = [f"{name} {seconds(total)}" for name, total, _ in ordered]
        room = self.width() / len(texts) - NAME_GAP_PX if texts else 0.0
        if sum(text_width(t) + NAME_GAP_PX for t in texts) > self.width():
            texts = [elided(name, room - text_width(f" {seconds(v)}")) + f" {seconds(v)}" for name, v, _ in ordered]
        lefts: list[float] = []
        for (_, total, _), text in zip(ordered, texts, strict=True):
            start = lefts[-1] + text_width(texts[len(lefts) - 1]) + NAME_GAP_PX if lefts else 0.0
            lefts.append(max(start, self.mark_x(total) - text_width(text) / 2))
        end = float(self.width())
        for index in reversed(range(len(lefts))):
            lefts[index] = max(0.0, min(lefts[index], end - text_width(texts[index])))
            end = lefts[index] - NAME_GAP_PX
        return list(zip(lefts, texts, strict=True))


class PhasePanel(QWidget):
    """One phase: its total beside the baselines', and a stacked bar per operator."""

    def __init__(self, phase: Phase, chart: OperatorTimeChart) -> None:
        super().__init__()
        self.phase: Phase = phase
        self._chart = chart
        self.caption = ElidedLabel(bold=True)
        self.strip = TotalStrip()
        self.plot = PlotView()
        self.plot.left.setStyle(tickTextOffset=4)
        self.plot.box.invertY(True)
        self.plot.set_grid(left=False, bottom=True)
        self.bars = BarsItem(self.plot.box)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.caption, self.strip, self.plot):
            layout.addWidget(widget)
        self.plot.clicked.connect(self._clicked)
        self.plot.hovered.connect(self._hovered)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at
        self.plot.value_axes = ("bottom",)
        self._rows: dict[str, OperatorRow] = {}
        self._hidden: list[OperatorRow] = []
        self._total_s = 0.0
        self.limit_s = 1.0

    def _settle(self) -> None:
        """Gives the plot its final size, on which the number of bars depends."""
        self._layout.activate()

    def draw(self, results: Results) -> None:
        """Shows this phase of a report."""
        report = results.report
        self._total_s = phase_total_s(report, self.phase)
        self.caption.set_text(f"{PHASE_WORDS[self.phase]} {seconds(self._total_s)}")
        self._draw_strip(results)
        self.plot.set_bottom_label(self._chart.height() >= ROOMY_PX)
        self._settle()
        rows = self._visible_rows(report)
        self._rows = {row.key: row for row in rows}
        groups = [(row.key, operator_word(row.name), [row]) for row in rows]
        if self._hidden:
            groups.append((OTHERS, f"{len(self._hidden)} others", self._hidden))
        self.bars.set_bars([self._bar(i, key, members) for i, (key, _, members) in enumerate(groups)])
        self._set_axes([name for _, name, _ in groups])

    def _draw_strip(self, results: Results) -> None:
        totals = results.report.time_by_resource[self.phase]
        names = distinct([b.subject for b in results.baselines])
        fitting = [(name, b) for name, b in zip(names, results.baselines, strict=True) if b.fits]
        others = tuple((name, phase_total_s(b, self.phase)) for name, b in fitting)
        bands = tuple(phase_band(b, self.phase, s) for (_, b), (_, s) in zip(fitting, others, strict=True))
        self.strip.set_totals(tuple((r, totals[r]) for r in RESOURCES if totals.get(r, 0.0) > 0.0), others, bands)

    def _visible_rows(self, report: Report) -> list[OperatorRow]:
        """As many operators as there is room for; the fastest of the rest become "others"."""
        every = report.rows(self.phase)
        room = max(3, int(self.plot.room_px // ROW_PX))
        if len(every) <= room:
            self._hidden = []
            return list(every)
        kept = largest(every, room - 1)
        keys = {row.key for row in kept}
        self._hidden = [row for row in every if row.key not in keys]
        return kept

    def _bar(self, index: int, key: str, members: list[OperatorRow]) -> Bar:
        total = sum(m.time_s for m in members)
        sums = [sum(m.shares_s[i] for m in members) for i in range(len(RESOURCES))]
        segments = tuple(
            Segment(r, s, theme.RESOURCE_COLORS[r], theme.RESOURCE_PATTERNS.get(r))
            for r, s in zip(RESOURCES, sums, strict=True)
            if s > 0.0
        )
        bound = max(zip(sums, RESOURCES, strict=True))[1] if key == OTHERS else members[0].bound
        return Bar(key, index, segments, f"{seconds(total)} · {resource_word(bound)}")

    def _set_axes(self, names: list[str]) -> None:
        widest = self._chart.width() * (0.16 if self._chart.shows_both else 0.3)
        shown = [elided(name, widest) for name in names]
        axis_px = max((text_width(s) for s in shown), default=0) + 10
        self.plot.set_left_width(axis_px)
        self.plot.set_ticks("left", [(i + 0.5, s) for i, s in enumerate(shown)])
        longest = max((bar.total for bar in self.bars.bars), default=0.0)
        width = self.plot.width_beside(axis_px)
        self.limit_s = round_up(longest)
        # Words stand at the ends of the bars, so the range goes on for as long as they need.
        reach = reach_for(self.bars.bars, width, self.limit_s)
        scale = scale_for(self.limit_s, "s")
        self.plot.set_axis_label("bottom", f"Time ({scale.unit})")
        compact = self._chart.height() < ROOMY_PX
        ticks = linear_ticks(reach, scale, max(2, int(width // (70 if compact else 50))), with_unit=compact)
        self.plot.set_ticks("bottom", ticks)
        self.plot.set_range((0.0, reach), (0.0, float(len(names))))

    # Selection and tooltip --------------------------------------------------------------------------------------

    def _clicked(self, pos: QPointF) -> None:
        bar = self.bars.bar_at(pos)
        selectable = bar is not None and bar.key in self._rows and bar.key != self.bars.selected
        self._chart.document.select_operator(bar.key if bar is not None and selectable else None)

    def _hovered(self, pos: object) -> None:
        bar = self.bars.bar_at(pos) if isinstance(pos, QPointF) else None
        self.bars.set_hovered(bar.key if bar is not None else None)

    def _tooltip(self, pos: QPointF) -> str:
        bar = self.bars.bar_at(pos)
        if bar is None:
            return ""
        if bar.key == OTHERS:
            lines = [f"{operator_word(r.name)}: {format_quantity(r.time_s, 's')}" for r in self._hidden]
            return "\n".join(lines)
        told = self._chart.describe(self._rows[bar.key], self._total_s)
        return "<br>".join([told, *explained(self._source_at(pos))])

    def _source_at(self, pos: QPointF) -> Source | None:
        """Of a stretch of a bar its resource's time, else the operator's."""
        bar, drawn = self.bars.bar_at(pos), self._chart.drawn
        if bar is None or drawn is None or bar.key not in self._rows:
            return None
        resource = self.bars.segment_at(bar, pos)
        return Source(drawn.report, f"time.{bar.key}.{resource}" if resource is not None else f"time.{bar.key}")


def _with_band(total: float, band: Band | None, digits: int = 4) -> str:
    text = format_quantity(total, "s", digits)
    return text if band is None else f"{text} ({band.text(total, 's')})"


class OperatorTimeChart(Chart):
    """Both phases side by side where there is room, else the one that is switched on."""

    name = "operator_time"
    title = "Time per operator"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.phase: Phase = "decode"
        self.shows_both = False
        self.legend = Legend()
        self.panels = {phase: PhasePanel(phase, self) for phase in PHASES}
        self._switch: dict[Phase, QToolButton] = {}
        self._add_switch()
        side_by_side = QHBoxLayout()
        side_by_side.setSpacing(2 * theme.GRID_PX)
        for panel in self.panels.values():
            side_by_side.addWidget(panel, 1)
        layout = self._layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(side_by_side, 1)
        layout.addWidget(self.legend)
        self._arrange()

    def _add_switch(self) -> None:
        group = QButtonGroup(self)
        for phase in PHASES:
            button = QToolButton()
            button.setText(PHASE_SHORT[phase])
            button.setCheckable(True)
            button.setAutoRaise(True)
            button.setChecked(phase == self.phase)
            button.setToolTip(f"Show the {PHASE_SHORT[phase].lower()}")
            button.setProperty("phase", phase)
            group.addButton(button)
            self.tools.addWidget(button)
            self._switch[phase] = button
        group.buttonClicked.connect(self._switched)

    def _switched(self, button: QToolButton) -> None:
        self.show_phase(button.property("phase"))

    def show_phase(self, phase: Phase) -> None:
        """Switches to a phase; both stay on show where there is room for both."""
        self.phase = phase
        self._switch[phase].setChecked(True)
        self._arrange()
        self._redraw()

    def _arrange(self) -> None:
        """Says which parts are on show at the present size."""
        self.shows_both = self.width() >= BOTH_FROM_PX
        for phase, panel in self.panels.items():
            panel.setVisible(self.shows_both or phase == self.phase)
            panel.caption.setVisible(self.shows_both)
            self._switch[phase].setVisible(not self.shows_both)
        self.legend.setVisible(self.height() >= ROOMY_PX)
        self._layout.activate()

    def _draw(self, results: Results) -> None:
        self._arrange()
        self._set_legend(results)
        for phase, panel in self.panels.items():
            if self.shows_both or phase == self.phase:
                panel.draw(results)
        if self.shows_both:
            self.heading.set_text(self.title)
        else:
            words = self.panels[self.phase].caption.text
            self.heading.set_text(words if self.width() < NARROW_PX else f"{words} by operator")

    def _set_legend(self, results: Results) -> None:
        used = {r for row in results.report.operators for r, _ in shares(row, 0.01)}
        self.legend.set_entries(
            tuple(
                Entry(resource_word(r), theme.RESOURCE_COLORS[r], theme.RESOURCE_PATTERNS.get(r))
                for r in RESOURCES
                if r in used
            )
        )

    def _restyle(self) -> None:
        for panel in self.panels.values():
            panel.plot.restyle()
        self.legend.update()

    def _select(self, key: str | None) -> None:
        for panel in self.panels.values():
            panel.bars.set_selected(key)

    def describe(self, row: OperatorRow, total_s: float) -> str:
        """An operator in words for the tooltip, as rich text."""
        share = row.time_s / total_s if total_s > 0.0 else 0.0
        lines = [
            f"<b>{html.escape(operator_word(row.name))}</b> · {PHASE_WORDS[row.phase].lower()}",
            f"{format_quantity(row.time_s, 's')}, {rich_percent(share)} of the whole, "
            f"bound by {resource_word(row.bound)}",
        ]
        lines += [
            f"{resource_word(r)}: {format_quantity(s, 's')} ({rich_percent(s / row.time_s)})"
            for r, s in shares(row, 0.001)
        ]
        lines += [f"{html.escape(name)}: {told}" for name, told in self._baselines_times(row)]
        return "<br>".join(lines)

    def _baselines_times(self, row: OperatorRow) -> list[tuple[str, str]]:
        found = []
        for baseline in self.results.baselines if self.results is not None else ():
            match = next((r for r in baseline.operators if r.key == row.key), None)
            if match is not None:
                found.append((baseline.subject, banded(baseline, f"time.{row.key}", match.time_s, "s")))
        return found

    def values(self) -> Table:
        drawn = self.drawn
        rows = drawn.report.operators if drawn is not None else ()
        header = ("phase", "operator", "time_s", "bound", *(f"{r}_s" for r in RESOURCES))
        return Table(header, tuple((r.phase, r.name, r.time_s, r.bound, *r.shares_s) for r in rows))
