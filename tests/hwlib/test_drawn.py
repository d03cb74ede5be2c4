"""Drawn chips of a measured class against the calibrated devices: times, traffic, energy, and where each comes from."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest

from hwlib.baselines.device_design import device_design
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.catalog import find_device, find_model
from hwlib.cost.machine import class_prior, dram_key, priors
from hwlib.evaluate import evaluate, evaluate_device
from hwlib.report import RESOURCES, Report
from hwlib.validation.fit_drawn import DEVICES, OTHERS, cases, errors, fit
from hwlib.workload.scenario import Scenario
from tests.hwlib.test_explain import check

H100 = "H100 80GB SXM5"
GPU = priors()["classes"]["gpu"]


@cache
def every() -> tuple:
    return tuple(cases(DEVICES))


def drawn(device: str, llm: str, **scenario: int) -> Report:
    found = evaluate(device_design(find_device(device)), Scenario(**scenario), find_model(llm))
    assert found.fits, found.reason
    return found


def bits(width: int) -> dict[str, int]:
    return {"weight_bits": width, "activation_bits": width, "kv_bits": width}


def test_the_fit_predicts_what_an_evaluation_gives():
    for one in every()[::13]:
        m = evaluate(device_design(find_device(one.device)), one.scenario, find_model(one.llm)).metrics
        assert one.drawn_s(GPU) == pytest.approx(np.array([m.ttft_s, m.tpot_s]) / m.clock_factor, rel=1e-6)


def test_drawn_chips_are_as_fast_as_calibrated_devices_on_llms_that_no_fit_saw():
    found = errors([p for p in every() if not p.fitted], GPU)
    for name, e in found.items():
        assert e["n"] >= 25, name
        assert e["median"] < 0.09, (name, e)
        assert -0.07 < e["bias"] < 0.09, (name, e)
        assert e["p90"] < 0.22, (name, e)


def test_drawn_chips_are_not_faster_than_devices_in_a_decode_step():
    """A drawn chip must not win by optimism: over all devices and LLMs TPOT has no bias towards fast."""
    found = errors(every(), GPU)
    assert abs(found["tpot_16bit"]["bias"]) < 0.05
    assert abs(found["tpot_8bit"]["bias"]) < 0.05


def test_devices_that_only_a_class_prior_times_agree_too():
    found = errors(cases([d for d in OTHERS if "PCIe" not in d]), GPU)
    assert {name for name, e in found.items() if e["median"] < 0.1 and abs(e["bias"]) < 0.08} == set(found)


def test_the_constants_are_those_that_the_fit_finds():
    found = fit([p for p in every() if p.fitted], GPU)
    for key in ("attention_dram", "unfused", "quantise", "step_s", "step_sequence_s"):
        assert GPU[key] == pytest.approx(found[key], rel=0.05), key


@pytest.mark.parametrize(("llm", "chips"), [("Mixtral-8x7B", 8), ("DeepSeek-V2-Lite", 1)])
@pytest.mark.parametrize("batch", [1, 16])
def test_experts_move_the_same_bytes_drawn_and_calibrated(llm, chips, batch):
    scenario = {"prompt": 256, "output": 16, "batch": batch, "tensor_parallel": chips, **bits(16)}
    mine = {r.key: r for r in drawn(H100, llm, **scenario).operators}
    known = evaluate_device(H100, Scenario(**scenario), find_model(llm)).operators
    assert {r.key for r in known} == set(mine)
    for row in known:
        for amount in ("dram_bytes", "weight_bytes", "kv_bytes", "flops"):
            assert getattr(mine[row.key], amount) == pytest.approx(getattr(row, amount)), (row.key, amount)


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("name", ["A100 80GB SXM4", H100, "H200 141GB SXM", "A40 48GB", "TPU v4", "Gaudi 2"])
def test_losses_slow_a_pass_down_though_fusion_saves_some_of_it(name, batch):
    design, llm = device_design(find_device(name)), find_model("Llama-2-7B")
    scenario = Scenario(prompt=1024, output=8, batch=batch, tensor_parallel=8, **bits(16))
    free = msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, calibration="ideal"))
    derated, ideal = evaluate(design, scenario, llm).metrics, evaluate(free, scenario, llm).metrics
    assert derated.ttft_s > 1.05 * ideal.ttft_s
    assert derated.tpot_s > 1.05 * ideal.tpot_s


def test_host_and_framework_take_a_step_of_every_pass_and_no_clock_slows_them():
    found = drawn(H100, "Llama-3.1-8B", prompt=128, output=8, batch=16, **bits(16))
    step = next(r for r in found.rows("decode") if r.name == "step")
    assert step.time_s == pytest.approx(GPU["step_s"] + 16 * GPU["step_sequence_s"])
    assert step.energy_J == 0.0
    free = DeviceSettings(ideal=True)
    ideal = evaluate_device(H100, Scenario(prompt=128, output=8), find_model("Llama-3.1-8B"), free)
    assert "step" not in {r.name for r in ideal.operators}


def test_narrow_floats_are_quantised_and_integers_are_not():
    def overhead(device: str, width: int) -> float:
        found = drawn(device, "Llama-2-7B", prompt=2048, output=2, **bits(width))
        row = next(r for r in found.rows("prefill") if r.name == "ffn_down")
        return row.times_s[RESOURCES.index("overhead")]

    passes = 32 * 2048 * 11008 * GPU["quantise"] / 3.35e12
    assert overhead(H100, 8) - overhead(H100, 16) == pytest.approx(passes, rel=0.01)
    assert overhead("A100 80GB SXM4", 8) == pytest.approx(overhead("A100 80GB SXM4", 16))


def test_dram_reaches_what_its_technology_did_and_the_least_of_several():
    assert dram_key(GPU, ["HBM3"]) == "dram_HBM3"
    assert dram_key(GPU, ["HBM3", "GDDR6"]) == "dram_GDDR6"
    assert dram_key(GPU, ["HBM3", "DDR5"]) == "dram"
    assert dram_key(GPU, []) == "dram"
    assert class_prior("ideal", "gpu", ["HBM3"])["dram"] == 1.0
    assert class_prior("derated", "gpu", ["HBM3E"])["dram"] == GPU["dram_HBM3E"]


@pytest.mark.parametrize("width", [8, 16])
def test_every_figure_of_a_drawn_gpu_is_explained(width):
    check(drawn(H100, "Llama-3.1-8B", prompt=100, output=4, batch=2, **bits(width)))


def test_energy_by_actions_stays_below_the_boards_and_comes_near_it_where_units_are_busy():
    """The package's actions are a part of the board's power x time; at little load the board's idle power is most."""
    shares = {}
    for llm in ("Llama-2-7B", "Llama-3.1-8B"):
        for batch in (1, 64):
            scenario = {"prompt": 512, "output": 64, "batch": batch, **bits(16)}
            known = evaluate_device(H100, Scenario(**scenario), find_model(llm))
            board = next(e for e in known.energies if e.method == "board power x time" and "decode" not in e.label)
            shares[llm, batch] = drawn(H100, llm, **scenario).energies[0].J_per_token / board.J_per_token
    assert all(1 / 1.5 < share < 1.0 for (_, batch), share in shares.items() if batch == 64), shares
    assert all(0.35 < share < 1.0 for share in shares.values()), shares


def test_what_is_on_record_is_what_the_fit_reports():
    recorded, again = priors()["fit"]["drawn"]["by_device"][H100], errors([p for p in every() if p.device == H100], GPU)
    for name, e in again.items():
        assert recorded[name]["n"] == e["n"]
        assert recorded[name]["bias"] == pytest.approx(e["bias"], abs=0.02), name
