"""The whole model on whole chips: what must hold for every example, and figures worked out by hand."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwlib.catalog import example_designs, find_model, load_example
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import priors
from hwlib.cost.run import run
from hwlib.design.design import Block, Design, Placement, Settings
from hwlib.design.edit import connect, move_blocks, remove, replace_part, replace_settings
from hwlib.design.parts import ComputeArray, Dram, Noc, Port, Sram, VectorUnit
from hwlib.evaluate import evaluate, evaluate_batch
from hwlib.report import COMPONENTS, RESOURCES
from hwlib.workload.scenario import Scenario

EXAMPLES = example_designs()
LLMS = ("Llama-3.1-8B", "GPT-3 175B", "Mixtral 8x7B", "DeepSeek-V3")
LLAMA = find_model("Llama-3.1-8B")
W16 = Scenario(weight_bits=16, activation_bits=16)


def numbers(value):
    """Every number in a nest of results."""
    if isinstance(value, bool | str) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, msgspec.Struct):
        yield from numbers(msgspec.structs.asdict(value))


@pytest.mark.parametrize("name", LLMS)
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("chips", [1, 8])
def test_every_example_runs_every_model_or_says_why_not(example, name, chips):
    report = evaluate(load_example(example), Scenario(tensor_parallel=chips), find_model(name))
    if report.status != "ok":
        assert report.metrics is None
        assert "bytes" in report.reason
        return
    m = report.metrics
    assert min(m.ttft_s, m.tpot_s, m.tokens_per_s, m.energy_per_token_J, m.power_W, report.area_m2) > 0
    for part in (
        m,
        report.operators,
        report.time_by_resource,
        report.energy_by_component,
        report.ceilings,
        report.memory,
    ):
        assert all(math.isfinite(v) and v >= 0 for v in numbers(part))
    for block in report.blocks:
        assert block.area_m2 > 0
        assert 0 <= block.utilisation <= 1
    for row in report.operators:
        assert row.time_s > 0
        assert bool(row.runs_on) is (row.kind != "host") or row.kind == "memory"
        assert row.energy_J > 0 or row.kind == "host"


@pytest.mark.parametrize("example", EXAMPLES)
def test_parts_add_up_to_the_whole(example):
    report = evaluate(load_example(example), Scenario(tensor_parallel=64), LLAMA)
    m = report.metrics
    for phase, whole in (("prefill", m.ttft_s), ("decode", m.tpot_s)):
        assert sum(r.time_s for r in report.rows(phase)) == pytest.approx(whole, rel=1e-9)
        assert sum(report.time_by_resource[phase].values()) == pytest.approx(whole, rel=1e-9)
        for row in report.rows(phase):
            assert sum(row.shares_s) == pytest.approx(row.time_s, rel=1e-9)
            assert row.time_s <= sum(row.times_s) * (1 + 1e-9)
            assert row.time_s >= max(row.times_s) * (1 - 1e-9)
    assert sum(report.energy_by_component.values()) == pytest.approx(m.energy_per_token_J, rel=1e-9)
    assert m.end_s == pytest.approx(m.ttft_s + 255 * m.tpot_s)
    assert m.power_W == pytest.approx(m.energy_per_token_J * m.batch_running * 256 / m.end_s)


@pytest.mark.parametrize("example", EXAMPLES)
def test_batches_equal_single_evaluations(example):
    base = load_example(example)
    part = next(b for b in base.blocks if b.kind == "compute_array")
    designs = [replace_part(base, part.id, {"clock_Hz": 0.5e9 + 1e8 * i}) for i in range(7)]
    scenario = Scenario(tensor_parallel=64)
    batch = evaluate_batch(designs, scenario, LLAMA)
    for i, design in enumerate(designs):
        alone = evaluate(design, scenario, LLAMA).metrics
        for name in ("ttft_s", "tpot_s", "tokens_per_s", "e2e_tokens_per_s", "energy_per_token_J", "power_W"):
            assert getattr(batch, name)[i] == pytest.approx(getattr(alone, name), rel=1e-9)


def test_batch_of_different_shapes_keeps_the_order():
    designs = [load_example(name) for name in EXAMPLES] * 2
    batch = evaluate_batch(designs, Scenario(), LLAMA)
    alone = [evaluate(d, Scenario(), LLAMA) for d in designs]
    assert list(batch.status) == [r.status for r in alone]
    expected = [r.metrics.tpot_s if r.fits else np.nan for r in alone]
    assert np.allclose(batch.tpot_s, expected, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("example", ["systolic-tpu-hbm2", "tensor-gpu-hbm3", "rram-crossbar-attention"])
def test_decode_sum_equals_a_sum_over_every_token(example):
    design = load_example(example)
    sram = next(b.id for b in design.blocks if b.kind == "sram")
    design = replace_part(design, sram, {"management": "cache"})  # a shorter run would keep its KV cache on chip
    whole = evaluate(design, Scenario(prompt=100, output=301), LLAMA).metrics
    steps = [
        evaluate(design, Scenario(prompt=context, output=1), LLAMA).metrics.tpot_s for context in range(100, 400, 1)
    ]
    assert whole.tpot_s == pytest.approx(np.mean(steps), rel=1e-6)


def tpu_v4i(overlap=1.0):
    """Four 128 x 128 arrays at 1.05 GHz with 614 GB/s, as in the TPU v4i paper (ISCA 2021)."""
    parts = {
        "mxu": ComputeArray(rows=128, columns=128, count=4, clock_Hz=1.05e9, buffer_bytes=2**22),
        "vpu": VectorUnit(lanes=1024, count=4, clock_Hz=1.05e9),
        "cmem": Sram(capacity_bytes=2**27, banks=128, port_width_bits=512, clock_Hz=1.05e9, management="cache"),
        "hbm": Dram(technology="HBM2", channels=2, bandwidth_Bps=307e9, capacity_bytes=8e10),
        "port": Port(),
    }
    blocks = tuple(
        Block(id=i, name=i, part=p, placement=Placement(x_m=0.005 * n)) for n, (i, p) in enumerate(parts.items())
    )
    design = Design(settings=Settings(node_nm=7, calibration="ideal", overlap=overlap), blocks=blocks)
    for other in ("mxu", "vpu", "hbm", "port"):
        design = connect(design, "cmem", other, width_bits=65536, clock_Hz=1.05e9)
    return design


def test_a_layer_of_gpt3_on_an_ideal_tpu_takes_0_71_ms():
    llm = find_model("GPT-3 6.7B")
    report = evaluate(tpu_v4i(), Scenario(prompt=2047, output=1, weight_bits=16, activation_bits=16), llm)
    inside = [r for r in report.rows("decode") if r.name not in ("embedding", "norm_final", "lm_head")]
    assert sum(r.time_s for r in inside) / llm.layers == pytest.approx(0.71e-3, rel=0.01)


def test_ideal_decode_without_overlap_is_the_sum_of_its_walls():
    report = evaluate(tpu_v4i(overlap=0.0), W16, LLAMA)
    for row in report.rows("decode"):
        assert row.time_s == pytest.approx(sum(row.times_s), rel=1e-9)


@pytest.mark.parametrize("example", EXAMPLES)
def test_removing_a_wall_never_slows_and_removing_the_binding_one_helps(example):
    m = evaluate(load_example(example), Scenario(tensor_parallel=64), LLAMA).metrics
    for factors, bound in ((m.without_wall_prefill, m.bound_prefill), (m.without_wall_decode, m.bound_decode)):
        assert min(factors) >= 1 - 1e-12
        assert factors[RESOURCES.index(bound)] > 1


GPU = load_example("tensor-gpu-hbm3")


@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        ("hbm-west", "bandwidth_Bps", 1.2e12),
        ("cores", "clock_Hz", 2.5e9),
        ("vector", "count", 400),
        ("cache", "banks", 400),
    ],
)
def test_a_better_part_never_gives_a_slower_chip(block, name, value):
    free = replace_settings(GPU, {"tdp_W": None})
    before, after = (evaluate(d, W16, LLAMA).metrics for d in (free, replace_part(free, block, {name: value})))
    assert after.tpot_s <= before.tpot_s * (1 + 1e-9)
    assert after.ttft_s <= before.ttft_s * (1 + 1e-9)


def test_swapping_hbm2_for_hbm3_lowers_tpot():
    tpu = load_example("systolic-tpu-hbm2")
    plain = replace_part(tpu, "hbm", {"bandwidth_Bps": None})
    faster = replace_part(plain, "hbm", {"technology": "HBM3"})
    assert (
        evaluate(faster, W16, find_model("Llama-3.2-3B")).metrics.tpot_s
        < 0.9 * evaluate(plain, W16, find_model("Llama-3.2-3B")).metrics.tpot_s
    )


def test_a_shorter_floorplan_costs_less_wire_energy_and_latency():
    near = evaluate(GPU, W16, LLAMA)
    apart = move_blocks(GPU, {"hbm-west": Placement(x_m=-0.2, y_m=0.005, aspect=0.5)})
    far = evaluate(apart, W16, LLAMA)
    assert far.energy_by_component["wire"] > 2 * near.energy_by_component["wire"]
    assert far.metrics.tpot_s > near.metrics.tpot_s


def test_weight_gemms_reach_the_compute_roof_with_batch_and_attention_does_not():
    bounds = {}
    for batch in (1, 512):
        report = evaluate(
            replace_part(GPU, "hbm-west", {"capacity_bytes": 1e12}),
            Scenario(prompt=256, batch=batch, weight_bits=16, activation_bits=16),
            LLAMA,
        )
        bounds[batch] = {r.name: r.bound for r in report.rows("decode")}
    assert bounds[1]["ffn_gate_up"] == bounds[1]["weighted_sum"] == "dram"
    assert bounds[512]["ffn_gate_up"] == "compute"
    assert bounds[512]["weighted_sum"] == "dram"


def test_kv_cache_that_does_not_fit_runs_in_waves():
    report = evaluate(GPU, Scenario(prompt=4096, output=1024, batch=4096, weight_bits=16, activation_bits=16), LLAMA)
    kv = LLAMA.kv_bytes_per_token(16) * (4096 + 512)
    capacity = 5 * 16 * 2**30
    assert report.metrics.batch_running == math.floor((0.9 * capacity - LLAMA.params * 2) / kv)
    assert report.metrics.waves == math.ceil(4096 / report.metrics.batch_running)
    assert any(f.code == "waves" for f in report.findings)
    assert report.notes


def test_does_not_fit_names_the_bytes():
    llm = find_model("GPT-3 175B")
    report = evaluate(GPU, W16, llm)
    assert report.status == "does_not_fit"
    kv = llm.kv_bytes_per_token(16) * (2048 + 128)
    short = llm.params * 2 + kv - 0.9 * 5 * 16 * 2**30
    assert f"{short:.0f} bytes" in report.reason


def test_memory_without_a_link_is_what_a_model_lacks_that_does_not_fit():
    cut = load_example("systolic-tpu-hbm2")
    memory = next(b for b in cut.blocks if b.kind == "dram")
    links = [k.id for k in cut.links if memory.id in (k.source, k.target)]
    report = evaluate(remove(cut, links), W16, LLAMA)
    assert report.status == "does_not_fit"
    assert f"{memory.name} is not linked" in report.reason
    assert "More chips" not in report.reason


def test_power_limit_throttles_the_clock_and_keeps_to_it():
    hot = evaluate(replace_settings(GPU, {"tdp_W": None}), W16, LLAMA).metrics
    limited = evaluate(replace_settings(GPU, {"tdp_W": 300.0}), W16, LLAMA)
    assert hot.power_prefill_W > 300
    assert limited.metrics.power_prefill_W == pytest.approx(300, rel=0.01)
    assert limited.metrics.ttft_s > hot.ttft_s
    assert limited.metrics.clock_factor < 1
    assert any(f.code == "throttled" for f in limited.findings)
    hopeless = evaluate(replace_settings(GPU, {"tdp_W": 5.0}), W16, LLAMA)
    assert any(f.code == "power_limit" for f in hopeless.findings)


def test_derated_chips_are_slower_than_ideal_ones():
    ideal = evaluate(replace_settings(GPU, {"calibration": "ideal"}), W16, LLAMA).metrics
    assert ideal.tpot_s < evaluate(GPU, W16, LLAMA).metrics.tpot_s
    weights = (LLAMA.params - LLAMA.vocab * LLAMA.hidden) * 2
    assert ideal.tpot_s > weights / (5 * 670e9)


def test_tensor_parallel_chips_share_time_and_need_a_port():
    alone = evaluate(GPU, W16, LLAMA).metrics
    shared = evaluate(GPU, msgspec.structs.replace(W16, tensor_parallel=4), LLAMA).metrics
    assert alone.tpot_s / 4 < shared.tpot_s < alone.tpot_s
    assert shared.power_W > 2 * alone.power_W
    single = remove(GPU, ["link"])
    report = evaluate(single, msgspec.structs.replace(W16, tensor_parallel=4), LLAMA)
    assert report.status == "cannot_run"
    assert "port" in report.reason


def test_pipeline_stages_cut_memory_and_keep_throughput():
    llm = find_model("GPT-3 175B")
    staged = evaluate(GPU, Scenario(weight_bits=16, activation_bits=16, batch=8, pipeline_parallel=8), llm)
    assert staged.fits
    assert staged.memory[0].weight_bytes == pytest.approx(llm.params * 2 / 8, rel=1e-6)


def test_designs_that_lack_something_say_what():
    no_vector = remove(GPU, ["vector"])
    assert evaluate(no_vector, W16, LLAMA).status == "cannot_run"
    assert any(f.code == "no_vector_unit" for f in evaluate(no_vector, W16, LLAMA).findings)
    unlinked = msgspec.structs.replace(GPU, links=())
    assert any(f.code == "no_path" for f in evaluate(unlinked, W16, LLAMA).findings)
    assert evaluate(Design(), W16, LLAMA).status == "cannot_run"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    prompt=st.sampled_from([1, 7, 2048, 300_000]),
    output=st.sampled_from([1, 2, 129, 100_000]),
    batch=st.sampled_from([1, 3, 100_000]),
    bits=st.sampled_from([1, 3, 4, 8, 16, 32]),
    tp=st.sampled_from([1, 3, 128]),
    pp=st.sampled_from([1, 5]),
    example=st.sampled_from(EXAMPLES),
    model=st.sampled_from(["Llama-3.1-8B", "Falcon-7B", "DeepSeek-V2-Lite", "Gemma-2-2B", "GPT-2 XL"]),
)
def test_odd_scenarios_give_figures_or_reasons(prompt, output, batch, bits, tp, pp, example, model):
    scenario = Scenario(
        prompt=prompt, output=output, batch=batch, weight_bits=bits, activation_bits=bits, kv_bits=bits,
        tensor_parallel=tp, pipeline_parallel=pp,
    )  # fmt: skip
    report = evaluate(load_example(example), scenario, find_model(model))
    if report.fits:
        assert all(math.isfinite(v) and v >= 0 for v in numbers(report.metrics))
    else:
        assert report.reason


def test_random_parts_never_give_nonsense():
    from tests.hwlib.design_strategies import designs

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(design=designs())
    def check(design):
        report = evaluate(design, Scenario(prompt=64, output=9), LLAMA)
        if report.fits:
            assert all(math.isfinite(v) and v >= 0 for v in numbers(report.metrics))
        else:
            assert report.reason

    check()


def test_networks_carry_what_their_topology_allows():
    base = tpu_v4i(0.9)
    noc = Block(
        id="noc",
        name="noc",
        part=Noc(topology="bus", width_bits=64, clock_Hz=1e9, nodes=16),
        placement=Placement(y_m=0.02),
    )
    routed = msgspec.structs.replace(base, blocks=(*base.blocks, noc), links=())
    for other in ("cmem", "mxu", "vpu", "port"):
        routed = connect(routed, "noc", other, width_bits=65536, clock_Hz=1e9)
    routed = connect(routed, "cmem", "hbm", width_bits=65536, clock_Hz=1e9)
    bus, mesh = (evaluate(replace_part(routed, "noc", {"topology": t}), W16, LLAMA).metrics for t in ("bus", "mesh"))
    assert bus.bound_decode == "link"
    assert mesh.tpot_s < bus.tpot_s


def test_warm_memory_does_not_grow_with_tokens():
    chip = lower([GPU], shape_of(GPU))
    short = run(chip, (Scenario(output=1000),), LLAMA, (1.0,))
    long = run(chip, (Scenario(output=1_000_000),), LLAMA, (1.0,))
    assert len(long.program) < 8 * len(short.program)


# Values of few bits ------------------------------------------------------------------------------------------------


def vector_part(scenario, design=GPU):
    """(vector operations' energy, time at the lanes) of the feed-forward GEMM of one decode step."""
    row = next(r for r in evaluate(design, scenario, LLAMA).rows("decode") if r.name == "ffn_gate_up")
    return row.energies_J[COMPONENTS.index("vector")], row.times_s[RESOURCES.index("vector")], row


def test_weights_narrower_than_the_format_that_runs_are_unpacked_on_the_lanes():
    """Llama-3.1-8B has 2 x 14336 x 4096 weights a layer there, which one row of tiles reads: two operations a pair of
    16-bit values, two for four 8-bit ones."""
    joules, seconds, row = vector_part(Scenario(weight_bits=4, activation_bits=16))
    vector = GPU.block("vector").part
    lanes = vector.lanes * vector.count * vector.clock_Hz
    assert seconds == pytest.approx(32 * 2 * 14336 * 4096 / (lanes * priors()["classes"]["gpu"]["vector"]))
    assert joules > 0
    assert row.bound == "dram"
    assert vector_part(Scenario(weight_bits=4, activation_bits=8))[1] == pytest.approx(seconds / 2)


def test_values_in_the_format_that_runs_need_no_unpacking():
    for bits in (8, 16):
        assert vector_part(Scenario(weight_bits=bits, activation_bits=bits))[:2] == (0.0, 0.0)
    systolic = load_example("systolic-tpu-hbm2")
    assert vector_part(Scenario(weight_bits=4, activation_bits=16, tensor_parallel=4), systolic)[:2] == (0.0, 0.0)


def test_a_narrow_kv_cache_is_unpacked_for_wider_attention():
    rows = {
        bits: {r.name: r for r in evaluate(GPU, Scenario(kv_bits=bits, activation_bits=16), LLAMA).rows("decode")}
        for bits in (8, 16)
    }
    i = RESOURCES.index("vector")
    assert rows[16]["scores"].times_s[i] == 0.0
    assert rows[8]["scores"].times_s[i] > 0.0
    assert rows[8]["scores"].time_s < rows[16]["scores"].time_s
