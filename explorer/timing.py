"""How a catalog device may be timed, in words: whose kernels, which launches, the datasheet alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hwlib.analysis.timing_words import framework_word, kernels_of, measured_kernels
from hwlib.baselines.calibration import ANY, Calibration, dump
from hwlib.baselines.device_settings import DeviceSettings

if TYPE_CHECKING:
    from explorer.document import Baseline
    from hwlib.report import Report

AS_SHIPPED = DeviceSettings()
LAUNCH_WORDS = {"engine": "compiled engine", "graph": "CUDA graph", "eager": "eager"}
LAUNCH_TIPS = {
    "engine": "A compiled engine: the least time between kernels",
    "graph": "Kernels replayed from a captured graph",
    "eager": "Each kernel launched by the host: small steps wait for it",
}
SERVING_WORDS = {
    "static": "one batch",
    "continuous": "continuous, batch in flight",
    "full": "continuous, memory full",
}
SERVING_TIPS = {
    "static": "All sequences begin and end together",
    "continuous": "Requests join and leave at any time; as many are in flight as the scenario's batch",
    "full": "Requests join and leave at any time; as many are in flight as their KV cache has room for",
}
TIMING_TIPS = {
    "calibrated": "Times come from kernels measured on this device.",
    "derated": "Other chips of its class were measured: they say how far from the peaks it stays.",
    "ideal": "The datasheet's peaks alone: nothing real is this fast.",
}


def settings_words(baseline: Baseline) -> str:
    """What was chosen for a device's times, in a few words; empty for the product's own choice.

    Serving isn't among them: continuous batching stands beside the figures and changes none.
    """
    chosen = baseline.settings
    if not baseline.device or chosen == AS_SHIPPED:
        return ""
    parts = ["ideal"] if chosen.ideal else []
    if not chosen.ideal:
        parts += ["own calibration"] if chosen.calibrations else []
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
        return ("ideal", settings.serving)
    own = tuple(dump(c) for c in settings.calibrations)
    return (settings.framework, settings.launch, settings.step, own, settings.serving)


def with_calibration(settings: DeviceSettings, own: Calibration | None) -> DeviceSettings:
    """The settings with one calibration of the user's, or without any."""
    return msgspec.structs.replace(settings, calibrations=() if own is None else (own,))


def timing_tip(report: Report) -> str:
    """What the words mean for this report: how many of its kernels were measured on the device itself."""
    kernels, own = len(kernels_of(report)), len(measured_kernels(report))
    if not report.is_device or report.timing == "ideal" or own == kernels > 0:
        return TIMING_TIPS[report.timing]
    if own:
        return f"{own} of {kernels} kinds of kernel were measured on this device; its class stands in for the others."
    if kernels:
        return TIMING_TIPS["derated"]
    return "Nothing of its class was measured: estimated shares of its peaks time it, with wide bands."


def short_timing(report: Report) -> str:
    """How a device is timed in a word or two; empty where it has no figures."""
    if not report.fits:
        return ""
    return "class prior" if report.timing == "derated" and report.basis else report.timing
