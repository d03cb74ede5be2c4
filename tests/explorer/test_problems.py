"""The findings list: what it shows, in which order, and that it leads to the blocks."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow

from explorer.panels.problems import FINDING_ROLE, Problems, finding_text
from hwlib.design.design import Design, Finding
from hwlib.evaluate import evaluate
from hwlib.report import Report
from tests.explorer.factories import LLAMA, SCENARIO, design, document, does_not_fit, report, results

NOTE = Finding(severity="note", code="scope", message="Energy by actions, package.")
PATH = Finding(severity="error", code="no_path", message="No path from HBM3 to the tensor cores.",
               mend="Link HBM3 to L2.", blocks=("hbm", "mxu"))  # fmt: skip
OVERLAP = Finding(severity="warning", code="overlap", message="L2 overlaps the vector unit by 2.1 mm².",
                  mend="Move one of them.", blocks=("l2", "vec"))  # fmt: skip


@pytest.fixture
def opened():
    return document()


@pytest.fixture
def window(qtbot, opened):
    main = QMainWindow()
    qtbot.addWidget(main)
    dock = QDockWidget("Findings", main)
    dock.setWidget(Problems(opened))
    main.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    with qtbot.waitActive(main):
        main.show()
        main.activateWindow()
    return main


@pytest.fixture
def panel(window) -> Problems:
    return window.findChild(Problems)


def show(panel: Problems, *findings: Finding, base: Report | None = None) -> None:
    panel.show_results(results(msgspec.structs.replace(base or report(), findings=findings)))


def click(qtbot, panel: Problems, row: int) -> None:
    place = panel.list.visualRect(panel.list.model().index(row, 0)).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_the_worst_comes_first_and_the_dock_counts(window, panel) -> None:
    show(panel, NOTE, OVERLAP, PATH)
    assert panel.findings == (PATH, OVERLAP, NOTE)
    assert window.findChild(QDockWidget).windowTitle() == "Findings (3)"
    assert panel.empty.isHidden()


def test_without_findings_it_says_so(window, panel) -> None:
    show(panel, NOTE)
    show(panel)
    assert panel.empty.isVisible()
    assert panel.empty.text() == "No findings"
    assert window.findChild(QDockWidget).windowTitle() == "Findings"


def test_a_click_selects_the_blocks(qtbot, opened, panel) -> None:
    show(panel, PATH, OVERLAP)
    click(qtbot, panel, 1)
    assert opened.selection == {"l2", "vec"}
    click(qtbot, panel, 0)
    assert opened.selection == {"hbm", "mxu"}


def test_a_finding_about_no_block_keeps_the_selection(qtbot, opened, panel) -> None:
    show(panel, NOTE)
    opened.select({"l2"})
    click(qtbot, panel, 0)
    assert opened.selection == {"l2"}


def test_the_arrow_keys_lead_through_the_findings(qtbot, opened, panel) -> None:
    show(panel, PATH, OVERLAP)
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert opened.selection == {"l2", "vec"}


def test_a_finding_is_copied(qtbot, panel) -> None:
    show(panel, PATH)
    click(qtbot, panel, 0)
    qtbot.keyClick(panel.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "Error: No path from HBM3 to the tensor cores.\nLink HBM3 to L2."


def test_figures_that_change_during_a_drag_keep_the_current_row(panel) -> None:
    show(panel, PATH, OVERLAP)
    panel.list.setCurrentIndex(panel.list.model().index(1, 0))
    smaller = msgspec.structs.replace(OVERLAP, message="L2 overlaps the vector unit by 1.9 mm².")
    show(panel, PATH, smaller)
    assert panel.list.currentIndex().row() == 1
    assert panel.list.currentIndex().data(FINDING_ROLE) == smaller


def test_the_reason_why_the_llm_does_not_run_leads(panel) -> None:
    bad = does_not_fit()
    show(panel, NOTE, base=bad)
    assert panel.findings[0].severity == "error"
    assert panel.findings[0].message == bad.reason
    told = Finding(severity="error", code="fit", message=bad.reason)
    show(panel, told, base=bad)
    assert panel.findings == (told,)


def test_an_empty_die_is_told_once_and_is_no_error(panel) -> None:
    nothing = evaluate(Design(), SCENARIO, LLAMA)
    show(panel, *nothing.findings, base=nothing)
    assert [f.severity for f in panel.findings] == ["note"]


def test_rows_wrap_with_the_width(qtbot, opened) -> None:
    panel = Problems(opened)
    qtbot.addWidget(panel)
    show(panel, PATH)
    heights = []
    for width in (600, 180):
        panel.resize(width, 300)
        panel.show()
        panel.list.doItemsLayout()
        heights.append(panel.list.visualRect(panel.list.model().index(0, 0)).height())
    assert heights[1] > heights[0]


def test_a_screen_reader_gets_severity_and_mend() -> None:
    assert finding_text(OVERLAP).startswith("Warning: L2 overlaps")
    assert "Move one of them." in finding_text(OVERLAP)
    assert {b for f in (PATH, OVERLAP) for b in f.blocks} <= {b.id for b in design().blocks}
