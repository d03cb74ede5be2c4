"""Pure edits: each takes a design and returns a new, validated one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hwlib.design.design import KV_CACHE, Block, Design, Link, Pin, Placement
from hwlib.design.parts import KIND_LABELS, Part, part_type

DECIDES: dict[tuple[str, str], tuple[str, ...]] = {
    ("dram", "technology"): ("bandwidth_Bps", "capacity_bytes", "energy_J_per_bit"),
    ("crossbar", "cell"): (
        "read_time_s",
        "write_energy_J",
        "write_time_s",
        "endurance",
        "retention_s",
        "variation",
        "ir_drop",
        "cell_read_energy_J",
    ),
    ("port", "technology"): ("latency_s", "energy_J_per_bit"),
}
"""Own values that stood in for what a choice (kind, parameter) decides, and lose their meaning when it changes."""


class EditError(ValueError):
    """An edit that would make an invalid design; the message says what, where and the allowed range."""


def checked(value: Any, kind: type[Any]) -> Any:
    """`value` validated against its declaration. Raises EditError with the field path."""
    try:
        return msgspec.convert(msgspec.to_builtins(value), kind)
    except (msgspec.ValidationError, OverflowError, TypeError, ValueError) as error:
        raise EditError(str(error)) from None


def checked_after(before: Design, after: Design) -> Design:
    """`after` validated, where `before` is a valid design: only what is new in it is looked at. Raises EditError.

    A drag changes a block or two of a thousand, many times a second.
    """
    blocks = _checked_new(before.blocks, after.blocks, Block)
    links = _checked_new(before.links, after.links, Link)
    rest: Design = checked(msgspec.structs.replace(after, blocks=(), links=()), Design)
    return msgspec.structs.replace(rest, blocks=blocks, links=links)


def _checked_new(before: tuple[Any, ...], after: Any, kind: type[Any]) -> Any:
    """The items of `after`, those validated that are not the very objects of `before`."""
    if after is before:
        return before
    known = {id(item) for item in before}
    return tuple(item if id(item) in known else checked(item, kind) for item in after)


def replace_part(design: Design, block_id: str, changes: Mapping[str, Any]) -> Design:
    """The design with parameters of one block changed. Raises EditError out of range, KeyError for an unknown id."""
    block = design.block(block_id)
    try:
        part = msgspec.structs.replace(block.part, **changes)
    except TypeError as error:
        raise EditError(str(error)) from None
    return replace_block(design, msgspec.structs.replace(block, part=checked(part, type(block.part))))


def change_parameter(design: Design, block_id: str, name: str, value: Any) -> Design:
    """As `replace_part` for one parameter; own values that belonged to the choice before go back to the model.

    A stack of HBM3 in the place of one of HBM2 brings HBM3's bandwidth, not the value set for HBM2, and one that was
    called HBM2 is called HBM3.
    """
    block = design.block(block_id)
    stale = DECIDES.get((block.kind, name), ()) if getattr(block.part, name, value) != value else ()
    after = replace_part(design, block_id, {name: value, **dict.fromkeys(stale)})
    called = _called_for(design, block, name, value)
    return replace_block(after, msgspec.structs.replace(after.block(block_id), name=called)) if called else after


def _called_for(design: Design, block: Block, name: str, value: Any) -> str:
    """The name of a block that is called for its choice, such as HBM2 or HBM2 3, after the choice; else empty."""
    before = getattr(block.part, name, None)
    stem, _, number = block.name.rpartition(" ")
    if not isinstance(before, str) or before == value or before not in (block.name, stem if number.isdecimal() else ""):
        return ""
    called = str(value) + block.name[len(before) :]
    return called if called not in {b.name for b in design.blocks} else ""


def replace_block(design: Design, block: Block) -> Design:
    """The design with the block of the same id replaced."""
    design.block(block.id)
    blocks = tuple(block if b.id == block.id else b for b in design.blocks)
    return msgspec.structs.replace(design, blocks=blocks)


def move_blocks(design: Design, placements: Mapping[str, Placement]) -> Design:
    """The design with blocks placed anew. Ids that the design lacks are ignored."""
    blocks = tuple(
        msgspec.structs.replace(b, placement=placements[b.id]) if b.id in placements else b for b in design.blocks
    )
    return msgspec.structs.replace(design, blocks=blocks)


def unique_id(design: Design, stem: str) -> str:
    """`stem`, or `stem-2`, `stem-3`, … : the first id that no block or link of the design has."""
    taken = {b.id for b in design.blocks} | {link.id for link in design.links}
    if stem not in taken:
        return stem
    n = 2
    while f"{stem}-{n}" in taken:
        n += 1
    return f"{stem}-{n}"


def new_block(design: Design, kind: str, placement: Placement, part: Part | None = None) -> Block:
    """A block of a kind with default parameters and an id and name not yet used in the design."""
    block_id = unique_id(design, kind)
    suffix = block_id.removeprefix(kind).lstrip("-")
    name = f"{KIND_LABELS[kind]} {suffix}".strip()
    made: Any = part if part is not None else part_type(kind)()
    return Block(id=block_id, name=name, part=made, placement=placement)


def add_block(design: Design, block: Block) -> Design:
    """The design with a block added. Raises EditError where the id is taken."""
    if any(b.id == block.id for b in design.blocks):
        raise EditError(f"the id {block.id!r} is taken")
    return msgspec.structs.replace(design, blocks=(*design.blocks, block))


def remove(design: Design, ids: Iterable[str]) -> Design:
    """The design without the blocks and links of these ids, and without links that would dangle or pins to them."""
    gone = set(ids)
    blocks = tuple(b for b in design.blocks if b.id not in gone)
    links = tuple(
        link for link in design.links if link.id not in gone and link.source not in gone and link.target not in gone
    )
    pins = tuple(p for p in design.pins if p.block not in gone)
    return msgspec.structs.replace(design, blocks=blocks, links=links, pins=pins)


def pin(design: Design, operator: str, block_id: str) -> Design:
    """The design with a weight GEMM ("qkv") or the KV cache ("kv_cache") kept in a block's memory, if it has room.

    Raises EditError for an unknown block or one that holds nothing.
    """
    try:
        block = design.block(block_id)
    except KeyError:
        raise EditError(f"there is no block {block_id}") from None
    if block.kind not in ("dram", "sram", *(() if operator == KV_CACHE else ("crossbar",))):
        what = "the KV cache" if operator == KV_CACHE else "weights"
        raise EditError(f"{block.name} can't hold {what}")
    others = tuple(p for p in design.pins if p.operator != operator)
    new = checked(Pin(operator=operator, block=block_id), Pin)
    return msgspec.structs.replace(design, pins=(*others, new))


def unpin(design: Design, operator: str) -> Design:
    """The design with this operator's weights (or the KV cache) placed by the rule again."""
    return msgspec.structs.replace(design, pins=tuple(p for p in design.pins if p.operator != operator))


