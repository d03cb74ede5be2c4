"""Tables of whole models as rows that can be predicted: device, LLM, scenario, framework, and what was measured."""

from __future__ import annotations

import csv
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from hwlib.baselines.calibration import ANY
from hwlib.baselines.device_settings import LAUNCHES, Launch
from hwlib.baselines.measured import Skips, framework_of
from hwlib.baselines.table_files import TableError, header_of, open_table
from hwlib.catalog import Device, UnknownNameError, find_device, find_model
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

Metric = Literal["ttft", "tpot", "throughput", "J_per_token"]
METRICS: tuple[Metric, ...] = get_args(Metric)
MEASURED = {"ttft": "ttft_s", "tpot": "tpot_s", "throughput": "output_tok_s", "J_per_token": "energy_J_per_tok"}
"""Column of each metric."""

UNGROUPED = 1_000_000
"""Quantisation group of formats whose scales take no memory to speak of: one for each row of a weight matrix."""

PROMPTS = {"chat": 250, "code": 150}
"""Tokens of a prompt by task where a table states none: a convention (estimate), typical of shared chats and of
function stubs. ml.energy's table names the task in `notes` and leaves the length out."""

FRAMEWORKS = {"tensorrt-llm": "trtllm", "tensorrt": "trtllm", "trt-llm": "trtllm", "gptfast": "gpt-fast"}
BINARY_SHARE = 0.9 * 2**30 / 1e9
FITTED_TENTHS = 5
"""Of ten buckets of configurations, those that constants are fitted to; the rest is kept out and judged."""

_FORMATS: dict[str, dict[str, int]] = {
    "16": {"weight_bits": 16, "activation_bits": 16, "kv_bits": 16},
    "fp8": {"weight_bits": 8, "activation_bits": 8, "kv_bits": 16, "group": UNGROUPED},
    "int8": {"weight_bits": 8, "activation_bits": 8, "kv_bits": 16, "group": UNGROUPED},
    "int8w": {"weight_bits": 8, "activation_bits": 16, "kv_bits": 16, "group": UNGROUPED},
    # Scale and zero point, 16 bits each, for 32 weights: 5 bits a weight in all (gpt-fast, GPTQ layout).
    "int4w": {"weight_bits": 4, "activation_bits": 16, "kv_bits": 16, "group": 16},
    # Block floating point of 4 bits with 8-bit scales: 4.25 to 4.5 bits a weight.
    "fp4": {"weight_bits": 4, "activation_bits": 4, "kv_bits": 8, "group": 32},
    "mxfp4": {"weight_bits": 4, "activation_bits": 16, "kv_bits": 16, "group": 64},
}
_SPELLINGS = {
    **dict.fromkeys(("bf16", "bfloat16", "fp16", "float16", "half", "nan", "mixed", "16"), "16"),
    **dict.fromkeys(("fp8", "fp8_block", "fp8/gemm=fp8", "fp8/gemm=fp8_block", "w8a8_fp8"), "fp8"),
    **dict.fromkeys(("int8", "sq", "w8a8"), "int8"),
    **dict.fromkeys(("int8w", "int8_wo", "w8a16"), "int8w"),
    **dict.fromkeys(("int4w", "int4_wo", "int4g32", "int4w-g32", "w4a16"), "int4w"),
    **dict.fromkeys(("fp4", "nvfp4", "fp4/gemm=nvfp4"), "fp4"),
}
_NEEDED = {"device", "model"}
_PUBLISHED = {"weight_dtype", "engine", "metric", "value", "unit"}
_LIMIT = 1e12
KNOWN_COLUMNS = (
    *("source", "device", "n_devices", "model", "dtype", "framework", "launch", "tp", "pp", "batch", "isl", "osl"),
    *(*MEASURED.values(), "notes", "weight_dtype", "engine", "metric", "value", "unit", "parallelism"),
    *("in_tokens", "out_tokens", "tokens_per_s_total"),
)
QUEUEING = "the time to the first token includes queueing"
DATA_PARALLEL = "data-parallel attention isn't modelled"
NO_BATCH = "no batch is stated"
WIDER_SCOPE = "energy of a whole server or site: only that of boards is predicted"
SAME = "the reciprocal of the same row's time per token"


@dataclass(frozen=True)
class WholeRow:
    """One row: what ran where, and the measured value of each metric that can be judged."""

    line: int
    device: str
    """As the table spells it."""

    chip: Device
    llm: LlmArchitecture
    dtype: str
    source: str
    framework: str
    launch: Launch
    scenario: Scenario
    continuous: bool
    """Requests join and leave a running batch; its size is `scenario.batch`, the most that memory holds where 0."""

    open_batch: bool
    measured: Mapping[Metric, float]
    convention: str = ""
    """What the table leaves out and a convention filled in; empty where it states all."""

    @property
    def usable(self) -> float:
        """Share of the published memory that may be filled: servers under full load fill nine tenths of what a GPU
        really holds, binary gigabytes where datasheets print decimal ones."""
        return BINARY_SHARE if self.open_batch and "GPU" in self.chip.device_class else 0.9

    @property
    def key(self) -> str:
        """What decides the side of the split: device, LLM, lengths, batch, chips and bits, not framework or version."""
        s = self.scenario
        batch = 0 if self.open_batch else s.batch
        return f"{self.chip.name},{self.llm.name},{s.prompt},{s.output},{batch},{s.tensor_parallel},{s.weight_bits}"

    @property
    def fitted(self) -> bool:
        """Whether a fit may see this row; the rest tells the error."""
        return zlib.crc32(self.key.encode()) % 10 < FITTED_TENTHS


