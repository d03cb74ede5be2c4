"""The findings: what is wrong or worth knowing about the chip, where, and how to mend it."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QResizeEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QListView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.document import Document
from explorer.evaluator import Results
from explorer.widgets.style import ICON_PX, Tinted, draw_icon
from explorer.words import is_empty, readable
from hwlib.design.design import Finding
from hwlib.report import Report

FINDING_ROLE = Qt.ItemDataRole.UserRole + 1
SEVERITIES = ("error", "warning", "note")
WORDS = {"error": "Error", "warning": "Warning", "note": "Note"}
TINTS = {"error": "error", "warning": "warning", "note": "accent"}
TITLE = "Findings"
NOTHING = "No findings"
WRAP = Qt.TextFlag.TextWordWrap

Index = QModelIndex | QPersistentModelIndex


def findings_of(report: Report) -> tuple[Finding, ...]:
    """A report's findings, the worst first; where the LLM does not run, the reason leads unless a finding has it."""
    found = report.findings
    if is_empty(report):
        # The note says what to do; that nothing runs on nothing is no error.
        found = tuple(f for f in found if f.severity != "error")
    elif not report.fits and report.reason and all(report.reason not in f.message for f in found):
        found = (Finding(severity="error", code=report.status, message=report.reason), *found)
    return tuple(sorted(found, key=lambda f: SEVERITIES.index(f.severity)))


def finding_text(finding: Finding) -> str:
    """A finding as plain text."""
    return f"{WORDS[finding.severity]}: {readable(finding.message)}" + (f"\n{finding.mend}" if finding.mend else "")


class FindingDelegate(QStyledItemDelegate):
    """Draws icon and word of the severity, the message, and below it how to mend it; both wrap."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        view = self.parent()
        assert isinstance(view, QListView)
        width = view.viewport().width()
        _, mend = self._boxes(index.data(FINDING_ROLE), QRect(0, 0, width, 0), option)
        return QSize(width, mend.bottom() + theme.GRID_PX)

    def _boxes(self, finding: Finding, row: QRect, option: QStyleOptionViewItem) -> tuple[QRect, QRect]:
        """Where message and mend stand in a row that starts at the corner of `row`."""
        left = theme.GRID_PX + ICON_PX + theme.GRID_PX
        space = QRect(row.x() + left, row.y() + theme.GRID_PX, max(40, row.width() - left - theme.GRID_PX), 10_000)
        message = option.fontMetrics.boundingRect(space, WRAP, _headline(finding))
        below = space.translated(0, message.height() + 2)
        mend = QRect(below.topLeft(), QSize(0, 0))
        if finding.mend:
            mend = option.fontMetrics.boundingRect(below, WRAP, finding.mend)
        return QRect(message.topLeft(), QSize(space.width(), message.height())), mend

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t, finding = theme.current(), index.data(FINDING_ROLE)
        marked = bool(option.state & QStyle.StateFlag.State_Selected)
        message, mend = self._boxes(finding, option.rect, option)
        painter.save()
        if marked:
            painter.fillRect(option.rect, QColor(t.raised))
            painter.fillRect(option.rect.x(), option.rect.y(), 2, option.rect.height(), QColor(t.accent))
        tint = getattr(t, TINTS[finding.severity])
        painter.save()
        painter.translate(QPointF(option.rect.x() + theme.GRID_PX, message.y()))
        draw_icon(painter, finding.severity, tint)
        painter.restore()
        painter.setPen(QColor(t.text))
        painter.drawText(message, WRAP, _headline(finding))
        painter.setPen(QColor(tint))
        painter.drawText(message, WRAP, WORDS[finding.severity])
        painter.setPen(QColor(t.muted))
        painter.drawText(mend, WRAP, finding.mend)
        painter.restore()


def _headline(finding: Finding) -> str:
    return f"{WORDS[finding.severity]}  {readable(finding.message)}"


class FindingList(QListView):
    """The list itself: rows wrap anew with the width, and a finding can be copied."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            QApplication.clipboard().setText(finding_text(self.currentIndex().data(FINDING_ROLE)))
        else:
            super().keyPressEvent(event)


class Problems(QWidget):
    """The findings of the newest evaluation; choosing one selects its blocks. The dock's title counts them."""

    title_changed = Signal(str)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._findings: tuple[Finding, ...] | None = None
        self._model = QStandardItemModel(self)
        self.list = FindingList(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(FindingDelegate(self.list))
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName(TITLE)
        self.empty = Tinted(NOTHING, "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.list)
        self.list.clicked.connect(self._select)
        self.list.selectionModel().selectionChanged.connect(self._follow_keys)
        theme.notifier.changed.connect(self.list.viewport().update)

    def sizeHint(self) -> QSize:
        return QSize(260, 120)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is listed, in its order."""
        return self._findings or ()

    def show_results(self, results: Results) -> None:
        """List the findings of an evaluation."""
        found = findings_of(results.report)
        if found == self._findings:
            return
        if self._findings is not None and [f.code for f in found] == [f.code for f in self._findings]:
            for row, finding in enumerate(found):
                self._fill(self._model.item(row), finding)
        else:
            self._rebuild(found)
        self._findings = found
        self._stack.setCurrentWidget(self.list if found else self.empty)
        self._retitle(f"{TITLE} ({len(found)})" if found else TITLE)

    def _rebuild(self, found: tuple[Finding, ...]) -> None:
        self._model.clear()
        for finding in found:
            item = QStandardItem()
            self._fill(item, finding)
            self._model.appendRow(item)

    def _fill(self, item: QStandardItem, finding: Finding) -> None:
        item.setData(finding, FINDING_ROLE)
        item.setData(finding_text(finding), Qt.ItemDataRole.AccessibleTextRole)
        item.setToolTip("Click selects the blocks concerned" if finding.blocks else "")

    def _retitle(self, title: str) -> None:
        dock = self.parentWidget()
        if isinstance(dock, QDockWidget):
            dock.setWindowTitle(title)
        self.title_changed.emit(title)

    def _follow_keys(self, selected: QItemSelection, _: QItemSelection) -> None:
        if self.list.hasFocus():
            for index in selected.indexes():
                self._select(index)

    def _select(self, index: QModelIndex) -> None:
        blocks = index.data(FINDING_ROLE).blocks
        if blocks:
            self._document.select(blocks)
