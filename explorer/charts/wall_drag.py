"""What dragging the present point of the memory wall changes: batch or prompt, DRAM bandwidth or SRAM capacity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from hwlib.analysis.wall_axes import present_value, scaled
from hwlib.design.edit import EditError

if TYPE_CHECKING:
    from explorer.document import Document
    from hwlib.analysis.wall_axes import WallAxis

EDIT_WORDS = {"bandwidth": "Change the DRAM bandwidth", "capacity": "Change the on-chip capacity"}
STEP = 2.0**0.125
"""One press of an arrow key, as a factor."""
_MOST = {"batch": 1_000_000, "context": 10_000_000}


def snapped(axis: WallAxis, value: float) -> float:
    """The round value next to `value`: whole sequences and tokens, three digits of bandwidth, eighths of 2**k bytes."""
    if axis == "bandwidth":
        return float(f"{value:.2e}")
    grain = 2.0 ** (math.floor(math.log2(max(value, 1.0))) - (3 if axis == "capacity" else 4))
    if axis == "capacity":
        return max(64.0, round(value / grain) * grain)
    grain = max(1.0, grain)
    return float(min(max(1, round(value / grain) * grain), _MOST[axis]))


def stepped(axis: WallAxis, value: float, steps: int) -> float:
    """The value so many steps on, at least one grain away."""
    wanted = snapped(axis, value * STEP**steps)
    if wanted != snapped(axis, value):
        return wanted
    return max(1.0, value + math.copysign(1.0, steps))


class WallDrag:
    """One gesture: from the grab to the drop, one step of the history for the design, none for the scenario."""

    def __init__(self, document: Document, axis: WallAxis) -> None:
        self._document = document
        self.axis: WallAxis = axis
        self._design, self._scenario = document.design, document.scenario
        self.start = present_value(self._design, self._scenario, axis)
        self.value = self.start
        self._key = ("memory wall", axis, document.new_gesture())

    def move_to(self, value: float) -> bool:
        """Change the scenario or the design to a value. False where that is out of range: nothing changes."""
        wanted = snapped(self.axis, value)
        if wanted == self.value:
            return True
        try:
            self._apply(wanted)
        except EditError:
            return False
        self.value = wanted
        return True

    def abandon(self) -> None:
        """Put everything back as it was at the grab."""
        self._apply(self.start)
        self.value = self.start

    def _apply(self, value: float) -> None:
        if self.axis in ("batch", "context"):
            name = "batch" if self.axis == "batch" else "prompt"
            self._document.set_scenario(msgspec.structs.replace(self._scenario, **{name: round(value)}))
            return
        after = self._design if value == self.start else scaled(self._design, self.axis, value / self.start)
        self._document.edit(EDIT_WORDS[self.axis], after, self._key)
