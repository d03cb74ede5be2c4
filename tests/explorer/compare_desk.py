"""A desk with the Compare view on it: an open example beside an H100, evaluated for real."""

from __future__ import annotations

import threading
from datetime import datetime

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from explorer.compare.view import CompareView
from explorer.compare.worker import ComparisonMaker, Request
from explorer.document import Baseline, Document
from explorer.evaluator import Evaluator
from hwlib.catalog import find_model, load_example
from hwlib.design.edit import replace_part
from hwlib.workload.scenario import Scenario

EXAMPLE = "systolic-tpu-hbm2"
H100 = "H100 80GB SXM5"
NOON = datetime(2026, 11, 22, 12, 0)


class CountingMaker(ComparisonMaker):
    """The real comparison; remembers what it was asked, and can be held."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.held = threading.Event()
        self.held.set()

    def __call__(self, request: Request):
        self.asked.append(request)
        self.held.wait()
        return super().__call__(request)


class Desk:
    """An open example beside an H100 in the Compare view, evaluated for real."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.document = Document(load_example(EXAMPLE), Scenario(), find_model("Llama-3.1-8B"), [Baseline(H100, H100)])
        self.maker = CountingMaker()
        self.evaluator = Evaluator(self.document)
        self.view = CompareView(self.document, compute=self.maker)
        self.comparing = self.view.comparing
        qtbot.addWidget(self.view)
        self.evaluator.finished.connect(self.view.show_results)
        self.evaluator.request()
        self.view.resize(1200, 760)
        with qtbot.waitActive(self.view):
            self.view.show()
            self.view.activateWindow()
        self.settle()

    @property
    def grid(self):
        return self.view.figures

    def settle(self) -> None:
        """Wait until the tables show what is compared now."""
        wanted = [s.id for s in self.comparing.subjects]

        def settled() -> bool:
            idle = self.evaluator.state in ("idle", "failed") and not self.view.worker.busy
            return idle and (not wanted or [t.id for t in self.grid.grid.titles] == wanted)

        self.qtbot.waitUntil(settled, timeout=20_000)

    def column(self, title: str) -> int:
        return [t.name for t in self.grid.grid.titles].index(title)

    def text(self, key: str, column: int) -> str:
        return next(n for n in self.grid.grid.lines if n.key == key).cells[column].text

    def value(self, key: str, column: int) -> float:
        value = self.view.compared.comparison.row(key).values[column]
        assert value is not None
        return value

    def head(self, column: int, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> QMenu:
        """Click a column's head; the menu that opens."""
        x = self.grid.head.sectionViewportPosition(column) + self.grid.head.sectionSize(column) // 2
        self.qtbot.mouseClick(self.grid.head.viewport(), button, pos=QPoint(x, 30))
        menus = [m for m in self.view.findChildren(QMenu) if m.isVisible()]
        assert len(menus) == 1
        return menus[0]

    def choose(self, menu: QMenu, words: str) -> None:
        action = next(a for a in menu.actions() if a.text().replace("&", "") == words)
        self.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())

    def wider_memory(self) -> None:
        """What a student does: HBM2 becomes HBM3."""
        block = next(b for b in self.document.design.blocks if b.kind == "dram")
        self.document.edit(
            "HBM3", replace_part(self.document.design, block.id, {"technology": "HBM3", "bandwidth_Bps": None})
        )
