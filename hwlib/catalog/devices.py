"""The devices of the catalog: their datasheet figures, power where unpublished, and the number formats they run."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal

import msgspec

from hwlib.catalog.lookup import UnknownNameError, find
from hwlib.resources import ResourceError, read_json

Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e9)]
NonNegative = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
_MAKER = re.compile(r"^\s*(nvidia|amd|google|intel|aws|habana)[\s_-]+", re.IGNORECASE)


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chip, card or module as its documents describe it. None: unpublished. Peaks are dense, in 1e12 operations/s.

    Sizes are in 1e6 or 1e9 bytes as the name says; `interconnect_GBs_bidir` sums both directions of all links.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    device_class: str
    vendor: str
    year: Annotated[int, msgspec.Meta(ge=1990, le=2100)]
    node_nm: Positive | None = None
    die_mm2: Positive | None = None
    transistors_B: Positive | None = None
    fp32_T: Positive | None = None
    fp16_T: Positive | None = None
    bf16_T: Positive | None = None
    fp8_T: Positive | None = None
    int8_T: Positive | None = None
    int8_llm_T: NonNegative | None = None
    """The part of `int8_T` that LLM runtimes can use where it differs (Jetson without its DLAs); 0: none of it."""
    int4_T: Positive | None = None
    int4_format: str = "int4"
    l1_MB: Positive | None = None
    l2_MB: Positive | None = None
    sram_bw_TBs: Positive | None = None
    dram_type: str = "none"
    dram_GB: NonNegative | None = 0.0
    dram_GBs: NonNegative | None = 0.0
    tdp_W: Positive | None = None
    tdp_range_W: tuple[Positive, Positive] | None = None
    """Lowest and highest power that documents give, where they differ."""
    tdp_note: str = ""
    interconnect_GBs_bidir: Positive | None = None
    clock_MHz: Positive | None = None
    cores: Annotated[int, msgspec.Meta(ge=1)] | None = None
    cores_note: str = ""
    server_name: str = ""
    server_W_max: Positive | None = None
    source: str = ""
    confidence: str = ""
    verified: str = ""
    note: str = ""
    estimates: tuple[str, ...] = ()
    """Fields recalled, derived or approximate: to be shown as estimates."""
    upper_bounds: tuple[str, ...] = ()
    """Fields whose value is only known to be below the figure given."""
    aliases: tuple[str, ...] = ()
    cannot_run: str = ""
    """Why the device can't run an LLM; empty where it can."""

    @property
    def power_published(self) -> bool:
        """True where one figure for the power was published and read."""
        return self.tdp_W is not None and "tdp_W" not in self.estimates

    @property
    def sram_only(self) -> bool:
        """True where weights must live on the chip: it has no DRAM, or none whose bandwidth is known."""
        return not (self.dram_GB and self.dram_GBs)


class PrecisionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The format in which a device multiplies, its dense peak (None: it has no such unit) and what to know about it."""

    format: Literal["fp32", "fp16", "bf16", "fp8", "int8", "int4", "fp4", "mxint8", "mxint4", "none"]
    rate_T: float | None
    note: str = ""


@cache
def devices() -> tuple[Device, ...]:
    """Every device of the catalog, those included that can't run an LLM (`cannot_run` says why)."""
    try:
        return tuple(msgspec.convert(read_json("devices/devices.json")["devices"], list[Device]))
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ResourceError(f"resources/devices/devices.json is damaged: {error}") from None


def find_device(name: str) -> Device:
    """The device called `name` ("A100", "h100_sxm", "A100-80GB"); case and punctuation don't count.

    A unique prefix is enough; the maker's name may stand before it. Raises UnknownNameError with the nearest names,
    AmbiguousNameError with the candidates.
    """
    try:
        return find(name, devices(), what="device", numbers_whole=True)
    except UnknownNameError:
        bare = _MAKER.sub("", name)
        if bare == name:
            raise
    return find(bare, devices(), what="device", numbers_whole=True)


# --- number formats -------------------------------------------------------------------------------------------------


def precision_for(device: Device, bits: int, activation_bits: int | None = None) -> PrecisionChoice:
    """How `device` multiplies weights of `bits` by activations of `activation_bits` (the same where None).

    Operands meet in the wider of the two formats: narrower weights are dequantised on the way. Where the device lacks
    that format, the note says what runs in its place.
    """
    wide = max(bits, activation_bits if activation_bits is not None else bits)
    choice = _for_width(device, wide)
    if choice.rate_T is None or bits >= wide or choice.format == "none":
        return choice
    unpacked = f"{bits}-bit weights are dequantised to {choice.format} before they are multiplied"
    return msgspec.structs.replace(choice, note="; ".join(filter(None, (unpacked, choice.note))))


def _for_width(device: Device, bits: int) -> PrecisionChoice:
    if bits > 16:
        if device.fp32_T is not None:
            return PrecisionChoice(format="fp32", rate_T=device.fp32_T)
        return _noted(_sixteen(device), "no published fp32 peak: 16-bit arithmetic in its place")
    if bits > 8:
        return _sixteen(device)
    return _four(device) if bits <= 4 and device.int4_T is not None else _eight(device, bits)


