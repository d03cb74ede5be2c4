"""Whole models against measured tables: errors by metric, device, format and source, beside a plain roofline's."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import Calibration
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.kernels.ceilings import generation_of
from hwlib.baselines.measured import Skips
from hwlib.baselines.plain_roofline import roofline_s
from hwlib.baselines.serving import Serving, serve, steady_state
from hwlib.baselines.steps import step_overhead
from hwlib.baselines.table_files import copy_with
from hwlib.catalog import Device, find_device
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.validation.kernel_errors import Rows, Validation
from hwlib.validation.watching import JudgedRows, Watch
from hwlib.validation.whole_rows import MEASURED, METRICS, Metric, WholeRow, read_whole_rows
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

STATIC, CONTINUOUS = "e2e", "e2e continuous"
SLACK = 1.02
IMPOSSIBLE = (
    "faster than peak and DRAM bandwidth allow for the stated batch and lengths: fewer sequences ran, prompts were "
    "cached, or routing was far from uniform"
)
BUCKET_ROWS = 3
"""An LLM with fewer rows is not called the worst."""

PREDICTED = {
    "ttft": "predicted_ttft_s",
    "tpot": "predicted_tpot_s",
    "throughput": "predicted_output_tok_s",
    "J_per_token": "predicted_J_per_tok",
}
"""Column that `--out` adds for each metric, with `_low` and `_high` beside it."""

GroupKey = tuple[str, Metric, str, str, str]


@dataclass(frozen=True)
class Figure:
    """A predicted figure with its 10 to 90 % band and what a plain roofline says."""

    value: float
    low: float
    high: float
    roofline: float


@dataclass
class _Errors:
    """What a group's rows left behind: a few bytes each, so that a million of them stay in memory."""

    catalog_device: str
    conventions: set[str] = field(default_factory=set)
    relative: array[float] = field(default_factory=lambda: array("f"))
    roofline: array[float] = field(default_factory=lambda: array("f"))
    inside: bytearray = field(default_factory=bytearray)
    bucket: array[int] = field(default_factory=lambda: array("i"))
    """Number of each row's LLM in `names`."""

    names: dict[str, int] = field(default_factory=dict)

    def add(self, row: WholeRow, measured: float, figure: Figure) -> None:
        self.relative.append(figure.value / measured - 1.0)
        self.roofline.append(figure.roofline / measured - 1.0)
        self.inside.append(figure.low <= measured <= figure.high)
        self.bucket.append(self.names.setdefault(row.llm.name, len(self.names)))
        self.conventions |= {row.convention} - {""}

    def llms(self) -> NDArray[np.str_]:
        """The LLM of each row."""
        return np.asarray(np.array(list(self.names))[np.array(self.bucket)])


def validate_whole_models(
    table: Path, device: str | None = None, out: Path | None = None, rows: Rows = "all",
    extra: Sequence[Calibration] = (), watch: Watch | None = None,
) -> Validation:  # fmt: skip
    """Predict every row of a table of whole models and tell the errors; see docs/validation.md for the keys.

    Arguments as `hwlib.validation.kernel_errors.validate`. Raises TableError, UnknownNameError for `device`.
    """
    wanted = find_device(device).name if device else None
    skips, found = Skips(), dict[GroupKey, _Errors]()
    written: dict[int, dict[Metric, Figure]] = {}
    for row in read_whole_rows(table, skips, wanted):
        if not row.measured or (rows != "all" and row.fitted != (rows == "fitted")):
            continue
        figures = predict(row, tuple(extra))
        if isinstance(figures, str):
            skips.add(row.line, "", figures)
            continue
        for metric, measured in row.measured.items():
            if reason := _unjudged(row, metric, measured, figures):
                skips.add(row.line, MEASURED[metric], reason)
                continue
            key = (CONTINUOUS if row.continuous else STATIC, metric, row.device, row.dtype, row.source)
            found.setdefault(key, _Errors(row.chip.name)).add(row, measured, figures[metric])
            if watch is not None:
                watch(_judged(row, metric, measured, figures[metric]))
        if out is not None:
            written[row.line] = {m: f for m, f in figures.items() if m in row.measured}
    if out is not None:
        _write(table, out, written)
    groups = [{**_names(key, errors), **_figures([errors])} for key, errors in sorted(found.items())]
    return Validation(groups, _totals(found), skips.as_json(), rows, [])


