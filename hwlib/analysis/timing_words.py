"""How a report's digital units are timed, in words: measured kernels and whose, a class's prior, or peaks alone."""

from __future__ import annotations

from collections.abc import Sequence

from hwlib.baselines.calibration import ANY
from hwlib.report import Evidence, Report

FRAMEWORK_WORDS = {
    ANY: "all frameworks", "vllm": "vLLM", "trtllm": "TensorRT-LLM", "sglang": "SGLang", "vidur": "Vidur",
    "llmcompass": "LLMCompass", "nccl": "NCCL", "prior": "class prior",
}  # fmt: skip
CLASS_WORDS = {"ampere": "Ampere", "hopper": "Hopper", "cdna": "CDNA", "all": "all GPUs"}
KIND_WORDS = {
    "gemm": "Matrix products", "attention_prefill": "Attention, prefill", "attention_decode": "Attention, decode",
    "elementwise": "Norms and element-wise", "allreduce": "Collectives", "step": "Host and framework",
}  # fmt: skip
FORM_WORDS = {
    "16": "16 bit", "16/kv8": "16 bit, KV cache 8 bit", "8/kv8": "8 bit, KV cache 8 bit", "fp8_block": "fp8 in blocks",
    "int4_wo": "int4 weights", "int8_wo": "int8 weights",
}  # fmt: skip
STEP = "step"
"""The kind of evidence that stands for host and framework."""


def framework_word(name: str) -> str:
    """A framework as people write it."""
    return FRAMEWORK_WORDS.get(name, name)


def class_word(name: str) -> str:
    """A class of devices with a prior of its own, as people write it."""
    return CLASS_WORDS.get(name, name)


def kernels_of(report: Report) -> list[Evidence]:
    """The evidence about kernels, without that about host and framework."""
    return [e for e in report.basis if e.kind != STEP]


def measured_kernels(report: Report) -> list[Evidence]:
    """The evidence about kernels that were measured on the device itself."""
    return [e for e in kernels_of(report) if _near(e)]


def timing_words(report: Report) -> str:
    """One line on how a report's digital units are timed: "calibrated: vLLM on A100 80GB SXM4 (1,234 rows)"."""
    if not report.is_device or not report.basis:
        return {"derated": "derated by class", "ideal": "ideal: datasheet peaks"}.get(report.timing, report.timing)
    found = kernels_of(report)
    near = measured_kernels(report)
    if not near:
        return _prior_words(found)
    text = f"calibrated: {_frameworks(near)} on {near[0].device} ({_rows(near)} rows)"
    far = len(found) - len(near)
    return f"{text}; {far} of {len(found)} kernels by class prior" if far else text


def timing_word(report: Report) -> str:
    """The same in two words, for the head of a column: "calibrated, vLLM" or "class prior: Hopper"."""
    if not report.is_device or not report.basis:
        return report.timing
    near = measured_kernels(report)
    return f"calibrated, {_frameworks(near)}" if near else _prior_words(kernels_of(report), short=True)


def _near(evidence: Evidence) -> bool:
    return evidence.level.startswith(("calibrated", "other framework"))


def _frameworks(found: Sequence[Evidence]) -> str:
    return " and ".join(dict.fromkeys(framework_word(e.framework) for e in found))


def _rows(found: Sequence[Evidence]) -> str:
    models = {(e.device, e.framework, e.kind, e.form): e.fitted_rows for e in found}
    return f"{sum(models.values()):,}"


def _prior_words(found: Sequence[Evidence], short: bool = False) -> str:
    classes = " and ".join(dict.fromkeys(class_word(e.device) for e in found)) or "datasheet"
    return f"class prior: {classes}" if short else f"class prior: {classes} ({_rows(found)} rows)"


def kernel_words(kind: str, form: str) -> str:
    """Kind and form of a kernel: "Matrix products, 16 bit"."""
    shown = FORM_WORDS.get(form, form.replace("_", " ").replace("/", ", "))
    return f"{KIND_WORDS.get(kind, kind)}, {shown}" if form else KIND_WORDS.get(kind, kind)
