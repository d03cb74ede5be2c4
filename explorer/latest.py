"""Work in the background where only the newest order counts: one under way, one waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

log = logging.getLogger(__name__)

Work = Callable[[], object]


class _Job(QRunnable):
    def __init__(self, work: Work, done: Callable[[object], None]) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._work, self._done = work, done

    def run(self) -> None:
        outcome: object = None
        try:
            outcome = self._work()
        except Exception:
            log.exception("work in the background failed")
        self._done(outcome)


class Latest(QObject):
    """Runs orders one after the other on a thread of its own; a new one replaces the one that waits."""

    done = Signal(object)
    """What an order gave; None where it failed."""
    _arrived = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._running: _Job | None = None
        self._waiting: Work | None = None
        self._closed = False
        self._arrived.connect(self._receive, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """True while an order runs or waits."""
        return self._running is not None or self._waiting is not None

    def order(self, work: Work) -> None:
        """Have `work` done. It runs on another thread, so it may only read what never changes."""
        if self._closed:
            return
        self._waiting = work
        if self._running is None:
            self._start()

    def shutdown(self) -> None:
        """Drop what waits, let what runs end, and announce nothing any more."""
        self._closed, self._waiting = True, None
        self._pool.waitForDone()
        self._running = None

    def _start(self) -> None:
        if self._waiting is not None:
            work, self._waiting = self._waiting, None
            self._running = _Job(work, self._arrived.emit)
            self._pool.start(self._running)

    def _receive(self, outcome: object) -> None:
        if self._closed:
            return
        self._running = None
        self._start()
        self.done.emit(outcome)