def _judged(row: WholeRow, metric: Metric, measured: float, figure: Figure) -> JudgedRows:
    """One figure of a row as its watcher sees it: all as they were measured, so that a rate counts as a time does."""
    values = (float(row.scenario.batch), measured, figure.value, figure.low, figure.high, figure.roofline)
    kind = f"{CONTINUOUS if row.continuous else STATIC} {metric}"
    return JudgedRows((kind, row.device, row.dtype, row.source), "batch", *(np.array([v]) for v in values))


def _unjudged(row: WholeRow, metric: Metric, measured: float, figures: dict[Metric, Figure]) -> str:
    """Why a measured figure isn't judged; empty where it is.

    A plain roofline is a limit only for what the row states: where the batch is the model's own, an error is its own.
    """
    if metric not in figures:
        return "no such figure is predicted for this device"
    beyond = metric != "J_per_token" and is_beyond(metric, measured, figures[metric].roofline)
    return IMPOSSIBLE if beyond and not row.open_batch else ""


def is_beyond(metric: Metric, measured: float, roofline: float) -> bool:
    """Whether a measured time or rate is better than a plain roofline allows."""
    return measured > roofline * SLACK if metric == "throughput" else measured < roofline / SLACK


# --- one row --------------------------------------------------------------------------------------------------------


def predict(row: WholeRow, extra: tuple[Calibration, ...] = ()) -> dict[Metric, Figure] | str:
    """Every metric of a row; the reason, in words, where the model doesn't run there."""
    settings = DeviceSettings(framework=row.framework, launch=row.launch, usable=row.usable, calibrations=extra)

    def report(scenario: Scenario) -> Report:
        return _report(row.chip.name, scenario, row.llm, settings)

    try:
        if row.continuous:
            wait = step_overhead(row.framework, row.launch, generation_of(row.chip)).interference
            return _continuous(row, serve(report, row.scenario, None if row.open_batch else row.scenario.batch, wait))
        return _static(row.chip, report(row.scenario))
    except ValueError as error:
        return str(error)


@lru_cache(maxsize=64)
def _report(device: str, scenario: Scenario, llm: LlmArchitecture, settings: DeviceSettings) -> Report:
    return evaluate_device(device, scenario, llm, settings)


def _static(chip: Device, report: Report) -> dict[Metric, Figure] | str:
    m = report.metrics
    if m is None:
        return report.reason
    plain = rooflines(chip, report, report, False)
    found: dict[Metric, Figure] = {
        "ttft": _banded(report, "ttft_s", m.ttft_s, plain["ttft"]),
        "tpot": _banded(report, "tpot_s", m.tpot_s, plain["tpot"]),
        "throughput": _banded(report, "e2e_tokens_per_s", m.e2e_tokens_per_s, plain["throughput"]),
    }
    joules = board_energy(report)
    return found if joules is None else {**found, "J_per_token": joules}


def _continuous(row: WholeRow, found: Serving) -> dict[Metric, Figure] | str:
    steady = found.figure
    if steady is None:
        return found.reason
    plain = rooflines(row.chip, found.batch, found.prompt, True)
    figures: dict[Metric, Figure] = {
        "tpot": Figure(steady.tpot_s, *steady.tpot_band_s, plain["tpot"]),
        "throughput": Figure(steady.tokens_per_s, *steady.tokens_per_s_band, plain["throughput"]),
    }
    joules = board_energy(found.batch)
    return figures if joules is None else {**figures, "J_per_token": joules}


def _end(report: Report, key: str, value: float, end: int) -> float:
    """The low (0) or high (1) end of a figure's band, the figure itself where it has none."""
    return report.bands[key][end] if key in report.bands else value


def _banded(report: Report, key: str, value: float, roofline: float) -> Figure:
    return Figure(value, _end(report, key, value, 0), _end(report, key, value, 1), roofline)


def board_energy(report: Report) -> Figure | None:
    """J per token at the board: the fitted power where there is one, else at TDP; the roofline's is TDP x its time."""
    boards = [e for e in report.energies if e.scope == "board"]
    if not boards:
        return None
    measured = next((e for e in boards if e.method == "board power x time"), boards[0])
    at_tdp = next((e for e in boards if e.method != "board power x time"), measured)
    low, high = report.bands.get("board_energy_per_token_J", (measured.J_per_token, measured.J_per_token))
    return Figure(measured.J_per_token, low, high, at_tdp.J_per_token)