class _BadRowError(Exception):
    """A row that is left out; no reason where it simply isn't asked for."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


def read_whole_rows(path: Path, skips: Skips, device: str | None = None) -> Iterator[WholeRow]:
    """Rows of a table of whole models, plain or gzip, one at a time; what can't be used is added to `skips`.

    `device` takes the rows of one catalog device alone.
    Understands the columns of measured/e2e_throughput (docs/validation.md) and those of facts/e2e_published.csv.
    Raises TableError where the table lacks columns or can't be read.
    """
    with open_table(path) as file:
        reader = csv.DictReader(file)
        reader.fieldnames = list(header_of(path, reader.fieldnames, KNOWN_COLUMNS))
        published = _published(path, reader.fieldnames)
        line = 1
        for cells in reader:
            line = reader.line_num
            row = {k: (v or "").strip() for k, v in cells.items() if k and not isinstance(v, list)}
            try:
                yield _parsed(_translated(row) if published else row, line, skips, device)
            except _BadRowError as bad:
                if bad.reason:
                    skips.add(line, bad.column, bad.reason)
        if line == 1:
            raise TableError(f"{path} has a header but no rows")


def _published(path: Path, header: Sequence[str]) -> bool:
    """Whether the table has the columns of published results rather than those of measured ones."""
    if set(header) >= _NEEDED | _PUBLISHED:
        return True
    missing = sorted((_NEEDED | {"dtype", "isl", "osl"}) - set(header))
    if missing:
        raise TableError(f"{path} lacks what whole models need: {', '.join(missing)}; it has {', '.join(header)}")
    if not set(header) & set(MEASURED.values()):
        raise TableError(f"{path} has no measured figure of a whole model; it needs {', '.join(MEASURED.values())}")
    return False


def _translated(row: dict[str, str]) -> dict[str, str]:
    """A row of published results in the columns of measured ones."""
    metric, unit, value = row["metric"].lower(), row["unit"].lower(), row["value"]
    made = {
        "device": row["device"].partition("@")[0],
        "model": row["model"],
        "dtype": row["weight_dtype"],
        "framework": row["engine"],
        "batch": "" if row.get("batch") in ("max", "?") else row.get("batch", ""),
        "isl": row.get("in_tokens", ""),
        "osl": row.get("out_tokens", "").lstrip("~"),
        "tp": row.get("parallelism", "").removeprefix("TP") or row.get("n_devices", ""),
        "source": row.get("source", "").partition(" ")[0],
        "notes": "max-load in-flight batching" if row.get("batch") == "max" else "",
    }
    if metric.startswith("prefill latency") and unit == "ms":
        return {**made, "ttft_s": _scaled(value, 1e-3)}
    if metric == "decode" and unit == "tok/s" and made["batch"] == "1":
        return {**made, "tpot_s": _scaled(value, None)}
    if metric.startswith(("throughput", "mlperf")) and row.get("tokens_per_s_total"):
        return {**made, "output_tok_s": row["tokens_per_s_total"]}
    raise _BadRowError("metric", f"{row['metric']!r} in {row['unit']!r} isn't a figure that is predicted")


def _scaled(value: str, scale: float | None) -> str:
    """A number times `scale`, its reciprocal where None, as text; the text itself where it isn't a number."""
    try:
        return repr(float(value) * scale if scale is not None else 1.0 / float(value))
    except (ValueError, ZeroDivisionError):
        return value


def _parsed(row: dict[str, str], line: int, skips: Skips, device: str | None) -> WholeRow:
    chip = _chip(row.get("device", ""))
    if device not in (None, chip.name):
        raise _BadRowError("device", "")
    llm = _llm(row.get("model", ""))
    notes = row.get("notes", "")
    if (parallel := re.search(r"\bdp=(\d+)", notes)) and int(parallel[1]) > 1:
        raise _BadRowError("notes", DATA_PARALLEL)
    framework = _framework(row)
    batch, convention = _number(row, "batch", 0.0), ""
    prompt = _number(row, "isl", 0.0)
    if not prompt:
        task = re.search(r"task=(\w+)", notes)
        if task is None or task[1] not in PROMPTS:
            raise _BadRowError("isl", "no prompt length is stated")
        prompt, convention = PROMPTS[task[1]], f"prompts of {PROMPTS[task[1]]} tokens"
    batching = bool(re.search(r"in-?flight|concurrency|queueing|continuous", notes)) or bool(convention)
    if not batch and not batching:
        raise _BadRowError("batch", NO_BATCH)
    chips = _number(row, "tp", 0.0) or _number(row, "n_devices", 1.0)
    values: dict[str, int] = {
        "prompt": round(prompt),
        "output": max(1, round(_number(row, "osl", None))),
        "batch": max(1, round(batch)),
        "tensor_parallel": round(chips),
        "pipeline_parallel": round(_number(row, "pp", 1.0)),
        **_bits(row.get("dtype", ""), framework, chip),
    }
    measured = _measured(row, line, skips, alone=round(batch) == 1 and not batching)
    return WholeRow(
        line=line,
        device=row["device"],
        chip=chip,
        llm=llm,
        dtype=row.get("dtype", ""),
        source=row.get("source", "") or "-",
        framework=framework,
        launch=_launch(row, framework, notes),
        scenario=_scenario(values),
        continuous=batching,
        open_batch=not batch,
        measured=measured,
        convention=convention,
    )


