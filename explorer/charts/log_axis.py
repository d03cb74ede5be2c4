"""Ticks of logarithmic axes that span few decades: 1, 2, 5 where there is room, powers of two for counts and bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from explorer.charts.axes import Tick
from hwlib.units import format_quantity

_DENSEST_FIRST = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))


def log_ticks(low: float, high: float, write: Callable[[float], str], at_most: int = 6) -> list[Tick]:
    """Ticks at log10 positions between `low` and `high`, at most `at_most`: 1-2-5, else 1-3, else whole decades."""
    for steps in _DENSEST_FIRST:
        found = _decimal(low, high, steps)
        if len(found) <= at_most:
            return [(at, write(10.0**at)) for at in found]
    every = math.ceil(len(found) / max(1, at_most))
    return [(at, write(10.0**at)) for at in found[::every]]


def binary_ticks(low: float, high: float, write: Callable[[float], str], at_most: int = 6) -> list[Tick]:
    """Ticks on powers of two between `low` and `high` (log10), at most `at_most`, equally far apart."""
    two = math.log10(2.0)
    whole = range(math.ceil(low / two - 1e-9), math.floor(high / two + 1e-9) + 1)
    every = max(1, math.ceil(len(whole) / max(1, at_most)))
    return [(e * two, write(2.0**e)) for e in whole if e % every == 0]


def power_free(value: float) -> str:
    """A bare number with an SI prefix: "500", "2 k", "0.5"."""
    return format_quantity(value, "").strip() if value < 1e3 else format_quantity(value, "B").removesuffix("B").strip()


def _decimal(low: float, high: float, steps: Sequence[float]) -> list[float]:
    decades = range(math.floor(low), math.floor(high) + 1)
    places = [d + math.log10(s) for d in decades for s in steps]
    return [p for p in places if low - 1e-9 <= p <= high + 1e-9]
