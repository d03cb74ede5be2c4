"""Every figure of a report says where it comes from, and its formula over its inputs gives it again."""

from __future__ import annotations

import ast
import re
from functools import cache

import msgspec
import pytest

from hwlib import catalog
from hwlib.cost.formula import evaluate_formula
from hwlib.design.design import Block, Design, Placement, Settings
from hwlib.design.edit import connect, replace_part
from hwlib.design.parts import AnyPart, ComputeArray, Crossbar, Dram, Noc, Port, Sram, VectorUnit
from hwlib.evaluate import evaluate
from hwlib.fields import part_fields
from hwlib.report import COMPONENTS, PHASES, RESOURCES, Explanation, Report
from hwlib.technology.sources import CONFIDENCES, source_keys, source_of
from hwlib.workload.scenario import Scenario

LLMS = ("Llama-3.1-8B", "Mixtral-8x7B")
BIG = Dram(technology="HBM3", channels=4, capacity_bytes=80e9)
CROSSBARS = Crossbar(cell="rram", arrays=60_000)
DIGITAL = Crossbar(cell="sram_digital", arrays=20_000, rows=256, columns=256)
SMALL = Scenario(prompt=300, output=16)
OWN = {"_J": 1e-12, "area_m2": 1e-5, "leakage_W": 0.5, "bandwidth_Bps": 4e11, "capacity_bytes": 9e10, "": 1e-7}


def chip(parts: dict[str, AnyPart], **settings: object) -> Design:
    """Blocks around one network, which is the part called noc."""
    blocks = [
        Block(id=name, name=f"The {name}", part=part, placement=Placement(x_m=4e-3 * i, y_m=2e-3 * i))
        for i, (name, part) in enumerate(parts.items())
    ]
    design = Design(name="hand-made", settings=Settings(**settings), blocks=tuple(blocks))  # type: ignore[arg-type]
    for name in parts:
        if name != "noc":
            design = connect(design, name, "noc", width_bits=1024 + 64 * len(name), clock_Hz=1e9)
    return design


def with_own_values(design: Design) -> Design:
    """The design with the user's own value in every field that takes one."""
    blocks = []
    for block in design.blocks:
        fields = [f.name for f in part_fields(type(block.part)) if f.override]
        values = {f: next(v for word, v in OWN.items() if word in f) for f in fields}
        blocks.append(msgspec.structs.replace(block, part=msgspec.structs.replace(block.part, **values)))
    settings = msgspec.structs.replace(design.settings, overhead_s=1e-6)
    return msgspec.structs.replace(design, blocks=tuple(blocks), settings=settings)


TENSOR: dict[str, AnyPart] = {
    "m": ComputeArray(style="tensor", rows=32, columns=64, count=100, rate_int8=2),
    "v": VectorUnit(count=32),
    "s": Sram(capacity_bytes=2**25),
    "d": BIG,
    "p": Port(),
    "noc": Noc(),
}
MANY: dict[str, AnyPart] = {
    "a.1": ComputeArray(rows=128, columns=64, count=3, rate_int8=2, dataflow="output_stationary"),
    "b-2": ComputeArray(style="simd", rows=16, columns=32, count=8, rate_16bit=0.5),
    "narrow": ComputeArray(rows=32, columns=32, rate_16bit=0, rate_int4=2, dataflow="input_stationary", buffer_bytes=0),
    "v1": VectorUnit(),
    "v2": VectorUnit(lanes=64, special_rate=1.0),
    "s1": Sram(capacity_bytes=2**26),
    "s2": Sram(capacity_bytes=2**25, management="cache", cell="high_performance"),
    "d1": BIG,
    "d2": Dram(technology="DDR5", channels=2, capacity_bytes=80e9),
    "p1": Port(),
    "p2": Port(technology="pcie5", bandwidth_Bps=1e11),
    "noc": Noc(topology="ring"),
}
POOLS: dict[str, AnyPart] = {"x1": CROSSBARS, "x2": DIGITAL, "x3": DIGITAL, **TENSOR}
RELOADED: dict[str, AnyPart] = {
    "x": Crossbar(cell="rram", arrays=2000, coding="differential"),
    "v": VectorUnit(count=16),
    "s": Sram(),
    "d": BIG,
    "p": Port(),
    "noc": Noc(topology="bus"),
}
PING_PONG: dict[str, AnyPart] = {
    **RELOADED,
    "x": Crossbar(cell="sram_analog", arrays=2000, ping_pong=True, columns_per_adc=8),
}
DESIGNS: dict[str, Design] = {
    "tensor": chip(TENSOR),
    "throttled": chip(TENSOR, tdp_W=30.0, power_density_limit_Wpm2=1e5, overlap=0.3),
    "ideal": chip(TENSOR, calibration="ideal", overlap=1.0),
    "one after the other": chip(TENSOR, overlap=0.0),
    "many of each": chip(MANY),
    "own values": with_own_values(chip(MANY)),
    "crossbar pools": chip(POOLS, tdp_W=60.0),
    "crossbar pools with own values": with_own_values(chip(POOLS)),
    "reloaded crossbars": chip(RELOADED),
    "ping-pong crossbars": chip(PING_PONG),
    "without SRAM": chip({k: v for k, v in TENSOR.items() if k != "s"}),
    "without DRAM": chip({**{k: v for k, v in TENSOR.items() if k != "d"}, "s": Sram(capacity_bytes=2**37)}),
    "vector unit alone": chip({k: v for k, v in TENSOR.items() if k != "m"}),
}
SCENARIOS: dict[str, Scenario] = {
    "short": SMALL,
    "one token": Scenario(prompt=100, output=1),
    "waves": Scenario(prompt=1000, output=8, batch=4000, weight_bits=16, activation_bits=16),
    "eight chips": Scenario(
        output=8, batch=8, pipeline_parallel=4, tensor_parallel=2, weight_bits=4, activation_bits=4
    ),
    "uneven stages": Scenario(prompt=200, output=8, batch=7, pipeline_parallel=5, tensor_parallel=3),
    "wide": Scenario(prompt=9000, output=64, weight_bits=32, activation_bits=32, kv_bits=8),
}


