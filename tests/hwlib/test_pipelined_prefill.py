"""Prompts that flow in chunks: against a simulation token by token, in bounds on every design, and what they cost."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib import catalog
from hwlib.cost.pipeline import SHARED, holding
from hwlib.cost.pipeline_items import CHUNKS, cuts_that_fit, flow_of_cut
from hwlib.cost.run import Held, Run
from hwlib.cost.traffic import ACTIVATION_SHARE
from hwlib.design.design import Design
from hwlib.design.edit import replace_part
from hwlib.design.parts import Crossbar, Sram, VectorUnit
from hwlib.evaluate import evaluate, evaluate_batch, run_of
from hwlib.workload.quadrature import chunk_nodes
from hwlib.workload.scenario import Scenario
from tests.hwlib.explained import CACHE_IN_CELLS, TENSOR, chip
from tests.hwlib.pipelined_chunks import Layers, closed_form, simulated

LLAMA, GPT2, GEMMA = (catalog.find_model(name) for name in ("Llama-3.1-8B", "GPT-2", "Gemma-2-9B"))
PIPELINED = "layers_pipelined"


def executed(design: Design, word: str) -> Design:
    return msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, execution=word))


def example(**changes: object) -> Design:
    design = executed(catalog.load_example("rram-crossbar-attention"), PIPELINED)
    return msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, **changes))


def ran(design: Design, scenario: Scenario, llm: object = LLAMA, held: Held | None = None) -> Run:
    found = run_of(design, scenario, llm, held)  # type: ignore[arg-type]
    assert found is not None
    return found[0]


# Simulated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chunks", "above", "below", "mean"), [(16, 0.06, 0.15, 0.04), (64, 0.02, 0.2, 0.03)])
@pytest.mark.parametrize("longest", ["crossbars", "either", "attention"])
def test_a_simulation_takes_hardly_longer(chunks: int, above: float, below: float, mean: float, longest: str) -> None:
    """Token by token, attention of all layers on one unit: collisions cost up to `above`, early beginnings save."""
    random, off = np.random.default_rng(chunks), []
    low, high = {"crossbars": (0.01, 0.2), "either": (0.5, 3.0), "attention": (2.0, 10.0)}[longest]
    for _ in range(40):
        count, tokens = int(random.integers(1, 7)), int(random.integers(1, 5))
        pair = random.uniform(low, high) / (chunks * tokens) / (count if longest == "either" else 1)
        layers = Layers(count, *random.uniform(0.1, 1.0, 2).tolist(), float(pair))
        expected, busy = closed_form(layers, chunks, tokens)
        assert expected >= busy.max() * (1.0 - 1e-9)
        off.append(simulated(layers, chunks, tokens) / expected - 1.0)
    assert max(off) <= above
    assert min(off) >= -below
    assert float(np.abs(off).mean()) <= mean


def test_one_layer_of_one_resource_by_hand() -> None:
    """Attention alone counts: 4 chunks of 2 tokens see 3, 7, 11 and 15 keys, and nothing else takes time."""
    seconds, busy = closed_form(Layers(1, 0.0, 0.0, 1.0), 4, 2)
    assert seconds == pytest.approx(36.0)
    assert busy[0] == pytest.approx(36.0)


# Work of chunks ---------------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(1, 300))
def test_contexts_stand_for_all_chunks(prompt: int, chunks: int) -> None:
    count = min(chunks, prompt)
    nodes, ends = chunk_nodes(prompt, count), np.arange(1, count + 1) * (prompt / count)
    assert nodes.weights.sum() == pytest.approx(count)
    assert nodes.weights.min() >= 0.0
    assert nodes.contexts[-1] == pytest.approx(prompt)
    assert nodes.contexts @ nodes.weights == pytest.approx(ends.sum(), rel=1e-9)
    assert nodes.contexts**2 @ nodes.weights == pytest.approx((ends**2).sum(), rel=1e-9)


@pytest.mark.parametrize("llm", [LLAMA, GEMMA])
@pytest.mark.parametrize("batch", [1, 3])
def test_chunks_do_the_work_of_the_prompt_and_read_its_keys_again(llm: object, batch: int) -> None:
    """Operations of all chunks are those of the prompt; keys are read once for each chunk, (C + 1) / 2 times."""
    scenario = Scenario(prompt=256, output=2, batch=batch)
    program = ran(
        chip({**TENSOR, "x1": Crossbar(cell="rram", arrays=900_000)}, execution=PIPELINED), scenario, llm
    ).program
    names = np.array([name for _, name in program.rows])[program.row]
    for cut, chunks in enumerate(CHUNKS, 1):
        for name in ("scores", "weighted_sum", "softmax", "qkv", "norm_ffn"):
            whole = (names == name) & (program.phase == 0) & (program.cut == 0)
            parts = (names == name) & (program.cut == cut)
            steps = program.steps[0, parts]
            for column in ("flops", "in_bytes", "out_bytes", "fused_bytes"):
                expected = program.values[column][0, whole].max()
                assert steps @ program.values[column][0, parts] == pytest.approx(expected, rel=1e-9), (name, column)
            keys = program.kv_read_bytes[0, parts] @ steps
            assert keys == pytest.approx(program.kv_read_bytes[0, whole].max() * (chunks + 1) / 2, rel=1e-9)


def test_windows_are_read_where_they_reach() -> None:
    """Of 8,192 tokens a layer with a window of 4,096 reads every key once; chunk by chunk what their queries see."""
    roomy = {**TENSOR, "s": Sram(capacity_bytes=2**30), "x1": Crossbar(cell="rram", arrays=900_000)}
    program = ran(chip(roomy, execution=PIPELINED), Scenario(prompt=8192, output=2), GEMMA).program
    names = np.array([name for _, name in program.rows])[program.row]
    of_a_key = {n: program.kv_read_bytes[0, (names == n) & (program.phase == 0) & (program.cut == 0)] / 8192
                for n in ("scores", "scores_local")}  # fmt: skip
    assert of_a_key["scores_local"] == pytest.approx(of_a_key["scores"])
    chunks = (names == "scores_local") & (program.cut == 1) & (program.steps[0] > 0)
    seen = program.kv_read_bytes[0, chunks] / of_a_key["scores"]
    assert seen == pytest.approx([2048, 4096, 4096 + 2047, 4096 + 2047])
    pairs = program.steps[0, chunks] @ program.n[0, chunks] * 2048
    assert pairs == pytest.approx(sum(min(i, 4096) for i in range(1, 8193)))


# Every design -----------------------------------------------------------------------------------------------------

chips = st.builds(
    lambda arrays, replicas, overlap, lanes, calibration, kv, sram: chip(
        {
            **(CACHE_IN_CELLS if kv else TENSOR),
            "x1": Crossbar(cell="rram", arrays=arrays, replicas=replicas),
            "v": VectorUnit(count=lanes),
            "s": Sram(capacity_bytes=sram),
        },
        overlap=overlap,
        calibration=calibration,
        execution=PIPELINED,
    ),
    st.sampled_from([9_000, 20_000, 60_000]),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    st.sampled_from([1, 8, 64]),
    st.sampled_from(["ideal", "derated"]),
    st.booleans(),
    st.sampled_from([2**18, 2**22, 2**26]),
)
scenarios = st.builds(
    lambda batch, prompt, deep: Scenario(
        prompt=prompt, output=2, batch=batch, weight_bits=8, activation_bits=8, pipeline_parallel=deep
    ),
    st.integers(1, 12),
    st.integers(1, 1500),
    st.sampled_from([1, 1, 3]),
)


@settings(max_examples=60, deadline=None)
@given(chips, scenarios)
def test_the_prefill_is_between_one_operator_at_a_time_and_all_that_a_resource_does(
    design: Design, scenario: Scenario
) -> None:
    r = ran(design, scenario, GPT2)
    held = Held(r.placed[0], bool(r.memory.kv_on_chip[0]))
    plain = ran(executed(design, "one_operator"), scenario, GPT2, held)
    assert (r.pass_time <= plain.pass_time * (1.0 + 1e-9)).all()
    assert r.flow is not None
    work = (r.passes[0][:, None] * holding(r.program, r.times, r.tau)[0])[r.program.phase == 0]
    assert work.sum(axis=0).max() <= r.pass_time[0, 0] * (1.0 + 1e-9)
    assert r.flow.busy_s(r.times, r.tau)[0].max() <= r.pass_time[0, 0] * (1.0 + 1e-9)
    assert len(SHARED) == work.shape[1]
    total = r.flow.first + r.flow.inner + r.flow.later
    here = (r.flow.flowing[0] > 0) & ((r.program.cut == 0) | ~r.program.attends)
    assert total[0, here] == pytest.approx(1.0, abs=1e-12)
    assert r.flow.beats.sum(axis=1)[0, (r.flow.later[0] > 1e-12) & here] == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(chips, scenarios)
def test_the_fastest_that_fits_is_taken(design: Design, scenario: Scenario) -> None:
    r = ran(design, scenario, GPT2)
    assert r.flow is not None
    fits = cuts_that_fit(r)[:, 0]
    seconds = [flow_of_cut(r, cut).pass_s(r.times, r.tau)[0, 0] for cut in range(len(fits))]
    assert r.pass_time[0, 0] == pytest.approx(min(s for s, good in zip(seconds, fits, strict=True) if good), rel=1e-12)
    room = ACTIVATION_SHARE * design.block("s").part.capacity_bytes  # type: ignore[attr-defined]
    assert r.flow.cut[0] == 0 or r.flow.buffer_bytes[0, 0] <= room


# What follows -----------------------------------------------------------------------------------------------------


def test_a_prompt_of_the_example_by_hand() -> None:
    """256 chunks of 8 tokens, all layers at once: the attention units work nearly all the time."""
    report = evaluate(example(), Scenario(prompt=2048, output=2), LLAMA)
    figure = report.pipeline[0]
    assert (figure.items, figure.item_tokens, figure.layers) == (256.0, 8.0, 32.0)
    assert figure.buffer_bytes == 32 * 8 * (4096 * 2 + 4096 * 2)
    assert figure.busiest == "Compute arrays"
    assert figure.bubbles < 0.1
    assert report.metrics is not None
    assert report.metrics.ttft_s == pytest.approx(figure.apart_s + figure.fill_s + figure.interval_s, rel=1e-12)
    plain = evaluate(executed(example(), "one_operator"), Scenario(prompt=2048, output=2), LLAMA).metrics
    assert plain is not None
    assert plain.ttft_s > 20.0 * report.metrics.ttft_s


def test_a_small_buffer_leaves_prompts_whole() -> None:
    """Chunks whose queries and residual don't fit beside each other on chip aren't taken."""
    large = evaluate(example(), Scenario(prompt=2048, output=2), LLAMA).pipeline[0]
    design = replace_part(example(), "buffer", {"capacity_bytes": 2**22})
    small = evaluate(design, Scenario(prompt=2048, output=2), LLAMA)
    assert large.items == 256.0
    assert small.pipeline[0].items == 1.0
    assert ran(design, Scenario(prompt=2048, output=2)).program.cuts == 0


def test_chunks_that_fit_on_one_chip_of_a_batch_are_tried_there_alone() -> None:
    """Chips of a batch share their columns: what a small buffer can't hold stays whole beside a large one."""
    small = replace_part(example(), "buffer", {"capacity_bytes": 2**22})
    scenario = Scenario(prompt=2048, output=2)
    both = evaluate_batch([example(), small], scenario, LLAMA)
    alone = [evaluate(design, scenario, LLAMA).metrics for design in (example(), small)]
    assert all(alone)
    assert both.ttft_s == pytest.approx([m.ttft_s for m in alone if m], rel=1e-9)
    assert both.ttft_s[1] > 2.0 * both.ttft_s[0]


