"""Pipelined layers: bounds on every design, closed forms by hand, and a simulation without the model's code."""

from __future__ import annotations

import math
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib import catalog
from hwlib.analysis.placement import optimum, value_of
from hwlib.cost.run import Held
from hwlib.design.design import Design, Pin
from hwlib.design.edit import replace_part
from hwlib.design.parts import ComputeArray, Crossbar, Sram, VectorUnit
from hwlib.evaluate import evaluate, evaluate_batch, run_of
from hwlib.report import RESOURCES, OperatorRow, PipelineFigure, Report
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import KIND_WORDS, Kind
from hwlib.workload.scenario import Scenario
from tests.hwlib.explained import BIG, CACHE_IN_CELLS, TENSOR, chip
from tests.hwlib.pipelines import Step, closed_form, simulated
from tests.hwlib.test_explain import check

LLAMA = catalog.find_model("Llama-3.1-8B")
SMALL = catalog.find_model("GPT-2")
MEMORIES = [RESOURCES.index(r) for r in ("sram", "dram", "link", "port")]
OVERHEAD = RESOURCES.index("overhead")


def executed(design: Design, word: str) -> Design:
    return msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, execution=word))


def both(design: Design, scenario: Scenario, llm: LlmArchitecture = LLAMA) -> tuple[Report, Report]:
    """The design with one operator at a time, and with layers pipelined: weights where the latter has them."""
    plain, flowing = (executed(design, w) for w in ("one_operator", "layers_pipelined"))
    found = run_of(flowing, scenario, llm)
    assert found is not None
    r, d = found
    held = Held(r.placed[d], bool(r.memory.kv_on_chip[d]))
    return evaluate(plain, scenario, llm, held), evaluate(flowing, scenario, llm)


def phase_s(report: Report) -> tuple[float, float]:
    assert report.metrics is not None
    return report.metrics.ttft_s, report.metrics.tpot_s


@cache
def example() -> Design:
    return catalog.load_example("rram-crossbar-attention")


def work_s(row: OperatorRow) -> float:
    """Seconds that an operator holds its unit: overhead is a delay."""
    return row.time_s - row.times_s[OVERHEAD]


# Every design -----------------------------------------------------------------------------------------------------

chips = st.builds(
    lambda arrays, replicas, overlap, lanes, calibration, kv: chip(
        {
            **(CACHE_IN_CELLS if kv else TENSOR),
            "x1": Crossbar(cell="rram", arrays=arrays, replicas=replicas),
            "v": VectorUnit(count=lanes),
        },
        overlap=overlap,
        calibration=calibration,
    ),
    st.sampled_from([2_000, 9_000, 20_000, 60_000]),
    st.sampled_from([0, 1, 3]),
    st.floats(0.0, 1.0),
    st.sampled_from([1, 64]),
    st.sampled_from(["ideal", "derated"]),
    st.booleans(),
)
scenarios = st.builds(
    lambda batch, prompt, deep: Scenario(
        prompt=prompt, output=9, batch=batch, weight_bits=8, activation_bits=8, pipeline_parallel=deep
    ),
    st.integers(1, 40),
    st.integers(1, 300),
    st.sampled_from([1, 1, 1, 3]),
)


