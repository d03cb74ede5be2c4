"""The scenario bar: which LLM runs, with how many tokens and bits, over how many chips."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.document import Document
from explorer.panels.fields import ChoiceEdit, Editor, QuantityEdit
from explorer.panels.values import Value, help_html
from explorer.widgets.search import Entry, SearchPopup
from explorer.widgets.style import Tinted, icon
from hwlib import catalog
from hwlib.design.edit import EditError
from hwlib.fields import PartField, part_fields
from hwlib.units import format_quantity, thousands
from hwlib.workload.llm import LlmArchitecture
from hwlib.workload.scenario import Scenario

BIT_OPTIONS = (4, 8, 16)
CAPTIONS = {
    "prompt": "Prompt", "output": "Output", "batch": "Batch", "weight_bits": "Weights",
    "activation_bits": "Activations", "kv_bits": "KV cache", "tensor_parallel": "TP", "pipeline_parallel": "PP",
}  # fmt: skip
WIDTHS_PX = {
    "prompt": 64, "output": 64, "batch": 56, "weight_bits": 72, "activation_bits": 72, "kv_bits": 72,
    "tensor_parallel": 40, "pipeline_parallel": 40,
}  # fmt: skip
MODEL_WIDTH_PX = 152
BREAKS = ("weight_bits", "tensor_parallel")
"""Fields that stand a little apart from those before them."""


def count_text(number: float) -> str:
    """A number of parameters as people say it ("8.03 B", "124 M")."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if number >= size:
            return f"{format_quantity(number / size, '', 3)} {letter}"
    return thousands(number)


def model_entry(llm: LlmArchitecture) -> Entry:
    """An LLM as the list shows it: parameters and longest context; greyed where it can't generate."""
    detail = f"{count_text(llm.published_params or llm.params)} parameters · context {thousands(llm.max_ctx)}"
    return Entry(key=llm.name, name=llm.name, detail=detail, reason=llm.cannot_generate, also=llm.aliases)


class ModelButton(QPushButton):
    """The LLM that is served; a click, or just typing, opens the list."""

    typed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(MODEL_WIDTH_PX)
        self.setAccessibleName("LLM")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        text = event.text()
        if event.key() == Qt.Key.Key_Down or (text.isprintable() and text.strip()):
            self.typed.emit(text.strip() if text.isprintable() else "")
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A button whose text starts at the left and is shortened where it is too long."""
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        area = self.rect().adjusted(theme.GRID_PX, 0, -theme.GRID_PX - 16, 0)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, text)
        top = (self.height() - 16) // 2
        icon("down", theme.current().muted).paint(painter, self.width() - 16 - theme.HALF_GRID_PX, top, 16, 16)


class Cell(QWidget):
    """A field under its caption."""

    def __init__(self, caption: str, body: QWidget, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.caption = Tinted(caption, "muted")
        self.caption.setBuddy(body)
        self.setToolTip(tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.caption)
        layout.addWidget(body)


class Remark(Tinted):
    """What is wrong with a field, over whatever lies below the bar: nothing moves for it."""

    def __init__(self, bar: QWidget) -> None:
        super().__init__("", "error")
        self.setParent(bar)
        self._bar = bar
        self.setContentsMargins(theme.GRID_PX, theme.HALF_GRID_PX, theme.GRID_PX, theme.HALF_GRID_PX)
        self.hide()

    def say(self, text: str) -> None:
        """Say something; nothing where `text` is empty."""
        self.setText(text)
        self.setVisible(bool(text))
        if text:
            window = self._bar.window()
            if self.parentWidget() is not window:
                self.setParent(window)
                self._retheme()  # the style brings back the colours that it knew under the parent before
            self.adjustSize()
            below = self._bar.mapTo(window, QPoint(0, self._bar.height()))
            self.move(below.x(), min(below.y(), window.height() - self.height()))
            self.show()
            self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Words on a raised card."""
        t, painter = theme.current(), QPainter(self)
        painter.setPen(QColor(t.error))
        painter.setBrush(QColor(t.raised))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 3, 3)
        painter.end()
        super().paintEvent(event)


