"""Attention in crossbars that hold keys and values: counts, capacity, writes with every token, by hand."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from hwlib.catalog import find_model
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.run import run
from hwlib.design.design import Block, Placement
from hwlib.design.edit import connect, replace_part
from hwlib.design.parts import Crossbar
from hwlib.evaluate import check, evaluate, evaluate_batch, evaluate_series
from hwlib.report import RESOURCES
from hwlib.workload.scenario import Scenario
from tests.hwlib.test_crossbar import chip

LLM = find_model("Llama-3.2-1B")
SCENARIO = Scenario(prompt=64, output=17, kv_bits=8)
KV = Crossbar(
    cell="gain_cell", holds="kv", rows=64, columns=256, arrays=3_000, bits_per_cell=4, dac_bits=4, adc_bits=6,
    columns_per_adc=8, rows_active=64, coding="unsigned", adc_rate_Hz=1e9, read_time_s=15e-9, write_time_s=10e-9,
)  # fmt: skip


def with_cache(design=None, **values):
    part = msgspec.structs.replace(KV, **values)
    block = Block(id="cache", name="cache", part=part, placement=Placement(x_m=0.1))
    base = chip() if design is None else design
    return connect(msgspec.structs.replace(base, blocks=(*base.blocks, block)), "sram", "cache", width_bits=65536)


def at(result, phase, name):
    row = result.program.rows.index((phase, name))
    return int(np.flatnonzero(result.program.row == row)[-1])


def whole(design, scenario=SCENARIO, llm=LLM, batch=1.0):
    return run(lower([design], shape_of(design)), (scenario,), llm, (batch,))


def test_scores_and_weighted_sum_convert_and_drive_as_a_hand_counts():
    result = whole(with_cache())
    context = 64 + 17 - 2
    heads, shared, size = LLM.kv_heads, LLM.heads // LLM.kv_heads, LLM.head_dim
    across, inputs, slices = 256 // 2, 2, 2
    scores, values = at(result, 1, "scores"), at(result, 1, "weighted_sum")
    assert result.program.n[0, scores] == context
    assert result.work.conversions[0, scores] == heads * shared * context * inputs * slices * math.ceil(size / 64)
    assert result.work.drives[0, scores] == heads * shared * size * inputs * math.ceil(context / across)
    assert result.work.conversions[0, values] == heads * shared * size * inputs * slices * math.ceil(context / 64)
    times = dict(zip(RESOURCES, result.work.times[0, scores], strict=True))
    assert times["crossbar"] == pytest.approx(shared * inputs * 15e-9)
    assert times["dram"] == times["compute"] == 0.0


def test_keys_and_values_are_written_with_every_token_and_leave_dram_alone():
    result = whole(with_cache())
    written = 2 * LLM.kv_heads * LLM.head_dim
    for phase, tokens in ((0, 64), (1, 1)):
        column = at(result, phase, "kv_write")
        assert result.work.cell_writes[0, column] == tokens * written * 2
        assert result.work.times[0, column, RESOURCES.index("program")] == pytest.approx(tokens * 10e-9)
        assert result.work.dram_bytes[0, column] == 0.0
    report = evaluate(with_cache(), SCENARIO, LLM)
    rows = {r.name: r for r in report.rows("decode")}
    for name in ("scores", "weighted_sum"):
        assert rows[name].runs_on == ("cache",)
        assert rows[name].weights_in == "KV cache in crossbars"
        assert rows[name].dram_bytes == 0.0
    figure = next(c for c in report.crossbars if c.blocks == ("cache",))
    cells = 3_000 * 64 * 256
    often = LLM.layers * written * 2 / report.metrics.tpot_s / cells + 1.0  # and a refresh each second
    assert figure.writes_per_cell_s == pytest.approx(often, rel=1e-6)
    assert figure.convention == "KV8A8, 1 MAC = 2 OP"
    assert 0.0 < figure.filling <= 1.0
    assert next(b for b in report.blocks if b.id == "cache").holds == "KV cache, written with every token"


def arrays_of(sequence_tokens):
    """Arrays of one sequence: keys with the head along the rows, values with the context along them."""
    keys = math.ceil(LLM.head_dim / 64) * math.ceil(sequence_tokens / 128)
    values = math.ceil(sequence_tokens / 64) * math.ceil(LLM.head_dim / 128)
    return (keys + values) * LLM.kv_heads * LLM.layers


@pytest.mark.parametrize("room", [1, 2, 5])
def test_as_many_sequences_run_as_the_arrays_hold_and_the_others_wait(room):
    each = arrays_of(80)
    design = with_cache(arrays=each * room + each // 2)
    many = msgspec.structs.replace(SCENARIO, batch=6)
    report = evaluate(design, many, LLM)
    assert report.metrics.batch_running == min(room, 6)
    memory = {m.pool: m for m in report.memory}
    assert memory["crossbar-2"].kv_bytes > 0
    assert memory["dram"].kv_bytes == memory["sram"].kv_bytes == 0.0


def test_too_few_arrays_for_one_sequence_are_told():
    each = arrays_of(80)
    report = evaluate(with_cache(arrays=each - 1), SCENARIO, LLM)
    assert report.status == "does_not_fit"
    assert f"takes {each} arrays" in report.reason
    assert f"have {each - 1}" in report.reason
    narrow = evaluate(with_cache(columns=1), SCENARIO, LLM)
    assert narrow.status == "does_not_fit"
    assert "more columns for one value" in narrow.reason


def test_no_digital_unit_is_needed_for_attention_then():
    bare = with_cache(chip(digital=False))
    assert "no_attention_unit" not in {f.code for f in check(bare)}
    report = evaluate(bare, SCENARIO, LLM)
    assert report.status == "ok"
    assert {r.runs_on for r in report.rows("decode") if r.kind == "attention"} == {("cache",)}


def test_weights_never_go_where_keys_and_values_live():
    few = with_cache(replace_part(chip(), "xbar", {"arrays": 3000}), arrays=2_000_000)
    rows = [r for r in evaluate(few, SCENARIO, LLM).rows("decode") if r.kind == "GEMM"]
    assert all("cache" not in r.runs_on for r in rows)
    assert any("DRAM" in r.weights_in for r in rows)


@pytest.mark.parametrize("name", ["Gemma-2-2B", "DeepSeek-V2-Lite", "Llama-2-7B"])
@pytest.mark.parametrize("output", [1, 9])
def test_any_architecture_and_length_runs(name, output):
    scenario = Scenario(prompt=200, output=output, batch=2, kv_bits=8)
    report = evaluate(with_cache(arrays=5_000_000), scenario, find_model(name))
    assert report.status == "ok", report.reason
    assert report.metrics.ttft_s > 0


def test_a_batch_of_designs_and_a_series_agree_with_single_ones():
    designs = [with_cache(arrays=a, read_time_s=t) for a, t in ((3_000, 15e-9), (900, 30e-9), (50, 15e-9))]
    scenario = msgspec.structs.replace(SCENARIO, batch=3)
    together = evaluate_batch(designs, scenario, LLM)
    for i, design in enumerate(designs):
        alone = evaluate(design, scenario, LLM)
        assert together.status[i] == alone.status
        if alone.metrics is not None:
            assert together.tpot_s[i] == pytest.approx(alone.metrics.tpot_s, rel=1e-9)
            assert together.energy_per_token_J[i] == pytest.approx(alone.metrics.energy_per_token_J, rel=1e-9)
    prompts = [msgspec.structs.replace(SCENARIO, prompt=p) for p in (32, 64)]
    series = evaluate_series([designs[0]] * 2, prompts, LLM)
    for i, one in enumerate(prompts):
        assert series.ttft_s[i] == pytest.approx(evaluate(designs[0], one, LLM).metrics.ttft_s, rel=1e-9)
