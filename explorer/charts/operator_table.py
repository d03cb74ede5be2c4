"""Operator table: where every operator runs, what it moves and computes, how long it takes and what binds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QToolButton, QWidget

from explorer import pins, theme
from explorer.charts.chart import Chart, Table, text_width
from explorer.charts.column_choice import ColumnChooser
from explorer.charts.legend import fill_swatch
from explorer.charts.sources import Source
from explorer.words import PHASE_SHORT, element_count, operator_word, percent, resource_word
from hwlib.report import COMPONENTS, PHASES
from hwlib.units import NOTHING, format_quantity

if TYPE_CHECKING:
    from explorer.document import Document
    from explorer.evaluator import Results
    from hwlib.report import OperatorRow, Report

Index = QModelIndex | QPersistentModelIndex
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
SWATCH_PX = 12
ALMOST_ONCE = 1e-9
"""How near to 1 sums of a decode's shares come."""
ROW_PX = 3 * theme.GRID_PX
HEAD_PX = 3 * theme.GRID_PX
"""What a column's head has around its words: margins, and the arrow while it is sorted by."""


@dataclass(frozen=True)
class Line:
    """An operator with its place in the order of execution and its share of its phase."""

    row: OperatorRow
    order: int
    share: float


@dataclass(frozen=True)
class Column:
    """One column: how it is written, what it is sorted and exported by, and what it means."""

    key: str
    title: str
    help: str
    text: Callable[[Line], str]
    value: Callable[[Line], str | float]
    number: bool = True


def _quantity(attribute: str, unit: str) -> tuple[Callable[[Line], str], Callable[[Line], str | float]]:
    def value(line: Line) -> float:
        return float(getattr(line.row, attribute))

    def text(line: Line) -> str:
        figure = value(line)
        return format_quantity(figure, unit) if figure else NOTHING

    return text, value


def shape_text(row: OperatorRow) -> str:
    """m × n × k of a matrix product, with its batch and repeats; the number of elements of anything else."""
    if row.m * row.k > 1.0:
        sizes = " × ".join(_count(v) for v in (row.m, row.n, row.k))
        return sizes + (f", batch {_count(row.batch)}" if row.batch != 1 else "") + _repeats(row)
    return (f"{element_count(row.n)} elements" if row.n else NOTHING) + _repeats(row)


def _count(value: float) -> str:
    return format_quantity(int(value) if value == int(value) and abs(value) < 1e6 else value, "")


def _repeats(row: OperatorRow) -> str:
    return f", {_count(row.repeat)} times" if abs(row.repeat - 1.0) > ALMOST_ONCE else ""


COLUMNS: tuple[Column, ...] = (
    Column("phase", "Phase", "Prefill, or one decode step at the mean context", lambda n: PHASE_SHORT[n.row.phase],
           lambda n: n.order, number=False),
    Column("operator", "Operator", "All its repeats together", lambda n: operator_word(n.row.name),
           lambda n: n.row.name, number=False),
    Column("runs_on", "Runs on", "Blocks that compute it", lambda n: n.row.runs_on_label or NOTHING,
           lambda n: n.row.runs_on_label, number=False),
    Column("time_s", "Time", "With overlap of computing and data movement", *_quantity("time_s", "s")),
    Column("share", "Share", "Of the time of its phase", lambda n: percent(n.share), lambda n: n.share),
    Column("bound", "Bound by", "The resource with the largest share of its time", lambda n: resource_word(n.row.bound),
           lambda n: n.row.bound, number=False),
    Column("weights_in", "Weights in", "Where its weights live", lambda n: n.row.weights_in or NOTHING,
           lambda n: n.row.weights_in, number=False),
    Column("shape", "Shape m × n × k", "Size of one product, its batch, and how often it is done",
           lambda n: shape_text(n.row), lambda n: n.row.m * n.row.n * n.row.k * n.row.batch * n.row.repeat),
    Column("weight_bytes", "Weights", "Bytes of weights read", *_quantity("weight_bytes", "B")),
    Column("kv_bytes", "KV cache", "Bytes of KV cache read and written", *_quantity("kv_bytes", "B")),
    Column("activation_bytes", "Activations", "Bytes of inputs and outputs", *_quantity("activation_bytes", "B")),
    Column("dram_bytes", "DRAM", "Bytes that cross the DRAM interface", *_quantity("dram_bytes", "B")),
    Column("flops", "FLOPs", "1 MAC = 2 FLOP", *_quantity("flops", "FLOP")),
    Column("energy_J", "Energy", "Of all its repeats, without leakage", *_quantity("energy_J", "J")),
)  # fmt: skip
OPERATOR, TIME, BOUND, SHARE, ENERGY = (
    next(i for i, c in enumerate(COLUMNS) if c.key == k) for k in ("operator", "time_s", "bound", "share", "energy_J")
)
"""Left of the time stand words alone."""
IMPORTANCE = (
    "operator", "phase", "time_s", "bound", "share", "runs_on", "energy_J", "dram_bytes", "weights_in", "shape",
    "flops", "weight_bytes", "kv_bytes", "activation_bytes",
)  # fmt: skip
"""Which columns go first where there is no room for all; without its phase an operator can't be told from another."""
ESSENTIAL = 3
LEAST_NAME_PX = 80


