"""How energy, area and supply of logic follow the process node."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hwlib.technology.tables import Array, constant, curve, remembered


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


@remembered
def delay_factor(node_nm: ArrayLike, supply_V: ArrayLike, reference_V: ArrayLike) -> Array:
    """Delay of logic at a supply over that at a reference: alpha-power law, delay ~ V / (V - Vth)^alpha.

    Supplies less than 0.05 V above the threshold count as that, below it nothing is modelled.
    Keys: scaling.threshold, scaling.alpha.
    """
    threshold, alpha = curve("scaling.threshold")(node_nm), constant("scaling.alpha")
    at, was = np.asarray(supply_V, dtype=float), np.asarray(reference_V, dtype=float)
    drive, drove = np.maximum(at - threshold, 0.05), np.maximum(was - threshold, 0.05)
    factor: Array = (at / was) * (drove / drive) ** alpha
    return factor
