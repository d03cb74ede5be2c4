"""The class priors: every constant sourced, the GPUs' fit reproduced, and measured GEMMs met without the tables."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from hwlib.baselines.device_design import device_design
from hwlib.catalog import devices, find_device, find_model
from hwlib.catalog.designs import load_published
from hwlib.cost.machine import priors
from hwlib.design.edit import replace_settings
from hwlib.evaluate import evaluate
from hwlib.resources import read_json
from hwlib.validation.fit_priors import DEVICES, fit_priors
from hwlib.validation.kernels import gemm_seconds
from hwlib.workload.scenario import Scenario

TABLES = Path(__file__).parents[2].parent / "shared" / "data" / "measured"
SHARES = {"compute", "dram", "attention_dram", "sram", "vector", "unfused", "crossbar", "port"}
ADDED = {"port_ramp_s", "overhead_s", "quantise", "step_s", "step_sequence_s", "clocked"}
MEMORIES = {"dram_GDDR6", "dram_GDDR6X", "dram_HBM2", "dram_HBM2E", "dram_HBM3", "dram_HBM3E"}
"""Technologies that were measured, or whose kin was, on GPUs alone."""


def test_every_constant_of_every_class_has_a_source_and_a_confidence():
    classes = set(priors()["classes"])
    assert classes == {"ideal", "gpu", "systolic", "dataflow", "cpu", "edge"}
    for name in classes:
        values, sources = priors()["classes"][name], priors()["sources"][name]
        shares = SHARES | (MEMORIES if name == "gpu" else set())
        assert set(values) == set(sources) == shares | ADDED
        assert all(s["source"] and s["confidence"] in ("exact", "measured", "estimate") for s in sources.values())
        assert all(0.0 < values[k] <= 1.0 for k in shares)
        assert all(values[k] >= 0.0 for k in ADDED)
        assert name in ("ideal", "gpu") or {sources[k]["confidence"] for k in values} == {"estimate"}


def test_ideal_means_no_losses():
    ideal = priors()["classes"]["ideal"]
    assert {k for k in SHARES if ideal[k] == 1.0} == SHARES
    assert {k for k in ADDED if ideal[k] == 0.0} == ADDED


def points():
    return read_json("calibration/gemm_points.json")["points"]


def relative_errors(name: str) -> np.ndarray:
    mine = [p for p in points() if p["device"] == name]
    got = gemm_seconds(device_design(find_device(name)), *([p[c] for p in mine] for c in ("m", "n", "k")))
    return got / np.array([p["latency_s"] for p in mine]) - 1.0


def test_measured_gemms_that_the_fit_never_saw():
    """The bar for devices that are known by their datasheet alone: 12 % in the median (NVIDIA tensor cores)."""
    found = {name: np.abs(relative_errors(name)) for name in DEVICES.values()}
    assert np.median(np.concatenate(list(found.values()))) < 0.12
    assert all(len(errors) >= 10 and np.median(errors) < 0.15 for errors in found.values())


def test_kept_out_errors_on_record_meet_the_bar_and_beat_the_roofline():
    fit = priors()["fit"]
    for part in (fit["kept_out"]["gemm_16bit"], fit["leave_one_out"]):
        for device, errors in part.items():
            assert errors["median"] < 0.13, device
            assert errors["median"] < 0.5 * errors["roofline_median"], device


def test_large_gemm_on_an_h100_runs_at_what_libraries_reach():
    h100 = device_design(find_device("H100 80GB SXM5"))
    flops = 2.0 * 8192.0**3 / gemm_seconds(h100, 8192, 8192, 8192)[0]
    assert 600e12 < flops < 720e12


@pytest.mark.parametrize("name", ["A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM"])
def test_decode_gemms_stream_weights_at_most_of_the_bandwidth(name):
    device = find_device(name)
    for m in (1, 8, 16, 64):
        rate = 2.0 * 16384.0**2 / gemm_seconds(device_design(device), m, 16384, 16384)[0]
        assert 0.7 < rate / (device.dram_GBs * 1e9) < 0.9


def test_derating_never_makes_a_device_faster():
    for device in (d for d in devices() if not d.cannot_run):
        derated = device_design(device)
        ideal = msgspec.structs.replace(
            derated, settings=msgspec.structs.replace(derated.settings, calibration="ideal")
        )
        shapes = np.array([1, 16, 128, 1024, 4096])
        assert (gemm_seconds(ideal, shapes, 4096, 4096) < gemm_seconds(derated, shapes, 4096, 4096)).all(), device.name


def test_kernel_time_is_the_evaluations_time():
    """A weight GEMM of an evaluation takes as long as the same kernel alone; its activations hardly count."""
    design, llm = device_design(find_device("A100 80GB SXM4")), find_model("Llama-2-7B")
    scenario = Scenario(prompt=16, output=8, weight_bits=16, activation_bits=16)
    row = next(r for r in evaluate(design, scenario, llm).rows("decode") if r.name == "ffn_down")
    alone = gemm_seconds(design, row.m, row.n, row.k)[0]
    assert row.time_s / row.repeat == pytest.approx(alone, rel=0.01)


def test_fit_is_reproducible_from_the_tables():
    if not TABLES.is_dir():
        pytest.skip("the measured tables are not beside this checkout")
    again = fit_priors(*(TABLES / f"{n}.csv.gz" for n in ("gemm", "attention_decode", "allreduce")))
    stored = priors()["classes"]["gpu"]
    for key, value in again["constants"].items():
        assert stored[key] == pytest.approx(value, rel=0.02), key
    for device, errors in again["kept_out"]["gemm_16bit"].items():
        assert errors["median"] == pytest.approx(priors()["fit"]["kept_out"]["gemm_16bit"][device]["median"], abs=0.005)


def test_a_row_of_northpole_cards_keeps_about_its_published_pace() -> None:
    """28,356 tokens/s for 28 users on a 3B LLM of 14 layers; the class prior's host was set by this point."""
    cards, llama = load_published("northpole-2023"), find_model("Llama-3.1-8B")
    small = msgspec.structs.replace(llama, name="14 layers of Granite 8B's size", layers=14, vocab=49_152)
    bits = dict.fromkeys(("weight_bits", "activation_bits", "kv_bits"), 4)
    scenario = Scenario(prompt=2048, output=64, batch=28, pipeline_parallel=14, **bits)
    found = evaluate(replace_settings(cards, {"calibration": "derated"}), scenario, small).metrics
    assert found is not None
    assert found.batch_running == 28.0
    assert found.tokens_per_s == pytest.approx(28_356, rel=0.2)
    assert found.tpot_s < 1.25e-3
