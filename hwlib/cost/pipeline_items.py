"""What flows through layers that keep their weights: sequences, tokens, or the chunks that prompts are cut into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.kv_cells import sequences
from hwlib.cost.machine import Machine
from hwlib.cost.passes import instances, whole_passes
from hwlib.cost.pipeline import OUTSIDE, PIPELINED, Flow
from hwlib.cost.traffic import activation_room
from hwlib.mapping.flowing import flowing_instances
from hwlib.mapping.program import CROSSBAR, HOST, Program
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import Kind, micro_batches
from hwlib.workload.quadrature import CHUNK_NODES
from hwlib.workload.scenario import Scenario

if TYPE_CHECKING:
    from hwlib.cost.run import Run

Array = NDArray[np.float64]

CHUNKS = (4, 16, 64, 256)
"""Numbers of chunks that a prompt may be cut into; what is fastest is within a factor of two of one of them."""

ONCE = ("norm_final", "lm_head")
"""Operators that run once for a sequence: on its last token."""


def chunks_of(
    machine: Machine,
    program: Program,
    llm: LlmArchitecture,
    scenarios: tuple[Scenario, ...],
    batches: tuple[float, ...],
    asked: int | None,
) -> tuple[int, ...]:
    """Numbers of chunks that prompts of a group's chips may be cut into; none where nothing flows or tokens do.

    Of CHUNKS those whose items fit on some chip, and what is `asked` for; `program`: that of whole prompts.
    """
    if not pipelined(machine) or machine.weight_pools == 0 or machine.kv_pool >= 0 or program.missing:
        return ()
    fits = _fits(machine, program, llm, scenarios[0])
    both = [(s.prompt, b / micro_batches(s, b)) for s, b in zip(scenarios, batches, strict=True)]
    return tuple(
        c for c in CHUNKS if c == asked or fits(np.array([min(c, prompt) * each for prompt, each in both])).any()
    )


def pipelined(machine: Machine) -> bool:
    """Whether a group's chips pipeline layers, and have crossbars to do it."""
    return machine.chip.designs[0].settings.execution == PIPELINED and bool(machine.crossbars)


def flowing(r: Run, chunks: int | None = None) -> Run:
    """The run with its flow where its designs pipeline layers and the LLM's weights are in crossbars.

    Of prompts as a whole and of prompts cut into CHUNKS, the prefill takes what is fastest, the fewest chunks among
    equals, of those whose items on their way fit on chip; or the number `chunks`, 0 for whole prompts. Chips that lack
    a unit for some operator run nothing, so that nothing flows.
    """
    if not pipelined(r.machine) or r.program.missing:
        return r
    flow = _fastest(r) if chunks is None else flow_of_cut(r, r.program.cut_of(chunks))
    return replace(r, flow=flow, passes=np.where(flow.cut[:, None] > 0, flow.apart + flow.flowing, r.passes))


def _fastest(r: Run) -> Flow:
    """For each design the flow that is fastest in the prefill, of those that fit."""
    whole = flow_of_cut(r, 0)
    if not whole.flows or not r.program.cuts:
        return whole
    fits = cuts_that_fit(r) & (whole.layers > 0)
    tried = [c for c in range(1, len(fits)) if fits[c].any()]
    if not tried:
        return whole
    found = [whole, *(flow_of_cut(r, c) for c in tried)]
    seconds = np.stack([flow.pass_s(r.times, r.tau)[0] for flow in found])
    seconds[1:] = np.where(fits[tried], seconds[1:], np.inf)
    return _chosen(found, seconds.argmin(axis=0))


def _chosen(found: list[Flow], best: NDArray[np.int64]) -> Flow:
    """For each design its own of several flows."""
    if (best == best[0]).all():
        return found[int(best[0])]
    designs = np.arange(len(best))
    columns = ("flowing", "apart", "first", "inner", "delayed", "beats", "part", "cut")
    phases = ("items", "tokens", "buffer_bytes")
    picked: dict[str, Any] = {n: np.stack([getattr(f, n) for f in found])[best, designs] for n in columns}
    picked |= {n: np.stack([getattr(f, n) for f in found])[best, :, designs].T for n in phases}
    return replace(found[0], **picked)


def cuts_that_fit(r: Run) -> NDArray[np.bool_]:
    """[C, D]: of prompts as a whole and of each number of chunks, whether items on their way fit on chip.

    As if all layers flowed. Whole prompts wait in memory, as they do where one operator runs at a time.
    """
    program, fits = r.program, _fits(r.machine, r.program, r.llm, r.scenario)
    whole = np.ones(r.machine.chip.count, dtype=bool)
    return np.stack([whole, *(whole & fits(_items(r, cut).count) for cut in range(1, 1 + program.cuts))])


