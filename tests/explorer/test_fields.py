"""The typed editors: what they read, show, step through and refuse, by real key and wheel events."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLineEdit

from explorer.panels.fields import ChoiceEdit, QuantityEdit, SwitchEdit, TextEdit, make_editor
from explorer.panels.pages import NAME
from explorer.panels.rows import FieldRow
from explorer.panels.values import (
    FieldError,
    choice_text,
    help_html,
    range_text,
    read_value,
    stepped,
    unfinished,
    value_text,
)
from hwlib.design.design import Settings
from hwlib.design.parts import PART_TYPES, fields_of
from hwlib.fields import PartField, part_fields

ALL_FIELDS = [f for part in (*PART_TYPES, Settings) for f in part_fields(part)]
NUMBERS = [f for f in ALL_FIELDS if f.type in ("int", "float")]


def field(kind: str, name: str) -> PartField:
    return next(f for f in fields_of(kind) if f.name == name)


CAPACITY, CLOCK = field("sram", "capacity_bytes"), field("sram", "clock_Hz")
READ_ENERGY, AREA = field("sram", "read_energy_J_per_bit"), field("sram", "area_m2")
OVERLAP = next(f for f in part_fields(Settings) if f.name == "overlap")
ROWS, CELL, PING_PONG = field("crossbar", "rows"), field("crossbar", "cell"), field("crossbar", "ping_pong")


# Text and values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        ("sram", "capacity_bytes", "2 MiB", 2 * 2**20),
        ("sram", "capacity_bytes", "1.5 MiB", 3 * 2**19),
        ("dram", "bandwidth_Bps", "3.35 TB/s", 3.35e12),
        ("compute_array", "mac_energy_J", "12.5 pJ", 12.5e-12),
        ("sram", "read_energy_J_per_bit", "0.21 pJ/bit", 0.21e-12),
        ("sram", "area_m2", "100 mm²", 1e-4),
        ("sram", "area_m2", "100 mm2", 1e-4),
        ("crossbar", "rows", "256", 256),
    ],
)
def test_text_with_units_is_read(kind: str, name: str, text: str, value: float) -> None:
    assert read_value(field(kind, name), text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "text"), [(4 * 2**20, "4 MiB"), (80_000_000_000, "80 GB"), (65_536, "64 KiB"), (500, "500 B")]
)
def test_capacities_are_shown_in_the_prefix_that_fits(value: int, text: str) -> None:
    assert value_text(CAPACITY, value) == text


def test_large_counts_are_grouped_and_can_be_edited_so() -> None:
    arrays = field("crossbar", "arrays")
    assert [value_text(arrays, n) for n in (9_999, 57_344)] == ["9999", "57\u202f344"]
    assert read_value(arrays, "57\u202f34", "57\u202f344") == 5_734
    assert read_value(arrays, "157\u202f344") == 157_344


@given(st.sampled_from(NUMBERS), st.floats(0.0, 1.0))
def test_what_is_shown_is_read_back_as_it_was(number: PartField, share: float) -> None:
    assert number.lo is not None
    assert number.hi is not None
    value: float | int = number.lo + share * (number.hi - number.lo)
    value = round(value) if number.type == "int" else float(f"{value:.4g}")
    shown = value_text(number, min(value, number.hi))
    # A length is shown to a tenth of a micrometre.
    accuracy = 1e-4 if number.unit == "m" else 1e-8
    assert read_value(number, shown, shown) == pytest.approx(min(value, number.hi), rel=accuracy)


def test_a_bare_number_takes_the_unit_on_show() -> None:
    assert read_value(CLOCK, "1.5", "1 GHz") == 1.5e9
    assert read_value(CAPACITY, "8", "4 MiB") == 8 * 2**20


def test_a_long_bare_number_is_meant_in_the_plain_unit() -> None:
    assert read_value(CAPACITY, "2097152", "4 MiB") == 2 * 2**20
    assert read_value(CLOCK, "2e9", "1 GHz") == 2e9


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("50 GHz", "Out of range: 1 MHz to 10 GHz."),
        ("5 parsec", "'parsec' isn't a unit of this value"),
        ("5 parsec", "1 MHz to 10 GHz"),
        ("fast", "doesn't start with a number"),
        ("nan", "finite"),
        ("", "needed"),
    ],
)
def test_refusals_say_why_and_what_is_allowed(wrong: str, words: str) -> None:
    with pytest.raises(FieldError, match=words.replace(".", r"\.")):
        read_value(CLOCK, wrong)


def test_counts_are_whole() -> None:
    with pytest.raises(FieldError, match="whole number"):
        read_value(ROWS, "2.5")


@pytest.mark.parametrize(("text", "more"), [("12 p", True), ("12 pJ/", True), ("12 pJ/b", True), ("12 pX", False)])
def test_the_beginning_of_a_unit_is_no_mistake_yet(text: str, more: bool) -> None:
    assert unfinished(READ_ENERGY, text) is more


@pytest.mark.parametrize(
    ("stepping", "value", "up", "down"),
    [
        (CAPACITY, 4 * 2**20, 8 * 2**20, 2 * 2**20),
        (CAPACITY, 3 * 2**20, 4 * 2**20, 2 * 2**20),
        (ROWS, 8, 9, 7),
        (ROWS, 128, 256, 64),
        (field("crossbar", "adc_bits"), 8, 9, 7),
        (CLOCK, 1e9, 2e9, 5e8),
        (CLOCK, 1.2e9, 2e9, 1e9),
        (field("compute_array", "rate_int8"), 0.0, 0.125, 0.0),
        (next(f for f in part_fields(Settings) if f.name == "node_nm"), 7.0, 8.0, 6.0),
        (next(f for f in part_fields(Settings) if f.name == "overlap"), 0.8, 0.85, 0.75),
        (next(f for f in part_fields(Settings) if f.name == "die_width_m"), 0.02, 0.021, 0.019),
    ],
)
def test_steps_are_sensible(stepping: PartField, value: float, up: float, down: float) -> None:
    assert stepped(stepping, value, 1) == pytest.approx(up)
    assert stepped(stepping, value, -1) == pytest.approx(down)


@given(st.sampled_from(NUMBERS), st.floats(0.0, 1.0), st.sampled_from((1, -1)), st.booleans())
def test_a_step_never_leaves_the_range(number: PartField, share: float, direction: int, fine: bool) -> None:
    assert number.lo is not None
    assert number.hi is not None
    value = number.lo + share * (number.hi - number.lo)
    after = stepped(number, round(value) if number.type == "int" else value, direction, fine=fine)
    assert number.lo <= after <= number.hi


@pytest.mark.parametrize("shown", ALL_FIELDS, ids=lambda f: f.name)
def test_every_parameter_has_help_with_its_range(shown: PartField) -> None:
    text = help_html(shown)
    assert shown.help[:20] in text.replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")
    if shown.type in ("int", "float"):
        assert "Range: " in text
        assert range_text(shown)


def test_choices_are_written_as_people_write_them() -> None:
    assert choice_text("weight_stationary") == "Weight stationary"
    assert choice_text("sram_digital") == "SRAM digital"
    assert choice_text("HBM3E") == "HBM3E"
    assert choice_text("edp") == "EDP"


@pytest.mark.parametrize(("text", "value"), [("60 %", 0.6), ("60%", 0.6), ("60", 0.6), ("0.6", 0.6), ("100 %", 1.0)])
def test_shares_are_read_in_per_cent(text: str, value: float) -> None:
    assert read_value(OVERLAP, text) == pytest.approx(value)


def test_shares_are_shown_in_per_cent() -> None:
    assert value_text(OVERLAP, 0.8) == "80 %"
    assert range_text(OVERLAP) == "0 % to 100 %"
    with pytest.raises(FieldError, match="0 % to 100 %"):
        read_value(OVERLAP, "120 %")


# Editors -----------------------------------------------------------------------------------------------------------


class Wishes(list):
    """The values that an editor asked for, with their merge keys."""

    def add(self, value: object, key: object) -> None:
        self.append((value, key))

    @property
    def values(self) -> list[object]:
        return [value for value, _ in self]


@pytest.fixture
def make(qtbot):
    rows = []

    def made(shown: PartField, value: object, modelled: float | None = None):
        editor = make_editor(shown)
        editor.wishes = Wishes()
        editor.edited.connect(editor.wishes.add)
        row = FieldRow(editor)
        rows.append(row)
        qtbot.addWidget(row)
        with qtbot.waitActive(row):
            row.show()
            row.activateWindow()
        editor.set_value(value, modelled)
        return editor

    return made


def type_over(qtbot, editor: QuantityEdit, text: str) -> None:
    qtbot.mouseClick(editor.line, Qt.MouseButton.LeftButton)
    editor.line.selectAll()
    qtbot.keyClicks(editor.line, text)


def test_typing_counts_live_and_settles_on_enter(qtbot, make) -> None:
    editor = make(CLOCK, 1e9)
    type_over(qtbot, editor, "1.5 GHz")
    assert editor.value == 1.5e9
    assert len({key for _, key in editor.wishes}) == 1
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert editor.line.text() == "1.5 GHz"
    type_over(qtbot, editor, "2 GHz")
    assert len({key for _, key in editor.wishes}) == 2


def test_typing_an_unfinished_unit_says_nothing(qtbot, make) -> None:
    editor = make(READ_ENERGY, 1e-12)
    type_over(qtbot, editor, "2 pJ/")
    assert editor.message == ""
    assert editor.value == pytest.approx(2e-12)


def test_out_of_range_is_said_and_the_value_from_before_is_back(qtbot, make) -> None:
    """Not the 5 GHz that the typing passed through: nobody asked for those."""
    editor = make(CLOCK, 1e9)
    type_over(qtbot, editor, "50 GHz")
    assert editor.message == "Out of range: 1 MHz to 10 GHz. Still 1 GHz."
    assert editor.value == 1e9
    assert editor.parentWidget().remark.text() == editor.message
    assert editor.parentWidget().remark.isVisible()


def test_a_field_that_is_left_shows_what_is_in_force(qtbot, make) -> None:
    editor = make(CLOCK, 1e9)
    type_over(qtbot, editor, "9 parsec")
    editor.line.clearFocus()
    assert editor.line.text() == "1 GHz"
    assert editor.value == 1e9
    assert editor.message.startswith("“9 parsec” was not taken.")
    type_over(qtbot, editor, "2 GHz")
    assert editor.message == ""


def test_escape_returns_to_the_value_before(qtbot, make) -> None:
    editor = make(CLOCK, 1e9)
    type_over(qtbot, editor, "3 GHz")
    qtbot.keyClick(editor.line, Qt.Key.Key_Escape)
    assert editor.value == 1e9
    assert editor.line.text() == "1 GHz"


def test_arrows_step_and_shift_steps_finely(qtbot, make) -> None:
    editor = make(CAPACITY, 4 * 2**20)
    qtbot.keyClick(editor.line, Qt.Key.Key_Up)
    assert editor.value == 8 * 2**20
    assert editor.line.text() == "8 MiB"
    qtbot.keyClick(editor.line, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert editor.value == 8 * 2**20 - 1


def wheel(line: QLineEdit, delta: int) -> bool:
    at = QPointF(5, 5)
    event = QWheelEvent(
        at, line.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(line, event)
    return event.isAccepted()


def test_the_wheel_steps_only_in_a_field_with_the_focus(qtbot, make) -> None:
    editor = make(ROWS, 128)
    editor.line.clearFocus()
    assert not wheel(editor.line, 120)
    assert editor.value == 128
    qtbot.mouseClick(editor.line, Qt.MouseButton.LeftButton)
    assert wheel(editor.line, 120)
    assert editor.value == 256


def test_a_value_from_elsewhere_does_not_disturb_typing_it(qtbot, make) -> None:
    editor = make(CAPACITY, 4 * 2**20)
    type_over(qtbot, editor, "2 MiB")
    editor.set_value(2 * 2**20)
    assert editor.line.text() == "2 MiB"
    editor.set_value(4 * 2**20)
    assert editor.line.text() == "4 MiB"


def test_an_own_value_is_marked_and_can_be_given_up(qtbot, make) -> None:
    editor = make(READ_ENERGY, None, 0.21e-12)
    assert editor.line.placeholderText() == "modelled: 210 fJ/bit"
    type_over(qtbot, editor, "0.5 pJ/bit")
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert editor.value == pytest.approx(0.5e-12)
    assert editor.message == "your own value"
    reset = next(a for a in editor.line.actions() if a.isVisible())
    assert "modelled" in reset.toolTip()
    reset.trigger()
    assert editor.value is None
    assert editor.line.text() == ""
    assert editor.message == ""


def test_emptying_an_optional_field_returns_to_the_model(qtbot, make) -> None:
    editor = make(AREA, 1e-4)
    type_over(qtbot, editor, " ")
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert editor.value is None
    assert editor.line.placeholderText() == "modelled"


def test_emptying_a_needed_field_changes_nothing(qtbot, make) -> None:
    editor = make(CLOCK, 1e9)
    qtbot.mouseClick(editor.line, Qt.MouseButton.LeftButton)
    editor.line.selectAll()
    qtbot.keyClick(editor.line, Qt.Key.Key_Delete)
    qtbot.keyClick(editor.line, Qt.Key.Key_Return)
    assert editor.line.text() == "1 GHz"
    assert editor.wishes == []


def test_different_values_are_said_to_differ_until_one_is_typed(qtbot, make) -> None:
    editor = make(CLOCK, 1e9)
    editor.set_mixed()
    assert editor.line.text() == ""
    assert editor.line.placeholderText() == "various"
    type_over(qtbot, editor, "2 GHz")
    assert editor.wishes.values[-1] == 2e9


def test_a_choice_is_made_with_the_keyboard(qtbot, make) -> None:
    editor = make(CELL, "rram")
    assert isinstance(editor, ChoiceEdit)
    qtbot.keyClick(editor.combo, Qt.Key.Key_Down)
    assert editor.wishes.values == ["pcm"]
    editor.set_mixed()
    assert editor.combo.currentIndex() == -1


def test_a_switch_is_clicked(qtbot, make) -> None:
    editor = make(PING_PONG, False)
    assert isinstance(editor, SwitchEdit)
    qtbot.mouseClick(editor.box, Qt.MouseButton.LeftButton, pos=QPoint(8, editor.box.height() // 2))
    assert editor.wishes.values == [True]


def test_every_part_and_setting_gets_an_editor_that_shows_its_default(make) -> None:
    for subject in (*(part() for part in PART_TYPES), Settings()):
        for shown in part_fields(type(subject)):
            editor = make(shown, getattr(subject, shown.name))
            assert editor.value == getattr(subject, shown.name)
            assert msgspec.structs.replace(subject, **{shown.name: editor.value}) == subject


def test_a_long_name_shows_its_beginning(qtbot) -> None:
    """A line of text shows what is around its cursor."""
    editor = TextEdit(NAME, 200)
    qtbot.addWidget(editor)
    editor.resize(80, 30)
    editor.show()
    editor.activateWindow()
    qtbot.waitUntil(editor.isActiveWindow)
    editor.set_value("Tensor-core GPU with five stacks of HBM3 beside it")
    assert editor.line.cursorPosition() == 0
    editor.line.setFocus()
    qtbot.keyClick(editor.line, Qt.Key.Key_End)
    qtbot.keyClicks(editor.line, ", again")
    editor.line.clearFocus()
    assert editor.line.cursorPosition() == 0


def test_the_help_button_stays_at_its_label_when_the_panel_gets_narrower(qtbot, make) -> None:
    row = make(CLOCK, 1e9).parentWidget()
    row.resize(400, row.height())
    QApplication.sendEvent(row, QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))
    assert row.help.isVisible()
    row.resize(220, row.height())
    assert row.help.geometry().right() <= row.label.geometry().right()
