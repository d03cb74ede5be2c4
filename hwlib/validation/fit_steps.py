"""Fits what whole passes add to their kernels: python -m hwlib.validation.fit_steps TABLE… (of whole models)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hwlib.baselines.calibration import Calibration
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.measured import Skips
from hwlib.baselines.serving import serve
from hwlib.baselines.steps import StepOverhead
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.validation.whole_rows import WholeRow, read_whole_rows
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

CITATION = (
    "NVIDIA/TensorRT-LLM performance overview v0.6.1 to v1.0; pytorch-labs/gpt-fast 32971d3; ai-dynamo/aiconfigurator "
    "095f58a silicon samples; ml-energy/leaderboard-v2 c3af7f3"
)
QUANTILES = (0.08, 0.92)
"""Of measured over predicted times: a little inside 10 and 90 % of few rows."""

SCALE = 0.1
"""Where the robust loss turns from quadratic to linear, in logarithms of time."""

TINY = 1e-6
"""In place of no share at all, which leaves an element-wise kernel no time to smooth."""

LEAST = 0.01
"""Of the highest value of a constant."""

PULL = 0.02
"""Pulls constants that rows say nothing about to zero."""

EMPTY = StepOverhead(framework="", launch="", a0_s=0.0, a1_s=0.0, a2_s=0.0, low=1.0, high=1.0)
TERMS = (
    *("launch_share", "fused_share", "a0_s", "a1_s", "a2_s", "prefill_a0_s", "prefill_a1_s", "prefill_a2_s"),
    *("prefill_shared_s", "interference"),
)
HIGHEST = dict(zip(TERMS, (1.0, 1.0, 2e-2, 1.5e-4, 1e-3, 2e-2, 3e-4, 1e-1, 3e-4, 1.3), strict=True))
FREE = ("launch_share", "fused_share", "a0_s", "a1_s", "a2_s", "interference")


@dataclass(frozen=True)
class Pass:
    """Seconds of a pass: kernels without fixed overheads and element-wise ones, what either adds, and its counts."""

    bare: float
    launches: float
    fused: float
    layers: float
    sequences: float
    chips: int

    def seconds(self, x: dict[str, float], prefill: bool) -> float:
        """Under constants by name, as `StepOverhead.seconds` and `cost.kernel_times.within_pass` have it."""
        pre = "prefill_" if prefill else ""
        a1 = x[f"{pre}a1_s"] + (x["prefill_shared_s"] if prefill and self.chips > 1 else 0.0)
        host = x[f"{pre}a0_s"] + a1 * self.layers + x[f"{pre}a2_s"] * self.sequences
        return self.bare + x["launch_share"] * self.launches + x["fused_share"] * self.fused + host


@dataclass(frozen=True)
class Sample:
    """One measured time of a row, made of a prefill and of decode steps."""

    row: WholeRow
    metric: str
    measured_s: float
    prefill: Pass
    decode: Pass
    sequences: float
    prompts: float
    waves: float

    def seconds(self, x: dict[str, float]) -> float:
        """Predicted seconds: to the first token, per token, or of all tokens of a batch or a cycle."""
        read, step = self.prefill.seconds(x, True), self.decode.seconds(x, False)
        steps = self.row.scenario.output - 1.0
        if self.metric == "ttft":
            return read
        if self.metric == "tpot":
            others = x["interference"] * (self.sequences - 1.0) * read / self.prompts if self.row.continuous else 0.0
            return step + others / max(1.0, steps)
        if self.row.continuous:
            return self.sequences * read / self.prompts + steps * step
        return self.waves * (read + steps * step)


@dataclass
class Group:
    """What one framework and launch are fitted to: samples, and which constants are free; the others as given."""

    framework: str
    launch: str
    samples: list[Sample]
    free: tuple[str, ...] = FREE
    fixed: dict[str, float] = field(default_factory=dict)
    generation: str = ""

    def constants(self, x: Array) -> dict[str, float]:
        """All constants by name where the free ones are `x` times their highest value; prefill's follow decode's."""
        values = {**dict.fromkeys(TERMS, 0.0), "launch_share": 1.0, "fused_share": 1.0, "interference": 1.0}
        values |= self.fixed | {n: float(v) * HIGHEST[n] for n, v in zip(self.free, x, strict=True)}
        for name in ("a0_s", "a1_s", "a2_s"):
            if f"prefill_{name}" not in (*self.free, *self.fixed):
                values[f"prefill_{name}"] = values[name]
        return values

    def logs(self, x: Array, fitted: bool) -> Array:
        """Logarithms of predicted over measured time of the rows on one side of the split."""
        values = self.constants(x)
        return np.array([math.log(s.seconds(values) / s.measured_s) for s in self.samples if s.row.fitted == fitted])


def read_samples(
    tables: Sequence[Path], calibrations: dict[str, tuple[Calibration, ...]] | None = None
) -> list[Sample]:
    """Every time of the tables that the model can be asked for; `calibrations` by framework come before those shipped.

    Energies aren't fitted. Raises TableError.
    """
    found: list[Sample] = []
    for table in tables:
        for row in read_whole_rows(table, Skips()):
            found += _samples(row, (calibrations or {}).get(row.framework, ()))
    return found


def _samples(row: WholeRow, extra: tuple[Calibration, ...]) -> list[Sample]:
    """A row's times, from three evaluations: linear in the shares of launches and of fused kernels that are left."""
    ends = []
    for shares in ((TINY, TINY), (1.0, TINY), (TINY, 1.0)):
        reports = _reports(row, extra, *shares)
        if reports is None:
            return []
        ends.append(reports)
    batch, prompt = ends[0]
    assert batch.metrics is not None
    passes = [
        _pass([pair[which].metrics for pair in ends], row, sequences, metric)
        for which, metric, sequences in (
            (1, "ttft_s", float(prompt.scenario.batch)),
            (0, "tpot_s", batch.metrics.batch_running),
        )
    ]
    running, s = batch.metrics.batch_running, row.scenario
    times = {
        "ttft": row.measured.get("ttft", 0.0),
        "tpot": row.measured.get("tpot", 0.0),
        "throughput": (running if row.continuous else s.batch) * s.output / row.measured.get("throughput", math.inf),
    }
    return [
        Sample(row, metric, time, *passes, running, float(prompt.scenario.batch), batch.metrics.waves)
        for metric, time in times.items()
        if time > 0.0
    ]


