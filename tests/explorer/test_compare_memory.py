"""What is compared comes back in the next session."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from explorer.compare.memory import ComparisonMemory, dumps, loads
from explorer.compare.subjects import Comparing
from hwlib.design.edit import replace_settings
from tests.explorer.factories import document

pytestmark = pytest.mark.usefixtures("qapp")
NOON = datetime(2026, 11, 22, 12, 0)


@pytest.fixture
def comparing() -> Comparing:
    made = Comparing(document())
    made.clear()
    made.add_present()
    made.add_device("TPU v5p")
    made.pin(NOON)
    made.use_as_reference(made.subjects[2].id)
    return made


def test_subjects_and_reference_survive_a_session(comparing: Comparing, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "comparison.json"
    memory = ComparisonMemory(comparing, path)
    comparing.rename(comparing.subjects[1].id, "Before")
    memory.end()
    later = Comparing(document())
    ComparisonMemory(later, path)
    assert later.subjects == comparing.subjects
    assert later.reference_id == comparing.reference_id
    assert later.subjects[1].pinned_at == NOON


def test_changes_are_written_after_a_moment(qtbot, comparing: Comparing, tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    ComparisonMemory(comparing, path)
    comparing.add_device("TPU v4")
    qtbot.waitUntil(path.exists)
    assert [s.name for s in loads(path.read_bytes())[0]][-1] == "TPU v4"


def test_what_this_version_does_not_know_is_left_out(comparing: Comparing) -> None:
    text = dumps(comparing).decode().replace('"device": "TPU v5p"', '"device": "TPU v99"').replace("20 mm", "")
    subjects, _ = loads(text.encode())
    assert [s.kind for s in subjects] == ["present", "snapshot"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"format": "other", "version": 1, "subjects": []}', b"[" * 5000])
def test_a_broken_file_is_forgotten(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_bytes(data)
    comparing = Comparing(document())
    before = comparing.subjects
    ComparisonMemory(comparing, path)
    assert comparing.subjects == before
    with pytest.raises(ValueError, match=r"."):
        loads(data)


def test_a_disk_that_refuses_stops_nobody(comparing: Comparing, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = ComparisonMemory(comparing, tmp_path / "file" / "comparison.json")
    comparing.add_device("TPU v4")
    memory.end()
    assert comparing.subjects[-1].name == "TPU v4"


def test_snapshots_hold_the_design_that_was_pinned(tmp_path: Path) -> None:
    chip = document()
    comparing = Comparing(chip)
    memory = ComparisonMemory(comparing, tmp_path / "c.json")
    pinned = comparing.pin(NOON)
    chip.edit("Shrink", replace_settings(chip.design, {"node_nm": 5.0}))
    memory.end()
    subjects, _ = loads((tmp_path / "c.json").read_bytes())
    assert next(s for s in subjects if s.id == pinned.id).design == pinned.design != chip.design
