"""Fits what whole passes add to their kernels: python -m hwlib.validation.fit_steps TABLE… [--steps].

Tables of whole models; with --steps the kernels that only these tell of stay as they are (a minute, not ten).
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from hwlib.baselines.calibration import (
    ANY,
    OTHER_PRIOR,
    WHOLE_MODELS,
    Band,
    Calibration,
    KernelModel,
    dump,
    file_name,
    shipped,
)  # fmt: skip
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.baselines.measured import Skips
from hwlib.baselines.serving import serve
from hwlib.baselines.steps import PATH, StepOverhead
from hwlib.cost.kernel_calls import NODE_CHIPS
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.resources import resource_root
from hwlib.validation.whole_models import is_beyond, rooflines
from hwlib.validation.whole_rows import WholeRow, read_whole_rows
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]

TODAY = dt.date.today().isoformat()
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


def read_rows(tables: Sequence[Path]) -> list[WholeRow]:
    """The rows of some tables. Raises TableError."""
    return [row for table in tables for row in read_whole_rows(table, Skips())]


def samples_of(rows: Sequence[WholeRow], own: Sequence[KernelModel] = ()) -> list[Sample]:
    """Every time of the rows that the model can be asked for; kernel models of one's own come before those shipped."""
    return [sample for row in rows for sample in _samples(row, _own(row, own))]


def _own(row: WholeRow, models: Sequence[KernelModel]) -> tuple[Calibration, ...]:
    """Kernel models as a calibration of a row's device and framework."""
    if not models:
        return ()
    return (Calibration(device=row.chip.name, framework=row.framework, date="", models=tuple(models)),)


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
    running, s, prompts = batch.metrics.batch_running, row.scenario, float(prompt.scenario.batch)
    read = _pass([pair[1].metrics for pair in ends], row, prompts, "ttft_s")
    step = _pass([pair[0].metrics for pair in ends], row, running, "tpot_s")
    plain = rooflines(row.chip, batch, prompt, row.continuous)
    judged = [m for m, v in row.measured.items() if m in plain and (row.open_batch or not is_beyond(m, v, plain[m]))]
    times = {
        "ttft": row.measured.get("ttft", 0.0),
        "tpot": row.measured.get("tpot", 0.0),
        "throughput": (running if row.continuous else s.batch) * s.output / row.measured.get("throughput", math.inf),
    }
    return [
        Sample(row, metric, time, read, step, running, prompts, batch.metrics.waves)
        for metric, time in times.items()
        if metric in judged
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
    settings = DeviceSettings(
        framework=row.framework, launch=row.launch, usable=row.usable, step=step, calibrations=extra
    )

    def evaluate(scenario: Scenario) -> Report:
        return evaluate_device(row.chip.name, scenario, row.llm, settings)

    if row.continuous:
        found = serve(evaluate, row.scenario, None if row.open_batch else row.scenario.batch)
        return None if found.figure is None else (found.batch, found.prompt)
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
        date=TODAY,
    )  # fmt: skip


def cost(group: Group, x: Array) -> float:
    """Mean absolute logarithm of predicted over measured time on the fitted rows."""
    return float(np.abs(group.logs(x, True)).mean())


# --- what is fitted -------------------------------------------------------------------------------------------------

TENSORRT_KERNELS = ("dram", "stream_s", "lone_stream")
TENSORRT_START = (0.9, 1e-6, 25.0)
"""Decode attention of TensorRT-LLM, whose own kernel rows can't be trusted (docs/validation.md)."""

GPT_FAST_FORMS = ("16", "int8_wo", "int4_wo")
GPT_FAST_START = (0.8, 0.65, 0.6)
"""Share of the DRAM bandwidth of its matrix-vector kernels, by form."""

STATIC = ("fused_share", "a0_s", "a1_s", "a2_s", "prefill_a1_s", "prefill_shared_s")
GRAPHS = ("vllm", "sglang", "trtllm")
AMPERE = ("A100", "A40", "L40", "A10")


def chosen(rows: Sequence[WholeRow], framework: str, launch: str) -> list[WholeRow]:
    """The rows of a framework and launch within one server; those over several servers aren't fitted."""
    mine = [r for r in rows if (r.framework, r.launch) == (framework, launch)]
    return [r for r in mine if r.scenario.tensor_parallel <= NODE_CHIPS and "PCIe" not in r.chip.name]


