"""The canvas' half of `chipscape bench --ui`: how soon a drag is seen on a chip of 1,000 blocks, in the whole window.

A mouse moves one linked block a step every 16 ms, 300 steps long; per painted frame of the canvas the time from the
newest move that it shows to the end of its paint. Moves whose time has come while the window was busy come at once, as
a window system sends them. Everything else runs as always: evaluation, charts, findings, recovery.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QEvent, QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from explorer.screenshot import run_events, wait_for_results
from hwlib.bench import quantile
from hwlib.catalog import load_example
from hwlib.design.design import Block, Design, Link, Placement
from hwlib.design.parts import Sram

if TYPE_CHECKING:
    from explorer.main_window import MainWindow

BLOCKS = 1000
ACROSS = 32
STEPS = 300
INTERVAL_MS = 16
REST_MS = 500
PITCH_M = 8e-4
KiB = 1024
DRAGGED = "sram-500"


def large_design(blocks: int = BLOCKS) -> Design:
    """A chip that runs an LLM, with this many blocks: those of an example, and small SRAMs linked in rows."""
    base = load_example("tensor-gpu-hbm3")
    part = Sram(capacity_bytes=64 * KiB)
    names = [f"sram-{n}" for n in range(blocks - len(base.blocks))]
    places = [Placement(x_m=(n % ACROSS) * PITCH_M, y_m=(n // ACROSS) * PITCH_M) for n in range(len(names))]
    added = tuple(
        Block(id=name, name=name.upper(), part=part, placement=place) for name, place in zip(names, places, strict=True)
    )
    links = tuple(
        Link(id=f"row-{n}", source=names[n], target=names[n + 1], width_bits=256, clock_Hz=1e9)
        for n in range(len(names) - 1)
        if (n + 1) % ACROSS
    )
    return msgspec.structs.replace(base, name=f"{blocks} blocks", blocks=base.blocks + added, links=base.links + links)


class Drag(QObject):
    """Drags one block over the canvas by mouse events and records how old each painted frame's newest move is."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._view = window.canvas.viewport()
        self.delays_s: list[float] = []
        self._shown_s: float | None = None
        self._step = 0
        self._start_s = 0.0
        centre = window.canvas.chip.blocks[DRAGGED].rect
        at = QPointF(centre.x_m + centre.width_m / 2, centre.y_m + centre.height_m / 2) * 1e6
        self._from = window.canvas.mapFromScene(at)
        self._loop = QEventLoop(self)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._move_due)

    def run(self) -> list[float]:
        """The delays in seconds of all painted frames."""
        self._view.installEventFilter(self)
        self._send(QEvent.Type.MouseButtonPress, self._from, Qt.MouseButton.LeftButton)
        self._start_s = time.perf_counter()
        self._timer.start()
        self._loop.exec()
        run_events(REST_MS)
        self._send(QEvent.Type.MouseButtonRelease, self._place(STEPS), Qt.MouseButton.LeftButton)
        self._view.removeEventFilter(self)
        return self.delays_s

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Take the time once the canvas has painted."""
        if event.type() == QEvent.Type.Paint and self._shown_s is not None:
            moved_s, self._shown_s = self._shown_s, None
            # The paint is handled after this filter; the next event comes when the whole frame is done.
            QTimer.singleShot(0, lambda: self.delays_s.append(time.perf_counter() - moved_s))
        return False

    def _move_due(self) -> None:
        while self._step < STEPS:
            due_s = self._start_s + self._step * INTERVAL_MS / 1e3
            if due_s > time.perf_counter():
                return
            self._step += 1
            self._send(QEvent.Type.MouseMove, self._place(self._step), Qt.MouseButton.NoButton)
            self._shown_s = due_s
        self._timer.stop()
        self._loop.quit()

    def _place(self, step: int) -> QPoint:
        """To and fro, two pixels a step."""
        return self._from + QPoint(2 * min(step % 100, 100 - step % 100), step % 7)

    def _send(self, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton) -> None:
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else Qt.MouseButton.LeftButton
        place = QPointF(at)
        glob = QPointF(self._view.mapToGlobal(at))
        QApplication.sendEvent(self._view, QMouseEvent(kind, place, glob, button, held, Qt.KeyboardModifier.NoModifier))


def measure(window: MainWindow) -> dict[str, float | int]:
    """The `ui.canvas_1000_…` keys of `chipscape bench --json`, of a window that is up. Raises ValueError."""
    window.files.show_design(large_design())
    wait_for_results(window)
    window.canvas.fit()
    run_events(REST_MS)
    results = window.evaluator.results
    delays_s = Drag(window).run()
    if len(delays_s) < 2 or results is None:
        raise ValueError("the canvas was not painted")
    return {
        "canvas_1000_drag_p50_s": quantile(delays_s, 0.50),
        "canvas_1000_drag_p95_s": quantile(delays_s, 0.95),
        "canvas_1000_longest_s": max(delays_s),
        "canvas_1000_frames": len(delays_s),
        "canvas_1000_evaluation_s": results.elapsed_s,
    }
