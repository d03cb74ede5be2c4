"""A user's hand on the canvas: presses, drags and keys given in millimetres of the die, as events to the viewport."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer.canvas.canvas import Canvas
from explorer.document import Document
from explorer.presets import Preset, to_mime
from hwlib.design.design import Block, Design, Placement
from hwlib.design.edit import connect
from hwlib.design.parts import Dram, Noc, Sram, VectorUnit
from tests.explorer import factories

NO_KEY = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton
Spot = tuple[float, float]


def square(block_id: str, name: str, x_mm: float, y_mm: float, side_mm: float = 3.0) -> Block:
    """An SRAM of a known size."""
    part = Sram(area_m2=(side_mm * 1e-3) ** 2)
    return Block(id=block_id, name=name, part=part, placement=Placement(x_m=x_mm * 1e-3, y_m=y_mm * 1e-3))


def chip() -> Design:
    """Three squares of 3 mm, two of them linked, a network and a memory strip along the right edge of a 20 mm die."""
    strip = Placement(x_m=20e-3, y_m=2e-3, aspect=0.5)
    blocks = (
        square("a", "Alpha", 2, 2),
        square("b", "Beta", 10, 2),
        square("c", "Gamma", 2, 12),
        Block(id="n", name="Net", part=Noc(area_m2=4e-6), placement=Placement(x_m=10e-3, y_m=12e-3)),
        Block(id="m", name="Memory", part=Dram(channels=1), placement=strip),
        Block(id="v", name="Vector", part=VectorUnit(area_m2=1e-6), placement=Placement(x_m=16e-3, y_m=16e-3)),
    )
    return connect(Design(name="Test chip", blocks=blocks), "a", "c", width_bits=512)


class User:
    """Works on one canvas."""

    def __init__(self, qtbot: QtBot, design: Design) -> None:
        self.document = Document(design, factories.SCENARIO, factories.LLAMA)
        self.canvas = Canvas(self.document)
        self.document.setParent(self.canvas)
        self._qtbot = qtbot
        qtbot.addWidget(self.canvas)
        self.canvas.resize(900, 800)
        self.canvas.show()
        qtbot.waitExposed(self.canvas)
        self.held = NO_KEY

    @property
    def design(self) -> Design:
        """The document's design now."""
        return self.document.design

    def place_of(self, block_id: str) -> Spot:
        """A block's corner in millimetres, to a nanometre."""
        placement = self.design.block(block_id).placement
        return round(placement.x_m * 1e3, 6), round(placement.y_m * 1e3, 6)

    def middle_of(self, block_id: str) -> Spot:
        """The middle of a block as drawn."""
        r = self.canvas.chip.blocks[block_id].rect
        return (r.x_m + r.width_m / 2) * 1e3, (r.y_m + r.height_m / 2) * 1e3

    def edge_of(self, block_id: str, side: str) -> Spot:
        """The middle of a block's left or right edge."""
        r = self.canvas.chip.blocks[block_id].rect
        return (r.x_m + (r.width_m if side == "right" else 0.0)) * 1e3, self.middle_of(block_id)[1]

    def pixel(self, spot: Spot) -> QPoint:
        """Where a place of the die is in the viewport."""
        return self.canvas.pixel((spot[0] * 1e-3, spot[1] * 1e-3))

    def press(self, spot: Spot, button: Qt.MouseButton = LEFT) -> None:
        """Press a mouse button."""
        self._mouse(QEvent.Type.MouseButtonPress, self.pixel(spot), button, button)

    def move(self, spot: Spot, button: Qt.MouseButton = LEFT) -> None:
        """Move the pointer with a button down."""
        self._mouse(QEvent.Type.MouseMove, self.pixel(spot), Qt.MouseButton.NoButton, button)

    def hover(self, spot: Spot) -> None:
        """Move the pointer with no button down."""
        self._mouse(QEvent.Type.MouseMove, self.pixel(spot), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def release(self, spot: Spot, button: Qt.MouseButton = LEFT) -> None:
        """Let the button go."""
        self._mouse(QEvent.Type.MouseButtonRelease, self.pixel(spot), button, Qt.MouseButton.NoButton)

    def click(self, spot: Spot, held: Qt.KeyboardModifier = NO_KEY) -> None:
        """Press and let go."""
        self.held = held
        self.press(spot)
        self.release(spot)
        self.held = NO_KEY

    def drag(self, start: Spot, end: Spot, held: Qt.KeyboardModifier = NO_KEY, button: Qt.MouseButton = LEFT) -> None:
        """Press, move there in four steps, let go."""
        self.held = held
        self.press(start, button)
        self.glide(start, end, button)
        self.release(end, button)
        self.held = NO_KEY

    def glide(self, start: Spot, end: Spot, button: Qt.MouseButton = LEFT) -> None:
        """Move from one place to another in four steps, the button down."""
        for i in range(1, 5):
            self.move((start[0] + (end[0] - start[0]) * i / 4, start[1] + (end[1] - start[1]) * i / 4), button)

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = NO_KEY) -> None:
        """Press and release a key."""
        self._qtbot.keyClick(self.canvas, key, held)

    def carry(self, preset: Preset, *spots: Spot) -> None:
        """Bring a part over the canvas as a drag from the palette does."""
        self._mime = to_mime(preset)
        first = self.pixel(spots[0])
        self._send(QDragEnterEvent(first, Qt.DropAction.CopyAction, self._mime, LEFT, self.held))
        for spot in spots:
            self._send(QDragMoveEvent(self.pixel(spot), Qt.DropAction.CopyAction, self._mime, LEFT, self.held))

    def drop(self, spot: Spot) -> None:
        """Let go of the part that is carried."""
        at = QPointF(self.pixel(spot))
        self._send(QDropEvent(at, Qt.DropAction.CopyAction, self._mime, LEFT, self.held))

    def carry_away(self) -> None:
        """Leave the canvas with the part."""
        self._send(QDragLeaveEvent())

    def steps(self) -> int:
        """Undo steps so far."""
        return self.document.undo_stack.count()

    def undo(self) -> None:
        """Take one step back."""
        self.document.undo_stack.undo()

    def _mouse(self, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        everywhere = QPointF(self.canvas.viewport().mapToGlobal(at))
        self._send(QMouseEvent(kind, QPointF(at), everywhere, button, buttons, self.held))

    def _send(self, event: QEvent) -> None:
        QApplication.sendEvent(self.canvas.viewport(), event)
