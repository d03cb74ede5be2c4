"""The kernels by kind: what columns they read, what constants they fit between which bounds, how they are judged."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwlib.baselines.kernels import attention, collective, elementwise, gemm
from hwlib.baselines.kernels.ceilings import Array, Ceilings

Columns = dict[str, Array]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Range:
    """Start and bounds of a constant in the search; searched on a log scale where `low` is positive."""

    start: float
    low: float
    high: float


@dataclass(frozen=True)
class Kernel:
    """One kind of kernel: its closed form, its plain roofline and how rows of a measured table map to it."""

    kind: str
    columns: tuple[str, ...]
    """Numbers that a row must have; their values decide on which side of the split a shape falls."""

    constants: type[Any]
    ranges: Mapping[str, Range]
    seconds: Callable[[Any, Ceilings, str, Columns], Array]
    roofline: Callable[[Ceilings, str, Columns], Array]
    form_of: Callable[[Row], str]
    """The form (number format, operator or topology) that has constants of its own. Raises ValueError."""

    named_by: str
    """The column whose words `form_of` reads first; a row must have it."""

    bucket_by: str
    edges: tuple[float, ...]
    """Upper edges of the buckets of residuals; a last bucket is open."""

    variants: Callable[[str], Sequence[Mapping[str, Any]]] = lambda form: ({},)
    """By form the choices that can't be searched continuously, each fitted in turn, with the constants they fix."""

    plain_prior: bool = False
    """Whether a prior over several libraries takes the first variant alone: the others are single libraries' own."""

    only_for: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    """Constants that only some forms have."""

    adjustable: tuple[str, ...] = ()
    """Constants that a handful of rows may move, the others staying those of a prior."""

    defaults: Mapping[str, float] = field(default_factory=dict)
    """Columns that a table may lack, with the value that stands in."""

    stand_ins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Forms whose constants serve for one that was never measured, best first."""

    def searched(self, form: str) -> tuple[str, ...]:
        """Names of the constants that a fit of this form searches."""
        return tuple(name for name in self.ranges if name not in self.only_for or self.only_for[name](form))

    def freedom(self, form: str, fixed: Mapping[str, Any]) -> int:
        """How many constants a fit of this form searches with some of them fixed."""
        return sum(name not in fixed for name in self.searched(form))


_QUANTISED = frozenset({"fp8", "fp8_block", "int8", "nvfp4"})


def _gemm_form(row: Row) -> str:
    name = row.get("dtype", "").strip().lower()
    if name not in gemm.FORMATS:
        raise ValueError(f"number format {name!r} isn't known; there are {', '.join(gemm.FORMATS)}")
    if (row.get("batch") or "1").strip() not in ("1", "1.0"):
        raise ValueError("batched GEMMs (column batch) aren't modelled")
    return gemm.FORMATS[name].name


_GEMM_FORMS = {form.name: form for form in gemm.FORMATS.values()}

_NO_FEW = {"few_rows": 0.0, "few_s": 0.0, "few_dram": 1.0}
_FEW_ROWS = {"16": 1.0, "int8": 4.0, "int8_wo": 4.0, "int4_wo": 4.0}
"""Rows up to which libraries may leave tiles: vectors (cuBLAS's gemv), TensorRT-LLM's kernels on plain cores."""


def _gemm_variants(form: str) -> Sequence[Mapping[str, Any]]:
    few = [_NO_FEW, *([{"few_rows": _FEW_ROWS[form]}] if form in _FEW_ROWS else [])]
    return [{"tiles": tiles, **rows} for tiles in ("large", "all") for rows in few]


GEMM = Kernel(
    kind="gemm",
    columns=("m", "n", "k"),
    constants=gemm.GemmConstants,
    ranges={
        "overhead_s": Range(3e-6, 2e-7, 5e-5),
        "compute": Range(0.8, 0.3, 1.3),
        "dram": Range(0.85, 0.2, 1.3),
        "dram_ramp": Range(0.03, 1e-3, 0.3),
        "norm": Range(3.0, 1.1, 20.0),
        "feed": Range(80.0, 10.0, 2000.0),
        "tile_s": Range(1e-6, 1e-8, 1e-5),
        "wave": Range(0.5, 1e-4, 1.0),
        "split_s": Range(2e-6, 1e-8, 2e-5),
        "throttle": Range(0.05, 1e-5, 1.0),
        "quantise": Range(1.0, 1e-3, 20.0),
        "few_s": Range(1e-6, 1e-8, 2e-5),
        "few_dram": Range(0.7, 0.2, 1.5),
        "floor_s": Range(1e-5, 1e-6, 2e-4),
        "floor_rows_s": Range(1e-5, 1e-6, 2e-4),
    },
    seconds=lambda x, chip, form, c: gemm.gemm_seconds(x, chip, _GEMM_FORMS[form], c["m"], c["n"], c["k"]),
    roofline=lambda chip, form, c: gemm.roofline_s(chip, _GEMM_FORMS[form], c["m"], c["n"], c["k"]),
    form_of=_gemm_form,
    named_by="dtype",
    bucket_by="m",
    adjustable=("overhead_s", "compute"),
    edges=(1, 16, 64, 128, 256, 512, 1024, 2048, 4096),
    variants=_gemm_variants,
    only_for={
        "quantise": _QUANTISED.__contains__,
        "floor_s": "fp8_block".__eq__,
        "floor_rows_s": "fp8_block".__eq__,
    },
    stand_ins={
        "nvfp4": ("fp8", "16"),
        "fp8": ("fp8_block", "int8", "16"),
        "fp8_block": ("fp8", "16"),
        "int8": ("fp8", "16"),
        "int8_wo": ("16",),
        "int4_wo": ("int8_wo", "16"),
    },
)


def _attention_form(row: Row) -> str:
    compute, cache = (row.get(name, "").strip().lower() for name in ("dtype", "kv_dtype"))
    known = ("bfloat16", "bf16", "fp16", "float16", "half", "fp8", "")
    for column, name in (("dtype", compute), ("kv_dtype", cache)):
        if name not in known or (column == "dtype" and not name):
            raise ValueError(f"{column} {name!r} isn't known; attention takes {', '.join(filter(None, known))}")
    if compute == "fp8":
        return "8/kv8"
    return "16/kv8" if cache == "fp8" else "16"


_ATTENTION_COLUMNS = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "causal")
_ATTENTION_STAND_INS = {"16/kv8": ("16",), "8/kv8": ("16/kv8", "16")}

PREFILL = Kernel(
    kind="attention_prefill",
    columns=_ATTENTION_COLUMNS,
    constants=attention.PrefillConstants,
    ranges={
        "overhead_s": Range(1e-5, 1e-7, 2e-4),
        "compute": Range(0.7, 0.2, 1.3),
        "ramp_tokens": Range(60.0, 1.0, 1000.0),
        "tile_s": Range(1e-6, 1e-8, 3e-5),
        "wave": Range(0.3, 1e-4, 1.0),
        "throttle": Range(0.05, 1e-5, 1.0),
        "kv_append": Range(2.0, 1e-2, 10.0),
        "rope": Range(1.0, 1e-2, 10.0),
        "append_s": Range(1e-10, 1e-12, 1e-7),
    },
    variants=lambda form: ({"packing": "heads"}, {"packing": "groups"}),
    seconds=lambda x, chip, form, c: attention.prefill_seconds(x, chip, attention.FORMATS[form], c),
    roofline=lambda chip, form, c: attention.roofline_s(chip, attention.FORMATS[form], c),
    form_of=_attention_form,
    named_by="dtype",
    bucket_by="kv_len",
    edges=(32, 128, 512, 1536, 4096),
    adjustable=("overhead_s", "compute"),
    defaults={"causal": 1.0},
    stand_ins=_ATTENTION_STAND_INS,
)

_DECODE_VARIANTS = tuple(
    {"splits": splits, "split_heads": heads, "block_tokens": block}
    for splits, heads, block in itertools.product(
        ("best", "rule", "rule of two", "fill"), ("any", "shared"), (64.0, 128.0)
    )
)

DECODE = Kernel(
    kind="attention_decode",
    columns=_ATTENTION_COLUMNS,
    constants=attention.DecodeConstants,
    ranges={
        "overhead_s": Range(8e-6, 1e-6, 1e-4),
        "dram": Range(0.85, 0.2, 1.2),
        "dram_ramp": Range(0.03, 1e-3, 0.3),
        "stream": Range(20.0, 2.0, 500.0),
        "stream_s": Range(2e-6, 1e-8, 3e-5),
        "wave": Range(0.5, 1e-4, 1.0),
        "norm": Range(4.0, 1.1, 20.0),
        "split_s": Range(3e-6, 1e-8, 3e-5),
        "batch_s": Range(1e-9, 1e-11, 1e-7),
        "group_rows": Range(8.0, 1.0, 128.0),
        "group_s": Range(5e-8, 1e-10, 1e-5),
    },
    seconds=lambda x, chip, form, c: attention.decode_seconds(x, chip, attention.FORMATS[form], c),
    roofline=lambda chip, form, c: attention.roofline_s(chip, attention.FORMATS[form], c),
    form_of=_attention_form,
    named_by="dtype",
    bucket_by="kv_len",
    edges=(16, 128, 1024, 4096, 16384),
    variants=lambda form: _DECODE_VARIANTS,
    adjustable=("overhead_s", "dram"),
    defaults={"causal": 0.0, "q_len": 1.0},
    stand_ins=_ATTENTION_STAND_INS,
)


def _elementwise_form(row: Row) -> str:
    op = row.get("op", "").strip().lower()
    if op not in elementwise.PASSES:
        raise ValueError(f"operator {op!r} isn't known; there are {', '.join(elementwise.PASSES)}")
    return op


ELEMENTWISE = Kernel(
    kind="elementwise",
    columns=("rows", "cols"),
    constants=elementwise.ElementwiseConstants,
    ranges={
        "overhead_s": Range(5e-6, 1e-7, 5e-4),
        "passes": Range(2.5, 0.3, 30.0),
        "ramp": Range(0.03, -0.3, 0.3),
        "norm": Range(2.0, 1.0, 20.0),
        "row_s": Range(1e-9, 1e-12, 1e-5),
        "column_s": Range(3e-10, 1e-13, 1e-7),
    },
    seconds=lambda x, chip, form, c: elementwise.elementwise_seconds(x, chip, c["rows"], c["cols"]),
    roofline=lambda chip, form, c: elementwise.roofline_s(chip, form, c["rows"], c["cols"]),
    form_of=_elementwise_form,
    named_by="op",
    bucket_by="rows",
    edges=(64, 512, 2048),
    adjustable=("overhead_s", "passes", "row_s", "column_s"),
    stand_ins={
        "layernorm": ("rmsnorm",),
        "softmax": ("rmsnorm",),
        "gelu": ("silu_mul",),
        "rmsnorm": ("layernorm",),
        "silu_mul": ("gelu",),
    },
)

COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "alltoall", "send_recv")
_PER_NODE = re.compile(r"devices_per_node=(\d+)")


def _collective_form(row: Row) -> str:
    """Operator and where it runs: in a node, eager, over NVLink pairs, over PCIe between pairs, over the network."""
    op = row.get("op", "").strip().lower().replace("all_to_all", "alltoall")
    if op not in COLLECTIVES:
        raise ValueError(f"collective {op!r} isn't known; there are {', '.join(COLLECTIVES)}")
    notes, chips = row.get("notes", ""), float(row["n_devices"])
    node = _PER_NODE.search(notes)
    if node and chips > float(node[1]):
        return f"{op}/network"
    if "pairwise" in notes:
        return f"{op}/pair" if chips <= 2 else f"{op}/pcie"
    return f"{op}/eager" if "eager" in notes or "llmcompass" in row.get("source", "") else op


_SCOPES = ("", "/eager", "/pair", "/pcie", "/network")


def _near(op: str, scope: str) -> tuple[str, ...]:
    """What stands in for a collective: itself within a node, then an all-reduce in the same place."""
    chain = (op, f"all_reduce{scope}", "all_reduce")
    return tuple(dict.fromkeys(form for form in chain if form != f"{op}{scope}"))


_NO_DIRECT = {
    "direct": "none", "direct_s": 0.0, "direct_step_s": 0.0, "direct_share": 1.0, "second_s": 0.0, "second_share": 1.0,
}  # fmt: skip


def _collective_variants(form: str) -> Sequence[Mapping[str, Any]]:
    """One law for all sizes; all-reduces within a node also with an exchange of their own for short messages."""
    if form not in ("all_reduce", "all_reduce/eager"):
        return (_NO_DIRECT,)
    return (_NO_DIRECT, {"direct": "each"}, {"direct": "shared"})


COLLECTIVE = Kernel(
    kind="allreduce",
    columns=("n_devices", "bytes"),
    constants=collective.CollectiveConstants,
    ranges={
        "overhead_s": Range(1e-5, 1e-7, 5e-4),
        "step_s": Range(1e-6, 1e-9, 1e-4),
        "ramp_s": Range(1e-6, 1e-10, 1e-2),
        "share": Range(0.7, 1e-3, 5.0),
        "spread": Range(0.01, -1.2, 1.2),
        "direct_s": Range(5e-6, 5e-7, 1e-4),
        "direct_step_s": Range(1e-7, 1e-10, 1e-5),
        "direct_share": Range(0.5, 0.05, 2.0),
        "second_s": Range(8e-6, 1e-7, 1e-4),
        "second_share": Range(0.9, 0.05, 2.0),
    },
    variants=_collective_variants,
    plain_prior=True,
    seconds=lambda x, chip, form, c: collective.collective_seconds(
        x, chip, form.partition("/")[0], c["n_devices"], c["bytes"]
    ),
    roofline=lambda chip, form, c: collective.roofline_s(chip, form.partition("/")[0], c["n_devices"], c["bytes"]),
    form_of=_collective_form,
    named_by="op",
    bucket_by="bytes",
    edges=(65_536, 1_048_576, 16_777_216),
    adjustable=("overhead_s", "share"),
    stand_ins={f"{op}{scope}": _near(op, scope) for op in COLLECTIVES for scope in _SCOPES},
)

KERNELS = {kernel.kind: kernel for kernel in (GEMM, PREFILL, DECODE, ELEMENTWISE, COLLECTIVE)}
"""Every kind of kernel by its name."""


def bucket_of(kernel: Kernel, columns: Columns) -> np.ndarray[Any, np.dtype[np.int64]]:
    """[K] index of the residual bucket of each row."""
    return np.searchsorted(np.array(kernel.edges), columns[kernel.bucket_by], side="left")


def bucket_name(kernel: Kernel, index: int) -> str:
    """A bucket in words: "m 17 to 64" or "kv_len over 4096"."""
    if index >= len(kernel.edges):
        return f"{kernel.bucket_by} over {kernel.edges[-1]:g}"
    below = kernel.edges[index - 1] if index else 0.0
    return f"{kernel.bucket_by} {below + 1:g} to {kernel.edges[index]:g}"
