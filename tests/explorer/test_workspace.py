"""Designs in tabs: opening, switching, closing, each with its own history; recent files; files dropped on a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from explorer import settings
from explorer.app import build_window
from explorer.main_window import MainWindow
from explorer.page import Page
from explorer.recent import MOST, RecentFiles, RecentMenu
from explorer.screenshot import wait_for_results
from explorer.settings import Preferences
from explorer.workspace import DIRTY_MARK
from hwlib.catalog import find_model, load_example
from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import replace_settings
from hwlib.workload.scenario import Scenario
from tests.explorer.test_library import heard

Key, LEFT, NO_KEYS = Qt.Key, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
Button = QMessageBox.StandardButton


def put(folder: Path, name: str, example: str = "edge-npu-lpddr5") -> Path:
    path = folder / f"{name}{files.SUFFIX}"
    files.save(msgspec.structs.replace(load_example(example), name=name), path)
    return path


def make(qtbot: QtBot, asks: bool = False, preferences: Preferences | None = None) -> MainWindow:
    window = build_window(
        load_example("tensor-gpu-hbm3"), Scenario(), find_model("Llama-3.1-8B"), (), "light",
        size=QSize(1600, 1000), preferences=preferences, asks=asks,
    )  # fmt: skip
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    wait_for_results(window)
    return window


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = make(qtbot)
    yield made
    made.close()


def widen(window: MainWindow) -> Design:
    design = window.document.design
    width = design.settings.die_width_m + 1e-3
    window.document.edit("Widen the die", replace_settings(design, {"die_width_m": width}))
    return window.document.design


def titles(window: MainWindow) -> list[str]:
    return [window.desk.tabs.tabText(i) for i in range(window.desk.tabs.count())]


def pages(window: MainWindow) -> tuple[Page, ...]:
    return window.desk.workspace.pages


def tab_middle(window: MainWindow, index: int) -> QPoint:
    return window.desk.tabs.tabRect(index).center()


def answer(button: QMessageBox.StandardButton, then: Callable[[QMessageBox], object] = lambda _: None) -> None:
    """Press a button of the question that comes next."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            then(box)
            box.button(button).click()
        else:
            QTimer.singleShot(5, press)

    QTimer.singleShot(0, press)


# Opening ----------------------------------------------------------------------------------------------------------


def test_one_design_needs_no_tabs(window: MainWindow) -> None:
    assert not window.desk.tabs.isVisible()
    QTest.keyClick(window, Key.Key_T, CTRL)
    assert window.desk.tabs.isVisible()
    assert titles(window) == ["Tensor-core GPU, HBM3", "Untitled"]
    assert window.document.design == Design()


def test_a_file_opens_once_by_whatever_name(window: MainWindow, tmp_path: Path) -> None:
    path = put(tmp_path, "A")
    (tmp_path / "link.chip.json").symlink_to(path)
    window.files.open_paths([path, put(tmp_path, "B"), tmp_path / "link.chip.json"])
    assert titles(window) == ["Tensor-core GPU, HBM3", "A", "B"]
    assert window.document.path == path


def test_an_untouched_empty_design_gives_its_place(window: MainWindow, tmp_path: Path) -> None:
    window.commands["new"].trigger()
    window.files.open_path(put(tmp_path, "A"))
    assert titles(window) == ["Tensor-core GPU, HBM3", "A"]


def test_broken_files_are_told_in_one_notice_and_the_others_open(window: MainWindow, tmp_path: Path) -> None:
    broken = [tmp_path / f"broken{n}.chip.json" for n in range(2)]
    for path in broken:
        path.write_text("{", encoding="utf-8")
    assert not window.files.open_paths([broken[0], put(tmp_path, "A"), broken[1]])
    assert titles(window) == ["Tensor-core GPU, HBM3", "A"]
    (notice,) = window.shell.notices.shown
    assert (notice.text, notice.level) == ("2 files could not be opened", "error")
    assert "broken0" in notice.details
    assert "broken1" in notice.details


# Switching --------------------------------------------------------------------------------------------------------


