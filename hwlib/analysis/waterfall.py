"""From one report to another in steps: by which resource a time, by which component an energy, grows or shrinks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hwlib.report import COMPONENTS, LABELS, RESOURCES, Report
from hwlib.report_json import energy_terms

Quantity = Literal["ttft", "tpot", "energy"]
QUANTITIES: tuple[Quantity, ...] = ("ttft", "tpot", "energy")
QUANTITY_LABELS: dict[str, str] = {
    "ttft": "Time to first token (TTFT)",
    "tpot": "Time per output token (TPOT)",
    "energy": "Energy per token",
}
QUANTITY_UNITS: dict[str, str] = {"ttft": "s", "tpot": "s", "energy": "J"}

SMALL = 1e-3
"""Changes below this share of the larger total are told together, as they can't be seen."""


@dataclass(frozen=True)
class Step:
    """A column of the waterfall, SI. The first and last are totals and begin at 0; those between are changes.

    `component` is a resource or component of hwlib.report, "" for totals and for small changes together.
    """

    label: str
    component: str
    start: float
    end: float

    @property
    def change(self) -> float:
        """What the step adds (or takes off)."""
        return self.end - self.start


def waterfall(a: Report, b: Report, what: Quantity) -> tuple[Step, ...]:
    """From the total of `a` to that of `b`: TTFT or TPOT by resource in seconds, energy per token by component in J.

    Each change begins where the one before ended, the first at a's total, the last ends at b's, to the last bit.
    Empty where `obstacle` says why there is none. Equal parts make no step.
    """
    if obstacle(a, b, what):
        return ()
    total_a, total_b = _total(a, what), _total(b, what)
    changes = _changes(_parts(a, what), _parts(b, what), SMALL * max(total_a, total_b))
    steps, now = [Step(a.subject, "", 0.0, total_a)], total_a
    for i, (label, component, change) in enumerate(changes):
        end = total_b if i == len(changes) - 1 else now + change
        steps.append(Step(label, component, now, end))
        now = end
    return (*steps, Step(b.subject, "", 0.0, total_b))


def obstacle(a: Report, b: Report, what: Quantity) -> str:
    """Why no waterfall leads from `a` to `b`: one lacks the figure, or energies differ in method or scope; else ""."""
    for report in (a, b):
        if not report.fits:
            return f"{report.subject} has no figures. {report.reason}".strip()
        if not math.isfinite(_total(report, what)):
            label = QUANTITY_LABELS[what]
            return f"{report.subject} has no figure for {label[:1].lower()}{label[1:]}."
    if what == "energy" and energy_terms(a) != energy_terms(b):
        one, other = (", ".join(map(str, energy_terms(r))) for r in (a, b))
        return f"Unlike energies: {a.subject} {one}; {b.subject} {other}."
    return ""


def _total(report: Report, what: Quantity) -> float:
    assert report.metrics is not None
    match what:
        case "ttft":
            return report.metrics.ttft_s
        case "tpot":
            return report.metrics.tpot_s
        case "energy":
            return report.metrics.energy_per_token_J


def _parts(report: Report, what: Quantity) -> Mapping[str, float]:
    """What the total consists of; shares of the operators' times with the filling of a pipeline in proportion."""
    if what == "energy":
        return report.energy_by_component
    return report.time_by_resource["prefill" if what == "ttft" else "decode"]


def _changes(a: Mapping[str, float], b: Mapping[str, float], least: float) -> list[tuple[str, str, float]]:
    """(label, key, change) in the order of resources and components; the small ones together at the end."""
    keys = [key for key in dict.fromkeys((*RESOURCES, *COMPONENTS)) if key in a or key in b]
    every = [(LABELS[key], key, change) for key in keys if (change := b.get(key, 0.0) - a.get(key, 0.0))]
    small = [change for _, _, change in every if abs(change) < least]
    if len(small) < 2:
        return every
    return [*(step for step in every if abs(step[2]) >= least), ("Others", "", sum(small))]
