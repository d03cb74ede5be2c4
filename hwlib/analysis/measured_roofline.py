"""Cited measured kernels as points of a roofline: FLOPs over compulsory bytes, and the FLOP/s that were reached."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from hwlib.baselines.evidence import MeasuredPoint, measured_points
from hwlib.baselines.kernels import attention, gemm


class MeasuredKernel(NamedTuple):
    """A measured kernel, its operational intensity in FLOP per compulsory byte, and its FLOP/s."""

    point: MeasuredPoint
    intensity: float
    flops: float


@cache
def roofline_points(device: str) -> tuple[MeasuredKernel, ...]:
    """The cited GEMMs and attention kernels of a catalog device. Raises UnknownNameError for the device."""
    found = (_placed(point) for point in measured_points(device))
    return tuple(kernel for kernel in found if kernel is not None)


def _placed(point: MeasuredPoint) -> MeasuredKernel | None:
    c = {name: np.array([value]) for name, value in point.columns.items()}
    if point.kind == "gemm":
        layout = next(f for f in gemm.FORMATS.values() if f.name == point.form)
        flops, moved = 2.0 * c["m"] * c["n"] * c["k"], gemm.gemm_bytes(layout, c["m"], c["n"], c["k"])
    elif point.kind.startswith("attention"):
        cache_form = attention.FORMATS[point.form]
        flops = 4.0 * c["batch"] * c["heads"] * attention.attended(c) * c["head_dim"]
        moved = attention.kv_bytes(cache_form, c) + attention.query_bytes(cache_form, c)
    else:
        return None
    return MeasuredKernel(point, float(flops[0] / moved[0]), float(flops[0]) / point.seconds)
