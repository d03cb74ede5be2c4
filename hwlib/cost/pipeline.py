"""Layers that work at the same time: how long a pass takes where crossbars keep the weights of whole layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.overlap import LEFT, Powers
from hwlib.cost.work import ADC, COMPUTE, CROSSBAR_T, DRAM, LINK, OVERHEAD, PORT_T, PROGRAM, SRAM, VECTOR_T
from hwlib.mapping.program import MATRIX, NEAR, VECTOR, Program
from hwlib.report import RESOURCES
from hwlib.workload.operators import OUTSIDE

if TYPE_CHECKING:
    from hwlib.cost.run import Run

Array = NDArray[np.float64]

PIPELINED = "layers_pipelined"
"""The word of the setting `execution`."""

SHARED = (COMPUTE, VECTOR_T, SRAM, DRAM, LINK, PORT_T)
"""Resources that all layers share, in the order of the last axis of `holding`."""

HOLDERS = ((0, MATRIX), (1, VECTOR), (3, NEAR))
"""Which of SHARED a unit holds all the time; units beside the banks keep the DRAM to them."""

OF_ARRAYS = (CROSSBAR_T, ADC, PROGRAM)
"""What the arrays of crossbars themselves take time for."""


@dataclass(frozen=True)
class Flow:
    """How a pass flows through the layers of a group of designs; phases first where an array is [2, D].

    Every column k stands for n instances. Some of them run apart, one operator at a time; the others are in layers
    whose weights all are in crossbars. There the items of a pass follow each other: sequences in decode, prompts or
    chunks of prompts in the prefill. With t the time of one instance, o its overhead, and of its work t - o the shares
    `first`, `inner` and the rest for the first token of the first item, for its other tokens, and for later items:

        pass = Σ apart t                                       one operator at a time
             + Σ flowing (delayed o + first (t - o))           the way of the first token through all layers
             + max over resources of their `inner` work        the item's other tokens follow, up to the next attention
             + Σ beats max over resources of the rest          later items, those beside each other in a beat
                 shared:   Σ flowing share h     h: t - o for the unit that runs it, bytes / bandwidth for memories
                 crossbar: the longest stage of a layer, once for each layer (inner) or stretch of layers (later)

    For N items and L equal stages this is (L + N - 1) t / N, the makespan of a linear pipeline (PipeLayer, HPCA 2017;
    ISAAC, ISCA 2016, section III). Since h is never more than t - o and the shares add up to one, the sum is neither
    above that of all times nor below the whole time of any resource. A unit is held by an operator for the operator's
    time: data that doesn't overlap with computing (the setting `overlap`) holds the arrays too.

    Attention takes an item as a whole: a chunk of a prompt once the layer has the keys of all its tokens, and so those
    of the chunks before. The last chunk sees the most keys; its attention counts on the first item's way.

    A mean decode step is the pass over mean times. Where a step's busiest resource changes with the context, the mean
    of steps is longer by less than that change.
    """

    program: Program
    cut: NDArray[np.int64]
    """As `Program.cut`: which columns the prefill's layers run [D]."""

    items: Array
    tokens: Array
    """Tokens of an item [2, D]."""

    buffer_bytes: Array
    """What layers keep of items on their way [2, D]."""

    layers: Array
    """Layers that flow [D]."""

    stretches: Array
    """Stretches of layers that the flow is cut into: chips in a row [D]."""

    flowing: Array
    """Instances of a mean pass that flow [D, K]."""

    apart: Array
    """Instances that don't."""

    first: Array
    inner: Array
    delayed: Array
    """[D, K]: share of the instances whose overhead is on the first item's way."""

    beats: Array
    """[D, B, K]: parts of the work for later items that are done at the same time. Chunks of a prompt are alike but
    for their attention, which takes the longer the later they are: early ones wait for one resource, late for another.
    """

    part: Array
    """[D, K]: a column's instances for one of its stage: contexts in decode have a part each, chunks are many."""

    stages: NDArray[np.float64]
    """[J, K]: 1 where a column belongs to a stage; a stage's arrays do one operator at a time."""

    @property
    def phases(self) -> Array:
        """[2, K]: 1 where a column belongs to a phase."""
        return self.program.phases

    @cached_property
    def flows(self) -> bool:
        """Whether any layer of any design flows; else one operator runs at a time."""
        return bool((self.layers > 0).any())

    @cached_property
    def later(self) -> Array:
        """[D, K]: share of the work for all items but the first."""
        return np.maximum(0.0, 1.0 - self.first - self.inner)

    @cached_property
    def stage_phase(self) -> NDArray[np.bool_]:
        """[2, J]: which stages belong to a phase."""
        return np.asarray(self.phases @ self.stages.T > 0)

    @cached_property
    def kept(self) -> Array:
        """[D, J]: layers that have a stage, of those that flow."""
        every = np.where(self.part > 0, self.flowing / np.maximum(self.part, 1e-300), np.inf)
        kept = np.where(self.stages[None] > 0, every[:, None, :], np.inf).min(axis=2)
        return np.asarray(np.where(np.isinf(kept), 0.0, kept))

    @cached_property
    def portions(self) -> Array:
        """[D, 1 + B, K] shares of the work: for the first item's other tokens, then for later items, beat by beat."""
        return np.concatenate([self.inner[:, None], self.later[:, None] * self.beats], axis=1)

    @cached_property
    def amounts(self) -> Array:
        """[2, D, 1 + B, K] instances that `portions` are."""
        return np.asarray(self.phases[:, None, None] * (self.flowing[:, None] * self.portions))

    @cached_property
    def often(self) -> Array:
        """[D, 1 + B, J]: how many times in a row a stage is waited for.

        By the first item's other tokens once in each layer, by later items once in each stretch of layers.
        """
        later = np.broadcast_to(self.stretches[:, None], (len(self.layers), self.beats.shape[1]))
        every = np.minimum(np.concatenate([self.layers[:, None], later], axis=1)[..., None], self.kept[:, None])
        return np.asarray(every)

    def apart_s(self, tau: Array) -> Array:
        """[2, D] seconds of the operators that run one at a time; `tau` and all `times` may have more axes in front."""
        return self._by_phase(self.apart * tau)

    def way_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds of the first token's way."""
        return self._way_s(times[..., OVERHEAD], tau)

    def _way_s(self, over: Array, tau: Array) -> Array:
        return self._by_phase(self.flowing * (self.delayed * over + self.first * (tau - over)))

    def fill_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds of the first item's way: its first token's, and its others behind it in every layer."""
        return np.asarray(self.way_s(times, tau) + self.behind_s(times, tau))

    def behind_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds that the first item's other tokens take where they take longest."""
        return np.asarray(self.held_s(times, tau)[..., 0, :].max(axis=-1))

    def interval_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds that later items take: in every beat what takes them longest."""
        return np.asarray(self.held_s(times, tau)[..., 1:, :].max(axis=-1).sum(axis=-1))

    def held_s(self, times: Array, tau: Array) -> Array:
        """[2, D, 1 + B, 6 + J] seconds that each of the `portions` takes at shared resources and in crossbars.

        Those of the last times are kept: a run's pass, its figures and what binds it all ask for the same.
        """
        known = self._held
        if not known or known[0] is not times or known[1] is not tau:
            known[:] = times, tau, self._held_by(holding(self.program, times, tau), tau - times[..., OVERHEAD])
        return known[2]

    @cached_property
    def _held(self) -> list[Array]:
        return []

    def _held_by(self, held: Array, work: Array) -> Array:
        """`held_s` of columns that hold shared resources, and their unit, for so long."""
        shared = self.amounts @ held[..., None, :, :, :]
        mine = (((self.part * work)[..., None, :] * self.portions) @ self.stages.T * self.often)[..., None, :, :, :]
        return np.concatenate([shared, np.where(self.stage_phase[:, None, None], mine, 0.0)], axis=-1)

    def pass_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds of a pass."""
        if not self.flows:
            return self.apart_s(tau)
        waits = self.held_s(times, tau).max(axis=-1).sum(axis=-1)
        return np.asarray(self.apart_s(tau) + self.way_s(times, tau) + waits)

    def freed_s(self, times: Array, taus: Array, which: list[int]) -> Array:
        """[W, 2, D] seconds of a pass with one resource free, for each of `which`; `taus` [W, D, K]: `Powers.freed`."""
        if not self.flows:
            return self.apart_s(taus)
        left = LEFT[which][:, None, None]
        over = times[..., OVERHEAD] * left[..., OVERHEAD]
        held = _hold_units(self.program, times.take(SHARED, axis=-1) * left.take(SHARED, axis=-1), taus - over)
        waits = self._held_by(held, taus - over).max(axis=-1).sum(axis=-1)
        return np.asarray(self.apart_s(taus) + self._way_s(over, taus) + waits)

    def _by_phase(self, seconds: Array) -> Array:
        return np.asarray((seconds @ self.phases.T).swapaxes(-1, -2))

    def _bound(self, times: Array, held: Array) -> NDArray[np.int64]:
        """[2, D, 1 + B] the resource that is held longest: of a unit or of arrays what takes these longest."""
        most = held.argmax(axis=-1)
        bound = np.array(SHARED)[np.minimum(most, len(SHARED) - 1)]
        if (most < 2).any():
            slowest = times * LEFT[OVERHEAD]
            for place, unit in enumerate((MATRIX, VECTOR)):
                of_unit = (self.amounts * (self.program.unit == unit) @ slowest).argmax(axis=-1)
                bound = np.where(most == place, of_unit, bound)
        if (stage := most - len(SHARED)).max(initial=-1) >= 0:
            own = self.stages @ (self.part[..., None] * times.take(OF_ARRAYS, axis=-1))
            arrays = np.array(OF_ARRAYS)[own.argmax(axis=-1)]
            designs = np.arange(len(times))[:, None]
            bound = np.where(stage >= 0, arrays[designs, np.maximum(stage, 0)], bound)
        return np.asarray(bound)

    def waited_for(self, times: Array, tau: Array) -> tuple[Array, NDArray[np.int64]]:
        """Seconds [2, D, 1 + B] of the first item's other tokens, and of later items by beat; what binds each."""
        held = self.held_s(times, tau)
        return held.max(axis=-1), self._bound(times, held)

    def by_resource(self, times: Array, tau: Array, shares: Array) -> Array:
        """[2, D, R] seconds of a pass by resource: an operator's own as its time is shared, the waiting to what binds.

        `shares` [D, K, R] as `Powers.shares`.
        """
        if not self.flows:
            return np.asarray(np.einsum("fdk,dkr->fdr", self.apart * self.phases[:, None], shares))
        over = times[..., OVERHEAD]
        n = self.apart + self.flowing
        own = (self.apart + self.flowing * self.first) * (tau - over)
        own, whole = np.concatenate([own, n * (tau - over)]).reshape(2, len(n), -1) @ self.program.members.T
        scale = own / np.maximum(whole, 1e-300)
        counts = self.phases[:, None] * (n * scale[:, self.program.row])
        result = np.einsum("fdk,dkr->fdr", counts, shares)
        delayed = self.phases[:, None] * (self.apart + self.flowing * self.delayed)
        result[..., OVERHEAD] += ((delayed - counts) * over).sum(axis=-1)
        seconds, resource = self.waited_for(times, tau)
        result += (seconds[..., None] * (resource[..., None] == np.arange(len(RESOURCES)))).sum(axis=2)
        return np.asarray(result)

    def busy_s(self, times: Array, tau: Array) -> Array:
        """[2, D, 6 + J] seconds of a whole pass that each shared resource, and one array of each stage, is busy."""
        n = self.phases[:, None] * (self.apart + self.flowing)
        shared = np.einsum("fdk,dkr->fdr", n, holding(self.program, times, tau))
        mine = (self.part * (tau - times[..., OVERHEAD])) @ self.stages.T
        return np.concatenate([shared, np.where(self.stage_phase[:, None, :], mine[None], 0.0)], axis=2)


