"""A user of the window: speaks in parts, fields and files, and acts by mouse and keyboard alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QPushButton, QWidget

from explorer.charts.memory_wall import MemoryWallChart
from explorer.main_window import MainWindow
from explorer.panels.rows import FieldRow
from explorer.screenshot import run_events
from explorer.widgets.device_timing import DeviceTiming

PATIENCE_S = 60.0
MM = 1e-3
NO_KEYS = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


class User:
    """Works in one window, and waits after each action until the window is at rest."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        window.show()
        window.activateWindow()
        self.wait(window.isActiveWindow)
        self.rest()

    # Waiting ---------------------------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object]) -> None:
        """Let the window work until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the window did not get there"
            run_events(5)

    def rest(self) -> None:
        """Wait until the newest figures are on screen."""
        evaluator = self.window.evaluator
        self.wait(lambda: evaluator.state in ("idle", "failed") and not evaluator.painting)
        assert evaluator.state == "idle", evaluator.error

    # Drawing ---------------------------------------------------------------------------------------------------------

    def drop(self, part: str, at_mm: tuple[float, float]) -> None:
        """Drag a part from the palette onto the die."""
        target, pos = self.window.canvas.viewport(), self._pixel(at_mm)
        mime = self.window.parts.list.mimeData([self.window.parts.list.item_of(part)])
        copy = Qt.DropAction.CopyAction
        QApplication.sendEvent(target, QDragEnterEvent(pos, copy, mime, LEFT, NO_KEYS))
        QApplication.sendEvent(target, QDropEvent(QPointF(pos), copy, mime, LEFT, NO_KEYS))
        self.rest()

    def click_part(self, part: str, at_mm: tuple[float, float]) -> None:
        """Click a part in the palette, then the place on the die."""
        parts = self.window.parts.list
        item = parts.item_of(part)
        parts.scrollToItem(item)
        QTest.mouseClick(parts.viewport(), LEFT, NO_KEYS, parts.visualItemRect(item).center())
        canvas = self.window.canvas
        QTest.mouseMove(canvas.viewport(), self._pixel(at_mm))
        QTest.mouseClick(canvas.viewport(), LEFT, NO_KEYS, self._pixel(at_mm))
        self.rest()

    def connect(self, source: str, target: str) -> None:
        """Draw a link from block to block."""
        canvas = self.window.canvas
        canvas.setFocus()
        QTest.keyClick(canvas, Qt.Key.Key_C)
        self._drag(self._middle(source), self._middle(target))
        QTest.keyClick(canvas, Qt.Key.Key_Escape)
        self.rest()

    def move(self, block: str, by_mm: tuple[float, float]) -> None:
        """Drag a block across the die."""
        x, y = self._centre_mm(block)
        self._drag(self._middle(block), self._pixel((x + by_mm[0], y + by_mm[1])))
        self.rest()

    def select(self, block: str) -> None:
        """Click a block."""
        QTest.mouseClick(self.window.canvas.viewport(), LEFT, NO_KEYS, self._middle(block))
        self.rest()

    def set(self, field: str, text: str) -> None:
        """Type a value into a field of the inspector."""
        row = next(r for r in self.window.inspector.findChildren(FieldRow) if r.isVisible() and r.label.text() == field)
        line = row.editor.findChild(QLineEdit)
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self.rest()

    def pick(self, field: str, choice: str) -> None:
        """Choose a value of a list in the inspector, by typing its name."""
        row = next(r for r in self.window.inspector.findChildren(FieldRow) if r.isVisible() and r.label.text() == field)
        box = row.editor if isinstance(row.editor, QComboBox) else row.editor.findChild(QComboBox)
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_Home)
        while box.currentText() != choice:
            at = box.currentIndex()
            QTest.keyClick(box, Qt.Key.Key_Down)
            assert box.currentIndex() != at, f"there is no {choice}"
        QTest.keyClick(box, Qt.Key.Key_Return)
        self.rest()

    def set_scenario(self, field: str, text: str) -> None:
        """Type a value into a field of the scenario bar."""
        line = self.window.scenario_bar.editors[field].findChild(QLineEdit)
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self.rest()

    # Commands --------------------------------------------------------------------------------------------------------

    def press(self, keys: Qt.Key, modifiers: Qt.KeyboardModifier = NO_KEYS) -> None:
        """Press keys while the canvas has the focus."""
        self.window.canvas.setFocus()
        QTest.keyClick(self.window.canvas, keys, modifiers)
        self.rest()

    def undo(self) -> None:
        """Ctrl+Z."""
        self.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        """Ctrl+Shift+Z."""
        self.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)

    def choose(self, *path: str) -> None:
        """Choose an entry of the menus by its words, "&" and "…" left out."""
        actions: list[QAction] = self.window.menuBar().actions()
        for n, words in enumerate(path):
            action = next(a for a in actions if a.text().replace("&", "").rstrip("…") == words)
            assert action.isEnabled(), f"{words} is greyed out"
            if n == len(path) - 1:
                action.trigger()
            else:
                actions = action.menu().actions()
        self.rest()

    def save_as(self, path: Path) -> None:
        """Save as, and name the file in the dialog."""
        self._answer_dialog(path)
        self.choose("File", "Save as")

    def save(self) -> None:
        """Ctrl+S."""
        self.press(Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)

    def open(self, path: Path) -> None:
        """Open, and name the file in the dialog."""
        self._answer_dialog(path)
        self.choose("File", "Open")

    def compare(self) -> None:
        """F6, and wait for the figures of all that is compared."""
        self.press(Qt.Key.Key_F6)
        self.rest_compared()

    def compare_with(self, typed: str) -> None:
        """Add, type a part of a name, Enter."""
        view = self.window.room.view
        QTest.mouseClick(view.add, LEFT)
        popup = view.adding.popup
        QTest.keyClicks(popup.line, typed)
        QTest.keyClick(popup.line, Qt.Key.Key_Return)
        self.rest_compared()

    def rest_compared(self) -> None:
        """Wait until the table shows everything that is compared."""
        self.rest()
        view = self.window.room.view
        self.wait(lambda: not view.worker.busy and len(view.figures.grid.titles) == len(view.comparing.subjects))

    def compared(self, label: str) -> dict[str, str]:
        """A row of the comparison as shown: the text under each name."""
        grid = self.window.room.view.figures.grid
        line = next(line for line in grid.lines if line.label == label)
        return {title.name: cell.text for title, cell in zip(grid.titles, line.cells, strict=True)}

    def export_comparison(self, words: str, path: Path) -> None:
        """Choose a format of the Export menu, and name the file in the dialog."""
        self._answer_dialog(path)
        menu = self.window.room.view.export_menu
        next(a for a in menu.actions() if words in a.text().replace("&", "")).trigger()
        self.rest()

    def _answer_dialog(self, path: Path) -> None:
        """Fill in the next file dialog once it is there."""

        def fill() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog):
                QTimer.singleShot(20, fill)
                return
            line = dialog.findChild(QLineEdit, "fileNameEdit")
            line.setText(str(path))
            button = next(b for b in dialog.findChildren(QPushButton) if b.isDefault())
            button.click()

        QTimer.singleShot(0, fill)

    def show_wall(self, by: str) -> None:
        """F7, and choose what the memory wall is drawn against; wait for its curve."""
        self.press(Qt.Key.Key_F7)
        wall = self._wall()
        key = next(key for key, words in wall.axis_chooser.words.items() if words == f"by {by}")
        next(a for a in wall.axis_chooser.menu().actions() if a.data() == key).trigger()
        self.wait(lambda: wall.values().rows)

    def drag_wall(self, to: float) -> None:
        """Drag the present point of the memory wall to a value of its axis."""
        wall = self._wall()
        view = wall.plot.viewport()
        start = self._wall_pixel(wall.handle.at)
        end = self._wall_pixel((math.log10(to), wall.handle.at[1]))
        QTest.mouseMove(view, start)
        QTest.mousePress(view, LEFT, NO_KEYS, start)
        for step in (1, 2, 3, 4):
            QTest.mouseMove(view, start + (end - start) * step / 4)
            run_events(10)
        QTest.mouseRelease(view, LEFT, NO_KEYS, end)
        self.rest()

    def step_wall(self, keys: int) -> None:
        """Press the right arrow on the memory wall so many times."""
        plot = self._wall().plot
        plot.setFocus()
        for _ in range(keys):
            QTest.keyClick(plot, Qt.Key.Key_Right)
        self.rest()

    def _wall(self) -> MemoryWallChart:
        wall = self.window.charts["memory_wall"]
        assert isinstance(wall, MemoryWallChart)
        return wall

    def _wall_pixel(self, at: tuple[float, float]) -> QPoint:
        plot = self._wall().plot
        return plot.mapFromScene(plot.box.mapToScene(self._wall().handle.to_pixels(*at)))

    # Placement -------------------------------------------------------------------------------------------------------

    def arrange(self) -> str:
        """Edit, Auto-arrange; what the notice says."""
        self.choose("Edit", "Auto-arrange")
        self.wait(lambda: not self.window.arranger.busy)
        self.rest()
        return str(self.window.shell.notices.shown[-1].text)

    def show_placement(self) -> None:
        """Shift+F7, and wait for the best placement."""
        self.press(Qt.Key.Key_F7, Qt.KeyboardModifier.ShiftModifier)
        self.rest_placed()

    def rest_placed(self) -> None:
        """Wait until the best placement of the newest design is on show."""
        self.rest()
        self.wait(lambda: self.window.chart_room.placement.refined is not None)

    def placed(self, operator: str) -> dict[str, str]:
        """A row of the placement as shown, by memory."""
        model = self.window.chart_room.placement.model
        row = next(r for r in range(model.rowCount()) if model.index(r, 0).data() == operator)
        heads = [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]
        return {head: model.index(row, c).data() for c, head in enumerate(heads)}

    def drag_weights(self, operator: str, onto: str) -> str:
        """Drag a row of the placement onto a block; what the canvas said before it was let go of."""
        model, target = self.window.chart_room.placement.model, self.window.canvas.viewport()
        row = next(r for r in range(model.rowCount()) if model.index(r, 0).data() == operator)
        mime, pos, copy = model.mimeData([model.index(row, 0)]), self._middle(onto), Qt.DropAction.CopyAction
        QApplication.sendEvent(target, QDragEnterEvent(pos, copy, mime, LEFT, NO_KEYS))
        QApplication.sendEvent(target, QDragMoveEvent(pos, copy, mime, LEFT, NO_KEYS))
        said = self.window.canvas.pin_target.words
        QApplication.sendEvent(target, QDropEvent(QPointF(pos), copy, mime, LEFT, NO_KEYS))
        self.rest_placed()
        return said

    # Evidence --------------------------------------------------------------------------------------------------------

    def baselines(self) -> list[str]:
        """The names on the baselines' chips."""
        return [chip.name for chip in self.window.baseline_picker.chips]

    def _open_baseline(self, typed: str) -> DeviceTiming:
        picker = self.window.baseline_picker
        chip = next(c for c in picker.chips if c.name.startswith(typed))
        QTest.mouseClick(chip, LEFT)
        popup = picker.timing
        assert popup is not None
        return popup

    def ask_about_baseline(self, typed: str) -> None:
        """Click a baseline's chip, then "How do you know?"."""
        QTest.mouseClick(self._open_baseline(typed).evidence, LEFT)
        self.wait(lambda: self.window.evidence.dialog is not None and self.window.evidence.dialog.isVisible())

    def time_baseline(self, typed: str, kernels_of: str) -> None:
        """Click a baseline's chip and choose whose kernels it runs, by typing the name."""
        popup = self._open_baseline(typed)
        popup.framework.setFocus()
        while popup.framework.currentText() != kernels_of:
            at = popup.framework.currentIndex()
            QTest.keyClick(popup.framework, Qt.Key.Key_Down)
            assert popup.framework.currentIndex() != at, f"there is no {kernels_of}"
            self.rest()
        popup.close()
        self.rest()

    def evidence(self) -> dict[str, dict[str, str]]:
        """The lines of the dialog about evidence by what they are about, its form left out."""
        table = self.window.evidence.dialog.kernels
        head = [table.horizontalHeaderItem(c).text() for c in range(table.columnCount())]
        return {row[0].split(",")[0]: dict(zip(head, row, strict=True)) for row in table.texts()}

    def validate(self, table: Path) -> list[dict[str, str]]:
        """Tools, Validate a table, and name the table; the lines of errors."""
        self.choose("Tools", "Validate a table")
        dialog = self.window.evidence.validation
        self._answer_dialog(table)
        QTest.mouseClick(dialog.opening, LEFT)
        self.wait(lambda: not dialog.task.busy and dialog.judged is not None)
        grid = dialog.groups
        head = [grid.horizontalHeaderItem(c).text() for c in range(grid.columnCount())]
        lines = [dict(zip(head, row, strict=True)) for row in grid.texts()]
        dialog.close()
        return lines

    def calibrate(self, table: Path, path: Path) -> None:
        """Tools, Calibrate from a table, name the table, Fit, Save and use."""
        self.choose("Tools", "Calibrate from a table")
        dialog = self.window.evidence.calibration
        self._answer_dialog(table)
        QTest.mouseClick(dialog.opening, LEFT)
        self.wait(lambda: not dialog.busy)
        QTest.mouseClick(dialog.fit, LEFT)
        self.wait(lambda: not dialog.busy)
        assert dialog.found is not None, dialog.said.text()
        self._answer_dialog(path)
        QTest.mouseClick(dialog.use, LEFT)
        dialog.close()
        self.rest()

    def ratio(self, card: str, line: int) -> str:
        """A line under a headline figure."""
        found = next(c for c in self.window.headline.cards.values() if c.content.label.startswith(card))
        return found.content.lines[line][0]

    def ratio_value(self, card: str, line: int) -> float:
        """The ratio in a line under a headline figure."""
        return float(self.ratio(card, line).split()[1].lstrip("×"))

    # Looking ---------------------------------------------------------------------------------------------------------

    def figures(self, chart: str) -> list[tuple[str | float, ...]]:
        """The rows of figures behind a chart on screen."""
        return [tuple(row) for row in self.window.charts[chart].values().rows]

    def tokens_per_s(self) -> float:
        """The headline's throughput of the decode."""
        results = self.window.evaluator.results
        assert results is not None
        assert results.report.metrics is not None
        return results.report.metrics.tokens_per_s

    def joules_per_token(self) -> float:
        """The headline's energy of a token."""
        results = self.window.evaluator.results
        assert results is not None
        assert results.report.metrics is not None
        return results.report.metrics.energy_per_token_J

    def title(self) -> str:
        """The window's title, with its mark for unsaved changes."""
        window = self.window
        return window.windowTitle().replace("[*]", "*" if window.isWindowModified() else "")

    def blocks(self) -> list[str]:
        """The names of the blocks on the canvas."""
        return [item.block.name for item in self.window.canvas.chip.blocks.values()]

    def picture_of(self, widget: QWidget, path: Path) -> None:
        """Keep a picture."""
        widget.grab().save(str(path))

    # By hand ---------------------------------------------------------------------------------------------------------

    def _drag(self, start: QPoint, end: QPoint) -> None:
        viewport = self.window.canvas.viewport()
        QTest.mouseMove(viewport, start)
        QTest.mousePress(viewport, LEFT, NO_KEYS, start)
        for step in (1, 2, 3, 4):
            QTest.mouseMove(viewport, start + (end - start) * step / 4)
        QTest.mouseRelease(viewport, LEFT, NO_KEYS, end)

    def _pixel(self, at_mm: tuple[float, float]) -> QPoint:
        return self.window.canvas.pixel((at_mm[0] * MM, at_mm[1] * MM))

    def _middle(self, block: str) -> QPoint:
        return self._pixel(self._centre_mm(block))

    def _centre_mm(self, block: str) -> tuple[float, float]:
        item = next(i for i in self.window.canvas.chip.blocks.values() if i.block.name == block)
        rect = item.rect
        return (rect.x_m + rect.width_m / 2) / MM, (rect.y_m + rect.height_m / 2) / MM
