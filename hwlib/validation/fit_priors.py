"""Fits the class prior of GPUs to measured kernels, through the cost model's own code, and says how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hwlib.baselines.device_design import device_design
from hwlib.catalog import Device, find_device
from hwlib.mapping.collectives import collective_latencies, port_ramp
from hwlib.report import RESOURCES
from hwlib.technology.wires import port_technology
from hwlib.validation.kernels import Parts, gemm_parts, seconds
from hwlib.validation.tables import Row, column, read_rows, seen_by_fits

Array = NDArray[np.float64]

DEVICES = {
    "A100-SXM4-80GB": "A100 80GB SXM4",
    "H100-SXM": "H100 80GB SXM5",
    "H200-SXM": "H200 141GB SXM",
    "A40": "A40 48GB",
}
"""Device as the tables spell it -> catalog name. Others have too few rows."""

SIXTEEN, EIGHT = ("bfloat16", "fp16"), ("fp8", "fp8_block", "sq")
GRAPH_NOTES, EAGER = ("nccl-tests", "TRTLLM", "vLLM_custom_graph"), "eager"
LONG_CONTEXT, MANY_STREAMS, LONG_S, SANE_SHARE = 1024, 32, 50e-6, 0.95
OVERHEAD_SCALE = RAMP_SCALE = 1e-6
LASTING_S = 300e-6
"""Kernels that compute longer make up most of a prefill, so that they weigh more than the others."""

WEIGHTS = (1.0, 1.0, 3.0)
"""Of kernels that wait for memory, that compute for a short time and for a long one."""


@dataclass(frozen=True)
class Kernels:
    """K measured kernels of one device: what the model takes at peak rates, what was measured, and the split."""

    device: str
    parts: Parts
    measured_s: Array
    roofline_s: Array
    fit: NDArray[np.bool_]

    @property
    def memory(self) -> str:
        """The prior's constant for the device's DRAM."""
        return f"dram_{_technology(self.device)}"

    def predicted_s(self, prior: dict[str, float], rows: NDArray[np.bool_]) -> Array:
        """[rows] seconds under a prior: by the device's DRAM technology where the prior has it."""
        own = {**prior, "dram": prior.get(self.memory, prior["dram"])}
        return seconds(Parts(self.parts.times[rows], self.parts.p), own)

    def groups(self) -> tuple[NDArray[np.bool_], ...]:
        """[3] rows to be fitted: those that wait for memory at peak, those that compute briefly, and for long."""
        times = self.parts.times
        waits = times[:, RESOURCES.index("dram")] > times[:, RESOURCES.index("compute")]
        lasts = self.measured_s > LASTING_S
        return tuple(self.fit & rows for rows in (waits, ~waits & ~lasts, ~waits & lasts))


def _technology(device: str) -> str:
    return find_device(DEVICES[device]).dram_type.upper()


def gemm_kernels(rows: Sequence[Row], device: str, dtypes: tuple[str, ...], bits: int) -> Kernels:
    """The GEMM rows of one device (table spelling) in some number formats."""
    mine = [r for r in rows if r["device"] == device and r["dtype"] in dtypes]
    m, n, k = (column(mine, c) for c in ("m", "n", "k"))
    record = find_device(DEVICES[device])
    parts = gemm_parts(device_design(record), m, n, k, bits)
    roof = _gemm_roofline_s(record, m, n, k, bits)
    return Kernels(device, parts, column(mine, "latency_s"), roof, seen_by_fits(mine, ("m", "n", "k")))


def _gemm_roofline_s(device: Device, m: Array, n: Array, k: Array, bits: int) -> Array:
    peak = device.bf16_T if bits > 8 else device.fp8_T or device.int8_T
    moved = (m * k + n * k) * bits / 8.0 + 2.0 * m * n
    return np.maximum(2.0 * m * n * k / ((peak or 0.0) * 1e12), moved / ((device.dram_GBs or 0.0) * 1e9))


