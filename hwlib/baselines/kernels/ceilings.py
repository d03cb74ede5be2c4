"""What a datasheet says a kernel can't beat: peaks, DRAM bandwidth, links; and norms that smooth two limits."""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.catalog import Device

Array = NDArray[np.float64]

TERA, GIGA = 1e12, 1e9
_DEFAULT_CLOCK_Hz = 1.5e9
_CORE_FLOPS_PER_CLOCK = 2048.0
"""Of an A100's SM in 16 bit. What isn't a GPU counts as so many of these, since tiles are sized for them (estimate)."""

_AMPERE_YEAR, _HOPPER_YEAR, _BLACKWELL_YEAR = 2020, 2022, 2024


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """Datasheet ceilings of one device; a peak of 0 means that the device has no unit for the format."""

    name: str
    generation: str
    """"hopper", "ampere", "ada", "blackwell", "volta", "cdna" or "other": which class prior stands in for a fit."""

    sms: int
    """Cores that take a tile each: SMs, compute units, or cores of a systolic device."""

    clock_Hz: float
    peak16_flops: float
    peak8_flops: float
    peak_int8_flops: float
    peak4_flops: float
    dram_Bps: float
    link_Bps: float
    """All chip-to-chip links one way; 0 where there are none."""

    tdp_W: float


def generation_of(device: Device) -> str:
    """The class whose prior stands in for measurements, by vendor, year and kind of memory."""
    if device.vendor.upper().startswith("AMD"):
        return "cdna" if device.device_class.startswith("GPU") else "other"
    if not device.vendor.upper().startswith("NVIDIA") or "Jetson" in device.name:
        return "other"
    if device.year >= _BLACKWELL_YEAR and device.name.startswith(("B", "GB")):
        return "blackwell"
    if device.year < _AMPERE_YEAR:
        return "volta"
    if device.name.startswith(("L4", "RTX 4")):
        return "ada"
    return "hopper" if device.year >= _HOPPER_YEAR else "ampere"


@lru_cache(maxsize=256)
def ceilings_of(device: Device) -> Ceilings:
    """The ceilings of a catalog device. Raises ValueError where it has no published 16-bit peak or DRAM bandwidth."""
    peak16 = device.bf16_T or device.fp16_T
    if not peak16 or not device.dram_GBs:
        raise ValueError(f"{device.name}: no published 16-bit peak and DRAM bandwidth to start a kernel model from")
    generation = generation_of(device)
    clock = (device.clock_MHz or 0.0) * 1e6 or _DEFAULT_CLOCK_Hz
    alike = max(1, round(peak16 * TERA / (_CORE_FLOPS_PER_CLOCK * clock)))
    return Ceilings(
        name=device.name,
        generation=generation,
        sms=alike if generation == "other" else device.cores or alike,
        clock_Hz=clock,
        peak16_flops=peak16 * TERA,
        peak8_flops=(device.fp8_T or 0.0) * TERA,
        peak_int8_flops=(device.int8_T or 0.0) * TERA,
        peak4_flops=(device.int4_T or 0.0) * TERA if device.int4_format == "fp4" else 0.0,
        dram_Bps=device.dram_GBs * GIGA,
        link_Bps=(device.interconnect_GBs_bidir or 0.0) * GIGA / 2.0,
        tdp_W=device.tdp_W or 0.0,
    )


def norm(x: Array | float, y: Array | float, p: float) -> Array:
    """||x, y||_p of positive x and y, factored by the larger so that no power overflows: max for p -> infinity."""
    high, low = np.maximum(x, y), np.minimum(x, y)
    return np.asarray(high * (1.0 + (low / high) ** p) ** (1.0 / p))


def waves(work: Array, slots: float, fraction: float) -> Array:
    """Rounds that `work` tiles take on `slots` cores: exact for fraction 0, whole rounds for fraction 1."""
    rounds = work / slots
    return np.asarray(np.maximum(1.0, rounds + fraction * (np.ceil(rounds) - rounds)))
