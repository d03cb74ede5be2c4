"""The baseline picker: which devices and saved designs the chip is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLayout, QMenu, QSizePolicy, QToolButton, QWidget

from explorer import theme
from explorer.document import Baseline, Document
from explorer.widgets.devices import device_entries
from explorer.widgets.search import SearchPopup
from explorer.widgets.style import Tinted, icon
from hwlib.design import files

TEXT_WIDTHS_PX = (160, 112, 80, 60, 44)
"""How wide the names may be; the widest at which all baselines find room is taken."""
CHIP_HEIGHT_PX = 26


class BaselineChip(QWidget):
    """One baseline with its remove button."""

    removed = Signal(object)

    def __init__(self, baseline: Baseline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.baseline = baseline
        self.label = Tinted("", "text")
        kind = "saved design" if baseline.design is not None else "catalog device"
        self.setToolTip(f"{baseline.name}, {kind}")
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setFixedSize(20, 20)
        self.button.setToolTip(f"Remove {baseline.name}")
        self.button.setAccessibleName(f"Remove {baseline.name}")
        self.button.clicked.connect(self._remove)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(theme.GRID_PX, 0, 3, 0)
        self._row.setSpacing(2)
        self._row.addWidget(self.label)
        self._row.addWidget(self.button)
        self.setFixedHeight(CHIP_HEIGHT_PX)
        self.shorten(TEXT_WIDTHS_PX[0])
        self._retheme()
        theme.notifier.changed.connect(self._retheme)

    def shorten(self, width: int) -> None:
        """Give the name at most so many pixels."""
        metrics = self.label.fontMetrics()
        self.label.setText(metrics.elidedText(self.baseline.name, Qt.TextElideMode.ElideRight, width))

    def width_for(self, text_width: int) -> int:
        """How wide the chip is with a name of at most so many pixels."""
        margins = self._row.contentsMargins()
        text = min(text_width, self.label.fontMetrics().horizontalAdvance(self.baseline.name) + 1)
        return margins.left() + text + self._row.spacing() + self.button.width() + margins.right()

    def _retheme(self) -> None:
        self.button.setIcon(icon("cross", theme.current().muted))
        self.update()

    def _remove(self) -> None:
        self.removed.emit(self.baseline)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.current().raised))
        painter.drawRoundedRect(self.rect(), 4, 4)


class BaselinePicker(QWidget):
    """The baselines in their order; "+" adds one. What finds no room stands in a menu."""

    problem = Signal(str, str)
    """What did not work, and why."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._popup: SearchPopup | None = None
        self.chips: list[BaselineChip] = []
        self.ask_path: Callable[[], str] = self._ask_path
        self.folder = ""
        """Where the file dialog opens."""
        self.more = _button("", "Baselines that find no room here")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(QMenu(self.more))
        self.more.menu().triggered.connect(self._remove_listed)
        self.add = _button("Add", "Compare with another device or saved design")
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.add.setAccessibleName("Add a baseline")
        self.add.clicked.connect(self.open_devices)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        # The chips' own widths don't count: they give way.
        self._row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._row.setSpacing(theme.HALF_GRID_PX)
        self._vs = Tinted("vs", "muted")
        self._row.addWidget(self._vs)
        self._row.addWidget(self.more)
        self._row.addWidget(self.add)
        self._row.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        document.baselines_changed.connect(self._rebuild)
        theme.notifier.changed.connect(self._retheme)
        self._retheme()
        self._rebuild()

    @property
    def popup(self) -> SearchPopup | None:
        """The list of devices, once it was opened."""
        return self._popup

    def sizeHint(self) -> QSize:
        """Room for every chip with its whole name."""
        return QSize(self._fixed_width() + sum(self._widths(TEXT_WIDTHS_PX[0])), CHIP_HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        """Room for "3 more" and the add button."""
        return QSize(self._fixed_width() + self.more.sizeHint().width() + theme.HALF_GRID_PX, CHIP_HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def open_devices(self) -> None:
        """Open the list of devices."""
        if self._popup is None:
            self._popup = SearchPopup("Search devices", self)
            self._popup.chosen.connect(self._add_device)
            self._popup.add_button("Saved design…").clicked.connect(self.open_design)
        shown = frozenset(b.device for b in self._document.baselines)
        self._popup.open_below(self.add, device_entries(shown))

    def open_design(self) -> None:
        """Ask for a design file and compare with it."""
        if self._popup is not None:
            self._popup.hide()
        name = self.ask_path()
        if not name:
            return
        path = Path(name)
        try:
            design = files.load(path)
        except (files.DesignFileError, OSError) as error:
            self.problem.emit("This design could not be opened", str(error))
            return
        self.folder = str(path.parent)
        self._add(Baseline(name=design.name, design=design))

    def _ask_path(self) -> str:
        filters = f"Chip designs (*{files.SUFFIX});;All files (*)"
        return QFileDialog.getOpenFileName(self, "Compare with a saved design", self.folder, filters)[0]

    def _add_device(self, name: str) -> None:
        self._add(Baseline(name=name, device=name))

    def _add(self, baseline: Baseline) -> None:
        if baseline not in self._document.baselines:
            self._document.set_baselines((*self._document.baselines, baseline))

    def _remove(self, baseline: Baseline) -> None:
        self._document.set_baselines(b for b in self._document.baselines if b != baseline)

    def _remove_listed(self, action: object) -> None:
        self._remove(action.data())  # type: ignore[attr-defined]

    def _rebuild(self, *_: object) -> None:
        for chip in self.chips:
            self._row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = [BaselineChip(b) for b in self._document.baselines]
        for n, chip in enumerate(self.chips):
            chip.removed.connect(self._remove)
            self._row.insertWidget(1 + n, chip)
        self.updateGeometry()
        self._fit()

    def _fit(self) -> None:
        """Show the chips, their names shortened as far as needed, and what finds no room in the menu."""
        room = self.width() - self._fixed_width()
        text = next((w for w in TEXT_WIDTHS_PX if sum(self._widths(w)) <= room), TEXT_WIDTHS_PX[-1])
        widths = self._widths(text)
        if sum(widths) > room:
            room -= self.more.sizeHint().width() + theme.HALF_GRID_PX
        shown = next((n for n in range(len(widths), 0, -1) if sum(widths[:n]) <= room), 0)
        for n, chip in enumerate(self.chips):
            chip.shorten(text)
            chip.setVisible(n < shown)
        self._fill_menu([chip.baseline for chip in self.chips[shown:]])

    def _fill_menu(self, hidden: Sequence[Baseline]) -> None:
        self.more.setText(f"{len(hidden)} more")
        self.more.setVisible(bool(hidden))
        menu = self.more.menu()
        menu.clear()
        for baseline in hidden:
            menu.addAction(icon("cross", theme.current().muted), f"Remove {baseline.name}").setData(baseline)

    def _fixed_width(self) -> int:
        return self._vs.sizeHint().width() + self.add.sizeHint().width() + 2 * theme.HALF_GRID_PX

    def _widths(self, text_width: int) -> list[int]:
        return [chip.width_for(text_width) + theme.HALF_GRID_PX for chip in self.chips]

    def _retheme(self) -> None:
        self.add.setIcon(icon("plus", theme.current().text))


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAutoRaise(True)
    button.setToolTip(tip)
    button.setFixedHeight(CHIP_HEIGHT_PX)
    return button
