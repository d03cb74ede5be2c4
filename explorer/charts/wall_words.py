"""What the memory wall calls its axes, measures and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explorer.charts.wall_curve import Measure
    from hwlib.analysis.wall_axes import WallAxis

AXIS_WORDS: dict[WallAxis, str] = {
    "batch": "batch", "context": "prompt", "bandwidth": "DRAM bandwidth", "capacity": "on-chip capacity",
}  # fmt: skip
AXIS_UNITS: dict[WallAxis, str] = {"batch": "", "context": "", "bandwidth": "B/s", "capacity": "B"}
AXIS_LABELS: dict[WallAxis, str] = {
    "batch": "Batch (sequences)", "context": "Prompt (tokens)", "bandwidth": "DRAM bandwidth",
    "capacity": "On-chip capacity (SRAM)",
}  # fmt: skip
MEASURE_WORDS: dict[str, str] = {"tokens_per_s": "tokens/s", "energy_per_token_J": "J/token"}
MEASURE_LABELS: dict[Measure, str] = {
    "tokens_per_s": "Decode (tokens/s)", "energy_per_token_J": "Energy per token",
}  # fmt: skip
MEASURE_UNITS: dict[Measure, str] = {"tokens_per_s": "tokens/s", "energy_per_token_J": "J"}
LIMIT_WORDS = {"batch": "KV cache full at batch", "context": "KV cache full from prompt"}
HAS_NONE = {"bandwidth": "no DRAM", "capacity": "no SRAM"}
MEND = {"bandwidth": "Add DRAM, or choose another axis", "capacity": "Add an SRAM, or choose another axis"}
COMPUTING = "Computing the curve …"
FAILED = "The curve could not be computed; the log says why"
DOES_NOT_FIT = "does not fit"
