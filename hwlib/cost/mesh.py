"""Meshes by channel: traffic between the stops that blocks lie on, routed in XY order, and the busiest channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.assemble import OneDesign
from hwlib.mapping.routes import Routes

Array = NDArray[np.float64]
WAYS = ("right", "left", "down", "up")
LEFT, VERTICAL, UP = 1, 2, 3
ALIKE = 1e-9
LEAST_SIDE = 0.6
"""Shorter side of an exact grid over the square root: flatter ones are rounded up to an even one."""


@dataclass(frozen=True)
class Grid:
    """Stops of a mesh spread evenly over a die, `rows` x `columns`; a last row that is not full counts as full."""

    rows: int
    columns: int
    width_m: float
    height_m: float


def grid_of(nodes: float, width_m: float, height_m: float) -> Grid:
    """The grid of `nodes` stops that is nearest to a square, rounded up where only a long row would be exact."""
    return Grid(*shape_of(int(nodes)), width_m, height_m)


@lru_cache(maxsize=256)
def shape_of(nodes: int) -> tuple[int, int]:
    """(rows, columns): exact where a divisor is near enough to the square root."""
    root = math.isqrt(nodes)
    exact = next((r for r in range(root, 0, -1) if nodes % r == 0), 1)
    return (exact, nodes // exact) if exact >= LEAST_SIDE * root else (root, -(-nodes // root))


def stops(grid: Grid, rects: Array, least: NDArray[np.int64]) -> Array:
    """[B, rows, columns] the parts of blocks' traffic that their stops take, evenly: those whose middle a block covers,
    and as many of the nearest ones as make `least` [B], since a link as wide as several channels ends at several.

    `rects` [B, 4]: left, top, width and height in m.
    """
    (x, y, width, height), blocks = rects.T[:, :, None], len(rects)
    across, down = (
        (np.arange(n) + 0.5) * whole / n for n, whole in ((grid.columns, grid.width_m), (grid.rows, grid.height_m))
    )
    out_x = np.maximum(np.maximum(x - across, across - x - width), 0.0)[:, None, :]
    out_y = np.maximum(np.maximum(y - down, down - y - height), 0.0)[:, :, None]
    away = np.abs(down - y - height / 2)[:, :, None] + np.abs(across - x - width / 2)[:, None, :]
    far = ((out_y + out_x) * (1.0 + 1e-9) + 1e-6 * away).reshape(blocks, -1)
    inside = ((out_y == 0.0) & (out_x == 0.0)).sum(axis=(1, 2))
    count = np.minimum(np.maximum(inside, least), far.shape[1])[:, None]
    rank = np.empty(far.shape, dtype=np.int64)
    rank[np.arange(blocks)[:, None], far.argsort(axis=1, kind="stable")] = np.arange(far.shape[1])
    return np.where(rank < count, 1.0 / count, 0.0).reshape(blocks, grid.rows, grid.columns)


def channel_loads(sources: Array, targets: Array, moved: Array) -> list[Array]:
    """Loads of all channels, by WAYS: right and left [rows, columns - 1], down and up [rows - 1, columns].

    `sources` [A, rows, columns], `targets` [B, ...]: parts of each block's stops; `moved` [A, B] from block to block.
    XY order: first along the row of the source, then along the column of the target (dimension-ordered routing,
    Dally and Towles, 2004). Between independent ends the load of a channel is the part of the source's stops that
    reach it times the part of the target's stops behind it.
    """
    return _loads(_reach(sources, targets), moved)


def _loads(reach: list[tuple[Array, Array]], moved: Array) -> list[Array]:
    result = []
    for way, (reaching, behind) in enumerate(reach):
        if way < VERTICAL:
            result.append((reaching * (moved @ behind)[:, None, :]).sum(axis=0))
        else:
            result.append(((moved.T @ reaching)[:, :, None] * behind).sum(axis=0))
    return result


def _reach(sources: Array, targets: Array) -> list[tuple[Array, Array]]:
    """By WAYS the parts of sources that reach a channel and of targets behind it: right and left [A, rows, columns - 1]
    and [B, columns - 1], down and up [A, rows - 1] and [B, rows - 1, columns]."""
    columns, rows = targets.sum(axis=1), sources.sum(axis=2)
    upto, down = sources.cumsum(axis=2), rows.cumsum(axis=1)
    before, above = columns.cumsum(axis=1), targets.cumsum(axis=1)
    return [
        (upto[:, :, :-1], before[:, -1:] - before[:, :-1]),
        (upto[:, :, -1:] - upto[:, :, :-1], before[:, :-1]),
        (down[:, :-1], above[:, -1:] - above[:, :-1]),
        (down[:, -1:] - down[:, :-1], above[:, :-1]),
    ]


@dataclass(frozen=True, eq=False)
class _Ends:
    """What a network joins: its blocks [E], those of them that send [A] and receive [B], by crossing [T] the place of
    each of the two, and the links to it [L] with the place of the block at their other end."""

    blocks: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    crossings: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    links: tuple[tuple[int, int], ...]

    def parts(self, crossed: Array) -> Array:
        """[C, A, B] the parts of each class between blocks, of those that take each crossing [C, all crossings]."""
        parts = np.zeros((len(self.sources), len(self.targets), len(crossed)))
        np.add.at(parts, (self.first, self.last), crossed[:, self.crossings].T)
        return np.ascontiguousarray(parts.transpose(2, 0, 1))


@lru_cache(maxsize=64)
def _ends_of(routes: Routes, network: int) -> _Ends:
    mine = np.flatnonzero(routes.crossings[:, 0] == network)
    ends = np.array(routes.topology.ends, dtype=np.int64).reshape(-1, 2)
    far = [np.where(ends[c, 0] == network, ends[c, 1], ends[c, 0]) for c in routes.crossings[mine, 1:].T]
    sources, first = np.unique(far[0], return_inverse=True)
    targets, last = np.unique(far[1], return_inverse=True)
    blocks = np.union1d(sources, targets)
    place = {int(block): i for i, block in enumerate(blocks)}
    others = ((i, b if a == network else a) for i, (a, b) in enumerate(ends.tolist()) if network in (a, b))
    links = tuple((i, place[other]) for i, other in others if other in place)
    return _Ends(
        blocks, np.searchsorted(blocks, sources), np.searchsorted(blocks, targets), mine, first, last, links
    )  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """A channel of a mesh: the network's block, where it is in words, its bandwidth, its part of each class [C], and
    the bytes a second that these make up."""

    network: int
    where: str
    bandwidth_Bps: float
    shares: Array
    load_Bps: float


def busiest_channels(one: OneDesign, rates: Array) -> tuple[Channel, ...]:
    """The busiest channel of every mesh that carries something; `rates` [C] bytes a second of the traffic classes."""
    networks = one.run.machine.chip.kinds.get("noc")
    if networks is None:
        return ()
    crossed = set(one.run.machine.routes.crossings[:, 0].tolist())
    found = []
    for at, network in enumerate(networks.index.tolist()):
        nodes = float(networks.nodes[one.d, at])
        if networks.word("topology")[at] == "mesh" and nodes > 1 and network in crossed:
            peak = float(networks.width_bits[one.d, at] * networks.clock_Hz[one.d, at]) / 8.0
            found.append(_busiest(one, network, nodes, peak, rates))
    return tuple(channel for channel in found if channel.load_Bps > 0)


def _busiest(one: OneDesign, network: int, nodes: float, peak: float, rates: Array) -> Channel:
    plan, settings, d = one.run.machine.plan, one.design.settings, one.d
    ends = _ends_of(one.run.machine.routes, network)
    parts = ends.parts(one.run.machine.streams.crossed[d])
    grid = grid_of(nodes, settings.die_width_m, settings.die_height_m)
    rects = np.array([v[d, ends.blocks] for v in (plan.x_m, plan.y_m, plan.width_m, plan.height_m)]).T
    linked = [0.0] * len(ends.blocks)
    for link, block in ends.links:
        linked[block] += one.links[link].bandwidth_Bps
    least = np.array([max(1, math.ceil(wide / peak - 1e-9)) for wide in linked])
    lying = stops(grid, rects, least)
    reach = _reach(lying[ends.sources], lying[ends.targets])
    loads = _loads(reach, (rates @ parts.reshape(len(rates), -1)).reshape(parts.shape[1:]))
    # Of channels that are alike but for rounding always the first, so that an edit elsewhere doesn't move it.
    most = max(float(load.max(initial=0.0)) for load in loads) * (1.0 - ALIKE)
    way = next(w for w in range(4) if float(loads[w].max(initial=0.0)) >= most)
    row, column = (int(i) for i in np.unravel_index(int((loads[way] >= most).argmax()), loads[way].shape))
    start = (row + (way == UP), column + (way == LEFT))
    words = f"row {start[0] + 1} of {grid.rows}, column {start[1] + 1} of {grid.columns}, {WAYS[way]}"
    reaching, behind = reach[way]
    vertical = way >= VERTICAL
    first = reaching[:, row] if vertical else reaching[:, row, column]
    shares = parts @ (behind[:, row, column] if vertical else behind[:, column]) @ first
    return Channel(network, words, peak, shares, float(rates @ shares))
