"""Makes the shipped kernel calibrations and class priors: python -m hwlib.validation.fit_kernels FOLDER_OF_TABLES."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from hwlib.baselines.calibrate import LEAST_ROWS, STARTS, Sample, calibrate
from hwlib.baselines.calibration import ANY, FOLDER, OTHER_PRIOR, Calibration, dump, file_name, shipped
from hwlib.baselines.measured import Skips
from hwlib.baselines.pooling import adjusted_prior, class_prior, leave_one_out, thinned
from hwlib.baselines.power import fit_power, read_power
from hwlib.baselines.samples import read_samples
from hwlib.resources import read_text, resource_root

TABLES = ("gemm", "attention_prefill", "attention_decode", "elementwise", "allreduce")
PRIOR_NAMES = ("ampere", "hopper", OTHER_PRIOR)
EAGER = "llmcompass"
"""Host times of eager kernels: too few to fit, and not what a device's pooled constants should follow."""

CITATION = (
    "ai-dynamo/aiconfigurator 095f58a (Apache-2.0; CUDA-graph kernel times, NVML power); microsoft/vidur 7d47513 (MIT; "
    "profiler kernel times, 1 us resolution); PrincetonUniversity/LLMCompass 2e015fd (BSD-3; eager host times)"
)


def calibrations(samples: Sequence[Sample]) -> list[Calibration]:
    """One calibration for each device and framework with enough rows, and one over all frameworks of a device."""
    devices: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        devices.setdefault(sample.chip.name, {}).setdefault(sample.framework, []).append(sample)
    found = []
    for device, frameworks in devices.items():
        pooled = [s for name, group in frameworks.items() for s in group if name != EAGER]
        for framework, group in {**frameworks, ANY: thinned(pooled)}.items():
            if framework != EAGER and sum(int(s.fit.sum()) for s in group) >= LEAST_ROWS:
                found.append(calibrate(group, device, framework, CITATION, starts=STARTS))
    return found


def write(folder: Path, out: Path) -> None:
    """Fit everything from the tables in `folder` and write a file for each calibration to `out`.

    In order: devices, class priors, then what a handful of rows can only move away from those.
    """
    skips = Skips()
    paths = [folder / f"{name}.csv.gz" for name in TABLES]
    samples = [s for path in paths for s in read_samples(path, skips)]
    power = fit_power(read_power(paths[:3]))
    out.mkdir(parents=True, exist_ok=True)
    for found in calibrations(samples):
        measured = found.device in power.devices and found.framework == ANY
        _save(msgspec.structs.replace(found, power=power.model) if measured else found, out)
    steady = [s for s in samples if s.framework != EAGER]
    for name in PRIOR_NAMES:
        _save(msgspec.structs.replace(class_prior(name, steady, CITATION), power=power.model), out)
    few = [s for s in samples if s.framework == EAGER]
    moved = [adjusted_prior("cdna", [s for s in few if s.chip.generation == "cdna"], CITATION)]
    for device in sorted({s.chip.name for s in few}):
        moved.append(calibrate([s for s in few if s.chip.name == device], device, EAGER, CITATION))
    for found in moved:
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
