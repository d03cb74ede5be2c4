"""Where the price of a packaged chip comes from: memory, interposer, substrate, bonds that fail, and test."""

from __future__ import annotations

from collections.abc import Callable

from hwlib.cost.assemble import OneDesign
from hwlib.cost.die import die_figures
from hwlib.cost.explain_die import KEYS as DIE_KEYS
from hwlib.cost.explain_die import die
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.package import STACKED, PackageFigures, drams_of, package_figures
from hwlib.design.design import Design
from hwlib.report import Explanation
from hwlib.technology import cost
from hwlib.technology.dram import dram_technology
from hwlib.technology.package import BYTES_PER_GB
from hwlib.technology.tables import constant

KEYS = ("package_cost_USD", "package.memory_USD", "package.interposer_USD", "package.substrate_USD")
EMPTY_KEYS = (*DIE_KEYS, *KEYS)
"""What is known of a die without any block."""


def package(one: OneDesign, key: str) -> Explanation:
    """package_cost_USD and its parts."""
    figures, s = package_figures(one.design), Sheet(one)
    label, value, formula, source = {
        "package_cost_USD": (
            "Cost of a packaged chip",
            figures.cost_USD,
            _cost,
            "parts over bonds that hold, and test",
        ),
        "package.memory_USD": ("Price of the memory", figures.memory_USD, _memory, "capacity times price"),
        "package.interposer_USD": ("Interposer", figures.interposer_USD, _interposer, "wafer price over good ones"),
        "package.substrate_USD": ("Substrate", figures.substrate_USD, _substrate, "area and layers times price"),
    }[key]
    return s.explanation(key, label, value, "USD", formula(s, figures), source)


def _constant(s: Sheet, name: str, key: str, unit: str = "") -> str:
    return s.technology(name, constant(key), unit, key)


def _cost(s: Sheet, figures: PackageFigures) -> str:
    parts = [
        s.figure("dies", figures.dies_USD, "USD", "die_cost_USD"),
        *[
            s.figure(name, float(getattr(figures, f"{name}_USD")), "USD", f"package.{name}_USD")
            for name in ("memory", "interposer", "substrate")
        ],
    ]
    bonding = _constant(s, "bonding_yield", "cost.bonding_yield")
    test = _constant(s, "test_share", "cost.test_share")
    return f"({total(parts)}) / {bonding} ** ({_bonded(s, figures)}) * (1 + {test})"


def _dies(s: Sheet) -> str:
    return s.figure("dies_of_chip", die_figures(s.one.design).dies, "", "die.count")


def _stacks(s: Sheet) -> str:
    """Channels of stacked DRAM."""
    index = {b.id: i for i, b in enumerate(s.one.design.blocks)}
    stacked = [i for i, part in drams_of(s.one.design) if part.technology.startswith(STACKED)]
    return total([s.field(index[i], "channels") for i in stacked]) if stacked else "0"


def _bonded(s: Sheet, figures: PackageFigures) -> str:
    """Dies, stacks, and the interposer below them."""
    return f"{_dies(s)} + {_stacks(s)}{' + 1' if figures.interposer_m2 > 0 else ''}"


def _memory(s: Sheet, figures: PackageFigures) -> str:
    terms = []
    index = {b.id: i for i, b in enumerate(s.one.design.blocks)}
    for block_id, part in drams_of(s.one.design):
        block, name = index[block_id], part.technology
        usual = dram_technology(name).capacity_bytes
        each = s.own_or(block, "capacity_bytes", "capacity_each", usual, "B", f"dram.{name}")
        price = _constant(s, f"price_{name}", f"cost.memory.{name}", "USD/GB")
        terms.append(f"{s.field(block, 'channels')} * {each} * {price} / {BYTES_PER_GB!r}")
    return total(terms) if terms else "0"


def _carried(s: Sheet) -> str:
    footprint = _constant(s, "stack_footprint", "cost.stack_footprint", "m²")
    return f"({s.setting('die_width_m')} * {s.setting('die_height_m')} + ({_stacks(s)}) * {footprint})"


def _area(s: Sheet) -> str:
    return f"{_carried(s)} * {_constant(s, 'interposer_margin', 'cost.interposer_margin')}"


def _interposer(s: Sheet, figures: PackageFigures) -> str:
    if figures.interposer_m2 == 0:
        return "0"
    node = constant("cost.interposer_node")
    price = s.technology("wafer_price", float(cost.wafer_price_USD(node)), "USD", "cost.wafer_price", f"{node:g} nm")
    d, alpha = (
        _constant(s, "wafer_diameter", "cost.wafer_diameter", "m"),
        _constant(s, "cluster", "cost.cluster"),
    )
    defects, area, pi = _constant(s, "defects", "cost.interposer_defects", "1/m²"), f"({_area(s)})", "3.141592653589793"
    dies = f"max({pi} * {d} ** 2 / (4 * {area}) - {pi} * {d} / sqrt(2 * {area}), min(1, {d} ** 2 / 2 / {area}))"
    return f"{price} / ({dies} * (1 + {area} * {defects} / {alpha}) ** -{alpha})"


def _substrate(s: Sheet, figures: PackageFigures) -> str:
    on_it = _area(s) if figures.interposer_m2 > 0 else _carried(s)
    margin = _constant(s, "substrate_margin", "cost.substrate_margin")
    each = _constant(s, "substrate_price", "cost.substrate", "USD/m²")
    layers = _constant(s, "layer_pairs", "cost.substrate_layers")
    return f"{on_it} * {margin} * {each} * {layers}"


class _OnlyDrawn(OneDesign):
    """A design that nothing was evaluated of, such as an empty die: it has settings, and no run."""

    def __init__(self, design: Design) -> None:
        self.design = design


def of_empty_die(design: Design) -> Callable[[str], Explanation]:
    """A function from the keys of EMPTY_KEYS to explanations, for a die without any block."""
    one = _OnlyDrawn(design)
    return lambda key: (package if key in KEYS else die)(one, key)
