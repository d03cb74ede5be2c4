"""Who reaches whom: routes between memories and units over the links and networks of a chip."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


DENSE_CELLS = 20_000
"""Routes times links up to which a table of zeros and ones is faster than a list of the ones."""


class Uses:
    """Which items (links, crossings, networks) each of P routes takes, as lists of route and item of equal length."""

    def __init__(self, routes: int, items: int, route: ArrayLike, item: ArrayLike) -> None:
        order = np.argsort(np.asarray(item, dtype=np.int64), kind="stable")
        self.routes, self.items = routes, items
        self.route = np.asarray(route, dtype=np.int64)[order]
        self.item = np.asarray(item, dtype=np.int64)[order]
        self._taken, self._start = np.unique(self.item, return_index=True)
        self._table: Array | None = None
        if routes * items <= DENSE_CELLS:
            self._table = np.zeros((routes, items))
            np.add.at(self._table, (self.route, self.item), 1.0)

    def load(self, share: Array) -> Array:
        """[D, items]: what each item carries where the routes carry `share` [D, P]."""
        if self._table is not None:
            return np.asarray(share @ self._table)
        result = np.zeros((len(share), self.items))
        if len(self.route):
            result[:, self._taken] = np.add.reduceat(share[:, self.route], self._start, axis=1)
        return result


@dataclass(frozen=True, eq=False)
class Pairs:
    """Routes [P] of one traffic class: block indices of memory and unit, the links and the crossings of networks."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    links: Uses
    crossings: Uses


@lru_cache(maxsize=64)
def joined(parts: tuple[Pairs, ...]) -> Pairs:
    """Several classes as one."""
    offset = np.cumsum([0, *(len(p.source) for p in parts)])

    def uses(each: Sequence[Uses]) -> Uses:
        route = np.concatenate([u.route + o for u, o in zip(each, offset[:-1], strict=True)])
        return Uses(int(offset[-1]), each[0].items, route, np.concatenate([u.item for u in each]))

    source, target = (np.concatenate([getattr(p, f) for p in parts]) for f in ("source", "target"))
    return Pairs(source, target, uses([p.links for p in parts]), uses([p.crossings for p in parts]))


@dataclass(frozen=True, eq=False)
class Bundle:
    """The routes [P] of C classes one after the other. What an item carries for class c is item c * items + i."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    of: NDArray[np.int64]
    """[P] the class of each route."""

    classes: Uses
    """Which class each route belongs to."""

    links: Uses
    crossings: Uses

    def load(self, uses: Uses, share: Array) -> Array:
        """[D, C, items]: what each item carries for each class where routes carry `share` [D, P]."""
        many = self.classes.items
        return uses.load(share).reshape(len(share), many, uses.items // many)


@lru_cache(maxsize=64)
def bundled(classes: tuple[Pairs, ...]) -> Bundle:
    """Several classes side by side."""
    whole, many = joined(classes), len(classes)
    of = np.repeat(np.arange(many), [len(p.source) for p in classes])

    def apart(uses: Uses) -> Uses:
        return Uses(len(of), many * uses.items, uses.route, of[uses.route] * uses.items + uses.item)

    routes = np.arange(len(of))
    members = Uses(len(of), many, routes, of)
    return Bundle(whole.source, whole.target, of, members, apart(whole.links), apart(whole.crossings))


@dataclass(frozen=True, eq=False)
class Routes:
    """All routes of a topology. A crossing is (network block, entry link, exit link): [T, 3]; `networks` says which
    of the networks, in the order of their blocks, each crossing is in."""

    topology: Topology
    links: tuple[int, ...]
    crossings: NDArray[np.int64]
    networks: Uses
    classes: dict[str, Pairs]
    homes: tuple[int, ...]
    """On-chip memories that feed the units: the SRAM blocks that reach some unit, else the DRAM blocks."""

    stranded: tuple[int, ...]
    """Blocks without any route that would give them work."""

    @cached_property
    def reached(self) -> frozenset[int]:
        """Blocks that some route ends at."""
        return frozenset(target for pairs in self.classes.values() for target in pairs.target.tolist())


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
        links = [(row, link) for row, (_, _, path) in enumerate(found) for link in path]
        crossed = [
            (row, self.crossings[crossing])
            for row, (source, _, path) in enumerate(found)
            for crossing in _crossings(path, source, self.topology)
        ]
        ends = np.array([(s, t) for s, t, _ in found], dtype=np.int64).reshape(-1, 2)
        items = (len(self.topology.ends), len(self.crossings))
        lists = (np.array(taken, dtype=np.int64).reshape(-1, 2).T for taken in (links, crossed))
        uses = [Uses(len(found), count, *taken) for count, taken in zip(items, lists, strict=True)]
        return Pairs(ends[:, 0], ends[:, 1], *uses)


def islands(topology: Topology, neighbours: list[list[tuple[int, int]]]) -> list[set[int]]:
    """Blocks that links join, directly or through others, in the order of their first blocks."""
    found: list[set[int]] = []
    seen: set[int] = set()
    for start in range(len(topology.ids)):
        if start in seen:
            continue
        island, queue = {start}, [start]
        while queue:
            for _, there in neighbours[queue.pop()]:
                if there not in island:
                    island.add(there)
                    queue.append(there)
        found.append(island)
        seen |= island
    return found


def _main_island(topology: Topology, neighbours: list[list[tuple[int, int]]]) -> set[int]:
    """The part of the chip that runs: what no link joins can't share the work of a layer.

    Of several parts that one with a memory, a vector unit and a matrix unit, then with most blocks, then the first.
    """

    def worth(island: set[int]) -> tuple[bool, bool, bool, int]:
        kinds = {topology.kinds[i] for i in island}
        matrix = bool(kinds & {"compute_array", "crossbar"})
        return bool(kinds & {"sram", "dram"}), "vector_unit" in kinds, matrix, len(island)

    return max(islands(topology, neighbours), key=worth, default=set())


@lru_cache(maxsize=64)
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
    main = _main_island(topology, neighbours)

    def of(kind: str) -> tuple[int, ...]:
        return tuple(i for i in topology.of(kind) if i in main)

    srams, drams = of("sram"), of("dram")
    paths = {i: _search(i, neighbours, topology.kinds) for i in (*srams, *drams)}
    units = of("compute_array") + of("vector_unit") + of("crossbar")
    feeding = tuple(s for s in srams if any(u in paths[s] for u in units))
    homes = feeding or drams
    collector = _Collector(topology, paths)
    collector.add("fill", drams if feeding else (), feeding)
    collector.add("matrix", homes, of("compute_array"))
    collector.add("vector", homes, of("vector_unit"))
    collector.add("port", homes, of("port"))
    for index in topology.of("crossbar"):
        collector.add(f"crossbar.{index}", homes, (index,) if index in main else ())
    crossings = np.array(list(collector.crossings), dtype=np.int64).reshape(-1, 3)
    classes = {name: collector.pairs(name) for name in collector.found}
    used = {i for p in classes.values() for ends in (p.source, p.target) for i in ends.tolist()}
    used |= set(crossings[:, 0].tolist()) if classes else set()
    place = {block: i for i, block in enumerate(topology.of("noc"))}
    inside = [place[block] for block in crossings[:, 0].tolist()]
    networks = Uses(len(crossings), len(place), np.arange(len(crossings)), inside)
    stranded = tuple(i for i in range(len(topology.ids)) if i not in used)
    return Routes(topology, tuple(range(len(topology.ends))), crossings, networks, classes, homes, stranded)
