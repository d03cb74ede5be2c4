"""Which kernels an LLM runtime takes on a device for a scenario's bits: operand bytes and the form of the constants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from hwlib.baselines.calibration import shipped
from hwlib.baselines.kernels.ceilings import TERA, Ceilings, ceilings_of
from hwlib.baselines.kernels.gemm import FORMATS as GEMM_FORMATS
from hwlib.baselines.kernels.gemm import GemmFormat
from hwlib.catalog import Device, PrecisionChoice, precision_for
from hwlib.workload.scenario import Scenario

STREAM_NARROW_CACHES = frozenset({"trtllm"})
"""Frameworks whose decode attention streams a cache of few bits as fast as one of 16 bits: TensorRT-LLM's whole-model
rows in fp8 say so (median error of 27 static batches 8.9 % with vLLM's fp8 constants, which compute, 5.9 % with those
of 16 bits); its own kernel rows can't be trusted."""

_GEMM = {form.name: form for form in GEMM_FORMATS.values()}


@dataclass(frozen=True)
class RuntimeFormats:
    """The kernels of weight GEMMs (None where no kernel model knows the arithmetic, fp32) and of attention."""

    chip: Ceilings
    gemm: GemmFormat | None
    gemm_form: str
    """The form in `kernels.registry` whose constants serve."""

    prefill_form: str
    decode_form: str
    """The forms of attention; "" where no kernel is known."""

    kv_bytes: float
    """Of one element of the cache."""


def has_kernels(device: Device) -> bool:
    """Whether the kernel models, which are those of GPUs, speak of a device: a GPU with published peak and DRAM."""
    if "GPU" not in device.device_class or device.cannot_run:
        return False
    try:
        ceilings_of(device)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def runtime_formats(device: Device, scenario: Scenario, framework: str) -> RuntimeFormats:
    """The formats in which LLM runtimes run a scenario on a GPU, by the catalog's rules for what the device lacks.

    Weights of fewer bits than the arithmetic are unpacked in the GEMM (weight-only kernels); of two 8-bit units
    runtimes take fp8. Raises ValueError as `ceilings_of`.
    """
    chip = ceilings_of(device)
    weights = precision_for(device, scenario.weight_bits, scenario.activation_bits)
    chip, form = _gemm(device, chip, weights, scenario)
    found = None
    if form:
        base = _GEMM[form]
        found = msgspec.structs.replace(base, weight_bytes=scenario.stored_weight_bits / 8.0)
    values = precision_for(device, scenario.kv_bits, scenario.activation_bits)
    form_of_attention = _attention(device, values, scenario)
    return RuntimeFormats(
        chip=chip,
        gemm=found,
        gemm_form=form,
        prefill_form=_prefill_form(device, framework, form_of_attention),
        decode_form="16" if form_of_attention and framework in STREAM_NARROW_CACHES else form_of_attention,
        kv_bytes=scenario.kv_bits / 8.0,
    )


def _gemm(device: Device, chip: Ceilings, choice: PrecisionChoice, scenario: Scenario) -> tuple[Ceilings, str]:
    """The chip with the peak that runtimes get, and the form of its weight GEMMs; "" where no kernel is known."""
    bits, peak = scenario.weight_bits, (choice.rate_T or 0.0) * TERA
    if choice.format in ("bf16", "fp16"):
        return chip, "16" if bits > 8 else "int8_wo" if bits > 4 else "int4_wo"
    if choice.format == "fp4":
        return chip, "nvfp4"
    if choice.format in ("int8", "mxint8", "fp8"):
        if chip.peak8_flops:
            return chip, "fp8"
        return msgspec.structs.replace(chip, peak_int8_flops=peak), "int8"
    if choice.format in ("int4", "mxint4"):
        return msgspec.structs.replace(chip, peak_int8_flops=peak), "int8"
    return chip, ""


def _attention(device: Device, choice: PrecisionChoice, scenario: Scenario) -> str:
    """The form of attention; "" where no kernel is known. 8-bit arithmetic takes fp8: attention has no int8 kernels."""
    if choice.format in ("fp32", "none") or max(scenario.kv_bits, scenario.activation_bits) > 16:
        return ""
    if scenario.kv_bits > 8:
        return "16"
    narrow = scenario.activation_bits <= 8 and device.fp8_T is not None
    return "8/kv8" if narrow else "16/kv8"


def _prefill_form(device: Device, framework: str, form: str) -> str:
    """fp8 arithmetic only where the framework's own attention was measured in it, or nothing of it was measured."""
    own = shipped().get((device.name, framework))
    if (
        form == "8/kv8"
        and own
        and own.model("attention_prefill", "16/kv8")
        and not own.model("attention_prefill", form)
    ):
        return "16/kv8"
    return form