@cache
def of_example(name: str, llm: str) -> Report:
    """An example on the fewest chips, in powers of four, that hold the LLM."""
    for chips in (1, 4, 16, 64, 256):
        scenario = Scenario(output=16, weight_bits=4, kv_bits=8, tensor_parallel=chips)
        report = evaluate(catalog.load_example(name), scenario, catalog.find_model(llm))
        if report.fits:
            return report
    raise AssertionError(f"{name} doesn't run {llm} on 256 chips: {report.reason}")


@cache
def of_hand_made(name: str, scenario: str, llm: str) -> Report:
    report = evaluate(DESIGNS[name], SCENARIOS[scenario], catalog.find_model(llm))
    assert report.fits, report.reason
    return report


def recomputed(found: Explanation) -> float:
    return evaluate_formula(found.formula, {one.name: one.value for one in found.inputs})


def check_figures(report: Report) -> None:
    """Every formula gives its figure; every input is used, sourced, and agrees with the figure it points to."""
    known = {key: report.explain(key) for key in report.figures()}
    assert len(known) == len(report.figures())
    for key, found in known.items():
        assert found.key == key
        assert found.label
        assert found.source
        assert recomputed(found) == pytest.approx(found.value, rel=1e-9, abs=0.0), (key, found.formula)
        used = {node.id for node in ast.walk(ast.parse(found.formula)) if isinstance(node, ast.Name)}
        assert {one.name for one in found.inputs} <= used, (key, found.formula)
        for one in found.inputs:
            assert one.source, (key, one)
            assert one.key in known or not one.key, (key, one)
            if one.key and isinstance(one.value, float) and one.key.count(".") < 3:
                assert known[one.key].value == pytest.approx(one.value, rel=1e-9), (key, one)
    check_no_circles(known)


def check_no_circles(known: dict[str, Explanation]) -> None:
    """No figure rests on itself, however far round."""
    settled: set[str] = set()
    while ready := {k for k, e in known.items() if {i.key for i in e.inputs if i.key} <= settled} - settled:
        settled |= ready
    assert settled == set(known), f"circular: {sorted(set(known) - settled)}"


