"""Which kernels a device's runtime launches for the columns of a program: kinds, shapes, what stands in for what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.kernels.registry import Columns
from hwlib.catalog import Device
from hwlib.mapping.program import Program
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.operators import Kind, micro_batches
from hwlib.workload.scenario import Scenario

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

BRIDGED = 2
"""PCIe cards that an NVLink bridge joins; more of them talk over PCIe."""

NODE_CHIPS = 8
"""Chips that share a server's links; a collective over more goes through the network."""

_SCOPES = {
    "/network": f"over the network: more than {NODE_CHIPS} chips",
    "/pair": "two PCIe cards over their bridge",
    "/pcie": f"more than {BRIDGED} PCIe cards over the bus",
}

SIXTEEN = "16"
"""The form of 16-bit GEMMs."""

MERGED = ("rope", "kv_write")
"""Operators that attention libraries run with their kernel, and whose time was measured with it."""


@dataclass(frozen=True)
class Call:
    """N kernels of one kind, and the P columns of the program that they serve: column `cols[i]` is (a part of) kernel
    `kernel[i]`. Several columns may share one kernel, as scores, softmax and weighted sum do."""

    kind: str
    form: str
    columns: Columns
    cols: Indices
    kernel: Indices
    fused: bool = False
    """True where the operator rides on its neighbour's kernel: its traffic counts, a launch doesn't."""

    note: str = ""
    """What stands in for what, in words."""


@dataclass(frozen=True)
class Shapes:
    """What the columns alone don't tell: sequences and new tokens of a pass [2], the chips of a collective."""

    llm: LlmArchitecture
    scenario: Scenario
    sequences: float

    @property
    def tokens(self) -> Array:
        return np.array([self.sequences * self.scenario.prompt, self.sequences])


def shapes_of(llm: LlmArchitecture, scenario: Scenario, batch: float) -> Shapes:
    """Shapes of the passes of a batch, one micro-batch of it under pipeline parallelism."""
    return Shapes(llm, scenario, batch / micro_batches(scenario, batch))


def kernel_calls(
    program: Program, shapes: Shapes, gemm: str, prefill: str, decode: str, scope: str
) -> tuple[tuple[Call, ...], Indices]:
    """The kernels of a program, and the columns that another kernel's time includes (see MERGED).

    `gemm`, `prefill`, `decode`: forms of the number formats, "" where no kernel model speaks of them; such columns
    belong to no call and keep the time of the drawing. `scope`: where all-reduces run (see `collective_scope`).
    """
    names = np.array([name for _, name in program.rows])[program.row]
    calls = [*_gemms(program, names, gemm), *_attention(program, shapes, names, prefill, decode)]
    calls += [*_elementwise(program, shapes, names), *_collectives(program, shapes, names, scope)]
    merged = np.flatnonzero(np.isin(names, MERGED)) if prefill and decode else np.zeros(0, dtype=np.int64)
    return tuple(call for call in calls if len(call.cols)), merged


def _call(kind: str, form: str, columns: dict[str, Array | float], cols: Indices, **more: object) -> Call:
    """A call with one kernel for each column."""
    wide = {name: np.broadcast_to(np.asarray(v, dtype=float), cols.shape).copy() for name, v in columns.items()}
    return Call(kind, form, wide, cols, np.arange(len(cols)), **more)  # type: ignore[arg-type]


# Weight GEMMs -----------------------------------------------------------------------------------------------------


def _gemms(program: Program, names: NDArray[np.str_], form: str) -> list[Call]:
    """Weight GEMMs. Those of several experts (or heads, in MLA) are one grouped launch, their outputs side by side.

    Runtimes leave the experts' router in 16 bits: it is small, and what it chooses matters.
    """
    if not form:
        return []
    found = []
    of_kind = program.kind == Kind.GEMM
    m, n, k, batch = (program.values[c][0] for c in ("m", "n", "k", "batch"))
    note = "GEMMs of experts (or heads) count as one grouped launch over those touched, their outputs side by side"
    alone, router = of_kind & (batch == 1.0), names == "router"
    for mask, kept, words in (
        (alone & ~router, form, ""),
        (alone & router, SIXTEEN, ""),
        (of_kind & (batch != 1.0), form, note),
    ):
        cols = np.flatnonzero(mask)
        columns = {"m": np.ceil(np.round(m[cols], 9)), "n": n[cols] * batch[cols], "k": k[cols]}
        found.append(_call("gemm", kept, columns, cols, note=words))
    return found


# Attention --------------------------------------------------------------------------------------------------------


def _attention(program: Program, shapes: Shapes, names: NDArray[np.str_], prefill: str, decode: str) -> list[Call]:
    """Scores, softmax and weighted sum of a context as one fused kernel."""
    found = []
    for phase, kind, form in ((0, "attention_prefill", prefill), (1, "attention_decode", decode)):
        for suffix in ("", "_local"):
            parts = [
                np.flatnonzero((program.phase == phase) & (names == f"{stem}{suffix}"))
                for stem in ("scores", "softmax", "weighted_sum")
            ]
            if not form or not len(parts[0]) or len({len(p) for p in parts}) > 1:
                continue
            columns, note = _attention_columns(program, shapes, parts[0], parts[2], phase == 1)
            kernel = np.tile(np.arange(len(parts[0])), 3)
            found.append(Call(kind, form, columns, np.concatenate(parts), kernel, note=note))
    return found