def attention_kernels(rows: Sequence[Row], device: str) -> Kernels:
    """Decode attention that streams a long 16-bit KV cache, to check the DRAM's share: DRAM time only.

    TensorRT-LLM rows are left out (an aliased cache beats the DRAM's peak), as is what is above 95 % of it, under
    50 us, shorter than 1,024 tokens or too few streams to fill the chip.
    """
    record = find_device(DEVICES[device])
    mine = [r for r in rows if r["device"] == device and "trtllm" not in r["source"] and "fp8" not in r["kv_dtype"]]
    b, h, kv, d, length, t = (
        column(mine, c) for c in ("batch", "heads", "kv_heads", "head_dim", "kv_len", "latency_s")
    )
    moved = 4.0 * b * kv * d * length + 4.0 * b * h * d
    at_peak = moved / ((record.dram_GBs or 0.0) * 1e9)
    good = (t > LONG_S) & (length >= LONG_CONTEXT) & (b * kv >= MANY_STREAMS) & (at_peak <= SANE_SHARE * t)
    parts = gemm_parts(device_design(record), 1.0, 1.0, 1.0, 16)
    times = np.zeros((int(good.sum()), parts.times.shape[1]))
    times[:, RESOURCES.index("dram")] = at_peak[good]
    split = seen_by_fits(mine, ("batch", "heads", "kv_heads", "kv_len"))[good]
    return Kernels(device, Parts(times, parts.p), t[good], at_peak[good], split)


def as_prior(x: Array, memories: Sequence[str]) -> dict[str, float]:
    """The prior that a point of the search stands for; DRAM of a technology that wasn't measured reaches the mean."""
    compute, overhead, sram = x[:3].tolist()
    shares = dict(zip(memories, x[3:].tolist(), strict=True))
    own = {"compute": compute, "dram": float(np.mean(x[3:])), "sram": sram, "overhead_s": overhead * OVERHEAD_SCALE}
    return {**own, **shares}


def fit(sets: Sequence[Kernels]) -> dict[str, float]:
    """Pooled constants by robust least squares on log(predicted / measured), by group of kernels and set (WEIGHTS).

    One share of the compute peak and of the on-chip memory's, one overhead, one share for each DRAM technology.
    """
    memories = sorted({s.memory for s in sets})
    rows = [(s, g, w / np.sqrt(g.sum())) for s in sets for g, w in zip(s.groups(), WEIGHTS, strict=True) if g.any()]

    def residuals(x: Array) -> Array:
        prior = as_prior(x, memories)
        logs = [w * np.log(s.predicted_s(prior, g) / s.measured_s[g]) for s, g, w in rows]
        return 30.0 * np.concatenate(logs)

    shares = len(memories)
    limits = ([0.2, 0.0, 0.2, *shares * [0.2]], [1.0, 30.0, 1.0, *shares * [1.0]])
    start = [0.75, 3.0, 0.8, *shares * [0.85]]
    return as_prior(least_squares(residuals, start, loss="soft_l1", f_scale=0.1, bounds=limits).x, memories)


def errors(kernels: Kernels, prior: dict[str, float]) -> dict[str, float]:
    """Median and mean absolute relative error on the rows kept out, the bias, and the plain roofline's."""
    out = ~kernels.fit
    relative = kernels.predicted_s(prior, out) / kernels.measured_s[out] - 1.0
    roof = kernels.roofline_s[out] / kernels.measured_s[out] - 1.0
    return {
        "rows": int(out.sum()),
        "median": round(float(np.median(np.abs(relative))), 4),
        "mean": round(float(np.mean(np.abs(relative))), 4),
        "bias": round(float(np.median(relative)), 4),
        "roofline_median": round(float(np.median(np.abs(roof))), 4),
        "roofline_mean": round(float(np.mean(np.abs(roof))), 4),
    }


def all_reduce_rows(rows: Sequence[Row]) -> list[Row]:
    """All-reduces inside one node over NVLink, launched from graphs or by nccl-tests, not eagerly."""
    return [
        r
        for r in rows
        if r["op"] == "all_reduce" and r["device"] in DEVICES and any(word in r["notes"] for word in GRAPH_NOTES)
    ]


