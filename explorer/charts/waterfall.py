"""Waterfall from one chip to another: which resource a time, which component an energy, grows or shrinks by."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget

from explorer import theme
from explorer.charts.axes import linear_ticks, round_up, scale_for
from explorer.charts.chart import Table, elided, text_width
from explorer.charts.compare_chart import CompareChart, letters
from explorer.charts.items import TEXT_GAP_PX
from explorer.charts.plot import PlotView
from explorer.charts.sources import Source, explained
from explorer.charts.switch import Chooser, Switch
from explorer.charts.waterfall_items import Fall, FallsItem
from explorer.words import resource_word, rich_percent
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.analysis.waterfall import Quantity, Step
    from hwlib.report import Report

WHAT_WORDS: dict[str, str] = {"ttft": "TTFT", "tpot": "TPOT", "energy": "Energy"}
WHAT_TIPS: dict[str, str] = {
    "ttft": "Time to the first token", "tpot": "Time per output token", "energy": "Energy per token",
}  # fmt: skip
UNITS = {"ttft": "s", "tpot": "s", "energy": "J"}
TOTALS = {"ttft": "ttft_s", "tpot": "tpot_s", "energy": "energy_per_token_J"}
SWITCH_PX = 170
"""What the switch beside the choosers takes."""
LEAST_CHOOSER_PX = 72
ROOMY_PX = 240
ROW_PX = 15
LEAST_ROWS = 4
OTHERS = "Others"


class WaterfallChart(CompareChart):
    """Between two reports chosen in the head: from the reference to the one next to it until others are."""

    name = "waterfall"
    title = "Waterfall"
    can_freeze = True

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.what: Quantity = "tpot"
        self.steps: tuple[Step, ...] = ()
        self.shown: list[tuple[str, str, float, float]] = []
        self.source_chooser = Chooser({}, "From which chip")
        self.target_chooser = Chooser({}, "To which chip")
        self._ends = ("", "")
        self._names: list[str] = []
        self._follows = True
        """True until a chip to start from was chosen: then it is the reference, whichever that is."""
        self.what_switch = Switch(WHAT_WORDS, WHAT_TIPS)
        self.what_switch.choose(self.what)
        self.tools.setSpacing(0)
        self.tools.addWidget(self.source_chooser)
        self.tools.addWidget(self.target_chooser)
        self.tools.addWidget(self.what_switch)
        self.plot = PlotView()
        self.plot.box.invertY(True)
        self.plot.set_grid(left=False, bottom=True)
        self.falls = FallsItem(self.plot.box)
        self._stack(self.plot)
        self.what_switch.changed.connect(self.show_what)
        self.source_chooser.changed.connect(self._source_chosen)
        self.target_chooser.changed.connect(self._target_chosen)
        self.plot.hovered.connect(self._hovered)
        self.plot.tooltip_at = self._tooltip
        self.plot.source_at = self._source_at
        self.plot.value_axes = ("bottom",)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_reports(self, reports: Sequence[Report], reference: int = 0) -> None:
        """Compares other reports; the chosen ends stay as long as reports of their names do."""
        self.reports, self.reference = tuple(reports), reference
        self._offer_ends()
        super().show_reports(reports, reference)

    def _offer_ends(self) -> None:
        names, before = self.names, self._names
        renamed = dict(zip(before, names, strict=True)) if len(before) == len(names) else {}
        source, target = (end if end in names else renamed.get(end, "") for end in self._ends)
        self._names = names
        # From the reference on, those with figures first: a waterfall needs them at both ends.
        order = [*range(self.reference, len(names)), *range(self.reference)]
        order.sort(key=lambda i: not self.reports[i].fits)
        if self._follows or source not in names:
            self._follows = True
            source = names[order[0]] if names else ""
        if target not in names or target == source:
            target = next((names[i] for i in order if names[i] != source), "")
        for chooser, word in ((self.source_chooser, "from"), (self.target_chooser, "to")):
            marked = zip(letters(len(names)), names, strict=True)
            chooser.set_words({name: f"{word} {letter} {name}" for letter, name in marked})
            chooser.setVisible(len(names) > 1)
        self._go(source, target)

    def show_what(self, what: str) -> None:
        """Switches between "ttft", "tpot" and "energy"."""
        self.what_switch.choose(what)
        self._thaw()
        self.what = cast("Quantity", what)
        self._redraw()

    def show_ends(self, source: str, target: str) -> None:
        """Goes from one report to another, by their names as told apart."""
        self._follows = source in self.names and self.names.index(source) == self.reference
        self._go(source, target)
        self._redraw()

    def show_target(self, name: str) -> None:
        """Goes to another report, by its name as told apart."""
        self.show_ends(self._ends[0], name)

    def _go(self, source: str, target: str) -> None:
        if (source, target) != self._ends:
            self._thaw()
        self._ends = source, target
        self.source_chooser.choose(source)
        self.target_chooser.choose(target)

    def _source_chosen(self, name: str) -> None:
        """The other end moves out of the way."""
        source, target = self._ends
        self.show_ends(name, source if name == target else target)

    def _target_chosen(self, name: str) -> None:
        source, target = self._ends
        self.show_ends(target if name == source else source, name)

    @property
    def ends(self) -> tuple[int, int] | None:
        """Indices of the reports from and to which the waterfall goes, None where there is only one."""
        names = self.names
        source, target = self._ends
        return (names.index(source), names.index(target)) if source in names and target in names else None

    def _draw(self, results: Results) -> None:
        from hwlib.analysis.waterfall import obstacle, waterfall

        ends = self.ends
        self.steps = ()
        if ends is None:
            self._refuse("Nothing to go to", "Add a second chip to the comparison.")
            return
        a, b = (self.reports[i] for i in ends)
        if reason := obstacle(a, b, self.what):
            self._refuse("No waterfall", reason)
            return
        self.steps = waterfall(a, b, self.what)
        self._set_heading(ends)
        self.shown = self._shown(self.steps)
        self._set_axes(ends)

    def _refuse(self, heading: str, reason: str) -> None:
        self.heading.set_text(self.title)
        self._message.show_text(heading, reason)
        self._pages.setCurrentWidget(self._message)

    def _set_heading(self, ends: tuple[int, int]) -> None:
        a, b = self.steps[0].end, self.steps[-1].end
        ratio = f" ×{format_quantity(b / a, '', 3)}" if a > 0.0 else ""
        names = " → ".join(letters(len(self.reports))[i] for i in ends)
        wordings = [f"{words} {names}{ratio}" for words in (WHAT_TIPS[self.what], WHAT_WORDS[self.what])]
        self._share_room(self.width() - SWITCH_PX - 3 * theme.GRID_PX - text_width(wordings[-1], bold=True))
        tools = self.source_chooser.width() + self.target_chooser.width() + SWITCH_PX
        room = self.width() - tools - 3 * theme.GRID_PX
        self.heading.set_text(next((w for w in wordings if text_width(w, bold=True) <= room), wordings[-1]))

    def _share_room(self, room: int) -> None:
        """Half of `room` for each chooser's words, and what one leaves for the other."""
        choosers = self.source_chooser, self.target_chooser
        wanted = [chooser.wanted_px() for chooser in choosers]
        for chooser, other in zip(choosers, reversed(wanted), strict=True):
            chooser.set_most(max(LEAST_CHOOSER_PX, room // 2, room - max(other, LEAST_CHOOSER_PX)))

    def _shown(self, steps: tuple[Step, ...]) -> list[tuple[str, str, float, float]]:
        """(label, component, start, end) of as many rows as there is room for; the smallest changes become one."""
        rows = [(s.label, s.component, s.start, s.end) for s in steps]
        room = max(LEAST_ROWS, int(self.plot.room_px // ROW_PX))
        if len(rows) <= room:
            return rows
        changes = sorted(rows[1:-1], key=lambda r: -abs(r[3] - r[2]))[: room - 3]
        kept, now = [rows[0]], rows[0][3]
        for row in rows[1:-1]:
            if row in changes:
                kept.append((row[0], row[1], now, now + row[3] - row[2]))
                now = kept[-1][3]
        return [*kept, (OTHERS, "", now, rows[-1][3]), rows[-1]]

    def _set_axes(self, ends: tuple[int, int]) -> None:
        unit, t = UNITS[self.what], theme.current()
        rows = self.shown
        names = [label for label, _, _, _ in rows]
        marks = letters(len(self.reports))
        names[0], names[-1] = (f"{marks[i]} {self.names[i]}" for i in ends)
        cut = [elided(name, self.width() * 0.32) for name in names]
        axis_px = max(text_width(name) for name in cut) + 10
        self.plot.set_left_width(axis_px)
        self.plot.set_ticks("left", [(i + 0.5, name) for i, name in enumerate(cut)])
        falls = [self._fall(i, row, unit, t.muted) for i, row in enumerate(rows)]
        self.falls.set_falls(falls)
        width = self.plot.width_beside(axis_px)
        limit = round_up(max(max(f.start, f.end) for f in falls))
        reach = self._reach(falls, limit, width)
        scale = scale_for(limit, unit)
        roomy = self.height() >= ROOMY_PX
        self.plot.set_bottom_label(roomy)
        self.plot.set_axis_label("bottom", f"{WHAT_TIPS[self.what]} ({scale.unit})")
        self.plot.set_ticks(
            "bottom", linear_ticks(reach, scale, max(2, int(width // (50 if roomy else 70))), not roomy)
        )
        self.plot.set_range((0.0, reach), (0.0, float(max(LEAST_ROWS, len(rows)))))

    def _fall(self, index: int, row: tuple[str, str, float, float], unit: str, neutral: str) -> Fall:
        _, component, start, end = row
        total = index in (0, len(self.shown) - 1)
        sign = "" if total else "+" if end >= start else "−"
        label = f"{sign}{format_quantity(abs(end - start), unit, 3)}"
        return Fall(
            start,
            end,
            theme.RESOURCE_COLORS.get(component, neutral),
            theme.RESOURCE_PATTERNS.get(component),
            label,
            total,
        )

    def _reach(self, falls: Sequence[Fall], limit: float, width: float) -> float:
        """The axis' right end, so that all words have room behind their bars."""
        reach = limit
        for _ in range(24):
            ends = [max(f.start, f.end) / reach * width + 2 * TEXT_GAP_PX + text_width(f.label) for f in falls]
            if max(ends) <= width:
                break
            reach *= 1.06
        return reach

    # Tooltip --------------------------------------------------------------------------------------------------------

    def _hovered(self, pos: object) -> None:
        self.falls.set_hovered(self.falls.row_at(pos) if isinstance(pos, QPointF) else None)

    def _tooltip(self, pos: QPointF) -> str:
        row = self.falls.row_at(pos)
        if row is None or not self.steps:
            return ""
        label, component, start, end = self.shown[row]
        unit, whole = UNITS[self.what], self.steps[0].end
        head = f"<b>{html.escape(label)}</b>"
        if row in (0, len(self.shown) - 1):
            words = f"{format_quantity(end, unit)} {_lower(WHAT_TIPS[self.what])}"
            return "<br>".join([head, words, *explained(self._source_at(pos))])
        sign = "+" if end >= start else "−"
        lines = [
            head,
            f"{sign}{format_quantity(abs(end - start), unit)}, {rich_percent(abs(end - start) / whole)} of the start",
        ]
        if component:
            lines.append(" → ".join(self._part(i, component) for i in self.ends or ()) + f" {resource_word(component)}")
        return "<br>".join([*lines, *explained(self._source_at(pos))])

    def _source_at(self, pos: QPointF) -> Source | None:
        """Of a component what it takes of the chip at the lower end, else that chip's (or the upper's) total."""
        row, ends = self.falls.row_at(pos), self.ends
        if row is None or ends is None or not self.steps:
            return None
        report, component = self.reports[ends[0] if row == 0 else ends[1]], self.shown[row][1]
        part = Source(report, f"energy.{component}")
        return part if self.what == "energy" and component and part.known else Source(report, TOTALS[self.what])

    def _part(self, index: int, component: str) -> str:
        """What a component takes of a report."""
        report = self.reports[index]
        if self.what == "energy":
            found = report.energy_by_component
        else:
            found = report.time_by_resource["prefill" if self.what == "ttft" else "decode"]
        return format_quantity(found.get(component, 0.0), UNITS[self.what])

    def _restyle(self) -> None:
        self.plot.restyle()

    def values(self) -> Table:
        unit = UNITS[self.what]
        steps = self.steps if self.drawn is not None else ()
        rows = tuple((s.label, s.component, s.start, s.end, s.end - s.start) for s in steps)
        return Table(("step", "component", f"start_{unit}", f"end_{unit}", f"change_{unit}"), rows)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
