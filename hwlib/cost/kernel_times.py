"""Times of a catalog device's kernels from their calibrations: seconds, bands, use of the board, and the step's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import Basis, band_factors, basis_for, constants_of
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels import attention, elementwise, gemm
from hwlib.baselines.kernels.ceilings import Ceilings
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.baselines.power import use_of
from hwlib.baselines.runtime_formats import RuntimeFormats, runtime_formats
from hwlib.baselines.steps import StepOverhead, step_overhead
from hwlib.catalog import Device
from hwlib.cost.kernel_calls import Call, Indices, collective_scope, kernel_calls, shapes_of
from hwlib.cost.lower import Lowered
from hwlib.cost.machine import Machine, build
from hwlib.mapping.program import HOST, Ways, make_program
from hwlib.report import PHASES
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import micro_batches, stages
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
FUSED_PASSES = 2.0 / 3.0
"""Of an addition's three passes over DRAM, those that it adds to the norm that it is fused with: the residual stream
is read and written once more. At the published bandwidth, since nothing else of it was measured."""


@dataclass(frozen=True)
class TimedCall:
    """A call with what its constants give: seconds [N], factors of the 10 to 90 % band [N], shares of the matrix peak
    and of the DRAM bandwidth in use [N]."""

    call: Call
    basis: Basis
    chip: Ceilings
    format: gemm.GemmFormat | attention.AttentionFormat | None
    seconds: Array
    low: Array
    high: Array
    matrix: Array
    dram: Array


@dataclass(frozen=True)
class KernelTimes:
    """The kernels of a program of K columns, all of them in a row [N], and what host and framework add to a pass."""

    device: Device
    settings: DeviceSettings
    timed: tuple[TimedCall, ...]
    kernel: Indices
    """[K] the column's kernel among all, -1 where the drawing's own time stands."""

    seconds: Array
    merged: Indices
    """Columns whose time another kernel's includes."""

    host: Indices
    """The columns of the step's overhead, one for each phase."""

    step: StepOverhead
    step_s: Array
    """[hosts] seconds of a pass."""

    layers: float
    """Layers of a stage, stages, and sequences that the overhead counts."""

    stages: float
    sequences: float

    def factor(self, drawn_s: Array) -> Array:
        """[K] what the drawing's time [K] of an instance is multiplied by, so that columns sum to their kernel."""
        known = self.kernel >= 0
        total = np.bincount(self.kernel[known], weights=drawn_s[known], minlength=len(self.seconds))
        factor = np.ones(len(self.kernel))
        factor[known] = (self.seconds / total)[self.kernel[known]]
        factor[self.merged] = 0.0
        return factor

    def by_column(self, name: str, otherwise: float) -> Array:
        """[K] a value of each column's kernel: "low", "high", "matrix" or "dram"; `otherwise` where it has none."""
        values = np.concatenate([getattr(t, name) for t in self.timed])
        return np.where(self.kernel >= 0, values[self.kernel], otherwise)


class Timer:
    """Times the program of one device under given settings; the same program again costs nothing."""

    def __init__(self, device: Device, settings: DeviceSettings) -> None:
        self.device, self.settings = device, settings
        self._found = lru_cache(maxsize=16)(self._times)
        self._machines: dict[tuple[int, ...], Machine] = {}

    def machine(self, chip: Lowered, widths: tuple[int, ...]) -> Machine:
        """As `cost.machine.build`, once for each set of operand widths: the device's drawing never changes."""
        if widths not in self._machines:
            self._machines[widths] = build(chip, widths)
        return self._machines[widths]

    def times(
        self, llm: LlmArchitecture, scenario: Scenario, batch: float, ways: Ways, periods: tuple[int, ...]
    ) -> KernelTimes:
        """The kernels of the program that `make_program` gives for the same arguments."""
        return self._found(llm, scenario, batch, ways, periods)

    def _times(
        self, llm: LlmArchitecture, scenario: Scenario, batch: float, ways: Ways, periods: tuple[int, ...]
    ) -> KernelTimes:
        program = make_program(llm, (scenario,), (batch,), ways, periods)
        settings, formats = self.settings, runtime_formats(self.device, scenario, self.settings.framework)
        shapes = shapes_of(llm, scenario, batch)
        calls, merged = kernel_calls(
            program,
            shapes,
            formats.gemm_form,
            formats.prefill_form,
            formats.decode_form,
            collective_scope(self.device, scenario.tensor_parallel, settings.launch == "eager"),
        )
        step = settings.step or step_overhead(settings.framework, settings.launch, formats.chip.generation)
        timed = tuple(t for t in (_timed(call, formats, settings, step) for call in calls) if t is not None)
        kernel, start = np.full(len(program), -1), 0
        for one in timed:
            kernel[one.call.cols] = start + one.call.kernel
            start += len(one.seconds)
        host = np.flatnonzero(program.unit == HOST)
        deep = stages(llm, scenario)
        layers, sequences = llm.layers / deep, batch / micro_batches(scenario, batch)
        chips = scenario.tensor_parallel
        each = np.array([deep * step.seconds(phase, layers, sequences, chips) for phase in PHASES])
        return KernelTimes(
            device=self.device,
            settings=settings,
            timed=timed,
            kernel=kernel,
            seconds=np.concatenate([t.seconds for t in timed]) if timed else np.zeros(0),
            merged=merged,
            host=host,
            step=step,
            step_s=each[program.phase[host]],
            layers=layers,
            stages=deep,
            sequences=sequences,
        )


