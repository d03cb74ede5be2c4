"""What links make of a chip: only blocks that a path joins work together, and many blocks take little memory."""

from __future__ import annotations

import tracemalloc

import msgspec
import numpy as np
import pytest

from hwlib.catalog import find_model
from hwlib.cost.formula import evaluate_formula
from hwlib.design.design import Block, Design, Link
from hwlib.design.parts import AnyPart, ComputeArray, Crossbar, Dram, Noc, Port, Sram, VectorUnit
from hwlib.evaluate import check, evaluate, evaluate_batch
from hwlib.mapping.routes import Uses, find_routes, joined, topology
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

SCENARIO = Scenario(prompt=64, output=8)
LLM = find_model("Llama-3.1-8B")
CHIP: dict[str, AnyPart] = {
    "m": ComputeArray(style="tensor", count=32),
    "v": VectorUnit(count=8),
    "s": Sram(),
    "d": Dram(channels=4),
}


def drawn(parts: dict[str, AnyPart], *pairs: tuple[str, str]) -> Design:
    blocks = tuple(Block(id=name, name=f"The {name}", part=part) for name, part in parts.items())
    links = tuple(Link(id=f"{a}-{b}", source=a, target=b) for a, b in pairs)
    return Design(name="hand-made", blocks=blocks, links=links)


def chip(more: dict[str, AnyPart] | None = None, *pairs: tuple[str, str]) -> Design:
    """A whole chip around the SRAM s, and more blocks and links beside it."""
    return drawn({**CHIP, **(more or {})}, ("s", "m"), ("s", "v"), ("s", "d"), *pairs)


def unused(report: Report) -> set[str]:
    return {block for f in report.findings if f.code == "unused" for block in f.blocks}


def runs_on(report: Report, name: str) -> tuple[str, ...]:
    return next(row.runs_on for row in report.operators if row.name == name)


def test_a_second_island_does_not_share_the_work() -> None:
    second = {"m2": ComputeArray(count=64), "v2": VectorUnit(), "s2": Sram(capacity_bytes=2**30)}
    islands = evaluate(chip(second, ("s2", "m2"), ("s2", "v2")), SCENARIO, LLM)
    alone = evaluate(chip(), SCENARIO, LLM)
    assert alone.metrics is not None
    assert islands.metrics is not None
    assert islands.metrics.tpot_s == alone.metrics.tpot_s
    assert unused(islands) == {"m2", "v2", "s2"}
    assert [m.capacity_bytes for m in islands.memory] == [m.capacity_bytes for m in alone.memory]
    assert "has no path" in next(f.message for f in islands.findings if f.blocks == ("m2",))
    joined_up = evaluate(chip(second, ("s2", "m2"), ("s2", "v2"), ("s", "s2")), SCENARIO, LLM)
    assert unused(joined_up) == set()
    assert runs_on(joined_up, "qkv") == ("m", "m2")


def test_the_island_that_can_run_is_taken_wherever_it_stands() -> None:
    first = {"x": ComputeArray(count=4), "y": Sram(), "z": Noc(), "w": Noc(), "u": Port()}
    links = (("x", "y"), ("y", "z"), ("z", "w"), ("w", "u"))
    behind = drawn({**first, **CHIP}, *links, ("s", "m"), ("s", "v"), ("s", "d"))
    report = evaluate(behind, SCENARIO, LLM)
    assert report.fits
    assert unused(report) == set(first)


def test_what_no_memory_feeds_computes_nothing() -> None:
    alone = evaluate(chip(), SCENARIO, LLM)
    for part in (Crossbar(arrays=1_000_000), ComputeArray(count=999), VectorUnit(count=999)):
        beside = evaluate(chip({"x": part}), SCENARIO, LLM)
        assert beside.metrics is not None
        assert alone.metrics is not None
        assert beside.metrics.tpot_s == alone.metrics.tpot_s
        assert unused(beside) == {"x"}
        assert not any("x" in row.runs_on for row in beside.operators)
        assert beside.crossbars == ()
        assert "share.8bit.x" not in beside.figures()
        for key in beside.figures():
            told = beside.explain(key)
            again = evaluate_formula(told.formula, {i.name: i.value for i in told.inputs}, limitless=True)
            assert again == pytest.approx(told.value, rel=1e-9), key


