"""The log of this session: what was recorded, by level, to read, search and copy."""

from __future__ import annotations

import logging

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.shell.records import Line, Records

LEVELS = (("Everything", logging.INFO), ("Warnings and errors", logging.WARNING), ("Errors", logging.ERROR))
SIZE_PX = (760, 420)
MARGIN_PX = 2 * theme.GRID_PX


class LogView(QDialog):
    """Follows the session's records as long as it is open."""

    def __init__(self, records: Records, file: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._records = records
        self.setObjectName("log_view")
        self.setWindowTitle("Log of this session")
        self.resize(*SIZE_PX)
        self.level = QComboBox(self)
        for words, level in LEVELS:
            self.level.addItem(words, level)
        self.level.setAccessibleName("Level")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find in the log")
        self.search.setAccessibleName("Find in the log")
        self.search.setClearButtonEnabled(True)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("Log records")
        self.count = QLabel(self)
        self.copy_button = QPushButton("&Copy", self)
        self.copy_button.setToolTip("Copy what is on show")
        self.clear_button = QPushButton("C&lear", self)
        self.clear_button.setToolTip("Empty this view; the log file keeps its records")
        self._lay_out(file)
        self._wire()
        self.refresh()

    def _lay_out(self, file: str) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        column.setSpacing(theme.GRID_PX)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.level)
        top.addWidget(self.search, 1)
        bottom.addWidget(self.count)
        place = QLabel(f"Also in {file}" if file else "", self)
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        place.setEnabled(False)
        bottom.addWidget(place, 1)
        close = QPushButton("Close", self)
        close.clicked.connect(self.close)
        for button in (self.clear_button, self.copy_button, close):
            button.setAutoDefault(False)
            bottom.addWidget(button)
        column.addLayout(top)
        column.addWidget(self.text, 1)
        column.addLayout(bottom)

    def _wire(self) -> None:
        self._records.added.connect(self._on_added, Qt.ConnectionType.QueuedConnection)
        self.level.currentIndexChanged.connect(self.refresh)
        self.search.textChanged.connect(self.refresh)
        self.copy_button.clicked.connect(self.copy)
        self.clear_button.clicked.connect(self._clear)
        theme.notifier.changed.connect(self.refresh)

    def lines(self) -> tuple[Line, ...]:
        """The records on show."""
        return tuple(line for line in self._records.lines if self._fits(line))

    def refresh(self, *_: object) -> None:
        """Show the records that the level and the search let through."""
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.clear()
        found = self.lines()
        for line in found:
            self._write(line)
        self._tell(len(found))

    def copy(self) -> None:
        """Put the records on show on the clipboard."""
        QGuiApplication.clipboard().setText("\n".join(line.said() for line in self.lines()))

    def _fits(self, line: Line) -> bool:
        words = self.search.text().casefold().split()
        said = line.said().casefold()
        return line.level >= self.level.currentData() and all(word in said for word in words)

    def _on_added(self, line: Line) -> None:
        # A hidden view is filled anew when it is shown.
        if self.isVisible() and self._fits(line):
            self._write(line)
            self._tell(self.text.blockCount())

    def _write(self, line: Line) -> None:
        """Add a record at the end; errors and warnings have their colour as well as their word."""
        t = theme.current()
        color = t.error if line.level >= logging.ERROR else t.warning if line.level >= logging.WARNING else t.text
        shape = QTextCharFormat()
        shape.setForeground(QColor(color))
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(("" if self.text.document().isEmpty() else "\n") + line.said(), shape)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _clear(self) -> None:
        self._records.clear()
        self.refresh()

    def _tell(self, count: int) -> None:
        self.count.setText("Nothing recorded" if not count else "1 record" if count == 1 else f"{count} records")
        self.copy_button.setEnabled(bool(count))
