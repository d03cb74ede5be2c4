"""Choosing what to compare: devices, examples and saved designs in one searchable list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from explorer.compare.subjects import EXAMPLE, Comparing
from explorer.timing import AS_SHIPPED
from explorer.widgets.devices import device_entries
from explorer.widgets.search import Entry, SearchPopup
from hwlib import catalog
from hwlib.design import files

ALREADY = "compared already"
MOST_FILES = 200
"""Files of a folder that are listed; the file dialog finds the others."""
PRESENT, FILE, DEVICE = "present:", "file:", "device:"


Saved = tuple[str, Path]
"""What a saved design is called, and its file."""


def designs_in(folder: str | Path) -> tuple[Saved, ...]:
    """The design files of a folder by their file names, the newest first; none where it can't be read."""
    if not str(folder):
        return ()
    try:
        found = [(p.stat().st_mtime, p) for p in Path(folder).iterdir() if p.name.endswith(files.SUFFIX)]
    except OSError:
        return ()
    return tuple((p.name.removesuffix(files.SUFFIX), p) for _, p in sorted(found, reverse=True)[:MOST_FILES])


class Adding(QObject):
    """The list behind "Add". What it can't read is told in words."""

    def __init__(self, comparing: Comparing, window: QWidget) -> None:
        super().__init__(window)
        self._comparing = comparing
        self._window = window
        self.popup: SearchPopup | None = None
        self.folder = ""
        """Where the file dialog opens, and whose designs are listed."""
        self.saved: Callable[[], Sequence[Saved]] = self._of_folder
        """What is listed as saved designs."""
        self.ask_paths: Callable[[], Sequence[str]] = self._ask_paths

    def open_below(self, anchor: QWidget) -> None:
        """Show the list under a button."""
        if self.popup is None:
            self.popup = SearchPopup("Search devices and designs", self._window)
            self.popup.chosen.connect(self.choose)
            self.popup.add_button("Saved designs from files…").clicked.connect(self.open_files)
        self.popup.open_below(anchor, self.entries())

    def entries(self) -> list[Entry]:
        """What can be added, what is compared already greyed."""
        subjects = self._comparing.subjects
        shown = frozenset(s.device for s in subjects if s.device and s.settings == AS_SHIPPED)
        paths = {s.path for s in subjects if s.path}
        entries: list[Entry] = []
        if all(s.kind != "present" for s in subjects):
            entries.append(Entry(PRESENT, "This design, live", "", "Open now"))
        for name, path in self.saved():
            reason = ALREADY if str(path) in paths else ""
            entries.append(Entry(f"{FILE}{path}", name, path.name, "Saved designs", reason, (path.name,)))
        for key in catalog.example_designs():
            reason = ALREADY if f"{EXAMPLE}{key}" in paths else ""
            name = catalog.load_example(key).name
            entries.append(Entry(f"{EXAMPLE}{key}", name, "", "Examples", reason, (key,)))
        for entry in device_entries(shown, ALREADY):
            entries.append(replace(entry, key=f"{DEVICE}{entry.key}"))
        return entries

    def choose(self, key: str) -> None:
        """Add what stands in the list under this key."""
        kind, _, name = key.partition(":")
        if kind == "present":
            self._comparing.add_present()
        elif kind == "device":
            self._comparing.add_device(name)
        elif kind == "example":
            self._comparing.add_design(catalog.load_example(name), key)
        else:
            self.add_files([name])

    def open_files(self) -> None:
        """Ask for design files and compare them."""
        if self.popup is not None:
            self.popup.hide()
        self.add_files(self.ask_paths())

    def add_files(self, names: Sequence[str]) -> None:
        """Compare the designs of these files; those that can't be read are told together."""
        refused = []
        for name in names:
            path = Path(name)
            try:
                design = files.load(path)
            except (files.DesignFileError, OSError) as error:
                refused.append(str(error))
                continue
            self.folder = str(path.parent)
            self._comparing.add_design(design, str(path))
        if refused:
            head = "This design could not be opened" if len(refused) == 1 else "Some designs could not be opened"
            QMessageBox.warning(self._window, head, "\n\n".join(refused))

    def _of_folder(self) -> Sequence[Saved]:
        return designs_in(self.folder)

    def _ask_paths(self) -> Sequence[str]:
        filters = f"Chip designs (*{files.SUFFIX});;All files (*)"
        return QFileDialog.getOpenFileNames(self._window, "Compare saved designs", self.folder, filters)[0]
