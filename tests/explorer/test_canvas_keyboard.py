"""The whole canvas by keyboard: select, move, resize, link, rename, turn, delete, zoom and pan; each is one step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from hwlib.design.edit import connect
from tests.explorer.canvas_user import User, chip

Key = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def user(qtbot: QtBot) -> User:
    made = User(qtbot, chip())
    made.canvas.setFocus()
    return made


def selected(user: User) -> set[str]:
    return set(user.document.selection)


def test_n_walks_through_all_blocks_and_back(user: User) -> None:
    ids = [block.id for block in user.design.blocks]
    for block_id in ids:
        user.key(Key.Key_N)
        assert selected(user) == {block_id}
    user.key(Key.Key_N, SHIFT)
    assert selected(user) == {ids[-2]}


def test_a_keeps_the_first_block_and_walks_through_the_others(user: User) -> None:
    user.key(Key.Key_N)
    seen = []
    for _ in range(5):
        user.key(Key.Key_A)
        seen.append(selected(user))
    assert seen == [{"a", other} for other in ("b", "c", "n", "m", "v")]
    user.key(Key.Key_A)
    assert selected(user) == {"a", "b"}, "the first one is left out"


def test_any_two_blocks_are_linked(user: User) -> None:
    user.key(Key.Key_N)
    user.key(Key.Key_A)
    user.canvas.connect_selected()
    (link,) = user.design.links[1:]
    assert {link.source, link.target} == {"a", "b"}
    assert user.steps() == 1
    user.undo()
    assert user.design == chip()


def test_k_walks_through_the_links_of_a_block_which_can_be_deleted(user: User) -> None:
    user.document.set_design(connect(connect(chip(), "a", "b"), "b", "n"))
    links = [link.id for link in user.design.links]
    user.key(Key.Key_N)
    seen = []
    for _ in range(3):
        user.key(Key.Key_K)
        seen.append(selected(user))
    assert seen == [{links[0]}, {links[1]}, {links[0]}]
    user.key(Key.Key_Delete)
    assert [link.id for link in user.design.links] == links[1:]
    assert user.steps() == 1


@pytest.mark.parametrize("held", [Qt.KeyboardModifier.NoModifier, SHIFT])
def test_w_changes_the_width_by_a_step_and_keeps_the_area(user: User, held: Qt.KeyboardModifier) -> None:
    user.key(Key.Key_N)
    before = user.canvas.chip.blocks["a"].rect
    user.key(Key.Key_W, held)
    after = user.canvas.chip.blocks["a"].rect
    way = -1 if held else 1
    assert after.width_m == pytest.approx(before.width_m + way * user.canvas.grid_m)
    assert after.width_m * after.height_m == pytest.approx(before.width_m * before.height_m)
    assert (after.x_m, after.y_m) == (before.x_m, before.y_m)
    assert user.steps() == 1
    user.undo()
    assert user.design == chip()


def test_a_memory_strip_and_a_locked_block_keep_their_shape(user: User) -> None:
    user.document.select({"m"})
    user.key(Key.Key_W)
    assert user.design == chip()
    user.document.select({"a"})
    user.key(Key.Key_L)
    user.key(Key.Key_W)
    assert user.steps() == 1, "the lock"


def test_no_key_makes_a_block_thinner_than_a_step_or_than_files_allow(user: User) -> None:
    user.key(Key.Key_N)
    for _ in range(100):
        user.key(Key.Key_W, SHIFT)
    rect = user.canvas.chip.blocks["a"].rect
    assert rect.width_m >= 0.999 * min(user.canvas.grid_m, rect.height_m)


def rename(user: User, end: Qt.Key) -> None:
    user.key(Key.Key_N)
    user.key(Key.Key_F2)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    QTest.keyClicks(editor, "New name")
    QTest.keyClick(editor, end)


def test_f2_renames_and_escape_does_not(user: User, qtbot: QtBot) -> None:
    user.canvas.activateWindow()
    rename(user, Key.Key_Escape)
    assert user.design == chip()
    user.document.select(())
    rename(user, Key.Key_Return)
    assert user.design.block("a").name == "New name"
    assert user.steps() == 1
    qtbot.waitUntil(user.canvas.hasFocus)


@pytest.mark.parametrize(
    "do",
    [
        lambda user: user.key(Key.Key_N, SHIFT) or user.key(Key.Key_N, SHIFT) or user.key(Key.Key_R),  # not a square
        lambda user: user.key(Key.Key_Right),
        lambda user: user.key(Key.Key_Down, SHIFT),
        lambda user: user.key(Key.Key_L),
        lambda user: user.key(Key.Key_Delete),
        lambda user: user.key(Key.Key_Backspace),
        lambda user: user.key(Key.Key_H),
        lambda user: user.key(Key.Key_X, CTRL),
    ],
)
def test_each_key_is_one_step(user: User, do: Callable[[User], None]) -> None:
    user.key(Key.Key_N)
    do(user)
    assert user.design != chip()
    assert user.steps() == 1
    user.undo()
    assert user.design == chip()


def test_arrows_pan_and_signs_zoom_where_nothing_is_selected(user: User) -> None:
    seen = user.canvas.visible_scene()
    user.key(Key.Key_Plus)
    closer = user.canvas.visible_scene()
    assert closer.width() < seen.width()
    user.key(Key.Key_Right)
    assert user.canvas.visible_scene().left() > closer.left()
    user.key(Key.Key_F)
    assert user.canvas.visible_scene().width() == pytest.approx(seen.width())
    assert user.design == chip()
    assert user.steps() == 0
