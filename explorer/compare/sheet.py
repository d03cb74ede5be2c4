"""The comparison as one picture: both tables in full, and the charts below on common axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from explorer import theme
from explorer.compare.grid import ROW_PX, cell_px, paint_cell
from explorer.compare.head import HEAD_PX, REFERENCE_TINT, Title, paint_label, paint_title
from explorer.compare.lines import Line, difference_lines, figure_lines
from explorer.compare.titles import key_words, titles_of
from explorer.export import Drawing
from hwlib.report_table import scenario_words

if TYPE_CHECKING:
    from explorer.compare.board import ChartBoard
    from explorer.compare.worker import Compared

MARGIN_PX = 3 * theme.GRID_PX
GAP_PX = 3 * theme.GRID_PX
TITLE_PX = 4 * theme.GRID_PX
LINE_PX = 3 * theme.GRID_PX
LABEL_PX = 288
LEAST_COLUMN_PX = 208
LEAST_WIDTH_PX = 1200
CHART_HEIGHT_PX = 360
CHART_LEAST_PX = 600
MOST_DIFFERENCES = 60
"""Rows of the second table; a picture is no place for hundreds, the web page and the table have them all."""


def comparison_drawing(compared: Compared, board: ChartBoard) -> Drawing:
    """The whole comparison as a drawing that paints itself, with charts like those of `board`."""
    sheet = _Sheet(compared, board)
    return Drawing(sheet.size, sheet.paint, sheet.title)


class _Sheet:
    """Where everything stands on the picture."""

    def __init__(self, compared: Compared, board: ChartBoard) -> None:
        self._compared = compared
        self._board = board
        self._titles = titles_of(compared)
        self._figures = figure_lines(compared.comparison)
        every = difference_lines(compared.comparison)
        self._differences, self._left_out = every[:MOST_DIFFERENCES], max(0, len(every) - MOST_DIFFERENCES)
        self._column_px = self._wide_enough()
        self._width = max(LEAST_WIDTH_PX, 2 * MARGIN_PX + LABEL_PX + self._column_px * len(self._titles))
        self._columns = max(1, min(3, (self._width - 2 * MARGIN_PX) // CHART_LEAST_PX))
        self._charts = board.printed_count if any(r.fits for r in compared.reports) else 0
        first = compared.reports[0]
        self.title = f"Comparison on {first.llm.name}"
        self._scenario = scenario_words(first)

    @property
    def size(self) -> QSize:
        """Width and height in pixels."""
        rows = -(-self._charts // self._columns)
        height = MARGIN_PX + TITLE_PX + LINE_PX + GAP_PX + self._table_px(self._figures) + LINE_PX
        if self._differences:
            height += GAP_PX + TITLE_PX + self._table_px(self._differences) + LINE_PX
        return QSize(self._width, height + rows * (GAP_PX + CHART_HEIGHT_PX) + MARGIN_PX)

    def _wide_enough(self) -> int:
        """The width of a column at which every figure stands with its band."""
        figures = [
            cell_px(cell, ratios=not title.is_reference)
            for line in self._figures
            for cell, title in zip(line.cells, self._titles, strict=True)
            if cell.band
        ]
        return max(LEAST_COLUMN_PX, *figures, 0)

    def paint(self, painter: QPainter) -> None:
        """Draw everything from the top."""
        t = theme.current()
        painter.fillRect(QRectF(QPointF(), self.size), QColor(t.base))
        y = float(MARGIN_PX)
        y = self._words(painter, y, TITLE_PX, self.title, bold=True)
        y = self._words(painter, y, LINE_PX, self._scenario)
        y = self._table(painter, y + GAP_PX, self._figures, ratios=True)
        y = self._words(painter, y, LINE_PX, key_words(self._compared))
        if self._differences:
            y = self._words(painter, y + GAP_PX, TITLE_PX, "Parameters that differ", bold=True)
            y = self._table(painter, y, self._differences, ratios=False)
            more = f"and {self._left_out} more" if self._left_out else ""
            y = self._words(painter, y, LINE_PX, more)
        self._paint_charts(painter, y)

    def _words(self, painter: QPainter, y: float, height: float, text: str, bold: bool = False) -> float:
        painter.setFont(theme.text_font(bold))
        painter.setPen(QColor(theme.current().text if bold else theme.current().muted))
        width = self._width - 2 * MARGIN_PX
        shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(MARGIN_PX, y, width, height), Qt.AlignmentFlag.AlignVCenter, shown)
        return y + height

    def _table_px(self, lines: Sequence[Line]) -> int:
        return HEAD_PX + ROW_PX * len(lines)

    def _table(self, painter: QPainter, y: float, lines: Sequence[Line], ratios: bool) -> float:
        t = theme.current()
        painter.fillRect(QRectF(MARGIN_PX, y, LABEL_PX, HEAD_PX), QColor(t.window))
        painter.setPen(QColor(t.border))
        painter.drawLine(QPointF(MARGIN_PX, y + HEAD_PX), QPointF(MARGIN_PX + LABEL_PX, y + HEAD_PX))
        for column, title in enumerate(self._titles):
            left = MARGIN_PX + LABEL_PX + column * self._column_px
            paint_title(painter, QRectF(left, y, self._column_px, HEAD_PX), title)
        y += HEAD_PX
        for line in lines:
            paint_label(painter, QRectF(MARGIN_PX, y, LABEL_PX, ROW_PX), line.label)
            for column, title in enumerate(self._titles):
                left = MARGIN_PX + LABEL_PX + column * self._column_px
                self._cell(painter, QRectF(left, y, self._column_px, ROW_PX), line, column, title, ratios)
            y += ROW_PX
        return y

    def _cell(self, painter: QPainter, rect: QRectF, line: Line, column: int, title: Title, ratios: bool) -> None:
        t = theme.current()
        if title.is_reference:
            painter.fillRect(rect, QColor(theme.mix(t.base, t.accent, REFERENCE_TINT)))
        painter.setPen(QColor(t.grid))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        paint_cell(painter, rect, line.cells[column], (t.text, t.muted), ratios and not title.is_reference)

    def _paint_charts(self, painter: QPainter, y: float) -> None:
        if not self._charts:
            return
        width = (self._width - 2 * MARGIN_PX - (self._columns - 1) * GAP_PX) // self._columns
        size = QSize(width, CHART_HEIGHT_PX)
        for i, chart in enumerate(self._board.charts_for_print(self._compared, size)):
            row, column = divmod(i, self._columns)
            painter.save()
            painter.translate(MARGIN_PX + column * (width + GAP_PX), y + GAP_PX + row * (CHART_HEIGHT_PX + GAP_PX))
            chart.render(painter, QPoint())
            painter.restore()
