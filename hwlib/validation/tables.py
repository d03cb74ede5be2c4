"""Small measured tables whole and as text: rows of a CSV file (plain or gzip), columns as numbers, their split."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.measured import fitted

Array = NDArray[np.float64]
Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file by column name, all text. Raises OSError where it can't be read."""
    opener: Callable[..., Iterable[str]] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:  # type: ignore[attr-defined]
        return list(csv.DictReader(file))


def column(rows: Iterable[Row], name: str) -> Array:
    """A column as numbers; empty cells are NaN."""
    return np.array([float(row[name]) if row[name] else np.nan for row in rows])


def seen_by_fits(rows: Sequence[Row], keys: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows a fit may see, by the one rule for all tables: `hwlib.baselines.measured.fitted`."""
    return fitted({key: column(rows, key) for key in keys}, keys)
