"""Technology models: anchors met, floors kept, monotone and finite everywhere, every constant with a source."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwlib.design import parts
from hwlib.resources import ResourceError, read_csv
from hwlib.technology import adc, cost, crossbar, dram, logic, package, scaling, sources, sram, tables, wires

MODULES = (adc, cost, crossbar, dram, logic, package, scaling, sram, wires)
FAMILIES = ("dram.", "cell.", "port.", "cost.memory.")
PICO = 1e-12

NODES = st.floats(3.0, 130.0)
CAPACITIES = st.floats(64.0, 2.0**46)
WIDTHS = st.floats(1.0, 65_536.0)
BITS = st.floats(1.0, 14.0)
RATES = st.floats(1e4, 1e11)
AREAS = st.floats(1e-8, 0.06)
COLUMNS = st.floats(1.0, 65_536.0)
CELLS = tuple(crossbar.CELL_TECHNOLOGIES)

# name -> (function, its arguments' domains, directions: +1 rises, -1 falls, 0 either way)
MODELS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = {
    **{f"mac_energy {f}": (lambda n, f=f: logic.mac_energy_J(n, f), (NODES,), (1,)) for f in logic.FORMATS},
    **{f"mac_area {f}": (lambda n, f=f: logic.mac_area_m2(n, f), (NODES,), (1,)) for f in logic.FORMATS},
    **{f"control {s}": (lambda n, s=s: logic.control_energy_J_per_mac(n, s), (NODES,), (1,)) for s in logic.STYLES},
    "register": (logic.register_energy_J_per_bit, (NODES,), (1,)),
    "register_file": (logic.register_file_energy_J_per_bit, (NODES,), (1,)),
    "vector_op": (logic.vector_op_energy_J, (NODES, st.integers(8, 32)), (1, 1)),
    "special_op": (logic.special_op_energy_J, (NODES, st.integers(8, 32)), (1, 1)),
    "vector_lane": (logic.vector_lane_area_m2, (NODES, st.integers(8, 32)), (1, 1)),
    "logic_leakage": (logic.logic_leakage_Wpm2, (NODES,), (-1,)),
    "wiring_overhead": (logic.wiring_overhead, (NODES,), (-1,)),
    "supply": (scaling.nominal_supply_V, (NODES,), (1,)),
    "energy_factor": (scaling.energy_factor, (NODES, NODES), (-1, 1)),
    "area_factor": (scaling.area_factor, (NODES, NODES), (-1, 1)),
    "sram_read": (sram.sram_read_energy_J_per_bit, (NODES, CAPACITIES, WIDTHS), (1, 1, -1)),
    "sram_write": (sram.sram_write_energy_J_per_bit, (NODES, CAPACITIES, WIDTHS), (1, 1, 0)),
    "sram_area": (sram.sram_area_m2, (NODES, CAPACITIES, WIDTHS), (1, 1, 1)),
    "sram_clock": (sram.sram_max_clock_Hz, (NODES, CAPACITIES, WIDTHS), (-1, -1, 0)),
    "sram_leakage": (sram.sram_leakage_W, (NODES, CAPACITIES, st.floats(0.01, 1.0)), (1, 1, 1)),
    "bit_cell": (sram.bit_cell_area_m2, (NODES,), (1,)),
    "adc_energy": (adc.adc_energy_J, (NODES, BITS, RATES), (1, 1, 1)),
    "adc_area": (adc.adc_area_m2, (NODES, BITS, RATES), (1, 1, 1)),
    "adc_fom": (adc.adc_figure_of_merit_J, (RATES,), (1,)),
    "oscillator": (adc.oscillator_energy_J, (NODES, BITS, RATES), (1, 1, -1)),
    "dac_energy": (adc.dac_energy_J, (NODES, BITS), (1, 1)),
    "dac_area": (adc.dac_area_m2, (NODES, BITS), (1, 1)),
    **{f"cell_area {c}": (lambda n, b, c=c: crossbar.cell_area_m2(c, n, b), (NODES, BITS), (1, 1)) for c in CELLS},
    **{f"cell_read {c}": (lambda n, c=c: crossbar.cell_read_energy_J(c, n), (NODES,), (1,)) for c in CELLS},
    **{f"cell_time {c}": (lambda n, c=c: crossbar.cell_read_time_s(c, n), (NODES,), (1,)) for c in CELLS},
    "bitmac": (crossbar.digital_bitmac_energy_J, (NODES, st.floats(0.3, 1.3)), (0, 1)),
    "product_area": (crossbar.product_area_m2, (NODES,), (1,)),
    "adding_cell_area": (lambda n: crossbar.product_area_m2(n, "cell"), (NODES,), (1,)),
    "accumulator_area": (crossbar.accumulator_area_m2, (NODES,), (1,)),
    "shift_add": (crossbar.shift_add_energy_J, (NODES,), (1,)),
    "row_driver": (crossbar.row_driver_energy_J, (NODES, COLUMNS), (1, 1)),
    "wire_energy": (wires.wire_energy_J_per_bit_m, (NODES,), (1,)),
    "wire_delay": (wires.wire_delay_s_per_m, (NODES,), (-1,)),
    "wire_area": (wires.wire_area_m2_per_bit_m, (NODES,), (1,)),
    "router_energy": (wires.router_energy_J_per_bit, (NODES,), (1,)),
    "router_area": (wires.router_area_m2, (NODES, COLUMNS), (1, 1)),
    "dies": (cost.dies_per_wafer, (AREAS,), (-1,)),
    "yield": (cost.yield_negative_binomial, (AREAS, st.floats(1.0, 1e5)), (-1, -1)),
    "murphy": (cost.yield_murphy, (AREAS, st.floats(1.0, 1e5)), (-1, -1)),
    "defects": (cost.defect_density_per_m2, (NODES,), (-1,)),
    "wafer": (cost.wafer_price_USD, (NODES,), (-1,)),
    "die_cost": (cost.die_cost, (AREAS, NODES), (1, -1)),
}


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
def test_model_is_positive_finite_and_monotone(name: str, data: st.DataObject) -> None:
    model, domains, directions = MODELS[name]
    at = [data.draw(domain) for domain in domains]
    value = float(model(*at))
    assert np.isfinite(value)
    assert value > 0.0
    for i, (domain, direction) in enumerate(zip(domains, directions, strict=True)):
        moved = list(at)
        moved[i] = data.draw(domain)
        step = (float(model(*moved)) - value) * direction * (1 if moved[i] >= at[i] else -1)
        assert step >= -1e-9 * value, f"argument {i} from {at[i]} to {moved[i]}"


@pytest.mark.parametrize("name", MODELS)
def test_model_broadcasts_and_agrees_with_its_scalars(name: str) -> None:
    model, domains, _ = MODELS[name]
    low_high = [_ends(d) for d in domains]
    grids = np.meshgrid(*[np.array(ends) for ends in low_high], indexing="ij", sparse=True)
    result = np.asarray(model(*grids))
    assert result.shape == (2,) * len(domains)
    assert result.dtype == np.float64
    for index in np.ndindex(result.shape):
        alone = model(*[ends[i] for ends, i in zip(low_high, index, strict=True)])
        assert result[index] == pytest.approx(float(alone), rel=1e-12)


def _ends(domain: Any) -> tuple[float, float]:
    """Two values inside a domain, off the tables' grid where it has one."""
    if domain is NODES:
        return 6.1, 33.0
    numbers = {id(CAPACITIES): (3e3, 5e6), id(WIDTHS): (48.0, 700.0), id(BITS): (2.0, 7.5), id(RATES): (2e7, 5e9)}
    if id(domain) in numbers:
        return numbers[id(domain)]
    if domain is AREAS:
        return 2e-5, 7e-4
    if domain is COLUMNS:
        return 60.0, 900.0
    return (0, 1) if "integers" in repr(domain) else (0.6, 0.9)