def test_chips_without_a_connected_port_stay_alone() -> None:
    two = msgspec.structs.replace(SCENARIO, tensor_parallel=2)
    assert evaluate(chip({"p": Port()}), two, LLM).status == "cannot_run"
    linked = evaluate(chip({"p": Port(), "q": Port(bandwidth_Bps=9e14)}, ("p", "s")), two, LLM)
    assert linked.fits
    assert linked.explain("port.bandwidth_Bps").value == Port().bandwidth_Bps
    assert [row.runs_on for row in linked.operators if row.kind == "collective"] == [("p",)] * 4


def test_arrays_without_a_number_format_do_not_compute_for_nothing() -> None:
    powerless = ComputeArray(rate_16bit=0.0, rate_int8=0.0)
    design = chip({"m": powerless})
    report = evaluate(design, SCENARIO, LLM)
    assert report.status == "cannot_run"
    assert "number format" in report.reason
    both = evaluate_batch([design, chip({"m": ComputeArray()}), design], SCENARIO, LLM)
    assert both.status == ("cannot_run", "ok", "cannot_run")
    assert np.isnan(both.tpot_s).tolist() == [True, False, True]
    helped = evaluate(chip({"m2": powerless}, ("s", "m2")), SCENARIO, LLM)
    assert helped.fits
    assert runs_on(helped, "qkv") == ("m",)


def test_blocks_in_a_row_of_detours_are_told_apart_from_unlinked_ones() -> None:
    through_unit = drawn(CHIP, ("s", "m"), ("s", "v"), ("d", "m"))
    messages = {f.blocks[0]: f.message for f in check(through_unit) if f.code == "unused"}
    assert list(messages) == ["d"]
    assert "has no path over links, NoC and SRAM" in messages["d"]
    assert "is not connected" in next(f.message for f in check(chip({"n": Noc()})) if f.code == "unused")


@pytest.mark.parametrize("items", [5, 20_000])
def test_loads_are_the_same_by_table_and_by_list(items: int) -> None:
    rng = np.random.default_rng(7)
    route, item = np.repeat(np.arange(12), 2), rng.integers(0, items, 24)
    share = rng.random((3, 12))
    table = np.zeros((12, items))
    np.add.at(table, (route, item), 1.0)
    assert Uses(12, items, route, item).load(share) == pytest.approx(share @ table, rel=1e-12)
    assert Uses(12, items, [], []).load(share).tolist() == np.zeros((3, items)).tolist()


def test_equal_crossbars_count_as_one_class() -> None:
    parts = {f"x{i}": Crossbar() for i in range(3)}
    routes = find_routes(topology(chip(parts, *((f"x{i}", "s") for i in range(3)))))
    classes = tuple(routes.classes[f"crossbar.{i}"] for i in (4, 5, 6))
    together = joined(classes)
    assert together.target.tolist() == [4, 5, 6]
    assert together.links.load(np.full((1, 3), 1 / 3))[0, 3:] == pytest.approx([1 / 3] * 3)


def test_hundreds_of_blocks_of_each_kind_take_little_memory() -> None:
    kinds = (ComputeArray(), Sram(), Dram(), VectorUnit())
    parts = {"noc": Noc(), "m": ComputeArray(), **{f"b{i}": kinds[i % 4] for i in range(400)}}
    design = drawn(parts, *((name, "noc") for name in parts if name != "noc"))
    tracemalloc.start()
    report = evaluate(design, SCENARIO, LLM)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.fits
    assert peak < 200e6
