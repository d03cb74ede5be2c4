"""Placement where layers are pipelined: against every placement evaluated whole, and the live rule beside the best."""

from __future__ import annotations

from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib import catalog
from hwlib.analysis.placement import optimum, value_of
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.pipeline_items import cuts_that_fit
from hwlib.cost.placement_problem import placement_problem
from hwlib.cost.run import Held, Run, run, static_J
from hwlib.design.design import Design
from hwlib.design.parts import Crossbar, Sram, VectorUnit
from hwlib.mapping.optimum import OBJECTIVES, Objective, Placed, best_placement
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario
from tests.hwlib.explained import TENSOR, chip

TINY = msgspec.structs.replace(catalog.find_model("GPT-2"), layers=2)
LLMS = ("Llama-3.1-8B", "GPT-3 175B", "Mixtral 8x7B", "DeepSeek-V3")
PIPELINED = "layers_pipelined"


def ran(design: Design, scenario: Scenario, llm: LlmArchitecture, held: Held | None = None) -> Run:
    return run(lower([design], shape_of(design)), (scenario,), llm, (float(scenario.batch),), held)


def value(r: Run, objective: Objective) -> float:
    joules, seconds = float(r.dynamic_J[:, 0].sum() + static_J(r)[0]), float(r.end_s[0])
    return {"energy": joules, "latency": seconds, "edp": joules * seconds}[objective]


def best(r: Run, objective: Objective) -> tuple[Placed, int]:
    """The best placement over the numbers of chunks that may be taken, and that number's index."""
    cuts = np.flatnonzero(cuts_that_fit(r)[:, 0]).tolist()
    found = [(best_placement(placement_problem(r, 0, cut), objective), cut) for cut in cuts]
    return min(found, key=lambda one: one[0].value(objective))


# Every placement --------------------------------------------------------------------------------------------------

designs = st.builds(
    lambda arrays, overlap, lanes, leak, sram: chip(
        {
            **TENSOR,
            "x1": Crossbar(cell="rram", arrays=arrays, replicas=1, leakage_W=leak),
            "v": VectorUnit(count=lanes),
            "s": Sram(capacity_bytes=sram, management="cache"),
        },
        overlap=overlap,
        execution=PIPELINED,
    ),
    st.sampled_from([600, 1500, 2500, 9000]),
    st.sampled_from([0.0, 0.8, 1.0]),
    st.sampled_from([1, 32]),
    st.sampled_from([0.1, 5.0, 100.0]),
    st.sampled_from([2**18, 2**25]),
)
scenarios = st.builds(
    lambda prompt, output, batch, deep: Scenario(
        prompt=prompt, output=output, batch=batch, weight_bits=8, activation_bits=8, pipeline_parallel=deep
    ),
    st.sampled_from([1, 30, 600]),
    st.sampled_from([1, 2, 60]),
    st.sampled_from([1, 5]),
    st.sampled_from([1, 1, 2]),
)


@settings(max_examples=8, deadline=None)
@given(designs, scenarios)
def test_as_good_as_the_best_of_all_placements_evaluated_whole(design: Design, scenario: Scenario) -> None:
    r = ran(design, scenario, TINY)
    problem, on_chip = placement_problem(r, 0), bool(r.memory.kv_on_chip[0])
    choices = [[(w - n, 0.0, n) for n in np.arange(w + 1.0)] for w in problem.wanted]
    every = [np.array(choice) for choice in product(*choices)]
    runs = [
        ran(design, scenario, TINY, Held(placed, on_chip, r.program.chunks_of(int(cut))))
        for placed in every
        if problem.fits(placed)
        for cut in np.flatnonzero(cuts_that_fit(r)[:, 0])
    ]
    assert runs
    for objective in OBJECTIVES:
        found, cut = best(r, objective)
        assert found.proven
        least = min(value(one, objective) for one in runs)
        assert found.value(objective) == pytest.approx(least, rel=1e-7)
        again = ran(design, scenario, TINY, Held(found.placed, on_chip, r.program.chunks_of(cut)))
        assert value(again, objective) == pytest.approx(found.value(objective), rel=1e-9)


# Examples ---------------------------------------------------------------------------------------------------------


def example(name: str, llm: str, aim: str) -> Run:
    """The pipelined example on the fewest of 1, 8 or 64 chips that hold the LLM with four sequences."""
    design = catalog.load_example(name)
    how = msgspec.structs.replace(design.settings, execution=PIPELINED, placement=aim)
    for chips in (1, 8, 64):
        scenario = Scenario(prompt=2048, output=256, weight_bits=8, batch=4, tensor_parallel=chips)
        found = ran(msgspec.structs.replace(design, settings=how), scenario, catalog.find_model(llm))
        if found.memory.batch[0] >= 4:
            return found
    raise AssertionError(f"{name} doesn't hold {llm}")


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("llm", LLMS)
@pytest.mark.parametrize("name", ["rram-crossbar-attention", "sram-cim-hbm"])
def test_the_rule_is_within_one_percent_of_the_optimum(name: str, llm: str, objective: Objective) -> None:
    r = example(name, llm, objective)
    problem = placement_problem(r, 0)
    assert problem.fits(r.placed[0])
    joules, seconds = problem.totals(r.placed[0])
    assert joules == pytest.approx(value(r, "energy"), rel=1e-9)
    assert seconds == pytest.approx(value(r, "latency"), rel=1e-9)
    found, _ = best(r, objective)
    assert found.proven
    assert found.value(objective) <= value(r, objective) * (1.0 + 1e-9)
    assert value(r, objective) <= 1.01 * found.value(objective)


