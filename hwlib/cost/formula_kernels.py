"""The kernel models as functions of formulas: columns, device and fitted constants as plain numbers, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.kernels import attention, collective, elementwise, gemm
from hwlib.baselines.kernels.ceilings import Ceilings
from hwlib.fields import PartField, part_fields

Array = NDArray[np.float64]

GEMM = (
    "m",
    "n",
    "k",
    "weight_bytes",
    "input_bytes",
    "output_bytes",
    "peak",
    "peak_16bit",
    "cores",
    "clock",
    "bandwidth",
)
ATTENTION = (
    "batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "causal", "query_bytes", "kv_bytes", "peak", "cores",
    "clock", "bandwidth",
)  # fmt: skip
ELEMENTWISE = ("rows", "cols", "cores", "bandwidth")
COLLECTIVE = ("chips", "message_bytes", "link_bandwidth")
"""Arguments ahead of the fitted constants, which follow in the order of their declaration."""


def constant_names(constants: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the fitted constants in the order in which a function of formulas takes them."""
    return tuple(field.name for field in msgspec.structs.fields(constants))


def as_number(constant: PartField, value: float | str) -> float:
    """A constant as a formula holds it: a word by its place among those that the constant can be."""
    return float(constant.choices.index(value)) if isinstance(value, str) else float(value)


def _constants(kind: type[msgspec.Struct], values: tuple[Array, ...]) -> Any:
    told = {field.name: field for field in part_fields(kind)}
    given: dict[str, Any] = {n: float(v) for n, v in zip(constant_names(kind), values, strict=True)}
    worded = {n: told[n].choices[int(v)] for n, v in given.items() if told[n].choices}
    return kind(**given | worded)


def _chip(**known: Array | float) -> Ceilings:
    """Ceilings with what a kernel needs; the rest is never read."""
    values = dict.fromkeys(("peak16_flops", "peak8_flops", "peak_int8_flops", "peak4_flops", "link_Bps", "tdp_W"), 0.0)
    base: dict[str, Any] = {"name": "", "generation": "", "sms": 1, "clock_Hz": 1.0, "dram_Bps": 1.0, **values}
    return Ceilings(**{**base, **{name: float(value) for name, value in known.items()}})


def _columns(names: tuple[str, ...], values: tuple[Array, ...]) -> dict[str, Array]:
    arrays = np.broadcast_arrays(*(np.atleast_1d(v) for v in values))
    return dict(zip(names, arrays, strict=True))


def gemm_seconds(*given: Array) -> Array:
    """As `kernels.gemm.gemm_seconds`."""
    m, n, k, weight, inputs, outputs, peak, peak16, cores, clock, bandwidth = given[: len(GEMM)]
    form = gemm.GemmFormat(
        name="", weight_bytes=float(weight), input_bytes=float(inputs), output_bytes=float(outputs), peak="peak4_flops"
    )
    chip = _chip(peak4_flops=peak, peak16_flops=peak16, sms=cores, clock_Hz=clock, dram_Bps=bandwidth)
    return gemm.gemm_seconds(_constants(gemm.GemmConstants, given[len(GEMM) :]), chip, form, m, n, k)


def _attention(constants: type[msgspec.Struct], seconds: Callable[..., Array]) -> Callable[..., Array]:
    def function(*given: Array) -> Array:
        query, kv, peak, cores, clock, bandwidth = given[7 : len(ATTENTION)]
        form = attention.AttentionFormat(query_bytes=float(query), kv_bytes=float(kv), peak="peak8_flops")
        chip = _chip(peak8_flops=peak, sms=cores, clock_Hz=clock, dram_Bps=bandwidth)
        return seconds(_constants(constants, given[len(ATTENTION) :]), chip, form, _columns(ATTENTION[:7], given[:7]))

    return function


def elementwise_seconds(*given: Array) -> Array:
    """As `kernels.elementwise.elementwise_seconds`."""
    rows, cols, cores, bandwidth = given[: len(ELEMENTWISE)]
    x = _constants(elementwise.ElementwiseConstants, given[len(ELEMENTWISE) :])
    return elementwise.elementwise_seconds(x, _chip(sms=cores, dram_Bps=bandwidth), rows, cols)


def _collective(op: str) -> Callable[..., Array]:
    def function(*given: Array) -> Array:
        chips, size, links = given[: len(COLLECTIVE)]
        x = _constants(collective.CollectiveConstants, given[len(COLLECTIVE) :])
        return collective.collective_seconds(x, _chip(link_Bps=links), op, chips, size)

    return function


_PREFILL, _DECODE = attention.PrefillConstants, attention.DecodeConstants
_MOVED = collective.CollectiveConstants
_FUNCTIONS: tuple[tuple[str, Callable[..., Array], tuple[str, ...], type[Any]], ...] = (
    ("gemm_seconds", gemm_seconds, GEMM, gemm.GemmConstants),
    ("prefill_seconds", _attention(_PREFILL, attention.prefill_seconds), ATTENTION, _PREFILL),
    ("decode_seconds", _attention(_DECODE, attention.decode_seconds), ATTENTION, _DECODE),
    ("elementwise_seconds", elementwise_seconds, ELEMENTWISE, elementwise.ElementwiseConstants),
    ("all_reduce_seconds", _collective("all_reduce"), COLLECTIVE, _MOVED),
    ("send_seconds", _collective("send_recv"), COLLECTIVE, _MOVED),
)
KERNEL_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    name: (function, len(ahead) + len(constant_names(kind)), len(ahead) + len(constant_names(kind)))
    for name, function, ahead, kind in _FUNCTIONS
}
"""By name: the function, and how many arguments it takes."""
