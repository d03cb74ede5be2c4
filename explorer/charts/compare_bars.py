"""Prefill, decode step or energy of many chips as stacked bars on one axis, whole or operator by operator."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.bands import MEANING, Band, band_of, phase_band
from explorer.charts.axes import linear_ticks, round_up, scale_for
from explorer.charts.chart import ElidedLabel, Table, elided, text_width
from explorer.charts.compare_chart import CompareChart, letters
from explorer.charts.items import Bar, BarsItem, Segment, reach_for
from explorer.charts.legend import Entry, Legend
from explorer.charts.plot import PlotView
from explorer.charts.sources import Source, explained
from explorer.charts.switch import Chooser, Switch
from explorer.words import (
    PHASE_TOTALS,
    actions_figure,
    comparable,
    operator_word,
    refusal,
    resource_word,
    rich_percent,
)
from hwlib.report import COMPONENTS, RESOURCES
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import EnergyFigure, OperatorRow, Phase, Report

What = Literal["prefill", "decode", "energy"]
WHAT_WORDS: dict[str, str] = {"prefill": "Prefill", "decode": "Decode", "energy": "Energy"}
WHAT_TIPS: dict[str, str] = {
    "prefill": "Time of the whole prefill (TTFT)", "decode": "Time of one decode step (TPOT)",
    "energy": "Energy per token, by actions",
}  # fmt: skip
SPLIT_WORDS = {"whole": "whole", "operator": "by operator"}
ROOMY_PX = 240
ROW_PX = 17
LEAST_ROWS = 3
NAMED_SHARE = 0.04


class Group(NamedTuple):
    """An operator (or the whole, key ""), with one bar per report below each other."""

    key: str
    name: str


class Part(NamedTuple):
    """What one bar shows: values by resource or component, and why there is none."""

    values: Mapping[str, float]
    missing: str = ""

    @property
    def total(self) -> float:
        """The bar's length."""
        return sum(self.values.values())


