"""Text of constant size inside a block: as many lines as fit, shortened to its width, upright in narrow strips."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QGraphicsItem, QGraphicsSimpleTextItem

from explorer.canvas.style import Style

PAD_X_PX, PAD_SMALL_PX = 7.0, 4.0
PAD_Y_PX = 5.0
TIGHT_PX = 2.0
LEAST_PX = 26.0
"""Narrower text than this is a smudge, not a word."""
ELLIPSIS = "…"
LEAST_LETTERS = 3
"""Fewer letters of a shortened name say nothing."""
UPRIGHT_PX = 60.0
"""Narrower blocks that are tall have their text turned."""

Figures = Sequence[str]
"""One line of figures in its wordings, from the longest to the shortest; a figure is never cut in the middle."""


def wrapped(name: str, width_px: float, lines: int, metrics: QFontMetricsF) -> list[str]:
    """A name in a width: on one line, or broken at a space where two lines may be taken, or shortened at last."""
    if width_px < LEAST_PX:
        return []
    if metrics.horizontalAdvance(name) <= width_px:
        return [name]
    breaks = [i for i, letter in enumerate(name) if letter == " "]
    fitting = [i for i in breaks if metrics.horizontalAdvance(name[:i]) <= width_px]
    if lines >= 2 and fitting:
        head, tail = name[: fitting[-1]], name[fitting[-1] + 1 :]
        return [head, metrics.elidedText(tail, Qt.TextElideMode.ElideRight, width_px)]
    short = metrics.elidedText(name, Qt.TextElideMode.ElideRight, width_px)
    return [short] if len(short) > LEAST_LETTERS else []


def fitted(figures: Figures, width_px: float, metrics: QFontMetricsF) -> str:
    """The longest wording that fits, empty where none does."""
    return next((text for text in figures if metrics.horizontalAdvance(text) <= width_px), "")


class Label:
    """The lines of one block: a name, and figures under it while there is room. Text items are made when first seen."""

    def __init__(self, anchor: QGraphicsItem) -> None:
        self._anchor = anchor
        self._items: list[QGraphicsSimpleTextItem] = []
        self._name = ""
        self._figures: tuple[Figures, ...] = ()
        self._names = 0
        """How many of the lines, from the top, are the name's."""

    def set_texts(self, name: str, figures: tuple[Figures, ...] = ()) -> None:
        """Say something else; shown by the next `lay_out`."""
        self._name, self._figures = name, figures

    def lay_out(self, room: QRectF, scale: float, style: Style, badge_px: float = 0.0) -> None:
        """Place what fits into `room`, in pixels from the block's corner, at `scale` pixels per scene unit."""
        width_px, height_px = room.width(), room.height()
        upright = width_px < UPRIGHT_PX and height_px > 1.5 * width_px
        along, across = (height_px, width_px) if upright else (width_px, height_px)
        pad = PAD_X_PX if along >= UPRIGHT_PX * 1.2 else PAD_SMALL_PX
        shown = self._choose(along - 2 * pad, across - 2 * TIGHT_PX, badge_px, style)
        pitch = style.line_px
        top = min(PAD_Y_PX, (across - pitch * len(shown)) / 2)
        self._names = sum(is_name for _, is_name, _ in shown)
        for i, (text, is_name, bold) in enumerate(shown):
            item = self._item(i, is_name, bold, style)
            item.setText(text)
            item.setVisible(True)
            item.setRotation(-90 if upright else 0)
            if upright:
                x, y = (width_px - pitch * len(shown)) / 2 + i * pitch, (height_px + item.boundingRect().width()) / 2
            else:
                x, y = pad, top + i * pitch
            item.setPos(round(room.x() + x) / scale, round(room.y() + y) / scale)
        for item in self._items[len(shown) :]:
            item.setVisible(False)

    def _choose(self, along: float, across: float, badge: float, style: Style) -> list[tuple[str, bool, bool]]:
        """The lines to show, each with whether it is part of the name, and whether in bold letters."""
        # One line may take the white above and below its letters: a strip as high as a capital still bears its name.
        room = max(int(across // style.line_px), int(across >= style.name_metrics.capHeight()))
        if room < 1 or along < LEAST_PX:
            return []
        names = wrapped(self._name, along - badge, min(room, 2), style.name_metrics)
        bold = True
        if names and names[-1].endswith(ELLIPSIS):
            # Smaller letters, before any are left out.
            whole = wrapped(self._name, along - badge, min(room, 2), style.figure_metrics)
            if whole and not whole[-1].endswith(ELLIPSIS):
                names, bold = whole, False
        lines = [(text, True, bold) for text in names]
        for figures in self._figures:
            text = fitted(figures, along, style.figure_metrics)
            if names and text and len(lines) < room:
                lines.append((text, False, False))
        return lines

    def visible_texts(self) -> tuple[str, ...]:
        """What can be read now, from top to bottom."""
        return tuple(item.text() for item in self._items if item.isVisible())

    def name_at(self, point: QPointF, scale: float, style: Style) -> bool:
        """True where a point of the block, in scene units from its corner, is on a line of the name."""
        for item in self._items[: self._names]:
            if item.isVisible():
                box = item.boundingRect()
                size = (box.height(), box.width()) if item.rotation() else (box.width(), box.height())
                top = item.y() - (size[1] / scale if item.rotation() else 0.0)
                if QRectF(item.x(), top, size[0] / scale, size[1] / scale).contains(point):
                    return True
        return False

    def restyle(self, style: Style) -> None:
        """Take on the colours and fonts of a theme; the next `lay_out` shows them."""
        for i, item in enumerate(self._items):
            item.setBrush(style.text if i < self._names else style.muted)

    def _item(self, index: int, is_name: bool, bold: bool, style: Style) -> QGraphicsSimpleTextItem:
        while len(self._items) <= index:
            item = QGraphicsSimpleTextItem(self._anchor)
            item.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
            self._items.append(item)
        item = self._items[index]
        font = style.name_font if bold else style.figure_font
        if item.font() != font:
            item.setFont(font)
        item.setBrush(style.text if is_name else style.muted)
        return item
