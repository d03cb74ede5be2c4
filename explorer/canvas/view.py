"""The window onto the die: zoom at the pointer, pan, fit, rulers and the ground under the blocks."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QNativeGestureEvent, QPainter, QResizeEvent, QShowEvent, QTransform, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from explorer import theme
from explorer.canvas import style
from explorer.canvas.geometry import Point, union
from explorer.canvas.items import scene_rect
from explorer.canvas.rulers import THICK_PX, Corner, Ruler, major_step
from explorer.canvas.scene import ChipScene
from explorer.canvas.snap import grid_step
from explorer.canvas.style import SCENE_PER_M
from hwlib.design.design import Design
from hwlib.report import Rect

FIT_MARGIN_PX = 16
FIT_BELOW_PX = 52
"""Kept free below a chip that would reach under what floats in the corners."""
WHEEL_NOTCH = 120.0
ZOOM_PER_NOTCH = 1.2
ZOOM_PER_KEY = 1.4
FURTHEST = 0.25
"""Of the scale at which everything fits."""
CLOSEST_PX = 20.0
"""Pixels of one micrometre."""
LARGEST_PX = 2e6
"""The die never gets larger than this on screen: scroll bars count in integers."""
PAPER = 2.0
"""How far the ground reaches around the content, in multiples of its larger side."""


class ZoomView(QGraphicsView):
    """Shows a chip scene at any scale and knows where things are on the floorplan, in metres."""

    view_moved = Signal()
    """Another part of the scene is in sight, or at another scale."""

    def __init__(self, chip: ChipScene, parent: QWidget | None = None) -> None:
        super().__init__(chip, parent)
        self.chip = chip
        self.corner_px = 0.0
        """How far what floats in the lower corners reaches in; the chip is fitted above or between it."""
        self.upper_px = (0.0, 0.0)
        """The same for the upper left corner: how far it reaches in, and down."""
        self._follows = True
        """The view refits on its own until the user zooms or pans."""
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setMouseTracking(True)
        self.setViewportMargins(THICK_PX, THICK_PX, 0, 0)
        self._across = Ruler(Qt.Orientation.Horizontal, self)
        self._down = Ruler(Qt.Orientation.Vertical, self)
        self.rulers = (self._across, self._down)
        self._unit = Corner(self)
        self.viewport().installEventFilter(self)
        self._views: WeakKeyDictionary[QObject, tuple[QTransform, QPointF, bool]] = WeakKeyDictionary()
        chip.document.changed.connect(self._refit_for_another_chip)
        chip.document.page_leaving.connect(self._keep_view)
        chip.document.page_shown.connect(self._bring_view_back)
        theme.notifier.changed.connect(self.viewport().update)

    # Where things are

    @property
    def px_per_unit(self) -> float:
        """Screen pixels of one scene unit (a micrometre)."""
        return self.transform().m11()

    @property
    def m_per_px(self) -> float:
        """Metres of the floorplan that one screen pixel shows."""
        return 1.0 / (self.px_per_unit * SCENE_PER_M)

    grid_choice_m: float = 0.0
    """The user's own step; 0: none."""

    @property
    def grid_m(self) -> float:
        """The snap grid of the die: the step that the user has chosen, or one that fits the die."""
        settings = self.chip.document.design.settings
        return self.grid_choice_m or grid_step(settings.die_width_m, settings.die_height_m)

    def floor(self, pos: QPoint) -> Point:
        """The place on the floorplan under a pixel of the viewport."""
        inverse, _ = self.viewportTransform().inverted()
        return self.chip.m_of(inverse.map(QPointF(pos)))

    def pixel(self, point: Point) -> QPoint:
        """The pixel of the viewport that shows a place on the floorplan."""
        at = self.viewportTransform().map(QPointF(point[0] * SCENE_PER_M, point[1] * SCENE_PER_M))
        return QPoint(round(at.x()), round(at.y()))

    def visible_scene(self) -> QRectF:
        """The part of the scene in sight."""
        return self.mapToScene(self.viewport().rect()).boundingRect()

    # Zoom and pan

    def fit(self) -> None:
        """Show the whole chip, and keep doing so until the user zooms or pans."""
        self._follows = True
        self._fit(self.chip.content())

    def keep_in_sight(self) -> None:
        """Refit where the view follows: something may have come to lie out of sight, or below what floats."""
        if self._follows:
            self.fit()

    def fit_selection(self) -> None:
        """Show the selected blocks, or everything where none is selected."""
        chosen = [self.chip.blocks[i].rect for i in self.chip.document.selection if i in self.chip.blocks]
        if not chosen:
            self.fit()
            return
        self._follows = False
        self._fit(union(chosen))

    def zoom_in(self) -> None:
        """Closer, at the middle of the view."""
        self.zoom(ZOOM_PER_KEY, self.viewport().rect().center())

    def zoom_out(self) -> None:
        """Further away, at the middle of the view."""
        self.zoom(1 / ZOOM_PER_KEY, self.viewport().rect().center())

    def zoom(self, factor: float, at: QPoint) -> None:
        """Scale by a factor; what is at a pixel of the viewport stays there."""
        low, high = self._limits()
        scale = min(max(self.px_per_unit * factor, low), high)
        if scale == self.px_per_unit:
            return
        self._follows = False
        inverse, _ = self.viewportTransform().inverted()
        held = inverse.map(QPointF(at))
        self.setTransform(QTransform.fromScale(scale, scale))
        moved = self.viewportTransform().map(held)
        self._scroll(moved.x() - at.x(), moved.y() - at.y())
        self._zoomed()

    def pan(self, dx_px: int, dy_px: int) -> None:
        """Shift what is shown by pixels."""
        self._follows = False
        self._scroll(-dx_px, -dy_px)

    def _scroll(self, dx_px: float, dy_px: float) -> None:
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() + round(dx_px))
        down.setValue(down.value() + round(dy_px))

    def _fit(self, content: Rect) -> None:
        scale, above, below = self._fitting(content)
        if scale <= 0:
            return
        _, high = self._limits()
        scale = min(scale, high)
        self._spread_paper()
        self.setTransform(QTransform.fromScale(scale, scale))
        self.centerOn(scene_rect(content).center() + QPointF(0, (below - above) / 2 / scale))
        self._zoomed()

    def _fitting(self, content: Rect) -> tuple[float, float, float]:
        """The scale at which `content` fits, and what is kept free above and below, more where corners are full."""
        box, room = scene_rect(content), self.viewport().size()
        across = (room.width() - 2 * FIT_MARGIN_PX) / box.width()
        into, down = self.upper_px
        ways = ((FIT_MARGIN_PX, FIT_MARGIN_PX, max(self.corner_px, into)), (FIT_MARGIN_PX, FIT_BELOW_PX, into))
        for above, below, beside in ways:
            scale = min(across, (room.height() - above - below) / box.height())
            if (room.width() - box.width() * scale) / 2 >= beside:
                return scale, above, below
        top = max(float(FIT_MARGIN_PX), down)
        return min(across, (room.height() - top - FIT_BELOW_PX) / box.height()), top, FIT_BELOW_PX

    def _limits(self) -> tuple[float, float]:
        """The smallest and the largest scale."""
        content = self.chip.content()
        side = max(content.width_m, content.height_m) * SCENE_PER_M
        return max(self._fitting(content)[0] * FURTHEST, 1e-6), min(CLOSEST_PX, LARGEST_PX / side)

    def _spread_paper(self) -> None:
        """Make the ground large enough to pan over; it never shrinks under the user's hands."""
        box = scene_rect(self.chip.content())
        border = PAPER * max(box.width(), box.height())
        self.setSceneRect(box.adjusted(-border, -border, border, border))

    def _zoomed(self) -> None:
        self.chip.set_zoom(self.px_per_unit, self.visible_scene())
        self._update_rulers()

    def _refit_for_another_chip(self, before: Design, after: Design) -> None:
        opened = self.chip.document.undo_stack.count() == 0
        same_die = (before.settings.die_width_m, before.settings.die_height_m) == (
            after.settings.die_width_m, after.settings.die_height_m,
        )  # fmt: skip
        if opened or (not same_die and self._follows):
            self.fit()
        if not same_die:
            self._update_rulers()
            self.viewport().update()

    def _keep_view(self, page: QObject) -> None:
        """Each page is found again as it was left."""
        self._views[page] = self.transform(), self.visible_scene().center(), self._follows

    def _bring_view_back(self, page: QObject) -> None:
        transform, centre, follows = self._views.get(page, (None, None, True))
        if transform is None or centre is None or follows:
            self.fit()
            return
        self._follows = False
        self._spread_paper()
        self.setTransform(transform)
        self.centerOn(centre)
        self._zoomed()

    # Events

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Rulers follow, and blocks that come into sight get their labels."""
        super().scrollContentsBy(dx, dy)
        self.chip.set_zoom(self.px_per_unit, self.visible_scene())
        self._update_rulers()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the rulers along the edges; refit while the view follows."""
        super().resizeEvent(event)
        self._across.setGeometry(THICK_PX, 0, self.width() - THICK_PX, THICK_PX)
        self._down.setGeometry(0, THICK_PX, THICK_PX, self.height() - THICK_PX)
        self._unit.setGeometry(0, 0, THICK_PX, THICK_PX)
        if self._follows:
            self._fit(self.chip.content())
        self._update_rulers()

    def showEvent(self, event: QShowEvent) -> None:
        """The first time in sight, everything fits."""
        super().showEvent(event)
        if self._follows:
            self._fit(self.chip.content())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel zooms at the pointer; with Shift it pans sideways."""
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan(turn.y() or turn.x(), 0)
        elif turn.y():
            self.zoom(math.pow(ZOOM_PER_NOTCH, turn.y() / WHEEL_NOTCH), event.position().toPoint())
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pinching a trackpad zooms at the pointer.

        No `viewportEvent`: paint events would pass through it, and hold the interpreter lock while Qt paints.
        """
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom(1.0 + event.value(), event.position().toPoint())
            return True
        return super().eventFilter(watched, event)

    def _update_rulers(self) -> None:
        origin = self.viewportTransform().map(QPointF(0, 0))
        px_per_m = self.px_per_unit * SCENE_PER_M
        die = self.chip.die()
        self._across.set_scale(origin.x(), px_per_m, die.width_m)
        self._down.set_scale(origin.y(), px_per_m, die.height_m)
        self.view_moved.emit()

    def _point_rulers(self, pos: QPoint | None) -> None:
        self._across.set_pointer(pos.x() if pos is not None else None)
        self._down.set_pointer(pos.y() if pos is not None else None)

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """The ground, and on it the die with a grid at the rulers' labelled ticks."""
        look, die = style.current(), scene_rect(self.chip.die())
        painter.fillRect(rect, look.around)
        painter.fillRect(die, look.die)
        step = major_step(self.px_per_unit * SCENE_PER_M) * SCENE_PER_M
        seen = self.visible_scene().intersected(die)
        painter.setPen(look.grid)
        for i in range(math.ceil(seen.left() / step), math.floor(seen.right() / step) + 1):
            painter.drawLine(QPointF(i * step, seen.top()), QPointF(i * step, seen.bottom()))
        for i in range(math.ceil(seen.top() / step), math.floor(seen.bottom() / step) + 1):
            painter.drawLine(QPointF(seen.left(), i * step), QPointF(seen.right(), i * step))
        painter.setPen(look.die_edge)
        painter.drawRect(die)