def engine_groups(rows: Sequence[WholeRow], own: Sequence[KernelModel] = (), loaded: bool = False) -> list[Group]:
    """TensorRT engines of the 0.x releases, by generation (others than Ampere take Hopper's), in static batches.

    `loaded`: under full load too. Mixtures of experts are left out: prompts of equal tokens don't touch them uniformly.
    """
    mine = [r for r in chosen(rows, "trtllm", "engine") if (loaded or not r.continuous) and not r.llm.experts]
    samples = samples_of(mine, own)
    parted = {old: [s for s in samples if s.row.chip.name.startswith(AMPERE) == old] for old in (False, True)}
    fixed = {"prefill_a0_s": 0.0}
    return [
        Group("trtllm", "engine", part, STATIC, fixed, "ampere" if old else "") for old, part in parted.items() if part
    ]


def tensorrt_attention(
    x: Sequence[float] | Array, band: tuple[float, float] = (1.0, 1.0), rows: int = 0
) -> KernelModel:
    """Decode attention of TensorRT-LLM with these constants, others as shipped: once those of vLLM's on an H100."""
    base = shipped()[OTHER_PRIOR, "trtllm"].model("attention_decode", "16")
    assert base is not None
    return _like(base, dict(zip(TENSORRT_KERNELS, map(float, x), strict=True)), band, rows)


def gpt_fast_kernels(
    x: Sequence[float] | Array, band: tuple[float, float] = (1.0, 1.0), rows: int = 0
) -> list[KernelModel]:
    """GEMMs of gpt-fast with these shares of the DRAM bandwidth, others as shipped: once those of all on an A100."""
    base = shipped()[OTHER_PRIOR, "gpt-fast"]
    known = [base.model("gemm", form) for form in GPT_FAST_FORMS]
    return [_like(m, {"dram": float(v)}, band, rows) for m, v in zip(known, x, strict=True) if m is not None]


def _like(base: KernelModel, changed: dict[str, float], band: tuple[float, float], rows: int) -> KernelModel:
    """A kernel model with some constants changed, judged on whole models only."""
    buckets = range(len(KERNELS[base.kind].edges) + 1)
    return msgspec.structs.replace(
        base,
        constants={**base.constants, **{name: float(f"{value:.4g}") for name, value in changed.items()}},
        bands=tuple(Band(bucket=i, low=band[0], high=band[1], rows=rows) for i in buckets),
        fitted_rows=rows, kept_out_rows=0, median=None, mean=None, sources=("whole models",),
    )  # fmt: skip


def searched(groups_of: Callable[[Array], list[Group]], start: Sequence[float], most: int = 60) -> Array:
    """The kernel constants, as multiples of `start`, under which the groups fit best (Nelder-Mead)."""

    def badness(x: Array) -> float:
        groups = groups_of(np.exp(x) * np.array(start))
        return float(np.mean([cost(group, fit(group)) for group in groups]))

    found = minimize(badness, np.zeros(len(start)), method="Nelder-Mead", options={"maxfev": most})
    return np.asarray(np.exp(found.x) * np.array(start))


def gpt_fast_group(rows: Sequence[WholeRow], own: Sequence[KernelModel]) -> Group:
    """gpt-fast; half of its kernels' fixed overheads stay: with one sequence launches can't be told from streams."""
    samples = samples_of(chosen(rows, "gpt-fast", "graph"), own)
    return Group("gpt-fast", "graph", samples, ("fused_share", "a0_s", "a1_s"), {"launch_share": 0.5})


def fit_kernels(rows: Sequence[WholeRow]) -> tuple[Calibration, Calibration]:
    """Kernels that only whole models tell of: TensorRT-LLM's decode attention and gpt-fast's GEMMs (minutes)."""
    attention = searched(lambda x: engine_groups(rows, [tensorrt_attention(x)]), TENSORRT_START)
    groups = engine_groups(rows, [tensorrt_attention(attention)])
    own = tensorrt_attention(attention, *_band([(group, fit(group)) for group in groups]))
    streams = searched(lambda x: [gpt_fast_group(rows, gpt_fast_kernels(x))], GPT_FAST_START)
    fast = gpt_fast_group(rows, gpt_fast_kernels(streams))
    models = gpt_fast_kernels(streams, *_band([(fast, fit(fast))]))
    return _fitted("trtllm", (own,)), _fitted("gpt-fast", tuple(models))


def _fitted(framework: str, models: tuple[KernelModel, ...]) -> Calibration:
    return Calibration(device=OTHER_PRIOR, framework=framework, date=TODAY, citation=CITATION, models=models)


