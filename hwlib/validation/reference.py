"""Reference tables of other tools and of silicon: rows as numbers, bad ones told, and errors by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwlib.baselines.measured import Skips
from hwlib.baselines.table_files import TableError
from hwlib.validation.tables import Row, read_rows

COLUMNS = (
    *("case", "dataflow", "R", "C", "M", "N", "K", "total_cycles", "formula_cycles"),
    *("arch", "objective", "energy_J", "latency_s", "n_arrays", "chip", "condition", "metric", "unit", "published"),
)
"""Columns whose names may be spelled otherwise: in any case, with other signs between words, or as in SPELLINGS."""

SPELLINGS = {
    "rows": "R",
    "array_rows": "R",
    "array_height": "R",
    "columns": "C",
    "cols": "C",
    "array_columns": "C",
    "array_cols": "C",
    "array_width": "C",
    "cycles": "total_cycles",
    "architecture": "arch",
    "energy": "energy_J",
    "arrays": "n_arrays",
}
"""Other names of columns, without the signs between words."""

FIRST_LINE = 2
"""Line of a table's first row, below its head."""


@dataclass
class Group:
    """What rows of a kind have in common, and the pairs (predicted, published) found for them."""

    name: str
    quantity: str
    unit: str = ""
    basis: str = ""
    """What the prediction rests on, where a table has several: uncalibrated, or calibrated on one point."""
    pairs: list[tuple[float, float]] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Absolute errors |predicted / published - 1| as fractions, the largest above and below, the share of rows that
        are exactly equal, and the factor max(predicted / published, published / predicted)."""
        predicted, published = np.array(self.pairs, dtype=float).T
        size = relative_error(predicted, published)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(np.abs(np.log(predicted / published)))
        factor = np.where(predicted == published, 1.0, factor)
        names = {"name": self.name, "quantity": self.quantity, "unit": self.unit, "basis": self.basis}
        errors: dict[str, Any] = {"n": len(size), "median": float(np.median(size)), "mean": float(size.mean())}
        errors |= {"max": float(size.max()), "exact": float((predicted == published).mean())}
        signed = np.where(published == 0.0, 0.0, predicted / np.where(published == 0.0, 1.0, published) - 1.0)
        errors |= {"max_above": max(0.0, float(signed.max())), "max_below": max(0.0, -float(signed.min()))}
        finite = factor[np.isfinite(factor)]
        errors["factor_median"] = float(np.median(finite)) if len(finite) else None
        errors["factor_max"] = float(finite.max()) if len(finite) == len(factor) else None
        return {**names, **errors}


def relative_error(predicted: ArrayLike, published: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    """|predicted / published - 1|; where nothing was published as 0, 0 if predicted so and 1 if not."""
    a, b = np.broadcast_arrays(np.asarray(predicted, dtype=float), np.asarray(published, dtype=float))
    safe = np.where(b == 0.0, 1.0, b)
    return np.asarray(np.where(b == 0.0, (a != 0.0).astype(float), np.abs(a - b) / np.abs(safe)))


@dataclass(frozen=True)
class Comparison:
    """Errors by group, every row with both figures, and rows that were left out."""

    kind: str
    groups: tuple[Group, ...]
    rows: tuple[dict[str, Any], ...]
    skipped: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        groups = [g.figures() for g in self.groups if g.pairs]
        totals = [g.figures() for g in _together(self.groups)]
        found: dict[str, Any] = {"kind": self.kind, "groups": groups, "totals": totals, "rows": list(self.rows)}
        return {**found, "skipped": self.skipped, "notes": list(self.notes)}


def _together(groups: Sequence[Group]) -> list[Group]:
    """All groups of a basis as one."""
    found: dict[str, Group] = {}
    for group in groups:
        found.setdefault(group.basis, Group("all", "all", "", group.basis)).pairs.extend(group.pairs)
    return [group for group in found.values() if group.pairs]


class Groups:
    """Groups by name, quantity and basis, in the order in which they first occur."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Group] = {}

    def add(
        self, name: str, quantity: str, predicted: float, published: float, unit: str = "", basis: str = ""
    ) -> None:
        """One row's two figures."""
        group = self._found.setdefault((name, quantity, basis), Group(name, quantity, unit, basis))
        group.pairs.append((predicted, published))

    def all(self) -> tuple[Group, ...]:
        """Every group."""
        return tuple(self._found.values())


def read_table(path: Path, needed: Sequence[str]) -> list[Row]:
    """The rows of a reference table, known columns named as in COLUMNS.

    Raises TableError where it can't be read or lacks a column of `needed`.
    """
    try:
        rows = read_rows(path)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise TableError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from None
    except Exception as error:
        if type(error).__module__ in ("_csv", "zlib"):
            raise TableError(f"can't read {path}: {error}") from None
        raise
    have = tuple(rows[0]) if rows else ()
    named = _named(have)
    rows = [{named.get(name, name): text for name, text in row.items()} for row in rows]
    missing = [name for name in needed if name not in have and name not in named.values()]
    if missing:
        found = f"it has {', '.join(str(name) for name in have[:20])}" if rows else "it has no rows"
        raise TableError(f"{path} lacks the columns {', '.join(missing)}; {found}.")
    return rows


def _named(have: Sequence[str | None]) -> dict[str | None, str]:
    """What the columns of a table are called here; one that is there by its own name is never replaced by another."""
    known = {_bare(name): name for name in COLUMNS} | {_bare(other): name for other, name in SPELLINGS.items()}
    found: dict[str | None, str] = {}
    for name in have:
        meant = known.get(_bare(name or ""))
        if meant is not None and meant not in have and meant not in found.values():
            found[name] = meant
    return found


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def number(row: Mapping[str, str | None], name: str) -> float:
    """A cell as a finite number; NaN where it is empty. Raises ValueError with the cell's text."""
    text = (row.get(name) or "").strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} isn't a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} isn't a finite number")
    return value


def counts(row: Mapping[str, str | None], names: Sequence[str], line: int, skips: Skips) -> list[int] | None:
    """Whole numbers above 0 of a row; None, and the reason among the skips, where one isn't."""
    found = []
    for name in names:
        try:
            value = number(row, name)
        except ValueError as error:
            skips.add(line, name, str(error))
            return None
        if not value > 0 or value != int(value):
            skips.add(line, name, "must be a whole number above 0")
            return None
        found.append(int(value))
    return found


__all__ = ["FIRST_LINE", "Comparison", "Group", "Groups", "Skips", "TableError", "counts", "number", "read_table"]
