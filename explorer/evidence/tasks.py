"""Long work for a dialog: on a thread of its own, with a count of what is done, and ended when the user has enough."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

log = logging.getLogger(__name__)


class CancelledError(Exception):
    """The user has had enough."""


class Progress:
    """What work reports to while it runs: `step` counts, and raises CancelledError where it shall end."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._ended = threading.Event()
        self._count = 0
        self._told = 0

    def end(self) -> None:
        """Have the next step raise."""
        self._ended.set()

    def step(self, more: int) -> None:
        """So many more are done. Raises CancelledError."""
        if self._ended.is_set():
            raise CancelledError
        self._count += more
        if self._count - self._told >= max(1, self._told // 50):
            self._told = self._count
            self._tell(self._count)


Work = Callable[[Progress], object]


class _Job(QRunnable):
    def __init__(self, work: Work, progress: Progress, done: Callable[[object], None]) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._work, self._progress, self._done = work, progress, done

    def run(self) -> None:
        outcome: Any
        try:
            outcome = self._work(self._progress)
        except CancelledError as error:
            outcome = error
        except ValueError as error:  # what hwlib says about a table, for people
            outcome = error
        except Exception as error:
            log.exception("work for a dialog failed")
            outcome = error
        self._done(outcome)


class Task(QObject):
    """Runs one piece of work at a time."""

    finished = Signal(object)
    """What the work gave."""
    failed = Signal(str)
    cancelled = Signal()
    counted = Signal(int)
    """So many rows are done."""
    _ended = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._job: _Job | None = None
        self._progress: Progress | None = None
        self._closed = False
        self._ended.connect(self._receive, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """True while work is under way."""
        return self._job is not None

    def start(self, work: Work) -> None:
        """Begin; nothing where other work is still under way."""
        if self._job is None and not self._closed:
            self._progress = Progress(self.counted.emit)
            self._job = _Job(work, self._progress, self._ended.emit)
            self._pool.start(self._job)

    def cancel(self) -> None:
        """Have the work end at its next step; `cancelled` tells when it has."""
        if self._progress is not None:
            self._progress.end()

    def shutdown(self) -> None:
        """End what is under way and wait for it; nothing is announced any more."""
        self._closed = True
        self.cancel()
        self._pool.waitForDone()
        self._job = self._progress = None

    def _receive(self, outcome: object) -> None:
        if self._closed:
            return
        self._job = self._progress = None
        if isinstance(outcome, CancelledError):
            self.cancelled.emit()
        elif isinstance(outcome, Exception):
            self.failed.emit(str(outcome) or type(outcome).__name__)
        else:
            self.finished.emit(outcome)
