"""What stands for a block and for a link in the scene: stock Qt items, updated only where something changed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QGraphicsPixmapItem, QGraphicsRectItem, QGraphicsScene

from explorer import theme
from explorer.canvas import figures, marks
from explorer.canvas.geometry import Point
from explorer.canvas.heat import Shade
from explorer.canvas.labels import Label
from explorer.canvas.style import DIMMED, SCENE_PER_M, Style, cosmetic
from hwlib.design.design import Block, Link
from hwlib.report import Rect

Z_BLOCK, Z_LINK, Z_LABEL, Z_GUIDE, Z_HANDLE = 0.0, 10.0, 20.0, 30.0, 40.0
NO_PEN, NO_BRUSH = Qt.PenStyle.NoPen, Qt.BrushStyle.NoBrush
BAR_PX = 4.0
INNER_LEAST_PX = 7.0
LABEL_LEAST_PX = 40.0
INNER_BLOCK_PX = 56.0
END_PX = 5.0
LINK_FLOOR = 0.25
"""A thin line needs more colour than an area to be seen at all."""


def scene_rect(r: Rect) -> QRectF:
    """A rectangle of the floorplan in scene units."""
    return QRectF(r.x_m * SCENE_PER_M, r.y_m * SCENE_PER_M, r.width_m * SCENE_PER_M, r.height_m * SCENE_PER_M)


def scene_path(corners: Sequence[Point]) -> QPainterPath:
    """An orthogonal line in scene units."""
    path = QPainterPath(QPointF(corners[0][0] * SCENE_PER_M, corners[0][1] * SCENE_PER_M))
    for x, y in corners[1:]:
        path.lineTo(x * SCENE_PER_M, y * SCENE_PER_M)
    return path


def rounded(box: QRectF, radius: float) -> QPainterPath:
    """A rectangle with round corners."""
    path = QPainterPath()
    path.addRoundedRect(box, radius, radius)
    return path


class BlockItem:
    """A block: body, inner structure, load bar, frame, and above the links its label and badge."""

    def __init__(self, scene: QGraphicsScene, block: Block, rect: Rect, style: Style) -> None:
        self.block, self.rect = block, rect
        self.severity = ""
        self.busy: float | None = None
        self.shade: Shade | None = None
        self.dimmed = False
        self.emphasis = ""
        self._laid_out: object = None
        self._inner_for: tuple[object, float, float] | None = None
        self.body = QGraphicsRectItem()
        self.inner = QGraphicsPathItem(self.body)
        self.bar = QGraphicsRectItem(self.body)
        self.frame = QGraphicsRectItem(self.body)
        self.front = QGraphicsRectItem()
        self.label = Label(self.front)
        self.badge: QGraphicsPixmapItem | None = None
        self.padlock: QGraphicsPixmapItem | None = None
        self.body.setZValue(Z_BLOCK)
        self.front.setZValue(Z_LABEL)
        self.front.setPen(NO_PEN)
        self.bar.setPen(NO_PEN)
        self.frame.setBrush(NO_BRUSH)
        self.frame.hide()
        scene.addItem(self.body)
        scene.addItem(self.front)
        self.restyle(style)
        self.update(block, rect, style)

    def update(self, block: Block, rect: Rect, style: Style) -> None:
        """Show another value of the block, or another place or size."""
        changed_kind = block.kind != self.block.kind
        self.block, self.rect = block, rect
        box = scene_rect(rect)
        self.body.setPos(box.topLeft())
        self.front.setPos(box.topLeft())
        inside = QRectF(0, 0, box.width(), box.height())
        if self.body.rect() != inside:
            self.body.setRect(inside)
            self.frame.setRect(inside)
        if changed_kind:
            self.restyle(style)
        if block.locked != (self.padlock is not None):
            self._show_padlock(block.locked, style)
        self._say()

    def lay_out(self, scale: float, visible: QRectF, style: Style) -> None:
        """Fit label, bar, badge and structure to the size on screen at `scale` pixels per scene unit.

        The label of a block that reaches out of the `visible` part of the scene keeps in sight.
        """
        box = self.body.rect()
        seen = visible.translated(-self.body.pos()).intersected(box)
        if seen.width() * scale < LABEL_LEAST_PX or seen.height() * scale < LABEL_LEAST_PX:
            seen = box
        key = (scale, box, seen)
        if key == self._laid_out:
            return
        self._laid_out = key
        width, height = box.width() * scale, box.height() * scale
        fits_badge = self.badge is not None and min(width, height) >= marks.BADGE_PX
        room = QRectF(seen.x() * scale, seen.y() * scale, seen.width() * scale, seen.height() * scale)
        # First, for a text inside something hidden counts as hidden itself.
        self.front.setVisible(True)
        self.label.lay_out(room, scale, style, marks.BADGE_PX if fits_badge else 0.0)
        self.front.setVisible(bool(self.label.visible_texts()) or self.badge is not None or self.padlock is not None)
        self._lay_out_bar(width, height, scale)
        self._lay_out_inner(width, height)
        if self.padlock is not None:
            side = (marks.LOCK_PX + 3) / scale
            self.padlock.setVisible(min(width, height) >= 2 * marks.LOCK_PX)
            self.padlock.setPos(box.width() - side, box.height() - side - BAR_PX / scale)
        if self.badge is not None:
            inset = (marks.BADGE_PX + 3) / scale if fits_badge else marks.BADGE_PX / 2 / scale
            self.badge.setPos(box.width() - inset, 3 / scale if fits_badge else -marks.BADGE_PX / 2 / scale)

    @property
    def named(self) -> bool:
        """True where the name, or a part of it, can be read on the block."""
        return bool(self.label.visible_texts())

    @property
    def settled(self) -> bool:
        """True where nothing has changed since it was laid out."""
        return self._laid_out is not None

    def set_busy(self, share: float | None, style: Style) -> None:
        """Show how busy the block is (0 to 1) as a bar, a stronger tint and a line of text; None for unknown."""
        if share == self.busy:
            return
        self.busy = share
        self._tint(style)
        self._say()

    def set_shade(self, shade: Shade | None, style: Style) -> None:
        """Show what an overlay says of the block in place of how busy it is; None for that again."""
        if shade != self.shade:
            self.shade = shade
            self._tint(style)
            self._say()

    def set_severity(self, severity: str, style: Style) -> None:
        """Wear the badge of the worst finding: "error", "warning" or none ("")."""
        if severity == self.severity:
            return
        self.severity = severity
        self._laid_out = None
        if not severity:
            if self.badge is not None:
                self.badge.setParentItem(None)  # type: ignore[arg-type]
                self.badge.scene().removeItem(self.badge)
                self.badge = None
            return
        if self.badge is None:
            self.badge = marks.mark_item(marks.badge(severity, style), self.front)
        self.badge.setPixmap(marks.badge(severity, style))

    def set_emphasis(self, emphasis: str, style: Style) -> None:
        """Frame the block: "selected", "hovered" or not at all ("")."""
        self.emphasis = emphasis
        self.frame.setVisible(bool(emphasis))
        self.frame.setPen(style.selected if emphasis == "selected" else style.hovered)

    def set_dimmed(self, dimmed: bool) -> None:
        """Step back, because others are meant."""
        if dimmed == self.dimmed:
            return
        self.dimmed = dimmed
        opacity = DIMMED if dimmed else 1.0
        self.body.setOpacity(opacity)
        self.front.setOpacity(opacity)

    def restyle(self, style: Style) -> None:
        """Take on the colours of a theme."""
        kind = self.block.kind
        self._tint(style)
        self.body.setPen(style.edge(kind))
        self.bar.setBrush(style.strong(kind))
        self.label.restyle(style)
        self.set_emphasis(self.emphasis, style)
        if self.badge is not None:
            self.badge.setPixmap(marks.badge(self.severity, style))
        if self.padlock is not None:
            self.padlock.setPixmap(marks.lock(style))

    def _show_padlock(self, locked: bool, style: Style) -> None:
        if locked:
            self.padlock = marks.mark_item(marks.lock(style), self.front)
        elif self.padlock is not None:
            self.padlock.setParentItem(None)  # type: ignore[arg-type]
            self.padlock.scene().removeItem(self.padlock)
            self.padlock = None

    def _tint(self, style: Style) -> None:
        """The stronger the busier; nothing is touched, and so nothing painted, where the tint stays."""
        kind, shade = self.block.kind, self.shade
        heat = (self.busy or 0.0) if shade is None else shade.share
        colored = shade is not None and bool(shade.color)
        fill = style.heat(shade.color, heat) if shade is not None and colored else style.fill(kind, heat)
        if self.body.brush() != fill:
            self.body.setBrush(fill)
            self.inner.setPen(style.inner_on(fill, kind) if colored else style.inner(kind, heat))

    def remove(self) -> None:
        """Leave the scene."""
        scene = self.body.scene()
        scene.removeItem(self.body)
        scene.removeItem(self.front)

    def _say(self) -> None:
        lines = [figures.wordings(self.block.part)]
        if self.shade is not None:
            lines += [self.shade.words] if self.shade.words else []
        elif self.busy is not None:
            share = f"{self.busy * 100:.0f} %" if self.busy >= 0.005 or self.busy <= 0 else "< 1 %"
            lines.append((f"{share} busy", share))
        self.label.set_texts(self.block.name, tuple(lines))
        self._laid_out = None

    def _lay_out_bar(self, width: float, height: float, scale: float) -> None:
        box = self.body.rect()
        visible = bool(self.busy) and self.shade is None and min(width, height) >= 2 * BAR_PX
        self.bar.setVisible(visible)
        if not visible or self.busy is None:
            return
        share, thick = min(self.busy, 1.0), BAR_PX / scale
        if height > 2 * width:
            self.bar.setRect(QRectF(0, box.height() * (1 - share), thick, box.height() * share))
        else:
            self.bar.setRect(QRectF(0, box.height() - thick, box.width() * share, thick))

    def _lay_out_inner(self, width: float, height: float) -> None:
        columns, rows = figures.divisions(self.block, width / height)
        roomy = max(width, height) >= INNER_BLOCK_PX and min(width / columns, height / rows) >= INNER_LEAST_PX
        self.inner.setVisible(roomy and columns * rows > 1)
        box = self.body.rect()
        key = (self.block.part, box.width(), box.height())
        if not roomy or key == self._inner_for:
            return
        self._inner_for = key
        path = QPainterPath()
        for i in range(1, columns):
            _add_line(path, QLineF(box.width() * i / columns, 0, box.width() * i / columns, box.height()))
        for i in range(1, rows):
            _add_line(path, QLineF(0, box.height() * i / rows, box.width(), box.height() * i / rows))
        self.inner.setPath(path)


def _add_line(path: QPainterPath, line: QLineF) -> None:
    path.moveTo(line.p1())
    path.lineTo(line.p2())


class LinkItem:
    """A link: a pale channel as wide as its bandwidth, a strong core as wide as its load, a square at each port."""

    def __init__(
        self, scene: QGraphicsScene, link: Link, corners: Sequence[Point], style: Style, detailed: bool = True
    ) -> None:
        self.link, self.corners = link, tuple(corners)
        self._width_px = figures.link_width_px(link.bandwidth_Bps)
        self.load = 0.0
        self.shade: Shade | None = None
        self.dimmed = False
        self.emphasis = ""
        self.halo = QGraphicsPathItem()
        self.channel = QGraphicsPathItem(self.halo)
        self.core = QGraphicsPathItem(self.halo)
        half = END_PX / 2
        self.ends = [QGraphicsRectItem(-half, -half, END_PX, END_PX, self.halo) for _ in range(2)]
        for end in self.ends:
            end.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
            end.setPen(NO_PEN)
            # Among a thousand links the squares at their ports are specks, and cost as much as all else together.
            end.setVisible(detailed)
        self.halo.setZValue(Z_LINK)
        scene.addItem(self.halo)
        self.update(link, corners, style)

    def update(self, link: Link, corners: Sequence[Point], style: Style) -> None:
        """Show another value of the link, or another route."""
        self.link, self.corners = link, tuple(corners)
        self._width_px = figures.link_width_px(link.bandwidth_Bps)
        path = scene_path(corners)
        for item in (self.halo, self.channel, self.core):
            item.setPath(path)
        for end, (x, y) in zip(self.ends, (corners[0], corners[-1]), strict=True):
            end.setPos(x * SCENE_PER_M, y * SCENE_PER_M)
        self.restyle(style)

    def set_load(self, share: float, style: Style) -> None:
        """Show how much of the bandwidth is used (0 to 1)."""
        if share == self.load:
            return
        before, self.load = (self.load > 0, self._core_px()), share
        if before != (share > 0, self._core_px()):
            self._show_core(style)

    def _core_px(self) -> float:
        """The stroke of the core, in quarters of a pixel: finer steps cost a repaint that nobody sees."""
        return max(1.0, round(4 * self._width_px * min(self.load, 1.0)) / 4)

    def _show_core(self, style: Style) -> None:
        self.core.setPen(style.link(self._core_px(), idle=False))
        self.core.setVisible(self.load > 0 and self.shade is None)

    def set_shade(self, shade: Shade | None, style: Style) -> None:
        """Show what an overlay says of the link by the colour of its channel; None for channel and core again."""
        if shade != self.shade:
            self.shade = shade
            self.restyle(style)

    def set_emphasis(self, emphasis: str, style: Style) -> None:
        """Underlay the link: "selected", "hovered" or not at all ("")."""
        self.emphasis = emphasis
        self.restyle(style)

    def set_dimmed(self, dimmed: bool) -> None:
        """Step back, because others are meant."""
        if dimmed != self.dimmed:
            self.dimmed = dimmed
            self.halo.setOpacity(DIMMED if dimmed else 1.0)

    def restyle(self, style: Style) -> None:
        """Take on the colours of a theme."""
        width = self._width_px
        self.channel.setPen(style.link(width, idle=True))
        self._show_core(style)
        if self.shade is not None:
            color = style.heat(
                self.shade.color or theme.KIND_COLORS["noc"], LINK_FLOOR + (1 - LINK_FLOOR) * self.shade.share
            )
            self.channel.setPen(cosmetic(color.color(), width))
        self.halo.setPen(style.halo(width, self.emphasis))
        for end in self.ends:
            end.setBrush(style.strong("noc"))

    def remove(self) -> None:
        """Leave the scene."""
        self.halo.scene().removeItem(self.halo)
