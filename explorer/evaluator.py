"""Evaluates the document in the background: one evaluation in flight, one waiting, the newest edit first."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from explorer.document import Baseline, Document
from explorer.kept_reports import KeptReports
from explorer.latest import Failure, Lane

if TYPE_CHECKING:
    from hwlib.design.design import Design
    from hwlib.report import Report
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

State = Literal["idle", "running", "stale", "failed"]
PAINT_FALLBACK_MS = 50
SLOW_S = 0.03
"""An evaluation that takes longer than a frame is felt in every frame that is painted meanwhile."""
PAUSE = 15
"""Such a one is followed by a pause of so many times its length,"""
MOST_PAUSE_S = 1.5
REST_S = 0.1
"""but only as long as edits follow each other more closely than this."""


@dataclass(frozen=True)
class Request:
    """What to evaluate. `generation` counts the changes of the document."""

    generation: int
    design: Design
    scenario: Scenario
    llm: LlmArchitecture
    baselines: tuple[Baseline, ...]


@dataclass(frozen=True)
class Results:
    """What an evaluation found: the design's report, one per baseline, and the time the design's took."""

    generation: int
    report: Report
    baselines: tuple[Report, ...]
    elapsed_s: float
    compared: tuple[Baseline, ...] = ()
    """What the baselines' reports are of, in the same order; empty where nobody asked by `Request`."""

    def pairs(self) -> list[tuple[Baseline, Report]]:
        """The baselines with their reports."""
        return list(zip(self.compared, self.baselines, strict=False))


Compute = Callable[[Request], Results]


class ReportMaker:
    """Calls hwlib for a request. Baseline reports are kept, so that a drag does not compute them again."""

    def __init__(self, kept: KeptReports | None = None) -> None:
        self.kept = kept or KeptReports()

    def __call__(self, request: Request) -> Results:
        """The results of a request; called on the worker thread. Raises what hwlib raises."""
        # Imported on the worker, so that the window is up before scipy is loaded.
        from hwlib.evaluate import evaluate

        start = time.perf_counter()
        report = evaluate(request.design, request.scenario, request.llm)
        elapsed_s = time.perf_counter() - start
        baselines = tuple(self.kept.report(b, request.scenario, request.llm) for b in request.baselines)
        return Results(request.generation, report, baselines, elapsed_s, request.baselines)


class Evaluator(QObject):
    """Follows a document. A finished result is shown even when an edit waits, which starts once the charts painted.

    Measured: throwing superseded results away starves the charts during a drag, and starting the next evaluation
    before the paint makes both share the interpreter lock, which doubles the time from edit to repaint.

    Designs of many hundred blocks take longer than a frame. While they are dragged, evaluations pause (see SLOW_S), and
    the last edit is evaluated as soon as the hand rests.
    """

    finished = Signal(object)
    """Results, in the order of their generations."""
    state_changed = Signal(str)
    failed = Signal(str)
    frame_painted = Signal(object)
    """The generation that the visible charts have just painted."""
    _go = Signal()

    def __init__(self, document: Document, compute: Compute | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._compute = compute or ReportMaker()
        self._lane = Lane("the evaluation", self)
        self._waiting: Request | None = None
        self._unpainted: int | None = None
        self._generation = 0
        self._state: State = "idle"
        self._closed = False
        self.results: Results | None = None
        """The results shown last."""
        self.error = ""
        """The message of the last evaluation, empty where it succeeded."""
        self._fallback = QTimer(self)
        self._fallback.setSingleShot(True)
        self._fallback.setInterval(PAINT_FALLBACK_MS)
        self._fallback.timeout.connect(self._release)
        # After a paint, edits that came in meanwhile are taken in first, so that the newest one is evaluated (measured:
        # 15 ms less from edit to repaint). A timer comes after them; a posted event would come before.
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._start)
        # After an edit, the evaluation starts before the canvas repaints: repaints have the lowest priority of events.
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._start)
        self._took_s: deque[float] = deque(maxlen=3)
        self._ended_s = self._asked_s = 0.0
        self._go.connect(self._start, Qt.ConnectionType.QueuedConnection)
        self._lane.done.connect(self._receive)
        document.changed.connect(self.request)
        document.scenario_changed.connect(self.request)
        document.model_changed.connect(self.request)
        document.baselines_changed.connect(self.request)

    @property
    def state(self) -> State:
        """idle: what is shown is up to date. running: it soon is. stale: an edit waits. failed: see `error`."""
        return self._state

    @property
    def painting(self) -> bool:
        """True from the moment that results are out until the charts have painted them."""
        return self._unpainted is not None

    @property
    def generation(self) -> int:
        """Number of the newest request."""
        return self._generation

    def request(self, *_: object) -> None:
        """Evaluate the document as it stands; replaces a request that still waits."""
        if self._closed:
            return
        self._generation += 1
        self._asked_s = time.monotonic()
        d = self._document
        self._waiting = Request(self._generation, d.design, d.scenario, d.llm, d.baselines)
        self._advance()

    def painted(self, generation: int) -> None:
        """The visible charts have painted the results of `generation`: the waiting request may start.

        One chart may speak for all: widgets of a window paint in one go, and charts tell of it an event later.
        """
        if self._unpainted is not None and generation >= self._unpainted:
            self.frame_painted.emit(generation)
            self._release()

    def shutdown(self) -> None:
        """Drop what waits and let what is in flight end; nothing is announced any more."""
        self._closed = True
        self._waiting = None
        self._fallback.stop()
        self._turn.stop()
        self._pause.stop()
        self._lane.shutdown()

    def _advance(self) -> None:
        """Have the waiting request started if its turn has come, and tell the state."""
        if self._may_start():
            self._go.emit()
            self._set_state("running")
        elif self._waiting is not None:
            self._set_state("stale")
        elif self._lane.busy:
            self._set_state("running")
        else:
            self._set_state("failed" if self.error else "idle")

    def _may_start(self) -> bool:
        free = not self._lane.busy and self._unpainted is None and not self._closed
        return self._waiting is not None and free and not self._pausing()

    def _pausing(self) -> bool:
        """True while edits follow each other and evaluations are slow; what waits is started when that ends."""
        # The fastest of a few: one alone may have been slow because other programs were busy.
        slow_s = min(self._took_s, default=0.0)
        pause_s = min(PAUSE * slow_s, MOST_PAUSE_S) if slow_s > SLOW_S else 0.0
        left_s = min(self._ended_s + pause_s, self._asked_s + REST_S) - time.monotonic()
        if left_s > 0:
            self._pause.start(math.ceil(left_s * 1e3))
        return left_s > 0

    def _start(self) -> None:
        if self._may_start() and self._waiting is not None:
            request, self._waiting = self._waiting, None
            self._lane.start(partial(self._compute, request))
            self._set_state("running")

    def _receive(self, outcome: object) -> None:
        self._ended_s = time.monotonic()
        if isinstance(outcome, Results):
            self._took_s.append(outcome.elapsed_s)
            self.results, self.error = outcome, ""
            self._unpainted = outcome.generation
            self._fallback.start()
            self.finished.emit(outcome)
        elif isinstance(outcome, Failure):
            self.error = outcome.message
            self.failed.emit(outcome.message)
        self._advance()

    def _release(self) -> None:
        """Let the waiting request start: the charts have painted, or, as when all are hidden, never will."""
        self._unpainted = None
        self._fallback.stop()
        if self._waiting is not None:
            self._turn.start()
        else:
            self._advance()

    def _set_state(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)
