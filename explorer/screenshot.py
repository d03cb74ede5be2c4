"""Pictures of the window, or of one chart, with an evaluated design in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSize, QTimer
from PySide6.QtWidgets import QWidget

from explorer.main_window import MainWindow

PATIENCE_S = 120.0
POLL_MS = 5
SETTLE_MS = 60
"""After the results have painted: late layouts and their paints."""


class ScreenshotError(RuntimeError):
    """No picture: there is no such chart, the evaluation failed, or the file can't be written."""


def save(window: MainWindow, out: Path, size: QSize, chart: str | None = None) -> None:
    """Show a window, wait for its results, and save a picture of `size` of it or of the chart called `chart`.

    Raises ScreenshotError, which says what went wrong.
    """
    widget: QWidget = window
    if chart is not None:
        widget = _chart(window, chart)
    window.resize(size)
    window.show()
    wait_for_results(window)
    if chart is not None:
        _show_alone(widget, size)
    run_events(SETTLE_MS)
    # What is computed in the background once the charts have painted.
    wait_until(lambda: not window.chart_room.busy)
    run_events(SETTLE_MS)
    picture = widget.grab()
    if chart is not None:
        widget.close()
        widget.deleteLater()
    if not picture.save(str(out)):
        raise ScreenshotError(f"{out} can't be written; give a .png or .jpg file in a folder that exists")


def wait_for_results(window: MainWindow) -> None:
    """Process events until the evaluation's results are on screen. Raises ScreenshotError where it fails."""
    evaluator = window.evaluator
    wait_until(lambda: evaluator.state in ("idle", "failed") and not evaluator.painting)
    if evaluator.state == "failed":
        raise ScreenshotError(f"the evaluation failed: {evaluator.error}")


def wait_until(condition: Callable[[], bool]) -> None:
    """Run the event loop until a condition holds. Raises ScreenshotError where it takes unreasonably long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise ScreenshotError(f"no result after {PATIENCE_S:.0f} seconds")
        run_events(POLL_MS)


def run_events(duration_ms: int) -> None:
    """Run the event loop for a while."""
    loop = QEventLoop()
    QTimer.singleShot(duration_ms, loop.quit)
    loop.exec()


def _chart(window: MainWindow, name: str) -> QWidget:
    try:
        return window.charts[name]
    except KeyError:
        raise ScreenshotError(f"there is no chart {name!r}; choose one of {', '.join(window.charts)}") from None


def _show_alone(chart: QWidget, size: QSize) -> None:
    """Take a chart out of the window, so that the picture has exactly the size asked for."""
    chart.setParent(None)
    chart.resize(size)
    chart.show()
