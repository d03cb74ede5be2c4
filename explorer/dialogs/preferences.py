"""The preferences: look, files, what a new window starts with, and keys. Every change holds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from explorer import theme
from explorer.dialogs.shortcut_page import ShortcutPage
from explorer.settings import Preferences
from explorer.widgets.style import Tinted
from hwlib.units import UnitError, format_quantity, parse
from hwlib.workload.scenario import Scenario

SIZE_PX = (640, 520)
MARGIN_PX = 2 * theme.GRID_PX
THEMES = (("Light", "light"), ("Dark", "dark"), ("As the system", "system"))
FIELD_PX = 176
SCALES = (100, 125, 150, 175, 200)
GRID_RANGE_M = (1e-6, 5e-3)
OWN_CHOICE = "Chipscape's own choice"


@dataclass(frozen=True)
class Present:
    """What the window shows now, to be taken as what a new one starts with."""

    llm: str
    scenario: Scenario
    devices: tuple[str, ...]
    library_folder: str
    running_scale: int
    """The scale in per cent that this program runs with."""


class PreferencesDialog(QDialog):
    """Shows Preferences and tells of every change; it has nothing to confirm."""

    changed = Signal(object)
    """dict of the fields of Preferences that have changed."""

    def __init__(self, preferences: Preferences, present: Present, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preferences = preferences
        self._present = present
        self.setObjectName("preferences")
        self.setWindowTitle("Preferences")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE_PX)
        self.pages = QTabWidget(self)
        self.pages.setDocumentMode(True)
        self.pages.addTab(self._general(), "&General")
        self.pages.addTab(self._start(), "&Start")
        self.shortcuts = ShortcutPage(preferences.shortcuts)
        self.shortcuts.changed.connect(lambda chosen: self._change(shortcuts=chosen))
        self.pages.addTab(self.shortcuts, "&Keys")
        close = QPushButton("Close", self)
        close.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.GRID_PX, 0, MARGIN_PX)
        column.addWidget(self.pages, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 0)
        foot.addWidget(Tinted("Changes hold at once.", "muted"), 1)
        foot.addWidget(close)
        column.addLayout(foot)

    # General

    def _general(self) -> QWidget:
        page, form = _form()
        self.theme_box = _choice(THEMES, self.preferences.theme, "Theme")
        self.theme_box.currentIndexChanged.connect(lambda: self._change(theme=self.theme_box.currentData()))
        form.addRow("&Theme", _row(self.theme_box, _spacer()))
        self.scale_box = _choice([(f"{s} %", s) for s in SCALES], self.preferences.ui_scale, "Size of everything")
        self.scale_box.currentIndexChanged.connect(self._take_scale)
        self.scale_note = _wrapped("")
        form.addRow("Si&ze of everything", _under(self.scale_box, self.scale_note))
        self.snap_box = QCheckBox("Blocks move in steps of the grid", page)
        self.snap_box.setChecked(self.preferences.snap)
        self.snap_box.toggled.connect(lambda on: self._change(snap=on))
        form.addRow("Grid", self.snap_box)
        self.grid_edit = QLineEdit(_grid_text(self.preferences.grid_step_m), page)
        self.grid_edit.setPlaceholderText("fits the die")
        self.grid_edit.setAccessibleName("Step of the grid")
        self.grid_edit.setFixedWidth(FIELD_PX)
        self.grid_edit.editingFinished.connect(self._take_grid)
        self.grid_note = _wrapped("Such as 0.1 mm; empty: a step that fits the die.")
        form.addRow("Ste&p of the grid", _under(self.grid_edit, self.grid_note))
        form.addRow("&Library folder", self._folder_row(page))
        self._tell_scale()
        return page

    def _folder_row(self, page: QWidget) -> QWidget:
        self.folder_edit = QLineEdit(self._present.library_folder, page)
        self.folder_edit.setReadOnly(True)
        self.folder_edit.setAccessibleName("Library folder")
        self.folder_button = QPushButton("&Choose…", page)
        self.folder_button.setAutoDefault(False)
        self.folder_button.clicked.connect(self._choose_folder)
        return _row(self.folder_edit, self.folder_button)

    def _take_scale(self) -> None:
        self._change(ui_scale=self.scale_box.currentData())
        self._tell_scale()

    def _tell_scale(self) -> None:
        wanted, now = self.preferences.ui_scale, self._present.running_scale
        changed = f"Holds from the next start on; this window stays at {now} %." if wanted != now else ""
        self.scale_note.setText(changed or "Text, lines and pictures alike.")
        self.scale_note.set_tint("warning" if changed else "muted")

    def _take_grid(self) -> None:
        text = self.grid_edit.text().strip()
        try:
            step = parse(text, "m") if text else 0.0
        except UnitError as error:
            self._refuse_grid(str(error))
            return
        low, high = GRID_RANGE_M
        if text and not low <= step <= high:
            self._refuse_grid("Give a step from 1 µm to 5 mm, or leave it empty.")
            return
        self.grid_note.set_tint("muted")
        self.grid_note.setText("Such as 0.1 mm; empty: a step that fits the die.")
        self.grid_edit.setText(_grid_text(step))
        self._change(grid_step_m=step)

    def _refuse_grid(self, why: str) -> None:
        self.grid_note.set_tint("error")
        self.grid_note.setText(why)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of the library", self.folder_edit.text())
        if name:
            self.take_folder(Path(name))

    def take_folder(self, folder: Path) -> None:
        """Make a folder that of the library."""
        self.folder_edit.setText(str(folder))
        self._change(library_folder=str(folder))

    # Start

    def _start(self) -> QWidget:
        page, form = _form()
        self.session_box = QCheckBox("Open what was open at the end", page)
        self.session_box.setChecked(self.preferences.restore_session)
        self.session_box.toggled.connect(lambda on: self._change(restore_session=on))
        form.addRow("At the start", self.session_box)
        self.welcome_box = QCheckBox("Show the welcome where nothing was open", page)
        self.welcome_box.setChecked(self.preferences.show_welcome)
        self.welcome_box.toggled.connect(lambda on: self._change(show_welcome=on))
        form.addRow("", self.welcome_box)
        form.addRow(_spacer())
        form.addRow(Tinted("A new window starts with", bold=True))
        now = self._present
        self.llm_row = self._default_row("llm", "", now.llm, str)
        form.addRow("LLM", self.llm_row)
        self.scenario_row = self._default_row("scenario", None, now.scenario, scenario_words)
        form.addRow("Scenario", self.scenario_row)
        self.devices_row = self._default_row("devices", None, now.devices, device_words)
        form.addRow("Compared with", self.devices_row)
        return page

    def _default_row(self, field: str, own: Any, present: Any, words: Callable[[Any], str]) -> DefaultRow:
        row = DefaultRow(getattr(self.preferences, field), own, present, words)
        row.changed.connect(lambda value: self._change(**{field: value}))
        return row

    def _change(self, **fields: Any) -> None:
        self.preferences = msgspec.structs.replace(self.preferences, **fields)
        self.changed.emit(fields)


class DefaultRow(QWidget):
    """What a new window starts with, in words; a button takes what this window shows, another goes back."""

    changed = Signal(object)

    def __init__(self, value: Any, own: Any, present: Any, words: Callable[[Any], str]) -> None:
        super().__init__()
        self._own, self._present, self._words = own, present, words
        self.label = _wrapped("", "text")
        self.take_button = QPushButton("Take this window's")
        self.own_button = QPushButton("Reset")
        self.take_button.setToolTip(f"This window: {words(present)}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID_PX)
        row.addWidget(self.label, 1)
        for button in (self.take_button, self.own_button):
            button.setAutoDefault(False)
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.take_button.clicked.connect(lambda: self._take(self._present))
        self.own_button.clicked.connect(lambda: self._take(self._own))
        self._show(value)

    def _take(self, value: Any) -> None:
        self._show(value)
        self.changed.emit(value)

    def _show(self, value: Any) -> None:
        self.label.setText(OWN_CHOICE if value == self._own else self._words(value))
        self.label.set_tint("muted" if value == self._own else "text")
        self.own_button.setEnabled(value != self._own)
        self.take_button.setEnabled(value != self._present)


def scenario_words(s: Scenario) -> str:
    """A scenario in one line."""
    bits = f"W{s.weight_bits} A{s.activation_bits} KV{s.kv_bits}"
    return f"prompt {s.prompt}, output {s.output}, batch {s.batch}, {bits}, chips {s.chips}"


def device_words(names: Iterable[str]) -> str:
    """The names of devices in one line."""
    return ", ".join(names) or "nothing"


def _grid_text(step_m: float) -> str:
    return format_quantity(step_m, "m") if step_m else ""


def _form() -> tuple[QWidget, QFormLayout]:
    page = QWidget()
    form = QFormLayout(page)
    form.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
    form.setHorizontalSpacing(2 * theme.GRID_PX)
    form.setVerticalSpacing(theme.GRID_PX + theme.HALF_GRID_PX)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
    return page, form


def _choice(options: Iterable[tuple[str, Any]], current: Any, name: str) -> QComboBox:
    box = QComboBox()
    for words, value in options:
        box.addItem(words, value)
    box.setCurrentIndex(max(box.findData(current), 0))
    box.setAccessibleName(name)
    box.setFixedWidth(FIELD_PX)
    return box


def _wrapped(text: str, tint: str = "muted") -> Tinted:
    label = Tinted(text, tint)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _under(field: QWidget, note: QLabel) -> QWidget:
    """A field with its note below, which may be wider than the field."""
    both = QWidget()
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(theme.HALF_GRID_PX)
    line = QHBoxLayout()
    line.addWidget(field)
    line.addStretch(1)
    column.addLayout(line)
    column.addWidget(note)
    return both


def _row(*widgets: QWidget) -> QWidget:
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    return both


def _spacer() -> QWidget:
    gap = QWidget()
    gap.setFixedHeight(theme.GRID_PX)
    return gap
