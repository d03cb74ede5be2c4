"""Class priors: constants pooled over the measured devices of a generation, with bands from devices left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibrate import (
    LEAST_ROWS,
    Sample,
    balanced,
    bands_of,
    fit_base,
    fit_constants,
    fit_model,
    grouped,
    ratios,
    refit,
)
from hwlib.baselines.calibration import OTHER_PRIOR, PRIORS, Band, Calibration, KernelModel
from hwlib.baselines.kernels.ceilings import Array
from hwlib.baselines.kernels.registry import KERNELS

OTHERS_WEIGHT = 0.3
"""Devices of other generations steady a prior with this weight."""

ALONE_WIDENS = 1.15
"""Bands of a prior that no second device could check are at least a factor of this wide on both sides (estimate)."""

STARTS = 2
THIN_ROWS = 400
"""Rows of one device and framework that a pooled fit takes: more don't move constants that many devices share."""


@dataclass(frozen=True)
class LeftOut:
    """Error of a prior on a device that it never saw."""

    kind: str
    form: str
    device: str
    rows: int
    median: float
    mean: float
    bias: float


def prior_named(generation: str) -> str:
    """The prior that a generation takes."""
    return PRIORS.get(generation, OTHER_PRIOR)


def class_prior(name: str, samples: Sequence[Sample], citation: str = "", today: str | None = None) -> Calibration:
    """The prior of a class: a pooled fit by kind and form, its own generation first, bands from devices left out."""
    models = [_model(name, group, form) for (_, form), group in grouped(samples).items()]
    return Calibration(
        device=name,
        framework="prior",
        date=today or date.today().isoformat(),
        citation=citation,
        devices=tuple(sorted({s.chip.name for s in samples})),
        models=tuple(model for model in models if model is not None),
    )


def adjusted_prior(name: str, samples: Sequence[Sample], citation: str = "", today: str | None = None) -> Calibration:
    """The prior of a class with a handful of rows: that of all GPUs, its overhead and throughput moved by them.

    Only the throughput is kept: the rows' overhead is their host's.
    """
    models = []
    for (_, form), group in grouped(samples).items():
        model = fit_model(group, form)
        before = fit_base(group[0])
        if model is not None and before is not None:
            constants = {**model.constants, "overhead_s": before.constants["overhead_s"]}
            models.append(msgspec.structs.replace(model, constants=constants, median=None, mean=None, kept_out_rows=0))
    return Calibration(
        device=name, framework="prior", date=today or date.today().isoformat(), citation=citation,
        devices=tuple(sorted({s.chip.name for s in samples})), models=tuple(models),
    )  # fmt: skip


def _weighted(name: str, samples: Sequence[Sample]) -> list[Sample]:
    def own(sample: Sample) -> bool:
        return name in (OTHER_PRIOR, prior_named(sample.chip.generation))

    return balanced([s if own(s) else replace(s, weight=s.weight * OTHERS_WEIGHT) for s in thinned(samples)])


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Every n-th row where a device and framework have many rows of a kind and form."""

    def name(s: Sample) -> tuple[str, str, str, str]:
        return s.chip.name, s.framework, s.kind, s.form

    sizes: dict[tuple[str, str, str, str], int] = {}
    for s in samples:
        sizes[name(s)] = sizes.get(name(s), 0) + len(s.measured_s)
    found = []
    for s in samples:
        step = max(1, sizes[name(s)] // THIN_ROWS)
        found.append(s.part(np.arange(len(s.measured_s)) % step == 0))
    return found


def _model(name: str, samples: Sequence[Sample], form: str) -> KernelModel | None:
    known = [s.part(s.fit) for s in samples if s.fit.any()]
    if sum(len(s.measured_s) for s in known) < LEAST_ROWS:
        return None
    constants = fit_constants(_weighted(name, known), form, STARTS, prior=True)
    kernel = KERNELS[samples[0].kind]
    return KernelModel(
        kind=kernel.kind,
        form=form,
        constants=msgspec.to_builtins(constants),
        bands=_bands(name, known, form, constants),
        fitted_rows=sum(len(s.measured_s) for s in known),
        sources=tuple(sorted({s.source for s in samples})),
    )


def _bands(name: str, known: Sequence[Sample], form: str, constants: Any) -> tuple[Band, ...]:
    """Bands from residuals on devices that the fit left out; with one device from its own, widened."""
    kernel = KERNELS[known[0].kind]
    near = sorted({s.chip.name for s in known})
    if len(near) < 2:
        own = bands_of(kernel, *ratios(constants, known))
        wide = ALONE_WIDENS
        return tuple(msgspec.structs.replace(b, low=round(b.low / wide, 4), high=round(b.high * wide, 4)) for b in own)
    found = [_left_out_ratios(name, known, form, device, constants) for device in near]
    return bands_of(kernel, np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]))


def _left_out_ratios(
    name: str, samples: Sequence[Sample], form: str, device: str, near: Any
) -> tuple[Array, NDArray[np.int64]]:
    """Residuals on a device of the fit without it, with the whole fit's choices."""
    others = [s for s in samples if s.chip.name != device]
    return ratios(refit(_weighted(name, others), form, near), [s for s in samples if s.chip.name == device])


def leave_one_out(samples: Sequence[Sample]) -> list[LeftOut]:
    """For each device measured by kind and form: the error of the prior that its class has without it, all rows."""
    found = []
    for (kind, form), group in grouped(samples).items():
        for device in sorted({s.chip.name for s in group}):
            known = [s.part(s.fit) for s in group if s.chip.name != device and s.fit.any()]
            mine = [s for s in group if s.chip.name == device]
            if sum(len(s.measured_s) for s in known) < LEAST_ROWS:
                continue
            name = prior_named(mine[0].chip.generation)
            error = 1.0 / ratios(fit_constants(_weighted(name, known), form, STARTS, prior=True), mine)[0] - 1.0
            size = np.abs(error)
            figures = (float(np.median(size)), float(size.mean()), float(np.median(error)))
            found.append(LeftOut(kind, form, device, len(error), *figures))
    return found