def fit_steps(rows: Sequence[WholeRow], engines: Calibration, fast: Calibration) -> list[StepOverhead]:
    """The overheads of every framework and launch that the rows tell of, on top of these kernels."""
    groups = [*engine_groups(rows, engines.models, loaded=True), gpt_fast_group(rows, fast.models)]
    for name in GRAPHS:
        own = engines.models if name == "trtllm" else ()
        groups.append(Group(name, "graph", samples_of(chosen(rows, name, "graph"), own)))
    groups.append(Group("vllm-v0", "graph", samples_of(chosen(rows, "vllm-v0", "graph")), OLD_FREE, OLD_FIXED))
    steps = [overhead(group, fit(group)) for group in groups]
    return [*anyones(steps), *steps]


def write(tables: Sequence[Path], out: Path, kernels: bool = True) -> None:
    """Fit the tables and write steps.json, and with `kernels` the calibrations of whole models, under `out`."""
    rows = read_rows(tables)
    known = shipped()
    engines, fast = fit_kernels(rows) if kernels else (known[OTHER_PRIOR, "trtllm"], known[OTHER_PRIOR, "gpt-fast"])
    if kernels:
        _save(engines, out)
        _save(fast, out)
    (out / PATH).write_text(steps_text(fit_steps(rows, engines, fast)), encoding="utf-8")


OLD_FREE = ("a0_s", "a2_s", "prefill_a2_s", "interference")
OLD_FIXED = {"launch_share": 0.3, "fused_share": 0.5, "prefill_a0_s": 0.0}
"""vLLM of 2024: the host decides, so that what graphs save can't be told from its rows."""

EAGER = StepOverhead(
    framework=ANY, launch="eager", a0_s=1e-3, a1_s=6e-5, a2_s=1e-5, low=0.5, high=2.0, confidence="estimate",
    date=TODAY, source="estimate: ten launches of 6 us a layer from a host that keeps pace with nothing else",
)  # fmt: skip


ANYONES = ("launch_share", "fused_share", "a0_s", "a1_s", "a2_s", "pass_low", "pass_high")


def anyones(steps: Sequence[StepOverhead]) -> list[StepOverhead]:
    """What stands in for frameworks without rows: medians over the graphs of today's, for graphs and engines alike."""
    graphs = [s for s in steps if s.framework in GRAPHS and s.launch == "graph"]
    middle = {n: float(np.median([getattr(s, n) for s in graphs])) for n in ANYONES}
    one = StepOverhead(
        framework=ANY,
        launch="graph",
        launch_share=middle["launch_share"],
        fused_share=middle["fused_share"],
        a0_s=middle["a0_s"],
        a1_s=middle["a1_s"],
        a2_s=middle["a2_s"],
        low=0.5,
        high=2.0,
        pass_low=middle["pass_low"],
        pass_high=middle["pass_high"],
        rows=sum(s.rows for s in graphs),
        source=f"medians of {', '.join(s.framework for s in graphs)} in graphs",
        confidence="measured",
        date=TODAY,
    )
    return [EAGER, one, msgspec.structs.replace(one, launch="engine")]


def _band(solved: Sequence[tuple[Group, Array]]) -> tuple[tuple[float, float], int]:
    """(quantiles of measured over predicted time, rows) of some fitted groups together."""
    ratio = np.exp(-np.concatenate([group.logs(x, True) for group, x in solved]))
    low, high = np.quantile(ratio, QUANTILES)
    return (round(float(low), 3), round(float(high), 3)), len(ratio)


def _save(found: Calibration, out: Path) -> None:
    folder = out / WHOLE_MODELS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_name(found.device, found.framework)).write_text(dump(found), encoding="utf-8")


def steps_text(steps: Sequence[StepOverhead]) -> str:
    """The file of steps, one in a line."""
    lines = ",\n  ".join(json.dumps(_told(step)) for step in steps)
    return f'{{\n "source": {json.dumps(CITATION)},\n "date": "{TODAY}",\n "steps": [\n  {lines}\n ]\n}}\n'


def _told(step: StepOverhead) -> dict[str, Any]:
    """A step without what it doesn't say."""
    return {name: value for name, value in msgspec.to_builtins(step).items() if value not in (None, "")}


if __name__ == "__main__":
    write([Path(n) for n in sys.argv[1:] if n != "--steps"], resource_root(), "--steps" not in sys.argv)
