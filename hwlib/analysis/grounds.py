"""What a device's times rest on, told in full: constants in words, bands by bucket, measured kernels beside both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np

from hwlib.analysis.timing_words import kernel_words
from hwlib.baselines.calibration import Basis, Calibration, KernelModel, as_columns, predict, shipped
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.baselines.evidence import MeasuredPoint, constants_told, measured_points
from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.kernels.registry import KERNELS, Kernel, bucket_name
from hwlib.baselines.steps import StepOverhead, step_overhead
from hwlib.catalog import find_device
from hwlib.cost.board_energy import power_model
from hwlib.fields import PartField
from hwlib.report import Evidence, Phase, Report
from hwlib.resources import read_json

AS_SHIPPED = DeviceSettings()
ANY_FRAMEWORK = "any"
ROOFLINE_FILE = "calibration/roofline.json"
STEP_WORDS = {
    "a0_s": ("a0, of a pass", "s", "What each pass costs, however deep the model"),
    "a1_s": ("a1, of a layer", "s", "What each layer adds"),
    "a2_s": ("a2, of a sequence", "s", "What each sequence of the batch adds"),
    "prefill_a0_s": ("a0 of a prefill", "s", "The same where the pass is a prefill"),
    "prefill_a1_s": ("a1 of a prefill", "s", "The same where the pass is a prefill"),
    "prefill_a2_s": ("a2 of a prefill", "s", "The same where the pass is a prefill"),
    "launch_share": ("Launches left", "", "Share of each kernel's fixed overhead that is left within a pass"),
    "fused_share": ("Element-wise work left", "", "Share of element-wise kernels that compilers leave unfused"),
}
POWER_WORDS = {
    "static": ("While kernels run", "", "Share of the TDP: idle, clocks and leakage"),
    "matrix": ("At the matrix peak", "", "Share of the TDP at the 16-bit peak, if nothing limited it"),
    "dram": ("At the DRAM bandwidth", "", "Share of the TDP at the published bandwidth"),
    "exponent": ("Exponent", "", "Dynamic power grows as utilisation to this power"),
    "lag_s": ("Lag", "s", "Kernels as short as this reach half of their dynamic power"),
}


@dataclass(frozen=True)
class Constant:
    """A fitted constant in words, with its value (SI)."""

    name: str
    label: str
    unit: str
    meaning: str
    value: float | str


@dataclass(frozen=True)
class Bucket:
    """The band of rows whose `bucket_by` column lies in (start, end]: 10 and 90 % of measured over predicted."""

    name: str
    start: float
    end: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Point:
    """A measured kernel with what the constants on show predict for it; `at` is its value in the bucket's column."""

    measured: MeasuredPoint
    at: float
    predicted_s: float
    low_s: float
    high_s: float

    @property
    def ratio(self) -> float:
        """Predicted over measured time."""
        return self.predicted_s / self.measured.seconds

    @property
    def roofline_ratio(self) -> float:
        """The plain roofline's time over the measured one."""
        return self.measured.roofline_s / self.measured.seconds

    @property
    def inside(self) -> bool:
        """Whether the measured time lies in the stated band."""
        return self.low_s <= self.measured.seconds <= self.high_s


@dataclass(frozen=True)
class Ground:
    """One kernel model that some of a device's times rest on. `points` are those that no fit has seen.

    `model` is None for host and framework, and where the calibration isn't known any more.
    """

    evidence: Evidence
    model: KernelModel | None
    column: str
    constants: tuple[Constant, ...]
    buckets: tuple[Bucket, ...]
    points: tuple[Point, ...]
    shares: dict[Phase, float]
    """Of the time of each phase, what rests on it."""
    roofline_median: float | None = None
    """Median absolute error of the plain roofline on the rows that the model's errors are of, a fraction."""

    @property
    def name(self) -> str:
        """Kind and form of the kernels, in words."""
        return kernel_words(self.evidence.kind, self.evidence.form)

    @property
    def points_median(self) -> float | None:
        """Median absolute error of the model on the points, a fraction; None without any."""
        return float(np.median([abs(p.ratio - 1.0) for p in self.points])) if self.points else None


