"""Measured tables as numbers: rows of a CSV file (plain or gzip) and the split into fitted and kept-out rows."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Row = dict[str, str]

FITTED_TENTHS = 7
"""Of ten buckets of shapes, those that constants are fitted to; the rest is kept out and judged."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file by column name, all text. Raises OSError where it can't be read."""
    opener: Callable[..., Iterable[str]] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:  # type: ignore[attr-defined]
        return list(csv.DictReader(file))


def column(rows: Iterable[Row], name: str) -> Array:
    """A column as numbers; empty cells are NaN."""
    return np.array([float(row[name]) if row[name] else np.nan for row in rows])


def fitted(rows: Iterable[Row], keys: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which rows a fit may see: by a checksum of their shape, so that equal shapes fall on one side."""
    words = [",".join(str(int(float(row[key]))) for key in keys) for row in rows]
    return np.array([zlib.crc32(word.encode()) % 10 < FITTED_TENTHS for word in words], dtype=bool)
