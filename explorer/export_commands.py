"""The export menu's commands: the report of the present design, the picture of the chip, and single charts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from explorer import export

if TYPE_CHECKING:
    from PySide6.QtWidgets import QGraphicsView, QWidget

    from explorer.charts.chart import Chart
    from explorer.document import Document
    from explorer.evaluator import Evaluator
    from hwlib.report import Report


def report_bytes(report: Report, suffix: str) -> bytes:
    """A report as ".html", ".csv" or ".json". Raises ExportError for another suffix."""
    from hwlib.report_html import report_csv, report_html

    if suffix == export.HTML.suffix:
        return report_html([report]).encode()
    if suffix == export.CSV.suffix:
        return report_csv(report).encode()
    if suffix == export.JSON.suffix:
        return (json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n").encode()
    raise export.ExportError(f"{suffix or 'A file without a suffix'}: choose .html, .csv or .json.")


class ExportCommands(QObject):
    """Asks for a file and writes it; what goes wrong is told in words."""

    message = Signal(str)
    """A line for the status bar."""

    def __init__(self, document: Document, evaluator: Evaluator, view: QGraphicsView, window: QWidget) -> None:
        super().__init__(window)
        self._document = document
        self._evaluator = evaluator
        self._view = view
        self._window = window
        self.folder = ""
        """Where the next file dialog opens."""

    def report(self) -> Path | None:
        """Save the figures of the present design."""

        def make(suffix: str) -> bytes:
            results = self._evaluator.results
            if results is None:
                raise export.ExportError("There are no figures yet: the design is being evaluated.")
            return report_bytes(results.report, suffix)

        return self._save("Export the report", self._document.design.name, export.REPORT_FORMATS, make)

    def chip(self) -> Path | None:
        """Save the chip as the canvas shows it."""
        name = self._document.design.name

        def make(suffix: str) -> bytes:
            return export.picture_bytes(export.view_drawing(self._view, name), suffix)

        return self._save("Export the picture of the chip", f"{name} chip", export.PICTURE_FORMATS, make)

    def chart(self, chart: Chart) -> Path | None:
        """Save a chart as a picture, or the figures behind it as a table."""

        def make(suffix: str) -> bytes:
            return export.chart_bytes(chart, suffix)

        name = f"{self._document.design.name} {chart.title}"
        return self._save(f"Export {chart.title.lower()}", name, export.CHART_FORMATS, make)

    def _save(
        self, title: str, name: str, formats: tuple[export.Format, ...], make: Callable[[str], bytes]
    ) -> Path | None:
        suggestion = Path(self.folder) / (export.file_stem(name) + formats[0].suffix)
        path = export.save_asking(self._window, title, suggestion, formats, make)
        if path is not None:
            self.folder = str(path.parent)
            self.message.emit(f"Written: {path}")
        return path
