"""Energy-optimal loop nests against AccelForge's mapper: a few cited rows, and the whole table where it is at hand."""

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hwlib.catalog import load_reference
from hwlib.mapping.loopnest import Aim, Gemm, Nest
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


def tiles(extent: int, size: int) -> list[slice]:
    return [slice(start, min(extent, start + size)) for start in range(0, extent, size)]


def walked(gemm: Gemm, rows: int, columns: int, nest: Nest) -> tuple[Counter[str], int]:
    """Bytes that a nest moves between DRAM, buffer and array where weights stay, and the most that the buffer holds.

    Goes through every tile and every fold of the array in order, with the buffer's tiles and the sums begun so far;
    nothing is multiplied out. Operands of one byte.
    """
    dims, relevant = {"m": gemm.m, "k": gemm.k, "n": gemm.n}, {"A": "mk", "W": "kn", "O": "mn"}
    begun = np.zeros((gemm.m, gemm.n), dtype=bool)
    moved, held, fullest = Counter[str](), dict[str, tuple[slice, ...]](), 0
    weights: tuple[slice, ...] | None = None
    for at in itertools.product(*(tiles(dims[d], nest.tile[d]) for d in nest.order)):
        tile = dict(zip(nest.order, at, strict=True))
        for t in nest.kept:
            wanted = tuple(tile[d] for d in relevant[t])
            if held.get(t) == wanted:
                continue
            if t == "O" and t in held:
                moved["buffer read"] += begun[held[t]].size
                moved["dram"] += begun[held[t]].size
            size = int(begun[wanted].sum()) if t == "O" else math.prod(s.stop - s.start for s in wanted)
            moved["dram"] += size
            moved["buffer write"] += size
            held[t] = wanted
        fullest = max(fullest, sum(math.prod(s.stop - s.start for s in v) for v in held.values()))
        m = tile["m"]
        for k in tiles(tile["k"].stop - tile["k"].start, rows):
            for n in tiles(tile["n"].stop - tile["n"].start, columns):
                fold = tuple(slice(tile[d].start + s.start, tile[d].start + s.stop) for d, s in (("k", k), ("n", n)))
                deep, wide, long = (s.stop - s.start for s in (k, n, m))
                if fold != weights:
                    weights = fold
                    moved["buffer read" if "W" in nest.kept else "dram"] += deep * wide
                moved["buffer read" if "A" in nest.kept else "dram"] += long * deep
                sums = begun[m, fold[1]]
                moved["buffer read" if "O" in nest.kept else "dram"] += int(sums.sum())
                moved["buffer write" if "O" in nest.kept else "dram"] += sums.size
                sums[:] = True
    if "O" in held:
        moved["buffer read"] += begun[held["O"]].size
        moved["dram"] += begun[held["O"]].size
    return moved, fullest


@pytest.mark.parametrize("aim", ["energy", "edp"])
@pytest.mark.parametrize("shape", [(1024, 4096, 4096), *CITED])
def test_what_is_printed_is_legal_and_moves_what_it_says(shape: tuple[int, int, int], aim: Aim) -> None:
    """Also of the one shape that comes out below the table (0.00704 J there)."""
    gemm, memories = Gemm(*shape), machine_of(load_reference("accelforge-d32-lpddr5"))
    nest, counted, figures = predict(memories, gemm, aim)
    moved, fullest = walked(gemm, memories.rows, memories.columns, nest)
    assert fullest <= memories.buffer_bytes == 2**20
    assert float(counted.dram[0]) == moved["dram"]
    assert sum(float(v[0]) for v in counted.buffer_reads.values()) == moved["buffer read"]
    assert sum(float(v[0]) for v in counted.buffer_writes.values()) == moved["buffer write"]
    joules = moved["dram"] * memories.dram_J + moved["buffer read"] * memories.buffer_read_J
    joules += moved["buffer write"] * memories.buffer_write_J + gemm.m * gemm.k * gemm.n * memories.mac_J
    assert figures["energy_J"] == pytest.approx(joules, rel=1e-12)


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