def _fits(
    machine: Machine, program: Program, llm: LlmArchitecture, scenario: Scenario
) -> Callable[[Array], NDArray[np.bool_]]:
    """Whether so many items [S] fit on chip beside each other [S or D]: one in each layer."""
    tokens, per_token = _prompt_tokens(program), _bytes_per_token(program, llm, scenario)
    room = np.inf if machine.sram is None else activation_room(machine)[:, 0]
    return lambda items: np.asarray(np.minimum(llm.layers, items) * tokens / items * per_token <= room)


@dataclass(frozen=True, eq=False)
class Items:
    """What flows in a program's prefill and how often units serve it, wherever weights live, as values [S, …].

    `count` [S] items with `tokens` [S] in all of them, of `each` [S] sequences; `mine` [K]: columns of this cut;
    `inside` [K]: of layers in the prefill; `turns` [S, K]: how many times in a row a column's unit is used until all of
    a pass is through, `at_once` [S, K] those for one sequence; `beats` [S, B, K] as `Flow.beats`.
    """

    program: Program
    cut: int
    count: Array
    tokens: Array
    each: Array
    mine: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    turns: Array
    at_once: Array
    beats: Array

    def first(self, rows: Array) -> tuple[Array, Array, Array]:
        """[D, K] shares of the work that the first token of the first item, and its others, take; share of delays.

        `rows` [D, K]: of activations that pass one copy of a column's arrays; fewer turns do where they are fewer.
        """
        rows = np.maximum(1.0, np.ceil(rows))
        turns = np.minimum(self.turns, rows)
        first = 1.0 / turns
        inner = np.maximum(0.0, 1.0 / np.minimum(self.at_once, turns) - first)
        delayed = np.ones(turns.shape)
        if self.cut > 0:
            program, mine, attends = self.program, self.mine, (self.program.context > 0).any(axis=0)
            within = np.maximum(1.0, np.minimum((self.tokens / self.count)[:, None], rows))
            last = program.context >= program.context[:, mine].max(axis=1, keepdims=True)
            of_chunk, attending = self.count[:, None], last / self.each[:, None]
            first = np.where(mine, np.where(attends, attending, 1.0 / (of_chunk * within)), first)
            inner = np.where(mine, np.where(attends, 0.0, (1.0 - 1.0 / within) / of_chunk), inner)
            delayed = np.where(mine, np.where(attends, attending, 1.0 / of_chunk), delayed)
        return first, inner, delayed


def _items(r: Run, cut: int) -> Items:
    return items_of(r.program, cut, r.machine.kv_pool)


@lru_cache(maxsize=64)
def items_of(program: Program, cut: int, kv_pool: int) -> Items:
    """The items of prompts as a whole (`cut` 0) or in chunks; `kv_pool` as `Machine.kv_pool`.

    A unit is used once for every sequence in decode, for the LM head, and for attention in memory; once for every token
    of prompts elsewhere. Arrays that hold the keys and values of a sequence serve that one alone, so that sequences go
    side by side there.
    """
    each, tokens = np.maximum(1.0, sequences(program)), _prompt_tokens(program)
    count = program.items[:, int(np.argmax(program.cut == cut))] if cut > 0 else tokens if kv_pool >= 0 else each
    attends = (program.context > 0).any(axis=0) & (kv_pool < 0)
    turns = np.where((program.phase == 1) | program.named(ONCE) | attends, each[:, None], tokens[:, None])
    if kv_pool >= 0:
        keeps = program.unit == CROSSBAR + kv_pool
        turns = np.where(keeps, np.maximum(1.0, turns / each[:, None]), turns)
    return Items(
        program=program,
        cut=cut,
        count=count,
        tokens=tokens,
        each=each,
        mine=program.cut == cut,
        inside=(program.phase == 0) & ~program.named(OUTSIDE),
        turns=turns,
        at_once=np.where((program.phase == 0) & (kv_pool < 0), each[:, None], np.inf),
        beats=_beats(program, cut, count),
    )


def _prompt_tokens(program: Program) -> Array:
    """[S] tokens of all prompts of a pass."""
    return np.asarray(np.maximum(1.0, program.m[:, program.weight_column[0]]))