def rooflines(chip: Device, batch: Report, prompt: Report, continuous: bool) -> dict[Metric, float]:
    """What a plain roofline says of a batch and of the prompts read together, by metric."""
    assert batch.metrics is not None
    read, step = roofline_s(chip, prompt, "prefill"), roofline_s(chip, batch, "decode")
    m, s = batch.metrics, batch.scenario
    if continuous:
        plain = steady_state(step, read / prompt.scenario.batch, m.batch_running, s.output)
        return {"tpot": plain.tpot_s, "throughput": plain.tokens_per_s}
    end = m.waves * (read + (s.output - 1) * step)
    return {"ttft": read, "tpot": step, "throughput": s.batch * s.output / end}


# --- many rows ------------------------------------------------------------------------------------------------------


def _names(key: GroupKey, errors: _Errors) -> dict[str, Any]:
    kind, metric, device, dtype, source = key
    return {
        "kind": kind,
        "metric": metric,
        "device": device,
        "catalog_device": errors.catalog_device,
        "dtype": dtype,
        "source": source,
        "conventions": sorted(errors.conventions),
    }


def _figures(several: Sequence[_Errors]) -> dict[str, Any]:
    """Figures over the rows of some groups; errors are fractions."""
    relative, roofline = (np.concatenate([np.array(getattr(e, n)) for e in several]) for n in ("relative", "roofline"))
    inside = np.concatenate([np.frombuffer(e.inside, dtype=np.uint8) for e in several])
    size, plain = np.abs(relative), np.abs(roofline)
    return {
        "n": len(size),
        "median": float(np.median(size)),
        "mean": float(size.mean()),
        "p90": float(np.quantile(size, 0.9)),
        "bias": float(np.median(relative)),
        "in_band": float(np.mean(inside)),
        "worst_bucket": _worst(size, np.concatenate([e.llms() for e in several])),
        "roofline_median": float(np.median(plain)),
        "roofline_mean": float(plain.mean()),
    }


def _worst(size: NDArray[np.floating[Any]], names: NDArray[np.str_]) -> str:
    """The LLM with the largest median error, among those with enough rows."""
    found, counts = np.unique(names, return_counts=True)
    enough = [i for i, count in enumerate(counts) if count >= BUCKET_ROWS] or range(len(found))
    medians = {i: float(np.median(size[names == found[i]])) for i in enough}
    worst = max(medians, key=lambda i: medians[i])
    return f"{found[worst]}: {100.0 * medians[worst]:.1f} % ({counts[worst]} rows)"


def _totals(found: dict[GroupKey, _Errors]) -> list[dict[str, Any]]:
    """Groups of a kind, metric and source together, and of a kind and metric over all sources."""
    names: tuple[Callable[[GroupKey], str], ...] = (lambda key: key[4], lambda key: "")
    made = []
    for source_of in names:
        together: dict[tuple[str, Metric, str], list[_Errors]] = {}
        for key, errors in sorted(found.items()):
            together.setdefault((key[0], key[1], source_of(key)), []).append(errors)
        made += [{"kind": k, "metric": m, "dtype": "", "source": s, **_figures(g)} for (k, m, s), g in together.items()]
    return made


def _write(table: Path, out: Path, figures: dict[int, dict[Metric, Figure]]) -> None:
    """Copy a table row by row with predictions and their bands added. Raises TableError."""
    added = ["predicted_s", *(f"{PREDICTED[m]}{end}" for m in METRICS for end in ("", "_low", "_high"))]
    copy_with(table, out, added, lambda line: _cells(figures.get(line, {})))


def _cells(figures: dict[Metric, Figure]) -> list[str]:
    """What is added to one line; `predicted_s` is the time to the first token where measured, else that per token."""
    time = figures.get("ttft") or figures.get("tpot")
    cells = [f"{time.value:.6g}" if time else ""]
    for metric in METRICS:
        found = figures.get(metric)
        cells += [f"{v:.6g}" for v in (found.value, found.low, found.high)] if found else [""] * 3
    return cells
