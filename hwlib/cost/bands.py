"""10 to 90 % bands of a device's figures: from the residuals of each kernel's model to operators, phases and rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.steps import StepOverhead
from hwlib.cost.assemble import OneDesign
from hwlib.cost.kernel_times import KernelTimes
from hwlib.report import PHASES, Metrics

Array = NDArray[np.float64]
Band = tuple[float, float]

SAME_MODEL = 0.7
"""Correlation of the errors of two operators that rest on one kernel model: its bias is common to all shapes, its
misfit at a shape is that shape's own (estimate; coverage on whole models is in docs/validation.md)."""

OTHER_MODEL = 0.3
"""Correlation between kernel models of one device: its clocks, power limit and software version are common
(estimate)."""


LEAST_SHARE = 0.1
"""No band reaches below this share of the prediction."""


@dataclass(frozen=True)
class Spread:
    """Operators R with the middle and half the width of their band in s, and the kernel model [R] that each rests on.

    Repeats of one operator (layers, decode steps) are one kernel of one shape: they err alike, so a row's band grows
    in proportion to its time. Rows of one model correlate by SAME_MODEL, of several by OTHER_MODEL.
    """

    middle: Array
    half: Array
    model: NDArray[np.int64]

    def band(self, weight: Array) -> Band:
        """The band of a sum over the rows, each times `weight` [R]."""
        half = self.half * weight
        by_model = np.bincount(self.model, weights=half)
        variance = (
            OTHER_MODEL * half.sum() ** 2
            + (SAME_MODEL - OTHER_MODEL) * (by_model**2).sum()
            + (1.0 - SAME_MODEL) * (half**2).sum()
        )
        middle, reach = float(self.middle @ weight), float(np.sqrt(variance))
        return middle - reach, middle + reach


def spread_of(one: OneDesign, kernels: KernelTimes) -> Spread:
    """The bands of the operator rows of a pass, in the order of `program.rows`."""
    low, high = kernels.by_column("low", 1.0), kernels.by_column("high", 1.0)
    low[kernels.host], high[kernels.host] = kernels.step.low, kernels.step.high
    seconds, count = one.passes * one.run.tau[one.d], len(one.program.rows)
    bottom, top = (np.bincount(one.program.row, weights=seconds * f, minlength=count) for f in (low, high))
    return Spread((bottom + top) / 2.0, (top - bottom) / 2.0, _models(one, kernels))


def _models(one: OneDesign, kernels: KernelTimes) -> NDArray[np.int64]:
    """[R] a number for the kernel model of every row; the step and what the drawing times have numbers of their own."""
    known = {key: i for i, key in enumerate(dict.fromkeys((t.call.kind, t.call.form) for t in kernels.timed))}
    by_column = np.full(len(one.program), len(known))
    for t in kernels.timed:
        by_column[t.call.cols] = known[t.call.kind, t.call.form]
    by_column[kernels.host] = len(known) + 1
    result = np.zeros(len(one.program.rows), dtype=np.int64)
    result[one.program.row] = by_column
    return result


def of_whole_passes(band: Band, seconds: float, step: StepOverhead, measured: bool) -> Band:
    """The band of a time made of whole passes: as such times scatter about their predictions, where that is known.

    The quantiles hold on devices whose kernels were measured; on others the doubt about kernels comes on top.
    """
    if not step.rows:
        return band
    down, up = (1.0 - step.pass_low) * seconds, (step.pass_high - 1.0) * seconds
    if not measured:
        down, up = math.hypot(down, max(0.0, seconds - band[0])), math.hypot(up, max(0.0, band[1] - seconds))
    return max(seconds - down, LEAST_SHARE * seconds), seconds + up


def time_bands(one: OneDesign, spread: Spread, found: Metrics, step: StepOverhead, measured: bool) -> dict[str, Band]:
    """Bands of operators, TTFT, TPOT, the last token and both rates, by the keys of `explain`."""
    scenario, rows = one.run.scenario, one.program.rows
    phase = np.array([f for f, _ in rows])
    fill = one.phase_s / np.maximum(one.run.pass_time[:, one.d], 1e-300)
    weight = [np.where(phase == f, fill[f], 0.0) for f in (0, 1)]
    weights = (weight[0], weight[1], weight[0] + (scenario.output - 1) * weight[1])
    ttft, tpot, end = (
        of_whole_passes(spread.band(w), seconds, step, measured)
        for w, seconds in zip(weights, (found.ttft_s, found.tpot_s, found.end_s), strict=True)
    )
    tokens = found.e2e_tokens_per_s * found.end_s
    bands = {
        "ttft_s": ttft,
        "tpot_s": tpot,
        "end_s": end,
        "tokens_per_s": (one.batch / tpot[1], one.batch / tpot[0]),
        "e2e_tokens_per_s": (tokens / end[1], tokens / end[0]),
    }
    low, high = spread.middle - spread.half, spread.middle + spread.half
    for i, (f, name) in enumerate(rows):
        bands[f"time.{PHASES[f]}.{name}"] = (float(low[i]), float(high[i]))
    return bands
