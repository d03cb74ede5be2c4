"""Makes the shipped kernel calibrations and class priors: python -m hwlib.validation.fit_kernels FOLDER_OF_TABLES."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from hwlib.baselines.calibrate import FEW_ROWS, STARTS, Sample, calibrate, fit_model, grouped
from hwlib.baselines.calibration import ANY, FOLDER, OTHER_PRIOR, Calibration, dump, file_name, shipped
from hwlib.baselines.measured import Skips
from hwlib.baselines.pooling import adjusted_prior, class_prior, leave_one_out, thinned
from hwlib.baselines.power import fit_power, read_power
from hwlib.baselines.samples import read_samples
from hwlib.resources import read_text, resource_root
from hwlib.validation.evidence_points import points_text

TABLES = ("gemm", "attention_prefill", "attention_decode", "elementwise", "allreduce")
PRIOR_NAMES = ("ampere", "hopper", OTHER_PRIOR)
EAGER = "llmcompass"
"""Host times of eager kernels: too few to fit, and not what a device's pooled constants should follow."""

CITATION = (
    "ai-dynamo/aiconfigurator 095f58a (Apache-2.0; CUDA-graph kernel times, NVML power); microsoft/vidur 7d47513 (MIT; "
    "profiler kernel times, 1 us resolution); PrincetonUniversity/LLMCompass 2e015fd (BSD-3; eager host times)"
)

Groups = dict[tuple[str, str], list[Sample]]


def groups_of(samples: Sequence[Sample]) -> Groups:
    """Samples by device and framework, and all frameworks of a device together under "any"."""
    devices: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        devices.setdefault(sample.chip.name, {}).setdefault(sample.framework, []).append(sample)
    found: Groups = {}
    for device, frameworks in devices.items():
        pooled = [s for name, group in frameworks.items() for s in group if name != EAGER]
        for framework, group in {**frameworks, ANY: thinned(pooled)}.items():
            if sum(int(s.fit.sum()) for s in group) >= FEW_ROWS:
                found[device, framework] = group
    return found


def completed(groups: Groups, fitted: dict[tuple[str, str], Calibration]) -> list[Calibration]:
    """The calibrations with what a handful of rows can only move away from devices' and classes' constants."""
    found = []
    for (device, framework), group in groups.items():
        before = fitted.get((device, framework))
        known = {(m.kind, m.form) for m in before.models} if before else set()
        rest = [s for s in group if (s.kind, s.form) not in known]
        if before is None:
            found.append(calibrate(rest, device, framework, CITATION))
            continue
        more = [fit_model(few, form) for (_, form), few in grouped(rest).items()]
        models = (*before.models, *(model for model in more if model is not None))
        found.append(msgspec.structs.replace(before, models=models))
    return found


def write(folder: Path, out: Path) -> None:
    """Fit everything from the tables in `folder` and write a file for each calibration to `out`.

    In order: devices, class priors, then what a handful of rows can only move away from those. The result doesn't
    depend on files of an earlier run where `out` is the folder of resources: they are removed first.
    """
    skips = Skips()
    paths = [folder / f"{name}.csv.gz" for name in TABLES]
    samples = [s for path in paths for s in read_samples(path, skips)]
    power = fit_power(read_power(paths[:3]))
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.json"):
        old.unlink()
    groups, fitted = groups_of(samples), dict[tuple[str, str], Calibration]()
    for (device, framework), group in groups.items():
        if framework != EAGER:
            found = calibrate(group, device, framework, CITATION, starts=STARTS, adjust=False)
            measured = device in power.devices and framework == ANY
            found = msgspec.structs.replace(found, power=power.model) if measured else found
            fitted[device, framework] = found
            _save(found, out)
    steady = [s for s in samples if s.framework != EAGER]
    for name in PRIOR_NAMES:
        _save(msgspec.structs.replace(class_prior(name, steady, CITATION), power=power.model), out)
    (out.parent / "points.json").write_text(points_text(samples, CITATION, EAGER), encoding="utf-8")
    _save(adjusted_prior("cdna", [s for s in samples if s.chip.generation == "cdna"], CITATION), out)
    for found in completed(groups, fitted):
        _save(found, out)


def _save(found: Calibration, out: Path) -> None:
    (out / file_name(found.device, found.framework)).write_text(dump(found), encoding="utf-8")
    shipped.cache_clear()
    read_text.cache_clear()
    print(found.device, found.framework, len(found.models), flush=True)


def left_out(folder: Path) -> list[dict[str, object]]:
    """Errors of class priors on devices that they never saw, by kind, form and device."""
    skips = Skips()
    samples = [s for name in TABLES for s in read_samples(folder / f"{name}.csv.gz", skips)]
    steady = [s for s in samples if s.framework != EAGER]
    return [asdict(found) for found in leave_one_out(steady)]


if __name__ == "__main__":
    if sys.argv[2:] == ["--left-out"]:
        print(json.dumps(left_out(Path(sys.argv[1])), indent=1))
    else:
        write(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else resource_root() / FOLDER)
