"""Every catalog device drawn and run: datasheet figures met, walls where they belong, refusals with reasons."""

from __future__ import annotations

import pytest

from hwlib.baselines.device_design import device_design, sram_bandwidth_Bps
from hwlib.catalog import Device, devices, find_device, find_model, models, precision_for
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import Machine, build
from hwlib.design.parts import Port
from hwlib.evaluate import check, evaluate_device
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

RUNNABLE = [d for d in devices() if not d.cannot_run]
GPUS = [d for d in RUNNABLE if "GPU" in d.device_class]
SIXTEEN = {"weight_bits": 16, "activation_bits": 16, "kv_bits": 16}


def by_name(device: Device) -> str:
    return device.name


def machine(device: Device) -> Machine:
    design = device_design(device)
    return build(lower([design], shape_of(design)), (4, 8, 16, 32))


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_peaks_are_those_that_llm_runtimes_get(device):
    units = machine(device).matrix
    for width in (4, 8, 16, 32):
        published = precision_for(device, width).rate_T * 1e12
        assert 2.0 * units[width].macs_per_s.sum() == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_formats_that_a_device_lacks_have_no_rate(device):
    array = device_design(device).block("matrix").part
    cells_per_s = array.rows * array.columns * array.count * array.clock_Hz
    assert 2.0 * cells_per_s * array.rate_fp8 in (0.0, pytest.approx((device.fp8_T or 0.0) * 1e12, rel=0.01))
    assert (array.rate_int4 > 0) == (device.int4_T is not None)


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_memories_port_and_limits_are_the_datasheets(device):
    m, design = machine(device), device_design(device)
    assert (m.dram is None) == device.sram_only
    if m.dram is not None:
        assert m.dram.bandwidth_Bps[0] == pytest.approx(device.dram_GBs * 1e9, rel=1e-6)
        assert m.dram.capacity_bytes[0] == pytest.approx(device.dram_GB * 1e9, rel=1e-6)
    assert m.sram.bandwidth_Bps[0] == pytest.approx(sram_bandwidth_Bps(device), rel=0.01)
    if device.sram_bw_TBs:
        assert sram_bandwidth_Bps(device) == device.sram_bw_TBs * 1e12
    ports = [b.part.bandwidth_Bps for b in design.blocks if isinstance(b.part, Port)]
    if device.interconnect_GBs_bidir and ports:
        assert ports == [pytest.approx(device.interconnect_GBs_bidir * 0.5e9)]
    assert design.settings.tdp_W == (device.tdp_W if device.power_published else None)
    if device.die_mm2:
        assert design.settings.die_width_m * design.settings.die_height_m == pytest.approx(device.die_mm2 * 1e-6)


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_drawing_is_sound(device):
    codes = {f.code for f in check(device_design(device)) if f.severity in ("error", "warning")}
    assert not codes


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_wires_are_never_the_wall(device):
    report = _that_fits(device, find_model("Llama-3.1-8B"))
    assert report.metrics.bound_decode != "link"
    assert report.metrics.bound_prefill != "link"


