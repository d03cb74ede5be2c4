"""What is compared: adding, pinning, renaming, moving, removing, and the reference among them."""

from __future__ import annotations

from datetime import datetime

import pytest

from explorer.compare.subjects import PRESENT_ID, Comparing, Subject
from explorer.document import Document
from hwlib.design.design import Design
from hwlib.design.edit import replace_settings
from tests.explorer.factories import design, document

NOON = datetime(2026, 11, 22, 12, 0, 5)


@pytest.fixture
def chip() -> Document:
    return document()


@pytest.fixture
def comparing(chip: Document) -> Comparing:
    return Comparing(chip)


def names(comparing: Comparing) -> list[str]:
    return [s.name for s in comparing.subjects]


def widen(chip: Document) -> None:
    width = chip.design.settings.die_width_m + 1e-3
    chip.edit("Widen the die", replace_settings(chip.design, {"die_width_m": width}))


def test_it_starts_with_the_present_design_and_its_baselines(comparing: Comparing) -> None:
    assert [(s.kind, s.name) for s in comparing.subjects] == [
        ("present", "Tensor-core chip"), ("device", "H100 SXM5"), ("device", "A100 80GB SXM4"),
    ]  # fmt: skip
    assert comparing.reference == 0


def test_a_snapshot_keeps_the_design_as_it_was(chip: Document, comparing: Comparing) -> None:
    before = chip.design
    pinned = comparing.pin(NOON)
    widen(chip)
    assert comparing.subjects[1] == pinned
    assert pinned.design == before != chip.design
    assert pinned.pinned_at == NOON
    assert pinned.kind_words == "pinned 12:00"
    assert pinned.name == "Tensor-core chip, 12:00"


def test_snapshots_stand_behind_the_present_design_in_the_order_of_pinning(comparing: Comparing) -> None:
    first, second = comparing.pin(NOON), comparing.pin(NOON)
    assert [s.id for s in comparing.subjects[:3]] == [PRESENT_ID, first.id, second.id]
    assert second.name == "Tensor-core chip, 12:00:05"


def test_the_present_design_is_renamed_with_the_document(chip: Document, comparing: Comparing) -> None:
    chip.set_design(design("Another chip"))
    assert names(comparing)[0] == "Another chip"


def test_devices_and_designs_are_compared_once(comparing: Comparing) -> None:
    for _ in range(2):
        comparing.add_device("TPU v5p")
        comparing.add_design(Design(name="Mine"), "/tmp/mine.chip.json")
        comparing.add_present()
    assert names(comparing)[3:] == ["TPU v5p", "Mine"]


def test_equal_names_are_told_apart(comparing: Comparing) -> None:
    comparing.add_design(Design(name="H100 SXM5"))
    assert comparing.names()[-1] == "H100 SXM5 (2)"


def test_only_designs_are_renamed_and_never_to_nothing(comparing: Comparing) -> None:
    pinned = comparing.pin(NOON)
    comparing.rename(pinned.id, "  before \n HBM3 ")
    assert names(comparing)[1] == "before HBM3"
    comparing.rename(pinned.id, "  ")
    comparing.rename(PRESENT_ID, "No")
    assert names(comparing)[:2] == ["Tensor-core chip", "before HBM3"]


def test_the_reference_follows_its_subject(comparing: Comparing) -> None:
    device = comparing.subjects[2]
    comparing.use_as_reference(device.id)
    comparing.move(device.id, 0)
    assert comparing.reference == 0
    comparing.move(PRESENT_ID, 0)
    assert (comparing.reference, comparing.reference_id) == (1, device.id)
    comparing.remove(device.id)
    assert comparing.reference_id == PRESENT_ID


def test_moving_keeps_within_the_columns(comparing: Comparing) -> None:
    comparing.move(PRESENT_ID, 99)
    assert [s.kind for s in comparing.subjects] == ["device", "device", "present"]
    comparing.move(PRESENT_ID, -5)
    assert comparing.subjects[0].kind == "present"


def test_everything_can_be_taken_out_and_come_back(qtbot, comparing: Comparing) -> None:
    with qtbot.waitSignal(comparing.changed):
        comparing.clear()
    assert comparing.subjects == ()
    assert (comparing.reference, comparing.reference_id) == (0, "")
    comparing.add_present()
    assert [s.id for s in comparing.subjects] == [PRESENT_ID]


def test_a_restored_comparison_has_ids_of_its_own(comparing: Comparing) -> None:
    kept = [
        Subject(id="s1", kind="device", name="TPU v5p", device="TPU v5p"),
        Subject(id="s1", kind="snapshot", name="Before", design=Design(), pinned_at=NOON),
        Subject(id=PRESENT_ID, kind="present", name="Long gone"),
        Subject(id="s7", kind="design", name="Without a design"),
    ]
    comparing.restore(kept, "s1")
    assert names(comparing) == ["TPU v5p", "Before", "Tensor-core chip"]
    assert len({s.id for s in comparing.subjects}) == 3
    assert comparing.reference_id == "s1"
    assert comparing.pin(NOON).id not in {"s1", PRESENT_ID}


def test_the_present_design_is_no_baseline(comparing: Comparing) -> None:
    with pytest.raises(ValueError, match="present"):
        _ = comparing.subjects[0].baseline
    assert comparing.subjects[1].baseline.device == "H100 SXM5"
