"""How a catalog device is timed, in words: whose kernels, which launches, how near the calibration is to the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from hwlib.baselines.calibration import ANY, Calibration, dump
from hwlib.baselines.device_settings import DeviceSettings

if TYPE_CHECKING:
    from explorer.document import Baseline
    from hwlib.report import Evidence, Report

AS_SHIPPED = DeviceSettings()
FRAMEWORK_WORDS = {
    ANY: "all frameworks", "vllm": "vLLM", "trtllm": "TensorRT-LLM", "sglang": "SGLang", "vidur": "Vidur",
    "llmcompass": "LLMCompass", "nccl": "NCCL", "prior": "class prior",
}  # fmt: skip
LAUNCH_WORDS = {"engine": "compiled engine", "graph": "CUDA graph", "eager": "eager"}
LAUNCH_TIPS = {
    "engine": "A compiled engine: the least time between kernels",
    "graph": "Kernels replayed from a captured graph",
    "eager": "Each kernel launched by the host: small steps wait for it",
}
TIMING_TIPS = {
    "calibrated": "Times come from kernels measured on this device.",
    "derated": "No kernel of this device was measured: its class says how far from the peaks such chips stay.",
    "ideal": "The datasheet's peaks alone: nothing real is this fast.",
}
CLASS_WORDS = {"ampere": "Ampere", "hopper": "Hopper", "cdna": "CDNA", "all": "all GPUs"}
STEP = "step"
"""The kind of evidence that stands for host and framework."""


def framework_word(name: str) -> str:
    """A framework as people write it."""
    return FRAMEWORK_WORDS.get(name, name)


def class_word(name: str) -> str:
    """A class of devices with a prior of its own, as people write it."""
    return CLASS_WORDS.get(name, name)


def settings_words(baseline: Baseline) -> str:
    """What was chosen for a device, in a few words; empty for the product's own choice."""
    chosen = baseline.settings
    if not baseline.device or chosen == AS_SHIPPED:
        return ""
    if chosen.ideal:
        return "ideal"
    parts = ["own calibration"] if chosen.calibrations else []
    parts += [framework_word(chosen.framework)] if chosen.framework != ANY else []
    parts += [chosen.launch] if chosen.launch != AS_SHIPPED.launch else []
    return ", ".join(parts)


def name_of(baseline: Baseline) -> str:
    """A baseline's name with what was chosen for it, so that one device can stand beside itself."""
    words = settings_words(baseline)
    return f"{baseline.name}, {words}" if words else baseline.name


def settings_key(settings: DeviceSettings) -> tuple[object, ...]:
    """A hashable stand-in: equal for settings that give equal figures."""
    if settings.ideal:
        return ("ideal",)
    return (settings.framework, settings.launch, tuple(dump(c) for c in settings.calibrations))


def with_calibration(settings: DeviceSettings, own: Calibration | None) -> DeviceSettings:
    """The settings with one calibration of the user's, or without any."""
    return msgspec.structs.replace(settings, calibrations=() if own is None else (own,))


def kernels_of(report: Report) -> list[Evidence]:
    """The evidence about kernels, without that about host and framework."""
    return [e for e in report.basis if e.kind != STEP]


def timing_words(report: Report) -> str:
    """One line on how a report's digital units are timed: "calibrated: vLLM on A100 80GB SXM4 (1,234 rows)"."""
    if not report.is_device or not report.basis:
        return {"derated": "derated by class", "ideal": "ideal: datasheet peaks"}.get(report.timing, report.timing)
    found = kernels_of(report)
    near = [e for e in found if _near(e)]
    if not near:
        return _prior_words(found)
    text = f"calibrated: {_frameworks(near)} on {near[0].device} ({_rows(near)} rows)"
    far = len(found) - len(near)
    return f"{text}; {far} of {len(found)} kernels by class prior" if far else text


def timing_word(report: Report) -> str:
    """The same in two words, for the head of a column: "calibrated, vLLM" or "class prior: Hopper"."""
    if not report.is_device or not report.basis:
        return report.timing
    near = [e for e in kernels_of(report) if _near(e)]
    return f"calibrated, {_frameworks(near)}" if near else _prior_words(kernels_of(report), short=True)


def timing_tip(report: Report) -> str:
    """What the words mean."""
    return TIMING_TIPS[report.timing]


def _near(evidence: Evidence) -> bool:
    return evidence.level.startswith(("calibrated", "other framework"))


def _frameworks(found: Sequence[Evidence]) -> str:
    return " and ".join(dict.fromkeys(framework_word(e.framework) for e in found))


def _rows(found: Sequence[Evidence]) -> str:
    models = {(e.device, e.framework, e.kind, e.form): e.fitted_rows for e in found}
    return f"{sum(models.values()):,}"


def _prior_words(found: Sequence[Evidence], short: bool = False) -> str:
    classes = " and ".join(dict.fromkeys(class_word(e.device) for e in found)) or "datasheet"
    return f"class prior: {classes}" if short else f"class prior: {classes} ({_rows(found)} rows)"
