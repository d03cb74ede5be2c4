"""About: which version of what runs here, to read and to copy into a report."""

from __future__ import annotations

import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.widgets.style import Tinted

MARGIN_PX = 3 * theme.GRID_PX


def versions() -> tuple[tuple[str, str], ...]:
    """(what, version) of the program and of what it runs on."""
    return (
        ("Chipscape", QGuiApplication.applicationVersion() or "unknown"),
        ("Python", platform.python_version()),
        ("Qt", qVersion()),
        ("System", platform.platform(terse=True)),
        ("Window system", QGuiApplication.platformName()),
    )


class About(QDialog):
    """The program's name, purpose, licence and versions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("about")
        self.setWindowTitle("About Chipscape")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, 2 * theme.GRID_PX)
        column.setSpacing(theme.HALF_GRID_PX)
        title = Tinted(" ".join(versions()[0]))
        title.setFont(theme.figure_font())
        column.addWidget(title)
        column.addWidget(Tinted("Draw a chip, choose an LLM, see the memory wall."))
        column.addSpacing(theme.GRID_PX)
        for what, version in versions()[1:]:
            line = Tinted(f"{what} {version}", "muted")
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(line)
        column.addWidget(Tinted("Apache License 2.0", "muted"))
        column.addSpacing(theme.GRID_PX)
        column.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        self.copy_button = QPushButton("Co&py versions", self)
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self.copy)
        self.close_button = QPushButton("&Close", self)
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        row.addWidget(self.copy_button)
        row.addWidget(self.close_button)
        return row

    def copy(self) -> None:
        """Put the versions on the clipboard."""
        QGuiApplication.clipboard().setText("\n".join(f"{what} {version}" for what, version in versions()))
