"""Measured kernel tables as batches of equal kind: read in pieces, bad rows told by line and column, good ones kept."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.kernels.ceilings import Array
from hwlib.baselines.kernels.registry import KERNELS, Columns, Kernel, Row
from hwlib.baselines.table_files import TableError, header_of, open_table
from hwlib.units import UnitError, parse

PIECE_ROWS = 20_000
FITTED_TENTHS = 7
"""Of ten buckets of shapes, those that constants are fitted to; the rest is kept out and judged."""

TIME_COLUMNS = {"latency_s": 1.0, "latency_ms": 1e-3, "latency_us": 1e-6, "latency_ns": 1e-9}
_OPS = {"attn_prefill": "attention_prefill", "attn_decode": "attention_decode", "gemm": "gemm"}
_LIMIT = 1e15
_WORDS = ("source", "framework", "device", "dtype", "kv_dtype", "op", "notes", "batch", "power_W")
KNOWN_COLUMNS = (*_WORDS, *TIME_COLUMNS, *(name for kernel in KERNELS.values() for name in kernel.columns))


@dataclass
class Skipped:
    """Rows left out for one reason: how many, and the first of them."""

    reason: str
    rows: int
    first_line: int
    column: str = ""

    def as_json(self) -> dict[str, str | int]:
        """The same as plain values."""
        return {"reason": self.reason, "rows": self.rows, "first_line": self.first_line, "column": self.column}


@dataclass
class Skips:
    """Reasons for rows left out, each once; many different ones are cut short, so that memory stays flat."""

    found: dict[tuple[str, str], Skipped] = field(default_factory=dict)
    most: int = 200

    def add(self, line: int, column: str, reason: str, rows: int = 1) -> None:
        """Count a row that is left out."""
        key = (column, reason)
        if key not in self.found and len(self.found) >= self.most:
            key = ("", "other reasons")
        entry = self.found.setdefault(key, Skipped(key[1], 0, line, key[0]))
        entry.rows += rows

    def as_json(self) -> list[dict[str, str | int]]:
        """Reasons with row counts, most rows first."""
        return [entry.as_json() for entry in sorted(self.found.values(), key=lambda e: -e.rows)]


@dataclass(frozen=True)
class Key:
    """What rows of a batch have in common."""

    kind: str
    device: str
    """As the table spells it."""

    dtype: str
    source: str
    framework: str
    form: str


@dataclass(frozen=True)
class Batch:
    """K measured kernels of one key: line numbers, columns by name, seconds, and board power (NaN: not measured)."""

    key: Key
    lines: NDArray[np.int64]
    columns: Columns
    measured_s: Array
    power_W: Array

    @property
    def kernel(self) -> Kernel:
        """Their kind's closed form."""
        return KERNELS[self.key.kind]


def framework_of(row: Row) -> str:
    """The framework of a row: its own column, else what the source's name says, else "any"."""
    named = row.get("framework", "").strip().lower()
    if named:
        return named.split()[0]
    source = row.get("source", "").strip().lower()
    parts = source.split("/")
    if source.startswith("aic:") and len(parts) > 2:
        return parts[2]
    return parts[0].split(":")[0] if ":" in source else "any"


def fitted(columns: Columns, names: Iterable[str]) -> NDArray[np.bool_]:
    """Which rows a fit may see: by a checksum of their shape, so that equal shapes fall on one side, everywhere."""
    text = np.stack([columns[name] for name in names], axis=1)
    words = (",".join(str(int(value)) for value in row) for row in text)
    return np.array([zlib.crc32(word.encode()) % 10 < FITTED_TENTHS for word in words], dtype=bool)


def read_batches(path: Path, skips: Skips, kind: str | None = None) -> Iterator[Batch]:
    """Batches of a CSV table, plain or gzip, a piece at a time; what can't be used is added to `skips`.

    `kind` takes rows of one kind alone. Raises TableError where the table lacks columns or can't be read.
    """
    with open_table(path) as file:
        yield from _batches(path, csv.DictReader(file), skips, kind)


def _batches(path: Path, reader: csv.DictReader[str], skips: Skips, kind: str | None) -> Iterator[Batch]:
    header = header_of(path, reader.fieldnames, KNOWN_COLUMNS)
    reader.fieldnames = list(header)
    time, scale = _time_column(path, header)
    kinds = _kinds(path, header, kind)
    piece: dict[Key, list[tuple[float, ...]]] = {}
    count, line = 0, 1
    for row in reader:
        line = reader.line_num
        try:
            key, values = _parsed({k: v or "" for k, v in row.items() if k}, line, kinds, time, scale)
        except _BadRowError as bad:
            if bad.reason:
                skips.add(line, bad.column, bad.reason)
            continue
        piece.setdefault(key, []).append(values)
        count += 1
        if count >= PIECE_ROWS:
            yield from _made(piece)
            piece, count = {}, 0
    if line == 1:
        raise TableError(f"{path} has a header but no rows")
    yield from _made(piece)


