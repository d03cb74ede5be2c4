"""The toy crossbar machine: its table, counts written by hand, and the split over rounds against brute force."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hwlib import cli
from hwlib.catalog import UnknownNameError, example_designs, load_reference
from hwlib.design.edit import replace_part
from hwlib.mapping.rounds import off_chip_bytes, rounds
from hwlib.validation.crossbar import ENERGIES, TIMES, compare, predict
from hwlib.validation.reference import TableError
from tests.hwlib.reference_tables import reference

TOY = load_reference("accelforge-cim-toy")
HEAD = "M,K,N,n_arrays,E_total,E_ADC,latency_s,n_ADC_values\n"
SMALL = st.integers(1, 24)


def by_hand(m, k, n, arrays):
    """Energies and times of the toy machine, written from its description and not from the model's code.

    The rectangle of arrays for each round is searched among all.
    """
    down, across, bits = math.ceil(k / 256), math.ceil(n / 64), 8
    splits = []
    for tall in range(1, min(down, arrays) + 1):
        over_k, over_n = math.ceil(down / tall), math.ceil(across / min(across, arrays // tall))
        buffer_bits = bits * (m * k * (1 + over_n) + m * n * 2 * over_k)
        splits.append((buffer_bits, over_k * over_n, over_n * m * k + over_k * m * n, over_k, over_n))
    buffer_bits, fills, _, over_k, over_n = min(splits)
    conversions = m * n * 8 * 4 * down
    drives = m * k * 8 * across
    weights = math.ceil(n / across)
    moved_bits = bits * (k * n + m * k + m * n)
    energies = {
        "E_ADC": conversions * 1.5e-12,
        "E_ShiftAdd": conversions * 0.05e-12,
        "E_RowDriver": drives * 0.05e-12,
        "E_Cells": m * k * n * 4 * 8 * 1e-15 + k * n * 4 * 10e-12,
        "E_GlobalBuffer": buffer_bits * 0.2e-12,
        "E_DRAM": moved_bits * 4e-12,
    }
    times = {
        "L_ADC": fills * m * 8 * max(1.0, weights * 4 / 8) * 1e-9,
        "L_DRAM": moved_bits / 8 / 64e9,
        "L_Cells": fills * 25.6e-6,
    }
    counts = {"GB_in_rd_bits": bits * m * k * over_n, "GB_out_wr_bits": bits * m * n * over_k}
    return {**energies, "E_total": sum(energies.values()), **times, "latency_s": max(times.values()), **counts}


def test_every_count_and_energy_of_the_table_is_met_within_a_ten_thousandth():
    found = compare(reference("accelforge_cim_toy.csv")).to_json()
    groups = {g["name"]: g for g in found["groups"]}
    assert set(ENERGIES) | set(TIMES) | {"latency_s", "n_ADC_values", "GB_in_rd_bits"} <= set(groups)
    assert {g["n"] for g in groups.values()} == {12}
    assert max(g["max"] for g in groups.values()) < 1e-4
    assert all(g["exact"] == 1.0 for g in groups.values() if g["quantity"] == "count")


BUFFER_BYTES = 4 << 20


@given(st.integers(1, 4096), st.integers(1, 6000), st.integers(1, 6000), st.sampled_from([1, 16, 64, 256, 1000]))
@example(m=256, k=4096, n=4096, arrays=1024)  # 2 MiB of inputs and results
@example(m=4096, k=4096, n=4096, arrays=1024)  # 32 MiB, that stream past arrays which hold everything
@settings(max_examples=60, deadline=None)
def test_the_cost_model_counts_the_toy_machine_as_a_hand_would(m, k, n, arrays):
    design = replace_part(TOY, "cells", {"arrays": arrays})
    one_round = math.ceil(k / 256) * math.ceil(n / 64) <= arrays
    assume(one_round or m * (k + n) <= BUFFER_BYTES)
    found = predict(design, *(np.array([float(v)]) for v in (m, k, n)))
    for name, value in by_hand(m, k, n, arrays).items():
        assert found[name][0] == pytest.approx(value, rel=2e-5), name


@given(SMALL, SMALL, st.integers(1, 9), st.integers(1, 40), st.integers(1, 1000), st.integers(1, 1000))
@settings(max_examples=200, deadline=None)
def test_rounds_are_the_best_of_all_rectangles(down, across, batch, arrays, inputs, results):
    choices = []
    for tall in range(1, min(down, arrays) + 1):
        over_k, over_n = math.ceil(down / tall), math.ceil(across / min(across, arrays // tall))
        choices.append((inputs * over_n + results * (2 * over_k - 1), over_k * over_n))
    traffic, parts = min(choices)
    found = rounds(*(np.array([[float(v)]]) for v in (down, across, batch, arrays, inputs, results)))
    got = inputs * found.over_outputs + results * (2 * found.over_sums - 1)
    assert got.item() == traffic
    assert (found.over_sums * found.over_outputs).item() == parts
    whole = math.ceil(down * across * batch / arrays)
    assert found.fills.item() == (whole if parts == 1 else batch * parts)
    assert found.fills.item() >= whole * (1 if parts == 1 else 0)


def again_by_hand(x, y, over_sums, over_outputs, room):
    """Bytes beyond the buffer that rounds fetch again, by walking through them: what of an operand finds room stays."""
    found = []
    for outputs_first in (True, False):
        outer, inner = (over_outputs, over_sums) if outputs_first else (over_sums, over_outputs)
        stays, streams = (y / over_outputs, x) if outputs_first else (x / over_sums, y)
        costs, streamed = (2, 1) if outputs_first else (1, 2)  # a partial result is put aside and fetched
        used = stays if inner > 1 else 0.0
        moved = 0.0
        for part in range(outer):
            for _ in range(1, inner):
                moved += costs * max(used - room, 0.0)
            if part:
                moved += streamed * max(streams - max(room - used, 0.0), 0.0)
        found.append(moved)
    return min(found)


@given(SMALL, SMALL, st.integers(1, 40), *[st.integers(1, 1000)] * 3, st.floats(1.0, 50.0))
@example(5, 10, 9, 40, 98, 60, 50.0)  # four arrays of five high leave partial results room, three don't
@settings(max_examples=200, deadline=None)
def test_rounds_count_what_a_full_buffer_fetches_again(down, across, arrays, inputs, results, room, apart):
    choices = []
    for tall in range(1, min(down, arrays) + 1):
        p, q = math.ceil(down / tall), math.ceil(across / min(across, arrays // tall))
        again = again_by_hand(inputs, results, p, q, room)
        choices.append(inputs * q + results * (2 * p - 1) + apart * again)
    found = rounds(*(np.array([[float(v)]]) for v in (down, across, 1, arrays, inputs, results, room, apart)))
    p, q = int(found.over_sums.item()), int(found.over_outputs.item())
    again = again_by_hand(inputs, results, p, q, room)
    assert inputs * q + results * (2 * p - 1) + apart * again == pytest.approx(min(choices))
    off = off_chip_bytes(*(np.array([[float(v)]]) for v in (inputs, results, room, 1, 0)), held=found)
    assert off.item() == pytest.approx(max(inputs + results - room, 0) + again)


def test_what_exceeds_the_buffer_comes_from_dram_as_often_as_rounds_ask_for_it():
    """4,096 x 4,096 weights in 256 arrays: four rounds, of all sums and a quarter of the outputs, or half of both."""
    mega = 1 << 20
    held, spilled = (predict(TOY, *(np.array([float(v)]) for v in (m, 4096, 4096))) for m in (1024, 4096))
    assert held["E_DRAM"][0] == pytest.approx((16 + 4 + 4) * mega * 8 * 4e-12)  # inputs fill the buffer, results pass
    assert held["GB_in_rd_bits"][0] == 4 * 8 * 4 * mega
    assert spilled["E_DRAM"][0] == pytest.approx((16 + 16 + 16 + 16 + 4 * 4) * mega * 8 * 4e-12)
    assert spilled["GB_in_rd_bits"][0] == 2 * 8 * 16 * mega


def test_blocks_abut_so_that_wires_cost_nothing_and_the_machine_is_no_example():
    found = predict(TOY, *(np.array([float(v)]) for v in (1, 512, 512)))
    parts = sum(found[name][0] for name in ENERGIES if name != "E_total")
    assert found["E_total"][0] == pytest.approx(parts, rel=1e-12)
    assert "accelforge-cim-toy" not in example_designs()
    with pytest.raises(UnknownNameError, match="reference machine"):
        load_reference("some other")


def test_without_ping_pong_arrays_programming_comes_on_top():
    serial = replace_part(TOY, "cells", {"ping_pong": False})
    sizes = [np.array([1.0]), np.array([1000.0]), np.array([1000.0])]
    before, after = predict(TOY, *sizes), predict(serial, *sizes)
    assert after["latency_s"][0] == pytest.approx(before["L_Cells"][0] + before["L_DRAM"][0], rel=1e-4)
    assert after["E_total"][0] == before["E_total"][0]


def test_weights_that_pass_the_buffer_cost_it_a_write_and_a_read():
    through = replace_part(TOY, "cells", {"bypass": False})
    sizes = [np.array([1.0]), np.array([512.0]), np.array([512.0])]
    more = predict(through, *sizes)["E_GlobalBuffer"] - predict(TOY, *sizes)["E_GlobalBuffer"]
    assert more[0] == pytest.approx(2 * 512 * 512 * 8 * 0.2e-12)


def test_the_command_with_a_design_of_ones_own(tmp_path, capsys):
    from hwlib.design.files import save

    table, dear = tmp_path / "table.csv", tmp_path / "dear.chip.json"
    sizes = (1, 256, 64, 4)
    hand = by_hand(*sizes)
    row = ",".join(str(v) for v in (*sizes, hand["E_total"], hand["E_ADC"], hand["latency_s"], 2048))
    table.write_text(HEAD + row + "\n1,2,x,4,,,,\n")
    save(replace_part(TOY, "cells", {"adc_energy_J": 3e-12}), dear)
    assert cli.run(["validate", str(table), "--kind", "crossbar", "--design", str(dear), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    groups = {g["name"]: g for g in found["groups"]}
    assert groups["E_ADC"]["max"] == pytest.approx(1.0)
    assert groups["E_ADC"]["factor_max"] == pytest.approx(2.0)
    assert groups["n_ADC_values"]["exact"] == 1.0
    assert found["skipped"][0]["first_line"] == 3
    assert found["rows"][0]["E_ADC"]["published"] == pytest.approx(hand["E_ADC"])


def test_what_can_not_be_compared_says_why(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("M,K\n1,2\n")
    with pytest.raises(TableError, match="the columns N;"):
        compare(table)
    table.write_text(HEAD + "1,256,64,4,1,1,1,1\n")
    bare = msgspec.structs.replace(TOY, links=())
    with pytest.raises(ValueError, match="no crossbar with a link"):
        compare(table, bare)
    assert cli.run(["validate", str(table), "--kind", "crossbar", "--design", "tensor-gpu-hbm3"]) == 2
    assert "0 crossbar blocks" in capsys.readouterr().err


def test_rows_need_no_number_of_arrays_and_may_have_hand_formulas_and_units_only(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(
        "N,K,M,h_ADC,h_cell_read,h_cell_write,latency_s\n64,256,1,3.072 nJ,5.24288e-10,6.5536e-7,25.6 us\n"
    )
    found = compare(table).to_json()
    assert {g["name"] for g in found["groups"]} == {"E_ADC", "E_Cells", "latency_s"}
    assert all(g["max"] < 1e-4 for g in found["groups"])


def test_sizes_beyond_reason_and_rows_without_figures_are_told(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("M,K,N,n_arrays,E_ADC\n1e300,256,64,256,1\n1,256,64,256,-1\n1,256,64,256,\n1,256,64,256,0\n")
    found = compare(table).to_json()
    assert found["groups"] == []
    assert sum(s["rows"] for s in found["skipped"]) >= 4
