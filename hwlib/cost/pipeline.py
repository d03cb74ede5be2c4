"""Layers that work at the same time: how long a pass takes where crossbars keep the weights of whole layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.kv_cells import sequences
from hwlib.cost.work import ADC, COMPUTE, CROSSBAR_T, DRAM, LINK, OVERHEAD, PORT_T, PROGRAM, SRAM, VECTOR_T
from hwlib.mapping.program import CROSSBAR, HOST, MATRIX, VECTOR, Program
from hwlib.report import RESOURCES

if TYPE_CHECKING:
    from hwlib.cost.run import Run

Array = NDArray[np.float64]

PIPELINED = "layers_pipelined"
"""The word of the setting `execution`."""

SHARED = (COMPUTE, VECTOR_T, SRAM, DRAM, LINK, PORT_T)
"""Resources that all layers share, in the order of the last axis of `holding`."""

OF_ARRAYS = (CROSSBAR_T, ADC, PROGRAM)
"""What the arrays of crossbars themselves take time for."""

OUTSIDE = ("embedding", "pipeline_send", "norm_final", "lm_head")
"""Operators that belong to no layer."""


@dataclass(frozen=True)
class Flow:
    """How a pass flows through the layers of a group of designs; phases first where an array is [2, D].

    Every column k stands for n instances, of which a share s are in layers whose weights all are in crossbars. There
    the items of a pass follow each other; the other instances run one operator at a time. With t the time of one
    instance, o its overhead and u its turns (how many times in a row its unit is used until all items are through):

        pass = Σ n (1 - s) t                      apart: one operator at a time
             + Σ n s (o + (t - o) / u)            fill: the first item's way through all layers
             + max over resources of their time for the other items
                 shared:   Σ n s (1 - 1/u) h      h: t - o for the unit that runs it, bytes / bandwidth for memories
                 crossbar: max over the stages of a layer of (1 - 1/u) (t - o), once for each barrier

    For N items and L equal stages this is (L + N - 1) t / N, the makespan of a linear pipeline (PipeLayer, HPCA 2017;
    ISAAC, ISCA 2016, section III). Since h is never more than t - o, the sum is neither above Σ n t nor below the
    whole time of any resource. A unit is held by an operator for the operator's time: data that doesn't overlap with
    computing (the setting `overlap`) holds the arrays too.

    Weights that are streamed or programmed serve all items at once, so that their layers can't flow: sending items
    one by one would read them again for each. Items are sequences; in the prefill tokens, where the arrays hold the
    keys and values as well. Where digital units read those from memory, once for a prompt, either prompts are the
    items, or attention is a barrier in each layer and tokens flow between; whichever is faster.

    A mean decode step is the pass over mean times. Where a step's busiest resource changes with the context, the mean
    of steps is longer by less than that change.
    """

    program: Program
    items: Array
    layers: Array
    """Layers that flow [D]."""

    barriers: Array
    """Stretches of layers that the flow is cut into: chips in a row, or layers between whose attention tokens flow."""

    flowing: Array
    """Instances n s of a mean pass [D, K]."""

    apart: Array
    """Instances n (1 - s)."""

    turns: Array
    part: Array
    """[D, K]: a column's part of one instance of its stage: decode has several columns, one for each context."""

    stages: NDArray[np.float64]
    """[J, K]: 1 where a column belongs to a stage; a stage's arrays do one operator at a time."""

    @cached_property
    def phases(self) -> Array:
        """[2, K]: 1 where a column belongs to a phase."""
        return np.stack([self.program.phase == 0, self.program.phase == 1]).astype(float)

    @cached_property
    def stage_phase(self) -> NDArray[np.bool_]:
        """[2, J]: which stages belong to a phase."""
        return np.asarray(self.phases @ self.stages.T > 0)

    @cached_property
    def often(self) -> Array:
        """[D, J]: how many times in a row a stage is waited for: once for each barrier, and each layer that has it."""
        every = np.where(self.part > 0, self.flowing / np.maximum(self.part, 1e-300), 0.0)
        kept = np.where(self.stages[None] > 0, every[:, None, :], np.inf).min(axis=2)
        barriers = np.einsum("fd,fj->dj", self.barriers, self.stage_phase)
        return np.asarray(np.minimum(barriers, np.where(np.isinf(kept), 0.0, kept)))

    def apart_s(self, tau: Array) -> Array:
        """[2, D] seconds of the operators that run one at a time."""
        return np.asarray(np.einsum("dk,dk,fk->fd", self.apart, tau, self.phases))

    def fill_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds of the first item's way."""
        over = times[..., OVERHEAD]
        each = self.flowing * (over + (tau - over) / self.turns)
        return np.asarray(np.einsum("dk,fk->fd", each, self.phases))

    def waits_s(self, times: Array, tau: Array) -> Array:
        """[2, D, 6 + J] seconds that the other items take at the shared resources and at each stage of crossbars."""
        later = 1.0 - 1.0 / self.turns
        shared = np.einsum("dk,dkr,fk->fdr", self.flowing * later, holding(self.program, times, tau), self.phases)
        mine = (self.part * later * (tau - times[..., OVERHEAD])) @ self.stages.T * self.often
        stages = np.where(self.stage_phase[:, None, :], mine[None], 0.0)
        return np.concatenate([shared, stages], axis=2)

    def pass_s(self, times: Array, tau: Array) -> Array:
        """[2, D] seconds of a pass."""
        return np.asarray(self.apart_s(tau) + self.fill_s(times, tau) + self.waits_s(times, tau).max(axis=2))

    def bound(self, times: Array, tau: Array) -> NDArray[np.int64]:
        """[2, D] the resource that the later items wait for: of a unit or of arrays what takes these longest."""
        first = self.waits_s(times, tau).argmax(axis=2)
        slowest = times.copy()
        slowest[..., OVERHEAD] = 0.0
        own = np.einsum("jk,dk,dkr->djr", self.stages, self.part, slowest)[:, :, list(OF_ARRAYS)]
        arrays = np.array(OF_ARRAYS)[own.argmax(axis=2)]
        found = []
        for f in (0, 1):
            later = self.flowing * (1.0 - 1.0 / self.turns) * self.phases[f]
            units = [
                np.einsum("dk,dkr->dr", later * (self.program.unit == u), slowest).argmax(1) for u in (MATRIX, VECTOR)
            ]
            memories = np.broadcast_to(np.array(SHARED[2:]), (len(times), len(SHARED) - 2))
            every = np.concatenate([np.stack(units, axis=1), memories, arrays], axis=1)
            found.append(np.take_along_axis(every, first[f][:, None], axis=1)[:, 0])
        return np.stack(found)

    def by_resource(self, times: Array, tau: Array, shares: Array, members: Array) -> Array:
        """[2, D, R] seconds of a pass by resource: an operator's own as its time is shared, the waiting to what binds.

        `shares` [D, K, R] as `overlap.shares`, `members` [rows, K] 1 where a column belongs to an operator.
        """
        over = times[..., OVERHEAD]
        n = self.apart + self.flowing
        own = self.apart * (tau - over) + self.flowing * (tau - over) / self.turns
        whole = (n * (tau - over)) @ members.T
        scale = (own @ members.T) / np.maximum(whole, 1e-300)
        plain = shares.copy()
        plain[..., OVERHEAD] -= over
        result = np.einsum("dk,dkr,dk,fk->fdr", n, plain, scale @ members, self.phases)
        result[..., OVERHEAD] += np.einsum("dk,dk,fk->fd", n, over, self.phases)
        waits = self.waits_s(times, tau).max(axis=2)
        result += waits[..., None] * (self.bound(times, tau)[..., None] == np.arange(len(RESOURCES)))
        return np.asarray(result)

    def busy_s(self, times: Array, tau: Array) -> Array:
        """[2, D, 6 + J] seconds of a whole pass that each shared resource, and one array of each stage, is busy."""
        n = self.apart + self.flowing
        shared = np.einsum("dk,dkr,fk->fdr", n, holding(self.program, times, tau), self.phases)
        mine = (self.part * (tau - times[..., OVERHEAD])) @ self.stages.T
        return np.concatenate([shared, np.where(self.stage_phase[:, None, :], mine[None], 0.0)], axis=2)


