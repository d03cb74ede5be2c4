"""Fits what GPUs lose in whole passes beside their GEMMs, so that drawn chips agree with calibrated devices.

Run as a module with the path of class_priors.json, whose constants and errors it writes anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hwlib.baselines.device_design import device_design
from hwlib.catalog import find_device, find_model
from hwlib.cost.losses import quantising_s, share_of, step_s
from hwlib.cost.lower import lower, shape_of
from hwlib.cost.machine import dram_key, priors
from hwlib.cost.overlap import combine
from hwlib.cost.run import Run, run
from hwlib.cost.work import OVERHEAD, PORT_T
from hwlib.evaluate import evaluate_device
from hwlib.mapping.collectives import port_ramp
from hwlib.mapping.program import PORT
from hwlib.report import PHASES, RESOURCES, Report
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
Prior = dict[str, float]

DEVICES = ("A100 80GB SXM4", "H100 80GB SXM5", "H200 141GB SXM", "A40 48GB")
OTHERS = ("A100 40GB SXM4", "H100 80GB PCIe", "L40S", "V100 SXM2 32GB", "B200 180GB SXM", "Instinct MI300X")
"""Devices whose calibration is itself the prior of a class: no fit sees them."""

LLMS = {"Llama-2-7B": 1, "Llama-3.1-8B": 1, "Llama-3-70B": 8, "Mixtral-8x7B": 8, "DeepSeek-V3": 16}
"""LLM -> chips that hold it; of more than 8, the rest are pipeline stages."""

FITTED_LLMS = ("Llama-2-7B", "Llama-3-70B", "Mixtral-8x7B")
"""What the constants are fitted to, on DEVICES; the other LLMs are kept out."""

BATCHES, BITS, PROMPTS, OUTPUT = (1, 8, 64), (16, 8), (512, 4096), 64
SHARED = ("compute", "vector", "sram", "dram")
MERGED = ("rope", "kv_write")
"""Element-wise operators whose time the calibrated devices' attention kernels include."""

FUSION = {"unfused": (0.5, 1.0)}
WHOLE = {
    "attention_dram": (0.7, 1.0),
    "quantise": (5.0, 100.0),
    "step_s": (4.0, 100.0),
    "step_sequence_s": (10.0, 100.0),
}
"""Constants with where the search begins and the most that they may be, in units of SCALES."""

SCALES = {"step_s": 1e-4, "step_sequence_s": 1e-6}
LEAST, MOST_TRIALS = 1e-3, 60


@dataclass(frozen=True)
class Passes:
    """One device, LLM and scenario: the drawn chip's passes at peak rates, and calibrated seconds [2] by phase."""

    device: str
    llm: str
    scenario: Scenario
    ideal: Run
    calibrated_s: Array
    elementwise_s: Array

    @property
    def fitted(self) -> bool:
        """Whether fits may see it."""
        return self.device in DEVICES and self.llm in FITTED_LLMS

    def drawn_s(self, prior: Prior) -> Array:
        """[2] TTFT and TPOT of the drawn chip under a prior of its class."""
        r, own = self.ideal, self._own(prior)
        passes = self._sums(_times(r, own, self.scenario), np.ones(len(r.program), dtype=bool))
        step = float(step_s(own, r.llm, (self.scenario,), (float(self.scenario.batch),))[0])
        return np.asarray((passes + step) * r.phase_s[:, 0] / r.pass_time[:, 0])

    def drawn_elementwise_s(self, prior: Prior) -> Array:
        """[2] of it, a pass's element-wise operators, without launches and what attention's kernels include."""
        r = self.ideal
        names = np.array([name for _, name in r.program.rows])[r.program.row]
        times = _times(r, self._own(prior), self.scenario)
        times[..., OVERHEAD] = 0.0
        return self._sums(times, r.program.elementwise & ~np.isin(names, MERGED))

    def _own(self, prior: Prior) -> Prior:
        return {**prior, "dram": prior[dram_key(prior, self.ideal.machine.chip.kinds["dram"].word("technology"))]}

    def _sums(self, times: Array, chosen: NDArray[np.bool_]) -> Array:
        r = self.ideal
        tau = combine(times, r.machine.p_norm, np.zeros((1, len(r.program))))[0] * chosen
        return np.array([float(r.passes[0, here] @ tau[here]) for here in (r.program.phase == f for f in (0, 1))])


def _times(r: Run, prior: Prior, scenario: Scenario) -> Array:
    """[1, K, R] resource times under a prior from those at peak rates."""
    machine, program, times = r.machine, r.program, r.work.times.copy()
    for resource in SHARED:
        times[..., RESOURCES.index(resource)] /= share_of(prior, program, resource)
    times[..., OVERHEAD] += program.launches * prior["overhead_s"] + quantising_s(machine, prior, program, scenario)
    if len(cols := np.flatnonzero(program.unit == PORT)):
        peak = machine.port_Bps[:, None]
        wire = r.work.port_bytes[:, cols] / peak
        reach = prior["port"] * port_ramp(program.message_bytes[:, cols], prior["port_ramp_s"] * peak)
        times[:, cols, PORT_T] += wire / reach - wire
    return np.asarray(times)