class CompareBars(CompareChart):
    """Bars in the colours of what takes the time or energy; letters tell the chips apart where names have no room."""

    name = "compare_bars"
    title = "Side by side"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.what: What = "decode"
        self.by_operator = False
        self.what_switch = Switch(WHAT_WORDS, WHAT_TIPS)
        self.what_switch.choose(self.what)
        self.split = Chooser(SPLIT_WORDS, "The whole, or operator by operator")
        self.tools.setSpacing(0)
        self.tools.addWidget(self.split)
        self.tools.addWidget(self.what_switch)
        self.plot = PlotView()
        self.plot.box.invertY(True)
        self.plot.set_grid(left=False, bottom=True)
        self.bars = BarsItem(self.plot.box)
        self.key = ElidedLabel()
        self.legend = Legend()
        self.groups: tuple[Group, ...] = ()
        self._bars_of: dict[str, tuple[int, Group]] = {}
        self._layout = self._stack(self.key, self.plot, self.legend)
        self.what_switch.changed.connect(self.show_what)
        self.split.changed.connect(self.show_split)
        self.plot.clicked.connect(self._clicked)
        self.plot.hovered.connect(self._hovered)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at
        self.plot.value_axes = ("bottom",)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_what(self, what: str) -> None:
        """Switches between "prefill", "decode" and "energy"."""
        self.what_switch.choose(what)
        self._thaw()
        self.what = cast("What", what)
        self._redraw()

    def show_split(self, split: str) -> None:
        """Switches between the "whole" and one group of bars per "operator"."""
        self.split.choose(split)
        self._thaw()
        self.by_operator = split == "operator"
        self._redraw()

    @property
    def words(self) -> str:
        """What the bars are, in words."""
        if self.what == "energy" and self.by_operator:
            return "Energy per token of a decode step, by actions, without leakage"
        return WHAT_TIPS[self.what]

    @property
    def unit(self) -> str:
        """The unit of the bars."""
        return "J" if self.what == "energy" else "s"

    @property
    def parts(self) -> tuple[str, ...]:
        """What bars are made of, in order."""
        return COMPONENTS if self.what == "energy" else RESOURCES

    def _draw(self, results: Results) -> None:
        roomy = self.height() >= ROOMY_PX
        self.legend.setVisible(roomy)
        self.plot.set_bottom_label(roomy)
        self.heading.set_text(self.words if self.width() >= 560 else self.title)
        self._set_key()
        self._layout.activate()
        self.groups = self._groups()
        self.bars.set_bars(self._bars())
        self._set_axes()
        used = {s.key for bar in self.bars.bars for s in bar.segments}
        entries = [
            Entry(resource_word(p), theme.RESOURCE_COLORS[p], theme.RESOURCE_PATTERNS.get(p))
            for p in self.parts
            if p in used
        ]
        self.legend.set_entries(tuple(entries))

    def _set_key(self) -> None:
        """Which letter is whom, where bars are too many for names."""
        pairs = zip(letters(len(self.reports)), self.names, strict=True)
        self.key.set_text("   ".join(f"{letter}\u2002{name}" for letter, name in pairs))
        self.key.setVisible(self.by_operator)

    def _groups(self) -> tuple[Group, ...]:
        if not self.by_operator:
            return (Group("", ""),)
        sums: dict[str, float] = {}
        for report in self.reports:
            for row in self._rows(report):
                sums[row.name] = sums.get(row.name, 0.0) + self._of_row(row)
        room = max(1, int(self.plot.room_px // (ROW_PX * (len(self.reports) + 1))))
        kept = sorted(sums, key=lambda name: -sums[name])[:room]
        return tuple(Group(name, operator_word(name)) for name in sums if name in kept)

    def _phase(self) -> Phase:
        return "prefill" if self.what == "prefill" else "decode"

    def _rows(self, report: Report) -> tuple[OperatorRow, ...]:
        return report.rows(self._phase())

    def _of_row(self, row: OperatorRow) -> float:
        return row.energy_J if self.what == "energy" else row.time_s

    def part(self, report: Report, group: Group) -> Part:
        """What a report's bar in a group shows."""
        if not report.fits:
            return Part({}, refusal(report)[0].lower())
        if self.what == "energy" and not comparable(actions_figure(report), self._energy_kind()):
            return Part({}, "no energy of this kind")
        if group.key:
            return self._row_part(report, group.key)
        found = report.energy_by_component if self.what == "energy" else report.time_by_resource[self._phase()]
        return Part({key: found[key] for key in self.parts if found.get(key, 0.0) > 0.0})

    def _energy_kind(self) -> EnergyFigure | None:
        return next((f for r in self.reports if r.fits and (f := actions_figure(r)) is not None), None)

    def _row_part(self, report: Report, name: str) -> Part:
        row = next((r for r in self._rows(report) if r.name == name), None)
        if row is None:
            return Part({}, "no such operator")
        batch = report.metrics.batch_running if report.metrics is not None else 1.0
        shares = row.shares_s if self.what != "energy" else tuple(e / max(batch, 1.0) for e in row.energies_J)
        return Part({key: value for key, value in zip(self.parts, shares, strict=True) if value > 0.0})

    # Bars -----------------------------------------------------------------------------------------------------------

    def _bars(self) -> list[Bar]:
        found: list[Bar] = []
        self._bars_of = {}
        row = 0
        for group in self.groups:
            for i, report in enumerate(self.reports):
                bar = self._bar(row, i, report, group)
                self._bars_of[bar.key] = (i, group)
                found.append(bar)
                row += 1
            row += 1 if self.by_operator else 0
        return found

    def _bar(self, row: int, index: int, report: Report, group: Group) -> Bar:
        part = self.part(report, group)
        segments = tuple(self._segment(key, value, part.total) for key, value in part.values.items())
        end = part.missing or format_quantity(part.total, self.unit, 3)
        if not part.missing and index != self.reference:
            reference = self.part(self.reports[self.reference], group).total
            end += f" · ×{format_quantity(part.total / reference, '', 3)}" if reference > 0.0 else ""
        label = f"{letters(len(self.reports))[index]} {end}" if self.by_operator else end
        band = None if part.missing else self._band(report, group, part.total)
        return Bar(f"{group.key}/{index}", row, segments, label, 0.8 if self.by_operator else 0.62, (), band)

    def _band(self, report: Report, group: Group, total: float) -> Band | None:
        if self.what == "energy":
            return None if group.key else band_of(report, "energy_per_token_J")
        if group.key:
            return band_of(report, f"time.{self._phase()}.{group.key}")
        return phase_band(report, self._phase(), total)

    def _segment(self, key: str, value: float, total: float) -> Segment:
        texts: tuple[str, ...] = ()
        if not self.by_operator and value > NAMED_SHARE * total:
            figure = format_quantity(value, self.unit, 3)
            texts = (f"{resource_word(key)} {figure}", resource_word(key))
        return Segment(key, value, theme.RESOURCE_COLORS[key], theme.RESOURCE_PATTERNS.get(key), texts)

    def _set_axes(self) -> None:
        count = len(self.reports)
        if self.by_operator:
            names = [(i * (count + 1) + count / 2, g.name) for i, g in enumerate(self.groups)]
            rows = max(1, len(self.groups) * (count + 1) - 1)
        else:
            marked = zip(letters(count), self.names, strict=True)
            names = [(i + 0.5, f"{letter} {name}") for i, (letter, name) in enumerate(marked)]
            rows = max(LEAST_ROWS, count)
        shown = [(at, elided(name, self.width() * 0.3)) for at, name in names]
        axis_px = max((text_width(text) for _, text in shown), default=0) + 10
        self.plot.set_left_width(axis_px)
        self.plot.set_ticks("left", shown)
        width = self.plot.width_beside(axis_px)
        limit = round_up(max((bar.reach for bar in self.bars.bars), default=0.0))
        reach = reach_for(self.bars.bars, width, limit)
        scale = scale_for(limit, self.unit)
        self.plot.set_axis_label("bottom", f"{self.words} ({scale.unit})")
        compact = self.height() < ROOMY_PX
        self.plot.set_ticks(
            "bottom", linear_ticks(reach, scale, max(2, int(width // (70 if compact else 50))), compact)
        )
        self.plot.set_range((0.0, reach), (0.0, float(rows)))

    # Selection and tooltip ------------------------------------------------------------------------------------------

    def _bar_at(self, pos: object) -> Bar | None:
        return self.bars.bar_at(pos) if isinstance(pos, QPointF) else None

    def _clicked(self, pos: QPointF) -> None:
        bar = self._bar_at(pos)
        if bar is None or not self._bars_of[bar.key][1].key:
            self.document.select_operator(None)
            return
        key = f"{self._phase()}.{self._bars_of[bar.key][1].key}"
        self.document.select_operator(None if key == self.document.operator else key)

    def _hovered(self, pos: object) -> None:
        bar = self._bar_at(pos)
        self.bars.set_hovered(bar.key if bar is not None else None)

    def _tooltip(self, pos: QPointF) -> str:
        bar = self._bar_at(pos)
        if bar is None:
            return ""
        index, group = self._bars_of[bar.key]
        part, report = self.part(self.reports[index], group), self.reports[index]
        head = f"<b>{html.escape(self.names[index])}</b>" + (f" · {html.escape(group.name)}" if group.name else "")
        if part.missing:
            return f"{head}<br>{html.escape(refusal(report)[1] if not report.fits else part.missing)}"
        figure = format_quantity(part.total, self.unit)
        figure += f" ({Band(*bar.band).text(part.total, self.unit)})" if bar.band is not None else ""
        here, lines = self.bars.segment_at(bar, pos), [head, f"{figure} {self.words[:1].lower()}{self.words[1:]}"]
        lines += [MEANING] if bar.band is not None else []
        for key, value in part.values.items():
            line = f"{resource_word(key)}: {format_quantity(value, self.unit)} ({rich_percent(value / part.total)})"
            lines.append(f"<b>{line}</b>" if key == here else line)
        return "<br>".join([*lines, *explained(self._source_at(pos))])

    def _source_at(self, pos: QPointF) -> Source | None:
        """Of a stretch its own figure where the report tells it apart, else that of the whole bar."""
        bar = self._bar_at(pos)
        if bar is None:
            return None
        index, group = self._bars_of[bar.key]
        here = self.bars.segment_at(bar, pos)
        found = (Source(self.reports[index], key) for key in self._keys(group, here))
        return next((source for source in found if source.known), None)

    def _keys(self, group: Group, part: str | None) -> tuple[str, ...]:
        """What explains a part of a bar, the closest first."""
        if self.what == "energy":
            return (f"energy.decode.{group.key}",) if group.key else (f"energy.{part}", "energy_per_token_J")
        whole = f"time.{self._phase()}.{group.key}" if group.key else PHASE_TOTALS[self._phase()]
        return f"{whole}.{part}", whole

    def _select(self, key: str | None) -> None:
        self.bars.set_selected(f"{key.split('.', 1)[1]}/{self.reference}" if key and self.by_operator else None)

    def _restyle(self) -> None:
        self.plot.restyle()
        self.legend.update()
        self.key.update()

    def values(self) -> Table:
        ends = (f"low_{self.unit}", f"high_{self.unit}")
        header = ("operator", "chip", "total", *(f"{p}_{self.unit}" for p in self.parts), *ends)
        groups = self.groups if self.drawn is not None else ()
        rows: list[tuple[str | float, ...]] = []
        for group in groups:
            for name, report in zip(self.names, self.reports, strict=True):
                part = self.part(report, group)
                if not part.missing:
                    band = self._band(report, group, part.total) or ("", "")
                    parts = (part.values.get(p, 0.0) for p in self.parts)
                    rows.append((group.key or "whole", name, part.total, *parts, *band))
        return Table(header, tuple(rows))