@settings(max_examples=60, deadline=None)
@given(chips, scenarios)
def test_pipelining_is_between_one_operator_at_a_time_and_what_each_resource_takes(
    design: Design, scenario: Scenario
) -> None:
    plain, flowing = both(design, scenario, SMALL)
    for slow, fast in zip(phase_s(plain), phase_s(flowing), strict=True):
        assert fast <= slow * (1.0 + 1e-9)
    if scenario.pipeline_parallel > 1:
        return
    for phase, seconds in zip(("prefill", "decode"), phase_s(flowing), strict=True):
        rows = flowing.rows(phase)
        for i in MEMORIES:
            assert sum(row.times_s[i] for row in rows) <= seconds * (1.0 + 1e-9)
        for unit in {b for row in rows for b in row.runs_on}:
            alone = [row for row in rows if unit in row.runs_on]
            if design.block(unit).kind in ("compute_array", "vector_unit"):
                mine = sum(work_s(row) for row in alone if row.runs_on == (unit,))
                assert mine <= seconds * (1.0 + 1e-9)
            elif design.block(unit).kind == "crossbar":
                one = (work_s(row) / SMALL.layers for row in alone if row.weights_in in ("crossbar", ""))
                assert max(one, default=0.0) <= seconds * (1.0 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(chips, st.integers(1, 300))
def test_one_sequence_gains_nothing_in_decode(design: Design, prompt: int) -> None:
    plain, flowing = both(design, Scenario(prompt=prompt, output=9), SMALL)
    assert phase_s(flowing)[1] == pytest.approx(phase_s(plain)[1], rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(chips, scenarios)
def test_shares_add_up_and_no_wall_is_below_one(design: Design, scenario: Scenario) -> None:
    _, report = both(design, scenario, SMALL)
    assert report.metrics is not None
    for phase, seconds in zip(("prefill", "decode"), phase_s(report), strict=True):
        assert sum(report.time_by_resource[phase].values()) == pytest.approx(seconds, rel=1e-9)
        assert min(report.time_by_resource[phase].values()) >= -1e-12 * seconds
    assert min(*report.metrics.without_wall_prefill, *report.metrics.without_wall_decode) >= 1.0 - 1e-9
    for figure in report.pipeline:
        assert -1e-9 <= figure.bubbles < 1.0


@settings(max_examples=10, deadline=None)
@given(st.lists(chips, min_size=1, max_size=5), scenarios, st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_batch_of_designs_equals_each_of_them(drawn: list[Design], scenario: Scenario, which: list[bool]) -> None:
    words = ["layers_pipelined" if w else "one_operator" for w in which]
    designs = [executed(d, w) for d, w in zip(drawn, words, strict=False)]
    together_as_alone(designs, scenario)


def together_as_alone(designs: list[Design], scenario: Scenario) -> None:
    together = evaluate_batch(designs, scenario, SMALL)
    for i, design in enumerate(designs):
        alone = evaluate(design, scenario, SMALL).metrics
        assert alone is not None
        assert together.ttft_s[i] == pytest.approx(alone.ttft_s, rel=1e-9)
        assert together.tpot_s[i] == pytest.approx(alone.tpot_s, rel=1e-9)
        assert together.power_W[i] == pytest.approx(alone.power_W, rel=1e-9)
        assert together.energy_per_token_J[i] == pytest.approx(alone.energy_per_token_J, rel=1e-9)
        assert RESOURCES[together.bound_decode[i]] == alone.bound_decode


kinds = st.tuples(
    st.sampled_from([20, 300, 2_000, 9_000]),
    st.sampled_from([500, 9_000, 60_000]),
    st.sampled_from([2**18, 2**22, 2**27]),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(kinds, min_size=2, max_size=4),
    scenarios,
    st.sampled_from(["energy", "latency", "edp"]),
    st.sampled_from([(), (("ffn_up", "x2"),), (("qkv", "x1"), ("ffn_down", "x2")), (("lm_head", "s"),)]),
)
def test_a_batch_with_two_kinds_of_crossbars_equals_each_of_them(
    drawn: list[tuple[int, int, int]], scenario: Scenario, aim: str, pins: tuple[tuple[str, str], ...]
) -> None:
    """Designs of one shape are placed together, each as if it were alone."""
    designs = []
    for first, second, sram in drawn:
        parts = {
            **TENSOR,
            "s": Sram(capacity_bytes=sram),
            "x1": Crossbar(cell="rram", arrays=first),
            "x2": Crossbar(cell="sram_digital", bits_per_cell=1, arrays=second),
        }
        design = chip(parts, execution="layers_pipelined", placement=aim)
        designs.append(msgspec.structs.replace(design, pins=tuple(Pin(operator=o, block=b) for o, b in pins)))
    together_as_alone(designs, scenario)


def test_a_second_kind_of_crossbars_completes_the_layers_that_the_first_begins() -> None:
    """What the first has left over after its whole layers takes more matrices, and the second needs fewer."""
    parts = {
        **{name: part for name, part in TENSOR.items() if name not in ("m", "p")},
        "v": VectorUnit(count=128),
        "s": Sram(capacity_bytes=2**20),
        "x1": Crossbar(cell="pcm", rows=256, columns=256, bits_per_cell=2, arrays=2278, ping_pong=True),
        "x2": Crossbar(cell="sram_digital", rows=64, columns=64, bits_per_cell=1, arrays=170_132),
    }
    design = chip(parts, execution="layers_pipelined", placement="latency", overlap=1.0, calibration="ideal")
    gpt2 = catalog.find_model("GPT-2 (124M)")
    found = run_of(design, Scenario(prompt=3, output=16, activation_bits=16), gpt2)
    assert found is not None
    r, d = found
    assert r.flow is not None
    assert r.flow.layers[d] == gpt2.layers
    assert r.placed[d, r.program.weights.index("lm_head"), 2:].sum() == 1.0


def test_a_pin_to_a_memory_that_no_unit_takes_weights_from_is_told() -> None:
    """Crossbars alone multiply: weights in SRAM would serve nobody."""
    parts = {name: part for name, part in TENSOR.items() if not isinstance(part, ComputeArray)}
    design = chip({**parts, "x1": Crossbar(cell="rram", arrays=900)})
    pinned = msgspec.structs.replace(design, pins=(Pin(operator="ffn_up", block="s"),))
    report = evaluate(pinned, Scenario(prompt=64, output=9), SMALL)
    assert report.status == "ok"
    assert [f.message for f in report.findings if f.code == "pin"] == [
        "ffn_up is pinned to The s, from which no unit takes weights: crossbars keep theirs or reload from DRAM."
    ]
    assert report.metrics == evaluate(design, Scenario(prompt=64, output=9), SMALL).metrics


def test_chips_without_any_memory_are_told_apart_in_a_batch_too() -> None:
    bare = chip({name: part for name, part in TENSOR.items() if name in ("m", "v", "p", "noc")})
    together = evaluate_batch([bare, bare], Scenario(prompt=100, output=1, batch=64), SMALL)
    assert together.status == (evaluate(bare, Scenario(prompt=100, output=1, batch=64), SMALL).status,) * 2
    assert np.isnan(together.tokens_per_s).all()


# By hand ----------------------------------------------------------------------------------------------------------


def decode(report: Report) -> PipelineFigure:
    return report.pipeline[1]


def test_a_step_of_the_example_by_hand() -> None:
    """All layers flow: the first sequence's way, and seven more through DRAM, whose attention holds its unit."""
    plain, flowing = both(example(), Scenario(prompt=2048, output=256, batch=8))
    rows, figure = [row for row in plain.rows("decode") if row.kind != KIND_WORDS[Kind.HOST]], decode(flowing)
    assert (figure.layers, figure.items) == (32.0, 8.0)
    assert figure.apart_s == pytest.approx(sum(row.time_s for row in plain.rows("decode") if row not in rows))
    fill = sum(row.times_s[OVERHEAD] + work_s(row) / 8.0 for row in rows)
    assert figure.fill_s == pytest.approx(fill, rel=1e-9)
    attention = sum(work_s(row) for row in rows if row.name in ("scores", "weighted_sum"))
    longest = max(attention, max(work_s(row) / row.repeat for row in rows if row.weights_in == "crossbar"))
    assert figure.interval_s == pytest.approx(longest * 7.0 / 8.0, rel=1e-9)
    assert phase_s(flowing)[1] == pytest.approx(figure.apart_s + fill + longest * 7.0 / 8.0, rel=1e-9)
    assert figure.bubbles == pytest.approx(1.0 - longest / phase_s(flowing)[1], rel=1e-9)


def test_many_sequences_approach_the_busiest_stage() -> None:
    """Bubbles fall as 1 / batch: what remains besides the busiest resource is the first sequence's way."""
    for batch in (64, 256):
        report = evaluate(executed(example(), "layers_pipelined"), Scenario(prompt=64, output=9, batch=batch), LLAMA)
        assert report.metrics is not None
        assert report.metrics.batch_running == batch
        figure = decode(report)
        busy = figure.interval_s * batch / (batch - 1.0)
        assert figure.bubbles == pytest.approx(1.0 - busy / phase_s(report)[1], abs=1e-9)
        assert figure.bubbles < 200.0 / batch
    assert decode(report).bubbles < 0.5


def test_a_unit_that_data_keep_waiting_is_told_with_what_brings_them() -> None:
    """Attention holds the compute arrays while its keys come; with the fastest DRAM there is, for their own work."""
    scenario = Scenario(prompt=2048, output=9, batch=8)
    slow = evaluate(executed(example(), "layers_pipelined"), scenario, LLAMA)
    drams = [b.id for b in example().blocks if b.kind == "dram"]
    fast = example()
    for block in drams:
        fast = replace_part(fast, block, {"bandwidth_Bps": 1e14})
    quick = evaluate(executed(fast, "layers_pipelined"), scenario, LLAMA)
    assert slow.pipeline[1].busiest == "Compute arrays"
    assert "(Compute arrays, held while DRAM delivers) is free" in slow.notes[0]
    assert "DRAM" not in quick.notes[0]
    assert f"({quick.pipeline[1].busiest}" in quick.notes[0]


def test_streamed_weights_stay_one_operator_at_a_time() -> None:
    """Without room in crossbars for any matrix, all layers run apart."""
    design = chip({**TENSOR, "x1": Crossbar(cell="rram", arrays=1), "d": BIG})
    plain, flowing = both(design, Scenario(prompt=64, output=9, batch=16))
    assert [f.layers for f in flowing.pipeline] == [0.0, 0.0]
    assert phase_s(flowing) == pytest.approx(phase_s(plain), rel=1e-12)
    assert any("No layer has all its weights in crossbars" in note for note in flowing.notes)


@pytest.mark.parametrize("sequences", [1, 2, 7, 64])
def test_three_equal_layers(sequences: int) -> None:
    """A linear pipeline of three stages of 2 s: (3 + B - 1) 2 s; one at a time it takes 6 B."""
    assert closed_form([Step(2.0)], 3, sequences) == pytest.approx(2.0 * (3 + sequences - 1), rel=1e-12)


@pytest.mark.parametrize("sequences", [1, 2, 7, 64])
def test_three_equal_layers_with_a_shared_unit(sequences: int) -> None:
    """Crossbars 2 s, then 1 s on the one vector unit, three times: that is busy for 3 B, and waits for 6 + 3 - 3."""
    steps = [Step(2.0), Step(1.0, shared=True)]
    assert closed_form(steps, 3, sequences) == pytest.approx(9.0 + 3.0 * (sequences - 1), rel=1e-12)


def test_prompts_flow_by_tokens_where_keys_are_in_crossbars() -> None:
    report = evaluate(
        chip(CACHE_IN_CELLS, execution="layers_pipelined"), Scenario(prompt=300, output=9, batch=2), LLAMA
    )
    prefill, step = report.pipeline
    assert (prefill.items, step.items) == (600.0, 2.0)
    assert prefill.layers == LLAMA.layers


# Simulated --------------------------------------------------------------------------------------------------------

steps_of_own_arrays = st.lists(st.builds(Step, st.floats(0.1, 1.0), delay_s=st.just(0.0)), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(steps_of_own_arrays, st.integers(1, 6), st.integers(1, 20))
def test_arrays_of_their_own_take_what_a_simulation_takes(steps: list[Step], layers: int, items: int) -> None:
    assert simulated(steps, layers, items) == pytest.approx(closed_form(steps, layers, items), rel=1e-9)


@pytest.mark.parametrize(
    ("items", "above", "below", "mean"), [(2, 0.06, 0.3, 0.1), (8, 0.06, 0.25, 0.05), (64, 0.06, 0.06, 0.01)]
)
def test_with_shared_units_a_simulation_takes_about_as_long(
    items: int, above: float, below: float, mean: float
) -> None:
    """The closed form lets a shared unit wait for the first item's whole way: a simulated one begins before.

    Collisions at it cost a simulation up to `above` more, beginning early saves up to `below`; both fade with items.
    """
    random = np.random.default_rng(items)
    off = []
    for _ in range(150):
        layers, length = random.integers(1, 6), random.integers(2, 5)
        steps = [Step(float(random.uniform(0.1, 1.0)), bool(random.random() < 0.4)) for _ in range(length)]
        off.append(simulated(steps, int(layers), items) / closed_form(steps, int(layers), items) - 1.0)
    assert max(off) <= above
    assert min(off) >= -below
    assert float(np.abs(off).mean()) <= mean


# What follows -----------------------------------------------------------------------------------------------------


def test_power_of_faster_passes_is_higher_and_limits_hold() -> None:
    scenario = Scenario(prompt=256, output=9, batch=16)
    plain, flowing = both(example(), scenario)
    assert plain.metrics is not None
    assert flowing.metrics is not None
    assert flowing.metrics.power_decode_W > plain.metrics.power_decode_W
    assert flowing.metrics.decode_energy_per_token_J < plain.metrics.decode_energy_per_token_J
    limit = 0.5 * (plain.metrics.power_decode_W + flowing.metrics.power_decode_W)
    capped = msgspec.structs.replace(example(), settings=msgspec.structs.replace(example().settings, tdp_W=limit))
    slower = evaluate(executed(capped, "layers_pipelined"), scenario, LLAMA).metrics
    assert slower is not None
    assert slower.clock_factor < 1.0
    assert slower.power_decode_W <= limit * (1.0 + 1e-6)
    assert flowing.metrics.tpot_s < slower.tpot_s < plain.metrics.tpot_s / slower.clock_factor


@pytest.mark.parametrize("batch", [1, 8, 3000])
def test_every_figure_of_the_example_is_explained(batch: int) -> None:
    design = msgspec.structs.replace(example(), settings=msgspec.structs.replace(example().settings, tdp_W=20.0))
    check(evaluate(executed(design, "layers_pipelined"), Scenario(prompt=300, output=9, batch=batch), LLAMA))


def test_the_integer_program_places_layers_that_flow() -> None:
    design, scenario = executed(example(), "layers_pipelined"), Scenario(prompt=64, output=9, batch=4)
    best = optimum(design, scenario, LLAMA)
    assert best is not None
    assert best.proven
    assert value_of(best.report, "energy") <= value_of(best.rule, "energy")
    assert best.rule.pipeline


def test_the_mean_step_is_near_the_mean_of_steps() -> None:
    """A mean step over mean times, against every tenth step alone: what is busiest changes with the context."""
    design, output = executed(example(), "layers_pipelined"), 401
    whole = evaluate(design, Scenario(prompt=1, output=output, batch=16), LLAMA).metrics
    assert whole is not None
    steps = []
    for context in range(6, output, 10):
        report = evaluate(design, Scenario(prompt=context, output=2, batch=16), LLAMA)
        steps.append(phase_s(report)[1])
    assert whole.tpot_s == pytest.approx(float(np.mean(steps)), rel=0.03)
    assert whole.tpot_s <= float(np.mean(steps)) * 1.001


def test_a_run_without_crossbars_has_no_flow() -> None:
    found = run_of(executed(catalog.load_example("tensor-gpu-hbm3"), "layers_pipelined"), Scenario(output=9), LLAMA)
    assert found is not None
    assert found[0].flow is None
    assert math.isfinite(found[0].end_s[0])


def test_a_chip_without_units_for_attention_says_so_instead_of_flowing() -> None:
    """Crossbars alone hold all weights; nothing computes scores and softmax."""
    parts = {name: part for name, part in TENSOR.items() if not isinstance(part, ComputeArray | VectorUnit)}
    bare = chip({**parts, "x1": Crossbar(cell="rram", arrays=900_000)}, execution="layers_pipelined")
    report = evaluate(bare, Scenario(prompt=64, output=9), LLAMA)
    assert report.status != "ok"
    assert report.reason
