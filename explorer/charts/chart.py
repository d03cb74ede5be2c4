"""What every chart has: title, theme, empty and "does not fit" states, selection, export and the painted signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFontMetrics,
    QGuiApplication,
    QImage,
    QPainter,
    QPaintEvent,
    QPalette,
    QRegion,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from explorer import theme
from explorer.charts.chart_menu import chart_menu, copy_text
from explorer.words import refusal, refusal_in_short

if TYPE_CHECKING:
    from explorer.charts.plot import PlotView
    from explorer.charts.sources import Source
    from explorer.document import Document
    from explorer.evaluator import Results

MINIMUM = QSize(320, 200)
STACK_PX = 2
"""Between a plot and its legend."""


class Table(NamedTuple):
    """The figures behind a chart: one header and rows of text or plain SI numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]

    def tsv(self) -> str:
        """Tab-separated text with full precision, as spreadsheets paste it."""
        lines = (self.header, *self.rows)
        return "\n".join("\t".join(repr(c) if isinstance(c, float) else str(c) for c in line) for line in lines)


class Chart(QWidget):
    """Base of the charts. A hidden chart keeps the newest results and draws them when it is shown.

    Subclasses fill `body`, and write `_draw`, `_restyle`, `_select` and `values`.
    """

    name = ""
    title = ""
    can_freeze = False
    """True where its axes follow the figures and can be held still."""
    can_be_linear = False
    """True where a logarithmic axis can be a linear one."""
    painted = Signal(int)
    """The generation of the results that have just been painted."""
    explain_requested = Signal(object, str)
    """(report, key): the figure that the user asks about."""
    evidence_requested = Signal(object)
    """The report of a device: how do you know?"""
    export_requested = Signal(object)
    """This chart shall be saved to a file."""
    touched = Signal(object)
    """The pointer has come over this chart."""
    options_changed = Signal()
    """Frozen or not, linear or not."""
    _corner_painted = Signal()

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.results: Results | None = None
        self._drawn: Results | None = None
        self._unpainted: int | None = None
        self.frozen = False
        self.linear = False
        self.setMinimumSize(MINIMUM)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAccessibleName(self.title)
        self.heading = ElidedLabel(bold=True)
        self.tools = QHBoxLayout()
        self.body = QWidget()
        self._message = Message()
        self._pages = QStackedWidget()
        self._build()
        # Queued: by then all widgets of the window have painted.
        self._corner_painted.connect(self._tell_painted, Qt.ConnectionType.QueuedConnection)
        document.operator_selected.connect(self._operator_selected)
        theme.notifier.changed.connect(self._theme_changed)

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(theme.GRID_PX)
        head.addWidget(self.heading, 1)
        head.addLayout(self.tools)
        layout = self._frame = QVBoxLayout(self)
        margin = theme.GRID_PX
        layout.setContentsMargins(margin, margin // 2, margin, margin // 2)
        layout.setSpacing(theme.HALF_GRID_PX)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)
        self._pages.addWidget(self._message)
        self._pages.addWidget(self.body)
        self.heading.set_text(self.title)
        self._message.show_text("Nothing evaluated yet", "Figures appear as soon as a chip and an LLM are chosen.")

    def _stack(self, *widgets: QWidget) -> QVBoxLayout:
        """Fills the body from top to bottom; what can grow takes what the others leave."""
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(STACK_PX)
        for widget in widgets:
            grows = widget.sizePolicy().verticalPolicy() != QSizePolicy.Policy.Fixed
            layout.addWidget(widget, 1 if grows else 0)
        return layout

    # What subclasses write --------------------------------------------------------------------------------------

    def _draw(self, results: Results) -> None:
        """Shows results."""

    def _shows(self, results: Results) -> bool:
        """True where there is something to draw, else the reason stands in its place."""
        return results.report.fits

    def _restyle(self) -> None:
        """Takes over the colours of the theme."""

    def _select(self, key: str | None) -> None:
        """Highlights the operator with this key, or none."""

    def values(self) -> Table:
        """The figures on show, in plain SI."""
        return Table((), ())

    # Results ----------------------------------------------------------------------------------------------------

    def show_results(self, results: Results) -> None:
        """Shows the newest results, at once where visible, else as soon as the chart is shown."""
        self.results = results
        if self.on_show:
            self._refresh()

    @property
    def on_show(self) -> bool:
        """True where it can be seen. A tab behind another one counts as visible for Qt, which only moves it away."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def _refresh(self) -> None:
        if self.results is None:
            return
        self._drawn = self.results
        if self._shows(self.results):
            self._pages.setCurrentWidget(self.body)
            # A page that was hidden has a stale size until the event loop runs, and what is drawn depends on it.
            self._frame.activate()
            self.body.setGeometry(self._pages.contentsRect())
            self._draw(self.results)
        else:
            self.heading.set_text(self.title)
            report = self.results.report
            self._message.show_text(*refusal_in_short(report), tooltip=refusal(report)[1])
            self._pages.setCurrentWidget(self._message)
        self._unpainted = self.results.generation
        # A corner is enough: all of a window's widgets paint in one go, and the children have asked for theirs.
        self.update(QRect(0, 0, 1, 1))

    @property
    def drawn(self) -> Results | None:
        """The results that the items show now, None where there are none or a reason stands in their place."""
        return self._drawn if self._drawn is not None and self._shows(self._drawn) else None

    @property
    def message(self) -> str:
        """Heading and reason shown in place of the chart, empty while it shows figures."""
        return "" if self._pages.currentWidget() is self.body else self._message.text

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.results is not self._drawn:
            self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.drawn is not None and self.isVisible():
            self._refresh()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._unpainted is not None or self.results is not self._drawn:
            self._corner_painted.emit()

    def _tell_painted(self) -> None:
        if self.results is not self._drawn and self.on_show:
            self._refresh()  # It has come to the front; there is no other event that tells.
            return
        if self._unpainted is not None:
            generation, self._unpainted = self._unpainted, None
            self.painted.emit(generation)

    # Theme and selection ----------------------------------------------------------------------------------------

    def _theme_changed(self) -> None:
        self._restyle()
        if self.drawn is not None and self.on_show:
            self._refresh()
        else:
            self._drawn = None

    def _operator_selected(self, key: object) -> None:
        self._select(key if isinstance(key, str) else None)

    # Options ----------------------------------------------------------------------------------------------------

    def plots(self) -> list[PlotView]:
        """The plots inside."""
        from explorer.charts.plot import PlotView

        return list(self.findChildren(PlotView))

    def set_frozen(self, on: bool) -> None:
        """Holds the axes still while figures change, or lets them follow again."""
        if self.can_freeze and on != self.frozen:
            self.frozen = on
            for plot in self.plots():
                plot.set_frozen(on)
            self.options_changed.emit()
            self._redraw()

    def set_linear(self, on: bool) -> None:
        """Makes the logarithmic axis linear, or logarithmic again."""
        if self.can_be_linear and on != self.linear:
            self.linear = on
            self._thaw()
            self.options_changed.emit()
            self._redraw()

    def _thaw(self) -> None:
        """Another thing is on show, for which frozen axes mean nothing."""
        self.set_frozen(False)

    def _redraw(self) -> None:
        """Draws again what is on show, after a switch of the chart's own."""
        if self.drawn is not None and self.on_show:
            self._refresh()

    def source_at(self, pos: QPoint) -> Source | None:
        """The figure at a point of this widget, None where there is none that can be explained."""
        for plot in self.plots():
            if plot.isVisible() and plot.rect().contains(plot.mapFrom(self, pos)) and self.drawn is not None:
                source = plot.source_at(plot.box_point(plot.mapFrom(self, pos)))
                return source if source is not None and source.known else None
        return None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        menu = chart_menu(self, self.source_at(event.pos()) if by_mouse else None)
        self._extend_menu(menu)
        menu.popup(event.globalPos())
        event.accept()

    def _extend_menu(self, menu: QMenu) -> None:
        """Adds what only this chart offers."""

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.touched.emit(self)

    def explain_asked(self) -> None:
        """Asks for the figure whose menu entry was chosen."""
        entry = self.sender()
        if isinstance(entry, QAction):
            self.explain_requested.emit(*entry.data())

    def evidence_asked(self) -> None:
        """Asks what the device's figures rest on whose menu entry was chosen."""
        entry = self.sender()
        if isinstance(entry, QAction):
            self.evidence_requested.emit(*entry.data())

    def copy_data(self) -> None:
        """Puts the figures on show on the clipboard, as spreadsheets paste them."""
        copy_text(self.values().tsv())

    def copy_picture(self) -> None:
        """Puts the chart on the clipboard as a picture."""
        QGuiApplication.clipboard().setImage(self.image())

    def ask_export(self) -> None:
        """Asks to be saved to a file."""
        self.export_requested.emit(self)

    # Export -----------------------------------------------------------------------------------------------------

    def draw_on(self, painter: QPainter) -> None:
        """Draws the chart as it stands on screen, without the buttons at its head: nobody can press them on paper."""
        shown = QRegion(self.rect())
        for i in range(self.tools.count()):
            item = self.tools.itemAt(i)
            tool = item.widget() if item is not None else None
            if tool is not None and tool.isVisibleTo(self):
                shown -= QRegion(QRect(tool.mapTo(self, QPoint()), tool.size()))
        self.render(painter, QPoint(), shown)

    def image(self, scale: float = 2.0) -> QImage:
        """The chart as a picture, `scale` times as fine."""
        image = QImage(self.size() * scale, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(scale)
        image.fill(QColor(theme.current().base))
        painter = QPainter(image)
        self.draw_on(painter)
        painter.end()
        return image


class ElidedLabel(QWidget):
    """One line of text that ends in "…" where it is too long, and says the rest in its tooltip."""

    def __init__(self, bold: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        self._bold = bold
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(theme.GRID_PX * 3)

    def set_text(self, text: str) -> None:
        """Shows another text."""
        if text != self.text:
            self.text = text
            self.setAccessibleName(text)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.text_font(self._bold))
        shown = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideRight, self.width())
        self.setToolTip(self.text if shown != self.text else "")
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.end()


