"""Loop nests of a GEMM on an array, a buffer and DRAM: what each moves and costs, and the cheapest of all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Aim = Literal["energy", "edp"]

DIMS = ("m", "k", "n")
"""C[m, n] += A[m, k] W[k, n]."""

TENSORS = ("A", "W", "O")
RELEVANT: dict[str, tuple[str, ...]] = {"A": ("m", "k"), "W": ("k", "n"), "O": ("m", "n")}
ORDERS = tuple(itertools.permutations(DIMS))


@dataclass(frozen=True)
class Stationary:
    """Which operand stays in the cells, along which dimensions the rows and columns go, and which one streams."""

    tensor: str
    rows: str
    columns: str
    stream: str


STATIONARY = {
    "weight_stationary": Stationary("W", "k", "n", "m"),
    "input_stationary": Stationary("A", "k", "m", "n"),
    "output_stationary": Stationary("O", "m", "n", "k"),
}
"""By dataflow, with the names and sides of SCALE-Sim."""


@dataclass(frozen=True)
class Memories:
    """An array of `rows` x `columns` cells that each hold one element of the stationary operand, fed by a buffer and
    by DRAM. Energies in J per byte and per MAC, bandwidths in B/s, `clock_Hz` of the array.

    `partial_bytes`: of a partial sum in the buffer; None where it is as wide as an output.
    """

    rows: int
    columns: int
    buffer_bytes: float
    buffer_read_J: float
    buffer_write_J: float
    dram_J: float
    mac_J: float
    clock_Hz: float = 1e9
    dram_Bps: float = np.inf
    buffer_read_Bps: float = np.inf
    buffer_write_Bps: float = np.inf
    arrays: int = 1
    partial_bytes: float | None = None
    dataflow: str = "weight_stationary"

    @property
    def stationary(self) -> Stationary:
        """What stays in the cells."""
        return STATIONARY[self.dataflow]

    def side(self, dim: str) -> int:
        """Elements of a dimension that the array takes at once: 1 of the one that streams."""
        return {self.stationary.rows: self.rows, self.stationary.columns: self.columns}.get(dim, 1)

    def output_bytes(self, gemm: Gemm) -> float:
        """Bytes of an output in the buffer."""
        return gemm.o_bytes if self.partial_bytes is None else self.partial_bytes


@dataclass(frozen=True)
class Gemm:
    """m x k times k x n, in elements, and bytes of an element of each operand."""

    m: int
    k: int
    n: int
    a_bytes: float = 1.0
    w_bytes: float = 1.0
    o_bytes: float = 1.0

    def extent(self, dim: str) -> int:
        """Length of a dimension."""
        return int(getattr(self, dim))


@dataclass(frozen=True)
class Nest:
    """A mapping: tiles of the buffer, the order of the loops over tiles (outermost first), and what is kept there.

    Within a tile two dimensions go by the array's rows and columns, and the third runs innermost, so that an operand
    stays in the cells: for weights k and n, while m streams. What is not kept passes the buffer by. Tiles need not
    divide the extents: the last one is smaller.
    """

    tile: dict[str, int]
    order: tuple[str, ...]
    kept: tuple[str, ...]

    def trips(self, gemm: Gemm) -> dict[str, int]:
        """How many tiles there are along each dimension."""
        return {d: -(-gemm.extent(d) // self.tile[d]) for d in DIMS}


@dataclass(frozen=True)
class Counts:
    """Bytes that mappings move [K]; `dram` and `buffer_…` by tensor, cycles of the array, bytes held in the buffer."""

    dram_reads: dict[str, Array]
    dram_writes: dict[str, Array]
    buffer_reads: dict[str, Array]
    buffer_writes: dict[str, Array]
    cycles: Array
    held: Array

    @property
    def dram(self) -> Array:
        """[K] bytes between DRAM and the chip."""
        return np.asarray(sum(self.dram_reads.values()) + sum(self.dram_writes.values()))

    def energy_J(self, memories: Memories, gemm: Gemm) -> Array:
        """[K] joules: DRAM, buffer and MACs."""
        macs = float(gemm.m) * gemm.k * gemm.n * memories.mac_J
        reads, writes = sum(self.buffer_reads.values()), sum(self.buffer_writes.values())
        return np.asarray(
            self.dram * memories.dram_J + reads * memories.buffer_read_J + writes * memories.buffer_write_J + macs
        )

    def seconds(self, memories: Memories) -> Array:
        """[K] the slowest of array, DRAM (reads and writes share it) and buffer (a port each way)."""
        reads, writes = sum(self.buffer_reads.values()), sum(self.buffer_writes.values())
        parts = (
            self.cycles / memories.clock_Hz / memories.arrays,
            self.dram / memories.dram_Bps,
            np.asarray(reads) / memories.buffer_read_Bps,
            np.asarray(writes) / memories.buffer_write_Bps,
        )
        return np.asarray(np.maximum.reduce(np.broadcast_arrays(*parts)))


@dataclass(frozen=True)
class _Tiles:
    """K mappings of one loop order and one choice of what is kept: tile sizes and trips by dimension [K]."""

    size: dict[str, Array]
    trips: dict[str, Array]
    order: tuple[str, ...]
    kept: tuple[str, ...]

    def again(self, tensor: str) -> Array:
        """[K] how often a tensor's tiles come anew: trips of a loop that it doesn't depend on, where one of its own
        loops (of more than one trip) turns inside."""
        (other,) = (d for d in DIMS if d not in RELEVANT[tensor])
        inside = self.order[self.order.index(other) + 1 :]
        turning = np.zeros(len(self.trips[other]), dtype=bool)
        for d in inside:
            turning |= self.trips[d] > 1
        return np.where(turning, self.trips[other], 1.0)

    def loads(self, gemm: Gemm, memories: Memories) -> Array:
        """[K] elements loaded into cells: each once per tile of the dimension that streams, or once where its tile is
        one pass and that dimension turns innermost, so that it stays."""
        s = memories.stationary
        spatial = [(gemm.extent(d), self.size[d], memories.side(d)) for d in (s.rows, s.columns)]
        once = _in_one_pass(*spatial[0]) * _in_one_pass(*spatial[1])
        again, every = self.again(s.tensor), self.trips[s.stream]
        return np.asarray(once * again + (float(spatial[0][0]) * spatial[1][0] - once) * every)

    def at_array(self, gemm: Gemm, memories: Memories) -> tuple[dict[str, Array], Array, Array]:
        """[K] elements that the array reads of each operand, outputs that it writes, and its cycles.

        What streams is used by all cells of a row or column at once, and read once per pass of the side that it
        doesn't depend on. Outputs come back for every further part of their sum, never for the first.
        """
        s = memories.stationary
        passes = {d: _passes(gemm.extent(d), self.size[d], memories.side(d)) for d in (s.rows, s.columns)}
        times = {s.tensor: self.loads(gemm, memories)}
        for t in TENSORS:
            if t != s.tensor:
                x, y = RELEVANT[t]
                (other,) = (d for d in DIMS if d not in (x, y))
                times[t] = float(gemm.extent(x)) * gemm.extent(y) * passes[other]
        updates = times["O"]
        times["O"] = updates - float(gemm.m) * gemm.n
        return times, updates, gemm.extent(s.stream) * passes[s.rows] * passes[s.columns]


def _in_one_pass(extent: int, tile: Array, side: int) -> Array:
    """[K] elements of a dimension whose tile is one pass of the array: all, or those of a small last tile."""
    rest = extent % tile
    return np.where(tile <= side, float(extent), np.where(rest <= side, rest, 0.0))


def _passes(extent: int, tile: Array, side: int) -> Array:
    """[K] array passes along a dimension: every tile rounds up by itself."""
    whole = np.floor(extent / tile)
    rest = extent - whole * tile
    return np.asarray(whole * np.ceil(tile / side) + np.ceil(rest / side))


def _counts(gemm: Gemm, memories: Memories, tiles: _Tiles) -> Counts:
    """Traffic of K mappings.

    The cells keep one element each and nothing else; the buffer keeps the tiles of what is kept.
    """
    reads, updates, cycles = tiles.at_array(gemm, memories)
    zero = np.zeros_like(cycles)
    result = Counts({}, {}, {}, {}, cycles, zero)
    bytes_of = {"A": gemm.a_bytes, "W": gemm.w_bytes, "O": gemm.o_bytes}
    full = {t: float(gemm.extent(x)) * gemm.extent(y) for t, (x, y) in RELEVANT.items()}
    for t in TENSORS:
        each, again = bytes_of[t], tiles.again(t)
        inside = memories.output_bytes(gemm) if t == "O" else each
        if t not in tiles.kept:
            result.dram_reads[t], result.dram_writes[t] = reads[t] * each, updates * each if t == "O" else zero
            result.buffer_reads[t], result.buffer_writes[t] = zero, zero
            continue
        back = full[t] * (again - 1.0) if t == "O" else full[t] * again
        out = full[t] * again if t == "O" else zero
        result.dram_reads[t], result.dram_writes[t] = back * each, out * each
        result.buffer_writes[t] = (back + (updates if t == "O" else zero)) * inside
        result.buffer_reads[t] = (reads[t] + out) * inside
    return Counts(
        result.dram_reads, result.dram_writes, result.buffer_reads, result.buffer_writes, result.cycles,
        _held(gemm, memories, tiles),
    )  # fmt: skip


def _held(gemm: Gemm, memories: Memories, tiles: _Tiles) -> Array:
    """[K] bytes that the kept tiles take."""
    size = tiles.size
    each = {"A": gemm.a_bytes, "W": gemm.w_bytes, "O": memories.output_bytes(gemm)}
    held = np.zeros_like(size["m"])
    for t in tiles.kept:
        x, y = RELEVANT[t]
        held = held + size[x] * size[y] * each[t]
    return held


def count(gemm: Gemm, memories: Memories, nest: Nest) -> Counts:
    """What one mapping moves, as arrays of length 1."""
    size = {d: np.array([float(nest.tile[d])]) for d in DIMS}
    trips = {d: np.array([float(t)]) for d, t in nest.trips(gemm).items()}
    return _counts(gemm, memories, _Tiles(size, trips, nest.order, nest.kept))


def tile_sizes(extent: int, side: int) -> Array:
    """Candidate tiles of a dimension: for every number of tiles the smallest in whole passes, and the extent itself.

    Only the number of tiles and of passes decides what moves, so that these are all that matter.
    """
    passes = -(-extent // side)
    sizes = {min(extent, side * (-(-passes // trips))) for trips in range(1, passes + 1)}
    return np.array(sorted(sizes), dtype=float)


def compulsory_bytes(gemm: Gemm) -> float:
    """Bytes that must pass between DRAM and the chip, however well it is mapped: every operand once."""
    return gemm.m * gemm.k * gemm.a_bytes + gemm.k * gemm.n * gemm.w_bytes + gemm.m * gemm.n * gemm.o_bytes


def _choices() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Loop orders and kept tensors."""
    for order in ORDERS:
        for size in range(4):
            for kept in itertools.combinations(TENSORS, size):
                yield order, kept


