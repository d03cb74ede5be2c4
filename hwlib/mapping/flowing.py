"""Placements of layers that work at the same time: which instances flow, and what that changes in time and energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CROSSBARS = 2
"""The first place that is a crossbar: 0 is DRAM, 1 SRAM."""


def flowing_instances(placed: Array, inside: NDArray[np.bool_], layers: float) -> tuple[Array, Array, Array]:
    """Instances [..., W, P] of each matrix that flow, layers that do [...], and 1 where all do, so that the rest flows.

    As many layers as have all their weights in crossbars, wherever the fewest instances are: which layers, the
    placement leaves open. Of a matrix in several kinds of crossbars the first kind's instances flow first.
    `inside` [W]: matrices that layers have; the others flow with the last of these.
    """
    there = placed.copy()
    there[..., :CROSSBARS] = 0.0
    wanted = placed.sum(axis=-1)
    share = there.sum(axis=-1) / np.maximum(wanted, 1e-300)
    whole = np.floor(np.where(inside, share, 1.0).min(axis=-1) * layers + 1e-9)
    every = (whole >= layers).astype(float)
    asked = np.where(inside, wanted * (whole / layers)[..., None], wanted * every[..., None])[..., None]
    before = there.cumsum(axis=-1) - there
    return np.minimum(np.maximum(asked - before, 0.0), there), whole, every


@dataclass(frozen=True)
class Waiting:
    """What items wait for in one phase of a run, in seconds: R shared resources, and crossbars of one layer each.

    `by_weight` [R, W, P] of one flowing instance, `by_layer` and `by_whole` [R] of the other operators of a flowing
    layer, and of those that flow with the last. `stage` [W, P]: of one instance's arrays; `cache` [Q]: of arrays that
    hold a layer's keys and values, which a share `cache_layers` [Q] of the layers has. These wait once in each of
    `stretches` stretches of layers, or each layer. `watts`: static power meanwhile.
    """

    by_weight: Array
    by_layer: Array
    by_whole: Array
    stage: Array
    cache: Array
    cache_layers: Array
    stretches: float
    watts: float

    def seconds(self, flows: Array, layers: float, every: float) -> float:
        """The longest wait with `flows` [W, P] instances in `layers` layers."""
        shared = (self.by_weight * flows).sum(axis=(1, 2)) + self.by_layer * layers + self.by_whole * every
        arrays = self.stage * np.minimum(self.stretches, flows)
        caches = self.cache * np.minimum(self.stretches, self.cache_layers * layers)
        return float(max(shared.max(initial=0.0), arrays.max(initial=0.0), caches.max(initial=0.0)))


@dataclass(frozen=True)
class Pipeline:
    """How a run is shorter than that of operators one at a time where `layers` layers can flow.

    `saved_s` [W, P], of one flowing instance, of the other operators of a layer and of what flows with the last; what
    items wait for comes on top. `more_J` likewise: energy that flowing costs, less the static one of the time saved.
    """

    layers: float
    inside: NDArray[np.bool_]
    saved_s: Array
    saved_by_layer_s: float
    saved_by_whole_s: float
    more_J: Array
    more_by_layer_J: float
    more_by_whole_J: float
    waiting: tuple[Waiting, ...]

    def change(self, placed: Array) -> tuple[float, float]:
        """(joules, seconds) that flowing adds to a run with `placed` [W, P]: seconds are never above 0."""
        flows, layers, every = flowing_instances(placed, self.inside, self.layers)
        y, z = float(layers), float(every)
        saved = float((self.saved_s * flows).sum()) + self.saved_by_layer_s * y + self.saved_by_whole_s * z
        joules = float((self.more_J * flows).sum()) + self.more_by_layer_J * y + self.more_by_whole_J * z
        waits = [(w.watts, w.seconds(flows, y, z)) for w in self.waiting]
        return joules + sum(watts * s for watts, s in waits), sum(s for _, s in waits) - saved
