"""What moving bits costs: wires and routers on the die, ports off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology.scaling import area_factor, energy_factor
from hwlib.technology.tables import Array, constant, curve, entries, entry, remembered


def wire_energy_J_per_bit_m(node_nm: ArrayLike) -> Array:
    """Energy of one bit over one metre of repeated global wire, where half of the bits toggle.

    Scale by toggle_rate / 0.5 for other data. Keys: wire.energy.
    """
    return curve("wire.energy")(node_nm)


def wire_delay_s_per_m(node_nm: ArrayLike) -> Array:
    """Delay of a repeated global wire. Keys: wire.delay."""
    return curve("wire.delay")(node_nm)


def wire_area_m2_per_bit_m(node_nm: ArrayLike) -> Array:
    """Silicon that one bit's wire takes per metre (repeaters and vias, not the metal above logic), in m² per m.

    Keys: wire.pitch, wire.silicon_share.
    """
    return curve("wire.pitch")(node_nm) * constant("wire.silicon_share")


@remembered
def router_energy_J_per_bit(node_nm: ArrayLike) -> Array:
    """Energy of one bit through one router, without its wires. Keys: router.energy, scaling.energy."""
    item = entry("router.energy")
    return float(item["value"]) * energy_factor(float(item["at_node_nm"]), node_nm)


@remembered
def router_area_m2(node_nm: ArrayLike, width_bits: ArrayLike) -> Array:
    """Area of one router of a channel width. Keys: router.area, scaling.area."""
    item = entry("router.area")
    relative = np.asarray(width_bits, dtype=float) / 256.0
    at_reference = float(item["value"]) * relative * (0.8 + 0.2 * relative)
    return at_reference * area_factor(float(item["at_node_nm"]), node_nm)


@dataclass(frozen=True)
class PortTechnology:
    """A chip-to-chip link technology, in SI units; energy counts both ends."""

    name: str
    energy_J_per_bit: float
    latency_s: float
    """One message, one hop."""
    area_m2_per_Bps: float
    """Die area of one end per byte a second one way."""


def _ports() -> Mapping[str, PortTechnology]:
    found = {k.removeprefix("port."): v["record"] for k, v in entries().items() if k.startswith("port.")}
    return MappingProxyType({name: PortTechnology(name=name, **record) for name, record in found.items()})


PORT_TECHNOLOGIES: Mapping[str, PortTechnology] = _ports()


def port_technology(name: str) -> PortTechnology:
    """The port technology of a name ("nvlink"). Raises KeyError for an unknown one.

    Keys: port.nvlink, port.serdes112, port.ucie_advanced, port.ucie_standard, port.pcie5, port.infiniband.
    """
    return PORT_TECHNOLOGIES[name]
