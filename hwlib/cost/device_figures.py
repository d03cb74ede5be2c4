"""What a catalog device's report says about its own truth: bands, the evidence behind them, and board energies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import Calibration
from hwlib.cost.assemble import OneDesign
from hwlib.cost.bands import Band, Spread, spread_of, time_bands
from hwlib.cost.board_energy import METHOD, SCOPE, BoardEnergy, board_energy, energy_bands
from hwlib.cost.kernel_times import KernelTimes, TimedCall
from hwlib.report import PHASES, EnergyFigure, Evidence, Metrics, Timing

Array = NDArray[np.float64]

BOARD, BOARD_DECODE = "board_energy_per_token_J", "board_decode_energy_per_token_J"
"""Keys of the board's energy per token, of the whole run and of decode alone."""

MEASURED = ("calibrated", "other framework")


@dataclass(frozen=True)
class DeviceFigures:
    """Fields of a report that only a device timed by kernels has; `board` None where its power is unpublished."""

    bands: dict[str, Band]
    basis: tuple[Evidence, ...]
    timing: Timing
    energies: tuple[EnergyFigure, ...]
    board: BoardEnergy | None
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys that join those of the drawing."""
        return (BOARD, BOARD_DECODE) if self.board else ()


def device_figures(one: OneDesign, found: Metrics) -> DeviceFigures:
    """Bands, evidence, timing and board energies of a run that kernels timed."""
    kernels = one.run.kernels
    assert kernels is not None
    spread = spread_of(one, kernels)
    timing = _timing(kernels)
    bands = time_bands(one, spread, found, kernels.step, timing == "calibrated")
    board = board_energy(one, kernels)
    if board:
        times = ((bands["end_s"], found.end_s), (bands["tpot_s"], found.tpot_s))
        run, step = ((low / seconds, high / seconds) for (low, high), seconds in times)
        bands |= _board_bands(one, kernels, board, spread, (run, step))
    basis = (*_evidence(one, kernels, spread), _step_evidence(kernels))
    return DeviceFigures(bands, basis, timing, _energies(one, board), board, _notes(kernels))


def _board_bands(
    one: OneDesign, kernels: KernelTimes, board: BoardEnergy, spread: Spread, times: tuple[Band, Band]
) -> dict[str, Band]:
    run, step = energy_bands(one, kernels, board, spread.model, times)
    tokens = one.batch * one.run.scenario.output
    return {BOARD: (run[0] / tokens, run[1] / tokens), BOARD_DECODE: (step[0] / one.batch, step[1] / one.batch)}


def _energies(one: OneDesign, board: BoardEnergy | None) -> tuple[EnergyFigure, ...]:
    if board is None:
        return ()
    tokens = one.batch * one.run.scenario.output
    told = f"{board.level}: {board.calibration.device}, fitted on {board.model.fitted_rows} rows"
    source = f"{told}; {', '.join(board.model.sources)}"
    whole, decode = board.run_J / tokens, board.step_J / one.batch
    return (
        EnergyFigure(J_per_token=whole, method=METHOD, scope=SCOPE, label="board power x time", source=source),
        EnergyFigure(
            J_per_token=decode, method=METHOD, scope=SCOPE, label="decode alone, board power x time", source=source
        ),
    )


def _timing(kernels: KernelTimes) -> Timing:
    """ "calibrated" where the device's own kernels were measured, its weight GEMMs first of all."""
    told = [t for t in kernels.timed if t.call.kind == "gemm"] or kernels.timed
    return "calibrated" if told and told[0].basis.level.split(",")[0] in MEASURED else "derated"


def _evidence(one: OneDesign, kernels: KernelTimes, spread: Spread) -> tuple[Evidence, ...]:
    """One for each kernel model, in the order of the calls; with the band typical of the time spent in it."""
    groups: dict[tuple[str, str], list[TimedCall]] = {}
    for t in kernels.timed:
        groups.setdefault((t.call.kind, t.call.form), []).append(t)
    each = one.passes * one.run.tau[one.d]
    seconds = np.asarray(np.bincount(one.program.row, weights=each, minlength=len(one.program.rows)), dtype=float)
    return tuple(_told(one, group, spread, seconds) for group in groups.values())


def _told(one: OneDesign, group: list[TimedCall], spread: Spread, seconds: Array) -> Evidence:
    basis, call = group[0].basis, group[0].call
    rows = np.unique(np.concatenate([one.program.row[t.call.cols] for t in group]))
    total, middle, half = (float(v[rows].sum()) for v in (seconds, spread.middle, spread.half))
    low, high = ((middle - half) / total, (middle + half) / total) if total > 0 else (1.0, 1.0)
    return Evidence(
        kind=call.kind, form=call.form, level=basis.level, operators=_operators(one, rows), low=low, high=high,
        fitted_rows=basis.model.fitted_rows, kept_out_rows=basis.model.kept_out_rows, median=basis.model.median,
        mean=basis.model.mean, sources=basis.model.sources, **_origin(basis.calibration),
    )  # fmt: skip


def _origin(calibration: Calibration) -> dict[str, str]:
    return {name: getattr(calibration, name) for name in ("device", "framework", "date", "citation")}


def _operators(one: OneDesign, rows: NDArray[np.int64]) -> tuple[str, ...]:
    names = [one.program.rows[row] for row in rows.tolist()]
    return tuple(f"{PHASES[phase]}.{name}" for phase, name in names)


def _step_evidence(kernels: KernelTimes) -> Evidence:
    step = kernels.step
    return Evidence(
        kind="step", form=step.launch, level="calibrated" if step.rows else "estimate", device="any",
        framework=step.framework, date=step.date, fitted_rows=step.rows, sources=(step.source,) if step.source else (),
        kept_out_rows=step.kept_out_rows, median=step.median, mean=step.mean,
        operators=tuple(f"{phase}.step" for phase in PHASES), low=step.low, high=step.high,
    )  # fmt: skip


def _notes(kernels: KernelTimes) -> tuple[str, ...]:
    """What stands in for kernels that were never measured, of the large ones; the explanations tell the others too."""
    told = dict.fromkeys(t.call.note for t in kernels.timed if t.call.note and t.call.kind != "elementwise")
    return (f"Kernels that were never measured as such: {'; '.join(told)}.",) if told else ()
