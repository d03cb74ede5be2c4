"""The welcome: examples with their pictures, the files used last, and an empty chip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.library import thumbnail
from explorer.library.entries import Entry, examples
from explorer.widgets.style import Tinted
from hwlib.design.files import SUFFIX

SIZE_PX = (1080, 700)
MARGIN_PX = 3 * theme.GRID_PX
PICTURE_PX = 52
CARD_HEIGHT_PX = PICTURE_PX + 2 * theme.GRID_PX
CARD_LEAST_PX = 320
RECENT_WIDTH_PX = 216
MOST_RECENT = 8
COLUMNS = 1


class ExampleCard(QAbstractButton):
    """An example: its picture, its name, its note. A click, Enter or Space opens it."""

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        note = " ".join(entry.design.note.split()) if entry.design is not None else entry.problem
        self.note = note
        self.setText(entry.name)
        self.setToolTip(note)
        self.setAccessibleName(entry.name)
        self.setAccessibleDescription(note)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setMinimumWidth(CARD_LEAST_PX)
        self.setFixedHeight(CARD_HEIGHT_PX)

    def sizeHint(self) -> QSize:
        """Room for the picture beside the name and two lines."""
        return QSize(CARD_LEAST_PX, CARD_HEIGHT_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Quiet until the pointer or the focus is on it."""
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(QColor(t.accent if self.hasFocus() else t.border), 1.0))
            painter.setBrush(QColor(t.base if not t.dark else t.raised))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        picture = thumbnail.draw(self.entry, PICTURE_PX, self.devicePixelRatioF())
        painter.drawPixmap(theme.GRID_PX, theme.GRID_PX, picture)
        left = PICTURE_PX + 2 * theme.GRID_PX + 4
        area = QRect(left, theme.GRID_PX, self.width() - left - theme.GRID_PX, self.height() - 2 * theme.GRID_PX)
        painter.setFont(theme.text_font(bold=True))
        painter.setPen(QColor(t.text))
        metrics = painter.fontMetrics()
        name = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignTop, name)
        self._paint_note(painter, area.adjusted(0, metrics.height() + 2, 0, 0), t.muted)
        painter.end()

    def _paint_note(self, painter: QPainter, area: QRect, color: str) -> None:
        """The note in as many lines as there is room for, the last one shortened."""
        painter.setFont(theme.text_font())
        painter.setPen(QColor(color))
        lines = wrapped(self.note, painter, area.width(), max(area.height() // painter.fontMetrics().height(), 1))
        for n, line in enumerate(lines):
            painter.drawText(area.translated(0, n * painter.fontMetrics().height()), Qt.AlignmentFlag.AlignTop, line)


def wrapped(text: str, painter: QPainter, width: int, most: int) -> list[str]:
    """Text in at most `most` lines of a width in pixels; what is left over ends in dots."""
    metrics, lines, words = painter.fontMetrics(), [""], text.split()
    for n, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            rest = " ".join([lines[-1], *words[n:]])
            lines[-1] = metrics.elidedText(rest, Qt.TextElideMode.ElideRight, width)
            break
    return lines


class Welcome(QDialog):
    """Where to begin. Each choice closes it; closing it otherwise leaves the window as it is."""

    example_chosen = Signal(str)
    """The catalog name of an example."""
    file_chosen = Signal(object)
    """The Path of a file used before."""
    empty_chosen = Signal()
    open_chosen = Signal()
    at_start_changed = Signal(bool)
    """Whether to be shown at the next start."""

    def __init__(self, recent: Sequence[str], at_start: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setWindowTitle("Welcome to Chipscape")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        room = parent.size() if parent is not None else QSize(*SIZE_PX)
        self.resize(QSize(*SIZE_PX).boundedTo(room - QSize(2 * MARGIN_PX, 2 * MARGIN_PX)))
        self.cards = [ExampleCard(entry) for entry in examples()]
        self.recent = [self._recent_button(path) for path in recent if os.path.isfile(path)][:MOST_RECENT]
        self.empty_button = _wide("&Empty chip", "Start with an empty die")
        self.open_button = _wide("&Open a design…", "Choose a design file")
        self.at_start = QCheckBox("Show this at the &start")
        self.at_start.setChecked(at_start)
        self._lay_out()
        self._wire()
        self.cards[0].setFocus()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, 2 * theme.GRID_PX)
        column.setSpacing(theme.GRID_PX)
        title = Tinted("Chipscape")
        title.setFont(theme.figure_font())
        column.addWidget(title)
        column.addWidget(Tinted("Draw a chip, choose an LLM, see the memory wall.", "muted"))
        column.addSpacing(theme.GRID_PX)
        both = QHBoxLayout()
        both.setSpacing(MARGIN_PX)
        both.addLayout(self._side())
        both.addLayout(self._gallery(), 1)
        column.addLayout(both, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.at_start, 1)
        close = QPushButton("&Close")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        foot.addWidget(close)
        column.addLayout(foot)

    def _side(self) -> QVBoxLayout:
        side = QVBoxLayout()
        side.setSpacing(theme.HALF_GRID_PX)
        side.addWidget(Tinted("Begin", bold=True))
        side.addWidget(self.empty_button)
        side.addWidget(self.open_button)
        side.addSpacing(2 * theme.GRID_PX)
        side.addWidget(Tinted("Used last", bold=True))
        for button in self.recent:
            side.addWidget(button)
        if not self.recent:
            side.addWidget(Tinted("Designs that you save appear here.", "muted"))
        side.addStretch(1)
        return side

    def _gallery(self) -> QVBoxLayout:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, theme.GRID_PX, 0)
        grid.setSpacing(theme.HALF_GRID_PX)
        for n, card in enumerate(self.cards):
            grid.addWidget(card, n // COLUMNS, n % COLUMNS)
        grid.setRowStretch(len(self.cards) // COLUMNS + 1, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        inside.setAutoFillBackground(False)
        area.setWidget(inside)
        gallery = QVBoxLayout()
        gallery.setSpacing(theme.HALF_GRID_PX)
        gallery.addWidget(Tinted("Examples", bold=True))
        gallery.addWidget(area, 1)
        for card in self.cards:
            card.installEventFilter(self)
        self._area = area
        return gallery

    def eventFilter(self, watched: object, event: object) -> bool:
        """A card that gets the focus by the keyboard comes into sight; arrows go from card to card."""
        if isinstance(watched, ExampleCard) and isinstance(event, QFocusEvent) and event.gotFocus():
            self._area.ensureWidgetVisible(watched)
        if isinstance(watched, ExampleCard) and isinstance(event, QKeyEvent) and event.type() == event.Type.KeyPress:
            return self._step(watched, Qt.Key(event.key()))
        return False

    def _step(self, card: ExampleCard, key: Qt.Key) -> bool:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -COLUMNS, Qt.Key.Key_Down: COLUMNS}
        target = self.cards.index(card) + steps.get(key, len(self.cards))
        if key not in steps or not 0 <= target < len(self.cards):
            return key in steps
        self.cards[target].setFocus()
        return True

    def _wire(self) -> None:
        for card in self.cards:
            card.clicked.connect(self._on_card)
        self.empty_button.clicked.connect(self._on_empty)
        self.open_button.clicked.connect(self._on_open)
        self.at_start.toggled.connect(self.at_start_changed)

    def _recent_button(self, path: str) -> QPushButton:
        name = os.path.basename(path)
        shown = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
        button = _wide("", path)
        button.setText(button.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, RECENT_WIDTH_PX - 24)
                       .replace("&", "&&"))  # fmt: skip
        button.setProperty("path", path)
        button.clicked.connect(self._on_recent)
        return button

    # It closes first: what follows may open a dialog of its own.

    def _on_card(self) -> None:
        card = self.sender()
        assert isinstance(card, ExampleCard)
        self.accept()
        self.example_chosen.emit(card.entry.key.partition(":")[2])

    def _on_recent(self) -> None:
        button = self.sender()
        assert isinstance(button, QPushButton)
        self.accept()
        self.file_chosen.emit(Path(str(button.property("path"))))

    def _on_empty(self) -> None:
        self.accept()
        self.empty_chosen.emit()

    def _on_open(self) -> None:
        self.accept()
        self.open_chosen.emit()


def _wide(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setFixedWidth(RECENT_WIDTH_PX)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    return button
