"""A window on a small chip, for the tests of what surrounds the design."""

from __future__ import annotations

from PySide6.QtCore import QSize
from pytestqt.qtbot import QtBot

from explorer.app import build_window, default_baselines
from explorer.main_window import MainWindow
from explorer.screenshot import wait_for_results
from explorer.settings import Preferences
from hwlib.catalog import find_model
from hwlib.design.design import Design
from hwlib.design.edit import connect
from hwlib.workload.scenario import Scenario
from tests.explorer.factories import design as small_chip

LARGE = QSize(1600, 1000)


def linked_chip() -> Design:
    """A small chip that runs an LLM."""
    design = small_chip()
    for source, target in (("hbm", "l2"), ("l2", "mxu"), ("l2", "vec")):
        design = connect(design, source, target)
    return design


def make(qtbot: QtBot, preferences: Preferences | None = None, size: QSize = LARGE) -> MainWindow:
    """A window on screen, evaluated, that asks nothing."""
    window = build_window(
        linked_chip(), Scenario(), find_model("Llama-3.1-8B"), default_baselines(), "light",
        size=size, preferences=preferences,
    )  # fmt: skip
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    wait_for_results(window)
    return window
