"""How work is shared among units: formats, rates, parts, and the tiles that decide how often operands are read."""

from __future__ import annotations

import numpy as np

from hwlib.cost.area import RATES
from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.machine import FALLBACKS, OPERAND_BITS, MatrixUnits, Pool, VectorUnits
from hwlib.cost.work import widths_needed


def peak_key(one: OneDesign, width: int) -> str:
    """Key of the peak MAC rate at an operand width; that of the weight GEMMs is the plain one."""
    return "peak.compute" if width == widths_needed(one.run.scenario)[0] else f"peak.compute.{width}bit"


def rate_of(s: Sheet, units: MatrixUnits, width: int, i: int) -> str:
    """MACs per cell and clock of array i in the format that serves operands of `width` bits."""
    fmt, passes = FALLBACKS[width][int(units.format[s.one.d, i])]
    rate = s.field(int(units.parameters.index[i]), RATES[fmt])
    if passes == 1.0:
        return rate
    return f"{rate} / {s.modelled('passes_per_mac', passes, '', f'{width}-bit products in {fmt} parts')}"


def operand_bits(units: MatrixUnits, d: int, i: int) -> float:
    """Bits of an operand in the format that array i runs."""
    return OPERAND_BITS[FALLBACKS[units.width][int(units.format[d, i])][0]]


def times_share(s: Sheet, units: MatrixUnits, i: int) -> str:
    """* the part of the work that array i gets; nothing where it gets all."""
    share = float(units.split[s.one.d, i])
    if share == 1.0:
        return ""
    block = s.one.design.blocks[int(units.parameters.index[i])].id
    return f" * {s.figure('share', share, '', f'share.{units.width}bit.{block}')}"


def times_part(s: Sheet, pool: Pool | VectorUnits, i: int, peak: str) -> str:
    """* the part of a kind's work that its block i gets, by bandwidth or rate; nothing where it gets all."""
    share = float(pool.split[s.one.d, i])
    if share == 1.0:
        return ""
    block = s.one.design.blocks[int(pool.parameters.index[i])].id
    return f" * {s.figure('share', share, '', f'share.{peak}.{block}')}"


def working(units: MatrixUnits, d: int) -> list[int]:
    """Places of the arrays that take part."""
    return [int(i) for i in np.flatnonzero(units.split[d] > 0)]


def tile_side(s: Sheet, units: MatrixUnits, i: int) -> str:
    """Side of a tensor core's output tile: two stages of a 64-deep slice of both operands fill its buffer."""
    block = int(units.parameters.index[i])
    bits = s.modelled("operand_width", float(units.width), "bit", "standard width that holds the scenario's operands")
    return f"min(256, max(16, {s.field(block, 'buffer_bytes')} / (256 * {bits} / 8)))"


def rereads(s: Sheet, units: MatrixUnits, i: int, extent: str, *, of_weights: bool) -> str:
    """How often array i reads weights again for further rows (`of_weights`), or inputs for further columns."""
    style, block = units.parameters.word("style")[i], int(units.parameters.index[i])
    if style == "systolic" and of_weights:
        return "1"
    if style == "tensor":
        return f"ceil({extent} / {tile_side(s, units, i)})"
    if of_weights:
        return f"ceil({extent} / {s.modelled('rows_held', 8.0, '', 'rows that dot-product lanes hold in registers')})"
    return f"ceil({extent} / {s.field(block, 'columns')})"


def plus(terms: list[str]) -> str:
    """A sum that can be multiplied."""
    return f"({total(terms)})" if len(terms) > 1 else total(terms)
