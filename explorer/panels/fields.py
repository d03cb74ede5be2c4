"""Typed editors of declared parameters: quantity with unit, whole number, choice, switch and line of text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QPalette, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QWidget

from explorer import theme
from explorer.panels.line import ValueLine
from explorer.panels.values import (
    FieldError,
    Value,
    choice_text,
    read_value,
    rounded_text,
    stepped,
    unfinished,
    value_text,
)  # fmt: skip
from explorer.widgets.style import icon
from hwlib.fields import PartField

VARIOUS = "various"
MODELLED = "modelled"
OWN = "your own value"

_stays = itertools.count()


class Editor(QWidget):
    """Base of the editors: shows a value, tells of edits, and says in words what is wrong or special."""

    edited = Signal(object, object)
    """(value, merge key): the user wants this value; edits of one stay in the field share their key."""
    said = Signal(str, str)
    """(text, tint): what to show below the field, empty for nothing."""

    def __init__(self, field: PartField, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self.message = ""
        self._value: Value = None
        self._mixed = False
        self._stay: int | None = None
        self.setAccessibleName(field.label)
        self.setAccessibleDescription(field.help)

    @property
    def value(self) -> Value:
        """The value in force."""
        return self._value

    def set_value(self, value: Value, modelled: float | None = None) -> None:
        """Show `value`; `modelled` is what the cost model finds where the user has no own value."""
        raise NotImplementedError

    def set_mixed(self) -> None:
        """Show that several values are edited together."""
        raise NotImplementedError

    def say(self, text: str, tint: str = "error") -> None:
        """Show a remark below the field."""
        if text != self.message:
            self.message = text
            self.said.emit(text, tint)

    def _key(self) -> tuple[str, int]:
        """The merge key of this stay in the field."""
        if self._stay is None:
            self._stay = next(_stays)
        return (f"field {self.field.name}", self._stay)


class QuantityEdit(Editor):
    """A number with its unit. Valid text counts at once; of anything else the field says what is wrong."""

    def __init__(self, field: PartField, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.line = ValueLine(self)
        self.line.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.line.setAccessibleName(field.label)
        self._modelled: float | None = None
        self._stay_value: Value = None
        self._stay_mixed = False
        self._shown = ""
        reset_icon = icon("reset", theme.current().muted)
        self._reset = self.line.addAction(reset_icon, QLineEdit.ActionPosition.TrailingPosition)
        self._reset.setToolTip("Return to the modelled value" if field.override else "Take the value away")
        self._reset.setVisible(False)
        self._reset.triggered.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        self.setFocusProxy(self.line)
        self.line.textEdited.connect(self._typed)
        self.line.entered.connect(self._enter)
        self.line.left.connect(self._leave)
        self.line.escaped.connect(self._escape)
        self.line.stepped.connect(self._step)
        theme.notifier.changed.connect(self._retheme)

    def set_value(self, value: Value, modelled: float | None = None) -> None:
        if value == self._value and modelled == self._modelled and not self._mixed and self._shown:
            return
        foreign = value != self._value or self._mixed
        self._value, self._modelled, self._mixed = value, modelled, False
        if foreign:
            self._stay = None
            self._stay_value, self._stay_mixed = value, False
            self.say("")
        if foreign or not self.line.isModified():
            self._show()

    def set_mixed(self) -> None:
        if self._mixed:
            return
        self._value, self._mixed, self._stay = None, True, None
        self._stay_value, self._stay_mixed = None, True
        self.say("")
        self._show()

    def clear(self) -> None:
        """Take the user's own value away: the model's counts again."""
        self._stay = None
        self._commit(None)
        self._stay = None
        self._show()

    def _show(self) -> None:
        """Write the value in force into the line."""
        known = "–" if self._modelled is None else rounded_text(self.field, self._modelled)
        self._shown = value_text(self.field, self._value) or known
        blocker = QSignalBlocker(self.line)
        self.line.setText(value_text(self.field, self._value))
        self.line.setModified(False)
        del blocker
        if self.line.hasFocus():
            self.line.selectAll()
        self.line.setPlaceholderText(self._placeholder())
        self._reset.setVisible(self.field.optional and self._value is not None)
        if self.message in ("", OWN):
            self._say_own()
        self._retheme()

    def _placeholder(self) -> str:
        if self._mixed:
            return VARIOUS
        if not self.field.override:
            return "none"
        known = "" if self._modelled is None else f": {rounded_text(self.field, self._modelled)}"
        return f"{MODELLED}{known}"

    def _own_text(self) -> str:
        own = self.field.override and self._value is not None
        return OWN if own else ""

    def _say_own(self) -> None:
        self.say(self._own_text(), "accent")

    def _typed(self, text: str) -> None:
        """Follow the typing: valid text counts at once, a beginning of it says nothing yet."""
        if not text.strip():
            self._say_own()
            return
        try:
            value = read_value(self.field, text, self._shown)
        except FieldError as error:
            if unfinished(self.field, text) and not str(error).startswith("Out of range"):
                self.say("")
            else:
                self._refuse(error)
            return
        self.say("")
        self._commit(value)

    def _kept(self) -> str:
        return "" if self._value is None else f"Still {value_text(self.field, self._value)}."

    def _commit(self, value: Value) -> None:
        if value == self._value and not self._mixed:
            return
        if self._stay is None:
            self._stay_value, self._stay_mixed = self._value, self._mixed
        self._value, self._mixed = value, False
        self.edited.emit(value, self._key())

    def _refuse(self, error: FieldError) -> None:
        """Return to the value from before this stay, not to what the typing passed through, and say why."""
        self._return()
        self.say(f"{error} {self._kept()}".strip())

    def _return(self) -> None:
        if self._stay is not None and not self._stay_mixed:
            self._commit(self._stay_value)

    def _finish(self) -> bool:
        """Take what stands in the line as final; False where it is no value."""
        if not self.line.isModified():
            return True
        text = self.line.text()
        if not text.strip() and (self._mixed or not self.field.optional):
            self._show()
            return True
        try:
            value = read_value(self.field, text, self._shown)
        except FieldError as error:
            self._refuse(error)
            return False
        self._commit(value)
        self.say("")
        self._show()
        return True

    def _enter(self) -> None:
        self._finish()
        self._stay = None
        self.line.selectAll()

    def _leave(self) -> None:
        text = self.line.text().strip()
        if not self._finish():
            # The field never shows a value that isn't in force; what was typed is quoted beside it.
            self.say(f"“{text}” was not taken. {self.message}")
            self._show()
        self._stay = None

    def _escape(self) -> None:
        """Return to the value that stood here before this stay."""
        self._return()
        self._stay = None
        self.say("")
        self._show()

    def _step(self, direction: int, fine: bool) -> None:
        base = self._value if self._value is not None else self._modelled
        if isinstance(base, (int, float)) and not self._mixed:
            if self.field.type == "int":
                base = round(base)
            self.say("")
            self._commit(stepped(self.field, base, direction, fine=fine))
            self._show()

    def _retheme(self) -> None:
        """A user's own value stands in the accent colour."""
        t = theme.current()
        palette = self.line.palette()
        own = self.field.override and self._value is not None
        palette.setColor(QPalette.ColorRole.Text, QColor(t.accent if own else t.text))
        self.line.setPalette(palette)
        self._reset.setIcon(icon("reset", t.muted))


