"""Blocks on the system clipboard: a small design file, as its own type and as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from PySide6.QtCore import QMimeData

from explorer.canvas.copies import inner_links
from explorer.canvas.placing import placement_at
from hwlib.design.design import Block, Design
from hwlib.design.files import MAX_BYTES, DesignFileError, dumps, loads
from hwlib.report import Rect

MIME = "application/x-chipscape-design+json"
TEXT = "text/plain"


def fragment(design: Design, ids: Iterable[str], rects: Mapping[str, Rect]) -> Design:
    """A design of these blocks alone, where they are drawn, with the links among them."""
    chosen = set(ids)
    blocks = tuple(_placed(b, rects[b.id]) for b in design.blocks if b.id in chosen)
    links = tuple(inner_links(design, chosen))
    return Design(name=design.name, settings=design.settings, blocks=blocks, links=links)


def _placed(block: Block, rect: Rect) -> Block:
    place = placement_at(rect.x_m, rect.y_m, block.placement.aspect)
    return msgspec.structs.replace(block, placement=place, locked=False)


def to_mime(part: Design) -> QMimeData:
    """What goes onto the clipboard: editors get the text of a design file."""
    data = QMimeData()
    text = dumps(part)
    data.setData(MIME, text)
    data.setText(text.decode())
    return data


def from_mime(data: QMimeData | None) -> Design | None:
    """The blocks on the clipboard, from this program or as the text of a design file; None where there are none."""
    if data is None:
        return None
    for kind in (MIME, TEXT):
        if not data.hasFormat(kind):
            continue
        content = bytes(data.data(kind).data())
        try:
            found = loads(content) if len(content) <= MAX_BYTES else None
        except DesignFileError:
            continue
        if found is not None and found.blocks:
            return found
    return None
