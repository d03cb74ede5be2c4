"""Notices: words in passing at the lower right of the window, which take no focus from what is below."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMessageBox, QSizePolicy, QToolButton, QWidget

from explorer import theme
from explorer.widgets.style import icon

Level = Literal["ok", "note", "warning", "error"]
WIDTH_PX = 360
LEAST_WIDTH_PX = 160
GAP_PX = theme.GRID_PX
MOST = 4
STAYS_MS: dict[str, int] = {"ok": 4000, "note": 5000, "warning": 9000, "error": 0}
"""How long a notice stays; 0: until it is closed."""
ICONS = {"ok": "ok", "note": "note", "warning": "warning", "error": "error"}
COLORS = {"ok": "ok", "note": "accent", "warning": "warning", "error": "error"}


class Notice(QWidget):
    """One notice. It waits while the pointer rests on it."""

    closed = Signal(object)

    def __init__(self, text: str, level: Level, details: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.text, self.level, self.details = text, level, details
        self.setAccessibleName(text)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GRID_PX + 4, theme.GRID_PX, theme.GRID_PX, theme.GRID_PX)
        row.setSpacing(theme.GRID_PX)
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._icon)
        self.label = QLabel(text, self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(self.label, 1)
        self.details_button = self._button("Details", "Show what was said in full")
        self.details_button.setVisible(bool(details))
        self.details_button.clicked.connect(self._show_details)
        row.addWidget(self.details_button)
        self.close_button = self._button("", "Close this notice")
        self.close_button.clicked.connect(self.dismiss)
        row.addWidget(self.close_button)
        self.retheme()
        self._fit()
        self._wait()

    def sizeHint(self) -> QSize:
        """As wide as its words need, within limits."""
        words = self.label.fontMetrics().horizontalAdvance(self.text)
        rest = 16 + 24 + 6 * theme.GRID_PX + (self.details_button.sizeHint().width() if self.details else 0)
        width = max(LEAST_WIDTH_PX, min(WIDTH_PX, words + rest))
        return QSize(width, max(self.heightForWidth(width), 36))

    def retheme(self) -> None:
        """Take the theme's colours."""
        t = theme.current()
        self._icon.setPixmap(icon(ICONS[self.level], getattr(t, COLORS[self.level])).pixmap(16, 16))
        self.close_button.setIcon(icon("cross", t.muted))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A raised card with an edge in the colour of its level."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(t.border), 1.0))
        painter.setBrush(QColor(t.raised))
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(area, 4, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(getattr(t, COLORS[self.level])))
        painter.drawRoundedRect(QRectF(0, 4, 3, self.height() - 8), 1.5, 1.5)
        painter.end()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Somebody reads it: it stays."""
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Nobody reads it any more."""
        self._wait()

    def dismiss(self) -> None:
        """Go away."""
        self._timer.stop()
        self.closed.emit(self)

    def _wait(self) -> None:
        if STAYS_MS[self.level]:
            self._timer.start(STAYS_MS[self.level])

    def _fit(self) -> None:
        self.resize(self.sizeHint())

    def _button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(text or tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return button

    def _show_details(self) -> None:
        box = QMessageBox(self.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Details")
        box.setText(self.text)
        box.setInformativeText(self.details)
        box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.open()


class Notices(QObject):
    """The notices of one window, the newest lowest, above its status bar."""

    def __init__(self, window: QWidget, margin_px: int = 0) -> None:
        super().__init__(window)
        self._window = window
        self._margin_px = margin_px
        self._shown: list[Notice] = []
        window.installEventFilter(self)
        theme.notifier.changed.connect(self._retheme)

    @property
    def shown(self) -> tuple[Notice, ...]:
        """What is on show, oldest first."""
        return tuple(self._shown)

    def say(self, text: str, level: Level = "note", details: str = "") -> None:
        """Show a notice; one that says the same gives way to it."""
        for other in [n for n in self._shown if n.text == text][:1]:
            other.dismiss()
        if len(self._shown) >= MOST:
            self._shown[0].dismiss()
        notice = Notice(text, level, details, self._window)
        notice.closed.connect(self._forget)
        self._shown.append(notice)
        self._arrange()
        notice.show()
        notice.raise_()

    def clear(self) -> None:
        """Close all notices."""
        for notice in self.shown:
            notice.dismiss()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notices keep to the corner of a window that changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        elif event.type() == QEvent.Type.Close:
            self.clear()
        return False

    def _forget(self, notice: Notice) -> None:
        if notice in self._shown:
            self._shown.remove(notice)
            notice.hide()
            notice.deleteLater()
            self._arrange()

    def _arrange(self) -> None:
        bottom = self._window.height() - self._margin_px - GAP_PX
        for notice in reversed(self._shown):
            notice.resize(notice.sizeHint())
            bottom -= notice.height()
            notice.move(QPoint(self._window.width() - notice.width() - 2 * GAP_PX, bottom))
            bottom -= GAP_PX

    def _retheme(self) -> None:
        for notice in self._shown:
            notice.retheme()