class ScenarioBar(QWidget):
    """Shows and sets the document's LLM and scenario; what is wrong with a field is said below it."""

    warned = Signal(str)
    """What the user should know of the scenario; empty once it is no matter any more."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.model = ModelButton()
        self.editors: dict[str, Editor] = {}
        self._popup: SearchPopup | None = None
        self._remarks: dict[str, str] = {}
        self.chips = QLabel()
        self._warning = ""
        self._cells: dict[str, Cell] = {}
        self._lay_out()
        self.remark = Remark(self)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.model.clicked.connect(self.open_models)
        self.model.typed.connect(self.open_models)
        document.scenario_changed.connect(self._refresh)
        document.model_changed.connect(self._refresh)
        self._refresh()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GRID_PX)
        row.addWidget(Cell("LLM", self.model, "The LLM that the chip serves. Click, or type a part of its name."))
        for field in part_fields(Scenario):
            if field.name in CAPTIONS:
                if field.name in BREAKS:
                    row.addSpacing(theme.GRID_PX)
                row.addWidget(self._cell(field))
        self.chips.setMinimumWidth(self.chips.fontMetrics().horizontalAdvance("4096"))
        self.chips.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.chips.setMinimumHeight(self.editors["prompt"].sizeHint().height())
        row.addWidget(Cell("Chips", self.chips, "Chips in all: tensor parallel times pipeline parallel."))
        row.setContentsMargins(0, 0, 0, 0)
        self.setLayout(row)

    def _cell(self, field: PartField) -> Cell:
        editor: Editor
        if field.name.endswith("_bits"):
            editor = ChoiceEdit(field, BIT_OPTIONS, words=_bits)
        else:
            editor = QuantityEdit(field)
        editor.setFixedWidth(WIDTHS_PX[field.name])
        editor.edited.connect(self._edited)
        editor.said.connect(self._said)
        self.editors[field.name] = editor
        cell = self._cells[field.name] = Cell(CAPTIONS[field.name], editor, help_html(field))
        return cell

    def open_models(self, typed: object = "") -> None:
        """Open the list of LLMs, searching for `typed`."""
        if self._popup is None:
            self._popup = SearchPopup("Search LLMs", self)
            self._popup.chosen.connect(self._choose_model)
        entries = [model_entry(llm) for llm in catalog.models()]
        self._popup.open_below(self.model, entries, self._document.llm.name, typed if isinstance(typed, str) else "")

    @property
    def popup(self) -> SearchPopup | None:
        """The list of LLMs, once it was opened."""
        return self._popup

    def _choose_model(self, name: str) -> None:
        self._document.set_model(next(llm for llm in catalog.models() if llm.name == name))

    def _refresh(self, *_: object) -> None:
        scenario, llm = self._document.scenario, self._document.llm
        for name, editor in self.editors.items():
            editor.set_value(getattr(scenario, name))
        self.model.setText(llm.name)
        self.model.setToolTip(f"{llm.name}: {model_entry(llm).detail}")
        self.chips.setText(thousands(scenario.chips))
        self._show_warning()

    def _edited(self, value: Value, _key: object) -> None:
        editor = self.sender()
        assert isinstance(editor, Editor)
        try:
            self._document.set_scenario(msgspec.structs.replace(self._document.scenario, **{editor.field.name: value}))
        except EditError as error:
            editor.say(str(error))

    def _said(self, text: str, _tint: str) -> None:
        editor = self.sender()
        assert isinstance(editor, Editor)
        self._remarks[editor.field.name] = f"{CAPTIONS[editor.field.name]}: {text}" if text else ""
        self.remark.say(" ".join(filter(None, self._remarks.values())))

    @property
    def warning(self) -> str:
        """What to know of the scenario as it stands; empty for nothing."""
        return self._warning

    def _show_warning(self) -> None:
        """Mark the two lengths where together they are more than the model was made for; nothing moves for it."""
        warning = context_warning(self._document.scenario, self._document.llm)
        if warning == self._warning:
            return
        self._warning = warning
        for name in ("prompt", "output"):
            cell = self._cells[name]
            cell.caption.set_tint("warning" if warning else "muted")
            tip = help_html(self.editors[name].field)
            cell.setToolTip(f"<p><b>{warning}</b></p>{tip}" if warning else tip)
        self.warned.emit(warning)


def _bits(value: Value) -> str:
    return f"{value} bit"


def context_warning(scenario: Scenario, llm: LlmArchitecture) -> str:
    """What to know where prompt and output together exceed the longest context of the model; else empty."""
    tokens = scenario.prompt + scenario.output
    if tokens <= llm.max_ctx:
        return ""
    return (
        f"Prompt and output take {thousands(tokens)} tokens; {llm.name} was made for at most {thousands(llm.max_ctx)}."
    )
