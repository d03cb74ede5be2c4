"""Findings about pins: what users wanted kept in a memory and doesn't live there, or not all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwlib.cost.places import FREE, place_of_block
from hwlib.design.design import KV_CACHE, Finding, Pin, Severity

if TYPE_CHECKING:
    from hwlib.cost.assemble import OneDesign


def pin_findings(one: OneDesign) -> list[Finding]:
    """One finding for every pin that isn't wholly granted."""
    return [found for pin in one.design.pins if (found := _judged(one, pin)) is not None]


def _judged(one: OneDesign, pin: Pin) -> Finding | None:
    index = {b.id: i for i, b in enumerate(one.design.blocks)}
    place = place_of_block(one.run.machine, index[pin.block]) if pin.block in index else FREE
    what = "the KV cache" if pin.operator == KV_CACHE else pin.operator
    if place == FREE:
        return _finding(pin, f"{what} is pinned to {pin.block}, which is no memory that units reach.", "Pin it again.")
    name = one.design.blocks[index[pin.block]].name
    if pin.operator == KV_CACHE:
        return _kv(one, pin, place, name)
    if pin.operator not in one.program.weights:
        return _finding(pin, f"{one.run.llm.name} has no {what}, which is pinned to {name}.", "", "note")
    weight = one.program.weights.index(pin.operator)
    placed = one.run.placed[one.d, weight]
    if (weight, place) not in one.program.offered:
        return _finding(
            pin,
            f"{what} is pinned to {name}, from which no unit takes weights: crossbars keep theirs or reload from DRAM.",
            "Pin it to a crossbar or to DRAM, or add a compute array.",
        )
    if placed[place] >= placed.sum():
        return None
    return _finding(
        pin,
        f"{what} is pinned to {name}, which has room for {placed[place]:.0f} of {placed.sum():.0f}.",
        "Pin less there, enlarge it, or use fewer weight bits.",
    )


def _kv(one: OneDesign, pin: Pin, place: int, name: str) -> Finding | None:
    on_chip = bool(one.run.memory.kv_on_chip[one.d])
    if place == 0 or on_chip:
        return None
    if one.run.machine.near is not None:
        return _finding(
            pin,
            f"the KV cache is pinned to {name}, but near-memory units read it beside DRAM's banks: it lives in DRAM.",
            "Pin it to DRAM, or set near-memory units to 0.",
        )
    return _finding(
        pin,
        f"the KV cache is pinned to {name}, which has no room for all of it: it lives in DRAM.",
        "Enlarge the scratchpad, or ask for fewer tokens, sequences or KV bits.",
    )


def _finding(pin: Pin, text: str, mend: str, severity: Severity = "warning") -> Finding:
    message = text[0].upper() + text[1:] if text.startswith("the ") else text
    return Finding(severity=severity, code="pin", message=message, mend=mend, blocks=(pin.block,))