def holding(program: Program, times: Array, tau: Array) -> Array:
    """[D, K, 6] seconds that an instance holds each shared resource: its unit all the time, others their own time."""
    held = np.concatenate([times[..., : VECTOR_T + 1], times[..., SRAM : PORT_T + 1]], axis=-1)
    work = tau - times[..., OVERHEAD]
    held[..., 0] = np.where(program.unit == MATRIX, work, held[..., 0])
    held[..., 1] = np.where(program.unit == VECTOR, work, held[..., 1])
    return np.asarray(held)


def pass_times(r: Run, times: Array, tau: Array) -> Array:
    """[2, D] seconds of one pass of a run, with these times of its columns."""
    if r.flow is not None:
        return r.flow.pass_s(times, tau)
    phases = np.stack([r.program.phase == 0, r.program.phase == 1]).astype(float)
    return np.asarray(np.einsum("dk,fk->fd", r.passes * tau, phases))


def seconds_by_resource(r: Run, shares: Array) -> Array:
    """[2, D, R] seconds of one pass by resource; `shares` [D, K, R] as `overlap.shares`."""
    if r.flow is None:
        phases = np.stack([r.program.phase == 0, r.program.phase == 1]).astype(float)
        return np.asarray(np.einsum("fdk,dkr->fdr", r.passes * phases[:, None], shares))
    members = (r.program.row == np.arange(len(r.program.rows))[:, None]).astype(float)
    return r.flow.by_resource(r.times, r.tau, shares, members)


# How it flows -----------------------------------------------------------------------------------------------------


