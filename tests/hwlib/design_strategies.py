"""Random designs for hypothesis, drawn from the parts' own declarations."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from hwlib.design.design import Block, Design, Link, Pin, Placement, Settings
from hwlib.design.parts import PART_TYPES, Part
from hwlib.fields import PartField, part_fields

IDS = st.text("abcXYZ019_.-", min_size=1, max_size=6)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def value_of(field: PartField) -> st.SearchStrategy[Any]:
    """Any value that a field accepts, None where it may be left to the model."""
    made: st.SearchStrategy[Any]
    match field.type:
        case "int":
            made = st.integers(int(field.lo or 0), int(field.hi or 2**31))
        case "float":
            made = st.floats(field.lo, field.hi, allow_nan=False, allow_infinity=False)
        case "bool":
            made = st.booleans()
        case "choice":
            made = st.sampled_from(field.choices)
    return st.none() | made if field.optional else made


def some_fields(struct: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """A struct with any of its fields set and the others at their default."""
    optional = {field.name: value_of(field) for field in part_fields(struct)}
    return st.fixed_dictionaries({}, optional=optional).map(lambda given: struct(**given))


def parts() -> st.SearchStrategy[Part]:
    """A part of any kind."""
    return st.one_of([some_fields(kind) for kind in PART_TYPES])


def placements() -> st.SearchStrategy[Placement]:
    """Any place and aspect ratio."""
    return st.builds(Placement, x_m=st.floats(-1, 1), y_m=st.floats(-1, 1), aspect=st.floats(0.02, 50))


@st.composite
def designs(draw: st.DrawFn, max_blocks: int = 5) -> Design:
    """A valid design: any blocks, some of them linked."""
    ids = draw(st.lists(IDS, max_size=2 * max_blocks, unique=True))
    blocks = tuple(
        Block(id=name, name=draw(NAMES), part=draw(parts()), placement=draw(placements()))  # type: ignore[arg-type]
        for name in ids[:max_blocks]
    )
    pairs = [(a.id, b.id) for i, a in enumerate(blocks) for b in blocks[:i]]
    links = tuple(
        Link(id=name, source=source, target=target, width_bits=draw(st.integers(1, 4096)))
        for name, (source, target) in zip(ids[max_blocks:], pairs, strict=False)
    )
    settings = draw(some_fields(Settings))
    pins = tuple(Pin(operator=draw(IDS), block=block.id) for block in blocks if draw(st.booleans()))
    note = draw(st.text(max_size=20))
    return Design(name=draw(NAMES), note=note, settings=settings, blocks=blocks, links=links, pins=pins)