def _attention_columns(
    program: Program, shapes: Shapes, scores: Indices, weighted: Indices, decode: bool
) -> tuple[Columns, str]:
    """Columns of fused attention [nodes], and what stands in.

    Keys and values of different widths count as two of the mean width. MLA's decode streams one latent for both: one
    KV head of half its width, with as many heads more as keep the operations. A sliding window's prefill is a batch of
    blocks as long as the window, each seeing the mean number of keys.
    """
    v = program.values
    key, value = v["k"][0, scores], v["n"][0, weighted]
    groups = v["batch"][0, scores] / shapes.sequences
    queries = np.where(decode, 1.0, float(shapes.scenario.prompt))
    heads = groups * v["m"][0, scores] / queries
    batch, kv_len = np.full(len(scores), shapes.sequences), v["n"][0, scores].copy()
    width, note = (key + value) / 2.0, ""
    if shapes.llm.attention == "MLA":
        note = "MLA counts as attention with keys and values of the mean width"
        if decode:
            width, heads = key / 2.0, heads * (key + value) / key
            note = "MLA's decode counts as one KV head of half the latent's width, read once for keys and values"
    if not decode:
        windowed = kv_len < (queries + 1.0) / 2.0 - 1e-9
        block = np.where(windowed, float(shapes.llm.window or shapes.scenario.prompt), queries)
        batch, queries, kv_len = batch * queries / block, block, kv_len + (block - 1.0) / 2.0
        note = note or ("a sliding window's prefill counts as blocks of its length" if windowed.any() else "")
    columns = {
        "batch": batch, "heads": heads, "kv_heads": groups, "head_dim": width, "q_len": queries, "kv_len": kv_len,
        "causal": np.where(decode, 0.0, 1.0),
    }  # fmt: skip
    return {name: np.broadcast_to(column, kv_len.shape).copy() for name, column in columns.items()}, note


# Element-wise operators -------------------------------------------------------------------------------------------


def _elementwise(program: Program, shapes: Shapes, names: NDArray[np.str_]) -> list[Call]:
    """Norms, activations and the experts' sum as kernels of their own; residual additions ride on the next norm."""
    gated = shapes.llm.ffn_matrices == 3
    norm = "rmsnorm" if shapes.llm.norm == "rms" else "layernorm"
    look_up = "the embedding's look-up as an addition of as many elements"
    families = (
        (np.char.startswith(names, "norm"), norm, False, ""),
        (np.char.endswith(names, "activation"), "silu_mul" if gated else "gelu", False, ""),
        (np.char.startswith(names, "residual"), "add", True, "fused into the next norm: its traffic alone"),
        (names == "expert_combine", "add", False, "the experts' weighted sum as an addition"),
        (names == "embedding", "add", False, look_up),
    )
    found = []
    for mask, form, fused, note in families:
        cols = np.flatnonzero(mask)
        rows = _rows_of(program, shapes, names, cols)
        columns = {"rows": rows, "cols": program.values["n"][0, cols] / rows}
        found.append(_call("elementwise", form, columns, cols, fused=fused, note=note))
    return found


def _rows_of(program: Program, shapes: Shapes, names: NDArray[np.str_], cols: Indices) -> Array:
    """Rows of element-wise operators: new tokens, one for each expert that a token goes to, or sequences at the end."""
    rows = shapes.tokens[program.phase[cols]]
    rows = np.where(names[cols] == "norm_final", shapes.sequences, rows)
    routed = np.char.startswith(names[cols], "expert_")
    return np.asarray(np.where(routed, rows * max(1.0, float(shapes.llm.top_k)), rows))


# Collectives ------------------------------------------------------------------------------------------------------


def collective_scope(device: Device, chips: int, eager: bool) -> str:
    """Where all-reduces run: "" in a server, else over the network, a bridge of PCIe cards, their bus, or eagerly."""
    if chips > NODE_CHIPS:
        return "/network"
    if "PCIe" in device.name:
        return "/pair" if chips <= BRIDGED else "/pcie"
    return "/eager" if eager else ""


def _collectives(program: Program, shapes: Shapes, names: NDArray[np.str_], scope: str) -> list[Call]:
    """All-reduces of tensor parallelism, and sends between pipeline stages."""
    chips = shapes.scenario.tensor_parallel
    reduces = np.flatnonzero(np.char.startswith(names, "all_reduce"))
    sends = np.flatnonzero(names == "pipeline_send")
    size = program.values["message_bytes"][0]
    columns = {"n_devices": float(chips), "bytes": size[reduces]}
    return [
        _call("allreduce", f"all_reduce{scope}", columns, reduces, note=_SCOPES.get(scope, "")),
        _call("allreduce", "send_recv", {"n_devices": 2.0, "bytes": size[sends]}, sends),
    ]
