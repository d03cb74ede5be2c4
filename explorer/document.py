"""The open design with its undo stack, and the view state beside it: scenario, LLM, baselines and selection."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import checked
from hwlib.workload.scenario import Scenario

if TYPE_CHECKING:
    from hwlib.workload.llm import LlmArchitecture

MERGES = 1
NEVER_MERGES = -1


class Baseline(msgspec.Struct, frozen=True):
    """What the design is compared with: a catalog `device` by name, or another `design`."""

    name: str
    device: str = ""
    design: Design | None = None


class Edit(QUndoCommand):
    """One step of the history: the design before and after it. Steps with the same merge key become one."""

    def __init__(self, document: Document, text: str, after: Design, merge_key: object | None) -> None:
        super().__init__(text)
        self._document = document
        self._before = document.design
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
        self._document._design = self._before

    def redo(self) -> None:
        """Swap the design after this step in."""
        self._document._design = self._after


class Document(QObject):
    """What one window shows. Only the design has a history; the rest is view state."""

    changed = Signal(object, object)
    """(before, after): the design changed by an edit, undo, redo or load."""
    scenario_changed = Signal(object)
    model_changed = Signal(object)
    baselines_changed = Signal(object)
    selection_changed = Signal(object)
    """frozenset of the ids of selected blocks and links."""
    operator_selected = Signal(object)
    """The key of an operator row ("decode.qkv") or None."""
    saved_changed = Signal(bool)
    """True where the design differs from its file. Sent too when the path changes."""
    history_changed = Signal()
    """What can be undone or redone may have changed. Listen to this, not to the stack, whose end emits signals too."""

    def __init__(
        self,
        design: Design,
        scenario: Scenario,
        llm: LlmArchitecture,
        baselines: Iterable[Baseline] = (),
        path: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._design = self._announced = design
        self._scenario, self._llm, self._baselines = scenario, llm, tuple(baselines)
        self._selection: frozenset[str] = frozenset()
        self._operator: str | None = None
        self._path = path
        self._gestures = 0
        self.undo_stack = QUndoStack(self)
        self.undo_stack.indexChanged.connect(self._announce)
        self.undo_stack.cleanChanged.connect(self._announce_saved)

    @property
    def design(self) -> Design:
        """The design as it stands."""
        return self._design

    @property
    def path(self) -> Path | None:
        """The design's file, None before the first save."""
        return self._path

    @property
    def dirty(self) -> bool:
        """True where the design differs from its last save."""
        return not self.undo_stack.isClean()

    @property
    def scenario(self) -> Scenario:
        """What the chip serves."""
        return self._scenario

    @property
    def llm(self) -> LlmArchitecture:
        """The LLM that it serves."""
        return self._llm

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """What the design is compared with, in the order shown."""
        return self._baselines

    @property
    def selection(self) -> frozenset[str]:
        """The ids of the selected blocks and links."""
        return self._selection

    @property
    def operator(self) -> str | None:
        """The key of the selected operator row."""
        return self._operator

    def edit(self, text: str, after: Design, merge_key: object | None = None) -> None:
        """Make `after` the design, as one step of the history named `text`; no step where nothing changes.

        Steps in a row with the same `merge_key` become one; put `new_gesture()` into the key, or two drags merge.
        Raises hwlib.design.edit.EditError, and changes nothing, where `after` is no valid design.
        """
        # Validated before pushing: a redo() that raises would leave its command on the stack.
        valid: Design = checked(after, Design)
        if valid != self._design:
            self.undo_stack.push(Edit(self, text, valid, merge_key))

    def new_gesture(self) -> int:
        """A serial number for the merge key of one drag, or of one stay in a field."""
        self._gestures += 1
        return self._gestures

    def set_scenario(self, scenario: Scenario) -> None:
        """Serve another scenario. Raises EditError where it is out of range."""
        valid: Scenario = checked(scenario, Scenario)
        if valid != self._scenario:
            self._scenario = valid
            self.scenario_changed.emit(valid)

    def set_model(self, llm: LlmArchitecture) -> None:
        """Serve another LLM."""
        if llm != self._llm:
            self._llm = llm
            self.model_changed.emit(llm)

    def set_baselines(self, baselines: Iterable[Baseline]) -> None:
        """Compare with other baselines."""
        wanted = tuple(baselines)
        if wanted != self._baselines:
            self._baselines = wanted
            self.baselines_changed.emit(wanted)

    def select(self, ids: Iterable[str]) -> None:
        """Select blocks and links; ids that the design lacks are left out."""
        wanted = frozenset(ids) & self._ids()
        if wanted != self._selection:
            self._selection = wanted
            self.selection_changed.emit(wanted)

    def select_operator(self, key: str | None) -> None:
        """Select one row of the operator table, or none."""
        if key != self._operator:
            self._operator = key
            self.operator_selected.emit(key)

    def load(self, path: Path) -> None:
        """Open a file. Raises hwlib.design.files.DesignFileError, and keeps the design, where it can't be read."""
        self.set_design(files.load(path), path)

    def save(self, path: Path | None = None) -> None:
        """Write the design to `path`, or to where it came from.

        Raises hwlib.design.files.DesignFileError where it can't be written, and ValueError without any path.
        """
        target = path or self._path
        if target is None:
            raise ValueError("the design has no file yet")
        files.save(self._design, target)
        self._path = target
        self.undo_stack.setClean()
        self._announce_saved()

    def set_design(self, design: Design, path: Path | None = None) -> None:
        """Show another design, with an empty history."""
        valid: Design = checked(design, Design)
        self._path = path
        self._design = valid
        self.undo_stack.clear()
        self._announce()
        self._announce_saved()

    def _ids(self) -> frozenset[str]:
        return frozenset(b.id for b in self._design.blocks) | frozenset(link.id for link in self._design.links)

    def _announce(self) -> None:
        """Tell of the new design once per step of the history, after the stack has settled."""
        self.history_changed.emit()
        before, self._announced = self._announced, self._design
        if before is self._design:
            return
        kept = self._selection & self._ids()
        lost_some, self._selection = kept != self._selection, kept
        self.changed.emit(before, self._design)
        if lost_some:
            self.selection_changed.emit(self._selection)

    def _announce_saved(self) -> None:
        self.saved_changed.emit(self.dirty)