def connect(design: Design, source: str, target: str, **parameters: Any) -> Design:
    """The design with a link between two blocks. Raises EditError for a loop, a double or an unknown end."""
    ends = {source, target}
    if source == target:
        raise EditError("a block can't be linked to itself")
    if missing := ends - {b.id for b in design.blocks}:
        raise EditError(f"no block {sorted(missing)[0]!r}")
    if any({link.source, link.target} == ends for link in design.links):
        raise EditError("the two blocks are linked already")
    link = checked(Link(id=unique_id(design, "link"), source=source, target=target, **parameters), Link)
    return msgspec.structs.replace(design, links=(*design.links, link))


def replace_link(design: Design, link_id: str, changes: Mapping[str, Any]) -> Design:
    """The design with parameters of one link changed. Raises EditError out of range, KeyError for an unknown id."""
    links = {link.id: link for link in design.links}
    changed = checked(msgspec.structs.replace(links[link_id], **changes), Link)
    return msgspec.structs.replace(design, links=tuple(changed if k == link_id else v for k, v in links.items()))


def replace_settings(design: Design, changes: Mapping[str, Any]) -> Design:
    """The design with chip-wide settings changed. Raises EditError out of range."""
    settings = checked(msgspec.structs.replace(design.settings, **changes), type(design.settings))
    return msgspec.structs.replace(design, settings=settings)
