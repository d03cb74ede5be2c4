"""The systolic cycle law against tables of SCALE-Sim v3, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwlib.mapping.tiling import systolic_cycles
from hwlib.validation.reference import FIRST_LINE, Comparison, Groups, Skips, counts, number, read_table
from hwlib.validation.tables import Row

SIZES = ("R", "C", "M", "N", "K")
DATAFLOWS = {"ws": "weight_stationary", "is": "input_stationary", "os": "output_stationary"}
OFF_BY_ONE = 1.0
"""SCALE-Sim's totals are a cycle less than its own folds take."""

Array = NDArray[np.float64]


def predict(dataflow: str, sizes: Array) -> Array:
    """Total cycles [K] as SCALE-Sim v3 reports them for one single-buffered array; sizes [5, K] in order of SIZES."""
    rows, columns, m, n, k = sizes
    one = np.ones_like(rows)
    return systolic_cycles(dataflow, rows, columns, one, m, n, k, one, 0.0) - OFF_BY_ONE


def compare(table: Path) -> Comparison:
    """Cycles of every row of a table with columns R, C, dataflow (ws, is or os), M, N, K and total_cycles or
    formula_cycles; the first where a row has both. Raises TableError."""
    rows = read_table(table, ("dataflow", *SIZES))
    skips, groups, told = Skips(), Groups(), list[dict[str, Any]]()
    for line, row in enumerate(rows, FIRST_LINE):
        found = _row(row, line, skips)
        if found is None:
            continue
        dataflow, sizes, published = found
        predicted = float(predict(dataflow, np.array(sizes, dtype=float)[:, None])[0])
        groups.add(dataflow, "cycles", predicted, published)
        names = {"line": line, "case": row.get("case") or "", "dataflow": dataflow}
        told.append({**names, **dict(zip(SIZES, sizes, strict=True)), "predicted": predicted, "published": published})
    return Comparison("systolic", groups.all(), tuple(told), skips.as_json())


def _row(row: Row, line: int, skips: Skips) -> tuple[str, list[int], float] | None:
    word = "_".join((row["dataflow"] or "").strip().lower().replace("-", " ").replace("_", " ").split())
    dataflow = DATAFLOWS.get(word, word if word in DATAFLOWS.values() else "")
    if not dataflow:
        skips.add(line, "dataflow", f"must be one of {', '.join(DATAFLOWS)}")
        return None
    sizes = counts(row, SIZES, line, skips)
    if sizes is None:
        return None
    for name in ("total_cycles", "formula_cycles"):
        try:
            published = number(row, name)
        except ValueError as error:
            skips.add(line, name, str(error))
            return None
        if published > 0:
            return dataflow, sizes, published
    skips.add(line, "total_cycles", "no cycles are given")
    return None
