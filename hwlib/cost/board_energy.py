"""Board energy of a catalog device: the fitted board power of every kernel, integrated over a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import Calibration, PowerModel, prior_of, shipped
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.power import CAP, power_key
from hwlib.catalog import Device
from hwlib.cost.assemble import OneDesign
from hwlib.cost.bands import Band, Spread
from hwlib.cost.kernel_times import KernelTimes

Array = NDArray[np.float64]
METHOD, SCOPE = "board power x time", "board"
OTHER_KERNELS = "attention_decode"
"""Whose constants serve for kernels whose power was never measured: they too wait for memory, not for arithmetic."""

HALF_BAND = 1.6
WORST = 0.2
FIELDS = ("static", "matrix", "dram", "exponent", "lag_s")


@dataclass(frozen=True)
class BoardEnergy:
    """Power of each column's kernel in W [K], of a waiting board in W, and joules of the run and of a decode step of
    all chips."""

    model: PowerModel
    calibration: Calibration
    level: str
    power_W: Array
    firmness: Array
    """[K] share of a kernel's power that stays where it takes longer than predicted: all of the static part."""

    waiting_W: float
    """While the host works or other stages do: the least that the board draws beside any kind of kernel."""

    each: float
    """Passes of every phase: micro-batches times the chips that share a layer."""

    run_J: float
    step_J: float


@lru_cache(maxsize=256)
def _shipped_power(device: Device, framework: str) -> tuple[Calibration, str] | None:
    named = shipped()
    own = [named.get((device.name, framework)), named.get((device.name, "any"))]
    prior = prior_of(ceilings_of(device))
    levels = [(c, "calibrated") for c in own] + [(c, "class prior") for c in (prior, named.get(("all", "prior")))]
    return next(((c, level) for c, level in levels if c is not None and c.power is not None), None)


def power_model(device: Device, settings: DeviceSettings) -> tuple[Calibration, str] | None:
    """The calibration whose power model serves for a device, and its level; None where the TDP is unpublished."""
    if not device.power_published:
        return None
    own = (c for c in settings.calibrations if c.device == device.name and c.power is not None)
    mine = next(own, None)
    return (mine, "calibrated") if mine else _shipped_power(device, settings.framework)


def board_energy(one: OneDesign, kernels: KernelTimes) -> BoardEnergy | None:
    """Energy of all boards in a run: chips x (sum of power x time over the passes) + waiting power x the time that
    pipeline stages wait. None where the device's power is unpublished or no power model is known."""
    chosen = power_model(kernels.device, kernels.settings)
    if chosen is None or chosen[0].power is None or kernels.device.tdp_W is None:
        return None
    run, scenario, tdp = one.run, one.run.scenario, kernels.device.tdp_W
    model, each = chosen[0].power, float(one.runs[0])
    share, firmness = power_shares(model, kernels, run.pass_time[one.program.phase, one.d])
    idle = min(x["static"] for x in model.constants.values())
    share[kernels.host], firmness[kernels.host] = idle, 1.0
    waiting = idle * tdp
    seconds = one.passes * run.tau[one.d]
    phases = np.stack([one.program.phase == 0, one.program.phase == 1]).astype(float)
    joules, busy = phases @ (seconds * share * tdp), phases @ seconds
    per_pass = joules * each + waiting * (scenario.chips * one.phase_s - busy * each)
    return BoardEnergy(
        model=model,
        calibration=chosen[0],
        level=chosen[1],
        power_W=share * tdp,
        firmness=firmness,
        waiting_W=waiting,
        each=each,
        run_J=float(per_pass[0] + (scenario.output - 1) * per_pass[1]),
        step_J=float(per_pass[1]),
    )


def power_shares(model: PowerModel, kernels: KernelTimes, pass_s: Array) -> tuple[Array, Array]:
    """[K] board power over TDP while each column's kernel runs (see `hwlib.baselines.power`), and its firmness.

    Within a pass one kernel follows the other, so the fitted lag, that of lone kernels between launches, is held
    against the time of the whole pass [K].
    """
    table = {kind: np.array([x[f] for f in FIELDS]) for kind, x in model.constants.items()}
    x = np.tile(table[OTHER_KERNELS], (len(kernels.kernel), 1))
    for t in kernels.timed:
        x[t.call.cols] = table[power_key(table, t.call.kind, t.call.form)]
    static, matrix, dram, exponent, lag = x.T
    u, v = kernels.by_column("matrix", 0.0), kernels.by_column("dram", 0.0)
    dynamic = (matrix * u**exponent + dram * v**exponent) * pass_s / (pass_s + lag)
    share = np.minimum(CAP, static + dynamic)
    return share, np.asarray(1.0 - exponent * (1.0 - static / share))


def energy_bands(
    one: OneDesign, kernels: KernelTimes, board: BoardEnergy, models: NDArray[np.int64], times: tuple[Band, Band]
) -> tuple[Band, Band]:
    """10 to 90 % bands of the joules of a run and of a decode step.

    `times`: bands of the run's and of a decode step's time over the prediction. A pass that takes longer draws less:
    only the firm share of its power counts. Errors of power are those of a kernel model [rows] as a whole.
    """
    program, steps = one.program, one.run.scenario.output - 1
    rows, seconds = len(program.rows), one.passes * one.run.tau[one.d]
    joules = np.bincount(program.row, weights=seconds * board.power_W, minlength=rows) * board.each
    firm = np.bincount(program.row, weights=seconds * board.power_W * board.firmness, minlength=rows) * board.each
    doubt = np.zeros(rows)
    doubt[program.row] = _doubts(board, kernels)
    of_power = Spread(np.zeros(rows), joules * doubt, models)
    phase = np.array([f for f, _ in program.rows])
    found = []
    for total, weight, (low, high) in (
        (board.run_J, np.where(phase == 0, 1.0, steps), times[0]),
        (board.step_J, (phase == 1) * 1.0, times[1]),
    ):
        firmly = total * float(weight @ firm) / max(float(weight @ joules), 1e-300)
        middle = total + firmly * ((low + high) / 2.0 - 1.0)
        reach = float(np.hypot(firmly * (high - low) / 2.0, of_power.band(weight)[1]))
        found.append((middle - reach, middle + reach))
    return found[0], found[1]


def _doubts(board: BoardEnergy, kernels: KernelTimes) -> Array:
    """[K] half the width of the 10 to 90 % band of each kernel's power, a fraction: from mean errors on rows kept out.

    For a normal error that is 1.6 times the mean size. Devices that the model wasn't fitted on have no wider band: the
    J/token of 148 whole models on A100 and H100 scatter less than this (docs/validation.md).
    """
    errors = board.model.kept_out
    worst = max((e for name, e in errors.items() if "," not in name), default=WORST)
    doubt = np.full(len(kernels.kernel), worst)
    for t in kernels.timed:
        own = [e for name, e in errors.items() if "," not in name and name.split(" ")[0] == t.call.kind]
        doubt[t.call.cols] = errors.get(f"{t.call.kind} {t.call.form}", min(own, default=worst))
    return np.asarray(doubt * HALF_BAND)
