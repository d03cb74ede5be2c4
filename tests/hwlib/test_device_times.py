"""Catalog devices timed by measured kernels: operators, steps, bands, board energy, evidence, explanations."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from hwlib.baselines.calibration import Calibration, KernelModel, operator_seconds, shipped
from hwlib.baselines.device_design import device_design
from hwlib.baselines.device_settings import DeviceSettings, frameworks
from hwlib.baselines.runtime_formats import has_kernels, runtime_formats
from hwlib.baselines.steps import StepOverhead, step_overhead
from hwlib.catalog import devices, find_device, find_model
from hwlib.cost.formula import evaluate_formula
from hwlib.cost.kernel_times import timer_of
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import priors
from hwlib.cost.run import Run, run
from hwlib.evaluate import evaluate, evaluate_device
from hwlib.report import PHASES, RESOURCES, OperatorRow, Report
from hwlib.workload.scenario import Scenario

SIXTEEN = {"weight_bits": 16, "activation_bits": 16, "kv_bits": 16}
A100, H100, H200 = "A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM"
SHIPPED = DeviceSettings()
ALONE = StepOverhead(framework="nobody", launch="graph", a0_s=1e-3, a1_s=1e-5, a2_s=1e-6, low=0.5, high=2.0)
"""Kernels run within a pass as they do alone, and nobody has measured whole passes."""

VLLM = DeviceSettings(framework="vllm", launch="graph")
VLLM_ALONE = DeviceSettings(framework="vllm", launch="graph", step=ALONE)
KERNEL_DEVICES = [d for d in devices() if has_kernels(d)]


@cache
def report(device: str, llm: str, settings: DeviceSettings = SHIPPED, **scenario: int) -> Report:
    found = evaluate_device(device, Scenario(**scenario), find_model(llm), settings)
    assert found.fits, found.reason
    return found


def row(found: Report, key: str) -> OperatorRow:
    return next(r for r in found.operators if r.key == key)


def timed_run(device: str, llm: str, settings: DeviceSettings, **scenario: int) -> Run:
    """The arrays behind a report, at the batch that was asked for."""
    found, design = find_device(device), device_design(find_device(device))
    wanted = Scenario(**scenario)
    chip = lower([design], shape_of(design))
    return run(chip, (wanted,), find_model(llm), (float(wanted.batch),), None, timer_of(found, settings))


# Operators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "framework", "bits", "form"),
    [(A100, "vllm", 16, "16"), (H100, "trtllm", 8, "fp8"), (A100, "trtllm", 8, "int8"), ("L40S", "any", 16, "16")],
)
def test_weight_gemms_take_the_time_of_their_kernel(device, framework, bits, form):
    found = report(
        device, "Llama-3.1-8B", DeviceSettings(framework=framework, step=ALONE), prompt=512, output=8, batch=3,
        weight_bits=bits, activation_bits=bits, group=1_000_000,
    )  # fmt: skip
    for phase, tokens, m in (("prefill", 512 * 3, 512 * 3), ("decode", 3, 3)):
        for name, n, k in (("qkv", 6144, 4096), ("ffn_gate_up", 28672, 4096), ("ffn_down", 4096, 14336)):
            one = operator_seconds(device, "gemm", {"m": m, "n": n, "k": k}, form, framework)
            assert row(found, f"{phase}.{name}").time_s == pytest.approx(32 * one.seconds[0], rel=2e-4), (name, tokens)
            low, high = found.bands[f"time.{phase}.{name}"]
            assert low == pytest.approx(32 * one.low[0], rel=2e-4)
            assert high == pytest.approx(32 * one.high[0], rel=2e-4)


@pytest.mark.parametrize(("device", "framework"), [(A100, "vllm"), (A100, "sglang"), (H100, "vllm"), (H200, "any")])
def test_fused_attention_is_one_kernel(device, framework):
    settings = DeviceSettings(framework=framework, step=ALONE)
    found = report(device, "Llama-3.1-8B", settings, prompt=777, output=1, batch=4, **SIXTEEN)
    shape = {"batch": 4, "heads": 32, "kv_heads": 8, "head_dim": 128, "kv_len": 777}
    for phase, q_len in (("prefill", 777), ("decode", 1)):
        parts = [row(found, f"{phase}.{name}") for name in ("scores", "softmax", "weighted_sum")]
        one = operator_seconds(device, f"attention_{phase}", {**shape, "q_len": q_len}, "16", framework)
        assert sum(r.time_s for r in parts) == pytest.approx(32 * one.seconds[0], rel=1e-9)
        merged = [row(found, f"{phase}.{name}").time_s for name in ("rope", "kv_write")]
        assert merged == [0.0, 0.0]  # measured with the attention kernel


@pytest.mark.parametrize("chips", [2, 8])
def test_attention_and_collectives_are_those_of_a_tensor_parallel_chip(chips):
    found = report(H100, "Llama-3.1-70B", VLLM_ALONE, prompt=100, output=1, batch=8, tensor_parallel=chips, **SIXTEEN)
    shape = {"batch": 8, "heads": 64 // chips, "kv_heads": 8 // chips, "head_dim": 128, "q_len": 1, "kv_len": 100}
    one = operator_seconds(H100, "attention_decode", shape, "16", "vllm")
    parts = [row(found, f"decode.{name}").time_s for name in ("scores", "softmax", "weighted_sum")]
    assert sum(parts) == pytest.approx(80 * one.seconds[0])
    message = {"n_devices": chips, "bytes": 8 * 8192 * 2}
    for launch, form in (("graph", "all_reduce"), ("eager", "all_reduce/eager")):
        settings = DeviceSettings(framework="vllm", launch=launch, step=ALONE)
        eager = report(H100, "Llama-3.1-70B", settings, prompt=100, output=1, batch=8, tensor_parallel=chips, **SIXTEEN)
        kernel = operator_seconds(H100, "allreduce", message, form, "vllm")
        assert row(eager, "decode.all_reduce_ffn").time_s == pytest.approx(80 * kernel.seconds[0])


def test_experts_are_one_grouped_launch_over_those_touched():
    found = report(A100, "Mixtral-8x7B", VLLM_ALONE, prompt=64, output=1, batch=1, tensor_parallel=8, **SIXTEEN)
    one = operator_seconds(A100, "gemm", {"m": 1, "n": 2 * 2 * 14336 / 8, "k": 4096}, "16", "vllm")
    assert row(found, "decode.expert_gate_up").time_s == pytest.approx(32 * one.seconds[0])
    assert any("grouped launch" in note for note in found.notes)


@pytest.mark.parametrize(
    ("device", "llm", "scenario"),
    [
        (A100, "Llama-3.1-8B", {"prompt": 5, "output": 200}),
        (A100, "Gemma-2-9B", {"prompt": 3000, "output": 3000, "batch": 2}),
        (H100, "GPT-3 175B", {"prompt": 100, "output": 8000, "batch": 4, "tensor_parallel": 8}),
        (H200, "DeepSeek-V3", {"prompt": 900, "output": 700, "tensor_parallel": 8}),
        ("L40S", "Llama-2-7B", {"prompt": 2048, "output": 2048, "kv_bits": 8}),
        ("Instinct MI300X", "Mixtral-8x7B", {"prompt": 10, "output": 5000}),
    ],
)
@pytest.mark.parametrize("framework", ["any", "sglang"])
def test_a_decode_is_the_sum_over_every_token(device, llm, scenario, framework):
    settings = DeviceSettings(framework=framework)
    wanted = {**SIXTEEN, "weight_bits": 8, "activation_bits": 8, **scenario}
    whole = timed_run(device, llm, settings, **wanted)
    steps, timer = wanted["output"] - 1, timer_of(find_device(device), settings)
    every = 0.0
    assert whole.kernels is not None
    attention = 0.0
    for timed in whole.kernels.timed:
        if timed.call.kind != "attention_decode":
            continue
        nodes = timed.call.cols[: len(timed.seconds)]
        repeat = whole.program.repeat[0, nodes[0]]
        attention += repeat * float(whole.program.steps[0, nodes] @ timed.seconds)
        local = whole.program.rows[whole.program.row[nodes[0]]][1].endswith("_local")
        window = find_model(llm).window if local else np.inf
        lengths = np.minimum(np.arange(wanted["prompt"], wanted["prompt"] + steps, dtype=float), window)
        columns = {name: np.full(steps, column[0]) for name, column in timed.call.columns.items()}
        formats = runtime_formats(timer.device, whole.scenario, framework)
        call = replace(timed.call, columns={**columns, "kv_len": lengths})
        every += repeat * float(_again(call, timed, formats).sum())
    total = float(whole.phase_s[1, 0]) * steps
    assert total - attention + every == pytest.approx(total, rel=1e-3)
    assert attention == pytest.approx(every, rel=1e-2)


def _again(call, timed, formats):
    from hwlib.cost.kernel_times import _seconds

    return _seconds(call, timed.basis, formats)[1]


def test_every_gpu_is_timed_by_kernels_and_nothing_else_is():
    assert {d.name for d in KERNEL_DEVICES} >= {A100, H100, H200, "A40 48GB", "Instinct MI300X", "Jetson AGX Orin 64GB"}
    assert not {d.name for d in KERNEL_DEVICES} & {"TPU v4", "Groq LPU v1 (TSP)", "Xeon Platinum 8480+", "Gaudi 2"}
    tpu = report("TPU v4", "Llama-2-7B", prompt=64, output=8, weight_bits=8)
    assert tpu.timing == "derated"
    assert not tpu.basis
    assert 0.0 < row(tpu, "decode.step").time_s < 0.5e-3, "an estimate of the class"
    low, high = tpu.bands["tpot_s"]
    assert low < tpu.metrics.tpot_s < high


@pytest.mark.parametrize(
    ("device", "bits", "form"),
    [
        (H100, (16, 16), "16"), (H100, (8, 8), "fp8"), (H100, (4, 16), "int4_wo"), (H100, (8, 16), "int8_wo"),
        (A100, (8, 8), "int8"), (A100, (4, 8), "int8"), ("V100 SXM2 32GB", (8, 8), "int8_wo"),
        ("B200 180GB SXM", (4, 4), "nvfp4"), (A100, (32, 32), ""),
    ],
)  # fmt: skip
def test_weights_run_in_the_format_that_the_device_has(device, bits, form):
    scenario = Scenario(weight_bits=bits[0], activation_bits=bits[1])
    found = runtime_formats(find_device(device), scenario, "any")
    assert found.gemm_form == form
    if form:
        assert found.gemm.weight_bytes == scenario.stored_weight_bits / 8


def test_what_no_kernel_knows_keeps_the_drawings_time():
    found = report(A100, "Llama-2-7B", prompt=64, output=4, weight_bits=32, activation_bits=32, kv_bits=32)
    drawn = evaluate(device_design(find_device(A100)), found.scenario, found.llm)
    assert row(found, "decode.qkv").time_s == pytest.approx(row(drawn, "decode.qkv").time_s)
    assert row(found, "decode.norm_ffn").time_s != pytest.approx(row(drawn, "decode.norm_ffn").time_s)


# Host and framework -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [1, 4])
@pytest.mark.parametrize("own", [True, False])
def test_the_step_is_a_row_of_its_own(own, pipeline):
    settings = VLLM_ALONE if own else VLLM
    found = report(A100, "Llama-3.1-8B", settings, prompt=64, output=4, batch=8, pipeline_parallel=pipeline, **SIXTEEN)
    x = ALONE if own else step_overhead("vllm", "graph", "ampere")
    for phase in PHASES:
        each = pipeline * x.seconds(phase, 32 / pipeline, 8 / pipeline)
        step = row(found, f"{phase}.step")
        assert (step.kind, step.bound, step.runs_on) == ("host", "overhead", ())
        assert step.time_s == pytest.approx(each)
        assert found.bands[f"time.{phase}.step"] == pytest.approx((x.low * each, x.high * each))


@pytest.mark.parametrize("pipeline", [1, 4])
def test_figures_add_up(pipeline):
    found = report(
        H100, "Llama-3.1-70B", VLLM, prompt=300, output=20, batch=6, tensor_parallel=2, pipeline_parallel=pipeline,
        **SIXTEEN,
    )  # fmt: skip
    fill = {"prefill": (pipeline + 3) / pipeline if pipeline > 1 else 1.0, "decode": 1.0}
    for phase, whole in (("prefill", found.metrics.ttft_s), ("decode", found.metrics.tpot_s)):
        rows = found.rows(phase)
        assert fill[phase] * sum(r.time_s for r in rows) == pytest.approx(whole)
        assert sum(found.time_by_resource[phase].values()) == pytest.approx(whole)
        for r in rows:
            assert sum(r.shares_s) == pytest.approx(r.time_s)
            assert r.bound in RESOURCES


# Settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [A100, H100, H200, "L40S", "Instinct MI300X"])
def test_the_datasheet_alone_is_faster_and_claims_no_band(device):
    given = {"prompt": 128, "output": 32, **SIXTEEN}
    ideal, real = (report(device, "Llama-3.1-8B", DeviceSettings(ideal=alone), **given) for alone in (True, False))
    assert (ideal.timing, ideal.bands, ideal.basis) == ("ideal", {}, ())
    assert ideal.metrics.tpot_s < real.metrics.tpot_s
    assert ideal.metrics.ttft_s < real.metrics.ttft_s
    assert real.metrics.tpot_s > 2.0 * 7.5e9 / (find_device(device).dram_GBs * 1e9)


def test_timing_says_what_was_measured():
    given = {"prompt": 32, "output": 2, **SIXTEEN}
    assert report(A100, "Llama-2-7B", VLLM, **given).timing == "calibrated"
    assert report("L40S", "Llama-2-7B", **given).timing == "derated"
    by_vllm, by_any = report(A100, "Llama-2-7B", VLLM, **given), report(A100, "Llama-2-7B", **given)
    assert by_vllm.metrics.tpot_s != by_any.metrics.tpot_s
    gemm = next(e for e in by_vllm.basis if e.kind == "gemm")
    assert (gemm.level, gemm.device, gemm.framework) == ("calibrated", A100, "vllm")
    assert gemm.fitted_rows > 1000
    assert gemm.median < 0.1
    assert "decode.qkv" in gemm.operators
    told = {key for e in by_vllm.basis for key in e.operators}
    assert {r.key for r in by_vllm.operators} - told == {f"{p}.{n}" for p in PHASES for n in ("rope", "kv_write")}


def slower(calibration: Calibration, factor: float) -> Calibration:
    """A user's own calibration: GEMMs that reach a smaller share of the bandwidth."""

    def less(m: KernelModel) -> dict[str, float | str]:
        return m.constants | {name: float(m.constants[name]) / factor for name in ("dram", "few_dram")}

    gemms = [m for m in calibration.models if m.kind == "gemm"]
    models = [msgspec.structs.replace(m, constants=less(m)) for m in gemms]
    return msgspec.structs.replace(calibration, framework="any", citation="mine", models=tuple(models))


