"""Predictions against a measured table: errors by device, format and source, beside a plain roofline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibrate import beyond_bandwidth
from hwlib.baselines.calibration import Calibration, Times, basis_for, predict
from hwlib.baselines.doubts import Repeats, unit_doubt
from hwlib.baselines.kernels.ceilings import Array, Ceilings
from hwlib.baselines.kernels.registry import KERNELS, bucket_name, bucket_of
from hwlib.baselines.measured import Batch, Skips, fitted
from hwlib.baselines.samples import BANDWIDTH_REASON, chip_named, trusted_batches
from hwlib.baselines.table_files import TableError, copy_with
from hwlib.validation.watching import JudgedRows, Watch

Rows = Literal["all", "kept-out", "fitted"]
LONG_S = 50e-6
BUCKET_ROWS = 5
"""A bucket with fewer rows is not called the worst."""

GroupKey = tuple[str, str, str, str]


@dataclass
class _Errors:
    """What a group's rows left behind: a few bytes each, so that a million of them stay in memory."""

    catalog_device: str
    basis: set[str] = field(default_factory=set)
    ratio: list[NDArray[np.float32]] = field(default_factory=list)
    """Predicted over measured."""

    roofline: list[NDArray[np.float32]] = field(default_factory=list)
    inside: list[NDArray[np.bool_]] = field(default_factory=list)
    bucket: list[NDArray[np.int8]] = field(default_factory=list)
    long: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, batch: Batch, times: Times, roofline_s: Array) -> None:
        t = batch.measured_s
        level = times.basis.level
        self.basis.add(f"{level} ({times.basis.calibration.device}, {times.basis.calibration.framework})")
        self.ratio.append((times.seconds / t).astype(np.float32))
        self.roofline.append((roofline_s / t - 1.0).astype(np.float32))
        self.inside.append((times.low <= t) & (t <= times.high))
        self.bucket.append(bucket_of(batch.kernel, batch.columns).astype(np.int8))
        self.long.append(t > LONG_S)


@dataclass(frozen=True)
class _Predicted:
    """Lines of a table with what was predicted for them."""

    lines: NDArray[np.int32]
    figures: NDArray[np.float32]
    """[K, 4] seconds, low and high end of the band, roofline."""


@dataclass(frozen=True)
class Validation:
    """Errors by group, all groups together by kind, and what was skipped; errors are fractions."""

    groups: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    skipped: list[dict[str, Any]]
    rows: Rows
    hints: list[str] = field(default_factory=list)
    """What looks wrong in the table though every cell can be read."""

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "groups": self.groups,
            "totals": self.totals,
            "skipped": self.skipped,
            "hints": self.hints,
            "rows": self.rows,
        }


def validate(
    table: Path, kind: str | None = None, device: str | None = None, out: Path | None = None, rows: Rows = "all",
    extra: Sequence[Calibration] = (), watch: Watch | None = None,
) -> Validation:  # fmt: skip
    """Predict every row of a measured table and tell the errors; see docs/validation.md for the keys.

    kind: rows of one kind alone. device: rows of one catalog device alone. out: a copy of the table with the columns
    predicted_s, low_s, high_s, roofline_s, empty where a row was skipped. rows: those of one side of the split alone.
    extra: calibrations that come before those shipped. watch: is told of rows as they are judged.
    Raises TableError, UnknownNameError for `device`, and what `watch` raises.
    """
    wanted = chip_named(device).name if device else None
    if out is not None and out.exists() and out.samefile(table):
        raise TableError(f"{out} is the table itself; predictions go to another file")
    judged, there = _Judged(rows, tuple(extra), out is not None, watch), set[str]()
    for batch, chip in trusted_batches(table, judged.skips, kind):
        there.add(chip.name)
        if wanted in (None, chip.name):
            judged.add(batch, chip)
    if wanted is not None and wanted not in there:
        known = ", ".join(sorted(there)) or "no known device"
        raise TableError(f"{table} has no usable row of {wanted}; it has {known}")
    if out is not None:
        write_predicted(table, out, judged.written)
    return judged.result()


class _Judged:
    """Batches predicted and compared one after the other; little of each is kept."""

    def __init__(self, rows: Rows, extra: tuple[Calibration, ...], keep: bool, watch: Watch | None = None) -> None:
        self.rows, self.extra, self.keep, self.watch = rows, extra, keep, watch
        self.skips, self.repeats = Skips(), Repeats()
        self.found: dict[GroupKey, _Errors] = {}
        self.written: list[_Predicted] = []

    def add(self, batch: Batch, chip: Ceilings) -> None:
        """Judge the rows of a batch."""
        self.repeats.add(batch)
        kept, key = _kept(batch, chip, self.rows, self.skips), batch.key
        if not len(kept.lines):
            return
        try:
            basis = basis_for(chip, key.kind, key.form, key.framework, self.extra)
            times = predict(basis, chip, key.form, kept.columns)
        except ValueError as error:
            self.skips.add(int(kept.lines[0]), "device", str(error), len(kept.lines))
            return
        roofline = kept.kernel.roofline(chip, key.form, kept.columns)
        group = key.kind, key.device, key.dtype, key.source
        self.found.setdefault(group, _Errors(chip.name)).add(kept, times, roofline)
        if self.watch is not None:
            at, figures = kept.columns[kept.kernel.bucket_by], (times.seconds, times.low, times.high, roofline)
            self.watch(JudgedRows(group, kept.kernel.bucket_by, at, kept.measured_s, *figures))
        if self.keep:
            self.written.append(_predicted(kept.lines, times, roofline))

    def result(self) -> Validation:
        """Errors of all batches so far."""
        groups = [{**_names(key, errors), **_figures(key[0], [errors])} for key, errors in sorted(self.found.items())]
        doubts = [
            unit_doubt(f"{key[1]}, {key[3]}", 1.0 / np.concatenate(errors.ratio)) for key, errors in self.found.items()
        ]
        hints = [words for words in (*doubts, self.repeats.words()) if words]
        return Validation(groups, _totals(self.found), self.skips.as_json(), self.rows, hints)