ANCHORS = [
    (logic.mac_energy_J, (45, "fp32"), 4.6 * PICO),
    (logic.mac_energy_J, (7, "fp32"), 1.69 * PICO),
    (logic.mac_energy_J, (45, "16bit"), 2.0 * PICO),
    (logic.mac_energy_J, (7, "16bit"), 0.655 * PICO),
    (logic.mac_energy_J, (45, "int8"), 0.3 * PICO),
    (logic.mac_energy_J, (7, "int8"), 0.1 * PICO),
    (sram.sram_read_energy_J_per_bit, (45, 8192, 64), 10 / 64 * PICO),
    (sram.sram_read_energy_J_per_bit, (45, 32768, 64), 20 / 64 * PICO),
    (sram.sram_read_energy_J_per_bit, (45, 2**20, 64), 100 / 64 * PICO),
    (sram.sram_read_energy_J_per_bit, (7, 8192, 64), 7.5 / 64 * PICO),
    (sram.sram_read_energy_J_per_bit, (7, 32768, 64), 8.5 / 64 * PICO),
    (sram.sram_write_energy_J_per_bit, (7, 2**20, 64), 14 / 64 * PICO),
    (sram.bit_cell_area_m2, (7,), 0.027e-12),
    (sram.sram_leakage_W, (28, 2**20, 1), 0.7),
    (wires.wire_energy_J_per_bit_m, (40,), 0.12 * PICO / 1e-3),
    (wires.wire_energy_J_per_bit_m, (7,), 0.07 * PICO / 1e-3),
    (wires.router_energy_J_per_bit, (32,), 0.081 * PICO),
    (wires.router_area_m2, (32, 256), 0.151e-6),
    (adc.adc_figure_of_merit_J, (1e9,), 5e-15),
    (adc.dac_area_m2, (32, 1), 0.166e-12),
    (crossbar.shift_add_energy_J, (32,), 0.021 * PICO),
    (crossbar.digital_bitmac_energy_J, (22,), 2 / 89e12 / 16),
    (crossbar.digital_bitmac_energy_J, (5, 0.5), 2 / 254e12 / 16),
    (scaling.area_factor, (45, 7), 0.059),
    (cost.wafer_price_USD, (5,), 16_988),
]


