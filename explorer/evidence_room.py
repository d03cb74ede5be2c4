"""Evidence wired to one window: "How do you know?", tables to validate against, and calibrations made from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from explorer import export
from explorer.document import Baseline
from explorer.timed import Timed, timed_of
from explorer.timing import with_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explorer.document import Document
    from explorer.evaluator import Evaluator, Results
    from explorer.evidence.calibration_dialog import CalibrationDialog
    from explorer.evidence.dialog import EvidenceDialog
    from explorer.evidence.published_dialog import PublishedDialog
    from explorer.evidence.validation_dialog import ValidationDialog
    from explorer.main_window import MainWindow
    from hwlib.analysis.grounds import Ground
    from hwlib.baselines.calibration import Calibration
    from hwlib.report import Report

NO_DEVICE = "No measured device is compared: add one by the + beside “vs”"


class EvidenceRoom(QObject):
    """Opens the dialogs, keeps the one about evidence up to date, and lets devices take a user's calibration."""

    message = Signal(str)
    """A word to the user in passing."""
    design_requested = Signal(object)
    """The Design of a published chip, to be shown as a new one."""
    preferred = Signal(object)
    """dict of the fields of Preferences that have changed: how devices are timed."""

    def __init__(self, document: Document, evaluator: Evaluator, window: MainWindow) -> None:
        super().__init__(window)
        self._document, self._evaluator, self._window = document, evaluator, window
        self.dialog: EvidenceDialog | None = None
        self.validation: ValidationDialog | None = None
        self.calibration: CalibrationDialog | None = None
        self._of_window = False
        """What is on show is a baseline of the window, whose newer reports follow."""
        evaluator.finished.connect(self._follow)
        document.baseline_retimed.connect(self._remember)

    def _remember(self, _before: Baseline, after: Baseline) -> None:
        """A new window times the device in the same way."""
        timed = dict(self._window.preferences.timed)
        timed[after.device] = timed_of(after.settings, after.calibration_file)
        self.preferred.emit({"timed": {name: how for name, how in timed.items() if how != Timed()}})

    def handlers(self) -> dict[str, Any]:
        """What its actions do."""
        return {
            "evidence": self.show_first,
            "validate_table": self.open_validation,
            "calibrate_table": self.open_calibration,
            "published": self.open_published,
        }

    # How do you know?

    def show_first(self, *_: object) -> None:
        """Show what the first measured device beside the design rests on."""
        measured = [(b, r) for b, r in self._pairs() if r.basis]
        if measured:
            self.show(*measured[0])
        else:
            self.message.emit(NO_DEVICE)

    def devices(self) -> tuple[Baseline, ...]:
        """The baselines of the window that rest on measurements."""
        return tuple(b for b, r in self._pairs() if r.basis)

    def show_baseline(self, baseline: Baseline) -> None:
        """Show what a baseline of the window rests on."""
        for known, report in self._pairs():
            if known == baseline:
                self.show(known, report)
                return

    def show_report(self, report: Report) -> None:
        """Show what a report rests on: that of a baseline of the window, or of a device compared elsewhere."""
        known = next((b for b, r in self._pairs() if r is report), None)
        self.show(known or Baseline(report.subject, device=report.subject.partition(", ")[0]), report)

    def show(self, baseline: Baseline, report: Report) -> None:
        """Show what a device's report rests on."""
        # Dialogs are imported when they are asked for: the window must be up before scipy is loaded.
        from explorer.evidence.dialog import EvidenceDialog

        if self.dialog is None:
            self.dialog = EvidenceDialog(self._window)
            self.dialog.export_requested.connect(self._export)
        self._of_window = any(r is report for _, r in self._pairs())
        self.dialog.show_evidence(baseline, report)

    def _pairs(self) -> list[tuple[Baseline, Report]]:
        return self._evaluator.results.pairs() if self._evaluator.results is not None else []

    def _follow(self, _: Results) -> None:
        dialog = self.dialog
        if dialog is None or not dialog.isVisible() or dialog.baseline is None or not self._of_window:
            return
        for baseline, report in self._pairs():
            if baseline.device == dialog.baseline.device:
                dialog.follow(baseline, report)
                return

    def _export(self, found: Sequence[Ground]) -> None:
        from hwlib.analysis.grounds import grounds_table

        rows = grounds_table(found)
        if not rows or self.dialog is None or self.dialog.report is None:
            return
        suggestion = Path(export.file_stem(f"{self.dialog.report.subject} measurements") + export.CSV.suffix)

        def make(_: str) -> bytes:
            return export.csv_bytes([list(rows[0]), *(list(row.values()) for row in rows)])

        path = export.save_asking(self.dialog, "Export the measurements", suggestion, (export.CSV,), make)
        if path is not None:
            self.message.emit(f"Written: {path}")

    # Published chips

    def open_published(self, chip: object = "") -> PublishedDialog:
        """Show what was published of chips beside the model: of one by its design's name, else of all."""
        from explorer.evidence.published_dialog import PublishedDialog
        from hwlib.analysis.published import published_rows
        from hwlib.catalog import load_published

        dialog = PublishedDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open_requested.connect(lambda name: self.design_requested.emit(load_published(name)))
        dialog.show_rows(published_rows(), chip if isinstance(chip, str) else "")
        dialog.open()
        return dialog

    # Tables

    def open_validation(self, *_: object) -> ValidationDialog:
        """Show the dialog that judges predictions by a table of measured kernels."""
        from explorer.evidence.validation_dialog import ValidationDialog

        if self.validation is None:
            self.validation = ValidationDialog(self._window)
            self.validation.message.connect(self.message)
        self.validation.extra = self._own()
        _front(self.validation)
        return self.validation

    def open_calibration(self, *_: object) -> CalibrationDialog:
        """Show the dialog that makes a calibration from a table of measured kernels."""
        from explorer.evidence.calibration_dialog import CalibrationDialog

        if self.calibration is None:
            self.calibration = CalibrationDialog(self._window)
            self.calibration.message.connect(self.message)
            self.calibration.use_requested.connect(self.use_calibration)
        _front(self.calibration)
        return self.calibration

    def _own(self) -> tuple[Calibration, ...]:
        """The calibrations of the user's own that devices beside the design use."""
        return tuple(c for b in self._document.baselines for c in b.settings.calibrations)

    def use_calibration(self, own: Calibration, path: Path) -> None:
        """Have the device of a calibration timed by it; where it isn't compared yet, it is from now on."""
        document = self._document
        before = next((b for b in document.baselines if b.device == own.device), None)
        start = before or Baseline(own.device, device=own.device)
        chosen = msgspec.structs.replace(with_calibration(start.settings, own), framework=own.framework, ideal=False)
        after = msgspec.structs.replace(start, settings=chosen, calibration_file=str(path))
        if before is not None:
            document.retime_baseline(before, after)
        else:
            document.set_baselines((*document.baselines, after))
        self.message.emit(f"{own.device} is timed by {path.name}")

    def shutdown(self) -> None:
        """End what is under way; the window closes."""
        for dialog in (self.validation, self.calibration):
            if dialog is not None:
                dialog.shutdown()


def _front(dialog: QWidget) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
