"""Evaluates what is compared in the background; the newest request replaces one that waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

from explorer.kept_reports import KeptReports

if TYPE_CHECKING:
    from explorer.compare.subjects import Subject
    from hwlib.analysis.compare import Comparison
    from hwlib.report import Report
    from hwlib.workload.llm import LlmArchitecture
    from hwlib.workload.scenario import Scenario

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What to compare. `names` are the subjects' as shown; `present` is the report of the document's design."""

    subjects: tuple[Subject, ...]
    names: tuple[str, ...]
    reference: int
    present: Report | None
    scenario: Scenario
    llm: LlmArchitecture


@dataclass(frozen=True)
class Compared:
    """The comparison of a request; its reports stand in the order of the subjects, under their shown names."""

    request: Request
    comparison: Comparison

    @property
    def reports(self) -> tuple[Report, ...]:
        """One report per subject."""
        return tuple(self.comparison.reports)


@dataclass(frozen=True)
class _Failure:
    message: str


Compute = Callable[[Request], Compared]


class ComparisonMaker:
    """Evaluates the subjects of a request and compares them. All but the present one are kept."""

    def __init__(self, kept: KeptReports | None = None) -> None:
        self.kept = kept or KeptReports()

    def __call__(self, request: Request) -> Compared:
        """The comparison; called on the worker thread. Raises what hwlib raises."""
        from hwlib.analysis.compare import compare

        named = [self._named(s, n, request) for s, n in zip(request.subjects, request.names, strict=True)]
        return Compared(request, compare(named, request.reference))

    def _named(self, subject: Subject, name: str, request: Request) -> Report:
        if subject.kind == "present":
            if request.present is None:
                raise ValueError("the present design is not evaluated yet")
            report = request.present
        else:
            report = self.kept.report(subject.baseline, request.scenario, request.llm)
        return report if report.subject == name else msgspec.structs.replace(report, subject=name)


class _Job(QRunnable):
    """One comparison on the worker thread; whatever happens, it tells of it."""

    def __init__(self, compute: Compute, request: Request, done: Callable[[object], None]) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._compute, self._request, self._done = compute, request, done

    def run(self) -> None:
        try:
            outcome: Compared | _Failure = self._compute(self._request)
        except Exception as error:
            log.exception("the comparison failed")
            outcome = _Failure(f"{type(error).__name__}: {error}")
        self._done(outcome)


class CompareWorker(QObject):
    """One comparison in flight and one waiting."""

    finished = Signal(object)
    """Compared."""
    failed = Signal(str)
    _done = Signal(object)

    def __init__(self, compute: Compute | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compute = compute or ComparisonMaker()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._pool.setExpiryTimeout(-1)
        self._in_flight: _Job | None = None
        self._waiting: Request | None = None
        self._closed = False
        self._done.connect(self._receive, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """True until all that was asked for has been told of."""
        return self._in_flight is not None or self._waiting is not None

    def request(self, request: Request) -> None:
        """Compare; replaces a request that still waits."""
        if not self._closed:
            self._waiting = request
            self._start()

    def cancel_waiting(self) -> None:
        """Drop the request that waits."""
        self._waiting = None

    def shutdown(self) -> None:
        """Drop what waits and let what is in flight end; nothing is announced any more."""
        self._closed = True
        self._waiting = None
        self._pool.waitForDone()
        self._in_flight = None

    def _start(self) -> None:
        if self._waiting is not None and self._in_flight is None:
            request, self._waiting = self._waiting, None
            self._in_flight = _Job(self._compute, request, self._done.emit)
            self._pool.start(self._in_flight)

    def _receive(self, outcome: object) -> None:
        if self._closed:
            return
        self._in_flight = None
        self._start()
        if isinstance(outcome, Compared):
            self.finished.emit(outcome)
        elif isinstance(outcome, _Failure):
            self.failed.emit(outcome.message)
