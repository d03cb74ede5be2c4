"""How energy, area and supply of logic follow the process node."""

from __future__ import annotations

from numpy.typing import ArrayLike

from hwlib.technology.tables import Array, curve


def energy_factor(from_nm: ArrayLike, to_nm: ArrayLike) -> Array:
    """Energy of a logic operation at `to_nm` relative to `from_nm`; below 1 towards smaller nodes.

    Jouppi 2021 from 45 to 7 nm, Stillmaker-Baas above, node^0.6 below 7 nm. Keys: scaling.energy.
    """
    relative = curve("scaling.energy")
    return relative(to_nm) / relative(from_nm)


def area_factor(from_nm: ArrayLike, to_nm: ArrayLike) -> Array:
    """Area of a logic cell at `to_nm` relative to `from_nm`; Stillmaker-Baas, node^0.7 below 7 nm.

    Keys: scaling.area.
    """
    relative = curve("scaling.area")
    return relative(to_nm) / relative(from_nm)


def nominal_supply_V(node_nm: ArrayLike) -> Array:
    """Nominal core supply in volts. Keys: scaling.supply."""
    return curve("scaling.supply")(node_nm)