def check_report_fields(report: Report) -> None:
    """The explained values are the report's own."""
    metrics = report.metrics
    assert metrics is not None

    def same(key: str, value: float) -> None:
        assert report.explain(key).value == pytest.approx(value, rel=1e-9, abs=1e-300), key

    for key in ("ttft_s", "tpot_s", "end_s", "tokens_per_s", "e2e_tokens_per_s", "energy_per_token_J"):
        same(key, getattr(metrics, key))
    for key in ("decode_energy_per_token_J", "power_W", "power_prefill_W", "power_decode_W"):
        same(key, getattr(metrics, key))
    assert report.area_m2 is not None
    same("area_m2", report.area_m2)
    same("memory.batch", metrics.batch_running)
    for component in COMPONENTS:
        value = report.energy_by_component[component]
        assert (f"energy.{component}" in report.figures()) == (value > 0)
        if value > 0:
            same(f"energy.{component}", value)
    for row in report.operators:
        same(f"time.{row.key}", row.time_s)
        same(f"energy.{row.key}", row.energy_J)
        for resource, value in zip(RESOURCES, row.times_s, strict=True):
            assert (f"time.{row.key}.{resource}" in report.figures()) == (value > 0)
            if value > 0:
                same(f"time.{row.key}.{resource}", value)
    for block in report.blocks:
        same(f"area.{block.id}", block.area_m2)
        same(f"leakage.{block.id}", block.leakage_W)
        same(f"block.{block.id}.area_m2", block.area_m2)
        same(f"block.{block.id}.leakage_W", block.leakage_W)
        assert (f"block.{block.id}.peak" in report.figures()) == (block.peak > 0)
        if block.peak > 0:
            same(f"block.{block.id}.peak", block.peak)
    same("static_W", sum(b.leakage_W for b in report.blocks))
    for link in report.links:
        same(f"link.{link.id}.bandwidth_Bps", link.bandwidth_Bps)
    for phase, walls in zip(PHASES, (metrics.without_wall_prefill, metrics.without_wall_decode), strict=True):
        for resource, value in zip(RESOURCES, walls, strict=True):
            if f"without_wall.{phase}.{resource}" in report.figures():
                same(f"without_wall.{phase}.{resource}", value)
    bound = f"without_wall.decode.{metrics.bound_decode}"
    assert bound in report.figures()


@pytest.mark.parametrize("llm", LLMS)
@pytest.mark.parametrize("name", catalog.example_designs())
def test_every_figure_of_every_example(name: str, llm: str) -> None:
    report = of_example(name, llm)
    check_figures(report)
    check_report_fields(report)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_figure_of_hand_made_designs(name: str) -> None:
    report = of_hand_made(name, "short", "Llama-3.1-8B")
    check_figures(report)
    check_report_fields(report)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", ["throttled", "many of each", "reloaded crossbars"])
@pytest.mark.parametrize("llm", ["Llama-3.1-8B", "DeepSeek-V2-Lite", "Gemma-2-9B"])
def test_every_figure_in_other_scenarios(name: str, scenario: str, llm: str) -> None:
    report = of_hand_made(name, scenario, llm)
    check_figures(report)
    check_report_fields(report)


# Sources ----------------------------------------------------------------------------------------------------------

CHOICES = ("your design: ", "scenario: ", "counted: ", "routes: ", "throttle: ", "figure ", "LLM ")
DOCUMENTS = frozenset(source_of(key).document for key in source_keys())


def sourced_reports() -> list[Report]:
    hand_made = [of_hand_made(name, "short", "Llama-3.1-8B") for name in ("many of each", "own values", "throttled")]
    pools = of_hand_made("crossbar pools", "short", "Llama-3.1-8B")
    return [*hand_made, pools, of_example(catalog.example_designs()[0], LLMS[0])]


def test_every_input_is_someones_choice_or_has_a_confidence() -> None:
    for report in sourced_reports():
        for key in report.figures():
            for one in report.explain(key).inputs:
                if one.source.startswith(CHOICES):
                    continue
                assert one.confidence in (*CONFIDENCES, "exact"), (key, one)


def test_technology_inputs_name_the_tables_document_and_confidence() -> None:
    trusted = {source_of(key).document: {source_of(key).confidence} for key in source_keys()}
    for key in source_keys():
        trusted[source_of(key).document].add(source_of(key).confidence)
    seen = set()
    for report in sourced_reports():
        for key in report.figures():
            for one in report.explain(key).inputs:
                document = one.source.split("; at ")[0]
                if document in trusted:
                    seen.add(document)
                    assert one.confidence in trusted[document], (key, one)
    assert len(seen) > 25


def inputs_of(report: Report, key: str) -> dict[str, tuple[float | tuple[float, ...], str, str]]:
    return {one.name: (one.value, one.source, one.confidence) for one in report.explain(key).inputs}


