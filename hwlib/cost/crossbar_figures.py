"""What became of the crossbars: ADC bits and SQNR, filling, lifetime, and TOPS/W peak, mapped and end to end."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.assemble import OneDesign
from hwlib.cost.cell_noise import cell_noise, ir_noise, mean_drop
from hwlib.cost.crossbar_peak import peak_ops_per_J
from hwlib.cost.crossbar_pool import refreshes_per_s
from hwlib.cost.crossbar_shape import arrays_per_instance
from hwlib.cost.energy import INDEX
from hwlib.cost.kv_cells import arrays_of_all, cells_of_all
from hwlib.cost.machine import CrossbarPool
from hwlib.cost.refresh import refresh
from hwlib.cost.sqnr import lossless_adc_bits, variances
from hwlib.mapping.program import CROSSBAR
from hwlib.report import CrossbarFigure
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
NOISES = ("ADC", "cell variation", "IR drop")
"""What adds to the error of a dot product."""

OWN_COMPONENTS = ("cell", "adc", "dac", "shift_add", "program")


def crossbar_figures(one: OneDesign) -> tuple[CrossbarFigure, ...]:
    """One figure per pool of equal crossbar blocks."""
    return tuple(_figure(one, index, pool) for index, pool in enumerate(one.run.machine.crossbars))


def _figure(one: OneDesign, index: int, pool: CrossbarPool) -> CrossbarFigure:
    scenario = one.run.scenario
    x = one.crossbar(index)
    signed = x["copies"] > x["copies_converted"]
    need = lossless_adc_bits(x["rows_active"], x["dac_bits"], x["bits_per_cell"], signed)
    zeros = float(one.run.machine.chip.settings["zero_share"][one.d, 0])
    signal, noises = noise_parts(one, index)
    error = sum(noises.values())
    ratio = 10.0 * math.log10(signal / error) if error > 0 else math.inf
    writes = _writes_per_s(one, index, x)
    rewritten, (cells, arrays) = refresh(one, pool), _held(one, index, pool)
    count, convention = counting(one.design.settings.counting, scenario, pool.keeps_kv)
    return CrossbarFigure(
        blocks=tuple(one.design.blocks[i].id for i in pool.blocks),
        cell=pool.cell,
        lossless_adc_bits=0 if pool.digital else need,
        adc_bits=0 if pool.digital else int(x["adc_bits"]),
        sqnr_dB=ratio,
        ir_drop_share=mean_drop(x["rows_active"], x["copies"] > 1, zeros, x["ir_drop"]),
        noise_from=max(noises, key=lambda name: noises[name]) if error > 0 else "",
        filling=cells / max(arrays * float(pool.rows[one.d] * pool.columns[one.d]), 1.0),
        programming_s=_programming_s(one, index, pool),
        programming_J=0.0 if pool.keeps_kv else cells * float(pool.write_energy_J[one.d]),
        writes_per_cell_s=writes,
        lifetime_s=x["endurance"] / writes if writes > 0 else math.inf,
        refresh_interval_s=rewritten.interval_s,
        refresh_J=rewritten.energy_J,
        refresh_W=rewritten.power_W,
        refresh_share=rewritten.time_share,
        peak_TOPS_per_W=count * peak_ops_per_J(pool, x, one.d, zeros) / 1e12,
        mapped_TOPS_per_W=count * _mapped(one, index) / 1e12,
        end_to_end_TOPS_per_W=count * _end_to_end(one) / 1e12,
        convention=convention,
    )


def counting(word: str, scenario: Scenario, keeps_kv: bool = False) -> tuple[float, str]:
    """Operations of a MAC over two, and the convention in words, as Settings.counting says."""
    stored = scenario.kv_bits if keeps_kv else scenario.weight_bits
    bits = stored * scenario.activation_bits
    factor = {"ops": 1.0, "macs": 0.5, "bit_ops": float(bits)}[word]
    each = {"ops": "2 OP", "macs": "1 OP", "bit_ops": f"{2 * bits} one-bit OP"}[word]
    return factor, f"{'KV' if keeps_kv else 'W'}{stored}A{scenario.activation_bits}, 1 MAC = {each}"


@lru_cache(maxsize=1024)
def _noises(
    k: int, rows: int, dac: int, cell: int, adc: int, bits: tuple[int, int], coding: tuple[bool, bool, bool],
    zeros: float, variation: float, ir_drop: float, covered: float,
) -> tuple[float, tuple[float, float, float]]:  # fmt: skip
    """Signal, and the errors of ADC, cells and wires; coding: difference converted, columns apart, reference column."""
    differential, apart, reference = coding
    paired = differential or apart
    signal, quantised = variances(k, rows, dac, cell, adc, *bits, differential, zeros, apart, covered)
    cells = cell_noise(k, cell, *bits, paired, zeros, variation, reference)
    return signal, (quantised, cells, ir_noise(k, rows, dac, cell, *bits, paired, zeros, ir_drop))


def noise_parts(one: OneDesign, index: int) -> tuple[float, dict[str, float]]:
    """Variance of the longest dot product on a pool, and what its ADCs, cells and wires add; none where digital."""
    pool, scenario = one.run.machine.crossbars[index], one.run.scenario
    x = one.crossbar(index)
    longest = float(np.max(one.values["k"][one.program.unit == CROSSBAR + index], initial=1.0))
    sizes = [int(x[name]) for name in ("rows_active", "dac_bits", "bits_per_cell", "adc_bits")]
    zeros = float(one.run.machine.chip.settings["zero_share"][one.d, 0])
    coding = (x["copies"] > x["copies_converted"], x["copies_converted"] > 1, x["offset"] > 0)
    bits = (scenario.activation_bits, scenario.kv_bits if pool.keeps_kv else scenario.weight_bits)
    signal, errors = _noises(int(longest), *sizes, bits, coding, zeros, x["variation"], x["ir_drop"], x["adc_range"])
    return signal, {} if pool.digital else dict(zip(NOISES, errors, strict=True))


def _matrices(one: OneDesign) -> tuple[Array, Array, Array]:
    """n, k and matrices of an instance of every weight GEMM."""
    n, k, matrices = (one.values[c][one.program.weight_column] for c in ("n", "k", "matrices"))
    return n, k, matrices


def _held(one: OneDesign, index: int, pool: CrossbarPool) -> tuple[float, float]:
    """Cells that hold weights (k n slices_w copies of each), or keys and values, and the arrays that these are in."""
    if pool.keeps_kv:
        d = one.d if len(one.program.n) > 1 else 0
        both = (of(pool, one.program, index, one.run.scenario)[d] for of in (cells_of_all, arrays_of_all))
        cells, arrays = map(float, both)
        return cells, arrays
    x, placed, copies = one.crossbar(index), one.run.placed[one.d, :, 2 + index], one.run.copies[index][one.d]
    n, k, matrices = _matrices(one)
    need = arrays_per_instance(pool, one.run.scenario, matrices, n, k)[one.d] * copies / x["replicas"]
    cells = float(placed @ (matrices * n * k * copies)) * x["width"]
    return cells, float(np.where(placed > 0, placed * np.where(np.isfinite(need), need, 0.0), 0.0).sum())


def _programming_s(one: OneDesign, index: int, pool: CrossbarPool) -> float:
    """Seconds to program all weights that stay: rows of the tallest part of a matrix, all arrays at once."""
    placed = one.run.placed[one.d, :, 2 + index] > 0
    if pool.keeps_kv or not placed.any():
        return 0.0
    x, tallest = one.crossbar(index), float(_matrices(one)[1][placed].max())
    rows = x["rows"] if x["whole_array"] > 0 else min(tallest, x["rows"])
    return rows * float(pool.write_time_s[one.d])


def _writes_per_s(one: OneDesign, index: int, x: dict[str, float]) -> float:
    """Mean programmings of one cell per second in decode, refreshes included; 0 where weights stay by themselves."""
    here = (one.program.unit == CROSSBAR + index) & (one.program.phase == 1)
    scenario = one.run.scenario
    at_once = float(one.runs[0]) / scenario.chips  # micro-batches over stages, each with a part of the layers
    written = float(one.passes[here] @ one.run.work.cell_writes[one.d, here]) * at_once
    pool = one.run.machine.crossbars[index]
    refreshed = float(refreshes_per_s(pool.cell, pool.retention_s)[one.d])
    return written / (x["arrays"] * x["rows"] * x["columns"]) / float(one.phase_s[1]) + refreshed


def _mapped(one: OneDesign, index: int) -> float:
    """Operations per joule of the crossbars alone on the workload's decode steps."""
    here = (one.program.unit == CROSSBAR + index) & (one.program.phase == 1)
    flops = float(one.passes[here] @ one.values["flops"][here])
    own = [INDEX[c] for c in OWN_COMPONENTS]
    joules = float(one.passes[here] @ one.run.energy[one.d][here][:, own].sum(axis=1))
    return flops / joules if joules > 0 else 0.0


def _end_to_end(one: OneDesign) -> float:
    """Operations per joule of the whole decode step, everything and leakage included."""
    here = one.program.phase == 1
    flops = float(one.passes[here] @ one.values["flops"][here]) * float(one.runs[0])
    joules = float(one.run.pass_energy[1, one.d].sum()) * float(one.runs[0])
    joules += float(one.run.phase_static_W[1, one.d]) * one.run.scenario.chips * float(one.phase_s[1])
    return flops / joules
