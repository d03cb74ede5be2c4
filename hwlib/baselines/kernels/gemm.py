"""GEMM time of a device with tiled matrix units: tiles, waves, K splits, DRAM ramp, overhead, power throttling."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from hwlib.baselines.kernels.ceilings import Array, Ceilings, norm, waves
from hwlib.fields import choice, quantity

SPLITS = (1, 2, 3, 4, 6, 8)
MIN_SPLIT_K = 128
K_STEP = 64
RAMP_BYTES = 1e8
DRAM_CAP = 0.96
"""No kernel of the tables streams faster than this share of the published bandwidth."""

WIDEST_CORE_FLOPS = 4096.0
"""FLOPs per clock of a Hopper SM in 16 bit. Wider cores share operands in pairs (Blackwell): their feed grows too."""

_CHUNK = 2048
_LARGE = ((128, 256), (256, 128), (128, 128), (128, 64), (64, 128), (64, 64), (256, 64), (64, 256))
_SMALL = ((16, 64), (16, 128), (32, 64), (32, 128), (32, 256), (64, 32), (128, 32))
TILES = {"large": _LARGE, "all": (*_LARGE, *_SMALL)}
TileSet = Literal["large", "all"]
FLOOR_ROWS = 32
"""Rows from which block-scaled fp8 libraries launch one more kernel (seen in vLLM's)."""


class GemmConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What a GEMM library makes of a device; fitted, dimensionless where a datasheet figure carries the unit."""

    overhead_s: Annotated[
        float, quantity("t0, launch overhead", "Launch, prologue and epilogue of any kernel.", unit="s")
    ]
    compute: Annotated[
        float,
        quantity(
            "ec, share of peak",
            "Share of the published peak that a full tile reaches; above 1 where clocks beat the datasheet.",
        ),
    ]
    dram: Annotated[
        float,
        quantity("em, share of DRAM bandwidth", "Share of the published bandwidth that a kernel of 1e8 bytes reaches."),
    ]
    dram_ramp: Annotated[
        float, quantity("gamma, DRAM ramp", "The share of DRAM bandwidth grows as (bytes / 1e8)^gamma, up to 0.96.")
    ]
    norm: Annotated[
        float,
        quantity("p, overlap", "How sharply compute and traffic overlap: 1 is one after the other, infinity perfect."),
    ]
    feed: Annotated[
        float,
        quantity("beta_sm, feed of a core", "Bytes per clock that one core can load for its tile.", unit="B/clock"),
    ]
    tile_s: Annotated[float, quantity("t1, start of a tile", "Start and drain of one tile.", unit="s")]
    wave: Annotated[
        float,
        quantity(
            "f, last wave",
            "1 where a last, partly filled wave costs a whole one, 0 where persistent kernels share it out.",
        ),
    ]
    split_s: Annotated[float, quantity("ts, split along K", "Second pass of a GEMM that is split along K.", unit="s")]
    throttle: Annotated[
        float,
        quantity(
            "theta, throttling", "Slowdown at full use of the matrix units, from clocks that fall at the power limit."
        ),
    ]
    quantise: Annotated[
        float,
        quantity(
            "Quantising passes",
            "Bytes that a separate quantisation kernel moves, over those of the activations; 0 for plain GEMMs.",
        ),
    ] = 0.0
    floor_s: Annotated[
        float,
        quantity(
            "Floor of the host",
            "Least time of a GEMM where the host is slower than the kernels; 0 where graphs hide it.",
            unit="s",
        ),
    ] = 0.0
    floor_rows_s: Annotated[
        float, quantity("Floor from 32 rows on", "The same where the library launches one more kernel.", unit="s")
    ] = 0.0
    tiles: Annotated[
        TileSet,
        choice(
            "Tile sizes", "Which tile sizes the library has: those of 64 rows and more, or those of 16 and 32 rows too."
        ),
    ] = "large"
    few_rows: Annotated[
        float,
        quantity("Rows of the kernel for few", "Up to so many rows the library has a kernel without tiles; 0: none."),
    ] = 0.0
    few_s: Annotated[float, quantity("Start of the kernel for few rows", "Its start and end.", unit="s")] = 0.0
    few_dram: Annotated[
        float, quantity("Share of DRAM for few rows", "Share of the bandwidth that it reaches with 1e8 bytes.")
    ] = 1.0


class GemmFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Operands of a GEMM: bytes per weight, input and result, and the peak of the unit that multiplies."""

    name: str
    weight_bytes: float
    input_bytes: float
    output_bytes: float
    peak: Literal["peak16_flops", "peak8_flops", "peak_int8_flops", "peak4_flops"]


_GROUP_SCALE = 2.0 / 128.0
"""Bytes per weight of 16-bit scales for groups of 128."""

_F16 = GemmFormat(name="16", weight_bytes=2.0, input_bytes=2.0, output_bytes=2.0, peak="peak16_flops")
_FP8 = GemmFormat(name="fp8", weight_bytes=1.0, input_bytes=1.0, output_bytes=2.0, peak="peak8_flops")
_INT8 = GemmFormat(name="int8", weight_bytes=1.0, input_bytes=1.0, output_bytes=2.0, peak="peak_int8_flops")
_INT8_WO = GemmFormat(name="int8_wo", weight_bytes=1.0, input_bytes=2.0, output_bytes=2.0, peak="peak16_flops")
_INT4_WO = GemmFormat(
    name="int4_wo", weight_bytes=0.5 + _GROUP_SCALE, input_bytes=2.0, output_bytes=2.0, peak="peak16_flops"
)
_NVFP4 = GemmFormat(name="nvfp4", weight_bytes=0.5625, input_bytes=0.5625, output_bytes=2.0, peak="peak4_flops")
FORMATS = {
    **dict.fromkeys(("bfloat16", "bf16", "fp16", "float16", "half"), _F16),
    "fp8": _FP8,
    "fp8_block": msgspec.structs.replace(_FP8, name="fp8_block"),
    "int8": _INT8,
    "sq": _INT8,
    "w8a8": _INT8,
    "int8_wo": _INT8_WO,
    "int4_wo": _INT4_WO,
    "nvfp4": _NVFP4,
}
"""Format by the names of number formats in measured tables; sq is SmoothQuant (int8 weights and activations)."""


def peak_of(chip: Ceilings, form: GemmFormat) -> float:
    """The peak in FLOP/s for a format. Raises ValueError where the device has no unit for it."""
    peak = float(getattr(chip, form.peak))
    if not peak:
        raise ValueError(f"{chip.name} has no {form.name} matrix unit")
    return peak


def gemm_bytes(form: GemmFormat, m: Array, n: Array, k: Array) -> Array:
    """Compulsory DRAM bytes with cold caches."""
    return form.weight_bytes * n * k + form.input_bytes * m * k + form.output_bytes * m * n


def roofline_s(chip: Ceilings, form: GemmFormat, m: Array, n: Array, k: Array) -> Array:
    """Plain roofline: the slower of FLOPs at peak and bytes at the published bandwidth."""
    return np.maximum(2.0 * m * n * k / peak_of(chip, form), gemm_bytes(form, m, n, k) / chip.dram_Bps)


def gemm_seconds(
    constants: GemmConstants, chip: Ceilings, form: GemmFormat, m: ArrayLike, n: ArrayLike, k: ArrayLike
) -> Array:
    """[K] seconds of C[m, n] = A[m, k] B[k, n]; m, n, k: [K] or scalars.

    For tile (tm, tn) and split s (1, or k/s >= 128): q = ceil(m/tm) ceil(n/tn) s tiles; w = waves of q on S cores;
    c = w [k' ||2 tm tn S/(pi ec), bytes of a K step / (beta_sm clock)||_p + t1]; d = bytes / (beta share(bytes));
    tau = ||c, d||_p + [s > 1] (ts + 8 s m n / (3 beta)); t = t0 + min tau (1 + theta (u/ec)^4).
    Up to few_rows rows a kernel without tiles, few_s + bytes / (beta share), may be faster than tau.
    u: share of the peak in use; where the host is slower than that, its floor counts.
    Form: MODEL.md "von Neumann baselines". Raises ValueError where the device has no unit for the format.
    """
    m_, n_, k_ = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=float)) for x in (m, n, k)))
    parts = [
        _chunk(constants, chip, form, m_[i : i + _CHUNK], n_[i : i + _CHUNK], k_[i : i + _CHUNK])
        for i in range(0, len(m_), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _chunk(x: GemmConstants, chip: Ceilings, form: GemmFormat, m: Array, n: Array, k: Array) -> Array:
    """As `gemm_seconds` for rows few enough to stay in the cache."""
    peak = peak_of(chip, form)
    traffic = gemm_bytes(form, m, n, k)
    dram = traffic / (chip.dram_Bps * np.minimum(DRAM_CAP, x.dram * (traffic / RAMP_BYTES) ** x.dram_ramp))
    tiles = np.array(TILES[x.tiles], dtype=float)
    step = _step_s(x, chip, form, peak, tiles)
    count = np.ceil(m[:, None] / tiles[:, 0]) * np.ceil(n[:, None] / tiles[:, 1])
    best = np.full(len(m), np.inf)
    for split in SPLITS:
        deep = K_STEP * np.ceil(k / (K_STEP * split))
        # Traffic is the same for every tile, so the tile of least compute time is the best one.
        work = np.min(waves(count * split, chip.sms, x.wave) * (deep[:, None] * step + x.tile_s), axis=1)
        tau = norm(work, dram, x.norm)
        if split > 1:
            reduced = tau + x.split_s + 8.0 * split * m * n / (3.0 * chip.dram_Bps)
            tau = np.where(k / split >= MIN_SPLIT_K, reduced, np.inf)
        best = np.minimum(best, tau)
    if x.few_rows:
        share = np.minimum(DRAM_CAP, x.few_dram * (traffic / RAMP_BYTES) ** x.dram_ramp)
        best = np.where(m <= x.few_rows, np.minimum(best, x.few_s + traffic / (chip.dram_Bps * share)), best)
    used = 2.0 * m * n * k / (peak * best * x.compute)
    quantising = x.quantise * m * k * form.input_bytes / chip.dram_Bps
    kernel = x.overhead_s + best * (1.0 + x.throttle * used**4) + quantising
    return np.maximum(kernel, np.where(m < FLOOR_ROWS, x.floor_s, x.floor_rows_s))


def _step_s(x: GemmConstants, chip: Ceilings, form: GemmFormat, peak: float, tiles: Array) -> Array:
    """[tiles] seconds of one step along K of a tile: multiplying against loading a column of A and a row of B."""
    multiply = 2.0 * tiles[:, 0] * tiles[:, 1] * chip.sms / (peak * x.compute)
    shared = max(1.0, chip.peak16_flops / (chip.sms * chip.clock_Hz * WIDEST_CORE_FLOPS))
    load = (form.input_bytes * tiles[:, 0] + form.weight_bytes * tiles[:, 1]) / (x.feed * shared * chip.clock_Hz)
    return norm(multiply, load, x.norm)
