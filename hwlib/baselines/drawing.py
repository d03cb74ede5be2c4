"""What a drawing of a catalog device takes beyond its datasheet row: resources/calibration/device_drawing.json."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec

from hwlib.resources import ResourceError, read_json

PATH = "calibration/device_drawing.json"


class Drawing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one device is drawn. None: follows from the datasheet row, or a stated estimate of the drawing code."""

    chip_class: Literal["gpu", "systolic", "dataflow", "cpu", "edge"]
    style: Literal["systolic", "tensor", "simd"]
    management: Literal["scratchpad", "cache"]
    names: tuple[str, str, str, str]
    """What the device's maker calls matrix units, vector units, on-chip memory and network."""

    special_rate: float
    port: Literal["", "nvlink", "serdes112", "pcie5"]
    """Empty: the device has no port to others of its kind."""

    port_Bps: float | None = None
    """One way, where the datasheet row has no interconnect."""

    rows: int | None = None
    columns: int | None = None
    arrays: int | None = None
    buffer_bytes: int | None = None
    sram_bytes: int | None = None
    sram_Bps: float | None = None
    vector_flops: float | None = None
    """Peak of the vector units, 2 FLOP per lane and clock, where it is not the datasheet's fp32 peak."""

    vector_units: int | None = None
    vector_clock_Hz: float | None = None
    stacks: int | None = None
    """HBM stacks or DRAM channels."""

    node_nm: float | None = None
    die_mm2: float | None = None
    sources: dict[str, str] = {}
    """Field -> where its value comes from; what begins with "estimate" is shown as one."""


@cache
def _file() -> dict[str, Any]:
    return dict(read_json(PATH))


@cache
def drawing_of(name: str) -> Drawing:
    """The drawing of the device of this exact catalog name: its family's values, then its own.

    Raises KeyError for a device that can't be drawn, ResourceError where the file is damaged.
    """
    file = _file()
    own = dict(file["devices"][name])
    family = file["families"][own.pop("family")]
    sources = {**family.get("sources", {}), **own.get("sources", {})}
    try:
        return msgspec.convert({**family, **own, "sources": sources}, Drawing)
    except msgspec.ValidationError as error:
        raise ResourceError(f"resources/{PATH} is damaged: {name}: {error}") from None