def _made(piece: Mapping[Key, list[tuple[float, ...]]]) -> Iterator[Batch]:
    for key, rows in piece.items():
        table = np.array(rows)
        names = KERNELS[key.kind].columns
        columns = {name: table[:, 3 + i] for i, name in enumerate(names)}
        yield Batch(key, table[:, 0].astype(np.int64), columns, table[:, 1], table[:, 2])


def _time_column(path: Path, header: tuple[str, ...]) -> tuple[str, float]:
    for name, scale in TIME_COLUMNS.items():
        if name in header:
            return name, scale
    alike = [name for name in header if name.lower().startswith("latency")]
    hint = f"; the unit of {alike[0]} isn't known" if alike else f"; it has {', '.join(header) or 'no columns'}"
    raise TableError(f"{path} lacks the column latency_s (or latency_ms, latency_us, latency_ns){hint}")


def _needed(kernel: Kernel) -> set[str]:
    return set(kernel.columns) - set(kernel.defaults) | {"device", kernel.named_by}


def _kinds(path: Path, header: tuple[str, ...], kind: str | None) -> tuple[str, ...]:
    """The kinds of kernel that a table with this header can hold."""
    lacks = {name: sorted(_needed(kernel) - set(header)) for name, kernel in KERNELS.items() if kind in (None, name)}
    found = tuple(name for name, missing in lacks.items() if not missing)
    if found:
        return found
    nearest = min(lacks, key=lambda name: len(lacks[name]))
    words = f"lacks what {nearest} needs: {', '.join(lacks[nearest])}; it has {', '.join(header)}"
    near = "" if kind else f"has the columns of no kind of kernel. The nearest is {nearest}: it "
    raise TableError(f"{path} {near}{words}")


class _BadRowError(Exception):
    """A row that is left out; no reason where it simply isn't asked for."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


def _parsed(row: Row, line: int, kinds: tuple[str, ...], time: str, scale: float) -> tuple[Key, tuple[float, ...]]:
    kernel = KERNELS[_kind(row, kinds)]
    values = [_number(row, name, kernel.defaults.get(name)) for name in kernel.columns]
    seconds = _seconds(row, time, scale)
    try:
        form = kernel.form_of(row)
    except ValueError as error:
        raise _BadRowError(kernel.named_by, str(error)) from None
    device = row.get("device", "").strip()
    if not device:
        raise _BadRowError("device", "no device is named")
    key = Key(
        kernel.kind, device, row.get("dtype", "").strip(), row.get("source", "").strip() or "-", framework_of(row), form
    )
    return key, (float(line), seconds, _power(row), *values)


def _kind(row: Row, kinds: tuple[str, ...]) -> str:
    op = row.get("op", "").strip()
    named = _OPS.get(op, op)
    if named in KERNELS:
        if named not in kinds:
            raise _BadRowError("op", "")
        return named
    if len(kinds) == 1:
        return kinds[0]
    if "attention_decode" in kinds:
        return "attention_decode" if row.get("q_len", "").strip() in ("", "1", "1.0") else "attention_prefill"
    return kinds[0]


def _number(row: Row, column: str, default: float | None) -> float:
    text = row.get(column, "").strip()
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise _BadRowError(column, "empty" if not text else "not a number") from None
    least = 0.0 if column == "causal" else 1.0
    if not least <= value <= _LIMIT:
        raise _BadRowError(column, f"not between {least:g} and {_LIMIT:g}")
    if value != math.floor(value):
        raise _BadRowError(column, "not a whole number")
    return value


def _seconds(row: Row, column: str, scale: float) -> float:
    text = row.get(column, "").strip()
    try:
        value = float(text) * scale
    except ValueError:
        try:
            value = parse(text, "s")
        except UnitError:
            raise _BadRowError(column, "no time" if not text else "not a time in a known unit") from None
    if not math.isfinite(value) or value <= 0.0:
        raise _BadRowError(column, "time is zero, negative or not finite")
    return value


def _power(row: Row) -> float:
    try:
        value = float(row.get("power_W") or "nan")
    except ValueError:
        return math.nan
    return value if value > 0.0 else math.nan
