"""Roofs of rooflines: which ceilings make one, its line on the plane, and the ceiling under the pointer."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from explorer.charts.sources import Source, explained
from hwlib.units import format_quantity

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF

    from explorer.charts.items import LabelsItem
    from hwlib.report import Ceiling, Phase, Report

SYMBOLS: dict[Phase, str] = {"prefill": "s", "decode": "o"}
GRIP_PX = 6.0
"""How near a line the pointer asks about it."""


class Roof(NamedTuple):
    """The highest ceiling of units that stream from DRAM and the DRAM bandwidth, and where they meet (FLOP/B)."""

    compute: Ceiling
    dram: Ceiling

    @property
    def ridge(self) -> float:
        """Operational intensity of the ridge point."""
        return self.compute.value / self.dram.value

    def line(self, start: float, end: float) -> tuple[list[float], list[float]]:
        """x and y between two ends, all in log10: up the slope to the ridge, then level."""
        ridge, top = math.log10(self.ridge), math.log10(self.compute.value)
        return [start, ridge, end], [start + math.log10(self.dram.value), top, top]


class Beam(NamedTuple):
    """A straight stretch of a ceiling on the plane (log10), and whose it is."""

    report: Report
    ceiling: Ceiling
    ends: tuple[float, float, float, float]


def roof_of(report: Report) -> Roof | None:
    """A report's roof, None where it has no compute or no DRAM ceiling.

    Weights that stay in crossbars never come from DRAM, so a crossbar's ceiling meets no slope if other units compute.
    """
    every = [c for c in report.ceilings if c.kind == "compute" and c.value > 0.0]
    compute = [c for c in every if c.resource != "crossbar"] or every
    dram = [c for c in report.ceilings if c.kind == "memory" and c.resource == "dram" and c.value > 0.0]
    if not compute or not dram:
        return None
    return Roof(max(compute, key=lambda c: c.value), max(dram, key=lambda c: c.value))


def beams_of(report: Report, ceilings: Sequence[Ceiling], xs: Sequence[float], ys: Sequence[float]) -> list[Beam]:
    """One beam per ceiling, along the stretches of a line."""
    ends = pairwise(zip(xs, ys, strict=True))
    return [Beam(report, c, (*a, *b)) for c, (a, b) in zip(ceilings, ends, strict=True)]


def beam_at(beams: Iterable[Beam], plane: LabelsItem, pos: QPointF) -> Beam | None:
    """The beam under a point of the view box; of several the nearest, of equal ones the first."""
    best, nearest = None, GRIP_PX
    for beam in beams:
        x0, y0, x1, y1 = beam.ends
        away = _distance(plane.to_pixels(x0, y0), plane.to_pixels(x1, y1), pos)
        if away < nearest:
            best, nearest = beam, away
    return best


def _distance(a: QPointF, b: QPointF, pos: QPointF) -> float:
    along, there = b - a, pos - a
    length = along.x() ** 2 + along.y() ** 2
    share = (there.x() * along.x() + there.y() * along.y()) / length if length > 0.0 else 0.0
    rest = there - along * min(max(share, 0.0), 1.0)
    return math.hypot(rest.x(), rest.y())


def source_of(beam: Beam) -> Source | None:
    """Where a ceiling is from: a resource can have peaks at several widths, so the one of its value."""
    peaks = (k for k in beam.report.figures() if k.startswith(f"peak.{beam.ceiling.resource}"))
    found = (k for k in peaks if math.isclose(beam.report.explain(k).value, beam.ceiling.value))
    return next((Source(beam.report, k) for k in found), None)


def beam_words(beam: Beam, name: str) -> str:
    """The tooltip of a ceiling of the chip called `name`, as rich text."""
    unit = "FLOP/s" if beam.ceiling.kind == "compute" else "B/s"
    head = f"<b>{html.escape(name)}</b> · {html.escape(beam.ceiling.name)}"
    return "<br>".join((head, f"{format_quantity(beam.ceiling.value, unit)} peak", *explained(source_of(beam))))
