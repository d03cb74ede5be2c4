"""Headline figures of many designs at once, for the library's lines."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwlib.units import format_quantity

if TYPE_CHECKING:
    from hwlib.design.design import Design
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

log = logging.getLogger(__name__)

UNKNOWN = "not evaluated"
REFUSALS = {"does_not_fit": "Does not fit", "cannot_run": "Cannot run"}
DIGITS = 3


@dataclass(frozen=True)
class Headline:
    """What a design does with the LLM of the window. Without figures `refusal` says why, in two words."""

    tpot_s: float = math.nan
    ttft_s: float = math.nan
    tokens_per_s: float = math.nan
    energy_per_token_J: float = math.nan
    refusal: str = ""

    def said(self) -> tuple[str, ...]:
        """The figures as texts, the most telling first; one refusal where there are none."""
        if self.refusal:
            return (self.refusal,)
        show = format_quantity
        return (
            f"TPOT {show(self.tpot_s, 's', DIGITS)}",
            f"{show(self.energy_per_token_J, 'J', DIGITS)}/token",
            f"{show(self.tokens_per_s, '', DIGITS)} tokens/s",
            f"TTFT {show(self.ttft_s, 's', DIGITS)}",
        )


def headlines(designs: Sequence[Design], scenario: Scenario, llm: LlmArchitecture) -> tuple[Headline, ...]:
    """The figures of designs, in one call of the model; a design that breaks it loses its own figures only."""
    from hwlib.evaluate import evaluate_batch  # here, so that the window is up before scipy is loaded

    if not designs:
        return ()
    try:
        batch = evaluate_batch(designs, scenario, llm)
    except ValueError as error:
        log.info("no figures for the library: %s", error)
        return (Headline(refusal=UNKNOWN),) * len(designs)
    except Exception:
        log.exception("the model failed on %d design(s) of the library", len(designs))
        if len(designs) == 1:
            return (Headline(refusal=UNKNOWN),)
        return tuple(found for design in designs for found in headlines([design], scenario, llm))
    columns = zip(batch.tpot_s, batch.ttft_s, batch.tokens_per_s, batch.energy_per_token_J, strict=True)
    return tuple(
        Headline(float(tpot), float(ttft), float(rate), float(energy), REFUSALS.get(status, ""))
        for status, (tpot, ttft, rate, energy) in zip(batch.status, columns, strict=True)
    )