@lru_cache(maxsize=64)
def _shared(device: Device, settings: DeviceSettings) -> Timer:
    return Timer(device, settings)


def timer_of(device: Device, settings: DeviceSettings) -> Timer:
    """The timer of a device; settings with calibrations of a user's own get one of their own."""
    own = settings.calibrations or settings.step is not None
    return Timer(device, settings) if own else _shared(device, settings)


def _timed(call: Call, formats: RuntimeFormats, settings: DeviceSettings, step: StepOverhead) -> TimedCall | None:
    """A call with its times; None where neither device nor class has a model of it (a device without links, say)."""
    chip = formats.chip
    try:
        basis = within_pass(basis_for(chip, call.kind, call.form, settings.framework, settings.calibrations), step)
        layout, seconds = _seconds(call, basis, formats)
        low, high = band_factors(basis, call.columns)
        matrix, dram = use_of(chip, call.kind, call.form, call.columns, seconds)
    except ValueError:
        return None
    return TimedCall(call, basis, chip, layout, seconds, low, high, matrix, dram)


def _seconds(call: Call, basis: Basis, formats: RuntimeFormats) -> tuple[Any, Array]:
    """(operand bytes, [N] seconds) of a call's kernels. Raises ValueError where the device lacks what they need."""
    x, chip, c = constants_of(basis.model), formats.chip, call.columns
    if call.kind == "gemm":
        layout = formats.gemm if call.form == formats.gemm_form else gemm.FORMATS["bf16"]
        assert layout is not None
        return layout, gemm.gemm_seconds(x, chip, layout, c["m"], c["n"], c["k"])
    if call.kind.startswith("attention"):
        prefill = call.kind == "attention_prefill"
        shape = attention_layout(formats, call.form)
        return shape, (attention.prefill_seconds if prefill else attention.decode_seconds)(x, chip, shape, c)
    if call.fused:
        return None, FUSED_PASSES * elementwise.roofline_s(chip, call.form, c["rows"], c["cols"])
    return None, KERNELS[call.kind].seconds(x, chip, call.form, c)


FUSED = ("overhead_s", "passes", "row_s", "column_s")
LAUNCHES = ("overhead_s", "floor_s", "floor_rows_s", "direct_s")
"""Constants that are time of an element-wise kernel, and those that are launches of any other."""


OF_A_LAUNCH = frozenset({"overhead_s", "floor_s", "floor_rows_s", "direct_s"})
"""Constants that are a kernel's fixed overhead, of which a graph hides a share."""

OF_AN_OPERATOR = frozenset({"overhead_s", "passes", "row_s", "column_s"})
"""All constants of an element-wise kernel that its time is in proportion to."""


def within_pass(basis: Basis, step: StepOverhead) -> Basis:
    """The constants of a kernel that runs within a pass: less of its fixed overhead, less of what is fused away."""
    elementwise = basis.model.kind == "elementwise"
    share = step.fused_share if elementwise else step.launch_share
    if share == 1.0:
        return basis
    what = "time left after fusion" if elementwise else "fixed overhead left within a pass"
    note = f"{100.0 * share:.3g} % of the {what} ({step.framework}, {step.launch})"
    model = msgspec.structs.replace(
        basis.model, constants={n: _scaled(n, v, basis.model.kind, share) for n, v in basis.model.constants.items()}
    )
    return msgspec.structs.replace(basis, model=model, note=note)


def _scaled(name: str, value: float | str, kind: str, share: float) -> float | str:
    scaled = OF_AN_OPERATOR if kind == "elementwise" else OF_A_LAUNCH
    return value if isinstance(value, str) or name not in scaled else value * share


def attention_layout(formats: RuntimeFormats, form: str) -> attention.AttentionFormat:
    """Bytes and peak of a form of attention, with a cache of the scenario's bits."""
    return msgspec.structs.replace(attention.FORMATS[form], kv_bytes=formats.kv_bytes)
