"""Notices: words in passing at the lower right of the window, which take no focus from what is below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.widgets.style import icon

Level = Literal["ok", "note", "warning", "error"]
Choice = tuple[str, Callable[[], object], bool]
"""A button of a notice: its word, what it does, and whether the notice is settled by it."""
WIDTH_PX = 344
PADDING_PX = theme.GRID_PX + 2
GAP_PX = theme.GRID_PX
MOST = 4
ICON_PX = 16
STAYS_MS: dict[str, int] = {"ok": 4000, "note": 5000, "warning": 9000, "error": 0}
"""How long a notice stays; 0: until it is closed."""
ICONS = {"ok": "ok", "note": "note", "warning": "warning", "error": "error"}
COLORS = {"ok": "ok", "note": "accent", "warning": "warning", "error": "error"}


class Notice(QWidget):
    """One notice. It waits while the pointer rests on it; one with choices stays until it is settled or closed."""

    closed = Signal(object)

    def __init__(
        self,
        text: str,
        level: Level,
        details: str,
        parent: QWidget,
        choices: Sequence[Choice] = (),
        about: object = None,
    ) -> None:
        super().__init__(parent)
        self.text, self.level, self.details, self.about = text, level, details, about
        self.setAccessibleName(text)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING_PX, PADDING_PX, PADDING_PX, PADDING_PX)
        column.setSpacing(theme.GRID_PX)
        column.addLayout(self._make_words())
        self.buttons = [self._choice(*choice) for choice in choices]
        if self.buttons:
            foot = QHBoxLayout()
            foot.addStretch(1)
            for button in self.buttons:
                foot.addWidget(button)
            column.addLayout(foot)
        self.retheme()
        self._fit()
        self._wait()

    def _make_words(self) -> QHBoxLayout:
        """The line with the words and the small buttons beside them."""
        text = self.text
        row = QHBoxLayout()
        row.setSpacing(theme.GRID_PX)
        self._icon = QLabel(self)
        self._icon.setFixedWidth(ICON_PX)
        row.addWidget(self._icon)
        self.label = QLabel(text, self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(self.label, 1)
        self.details_button = self._button("Details", "Show what was said in full")
        self.details_button.setVisible(bool(self.details))
        self.details_button.clicked.connect(self._show_details)
        # With a place of their own, or their fixed height would be the line's.
        row.addWidget(self.details_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.close_button = self._button("", "Close this notice")
        self.close_button.clicked.connect(self.dismiss)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignVCenter)
        return row

    def _choice(self, word: str, do: Callable[[], object], settles: bool) -> QPushButton:
        button = QPushButton(word, self)

        def chosen() -> None:
            if settles:
                self.dismiss()
            do()

        button.clicked.connect(chosen)
        return button

    def sizeHint(self) -> QSize:
        """All are of one width, each as high as its words need."""
        for child in (self, self.label, self.details_button, self.close_button, *self.buttons):
            child.ensurePolished()  # or they would be measured in another font than they are shown in
        buttons = [b for b in (self.details_button, self.close_button) if not b.isHidden()]
        taken = sum(b.sizeHint().width() + theme.GRID_PX for b in buttons) + ICON_PX + theme.GRID_PX + 2 * PADDING_PX
        words = self.label.heightForWidth(WIDTH_PX - taken)
        foot = theme.GRID_PX + self.buttons[0].sizeHint().height() if self.buttons else 0
        return QSize(WIDTH_PX, max(words, self.close_button.sizeHint().height()) + foot + 2 * PADDING_PX)

    def retheme(self) -> None:
        """Take the theme's colours."""
        t = theme.current()
        self._icon.setPixmap(icon(ICONS[self.level], getattr(t, COLORS[self.level])).pixmap(ICON_PX, ICON_PX))
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
        if STAYS_MS[self.level] and not self.buttons:
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
    """The notices of one window, the newest lowest, above `foot`, its status bar."""

    def __init__(self, window: QWidget, foot: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._foot = foot
        self._shown: list[Notice] = []
        window.installEventFilter(self)
        theme.notifier.changed.connect(self._retheme)

    @property
    def shown(self) -> tuple[Notice, ...]:
        """What is on show, oldest first."""
        return tuple(self._shown)

    def say(
        self,
        text: str,
        level: Level = "note",
        details: str = "",
        choices: Sequence[Choice] = (),
        about: object = None,
    ) -> None:
        """Show a notice; one that says the same, or is `about` the same thing, gives way to it."""
        for other in [n for n in self._shown if n.text == text or (about is not None and n.about == about)]:
            other.dismiss()
        if len(self._shown) >= MOST:
            # What waits for a decision goes last.
            next((n for n in self._shown if not n.buttons), self._shown[0]).dismiss()
        notice = Notice(text, level, details, self._window, choices, about)
        notice.closed.connect(self._forget)
        self._shown.append(notice)
        self._arrange()
        notice.show()
        notice.raise_()

    def settle(self, about: object) -> None:
        """Close the notices about something that is no matter any more."""
        for notice in self.shown:
            if notice.about == about:
                notice.dismiss()

    def clear(self) -> None:
        """Close all notices."""
        for notice in self.shown:
            notice.dismiss()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notices keep to the corner of a window that changes its size."""
        # A window that Python lets go still lays itself out, when this object is empty already.
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and getattr(self, "_shown", False):
            # Panels that are put elsewhere come to lie above what was there before.
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
        bottom = self._window.height() - self._foot.height() - GAP_PX
        for notice in reversed(self._shown):
            notice.resize(notice.sizeHint())
            bottom -= notice.height()
            notice.move(QPoint(self._window.width() - notice.width() - 2 * GAP_PX, bottom))
            notice.raise_()
            bottom -= GAP_PX

    def _retheme(self) -> None:
        for notice in self._shown:
            notice.retheme()
