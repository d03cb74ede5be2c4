"""The vertical axis of a chart that can be logarithmic or linear: places, limits with air for words, ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.charts.axes import Tick, linear_ticks, log_limits, round_up, scale_for
from explorer.charts.log_axis import log_ticks

HEADROOM_PX, FOOTROOM_PX = 36.0, 14.0


@dataclass(frozen=True)
class FigureScale:
    """Where positive figures lie: at their log10, or, where `linear`, at themselves."""

    linear: bool

    def place(self, value: float) -> float:
        """The y of a figure."""
        return value if self.linear else math.log10(value)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The y of figures [N], NaN where there is none."""
        known = np.where(values > 0, values, np.nan)
        return known if self.linear else np.log10(known)

    def limits(self, values: Sequence[float], height_px: float) -> tuple[float, float]:
        """Round limits around figures, with room for a handle below and for words above."""
        known = [v for v in values if v > 0.0 and math.isfinite(v)]
        px = max(60.0, height_px)
        if self.linear:
            return 0.0, round_up(max(known, default=1.0) * px / (px - HEADROOM_PX))
        low, high = log_limits(known, 0.75)
        per_px = (high - low) / px
        if known and math.log10(min(known)) - low < FOOTROOM_PX * per_px:
            low -= 0.25
        if known and high - math.log10(max(known)) < HEADROOM_PX * per_px:
            high += max(0.25, math.ceil(HEADROOM_PX * per_px * 4) / 4)
        return low, high

    def ticks(self, limits: tuple[float, float], write: Callable[[float], str], at_most: int) -> list[Tick]:
        """Ticks between limits."""
        if self.linear:
            return [
                (at, write(at) if at else "0") for at, _ in linear_ticks(limits[1], scale_for(limits[1], ""), at_most)
            ]
        return log_ticks(*limits, write, at_most)
