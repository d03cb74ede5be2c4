"""Watching a validation: rows as they are judged, and a sample of them that stays small however long the table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_POINTS = 20_000
"""Points that a sample keeps: more than a plot can tell apart."""


@dataclass(frozen=True)
class JudgedRows:
    """K rows of one group that have just been judged: measured and predicted figures, the band, the plain roofline."""

    group: tuple[str, str, str, str]
    """Kind (of whole models with the metric behind it), device as the table spells it, number format, source."""

    column: str
    """The column that residuals are told apart by, such as "m" or "kv_len"."""

    at: Array
    measured: Array
    predicted: Array
    low: Array
    high: Array
    roofline: Array


Watch = Callable[[JudgedRows], None]
"""Is told of rows in their order; what it raises ends the validation."""


@dataclass
class SampledRows:
    """Every n-th judged row by group, n doubled whenever there are more than `most` in all."""

    most: int = MOST_POINTS
    seen: int = 0
    step: int = 1
    columns: dict[str, str] = field(default_factory=dict)
    """By kind, the column that residuals are told apart by."""
    _parts: dict[tuple[str, str, str, str], list[Array]] = field(default_factory=dict)
    _kept: int = 0

    def add(self, rows: JudgedRows) -> None:
        """Take a share of the rows."""
        table = np.stack([rows.at, rows.measured, rows.predicted, rows.low, rows.high, rows.roofline])
        first = -self.seen % self.step
        part = table[:, first :: self.step]
        self.seen += table.shape[1]
        self.columns[rows.group[0]] = rows.column
        if part.shape[1]:
            self._parts.setdefault(rows.group, []).append(part)
            self._kept += part.shape[1]
        while self._kept > self.most:
            self._thin()

    def _thin(self) -> None:
        self.step *= 2
        self._parts = {group: [np.concatenate(parts, axis=1)[:, ::2]] for group, parts in self._parts.items()}
        self._kept = sum(parts[0].shape[1] for parts in self._parts.values())

    def groups(self) -> list[tuple[str, str, str, str]]:
        """The groups that have rows, in order."""
        return sorted(self._parts)

    def rows(self, *groups: tuple[str, str, str, str]) -> Array:
        """[6, K] at, measured, predicted, low, high and roofline of the sampled rows of some groups."""
        parts = [part for group in groups for part in self._parts.get(group, ())]
        return np.concatenate(parts, axis=1) if parts else np.zeros((6, 0))
