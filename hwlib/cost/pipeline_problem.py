"""What layers that flow change for the integer program of placement: times saved and waited, by matrix and memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.pipeline import OUTSIDE, Flow, holding
from hwlib.cost.pipeline_items import flow_of_cut
from hwlib.cost.run import Run
from hwlib.cost.work import OVERHEAD
from hwlib.mapping.flowing import Pipeline, Waiting
from hwlib.mapping.program import CROSSBAR, HOST, RESIDENT

Array = NDArray[np.float64]


def pipeline_of(r: Run, d: int, cut: int, filling: Array, joules: Array, watts: Array) -> Pipeline:
    """The pipeline of one design of a run with its prompts cut as `Program.cut` counts.

    `filling` [K]: seconds of the run for a second of a column in one pass; `joules` [K]: how often its energy is spent;
    `watts` [2]: static power of each phase. Every value counts the whole run, so that a placement's change is its.
    """
    return _Sums(r, d, cut, filling).pipeline(joules, watts)


class _Sums:
    """Sums over the columns that layers flow through, and over those that they run else."""

    def __init__(self, r: Run, d: int, cut: int, filling: Array) -> None:
        self.r, self.d, self.program = r, d, r.program
        self.flow: Flow = flow_of_cut(r, cut)
        p, self.steps = r.program, r.program.steps[d if len(r.program.steps) > 1 else 0]
        self.repeat = p.repeat[d if len(p.repeat) > 1 else 0]
        self.times, self.tau = r.times[d], r.tau[d]
        self.outside = p.named(OUTSIDE)
        resident = (p.weight < 0) | (p.source == RESIDENT)
        self.seconds = self.steps * filling
        # A layer runs one of these, or the other: whole passes of an operator, or those of its items.
        self.plain = (p.cut == 0) & resident & (p.unit != HOST)
        chunked = (p.phase == 0) & ~self.outside
        self.flows = resident & (p.unit != HOST) & np.where(chunked, p.cut == cut, p.cut == 0)

    def by_weight(self, value: Array, which: NDArray[np.bool_]) -> Array:
        """[W, P] sum of a value [K] over the columns `which` of every matrix in every memory."""
        total = np.zeros(self.r.placed[self.d].shape)
        cols = np.flatnonzero(which & (self.program.weight >= 0))
        np.add.at(total, (self.program.weight[cols], self.program.place[cols]), value[cols])
        return total

    def of_others(self, value: Array, which: NDArray[np.bool_], outside: bool) -> float:
        """Sum of a value [K] over the instances of operators without weights, in layers or outside of them."""
        here = which & (self.program.weight < 0) & (self.outside == outside)
        return float((self.repeat * value)[here].sum())

    def pipeline(self, joules: Array, watts: Array) -> Pipeline:
        flow, d, layers, over = self.flow, self.d, float(self.r.llm.layers), self.times[:, OVERHEAD]
        alone = self.seconds * self.tau
        way = self.seconds * (flow.delayed[d] * over + flow.first[d] * (self.tau - over))
        each, plain, flows = watts[self.program.phase], self.plain, self.flows
        dynamic = self.steps * joules * self.r.energy[d].sum(-1)
        before, after = dynamic + each * alone, dynamic + each * way
        return Pipeline(
            layers=layers,
            inside=self.program.in_layers,
            saved_s=self.by_weight(alone, plain) - self.by_weight(way, flows),
            saved_by_layer_s=(self.of_others(alone, plain, False) - self.of_others(way, flows, False)) / layers,
            saved_by_whole_s=self.of_others(alone, plain, True) - self.of_others(way, flows, True),
            more_J=self.by_weight(after, flows) - self.by_weight(before, plain),
            more_by_layer_J=(self.of_others(after, flows, False) - self.of_others(before, plain, False)) / layers,
            more_by_whole_J=self.of_others(after, flows, True) - self.of_others(before, plain, True),
            waiting=tuple(w for f in (0, 1) for w in self._waiting(f, float(watts[f]))),
        )

    def _waiting(self, phase: int, watts: float) -> list[Waiting]:
        """The first item's other tokens, and later items beat by beat."""
        flow, d, stretches = self.flow, self.d, float(self.r.scenario.pipeline_parallel)
        beats = [beat for beat in flow.beats[d] if (beat * (self.program.phase == phase)).any()]
        later = [self._of_share(phase, flow.later[d] * beat, stretches, watts) for beat in beats]
        return [self._of_share(phase, flow.inner[d], np.inf, watts), *later]

    def _of_share(self, phase: int, share: Array, stretches: float, watts: float) -> Waiting:
        layers, amount = float(self.r.llm.layers), self.seconds * share
        here = self.flows & (self.program.phase == phase)
        held = (amount[:, None] * holding(self.program, self.times[None], self.tau[None])[0]).T
        work = amount * (self.tau - self.times[:, OVERHEAD])
        caches, share = self._caches(work, here)
        return Waiting(
            by_weight=np.stack([self.by_weight(v, here) for v in held]),
            by_layer=np.array([self.of_others(v, here, False) / layers for v in held]),
            by_whole=np.array([self.of_others(v, here, True) for v in held]),
            stage=self.by_weight(work, here & (self.program.unit >= CROSSBAR)),
            cache=caches,
            cache_layers=share,
            stretches=stretches,
            watts=watts,
        )

    def _caches(self, work: Array, here: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Seconds of the arrays that hold a layer's keys and values, and the share of layers that have them [Q]."""
        found = []
        for row in self.flow.stages:
            members = (row > 0) & here & (self.program.weight < 0) & (self.steps > 0)
            if members.any():
                found.append((work[members].sum(), self.repeat[members].min() / self.r.llm.layers))
        seconds, share = np.array(found, dtype=float).reshape(-1, 2).T
        return seconds, share
