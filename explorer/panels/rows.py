"""Rows of a panel: a field with its label, help and remark; a derived figure; and the section that groups them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from explorer import theme
from explorer.panels.fields import Editor
from explorer.panels.line import ValueLine
from explorer.panels.values import help_html, range_text, short_label
from explorer.widgets.style import Figure, Popover, Tinted, heading
from hwlib.fields import PartField

LABEL_SHARE, EDITOR_SHARE = 7, 10
HELP_PX = 20


class FieldRow(QWidget):
    """Label, editor and help of one parameter, and below them what the editor has to say.

    `stacked` puts the label above the editor, for values whose text needs the whole width.
    """

    def __init__(self, editor: Editor, parent: QWidget | None = None, *, stacked: bool = False) -> None:
        super().__init__(parent)
        self.editor = editor
        field = editor.field
        self.label = Tinted(short_label(field) if stacked else field.label, "muted")
        self.label.setWordWrap(not stacked)
        self.label.setToolTip(help_html(field))
        self.label.setBuddy(editor)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        editor.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.help = _help_button(self, field)
        self.help.clicked.connect(self.show_help)
        self.remark = Tinted("", "error")
        self.remark.setWordWrap(True)
        self.remark.hide()
        self._lay_out(stacked)
        editor.said.connect(self._say)
        line = getattr(editor, "line", None)
        if isinstance(line, ValueLine):
            line.help_wanted.connect(self.show_help)
            line.setToolTip(range_text(field))

    def _lay_out(self, stacked: bool) -> None:
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        if stacked:
            rows.addWidget(self.label)
            rows.addWidget(self.editor)
        else:
            first = QHBoxLayout()
            first.setSpacing(theme.HALF_GRID_PX)
            first.addWidget(self.label, LABEL_SHARE)
            first.addWidget(self.editor, EDITOR_SHARE)
            rows.addLayout(first)
        rows.addWidget(self.remark)

    def show_help(self) -> None:
        """Help, range, formula and source in a popover under the field."""
        Popover(self).show_below(self.help, help_html(self.editor.field))

    def _say(self, text: str, tint: str) -> None:
        self.remark.set_tint(tint)
        self.remark.setText(text)
        self.remark.setVisible(bool(text))

    def _place_help(self) -> None:
        # Over the end of the label, so that the values of all rows keep the whole width and one right edge.
        self.help.move(self.label.geometry().right() - HELP_PX, self.label.geometry().center().y() - HELP_PX // 2 + 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_help()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._place_help()
        self.help.raise_()
        self.help.show()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.help.hide()
        super().leaveEvent(event)


def _help_button(row: QWidget, field: PartField) -> QToolButton:
    """The "?" that a row shows under the pointer."""
    button = QToolButton(row)
    button.setText("?")
    button.setFixedSize(HELP_PX, HELP_PX)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setAccessibleName(f"Help: {field.label}")
    button.setToolTip(help_html(field))
    button.hide()
    return button


class Section(QWidget):
    """Rows under a heading; `collapsed` makes it one that opens on a click."""

    opened = Signal()

    def __init__(self, title: str, parent: QWidget | None = None, *, collapsed: bool | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.body = QWidget()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(theme.HALF_GRID_PX)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.GRID_PX, 0, 0)
        layout.setSpacing(theme.HALF_GRID_PX)
        self.toggle: QToolButton | None = None
        if collapsed is None:
            layout.addWidget(heading(title))
        else:
            self.toggle = self._make_toggle()
            layout.addWidget(self.toggle)
            self._show_body(not collapsed)
        layout.addWidget(self.body)

    def _make_toggle(self) -> QToolButton:
        button = QToolButton()
        button.setText(self._title)
        button.setFont(theme.text_font(bold=True))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setAutoRaise(True)
        button.setStyleSheet("QToolButton { border: 0; padding: 0; text-align: left; }")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(self._flip)
        return button

    def set_note(self, note: str) -> None:
        """Add a word to the title of a section that opens."""
        if self.toggle is not None:
            self.toggle.setText(f"{self._title} · {note}" if note else self._title)

    @property
    def is_open(self) -> bool:
        """Whether the rows are shown."""
        return not self.body.isHidden()

    def _flip(self) -> None:
        self._show_body(not self.is_open)
        if self.is_open:
            self.opened.emit()

    def _show_body(self, shown: bool) -> None:
        self.body.setVisible(shown)
        if self.toggle is not None:
            self.toggle.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)


class FigureRow(QWidget):
    """A label and a derived figure; both wrap rather than widen the panel."""

    def __init__(self, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = Tinted(label, "muted")
        self.figure = Figure()
        self.key = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.HALF_GRID_PX)
        for text in (self.label, self.figure):
            text.setWordWrap(True)
            text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            layout.addWidget(text, 1)

    def show_figure(self, text: str, key: str = "") -> None:
        """Show a figure; with a `key` it can be asked where it comes from."""
        self.key = key
        self.figure.setText(text)
        self.figure.set_askable(bool(key))