@pytest.mark.parametrize(("model", "at", "published"), ANCHORS)
def test_published_anchor_is_met(model: Callable[..., Any], at: tuple[Any, ...], published: float) -> None:
    assert float(model(*at)) == pytest.approx(published, rel=1e-4)


def _cacti() -> dict[str, np.ndarray]:
    rows = read_csv("technology/sram_cacti.csv")
    assert len(rows) == 714
    return {name: np.array([float(r[name]) for r in rows]) for name in rows[0]}


def _power_law(x: Any, x0: float, y0: float, x1: float, y1: float) -> Any:
    return y0 * (np.asarray(x, dtype=float) / x0) ** (np.log(y1 / y0) / np.log(x1 / x0))


def _silicon_floor_J_per_bit(node: Any, capacity: Any, width: Any) -> Any:
    """Horowitz and Jouppi for nodes of 7 to 45 nm and banks of 8 KB upwards, as MODEL.md's sanity floor asks."""
    anchors = [_power_law(node, 7, a / 64, 45, b / 64) * PICO for a, b in ((7.5, 10), (8.5, 20), (14, 100))]
    small = _power_law(capacity, 8192, anchors[0], 32768, anchors[1])
    large = _power_law(capacity, 32768, anchors[1], 2**20, anchors[2])
    return np.where(capacity < 32768, small, large) * (0.6 + 0.4 * 64 / width)


@pytest.mark.parametrize(
    ("column", "model"),
    [("read_energy_J", sram.sram_read_energy_J_per_bit), ("write_energy_J", sram.sram_write_energy_J_per_bit)],
)
def test_sram_energy_is_the_table_or_the_silicon_floor(column: str, model: Callable[..., Any]) -> None:
    table = _cacti()
    node, capacity, width = table["tech_nm"], table["capacity_bytes"], table["width_bits"]
    per_bit = table[column] / width
    modelled = model(node, capacity, width)
    assert np.all(modelled >= per_bit * (1 - 1e-9))
    judged = (node >= 7) & (node <= 45) & (capacity >= 8192)
    floored = np.maximum(per_bit, _silicon_floor_J_per_bit(node, capacity, width))
    for i in np.flatnonzero(judged):
        smaller = judged & (node == node[i]) & (width == width[i]) & (capacity <= capacity[i])
        assert modelled[i] == pytest.approx(floored[smaller].max(), rel=1e-9)
    assert np.isclose(modelled, per_bit, rtol=1e-9).sum() > 150