def _pass(metrics: Sequence[Any], row: WholeRow, sequences: float, name: str) -> Pass:
    bare, launches, fused = (float(getattr(m, name)) for m in metrics)
    return Pass(bare, launches - bare, fused - bare, row.llm.layers, sequences, row.scenario.tensor_parallel)


def _reports(
    row: WholeRow, extra: tuple[Calibration, ...], launches: float, fused: float
) -> tuple[Report, Report] | None:
    """Reports of the batch and of the prompts read together, with nothing added to the kernels' shares; None where
    the model doesn't run."""
    step = msgspec.structs.replace(EMPTY, launch_share=launches, fused_share=fused)
    settings = DeviceSettings(framework=row.framework, launch=row.launch, step=step, calibrations=extra)

    def evaluate(scenario: Scenario) -> Report:
        return evaluate_device(row.chip.name, scenario, row.llm, settings)

    if row.continuous:
        found = serve(evaluate, row.scenario, None if row.open_batch else row.scenario.batch)
        return None if found.steady is None else (found.batch, found.prompt)
    report = evaluate(row.scenario)
    return None if report.metrics is None else (report, report)


# --- fitting --------------------------------------------------------------------------------------------------------


def fit(group: Group) -> Array:
    """The free constants of a group over their highest values, by robust least squares on its fitted rows.

    Every metric of a kind of serving weighs the same, however many rows it has.
    """
    kinds = [(s.metric, s.row.continuous) for s in group.samples if s.row.fitted]
    weight = np.array([1.0 / math.sqrt(kinds.count(kind)) for kind in kinds])

    def residuals(x: Array) -> Array:
        size = group.logs(x, True) / SCALE
        return np.concatenate([weight * np.sqrt(2.0 * (np.sqrt(1.0 + size**2) - 1.0)), PULL * x])

    start = np.full(len(group.free), 0.3)
    return np.asarray(least_squares(residuals, start, bounds=(LEAST, 1.0)).x)


def overhead(group: Group, x: Array) -> StepOverhead:
    """The overhead of a fitted group, with its band and its error on the rows kept out."""
    seen, out = group.logs(x, True), group.logs(x, False)
    low, high = np.quantile(np.exp(-seen), QUANTILES)
    errors = np.abs(np.expm1(out))
    values = {name: float(f"{value:.3g}") for name, value in group.constants(x).items()}
    return StepOverhead(
        framework=group.framework, launch=group.launch, generation=group.generation, **values, low=0.5, high=2.0,
        pass_low=round(float(low), 3), pass_high=round(float(high), 3), rows=len(seen), kept_out_rows=len(out),
        median=round(float(np.median(errors)), 4) if len(out) else None,
        mean=round(float(errors.mean()), 4) if len(out) else None,
        source=", ".join(sorted({s.row.source for s in group.samples})), confidence="measured",
        date=dt.date.today().isoformat(),
    )  # fmt: skip


def chosen(samples: Sequence[Sample], framework: str, launch: str, keep: Callable[[Sample], bool]) -> list[Sample]:
    """The samples of a framework and launch that `keep` keeps."""
    return [s for s in samples if (s.row.framework, s.row.launch) == (framework, launch) and keep(s)]
