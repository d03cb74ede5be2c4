"""The memory-wall curves: equal to single evaluations, limited by memory, and fast enough to be one batch."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from hwlib.analysis.wall import memory_wall
from hwlib.catalog import example_designs, find_model, load_example
from hwlib.design.edit import remove
from hwlib.evaluate import evaluate, evaluate_series
from hwlib.workload.scenario import Scenario

LLAMA = find_model("Llama-3.1-8B")
EXAMPLES = ["tensor-gpu-hbm3", "rram-crossbar-attention", "sram-cim-hbm", "systolic-tpu-hbm2"]


@pytest.mark.parametrize("axis", ["batch", "context"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_point_equals_an_evaluation_of_its_own(example, axis):
    design, scenario = load_example(example), Scenario(prompt=300, output=65, batch=3)
    wall = memory_wall(design, scenario, LLAMA, axis, points=9)
    assert (3.0 if axis == "batch" else 300.0) in wall.values
    for i, value in enumerate(wall.values):
        own = msgspec.structs.replace(scenario, **{"batch" if axis == "batch" else "prompt": int(value)})
        report = evaluate(design, own, LLAMA)
        assert report.fits == (wall.bound[i] != "")
        if report.fits:
            assert wall.tokens_per_s[i] == pytest.approx(report.metrics.tokens_per_s, rel=1e-9)
            assert wall.energy_per_token_J[i] == pytest.approx(report.metrics.energy_per_token_J, rel=1e-9)
            assert wall.bound[i] == report.metrics.bound_decode
            assert wall.batch_running[i] == report.metrics.batch_running


def test_throughput_grows_with_batch_until_memory_is_full():
    wall = memory_wall(load_example("tensor-gpu-hbm3"), Scenario(), LLAMA, "batch")
    inside = wall.values < wall.limit
    assert np.all(np.diff(wall.tokens_per_s[inside]) > 0)
    assert np.all(wall.batch_running[inside] == wall.values[inside])
    assert np.all(wall.batch_running[~inside] < wall.values[~inside])
    assert wall.tokens_per_s[~inside] == pytest.approx(wall.tokens_per_s[~inside][0], rel=1e-9)


def test_bandwidth_moves_the_wall_until_something_else_binds():
    wall = memory_wall(load_example("tensor-gpu-hbm3"), Scenario(), LLAMA, "bandwidth")
    assert wall.present == pytest.approx(5 * 670e9)
    assert np.all(np.diff(wall.tokens_per_s) > 0)
    slope = np.diff(np.log(wall.tokens_per_s)) / np.diff(np.log(wall.values))
    assert slope[0] > 0.85
    assert slope[-1] < 0.3
    assert wall.bound[0] == "dram" != wall.bound[-1]


def test_capacity_that_holds_the_weights_lifts_the_wall():
    design = load_example("systolic-tpu-hbm2")
    wall = memory_wall(design, Scenario(weight_bits=16, activation_bits=16), find_model("Llama-3.2-1B"), "capacity")
    assert wall.tokens_per_s[-1] > 1.5 * wall.tokens_per_s[0]


def test_axis_that_a_chip_lacks_gives_an_empty_curve():
    bare = remove(load_example("tensor-gpu-hbm3"), ["cache"])
    wall = memory_wall(bare, Scenario(), LLAMA, "capacity")
    assert wall.present == 0
    assert len(wall.values) == 0
    with pytest.raises(ValueError, match="two points"):
        memory_wall(bare, Scenario(), LLAMA, "batch", points=1)


def test_point_where_the_model_does_not_fit_is_no_figure():
    wall = memory_wall(load_example("tensor-gpu-hbm3"), Scenario(), find_model("GPT-3 175B"), "batch")
    assert set(wall.bound) == {""}
    assert np.isnan(wall.tokens_per_s).all()


def test_series_refuses_what_it_can_not_compute_together():
    one, other = (load_example(name) for name in example_designs()[:2])
    with pytest.raises(ValueError, match="same blocks"):
        evaluate_series([one, other], [Scenario()], LLAMA)
    with pytest.raises(ValueError, match="prompt and batch only"):
        evaluate_series([one, one], [Scenario(), Scenario(output=7)], LLAMA)


def test_pipeline_micro_batches_follow_each_batch():
    design, llm = load_example("tensor-gpu-hbm3"), find_model("Llama-3.1-70B")
    scenario = Scenario(output=33, pipeline_parallel=4, batch=8)
    wall = memory_wall(design, scenario, llm, "batch", points=7)
    for i, value in enumerate(wall.values):
        report = evaluate(design, msgspec.structs.replace(scenario, batch=int(value)), llm)
        assert wall.tokens_per_s[i] == pytest.approx(report.metrics.tokens_per_s, rel=1e-9)
        assert wall.energy_per_token_J[i] == pytest.approx(report.metrics.energy_per_token_J, rel=1e-9)


@pytest.mark.parametrize("axis", ["batch", "context"])
@pytest.mark.parametrize("example", ["edge-npu-lpddr5", "systolic-tpu-hbm2"])
def test_the_limit_is_the_very_first_value_that_memory_does_not_hold(example, axis):
    design, scenario = load_example(example), Scenario(batch=3, prompt=700)
    wall = memory_wall(design, scenario, LLAMA, axis)

    def held(value):
        own = msgspec.structs.replace(scenario, **{"batch" if axis == "batch" else "prompt": int(value)})
        report = evaluate(design, own, LLAMA)
        return report.fits and report.metrics.batch_running >= own.batch

    assert wall.limit is not None
    assert held(wall.limit - 1)
    assert not held(wall.limit)
    assert {wall.limit - 1, wall.limit} <= set(wall.values)
    assert np.all(np.diff(wall.values) > 0)


def test_a_curve_without_a_limit_has_no_more_samples_than_asked_for():
    wall = memory_wall(load_example("tensor-gpu-hbm3"), Scenario(), LLAMA, "bandwidth", points=9)
    assert wall.limit is None
    assert len(wall.values) <= 10