def best_nest(gemm: Gemm, memories: Memories, aim: Aim = "energy") -> tuple[Nest, Counts]:
    """The cheapest legal mapping and what it moves, by trying all tiles, orders and bypasses as arrays.

    Cheapest in energy (ties by time) or in energy x time. Raises ValueError where no tile fits the buffer.
    """
    grids = np.meshgrid(*(tile_sizes(gemm.extent(d), memories.side(d)) for d in DIMS), indexing="ij")
    size = {d: g.ravel() for d, g in zip(DIMS, grids, strict=True)}
    trips = {d: np.ceil(gemm.extent(d) / size[d]) for d in DIMS}
    best: tuple[float, float] | None = None
    found: tuple[Nest, int, Counts] | None = None
    for order, kept in _choices():
        tiles = _Tiles(size, trips, order, kept)
        fits = _held(gemm, memories, tiles) <= memories.buffer_bytes
        if not fits.any():
            continue
        few = _Tiles({d: v[fits] for d, v in size.items()}, {d: v[fits] for d, v in trips.items()}, order, kept)
        counts = _counts(gemm, memories, few)
        energy, seconds = counts.energy_J(memories, gemm), counts.seconds(memories)
        value = energy if aim == "energy" else energy * seconds
        tied = np.flatnonzero(value <= value.min() * (1.0 + 1e-12))
        i = int(tied[seconds[tied].argmin()])
        if best is None or (float(value[i]), float(seconds[i])) < best:
            best = float(value[i]), float(seconds[i])
            found = Nest({d: int(few.size[d][i]) for d in DIMS}, order, kept), i, counts
    if found is None:
        raise ValueError(f"no tile fits a buffer of {memories.buffer_bytes:g} bytes")
    return found[0], count(gemm, memories, found[0])
