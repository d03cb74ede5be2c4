"""What takes longer than a frame: begun in the background once edits and the hand rest, ended early when superseded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication

from explorer.latest import Latest
from hwlib.design.design import Design
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

REST_MS = 500
"""So long after the last edit the work begins."""
HELD_MS = 100
"""How often a hand that holds a mouse button is looked at again."""
KEPT = 8
"""Answers hold reports, and those of large designs are not small."""

Stop = Callable[[], bool]
Work = Callable[[Stop], object]


@dataclass(frozen=True, eq=False)
class Subject:
    """What work is about: a design, what it serves, and which of several questions is asked.

    Designs are the same where they are one value in memory: undo brings the old one back, and comparing two of many
    hundred blocks would cost every frame.
    """

    design: Design
    scenario: Scenario
    llm: LlmArchitecture
    question: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subject):
            return NotImplemented
        same = self.design is other.design and self.llm is other.llm
        return same and self.question == other.question and self.scenario == other.scenario

    def __hash__(self) -> int:
        return hash((id(self.design), id(self.llm), self.question))


@dataclass(frozen=True)
class _Ended:
    """The work was not wanted any more."""


class Rested(QObject):
    """Answers to the subject wanted last; answers are kept. Work is given a `stop` to ask now and then."""

    done = Signal(object, object)
    """(subject, what the work gave)."""
    failed = Signal(object, str)
    """(subject, what went wrong)."""
    state_changed = Signal()
    """Busy or not."""

    def __init__(self, what: str, rest_ms: int = REST_MS, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: tuple[Subject, Work] | None = None
        self._running: Subject | None = None
        self._stopped = threading.Event()
        self._kept: deque[tuple[Subject, object]] = deque(maxlen=KEPT)
        self._refused: Subject | None = None
        """The last subject whose work failed: it is not tried again by itself."""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(rest_ms)
        self._rest.timeout.connect(self._begin)
        self._worker = Latest(what, self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(self._fail)

    @property
    def busy(self) -> bool:
        """True while an answer is waited for."""
        return self._wanted is not None

    def known(self, subject: Subject) -> object | None:
        """The answer to a subject, None where it is not there yet."""
        return next((answer for other, answer in self._kept if other == subject), None)

    def want(self, subject: Subject, work: Work) -> None:
        """Have a subject worked on, in place of any other; nothing where that is under way or known."""
        if self._wanted is not None and self._wanted[0] == subject:
            return
        self.forget()
        if subject != self._refused and self.known(subject) is None:
            self._refused = None
            self._wanted = subject, work
            self._rest.start()
            self.state_changed.emit()

    def forget(self, *_: object) -> None:
        """Nothing is wanted any more: what runs ends as soon as it asks."""
        self._stopped.set()
        self._rest.stop()
        if self._wanted is not None:
            self._wanted = None
            self.state_changed.emit()

    def shutdown(self) -> None:
        """End what is under way; nothing is announced any more."""
        self.forget()
        self._worker.shutdown()

    def _begin(self) -> None:
        if self._wanted is None or self._worker.busy:
            return  # What ends now begins this one.
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._rest.start(HELD_MS)
            return
        self._running, work = self._wanted
        self._stopped = threading.Event()
        self._worker.order(partial(_run, work, self._stopped))

    def _receive(self, outcome: object) -> None:
        subject, self._running = self._running, None
        if subject is not None and not isinstance(outcome, _Ended):
            self._kept.append((subject, outcome))
            if self._settle(subject):
                self.done.emit(subject, outcome)
        self._resume()

    def _fail(self, message: str) -> None:
        subject, self._running = self._running, None
        if subject is not None and self._settle(subject):
            self._refused = subject
            self.failed.emit(subject, message)
        self._resume()

    def _settle(self, subject: Subject) -> bool:
        """True where it is this that is waited for; it is no longer."""
        if self._wanted is None or self._wanted[0] != subject:
            return False
        self._wanted = None
        self.state_changed.emit()
        return True

    def _resume(self) -> None:
        if self._wanted is not None and not self._rest.isActive():
            self._begin()


def _run(work: Work, stopped: threading.Event) -> object:
    """Do the work; what it raises after it was stopped is its way of ending."""
    try:
        return _Ended() if stopped.is_set() else work(stopped.is_set)
    except Exception:
        if stopped.is_set():
            return _Ended()
        raise
