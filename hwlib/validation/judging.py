"""Judging any measured table: whether it is of kernels or of whole models is seen from its columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from hwlib.baselines.calibration import Calibration
from hwlib.baselines.table_files import open_table
from hwlib.validation.kernel_errors import Rows, Validation, validate
from hwlib.validation.watching import Watch
from hwlib.validation.whole_models import validate_whole_models

WHOLE_MODELS = frozenset({"model", "device"})
KERNELS = ({"m", "n", "k"}, {"kv_len"}, {"op"}, {"rows", "cols"})
"""Columns of which tables of kernels have one set."""


def is_of_whole_models(path: Path) -> bool:
    """Whether a table is of whole models rather than of kernels. Raises TableError where it can't be read."""
    with open_table(path) as file:
        header = {name.strip().lower() for name in next(csv.reader(file), [])}
    return header >= WHOLE_MODELS and not any(header >= columns for columns in KERNELS)


def judge(
    table: Path, rows: Rows = "all", out: Path | None = None, extra: Sequence[Calibration] = (),
    watch: Watch | None = None,
) -> Validation:  # fmt: skip
    """Predict every row of a table of kernels or whole models; arguments and errors as `kernel_errors.validate`."""
    if is_of_whole_models(table):
        return validate_whole_models(table, None, out, rows, extra, watch)
    return validate(table, None, None, out, rows, extra, watch)
