"""What floats above the canvas: the hint on an empty die, the die's figures, and the buttons for zoom and modes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from explorer import theme
from hwlib.design.design import Design
from hwlib.report import Rect
from hwlib.units import format_quantity

HINT = "Drag a part from the left, or open an example"
EDGE_PX = theme.GRID_PX


class Floating(QLabel):
    """Muted text that lets the mouse through."""

    def __init__(self, parent: QWidget, *, on_card: bool = False) -> None:
        super().__init__(parent)
        self._on_card = on_card
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.retheme()
        theme.notifier.changed.connect(self.retheme)

    def retheme(self) -> None:
        """Take on the theme on screen."""
        t = theme.current()
        ground = f"{t.base}" if self._on_card else "transparent"
        self.setStyleSheet(f"color: {t.muted}; background: {ground}; border-radius: 4px; padding: 3px 6px;")


def die_figures(design: Design, rects: dict[str, Rect]) -> str:
    """The die in one line: size, node and the share of it that blocks take."""
    s = design.settings
    on_die = [rects[b.id] for b in design.blocks if b.kind != "dram" and b.id in rects]
    used = sum(r.width_m * r.height_m for r in on_die) / (s.die_width_m * s.die_height_m)
    size = f"{format_quantity(s.die_width_m * 1e3, digits=3)} × {format_quantity(s.die_height_m * 1e3, digits=3)} mm"
    return f"Die {size} · {format_quantity(s.node_nm, 'nm', 3)} · {used * 100:.0f} % used"


class CornerBar(QWidget):
    """Zoom, snap and connect, for those who would rather click than know a key."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(2, 2, 2, 2)
        self._row.setSpacing(2)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.link = self._button("Connect", "Draw links: press on a block and let go on another (C)", checkable=True)
        self.snap = self._button("Snap", "Blocks rest on the grid and at their neighbours' edges (G)", checkable=True)
        self.zoom_out = self._button("−", "Zoom out (Ctrl+−)")
        self.zoom_in = self._button("+", "Zoom in (Ctrl++)")
        self.fit = self._button("Fit", "Show the whole chip (F)")
        self._retheme()
        theme.notifier.changed.connect(self._retheme)

    def _button(self, text: str, tip: str, *, checkable: bool = False) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setCheckable(checkable)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setCursor(Qt.CursorShape.ArrowCursor)
        self._row.addWidget(button)
        return button

    def _retheme(self) -> None:
        t = theme.current()
        self.setStyleSheet(
            f"CornerBar {{ background: {t.base}; border: 1px solid {t.border}; border-radius: 4px; }}"
            f"QToolButton {{ color: {t.text}; border: 0; border-radius: 3px; padding: 3px 6px; }}"
            f"QToolButton:hover {{ background: {t.raised}; }}"
            f"QToolButton:checked {{ background: {theme.mix(t.base, t.accent, 0.22)}; }}"
        )