def test_a_calibration_of_ones_own_comes_first():
    own = slower(shipped()[A100, "vllm"], 2.0)
    settings = DeviceSettings(framework="vllm", calibrations=(own,))
    mine = evaluate_device(A100, Scenario(prompt=32, output=2, **SIXTEEN), find_model("Llama-2-7B"), settings)
    base = report(A100, "Llama-2-7B", DeviceSettings(framework="vllm"), prompt=32, output=2, **SIXTEEN)
    assert row(mine, "decode.qkv").time_s > 1.5 * row(base, "decode.qkv").time_s
    assert row(mine, "decode.scores").time_s == pytest.approx(row(base, "decode.scores").time_s)
    gemm = next(e for e in mine.basis if e.kind == "gemm")
    assert (gemm.level, gemm.citation) == ("calibrated", "mine")


def test_frameworks_are_those_measured():
    assert {"any", "vllm", "trtllm", "sglang"} <= set(frameworks())
    assert "prior" not in frameworks()


def test_drawn_designs_have_the_step_of_their_class_and_no_band():
    drawn = evaluate(device_design(find_device(A100)), Scenario(prompt=32, output=2), find_model("Llama-2-7B"))
    assert (drawn.timing, drawn.bands, drawn.basis) == ("derated", {}, ())
    prior = priors()["classes"]["gpu"]
    assert row(drawn, "decode.step").time_s == pytest.approx(prior["step_s"] + prior["step_sequence_s"])


