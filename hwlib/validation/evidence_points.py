"""Chooses the few measured kernels that are carried as evidence: kept out of every fit, spread over their shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwlib.baselines.calibrate import Sample
from hwlib.baselines.kernels.registry import KERNELS

FILE = "calibration/points.json"
EACH = {"gemm": 6, "attention_prefill": 4, "attention_decode": 4, "allreduce": 3}
"""Points of each kind for each device."""

FORMS = {"gemm": "16", "attention_prefill": "16", "attention_decode": "16", "allreduce": "all_reduce"}
LEAST_ROWS = 2
"""Of rows kept out, for each point: thinner tables give fewer points."""

RULE = (
    "Rows that no fit has seen, 16 bit; all-reduces within a node, launched from graphs. For each kind and device the "
    "rows are ordered by {by} and time and cut into equal parts; each part gives one row: of median time among the "
    "rows of one framework, the frameworks taking turns in alphabetical order. Chosen without a look at predictions."
)


@dataclass(frozen=True)
class _Row:
    """One measured kernel of a device."""

    order: float
    seconds: float
    framework: str
    source: str
    shape: dict[str, int]


def _rows(samples: Sequence[Sample]) -> list[_Row]:
    by = KERNELS[samples[0].kind].bucket_by
    rows = [
        _Row(float(s.columns[by][i]), float(s.measured_s[i]), s.framework, s.source,
             {name: int(values[i]) for name, values in s.columns.items()})
        for s in samples for i in np.flatnonzero(~s.fit)
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (r.order, r.seconds, r.source, tuple(r.shape.values())))


def _chosen(rows: Sequence[_Row], each: int) -> list[_Row]:
    frameworks = sorted({row.framework for row in rows})
    count = min(each, len(rows) // LEAST_ROWS + (len(rows) % LEAST_ROWS > 0))
    found = []
    for turn in range(count):
        part = rows[turn * len(rows) // count : (turn + 1) * len(rows) // count]
        mine = [row for row in part if row.framework == frameworks[turn % len(frameworks)]] or list(part)
        found.append(sorted(mine, key=lambda row: row.seconds)[len(mine) // 2])
    return found


def evidence_points(samples: Sequence[Sample], eager: str) -> list[dict[str, Any]]:
    """The points as plain records. Rows of `eager` count only where a device has no others."""
    found = []
    for kind, form in FORMS.items():
        mine = [s for s in samples if s.kind == kind and s.form == form]
        for device in sorted({s.chip.name for s in mine}):
            all_of_it = [s for s in mine if s.chip.name == device]
            steady = [s for s in all_of_it if s.framework != eager] or all_of_it
            head = {"kind": kind, "device": device, "form": form}
            for row in _chosen(_rows(steady), EACH[kind]):
                columns = {**row.shape, "latency_s": row.seconds}
                found.append({**head, "framework": row.framework, **columns, "source": row.source})
    return found


def points_text(samples: Sequence[Sample], citation: str, eager: str) -> str:
    """The file of cited points, one in a line."""
    points = ",\n  ".join(json.dumps(point) for point in evidence_points(samples, eager))
    by = " or ".join(sorted({KERNELS[kind].bucket_by for kind in FORMS}))
    head = f' "rule": {json.dumps(RULE.format(by=by))},\n "sources": {json.dumps(citation)},'
    return f'{{\n{head}\n "points": [\n  {points}\n ]\n}}\n'