class OperatorModel(QAbstractTableModel):
    """The operators of a report, in the order of execution until a column is sorted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []
        self._report: Report | None = None
        self._sorted_by: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)
        self._swatches: dict[str, QIcon] = {}

    def set_report(self, report: Report | None) -> None:
        """Shows a report's operators; where they are the same ones, only figures change."""
        self._report = report
        before = [line.row.key for line in self.lines]
        after = self._sorted(_lines(report))
        keys = [line.row.key for line in after]
        if keys == before:
            first = TIME if _words(after) == _words(self.lines) else 0
            self.lines = after
            if after:
                # Cells that are told of are painted anew with every frame of a drag, so words that stay are not.
                self.dataChanged.emit(self.index(0, first), self.index(len(after) - 1, len(COLUMNS) - 1))
        elif sorted(keys) == sorted(before):
            self._reorder(after)
        else:
            self.beginResetModel()
            self.lines = after
            self.endResetModel()

    def _reorder(self, after: list[Line]) -> None:
        """Puts the same operators into another order, with the selection following."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        keys = [self.lines[i.row()].row.key for i in old]
        self.lines = after
        place = {line.row.key: i for i, line in enumerate(after)}
        new = [self.index(place[key], i.column()) for key, i in zip(keys, old, strict=True)]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _sorted(self, lines: list[Line]) -> list[Line]:
        column, order = self._sorted_by
        if column < 0:
            return lines
        value = COLUMNS[column].value
        return sorted(lines, key=lambda n: (value(n), n.order), reverse=order == Qt.SortOrder.DescendingOrder)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sorts by a column; -1 is the order of execution."""
        self._sorted_by = (column, order)
        self._reorder(self._sorted(sorted(self.lines, key=lambda n: n.order)))

    def row_of(self, key: str | None) -> int:
        """Where an operator stands, -1 for none."""
        return next((i for i, line in enumerate(self.lines) if line.row.key == key), -1)

    def restyle(self) -> None:
        """Takes over the theme's colours."""
        self._swatches.clear()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column.number else LEFT
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        usual = super().flags(index)
        movable = index.isValid() and bool(self.pinnable(index.row()))
        return usual | Qt.ItemFlag.ItemIsDragEnabled if movable else usual

    def mimeTypes(self) -> list[str]:
        return [pins.MIME_TYPE]

    def mimeData(self, indexes: Any) -> QMimeData:
        """What a drag of a row carries: its weights, or the KV cache that it reads."""
        return pins.to_mime(next((self.pinnable(i.row()) for i in indexes), ""))

    def pinnable(self, row: int) -> str:
        """What can be pinned of a row: its weights, or the KV cache; empty for neither."""
        return pins.pinnable(self.lines[row].row, self._report) if self._report is not None else ""

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(line)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column.number else LEFT
        if role == Qt.ItemDataRole.DecorationRole and index.column() == BOUND:
            return self._swatch(line.row.bound)
        if role == Qt.ItemDataRole.ForegroundRole and column.text(line) == NOTHING:
            return QBrush(QColor(theme.current().muted))
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tooltip(line, index.column())
        return None

    def _swatch(self, resource: str) -> QIcon:
        if resource not in self._swatches:
            pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
            painter = QPainter(pixmap)
            color, pattern = theme.RESOURCE_COLORS[resource], theme.RESOURCE_PATTERNS.get(resource)
            fill_swatch(painter, QRectF(pixmap.rect()), color, pattern)
            painter.end()
            icon = QIcon(pixmap)
            # The style would tint the selected row's swatch, and its colour is what tells the resource.
            icon.addPixmap(pixmap, QIcon.Mode.Selected)
            self._swatches[resource] = icon
        return self._swatches[resource]


