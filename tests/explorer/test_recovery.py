"""Recovery copies: written soon after an edit, gone when clean, kept by a kill, offered once, never in the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer import recovery
from explorer.page import Page
from explorer.recovery import LeftOver, Lock, Recovered, Recovery, Session, Unsaved, left_over
from explorer.recovery_offer import RecoveryOffer
from hwlib.catalog import load_example
from hwlib.design.design import Design
from hwlib.design.edit import replace_settings
from tests.explorer.test_library import heard

ROOT = Path(__file__).parents[2]
GPU = load_example("tensor-gpu-hbm3")


def unsaved(design: Design = GPU, number: int = 1, path: Path | None = None, edits: int = 3) -> Unsaved:
    return Unsaved(number, design, path, edits)


def widened(design: Design, mm: float) -> Design:
    return replace_settings(design, {"die_width_m": design.settings.die_width_m + mm * 1e-3})


class Editor:
    """A page with its recovery, as the window has them."""

    def __init__(self, root: Path) -> None:
        self.page = Page(GPU)
        self.recovery = Recovery(self.unsaved, root)
        self.page.changed.connect(self.recovery.touch)

    def unsaved(self) -> tuple[Unsaved, ...]:
        page = self.page
        return (Unsaved(page.number, page.design, page.path, page.edits),) if page.dirty else ()


@pytest.fixture
def editor(qapp: QApplication, tmp_path: Path) -> Iterator[Editor]:
    made = Editor(tmp_path / "recovery")
    yield made
    made.recovery.end()


def copies(editor: Editor) -> list[Path]:
    return sorted(editor.recovery.folder.glob("*.json"))


def offered(root: Path) -> tuple[LeftOver, ...]:
    found = left_over(root)
    for one in found:
        one.keep()
    return found


# Writing ----------------------------------------------------------------------------------------------------------


def test_an_edit_is_written_and_undoing_it_removes_the_copy(qtbot: QtBot, editor: Editor) -> None:
    editor.page.edit("Widen", widened(GPU, 1))
    qtbot.waitUntil(lambda: len(copies(editor)) == 1)
    editor.page.undo_stack.undo()
    qtbot.waitUntil(lambda: copies(editor) == [])


def test_a_long_drag_is_written_before_it_ends(qtbot: QtBot, editor: Editor) -> None:
    """The clock is not set back by further edits: each one would put the copy off for ever."""
    editor.page.edit("Widen", widened(GPU, 1))
    steps = iter(range(2, 100_000))

    def drag() -> bool:
        editor.page.edit("Widen", widened(GPU, next(steps) * 1e-6), ("drag", 1))
        return bool(copies(editor))

    qtbot.waitUntil(drag)


def test_saving_removes_the_copy(qtbot: QtBot, editor: Editor, tmp_path: Path) -> None:
    editor.page.edit("Widen", widened(GPU, 1))
    editor.recovery.write_now()
    assert len(copies(editor)) == 1
    editor.page.save(tmp_path / "a.chip.json")
    qtbot.waitUntil(lambda: copies(editor) == [])


def test_nothing_is_written_while_nothing_is_unsaved(editor: Editor) -> None:
    editor.recovery.write_now()
    assert not editor.recovery.folder.exists()


def test_clean_end_leaves_nothing(editor: Editor, tmp_path: Path) -> None:
    editor.page.edit("Widen", widened(GPU, 1))
    editor.recovery.write_now()
    editor.recovery.end()
    assert list((tmp_path / "recovery").iterdir()) == []


def test_write_now_works_from_any_thread(editor: Editor) -> None:
    editor.page.edit("Widen", widened(GPU, 1))
    thread = threading.Thread(target=editor.recovery.write_now)
    thread.start()
    thread.join()
    assert len(copies(editor)) == 1


def test_a_disk_that_refuses_is_told_once(qapp: QApplication, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    editor = Editor(blocked / "recovery")
    said = heard(editor.recovery.failed)
    editor.page.edit("Widen", widened(GPU, 1))
    editor.recovery.write_now()
    editor.recovery.write_now()
    assert len(said) == 1
    editor.recovery.end()


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.write([unsaved(number=1), unsaved(number=2)])
    first = {p.name: p.stat().st_ino for p in session.folder.glob("*.json")}
    session.write([unsaved(number=1), unsaved(widened(GPU, 1), number=2)])
    second = {p.name: p.stat().st_ino for p in session.folder.glob("*.json")}
    assert first["1.json"] == second["1.json"]
    assert first["2.json"] != second["2.json"]
    session.end()


# Reading ----------------------------------------------------------------------------------------------------------


def kept(root: Path, *ones: Unsaved) -> None:
    """What a program leaves that dies after writing."""
    session = Session(root)
    session.write(ones)
    assert session._lock is not None
    session._lock.release()


@given(mm=st.floats(0, 100), name=st.text(min_size=1, max_size=30).filter(lambda t: t.isprintable()))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_comes_back(tmp_path: Path, mm: float, name: str) -> None:
    design = msgspec.structs.replace(widened(GPU, mm), name=name)
    kept(tmp_path, unsaved(design, path=Path("/some/where.chip.json")))
    (one,) = left_over(tmp_path)
    (found,) = one.designs
    assert (found.design, found.path, found.edits) == (design, Path("/some/where.chip.json"), 3)
    one.discard()


def test_a_living_program_is_left_alone(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.write([unsaved()])
    assert left_over(tmp_path) == ()
    session.end()


def test_two_starts_at_once_offer_it_once(tmp_path: Path) -> None:
    kept(tmp_path, unsaved())
    first, second = left_over(tmp_path), left_over(tmp_path)
    assert (len(first), len(second)) == (1, 0)
    first[0].keep()
    assert len(offered(tmp_path)) == 1


def test_torn_copy_is_told_and_does_not_hide_the_others(tmp_path: Path) -> None:
    kept(tmp_path, unsaved(number=1), unsaved(number=2))
    torn = next(tmp_path.glob("*/1.json"))
    torn.write_bytes(torn.read_bytes()[:40])
    (one,) = offered(tmp_path)
    assert len(one.designs) == 1
    assert one.problems[0].copy == torn
    assert "damaged or was cut off" in one.problems[0].reason


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff\xfe\x00", b"[" * 100_000, b'{"format": "chipscape-recovery", "version": 1}']
)
def test_whatever_a_copy_holds_is_told_in_words(qtbot: QtBot, tmp_path: Path, content: bytes) -> None:
    kept(tmp_path, unsaved(number=1))
    next(tmp_path.glob("*/1.json")).write_bytes(content)
    made = RecoveryOffer(left_over(tmp_path))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.open()
    (row,) = made.rows
    assert row.note.startswith("The copy")
    assert not row.open_button.isVisible()
    assert not made.recover_button.isEnabled()
    row.discard_button.click()
    assert made.isHidden()
    assert offered(tmp_path) == ()


def test_a_copy_from_no_time_and_no_place_still_opens(tmp_path: Path) -> None:
    kept(tmp_path, unsaved(number=1))
    copy = next(tmp_path.glob("*/1.json"))
    fields = msgspec.json.decode(copy.read_bytes()) | {"written_s": 1e300, "path": "a\0b"}
    copy.write_bytes(msgspec.json.encode(fields))
    (one,) = offered(tmp_path)
    assert one.designs[0].path is None
    assert "from an unknown time" in one.designs[0].said()


def test_empty_leftovers_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "1-dead").mkdir()
    assert left_over(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []
    assert left_over(tmp_path / "never") == ()


def test_lock_is_exclusive_until_released(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_words_of_the_offer() -> None:
    then = datetime(2026, 3, 5, 11, 42).timestamp()
    saved = Recovered(GPU, Path("a.chip.json"), 3, then)
    assert saved.said(then + 60) == f"{GPU.name}, from 11:42, 3 edits after the last save"
    fresh = Recovered(GPU, None, 1, then)
    assert fresh.said(then + 86_400) == f"{GPU.name}, from 5 Mar 2026, 11:42, 1 edit, never saved"


# The offer --------------------------------------------------------------------------------------------------------


@pytest.fixture
def offer(qtbot: QtBot, tmp_path: Path) -> RecoveryOffer:
    kept(tmp_path, unsaved(path=tmp_path / "a.chip.json"))
    made = RecoveryOffer(left_over(tmp_path))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(made)
    made.open()
    return made


def test_enter_recovers(offer: RecoveryOffer) -> None:
    chosen = heard(offer.recover_chosen)
    QTest.keyClick(offer, Qt.Key.Key_Return)
    assert [one.design for _, one in chosen[0][0]] == [GPU]


def test_escape_means_later(offer: RecoveryOffer, tmp_path: Path) -> None:
    QTest.keyClick(offer, Qt.Key.Key_Escape)
    assert len(offered(tmp_path)) == 1


def test_discard_deletes(offer: RecoveryOffer, tmp_path: Path) -> None:
    QTest.mouseClick(offer.discard_button, Qt.MouseButton.LeftButton)
    assert offered(tmp_path) == ()


# A program that is killed -----------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer
from tests.explorer.test_recovery import Editor, GPU, copies, widened

app = QCoreApplication([])
editor = Editor(Path(sys.argv[1]))
steps = iter(range(1, 10**9))
def drag():
    editor.page.edit("Widen", widened(GPU, next(steps) * 1e-6), ("drag", 1))
    if copies(editor):
        print("written", flush=True)
timer = QTimer(interval=1, timeout=drag)
timer.start()
app.exec()
"""


def test_kill_in_mid_drag_leaves_a_readable_copy(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "written\n"
        assert left_over(tmp_path) == ()
        process.send_signal(signal.SIGKILL)
    (one,) = left_over(tmp_path)
    (found,) = one.designs
    assert found.design.blocks == GPU.blocks
    assert found.design != GPU
    one.discard()


def test_edits_are_counted_from_the_last_save(qapp: QApplication) -> None:
    """`edits` counts steps since the last save, undone ones as well."""
    page = Page(GPU)
    for n in range(1, 4):
        page.edit("Widen", widened(GPU, n))
    assert page.edits == 3
    page.undo_stack.setClean()
    page.undo_stack.undo()
    assert (page.dirty, page.edits) == (True, 1)
    page.mark_dirty()
    assert page.edits == 2
    assert recovery.DELAY_MS < 2000
