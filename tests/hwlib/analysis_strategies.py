"""Reports for hypothesis: example designs with a parameter changed, in scenarios and on LLMs of different make."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from hwlib.catalog import example_designs, find_model, load_example
from hwlib.design.design import Design
from hwlib.design.edit import replace_part
from hwlib.design.parts import fields_of
from hwlib.evaluate import evaluate
from hwlib.fields import PartField
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

DENSE, LOCAL, EXPERTS, BOTH = "Llama-3.1-8B", "Gemma-2-9B", "DeepSeek-V2-Lite", "gpt-oss-20b"
SCENARIOS = (
    Scenario(prompt=512, output=64),
    Scenario(prompt=64, output=1, batch=3),
    Scenario(prompt=256, output=16, batch=8, tensor_parallel=2, pipeline_parallel=4, weight_bits=4),
    Scenario(prompt=128, output=8, batch=4, tensor_parallel=64, weight_bits=4),
)


@cache
def report_of(design: Design, scenario: Scenario = SCENARIOS[0], model: str = DENSE) -> Report:
    """An evaluated design; cached, since hypothesis likes to return to its examples."""
    return evaluate(design, scenario, find_model(model))


def example(name: str, scenario: Scenario = SCENARIOS[0], model: str = DENSE) -> Report:
    """An evaluated example design."""
    return report_of(load_example(name), scenario, model)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """An example design, as it is or with one numeric parameter of one block scaled within its range."""
    design = load_example(draw(st.sampled_from(example_designs())))
    if draw(st.booleans()):
        return design
    block = draw(st.sampled_from(design.blocks))
    numbers = [f for f in fields_of(block.kind) if f.type in ("int", "float") and getattr(block.part, f.name)]
    field = draw(st.sampled_from(numbers))
    value = _scaled(field, getattr(block.part, field.name), draw(st.sampled_from((0.25, 0.5, 2.0, 4.0))))
    return replace_part(design, block.id, {field.name: value})


def _scaled(field: PartField, value: float, factor: float) -> float:
    assert field.lo is not None
    assert field.hi is not None
    scaled = min(max(value * factor, field.lo), field.hi)
    return round(scaled) if field.type == "int" else scaled


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """A report, with figures or without."""
    model = draw(st.sampled_from((DENSE, LOCAL, EXPERTS, BOTH)))
    return report_of(draw(designs()), draw(st.sampled_from(SCENARIOS)), model)


def fitting() -> st.SearchStrategy[Report]:
    """A report with figures."""
    return reports().filter(lambda report: report.fits)
