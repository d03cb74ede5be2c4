"""The live rule of placement beside the integer program, on the example designs, and the program's view of a run."""

import numpy as np
import pytest

from hwlib import catalog
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.placement_problem import placement_problem
from hwlib.cost.run import Held, Run, run
from hwlib.mapping.optimum import best_placement
from hwlib.workload.scenario import Scenario

LLMS = ("Llama-3.1-8B", "GPT-3 175B", "Mixtral 8x7B", "DeepSeek-V3")


def run_of(name: str, llm: str, held: Held | None = None, **how: int) -> Run | None:
    """The example's run on the fewest of 1, 8 or 64 chips that hold the LLM at this batch; None where none does."""
    design = catalog.load_example(name)
    for chips in (1, 8, 64):
        scenario = Scenario(prompt=2048, output=256, weight_bits=8, batch=4, tensor_parallel=chips, **how)
        found = run(lower([design], shape_of(design)), (scenario,), catalog.find_model(llm), (4.0,), held)
        if found.memory.batch[0] >= 4:
            return found
    return None


def joules(r: Run) -> float:
    return float(r.dynamic_J[:, 0].sum() + r.static_W[0] * r.scenario.chips * r.end_s[0])


@pytest.mark.parametrize("llm", LLMS)
@pytest.mark.parametrize("name", catalog.example_designs())
def test_the_rule_is_within_one_percent_of_the_optimum(name: str, llm: str) -> None:
    r = run_of(name, llm)
    if r is None:
        assert name == "sram-only-dataflow"
        return
    problem = placement_problem(r, 0)
    assert problem.fits(r.placed[0])
    energy, latency = problem.totals(r.placed[0])
    assert energy == pytest.approx(joules(r), rel=1e-12)
    assert latency == pytest.approx(float(r.end_s[0]), rel=1e-12)
    best = best_placement(problem, "energy")
    assert best.proven
    assert best.energy_J <= energy * (1 + 1e-9)
    assert energy <= 1.01 * best.energy_J


@pytest.mark.parametrize("stages", [1, 4])
@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_a_run_with_the_best_placement_costs_what_the_program_says(objective: str, stages: int) -> None:
    r = run_of("rram-crossbar-attention", "Mixtral 8x7B", pipeline_parallel=stages)
    assert r is not None
    best = best_placement(placement_problem(r, 0), objective)  # type: ignore[arg-type]
    again = run_of("rram-crossbar-attention", "Mixtral 8x7B", Held(best.placed, True), pipeline_parallel=stages)
    assert again is not None
    assert np.array_equal(again.placed[0], best.placed)
    assert joules(again) == pytest.approx(best.energy_J, rel=1e-9)
    assert float(again.end_s[0]) == pytest.approx(best.latency_s, rel=1e-9)


def test_static_energy_counts_in_the_rule() -> None:
    """Slow crossbars that save dynamic energy lose it to leakage of the whole chip: DeepSeek-V3 on RRAM."""
    r = run_of("rram-crossbar-attention", "DeepSeek-V3")
    assert r is not None
    everything = r.placed[0].copy()
    held = everything[:, 2:].sum()
    assert 0 < held < 0.5 * everything.sum()
