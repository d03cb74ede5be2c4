"""Which operators make up one layer of each kind (local or full attention, dense FFN or experts), and how many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwlib.report import OperatorRow

_WORDS = {
    "local": "local attention",
    "full": "full attention",
    "dense": "a dense FFN",
    "experts": "experts",
}
_ATTENTION = ("scores", "softmax", "weighted_sum")
_EXPERTS = ("router", "expert_", "shared_")


@dataclass(frozen=True)
class LayerKind:
    """Layers that run the same operators: the index of the first, how many, their rows and each row's share of one.

    A row counts all its repeats; its share is one over the layers that have it.
    """

    words: str
    first: int
    count: int
    rows: tuple[tuple[OperatorRow, float], ...]


def parts_of(
    rows: Sequence[OperatorRow], layers: int
) -> tuple[list[OperatorRow], list[OperatorRow], list[OperatorRow]]:
    """The rows before, in and after the layer loop: it spans the rows that run in every layer, and all between."""
    inside = [i for i, row in enumerate(rows) if math.isclose(row.repeat, layers, rel_tol=1e-6)]
    if layers <= 1 or not inside:
        return list(rows), [], []
    first, last = inside[0], inside[-1] + 1
    return list(rows[:first]), list(rows[first:last]), list(rows[last:])


def layer_kinds(body: Sequence[OperatorRow], layers: int) -> tuple[LayerKind, ...]:
    """The kinds of layer that `body` (rows of the layer loop) makes up, in the order of their first layer.

    How many layers have local attention, or experts, follows from the rows' repeats; which ones, the rows don't tell:
    dense layers are put first, local attention is spread evenly. Sums over all layers do not depend on it.
    """
    if not body:
        return ()
    local = _count(body, "local", layers)
    experts = _count(body, "experts", layers)
    counts = {"local": local, "full": layers - local, "experts": experts, "dense": layers - experts}
    found: dict[tuple[str, str], list[int]] = {}
    for i in range(layers):
        # Layer i is local where the running count of evenly spread full-attention layers doesn't rise.
        is_full = ((i + 1) * (layers - local)) // layers > (i * (layers - local)) // layers
        kind = ("full" if is_full else "local", "dense" if i < layers - experts else "experts")
        found.setdefault(kind, []).append(i)
    varied = {name for name, count in counts.items() if 0 < count < layers}
    return tuple(
        LayerKind(
            words=" and ".join(_WORDS[name] for name in kind if name in varied),
            first=indices[0],
            count=len(indices),
            rows=_rows(body, kind, counts, layers),
        )
        for kind, indices in found.items()
    )


def _rows(
    body: Sequence[OperatorRow], kind: tuple[str, str], counts: dict[str, int], layers: int
) -> tuple[tuple[OperatorRow, float], ...]:
    found = []
    for row in body:
        belongs = _belongs(row)
        # A model with layers of one sort only has rows of that sort in each of them.
        if not belongs or not counts[belongs]:
            found.append((row, 1.0 / layers))
        elif belongs in kind:
            found.append((row, 1.0 / counts[belongs]))
    return tuple(found)


def _belongs(row: OperatorRow) -> str:
    """The sort of layer that alone has this row, "" for a row of every layer."""
    if row.name.endswith("_local"):
        return "local"
    if row.name in _ATTENTION:
        return "full"
    if row.name.startswith(_EXPERTS):
        return "experts"
    return "dense" if row.name.startswith("ffn_") else ""


def _count(body: Sequence[OperatorRow], sort: str, layers: int) -> int:
    """Layers that have the rows of a sort, from how often these run."""
    return min(layers, round(max((row.repeat for row in body if _belongs(row) == sort), default=0.0)))