def _sixteen(device: Device) -> PrecisionChoice:
    if device.bf16_T is not None:
        return PrecisionChoice(format="bf16", rate_T=device.bf16_T)
    if device.fp16_T is not None:
        return PrecisionChoice(format="fp16", rate_T=device.fp16_T, note="no bf16 on this device: fp16 in its place")
    narrower = _native_eight(device)
    if narrower is not None:
        return _noted(narrower, f"no 16-bit arithmetic on this device: operands are rounded to {narrower.format}")
    if device.fp32_T is not None:
        return PrecisionChoice(format="fp32", rate_T=device.fp32_T, note="no 16-bit peak published: fp32 in its place")
    return PrecisionChoice(format="none", rate_T=None, note="no dense peak published for any format")


def _native_eight(device: Device) -> PrecisionChoice | None:
    """The device's 8-bit unit that an LLM can use, int8 before fp8; None where there is none."""
    int8 = device.int8_T if device.int8_llm_T is None else device.int8_llm_T
    if int8:
        note = ""
        if device.int8_T is not None and int8 < device.int8_T:
            note = f"{int8:g} of the {device.int8_T:g} TOPS: the rest is in accelerators that LLM runtimes don't use"
        name: Literal["int8", "mxint8"] = "mxint8" if device.int4_format == "mxint4" else "int8"
        return PrecisionChoice(format=name, rate_T=int8, note=note)
    if device.fp8_T is not None:
        return PrecisionChoice(format="fp8", rate_T=device.fp8_T, note="no int8 matrix unit on this device: fp8")
    return None


def _eight(device: Device, bits: int) -> PrecisionChoice:
    native = _native_eight(device)
    wider = max((t for t in (device.bf16_T, device.fp16_T) if t is not None), default=0.0)
    if native is None or native.rate_T is None:
        return _noted(_sixteen(device), f"no 8-bit matrix unit: {bits}-bit operands are dequantised to 16 bit")
    if native.rate_T < wider:
        reason = f"the {native.format} units ({native.rate_T:g} TOPS) are slower than 16-bit ones: dequantised"
        return _noted(_sixteen(device), reason)
    return _noted(native, f"no 4-bit matrix unit: unpacked to {native.format}") if bits <= 4 else native


def _four(device: Device) -> PrecisionChoice:
    name: Literal["int4", "fp4", "mxint4"] = "int4"
    if device.int4_format == "fp4":
        name = "fp4"
    elif device.int4_format == "mxint4":
        name = "mxint4"
    return PrecisionChoice(format=name, rate_T=device.int4_T)


def _noted(choice: PrecisionChoice, note: str) -> PrecisionChoice:
    return msgspec.structs.replace(choice, note="; ".join(filter(None, (note, choice.note))))


# --- power ----------------------------------------------------------------------------------------------------------

_SERVER_CLASSES = frozenset({"GPU", "ASIC", "TPU", "GPU (2 GCD)", "GPU (8 XCD)"})
_YEARS_APART = 2
# From 4 pJ/bit at an HBM device to 16 pJ/bit of a busy DIMM: resources/technology/energy_constants.csv, "dram".
_DRAM_J_PER_BIT = (4e-12, 16e-12)


def power_range_W(device: Device) -> tuple[float, float, str]:
    """Lowest and highest board power to reckon with, and where they come from.

    Both are the published figure where there is one. Otherwise an estimate, said so in the reason: from what devices of
    the same kind and age draw for each mm² or each 16-bit TFLOP/s; for memory with processors from its bandwidth.
    Raises ValueError where nothing is known to estimate from.
    """
    if device.tdp_range_W is not None:
        return (*device.tdp_range_W, f"range of the documents; {device.tdp_note}".rstrip("; "))
    if device.tdp_W is not None:
        label = "estimate" if "tdp_W" in device.estimates else "published"
        return (device.tdp_W, device.tdp_W, f"{label}; {device.tdp_note}".rstrip("; "))
    if device.device_class == "DRAM PIM" and device.dram_GBs:
        low, high = (device.dram_GBs * 8e9 * energy for energy in _DRAM_J_PER_BIT)
        return (low, high, "estimate: power is unpublished; 4 to 16 pJ for each bit of its bandwidth")
    return _power_of_peers(device)


def _power_of_peers(device: Device) -> tuple[float, float, str]:
    peers = [d for d in devices() if d.tdp_W is not None and _alike(d, device)]
    scales = (("mm² of die", "die_mm2", device.die_mm2), ("16-bit TFLOP/s", "bf16_T", device.bf16_T or device.fp16_T))
    for label, field, size in scales:
        ratios = [d.tdp_W / getattr(d, field) for d in peers if d.tdp_W is not None and getattr(d, field)]
        if size and len(ratios) >= 2:
            reason = (
                f"estimate: power is unpublished; {min(ratios):.2g} to {max(ratios):.2g} W for each {label}, as on "
                f"{len(ratios)} devices of the kind, {device.year - _YEARS_APART} to {device.year + _YEARS_APART}"
            )
            return (min(ratios) * size, max(ratios) * size, reason)
    raise ValueError(f"{device.name}: power is unpublished and there is nothing to estimate it from")


def _alike(one: Device, other: Device) -> bool:
    if "tdp_W" in one.estimates or "bf16_T" in one.estimates:
        return False
    same = one.device_class == other.device_class or {one.device_class, other.device_class} <= _SERVER_CLASSES
    return same and abs(one.year - other.year) <= _YEARS_APART
