"""One open design: its value, file, history and selection. A window shows one page at a time."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import checked, checked_after

MERGES = 1
NEVER_MERGES = -1
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stamp:
    """What tells without reading it whether a file was written since."""

    written_ns: int
    size_B: int
    inode: int

    @staticmethod
    def of(path: Path) -> Stamp | None:
        """The stamp of a file, None where there is none."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


class Edit(QUndoCommand):
    """One step of the history: the design before and after it. Steps with the same merge key become one."""

    def __init__(self, page: Page, text: str, after: Design, merge_key: object | None) -> None:
        super().__init__(text)
        self._page = page
        self._before = page.design
        self._after = after
        self._merge_key = merge_key

    def id(self) -> int:
        """Qt asks `mergeWith` only for commands that share an id other than -1."""
        return NEVER_MERGES if self._merge_key is None else MERGES

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take over the end of a step of the same gesture; vanish where nothing changed in the end."""
        if not isinstance(other, Edit) or other._merge_key != self._merge_key:
            return False
        self._after = other._after
        self.setObsolete(self._after == self._before)
        return True

    def undo(self) -> None:
        """Swap the design before this step back in."""
        self._page.design = self._before

    def redo(self) -> None:
        """Swap the design after this step in."""
        self._page.design = self._after


class Page(QObject):
    """A design that is open. Change it through `edit`, or what shows it will not hear of it."""

    changed = Signal()
    """Its design, file or dirty mark changed."""

    def __init__(self, design: Design, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.design = design
        self.path = path
        """The design's file, None before the first save."""
        self.on_disk = design
        """What the file held when it was last read or written here."""
        self.stamp = Stamp.of(path) if path is not None else None
        """The file as it was then; None where there was none."""
        self.selection: frozenset[str] = frozenset()
        """The ids of the selected blocks and links."""
        self.number = next(_numbers)
        """Tells pages of one program apart."""
        self.undo_stack = QUndoStack(self)
        self.undo_stack.indexChanged.connect(self._on_history)
        self.undo_stack.cleanChanged.connect(self._on_history)

    @property
    def dirty(self) -> bool:
        """True where the design differs from its last save."""
        return not self.undo_stack.isClean()

    @property
    def pristine(self) -> bool:
        """True for an empty design that nobody has touched: another one may take its place."""
        return self.path is None and self.undo_stack.count() == 0 and not self.dirty and self.design == Design()

    @property
    def edits(self) -> int:
        """How many steps lie between the design and its last save, one at least where it is dirty."""
        clean = self.undo_stack.cleanIndex()
        return max(abs(self.undo_stack.index() - max(clean, 0)), int(self.dirty))

    def edit(self, text: str, after: Design, merge_key: object | None = None) -> None:
        """Make `after` the design, as one step of the history; no step where nothing changes. Raises EditError."""
        # Validated before pushing: a redo() that raises would leave its command on the stack.
        valid = checked_after(self.design, after)
        if valid != self.design:
            self.undo_stack.push(Edit(self, text, valid, merge_key))

    def save(self, path: Path | None = None) -> None:
        """Write the design to `path`, or to where it came from.

        Raises hwlib.design.files.DesignFileError where it can't be written, and ValueError without any path.
        """
        target = path or self.path
        if target is None:
            raise ValueError("the design has no file yet")
        files.save(self.design, target)
        self.path = target
        self.agree(self.design, Stamp.of(target))

    def agree(self, on_disk: Design, stamp: Stamp | None) -> None:
        """Take note of what the file holds; where that is this design, nothing is unsaved."""
        self.on_disk, self.stamp = on_disk, stamp
        if on_disk == self.design:
            self.undo_stack.setClean()
        else:
            self.undo_stack.resetClean()
        self.changed.emit()

    def reload(self) -> None:
        """Take what the file holds now, as one step of the history. Raises DesignFileError."""
        if self.path is not None:
            stamp = Stamp.of(self.path)
            self.edit("Reload the file", files.load(self.path))
            self.agree(self.design, stamp)

    def replace(self, design: Design, path: Path | None) -> None:
        """Hold another design, with an empty history."""
        self.design = checked(design, Design)
        self.path = path
        self.on_disk = self.design
        self.stamp = Stamp.of(path) if path is not None else None
        self.undo_stack.clear()
        self.changed.emit()

    def mark_dirty(self) -> None:
        """The file does not hold this design any more."""
        self.undo_stack.resetClean()
        self.changed.emit()

    def follow_file(self, path: Path, name: str) -> None:
        """The file was renamed, and with it the design that it holds."""
        clean = not self.dirty
        self.path = path
        self.edit(f"Rename to {name}", msgspec.structs.replace(self.design, name=name))
        self.on_disk, self.stamp = msgspec.structs.replace(self.on_disk, name=name), Stamp.of(path)
        if clean:
            self.undo_stack.setClean()
        self.changed.emit()

    def lose_file(self) -> None:
        """The file was deleted: what is here is the only copy."""
        self.path = self.stamp = None
        self.mark_dirty()

    def ids(self) -> frozenset[str]:
        """The ids of all blocks and links."""
        return frozenset(b.id for b in self.design.blocks) | frozenset(link.id for link in self.design.links)

    def _on_history(self, *_: object) -> None:
        self.changed.emit()
