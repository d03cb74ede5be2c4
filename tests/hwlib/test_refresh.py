"""Cells that forget are refreshed, and matrices that stay may be kept several times, by hand."""

from __future__ import annotations

import math

import pytest

from hwlib.catalog import find_model
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import build
from hwlib.cost.run import run
from hwlib.design.edit import replace_part
from hwlib.evaluate import evaluate
from hwlib.report import RESOURCES
from hwlib.technology.crossbar import cell_technology
from hwlib.workload.scenario import Scenario
from tests.hwlib.test_crossbar import CELLS, SCENARIO, chip

LLM = find_model("Llama-3.2-1B")
CELL_COUNT = CELLS.arrays * CELLS.rows * CELLS.columns


def static_W(design, block="xbar"):
    machine = build(lower([design], shape_of(design)), (8,))
    return float(machine.leakage_W[0, [b.id for b in design.blocks].index(block)])


@pytest.mark.parametrize("retention", [1e-3, 1.0, 3600.0])
def test_refreshing_costs_a_write_of_every_cell_each_retention(retention):
    design = replace_part(chip(), "xbar", {"write_energy_J": 1e-14})
    forgetful = replace_part(design, "xbar", {"retention_s": retention})
    assert static_W(forgetful) - static_W(design) == pytest.approx(CELL_COUNT * 1e-14 / retention, rel=1e-6)
    report = evaluate(forgetful, SCENARIO, LLM)
    assert report.crossbars[0].writes_per_cell_s == pytest.approx(1 / retention)
    cell = cell_technology("rram")
    assert report.crossbars[0].lifetime_s == pytest.approx(cell.endurance_writes / cell.verify_pulses * retention)


def test_cells_that_hold_for_years_are_not_refreshed():
    design = replace_part(chip(), "xbar", {"retention_s": 3.2e7})
    assert static_W(design) == static_W(chip())
    assert math.isinf(evaluate(design, SCENARIO, LLM).crossbars[0].lifetime_s)


def test_gain_cells_are_refreshed_by_themselves_and_sram_never_is():
    gain = replace_part(chip(), "xbar", {"cell": "gain_cell"})
    cell = cell_technology("gain_cell")
    assert static_W(gain) > CELL_COUNT * cell.write_energy_J / cell.retention_s
    sram = replace_part(chip(), "xbar", {"cell": "sram_analog"})
    assert static_W(replace_part(sram, "xbar", {"retention_s": 1.0})) == static_W(sram)


def times(design, name, phase):
    result = run(lower([design], shape_of(design)), (SCENARIO,), LLM, (1.0,))
    row = result.program.rows.index((phase, name))
    column = next(
        k for k in range(len(result.program)) if result.program.row[k] == row and result.program.unit[k] >= 10
    )
    return dict(zip(RESOURCES, result.work.times[0, column], strict=True)), result, column


@pytest.mark.parametrize("copies", [1, 2, 3, 64, 1000])
def test_copies_share_the_rows_of_the_prefill_and_take_arrays(copies):
    design = replace_part(chip(), "xbar", {"replicas": copies, "arrays": 10_000_000})
    before, _, _ = times(chip(), "attn_out", 0)
    after, result, column = times(design, "attn_out", 0)
    m = float(result.program.m[0, column])
    assert after["crossbar"] == pytest.approx(before["crossbar"] * math.ceil(m / copies) / m)
    one_token, _, _ = times(design, "attn_out", 1)
    assert one_token["crossbar"] == pytest.approx(times(chip(), "attn_out", 1)[0]["crossbar"])


def test_copies_that_do_not_fit_leave_weights_to_the_digital_units():
    small = replace_part(chip(), "xbar", {"arrays": 20_000})
    scenario = Scenario(prompt=64, output=2)
    single = evaluate(small, scenario, LLM)
    copied = evaluate(replace_part(small, "xbar", {"replicas": 4}), scenario, LLM)
    placed = [sum(r.repeat for r in report.rows("decode") if r.kind == "GEMM" and "crossbar" in r.weights_in)
              for report in (single, copied)]  # fmt: skip
    assert placed[1] < placed[0]
    memory = next(m for m in copied.memory if m.pool == "crossbar")
    assert memory.weight_bytes <= memory.capacity_bytes
    assert 0.5 < copied.crossbars[0].filling <= 1.0
