"""Weights that the user pins to a memory by hand: how they travel in a drag, the edits, and the menu of memories."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QDrag, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QWidget

from explorer import theme
from explorer.words import operator_word
from hwlib.design import edit
from hwlib.design.design import KV_CACHE, Design
from hwlib.design.edit import EditError

if TYPE_CHECKING:
    from explorer.document import Document
    from hwlib.report import OperatorRow, Report, Store

MIME_TYPE = "application/x-chipscape-weights"
LONGEST_NAME = 64
BY_RULE = "By the rule"
CARD_PX = 26
CURSOR_GAP_PX = 14


def pinnable(row: OperatorRow, report: Report) -> str:
    """What a pin calls an operator's weights, or the KV cache that it reads; empty where it has neither.

    The embedding's table is looked up and not multiplied: it has no place to choose.
    """
    if any(kept.operator == row.name for kept in report.kept):
        return row.name
    return KV_CACHE if row.kv_bytes > 0 else ""


def to_mime(operator: str) -> QMimeData:
    """What a drag of an operator's weights carries."""
    data = QMimeData()
    data.setData(MIME_TYPE, operator.encode())
    data.setText(operator_word(operator))
    return data


def from_mime(data: QMimeData) -> str | None:
    """The operator that a drag carries, None for anything else."""
    if not data.hasFormat(MIME_TYPE):
        return None
    try:
        name = bytes(data.data(MIME_TYPE).data()).decode()
    except UnicodeDecodeError:
        return None
    return name if 0 < len(name) <= LONGEST_NAME else None


def refusal(design: Design, operator: str, block_id: str) -> str:
    """Why a block can't be pinned to, empty where it can."""
    try:
        edit.pin(design, operator, block_id)
    except EditError as error:
        return str(error)
    return ""


def pin(document: Document, operator: str, block_id: str) -> None:
    """Pin weights to a block, as one step of the history. Raises EditError where it can't hold them."""
    name = document.design.block(block_id).name
    document.edit(f"Pin {operator_word(operator)} to {name}", edit.pin(document.design, operator, block_id))


def unpin(document: Document, operator: str) -> None:
    """Let the rule place weights again."""
    document.edit(f"Unpin {operator_word(operator)}", edit.unpin(document.design, operator))


def pinned_to(design: Design, operator: str) -> str | None:
    """The id of the block that weights are pinned to."""
    return next((p.block for p in design.pins if p.operator == operator), None)


def held_by(design: Design, block_id: str) -> tuple[str, ...]:
    """What is pinned to a block."""
    return tuple(p.operator for p in design.pins if p.block == block_id)


def fill_menu(menu: QMenu, document: Document, operator: str, stores: Sequence[Store]) -> None:
    """One entry for each memory that weights can be pinned to, and one for the rule; the present one is checked."""
    design, now = document.design, pinned_to(document.design, operator)
    known = {b.id for b in design.blocks}
    for store in stores:
        block = next((b for b in store.blocks if b in known), None)
        if block is not None and not refusal(design, operator, block):
            action = menu.addAction(store.label, partial(pin, document, operator, block))
            action.setCheckable(True)
            action.setChecked(now in store.blocks)
    menu.addSeparator()
    action = menu.addAction(BY_RULE, partial(unpin, document, operator))
    action.setCheckable(True)
    action.setChecked(now is None)


def add_menu(menu: QMenu, document: Document, operator: str, stores: Sequence[Store]) -> QMenu:
    """A submenu that pins one operator's weights."""
    own = menu.addMenu(f"Pin {operator_word(operator)} to")
    fill_menu(own, document, operator, stores)
    return own


def carry(source: QWidget, operator: str) -> None:
    """Drag an operator's weights until they are let go of; returns afterwards."""
    drag = QDrag(source)
    drag.setMimeData(to_mime(operator))
    drag.setPixmap(_card(source, operator_word(operator)))
    drag.setHotSpot(QPoint(-CURSOR_GAP_PX, -CURSOR_GAP_PX))
    drag.exec(Qt.DropAction.CopyAction)


def _card(widget: QWidget, text: str) -> QPixmap:
    """The name on a small card, to show what is being dragged."""
    t, ratio = theme.current(), widget.devicePixelRatioF()
    width = widget.fontMetrics().horizontalAdvance(text) + 2 * theme.GRID_PX
    pixmap = QPixmap(round(width * ratio), round(CARD_PX * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(widget.font())
    painter.setPen(QPen(QColor(t.border), 1))
    painter.setBrush(QBrush(QColor(t.base)))
    painter.drawRoundedRect(QRectF(0.5, 0.5, width - 1, CARD_PX - 1), 4, 4)
    painter.setPen(QColor(t.text))
    painter.drawText(QRectF(0, 0, width, CARD_PX), Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return pixmap
