"""New, open, save and close as a person sees them: file dialogs, questions, and messages when a file refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from explorer.library.upkeep import stem_of
from explorer.outside import different
from explorer.page import Page
from explorer.recent import RecentFiles
from explorer.workspace import Workspace, same_file
from hwlib.catalog import example_designs, load_example
from hwlib.design.design import Design
from hwlib.design.files import SUFFIX, DesignFileError

FILTER = f"Chip designs (*{SUFFIX});;All files (*)"
Button = QMessageBox.StandardButton


class FileCommands(QObject):
    """The file menu's commands on the pages of one window.

    With `asks`, unsaved work is asked about before it is given up; without (screenshots, benchmarks), nothing asks.
    """

    saved = Signal(object)
    """The Path that a design was written to."""
    problem = Signal(str, str)
    """What did not work, and why, where there is nothing to decide."""

    def __init__(
        self, workspace: Workspace, window: QWidget, asks: bool, folder: str = "", recent: RecentFiles | None = None
    ) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._window = window
        self._asks = asks
        self.recent = recent or RecentFiles(parent=self)
        self.folder = folder
        """Where the next file dialog opens."""
        self.home: Path | None = None
        """Where a first design is saved; the folder is made when it is needed."""

    # Opening

    def new(self) -> None:
        """Start an empty design in a new tab."""
        self._workspace.new()

    def open(self) -> None:
        """Ask for files and open each in a tab."""
        names, _ = QFileDialog.getOpenFileNames(self._window, "Open designs", self.folder, FILTER)
        self.open_paths(Path(name) for name in names)

    def open_path(self, path: Path) -> bool:
        """Open a file; False, and a message, where it can't be read."""
        return self.open_paths([path])

    def open_paths(self, paths: Iterable[Path]) -> bool:
        """Open files, each in a tab; those that can't be read are told of at once, in one message."""
        failures = [failure for path in paths if (failure := self._failure(self._workspace.open_file, path))]
        if failures:
            self.tell_unopened(failures)
        return not failures

    def open_beside(self, opened: Iterable[tuple[Design, Path | None]]) -> None:
        """Show designs that were read already, each in a tab, behind the one on show."""
        front = self._workspace.current
        for design, path in opened:
            if path is None or self._workspace.find(path) is None:
                self._workspace.open_design(design, path)
                if path is not None:
                    self.recent.add(path)
        self._workspace.show(front)

    def tell_unopened(self, failures: Sequence[str]) -> None:
        """Say which files could not be opened, and why."""
        if len(failures) == 1:
            self.problem.emit(f"Could not be opened: {failures[0]}", "")
        elif failures:
            self.problem.emit(f"{len(failures)} files could not be opened", "\n\n".join(failures))

    def open_example(self, name: str) -> None:
        """Show an example design in a tab; it has no file until it is saved."""
        self.show_design(load_example(name))

    def show_design(self, design: Design) -> None:
        """Show a design without a file in a tab."""
        self._workspace.open_design(design)

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

    # Saving

    def save(self) -> bool:
        """Save where the design came from, or ask where to; False where it was not saved."""
        return self.save_page(self._workspace.current)

    def save_as(self) -> bool:
        """Ask for a file and save there; False where it was not saved."""
        return self._save_as(self._workspace.current)

    def save_path(self, path: Path) -> bool:
        """Save to a file; False, and a message, where it can't be written."""
        return self._save_to(self._workspace.current, path)

    def save_page(self, page: Page) -> bool:
        """Save a page where its design came from, or ask where to; False where it was not saved."""
        return self._save_as(page) if page.path is None else self._save_to(page, page.path)

    def _save_as(self, page: Page) -> bool:
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the design", self._suggestion(page), FILTER)
        if not name:
            return False
        path = Path(name if name.lower().endswith(".json") else name + SUFFIX)
        # The file dialog has asked about the name that was typed, not about the one with its ending.
        if str(path) != name and path.exists() and not self._may_replace(path):
            return False
        return self._save_to(page, path)

    def _save_to(self, page: Page, path: Path) -> bool:
        other = self._workspace.find(path)
        if other is not None and other is not page:
            reason = f"{path.name} is open in another tab. Close that first, or choose another name."
            self.problem.emit(f"The design could not be saved. {reason}", "")
            return False
        if page.path is not None and same_file(page.path, path) and not self._may_overwrite(page):
            return False
        failure = self._failure(page.save, path)
        if failure:
            self.problem.emit(f"The design could not be saved. {failure}", "")
            return False
        self.saved.emit(path)
        return True

    def _may_replace(self, path: Path) -> bool:
        text = f"{path.name} exists already. Replace it?"
        yes, no = Button.Yes, Button.Cancel
        return not self._asks or QMessageBox.question(self._window, "Replace the file?", text, yes | no, no) == yes

    def _may_overwrite(self, page: Page) -> bool:
        """True where the file is as it was when it was last read or written here, or the user gives that up."""
        if not self._asks or different(page) is None:
            return True
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "Overwrite the file?",
            f"{page.path.name if page.path else ''} was changed outside of this window.",
            Button.Cancel,
            self._window,
        )
        box.setInformativeText("Saving now replaces those changes with what is open here.")
        replace = box.addButton("&Overwrite", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(Button.Cancel)
        box.exec()
        return box.clickedButton() is replace

    def _suggestion(self, page: Page) -> str:
        if page.path is not None:
            return str(page.path)
        if not self.folder and self.home is not None:
            with contextlib.suppress(OSError):
                self.home.mkdir(parents=True, exist_ok=True)
                self.folder = str(self.home)
        return str(Path(self.folder) / f"{stem_of(page.design.name)}{SUFFIX}")

    # Closing

    def close_current(self) -> None:
        """Close the tab on show."""
        self.close_page(self._workspace.current)

    def close_page(self, page: Page) -> bool:
        """Close a tab; asks where its design is not saved. False where the user wants to keep it."""
        if not self.may_discard([page]):
            return False
        self._workspace.close(page)
        return True

    def may_discard(self, pages: Sequence[Page] | None = None) -> bool:
        """True where nothing is lost, or the user has saved or given up what is not saved, in all tabs or in some."""
        unsaved = [page for page in (self._workspace.unsaved() if pages is None else pages) if page.dirty]
        if not self._asks or not unsaved:
            return True
        if len(unsaved) == 1:
            # The user shall see what the question is about.
            self._workspace.show(unsaved[0])
        answer = self._ask(unsaved)
        if answer in (Button.Save, Button.SaveAll):
            return all(self.save_page(page) for page in unsaved)
        return answer == Button.Discard

    def _ask(self, unsaved: Sequence[Page]) -> QMessageBox.StandardButton:
        names = [page.design.name for page in unsaved]
        if len(names) == 1:
            title, text = "Save the design?", f"{names[0]} has changes that are not saved."
        else:
            title = f"Save {len(names)} designs?"
            text = "These designs have changes that are not saved:\n\n" + "\n".join(names)
        save = Button.Save if len(names) == 1 else Button.SaveAll
        return QMessageBox.question(self._window, title, text, save | Button.Discard | Button.Cancel, save)

    # Messages

    def _failure(self, action: Callable[[Path], object], path: Path) -> str:
        """Do something with a file; why it failed, empty where it did not."""
        try:
            action(path)
        except (DesignFileError, OSError, ValueError) as error:
            return str(error)
        self.folder = str(path.parent)
        self.recent.add(path)
        return ""