class OperatorView(QTableView):
    """A table of whole rows that copies its selection, or all of it, as tab-separated text."""

    resized = Signal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        """Carry a row's weights to the canvas."""
        model = self.model()
        if isinstance(model, OperatorModel) and self.currentIndex().isValid():
            operator = model.pinnable(self.currentIndex().row())
            if operator:
                pins.carry(self, operator)

    def copy(self) -> None:
        """Puts the selected rows, or all where none is selected, on the clipboard as shown."""
        chosen = sorted({index.row() for index in self.selectionModel().selectedRows()})
        QGuiApplication.clipboard().setText(self.text(chosen or range(self.model().rowCount())))

    def text(self, rows: range | list[int]) -> str:
        """Rows of the columns on show as tab-separated text with a header."""
        model = self.model()
        columns = [c for c in range(len(COLUMNS)) if not self.isColumnHidden(c)]
        lines = ["\t".join(COLUMNS[c].title for c in columns)]
        lines += ["\t".join(str(model.index(r, c).data()) for c in columns) for r in rows]
        return "\n".join(lines)


class OperatorTable(Chart):
    """The table of both phases; its selected row is the selected operator everywhere."""

    name = "operators"
    title = "Operators"

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(document, parent)
        self.model = OperatorModel(self)
        self.view = OperatorView()
        self.view.setModel(self.model)
        self._set_up_view()
        titles = [(c.key, c.title, c.help) for c in COLUMNS]
        self.columns = ColumnChooser(titles, IMPORTANCE, self)
        self.columns.changed.connect(self._show_columns)
        self.view.resized.connect(self._show_columns)
        self.tools.addWidget(self.columns.button)
        copy = QToolButton()
        copy.setText("Copy")
        copy.setAutoRaise(True)
        copy.setToolTip("Copy the selected operator, or all, as tab-separated text")
        copy.clicked.connect(self.view.copy)
        self.tools.addWidget(copy)
        self._stack(self.view)
        self._widths: dict[str, int] = {}
        self._by_hand: dict[str, int] = {}
        """Widths that the user has set."""
        self.view.horizontalHeader().sectionResized.connect(self._resized)
        self.model.modelReset.connect(self._widths.clear)

    def _set_up_view(self) -> None:
        view = self.view
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setAlternatingRowColors(True)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setFrameShape(view.Shape.NoFrame)
        view.setIconSize(QSize(SWATCH_PX, SWATCH_PX))
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.verticalHeader().hide()
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        view.verticalHeader().setDefaultSectionSize(ROW_PX)
        view.horizontalHeader().setHighlightSections(False)
        view.horizontalHeader().setStretchLastSection(True)
        view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        view.horizontalHeader().setSortIndicatorClearable(True)
        view.setSortingEnabled(True)
        view.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        view.setDragEnabled(True)
        view.setAccessibleName("Operators of the prefill and of a decode step")
        view.selectionModel().selectionChanged.connect(self._row_selected)

    def _draw(self, results: Results) -> None:
        report = results.report
        self.heading.set_text(f"{self.title} of the prefill and of one decode step")
        self.model.set_report(report)
        if not self._widths:
            self._fit_columns()
        self._show_columns()
        self._select(self.document.operator)

    def _fit_columns(self) -> None:
        """As wide as their content is now, with room for figures to grow; what the user dragged stays as it is."""
        for column, what in enumerate(COLUMNS):
            content = self.view.sizeHintForColumn(column) + (theme.GRID_PX if what.number else 0)
            wanted = max(content, text_width(what.title) + HEAD_PX)
            self._widths[what.key] = self._by_hand.get(what.key, wanted)
            self.view.setColumnWidth(column, self._widths[what.key])

    def _show_columns(self) -> None:
        """As many as have room beside the scroll bar, unless the user chose others."""
        if not self._widths:
            return
        room = self.view.width() - self.view.verticalScrollBar().sizeHint().width()
        widths = dict(self._widths)
        excess = sum(widths[key] for key in IMPORTANCE[:ESSENTIAL]) - room
        if "operator" not in self._by_hand:
            # Rather a name cut short than no figure.
            widths["operator"] = max(LEAST_NAME_PX, widths["operator"] - max(0, excess))
            self.view.setColumnWidth(OPERATOR, widths["operator"])
        shown = self.columns.shown(widths, room)
        for column, what in enumerate(COLUMNS):
            if self.view.isColumnHidden(column) == (what.key in shown):
                self.view.setColumnHidden(column, what.key not in shown)

    def _resized(self, column: int, _before: int, width: int) -> None:
        last = max(i for i in range(len(COLUMNS)) if not self.view.isColumnHidden(i))
        # The last one takes what the others leave.
        if width and column != last and QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            self._by_hand[COLUMNS[column].key] = self._widths[COLUMNS[column].key] = width

    def _select(self, key: str | None) -> None:
        row, chosen = self.model.row_of(key), self.view.selectionModel().selectedRows()
        if row < 0:
            self.view.clearSelection()
        elif not chosen or chosen[0].row() != row:
            self.view.selectRow(row)
            self.view.scrollTo(self.model.index(row, OPERATOR))

    def _row_selected(self, selected: QItemSelection, _deselected: QItemSelection) -> None:
        rows = selected.indexes()
        if rows:
            self.document.select_operator(self.model.lines[rows[0].row()].row.key)

    def source_at(self, pos: QPoint) -> Source | None:
        view = self.view.viewport()
        index = self.view.indexAt(view.mapFrom(self, pos))
        if not index.isValid() or self.drawn is None or not view.rect().contains(view.mapFrom(self, pos)):
            return None
        source = Source(self.drawn.report, _figure_key(self.model.lines[index.row()].row, COLUMNS[index.column()].key))
        return source if source.known else None

    def _extend_menu(self, menu: QMenu) -> None:
        menu.addSeparator()
        rows = self.view.selectionModel().selectedRows()
        operator = self.model.pinnable(rows[0].row()) if rows else ""
        if operator and self.drawn is not None:
            pins.add_menu(menu, self.document, operator, self.drawn.report.stores)
        menu.addAction("Copy operator", self.view.copy)
        menu.addAction("Order of execution", self._unsort)

    def _unsort(self) -> None:
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def _restyle(self) -> None:
        self.model.restyle()

    def values(self) -> Table:
        lines = self.model.lines if self.drawn is not None else []
        header = tuple(c.key for c in COLUMNS)
        return Table(header, tuple(tuple(c.value(n) if c.number else c.text(n) for c in COLUMNS) for n in lines))


