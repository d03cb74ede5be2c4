"""Chips in parallel: stages that don't divide the layers, batches that don't divide into parts, and what is told."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest

from hwlib.catalog import find_model, load_example
from hwlib.cost.machine import priors
from hwlib.design.parts import Port
from hwlib.evaluate import evaluate, evaluate_batch
from hwlib.mapping.collectives import collective_latencies, port_ramp
from hwlib.report import RESOURCES, Metrics, Report
from hwlib.workload.scenario import Scenario

GPU = load_example("tensor-gpu-hbm3")
LLAMA = find_model("Llama-3.1-8B")
BASE = Scenario(prompt=256, output=17, batch=16)


def report(scenario: Scenario, **changes: int) -> Report:
    return evaluate(GPU, msgspec.structs.replace(scenario, **changes), LLAMA)


def metrics(scenario: Scenario, **changes: int) -> Metrics:
    found = report(scenario, **changes).metrics
    assert found is not None
    return found


def codes(found: Report) -> set[str]:
    return {f.code for f in found.findings}


def test_the_busiest_stage_sets_the_pace() -> None:
    """32 layers over 5 stages: one has 7, so that the pipeline is as fast as 32/7 even stages."""
    even, uneven = metrics(BASE, pipeline_parallel=4, batch=4), metrics(BASE, pipeline_parallel=5, batch=5)
    rows = {p: sum(r.time_s for r in report(BASE, pipeline_parallel=p, batch=p).rows("decode")) for p in (4, 5)}
    assert even.tpot_s == pytest.approx(rows[4])
    assert uneven.tpot_s == pytest.approx(rows[5] * 5 * 7 / 32)
    first = sum(r.time_s for r in report(BASE, pipeline_parallel=5, batch=5).rows("prefill"))
    assert uneven.ttft_s == pytest.approx(first * (1 + 4 * 7 / 32))


def test_the_busiest_stage_keeps_most_of_the_memory() -> None:
    found = report(BASE, pipeline_parallel=5)
    alone = report(BASE)
    assert found.explain("memory.weights_bytes").value == pytest.approx(
        alone.explain("memory.weights_bytes").value * 7 / 32
    )
    assert found.explain("memory.kv_bytes").value == pytest.approx(alone.explain("memory.kv_bytes").value * 7 / 32)


def test_energy_hardly_depends_on_how_a_batch_divides() -> None:
    """16 sequences over 7 stages are no 21: parts of the batch are 16/7 on average."""
    joules = [metrics(BASE, pipeline_parallel=p).energy_per_token_J for p in (4, 7, 8)]
    assert joules[0] < joules[1] < joules[2] * 1.1
    steps = [metrics(BASE, pipeline_parallel=8, batch=b).tpot_s for b in range(8, 25)]
    assert all(later >= earlier * (1 - 1e-9) for earlier, later in itertools.pairwise(steps))


def test_more_stages_than_layers_are_refused_with_the_reason() -> None:
    found = report(BASE, pipeline_parallel=33)
    assert (found.status, found.metrics) == ("cannot_run", None)
    assert found.reason == "33 pipeline stages are more than the 32 layers of Llama-3.1-8B."
    assert evaluate_batch([GPU], msgspec.structs.replace(BASE, pipeline_parallel=33), LLAMA).status == ("cannot_run",)
    assert report(BASE, pipeline_parallel=32).fits


def test_uneven_stages_and_copied_caches_are_told() -> None:
    assert "uneven_stages" in codes(report(BASE, pipeline_parallel=5))
    assert not {"uneven_stages", "kv_copies"} & codes(report(BASE, pipeline_parallel=4, tensor_parallel=8))
    assert "kv_copies" in codes(report(BASE, tensor_parallel=16))
    latent = evaluate(GPU, Scenario(tensor_parallel=16, weight_bits=4), find_model("DeepSeek-V3"))
    assert "latent" in next(f.message for f in latent.findings if f.code == "kv_copies")


def test_a_context_beyond_what_the_model_was_made_for_is_told() -> None:
    long = Scenario(prompt=131_000, output=100)
    found = report(long)
    assert found.fits
    warning = next(f for f in found.findings if f.code == "beyond_context")
    assert warning.severity == "warning"
    assert "131072 tokens" in warning.message
    assert "131100" in warning.message
    assert "beyond_context" not in codes(report(long, output=72))


# Collectives ------------------------------------------------------------------------------------------------------


def test_bandwidth_between_chips_rises_with_the_root_of_a_message_before_its_plateau() -> None:
    ramp = 1e6
    assert port_ramp(1e3, ramp) / port_ramp(1e2, ramp) == pytest.approx(math.sqrt(10), rel=1e-3)
    assert port_ramp(1e10, ramp) == pytest.approx(1.0, rel=1e-3)
    assert port_ramp(1.0, 0.0) == 1.0
    sizes = np.geomspace(1, 1e10, 200)
    assert (np.diff(sizes / port_ramp(sizes, ramp)) > 0).all()


def test_one_hop_reaches_a_server_and_more_chips_take_levels_of_switches() -> None:
    assert collective_latencies([2, 4, 8, 64, 4096]).tolist() == [1.0, 1.0, 1.0, 2.0, 4.0]


def test_an_all_reduce_takes_latency_and_bytes_over_the_ramped_bandwidth() -> None:
    found = report(BASE, tensor_parallel=8)
    row = next(r for r in found.rows("decode") if r.name == "all_reduce_ffn")
    port = GPU.block("link").part
    assert isinstance(port, Port)
    prior = priors()["classes"]["gpu"]
    size = 16 * 4096 * 2.0
    ramped = math.sqrt(size / (size + prior["port_ramp_s"] * port.bandwidth_Bps))
    each = 7e-7 + 2 * 7 / 8 * size / (port.bandwidth_Bps * prior["port"] * ramped)
    assert row.times_s[RESOURCES.index("port")] / row.repeat == pytest.approx(each)
    ideal = msgspec.structs.replace(GPU, settings=msgspec.structs.replace(GPU.settings, calibration="ideal"))
    best = evaluate(ideal, msgspec.structs.replace(BASE, tensor_parallel=8), LLAMA)
    row = next(r for r in best.rows("decode") if r.name == "all_reduce_ffn")
    assert row.times_s[RESOURCES.index("port")] / row.repeat == pytest.approx(
        7e-7 + 2 * 7 / 8 * size / port.bandwidth_Bps
    )


def test_chips_that_are_said_to_hold_a_model_do() -> None:
    for name in ("GPT-3 175B", "DeepSeek-V3", "Llama-3.1-405B"):
        llm, scenario = find_model(name), Scenario(prompt=100_000, output=2)
        refused = evaluate(GPU, scenario, llm)
        assert refused.status == "does_not_fit"
        chips = int(refused.reason.rpartition("too many. ")[2].split(" chips")[0])
        assert evaluate(GPU, msgspec.structs.replace(scenario, tensor_parallel=chips), llm).fits
        assert not evaluate(GPU, msgspec.structs.replace(scenario, tensor_parallel=chips // 2), llm).fits