class _Combo(QComboBox):
    """A combo that leaves the wheel to the scrolling panel unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceEdit(Editor):
    """One of several words or numbers."""

    def __init__(
        self,
        field: PartField,
        options: Sequence[Value] = (),
        parent: QWidget | None = None,
        *,
        words: Callable[[Value], str] = choice_text,
    ) -> None:
        super().__init__(field, parent)
        self._words = words
        self.combo = _Combo(self)
        self.combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.combo.setAccessibleName(field.label)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(2)
        for option in options or field.choices:
            self.combo.addItem(words(option), option)
        self.combo.setCurrentIndex(-1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.combo)
        self.setFocusProxy(self.combo)
        self.combo.activated.connect(self._chosen)

    def set_value(self, value: Value, modelled: float | None = None) -> None:
        self._value, self._mixed = value, False
        index = self.combo.findData(value)
        if index < 0:
            self.combo.addItem(self._words(value), value)
            index = self.combo.count() - 1
        self.combo.setCurrentIndex(index)

    def set_mixed(self) -> None:
        self._value, self._mixed = None, True
        self.combo.setPlaceholderText(VARIOUS)
        self.combo.setCurrentIndex(-1)

    def _chosen(self, index: int) -> None:
        value = self.combo.itemData(index)
        if value != self._value or self._mixed:
            self._value, self._mixed, self._stay = value, False, None
            self.edited.emit(value, self._key())


class SwitchEdit(Editor):
    """On or off."""

    def __init__(self, field: PartField, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.box = QCheckBox(self)
        self.box.setAccessibleName(field.label)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.box.clicked.connect(self._clicked)

    def set_value(self, value: Value, modelled: float | None = None) -> None:
        self._value, self._mixed = value, False
        self.box.setTristate(False)
        self.box.setChecked(bool(value))
        self.box.setText("on" if value else "off")

    def set_mixed(self) -> None:
        self._value, self._mixed = None, True
        self.box.setTristate(True)
        self.box.setCheckState(Qt.CheckState.PartiallyChecked)
        self.box.setText(VARIOUS)

    def _clicked(self) -> None:
        self.set_value(self.box.checkState() != Qt.CheckState.Unchecked)
        self._stay = None
        self.edited.emit(self._value, self._key())


class TextEdit(Editor):
    """A line of text, such as a name; `limit` characters at most, and never empty."""

    def __init__(self, field: PartField, limit: int, parent: QWidget | None = None) -> None:
        super().__init__(field, parent)
        self.line = ValueLine(self)
        self.line.setMaxLength(limit)
        self.line.setAccessibleName(field.label)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        self.setFocusProxy(self.line)
        self.line.textEdited.connect(self._typed)
        self.line.entered.connect(self._leave)
        self.line.left.connect(self._leave)

    def set_value(self, value: Value, modelled: float | None = None) -> None:
        if value != self._value:
            self._value, self._stay = value, None
            self._leave()

    def set_mixed(self) -> None:
        self._value = None
        self.line.setText("")
        self.line.setPlaceholderText(VARIOUS)

    def _typed(self, text: str) -> None:
        body = text.strip()
        self.say("" if body else "A name is needed.")
        if body and body != self._value:
            self._value = body
            self.edited.emit(body, self._key())

    def _leave(self) -> None:
        self._stay = None
        self.say("")
        self.line.setText(str(self._value or ""))
        # A name that is too long is told by its beginning.
        self.line.setCursorPosition(0)


def make_editor(field: PartField, parent: QWidget | None = None) -> Editor:
    """The editor that fits a declared parameter."""
    if field.type == "bool":
        return SwitchEdit(field, parent)
    if field.type == "choice":
        return ChoiceEdit(field, parent=parent)
    return QuantityEdit(field, parent)
