"""What converters cost: ADCs from the survey's fit with the best silicon as the floor, and row DACs."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from hwlib.resources import read_csv
from hwlib.technology.scaling import area_factor, energy_factor, nominal_supply_V
from hwlib.technology.tables import NODE_MAX_NM, NODE_MIN_NM, Array, Grid, constant, entry, remembered

TABLE = "technology/adc_survey.csv"
BITS = np.arange(1.0, 17.0)
RATES_HZ = np.array([m * 10.0**e for e in range(3, 12) for m in (1.0, 3.0)])


@cache
def _rows(column: str) -> tuple[Array, Array, Array, Array]:
    """Nodes, bits, rates and the logarithm of the table's column as (node, bits, rate)."""
    rows = read_csv(TABLE)
    axes = [np.unique([float(r[name]) for r in rows]) for name in ("tech_nm", "bits", "throughput_per_s")]
    values = np.full([len(a) for a in axes], np.nan)
    for r in rows:
        at = (float(r["tech_nm"]), float(r["bits"]), float(r["throughput_per_s"]))
        values[tuple(np.searchsorted(a, x) for a, x in zip(axes, at, strict=True))] = np.log(float(r[column]))
    return axes[0], axes[1], axes[2], values


def _over_bits(values: Array, bits: Array) -> Array:
    """(node, bits, rate) on BITS, carried on with the slope of the table's first and last step."""
    step = np.diff(values, axis=1)
    low = values[:, :1] + step[:, :1] * (BITS[: int(bits[0]) - 1] - bits[0])[:, None]
    high = values[:, -1:] + step[:, -1:] * (BITS[int(bits[-1]) :] - bits[-1])[:, None]
    return np.concatenate([low, values, high], axis=1)


def _over_rates(values: Array, rates: Array, below: float, above: float) -> Array:
    """(node, bits, rate) on RATES_HZ, carried on with powers of the rate."""
    index = np.clip(np.searchsorted(rates, RATES_HZ * 1.001) - 1, 0, len(rates) - 1)
    shift = below * np.minimum(np.log(RATES_HZ / rates[0]), 0.0) + above * np.maximum(np.log(RATES_HZ / rates[-1]), 0.0)
    result: Array = values[:, :, index] + shift
    return result


def _log_table(column: str, rate_powers: tuple[float, float], node_powers: tuple[float, float]) -> tuple[Array, Array]:
    """Log nodes, and the logarithm of a column on (node, bits, rate) with nodes from 3 to 130 nm."""
    nodes, bits, rates, values = _rows(column)
    table = _over_rates(_over_bits(values, bits), rates, *rate_powers)
    first = table[:1] + node_powers[0] * np.log(NODE_MIN_NM / nodes[0])
    last = table[-1:] + node_powers[1] * np.log(NODE_MAX_NM / nodes[-1])
    return np.log(np.concatenate([[NODE_MIN_NM], nodes, [NODE_MAX_NM]])), np.concatenate([first, table, last])


def _never_cheaper(table: Array) -> Array:
    """The table raised where more bits, a faster rate or an older node would cost less."""
    for axis in range(3):
        table = np.maximum.accumulate(table, axis=axis)
    return table


def adc_figure_of_merit_J(rate_Hz: ArrayLike) -> Array:
    """Least energy per conversion step of published converters: 5 fJ at 1 GS/s. Keys: adc.fom_slow, adc.fom_slope."""
    fom: Array = constant("adc.fom_slow") + constant("adc.fom_slope") * np.asarray(rate_Hz, dtype=float)
    return fom


@cache
def _energy_grid() -> Grid:
    log_nodes, table = _log_table("energy_per_convert_J", (0.0, 1.0), (0.6, 1.0))
    floor = np.log(adc_figure_of_merit_J(RATES_HZ)) + np.log(2.0) * BITS[:, None]
    return Grid((log_nodes, BITS, np.log(RATES_HZ)), _never_cheaper(np.maximum(_coarse(table), floor)))


def _coarse(table: Array) -> Array:
    """The table with converters of few bits at the energy per step of the first resolution that the survey tells of."""
    first = int(constant("adc.coarse_bits"))
    steps = np.log(2.0) * np.minimum(BITS - first, 0.0)[:, None]
    known = table[:, np.maximum(np.arange(len(BITS)), first - 1), :]
    return np.asarray(np.minimum(table, known + steps))


@cache
def _area_grid() -> Grid:
    log_nodes, table = _log_table("area_m2", (0.2, 0.3), (0.7, 1.5))
    return Grid((log_nodes, BITS, np.log(RATES_HZ)), _never_cheaper(table))


@remembered
def adc_energy_J(node_nm: ArrayLike, bits: ArrayLike, rate_Hz: ArrayLike) -> Array:
    """Energy of one conversion, broadcast over the arguments; at least figure of merit x 2^bits.

    Keys: adc.energy, adc.coarse_bits, adc.fom_slow, adc.fom_slope.
    """
    return _energy_grid()(np.log(node_nm), np.asarray(bits, dtype=float), np.log(rate_Hz))


def oscillator_power_W(node_nm: ArrayLike) -> Array:
    """Power of one column's oscillator, current mirror and counters. Keys: adc.oscillator_power, scaling.energy."""
    item = entry("adc.oscillator_power")
    power: Array = float(item["value"]) * energy_factor(float(item["at_node_nm"]), node_nm)
    return power


@remembered
def oscillator_energy_J(node_nm: ArrayLike, bits: ArrayLike, rate_Hz: ArrayLike) -> Array:
    """Energy of one conversion that counts the cycles of an oscillator driven by a column's current.

    Oscillator, current mirror and counter run for the whole conversion: power x max(1 / rate, 2^bits x a count).
    Keys: adc.oscillator_power, adc.oscillator_count, scaling.energy.
    """
    power = oscillator_power_W(node_nm)
    counting = np.exp2(np.asarray(bits, dtype=float)) * constant("adc.oscillator_count")
    energy: Array = power * np.maximum(1.0 / np.asarray(rate_Hz, dtype=float), counting)
    return energy


@remembered
def adc_area_m2(node_nm: ArrayLike, bits: ArrayLike, rate_Hz: ArrayLike) -> Array:
    """Area of one converter. Keys: adc.area."""
    return _area_grid()(np.log(node_nm), np.asarray(bits, dtype=float), np.log(rate_Hz))


def column_adc_area_m2(node_nm: ArrayLike, bits: ArrayLike, rate_Hz: ArrayLike) -> Array:
    """Area of one converter beside a crossbar's columns. Keys: adc.area, adc.column_area."""
    return constant("adc.column_area") * adc_area_m2(node_nm, bits, rate_Hz)


@remembered
def dac_energy_J(node_nm: ArrayLike, bits: ArrayLike) -> Array:
    """Energy to set one row's input of `bits` bits: 50 fF x bits x V². The word line comes on top.

    Keys: dac.capacitance, scaling.supply.
    """
    energy: Array = constant("dac.capacitance") * np.asarray(bits, dtype=float) * nominal_supply_V(node_nm) ** 2
    return energy


@remembered
def dac_area_m2(node_nm: ArrayLike, bits: ArrayLike) -> Array:
    """Area of one row's DAC. Keys: dac.area, dac.area_growth, scaling.area."""
    item = entry("dac.area")
    growth = np.exp2(constant("dac.area_growth") * (np.asarray(bits, dtype=float) - 1.0))
    area: Array = float(item["value"]) * growth * area_factor(float(item["at_node_nm"]), node_nm)
    return area
