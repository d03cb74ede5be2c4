"""The document: history of edits, dirty mark, selection, files."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PySide6.QtWidgets import QApplication

from explorer.document import Baseline, Document
from hwlib.design import edit, files
from hwlib.design.design import Design, Placement
from hwlib.design.edit import EditError
from hwlib.design.parts import KIND_LABELS
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

TINY_LLM = LlmArchitecture(
    name="Tiny", layers=2, hidden=64, heads=4, kv_heads=4, head_dim=16, ffn_intermediate=256, ffn_type="gelu",
    ffn_matrices=2, vocab=1000, max_ctx=512,
)  # fmt: skip


def two_blocks() -> Design:
    design = Design(name="Two")
    for n, kind in enumerate(("sram", "compute_array")):
        design = edit.add_block(design, edit.new_block(design, kind, Placement(x_m=0.001 * n)))
    return design


def moved(design: Design, x_m: float) -> Design:
    return edit.move_blocks(design, {"sram": Placement(x_m=x_m)})


@pytest.fixture
def document(qapp: QApplication) -> Document:
    return Document(two_blocks(), Scenario(), TINY_LLM)


def heard(signal: Any) -> list[tuple[Any, ...]]:
    """The arguments of every emission of `signal` from now on."""
    said: list[tuple[Any, ...]] = []
    signal.connect(lambda *values: said.append(values))
    return said


def test_edit_undo_and_redo_announce_before_and_after(document: Document) -> None:
    first = document.design
    said = heard(document.changed)
    document.edit("Move", moved(first, 0.002))
    second = document.design
    document.undo_stack.undo()
    document.undo_stack.redo()
    assert said == [(first, second), (second, first), (first, second)]
    assert document.undo_stack.undoText() == "Move"


def test_edit_that_changes_nothing_leaves_no_step(document: Document) -> None:
    said = heard(document.changed)
    document.edit("Nothing", msgspec.structs.replace(document.design))
    assert document.undo_stack.count() == 0
    assert said == []


def test_invalid_design_is_refused_before_it_enters_the_history(document: Document) -> None:
    first = document.design
    wrong = msgspec.structs.replace(first.settings, node_nm=-7.0)
    with pytest.raises(EditError, match="node_nm"):
        document.edit("Node", msgspec.structs.replace(first, settings=wrong))
    assert document.design == first
    assert document.undo_stack.count() == 0


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_a_file_cannot_hold_is_refused(document: Document, number: float) -> None:
    wrong = msgspec.structs.replace(document.design.settings, die_width_m=number)
    with pytest.raises(EditError):
        document.edit("Die", msgspec.structs.replace(document.design, settings=wrong))
    assert not document.dirty


def test_one_drag_is_one_step_and_two_drags_are_two(document: Document) -> None:
    first = document.design
    for _ in range(2):
        key = ("move", document.new_gesture())
        start = document.design.block("sram").placement.x_m
        for step in range(1, 6):
            document.edit("Move", moved(document.design, start + step * 1e-4), key)
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.design == first


def test_drag_that_ends_where_it_began_leaves_no_step(document: Document) -> None:
    first = document.design
    key = ("move", document.new_gesture())
    document.edit("Move", moved(first, 0.005), key)
    document.edit("Move", first, key)
    assert document.undo_stack.count() == 0
    assert document.design == first
    assert not document.dirty


def test_edits_without_key_never_merge(document: Document) -> None:
    document.edit("Move", moved(document.design, 0.002))
    document.edit("Move", moved(document.design, 0.003))
    assert document.undo_stack.count() == 2


def test_saving_in_mid_gesture_splits_it(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "a.chip.json"
    key = ("move", document.new_gesture())
    document.edit("Move", moved(document.design, 0.002), key)
    document.save(path)
    saved = document.design
    document.edit("Move", moved(document.design, 0.003), key)
    assert document.dirty
    document.undo_stack.undo()
    assert document.design == saved == files.load(path)
    assert not document.dirty


def test_dirty_follows_the_saved_step(document: Document, tmp_path: Path) -> None:
    said = heard(document.saved_changed)
    document.edit("Move", moved(document.design, 0.002))
    document.save(tmp_path / "a.chip.json")
    document.undo_stack.undo()
    document.undo_stack.redo()
    assert [dirty for (dirty,) in said] == [True, False, False, True, False]
    assert document.path == tmp_path / "a.chip.json"


def test_save_without_any_path_says_so(document: Document) -> None:
    with pytest.raises(ValueError, match="no file"):
        document.save()


def test_load_starts_a_new_history(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "other.chip.json"
    other = Design(name="Other")
    files.save(other, path)
    document.select({"sram"})
    document.edit("Move", moved(document.design, 0.002))
    document.load(path)
    assert (document.design, document.path, document.dirty) == (other, path, False)
    assert document.undo_stack.count() == 0
    assert document.selection == frozenset()


def test_unreadable_file_keeps_the_design(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "broken.chip.json"
    path.write_text("{", encoding="utf-8")
    document.edit("Move", moved(document.design, 0.002))
    kept = document.design
    with pytest.raises(files.DesignFileError):
        document.load(path)
    assert document.design is kept
    assert document.undo_stack.count() == 1


def test_selection_holds_only_what_exists(document: Document) -> None:
    said = heard(document.selection_changed)
    document.select({"sram", "ghost"})
    document.edit("Delete", edit.remove(document.design, {"sram"}))
    assert said == [(frozenset({"sram"}),), (frozenset(),)]


def test_view_state_is_announced_only_when_it_changes(document: Document) -> None:
    scenarios, baselines, operators = map(
        heard, (document.scenario_changed, document.baselines_changed, document.operator_selected)
    )
    for _ in range(2):
        document.set_scenario(Scenario(batch=8))
        document.set_baselines([Baseline("H100", device="H100 SXM5")])
        document.select_operator("decode.qkv")
    assert (len(scenarios), len(baselines), len(operators)) == (1, 1, 1)
    assert document.undo_stack.count() == 0
    with pytest.raises(EditError):
        document.set_scenario(Scenario(batch=0))


NAMES = st.text(string.ascii_letters + "µ é", min_size=1, max_size=12)
POSITIONS = st.floats(-0.05, 0.05)


class History(RuleBasedStateMachine):
    """Random edits, undos and redos against a plain list of designs."""

    @initialize()
    def start(self) -> None:
        QApplication.instance() or QApplication([])
        self.document = Document(Design(name="First"), Scenario(), TINY_LLM)
        self.history = [self.document.design]
        self.now = 0

    def push(self, after: Design, key: object | None = None) -> None:
        """Edit, and expect what one step more in the list gives."""
        before = self.document.undo_stack.index()
        self.document.edit("Edit", after, key)
        if self.document.undo_stack.index() > before:
            self.history = [*self.history[: self.now + 1], after]
            self.now += 1
        elif after != self.history[self.now]:
            raise AssertionError("a change left no step")

    def block_id(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([b.id for b in self.document.design.blocks]))

    @rule(kind=st.sampled_from(sorted(KIND_LABELS)), x=POSITIONS, y=POSITIONS)
    def drop(self, kind: str, x: float, y: float) -> None:
        design = self.document.design
        self.push(edit.add_block(design, edit.new_block(design, kind, Placement(x_m=x, y_m=y))))

    @rule(name=NAMES)
    def rename(self, name: str) -> None:
        self.push(msgspec.structs.replace(self.document.design, name=name))

    @rule(node=st.floats(3, 130))
    def change_setting(self, node: float) -> None:
        self.push(edit.replace_settings(self.document.design, {"node_nm": node}))

    @precondition(lambda self: self.document.design.blocks)
    @rule(data=st.data(), steps=st.lists(POSITIONS, min_size=1, max_size=4))
    def drag(self, data: st.DataObject, steps: list[float]) -> None:
        """A whole gesture is one step, or none where it ends where it began."""
        block, key = self.block_id(data), ("move", self.document.new_gesture())
        before, ahead = self.document.design, self.history[self.now + 1 :]
        for x in steps:
            self.document.edit("Move", edit.move_blocks(self.document.design, {block: Placement(x_m=x)}), key)
        after = self.document.design
        if after != before:
            self.history = [*self.history[: self.now + 1], after]
            self.now += 1
        elif self.document.undo_stack.count() == self.now:
            self.history = self.history[: self.now + 1]
        else:
            assert self.history[self.now + 1 :] == ahead

    @precondition(lambda self: len(self.document.design.blocks) > 1)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        a, b = self.block_id(data), self.block_id(data)
        try:
            after = edit.connect(self.document.design, a, b)
        except EditError:
            return
        self.push(after)

    @precondition(lambda self: self.document.design.blocks)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.push(edit.remove(self.document.design, {self.block_id(data)}))

    @rule()
    def undo(self) -> None:
        self.document.undo_stack.undo()
        self.now = max(self.now - 1, 0)

    @rule()
    def redo(self) -> None:
        self.document.undo_stack.redo()
        self.now = min(self.now + 1, len(self.history) - 1)

    @rule()
    def undo_all_and_redo_all(self) -> None:
        stack, now = self.document.undo_stack, self.document.design
        index = stack.index()
        stack.setIndex(0)
        assert self.document.design == self.history[0]
        stack.setIndex(stack.count())
        assert self.document.design == self.history[-1]
        stack.setIndex(index)
        assert self.document.design == now

    @rule()
    def save_and_load_is_the_identity(self) -> None:
        assert files.loads(files.dumps(self.document.design)) == self.document.design

    @invariant()
    def design_is_the_one_expected(self) -> None:
        assert self.document.design == self.history[self.now]
        assert self.document.undo_stack.count() == len(self.history) - 1
        assert self.document.undo_stack.index() == self.now


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=40, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
