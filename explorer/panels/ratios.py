"""Headline figures and their ratios to a baseline's, with the band that the baseline's own uncertainty leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from explorer.bands import Band, band_of
from explorer.words import actions_figure, comparable, refusal
from hwlib.units import format_band, format_quantity

if TYPE_CHECKING:
    from hwlib.report import Report

SAME = 0.005
"""Ratios this near to 1 are called equal."""
UNSURE = "≈"
"""Stands where the band reaches from better to worse."""


@dataclass(frozen=True)
class Ratio:
    """A figure over a baseline's. `goodness` is 1 for better, -1 for worse, 0 for equal or for who knows."""

    name: str
    value: float | None
    goodness: int
    why_not: str = ""
    """Why there is nothing to compare, where `value` is None."""
    band: Band | None = None
    """10 and 90 % values, where the baseline's figure has such."""
    short: str = ""
    """The baseline's name as short as tells it from the others."""

    @property
    def text(self) -> str:
        """As it stands on the card."""
        if self.value is None:
            return f"{self.why_not} · {self.name}"
        return f"{self._figure} vs {self.name}"

    @property
    def shorter(self) -> tuple[str, ...]:
        """The same where there is less room, the longest first."""
        short = self.short or self.name
        if self.value is None:
            return (f"{self.why_not} · {short}",)
        plain = f"{self._mark} {self._ratio(3)} {short}" if self.band is not None else f"{self._figure} {short}"
        told = (f"{self._figure} {self.name}", f"{self._figure} vs {short}", f"{self._figure} {short}")
        return told if plain in told else (*told, plain)

    @property
    def sentence(self) -> str:
        """As the tooltip says it."""
        if self.value is None:
            return f"{self.name}: {self.why_not}"
        # With a band a fourth digit means nothing.
        return f"{self._ratio(4) if self.band is None else self._banded} of {self.name}: {self._verdict}"

    @property
    def _unsure(self) -> bool:
        return self.band is not None and self.band.low < 1.0 < self.band.high

    @property
    def _verdict(self) -> str:
        return "too near to tell" if self._unsure else ("worse", "equal", "better")[self.goodness + 1]

    @property
    def _mark(self) -> str:
        return UNSURE if self._unsure else ("▼", "=", "▲")[self.goodness + 1]

    @cached_property
    def _figure(self) -> str:
        return f"{self._mark} {self._banded}"

    @cached_property
    def _banded(self) -> str:
        if self.band is None:
            return self._ratio(3)
        return f"{self._ratio(3)} ({format_band(self.value or 0.0, self.band.low, self.band.high, '', 2)})"

    def _ratio(self, digits: int) -> str:
        return f"×{format_quantity(self.value or 0.0, '', digits)}"


@dataclass(frozen=True)
class Figure:
    """How one headline figure is read from a report and written. `lower_is_better` says which way is good."""

    key: str
    label: str
    help: str
    value: Callable[[Report], float | None]
    unit: str
    lower_is_better: bool = True


def _metric(name: str) -> Callable[[Report], float | None]:
    def read(report: Report) -> float | None:
        return float(getattr(report.metrics, name)) if report.metrics is not None else None

    return read


FIGURES: tuple[Figure, ...] = (
    Figure("ttft_s", "TTFT", "Time to first token: the whole prefill, queueing left out", _metric("ttft_s"), "s"),
    Figure("tpot_s", "TPOT", "Time per output token, mean over the decode", _metric("tpot_s"), "s"),
    Figure("tokens_per_s", "tokens/s", "Output tokens per second in decode: batch / TPOT", _metric("tokens_per_s"), "",
           lower_is_better=False),
    Figure("energy_per_token_J", "J/token", "Energy of prefill and decode over all output tokens",
           _metric("energy_per_token_J"), "J"),
    Figure("power_W", "Power", "Mean over prefill and decode, all chips together", _metric("power_W"), "W"),
    Figure("area_m2", "Area", "Silicon of one chip's blocks and their wiring", lambda r: r.area_m2, "m²"),
)  # fmt: skip


def ratio(figure: Figure, name: str, own: Report, other: Report, short: str = "") -> Ratio:
    """The design's figure over a baseline's, where both hold and mean the same."""
    if not other.fits:
        return Ratio(name, None, 0, refusal(other)[0].lower(), short=short)
    mine, theirs = figure.value(own), figure.value(other)
    if figure.unit == "J" and not comparable(actions_figure(own), actions_figure(other)):
        return Ratio(name, None, 0, "not comparable", short=short)
    if mine is None or not theirs:
        return Ratio(name, None, 0, "unknown", short=short)
    value, band = mine / theirs, band_of(other, figure.key)
    around = band.over(mine) if band is not None else None
    goodness = 1 if (value < 1.0) == figure.lower_is_better else -1
    if (around is not None and around.low < 1.0 < around.high) or abs(value - 1.0) <= SAME:
        goodness = 0
    return Ratio(name, value, goodness, "", around, short)


def short_names(names: Sequence[str]) -> list[str]:
    """Each name's first words, as many as tell it from the others: "H100 SXM5 80GB" is "H100" beside an A100.

    What stands behind a comma, such as how a device is timed, stays.
    """
    parts = [name.partition(", ") for name in names]
    words = {base: base.split() for base, _, _ in parts}

    def told(base: str) -> str:
        own = words[base]
        for count in range(1, len(own)):
            short = " ".join(own[:count])
            if len(short) > 2 and all(w[:count] != own[:count] for b, w in words.items() if b != base):
                return short
        return base

    return [f"{told(base)}{comma}{rest}" for base, comma, rest in parts]