def _that_fits(device: Device, llm) -> Report:
    """Batch 1 on as many chips and with as few bits as it takes."""
    for bits, chips in ((16, 1), (8, 1), (4, 1), (4, 8), (4, 64), (4, 256)):
        report = evaluate_device(
            device.name,
            Scenario(
                prompt=64, output=16, weight_bits=bits, activation_bits=16, kv_bits=16,
                tensor_parallel=min(chips, 8), pipeline_parallel=max(1, chips // 8),
            ),
            llm,
        )  # fmt: skip
        if report.fits:
            return report
    raise AssertionError(f"{device.name}: {report.reason}")


@pytest.mark.parametrize("device", [d for d in devices() if d.cannot_run], ids=by_name)
def test_devices_that_run_no_llm_say_why(device):
    report = evaluate_device(device.name, Scenario(), find_model("Llama-2-7B"))
    assert report.status == "cannot_run"
    assert report.is_device
    assert report.metrics is None
    assert device.cannot_run in report.reason
    with pytest.raises(ValueError, match="can't be drawn"):
        device_design(device)


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_board_energy_only_where_power_is_published(device):
    report = _that_fits(device, find_model("Llama-2-7B"))
    board = [e for e in report.energies if e.method == "TDP x time"]
    assert report.subject == device.name
    if device.power_published:
        watts = board[0].J_per_token * report.metrics.e2e_tokens_per_s
        assert watts == pytest.approx(device.tdp_W * report.scenario.chips)
        assert board[0].scope == "board"
    else:
        assert not any(e.scope == "board" for e in report.energies)
        assert any("reckon with" in note for note in report.notes)


@pytest.mark.parametrize("device", RUNNABLE, ids=by_name)
def test_area_is_the_datasheets_or_unknown(device):
    report = evaluate_device(device.name, Scenario(), find_model("Llama-2-7B"))
    if device.die_mm2 is None or "die_mm2" in (*device.estimates, *device.upper_bounds):
        assert report.area_m2 is None
        assert report.die_cost_USD is None
    else:
        assert report.area_m2 == pytest.approx(device.die_mm2 * 1e-6)


def test_stand_in_formats_are_told():
    def notes(name: str, **bits: int) -> str:
        return " ".join(evaluate_device(name, Scenario(**bits), find_model("Llama-2-7B")).notes)

    assert "fp16 in its place" in notes("V100 SXM2", **SIXTEEN)
    assert "4-bit weights are dequantised to bf16" in notes("A100 80GB SXM4", **{**SIXTEEN, "weight_bits": 4})
    assert "Number format" not in notes("A100 80GB SXM4", **SIXTEEN)


def test_llama_2_7b_on_an_a100_lies_below_the_bandwidth_bound_and_above_half_of_it():
    report = evaluate_device("A100 80GB SXM4", Scenario(prompt=5, output=200, **SIXTEEN), find_model("Llama-2-7B"))
    assert 77.0 < report.metrics.tokens_per_s < 154.0
    assert report.metrics.bound_decode == "dram"


def test_gpt_3_does_not_fit_one_h100_and_runs_on_eight():
    llm, h100 = find_model("GPT-3 175B"), find_device("H100 80GB SXM5")
    alone = evaluate_device(h100.name, Scenario(**SIXTEEN), llm)
    assert alone.status == "does_not_fit"
    assert "bytes" in alone.reason
    together = evaluate_device(h100.name, Scenario(tensor_parallel=8, **SIXTEEN), llm)
    bound = 8 * h100.dram_GBs * 1e9 / (2.0 * llm.published_params)
    assert 0.3 * bound < together.metrics.tokens_per_s < bound


RUNS = [m for m in models() if not m.cannot_generate and m.hidden]
DENSE = [m for m in RUNS if not m.experts and (m.published_params or 0) >= 7e9]


@pytest.mark.parametrize("device", GPUS, ids=by_name)
def test_batch_1_decode_of_dense_models_waits_for_dram(device):
    tried = 0
    for llm in DENSE:
        for bits in (16, 8, 4):
            scenario = Scenario(prompt=512, output=64, weight_bits=bits, activation_bits=16, kv_bits=16)
            report = evaluate_device(device.name, scenario, llm)
            if report.fits:
                assert report.metrics.bound_decode == "dram", (llm.name, bits)
                tried += 1
                break
    assert tried


@pytest.mark.parametrize("name", ["A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM", "MI300X", "L40S"])
def test_batch_moves_weight_gemms_to_the_compute_roof_and_not_attention(name):
    device = find_device(name)
    ridge = device.bf16_T * 1e12 / (device.dram_GBs * 1e9)
    for batch, roof in ((ridge / 4.0, "dram"), (ridge * 3.0, "compute")):
        scenario = Scenario(batch=int(batch), prompt=64, output=32, **SIXTEEN)
        report = evaluate_device(name, scenario, find_model("Llama-3.1-8B"))
        assert report.metrics.batch_running == int(batch)
        bounds = {r.name: r.bound for r in report.rows("decode")}
        assert {bounds[g] for g in ("qkv", "ffn_gate_up", "ffn_down", "lm_head")} == {roof}
        assert {bounds[g] for g in ("scores", "weighted_sum")} <= {"dram", "overhead"}
