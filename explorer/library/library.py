"""The library itself: follows a folder of designs, keeps their figures for the window's LLM, and tidies files up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import platformdirs
from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from explorer.document import Document
from explorer.latest import Latest
from explorer.library import tags as tag_index
from explorer.library import upkeep
from explorer.library.entries import Entry, Listing, examples, published, scan
from explorer.library.figures import Headline, headlines
from hwlib.design.edit import EditError
from hwlib.design.files import DesignFileError

RESCAN_REST_MS = 150
"""Programs write a file in several steps; the folder is read once they rest."""
FIGURES_REST_MS = 300
"""While the scenario is being dragged, the chip's own evaluation has the processor."""
MOST_WATCHED = 512
"""Files watched one by one; systems allow a program only so many."""
FAILURES = (DesignFileError, EditError, OSError, ValueError)

FigureKey = tuple[str, object]


def default_folder() -> Path:
    """Where designs are kept unless the user chooses another folder."""
    return Path(platformdirs.user_documents_dir()) / "Chipscape"


class Library(QObject):
    """A folder of designs, examples and published chips. Files are read, and figures computed, in the background."""

    changed = Signal()
    """Other designs, names or tags."""
    figures_changed = Signal()
    message = Signal(str)
    """A word to the user about what was done."""
    failed = Signal(str, str)
    """(what could not be done, why)"""
    moved = Signal(object, object)
    """(old path, new path): a file was renamed, and the design in it."""
    removed = Signal(object)
    """A file was deleted."""
    folder_changed = Signal(object)

    def __init__(self, document: Document, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._folder = folder or default_folder()
        self._listing = Listing(self._folder)
        self._examples: tuple[Entry, ...] = ()
        self._published: tuple[Entry, ...] = ()
        self._figures: dict[FigureKey, Headline] = {}
        self._active = False
        self.loaded = False
        """True once the folder has been read."""
        self._reader = Latest("reading the library", self)
        self._evaluator = Latest("evaluating the library", self)
        self._reader.done.connect(self._take_listing)
        self._evaluator.done.connect(self._take_figures)
        self._rescan_timer = self._timer(RESCAN_REST_MS, self.refresh)
        self._figures_timer = self._timer(FIGURES_REST_MS, self._order_figures)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._rescan_soon)
        self._watcher.fileChanged.connect(self._rescan_soon)
        document.scenario_changed.connect(self._forget_figures)
        document.model_changed.connect(self._forget_figures)

    def _timer(self, rest_ms: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(rest_ms)
        timer.timeout.connect(then)
        return timer

    # What is in it

    @property
    def folder(self) -> Path:
        """The folder that is shown."""
        return self._folder

    @property
    def problem(self) -> str:
        """Why the folder can't be read; empty where it can."""
        return self._listing.problem

    @property
    def saved(self) -> tuple[Entry, ...]:
        """The designs of the folder, broken files included."""
        return self._listing.entries

    @property
    def examples(self) -> tuple[Entry, ...]:
        """The examples."""
        return self._examples

    @property
    def published(self) -> tuple[Entry, ...]:
        """The published chips."""
        return self._published

    @property
    def busy(self) -> bool:
        """True while the folder is read or figures are computed, or soon will be."""
        waiting = self._rescan_timer.isActive() or self._figures_timer.isActive()
        return self._reader.busy or self._evaluator.busy or waiting

    def entry(self, key: str) -> Entry:
        """The line with this key. Raises KeyError where there is none."""
        for entry in (*self.saved, *self._examples, *self._published):
            if entry.key == key:
                return entry
        raise KeyError(key)

    def headline(self, entry: Entry) -> Headline | None:
        """The figures of a design for the window's LLM and scenario; None until they are there."""
        return self._figures.get(_figure_key(entry))

    def all_tags(self) -> tuple[str, ...]:
        """Every tag in use."""
        used: list[str] = sorted((tag for entry in self.saved for tag in entry.tags), key=str.casefold)
        return tag_index.cleaned(used)

    # Following

    def set_active(self, active: bool) -> None:
        """Whether somebody looks; nothing is read or computed for nobody."""
        if active and not self._active:
            self._active = True
            self.refresh()
        self._active = active

    def set_folder(self, folder: Path) -> None:
        """Show another folder."""
        if folder != self._folder:
            self._folder = folder
            self._listing = Listing(folder)
            self.loaded = False
            self.changed.emit()
            self.folder_changed.emit(folder)
            self.refresh()

    def refresh(self) -> None:
        """Read the folder again."""
        if self._active:
            self._rescan_timer.stop()
            self._reader.order(partial(_read, self._folder, self.saved))

    def shutdown(self) -> None:
        """Let what is under way end, and start nothing more."""
        self._rescan_timer.stop()
        self._figures_timer.stop()
        self._reader.shutdown()
        self._evaluator.shutdown()

    def _rescan_soon(self, *_: object) -> None:
        if self._active:
            self._rescan_timer.start()

    def _take_listing(self, outcome: object) -> None:
        if not isinstance(outcome, tuple):
            return
        listing, self._examples, self._published = outcome
        if listing.folder != self._folder:
            return
        first, self.loaded = not self.loaded, True
        before, self._listing = self._listing, listing
        self._watch()
        if first or before != listing:
            self.changed.emit()
        self._order_figures()

    def _watch(self) -> None:
        """Watch the folder, or the nearest one above it that exists, and the files in it."""
        nearest = next((f for f in (self._folder, *self._folder.parents) if f.is_dir()), None)
        files = [str(e.path) for e in self.saved if e.stamp != (0, 0, 0)][:MOST_WATCHED]
        wanted = {*files, *([str(nearest)] if nearest is not None else [])}
        present = {*self._watcher.files(), *self._watcher.directories()}
        if gone := present - wanted:
            self._watcher.removePaths(sorted(gone))
        if new := wanted - present:
            self._watcher.addPaths(sorted(new))

    # Figures

    def _forget_figures(self, *_: object) -> None:
        self._figures = {}
        if self._active:
            self._figures_timer.start()
        self.figures_changed.emit()

    def _order_figures(self) -> None:
        designs = {_figure_key(e): e.design for e in (*self.saved, *self._examples) if e.design is not None}
        self._figures = {key: value for key, value in self._figures.items() if key in designs}
        lacking = {key: design for key, design in designs.items() if key not in self._figures}
        if lacking and self._active:
            scenario, llm = self._document.scenario, self._document.llm
            self._evaluator.order(partial(_evaluate, lacking, scenario, llm))

    def _take_figures(self, outcome: object) -> None:
        if not isinstance(outcome, tuple):
            return
        figures, scenario, llm = outcome
        if (scenario, llm) == (self._document.scenario, self._document.llm):
            self._figures |= figures
            self.figures_changed.emit()

    # Tidying up

    def duplicate(self, entries: Iterable[Entry]) -> tuple[Path, ...]:
        """Save copies in the folder, of examples too; their paths."""
        taken = {e.name for e in self.saved}
        made: list[Path] = []
        for entry in entries:
            if entry.design is None:
                continue
            name = entry.name if entry.is_example and entry.name not in taken else upkeep.copy_name(entry.name, taken)
            action = partial(upkeep.save_as, entry.design, self._folder, name)
            if path := self._attempt(f"{entry.name} could not be duplicated", action):
                taken.add(name)
                made.append(path)
                self._change_tags({path.name: entry.tags})
        if made:
            self.refresh()
            self.message.emit(f"Duplicated as {made[0].name}" if len(made) == 1 else f"{len(made)} designs duplicated")
        return tuple(made)

    def rename(self, entry: Entry, name: str) -> Path | None:
        """Rename a design and its file; the new path, None where that failed."""
        if entry.path is None or not name.strip() or name.strip() == entry.name:
            return None
        path = self._attempt(f"{entry.name} could not be renamed", partial(upkeep.rename, entry.path, name))
        if path is None:
            return None
        self._change_tags({entry.path.name: (), path.name: entry.tags})
        self._show_at_once(entry, replace(entry, key=str(path), path=path, name=name.strip()))
        self.moved.emit(entry.path, path)
        self.refresh()
        return path

    def set_tags(self, entry: Entry, tags: Iterable[str]) -> None:
        """File a design under other tags."""
        if entry.path is not None and self._change_tags({entry.path.name: tag_index.cleaned(tags)}):
            self._show_at_once(entry, replace(entry, tags=tag_index.cleaned(tags)))
            self.refresh()

    def move_to_trash(self, entry: Entry) -> bool:
        """Move a file to the trash; False where the trash does not take it."""
        if entry.path is None or not upkeep.move_to_trash(entry.path):
            return False
        self._forget(entry, f"{entry.name} is in the trash")
        return True

    def delete_for_good(self, entry: Entry) -> None:
        """Delete a file for which there is no trash."""
        path = entry.path
        if path is not None and self._attempt(f"{entry.name} could not be deleted", partial(upkeep.delete, path)):
            self._forget(entry, f"{entry.name} is deleted")

    def _forget(self, entry: Entry, said: str) -> None:
        assert entry.path is not None
        self._change_tags({entry.path.name: ()})
        self._show_at_once(entry, None)
        self.removed.emit(entry.path)
        self.message.emit(said)
        self.refresh()

    def _change_tags(self, changes: dict[str, tag_index.Tags]) -> bool:
        def change() -> Path:
            tag_index.change(self._folder, changes)
            return self._folder

        return self._attempt("The tags could not be saved", change) is not None

    def _show_at_once(self, entry: Entry, instead: Entry | None) -> None:
        """Show what was done before the folder is read again."""
        kept = tuple((e if e.key != entry.key else instead) for e in self.saved)
        self._listing = replace(self._listing, entries=tuple(e for e in kept if e is not None))
        self.changed.emit()

    def _attempt(self, failure: str, action: Callable[[], Path]) -> Path | None:
        try:
            return action()
        except FAILURES as error:
            self.failed.emit(failure, str(error))
            return None


def _figure_key(entry: Entry) -> FigureKey:
    return entry.key, entry.stamp


def _read(folder: Path, known: tuple[Entry, ...]) -> tuple[Listing, tuple[Entry, ...], tuple[Entry, ...]]:
    return scan(folder, known), examples(), published()


def _evaluate(designs: dict, scenario: object, llm: object) -> tuple:
    found = headlines(list(designs.values()), scenario, llm)  # type: ignore[arg-type]
    return dict(zip(designs, found, strict=True)), scenario, llm
