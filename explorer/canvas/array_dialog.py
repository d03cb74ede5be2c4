"""The dialog that asks for an array: rows, columns, gap, and whether copies are linked as their originals are."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from explorer import theme
from explorer.canvas.geometry import bottom, right
from hwlib.report import Rect
from hwlib.units import format_quantity

MOST = 100
MOST_GAP_MM = 100.0
NAMED = 2
"""So many neighbours are named; more are counted."""


class ArrayDialog(QDialog):
    """Asks how often to repeat what lies in `frame`. Deletes itself; read its answers on `accepted`."""

    def __init__(self, frame: Rect, die: Rect, neighbours: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._frame, self._die = frame, die
        self.setWindowTitle("Make an array")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rows, self._columns = self._count(2), self._count(2)
        self._gap = QDoubleSpinBox(suffix=" mm", decimals=3, singleStep=0.1, minimum=0.0, maximum=MOST_GAP_MM)
        self._gap.setValue(0.1)
        self._linked = QCheckBox(_linking(neighbours))
        self._linked.setEnabled(bool(neighbours))
        self._linked.setChecked(bool(neighbours))
        self._outcome = QLabel()
        self._outcome.setWordWrap(True)
        self._lay_out()
        for box in (self._rows, self._columns, self._gap):
            box.valueChanged.connect(self._tell)
        self._tell()

    @property
    def rows(self) -> int:
        """How many rows."""
        return self._rows.value()

    @property
    def columns(self) -> int:
        """How many columns."""
        return self._columns.value()

    @property
    def gap_m(self) -> float:
        """What is left free between two copies, in metres."""
        return round(self._gap.value() * 1e-3, 9)

    @property
    def linked(self) -> bool:
        """Link each copy to what its original is linked to."""
        return self._linked.isChecked()

    @property
    def outcome(self) -> str:
        """What the array will be, in words."""
        return self._outcome.text()

    def _count(self, value: int) -> QSpinBox:
        box = QSpinBox(minimum=1, maximum=MOST)
        box.setValue(value)
        return box

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(2 * theme.GRID_PX)
        form.addRow("&Rows", self._rows)
        form.addRow("&Columns", self._columns)
        form.addRow("&Gap", self._gap)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setText("Make array")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.GRID_PX, 2 * theme.GRID_PX, 2 * theme.GRID_PX, 2 * theme.GRID_PX)
        column.setSpacing(theme.GRID_PX)
        column.addLayout(form)
        column.addWidget(self._linked)
        column.addWidget(self._outcome)
        column.addWidget(buttons)
        self.setMinimumWidth(320)

    def _tell(self) -> None:
        across = self.columns * (self._frame.width_m + self.gap_m) - self.gap_m
        down = self.rows * (self._frame.height_m + self.gap_m) - self.gap_m
        self._ok.setEnabled(self.rows * self.columns > 1)
        size = f"{format_quantity(across * 1e3, digits=3)} × {format_quantity(down * 1e3, digits=3)} mm in all"
        over = max(self._frame.x_m + across - right(self._die), self._frame.y_m + down - bottom(self._die))
        beyond = f"; reaches {format_quantity(over, 'm', 2)} beyond the die" if over > 1e-9 else ""
        self._outcome.setText(f"{size}{beyond}.")


def _linking(neighbours: list[str]) -> str:
    """What the checkbox offers."""
    if not neighbours:
        return "Link the copies (nothing beyond is linked)"
    if len(neighbours) > NAMED:
        return f"&Link each copy to the same {len(neighbours)} blocks"
    return f"&Link each copy to {' and '.join(n.replace('&', '&&') for n in neighbours)}"
