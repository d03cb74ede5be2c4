"""Round axis limits, ticks and units, so that a chart's range does not twitch while a value is dragged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hwlib.units import format_quantity

_ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E",
}  # fmt: skip


class Scale(NamedTuple):
    """How an axis writes its numbers: divided by `factor`, in `unit` with its prefix."""

    factor: float
    unit: str


Tick = tuple[float, str]


def round_up(value: float) -> float:
    """The next round limit at or above `value`; 1 where there is nothing to show."""
    if not value > 0.0 or not math.isfinite(value):
        return 1.0
    decade = 10.0 ** math.floor(math.log10(value))
    return next(r * decade for r in _ROUND if r * decade >= value * (1.0 - 1e-9))


def scale_for(limit: float, unit: str) -> Scale:
    """The SI prefix in which numbers up to `limit` read best."""
    exponent = 3 * math.floor(math.log10(limit) / 3.0 + 1e-12) if limit > 0.0 else 0
    exponent = min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
    return Scale(10.0**exponent, _PREFIXES[exponent] + unit)


def linear_ticks(limit: float, scale: Scale, at_most: int = 6, with_unit: bool = False) -> list[Tick]:
    """Ticks from 0 to `limit` at round steps, at most `at_most` of them after 0; `with_unit` writes it after each."""
    rough = limit / max(1, at_most)
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(s * decade for s in _STEPS if s * decade >= rough * (1.0 - 1e-9))
    count = math.floor(limit / step + 1e-9)
    unit = f" {scale.unit}" if with_unit else ""
    return [(i * step, f"{i * step / scale.factor:.6g}{unit if i else ''}") for i in range(count + 1)]


def log_limits(values: Sequence[float], least: float = 2.0) -> tuple[float, float]:
    """Limits (low, high) in log10, on quarters of a decade, that enclose all finite positive `values`.

    They are at least `least` decades apart.
    """
    logs = [math.log10(v) for v in values if v > 0.0 and math.isfinite(v)]
    if not logs:
        return 0.0, least
    low, high = math.floor(min(logs) * 4 + 1e-9) / 4, math.ceil(max(logs) * 4 - 1e-9) / 4
    return (low, high) if high - low >= least else (low, low + least)


def decade_ticks(low: float, high: float, unit: str, at_most: int = 6) -> list[Tick]:
    """Ticks at log10 positions on whole powers of ten, as many as `at_most`, written with prefix and unit."""
    whole = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    every = max(1, math.ceil(len(whole) / max(1, at_most)))
    return [(float(e), power_of_ten(e, unit)) for e in whole if (e - whole[0]) % every == 0]


def power_of_ten(exponent: int, unit: str) -> str:
    """10**exponent with prefix and unit ("10 TFLOP/s"); without a unit plain where that is short ("0.1", "1 k")."""
    if not unit and -3 <= exponent < 4:
        return f"{10.0**exponent:g}"
    return format_quantity(10.0**exponent, unit).strip()
