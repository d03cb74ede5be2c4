"""Power limits: above TDP or power density the clock of the die falls until the power fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.overlap import combine
from hwlib.cost.pipeline import pass_times
from hwlib.mapping.program import HOST
from hwlib.report import COMPONENTS, RESOURCES

if TYPE_CHECKING:
    from hwlib.cost.run import Run

Array = NDArray[np.float64]

V_MIN = 0.6
"""Lowest supply over nominal: below this clock factor the voltage stays (estimate, usual DVFS range)."""

SLOWEST = 0.02
STEPS = 16
UNCLOCKED = ("dram", "port")
"""Resources and components with a clock of their own."""

UNCLOCKED_RESOURCES = np.array([r in UNCLOCKED for r in RESOURCES])
UNCLOCKED_COMPONENTS = np.array([c in UNCLOCKED for c in COMPONENTS])


def voltage_squared(factor: Array) -> Array:
    """V^2 over nominal at clock factors: V linear in f down to V_MIN (MODEL.md, Energy)."""
    return np.asarray(np.maximum(V_MIN, factor) ** 2)


def scaled_times(times: Array, factor: Array) -> Array:
    """Resource times [D, K, R] with the die's clock at `factor` [D, K]; DRAM and ports keep theirs."""
    return np.where(UNCLOCKED_RESOURCES, times, times / factor[..., None])


def scaled_energy(energy: Array, factor: Array) -> Array:
    """Energies [D, K, C]: on the die proportional to V^2."""
    return np.where(UNCLOCKED_COMPONENTS, energy, energy * voltage_squared(factor)[..., None])


def _per_column(r: Run, factor: Array) -> Array:
    """[D, K] clock factors of the columns from those of the phases [2, D]; the host keeps its own clock."""
    return np.where(r.program.unit == HOST, 1.0, factor[r.program.phase].T)


def _powers(r: Run, serial: Array, factor: Array) -> tuple[Array, Array]:
    """Package and die power [2, D] in W of one chip, at clock factors [2, D]."""
    per_column = _per_column(r, factor)
    times = scaled_times(r.work.times, per_column)
    tau = combine(times, r.machine.p_norm, serial)
    energy = scaled_energy(r.energy, per_column)
    joules = np.einsum("dk,dkc,fk->fdc", r.passes, energy, r.program.phases)
    return _drawn(r, pass_times(r, times, tau), joules, factor)


def _drawn(r: Run, pass_time: Array, joules: Array, factor: Array) -> tuple[Array, Array]:
    """The same of passes that take so long [2, D] and so many `joules` [2, D, C]."""
    joules = joules / r.scenario.pipeline_parallel
    busy = np.maximum(pass_time, 1e-300) / r.scenario.pipeline_parallel
    static = static_at(r, factor)
    package = joules.sum(-1) / busy + static
    die = (joules * ~UNCLOCKED_COMPONENTS).sum(-1) / busy + static - dram_static_W(r)
    return package, die


def static_at(r: Run, factor: Array) -> Array:
    """[2, D] static power of one chip in W at clock factors [2, D]: what clocks draw goes as f V^2."""
    return np.asarray(r.static_W - r.machine.clocks_W.sum(1) * (1.0 - factor * voltage_squared(factor)))


def dram_static_W(r: Run) -> Array:
    """[D] static power that the die's area does not carry: that of DRAM devices, which stand beside it."""
    dram = r.machine.chip.kinds.get("dram")
    return np.asarray(r.machine.leakage_W[:, [] if dram is None else dram.index].sum(1))


def _over(r: Run, package: Array, die: Array) -> NDArray[np.bool_]:
    s = r.machine.chip.settings
    area = s["die_width_m"][:, 0] * s["die_height_m"][:, 0]
    tdp = np.nan_to_num(s["tdp_W"][:, 0], nan=np.inf)
    density = np.nan_to_num(s["power_density_limit_Wpm2"][:, 0], nan=np.inf) * area
    return (package > tdp) | (die > density)


def throttle(r: Run, serial: Array) -> Run:
    """A run at full clock at the highest at which both phases respect the limits; `over_limit` where none does."""
    s = r.machine.chip.settings
    if np.isnan(s["tdp_W"]).all() and np.isnan(s["power_density_limit_Wpm2"]).all():
        return r
    factor = np.ones((2, r.machine.chip.count))
    over = _over(r, *_drawn(r, r.pass_time, r.pass_energy, factor))
    if not over.any():
        return r
    low, high = np.full_like(factor, SLOWEST), np.ones_like(factor)
    for _ in range(STEPS):
        middle = np.sqrt(low * high)
        hot = _over(r, *_powers(r, serial, middle))
        low, high = np.where(hot, low, middle), np.where(hot, middle, high)
    factor = np.where(over, low, 1.0)
    hopeless = np.any(over & _over(r, *_powers(r, serial, factor)), axis=0)
    per_column = _per_column(r, factor)
    times = scaled_times(r.work.times, per_column)
    tau = combine(times, r.machine.p_norm, serial)
    return replace(
        r, times=times, tau=tau, energy=scaled_energy(r.energy, per_column), clock=factor, over_limit=hopeless
    )