def test_energy_follows_time_and_traffic() -> None:
    """Of the same placement, the prefill in chunks leaks for less time, and reads more keys."""
    scenario = Scenario(prompt=2048, output=2)
    r = ran(example(), scenario)
    held = Held(r.placed[0], bool(r.memory.kv_on_chip[0]))
    whole, parts = (ran(example(), scenario, LLAMA, with_chunks(held, n)) for n in (0, CHUNKS[-1]))
    assert parts.phase_s[0, 0] < 0.2 * whole.phase_s[0, 0]
    assert parts.flow is not None
    assert parts.flow.items[0, 0] == CHUNKS[-1]
    keys = [float(x.passes[0] @ x.program.kv_read_bytes[0]) for x in (whole, parts)]
    assert keys[1] > 50 * keys[0]
    assert parts.dynamic_J[0, 0] != whole.dynamic_J[0, 0]


def with_chunks(held: Held, chunks: int) -> Held:
    return Held(held.placed, held.kv_on_chip, chunks)


@pytest.mark.parametrize("capacity", [2**22, 2**24, 2**27])
def test_a_given_number_of_chunks_is_taken_whatever_fits(capacity: int) -> None:
    design, scenario = replace_part(example(), "buffer", {"capacity_bytes": capacity}), Scenario(prompt=2048, output=2)
    placed = ran(example(), scenario).placed[0]
    for chunks, items in ((0, 1.0), (16, 16.0), (64, 64.0)):
        flow = ran(design, scenario, LLAMA, Held(placed, False, chunks)).flow
        assert flow is not None
        assert flow.items[0, 0] == items


@pytest.mark.parametrize(
    "parts", [("x1",), ("x1", "d"), ("x1", "s"), ("x1", "s", "v"), ("x1", "d", "m"), ("kv", "v", "d")]
)
def test_chips_that_lack_units_say_so(parts: tuple[str, ...]) -> None:
    """Layers that flow need no less than those that run one at a time: what can't run has its reason."""
    every = {**TENSOR, "x1": Crossbar(cell="rram", arrays=600_000), "kv": CACHE_IN_CELLS["kv"]}
    design = chip({name: every[name] for name in parts} | {"noc": every["noc"]}, execution=PIPELINED)
    found, plain = (evaluate(d, Scenario(output=4), GPT2) for d in (design, executed(design, "one_operator")))
    assert found.fits == plain.fits
    assert found.reason == plain.reason
