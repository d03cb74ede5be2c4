"""Which memory holds which weights: the live rule, what it saves, and what users pinned by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.crossbar_shape import arrays_per_instance
from hwlib.cost.machine import Machine
from hwlib.design.design import KV_CACHE
from hwlib.mapping.placement import fill
from hwlib.mapping.program import Program, Ways
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

WORTH_ALL = 1e200
"""A gain above all others."""

FREE = -1
"""The place of a matrix that nobody pinned."""


@dataclass(frozen=True)
class Pins:
    """Where users want what: the place of every weight matrix [W] and of the KV cache; FREE where the rule decides."""

    weights: NDArray[np.int64]
    kv: int


def place_of_block(machine: Machine, block: int) -> int:
    """The placement column (0 DRAM, 1 SRAM, 2 + b crossbar pool b) of a block; FREE where it holds no weights."""
    for place, pool in enumerate((machine.dram, machine.sram)):
        if pool is not None and block in pool.parameters.index:
            return place
    pools = enumerate(machine.crossbars[: machine.weight_pools])
    return next((2 + b for b, pool in pools if block in pool.blocks), FREE)


def pins_of(machine: Machine, program: Program) -> Pins:
    """The pins of a group of designs, which have them in common; none to a memory that no unit takes a matrix from."""
    weights, kv = np.full(len(program.weights), FREE, dtype=np.int64), FREE
    design = machine.chip.designs[0]
    index = {b.id: i for i, b in enumerate(design.blocks)} if design.pins else {}
    for pin in design.pins:
        where = place_of_block(machine, index[pin.block]) if pin.block in index else FREE
        if pin.operator == KV_CACHE:
            kv = where
        elif pin.operator in program.weights:
            weight = program.weights.index(pin.operator)
            weights[weight] = where if (weight, where) in program.offered else FREE
    return Pins(weights, kv)


def weight_table(program: Program, column: Array) -> Array:
    """[S, W]: a value [S, K] of each weight matrix, taken from a column of the prefill."""
    return np.where(program.weight_column < 0, 0.0, column[:, program.weight_column])


def _cost_by_place(program: Program, value: Array, places: int) -> Array:
    """[D, W, places]: what one instance costs over the run, NaN where no column offers the place."""
    d, w = value.shape[0], len(program.weights)
    total = np.full((d, w, places), np.nan)
    cols, first = program.weight_places
    if len(cols):
        cost, begin = program.steps[:, cols] * value[:, cols], cols[first]
        total[:, program.weight[begin], program.place[begin]] = np.add.reduceat(cost, first, axis=1)
    return total


def _savings(program: Program, value: Array, places: int) -> Array:
    """[D, W, places]: cost that one instance saves over the run against its base place; 1 where it has none."""
    cost = _cost_by_place(program, value, places)
    base = cost[:, :, 0] if not np.isnan(cost[:, :, 0]).all() else cost[:, :, 1]
    gain = base[:, :, None] - cost
    unsaved = np.where(np.isnan(base[:, :, None]) & ~np.isnan(cost), 1.0, 0.0)
    return np.where(np.isnan(gain), unsaved, gain)


@dataclass(frozen=True)
class _Asked:
    """Weight matrices [D, W] that look for a place: instances `wanted`, bytes of one, what one saves by place, and the
    arrays that it takes in each pool of crossbars, and gains there."""

    wanted: Array
    size: Array
    saving: Array
    needs: tuple[Array, ...]
    gains: tuple[Array, ...]


@dataclass(frozen=True)
class Rule:
    """The live rule: pinned matrices first, then most saved per byte (or array).

    `cost` [D, K]: joules, seconds or what else shall be little, of one instance of every column. `room` [D]: bytes of
    SRAM open to weights. `deep`: pipeline stages, whose memories together hold the layers.
    """

    machine: Machine
    program: Program
    scenario: Scenario
    ways: Ways
    cost: Array
    room: Array
    deep: float
    pins: Pins

    def placed(self) -> Array:
        """Instances [D, W, places] of every weight matrix by place (0 DRAM, 1 SRAM, 2 + b crossbar pool b).

        What no other memory takes is left to the base place.
        """
        return self._filled(0.0)[0]

    def by_layers(
        self, layers: float, plain: Array, most: Array | float = np.inf, outside: bool = False
    ) -> tuple[Array, Array]:
        """The same where each pool of crossbars takes as many whole layers, of the LLM's, as it holds before all else.

        At most `most` [D] layers. `outside`: what is in no layer, and flows behind the last where all do, follows them.
        Where the only pool holds no whole layer nothing can flow, and weights stay as `plain` has them. Also how many
        layers are held [D].
        """
        found, held = self._filled(layers, most, outside)
        if self.machine.weight_pools > 1:
            return found, held
        return np.where((held > 0)[:, None, None], found, plain), held

    def _filled(self, layers: float, most: Array | float = np.inf, outside: bool = False) -> tuple[Array, Array]:
        """Instances by place with as many of `layers` whole as pools hold first, and how many these are [D]."""
        machine, ways, pins, asked = self.machine, self.ways, self.pins, self._asked
        left, held = asked.wanted, np.zeros(machine.chip.count)
        result = np.zeros((*left.shape, 2 + len(machine.crossbars)))
        for b, (pool, need, gain) in enumerate(zip(machine.crossbars, asked.needs, asked.gains, strict=False)):
            taken, room = np.zeros(left.shape), pool.arrays * self.deep
            if layers > 0:
                inside = self._of_layers(2 + b)
                taken, held = _whole_layers(asked.wanted, left, need, inside, room, held, layers, most)
                room = room - (np.where(taken > 0, need, 0.0) * taken).sum(axis=1)
            if outside:
                gain = np.where(~self.program.in_layers & np.isfinite(need), WORTH_ALL, gain)
            taken = taken + _fill(2 + b, gain, need, left - taken, room, pins)
            result[:, :, 2 + b], left = taken, left - taken
        if ways.dram and ways.pinned:
            room = self.room * self.deep
            taken = _fill(1, asked.saving[:, :, 1], asked.size, left, room, pins)
            result[:, :, 1], left = taken, left - taken
            if layers == 0:
                self._prefer_sram(result, asked.saving, asked.size, room - (taken * asked.size).sum(axis=1))
        result[:, :, 0 if ways.dram else 1] += left
        return result, held

    @cached_property
    def _asked(self) -> _Asked:
        machine, program, ways = self.machine, self.program, self.ways
        shape, pools = (machine.chip.count, len(program.weights)), machine.crossbars[: machine.weight_pools]
        n, k, matrices = (weight_table(program, c) for c in (program.n, program.k, program.matrices))
        saving = _savings(program, self.cost, 2 + len(machine.crossbars))
        needs = [np.broadcast_to(arrays_per_instance(p, self.scenario, matrices, n, k), shape) for p in pools]
        # Where nothing else can hold weights, whatever fits is worth while.
        only = not ways.matrix and not (ways.vector and not ways.crossbars) and not ways.dram
        gains = [np.where(np.isfinite(x), 1.0, 0.0) if only else saving[:, :, 2 + b] for b, x in enumerate(needs)]
        return _Asked(
            wanted=np.broadcast_to(weight_table(program, program.repeat), shape),
            size=np.broadcast_to(weight_table(program, program.store_bytes), shape),
            saving=saving,
            needs=tuple(needs),
            gains=tuple(gains),
        )

    def _prefer_sram(self, result: Array, saving: Array, size: Array, room: Array) -> None:
        """Moves what saves more in SRAM than in the crossbars that hold it, while SRAM has room [D] left."""
        for b in range(self.machine.weight_pools):
            more = np.where(self.pins.weights == FREE, saving[:, :, 1] - saving[:, :, 2 + b], 0.0)
            if not ((more > 0) & (result[:, :, 2 + b] > 0)).any():
                continue
            moved = fill(np.maximum(0.0, more), size, result[:, :, 2 + b], room)
            result[:, :, 2 + b] -= moved
            result[:, :, 1] += moved
            room = room - (moved * size).sum(axis=1)

    def _of_layers(self, place: int) -> NDArray[np.bool_]:
        """[W] the matrices that layers have; none where somebody pinned one of them to another place."""
        inside = self.program.in_layers
        elsewhere = (self.pins.weights != FREE) & (self.pins.weights != place)
        return np.asarray(inside & (not (inside & elsewhere).any()))


def _whole_layers(
    every: Array,
    wanted: Array,
    need: Array,
    inside: NDArray[np.bool_],
    capacity: Array,
    before: Array,
    layers: float,
    most: Array | float,
) -> tuple[Array, Array]:
    """Instances [D, W] of as many whole layers as fit beside the `before` [D] that others hold, and layers held [D].

    At most `most` [D] layers.
    Of `every` instance those not `wanted` any more are in other crossbars, also of layers that are not whole there.
    """
    if not inside.any():
        return np.zeros_like(every), before
    count = np.arange(layers + 1.0)[None, :, None]
    upto = np.ceil(every[:, None, :] * count / layers - 1e-9)
    more = np.where(inside, np.maximum(0.0, upto - (every - wanted)[:, None, :]), 0.0)
    load = (np.where(more > 0, need[:, None, :], 0.0) * more).sum(axis=2)
    fitting = (load <= capacity[:, None] * (1.0 + 1e-12)).sum(axis=1) - 1.0
    held = np.maximum(before, np.minimum(fitting, most))
    return more[np.arange(len(held)), held.astype(np.int64)], held


def _fill(place: int, gain: Array, need: Array, wanted: Array, capacity: Array, pins: Pins) -> Array:
    """Instances [D, W] that go into one memory: those pinned to it, then of those nobody pinned by what they gain."""
    if (pins.weights == FREE).all():
        return fill(gain, need, wanted, capacity)
    pinned = np.broadcast_to((pins.weights == place).astype(float), wanted.shape)
    first = fill(pinned, np.broadcast_to(need, wanted.shape), wanted, capacity)
    left = capacity - (np.where(first > 0, need, 0.0) * first).sum(axis=1)
    return first + fill(np.where(pins.weights == FREE, gain, 0.0), need, wanted - first, left)