def test_sram_area_keeps_the_bit_cells_floor_and_the_table_above_it() -> None:
    table = _cacti()
    node, capacity, width, area = (table[k] for k in ("tech_nm", "capacity_bytes", "width_bits", "area_m2"))
    floor = capacity * 8 * sram.bit_cell_area_m2(node) / 0.55
    modelled = sram.sram_area_m2(node, capacity, width)
    assert np.all(modelled >= np.maximum(floor, area) * (1 - 1e-9))
    free = area > floor
    assert free.sum() >= 90
    np.testing.assert_allclose(modelled[free], area[free], rtol=1e-9)


@given(NODES, CAPACITIES, WIDTHS)
def test_sram_area_floor_holds_between_the_rows_too(node: float, capacity: float, width: float) -> None:
    assert sram.sram_area_m2(node, capacity, width) >= capacity * 8 * sram.bit_cell_area_m2(node) / 0.55 * (1 - 1e-9)


def test_sram_leakage_lies_above_cactis_low_power_rows_and_within_a100s_constant_power() -> None:
    table = _cacti()
    modelled = sram.sram_leakage_W(table["tech_nm"], table["capacity_bytes"], sram.standby_share("low_power"))
    assert np.all(modelled > table["leak_power_W"])
    level_two = float(sram.sram_leakage_W(7, 40 * 2**20, 1))
    assert 5.0 < level_two < 54 / 2


def test_sram_clock_is_the_tables_where_uncapped() -> None:
    table = _cacti()
    modelled = sram.sram_max_clock_Hz(table["tech_nm"], table["capacity_bytes"], table["width_bits"])
    assert np.all(modelled <= table["throughput_per_s"] * (1 + 1e-9))
    assert np.mean(np.isclose(modelled, table["throughput_per_s"], rtol=1e-9)) > 0.75


@pytest.mark.parametrize("tops_per_watt", [36.63, 22.0, 19.5])
def test_bitmac_within_a_factor_of_two_of_28_nm_macros(tops_per_watt: float) -> None:
    published = 2 / (tops_per_watt * 1e12) / 64
    assert 0.5 < float(crossbar.digital_bitmac_energy_J(28)) / published < 2.0


@pytest.mark.parametrize(
    ("node", "rows", "columns", "active", "adder", "macro_m2", "within"),
    [
        (22, 256, 256, 256, "tree", 0.202e-6, 1e-3),  # Chih 2021, where the area of a product comes from
        (65, 128, 128, 128, "cell", 0.2272e-6, 1e-3),  # Colonnade 2021, where that of an adding cell comes from
        (5, 256, 256, 64, "tree", 0.0133e-6, 0.1),  # Fujiwara 2022, from which nothing comes
    ],
)
def test_digital_arrays_with_periphery_are_the_published_macros(
    node: float, rows: int, columns: int, active: int, adder: str, macro_m2: float, within: float
) -> None:
    array = float(crossbar.digital_array_area_m2(node, rows, columns, active, 1.0, adder))
    assert array * crossbar.peripheral_area_factor() == pytest.approx(macro_m2, rel=within)


def test_rows_that_take_turns_share_their_multipliers() -> None:
    alone, shared = (float(crossbar.digital_array_area_m2(28, 1024, 64, active, 1.0, "tree")) for active in (1024, 128))
    assert alone - shared == pytest.approx(64 * 896 * float(crossbar.product_area_m2(28)))
    assert crossbar.digital_array_area_m2(28, 64, 64, 128, 1.0, "tree") == crossbar.digital_array_area_m2(
        28, 64, 64, 64, 1.0, "tree"
    )


@pytest.mark.parametrize(
    ("bits", "plain", "recoded"), [(1, 1.0, 1.125), (2, 2.0, 1.125), (4, 4.0, 2.25), (5, 5.0, 3.375)]
)
def test_booth_recoding_makes_one_wider_product_of_two_bits(bits: int, plain: float, recoded: float) -> None:
    assert float(crossbar.products_per_step(bits, False)) == plain
    assert float(crossbar.products_per_step(bits, True)) == recoded


