"""Files of open designs that another program, or another window, changes or deletes: noticing it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QFileSystemWatcher, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from explorer.page import Page, Stamp
from explorer.workspace import Workspace
from hwlib.design import files
from hwlib.design.design import Design

SETTLE_MS = 250
"""Editors and synchronising programs write a file in several steps."""


def different(page: Page) -> Design | str | None:
    """What a page's file holds, or why it can't be read, where that is not what was last read or written here."""
    now = Stamp.of(page.path) if page.path is not None else None
    if page.path is None or now is None or now == page.stamp:
        return None
    try:
        design = files.load(page.path)
    except files.DesignFileError as error:
        return str(error)
    if design in (page.on_disk, page.design):
        # Touched, or given the same content: nothing that anybody needs to hear of.
        page.agree(design, now)
        return None
    return design


class Outside(QObject):
    """Watches the files of the open pages; what was told is not told again until the file changes once more."""

    changed = Signal(object, object)
    """(Page, what its file holds now: a Design, or why it can't be read)."""
    gone = Signal(object)
    """The Page whose file is no longer there."""
    settled = Signal(object)
    """The Page whose file agrees again with what is known of it."""

    def __init__(self, workspace: Workspace, window: QWidget) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._told: dict[int, Stamp | None] = {}
        self._paths: tuple[Path, ...] = ()
        self._closed = False
        self._watcher = QFileSystemWatcher(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLE_MS)
        self._soon.timeout.connect(self.check)
        self._watcher.fileChanged.connect(self._look_soon)
        self._watcher.directoryChanged.connect(self._look_soon)
        for signal in (workspace.added, workspace.removed, workspace.page_changed):
            signal.connect(self._follow_new)
        # Not every file system tells of changes: a person who comes back to the window shall hear of them too.
        window.installEventFilter(self)
        self._follow()

    def eventFilter(self, _window: QObject, event: QEvent) -> bool:
        """Look when the user comes back from another program."""
        if event.type() == QEvent.Type.WindowActivate:
            self._look_soon()
        return False

    def check(self) -> None:
        """Look at the files of all pages now."""
        for page in self._workspace.pages:
            self._look_at(page)
        self._follow()

    def shutdown(self) -> None:
        """Look no more."""
        self._closed = True
        self._soon.stop()

    def _look_soon(self, *_: object) -> None:
        if self._paths and not self._closed:
            self._soon.start()

    def _look_at(self, page: Page) -> None:
        now = Stamp.of(page.path) if page.path is not None else None
        if now == page.stamp:
            if self._told.pop(page.number, now) != now:
                self.settled.emit(page)
            return
        if self._told.get(page.number, page.stamp) == now:
            return
        self._told[page.number] = now
        if now is None:
            page.mark_dirty()
            self.gone.emit(page)
            return
        found = different(page)
        if found is None:
            self._told.pop(page.number)
            self.settled.emit(page)
        else:
            self.changed.emit(page, found)

    def _open_paths(self) -> tuple[Path, ...]:
        return tuple(page.path for page in self._workspace.pages if page.path is not None)

    def _follow_new(self, *_: object) -> None:
        """Other files may be open now; asked at every step of a drag."""
        if self._open_paths() != self._paths:
            self._follow()
            # A page that was saved under another name has nothing more to do with what befell its old file.
            self._look_soon()

    def _follow(self) -> None:
        """Watch the files that are open and their folders, which tell of files that are replaced."""
        self._paths = self._open_paths()
        paths = [path.absolute() for path in self._paths]
        wanted = {str(path) for path in paths} | {str(path.parent) for path in paths}
        wanted = {place for place in wanted if Path(place).exists()}
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if dropped := watched - wanted:
            self._watcher.removePaths(sorted(dropped))
        if added := wanted - watched:
            self._watcher.addPaths(sorted(added))
