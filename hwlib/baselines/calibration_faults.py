"""What is wrong with the constants and bands of a calibration file though they have the right names and types."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import ceilings_of
from hwlib.baselines.kernels.registry import KERNELS, Kernel
from hwlib.catalog import find_device

TRIED_ON = "B200 180GB SXM"
"""A device with every number format, on which constants are tried."""

_TRIED = {"head_dim": 128.0, "heads": 8.0, "kv_heads": 8.0, "causal": 1.0, "n_devices": 4.0}
_SIZES = (1.0, 16.0, 4096.0)


def constants_fault(kind: str, form: str, given: Iterable[str], constants: Any) -> str:
    """Why the constants of a kernel can't be used, in words; empty where they can."""
    kernel, known = KERNELS[kind], [f.name for f in msgspec.structs.fields(type(constants))]
    if strange := sorted(set(given) - set(known)):
        return f"there is no constant {strange[0]!r}; there are {', '.join(known)}"
    for name in known:
        value = getattr(constants, name)
        least = min(0.0, kernel.ranges[name].low) if name in kernel.ranges else 0.0
        if isinstance(value, float) and not least <= value < math.inf:
            return f"{name} is {value:g}; it is a number of at least {least:g}"
    try:
        with np.errstate(all="ignore"):
            seconds = kernel.seconds(constants, ceilings_of(find_device(TRIED_ON)), form, _columns(kernel))
    except LookupError:
        return f"{kind} has no form {form!r}"
    except (ArithmeticError, ValueError) as error:
        return f"no time follows from them ({error})"
    if not (np.isfinite(seconds) & (seconds > 0.0)).all():
        return "no time follows from them: one that must be above 0 is 0"
    return ""


def band_fault(kind: str, bucket: int, low: float, high: float) -> str:
    """Why a band can't be used, in words; empty where it can."""
    buckets = len(KERNELS[kind].edges) + 1
    if not 0 <= bucket < buckets:
        return f"there is no bucket {bucket}; there are 0 to {buckets - 1}"
    if not 0.0 < low <= high < math.inf:
        return f"the band of bucket {bucket} goes from {low:g} to {high:g}; both are above 0, the lower first"
    return ""


def _columns(kernel: Kernel) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    return {name: np.array([_TRIED.get(name, size) for size in _SIZES]) for name in kernel.columns}
