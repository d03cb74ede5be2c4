"""The gestures of the canvas, one class each: from press to release, cancelled by Esc, one undo step at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QGraphicsRectItem

from explorer.canvas import placing, snap, style
from explorer.canvas.geometry import bottom, centre, moved, right, route, route_to, union
from explorer.canvas.items import Z_GUIDE, scene_path, scene_rect
from explorer.canvas.style import SCENE_PER_M, cosmetic
from hwlib.design import edit
from hwlib.design.design import Block, Design
from hwlib.report import Rect

if TYPE_CHECKING:
    from explorer.canvas.canvas import Canvas

DRAG_PX = 4
"""A press that moves less than this is a click."""
REACH_PX = 6.0
GAP_END_PX = 4.0
Modifiers = Qt.KeyboardModifier


class Gesture(Protocol):
    """One use of the mouse, from press to release. Positions are in the viewport's pixels."""

    cursor: Qt.CursorShape

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        """The pointer is here now."""

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        """The button has been let go; False where the gesture goes on."""

    def cancel(self) -> None:
        """Esc: as if it had never begun."""


class Pan:
    """Drag the paper."""

    cursor = Qt.CursorShape.ClosedHandCursor

    def __init__(self, view: Canvas, pos: QPoint) -> None:
        self._view, self._last, self._start = view, pos, pos

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        self._view.pan(pos.x() - self._last.x(), pos.y() - self._last.y())
        self._last = pos

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        return True

    def cancel(self) -> None:
        self.move(self._start, Modifiers.NoModifier)


class RubberBand:
    """Drag over empty ground: select what the band touches; Ctrl or Shift adds. A click alone clears."""

    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, view: Canvas, pos: QPoint, modifiers: Modifiers) -> None:
        self._view, self._start = view, pos
        self._before = view.document.selection
        self._base = self._before if modifiers & (Modifiers.ControlModifier | Modifiers.ShiftModifier) else frozenset()
        self._band = QGraphicsRectItem()
        accent = QColor(style.current().accent)
        self._band.setPen(cosmetic(accent))
        accent.setAlpha(36)
        self._band.setBrush(accent)
        self._band.setZValue(Z_GUIDE)
        view.chip.addItem(self._band)

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        if (pos - self._start).manhattanLength() < DRAG_PX:
            return
        (x0, y0), (x1, y1) = self._view.floor(self._start), self._view.floor(pos)
        box = Rect(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
        self._band.setRect(scene_rect(box))
        self._view.document.select(self._base | self._view.chip.within(box))

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        if (pos - self._start).manhattanLength() < DRAG_PX:
            self._view.document.select(self._base)
            self._view.document.select_operator(None)
        self._end()
        return True

    def cancel(self) -> None:
        self._view.document.select(self._before)
        self._end()

    def _end(self) -> None:
        self._view.chip.removeItem(self._band)


class MoveBlocks:
    """Drag selected blocks; the design follows live. Shift keeps to one axis, Alt ignores the snap."""

    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, view: Canvas, pos: QPoint, pressed: str) -> None:
        self._view, self._start, self._pressed = view, pos, pressed
        self._key = ("move", view.document.new_gesture())
        chip = view.chip
        chosen = [i for i in chip.blocks if i in view.document.selection]
        ids = [i for i in chosen if not chip.blocks[i].block.locked]
        self._chosen = len(chosen)
        self._blocks = {i: chip.blocks[i].block for i in ids}
        self._rects = {i: chip.blocks[i].rect for i in ids}
        self._frame = union(self._rects.values())
        others = [item.rect for i, item in chip.blocks.items() if i not in self._rects]
        self._lines = snap.lines_of([*others, chip.die()])
        self._others = np.array([(r.x_m, r.y_m, right(r), bottom(r)) for r in others]).reshape(-1, 4)
        self._edge = self._edge_of_memory()
        self._dragging = False
        self._guides = Guides(view)

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        delta = pos - self._start
        if not self._dragging and delta.manhattanLength() < DRAG_PX:
            return
        self._dragging = True
        dx, dy = delta.x() * self._view.m_per_px, delta.y() * self._view.m_per_px
        if modifiers & Modifiers.ShiftModifier:
            dx, dy = (dx, 0.0) if abs(dx) >= abs(dy) else (0.0, dy)
        found = self._snapped(dx, dy, modifiers)
        self._guides.show(found, moved(self._frame, found.dx_m, found.dy_m))
        self._place(found.dx_m, found.dy_m)

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        self._guides.remove()
        if not self._dragging and self._chosen > 1 and not modifiers & Modifiers.ShiftModifier:
            self._view.document.select({self._pressed})
        return True

    def cancel(self) -> None:
        self._guides.remove()
        if self._dragging:
            placements = {i: b.placement for i, b in self._blocks.items()}
            self._edit(edit.move_blocks(self._view.document.design, placements))

    def _edge_of_memory(self) -> placing.Edge | None:
        """A memory strip that is dragged alone keeps to the die's edge."""
        block = next(iter(self._blocks.values()))
        if len(self._blocks) > 1 or block.kind != "dram":
            return None
        return placing.Edge(self._view.document.design, block, self._view.chip.footprints)

    def _snapped(self, dx: float, dy: float, modifiers: Modifiers) -> snap.Snapped:
        if not self._view.snap_enabled or modifiers & Modifiers.AltModifier:
            return snap.Snapped(dx, dy)
        reach = REACH_PX * self._view.m_per_px
        found = snap.snap(self._frame, dx, dy, self._lines, self._view.grid_m, reach)
        if self._edge is None:
            found = snap.snap_gaps(self._frame, found, self._others, reach)
        if modifiers & Modifiers.ShiftModifier:
            keep_x = dy == 0.0
            found = snap.Snapped(
                found.dx_m if keep_x else 0.0, 0.0 if keep_x else found.dy_m,
                found.guides_x if keep_x else (), () if keep_x else found.guides_y,
                tuple(gap for gap in found.gaps if gap.across == keep_x),
            )  # fmt: skip
        return found

    def _place(self, dx: float, dy: float) -> None:
        if self._edge is not None and self._view.snap_enabled:
            ((block_id, rect),) = self._rects.items()
            x, y = centre(rect)
            place = self._edge.placement((x + dx, y + dy), self._view.grid_m)
            self._edit(edit.move_blocks(self._view.document.design, {block_id: place}))
            return
        self._edit(shifted(self._view.document.design, self._blocks, self._rects, dx, dy))

    def _edit(self, after: Design) -> None:
        names = [b.name for b in self._blocks.values()]
        what = names[0] if len(names) == 1 else f"{len(names)} blocks"
        self._view.document.edit(f"Move {what}", after, self._key)