def test_each_tab_keeps_design_history_selection_and_dirty_mark(window: MainWindow, tmp_path: Path) -> None:
    first = widen(window)
    window.document.select({first.blocks[0].id})
    window.files.open_path(put(tmp_path, "A"))
    second = widen(window)
    window.document.select({second.blocks[1].id})
    assert titles(window) == [f"{DIRTY_MARK}Tensor-core GPU, HBM3", f"{DIRTY_MARK}A"]
    QTest.mouseClick(window.desk.tabs, LEFT, NO_KEYS, tab_middle(window, 0))
    assert window.document.design == first
    assert window.document.selection == {first.blocks[0].id}
    window.commands["undo"].trigger()
    assert titles(window) == ["Tensor-core GPU, HBM3", f"{DIRTY_MARK}A"]
    assert not window.isWindowModified()
    QTest.mouseClick(window.desk.tabs, LEFT, NO_KEYS, tab_middle(window, 1))
    assert window.document.design == second
    assert window.document.selection == {second.blocks[1].id}
    assert window.isWindowModified()


def test_switching_is_one_change_and_panels_stay(window: MainWindow, tmp_path: Path) -> None:
    before = window.document.design
    window.files.open_path(put(tmp_path, "A"))
    after = window.document.design
    panels = {name: dock.widget() for name, dock in window.docks.items()}
    changed, selected = heard(window.document.changed), heard(window.document.selection_changed)
    QTest.keyClick(window, Key.Key_Tab, CTRL)
    assert changed == [(after, before)]
    assert selected == []
    assert {name: dock.widget() for name, dock in window.docks.items()} == panels
    assert set(window.canvas.chip.blocks) == {b.id for b in before.blocks}


