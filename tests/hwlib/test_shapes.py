"""The operator table's own code writes down the formulas of its figures: over LLM and scenario they give them again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib import catalog
from hwlib.cost.formula import evaluate_formula
from hwlib.workload.operators import prefill_table
from hwlib.workload.scenario import Scenario
from hwlib.workload.shapes import CONTEXT, RUNNING, shapes_of
from hwlib.workload.table import COLUMNS
from hwlib.workload.traced import Traced, largest, power, smallest

LLMS = ("GPT-3 175B", "Llama-3.1-8B", "Mixtral-8x7B", "DeepSeek-V3", "DeepSeek-V2-Lite", "Gemma-2-9B", "OPT-350M")
SCENARIOS = (
    Scenario(prompt=100, batch=3),
    Scenario(prompt=5000, batch=7, weight_bits=4, activation_bits=32, tensor_parallel=8, pipeline_parallel=5),
)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", LLMS)
def test_formulas_give_the_prefill_table(name: str, scenario: Scenario) -> None:
    llm, batch = catalog.find_model(name), float(scenario.batch)
    table = prefill_table(llm, scenario, batch)
    shapes = shapes_of(llm, scenario, batch, False)
    assert set(shapes) == set(table.names)
    for i, operator in enumerate(table.operator):
        for column in COLUMNS:
            shape = shapes[table.names[operator]][column]
            value = evaluate_formula(shape.text, {n: _size(llm, scenario, batch, n) for n in shape.names})
            assert value == pytest.approx(table.columns[column][i], rel=1e-12), (table.names[operator], column)


def _size(llm: object, scenario: Scenario, batch: float, name: str) -> float:
    if name == RUNNING:
        return batch
    if name == CONTEXT:
        return float(scenario.prompt)
    return float(getattr(scenario, name) if hasattr(scenario, name) else getattr(llm, name))


def test_a_formula_names_what_it_rests_on() -> None:
    shapes = shapes_of(catalog.find_model("Llama-3.1-8B"), Scenario(batch=4), 4.0, True)
    assert shapes["qkv"]["m"].text == "running"
    assert shapes["qkv"]["n"].text == "(heads + 2 * max(1, kv_heads)) * head_dim"
    assert shapes["scores"]["n"].text == "context"
    assert shapes["lm_head"]["n"].names == ("vocab",)
    assert shapes["norm_final"]["repeat"].names == ()


NUMBERS = st.floats(0.5, 64.0)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_every_operation_is_written_as_it_is_computed(a: float, b: float, c: float) -> None:
    x, y, z = (Traced(v, n) for v, n in zip((a, b, c), "xyz", strict=True))
    made = [
        x + y * z, (x + y) * z, x - (y - z), x / (y / z), x / (y * z), 2.0 * x - y, 3.0 / x, 1.0 - x, math.ceil(x / y),
        largest(x, y * z), smallest(2.0, x + y), power(x / 8.0, 1.0 - y / 128.0), -1.0 * x + y, x * y / z - 4.0,
    ]  # fmt: skip
    for found in made:
        assert isinstance(found, Traced)
        inputs = {"x": a, "y": b, "z": c}
        assert evaluate_formula(found.text, inputs) == pytest.approx(float(found), rel=1e-12, abs=1e-9)


def test_what_changes_nothing_leaves_no_trace() -> None:
    x = Traced(3.0, "x")
    assert (x * 1.0).text == (1 * x + 0).text == (x / 1).text == math.ceil(x).text == "x"
    assert x * 0.0 == 0.0
    assert not isinstance(x * 0.0, Traced)
    assert largest(1.0, 2.0) == 2.0
    assert smallest(x, math.inf) is x
