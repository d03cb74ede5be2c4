"""The 10 to 90 % bands of measured devices' figures, and of what is made of them: ratios, phases, boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from explorer.words import PHASE_TOTALS
from hwlib.units import format_band, format_quantity

if TYPE_CHECKING:
    from hwlib.report import EnergyFigure, Phase, Report

BOARD_KEY, BOARD_DECODE_KEY = "board_energy_per_token_J", "board_decode_energy_per_token_J"
"""Keys of a board's energy per token, of the whole run and of decode alone."""
MEANING = "In brackets: the 10 to 90 % band, which holds 8 of 10 measurements"


class Band(NamedTuple):
    """10 and 90 % values of a figure."""

    low: float
    high: float

    def over(self, mine: float) -> Band:
        """The band of `mine` divided by the figure that this band is of."""
        return Band(mine / self.high, mine / self.low)

    def times(self, factor: float) -> Band:
        """The band of a multiple of the figure."""
        return Band(self.low * factor, self.high * factor)

    def text(self, value: float, unit: str, digits: int = 3) -> str:
        """The ends in the prefix of the value: "92–118"."""
        return format_band(value, self.low, self.high, unit, digits)


def band_of(report: Report, key: str) -> Band | None:
    """The band of a figure, None where nothing was measured."""
    found = report.bands.get(key)
    if found is None or not 0.0 < found[0] <= found[1] or found[0] == found[1]:
        return None
    return Band(*found)


def phase_band(report: Report, phase: Phase, total_s: float) -> Band | None:
    """The band of a phase's whole time (one decode step, or the prefill), as wide as that of TPOT or TTFT."""
    key = PHASE_TOTALS[phase]
    found = band_of(report, key)
    figure = float(getattr(report.metrics, key)) if report.metrics is not None else 0.0
    return found.times(total_s / figure) if found is not None and figure > 0.0 else None


def board_band(report: Report, figure: EnergyFigure) -> Band | None:
    """The band of a board's energy per token; upper bounds at the TDP have none."""
    if figure.scope != "board" or "TDP" in figure.method:
        return None
    return band_of(report, BOARD_DECODE_KEY if figure.label.startswith("decode") else BOARD_KEY)


def banded(report: Report, key: str, value: float | None, unit: str, digits: int = 4) -> str:
    """A figure with its band behind it, where there is one: "105 W (92–118)"."""
    text = format_quantity(value, unit, digits)
    band = band_of(report, key)
    return text if band is None or value is None else f"{text} ({band.text(value, unit)})"