def fit_port(rows: Sequence[Row], overhead_s: float) -> tuple[dict[str, float], dict[str, float]]:
    """Efficiency of the chip-to-chip port and seconds of its ramp in all-reduces, and the error on rows kept out.

    t = overhead + latency + 2 (n-1)/n bytes / (efficiency sqrt(bytes / (bytes + ramp beta)) beta), beta one way
    (as cost/work.py).
    """
    mine = all_reduce_rows(rows)
    n, size, t = (column(mine, c) for c in ("n_devices", "bytes", "latency_s"))
    beta = np.array([(find_device(DEVICES[r["device"]]).interconnect_GBs_bidir or 0.0) * 0.5e9 for r in mine])
    fixed = overhead_s + collective_latencies(n) * port_technology("nvlink").latency_s
    wire = 2.0 * (n - 1.0) / n * size / beta
    seen = seen_by_fits(mine, ("bytes", "n_devices"))

    def predicted(x: Array) -> Array:
        return np.asarray(fixed + wire / (x[0] * port_ramp(size, x[1] * RAMP_SCALE * beta)))

    def residuals(x: Array) -> Array:
        return np.asarray(np.log(predicted(x) / t)[seen])

    limits = ([0.1, 1e-3], [1.0, 1e3])
    found = least_squares(residuals, np.array([0.7, 10.0]), loss="soft_l1", f_scale=0.1, bounds=limits)
    relative = np.abs(predicted(found.x) / t - 1.0)[~seen]
    constants = {"port": float(found.x[0]), "port_ramp_s": float(found.x[1] * RAMP_SCALE)}
    return constants, {
        "rows": int((~seen).sum()),
        "median": round(float(np.median(relative)), 4),
        "mean": round(float(np.mean(relative)), 4),
    }


def fit_priors(gemm: Path, attention: Path, allreduce: Path) -> dict[str, Any]:
    """Constants of the gpu class with row counts and errors on rows kept out, from three measured tables (CSV).

    Keys: `constants`; `fitted_rows`; `kept_out` by device (16-bit GEMM, 8-bit GEMM, attention, all-reduce);
    `leave_one_out`: errors on a device's kept-out rows of a fit that never saw the device.
    Raises OSError where a table can't be read, KeyError where it lacks a column.
    """
    rows, streams = read_rows(gemm), read_rows(attention)
    gemms = [gemm_kernels(rows, device, SIXTEEN, 16) for device in DEVICES]
    attentions = [k for d in DEVICES if len((k := attention_kernels(streams, d)).measured_s) >= 20]
    prior = fit(gemms)
    port, port_errors = fit_port(read_rows(allreduce), prior["overhead_s"])
    return {
        "constants": {**prior, **port},
        "fitted_rows": {"gemm": int(sum(s.fit.sum() for s in gemms))},
        "kept_out": {
            "gemm_16bit": {s.device: errors(s, prior) for s in gemms},
            "gemm_8bit": _eight_bit(rows, prior),
            "attention_decode": {s.device: errors(s, prior) for s in attentions},
            "all_reduce": port_errors,
        },
        "leave_one_out": {s.device: _left_out(s.device, gemms) for s in gemms},
    }


def cited_points(gemm: Path, per_device: int = 16) -> list[dict[str, Any]]:
    """A few kept-out 16-bit GEMMs of every device, evenly over the sorted work, to check the fit without the table."""
    rows, found = read_rows(gemm), []
    for device, name in DEVICES.items():
        mine = [r for r in rows if r["device"] == device and r["dtype"] in SIXTEEN]
        out = [r for r, seen in zip(mine, seen_by_fits(mine, ("m", "n", "k")), strict=True) if not seen]
        out.sort(key=lambda r: (float(r["m"]) * float(r["n"]) * float(r["k"]), r["source"]))
        for i in np.linspace(0, len(out) - 1, per_device).round().astype(int):
            shape = {c: int(float(out[i][c])) for c in ("m", "n", "k")}
            found.append({"device": name, **shape, "latency_s": float(out[i]["latency_s"]), "source": out[i]["source"]})
    return found


def _eight_bit(rows: Sequence[Row], prior: dict[str, float]) -> dict[str, dict[str, float]]:
    """Errors of the 16-bit constants on 8-bit GEMMs, whose rows may include a quantisation kernel."""
    found = (gemm_kernels(rows, device, EIGHT, 8) for device in DEVICES if _has(rows, device))
    return {s.device: errors(s, prior) for s in found}


def _has(rows: Sequence[Row], device: str) -> bool:
    return any(r["device"] == device and r["dtype"] in EIGHT for r in rows)


def _left_out(device: str, gemms: Sequence[Kernels]) -> dict[str, float]:
    others = fit([s for s in gemms if s.device != device])
    return errors(next(s for s in gemms if s.device == device), others)