def _predicted(lines: NDArray[np.int64], times: Times, roofline_s: Array) -> _Predicted:
    figures = np.stack([times.seconds, times.low, times.high, roofline_s], axis=1)
    return _Predicted(lines.astype(np.int32), figures.astype(np.float32))


def _kept(batch: Batch, chip: Ceilings, rows: Rows, skips: Skips) -> Batch:
    """The rows of a batch that are judged: on the side of the split that was asked for, and possible at all."""
    good = np.ones(len(batch.lines), dtype=bool)
    if rows != "all":
        good = fitted(batch.columns, batch.kernel.columns) == (rows == "fitted")
    far = good & beyond_bandwidth(chip, batch.key.kind, batch.key.form, batch.columns, batch.measured_s)
    if far.any():
        skips.add(int(batch.lines[far][0]), "latency_s", BANDWIDTH_REASON, int(far.sum()))
    good &= ~far
    columns = {name: values[good] for name, values in batch.columns.items()}
    return Batch(batch.key, batch.lines[good], columns, batch.measured_s[good], batch.power_W[good])


def _names(key: GroupKey, errors: _Errors) -> dict[str, Any]:
    kind, device, dtype, source = key
    return {
        "kind": kind,
        "device": device,
        "catalog_device": errors.catalog_device,
        "dtype": dtype,
        "source": source,
        "basis": sorted(errors.basis),
    }


def _figures(kind: str, several: Sequence[_Errors]) -> dict[str, Any]:
    """Figures over the rows of some groups."""
    ratio, roofline, inside, bucket, long = (
        np.concatenate([part for errors in several for part in getattr(errors, name)])
        for name in ("ratio", "roofline", "inside", "bucket", "long")
    )
    relative = ratio - 1.0
    size, plain = np.abs(relative), np.abs(roofline)
    return {
        "n": len(size),
        "median": float(np.median(size)),
        "mean": float(size.mean(dtype=float)),
        "p90": float(np.quantile(size, 0.9)),
        "bias": float(np.median(relative)),
        "in_band": float(inside.mean()),
        "worst_bucket": _worst(kind, size, bucket),
        "roofline_median": float(np.median(plain)),
        "roofline_mean": float(plain.mean(dtype=float)),
        "over_50us": _long(size, plain, long),
    }


def _long(size: NDArray[np.float32], plain: NDArray[np.float32], long: NDArray[np.bool_]) -> dict[str, Any] | None:
    if not long.any():
        return None
    return {
        "n": int(long.sum()),
        "median": float(np.median(size[long])),
        "mean": float(size[long].mean(dtype=float)),
        "roofline_median": float(np.median(plain[long])),
        "roofline_mean": float(plain[long].mean(dtype=float)),
    }


def _worst(kind: str, size: NDArray[np.float32], bucket: NDArray[np.int8]) -> str:
    counts = {int(b): int((bucket == b).sum()) for b in np.unique(bucket)}
    enough = [b for b, count in counts.items() if count >= BUCKET_ROWS] or list(counts)
    worst = max(enough, key=lambda b: float(np.median(size[bucket == b])))
    median = float(np.median(size[bucket == worst]))
    return f"{bucket_name(KERNELS[kind], worst)}: {100.0 * median:.1f} % ({counts[worst]} rows)"


def _totals(found: dict[GroupKey, _Errors]) -> list[dict[str, Any]]:
    """All groups of a kind and number format together."""
    together: dict[tuple[str, str], list[_Errors]] = {}
    for (kind, _, dtype, _), errors in sorted(found.items()):
        together.setdefault((kind, dtype), []).append(errors)
    return [{"kind": kind, "dtype": dtype, **_figures(kind, group)} for (kind, dtype), group in together.items()]


# --- the table with predictions -------------------------------------------------------------------------------------

ADDED = ("predicted_s", "low_s", "high_s", "roofline_s")


def write_predicted(table: Path, out: Path, predicted: Sequence[_Predicted]) -> None:
    """Copy a table row by row with the predictions added. Raises TableError where a file can't be written."""
    lines = np.concatenate([p.lines for p in predicted]) if predicted else np.zeros(0, dtype=np.int32)
    figures = np.concatenate([p.figures for p in predicted]) if predicted else np.zeros((0, len(ADDED)))
    order = np.argsort(lines)
    lines, empty = lines[order], [""] * len(ADDED)

    def cells(line: int) -> Sequence[str]:
        at = int(np.searchsorted(lines, line))
        if at >= len(lines) or lines[at] != line:
            return empty
        return [f"{value:.6g}" for value in figures[order[at]]]

    copy_with(table, out, ADDED, cells)
