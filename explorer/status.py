"""The right end of the status bar: how the last evaluation went, and whether the figures are up to date."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from explorer import theme
from explorer.evaluator import Evaluator, Results
from explorer.panels.problems import findings_of
from hwlib.report import Report
from hwlib.units import format_quantity

WIDTH_PX = 640
PATIENCE_MS = 250
"""An evaluation that takes longer says so; the usual few milliseconds would only flicker."""


class StatusLine(QWidget):
    """One line, such as "evaluated in 3.2 ms · derated · energy by actions, package · 2 findings".

    No QLabel: a label that changes its text has the whole window laid out anew, on every step of a drag.
    """

    def __init__(self, evaluator: Evaluator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluator = evaluator
        self._said = ""
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(PATIENCE_MS)
        self._slow.timeout.connect(self._tell_slow)
        evaluator.finished.connect(self._show_results)
        evaluator.state_changed.connect(self._follow)
        self._follow(evaluator.state)

    def text(self) -> str:
        """What it says."""
        return self._text

    def sizeHint(self) -> QSize:
        """A line as wide as there is room."""
        return QSize(WIDTH_PX, self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Right-aligned, shortened where there is no room."""
        colors = theme.current()
        area = self.rect().adjusted(0, 0, -theme.GRID_PX, 0)
        painter = QPainter(self)
        painter.setPen(QColor(colors.error if self._evaluator.state == "failed" else colors.muted))
        text = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    def _show_results(self, results: Results) -> None:
        self._said = sentence(results, first=not self._said)
        self._say(self._said)

    def _follow(self, state: str) -> None:
        if state in ("running", "stale"):
            if not self._slow.isActive():
                self._slow.start()
            return
        self._slow.stop()
        self._say(f"not evaluated: {self._evaluator.error}" if state == "failed" else self._said)

    def _tell_slow(self) -> None:
        self._say("evaluating…")

    def _say(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.setToolTip(text)
            self.setAccessibleName(text)
            self.update()


def sentence(results: Results, first: bool = False) -> str:
    """What the status bar says of an evaluation; the window's `first` one loads tables, so its time is no measure."""
    report = results.report
    took = format_quantity(results.elapsed_s, "s", digits=2)
    parts = [f"{'first evaluation' if first else 'evaluated'} in {took}", report.design.settings.calibration]
    if report.energies:
        figure = report.energies[0]
        parts.append(f"energy by {figure.method.removeprefix('by ')}, {figure.scope}")
    parts.append(_findings(report))
    return " · ".join(parts)


def _findings(report: Report) -> str:
    count = len(findings_of(report))
    return {0: "no findings", 1: "1 finding"}.get(count, f"{count} findings")