def test_keys_go_round_the_tabs(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_paths([put(tmp_path, "A"), put(tmp_path, "B")])
    seen = []
    for keys in (CTRL, CTRL, CTRL, CTRL | SHIFT):
        QTest.keyClick(window, Key.Key_Tab, keys)
        seen.append(window.document.design.name)
    assert seen == ["Tensor-core GPU, HBM3", "A", "B", "A"]


def test_figures_follow_the_tab(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    wait_for_results(window)
    assert window.evaluator.results is not None
    assert window.evaluator.results.report.subject == "A"
    window.desk.workspace.show_next()
    wait_for_results(window)
    assert window.evaluator.results.report.subject == "Tensor-core GPU, HBM3"


def test_scenario_and_baselines_are_shared(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    window.document.set_scenario(Scenario(batch=8))
    window.desk.workspace.show_next()
    assert window.document.scenario == Scenario(batch=8)


def test_each_tab_keeps_its_zoom(window: MainWindow, tmp_path: Path) -> None:
    canvas = window.canvas
    window.files.open_path(put(tmp_path, "A"))
    window.desk.workspace.show_next()
    wait_for_results(window)
    canvas.zoom_in()
    canvas.zoom_in()
    zoomed, centre = canvas.px_per_unit, canvas.visible_scene().center()
    window.desk.workspace.show_next()
    fitted = canvas.px_per_unit
    window.desk.workspace.show_next()
    assert canvas.px_per_unit == zoomed
    assert canvas.m_per_px * 2e6 > (canvas.visible_scene().center() - centre).manhattanLength()
    window.desk.workspace.show_next()
    assert canvas.px_per_unit == fitted


def test_a_drag_ends_with_its_page(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    kept = window.document.design
    canvas = window.canvas
    rect = canvas.chip.blocks[kept.blocks[0].id].rect
    start = canvas.pixel((rect.x_m + rect.width_m / 2, rect.y_m + rect.height_m / 2))
    QTest.mousePress(canvas.viewport(), LEFT, NO_KEYS, start)
    QTest.mouseMove(canvas.viewport(), start + QPoint(40, 25))
    window.desk.workspace.show_next()
    other = window.document.design
    QTest.mouseMove(canvas.viewport(), start + QPoint(90, 60))
    QTest.mouseRelease(canvas.viewport(), LEFT, NO_KEYS, start + QPoint(90, 60))
    assert window.document.design == other
    window.desk.workspace.show_next()
    assert window.document.design == kept


def test_dragging_a_tab_rearranges(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_paths([put(tmp_path, "A"), put(tmp_path, "B")])
    window.desk.tabs.moveTab(2, 0)
    assert [p.design.name for p in pages(window)] == titles(window) == ["B", "Tensor-core GPU, HBM3", "A"]
    assert window.document.design.name == "B"


# Closing ----------------------------------------------------------------------------------------------------------


def test_middle_click_closes_the_tab_under_the_pointer(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_paths([put(tmp_path, "A"), put(tmp_path, "B")])
    QTest.mouseClick(window.desk.tabs, Qt.MouseButton.MiddleButton, NO_KEYS, tab_middle(window, 1))
    assert titles(window) == ["Tensor-core GPU, HBM3", "B"]
    assert window.document.design.name == "B"


def test_ctrl_w_closes_and_the_last_one_leaves_an_empty_design(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    QTest.keyClick(window, Key.Key_W, CTRL)
    assert titles(window) == ["Tensor-core GPU, HBM3"]
    QTest.keyClick(window, Key.Key_W, CTRL)
    assert titles(window) == ["Untitled"]
    assert window.document.design == Design()


def test_closing_a_dirty_tab_asks_and_shows_it(qtbot: QtBot, tmp_path: Path) -> None:
    window = make(qtbot, asks=True)
    path = put(tmp_path, "A")
    window.files.open_path(path)
    edited = widen(window)
    window.desk.workspace.show_next()
    shown: list[str] = []
    answer(Button.Cancel, lambda box: shown.append(window.document.design.name))
    QTest.mouseClick(window.desk.tabs, Qt.MouseButton.MiddleButton, NO_KEYS, tab_middle(window, 1))
    assert shown == ["A"]
    assert len(pages(window)) == 2
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    answer(Button.Save)
    QTest.keyClick(window, Key.Key_W, CTRL)
    assert len(pages(window)) == 1
    assert files.load(path) == edited
    assert window.close()


def test_closing_the_window_asks_once_for_all(qtbot: QtBot, tmp_path: Path) -> None:
    window = make(qtbot, asks=True)
    paths = [put(tmp_path, "A"), put(tmp_path, "B")]
    edited = []
    for path in paths:
        window.files.open_path(path)
        edited.append(widen(window))
    asked: list[str] = []
    answer(Button.Cancel, lambda box: asked.append(box.text()))
    assert not window.close()
    assert "A\nB" in asked[0]
    answer(Button.SaveAll)
    assert window.close()
    assert [files.load(path) for path in paths] == edited


def test_tab_menu_closes_the_others(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_paths([put(tmp_path, "A"), put(tmp_path, "B")])
    tabs = window.desk.tabs
    at = tab_middle(window, 1)
    QApplication.sendEvent(tabs, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, tabs.mapToGlobal(at)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    QTest.keyClick(menu, Key.Key_O)
    assert titles(window) == ["A"]


def test_a_closed_page_is_not_listened_to_any_more(window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    page = window.document.page
    window.files.close_page(page)
    history = heard(window.document.history_changed)
    page.edit("Widen", replace_settings(page.design, {"die_width_m": 0.03}))
    assert history == []


# Files under the pages' feet --------------------------------------------------------------------------------------


def test_save_as_does_not_overwrite_a_file_of_another_tab(window: MainWindow, tmp_path: Path) -> None:
    path = put(tmp_path, "A")
    kept = files.load(path)
    window.files.open_path(path)
    window.desk.workspace.show_next()
    assert not window.files.save_path(path)
    assert files.load(path) == kept
    assert "A.chip.json is open in another tab" in window.shell.notices.shown[-1].text


def test_open_design_follows_a_rename_in_the_library(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.files.open_path(put(tmp_path, "A"))
    library = window.desk.library
    library.set_folder(tmp_path)
    library.set_active(True)
    qtbot.waitUntil(lambda: library.loaded and not library.busy)
    library.rename(library.saved[0], "Better name")
    assert window.document.path == tmp_path / "Better-name.chip.json"
    assert window.document.design.name == "Better name"
    assert not window.document.dirty
    assert files.load(window.document.path) == window.document.design


def test_open_design_whose_file_is_deleted_is_unsaved(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = put(tmp_path, "A")
    window.files.open_path(path)
    window.desk.workspace.file_removed(path)
    assert window.document.path is None
    assert window.isWindowModified()
    assert titles(window)[1] == f"{DIRTY_MARK}A"


# Drops ------------------------------------------------------------------------------------------------------------


def drop(target: object, *paths: Path) -> bool:
    """Drag files onto a widget and let go; whether they were taken."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(5, 5), copy, mime, LEFT, NO_KEYS)
    QApplication.sendEvent(target, enter)  # type: ignore[arg-type]
    if enter.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), copy, mime, LEFT, NO_KEYS))  # type: ignore[arg-type]
    return enter.isAccepted()


def test_files_dropped_on_the_window_open_in_tabs(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    assert drop(window, put(tmp_path, "A"), tmp_path / "notes.txt", put(tmp_path, "B"))
    assert titles(window) == ["Tensor-core GPU, HBM3", "A", "B"]


def test_other_files_are_not_taken(window: MainWindow, tmp_path: Path) -> None:
    assert not drop(window, tmp_path / "notes.txt")
    assert len(pages(window)) == 1


def test_canvas_leaves_files_to_the_window(window: MainWindow, tmp_path: Path) -> None:
    assert drop(window.canvas.viewport(), put(tmp_path, "A"))
    assert titles(window) == ["Tensor-core GPU, HBM3", "A"]


# Recent files -----------------------------------------------------------------------------------------------------


def test_recent_files_come_newest_first_and_once() -> None:
    recent = RecentFiles(["/b", "", "/c", "/b"])
    recent.add(Path("/a"))
    recent.add(Path("/c"))
    assert recent.paths == ("/c", "/a", "/b")
    recent.moved(Path("/a"), Path("/z"))
    assert recent.paths == ("/c", "/z", "/b")
    for n in range(20):
        recent.add(Path(f"/{n}"))
    assert len(recent.paths) == MOST


def test_menu_greys_what_is_gone_and_tells_equal_names_apart(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    there = [put(tmp_path, "A"), put(tmp_path / "sub", "A")]
    recent = RecentFiles([*map(str, there), str(tmp_path / "gone.chip.json")])
    menu = RecentMenu(recent)
    qtbot.addWidget(menu)
    menu.fill()
    texts = {a.text(): a.isEnabled() for a in menu.actions() if a.text()}
    assert texts == {
        f"&1 A — {tmp_path.name}": True, "&2 A — sub": True, "&3 gone (missing)": False, "&Clear this list": True,
    }  # fmt: skip
    chosen = heard(menu.chosen)
    menu.actions()[1].trigger()
    assert chosen == [(there[1],)]
    menu.actions()[-1].trigger()
    assert recent.paths == ()
    assert not menu.menuAction().isEnabled()


def test_opened_and_saved_files_are_remembered(qtbot: QtBot, tmp_path: Path) -> None:
    window = make(qtbot, preferences=Preferences())
    path = put(tmp_path, "A")
    window.files.open_path(path)
    window.files.save_path(tmp_path / "b.chip.json")
    assert settings.load().recent == (str(tmp_path / "b.chip.json"), str(path))
    window.close()


def test_open_takes_several_files(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qt's own dialog stands in for the desktop's, which no test can reach."""
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", _with_qt_dialog)
    paths = [put(tmp_path, "A"), put(tmp_path, "B")]

    def choose() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(5, choose)
            return
        dialog.findChild(object, "fileNameEdit").setText(" ".join(f'"{p}"' for p in paths))
        dialog.accept()

    QTimer.singleShot(0, choose)
    window.commands["open"].trigger()
    assert titles(window) == ["Tensor-core GPU, HBM3", "A", "B"]


def _with_qt_dialog(parent: MainWindow, title: str, folder: str, filters: str) -> tuple[list[str], str]:
    dialog = QFileDialog(parent, title, folder, filters)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    chosen = dialog.selectedFiles() if dialog.exec() else []
    dialog.deleteLater()
    return chosen, ""


def test_a_first_design_is_saved_into_the_library(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "documents" / "Chipscape"
    window = make(qtbot, preferences=Preferences(library_folder=str(folder)))
    suggestion = window.files._suggestion(window.document.page)
    assert suggestion == str(folder / "Tensor-core-GPU-HBM3.chip.json")
    assert window.files.save_path(Path(suggestion))
    window.close()