def test_cells_on_capacitors_and_on_ladders_are_the_published_ones_and_shrink_with_their_side() -> None:
    jia = 589_824 * float(crossbar.cell_read_energy_J("sram_analog", 65, 1))
    drives = (
        2304
        * (0.85 / float(scaling.nominal_supply_V(65))) ** 2
        * float(adc.dac_energy_J(65, 1) + crossbar.row_driver_energy_J(65, 256))
    )
    assert jia + drives == pytest.approx(2483.2 * PICO, rel=0.01)
    assert float(crossbar.cell_read_energy_J("sram_analog", 22, 8)) == pytest.approx(0.4 * 2 / 31.998e12, rel=0.01)
    assert [float(crossbar.cell_supply_V("sram_analog", 16, bits)) for bits in (1, 8)] == [0.85, 0.7]
    side = np.sqrt(float(sram.bit_cell_area_m2(16)) / float(sram.bit_cell_area_m2(65)))
    shrunk = float(crossbar.cell_read_energy_J("sram_analog", 16, 1)) / float(
        crossbar.cell_read_energy_J("sram_analog", 65, 1)
    )
    assert shrunk == pytest.approx(side)


def test_an_oscillator_runs_for_the_whole_conversion_and_counts_every_level() -> None:
    phases = (3.38e-6 - 0.86e-6) / 3 / 64 / 256  # one more read phase of the 64-core chip, a converter's share
    assert float(adc.oscillator_energy_J(14, 8, 1 / 130e-9)) == pytest.approx(phases, rel=0.01)
    slow, slower = (float(adc.oscillator_energy_J(14, 8, rate)) for rate in (1e6, 5e5))
    assert slower == pytest.approx(2 * slow)
    at_once = float(adc.oscillator_energy_J(14, 10, 1e9))
    assert at_once == pytest.approx(float(adc.oscillator_power_W(14)) * 1024 * 300e-12)


def test_embedded_dram_takes_a_third_of_the_area_and_its_macro_keeps_its_published_standby() -> None:
    assert sram.cell_area_factor("edram") == pytest.approx(1 / 3)
    assert sram.cell_area_factor("low_power") == 1.0
    two_megabit = float(sram.sram_leakage_W(65, 2**18, sram.standby_share("edram")))
    assert two_megabit == pytest.approx(42e-3, rel=0.25)  # IBM, ISSCC 2007


@pytest.mark.parametrize(("node", "published_um2"), [(65, 2.91e6 / 589_824), (22, 0.46 * 0.124e6 / 65_536)])
def test_analog_sram_cell_is_the_published_one(node: float, published_um2: float) -> None:
    assert float(crossbar.cell_area_m2("sram_analog", node)) == pytest.approx(published_um2 * 1e-12, rel=0.05)


def test_nonvolatile_cells_pack_bits_and_stop_shrinking() -> None:
    rram = crossbar.cell_technology("rram")
    assert crossbar.cell_area_m2(rram, 22, 4) == crossbar.cell_area_m2(rram, 22, 1)
    assert crossbar.cell_area_m2(rram, 5) == crossbar.cell_area_m2(rram, 12)
    assert crossbar.cell_area_m2("sram_analog", 22, 4) == 4 * crossbar.cell_area_m2("sram_analog", 22, 1)


def test_cells_order_as_the_memory_tables_do() -> None:
    cells = crossbar.CELL_TECHNOLOGIES
    endurance = [cells[n].endurance_writes for n in ("sram_digital", "pcm", "rram", "flash")]
    assert endurance == sorted(endurance, reverse=True)
    assert {n for n, c in cells.items() if c.leaks} == {"sram_digital", "sram_analog"}
    assert {n for n, c in cells.items() if not c.analog} == {"sram_digital"}
    assert cells["rram"].programmings == 1e6


TENSOR_FILE_BITS = 7.0


def test_h100_like_tensor_core_burns_its_measured_power() -> None:
    per_mac = (
        logic.mac_energy_J(4, "16bit")
        + logic.control_energy_J_per_mac(4, "tensor")
        + TENSOR_FILE_BITS * logic.register_file_energy_J_per_bit(4)
    )
    assert 1.0 * PICO < per_mac < 1.2 * PICO
    clocks, leakage, dram = 160.0, 38.0, 26.0  # W: what else large GEMMs of an H200 draw of its 690 W (NVML)
    assert 989e12 / 2 * 0.78 * per_mac + clocks + leakage + dram == pytest.approx(690.0, rel=0.07)


def test_control_orders_by_style_and_scales_with_the_operands() -> None:
    systolic, tensor, simd = (float(logic.control_energy_J_per_mac(7, s)) for s in logic.STYLES)
    assert 5 * systolic < tensor < simd / 3
    assert logic.control_energy_J_per_mac(7, "tensor", "int8") == pytest.approx(tensor / 2)


