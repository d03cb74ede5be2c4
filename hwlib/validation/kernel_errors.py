"""Predictions against a measured table: errors by device, format and source, beside a plain roofline's."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibrate import beyond_bandwidth
from hwlib.baselines.calibration import Basis, Calibration, Times, basis_for, predict
from hwlib.baselines.kernels.ceilings import Array, Ceilings
from hwlib.baselines.kernels.registry import KERNELS, bucket_name, bucket_of
from hwlib.baselines.measured import Batch, Skips, TableError, fitted
from hwlib.baselines.samples import BANDWIDTH_REASON, chip_named, trusted_batches

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
    relative: list[NDArray[np.float32]] = field(default_factory=list)
    roofline: list[NDArray[np.float32]] = field(default_factory=list)
    inside: list[NDArray[np.bool_]] = field(default_factory=list)
    bucket: list[NDArray[np.int8]] = field(default_factory=list)
    long: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, batch: Batch, times: Times, roofline_s: Array) -> None:
        t = batch.measured_s
        level = times.basis.level
        self.basis.add(f"{level} ({times.basis.calibration.device}, {times.basis.calibration.framework})")
        self.relative.append((times.seconds / t - 1.0).astype(np.float32))
        self.roofline.append((roofline_s / t - 1.0).astype(np.float32))
        self.inside.append((times.low <= t) & (t <= times.high))
        self.bucket.append(bucket_of(batch.kernel, batch.columns).astype(np.int8))
        self.long.append(t > LONG_S)


@dataclass(frozen=True)
class _Predicted:
    """Lines of a table with what was predicted for them."""

    lines: NDArray[np.int64]
    figures: Array
    """[K, 4] seconds, low and high end of the band, roofline."""


@dataclass(frozen=True)
class Validation:
    """Errors by group, all groups together by kind, and what was skipped; errors are fractions."""

    groups: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    skipped: list[dict[str, Any]]
    rows: Rows

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"groups": self.groups, "totals": self.totals, "skipped": self.skipped, "rows": self.rows}


def validate(
    table: Path, kind: str | None = None, device: str | None = None, out: Path | None = None, rows: Rows = "all",
    extra: Sequence[Calibration] = (),
) -> Validation:  # fmt: skip
    """Predict every row of a measured table and tell the errors; see docs/validation.md for the keys.

    kind: rows of one kind alone. device: rows of one catalog device alone. out: a copy of the table with the columns
    predicted_s, low_s, high_s, roofline_s, empty where a row was skipped. rows: those of one side of the split alone.
    extra: calibrations that come before those shipped. Raises TableError, UnknownNameError for `device`.
    """
    wanted = chip_named(device).name if device else None
    skips, found, written = Skips(), dict[GroupKey, _Errors](), list[_Predicted]()
    for batch, chip in trusted_batches(table, skips, kind):
        if wanted is not None and chip.name != wanted:
            continue
        kept = _kept(batch, chip, rows, skips)
        if not len(kept.lines):
            continue
        key = batch.key
        try:
            basis = basis_for(chip, key.kind, key.form, key.framework, tuple(extra))
            times = predict(basis, chip, key.form, kept.columns)
        except ValueError as error:
            skips.add(int(kept.lines[0]), "device", str(error), len(kept.lines))
            continue
        roofline = kept.kernel.roofline(chip, key.form, kept.columns)
        group = found.setdefault((key.kind, key.device, key.dtype, key.source), _Errors(chip.name))
        group.add(kept, times, roofline)
        if out is not None:
            written.append(_Predicted(kept.lines, np.stack([times.seconds, times.low, times.high, roofline], axis=1)))
    if out is not None:
        write_predicted(table, out, written)
    groups = [{**_names(key, errors), **_figures(key[0], [errors])} for key, errors in sorted(found.items())]
    return Validation(groups, _totals(found), skips.as_json(), rows)


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
    relative, roofline, inside, bucket, long = (
        np.concatenate([part for errors in several for part in getattr(errors, name)])
        for name in ("relative", "roofline", "inside", "bucket", "long")
    )
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
    lines = np.concatenate([p.lines for p in predicted]) if predicted else np.zeros(0, dtype=np.int64)
    figures = np.concatenate([p.figures for p in predicted]) if predicted else np.zeros((0, len(ADDED)))
    order = np.argsort(lines)
    lines, figures = lines[order], figures[order]
    try:
        with _text(table, "rt") as source, _text(out, "wt") as target:
            reader, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
            writer.writerow([*next(reader), *ADDED])
            for row in reader:
                at = int(np.searchsorted(lines, reader.line_num))
                known = at < len(lines) and lines[at] == reader.line_num
                cells = [f"{value:.6g}" for value in figures[at]] if known else [""] * len(ADDED)
                writer.writerow([*row, *cells])
    except OSError as error:
        raise TableError(f"can't write {out}: {error}") from None


@contextmanager
def _text(path: Path, mode: Literal["rt", "wt"]) -> Iterator[IO[str]]:
    encoding = "utf-8-sig" if mode == "rt" else "utf-8"
    if path.suffix == ".gz":
        with gzip.open(path, mode, encoding=encoding, newline="") as packed:
            yield cast(IO[str], packed)
    else:
        with path.open(mode, encoding=encoding, newline="") as plain:
            yield plain


def basis_words(basis: Basis) -> str:
    """What a prediction rests on, in words."""
    rows, model = basis.model.fitted_rows, basis.model
    return f"{basis.level}: {basis.calibration.device}, {basis.calibration.framework}, {model.form}, {rows} rows"
