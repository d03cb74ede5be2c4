"""What a report says of continuous batching and of the plain roofline beside it, in words with their figures."""

from __future__ import annotations

from hwlib.report import Continuous, Report
from hwlib.units import format_band, format_quantity

LIMITS = {"concurrency": "as many as asked for", "memory": "as many as the KV cache has room for"}


def continuous_words(found: Continuous) -> str:
    """One line: "continuous batching: 1232 tokens/s (1020–1462), 8 requests in flight"."""
    return f"continuous batching: {rate_words(found)} tokens/s, {format_quantity(found.sequences)} requests in flight"


def rate_words(found: Continuous) -> str:
    """Tokens per second with the band, where there is one."""
    return _banded(found.tokens_per_s, found.tokens_per_s_band, "")


def token_words(found: Continuous) -> str:
    """Time per token with the band, where there is one."""
    return _banded(found.tpot_s, found.tpot_band_s, "s")


def continuous_sentences(found: Continuous, output: int) -> str:
    """How the steady state follows: the formula with its inputs, and where it is from."""
    prompt, step = (format_quantity(t, "s") for t in (found.prefill_s, found.step_s))
    requests = format_quantity(found.sequences)
    return (
        f"{requests} requests in flight, {LIMITS[found.limit]}. In a cycle each is read once ({prompt}) and decoded "
        f"{output - 1} times with the others ({step} a step):\n"
        f"{requests} · {output} tokens / ({requests} · {prompt} + {output - 1} · {step}); "
        f"{100.0 * found.prefill_share:.0f} % of the time goes to prompts.\nFrom a {found.source}"
    )


def roofline_words(report: Report) -> str:
    """What a plain roofline says of TTFT, TPOT and tokens/s, and how far below the prediction; empty without one."""
    m, plain = report.metrics, report.roofline
    if m is None or plain is None:
        return ""
    told = [
        f"{name} {format_quantity(value, unit, 3)} ({100.0 * (value / own - 1.0):+.0f} %)"
        for name, own, value, unit in (
            ("TTFT", m.ttft_s, plain.ttft_s, "s"), ("TPOT", m.tpot_s, plain.tpot_s, "s"),
            ("tokens/s", m.tokens_per_s, plain.tokens_per_s, ""),
        )
    ]  # fmt: skip
    return f"plain roofline: {', '.join(told)}"


def _banded(value: float, band: tuple[float, float], unit: str) -> str:
    low, high = band
    text = format_quantity(value, unit)
    return f"{text} ({format_band(value, low, high, unit)})" if low < high else text
