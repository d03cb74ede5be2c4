"""Base of the charts that show more than an evaluation finds: they ask, and the answer comes once edits rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from explorer.charts.chart import Chart
from explorer.rested import Subject

if TYPE_CHECKING:
    from explorer.document import Document


class AskingChart(Chart):
    """Subclasses say what they ask (`question`) and draw `answer` where it is there."""

    question_changed = Signal()
    """Another answer is wanted for the same results."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self._answer: tuple[Subject, object] | None = None
        self._failure: tuple[Subject, str] | None = None

    def question(self) -> str:
        """What is asked about the results on show, empty for nothing."""
        raise NotImplementedError

    def subject(self) -> Subject | None:
        """What an answer would be about."""
        if self.drawn is None or not (question := self.question()):
            return None
        report = self.drawn.report
        return Subject(report.design, report.scenario, report.llm, question)

    @property
    def answer(self) -> object | None:
        """The answer to what is asked now, None while it is waited for."""
        return self._answer[1] if self._answer is not None and self._answer[0] == self.subject() else None

    @property
    def failure(self) -> str:
        """Why there is no answer, empty unless it failed."""
        return self._failure[1] if self._failure is not None and self._failure[0] == self.subject() else ""

    def show_answer(self, subject: Subject, answer: object) -> None:
        """Take an answer, and show it where it is to what is asked now."""
        self._answer, self._failure = (subject, answer), None
        self._redraw_for(subject)

    def tell_failure(self, subject: Subject, message: str) -> None:
        """Say that there is no answer."""
        self._failure = (subject, message)
        self._redraw_for(subject)

    def _redraw_for(self, subject: Subject) -> None:
        if subject == self.subject():
            if self.on_show:
                self._redraw()
            else:
                self._drawn = None  # drawn anew when it comes to the front

    def _ask(self) -> None:
        """Something else is asked now."""
        self._redraw()
        self.question_changed.emit()