class Locked:
    """Press on a locked block: it stays, and says so where one tries to drag it. A click alone selects it."""

    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, view: Canvas, pos: QPoint, pressed: str) -> None:
        self._view, self._start, self._pressed = view, pos, pressed
        self._told = False

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        if not self._told and (pos - self._start).manhattanLength() >= DRAG_PX:
            self._told = True
            name = self._view.chip.blocks[self._pressed].block.name
            self._view.setCursorShape(Qt.CursorShape.ForbiddenCursor)
            self._view.say(f"{name} is locked; press L to unlock.")

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        if not self._told:
            self._view.document.select({self._pressed})
        return True

    def cancel(self) -> None:
        self._told = True


def shifted(design: Design, blocks: dict[str, Block], rects: dict[str, Rect], dx: float, dy: float) -> Design:
    """The design with blocks shifted from where they are drawn (metres)."""
    placements = {
        i: placing.placement_at(round(rects[i].x_m + dx, 12), round(rects[i].y_m + dy, 12), block.placement.aspect)
        for i, block in blocks.items()
    }
    return edit.move_blocks(design, placements)


class Reshape:
    """Pull a block's lower right corner: its area is the model's and stays, its aspect follows the pointer."""

    cursor = Qt.CursorShape.SizeFDiagCursor

    def __init__(self, view: Canvas, pos: QPoint, block_id: str) -> None:
        self._view, self._start = view, pos
        self._key = ("reshape", view.document.new_gesture())
        self._block, self._rect = view.chip.blocks[block_id].block, view.chip.blocks[block_id].rect

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        delta, rect = pos - self._start, self._rect
        if delta.manhattanLength() < DRAG_PX:
            return
        # Whichever way the pointer went further says what the block shall look like.
        if abs(delta.x()) >= abs(delta.y()):
            width = self._rounded(rect.width_m + delta.x() * self._view.m_per_px, modifiers)
        else:
            height = self._rounded(rect.height_m + delta.y() * self._view.m_per_px, modifiers)
            width = rect.width_m * rect.height_m / height
        self._edit(width * width / (rect.width_m * rect.height_m))

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        return True

    def cancel(self) -> None:
        self._edit(self._block.placement.aspect)

    def _rounded(self, length_m: float, modifiers: Modifiers) -> float:
        grid = self._view.grid_m
        if self._view.snap_enabled and not modifiers & Modifiers.AltModifier:
            length_m = snap.to_grid(length_m, grid)
        return max(length_m, grid)

    def _edit(self, aspect: float) -> None:
        aspect = min(max(aspect, placing.LEAST_ASPECT), placing.MOST_ASPECT)
        place = placing.placement_at(self._rect.x_m, self._rect.y_m, aspect)
        after = edit.move_blocks(self._view.document.design, {self._block.id: place})
        self._view.document.edit(f"Reshape {self._block.name}", after, self._key)


