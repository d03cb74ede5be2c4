"""What a baseline's figures rest on: cited measured kernels beside their predictions, and fitted constants in words."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np

from hwlib.baselines.calibration import operator_seconds
from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.catalog import find_device
from hwlib.fields import PartField, part_fields
from hwlib.resources import read_json

FILE = "calibration/points.json"


class MeasuredPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One measured kernel that no fit has seen, with what the shipped calibrations predict for it; seconds."""

    kind: str
    form: str
    device: str
    framework: str
    columns: dict[str, float]
    """Its shape, by the columns of its kind."""

    seconds: float
    predicted_s: float
    low_s: float
    high_s: float
    roofline_s: float
    """Plain roofline: FLOPs at the published peak or compulsory bytes at the published bandwidth."""

    source: str
    level: str
    """How near the constants are: "calibrated", "other framework", "class prior"."""


def measured_points(device: str) -> tuple[MeasuredPoint, ...]:
    """The cited points of a catalog device, each kind in the order of its shapes; empty where there are none.

    Raises UnknownNameError for the device.
    """
    return _points(find_device(device).name)


def selection_rule() -> str:
    """By what rule the cited points were chosen, in words."""
    return str(read_json(FILE)["rule"])


def points_citation() -> str:
    """The sources of the cited points, with commits and licences."""
    return str(read_json(FILE)["sources"])


@cache
def _points(device: str) -> tuple[MeasuredPoint, ...]:
    return tuple(_predicted(point) for point in read_json(FILE)["points"] if point["device"] == device)


def _predicted(point: dict[str, Any]) -> MeasuredPoint:
    kernel = KERNELS[point["kind"]]
    columns = {name: float(point[name]) for name in kernel.columns}
    chip = ceilings_of(find_device(point["device"]))
    times = operator_seconds(point["device"], kernel.kind, columns, point["form"], point["framework"])
    roofline = kernel.roofline(chip, point["form"], {name: np.array([value]) for name, value in columns.items()})
    return MeasuredPoint(
        kind=kernel.kind,
        form=point["form"],
        device=point["device"],
        framework=point["framework"],
        columns=columns,
        seconds=point["latency_s"],
        predicted_s=float(times.seconds[0]),
        low_s=float(times.low[0]),
        high_s=float(times.high[0]),
        roofline_s=float(roofline[0]),
        source=point["source"],
        level=times.basis.level,
    )


def constants_told(kind: str) -> tuple[PartField, ...]:
    """The fitted constants of a kind of kernel: name, label, unit, and what they stand for. Raises KeyError."""
    constants: type[msgspec.Struct] = KERNELS[kind].constants
    return part_fields(constants)
