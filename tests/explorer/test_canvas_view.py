"""Zoom, pan, fit, rulers and what blocks say at which size; both themes; a thousand blocks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.canvas import style
from explorer.canvas.canvas import Canvas
from explorer.canvas.footprints import ModelledFootprints
from explorer.canvas.overlays import HINT
from explorer.canvas.rulers import major_step, minor_parts, tick_label
from hwlib.design.design import Design, Finding, Settings
from hwlib.design.edit import add_block, connect, move_blocks, remove, replace_block, replace_part
from hwlib.evaluate import footprints
from hwlib.report import LinkFigure
from tests.explorer import factories
from tests.explorer.canvas_user import User, chip, square


@pytest.fixture
def user(qtbot: QtBot) -> User:
    return User(qtbot, chip())


def turn_wheel(user: User, at: QPoint, notches: int) -> None:
    everywhere = QPointF(user.canvas.viewport().mapToGlobal(at))
    event = QWheelEvent(
        QPointF(at), everywhere, QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(user.canvas.viewport(), event)


def test_the_wheel_zooms_and_keeps_what_is_under_the_pointer(user: User) -> None:
    at, scale = user.pixel((3, 3)), user.canvas.px_per_unit
    turn_wheel(user, at, 4)
    assert user.canvas.px_per_unit > 2 * scale
    now = user.pixel((3, 3))
    assert (now - at).manhattanLength() <= 3
    turn_wheel(user, at, -4)
    assert user.canvas.px_per_unit == pytest.approx(scale)


def test_zoom_has_ends(user: User) -> None:
    middle = user.canvas.viewport().rect().center()
    turn_wheel(user, middle, 1000)
    assert user.canvas.px_per_unit <= 20
    turn_wheel(user, middle, -2000)
    assert user.canvas.px_per_unit > 0
    user.canvas.fit()
    assert user.canvas.viewport().rect().contains(user.pixel((0, 0)))


def test_everything_fits_at_first_and_after_f(user: User) -> None:
    def all_in_sight() -> bool:
        content = user.canvas.chip.content()
        corners = [(content.x_m, content.y_m), (content.x_m + content.width_m, content.y_m + content.height_m)]
        return all(user.canvas.viewport().rect().contains(user.canvas.pixel(corner)) for corner in corners)

    assert all_in_sight()
    turn_wheel(user, user.pixel((3, 3)), 8)
    assert not all_in_sight()
    user.key(Qt.Key.Key_F)
    assert all_in_sight()
    turn_wheel(user, user.pixel((3, 3)), 8)
    user.key(Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert all_in_sight()


def test_a_fitted_view_stays_fitted_when_the_window_grows(user: User) -> None:
    scale = user.canvas.px_per_unit
    user.canvas.resize(1300, 1200)
    assert user.canvas.px_per_unit > scale


def test_a_view_that_the_user_set_stays_when_the_window_grows(user: User) -> None:
    turn_wheel(user, user.pixel((3, 3)), 3)
    scale = user.canvas.px_per_unit
    user.canvas.resize(1300, 1200)
    assert user.canvas.px_per_unit == scale


def test_middle_drag_and_space_drag_pan_without_touching_the_design(user: User) -> None:
    start = user.pixel((3, 3))
    user.drag((3, 3), (6, 6), button=Qt.MouseButton.MiddleButton)
    panned = user.pixel((3, 3))
    assert panned.x() > start.x() + 20
    user.canvas.hold_space(True)
    user.drag((3, 3), (6, 6))
    user.canvas.hold_space(False)
    assert user.pixel((3, 3)).x() > panned.x() + 20
    assert user.design == chip()


def test_another_chip_is_fitted(user: User) -> None:
    small = Design(
        name="Small", settings=Settings(die_width_m=2e-3, die_height_m=2e-3), blocks=(square("a", "Z", 0, 0, 1),)
    )
    turn_wheel(user, user.pixel((3, 3)), 3)
    user.document.set_design(small)
    (x0, _), (x1, _) = user.canvas.floor(QPoint(0, 0)), user.canvas.floor(user.canvas.viewport().rect().bottomRight())
    assert 2e-3 < x1 - x0 < 6e-3


@pytest.mark.parametrize(
    ("px_per_m", "step", "parts", "label"),
    [(20e3, 5e-3, 5, "5"), (100e3, 1e-3, 5, "1"), (40e3, 2e-3, 4, "2"), (1e6, 1e-4, 5, "0.1"), (1e7, 1e-5, 5, "0.01")],
)
def test_ruler_steps_are_round_and_labels_have_the_decimals_they_need(
    px_per_m: float, step: float, parts: int, label: str
) -> None:
    assert major_step(px_per_m) == pytest.approx(step)
    assert minor_parts(step) == parts
    assert tick_label(step, step) == label
    assert tick_label(-0.0, step).lstrip("0.") == ""


def test_ruler_ticks_stand_at_their_millimetres(user: User) -> None:
    ticks = {label: px for px, label in user.canvas.rulers[0].ticks()}
    assert ticks["10"] == pytest.approx(user.pixel((10, 0)).x(), abs=1)
    assert ticks["0"] == pytest.approx(user.pixel((0, 0)).x(), abs=1)


def test_labels_come_with_the_zoom(user: User) -> None:
    item = user.canvas.chip.blocks["a"]
    assert item.label.visible_texts()[0] == "Alpha"
    turn_wheel(user, user.pixel((3.5, 3.5)), 6)
    assert item.label.visible_texts() == ("Alpha", "4 MiB · 16 banks")
    assert item.inner.isVisible()
    turn_wheel(user, user.pixel((3.5, 3.5)), -16)
    assert item.label.visible_texts() == ()
    assert not item.inner.isVisible()


@pytest.mark.parametrize("notches", [-6, -3, 0, 3, 6])
def test_text_never_leaves_its_block(user: User, notches: int) -> None:
    turn_wheel(user, user.pixel((10, 10)), notches)
    for item in user.canvas.chip.blocks.values():
        box = item.body.sceneBoundingRect()
        for text in item.front.childItems():
            if text.isVisible():
                drawn = text.deviceTransform(user.canvas.viewportTransform()).mapRect(text.boundingRect())
                frame = user.canvas.viewportTransform().mapRect(box)
                assert frame.adjusted(-1, -1, 1, 1).contains(drawn), item.block.name


def test_the_empty_canvas_says_what_to_do(qtbot: QtBot, user: User) -> None:
    user.document.edit("Delete all", remove(user.design, {b.id for b in user.design.blocks}))
    hints = [label for label in user.canvas.findChildren(type(user.canvas.hint)) if label.text() == HINT]
    qtbot.waitUntil(lambda: [label.isVisible() for label in hints] == [True])
    user.undo()
    qtbot.waitUntil(lambda: not hints[0].isVisible())


def test_a_block_is_drawn_at_its_modelled_area(user: User) -> None:
    user.document.edit("Area", replace_part(user.design, "a", {"area_m2": 16e-6}))
    rect = user.canvas.chip.blocks["a"].rect
    assert (rect.width_m, rect.height_m) == pytest.approx((4e-3, 4e-3))
    assert user.canvas.chip.links["link"].corners[0] == pytest.approx((4e-3, 6e-3))


def test_a_new_value_shows_in_the_label(user: User) -> None:
    turn_wheel(user, user.pixel((3.5, 3.5)), 6)
    user.document.edit("Capacity", replace_part(user.design, "a", {"capacity_bytes": 24 * 2**20}))
    assert user.canvas.chip.blocks["a"].label.visible_texts()[1] == "24 MiB · 16 banks"


# What an evaluation found


def busy(user: User, **shares: float):  # type: ignore[no-untyped-def]
    figures = tuple(
        msgspec.structs.replace(factories.report().blocks[0], id=i, utilisation=share) for i, share in shares.items()
    )
    link = LinkFigure(
        id="link", source="a", target="c", x1_m=0, y1_m=0, x2_m=0, y2_m=0, length_m=0, bandwidth_Bps=2.0, load_Bps=1.0
    )
    row = msgspec.structs.replace(factories.report().operators[0], runs_on=("a", "m"))
    return msgspec.structs.replace(factories.report(), blocks=figures, links=(link,), operators=(row,))


def test_a_report_shows_how_busy_blocks_and_links_are(user: User) -> None:
    user.canvas.chip.show_report(busy(user, a=0.5, b=0.0))
    alpha, beta = user.canvas.chip.blocks["a"], user.canvas.chip.blocks["b"]
    assert alpha.bar.isVisible()
    assert alpha.bar.rect().width() == pytest.approx(alpha.body.rect().width() / 2)
    assert not beta.bar.isVisible()
    assert alpha.body.brush().color() != beta.body.brush().color()
    assert user.canvas.chip.links["link"].load == 0.5
    assert "50 % busy" in user.canvas.chip.tip("a")


def test_a_report_that_does_not_fit_takes_the_loads_away(user: User) -> None:
    user.canvas.chip.show_report(busy(user, a=0.5))
    user.canvas.chip.show_report(factories.does_not_fit())
    assert not user.canvas.chip.blocks["a"].bar.isVisible()
    assert user.canvas.chip.links["link"].load == 0.0


def test_the_selected_operator_stands_out_where_it_runs(user: User) -> None:
    report = busy(user, a=0.5)
    user.canvas.show_results(factories.results(report))
    user.document.select_operator(report.operators[0].key)
    opacity = {i: item.body.opacity() for i, item in user.canvas.chip.blocks.items()}
    assert opacity["a"] == opacity["m"] == 1
    assert opacity["b"] < 1
    user.key(Qt.Key.Key_Escape)
    assert user.document.operator is None
    assert user.canvas.chip.blocks["b"].body.opacity() == 1


def test_findings_put_a_badge_on_their_blocks_and_take_it_away(user: User) -> None:
    error = Finding(severity="error", code="x", message="Too <big>.", blocks=("a", "gone"))
    warning = Finding(severity="warning", code="y", message="Too far.", blocks=("a", "b"))
    note = Finding(severity="note", code="z", message="Fine.", blocks=("c",))
    user.canvas.chip.show_findings((warning, error, note))
    blocks = user.canvas.chip.blocks
    assert {i: item.severity for i, item in blocks.items() if item.severity} == {"a": "error", "b": "warning"}
    assert "Too &lt;big&gt;." in user.canvas.chip.tip("a")
    user.canvas.chip.show_findings(())
    assert not any(item.badge for item in blocks.values())


# Themes and size


@pytest.fixture
def other_theme(qapp: QApplication) -> Iterator[None]:
    before = theme.chosen()
    theme.apply(qapp, "dark")
    yield
    theme.apply(qapp, before)


def pixel_color(user: User, at: QPoint) -> QColor:
    return QColor(user.canvas.viewport().grab().toImage().pixel(at))


def test_blocks_change_with_the_theme(user: User, qapp: QApplication, other_theme: None) -> None:
    at = user.pixel((4.6, 4.6))
    dark = pixel_color(user, at)
    theme.apply(qapp, "light")
    light = pixel_color(user, at)
    assert dark.lightness() < 128 < light.lightness()
    assert user.canvas.chip.blocks["a"].body.brush().color().lightness() > 128


def test_a_block_is_painted_in_its_kind_where_it_lies(user: User) -> None:
    inside, outside = pixel_color(user, user.pixel((4.6, 4.6))), pixel_color(user, user.pixel((7.7, 8.7)))
    assert outside == QColor(theme.current().base)
    assert inside.blue() > inside.red()


def test_a_thousand_blocks_are_drawn_and_found(user: User, qtbot: QtBot) -> None:
    design = Design(settings=Settings(die_width_m=0.04, die_height_m=0.04))
    for i in range(1000):
        design = add_block(design, square(f"s{i}", f"S {i}", 1.2 * (i % 32), 1.2 * (i // 32), 1))
    user.document.set_design(design)
    assert len(user.canvas.chip.blocks) == 1000
    assert not any(item.inner.isVisible() for item in user.canvas.chip.blocks.values())
    user.click((1.2 * 5 + 0.5, 1.2 * 7 + 0.5))
    assert user.document.selection == {"s229"}
    assert user.canvas.viewport().grab().size() != QSize()


def test_items_follow_many_edits_once_and_are_up_to_date_for_whoever_asks(qtbot: QtBot, user: User) -> None:
    told: list[bool] = []
    user.canvas.chip.synced.connect(lambda: told.append(True))
    start = user.design.block("a").placement
    for step in range(1, 6):
        place = msgspec.structs.replace(start, x_m=start.x_m + step * 1e-4)
        user.document.edit("Move", move_blocks(user.design, {"a": place}), "drag")
    assert told == []
    assert user.canvas.chip.blocks["a"].rect.x_m == pytest.approx(start.x_m + 5e-4)
    assert told == [True]
    user.document.undo_stack.undo()
    qtbot.waitUntil(lambda: len(told) == 2)
    assert user.canvas.chip.blocks["a"].rect.x_m == pytest.approx(start.x_m)
    assert len(told) == 2


@pytest.mark.parametrize("name", ["light", "dark"])
def test_structure_can_be_told_from_the_block_however_busy_it_is(user: User, qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    item = user.canvas.chip.blocks["a"]
    for share in (0.0, 0.5, 1.0, None):
        item.set_busy(share, style.current())
        assert item.inner.pen().color() != item.body.brush().color()
    theme.apply(qapp, "light")


def test_sizes_that_are_kept_are_those_of_the_model(user: User) -> None:
    sizes = ModelledFootprints()
    design = user.design
    moved = move_blocks(design, {"a": msgspec.structs.replace(design.block("a").placement, x_m=5e-3)})
    larger = replace_part(moved, "c", {"area_m2": 4e-6})
    finer = msgspec.structs.replace(larger, settings=Settings(node_nm=28.0))
    for step in (design, moved, larger, finer, moved, Design()):
        assert sizes(step) == footprints(step)


def test_a_drag_on_a_large_chip_moves_its_block_and_links_and_nothing_else(user: User, qtbot: QtBot) -> None:
    design = Design(settings=Settings(die_width_m=0.04, die_height_m=0.04))
    for i in range(200):
        design = add_block(design, square(f"s{i}", f"S {i}", 2 * (i % 16), 2 * (i // 16), 1))
    for i in range(0, 198, 2):
        design = connect(design, f"s{i}", f"s{i + 1}")
    user.document.set_design(design)
    chip_scene = user.canvas.chip
    rects = {i: item.rect for i, item in chip_scene.blocks.items()}
    ways = {i: item.corners for i, item in chip_scene.links.items()}
    place = design.block("s40").placement
    user.document.edit("Move", move_blocks(design, {"s40": msgspec.structs.replace(place, x_m=place.x_m + 5e-4)}))
    moved = [i for i, item in chip_scene.blocks.items() if item.rect is not rects[i]]
    assert moved == ["s40"]
    assert chip_scene.blocks["s40"].rect.x_m == pytest.approx(place.x_m + 5e-4)
    rerouted = [i for i, item in chip_scene.links.items() if item.corners != ways[i]]
    assert [chip_scene.links[i].link.source for i in rerouted] == ["s40"]
    # What the fast way drew is what drawing everything anew gives.
    fresh = Canvas(user.document)
    qtbot.addWidget(fresh)
    assert {i: item.corners for i, item in fresh.chip.links.items()} == {
        i: item.corners for i, item in chip_scene.links.items()
    }
    assert fresh.chip.content() == chip_scene.content()
    assert chip_scene.block_at((place.x_m + 14e-4, place.y_m + 5e-4)) == "s40"
    assert chip_scene.block_at((place.x_m + 2e-4, place.y_m + 5e-4)) is None


def test_a_block_too_small_for_its_name_bears_it_beside_where_nothing_is_in_the_way(user: User) -> None:
    tiny = square("t", "Tiny port", 6, 6, 0.4)
    user.document.edit("Add", add_block(user.design, tiny))
    user.canvas.chip.settle()
    callouts = user.canvas.chip.callouts
    assert "t" in callouts.shown
    assert callouts.shown["t"] == "Tiny port"
    assert not user.canvas.chip.blocks["t"].named
    assert "a" not in callouts.shown, "its name stands in it"
    ring = [
        square(f"r{n}", f"R{n}", x, y, 1.5)
        for n, (x, y) in enumerate(((6.45, 5.3), (4.45, 5.3), (5.4, 6.45), (5.4, 4.45)))
    ]
    design = user.design
    for block in ring:
        design = add_block(design, block)
    user.document.edit("Crowd", design)
    user.canvas.chip.settle()
    assert "t" not in callouts.shown
    user.document.undo_stack.undo()
    user.canvas.chip.settle()
    assert "t" in callouts.shown
    user.canvas.zoom(8.0, user.canvas.pixel((6.2e-3, 6.2e-3)))
    assert user.canvas.chip.blocks["t"].named
    assert "t" not in callouts.shown


def test_a_name_stands_in_its_block_or_beside_it_and_never_in_both(user: User) -> None:
    scene, alone = user.canvas.chip, Finding(severity="warning", code="x", message="Alone.", blocks=("t",))
    crowded_out = 0
    for tenths in range(10, 30):
        user.document.edit("Add", add_block(user.design, square("t", "Systolic array", 6, 6, tenths / 10)))
        for findings in ([alone], []):
            scene.show_findings(findings)
            crowded_out += bool(findings) and not scene.blocks["t"].named
            assert scene.blocks["t"].named != ("t" in scene.callouts.shown)
        user.document.undo_stack.undo()
    assert crowded_out, "no badge took the room of the name"


def test_a_name_takes_smaller_letters_before_any_are_left_out(user: User) -> None:
    block = user.canvas.chip.blocks["b"]
    user.document.edit(
        "Rename", replace_block(user.design, msgspec.structs.replace(block.block, name="Wwwwwwwwwwwwwwww"))
    )
    user.canvas.chip.settle()
    full = "Wwwwwwwwwwwwwwww"
    seen: dict[bool, str] = {}
    user.canvas.zoom(3.0, user.canvas.pixel((11e-3, 3e-3)))
    for _ in range(100):
        (shown, *_), item = block.label.visible_texts(), block.label._items[0]
        seen.setdefault(item.font() == style.current().name_font, shown)
        if shown != full:
            break
        user.canvas.zoom(0.98, user.canvas.pixel((11e-3, 3e-3)))
    assert seen[False] == full, "smaller letters come before an ellipsis"
    assert shown.endswith("…")
