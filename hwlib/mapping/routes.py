"""Who reaches whom: routes between memories and units over the links and networks of a chip."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwlib.design.design import Design

Array = NDArray[np.float64]
FORWARDING = frozenset({"noc", "sram"})
"""Kinds that pass data on; all others are ends of a route."""

TRAFFIC_CLASSES = ("fill", "matrix", "vector", "port")
"""Streams that every chip has: DRAM with SRAM, on-chip memory with matrix units, with vector units, with ports."""


@dataclass(frozen=True)
class Topology:
    """Kinds and connections of a chip without any parameter: what decides its routes."""

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    ends: tuple[tuple[int, int], ...]
    """Per link the indices of its two blocks."""

    def of(self, kind: str) -> tuple[int, ...]:
        """Indices of the blocks of a kind, in the order of the design."""
        return tuple(i for i, k in enumerate(self.kinds) if k == kind)


def topology(design: Design) -> Topology:
    """The topology of a design; links to missing blocks are left out."""
    index = {b.id: i for i, b in enumerate(design.blocks)}
    ends = tuple(
        (index[link.source], index[link.target])
        for link in design.links
        if link.source in index and link.target in index
    )
    return Topology(tuple(index), tuple(b.kind for b in design.blocks), ends)


@dataclass(frozen=True)
class Pairs:
    """Routes of one traffic class. `source`, `target` [P] are block indices of memory and unit; `link_use` [P, L]
    and `cross_use` [P, T] say which links and which crossings of a network a route takes."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    link_use: Array
    cross_use: Array


@dataclass(frozen=True)
class Routes:
    """All routes of a topology. A crossing is (network block, entry link, exit link): [T, 3]."""

    topology: Topology
    links: tuple[int, ...]
    crossings: NDArray[np.int64]
    classes: dict[str, Pairs]
    homes: tuple[int, ...]
    """On-chip memories that feed the units: the SRAM blocks that reach some unit, else the DRAM blocks."""

    stranded: tuple[int, ...]
    """Blocks without any route that would give them work."""


Path = tuple[int, ...]


def _search(start: int, neighbours: list[list[tuple[int, int]]], kinds: tuple[str, ...]) -> dict[int, Path]:
    """Fewest-links paths (as link indices) from a block; only networks and SRAM pass data on, networks first."""
    paths: dict[int, Path] = {start: ()}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if here != start and kinds[here] not in FORWARDING:
            continue
        for link, there in neighbours[here]:
            if there not in paths:
                paths[there] = (*paths[here], link)
                queue.append(there)
    return paths


def _crossings(path: Path, start: int, topology: Topology) -> list[tuple[int, int, int]]:
    """The networks that a path passes through, each with entry and exit link."""
    result, here = [], start
    for before, after in itertools.pairwise(path):
        a, b = topology.ends[before]
        here = b if a == here else a
        if topology.kinds[here] == "noc":
            result.append((here, before, after))
    return result


class _Collector:
    """Gathers routes and numbers their crossings."""

    def __init__(self, topology: Topology, paths: dict[int, dict[int, Path]]) -> None:
        self.topology, self.paths = topology, paths
        self.crossings: dict[tuple[int, int, int], int] = {}
        self.found: dict[str, list[tuple[int, int, Path]]] = {}

    def add(self, name: str, sources: tuple[int, ...], targets: tuple[int, ...]) -> None:
        self.found[name] = [(s, t, self.paths[s][t]) for s in sources for t in targets if t in self.paths[s]]
        for source, _, path in self.found[name]:
            for crossing in _crossings(path, source, self.topology):
                self.crossings.setdefault(crossing, len(self.crossings))

    def pairs(self, name: str) -> Pairs:
        found = self.found[name]
        link_use = np.zeros((len(found), len(self.topology.ends)))
        cross_use = np.zeros((len(found), len(self.crossings)))
        for row, (source, _, path) in enumerate(found):
            link_use[row, list(path)] = 1.0
            for crossing in _crossings(path, source, self.topology):
                cross_use[row, self.crossings[crossing]] = 1.0
        ends = np.array([(s, t) for s, t, _ in found], dtype=np.int64).reshape(-1, 2)
        return Pairs(ends[:, 0], ends[:, 1], link_use, cross_use)


@lru_cache(maxsize=256)
def find_routes(topology: Topology) -> Routes:
    """Routes of every traffic class; cached, since most edits change parameters and not connections.

    Data travels block, link, network, link, block, over the fewest links.
    """
    neighbours: list[list[tuple[int, int]]] = [[] for _ in topology.ids]
    for link, (a, b) in enumerate(topology.ends):
        neighbours[a].append((link, b))
        neighbours[b].append((link, a))
    for around in neighbours:  # networks before memories, so that data doesn't detour through a buffer
        around.sort(key=lambda step: topology.kinds[step[1]] != "noc")
    srams, drams = topology.of("sram"), topology.of("dram")
    paths = {i: _search(i, neighbours, topology.kinds) for i in (*srams, *drams)}
    units = topology.of("compute_array") + topology.of("vector_unit") + topology.of("crossbar")
    feeding = tuple(s for s in srams if any(u in paths[s] for u in units))
    homes = feeding or drams
    collector = _Collector(topology, paths)
    collector.add("fill", drams if feeding else (), feeding)
    collector.add("matrix", homes, topology.of("compute_array"))
    collector.add("vector", homes, topology.of("vector_unit"))
    collector.add("port", homes, topology.of("port"))
    for index in topology.of("crossbar"):
        collector.add(f"crossbar.{index}", homes, (index,))
    crossings = np.array(list(collector.crossings), dtype=np.int64).reshape(-1, 3)
    classes = {name: collector.pairs(name) for name in collector.found}
    used = {int(i) for p in classes.values() for i in (*p.source, *p.target)}
    used |= {
        i
        for p in classes.values()
        for i, kind in enumerate(topology.kinds)
        if kind == "noc" and i in set(crossings[:, 0])
    }
    stranded = tuple(i for i in range(len(topology.ids)) if i not in used)
    return Routes(topology, tuple(range(len(topology.ends))), crossings, classes, homes, stranded)