def grounds(report: Report, device: str, settings: DeviceSettings = AS_SHIPPED) -> tuple[Ground, ...]:
    """What the report of a catalog `device`, timed as its settings say, rests on; the largest share of its times first.

    Raises UnknownNameError for the device.
    """
    found = [_ground(evidence, report, device, settings) for evidence in report.basis]
    return tuple(sorted(found, key=lambda g: -max(g.shares.values(), default=0.0)))


def _ground(evidence: Evidence, report: Report, device: str, settings: DeviceSettings) -> Ground:
    kernel, basis = KERNELS.get(evidence.kind), _basis_of(evidence, settings.calibrations)
    shares = _shares(evidence, report)
    if evidence.kind == "step":
        step = _step(evidence, device, settings)
        judged = {name: getattr(step, name) for name in ("median", "mean", "kept_out_rows")}
        told = msgspec.structs.replace(evidence, **judged)
        return Ground(told, None, "", _step_constants(step), (), (), shares)
    if kernel is None or basis is None:
        return Ground(evidence, None, "", (), (), (), shares)
    constants = _told(constants_told(kernel.kind), basis.model.constants)
    points = _points(evidence, basis, device, kernel)
    buckets, roofline = _buckets(kernel, basis.model), _roofline_median(evidence, basis.model, points)
    return Ground(evidence, basis.model, kernel.bucket_by, constants, buckets, points, shares, roofline)


@cache
def _roofline_errors() -> dict[tuple[str, ...], float]:
    names = ("device", "framework", "kind", "form")
    return {tuple(e[name] for name in names): float(e["median"]) for e in read_json(ROOFLINE_FILE)["errors"]}


def _roofline_median(evidence: Evidence, model: KernelModel, points: Sequence[Point]) -> float | None:
    known = _roofline_errors().get((evidence.device, evidence.framework, evidence.kind, model.form))
    if known is not None or not points:
        return known
    return float(np.median([abs(p.roofline_ratio - 1.0) for p in points]))


def _told(fields: Sequence[PartField], values: Mapping[str, float | str]) -> tuple[Constant, ...]:
    known = ((f, values[f.name]) for f in fields if f.name in values)
    return tuple(Constant(f.name, f.label, f.unit, f.help, value) for f, value in known)


def _step(evidence: Evidence, device: str, settings: DeviceSettings) -> StepOverhead:
    generation = ceilings_of(find_device(device)).generation
    return settings.step or step_overhead(evidence.framework, evidence.form, generation)


def _step_constants(step: StepOverhead) -> tuple[Constant, ...]:
    """The overhead of a pass; a prefill's own constants where they differ."""
    told = (
        (name, label, unit, meaning, getattr(step, name)) for name, (label, unit, meaning) in STEP_WORDS.items()
    )
    return tuple(Constant(*each) for each in told if each[-1] is not None)


@dataclass(frozen=True)
class PowerGround:
    """What a device's board energy rests on: shares of the TDP by kind of kernel, and errors on rows kept out.

    `errors`: (kernels, rows, mean absolute error of the model, of TDP x time), fractions.
    """

    calibration: Calibration
    level: str
    constants: tuple[tuple[str, tuple[Constant, ...]], ...]
    errors: tuple[tuple[str, float, float, float], ...]


def power_ground(device: str, settings: DeviceSettings) -> PowerGround | None:
    """The power model behind a device's board energy; None where its power is unpublished or nothing was fitted."""
    found = power_model(find_device(device), settings)
    if found is None or found[0].power is None:
        return None
    calibration, level = found
    power = found[0].power
    constants = tuple(
        (kernel_words(*kind.partition(" ")[::2]), tuple(Constant(n, *POWER_WORDS[n], v) for n, v in values.items()))
        for kind, values in power.constants.items()
    )
    errors = tuple(
        (kernel_words(*name.split(" ", 1)), power.kept_out.get(f"{name}, rows", 0.0), value,
         power.kept_out.get(f"{name}, TDP x time", 0.0))
        for name, value in power.kept_out.items() if "," not in name
    )  # fmt: skip
    return PowerGround(calibration, level, constants, errors)


