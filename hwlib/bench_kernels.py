"""Times the predictions of kernels: 10,000 rows of every kind on a measured device, shapes never seen before."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 10_000
DEVICE, FRAMEWORK = "A100 80GB SXM4", "vllm"
"""The slowest of the shipped calibrations: its GEMMs try the most tile sizes."""

FORMS = {
    "gemm": "16", "attention_prefill": "16", "attention_decode": "16", "elementwise": "rmsnorm",
    "allreduce": "all_reduce",
}  # fmt: skip


def kernel_timings(quick: bool = False) -> list[dict[str, Any]]:
    """For each kind: rows predicted in one call with their bands, and the median seconds of several calls."""
    return [_timing(kind, form, 3 if quick else 15) for kind, form in FORMS.items()]


def _timing(kind: str, form: str, repeats: int) -> dict[str, Any]:
    from hwlib.baselines.calibration import operator_seconds

    random = np.random.default_rng(1)
    operator_seconds(DEVICE, kind, _shapes(kind, 2, random), form, FRAMEWORK)
    times = []
    for _ in range(repeats):
        columns = _shapes(kind, ROWS, random)
        start = time.perf_counter()
        operator_seconds(DEVICE, kind, columns, form, FRAMEWORK)
        times.append(time.perf_counter() - start)
    return {"kind": kind, "device": DEVICE, "rows": ROWS, "predict_s": statistics.median(times)}


def _shapes(kind: str, count: int, random: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    def power(low: int, high: int) -> NDArray[np.float64]:
        return np.asarray(2.0 ** random.integers(low, high, count))

    def multiple(step: int, most: int) -> NDArray[np.float64]:
        return np.asarray(1.0 * step * random.integers(1, most, count))

    if kind == "gemm":
        return {
            "m": np.floor(power(0, 14) * random.uniform(1.0, 2.0, count)),
            "n": multiple(64, 400),
            "k": multiple(64, 400),
        }
    if kind == "elementwise":
        return {"rows": power(0, 16), "cols": multiple(64, 400)}
    if kind == "allreduce":
        return {"n_devices": power(1, 4), "bytes": power(4, 30)}
    heads, length = multiple(8, 17), multiple(1, 32_768)
    groups = power(0, 4)
    shape = {"batch": power(0, 9), "heads": heads, "kv_heads": np.maximum(1.0, np.floor(heads / groups))}
    lengths = {"q_len": length if kind == "attention_prefill" else np.ones(count), "kv_len": length}
    return {**shape, **lengths, "head_dim": np.full(count, 128.0)}
