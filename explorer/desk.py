"""Everything about the files of one window, wired together: tabs, library, recent files, drops, recovery copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from explorer.document import Document
from explorer.dropping import FileDrops
from explorer.file_commands import FileCommands
from explorer.library.library import Library, default_folder
from explorer.library.panel import LibraryPanel
from explorer.outside import Outside
from explorer.outside_notices import OutsideNotices
from explorer.recent import RecentFiles, RecentMenu
from explorer.recovery import LeftOver, Recovered, Recovery, Unsaved, left_over
from explorer.recovery_offer import RecoveryOffer
from explorer.settings import Preferences
from explorer.workspace import PageTabs, Workspace


class Desk(QObject):
    """The open designs and the files they come from. Recovery copies are written once `guard` was called."""

    message = Signal(str)
    """A word to the user in passing."""
    problem = Signal(str, str)
    """What did not work, and why."""
    remembered_changed = Signal()
    """What the preferences shall hold has changed."""

    def __init__(self, document: Document, window: QWidget, preferences: Preferences | None, asks: bool) -> None:
        super().__init__(window)
        kept = preferences or Preferences()
        self._window = window
        self.workspace = Workspace(document, self)
        self.recent = RecentFiles(kept.recent, self)
        if document.path is not None:
            self.recent.add(document.path)
        folder = Path(kept.library_folder) if kept.library_folder else default_folder()
        self.library = Library(document, folder, self)
        self.files = FileCommands(self.workspace, window, asks, kept.folder or _present(folder), self.recent)
        self.files.home = folder
        self.tabs = PageTabs(self.workspace)
        self.library_panel = LibraryPanel(self.library)
        self.library_panel.model.set_order(kept.library_order)
        self.recent_menu = RecentMenu(self.recent, window)
        self.drops = FileDrops(window)
        self.recovery: Recovery | None = None
        self.outside = Outside(self.workspace, window)
        self.news = OutsideNotices(self.outside, self.workspace, self.files.save_page, self)
        self._wire()

    def _wire(self) -> None:
        files, library = self.files, self.library
        self.tabs.close_asked.connect(files.close_page)
        self.recent_menu.chosen.connect(files.open_path)
        self.drops.dropped.connect(files.open_paths)
        self.library_panel.open_requested.connect(files.open_path)
        self.library_panel.example_requested.connect(files.show_design)
        files.saved.connect(library.refresh)
        files.problem.connect(self.problem)
        library.message.connect(self.message)
        library.failed.connect(self.problem)
        library.moved.connect(self.workspace.file_moved)
        library.moved.connect(self.recent.moved)
        library.removed.connect(self.workspace.file_removed)
        for changed in (self.recent.changed, self.library_panel.order_changed):
            changed.connect(self._on_remembered)
        library.folder_changed.connect(self._on_folder)

    def central(self, canvas: QWidget) -> QWidget:
        """The canvas with the tabs above it."""
        both = QWidget(self._window)
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addWidget(canvas, 1)
        return both

    def remembered(self) -> dict[str, Any]:
        """The preferences' fields that are kept here."""
        return {
            "folder": self.files.folder,
            "recent": self.recent.paths,
            "library_folder": "" if self.library.folder == default_folder() else str(self.library.folder),
            "library_order": self.library_panel.model.order,
        }

    def _on_folder(self, folder: Path) -> None:
        self.files.home = folder
        self.remembered_changed.emit()

    def _on_remembered(self, *_: object) -> None:
        self.remembered_changed.emit()

    def shutdown(self) -> None:
        """The window is closed in order: nothing is left to recover."""
        self.library.shutdown()
        self.outside.shutdown()
        if self.recovery is not None:
            self.recovery.end()

    # Recovery

    def guard(self, root: Path | None = None) -> Recovery:
        """Keep recovery copies of what is not saved from now on."""
        if self.recovery is None:
            self.recovery = Recovery(self.unsaved, root, self)
            self.recovery.failed.connect(self.message)
            for signal in (self.workspace.page_changed, self.workspace.added, self.workspace.removed):
                signal.connect(self.recovery.touch)
        return self.recovery

    def unsaved(self) -> tuple[Unsaved, ...]:
        """The designs that are not saved. Callable from any thread."""
        return tuple(Unsaved(p.number, p.design, p.path, p.edits) for p in self.workspace.unsaved())

    def offer_left_over(self, root: Path) -> RecoveryOffer | None:
        """Offer what programs that ended out of order had not saved; None where there is nothing."""
        found = left_over(root)
        if not found:
            return None
        offer = RecoveryOffer(found, self._window)
        offer.recover_chosen.connect(self._recover)
        offer.open()
        return offer

    def _recover(self, found: tuple[tuple[LeftOver, Recovered], ...]) -> None:
        for _, one in found:
            self.workspace.recover(one.design, one.path)
        if self.recovery is not None:
            # Before the old copies go, or a crash just now would take both.
            self.recovery.write_now()
        for left, one in found:
            left.discard_one(one)


def _present(folder: Path) -> str:
    """A folder as file dialogs take it, empty where it is not there."""
    return str(folder) if folder.is_dir() else ""
