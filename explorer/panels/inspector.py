"""The inspector: shows and edits what is selected, or the chip's settings where nothing is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from explorer.document import Document
from explorer.evaluator import Results
from explorer.panels.pages import LINK, ChipPage, GroupPage, Page, SummaryPage
from hwlib.design.design import Design
from hwlib.report import Report

CHIP, SUMMARY = "chip", "summary"


class Inspector(QScrollArea):
    """One page per kind of selection, made when first needed and kept; afterwards only values change."""

    explain_requested = Signal(str)
    """The key of a figure that the user asks "where from?" about."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._report: Report | None = None
        self._pages: dict[str, Page] = {}
        self._page: Page | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addStretch(1)
        self.setWidget(holder)
        document.changed.connect(self._follow)
        document.selection_changed.connect(self._show_selection)
        self._show_selection()

    @property
    def page(self) -> Page:
        """The page that is shown."""
        assert self._page is not None
        return self._page

    def show_results(self, results: Results) -> None:
        """Show the figures of an evaluation."""
        self._report = results.report
        if self.isVisible():
            self.page.refresh(self._report)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.page.refresh(self._report)

    def _show_selection(self, *_: object) -> None:
        """Bring the page for what is selected to the front."""
        kind, ids = selected_kind(self._document.design, self._document.selection)
        page = self._pages.get(kind) or self._make(kind)
        if page is not self._page:
            if self._page is not None:
                self._page.hide()
            self._page = page
            page.show()
            self.verticalScrollBar().setValue(0)
        if isinstance(page, GroupPage):
            page.show_items(ids, self._report)
        else:
            page.refresh(self._report)

    def _make(self, kind: str) -> Page:
        if kind == CHIP:
            page: Page = ChipPage(self._document)
        elif kind == SUMMARY:
            page = SummaryPage(self._document)
        else:
            page = GroupPage(self._document, kind)
        page.explain_requested.connect(self.explain_requested)
        self._pages[kind] = page
        self._column.insertWidget(0, page)
        return page

    def _follow(self, before: Design, after: Design) -> None:
        """Refresh values where the edit touched what is shown."""
        selection = self._document.selection
        if isinstance(self._page, GroupPage) and _items(before, selection) == _items(after, selection):
            return
        self.page.refresh(self._report)


def _items(design: Design, ids: frozenset[str]) -> tuple[object, ...]:
    """What the page of these ids shows of the design."""
    blocks = [b for b in design.blocks if b.id in ids]
    links = [link for link in design.links if link.id in ids]
    ends = {end for link in links for end in (link.source, link.target)}
    pins = (pin for pin in design.pins if pin.block in ids)
    return (*blocks, *links, *pins, *(b.name for b in design.blocks if b.id in ends))


def selected_kind(design: Design, selection: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """Which page a selection needs: "chip", a block kind, "link" or "summary"; and the ids in the design's order."""
    kinds = {b.id: b.kind for b in design.blocks if b.id in selection}
    kinds |= {link.id: LINK for link in design.links if link.id in selection}
    if not kinds:
        return CHIP, ()
    only = set(kinds.values())
    return (only.pop() if len(only) == 1 else SUMMARY), tuple(kinds)