# Bands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("device", "llm"), [(A100, "Llama-3.1-8B"), (H100, "Mixtral-8x7B"), ("L40S", "Llama-2-7B")])
def test_bands_of_sums_lie_between_independent_and_equal_errors(device, llm):
    settings = DeviceSettings(step=ALONE)
    given = {"prompt": 700, "output": 50, "batch": 2, "weight_bits": 4, "activation_bits": 16, "tensor_parallel": 2}
    found = report(device, llm, settings, **given)
    for phase, key in (("prefill", "ttft_s"), ("decode", "tpot_s")):
        each = np.array([found.bands[f"time.{r.key}"] for r in found.rows(phase)])
        half = (each[:, 1] - each[:, 0]) / 2.0
        low, high = found.bands[key]
        assert np.sqrt((half**2).sum()) < (high - low) / 2.0 < half.sum()
        assert (low + high) / 2.0 == pytest.approx(each.sum() / 2.0)
    low, high = found.bands["tokens_per_s"]
    assert low == pytest.approx(2 / found.bands["tpot_s"][1])
    assert high == pytest.approx(2 / found.bands["tpot_s"][0])
    assert found.bands["e2e_tokens_per_s"][0] < found.metrics.e2e_tokens_per_s * 1.2
    assert found.bands["end_s"][1] > found.metrics.end_s * 0.9


