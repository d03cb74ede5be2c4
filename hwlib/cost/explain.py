"""Where a figure comes from: formula, inputs and sources of every figure of a report."""

from __future__ import annotations

from collections.abc import Callable

from hwlib.cost.assemble import OneDesign
from hwlib.report import Explanation, Input

HEADLINE = ("ttft_s", "tpot_s")


def figure_keys(one: OneDesign) -> tuple[str, ...]:
    """Every key that the explainer answers."""
    return HEADLINE


def explainer(one: OneDesign) -> Callable[[str], Explanation]:
    """A function from figure key to explanation, evaluated only when asked."""

    def explain(key: str) -> Explanation:
        phase = HEADLINE.index(key)
        cols = one.program.phase == phase
        times = tuple((one.passes * one.run.tau[one.d])[cols].tolist())
        value = float(one.phase_s[phase])
        filling = value / sum(times)
        return Explanation(
            key=key,
            label=key,
            value=value,
            unit="s",
            formula="sum(times) * filling",
            source="MODEL, Metrics",
            inputs=(
                Input("times", times, "s", "operators of the pass"),
                Input("filling", filling, "", "pipeline filling"),
            ),
        )

    return explain
