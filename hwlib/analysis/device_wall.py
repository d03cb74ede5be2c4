"""The memory wall of a catalog device as its measured kernels time it, with the 10 to 90 % band along the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from hwlib.analysis.wall import Array, Wall
from hwlib.analysis.wall_axes import AXES, WallAxis, present_value, span
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.evaluate import evaluate_device
from hwlib.report import Report
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

AS_SHIPPED = DeviceSettings()
POINTS = 13
"""Each is an evaluation of its own; curves of devices are smooth."""


@dataclass(frozen=True)
class DeviceWall(Wall):
    """A wall with the ends of the band of `tokens_per_s` [N]; equal to it where nothing was measured."""

    low: Array
    high: Array


def device_wall(
    device: str, scenario: Scenario, llm: LlmArchitecture, axis: WallAxis,
    settings: DeviceSettings = AS_SHIPPED, points: int = POINTS,
) -> DeviceWall | None:  # fmt: skip
    """The curve of a device over batch or context; None on an axis that would change the device.

    Raises UnknownNameError for the device, ValueError as `evaluate_device`.
    """
    if axis not in ("batch", "context"):
        return None
    present = evaluate_device(device, scenario, llm, settings)
    at = present_value(present.design, scenario, axis)
    low, high = span(present.design, axis)
    values = np.unique(np.round(np.append(np.geomspace(min(low, at), max(high, at), points), at)))
    name = "batch" if axis == "batch" else "prompt"
    reports = [
        present if v == at
        else evaluate_device(device, msgspec.structs.replace(scenario, **{name: int(v)}), llm, settings)
        for v in values.tolist()
    ]  # fmt: skip
    band = np.array([r.bands.get("tokens_per_s", (_figure(r, "tokens_per_s"),) * 2) for r in reports])
    return DeviceWall(
        axis, *AXES[axis], values, _figures(reports, "tokens_per_s"), _figures(reports, "energy_per_token_J"),
        tuple(r.metrics.bound_decode if r.metrics is not None else "" for r in reports),
        _figures(reports, "batch_running"), None, at, band[:, 0], band[:, 1],
    )  # fmt: skip


def _figures(reports: Sequence[Report], key: str) -> Array:
    return np.array([_figure(r, key) for r in reports])


def _figure(report: Report, key: str) -> float:
    return float(getattr(report.metrics, key)) if report.metrics is not None else float("nan")