def _lines(report: Report | None) -> list[Line]:
    if report is None:
        return []
    whole = {phase: sum(r.time_s for r in report.rows(phase)) for phase in PHASES}
    return [Line(r, i, r.time_s / whole[r.phase] if whole[r.phase] else 0.0) for i, r in enumerate(report.operators)]


def _figure_key(row: OperatorRow, column: str) -> str:
    """The key of what a cell shows; words that have no figure of their own lead to the operator's time."""
    if column == "energy_J":
        return f"energy.{row.key}"
    if column == "bound":
        return f"operator.{row.key}.share.{row.bound}"
    if column == "shape":
        return f"operator.{row.key}.n"
    summed = ("weight_bytes", "kv_bytes", "activation_bytes", "dram_bytes", "flops")
    return f"operator.{row.key}.{column}" if column in summed else f"time.{row.key}"


def _words(lines: list[Line]) -> list[str]:
    """What the columns left of the time say beside the operators' keys."""
    return [line.row.runs_on_label for line in lines]


def _tooltip(line: Line, column: int) -> str:
    """What stands behind a cell: the split of the energy, the shares of the time, else nothing."""
    if column == ENERGY:
        parts = zip(COMPONENTS, line.row.energies_J, strict=False)
        return "\n".join(f"{resource_word(c)}: {format_quantity(e, 'J')}" for c, e in parts if e > 0.0)
    if column == SHARE:
        return f"{percent(line.share)} of the time of the {PHASE_SHORT[line.row.phase].lower()}"
    text = COLUMNS[column].text(line)
    return text if text != NOTHING else ""
