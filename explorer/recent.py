"""The files that were opened or saved last, and the menu that lists them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from hwlib.design.files import SUFFIX

MOST = 12


class RecentFiles(QObject):
    """Paths, the last one used first."""

    changed = Signal()

    def __init__(self, paths: Iterable[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._paths = tuple(dict.fromkeys(path for path in paths if path))[:MOST]

    @property
    def paths(self) -> tuple[str, ...]:
        """The absolute paths."""
        return self._paths

    def add(self, path: Path) -> None:
        """A file was opened or saved."""
        self._set(os.path.abspath(path), *self._paths)

    def moved(self, before: Path, after: Path) -> None:
        """A file was renamed."""
        old, new = os.path.abspath(before), os.path.abspath(after)
        self._set(*(new if path == old else path for path in self._paths))

    def clear(self) -> None:
        """Forget all files."""
        self._set()

    def _set(self, *paths: str) -> None:
        wanted = tuple(dict.fromkeys(paths))[:MOST]
        if wanted != self._paths:
            self._paths = wanted
            self.changed.emit()


class RecentMenu(QMenu):
    """Lists the files that were used last; those that are gone are grey."""

    chosen = Signal(object)
    """The Path of a file to open."""

    def __init__(self, recent: RecentFiles, parent: QWidget | None = None) -> None:
        super().__init__("Open &recent", parent)
        self._recent = recent
        self.setToolTipsVisible(True)
        # Whether files are there is looked up when somebody looks.
        self.aboutToShow.connect(self.fill)
        self.triggered.connect(self._on_chosen)
        recent.changed.connect(self._enable)
        self._enable()

    def fill(self) -> None:
        """List the files as they are now."""
        self.clear()
        names = [_shown(path) for path in self._recent.paths]
        for n, (path, name) in enumerate(zip(self._recent.paths, names, strict=True), start=1):
            # The same name twice is told apart by its folder.
            label = name if names.count(name) == 1 else f"{name} — {Path(path).parent.name}"
            there = os.path.isfile(path)
            action = self.addAction(f"&{n % 10} {label.replace('&', '&&')}{'' if there else ' (missing)'}")
            action.setData(path)
            action.setToolTip(path)
            action.setEnabled(there)
        self.addSeparator()
        self.addAction("&Clear this list").setEnabled(bool(self._recent.paths))

    def _enable(self) -> None:
        self.menuAction().setEnabled(bool(self._recent.paths))

    def _on_chosen(self, action: QAction) -> None:
        if action.data():
            self.chosen.emit(Path(action.data()))
        else:
            self._recent.clear()


def _shown(path: str) -> str:
    name = os.path.basename(path)
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