def test_tpu_v4i_like_int8_cell_within_a_factor_of_two() -> None:
    hops = (8 + 32) * logic.register_energy_J_per_bit(7)
    cell = logic.mac_energy_J(7, "int8") + hops + logic.control_energy_J_per_mac(7, "systolic", "int8")
    assert 1.0 < float(cell) / (0.084 * PICO) < 2.0


@pytest.mark.parametrize(
    ("node", "fmt", "published_um2", "factor"),
    [(28, "int8", 0.24 * 331e6 / 65_536, 1.6), (12, "16bit", 1.25e6 / 1024, 1.5)],
    ids=["TPU v1 matrix unit", "Turing tensor core"],
)
def test_mac_area_near_real_die_areas(node: float, fmt: Any, published_um2: float, factor: float) -> None:
    area = float(logic.mac_area_m2(node, fmt) * logic.wiring_overhead(node)) * 1e12
    assert 1 / factor < area / published_um2 < factor


def test_h100s_tensor_cores_take_a_plausible_share_of_the_die() -> None:
    share = 528 * 512 * float(logic.mac_area_m2(4, "16bit") * logic.wiring_overhead(4)) / 814e-6
    assert 0.05 < share < 0.15


def test_a100_constant_power() -> None:
    hbm = 5 * dram.dram_technology("HBM2E").background_W
    assert float(logic.logic_leakage_Wpm2(7)) * 826e-6 + hbm == pytest.approx(54, rel=0.05)


def test_hbm2_seen_through_a100s_cores() -> None:
    transport = 17.5e-3 * float(wires.wire_energy_J_per_bit_m(7))
    level_two = float(
        sum(f(7, 2**19, 512) for f in (sram.sram_read_energy_J_per_bit, sram.sram_write_energy_J_per_bit))
    )
    assert dram.dram_technology("HBM2").energy_J_per_bit + transport + level_two == pytest.approx(13.1 * PICO, rel=0.05)


def test_dram_technologies_are_those_a_user_can_draw() -> None:
    assert set(dram.DRAM_TECHNOLOGIES) == set(get_args(parts.DramTechnology))
    assert dram.dram_technology("HBM3").bandwidth_Bps == 819.2e9
    for name, technology in dram.DRAM_TECHNOLOGIES.items():
        assert technology.name == name
        numbers = [v for v in msgspec.to_builtins(technology).values() if not isinstance(v, str)]
        assert min(numbers) > 0
    generations = [dram.dram_technology(n).bandwidth_Bps for n in ("HBM2", "HBM2E", "HBM3", "HBM3E")]
    assert generations == sorted(generations)


def test_ports_and_cells_are_those_a_user_can_draw() -> None:
    port = next(f for f in parts.fields_of("port") if f.name == "technology")
    assert set(wires.PORT_TECHNOLOGIES) == set(port.choices)
    assert set(crossbar.CELL_TECHNOLOGIES) == set(get_args(parts.CrossbarCell))
    assert wires.port_technology("nvlink").energy_J_per_bit == 5.5e-12


@pytest.mark.parametrize(
    "look_up",
    [dram.dram_technology, wires.port_technology, crossbar.cell_technology, sources.source_of, sources.unit_of],
)
def test_an_unknown_name_is_a_key_error(look_up: Callable[[str], Any]) -> None:
    with pytest.raises(KeyError):
        look_up("unobtainium")


def test_dies_and_yield_match_their_formulas() -> None:
    area = 814e-6
    assert float(cost.dies_per_wafer(area)) == pytest.approx(
        np.pi * 0.3**2 / (4 * area) - np.pi * 0.3 / np.sqrt(2 * area), rel=1e-12
    )
    assert float(cost.yield_negative_binomial(area, 1000)) == pytest.approx((1 + 0.814 / 3) ** -3)
    assert float(cost.yield_murphy(area, 1000)) == pytest.approx(((1 - np.exp(-0.814)) / 0.814) ** 2)
    assert float(cost.dies_per_wafer(46_225e-6)) == pytest.approx(0.045 / 46_225e-6)
    assert cost.RETICLE_LIMIT_M2 == 858e-6
    assert cost.fits_reticle([814e-6, 900e-6]).tolist() == [True, False]