def test_the_users_own_choices_are_called_so() -> None:
    report = of_hand_made("own values", "short", "Llama-3.1-8B")
    assert inputs_of(report, "area.s1") == {"area_m2": (1e-5, "your design: The s1, Area (own value)", "own value")}
    assert inputs_of(report, "leakage.s1")["leakage_W"][1:] == ("your design: The s1, Leakage (own value)", "own value")
    energies = inputs_of(report, "energy.mac")
    assert ("your design: The a.1, Energy per MAC (own value)", "own value") in {v[1:] for v in energies.values()}
    drawn = of_hand_made("many of each", "short", "Llama-3.1-8B")
    assert inputs_of(drawn, "peak.vector")["lanes"] == (128.0, "your design: The v1, Lanes", "")


def test_llm_scenario_and_calibration_are_named() -> None:
    report = of_hand_made("tensor", "short", "Llama-3.1-8B")
    weights = inputs_of(report, "memory.weights_bytes")
    assert weights["parameters"][0] == report.llm.params
    assert report.llm.source in weights["parameters"][1]
    assert weights["weight_bits"] == (8.0, "scenario: Weight bits", "")
    efficiency = inputs_of(report, "time.decode.qkv.dram")["efficiency"]
    assert efficiency[1].startswith("class dataflow: ")
    assert efficiency[2] == "estimate"
    ideal = of_hand_made("ideal", "short", "Llama-3.1-8B")
    assert "Calibration: ideal" in inputs_of(ideal, "time.decode.qkv.dram")["efficiency"][1]


def test_throttling_shows_where_it_acts() -> None:
    report = of_hand_made("throttled", "short", "Llama-3.1-8B")
    assert report.metrics is not None
    factor = report.metrics.clock_factor
    assert factor < 0.9
    clock, source, _ = inputs_of(report, "time.prefill.qkv.compute")["clock_factor"]
    assert clock >= factor
    assert "Power limit (TDP)" in source
    assert "clock_factor" in report.explain("energy.mac").formula
    for key in ("time.prefill.qkv.dram", "energy.dram"):
        assert "clock_factor" not in report.explain(key).formula


def test_adc_energy_is_conversions_times_energy_of_one() -> None:
    report = of_hand_made("crossbar pools", "short", "Llama-3.1-8B")
    found = report.explain("energy.adc")
    assert (found.method, found.scope) == ("by actions", "package")
    energy = next(one for one in found.inputs if one.name == "energy_conversions")
    assert energy.source == source_of("adc.energy").document
    of_one = report.explain(energy.key)
    assert of_one.unit == "J/conversion"
    assert re.search(r"at 7 nm, 8 bit, 1.28e\+09 conversions a second", of_one.inputs[0].source)


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("v", "op_energy_J"),
        ("s", "read_energy_J_per_bit"),
        ("s", "write_energy_J_per_bit"),
        ("d", "bandwidth_Bps"),
        ("d", "energy_J_per_bit"),
        ("noc", "router_energy_J_per_bit"),
        ("x1", "adc_energy_J"),
        ("x1", "read_time_s"),
        ("x1", "cell_read_energy_J"),
        ("x1", "area_m2"),
        ("m", "leakage_W"),
    ],
)
def test_the_models_value_set_as_ones_own_changes_nothing(block: str, field: str) -> None:
    """So that the inspector can show it in the field that overrides it."""
    report = of_hand_made("crossbar pools", "short", "Llama-3.1-8B")
    value = report.explain(f"block.{block}.{field}").value
    own = evaluate(replace_part(report.design, block, {field: value}), SMALL, report.llm)
    assert own.metrics is not None
    assert report.metrics is not None
    assert own.metrics.tpot_s == pytest.approx(report.metrics.tpot_s, rel=1e-9)
    assert own.metrics.energy_per_token_J == pytest.approx(report.metrics.energy_per_token_J, rel=1e-9)
    assert own.explain(f"block.{block}.{field}").inputs[0].confidence == "own value"


def test_an_unknown_figure_is_refused() -> None:
    report = of_hand_made("tensor", "short", "Llama-3.1-8B")
    for key in ("", "energy", "energy.adc", "time.decode.nothing", "area.nowhere", "peak", "ttft_s.x"):
        with pytest.raises(KeyError):
            report.explain(key)


def test_a_figure_that_does_not_exist_has_no_key() -> None:
    report = of_hand_made("without DRAM", "short", "Llama-3.1-8B")
    assert not [key for key in report.figures() if "dram" in key or "adc" in key]