def holding(program: Program, times: Array, tau: Array) -> Array:
    """[D, K, 6] seconds that an instance holds each shared resource: its unit all the time, others their own time."""
    return _hold_units(program, times.take(SHARED, axis=-1), tau - times[..., OVERHEAD])


def _hold_units(program: Program, held: Array, work: Array) -> Array:
    """`held` [..., D, K, 6] with the whole `work` [..., D, K] at the units that do it."""
    for resource, unit in HOLDERS:
        np.copyto(held[..., resource], work, where=program.unit == unit)
    return held


def pass_times(r: Run, times: Array, tau: Array) -> Array:
    """[2, D] seconds of one pass of a run, with these times of its columns."""
    if r.flow is not None:
        return r.flow.pass_s(times, tau)
    return np.asarray(r.program.phases @ (r.passes * tau).T)


def without_walls(r: Run, powers: Powers) -> Array:
    """[2, D, R]: phase time over phase time with one resource free ("without this wall")."""
    result = np.ones((2, len(r.times), len(RESOURCES)))
    used = np.flatnonzero(r.times.any(axis=(0, 1))).tolist()
    taus = powers.freed(used)
    if r.flow is None:
        seconds = ((r.passes * taus) @ r.program.phases.T).T
    else:
        seconds = r.flow.freed_s(r.times, taus, used).transpose(1, 2, 0)
    runs = (r.passes > 0) * r.program.phases[:, None]
    waits = np.matmul(runs[:, :, None], r.times[..., used] > 0)[:, :, 0] > 0
    result[:, :, used] = np.where(waits, r.pass_time[..., None] / np.maximum(seconds, 1e-300), 1.0)
    return result


def seconds_by_resource(r: Run, shares: Array) -> Array:
    """[2, D, R] seconds of one pass by resource; `shares` [D, K, R] as `Powers.shares`."""
    if r.flow is None:
        return np.asarray(np.einsum("fdk,dkr->fdr", r.passes * r.program.phases[:, None], shares))
    return r.flow.by_resource(r.times, r.tau, shares)


__all__ = ["OUTSIDE", "PIPELINED", "SHARED", "Flow", "holding", "pass_times", "seconds_by_resource", "without_walls"]