def test_whole_passes_scatter_as_those_that_were_measured():
    fitted = StepOverhead(
        framework="mine", launch="graph", a0_s=1e-3, a1_s=0.0, a2_s=0.0, low=0.5, high=2.0, rows=30,
        pass_low=0.97, pass_high=1.04,
    )  # fmt: skip
    settings, given = DeviceSettings(step=fitted), {"prompt": 64, "output": 64, **SIXTEEN}
    measured, prior = (report(device, "Llama-2-7B", settings, **given) for device in (A100, "L40S"))
    for found, key in ((measured, "ttft_s"), (measured, "tpot_s"), (measured, "end_s")):
        value = getattr(found.metrics, key)
        assert found.bands[key] == pytest.approx((0.97 * value, 1.04 * value))
    low, high = prior.bands["tpot_s"]
    assert low < 0.97 * prior.metrics.tpot_s
    assert high > 1.04 * prior.metrics.tpot_s
    by_energy = measured.bands["board_energy_per_token_J"]
    assert by_energy[0] < measured.explain("board_energy_per_token_J").value < by_energy[1]


def test_a_device_never_measured_has_a_wider_band():
    def width(device: str) -> float:
        low, high = report(device, "Llama-2-7B", prompt=64, output=64, **SIXTEEN).bands["tpot_s"]
        return high / low

    assert width("A100 40GB SXM4") > width(A100)
    assert width("TPU v4") > width("A100 40GB SXM4")