def test_die_cost_near_csets_model_and_harvest_lowers_it() -> None:
    assert float(cost.die_cost(610e-6, 5)) == pytest.approx(238, rel=0.5)
    assert cost.die_cost(8e-4, 5, harvest=0.5) < cost.die_cost(8e-4, 5)
    assert cost.good_dies_per_wafer(8e-4, 5, harvest=1.0) == pytest.approx(float(cost.dies_per_wafer(8e-4)))
    with pytest.raises(ValueError, match="share between 0 and 1"):
        cost.die_cost(8e-4, 5, harvest=1.5)


def _public(module: ModuleType) -> list[Callable[..., Any]]:
    functions = [f for n, f in inspect.getmembers(module, inspect.isfunction) if not n.startswith("_")]
    return [f for f in functions if f.__module__ == module.__name__]


PUBLIC = [f for module in MODULES for f in _public(module)]


def _keys(function: Callable[..., Any]) -> set[str]:
    doc = inspect.getdoc(function) or ""
    return set(re.findall(r"\b[a-z_]+(?:\.[A-Za-z0-9_]*[A-Za-z0-9])+", doc.partition("Keys:")[2]))


@pytest.mark.parametrize("function", PUBLIC, ids=lambda f: f"{f.__module__.rpartition('.')[2]}.{f.__name__}")
def test_every_function_names_its_sources(function: Callable[..., Any]) -> None:
    keys = _keys(function)
    assert keys
    for key in keys:
        assert sources.source_of(key).document


def test_every_entry_has_a_source_and_is_used() -> None:
    named = set().union(*(_keys(f) for f in PUBLIC))
    for key in sources.source_keys():
        source = sources.source_of(key)
        assert len(source.document) > 5
        assert source.confidence in sources.CONFIDENCES
        assert sources.unit_of(key)
        assert key in named or key.startswith(FAMILIES), f"nothing names {key}"


def test_estimates_are_marked() -> None:
    assert sources.source_of("control.tensor").confidence == "estimate"
    assert sources.source_of("mac.int8").confidence == "paper"
    assert sources.source_of("dram.HBM3").confidence == "datasheet"


def test_a_key_given_twice_is_refused() -> None:
    content = {"entries": {"mac.int8": {"value": 1.0}}}
    assert tables.merged({"a.json": content, "b.json": {}})["mac.int8"] == {"value": 1.0}
    with pytest.raises(ResourceError, match=r"b\.json gives 'mac\.int8' a second time"):
        tables.merged({"a.json": content, "b.json": content})


def test_single_points_are_remembered_and_nothing_else() -> None:
    asked = []

    @tables.remembered
    def twice(node_nm: Any, word: str) -> Any:
        asked.append((node_nm, word))
        return 2.0 * np.asarray(node_nm)

    one = np.array([[7.0]])
    first, again = twice(one, "a"), twice(np.array([[7.0]]), "a")
    assert first is again
    assert first.shape == (1, 1)
    assert len(asked) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 3.0
    assert twice(np.array([7.0]), "a").shape == (1,)
    assert twice(one, "b") is not first
    assert logic.vector_op_energy_J(np.array([7.0])) != logic.vector_op_energy_J(7.0, 1)
    several = np.array([7.0, 5.0])
    assert twice(several, "a") is not twice(several, "a")
    assert len(asked) == 5
    for node in np.linspace(3.0, 130.0, tables.KNOWN_POINTS + 1):
        assert twice(float(node), "a") == 2.0 * node


@pytest.mark.parametrize("name", ["sram_read", "adc_energy", "vector_op", "lane_area"])
def test_what_is_remembered_is_what_many_points_give(name: str) -> None:
    model, values = {
        "sram_read": (sram.sram_read_energy_J_per_bit, (7.0, 65_536.0, 128.0)),
        "adc_energy": (adc.adc_energy_J, (22.0, 6.0, 1e8)),
        "vector_op": (logic.vector_op_energy_J, (5.0, 16.0)),
        "lane_area": (logic.vector_lane_area_m2, (5.0, 32.0)),
    }[name]
    alone = model(*(np.array([v]) for v in values))
    many = model(*(np.array([v, 1.1 * v]) for v in values))
    assert alone[0] == pytest.approx(many[0], rel=1e-12)
    assert many[0] != many[1]