def _basis_of(evidence: Evidence, extra: Sequence[Calibration]) -> Basis | None:
    """The constants behind a piece of evidence. A stand-in's form is not the one that was asked for."""
    named = [c for c in extra if (c.device, c.framework) == (evidence.device, evidence.framework)]
    known = shipped().get((evidence.device, evidence.framework))
    for calibration in (*named, *((known,) if known else ())):
        stand_ins = KERNELS[evidence.kind].stand_ins if evidence.kind in KERNELS else {}
        for form in (evidence.form, *stand_ins.get(evidence.form, ())):
            model = calibration.model(evidence.kind, form)
            if model is not None:
                return Basis(model=model, calibration=calibration, level=evidence.level)
    return None


def _shares(evidence: Evidence, report: Report) -> dict[Phase, float]:
    keys, found = frozenset(evidence.operators), dict[Phase, float]()
    for phase in ("prefill", "decode"):
        rows = report.rows(phase)
        whole = sum(r.time_s for r in rows)
        found[phase] = sum(r.time_s for r in rows if r.key in keys) / whole if whole > 0.0 else 0.0
    return found


def _buckets(kernel: Kernel, model: KernelModel) -> tuple[Bucket, ...]:
    edges = (0.0, *kernel.edges, float("inf"))
    return tuple(
        Bucket(bucket_name(kernel, b.bucket), edges[b.bucket], edges[b.bucket + 1], b.low, b.high, b.rows)
        for b in sorted(model.bands, key=lambda band: band.bucket)
        if b.bucket + 1 < len(edges)
    )


def _points(evidence: Evidence, basis: Basis, device: str, kernel: Kernel) -> tuple[Point, ...]:
    """Cited measurements of the device, else of the devices of its class, under these constants."""
    own = _alike(measured_points(device), evidence, basis.model)
    if own and evidence.framework not in (ANY_FRAMEWORK, "prior"):
        own = [p for p in own if p.framework == evidence.framework] or own
    shown = own or [p for d in basis.calibration.devices for p in _alike(measured_points(d), evidence, basis.model)]
    return tuple(sorted((_point(p, basis, kernel) for p in shown), key=lambda p: p.at))


def _alike(points: Sequence[MeasuredPoint], evidence: Evidence, model: KernelModel) -> list[MeasuredPoint]:
    return [p for p in points if p.kind == evidence.kind and p.form in (evidence.form, model.form)]


def _point(measured: MeasuredPoint, basis: Basis, kernel: Kernel) -> Point:
    chip = ceilings_of(find_device(measured.device))
    times = predict(basis, chip, measured.form, as_columns(kernel.kind, dict(measured.columns)))
    figures = (float(values[0]) for values in (times.seconds, times.low, times.high))
    return Point(measured, measured.columns[kernel.bucket_by], *figures)


def grounds_table(found: Sequence[Ground]) -> list[dict[str, object]]:
    """The points of all grounds as plain rows for a file, seconds and fractions."""
    rows: list[dict[str, object]] = []
    for ground in found:
        for p in ground.points:
            rows.append(
                {
                    "kind": ground.evidence.kind,
                    "form": ground.evidence.form,
                    **{k: v for k, v in msgspec.structs.asdict(p.measured).items() if k in ("device", "framework")},
                    "shape": " ".join(f"{name}={value:g}" for name, value in p.measured.columns.items()),
                    "measured_s": p.measured.seconds,
                    "predicted_s": p.predicted_s,
                    "low_s": p.low_s,
                    "high_s": p.high_s,
                    "roofline_s": p.measured.roofline_s,
                    "source": p.measured.source,
                }
            )
    return rows