class Guides:
    """Thin lines that show what a dragged block is aligned with, and gaps that are equal."""

    OVERHANG_PX = 24.0

    def __init__(self, view: Canvas) -> None:
        self._view = view
        self._item = QGraphicsPathItem()
        self._item.setPen(cosmetic(style.current().accent, 1.0, Qt.PenStyle.DashLine))
        self._gaps = QGraphicsPathItem()
        self._gaps.setPen(cosmetic(style.current().accent, 1.5))
        for item in (self._item, self._gaps):
            item.setZValue(Z_GUIDE)
            view.chip.addItem(item)

    def show(self, found: snap.Snapped, frame: Rect) -> None:
        """Draw the guides of a snap across the visible ground."""
        path = QPainterPath()
        box = self._view.visible_scene()
        for x in found.guides_x:
            path.moveTo(x * SCENE_PER_M, box.top())
            path.lineTo(x * SCENE_PER_M, box.bottom())
        for y in found.guides_y:
            path.moveTo(box.left(), y * SCENE_PER_M)
            path.lineTo(box.right(), y * SCENE_PER_M)
        self._item.setPath(path)
        self._show_gaps(found)

    def _show_gaps(self, found: snap.Snapped) -> None:
        """A line with end strokes in each of the equal gaps."""
        path, tick = QPainterPath(), GAP_END_PX * self._view.m_per_px
        for gap in found.gaps:
            for a, b in (
                ((gap.start, gap.level), (gap.end, gap.level)),
                ((gap.start, gap.level - tick), (gap.start, gap.level + tick)),
                ((gap.end, gap.level - tick), (gap.end, gap.level + tick)),
            ):
                ends = (a, b) if gap.across else (a[::-1], b[::-1])
                path.addPath(scene_path(ends))
        self._gaps.setPath(path)

    @property
    def shows_gaps(self) -> bool:
        """Equal gaps are marked now."""
        return not self._gaps.path().isEmpty()

    def remove(self) -> None:
        """Leave the scene."""
        self._view.chip.removeItem(self._item)
        self._view.chip.removeItem(self._gaps)


class Connect:
    """Draw a link from a block to another: drag and let go there, or click one and then the other."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, view: Canvas, pos: QPoint, source: str) -> None:
        self._view, self._start, self.source = view, pos, source
        chip = view.chip
        self._impossible = {i for i in chip.blocks if not self._possible(i)}
        chip.grey_out(self._impossible - {source})
        self._line = QGraphicsPathItem()
        self._line.setPen(cosmetic(style.current().accent, 2.0, Qt.PenStyle.DashLine))
        self._line.setZValue(Z_GUIDE)
        chip.addItem(self._line)

    def move(self, pos: QPoint, modifiers: Modifiers) -> None:
        chip, point = self._view.chip, self._view.floor(pos)
        target = chip.block_at(point)
        source = chip.blocks[self.source].rect
        valid = target is not None and target not in self._impossible
        chip.hover(target if valid else None)
        corners = route(source, chip.blocks[target].rect) if valid and target else route_to(source, point)
        pen = Qt.PenStyle.SolidLine if valid else Qt.PenStyle.DashLine
        self._line.setPen(cosmetic(style.current().accent, 2.0, pen))
        self._line.setPath(scene_path(corners))
        self._view.setCursorShape(
            Qt.CursorShape.ForbiddenCursor if target and not valid and target != self.source else self.cursor
        )

    def release(self, pos: QPoint, modifiers: Modifiers) -> bool:
        target = self._view.chip.block_at(self._view.floor(pos))
        if target == self.source and (pos - self._start).manhattanLength() < DRAG_PX:
            return False  # a click on the source: the next click names the target
        self._end()
        if target is None or target == self.source:
            return True
        self._view.connect_blocks(self.source, target)
        return True

    def cancel(self) -> None:
        self._end()

    def _possible(self, target: str) -> bool:
        try:
            edit.connect(self._view.document.design, self.source, target)
        except edit.EditError:
            return False
        return True

    def _end(self) -> None:
        self._view.chip.grey_out(())
        self._view.chip.hover(None)
        self._view.chip.removeItem(self._line)
