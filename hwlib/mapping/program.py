"""Which ways a workload can run on a chip: every operator once for each unit and weight place that could serve it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwlib.report import PHASES, Phase
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import (
    COLUMNS,
    KIND_WORDS,
    OUTSIDE,
    Kind,
    OperatorTable,
    chunk_table,
    decode_table,
    prefill_table,
    with_step,
)
from hwlib.workload.quadrature import ContextNodes, context_nodes
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

MATRIX, VECTOR, MEMORY, PORT, HOST, NEAR, CROSSBAR = 0, 1, 2, 3, 4, 5, 10
"""Unit codes; NEAR: units beside the banks of DRAM; crossbar pool b is CROSSBAR + b."""

IN_DRAM, IN_SRAM, RESIDENT, RELOADED = 0, 1, 2, 3
"""Where the weights of a column come from; RESIDENT and RELOADED are cells of the crossbar that runs it."""


@dataclass(frozen=True)
class Ways:
    """What a chip offers, as far as it decides the columns of a program."""

    matrix: bool
    vector: bool
    dram: bool
    sram: bool
    pinned: bool
    """Some SRAM is a scratchpad that weights can be kept in."""
    crossbars: int
    kv_pool: int = -1
    """The pool of crossbars that holds the KV cache and runs attention; -1 where none does."""
    host: bool = False
    """Host and framework count: a row of their own in every pass."""
    near: bool = False
    """Units beside the banks of DRAM run the attention of decode steps."""
    chunks: tuple[int, ...] = ()
    """Numbers of chunks that prompts may be cut into, so that these flow through layers that keep their weights."""


class Way(NamedTuple):
    """A column in plain numbers, for what reads some dozens of them one by one."""

    column: int
    kind: Kind
    unit: int
    source: int
    weight: int
    dynamic: bool
    cut: int


class Columns:
    """Some columns of a program, `at` [k]: its codes [k] and its values [S, k] by name, gathered once for all uses."""

    def __init__(self, program: Program, at: NDArray[np.int64]) -> None:
        self.at, self._program = at, program

    def __len__(self) -> int:
        return len(self.at)

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._program.values
        codes = None if name in values else getattr(self._program, name)
        found: Array = values[name][:, self.at] if codes is None else codes[self.at]
        self.__dict__[name] = found
        return found


@dataclass(frozen=True, eq=False)
class Program:
    """Columns [K]: an operator row, one way to run it. `values` holds the table's columns of operators.COLUMNS as
    [S, K], S being 1 or one scenario for each design.

    `row` [K] indexes `rows` ((phase, operator name) as reported); `weight` [K] indexes `weights` (names of weight
    GEMMs, -1 for others); `place` [K] is the placement column (0 DRAM, 1 SRAM, 2 + b crossbar pool b, -1 none).
    `cut` [K]: 0 where an instance serves the whole pass, 1 + i where it serves one of the `chunks[i]` of a prompt.
    """

    rows: tuple[tuple[int, str], ...]
    weights: tuple[str, ...]
    kind: NDArray[np.int64]
    phase: NDArray[np.int64]
    row: NDArray[np.int64]
    unit: NDArray[np.int64]
    source: NDArray[np.int64]
    weight: NDArray[np.int64]
    place: NDArray[np.int64]
    dynamic: NDArray[np.bool_]
    values: dict[str, Array]
    missing: tuple[str, ...]
    """Operators that nothing on the chip can run."""
    cut: NDArray[np.int64]
    chunks: tuple[int, ...] = ()
    """Numbers of chunks that prompts are cut into, those of `cut` 1 first; fewer than asked for where nothing flows."""

    def __getattr__(self, name: str) -> Array:
        try:
            return self.__dict__["values"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self.kind)

    def on(self, *units: int, moving: bool = False) -> Columns:
        """The columns that run on one of the units: those that compute there, or that only move bytes there."""
        known, key = self._on, (units, moving)
        if key not in known:
            here = np.isin(self.unit, units) & ((self.kind == int(Kind.MEMORY)) == moving)
            known[key] = Columns(self, np.flatnonzero(here))
        return known[key]

    @cached_property
    def _on(self) -> dict[tuple[tuple[int, ...], bool], Columns]:
        return {}

    @cached_property
    def phases(self) -> Array:
        """[2, K] 1 where a column belongs to the prefill, to decode."""
        return np.stack([self.phase == 0, self.phase == 1]).astype(float)

    @cached_property
    def members(self) -> Array:
        """[rows, K] 1 where a column is a way to run an operator."""
        return np.asarray(self.row == np.arange(len(self.rows))[:, None], dtype=float)

    @cached_property
    def by_row(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The columns with those of a row together, and where each row begins; of programs that lack no way."""
        return np.argsort(self.row, kind="stable"), np.cumsum(np.bincount(self.row)) - np.bincount(self.row)

    @cached_property
    def ways(self) -> tuple[tuple[Way, ...], ...]:
        """The columns of every row."""
        found: list[list[Way]] = [[] for _ in self.rows]
        fields = (
            f.tolist() for f in (self.row, self.kind, self.unit, self.source, self.weight, self.dynamic, self.cut)
        )
        for column, (row, kind, *codes) in enumerate(zip(*fields, strict=True)):
            found[row].append(Way(column, Kind(kind), *codes))
        return tuple(map(tuple, found))

    @cached_property
    def cuts(self) -> int:
        """How many numbers of chunks prompts may be cut into."""
        return len(self.chunks)

    def cut_of(self, chunks: int) -> int:
        """The `cut` of a number of chunks; that of whole prompts where there is no such number."""
        return 1 + self.chunks.index(chunks) if chunks in self.chunks else 0

    def chunks_of(self, cut: int) -> int:
        """The number of chunks of a `cut`: 0 for whole prompts."""
        return self.chunks[cut - 1] if cut > 0 else 0

    def named(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """[K] the columns of operators with these names."""
        if names not in self._named:
            self._named[names] = np.array([name in names for _, name in self.rows], dtype=bool)[self.row]
        return self._named[names]

    @cached_property
    def _named(self) -> dict[tuple[str, ...], NDArray[np.bool_]]:
        return {}

    @cached_property
    def in_layers(self) -> NDArray[np.bool_]:
        """[W] the weight matrices that layers have."""
        return np.array([name not in OUTSIDE for name in self.weights], dtype=bool)

    @cached_property
    def weighted_columns(self) -> NDArray[np.int64]:
        """The columns that run weight matrices."""
        return np.flatnonzero(self.weight >= 0)

    @cached_property
    def offered(self) -> frozenset[tuple[int, int]]:
        """(weight matrix, place) of every memory that some unit takes a matrix from."""
        return frozenset(zip(self.weight.tolist(), self.place.tolist(), strict=True))

    def weighted(self, unit: int) -> NDArray[np.int64]:
        """The columns that run weight matrices on a unit."""
        if unit not in self._weighted:
            self._weighted[unit] = np.flatnonzero((self.unit == unit) & (self.weight >= 0))
        return self._weighted[unit]

    @cached_property
    def _weighted(self) -> dict[int, NDArray[np.int64]]:
        return {}

    @cached_property
    def words(self) -> tuple[tuple[Phase, str, str], ...]:
        """Phase, name and kind of every row in words."""
        kinds = (KIND_WORDS[ways[0].kind] if ways else "" for ways in self.ways)
        return tuple((PHASES[phase], name, kind) for (phase, name), kind in zip(self.rows, kinds, strict=True))

    @cached_property
    def reduces(self) -> NDArray[np.bool_]:
        """[K] the columns that all chips agree in."""
        return np.array([name.startswith("all_reduce") for _, name in self.rows], dtype=bool)[self.row]

    @cached_property
    def attends(self) -> NDArray[np.bool_]:
        """[K] the columns of attention: scores, softmax and weighted sum."""
        return np.asarray((self.fused_bytes > 0).any(axis=0))

    @cached_property
    def elementwise(self) -> NDArray[np.bool_]:
        """[K] the columns that pass over activations or copy them, attention's apart."""
        return np.asarray(np.isin(self.kind, (int(Kind.VECTOR), int(Kind.MEMORY))) & ~self.attends)

    @cached_property
    def weight_column(self) -> NDArray[np.int64]:
        """[W] a column of the prefill that runs each weight matrix, -1 where nothing does."""
        found = np.full(len(self.weights), -1)
        prefill = np.flatnonzero((self.weight >= 0) & (self.phase == 0) & (self.cut == 0))
        found[self.weight[prefill]] = prefill
        return found

    @cached_property
    def host_columns(self) -> NDArray[np.int64]:
        """The columns of the step's overhead, one for each phase."""
        return np.flatnonzero(self.unit == HOST)

    def summed_alike(self, values: Array) -> Array:
        """[D, K] sums of `values` [D, K] over columns of one operator on one unit, in different contexts."""
        order, first, group = self._alike
        return np.asarray(np.add.reduceat(values[:, order], first, axis=1)[:, group])

    @cached_property
    def _alike(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Columns with those alike together, where each group of them begins, and the group of every column."""
        name = (self.row * (CROSSBAR + len(self)) + self.unit) * (1 + self.cuts) + self.cut
        _, group, count = np.unique(name, return_inverse=True, return_counts=True)
        return np.argsort(group, kind="stable"), np.cumsum(count) - count, group

    @cached_property
    def stages(self) -> Array:
        """[J, K] stages of crossbars: each weight matrix by itself, and all that the arrays of a layer's cache do."""
        here = self.unit >= CROSSBAR
        found = [np.eye(len(self))[np.flatnonzero(here & (self.weight >= 0))]]
        cache = here & (self.weight < 0)
        local = np.array([name.endswith("_local") for _, name in self.rows])[self.row]
        both = ~(self.context > 0).any(axis=0)
        for phase in (0, 1):
            for windowed in (False, True):
                does = cache & (self.phase == phase) & (both | (local == windowed))
                if (does & ~both).any():
                    found.append(does[None].astype(float))
        return np.concatenate(found)

    @cached_property
    def weight_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns that run weights, those of one matrix and place together, and where each such group begins.

        Of whole passes alone.
        """
        cols = np.flatnonzero((self.weight >= 0) & (self.cut == 0))
        order = cols[np.lexsort((self.place[cols], self.weight[cols]))]
        pairs = np.stack([self.weight[order], self.place[order]])
        return order, np.flatnonzero(np.r_[True, (np.diff(pairs) != 0).any(axis=0)][: len(order)])


def _gemm_ways(ways: Ways) -> list[tuple[int, int, int]]:
    """(unit, weight source, placement column) of every way to run a weight GEMM."""
    found = []
    digital = MATRIX if ways.matrix else VECTOR if ways.vector and not ways.crossbars else None
    if digital is not None:
        if ways.dram:
            found.append((digital, IN_DRAM, 0))
        if ways.pinned or (ways.sram and not ways.dram):
            found.append((digital, IN_SRAM, 1))
    for b in range(ways.crossbars):
        found.append((CROSSBAR + b, RESIDENT, 2 + b))
    if digital is None and ways.crossbars and ways.dram:
        found.append((CROSSBAR, RELOADED, 0))
    elif digital is None and ways.crossbars and ways.sram:
        found.append((CROSSBAR, RELOADED, 1))
    return found


def _ways_of(kind: int, ways: Ways, phase: int, caches: bool = False) -> list[tuple[int, int, int]]:
    """(unit, source, placement column) of every way to run an operator; `caches`: it writes keys and values.

    Units beside the banks attend in decode, where every key and value meets few queries; in a prefill only where
    nothing else can.
    """
    if kind == Kind.GEMM:
        return _gemm_ways(ways)
    if ways.kv_pool >= 0 and (kind == Kind.ATTENTION or caches):
        return [(CROSSBAR + ways.kv_pool, RESIDENT, -1)]
    if kind == Kind.MEMORY:
        return [(MEMORY, IN_DRAM if ways.dram else IN_SRAM, -1)]
    if kind == Kind.COLLECTIVE:
        return [(PORT, IN_SRAM, -1)]
    if kind == Kind.HOST:
        return [(HOST, IN_SRAM, -1)]
    if kind == Kind.ATTENTION and ways.near and (phase == 1 or not (ways.matrix or ways.vector)):
        return [(NEAR, IN_DRAM, -1)]
    if kind == Kind.ATTENTION and ways.matrix:
        return [(MATRIX, IN_SRAM, -1)]
    return [(VECTOR, IN_SRAM, -1)] if ways.vector else []


def _flowing(name: str, options: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The ways of an operator whose items follow each other: none for what is in no layer or streams its weights."""
    return [] if name in OUTSIDE else [way for way in options if way[2] < 0 or way[1] == RESIDENT]


def _expand(tables: tuple[OperatorTable, ...], ways: Ways) -> Program:
    """The columns of prefill and decode, and then of the prefill's chunks."""
    rows: list[tuple[int, str]] = []
    weights: list[str] = []
    missing: list[str] = []
    records: list[tuple[int, ...]] = []
    origin: list[tuple[int, int]] = []
    for number, table in enumerate(tables):
        cut = max(0, number - 1)
        phase = number if cut == 0 else 0
        rows += [(phase, name) for name in table.names if cut == 0]
        for i in range(len(table)):
            name = table.names[table.operator[i]]
            options = _ways_of(int(table.kind[i]), ways, phase, table.columns["kv_write_bytes"][i] > 0)
            if cut > 0:
                options = _flowing(name, options)
                if not options:
                    continue
            if not options and name not in missing:
                missing.append(name)
            weight = -1
            if table.kind[i] == Kind.GEMM:
                if name not in weights:
                    weights.append(name)
                weight = weights.index(name)
            for unit, source, place in options:
                origin.append((number, i))
                records.append(
                    (
                        int(table.kind[i]),
                        phase,
                        rows.index((phase, name)),
                        unit,
                        source,
                        weight,
                        place,
                        int(table.attention_operands[i]),
                        cut,
                    )
                )
    block = np.array(records, dtype=np.int64).reshape(-1, 9).T
    values = {c: np.array([[tables[p].columns[c][i] for p, i in origin]]) for c in COLUMNS}
    return Program(
        tuple(rows),
        tuple(weights),
        block[0],
        block[1],
        block[2],
        block[3],
        block[4],
        block[5],
        block[6],
        block[7].astype(bool),
        values,
        tuple(missing),
        block[8],
    )


def _padded(nodes: ContextNodes, length: int) -> ContextNodes:
    """As many nodes as `length`; those added have no weight."""
    more = length - len(nodes.weights)
    if more == 0:
        return nodes
    contexts = np.concatenate([nodes.contexts, np.full(more, nodes.contexts[-1])])
    return ContextNodes(contexts, np.concatenate([nodes.weights, np.zeros(more)]))


@lru_cache(maxsize=64)
def make_program(
    llm: LlmArchitecture,
    scenarios: tuple[Scenario, ...],
    batches: tuple[float, ...],
    ways: Ways,
    periods: tuple[int, ...],
) -> Program:
    """The columns of one scenario for all designs, or of one for each; `periods`: tile sizes along the context.

    The scenarios may differ in prompt and batch only, so that they have the same operators.
    """
    windows = (llm.window,) if llm.window else ()
    nodes = [context_nodes(s.prompt, s.output - 1, periods, windows) for s in scenarios]
    longest = max(len(n.weights) for n in nodes)
    tables = [
        (prefill_table(llm, s, b), decode_table(llm, s, b, _padded(n, longest)))
        for s, b, n in zip(scenarios, batches, nodes, strict=True)
    ]
    if ways.host:
        tables = [(with_step(prefill), with_step(decode)) for prefill, decode in tables]
    cut = [[chunk_table(llm, s, b, c) for c in ways.chunks] for s, b in zip(scenarios, batches, strict=True)]
    programs = [_expand((*both, *chunks), ways) for both, chunks in zip(tables, cut, strict=True)]
    values = {c: np.concatenate([p.values[c] for p in programs]) for c in COLUMNS}
    return replace(programs[0], values=values, chunks=ways.chunks[: int(programs[0].cut.max(initial=0))])
