"""The look: contrast of every text colour, one colour per resource and kind, switching themes live."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QFrame, QMenu
from pytestqt.qtbot import QtBot

from explorer import theme
from hwlib.design.parts import KIND_LABELS
from hwlib.report import COMPONENTS, RESOURCES


@pytest.fixture(autouse=True)
def _back_to_light(qapp: QApplication):
    yield
    theme.apply(qapp, "light")


@pytest.mark.parametrize("t", [theme.LIGHT, theme.DARK], ids=lambda t: t.name)
def test_every_text_colour_reads_on_every_background(t: theme.Theme) -> None:
    for ink in (t.text, t.muted, t.warning, t.error, t.ok, t.accent):
        for ground in (t.window, t.base):
            assert theme.contrast(ink, ground) >= 4.5, (ink, ground)
    assert theme.contrast(t.text, t.raised) >= 4.5
    assert theme.contrast(t.on_accent, t.accent) >= 4.5


def test_every_resource_component_and_kind_has_a_colour() -> None:
    assert set(theme.RESOURCE_COLORS) == {*RESOURCES, *COMPONENTS}
    assert set(theme.KIND_COLORS) == set(KIND_LABELS)


@pytest.mark.parametrize("names", [RESOURCES, COMPONENTS], ids=["resources", "components"])
def test_resources_that_share_a_colour_differ_in_pattern(names: tuple[str, ...]) -> None:
    for a, b in itertools.combinations(names, 2):
        looks = [(theme.RESOURCE_COLORS[n], theme.RESOURCE_PATTERNS.get(n)) for n in (a, b)]
        assert looks[0] != looks[1], (a, b)


def test_text_on_every_resource_colour_reads() -> None:
    for color in {*theme.RESOURCE_COLORS.values()}:
        assert theme.contrast(theme.text_on(color), color) >= 4.5, color


def test_applying_a_theme_tells_everybody_and_sets_the_palette(qapp: QApplication, qtbot) -> None:
    with qtbot.waitSignal(theme.notifier.changed):
        theme.apply(qapp, "dark")
    assert theme.current() is theme.DARK
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == theme.DARK.window
    theme.apply(qapp, "light")
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == theme.LIGHT.window


def test_system_follows_the_desktop_and_can_be_left_again(qapp: QApplication) -> None:
    theme.apply(qapp, "system")
    assert theme.chosen() == "system"
    assert theme.current() is theme.theme_for("system")
    theme.apply(qapp, "system")
    theme.apply(qapp, "dark")
    assert theme.current() is theme.DARK


def test_an_unknown_theme_is_refused_and_changes_nothing(qapp: QApplication) -> None:
    before = theme.current()
    with pytest.raises(ValueError, match="light, dark, system"):
        theme.apply(qapp, "neon")
    assert theme.current() is before


@pytest.mark.parametrize("name", ["light", "dark"])
def test_an_empty_check_box_and_a_popup_stand_off_the_window(qtbot: QtBot, qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    box, popup = QCheckBox(), QFrame()
    popup.setObjectName("help")
    menu = QMenu()
    menu.addAction("Freeze axes").setCheckable(True)
    for widget in (box, popup, menu):
        qtbot.addWidget(widget)
        widget.resize(40, 40)
        image = widget.grab().toImage()
        middle = {image.pixelColor(x, image.height() // 2).name() for x in range(image.width())}
        assert max(theme.contrast(color, theme.current().window) for color in middle) >= 1.3