# Board energy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [1, 4])
@pytest.mark.parametrize("device", [A100, H200, "L40S"])
def test_board_energy_lies_between_a_waiting_board_and_tdp(device, pipeline):
    found = report(
        device, "Llama-3.1-8B", prompt=512, output=64, batch=4, weight_bits=8, activation_bits=16,
        pipeline_parallel=pipeline,
    )  # fmt: skip
    board = next(e for e in found.energies if e.method == "board power x time" and not e.label.startswith("decode"))
    bound = next(e for e in found.energies if e.method == "TDP x time")
    assert board.scope == bound.scope == "board"
    assert 0.25 * bound.J_per_token < board.J_per_token < bound.J_per_token
    told = found.explain("board_energy_per_token_J")
    assert told.value == pytest.approx(board.J_per_token, rel=1e-12)
    assert (told.method, told.scope) == (board.method, board.scope)
    low, high = found.bands["board_energy_per_token_J"]
    assert low < high < 1.5 * bound.J_per_token


def test_a_board_draws_more_the_busier_it_is():
    given = {"prompt": 1024, "output": 64, **SIXTEEN}
    idle, busy = (report(H200, "Llama-3.1-8B", batch=batch, **given) for batch in (1, 64))
    for found in (idle, busy):
        whole = next(e for e in found.energies if e.label == "board power x time")
        decode = next(e for e in found.energies if e.label == "decode alone, board power x time")
        assert decode.J_per_token * found.metrics.tokens_per_s < 700.0
        assert whole.J_per_token > decode.J_per_token * 0.9

    def watts(found: Report) -> float:
        board = next(e for e in found.energies if e.label == "board power x time")
        return board.J_per_token * found.metrics.e2e_tokens_per_s

    assert watts(busy) > watts(idle)


