"""The time axis of a timeline: true to scale but for groups of layers, which are shortened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.charts.axes import Tick
from explorer.charts.chart import text_width
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from hwlib.analysis.timeline import Section

SHORTENED = 0.16
"""The most that one group takes of the width while it is shortened."""
GAP_PX = 12
_STEPS = (1.0, 2.0, 5.0, 10.0)


class TimeScale:
    """Maps seconds to a place u from 0 to 1; within a section in proportion."""

    def __init__(self, sections: Sequence[Section], total_s: float, shorten: bool) -> None:
        self.sections = tuple(sections)
        self.total_s = total_s
        spans = [s.end_s - s.start_s for s in self.sections]
        drawn = sum(t for t, s in zip(spans, self.sections, strict=True) if not s.grouped)
        groups = sum(1 for s in self.sections if s.grouped)
        self.shortened = shorten and groups > 0 and drawn > 0.0
        if self.shortened:
            share = min(SHORTENED, 0.5 / groups)
            widths = [
                min(share, t / total_s) if s.grouped else t / drawn * (1.0 - share * groups)
                for t, s in zip(spans, self.sections, strict=True)
            ]
            whole = sum(widths)
            widths = [w / whole for w in widths]
        else:
            widths = [t / total_s if total_s > 0.0 else 0.0 for t in spans]
        self._starts = [sum(widths[:i]) for i in range(len(widths) + 1)]

    def place(self, time_s: float) -> float:
        """Where a time lies, 0 to 1; beyond 1, in the measure of the last section, after the end."""
        for i, section in enumerate(self.sections):
            if time_s <= section.end_s or i == len(self.sections) - 1:
                span = section.end_s - section.start_s
                share = (time_s - section.start_s) / span if span > 0.0 else 0.0
                return self._starts[i] + max(share, 0.0) * (self._starts[i + 1] - self._starts[i])
        return 0.0

    def time_at(self, place: float) -> float:
        """The time at a place, the inverse of `place`."""
        for i, section in enumerate(self.sections):
            start, end = self._starts[i], self._starts[i + 1]
            if place <= end or i == len(self.sections) - 1:
                share = (place - start) / (end - start) if end > start else 0.0
                return section.start_s + min(max(share, 0.0), 1.0) * (section.end_s - section.start_s)
        return 0.0

    def ticks(self, view: tuple[float, float], width_px: float) -> list[Tick]:
        """Ticks within a view (places) of `width_px`: ends of sections first, round times where there is room."""
        px = width_px / (view[1] - view[0])
        taken: list[tuple[float, float]] = []
        found: list[Tick] = []
        for time_s in (*self._edges(), *self._round_times(view, px)):
            at = self.place(time_s)
            text = format_quantity(time_s, "s", 3)
            half = text_width(text) / 2
            left, right = (at - view[0]) * px - half, (at - view[0]) * px + half
            if left + half < -1.0 or right > width_px + GAP_PX:
                continue
            if all(right + GAP_PX <= a or left - GAP_PX >= b for a, b in taken):
                taken.append((left, right))
                found.append((at, text))
        return sorted(found)

    def _edges(self) -> list[float]:
        groups = [t for s in self.sections if s.grouped for t in (s.start_s, s.end_s)] if self.shortened else []
        return [0.0, *groups, self.total_s]

    def _round_times(self, view: tuple[float, float], px: float) -> list[float]:
        found: list[float] = []
        for i, section in enumerate(self.sections if self.shortened else ()):
            if not section.grouped:
                found += _round(section.start_s, section.end_s, (self._starts[i + 1] - self._starts[i]) * px)
        if not self.shortened:
            start, end = self.time_at(view[0]), self.time_at(view[1])
            found += _round(start, end, (view[1] - view[0]) * px)
        return found


def _round(start: float, end: float, width_px: float) -> list[float]:
    """Round times between two, about 80 pixels apart."""
    count = int(width_px // 80)
    if count < 1 or end <= start:
        return []
    rough = (end - start) / count
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(s * decade for s in _STEPS if s * decade >= rough * (1.0 - 1e-9))
    return [n * step for n in range(math.ceil(start / step), math.floor(end / step) + 1)]
