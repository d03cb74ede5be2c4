"""What looks wrong in a measured table though every cell can be read: times in another unit, rows that repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike

from hwlib.baselines.calibrate import Sample, buckets_of, grouped
from hwlib.baselines.calibration import basis_for, predict
from hwlib.baselines.kernels.registry import KERNELS, bucket_name
from hwlib.baselines.measured import Batch

_STEP = 3
"""Units of time lie this many powers of ten apart."""

_NEAR = 1.2
"""Powers of ten that the median may be off from a whole step and still mean a unit rather than a slow library."""

_SMALLER = {1: "milliseconds", 2: "microseconds", 3: "nanoseconds"}
MOST_REMEMBERED = 200_000


def unit_doubt(whose: str, measured_over_predicted: ArrayLike) -> str:
    """Words where times are about 1e3, 1e6 or 1e9 times off in the median, as in another unit; else empty."""
    ratio = np.asarray(measured_over_predicted, dtype=float)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0.0)]
    if not len(ratio):
        return ""
    power = math.log10(float(np.median(ratio)))
    steps = round(power / _STEP)
    if not steps or abs(power - _STEP * steps) > _NEAR:
        return ""
    if steps > 0:
        meant = f"as if they were in {_SMALLER.get(steps, 'a much smaller unit')} where the column says seconds"
    else:
        meant = "shorter than any kernel: as if they were in a larger unit than the column says"
    return (
        f"{whose}: measured times are {10.0**power:,.3g} times the predictions in the median, {meant}. "
        "Name the column latency_s, latency_ms, latency_us or latency_ns after its unit"
    )


class Repeats:
    """Counts rows that repeat an earlier one in every number, up to a bounded number of rows remembered."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._rows = 0
        self._first_line = 0

    def add(self, batch: Batch) -> None:
        """Look at the rows of a batch."""
        if len(self._seen) >= MOST_REMEMBERED:
            return
        numbers = np.stack([*batch.columns.values(), batch.measured_s], axis=1)
        for line, row in zip(batch.lines.tolist(), numbers.tolist(), strict=True):
            mark = hash((batch.key, *row))
            if mark in self._seen:
                self._rows += 1
                self._first_line = min(self._first_line or line, line)
            else:
                self._seen.add(mark)

    def words(self) -> str:
        """What was found, in words; empty where nothing repeats."""
        if not self._rows:
            return ""
        among = f" among the first {MOST_REMEMBERED:,}" if len(self._seen) >= MOST_REMEMBERED else ""
        return (
            f"{self._rows} rows{among} repeat an earlier row of the same source in every number, the first in line "
            f"{self._first_line}; each counts"
        )


def unit_doubts(samples: Sequence[Sample]) -> list[str]:
    """Words for each sample whose times seem to be in another unit, against what stands in without them."""
    found = []
    for sample in samples:
        with suppress(ValueError):
            basis = basis_for(sample.chip, sample.kind, sample.form, sample.framework)
            predicted = predict(basis, sample.chip, sample.form, sample.columns).seconds
            found.append(unit_doubt(f"{sample.chip.name}, {sample.source}", sample.measured_s / predicted))
    return [words for words in found if words]


def narrow_doubts(samples: Sequence[Sample]) -> list[str]:
    """Words for each kind and form whose rows lie in one bucket of sizes, so that others are extrapolated."""
    found = []
    for (kind, form), group in grouped(samples).items():
        buckets = buckets_of(group)
        if len(buckets) == 1:
            where = bucket_name(KERNELS[kind], buckets[0])
            found.append(f"{kind} {form}: every row has {where}; other sizes rest on the constants of the class")
    return found