class Message(QWidget):
    """A heading and a reason in the middle of the space that figures would take."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading, self._reason = QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.GRID_PX, 0, theme.GRID_PX, 0)
        layout.setSpacing(theme.HALF_GRID_PX)
        layout.addStretch(1)
        for label in (self._heading, self._reason):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            layout.addWidget(label)
        self._reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addStretch(1)

    @property
    def text(self) -> str:
        """Heading and reason, a line each."""
        return f"{self._heading.text()}\n{self._reason.text()}"

    def show_text(self, heading: str, reason: str, tooltip: str = "") -> None:
        """Shows another heading and reason; the tooltip may say more."""
        self._heading.setFont(theme.text_font(bold=True))
        self._heading.setText(heading)
        self._reason.setText(reason)
        self._reason.setToolTip(tooltip)


def text_width(text: str, bold: bool = False) -> int:
    """Width of a line of text in pixels."""
    return _metrics(bold).horizontalAdvance(text)


def elided(text: str, width: float, bold: bool = False) -> str:
    """The text, shortened by "…" to a width in pixels."""
    return _metrics(bold).elidedText(text, Qt.TextElideMode.ElideRight, int(width))


_kept_metrics: dict[bool, QFontMetrics] = {}


def _metrics(bold: bool) -> QFontMetrics:
    if bold not in _kept_metrics:
        _kept_metrics[bold] = QFontMetrics(theme.text_font(bold))
    return _kept_metrics[bold]