def flow_of_cut(r: Run, cut: int) -> Flow:
    """The flow of prompts as a whole (`cut` 0) or in chunks."""
    program, d, items = r.program, r.machine.chip.count, _items(r, cut)
    layers, share = _shares(r)
    every = whole_passes(program, r.placed, r.scenario)
    n, part = every * share, np.zeros(every.shape)
    first, inner, delayed = np.ones(every.shape), part, np.ones(every.shape)
    if layers.any():
        first, inner, delayed = items.first(_rows(r))
        if cut > 0:
            chunks = instances(program, r.placed) * program.steps
            n = np.where(items.mine | ~items.inside, np.where(program.cut > 0, chunks, every) * share, 0.0)
        of_layers = np.where(items.mine, n / items.count[:, None], n) if cut > 0 else n
        part = np.where(n > 0, n / np.maximum(program.summed_alike(of_layers), 1e-300), 0.0)
    both = np.empty((2, d))
    both[0], both[1] = items.count, items.each
    held = np.ones((2, d))
    held[0] = items.tokens / items.count
    return Flow(
        program=program,
        cut=np.full(d, cut),
        items=both,
        tokens=held,
        buffer_bytes=np.minimum(layers, both) * held * _bytes_per_token(program, r.llm, r.scenario),
        layers=layers,
        stretches=np.minimum(r.scenario.pipeline_parallel, layers),
        flowing=n,
        apart=every - every * share,
        first=first,
        inner=inner,
        delayed=delayed,
        beats=items.beats if len(items.beats) == d else np.broadcast_to(items.beats, (d, *items.beats.shape[1:])),
        part=part,
        stages=program.stages,
    )


@lru_cache(maxsize=64)
def query_bytes(program: Program) -> float:
    """Bytes of a token's queries in one layer, as attention reads them; none where nothing can attend."""
    attention = (program.kind == int(Kind.ATTENTION)) & (program.phase == 0) & (program.cut == 0)
    return float(program.in_bytes[0, attention].max(initial=0.0) / max(1.0, program.m[0, program.weight_column[0]]))


def _bytes_per_token(program: Program, llm: LlmArchitecture, scenario: Scenario) -> float:
    """What a layer keeps of a token until its item's attention: queries, and the residual stream beside them."""
    return query_bytes(program) + llm.hidden * max(scenario.activation_bits, 16) / 8.0


def _shares(r: Run) -> tuple[Array, Array]:
    """Layers that flow [D], and the share of a column's instances in them [D, K] (see `flowing_instances`)."""
    program, total = r.program, float(r.llm.layers)
    flows, layers, whole = flowing_instances(r.placed, program.in_layers, total)
    share = np.where(program.named(OUTSIDE), whole[:, None], (layers / total)[:, None])
    of_weight = flows / np.maximum(r.placed, 1e-300)
    share = np.where(program.weight >= 0, of_weight[:, program.weight, program.place], share)
    return layers, np.where(program.unit == HOST, 0.0, share)


def _beats(program: Program, cut: int, items: Array) -> Array:
    """[S, B, K] parts of the later work by beat: of chunks those at each context of attention, else all in one."""
    count = CHUNK_NODES + 1 if program.cuts else 1
    beats = np.zeros((len(items), count, len(program)))
    beats[:, 0] = 1.0
    if cut > 0:
        mine = np.flatnonzero(program.cut == cut)
        node = _nodes(program, mine)
        attends = node >= 0
        if not attends.any():
            return beats
        one = mine[attends & (program.row[mine] == program.row[mine[attends][0]])]
        chunks = program.steps[:, one].copy()
        chunks[:, -1] -= 1.0  # the first item's attention is that of a last chunk
        beats[:, :, mine] = (chunks / np.maximum(items - 1.0, 1e-300)[:, None])[:, :, None]
        beats[:, :, mine[attends]] = (np.arange(count)[:, None] == node[attends]).astype(float)
    return beats


def _nodes(program: Program, mine: NDArray[np.int64]) -> NDArray[np.int64]:
    """[N] which of its operator's contexts each of the columns `mine` has; -1 of those without any."""
    found, met = np.full(len(mine), -1), dict[int, int]()
    for i in np.flatnonzero((program.context[:, mine] > 0).all(axis=0)).tolist():
        row = int(program.row[mine[i]])
        found[i] = met.get(row, 0)
        met[row] = int(found[i]) + 1
    return found


def _rows(r: Run) -> Array:
    """[D, K] rows of activations that pass one copy of a column's arrays one after the other; endless elsewhere."""
    program, rows = r.program, np.full(r.tau.shape, np.inf)
    for b, pool in enumerate(r.machine.crossbars):
        if not pool.keeps_kv:
            here = program.weighted(CROSSBAR + b)
            rows[:, here] = program.m[:, here] / r.copies[b][:, program.weight[here]]
    return rows


__all__ = ["CHUNKS", "chunks_of", "cuts_that_fit", "flow_of_cut", "flowing", "pipelined", "query_bytes"]
