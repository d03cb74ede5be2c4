"""The library without its panel: what it lists, finds and sorts, tags, upkeep of files, figures in the background."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from explorer import atomic
from explorer.document import Document
from explorer.library import tags, upkeep
from explorer.library.entries import examples, folded, in_order, matches, scan
from explorer.library.figures import headlines
from explorer.library.library import Library
from hwlib.catalog import find_model, load_example
from hwlib.design import files
from hwlib.design.design import Design
from hwlib.design.edit import EditError
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario

LLAMA = find_model("Llama-3.1-8B")
EDGE, GPU = "edge-npu-lpddr5", "tensor-gpu-hbm3"


def put(folder: Path, file: str, name: str, note: str = "", example: str = EDGE) -> Path:
    """Save an example under a name of its own."""
    path = folder / f"{file}{files.SUFFIX}"
    files.save(msgspec.structs.replace(load_example(example), name=name, note=note), path)
    return path


@pytest.fixture
def library(qapp: QApplication, tmp_path: Path) -> Iterator[Library]:
    made = Library(Document(Design(), Scenario(), LLAMA), tmp_path)
    yield made
    made.shutdown()


def settle(qtbot: QtBot, library: Library, until: Callable[[], object] = lambda: True) -> None:
    """Wait until the library is up to date and something holds."""
    qtbot.waitUntil(lambda: library.loaded and not library.busy and bool(until()), timeout=30_000)


def heard(signal: Any) -> list[tuple[Any, ...]]:
    said: list[tuple[Any, ...]] = []
    signal.connect(lambda *values: said.append(values))
    return said


# What is listed ---------------------------------------------------------------------------------------------------


def test_scan_lists_designs_and_broken_files_with_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "good", "Good chip")
    (tmp_path / "cut.chip.json").write_text('{"format": "chipscape-design"', encoding="utf-8")
    (tmp_path / "folder.chip.json").mkdir()
    (tmp_path / "notes.txt").write_text("no design", encoding="utf-8")
    found = {e.name: e for e in scan(tmp_path).entries}
    assert set(found) == {"Good chip", "cut", "folder"}
    assert found["Good chip"].design is not None
    assert "cut off" in found["cut"].problem
    assert "is a folder" in found["folder"].problem


def test_scan_of_a_dead_link_names_it(tmp_path: Path) -> None:
    (tmp_path / "gone.chip.json").symlink_to(tmp_path / "nowhere")
    (entry,) = scan(tmp_path).entries
    assert entry.problem != ""


def test_scan_reads_only_files_that_changed(tmp_path: Path) -> None:
    put(tmp_path, "a", "A")
    put(tmp_path, "b", "B")
    first = scan(tmp_path)
    put(tmp_path, "b", "B2")
    second = scan(tmp_path, first.entries)
    assert second.entries[0].design is first.entries[0].design
    assert second.entries[1].name == "B2"


def test_scan_of_a_missing_folder_is_empty_and_of_a_file_says_why(tmp_path: Path) -> None:
    assert scan(tmp_path / "none").entries == ()
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert "can't be read" in scan(file).problem


def test_examples_are_listed_and_can_not_be_changed(library: Library) -> None:
    assert {e.name for e in examples()} >= {"Edge NPU, LPDDR5"}
    assert all(e.is_example for e in examples())
    assert library.rename(examples()[0], "Mine") is None
    assert not library.move_to_trash(examples()[0])


def test_search_folds_case_accents_and_blanks_and_looks_at_note_and_tags(tmp_path: Path) -> None:
    put(tmp_path, "a", "Größe 7 nm", note="For the Café talk")
    tags.change(tmp_path, {"a.chip.json": ("HBM 3",)})
    (entry,) = scan(tmp_path).entries
    for query in ("", "grosse", "7NM", "cafe", "hbm3", "grö talk", "a.chip"):
        assert matches(entry, query), query
    for query in ("hbm4", "grosse xyz"):
        assert not matches(entry, query), query


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_orders(tmp_path: Path) -> None:
    put(tmp_path, "x", "beta", example=GPU)
    put(tmp_path, "y", "Alpha")
    os.utime(tmp_path / "x.chip.json", (100, 100))
    os.utime(tmp_path / "y.chip.json", (50, 50))
    entries = scan(tmp_path).entries
    assert [e.name for e in in_order(entries, "name")] == ["Alpha", "beta"]
    assert [e.name for e in in_order(entries, "changed")] == ["beta", "Alpha"]
    assert [e.name for e in in_order(entries, "size")] == ["beta", "Alpha"]


# Tags -------------------------------------------------------------------------------------------------------------


def test_tags_are_cleaned() -> None:
    assert tags.parse(" hbm,  edge   npu , HBM,,") == ("hbm", "edge npu")
    assert len(tags.cleaned([f"tag{n}" for n in range(100)])) == tags.MOST_TAGS


def test_tags_come_back_and_empty_ones_leave_the_index(tmp_path: Path) -> None:
    tags.change(tmp_path, {"a.chip.json": ("x",), "b.chip.json": ("y",)})
    tags.change(tmp_path, {"a.chip.json": ()})
    assert tags.read(tmp_path) == {"b.chip.json": ("y",)}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"tags": 3}', "[" * 100_000, '{"tags": {"a": "no list", "b": [1]}}', "\udcff"]
)
def test_damaged_index_costs_the_tags_and_nothing_else(tmp_path: Path, text: str) -> None:
    index = tmp_path / tags.INDEX_NAME
    index.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert tags.read(tmp_path) == {}
    tags.change(tmp_path, {"a.chip.json": ("x",)})
    assert tags.read(tmp_path) == {"a.chip.json": ("x",)}


def test_damaged_index_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / tags.INDEX_NAME).write_text('{"tags": {"a": ["x"]', encoding="utf-8")
    tags.change(tmp_path, {"b": ("y",)})
    assert (tmp_path / tags.DAMAGED_NAME).read_text(encoding="utf-8") == '{"tags": {"a": ["x"]'


def test_index_takes_in_what_another_window_wrote(tmp_path: Path) -> None:
    tags.change(tmp_path, {"a": ("x",)})
    other = json.loads((tmp_path / tags.INDEX_NAME).read_text(encoding="utf-8"))
    other["tags"]["b"] = ["theirs"]
    (tmp_path / tags.INDEX_NAME).write_text(json.dumps(other), encoding="utf-8")
    tags.change(tmp_path, {"a": ("y",)})
    assert tags.read(tmp_path) == {"a": ("y",), "b": ("theirs",)}


def test_atomic_write_leaves_nothing_beside(tmp_path: Path) -> None:
    atomic.write(tmp_path / "new" / "file", b"1")
    atomic.write(tmp_path / "new" / "file", b"2")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file"]
    assert (tmp_path / "new" / "file").read_bytes() == b"2"


# Upkeep -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stem"), [("A/B: C", "A-B-C"), ("...", "design"), ("ü" * 300, "ü" * 90), ("x ", "x"), ("7 nm", "7-nm")]
)
def test_file_names(name: str, stem: str) -> None:
    assert upkeep.stem_of(name) == stem


def test_copies_are_numbered() -> None:
    assert upkeep.copy_name("A", set()) == "A copy"
    assert upkeep.copy_name("A copy", {"A copy"}) == "A copy 2"


def test_rename_changes_design_and_file_and_never_overwrites(tmp_path: Path) -> None:
    path = put(tmp_path, "a", "A")
    other = put(tmp_path, "b", "B")
    moved = upkeep.rename(path, " B ")
    assert moved.name == "B.chip.json" or moved.name == "B-2.chip.json"
    moved = upkeep.rename(moved, "b")
    assert moved.name == "b-2.chip.json"
    assert (files.load(moved).name, files.load(other).name) == ("b", "B")
    assert not path.exists()


def test_rename_refuses_an_empty_name_and_keeps_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "a", "A")
    with pytest.raises(EditError):
        upkeep.rename(path, "  ")
    assert files.load(path).name == "A"


def test_broken_file_can_be_renamed(tmp_path: Path) -> None:
    path = tmp_path / "a.chip.json"
    path.write_text("{", encoding="utf-8")
    moved = upkeep.rename(path, "old try")
    assert moved.name == "old-try.chip.json"
    assert moved.read_text(encoding="utf-8") == "{"


# The library as it lives ------------------------------------------------------------------------------------------


def test_nothing_is_read_for_nobody(library: Library, tmp_path: Path) -> None:
    put(tmp_path, "a", "A")
    library.refresh()
    assert not library.busy
    assert library.saved == ()


def test_figures_are_those_of_the_evaluation(qtbot: QtBot, library: Library, tmp_path: Path) -> None:
    put(tmp_path, "a", "A", example=GPU)
    library.set_active(True)
    settle(qtbot, library)
    headline = library.headline(library.saved[0])
    report = evaluate(load_example(GPU), Scenario(), LLAMA)
    assert headline is not None
    assert report.metrics is not None
    assert headline.tpot_s == pytest.approx(report.metrics.tpot_s, rel=1e-9)
    assert headline.energy_per_token_J == pytest.approx(report.metrics.energy_per_token_J, rel=1e-9)


def test_figures_follow_the_scenario(qtbot: QtBot, library: Library, tmp_path: Path) -> None:
    put(tmp_path, "a", "A", example=GPU)
    library.set_active(True)
    settle(qtbot, library)
    first = library.headline(library.saved[0])
    library._document.set_scenario(Scenario(batch=16))
    assert library.headline(library.saved[0]) is None
    settle(qtbot, library)
    second = library.headline(library.saved[0])
    assert first is not None
    assert second is not None
    assert second.tokens_per_s > 4 * first.tokens_per_s


def test_what_does_not_fit_says_so_instead_of_figures() -> None:
    small, empty = headlines([load_example("sram-only-dataflow"), Design()], Scenario(), LLAMA)
    assert small.said() == ("Does not fit",)
    assert empty.said() == ("Cannot run",)


def test_outside_changes_are_seen(qtbot: QtBot, library: Library, tmp_path: Path) -> None:
    library.set_active(True)
    settle(qtbot, library)
    path = put(tmp_path, "a", "A")
    settle(qtbot, library, lambda: [e.name for e in library.saved] == ["A"])
    path.write_text("{", encoding="utf-8")  # in place, as some editors write
    settle(qtbot, library, lambda: library.saved[0].problem)
    path.unlink()
    settle(qtbot, library, lambda: library.saved == ())


def test_folder_that_appears_later_is_seen(qtbot: QtBot, library: Library, tmp_path: Path) -> None:
    library.set_active(True)
    library.set_folder(tmp_path / "later")
    settle(qtbot, library)
    (tmp_path / "later").mkdir()
    put(tmp_path / "later", "a", "A")
    settle(qtbot, library, lambda: [e.name for e in library.saved] == ["A"])


def test_duplicate_rename_tag_and_delete(
    qtbot: QtBot, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "designs", tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    library.set_folder(folder)
    put(folder, "a", "A")
    library.set_active(True)
    settle(qtbot, library)
    moved, removed = heard(library.moved), heard(library.removed)
    library.set_tags(library.saved[0], ["edge"])
    (copy,) = library.duplicate(library.saved)
    settle(qtbot, library)
    assert {e.name: e.tags for e in library.saved} == {"A": ("edge",), "A copy": ("edge",)}
    new = library.rename(library.entry(str(copy)), "Second")
    settle(qtbot, library)
    assert moved == [(copy, new)]
    assert tags.read(folder) == {"a.chip.json": ("edge",), "Second.chip.json": ("edge",)}
    assert new is not None
    assert library.move_to_trash(library.entry(str(new)))
    settle(qtbot, library)
    assert removed == [(new,)]
    assert [e.name for e in library.saved] == ["A"]
    assert (home / "Trash" / "files" / "Second.chip.json").is_file()


def test_duplicate_of_an_example_makes_the_folder_and_keeps_the_name(
    qtbot: QtBot, library: Library, tmp_path: Path
) -> None:
    library.set_folder(tmp_path / "new")
    library.set_active(True)
    settle(qtbot, library)
    library.duplicate(library.examples[:1])
    settle(qtbot, library)
    assert [e.name for e in library.saved] == [library.examples[0].name]


def test_what_the_disk_refuses_is_told(qtbot: QtBot, library: Library, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    library.set_folder(blocked / "designs")
    library.set_active(True)
    settle(qtbot, library)
    failed = heard(library.failed)
    assert library.duplicate(library.examples[:1]) == ()
    assert len(failed) == 1
    assert "could not be duplicated" in failed[0][0]
