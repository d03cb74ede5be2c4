"""Continuous batching as a steady state: every sequence that ends makes room for one whose prompt must be read."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hwlib.report import Continuous, Report
from hwlib.workload.scenario import Scenario

MOST_SEQUENCES = 2048
"""Sequences in flight at most where no limit is stated: the default of TensorRT-LLM's max_batch_size."""

CHUNK_TOKENS = 8192
"""Prompt tokens that are read together at most: the default of TensorRT-LLM's max_num_tokens and about vLLM's."""

SOURCE = (
    "steady state of iteration-level scheduling (Orca, OSDI 2022): in the time that one sequence takes for its output, "
    "each of the others has been replaced once"
)
Evaluate = Callable[[Scenario], Report]


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """A steady state of continuous batching; the fields are those of `report.Continuous`."""

    tokens_per_s: float
    tpot_s: float
    step_s: float
    prefill_s: float
    prefill_share: float


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Continuous batching on one chip, or several in parallel: figures, or the reason why there are none."""

    figure: Continuous | None
    reason: str

    batch: Report
    """The static batch of as many sequences, whose decode step is used."""

    prompt: Report
    """The prompts that are read together."""


def steady_state(step_s: float, prefill_s: float, sequences: float, output: float, interference: float = 1.0) -> Steady:
    """The steady state of `sequences` in flight, each with `output` tokens of which the prefill yields the first.

    In a cycle every sequence is read once and decoded output - 1 times together with the others, so
    cycle = B p + (T - 1) d; tokens_per_s = B T / cycle; a sequence sees the prompts of the B - 1 others between its
    tokens: tpot = d + i (B - 1) p / (T - 1). p: `prefill_s` of one prompt in chunks; d: `step_s` at batch B and the
    mean context; i: `interference`, 1 where requests come at any time, 1/2 where equal ones stay in step, since each
    then waits for those behind it only (fitted by framework). Source: `SOURCE`.
    """
    steps = max(output - 1.0, 0.0)
    cycle = sequences * prefill_s + steps * step_s
    return Steady(
        tokens_per_s=sequences * output / cycle,
        tpot_s=step_s + interference * (sequences - 1.0) * prefill_s / max(steps, 1.0),
        step_s=step_s,
        prefill_s=prefill_s,
        prefill_share=sequences * prefill_s / cycle,
    )


def chunk_sequences(prompt: int, sequences: float) -> int:
    """Prompts that are read together: as many as fit the chunk of tokens, at least one."""
    return max(1, min(int(sequences), CHUNK_TOKENS // max(1, prompt)))


def serve(evaluate: Evaluate, scenario: Scenario, concurrency: int | None = None, interference: float = 1.0) -> Serving:
    """The steady state with `concurrency` requests in flight, or as many as the KV cache holds.

    The KV cache limits them to floor((0.9 C - W) / (kv_bytes (S + T/2))), as it does a static batch: sequences are
    half-way through their output on average. `evaluate` gives the report of the chip in a scenario.
    """
    wanted = MOST_SEQUENCES if concurrency is None else concurrency
    batch = evaluate(msgspec.structs.replace(scenario, batch=wanted))
    if batch.metrics is None:
        return Serving(figure=None, reason=batch.reason, batch=batch, prompt=batch)
    running = batch.metrics.batch_running
    prompt = evaluate(msgspec.structs.replace(scenario, batch=chunk_sequences(scenario.prompt, running)))
    if prompt.metrics is None:
        return Serving(figure=None, reason=prompt.reason, batch=batch, prompt=prompt)
    return Serving(figure=_figure(batch, prompt, wanted, interference), reason="", batch=batch, prompt=prompt)


def _figure(batch: Report, prompt: Report, wanted: int, interference: float) -> Continuous:
    """The steady state of two reports that have figures; its band follows from theirs, both at the same end."""
    assert batch.metrics is not None
    assert prompt.metrics is not None
    running, prompts, output = batch.metrics.batch_running, prompt.scenario.batch, float(batch.scenario.output)
    steps = (batch.metrics.tpot_s, *batch.bands.get("tpot_s", ()))
    reads = (prompt.metrics.ttft_s, *prompt.bands.get("ttft_s", ()))
    found = [
        steady_state(step, read / prompts, running, output, interference)
        for step, read in zip(steps, reads, strict=False)
    ]
    mean, fast, slow = found[0], found[1 % len(found)], found[-1]
    return Continuous(
        sequences=running,
        limit="memory" if running < wanted else "concurrency",
        tokens_per_s=mean.tokens_per_s,
        tokens_per_s_band=(slow.tokens_per_s, fast.tokens_per_s),
        tpot_s=mean.tpot_s,
        tpot_band_s=(fast.tpot_s, slow.tpot_s),
        step_s=mean.step_s,
        prefill_s=mean.prefill_s,
        prefill_share=mean.prefill_share,
        source=SOURCE,
    )


def with_steady_state(
    evaluate: Evaluate, scenario: Scenario, concurrency: int | None = None, interference: float = 1.0
) -> Report:
    """The report of the scenario's own batch, with the steady state of `concurrency` requests in `continuous`."""
    own = evaluate(scenario)
    if own.metrics is None:
        return own
    return msgspec.structs.replace(own, continuous=serve(evaluate, scenario, concurrency, interference).figure)


def continuous_report(
    evaluate: Evaluate, scenario: Scenario, concurrency: int | None = None, interference: float = 1.0
) -> Report:
    """The report of the batch in flight, with the steady state of continuous batching in `continuous`."""
    found = serve(evaluate, scenario, concurrency, interference)
    if found.figure is None:
        return found.batch if found.batch.metrics is None else found.prompt
    in_flight = evaluate(msgspec.structs.replace(scenario, batch=int(found.figure.sequences)))
    return msgspec.structs.replace(in_flight, continuous=found.figure)
