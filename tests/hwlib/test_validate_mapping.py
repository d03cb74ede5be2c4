"""Energy-optimal loop nests against AccelForge's mapper: a few cited rows, and the whole table where it is at hand."""

from pathlib import Path

import pytest

from hwlib.catalog import load_reference
from hwlib.mapping.loopnest import Gemm, count
from hwlib.validation.mapping import compare, machine_of, predict
from hwlib.validation.reference import TableError
from tests.hwlib.reference_tables import reference

HEAD = "arch,M,K,N,objective,energy_J,latency_s,E_DRAM,E_GlobalBuffer\n"
CITED = {
    (1, 4096, 4096): 0.0005423808511178317,
    (128, 4096, 4096): 0.0012421431190824382,
    (1024, 1024, 1024): 0.0004710203324414765,
    (197, 768, 768): 6.504990774181019e-05,
}
"""Optimal energies in J that AccelForge reports for its 32 x 32 machine with LPDDR5, by (m, k, n)."""


@pytest.mark.parametrize("shape", CITED)
def test_as_cheap_as_the_cited_optimum(shape: tuple[int, int, int]) -> None:
    memories = machine_of(load_reference("accelforge-d32-lpddr5"))
    _, _, figures = predict(memories, Gemm(*shape), "energy")
    assert figures["energy_J"] == pytest.approx(CITED[shape], rel=1e-6)


def test_the_whole_table() -> None:
    found = compare(reference("accelforge_digital_gemm.csv")).to_json()
    assert not found["skipped"]
    energies = [g for g in found["groups"] if g["quantity"] == "energy_J"]
    assert sum(g["n"] for g in energies) == 28
    for group in energies:
        assert group["max_above"] <= 0.02
        assert group["median"] < 1e-6


def test_what_is_below_the_table_is_legal() -> None:
    """Its mapping fits the buffer and moves what it says; test_loopnest.py holds the counts against a literal walk."""
    gemm, memories = Gemm(1024, 4096, 4096), machine_of(load_reference("accelforge-d32-lpddr5"))
    nest, moved, figures = predict(memories, gemm, "energy")
    assert figures["energy_J"] < 0.0070397197
    again = count(gemm, memories, nest)
    assert again.held[0] <= 2**20
    assert float(again.energy_J(memories, gemm)[0]) == figures["energy_J"]
    assert sum(float(v[0]) for v in moved.dram_reads.values()) >= gemm.m * gemm.k + gemm.k * gemm.n


def test_rows_that_cannot_be_judged_are_told(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = (
        "d99_tape,1,2,3,ENERGY,1",
        "d32_lpddr5,0,2,3,ENERGY,1",
        "d32_lpddr5,1,2,3,SPEED,1",
        "d32_lpddr5,1,2,3,ENERGY,x",
    )
    table.write_text(HEAD + "".join(f"{line},,,\n" for line in lines))
    found = compare(table)
    assert [s["column"] for s in found.skipped] == ["arch", "M", "objective", "energy_J"]
    assert not [g for g in found.groups if g.pairs]


def test_a_design_can_be_given(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(HEAD.replace("arch,", "") + "1,64,64,ENERGY,1e-6,,,\n")
    drawn = load_reference("accelforge-d128-hbm")
    assert len(compare(table, drawn).rows) == 1
    with pytest.raises(TableError, match="lacks the columns"):
        compare(_written(tmp_path, "a,b\n1,2\n"), drawn)
    with pytest.raises(ValueError, match="loop nests need"):
        compare(table, load_reference("accelforge-cim-toy"))


def test_wide_partial_sums_cost_buffer_energy_and_room() -> None:
    gemm = Gemm(128, 4096, 4096)
    narrow, wide = (machine_of(load_reference(f"accelforge-d32-lpddr5{x}")) for x in ("", "-wide-sums"))
    (_, _, a), (_, large, b) = (predict(m, gemm, "energy") for m in (narrow, wide))
    assert wide.partial_bytes == 4.0
    assert b["E_GlobalBuffer"] > a["E_GlobalBuffer"]
    assert large.held[0] <= wide.buffer_bytes


def test_machines_by_name(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    names = ("d32_lpddr5", "d32_lpddr5_psum32", "d128_hbm", "D128-HBM")
    table.write_text(HEAD + "".join(f"{name},4,64,64,ENERGY,1e-6,,,\n" for name in names))
    found = compare(table)
    assert not found.skipped
    energies = [row["predicted"]["energy_J"] for row in found.rows]
    assert energies[1] > energies[0]
    assert energies[2] == energies[3]


def _written(folder: Path, text: str) -> Path:
    path = folder / "other.csv"
    path.write_text(text)
    return path
