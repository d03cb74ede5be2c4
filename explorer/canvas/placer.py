"""Placing parts from the palette: held at the pointer until a click, or carried by drag and drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QGraphicsRectItem

from explorer.canvas import placing, style
from explorer.canvas.items import NO_PEN, Z_GUIDE, scene_rect
from explorer.canvas.labels import Label
from explorer.canvas.style import cosmetic
from explorer.presets import Preset, from_mime
from hwlib.design.design import Block

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

ALT = Qt.KeyboardModifier.AltModifier


class Placer:
    """At most one part is held and at most one is carried; each shows its outline where it would land."""

    def __init__(self, view: Canvas) -> None:
        self._view = view
        self._held: Ghost | None = None
        self._carried: Ghost | None = None

    @property
    def holding(self) -> bool:
        """A part waits for the click that places it."""
        return self._held is not None

    def hold(self, preset: Preset | None) -> bool:
        """Hold a part, or nothing; True where another one was put back."""
        had, self._held = self._held, None
        if had is not None:
            had.remove()
        if preset is not None:
            self._held = Ghost(self._view, preset)
        return had is not None

    def hover(self, pos: QPoint, modifiers: Qt.KeyboardModifier) -> None:
        """The held part follows the pointer."""
        if self._held is not None:
            self._held.move(pos, bool(modifiers & ALT))

    def hide(self) -> None:
        """The pointer has left the canvas."""
        if self._held is not None:
            self._held.hide()

    def put_down(self, pos: QPoint, modifiers: Qt.KeyboardModifier) -> tuple[Preset, Block] | None:
        """The block that a click here makes of the held part."""
        if self._held is None:
            return None
        return self._held.preset, self._held.move(pos, bool(modifiers & ALT))

    def enter(self, event: QDragEnterEvent) -> bool:
        """A drag comes in; True where it carries a part."""
        self.leave()
        preset = from_mime(event.mimeData())
        if preset is not None:
            self._carried = Ghost(self._view, preset)
        return preset is not None

    def carry(self, event: QDragMoveEvent | QDropEvent) -> Block | None:
        """The block that a drop here makes of the carried part."""
        if self._carried is None:
            return None
        return self._carried.move(event.position().toPoint(), bool(event.modifiers() & ALT))

    def leave(self) -> None:
        """The drag is over, or elsewhere."""
        if self._carried is not None:
            self._carried.remove()
            self._carried = None


class Ghost:
    """The outline of a part that is about to be placed."""

    def __init__(self, view: Canvas, preset: Preset) -> None:
        self._view, self.preset = view, preset
        look = style.current()
        self._item = QGraphicsRectItem()
        self._item.setZValue(Z_GUIDE)
        fill = QColor(look.strong(preset.kind))
        self._item.setPen(cosmetic(fill, 1.0, Qt.PenStyle.DashLine))
        fill.setAlpha(60)
        self._item.setBrush(fill)
        self._front = QGraphicsRectItem(self._item)
        self._front.setPen(NO_PEN)
        self._label = Label(self._front)
        self._label.set_texts(preset.name)
        self._item.hide()
        view.chip.addItem(self._item)

    def move(self, pos: QPoint, free: bool = False) -> Block:
        """Hold the ghost's middle under the pointer, on the grid unless `free`; the block that it stands for."""
        view, design = self._view, self._view.document.design
        step = view.grid_m if view.snap_enabled and not free else 0.0
        footprints = view.chip.footprints
        block = placing.placed(design, self.preset, view.floor(pos), footprints, step)
        box = scene_rect(placing.rect_of(design, block, footprints))
        self._item.setRect(QRectF(0, 0, box.width(), box.height()))
        self._item.setPos(box.topLeft())
        scale = view.px_per_unit
        self._label.lay_out(QRectF(0, 0, box.width() * scale, box.height() * scale), scale, style.current())
        self._item.show()
        return block

    def hide(self) -> None:
        """The pointer is elsewhere."""
        self._item.hide()

    def remove(self) -> None:
        """Leave the scene."""
        self._view.chip.removeItem(self._item)