def _scenario(values: dict[str, int]) -> Scenario:
    try:
        return msgspec.convert(values, Scenario)
    except msgspec.ValidationError as error:
        raise _BadRowError("", f"no scenario of the product: {error}") from None


@lru_cache(maxsize=256)
def _found_device(name: str) -> Device | str:
    try:
        return find_device(name)
    except UnknownNameError as error:
        return str(error)


@lru_cache(maxsize=256)
def _found_model(name: str) -> LlmArchitecture | str:
    try:
        found = find_model(name)
    except UnknownNameError as error:
        return str(error)
    return f"{found.name} can't be evaluated: {found.cannot_generate}" if found.cannot_generate else found


def _chip(name: str) -> Device:
    found = _found_device(name)
    if isinstance(found, str):
        raise _BadRowError("device", found)
    return found


def _llm(name: str) -> LlmArchitecture:
    found = _found_model(name)
    if isinstance(found, str):
        raise _BadRowError("model", found)
    return found


def _framework(row: Mapping[str, str]) -> str:
    """The framework's short name, as calibrations call it."""
    word = framework_of(dict(row))
    if row.get("source", "").startswith("ml.energy"):
        return "vllm-v0"  # vLLM of 2024, whose scheduler ran on the critical path of every step
    return FRAMEWORKS.get(word, word) if row.get("framework") else ANY


def _launch(row: Mapping[str, str], framework: str, notes: str) -> Launch:
    named = row.get("launch", "").lower()
    if named in LAUNCHES:
        return next(launch for launch in LAUNCHES if launch == named)
    if framework == "trtllm" and re.search(r"(?:^|\s)v?0\.", f"{row.get('framework', '')} {row.get('source', '')}"):
        return "engine"  # TensorRT engines of the 0.x releases, benchmarked without CUDA graphs
    if framework == "trtllm" and row.get("framework", "").lower() in ("tensorrt-llm", "tensorrt-llm (mlperf)"):
        return "engine"
    return "eager" if "eager" in notes else "graph"


def _bits(text: str, framework: str, chip: Device) -> dict[str, int]:
    """Bits of weights, activations and KV cache that a number format means in a framework on a device."""
    word = re.split(r"[\s(]", text.lower())[0]
    word = word.split("/gemm=")[0] if word.split("/")[0] == "nan" else word
    name = _SPELLINGS.get(word) or _SPELLINGS.get(word.split("/")[0]) or ("int4w" if word.startswith("int4w") else None)
    if name is None:
        raise _BadRowError("dtype", f"number format {text!r} isn't known")
    if name == "fp4" and not (chip.int4_T and chip.int4_format == "fp4"):
        name = "mxfp4"  # weights of 4 bits that are unpacked where no unit multiplies them
    bits = dict(_FORMATS[name])
    if name == "fp8" and framework == "trtllm":
        bits["kv_bits"] = 8  # its fp8 recipe caches K and V in fp8 too (TensorRT-LLM performance overview)
    return bits


def _measured(row: Mapping[str, str], line: int, skips: Skips, alone: bool) -> dict[Metric, float]:
    """The figures of a row that can be judged; the others are counted as skipped, with the reason."""
    found: dict[Metric, float] = {}
    for metric in METRICS:
        column = MEASURED[metric]
        if not row.get(column):
            continue
        value = _number(row, column, None, least=0.0)
        if metric == "ttft" and "queueing" in row.get("notes", ""):
            skips.add(line, column, QUEUEING)
        elif metric == "J_per_token" and re.search(r"\b(server|wall|facility|node)\b", row.get("notes", "")):
            skips.add(line, column, WIDER_SCOPE)
        elif metric == "throughput" and alone and "tpot" in found and abs(value * found["tpot"] - 1.0) < 1e-3:
            skips.add(line, column, SAME)
        else:
            found[metric] = value
    if not found and not any(row.get(column) for column in MEASURED.values()):
        raise _BadRowError("", "no figure that is predicted")
    return found


def _number(row: Mapping[str, Any], column: str, default: float | None, least: float = 1.0) -> float:
    text = row.get(column, "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise _BadRowError(column, "empty" if not text else "not a number") from None
    if math.isnan(value) and default is not None:
        return default
    if not (least <= value <= _LIMIT) or value <= 0.0:
        words = f"not between {least:g} and {_LIMIT:g}" if least else "zero, negative or not finite"
        raise _BadRowError(column, words)
    return value
