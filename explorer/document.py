"""What the window shows: one open page with its history, and the view state beside it: scenario, LLM, baselines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoGroup, QUndoStack

from explorer.page import Page
from hwlib.baselines.device_settings import DeviceSettings
from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import checked
from hwlib.workload.scenario import Scenario

if TYPE_CHECKING:
    from hwlib.workload.llm import LlmArchitecture


class Baseline(msgspec.Struct, frozen=True):
    """What the design is compared with: a catalog `device`, timed as its `settings` say, or another `design`."""

    name: str
    device: str = ""
    design: Design | None = None
    settings: DeviceSettings = DeviceSettings()
    calibration_file: str = ""
    """Where the user's own calibration among the settings was read from."""


class Document(QObject):
    """A page, and what all pages of a window share. Only the design has a history; the rest is view state."""

    changed = Signal(object, object)
    """(before, after): the design changed by an edit, undo, redo or load."""
    scenario_changed = Signal(object)
    model_changed = Signal(object)
    baselines_changed = Signal(object)
    baseline_retimed = Signal(object, object)
    """(before, after): a baseline stays, timed in another way. Sent after `baselines_changed`."""
    selection_changed = Signal(object)
    """frozenset of the ids of selected blocks and links."""
    operator_selected = Signal(object)
    """The key of an operator row ("decode.qkv") or None."""
    saved_changed = Signal(bool)
    """True where the design differs from its file. Sent too when the path changes."""
    history_changed = Signal()
    """What can be undone or redone may have changed. Listen to this, not to the stack, whose end emits signals too."""
    page_leaving = Signal(object)
    """The page that is about to give way to another one: end what is under way on it."""
    page_shown = Signal(object)
    """The page that has taken its place, after `changed` and `selection_changed`."""

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
        self._scenario, self._llm, self._baselines = scenario, llm, tuple(baselines)
        self._operator: str | None = None
        self._gestures = 0
        # Before the page: children end in this order, and a stack that ends while its group lives still emits signals.
        self._histories = QUndoGroup(self)
        self._page = Page(design, path, self)
        self._announced, self._announced_selection = self._page.design, self._page.selection
        self._chosen: tuple[object, object, frozenset[str]] = (None, None, frozenset())
        self._histories.addStack(self._page.undo_stack)
        self._histories.setActiveStack(self._page.undo_stack)
        self._histories.indexChanged.connect(self._announce)
        self._histories.cleanChanged.connect(self._announce_saved)

    @property
    def page(self) -> Page:
        """The page on show."""
        return self._page

    @property
    def undo_stack(self) -> QUndoStack:
        """The history of the page on show. Another page, another stack: ask anew."""
        return self._page.undo_stack

    @property
    def design(self) -> Design:
        """The design as it stands."""
        return self._page.design

    @property
    def path(self) -> Path | None:
        """The design's file, None before the first save."""
        return self._page.path

    @property
    def dirty(self) -> bool:
        """True where the design differs from its last save."""
        return self._page.dirty

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
        return self._page.selection

    @property
    def selected_blocks(self) -> frozenset[str]:
        """The ids of the selected blocks. Found once per design and selection: a dozen actions ask at every edit."""
        now = (self._page.design, self._page.selection)
        if self._chosen[0] is not now[0] or self._chosen[1] is not now[1]:
            ids = now[1] and now[1] & {block.id for block in now[0].blocks}
            self._chosen = (*now, ids)
        return self._chosen[2]

    @property
    def operator(self) -> str | None:
        """The key of the selected operator row."""
        return self._operator

    def edit(self, text: str, after: Design, merge_key: object | None = None) -> None:
        """Make `after` the design, as one step of the history named `text`; no step where nothing changes.

        Steps in a row with the same `merge_key` become one; put `new_gesture()` into the key, or two drags merge.
        Raises hwlib.design.edit.EditError, and changes nothing, where `after` is no valid design.
        """
        self._page.edit(text, after, merge_key)

    def undo(self) -> None:
        """Take the last step of the page back."""
        self.undo_stack.undo()

    def redo(self) -> None:
        """Do the next step of the page again."""
        self.undo_stack.redo()

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

    def retime_baseline(self, before: Baseline, after: Baseline) -> None:
        """Time a baseline in another way; nothing where it is none, or where the other one is there already."""
        if before in self._baselines and after not in self._baselines:
            self.set_baselines(after if b == before else b for b in self._baselines)
            self.baseline_retimed.emit(before, after)

    def select(self, ids: Iterable[str]) -> None:
        """Select blocks and links; ids that the design lacks are left out."""
        self._page.selection = frozenset(ids) & self._page.ids()
        self._announce_selection()

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
        self._page.save(path)
        self._announce_saved()

    def set_design(self, design: Design, path: Path | None = None) -> None:
        """Show another design, with an empty history."""
        self._page.replace(design, path)
        self._announce()
        self._announce_saved()

    def show(self, page: Page) -> None:
        """Show another page; what listens learns it as one change of the design."""
        if page is self._page:
            return
        self.page_leaving.emit(self._page)
        self._page = page
        self._histories.addStack(page.undo_stack)
        # Announces the design, its history and its dirty mark.
        self._histories.setActiveStack(page.undo_stack)
        self.page_shown.emit(page)

    def _announce(self, *_: object) -> None:
        """Tell of the new design once per step of the history, after the stack has settled."""
        self.history_changed.emit()
        before, self._announced = self._announced, self._page.design
        if before is not self._page.design:
            if self._page.selection:
                self._page.selection &= self._page.ids()
            self.changed.emit(before, self._page.design)
        self._announce_selection()

    def _announce_selection(self) -> None:
        before, self._announced_selection = self._announced_selection, self._page.selection
        if before != self._announced_selection:
            self.selection_changed.emit(self._announced_selection)

    def _announce_saved(self, *_: object) -> None:
        self.saved_changed.emit(self.dirty)