# Explanations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "llm", "settings", "scenario"),
    [
        (A100, "Llama-2-7B", VLLM, {"prompt": 50, "output": 20, **SIXTEEN}),
        (H100, "DeepSeek-V3", SHIPPED, {"output": 4, "tensor_parallel": 8, "pipeline_parallel": 2, "batch": 3}),
        ("Instinct MI300X", "Gemma-2-9B", DeviceSettings(launch="eager"), {"prompt": 6000, "output": 1, "kv_bits": 8}),
        ("RTX 4090", "Llama-3.1-8B", SHIPPED, {"prompt": 9, "output": 7, "weight_bits": 4, "activation_bits": 16}),
        (H200, "Mixtral-8x7B", DeviceSettings(framework="trtllm"), {"output": 5, "batch": 20, "kv_bits": 8}),
        (A100, "GPT-3 175B", SHIPPED, {"output": 3, "tensor_parallel": 16, **SIXTEEN}),
    ],
)  # fmt: skip
def test_every_figure_of_a_device_explains_itself(device, llm, settings, scenario):
    found = report(device, llm, settings, **{"prompt": 300, **scenario})
    figures = set(found.figures())
    assert {f"time.{r.key}" for r in found.operators} <= figures
    assert ("board_energy_per_token_J" in figures) == find_device(device).power_published
    for key in figures:
        told = found.explain(key)
        assert told.source, key
        assert all(i.source and (i.key in figures or not i.key) for i in told.inputs), key
        if np.isfinite(told.value):
            value = evaluate_formula(told.formula, {i.name: i.value for i in told.inputs})
            assert value == pytest.approx(told.value, rel=1e-9, abs=0.0), (key, told.formula)


def test_a_kernel_names_its_constants_and_where_they_are_from():
    told = report(A100, "Llama-2-7B", VLLM, prompt=50, output=20, **SIXTEEN).explain("time.decode.qkv")
    assert told.formula.startswith("sum(passes * gemm_seconds(m, n, k, ")
    compute = next(i for i in told.inputs if i.name == "compute")
    assert compute.confidence == "measured"
    assert "A100 80GB SXM4, vllm" in compute.source
    assert "a100-80gb-sxm4__vllm.json" in compute.source
    assert "10 to 90 %" in told.source
    bandwidth = next(i for i in told.inputs if i.name == "bandwidth")
    assert (bandwidth.value, bandwidth.confidence) == (find_device(A100).dram_GBs * 1e9, "datasheet")
    prior = report("L40S", "Llama-2-7B", prompt=50, output=20, **SIXTEEN).explain("time.decode.qkv")
    assert next(i for i in prior.inputs if i.name == "compute").confidence == "estimate"