def cases(devices: Sequence[str]) -> list[Passes]:
    """Every combination that fits the memory of both the drawn chip and the device."""
    found = []
    for device, (llm, chips), batch, bits, prompt in product(devices, LLMS.items(), BATCHES, BITS, PROMPTS):
        scenario = Scenario(
            prompt=prompt, output=OUTPUT, batch=batch, weight_bits=bits, activation_bits=bits, kv_bits=bits,
            tensor_parallel=min(chips, 8), pipeline_parallel=max(1, chips // 8),
        )  # fmt: skip
        if (one := _case(device, llm, scenario)) is not None:
            found.append(one)
    return found


def _case(device: str, llm_name: str, scenario: Scenario) -> Passes | None:
    llm, design = find_model(llm_name), device_design(find_device(device))
    report = evaluate_device(device, scenario, llm)
    if report.metrics is None or report.metrics.batch_running < scenario.batch:
        return None
    free = msgspec.structs.replace(design.settings, calibration="ideal", tdp_W=None)
    ideal = msgspec.structs.replace(design, settings=free)
    r = run(lower([ideal], shape_of(ideal)), (scenario,), llm, (float(scenario.batch),))
    seconds = np.array([report.metrics.ttft_s, report.metrics.tpot_s])
    return Passes(device, llm_name, scenario, r, seconds, _elementwise_s(report))


def _elementwise_s(report: Report) -> Array:
    """[2] seconds of a pass in the calibrated device's element-wise kernels."""
    kinds = ("vector", "memory")
    return np.array(
        [sum(r.time_s for r in report.rows(p) if r.kind in kinds and "softmax" not in r.name) for p in PHASES]
    )


def fit(passes: Sequence[Passes], base: Prior) -> Prior:
    """The prior with constants by robust least squares on log(drawn / calibrated): what fusion leaves on the prefill's
    element-wise operators, then those of a whole pass on TTFT and TPOT."""
    fused = _fitted(base, FUSION, lambda prior: [(p.drawn_elementwise_s(prior) / p.elementwise_s)[:1] for p in passes])
    return _fitted(fused, WHOLE, lambda prior: [p.drawn_s(prior) / p.calibrated_s for p in passes])


def _fitted(base: Prior, searched: dict[str, tuple[float, float]], ratios: Callable[[Prior], list[Array]]) -> Prior:
    def prior(x: Array) -> Prior:
        return {**base, **{n: float(v) * SCALES.get(n, 1.0) for n, v in zip(searched, x, strict=True)}}

    def residuals(x: Array) -> Array:
        return np.asarray(np.log(np.concatenate(ratios(prior(x)))))

    start, most = (list(ends) for ends in zip(*searched.values(), strict=True))
    limits = ([LEAST] * len(start), most)
    found = least_squares(
        residuals, start, loss="soft_l1", f_scale=0.1, x_scale="jac", bounds=limits, max_nfev=MOST_TRIALS
    )
    return prior(found.x)


def errors(passes: Sequence[Passes], prior: Prior) -> dict[str, dict[str, float]]:
    """Drawn over calibrated - 1 by phase and bits: n, bias (median), median and 90 % quantile of its size."""
    found = {}
    for (f, word), bits in product(enumerate(("ttft", "tpot")), BITS):
        mine = [p for p in passes if p.scenario.weight_bits == bits]
        if mine:
            found[f"{word}_{bits}bit"] = summary([p.drawn_s(prior)[f] / p.calibrated_s[f] - 1.0 for p in mine])
    return found


def summary(differences: Sequence[float]) -> dict[str, float]:
    """n, bias (median), median and 90 % quantile of the size of relative differences."""
    size = np.abs(differences)
    rounded = {"bias": np.median(differences), "median": np.median(size), "p90": np.quantile(size, 0.9)}
    return {"n": len(size), **{name: round(float(value), 4) for name, value in rounded.items()}}


def fit_drawn(base: Prior | None = None) -> dict[str, Any]:
    """Keys: `constants`; `fitted`, `kept_out_llms`, `class_prior_devices` (see `errors`); `by_device`; `leave_one_out`:
    errors on a device that the fit never saw."""
    base = base or priors()["classes"]["gpu"]
    every, others = cases(DEVICES), cases(OTHERS)
    prior = fit([p for p in every if p.fitted], base)
    left = {d: fit([p for p in every if p.fitted and p.device != d], base) for d in DEVICES}
    return {
        "constants": {name: prior[name] for name in (*FUSION, *WHOLE)},
        "fitted": errors([p for p in every if p.fitted], prior),
        "kept_out_llms": errors([p for p in every if not p.fitted], prior),
        "class_prior_devices": errors(others, prior),
        "by_device": {d: errors([p for p in (*every, *others) if p.device == d], prior) for d in (*DEVICES, *OTHERS)},
        "leave_one_out": {d: errors([p for p in every if p.device == d], left[d]) for d in DEVICES},
    }


RECORDED = ("fitted", "kept_out_llms", "class_prior_devices", "by_device", "leave_one_out")


def updated(file: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The class priors with what `fit_drawn` found for the gpu class."""
    constants = {name: float(f"{value:.3g}") for name, value in found["constants"].items()}
    classes = {**file["classes"], "gpu": {**file["classes"]["gpu"], **constants}}
    return {**file, "classes": classes, "fit": {**file["fit"], "drawn": {name: found[name] for name in RECORDED}}}


def as_text(value: Any, indent: int = 0) -> str:
    """JSON with a line for each object that holds no others."""
    nested = isinstance(value, dict) and any(isinstance(v, dict) for v in value.values())
    if not nested:
        return json.dumps(value)
    pad = " " * (indent + 1)
    inside = ",\n".join(f"{pad}{json.dumps(name)}: {as_text(v, indent + 1)}" for name, v in value.items())
    return f"{{\n{inside}\n{' ' * indent}}}"


if __name__ == "__main__":
    stored = Path(sys.argv[1])
    changed = updated(json.loads(stored.read_text()), fit_drawn())
    stored.write_text(as_text(changed) + "\n")
