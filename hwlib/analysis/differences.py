"""In what designs and their workloads differ: settings, blocks matched by id, name or kind, and links, in words."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import msgspec

from hwlib.design.design import Block, Design, Link, Settings
from hwlib.design.parts import KIND_LABELS, fields_of
from hwlib.fields import PartField, part_fields
from hwlib.report import Report
from hwlib.units import NOTHING, format_quantity
from hwlib.workload.scenario import Scenario

CHIP, WORKLOAD = "Chip", "Workload"
MODELLED, UNLIMITED = "modelled", "none"
"""What stands where a user could set a value and leaves it to the model, or sets no limit."""

_LONG = 3
"""More blocks than this with one and the same difference are told in one line."""


@dataclass(frozen=True)
class Difference:
    """One thing in which designs differ, as text for each; a dash where a design lacks the block or link."""

    where: str
    label: str
    unit: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class _Match:
    """A block (or link) of every design that corresponds, None where one lacks it."""

    items: tuple[Any, ...]
    some: Any
    """The reference's, else the first design's that has it."""

    @property
    def in_all(self) -> bool:
        return all(item is not None for item in self.items)


def workload_differences(reports: Sequence[Report]) -> tuple[Difference, ...]:
    """Where reports ran another LLM or another scenario, which makes their figures hard to compare."""
    found = list(_unlike(WORKLOAD, "LLM", "", [report.llm.name for report in reports]))
    for field in part_fields(Scenario):
        found += _parameter(WORKLOAD, field, [report.scenario for report in reports])
    return tuple(found)


def design_differences(designs: Sequence[Design], reference: int = 0) -> tuple[Difference, ...]:
    """In what designs differ, in the order chip, blocks (the reference's first), links.

    Blocks correspond by id, else by name, else by the order within their kind; links by the blocks at their ends.
    Several blocks with one and the same difference are told in one line.
    """
    settings = [design.settings for design in designs]
    found = [d for field in part_fields(Settings) for d in _parameter(CHIP, field, settings)]
    blocks = _matched([design.blocks for design in designs], reference, _BLOCK_KEYS)
    found += _presence(blocks)
    found += _merged([(match.some.kind, d) for match in blocks for d in _block(match)])
    found += _moved(blocks)
    return (*found, *_links(designs, reference, blocks))


# --- matching -------------------------------------------------------------------------------------------------------

Key = Callable[[Any], Hashable]
_BLOCK_KEYS: tuple[Key, ...] = (lambda b: (b.kind, b.id), lambda b: (b.kind, b.name), lambda b: b.kind)


def _matched(lists: Sequence[Sequence[Any]], reference: int, keys: Sequence[Key]) -> list[_Match]:
    """Items of all lists that correspond: by the first key, of those left over by the second, and so on.

    Items of equal key correspond in their order. The reference's items come first.
    """
    rows: list[list[Any]] = [_alone(item, reference, len(lists)) for item in lists[reference]]
    for i, items in enumerate(lists):
        if i == reference:
            continue
        left, open_rows = list(items), list(rows)
        for key in keys:
            left, open_rows = _joined(left, open_rows, i, key)
        rows += [_alone(item, i, len(lists)) for item in left]
    return [_Match(tuple(row), row[reference] or next(item for item in row if item is not None)) for row in rows]


def _alone(item: Any, index: int, count: int) -> list[Any]:
    return [item if i == index else None for i in range(count)]


def _joined(items: list[Any], rows: list[list[Any]], index: int, key: Key) -> tuple[list[Any], list[list[Any]]]:
    """Puts items into the rows of equal key; what is left of both."""
    waiting: dict[Hashable, list[list[Any]]] = {}
    for row in rows:
        waiting.setdefault(key(next(item for item in row if item is not None)), []).append(row)
    left = []
    for item in items:
        if found := waiting.get(key(item)):
            found.pop(0)[index] = item
        else:
            left.append(item)
    return left, [row for row in rows if row[index] is None]


# --- blocks ---------------------------------------------------------------------------------------------------------

_TELLING = {
    "compute_array": ("count", "rows", "columns"), "vector_unit": ("count", "lanes"), "sram": ("capacity_bytes",),
    "dram": ("technology", "channels"), "crossbar": ("cell", "count", "rows", "columns"), "noc": ("topology",),
    "port": ("technology", "bandwidth_Bps"),
}  # fmt: skip
"""The parameters that say most about a block of a kind."""


def _presence(blocks: Sequence[_Match]) -> list[Difference]:
    """Blocks that some designs lack: one by one where they are few of a kind, else counted."""

    def told(match: _Match) -> Difference:
        return Difference(match.some.name, KIND_LABELS[match.some.kind], "", tuple(map(_summary, match.items)))

    return _lacking(blocks, lambda match: KIND_LABELS[match.some.kind], "blocks", told)


def _lacking(
    matches: Sequence[_Match], label: Callable[[_Match], str], plural: str, told: Callable[[_Match], Difference]
) -> list[Difference]:
    """What some designs lack, put together by label and by which designs those are."""
    groups: dict[tuple[str, tuple[bool, ...]], list[_Match]] = {}
    for match in matches:
        if not match.in_all:
            groups.setdefault((label(match), tuple(item is not None for item in match.items)), []).append(match)
    found = []
    for (what, has), several in groups.items():
        if len(several) > _LONG:
            texts = tuple(f"{len(several)} more {plural}" if here else NOTHING for here in has)
            found.append(Difference(CHIP, what, "", texts))
        else:
            found += [told(match) for match in several]
    return found


def _summary(block: Block | None) -> str:
    """A block in a few words: "4 × 128 × 128", "HBM3 × 5", "48 MiB"."""
    if block is None:
        return NOTHING
    told = [f for f in fields_of(block.kind) if f.name in _TELLING[block.kind]]
    texts = {f: _texts(f, [getattr(block.part, f.name)])[0] for f in told}
    counts = [text for f, text in texts.items() if f.type == "int" and not f.unit]
    words = [text for f, text in texts.items() if text not in counts]
    if len(counts) == 1:
        return " × ".join([*words, *counts])
    return ", ".join([*words, *([" × ".join(counts)] if counts else [])])


def _block(match: _Match) -> Iterator[Difference]:
    """The name and the parameters in which blocks that correspond differ."""
    if sum(block is not None for block in match.items) < 2:
        return
    where = match.some.name
    # What `_summary` tells of a block that some designs lack needs no second line.
    told = () if match.in_all else _TELLING[match.some.kind]
    yield from _unlike(where, "Name", "", [None if b is None else b.name for b in match.items])
    parts = [None if block is None else block.part for block in match.items]
    for field in fields_of(match.some.kind):
        if field.name not in told:
            yield from _parameter(where, field, parts)


def _merged(differences: Sequence[tuple[str, Difference]]) -> list[Difference]:
    """Equal differences of several blocks of a kind in one line: "Crossbar 1 and 63 more"."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Difference]] = {}
    for kind, difference in differences:
        groups.setdefault((kind, difference.label, difference.values), []).append(difference)
    return [replace(same[0], where=_listed([one.where for one in same])) for same in groups.values()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _LONG else f"{names[0]} and {len(names) - 1} more"


def _moved(blocks: Sequence[_Match]) -> list[Difference]:
    """Blocks at another place or of another shape; counted where they are many, since a floorplan says it better."""
    moved = [m for m in blocks if len({_place(b) for b in m.items if b is not None}) > 1]
    if not moved:
        return []
    if len(moved) <= _LONG:
        return [d for m in moved for d in _unlike(m.some.name, "Place and aspect", "", [_place(b) for b in m.items])]
    counts = [sum(_is_elsewhere(m.items[i], m.some) for m in moved) for i in range(len(moved[0].items))]
    texts = tuple(f"{count} blocks elsewhere" if count else "as drawn" for count in counts)
    return [Difference(CHIP, "Floorplan", "", texts)]


def _is_elsewhere(one: Block | None, other: Block) -> bool:
    return one is not None and _place(one) != _place(other)


def _place(block: Block | None) -> str | None:
    """Where a block is, to the tenth of a micrometre that rulers show."""
    if block is None:
        return None
    p = block.placement
    return f"{_millimetres(p.x_m)}, {_millimetres(p.y_m)}; {p.aspect:.4g} : 1"


def _millimetres(metres: float) -> str:
    return f"{metres * 1e3 + 0.0:.4f}".rstrip("0").rstrip(".") + " mm"


# --- links ----------------------------------------------------------------------------------------------------------


def _links(designs: Sequence[Design], reference: int, blocks: Sequence[_Match]) -> list[Difference]:
    """Links that some designs lack, and the parameters of those that correspond."""
    ends = [
        {block.id: row for row, match in enumerate(blocks) if (block := match.items[i]) is not None}
        for i in range(len(designs))
    ]
    lists = [
        [_Wire(link, frozenset(ends[i].get(end, end) for end in (link.source, link.target))) for link in design.links]
        for i, design in enumerate(designs)
    ]
    keys: tuple[Key, ...] = (lambda wire: (wire.ends, wire.link.id), lambda wire: wire.ends)
    wires = _matched(lists, reference, keys)
    names = {row: match.some.name for row, match in enumerate(blocks)}
    found = _lacking(wires, lambda match: "Link", "links", lambda match: _wire_presence(match, names))
    changed: list[tuple[str, Difference]] = []
    for match in wires:
        if sum(wire is not None for wire in match.items) > 1:
            values = [None if wire is None else wire.link for wire in match.items]
            for field in _link_fields():
                changed += [("link", d) for d in _parameter(match.some.where(names), field, values)]
    return found + _merged(changed)


def _wire_presence(match: _Match, names: dict[int, str]) -> Difference:
    texts = tuple(NOTHING if wire is None else str(wire) for wire in match.items)
    return Difference(match.some.where(names), "Link", "", texts)


@dataclass(frozen=True)
class _Wire:
    """A link with its ends as numbers of corresponding blocks (ids, where a block is missing)."""

    link: Link
    ends: frozenset[int | str]

    def where(self, names: dict[int, str]) -> str:
        return " to ".join(sorted(names[end] if isinstance(end, int) else end for end in self.ends))

    def __str__(self) -> str:
        return " × ".join(_texts(field, [getattr(self.link, field.name)])[0] for field in _link_fields())


@cache
def _link_fields() -> tuple[PartField, ...]:
    """Width and clock of a link; its ends and id aren't declared as parameters."""
    hints = typing.get_type_hints(Link, include_extras=True)
    declared = [(f.name, hints[f.name], f.default) for f in msgspec.structs.fields(Link)]
    return part_fields(msgspec.defstruct("LinkParameters", [d for d in declared if d[2] is not msgspec.NODEFAULT]))


# --- values in words ------------------------------------------------------------------------------------------------

_MOST_DIGITS = 17


def _parameter(where: str, field: PartField, owners: Sequence[Any]) -> Iterator[Difference]:
    """The difference in one field, if any; an owner of None lacks it."""
    values = [getattr(owner, field.name) for owner in owners if owner is not None]
    if len(set(values)) < 2:
        return
    texts = iter(_texts(field, values))
    yield Difference(where, field.label, field.unit, tuple(NOTHING if o is None else next(texts) for o in owners))


def _unlike(where: str, label: str, unit: str, values: Sequence[str | None]) -> Iterator[Difference]:
    if len({value for value in values if value is not None}) > 1:
        yield Difference(where, label, unit, tuple(NOTHING if value is None else value for value in values))


def _texts(field: PartField, values: Sequence[Any]) -> list[str]:
    """Values of a field in words, with four digits, or as many as it takes to tell unequal ones apart."""
    for digits in range(4, _MOST_DIGITS + 1):
        texts = [_text(field, value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    # Scaling to a prefix can round two neighbours among floats to one; their own digits can't.
    return [f"{value} {field.unit}".strip() for value in values]


def _text(field: PartField, value: Any, digits: int) -> str:
    if value is None:
        return MODELLED if field.override else UNLIMITED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, int) and field.unit in ("", "bit", "tokens"):
        return f"{value} {field.unit}".strip()
    if field.unit == "m" and 1e-6 <= abs(value) < 1.0:
        return f"{format_quantity(value * 1e3, '', digits)} mm"
    binary = field.unit == "B" and math.isclose(value % 1024.0, 0.0)
    return format_quantity(float(value), field.unit, digits, binary=binary)
