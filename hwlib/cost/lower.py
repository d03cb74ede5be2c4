"""Designs -> arrays: a group of designs of one shape becomes parameter arrays with a leading design axis."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.design.design import Design, Pin, Settings
from hwlib.design.parts import Part
from hwlib.fields import part_fields
from hwlib.mapping.routes import Topology, topology

Array = NDArray[np.float64]


@lru_cache(maxsize=64)
def _columns(part: type[msgspec.Struct]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...], tuple[str, ...]]:
    """Positions of the words and of the numbers among a struct's fields, and their names."""
    fields = part_fields(part)
    words = tuple(i for i, f in enumerate(fields) if f.type == "choice")
    numbers = tuple(i for i, f in enumerate(fields) if f.type != "choice")
    return words, numbers, tuple(fields[i].name for i in words), tuple(fields[i].name for i in numbers)


@lru_cache(maxsize=65_536)
def _words(part: Part) -> tuple[Hashable, ...]:
    values = msgspec.structs.astuple(part)
    return (type(part), *(values[i] for i in _columns(type(part))[0]))


@dataclass(frozen=True)
class Shape:
    """What designs of one group have in common: connections, words (technology, style …) and equal crossbars."""

    topology: Topology
    words: tuple[tuple[Hashable, ...], ...]
    settings: tuple[str, ...]
    pools: tuple[tuple[int, ...], ...]
    """Crossbar blocks of equal parameters act as one pool: block indices per pool."""

    pins: tuple[Pin, ...] = ()
    near_memory: bool = False
    """Units beside the banks of all DRAM run the attention of decode steps."""


def shape_of(design: Design) -> Shape:
    """The group that a design belongs to."""
    parts = [b.part for b in design.blocks]
    pools: dict[Part, list[int]] = {}
    topo = topology(design)
    for i in topo.of("crossbar"):
        pools.setdefault(parts[i], []).append(i)
    groups = sorted(pools.items(), key=lambda pool: getattr(pool[0], "holds", "") == "kv")  # those of the cache last
    chosen = design.settings
    settings = (chosen.calibration, chosen.chip_class, chosen.execution, chosen.placement)
    pooled = tuple(tuple(ids) for _, ids in groups)
    near = [getattr(parts[i], "near_bandwidth", 0.0) > 0.0 for i in topo.of("dram")]
    return Shape(topo, tuple(_words(p) for p in parts), settings, pooled, design.pins, bool(near) and all(near))


class Parameters:
    """Blocks of one kind: numbers as attributes [D, n], words [n] by `word`, block indices in `index` [n]."""

    def __init__(self, index: tuple[int, ...], words: dict[str, tuple[str, ...]], numbers: dict[str, Array]) -> None:
        self.index = np.array(index, dtype=np.int64)
        self._places = {block: place for place, block in enumerate(index)}
        self._words = words
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self.index)

    def __getattr__(self, name: str) -> Array:
        try:
            return self.__dict__["_numbers"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    def at(self, block: int) -> int:
        """The place of a block among those of its kind. Raises KeyError for a block of another kind."""
        return self._places[block]

    def word(self, name: str) -> tuple[str, ...]:
        """The values of a choice parameter, one per block."""
        return self._words[name]

    def own(self, name: str, modelled: Array) -> Array:
        """The user's own value where there is one, else the modelled one."""
        value = self._numbers[name]
        return np.where(np.isnan(value), modelled, value)


@dataclass(frozen=True)
class Lowered:
    """A group of D designs as arrays. `settings` values are [D, 1]; links are [D, L]; placements are [D, B]."""

    shape: Shape
    designs: tuple[Design, ...]
    kinds: dict[str, Parameters]
    settings: dict[str, Array]
    link_width_bits: Array
    link_clock_Hz: Array
    x_m: Array
    y_m: Array
    aspect: Array

    @property
    def count(self) -> int:
        """Number of designs D."""
        return len(self.designs)

    @property
    def node_nm(self) -> Array:
        """Process node [D, 1]."""
        return self.settings["node_nm"]


def _numbers(structs: Sequence[msgspec.Struct], part: type[msgspec.Struct]) -> Array:
    """[len(structs), numbers of the part]; None becomes NaN."""
    positions = list(_columns(part)[1])
    rows = [msgspec.structs.astuple(s) for s in structs]
    return np.array([[row[i] for i in positions] for row in rows], dtype=float)


def _kind(designs: Sequence[Design], index: tuple[int, ...]) -> Parameters:
    first = [designs[0].blocks[i].part for i in index]
    part = type(first[0])
    _, _, word_names, number_names = _columns(part)
    flat = _numbers([d.blocks[i].part for d in designs for i in index], part)
    cube = np.ascontiguousarray(flat.reshape(len(designs), len(index), -1).transpose(2, 0, 1))
    numbers = dict(zip(number_names, cube, strict=True))
    words = {name: tuple(str(getattr(p, name)) for p in first) for name in word_names}
    return Parameters(index, words, numbers)


def lower(designs: Sequence[Design], shape: Shape) -> Lowered:
    """Arrays of designs that all have this shape."""
    kinds = {}
    for kind in dict.fromkeys(shape.topology.kinds):
        kinds[kind] = _kind(designs, shape.topology.of(kind))
    names = _columns(Settings)[3]
    values = _numbers([d.settings for d in designs], Settings)
    settings = {name: values[:, j : j + 1] for j, name in enumerate(names)}
    known = [{b.id for b in d.blocks} for d in designs]
    wires = [
        [(link.width_bits, link.clock_Hz) for link in d.links if link.source in ids and link.target in ids]
        for d, ids in zip(designs, known, strict=True)
    ]
    links = np.array(wires, dtype=float).reshape(len(designs), -1, 2)
    places = [[(b.placement.x_m, b.placement.y_m, b.placement.aspect) for b in d.blocks] for d in designs]
    placed = np.array(places, dtype=float).reshape(len(designs), -1, 3)
    return Lowered(
        shape=shape,
        designs=tuple(designs),
        kinds=kinds,
        settings=settings,
        link_width_bits=links[:, :, 0],
        link_clock_Hz=links[:, :, 1],
        x_m=placed[:, :, 0],
        y_m=placed[:, :, 1],
        aspect=placed[:, :, 2],
    )
