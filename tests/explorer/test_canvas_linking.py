"""Linking for strangers: a block without links proposes one, and links say what they carry."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from explorer import theme
from explorer.actions import BY_ID
from explorer.canvas.geometry import centre
from explorer.canvas.proposal import partner
from explorer.canvas.tags import MOST_TAGS, middle_of_longest
from explorer.presets import GROUPS
from hwlib.catalog import example_designs, load_example
from hwlib.design.design import Design
from hwlib.design.edit import connect
from hwlib.evaluate import evaluate, footprints
from tests.explorer import factories
from tests.explorer.canvas_user import User, chip

LEFT = Qt.MouseButton.LeftButton
PRESETS = {p.name: p for group in GROUPS for p in group.presets}


@pytest.fixture
def user(qtbot: QtBot) -> User:
    return User(qtbot, chip())


def click_label(user: User) -> None:
    """Click the middle of the proposal's label, found by asking every pixel of the canvas."""
    size = user.canvas.viewport().size()
    points = [QPoint(x, y) for y in range(0, size.height(), 3) for x in range(0, size.width(), 3)]
    covered = [p for p in points if user.canvas.proposal.at(p)]
    assert covered, "the label is out of sight"
    QTest.mouseClick(user.canvas.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, covered[len(covered) // 2])


def linked(design: Design) -> list[set[str]]:
    return [{link.source, link.target} for link in design.links]


# Proposals


def test_a_new_part_proposes_a_link_and_one_click_makes_it(user: User) -> None:
    user.carry(PRESETS["Vector unit"], (6, 16))
    user.drop((6, 16))
    (new,) = user.document.selection
    assert user.canvas.proposal.text.startswith("Connect to ")
    click_label(user)
    assert {new, "c"} in linked(user.design)
    assert user.canvas.proposal.text == ""
    user.undo()
    assert {new, "c"} not in linked(user.design)


def test_enter_makes_the_proposed_link_and_then_opens_details(qtbot: QtBot, user: User) -> None:
    user.click(user.middle_of("v"))
    assert user.canvas.proposal.ends is not None
    user.key(Qt.Key.Key_Return)
    assert len(user.design.links) == 2
    with qtbot.waitSignal(user.canvas.block_activated):
        user.key(Qt.Key.Key_Return)


def test_connect_does_so_too_and_its_menu_entry_tells(user: User) -> None:
    assert not BY_ID["connect"].enabled(user.document)
    user.click(user.middle_of("v"))
    assert BY_ID["connect"].enabled(user.document)
    user.canvas.connect_selected()
    assert len(user.design.links) == 2


def test_nothing_is_proposed_for_linked_blocks_for_several_or_in_a_drag(user: User) -> None:
    user.click(user.middle_of("a"))
    assert user.canvas.proposal.text == "", "Alpha has a link"
    user.click(user.middle_of("v"))
    assert user.canvas.proposal.text
    user.press(user.middle_of("v"))
    user.glide(user.middle_of("v"), (12, 16))
    assert user.canvas.proposal.text == "", "not in the middle of a drag"
    user.release((12, 16))
    assert user.canvas.proposal.text == "Connect to Net  ⏎"
    user.canvas.select_all()
    assert user.canvas.proposal.text == ""


def test_a_click_beside_the_label_selects_as_ever(user: User) -> None:
    user.click(user.middle_of("v"))
    user.click(user.middle_of("a"))
    assert user.document.selection == {"a"}
    assert len(user.design.links) == 1


@pytest.mark.parametrize(("block", "wanted"), [("v", "n"), ("m", "b"), ("n", "c"), ("b", "n")])
def test_the_nearest_network_or_memory_is_proposed(block: str, wanted: str) -> None:
    design = chip()
    assert partner(design, footprints(design), block) == wanted


def test_the_first_block_has_nobody_to_link_to() -> None:
    design = Design(blocks=chip().blocks[:1])
    assert partner(design, footprints(design), "a") is None


@pytest.mark.parametrize("name", example_designs())
def test_every_block_of_every_example_finds_a_partner_that_it_may_be_linked_to(name: str) -> None:
    design = load_example(name)
    bare = Design(settings=design.settings, blocks=design.blocks)
    for block in design.blocks:
        other = partner(bare, footprints(bare), block.id)
        assert other is not None
        assert connect(bare, block.id, other).links


# What links say


def test_a_link_under_the_pointer_says_its_bandwidth(user: User) -> None:
    (link,) = user.design.links
    place, _ = middle_of_longest(user.canvas.chip.links[link.id].corners)
    user.hover((place[0] * 1e3, place[1] * 1e3))
    assert user.canvas.chip.tags == {link.id: "64 GB/s each way"}
    user.hover((18, 18))
    assert user.canvas.chip.tags == {}


def test_a_selected_link_says_its_load_once_it_is_known(qtbot: QtBot) -> None:
    design = load_example("tensor-gpu-hbm3")
    user = User(qtbot, design)
    user.canvas.show_results(factories.results(evaluate(design, factories.SCENARIO, factories.LLAMA)))
    link = design.links[0]
    user.document.select({link.id})
    (said,) = user.canvas.chip.tags.values()
    assert said.endswith("% used")
    assert "B/s" in said
    theme.notifier.changed.emit()
    assert user.canvas.chip.tags == {link.id: said}
    user.document.select(k.id for k in design.links[:MOST_TAGS])
    assert len(user.canvas.chip.tags) == MOST_TAGS
    user.canvas.select_all()
    assert len(user.canvas.chip.tags) in (0, len(design.links)), "all or none: never some of many"


def test_a_selected_block_is_not_dimmed_by_a_selected_operator(qtbot: QtBot) -> None:
    design = load_example("tensor-gpu-hbm3")
    user = User(qtbot, design)
    report = evaluate(design, factories.SCENARIO, factories.LLAMA)
    user.canvas.show_results(factories.results(report))
    user.document.select_operator("decode.kv_write")
    item = user.canvas.chip.blocks["cores"]
    assert item.body.opacity() < 1.0
    user.document.select({"cores"})
    assert item.body.opacity() == 1.0
    user.document.select(())
    assert item.body.opacity() < 1.0
    user.click((-1.5, -1.5))
    assert user.document.operator is None, "a click beside everything means nothing of it any more"
    assert item.body.opacity() == 1.0


def test_the_label_keeps_in_sight_at_the_lower_edge(user: User) -> None:
    user.drag(user.middle_of("v"), (17, 19.5))
    user.click(user.middle_of("v"))
    x, y = centre(user.canvas.chip.blocks["v"].rect)
    label = user.canvas.proposal
    assert label.text
    assert any(label.at(user.canvas.pixel((x, y)) + QPointF(0, -dy).toPoint()) for dy in range(10, 120))
