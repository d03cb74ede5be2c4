"""Headline cards: TTFT, TPOT, tokens/s, J/token, power, area and what binds, each beside every baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from explorer import theme
from explorer.bands import MEANING as BAND_MEANING
from explorer.panels.ratios import FIGURES, Figure, Ratio, ratio, short_names
from explorer.words import HOW_KNOWN, WHERE_FROM, actions_figure, distinct, refusal, resource_word
from hwlib.analysis.serving_words import continuous_words
from hwlib.units import NOTHING, format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import Metrics, Report

FLASH_MS = 500
LINES = 2
"""Ratios written on a card; those to further baselines are in its tooltip."""
UNTHROTTLED = 0.9995
WHISKER_PX = 60.0
"""Of a band that reaches to e times the figure."""
LEAST_WHISKER_PX = 20
LEAST_LETTER_PX = 5.0
"""No text of a card is narrower, letter for letter."""
LABEL_PX, BIG_PX, LINE_PX, PAD_PX = 16, 28, 17, theme.GRID_PX
LEFT_MIDDLE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Content:
    """What a card shows: label, figure with unit, (text, goodness) lines under it. `value` tells the direction."""

    label: str = ""
    figure: str = NOTHING
    lines: tuple[tuple[str, int], ...] = ()
    tooltip: str = ""
    value: float | None = None
    swatch: str = ""
    shorter: tuple[tuple[str, ...], ...] = ()
    """For each line what may stand in its place where it has no room, the longest first."""
    bands: tuple[tuple[float, float] | None, ...] = ()
    """For each line the ends of its band over the figure, drawn where the numbers have no room."""


class Card(QWidget):
    """One figure with its label and what stands under it; asks for an explanation by click, Enter or Space."""

    asked = Signal(str)
    menu_asked = Signal(str, QPoint)
    """(key, place on the screen): the card's menu shall open."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.content = Content()
        self.flash = 0
        """1 while an increase is shown, -1 for a decrease, else 0."""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(12 * theme.GRID_PX)

    def show_content(self, content: Content) -> bool:
        """Shows a figure. True where one was shown before and reads differently now."""
        before, self.content = self.content, content
        changed = before.value is not None and content.value is not None and before.figure != content.figure
        if changed and before.value is not None and content.value is not None:
            self.flash = 1 if content.value > before.value else -1
        if content != before:
            self.setToolTip(content.tooltip)
            self.setAccessibleName(f"{content.label} {content.figure}")
            self.setAccessibleDescription("; ".join(text for text, _ in content.lines))
            self.update()
        return changed

    def set_calm(self) -> None:
        """Ends the flash."""
        if self.flash:
            self.flash = 0
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.asked.emit(self.key)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(self.key, event.globalPos())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.asked.emit(self.key)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, t = QPainter(self), theme.current()
        width = self.width() - 2 * PAD_PX
        if self.flash:
            painter.fillRect(self.rect(), QColor(theme.mix(t.window, t.accent, 0.14)))
        if self.hasFocus():
            painter.setPen(QColor(t.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.setFont(theme.text_font())
        y = float(PAD_PX)
        self._write(painter, y, LABEL_PX, self.content.label, t.muted)
        y += LABEL_PX
        self._paint_figure(painter, QRectF(PAD_PX, y, width, BIG_PX))
        y += BIG_PX
        painter.setFont(theme.text_font())
        for index, (_, goodness) in enumerate(self.content.lines[:LINES]):
            text, color = self.line_shown(index, painter.fontMetrics()), (t.error, t.muted, t.ok)[goodness + 1]
            self._write(painter, y, LINE_PX, text, color)
            self._paint_band(painter, y, index, text, color)
            y += LINE_PX
        painter.end()

    def line_shown(self, index: int, metrics: QFontMetrics) -> str:
        """What stands on a line at the present width: the longest wording that has room."""
        shorter = self.content.shorter[index] if index < len(self.content.shorter) else ()
        # Text is laid out a little wider at times than it measures.
        wordings, room = (self.content.lines[index][0], *shorter), self.width() - 2 * PAD_PX - 2
        # What no font could squeeze in is not measured: that takes its time.
        short = [text for text in wordings if len(text) * LEAST_LETTER_PX <= room]
        return next((text for text in short if metrics.horizontalAdvance(text) <= room), wordings[-1])

    def _paint_band(self, painter: QPainter, y: float, index: int, text: str, color: str) -> None:
        """A small whisker behind a line whose band has no room in numbers; hovering tells them."""
        band = self.content.bands[index] if index < len(self.content.bands) else None
        left = PAD_PX + painter.fontMetrics().horizontalAdvance(text) + PAD_PX
        if band is None or "(" in text or self.width() - PAD_PX - left < LEAST_WHISKER_PX:
            return
        room = (self.width() - PAD_PX - left) / 2
        ends = [max(-room, min(room, math.log(end) * WHISKER_PX)) for end in band]
        middle, at = y + LINE_PX / 2, left + room
        painter.setPen(QPen(QColor(color), 1))
        painter.drawLine(QPointF(at + ends[0], middle), QPointF(at + ends[1], middle))
        for x, half in ((ends[0], 3.0), (0.0, 5.0), (ends[1], 3.0)):
            painter.drawLine(QPointF(at + x, middle - half), QPointF(at + x, middle + half))

    def _write(self, painter: QPainter, y: float, height: float, text: str, color: str) -> None:
        width = self.width() - 2 * PAD_PX
        painter.setPen(QColor(color))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(PAD_PX, y, width, height), LEFT_MIDDLE, shown)

    def _paint_figure(self, painter: QPainter, rect: QRectF) -> None:
        """The number large, its unit small on the same base line, and the direction of the last change."""
        t, shown = theme.current(), self.content
        number, _, unit = shown.figure.partition(" ") if shown.value is not None else (shown.figure, "", "")
        x = rect.left()
        if shown.swatch:
            painter.fillRect(QRectF(x, rect.center().y() - 6.0, 13.0, 13.0), QColor(shown.swatch))
            x += 19.0
        large = _fitting(number, theme.figure_font(), rect.right() - x)
        painter.setPen(QColor(t.text))
        painter.setFont(large)
        base = rect.center().y() + QFontMetricsF(large).capHeight() / 2
        painter.drawText(QPointF(x, base), number)
        x += QFontMetricsF(large).horizontalAdvance(number) + 4.0
        if self.flash:
            unit = f"{unit} {'↑' if self.flash > 0 else '↓'}".strip()
        painter.setFont(theme.text_font())
        painter.setPen(QColor(t.accent if self.flash else t.muted))
        painter.drawText(QPointF(x, base), unit)


def _fitting(text: str, font: QFont, width: float) -> QFont:
    """The font, or that of all text where the figure would not fit."""
    return font if QFontMetrics(font).horizontalAdvance(text) <= width else theme.text_font(bold=True)


class HeadlineCards(QWidget):
    """The strip of cards; a reason takes its place where the LLM does not run."""

    explain_requested = Signal(str)
    """The key of a figure that the report explains."""
    evidence_requested = Signal(object, object)
    """(baseline, its report): how do you know?"""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.results: Results | None = None
        self.cards = {f.key: Card(f.key) for f in FIGURES} | {"bound": Card("bound")}
        self.refusal = QLabel("Nothing evaluated yet")
        self.reason = QLabel("Figures appear as soon as a chip and an LLM are chosen.")
        self._pages = QStackedWidget()
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(FLASH_MS)
        self._calm.timeout.connect(self._end_flash)
        self._build()
        theme.notifier.changed.connect(self._theme_changed)

    def _build(self) -> None:
        strip = QWidget()
        row = QHBoxLayout(strip)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for key, card in self.cards.items():
            row.addWidget(card, 3 if key == "bound" else 2)
            card.asked.connect(self._asked)
            card.menu_asked.connect(self._open_menu)
        self.reason.setWordWrap(True)
        self.reason.setTextFormat(Qt.TextFormat.PlainText)
        self.reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self._pages.addWidget(self._refusal_page())
        self._pages.addWidget(strip)
        self._strip = strip
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._set_height(LINES)

    def _refusal_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(PAD_PX, PAD_PX, PAD_PX, PAD_PX)
        column.setSpacing(theme.HALF_GRID_PX)
        column.addWidget(self.refusal)
        column.addWidget(self.reason)
        column.addStretch(1)
        self._refusal = page
        return page

    def _set_height(self, lines: int) -> None:
        height = 2 * PAD_PX + LABEL_PX + BIG_PX + lines * LINE_PX
        for widget in (self, *self.cards.values()):
            widget.setFixedHeight(height)

    def sizeHint(self) -> QSize:
        return QSize(900, self.height())

    def show_results(self, results: Results) -> None:
        """Shows the newest results."""
        self.results = results
        report = results.report
        if report.metrics is None:
            heading, reason = refusal(report)
            self.refusal.setFont(theme.figure_font())
            self.refusal.setText(heading)
            self.reason.setText(reason)
            self.reason.setToolTip(reason)
            self._pages.setCurrentWidget(self._refusal)
            return
        self._pages.setCurrentWidget(self._strip)
        changed = [self._show_figure(figure, results) for figure in FIGURES]
        self._show_bound(report, report.metrics)
        if any(changed) and self.isVisible():
            self._calm.start()
        elif any(changed):
            self._end_flash()

    def _show_figure(self, figure: Figure, results: Results) -> bool:
        report, value = results.report, figure.value(results.report)
        names = distinct([b.subject for b in results.baselines])
        pairs = zip(names, short_names(names), results.baselines, strict=True)
        ratios = [ratio(figure, name, report, b, short) for name, short, b in pairs]
        known = [BAND_MEANING] if any(r.band is not None for r in ratios) else []
        beside = [line for name, b in zip(names, results.baselines, strict=True) for line in _beside(figure, name, b)]
        tooltip = [figure.help, *_notes(figure, report), *(r.sentence for r in ratios), *known, *beside]
        tooltip.append("Click: where from?")
        label = " · ".join((figure.label, *_warnings(figure, report)))
        text = format_quantity(value, figure.unit)
        lines, shorter = _lines(ratios)
        bands = tuple(None if r.band is None or not r.value else r.band.times(1.0 / r.value) for r in ratios)
        shown = Content(label, text, lines, "\n".join(tooltip), value, "", shorter, bands)
        return self.cards[figure.key].show_content(shown)

    def _show_bound(self, report: Report, metrics: Metrics) -> None:
        decode, prefill = metrics.bound_decode, metrics.bound_prefill
        walls = [format_quantity(v, "", 3) for v in (metrics.without_bound_decode, metrics.without_bound_prefill)]
        lines = (
            (f"without this wall ×{walls[0]}", 0),
            (f"prefill by {resource_word(prefill)}, without it ×{walls[1]}", 0),
        )
        tooltip = (
            f"Decode waits longest for {resource_word(decode)}: without it, a step would be ×{walls[0]} as fast.\n"
            f"The prefill waits longest for {resource_word(prefill)}: without it, it would be ×{walls[1]} as fast."
        )
        word = resource_word(prefill)
        brief = ((f"without it ×{walls[0]}",), (f"prefill by {word}, ×{walls[1]}", f"prefill {word} ×{walls[1]}"))
        color = theme.RESOURCE_COLORS[decode]
        content = Content("Decode bound by", resource_word(decode), lines, tooltip, None, color, brief)
        self.cards["bound"].show_content(content)

    def _asked(self, key: str) -> None:
        report = self.results.report if self.results is not None else None
        if report is None:
            return
        bound = () if report.metrics is None else (f"without_wall.decode.{report.metrics.bound_decode}", "tpot_s")
        for wanted in (key, *(bound if key == "bound" else ())):
            if wanted in report.figures():
                self.explain_requested.emit(wanted)
                return

    def _open_menu(self, key: str, place: QPoint) -> None:
        self.menu_of(key).popup(place)

    def menu_of(self, key: str) -> QMenu:
        """What can be asked about a card: where its figure is from, and how the devices beside it are known."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(WHERE_FROM, partial(self._asked, key)).setEnabled(self.results is not None)
        for baseline, report in self.results.pairs() if self.results is not None else ():
            if report.basis:
                menu.addAction(f"{HOW_KNOWN} {report.subject}", partial(self.evidence_requested.emit, baseline, report))
        return menu

    def _end_flash(self) -> None:
        self._calm.stop()
        for card in self.cards.values():
            card.set_calm()

    def _theme_changed(self) -> None:
        for card in self.cards.values():
            card.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._end_flash()
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._end_flash()
        super().closeEvent(event)


def _lines(ratios: list[Ratio]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, ...], ...]]:
    """The ratios that a card has lines for, and their shorter wordings; those left out are counted."""
    lines = [(r.text, r.goodness) for r in ratios[:LINES]]
    shorter = [r.shorter for r in ratios[:LINES]]
    if len(ratios) > LINES:
        more = f" +{len(ratios) - LINES} more"
        lines[-1] = (lines[-1][0] + more, lines[-1][1])
        shorter[-1] = tuple(text + f" +{len(ratios) - LINES}" for text in shorter[-1])
    return tuple(lines), tuple(shorter)


def _beside(figure: Figure, name: str, report: Report) -> list[str]:
    """What stands beside a device's figure: continuous batching where asked for, and the plain roofline."""
    found, plain = report.continuous, getattr(report.roofline, figure.key, None)
    served = [f"{name}, {continuous_words(found)}"] if found and figure.key == "tokens_per_s" else []
    roof = [f"{name}, plain roofline: {format_quantity(plain, figure.unit, 3)}"] if plain is not None else []
    return [*served, *roof]


def _warnings(figure: Figure, report: Report) -> list[str]:
    """What changes the meaning of a figure so much that it stands beside its name."""
    metrics = report.metrics
    if metrics is None:
        return []
    if figure.key == "power_W" and metrics.clock_factor < UNTHROTTLED:
        return [f"clock at {format_quantity(metrics.clock_factor * 100.0, '', 3)} %"]
    if figure.key == "tokens_per_s" and metrics.batch_running < report.scenario.batch:
        return [f"batch {format_quantity(metrics.batch_running)} of {report.scenario.batch}"]
    return []


def _notes(figure: Figure, report: Report) -> list[str]:
    """What must be known to read a figure right."""
    metrics = report.metrics
    if metrics is None:
        return []
    if figure.key == "power_W":
        prefill, decode = (format_quantity(p, "W") for p in (metrics.power_prefill_W, metrics.power_decode_W))
        limit = ["The clock is throttled to hold the power limit"] if metrics.clock_factor < UNTHROTTLED else []
        return [*limit, f"{prefill} in prefill, {decode} in decode"]
    if figure.key == "tokens_per_s" and metrics.batch_running < report.scenario.batch:
        return [f"The KV cache of {format_quantity(metrics.batch_running)} sequences fits at once; the others wait"]
    own = actions_figure(report)
    if figure.key == "energy_per_token_J" and own is not None:
        return [f"{own.method}, scope {own.scope}"]
    return []