@pytest.mark.parametrize(
    ("llm", "batch", "chips", "objective"),
    [("Llama-3.1-8B", 32, 8, "latency"), ("Mixtral 8x7B", 1, 1, "energy"), ("Llama-3.1-70B", 1, 8, "latency")],
)
def test_so_it_is_at_other_batches(llm: str, batch: int, chips: int, objective: Objective) -> None:
    design = catalog.load_example("rram-crossbar-attention")
    design = msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, execution=PIPELINED))
    found = optimum(design, Scenario(batch=batch, tensor_parallel=chips), catalog.find_model(llm), objective)
    assert found is not None
    assert found.proven
    assert 0.0 <= found.gap <= 0.01


def test_the_head_flows_behind_the_last_layer() -> None:
    """Alone it is faster in DRAM; behind layers that flow its crossbars are hidden by theirs."""
    scenario = Scenario(batch=32, tensor_parallel=8)
    design = catalog.load_example("rram-crossbar-attention")
    how = msgspec.structs.replace(design.settings, execution=PIPELINED, placement="latency")
    r = ran(msgspec.structs.replace(design, settings=how), scenario, catalog.find_model("Llama-3.1-8B"))
    assert r.flow is not None
    assert r.flow.layers[0] == 32.0
    assert r.placed[0, r.program.weights.index("lm_head"), 2] == 1.0
    one = msgspec.structs.replace(how, execution="one_operator")
    alone = ran(msgspec.structs.replace(design, settings=one), scenario, catalog.find_model("Llama-3.1-8B"))
    assert alone.placed[0, alone.program.weights.index("lm_head"), 2] == 0.0


def test_some_layers_flow_where_all_that_fit_would_cost_more() -> None:
    """Mixtral on one RRAM chip: its layers hold many experts that a token doesn't ask."""
    scenario, llm = Scenario(), catalog.find_model("Mixtral 8x7B")
    design = catalog.load_example("rram-crossbar-attention")
    how = msgspec.structs.replace(design.settings, execution=PIPELINED)
    r = ran(msgspec.structs.replace(design, settings=how), scenario, llm)
    assert r.flow is not None
    assert 0.0 < r.flow.layers[0] < llm.layers


def test_whole_layers_are_kept_where_that_lets_them_flow() -> None:
    """GPT-3 on eight RRAM chips: a third of the layers fit, whole; one operator at a time the rule mixes matrices."""
    r = example("rram-crossbar-attention", "GPT-3 175B", "energy")
    assert r.flow is not None
    assert r.flow.layers[0] == 33.0
    inside = [w for w, name in enumerate(r.program.weights) if name != "lm_head"]
    assert (r.placed[0, inside, 2] >= 33.0).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_optimum_of_a_pipelined_design_is_proven(objective: Objective) -> None:
    design = catalog.load_example("rram-crossbar-attention")
    design = msgspec.structs.replace(design, settings=msgspec.structs.replace(design.settings, execution=PIPELINED))
    found = optimum(design, Scenario(prompt=512, output=64, batch=4), catalog.find_model("Mixtral 8x7B"), objective)
    assert found is not None
    assert found.proven
    assert found.report.pipeline[1].layers >= 1.0
    assert value_of(found.report, objective) <= value_of(found.rule, objective)
    assert found.held.chunks is not None


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("arrays", [5_000, 20_000])
def test_each_instance_is_in_one_place_with_several_kinds_of_crossbars(arrays: int, objective: Objective) -> None:
    """What the first kind keeps beside its whole layers counts as those layers' in the next kind."""
    digital = Crossbar(cell="sram_digital", arrays=arrays, rows=256, columns=256)
    parts = {**TENSOR, "x1": digital, "x2": Crossbar(cell="rram", arrays=60_000)}
    design = chip(parts, execution=PIPELINED, placement=objective)
    scenario = Scenario(
        prompt=2048, output=64, batch=8, weight_bits=4, activation_bits=16, tensor_parallel=2, pipeline_parallel=2
    )
    r = ran(design, scenario, catalog.find_model("Mixtral 8x7B"))
    assert (r.placed[0] >= 0).all()
    assert r.placed[0].sum(axis=1) == pytest.approx(placement_problem(r, 0).wanted)
