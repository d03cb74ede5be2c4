"""New, open, save and close as a person sees them: file dialogs, questions, and messages when a file refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from explorer.document import Document
from hwlib.catalog import example_designs, load_example
from hwlib.design.design import Design
from hwlib.design.files import SUFFIX, DesignFileError

FILTER = f"Chip designs (*{SUFFIX});;All files (*)"
Button = QMessageBox.StandardButton


class FileCommands(QObject):
    """The file menu's commands on one document.

    With `asks`, unsaved work is asked about before it is given up; without (screenshots, benchmarks), nothing asks.
    """

    def __init__(self, document: Document, window: QWidget, asks: bool, folder: str = "") -> None:
        super().__init__(window)
        self._document = document
        self._window = window
        self._asks = asks
        self.folder = folder
        """Where the next file dialog opens."""

    def new(self) -> None:
        """Start an empty design."""
        if self.may_discard():
            self._document.set_design(Design())

    def open(self) -> None:
        """Ask for a file and open it."""
        if not self.may_discard():
            return
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a design", self.folder, FILTER)
        if name:
            self.open_path(Path(name))

    def open_path(self, path: Path) -> bool:
        """Open a file; False, and a message, where it can't be read."""
        return self._attempt("This file could not be opened", lambda: self._document.load(path), path)

    def open_example(self, name: str) -> None:
        """Show an example design; it has no file until it is saved."""
        if self.may_discard():
            self._attempt("This example could not be opened", lambda: self._document.set_design(load_example(name)))

    def save(self) -> bool:
        """Save where the design came from, or ask where to; False where it was not saved."""
        path = self._document.path
        return self.save_as() if path is None else self.save_path(path)

    def save_as(self) -> bool:
        """Ask for a file and save there; False where it was not saved."""
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the design", self._suggestion(), FILTER)
        if not name:
            return False
        return self.save_path(Path(name if Path(name).suffix else name + SUFFIX))

    def save_path(self, path: Path) -> bool:
        """Save to a file; False, and a message, where it can't be written."""
        return self._attempt("The design could not be saved", lambda: self._document.save(path), path)

    def may_discard(self) -> bool:
        """True where nothing is lost, or the user has saved or given up what is not saved."""
        if not self._asks or not self._document.dirty:
            return True
        answer = QMessageBox.question(
            self._window,
            "Save the design?",
            f"{self._document.design.name} has changes that are not saved.",
            Button.Save | Button.Discard | Button.Cancel,
            Button.Save,
        )
        return self.save() if answer == Button.Save else answer == Button.Discard

    def examples_menu(self) -> QMenu:
        """A menu of the example designs."""
        menu = QMenu("Open &example", self._window)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._fill_examples)
        menu.triggered.connect(self._open_chosen)
        return menu

    def _fill_examples(self) -> None:
        """Name the examples when they are first asked for: reading them all would delay the start."""
        menu = self.sender()
        if not isinstance(menu, QMenu) or menu.actions():
            return
        for name in example_designs():
            design = load_example(name)
            action = menu.addAction(design.name.replace("&", "&&"))
            action.setData(name)
            action.setToolTip(design.note)

    def _open_chosen(self, action: QObject) -> None:
        self.open_example(str(action.data()))  # type: ignore[attr-defined]

    def _suggestion(self) -> str:
        if self._document.path is not None:
            return str(self._document.path)
        stem = re.sub(r"[^\w.-]+", "-", self._document.design.name).strip("-.") or "design"
        return str(Path(self.folder) / f"{stem}{SUFFIX}")

    def _attempt(self, failure: str, action: Callable[[], object], path: Path | None = None) -> bool:
        """Do something with a file; tell the user where it fails."""
        try:
            action()
        except (DesignFileError, OSError, ValueError) as error:
            QMessageBox.warning(self._window, failure, str(error))
            return False
        if path is not None:
            self.folder = str(path.parent)
        return True