def flowing(r: Run) -> Run:
    """The run with its flow where its designs pipeline layers and the LLM's weights are in crossbars."""
    if r.machine.chip.designs[0].settings.execution != PIPELINED or not r.machine.crossbars:
        return r
    tokens = np.maximum(1.0, r.program.m[:, r.program.weight_column[0]])
    same = _same(r.program)
    if r.machine.kv_pool >= 0:
        return replace(r, flow=_flow(r, tokens, False, same))
    prompts, inside = _flow(r, np.maximum(1.0, sequences(r.program)), False, same), _flow(r, tokens, True, same)
    faster = inside.pass_s(r.times, r.tau)[0] < prompts.pass_s(r.times, r.tau)[0]
    return replace(r, flow=_chosen(faster, inside, prompts))


def _chosen(take: NDArray[np.bool_], inside: Flow, prompts: Flow) -> Flow:
    """For each design its own of two flows; they differ in the prefill alone."""
    names = ("flowing", "apart", "turns", "part")
    columns = {n: np.where(take[:, None], getattr(inside, n), getattr(prompts, n)) for n in names}
    phases = {n: np.where(take, getattr(inside, n), getattr(prompts, n)) for n in ("items", "barriers")}
    return replace(prompts, **columns, **phases)


def _flow(r: Run, first: Array, barred: bool, same: Array) -> Flow:
    """The flow with `first` [S] items in the prefill; `barred`: its attention is a barrier; `same` as `_same`."""
    program, d = r.program, r.machine.chip.count
    each = np.maximum(1.0, sequences(program))
    items = np.stack([np.broadcast_to(first, (d,)), np.broadcast_to(each, (d,))])
    layers, share = _shares(r)
    barriers = np.broadcast_to(np.minimum(r.scenario.pipeline_parallel, layers), (2, d)).copy()
    if barred:
        stops = (program.phase == 0) & (program.context > 0).any(axis=0)
        share = np.where(stops, 0.0, share)
        barriers[0] = layers
    n = r.passes * share
    part = np.where(n > 0, n / np.maximum(n @ same, 1e-300), 0.0)
    turns = _turns(r, items)
    return Flow(program, items, layers, barriers, n, r.passes - n, turns, part, _stages(r))


def _shares(r: Run) -> tuple[Array, Array]:
    """Layers that flow [D], and the share of a column's instances in them [D, K].

    As many layers as have all their weights in crossbars, wherever the fewest instances are: which layers, the
    placement leaves open. What belongs to no layer flows with the last of them.
    """
    program, total = r.program, float(r.llm.layers)
    inside = np.array([name not in OUTSIDE for name in program.weights])
    resident = r.placed[:, :, 2:].sum(axis=2) / np.maximum(r.placed.sum(axis=2), 1e-300)
    layers = np.floor(np.where(inside, resident, 1.0).min(axis=1) * total + 1e-9)
    whole = (layers >= total).astype(float)
    of_weight = np.where(inside, (layers / total)[:, None] / np.maximum(resident, 1e-300), whole[:, None])
    outside = np.array([name in OUTSIDE for _, name in program.rows])[program.row]
    share = np.where(outside, whole[:, None], (layers / total)[:, None])
    share = np.where(program.weight >= 0, of_weight[:, program.weight] * (program.place >= 2), share)
    return layers, np.minimum(1.0, np.where(program.unit == HOST, 0.0, share))


def _turns(r: Run, items: Array) -> Array:
    """[D, K] turns of each column: all items, fewer where copies of arrays take several at once.

    Arrays that hold the keys and values of a sequence serve that one alone, so that sequences go side by side there.
    """
    program, turns = r.program, items[r.program.phase].T.copy()
    for b, pool in enumerate(r.machine.crossbars):
        here = np.flatnonzero(program.unit == CROSSBAR + b)
        if pool.keeps_kv:
            side_by_side = np.maximum(1.0, sequences(program))[:, None]
            turns[:, here] = np.maximum(1.0, turns[:, here] / side_by_side)
        else:
            here = here[program.weight[here] >= 0]
            steps = np.ceil(program.m[:, here] / r.copies[b][:, program.weight[here]])
            turns[:, here] = np.minimum(turns[:, here], np.maximum(1.0, steps))
    return turns


def _same(program: Program) -> Array:
    """[K, K]: 1 where two columns are of one operator on one unit, in different contexts."""
    name = program.row * (CROSSBAR + len(program)) + program.unit
    return np.asarray(name[:, None] == name, dtype=float)


def _stages(r: Run) -> NDArray[np.float64]:
    """[J, K] stages of crossbars: each weight matrix by itself, and all that the arrays of a layer's cache do."""
    program = r.program
    here = program.unit >= CROSSBAR
    own = np.flatnonzero(here & (program.weight >= 0))
    found = [np.eye(len(program))[own]]
    cache = here & (program.weight < 0)
    local = np.array([name.endswith("_local") for _, name in program.rows])[program.row]
    both = ~(program.context > 0).any(axis=0)
    for phase in (0, 1):
        for windowed in (False, True):
            does = cache & (program.phase == phase) & (both | (local == windowed))
            if (does & ~both).any():
                found.append(does[None].astype(float))
    return np.concatenate(found)


__all__ = ["PIPELINED", "SHARED", "Flow", "flowing", "holding", "pass_times", "seconds_by_resource"]
