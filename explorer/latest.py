"""Work in the background, on a thread of its own: one job after another, or only the newest of what is ordered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

log = logging.getLogger(__name__)

Work = Callable[[], object]


@dataclass(frozen=True)
class Failure:
    """What work that raised leaves, in words."""

    message: str


class _Job(QRunnable):
    """Work on another thread; whatever happens, it tells of it."""

    def __init__(self, work: Work, what: str, done: Callable[[object], None]) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._work, self._what, self._done = work, what, done

    def run(self) -> None:
        try:
            outcome: object = self._work()
        except Exception as error:
            log.exception("%s failed", self._what)
            outcome = Failure(f"{type(error).__name__}: {error}")
        self._done(outcome)


class Lane(QObject):
    """Runs one job at a time. `what` names it in the log, as in "the evaluation"."""

    done = Signal(object)
    """What the job gave, or a Failure."""
    _arrived = Signal(object)

    def __init__(self, what: str, parent: QObject) -> None:
        super().__init__(parent)
        self._what = what
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._pool.setExpiryTimeout(-1)
        self._running: _Job | None = None
        self._closed = False
        self._arrived.connect(self._receive, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """True from the start of a job until it is told of."""
        return self._running is not None

    def start(self, work: Work) -> None:
        """Have `work` done, which may only read what never changes. Raises RuntimeError while busy or closed."""
        if self._closed or self._running is not None:
            raise RuntimeError("one job at a time, and none after the end")
        self._running = _Job(work, self._what, self._arrived.emit)
        self._pool.start(self._running)

    def shutdown(self) -> None:
        """Let the job end; nothing is announced any more."""
        self._closed = True
        self._pool.waitForDone()
        self._running = None

    def _receive(self, outcome: object) -> None:
        if not self._closed:
            self._running = None
            self.done.emit(outcome)


class Latest(QObject):
    """Runs orders one after the other; a new one replaces the one that waits."""

    done = Signal(object)
    """What an order gave."""
    failed = Signal(str)
    """In place of `done` where an order raised."""

    def __init__(self, what: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = Lane(what, self)
        self._waiting: Work | None = None
        self._closed = False
        self._lane.done.connect(self._receive)

    @property
    def busy(self) -> bool:
        """True while an order runs or waits."""
        return self._lane.busy or self._waiting is not None

    def order(self, work: Work) -> None:
        """Have `work` done. It runs on another thread, so it may only read what never changes."""
        if not self._closed:
            self._waiting = work
            self._start()

    def cancel_waiting(self) -> None:
        """Drop the order that waits."""
        self._waiting = None

    def shutdown(self) -> None:
        """Drop what waits, let what runs end, and announce nothing any more."""
        self._closed, self._waiting = True, None
        self._lane.shutdown()

    def _start(self) -> None:
        if self._waiting is not None and not self._lane.busy:
            work, self._waiting = self._waiting, None
            self._lane.start(work)

    def _receive(self, outcome: object) -> None:
        self._start()
        if isinstance(outcome, Failure):
            self.failed.emit(outcome.message)
        else:
            self.done.emit(outcome)
