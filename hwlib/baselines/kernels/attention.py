"""Fused-attention time of a device: prefill by tiles of query rows, decode by streams over splits of the KV cache."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np

from hwlib.baselines.kernels.ceilings import Array, Ceilings, norm, waves
from hwlib.fields import choice, quantity

Columns = dict[str, Array]
MAX_ROWS, MIN_ROWS = 128.0, 16.0
KV_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
MIN_SPLIT_TOKENS = 64.0
JOINED_SPLITS = 32.0
"""So many KV splits make joining them take twice as long as a few (seen with one or two streams on an A100)."""

RULE_MAX_SPLITS, RULE_SHARE, RULE_FULL = 128, 0.85, 0.8
RAMP_BYTES = 1e8
DRAM_CAP = 0.96


class AttentionFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per element of queries and of the KV cache, and the peak of the unit that multiplies."""

    query_bytes: float
    kv_bytes: float
    peak: Literal["peak16_flops", "peak8_flops"]


_F16 = AttentionFormat(query_bytes=2.0, kv_bytes=2.0, peak="peak16_flops")
FORMATS = {
    "16": _F16,
    "16/kv8": msgspec.structs.replace(_F16, kv_bytes=1.0),
    "8/kv8": AttentionFormat(query_bytes=1.0, kv_bytes=1.0, peak="peak8_flops"),
}
"""By arithmetic and KV cache: 16 bit throughout, 16-bit arithmetic on an 8-bit cache, 8 bit throughout."""


Packing = Literal["heads", "groups"]
Splits = Literal["best", "rule", "rule of two", "fill"]


class PrefillConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What an attention library makes of a device in prefill; fitted."""

    overhead_s: Annotated[float, quantity("t0, launch overhead", "Launches of the step's kernels.", unit="s")]
    compute: Annotated[
        float, quantity("ec, share of peak", "Share of the published peak that a full tile of queries reaches.")
    ]
    ramp_tokens: Annotated[
        float,
        quantity(
            "kappa, prologue of a tile",
            "Prologue and epilogue of a tile, as tokens of KV that it could have worked through.",
            unit="tokens",
        ),
    ]
    tile_s: Annotated[float, quantity("tc, start of a tile", "Fixed cost of a tile of queries.", unit="s")]
    wave: Annotated[
        float,
        quantity("f, last wave", "1 where a last, partly filled wave costs a whole one, 0 where tiles are shared out."),
    ]
    throttle: Annotated[
        float,
        quantity(
            "theta, throttling", "Slowdown at full use of the matrix units, from clocks that fall at the power limit."
        ),
    ]
    kv_append: Annotated[
        float,
        quantity(
            "a_kv, passes over K and V",
            "Passes over K and V in DRAM beside the kernel, such as their append to the cache.",
        ),
    ]
    rope: Annotated[
        float,
        quantity(
            "a_q, passes over queries", "Passes over queries and outputs in DRAM beside the kernel, such as rope."
        ),
    ]
    append_s: Annotated[
        float, quantity("Append of a token", "Of one token to the cache, beside the bytes that it moves.", unit="s")
    ] = 0.0
    packing: Annotated[
        Packing,
        choice(
            "Tiles of queries",
            "Queries that fill a tile: of one head, or of all that share a KV head (FlashInfer, FlashAttention 3).",
        ),
    ] = "heads"


class DecodeConstants(msgspec.Struct, frozen=True, kw_only=True):
    """What an attention library makes of a device in decode; fitted."""

    overhead_s: Annotated[float, quantity("t0, launch overhead", "Launches of the step's kernels.", unit="s")]
    dram: Annotated[
        float,
        quantity("em, share of DRAM bandwidth", "Share of the published bandwidth that 1e8 bytes of cache reach."),
    ]
    dram_ramp: Annotated[
        float, quantity("gamma, DRAM ramp", "The share of DRAM bandwidth grows as (bytes / 1e8)^gamma, up to 0.96.")
    ]
    stream: Annotated[
        float, quantity("Stream of a core", "Bytes of KV cache per clock that one core works through.", unit="B/clock")
    ]
    stream_s: Annotated[
        float,
        quantity("Start of a stream", "Fixed cost of one stream: a sequence's KV head, or a split of it.", unit="s"),
    ]
    wave: Annotated[float, quantity("f, last wave", "1 where a last, partly filled wave of streams costs a whole one.")]
    norm: Annotated[float, quantity("p, overlap", "How sharply the cores' streams and the DRAM limit overlap.")]
    split_s: Annotated[
        float, quantity("Combining the splits", "A second kernel that joins the results of KV splits.", unit="s")
    ]
    batch_s: Annotated[
        float, quantity("Work for each sequence", "Outside the stream, such as its append to the cache.", unit="s")
    ]
    group_rows: Annotated[
        float,
        quantity(
            "Query heads hidden by a stream",
            "Query heads that share a KV head beyond this many cost the stream time: arithmetic no longer hides.",
        ),
    ]
    splits: Annotated[
        Splits,
        choice(
            "Choice of KV splits",
            "How the library chooses KV splits: the fastest; by FlashAttention's rule with one or two streams a core; "
            "or as many as fill the cores once (FlashInfer).",
        ),
    ] = "best"
    split_heads: Annotated[
        Literal["any", "shared"],
        choice("Heads that split", "Whether KV caches of any head are split, or only of heads that queries share."),
    ] = "any"
    block_tokens: Annotated[
        float, quantity("KV block", "Tokens of KV that a stream works through at a time, the last block as a whole.")
    ] = 1.0
    group_s: Annotated[
        float, quantity("Start of a query head", "Fixed cost of each query head of a stream.", unit="s")
    ] = 0.0
    lone_stream: Annotated[
        float,
        quantity(
            "Stream of a core, lone heads",
            "The same where the library has no kernel for as many query heads on a KV head (no power of two), so that "
            "each streams the cache by itself; 0 where it has one for any.",
            unit="B/clock",
        ),
    ] = 0.0


def kv_bytes(form: AttentionFormat, c: Columns) -> Array:
    """Bytes of K and V of all sequences."""
    return 2.0 * c["batch"] * c["kv_heads"] * c["kv_len"] * c["head_dim"] * form.kv_bytes


def query_bytes(form: AttentionFormat, c: Columns) -> Array:
    """Bytes of queries and outputs; outputs are of 16 bit."""
    return c["batch"] * c["heads"] * c["q_len"] * c["head_dim"] * (form.query_bytes + 2.0)


def attended(c: Columns) -> Array:
    """Pairs of query and key of one head: all, or those that causality leaves."""
    full = c["q_len"] * np.maximum(c["kv_len"], np.where(c["causal"] > 0, c["q_len"], 1.0))
    return np.where(c["causal"] > 0, full - c["q_len"] * (c["q_len"] - 1.0) / 2.0, full)


def roofline_s(chip: Ceilings, form: AttentionFormat, c: Columns) -> Array:
    """Plain roofline: the slower of FLOPs at peak and compulsory bytes at the published bandwidth."""
    flops = 4.0 * c["batch"] * c["heads"] * attended(c) * c["head_dim"]
    return np.maximum(flops / _peak(chip, form), (kv_bytes(form, c) + query_bytes(form, c)) / chip.dram_Bps)


def _peak(chip: Ceilings, form: AttentionFormat) -> float:
    peak = float(getattr(chip, form.peak))
    if not peak:
        raise ValueError(f"{chip.name} has no matrix unit for {form.peak.removesuffix('_flops')}-bit attention")
    return peak


def prefill_seconds(x: PrefillConstants, chip: Ceilings, form: AttentionFormat, c: Columns) -> Array:
    """[K] seconds of a prefill step's attention; columns batch, heads, kv_heads, head_dim, q_len, kv_len, causal.

    Tiles of r = min(128, max(16, 2^ceil log2 gQ)) query rows, N = ceil(gQ/r) of them, where a tile takes queries of one
    head (g = 1) or of all g that share a KV head; e = 4 r D S/(pi ec) per KV token; C = max(longest tile, waves of the
    mean tile), throttled; t = t0 + C + append B Q + (a_kv KV + a_q QO bytes)/beta.
    Form: MODEL.md "von Neumann baselines", with a KV cache that may be longer than the prompt. Raises ValueError.
    """
    q, length, causal = c["q_len"], c["kv_len"], c["causal"] > 0
    packed = c["heads"] / c["kv_heads"] if x.packing == "groups" else np.ones_like(q)
    rows = np.clip(2.0 ** np.ceil(np.log2(q * packed)), MIN_ROWS, MAX_ROWS)
    tiles = np.ceil(q * packed / rows)
    peak = _peak(chip, form)
    token_s = 4.0 * rows * c["head_dim"] * chip.sms / (peak * x.compute)
    before = np.maximum(0.0, length - q)
    reach, first = tiles * rows / packed, rows / packed
    longest = before + np.where(causal, reach, q)
    mean = before + np.where(causal, (reach + first) / 2.0, q)
    rounds = c["batch"] * c["heads"] / packed * tiles / chip.sms
    rounds = rounds + x.wave * (np.ceil(rounds) - rounds)
    core = np.maximum(
        (longest + x.ramp_tokens) * token_s + x.tile_s, rounds * ((mean + x.ramp_tokens) * token_s + x.tile_s)
    )
    flops = 4.0 * c["batch"] * c["heads"] * attended(c) * c["head_dim"]
    used = flops / (peak * core * x.compute)
    beside = (x.kv_append * kv_bytes(form, c) + x.rope * query_bytes(form, c)) / chip.dram_Bps
    beside += x.append_s * c["batch"] * q
    return np.asarray(x.overhead_s + core * (1.0 + x.throttle * used**4) + beside)


def decode_seconds(x: DecodeConstants, chip: Ceilings, form: AttentionFormat, c: Columns) -> Array:
    """[K] seconds of a decode step's attention; columns as `prefill_seconds`.

    For s KV splits: streams = batch kv_heads s on S cores in waves w; work = w (bytes of one, in whole blocks of KV,
    / (stream clock) + ts + tg g), g query heads on a KV head, against DRAM as a p-norm; the best s (or the library's
    rule's) counts, s > 1 pays (1 + s/32) times for joining. Form: MODEL.md. Raises ValueError.
    """
    traffic = kv_bytes(form, c) + query_bytes(form, c)
    dram = traffic / (chip.dram_Bps * np.minimum(DRAM_CAP, x.dram * (traffic / RAMP_BYTES) ** x.dram_ramp))
    shared = c["q_len"] * c["heads"] / c["kv_heads"]
    group, stream = np.maximum(1.0, shared / x.group_rows), np.full(len(shared), x.stream)
    if x.lone_stream:
        lone = (shared == np.round(shared)) & (np.log2(shared) != np.round(np.log2(shared)))
        group, stream = np.where(lone, shared, group), np.where(lone, x.lone_stream, stream)
    each = 2.0 * c["kv_len"] * c["head_dim"] * form.kv_bytes * group / (stream * chip.clock_Hz)
    if x.splits == "best":
        best = np.min([_split_s(x, chip, c, dram, each, np.float64(split)) for split in KV_SPLITS], axis=0)
    else:
        best = _split_s(x, chip, c, dram, each, _splits(x.splits, chip, c))
    if x.split_heads == "shared":
        best = np.where(c["heads"] > c["kv_heads"], best, _split_s(x, chip, c, dram, each, np.float64(1.0)))
    return np.asarray(x.overhead_s + best + x.batch_s * c["batch"])


def _split_s(
    x: DecodeConstants, chip: Ceilings, c: Columns, dram: Array, each: Array, split: Array | np.float64
) -> Array:
    """[K] seconds beside the overhead with a KV cache in `split` parts; infinite where the parts would be too short."""
    part = x.block_tokens * np.ceil(c["kv_len"] / (x.block_tokens * split))
    start = x.stream_s + x.group_s * c["q_len"] * c["heads"] / c["kv_heads"]
    rounds = waves(c["batch"] * c["kv_heads"] * split, chip.sms, x.wave)
    tau = norm(rounds * (each * part / c["kv_len"] + start), dram, x.norm)
    results = 4.0 * split * c["batch"] * c["heads"] * c["q_len"] * c["head_dim"] / chip.dram_Bps
    joining = x.split_s * (1.0 + split / JOINED_SPLITS) + results
    parted = np.where(c["kv_len"] / split >= MIN_SPLIT_TOKENS, tau + joining, np.inf)
    return np.where(split > 1, parted, tau)


def _splits(how: Splits, chip: Ceilings, c: Columns) -> Array:
    """KV splits as a library chooses them; see `DecodeConstants.splits`."""
    streams = c["batch"] * c["kv_heads"]
    if how == "fill":
        return np.maximum(1.0, np.minimum(np.floor(chip.sms / streams), np.floor(c["kv_len"] / MIN_SPLIT_TOKENS)))
    return _rule_splits(streams, c["kv_len"], chip.sms * (2.0 if how == "rule of two" else 1.0))


def _rule_splits(streams: Array, length: Array, slots: float) -> Array:
    """FlashAttention's choice: no split where streams fill 80 % of the slots, else the least within 85 % of the best
    wave efficiency (num_splits_heuristic, Dao-AILab/flash-attention)."""
    splits = np.arange(1.0, RULE_MAX_SPLITS + 1.0)
    rounds = streams[:, None] * splits / slots
    allowed = (splits == 1.0) | (length[:, None] / splits >= MIN_SPLIT_TOKENS)
    efficiency = np.where(allowed, rounds / np.ceil(rounds), 0.0)
    least = np.argmax(efficiency >= RULE_SHARE * efficiency.max(axis=1, keepdims=True), axis=1)
    return np.where(streams >= RULE_FULL * slots, 1.0, splits[least])
