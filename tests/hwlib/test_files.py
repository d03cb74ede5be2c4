"""Design files: what is saved comes back, what is broken is refused in words, and a failed save loses nothing."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwlib.design import files
from hwlib.design.design import Block, Design, Link, Placement, Settings
from hwlib.design.files import DesignFileError, dumps, load, loads, save
from hwlib.design.parts import PART_TYPES, Crossbar, Dram, Sram
from tests.hwlib.design_strategies import designs

CHIP = Design(
    name="µ-chip",
    settings=Settings(node_nm=5.0),
    blocks=(
        Block(id="hbm", name="HBM", part=Dram(channels=2), placement=Placement(x_m=-0.01)),
        Block(id="buffer", name="Buffer", part=Sram(banks=7)),
        Block(id="xbar", name="Weights", part=Crossbar(cell="pcm", ping_pong=True)),
    ),
    links=(Link(id="l1", source="hbm", target="buffer"), Link(id="l2", source="buffer", target="xbar")),
)


def document(**changes: Any) -> dict[str, Any]:
    """CHIP as a JSON document with fields of its design changed."""
    whole: dict[str, Any] = json.loads(dumps(CHIP))
    whole["design"].update(changes)
    return whole


def part(**changes: Any) -> str:
    """A file of one SRAM block with fields of its part changed."""
    block = {"id": "a", "name": "A", "part": {"kind": "sram", **changes}}
    return json.dumps(document(blocks=[block], links=[]))


def refusal(data: bytes | str) -> DesignFileError:
    with pytest.raises(DesignFileError) as caught:
        loads(data, "chip.chip.json")
    assert str(caught.value).startswith("chip.chip.json: ")
    assert "\n" not in str(caught.value)
    return caught.value


@given(designs())
def test_what_is_saved_comes_back(design: Design) -> None:
    data = dumps(design)
    assert loads(data) == design
    assert dumps(loads(data)) == data


@given(designs())
@settings(max_examples=20)
def test_save_then_load_is_the_identity(tmp_path_factory: pytest.TempPathFactory, design: Design) -> None:
    path = tmp_path_factory.mktemp("files") / "one.chip.json"
    save(design, path)
    assert load(path) == design
    assert os.listdir(path.parent) == [path.name]


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(data: bytes | str) -> None:
    refusal(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


places = ["name", "settings", "blocks", "links", "blocks.0", "blocks.0.part", "blocks.0.part.banks", "links.0"]


@given(st.sampled_from([*places, "links.0.source", "settings.node_nm", "blocks.0.placement"]), json_values)
@settings(max_examples=300)
def test_any_value_in_any_place_is_read_or_refused_in_words(place: str, value: Any) -> None:
    whole = document()
    *way, last = (int(step) if step.isdigit() else step for step in place.split("."))
    target: Any = whole["design"]
    for step in way:
        target = target[step]
    target[last] = value
    try:
        read = loads(json.dumps(whole))
    except DesignFileError:
        return
    assert loads(dumps(read)) == read


@given(st.data())
def test_a_file_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    whole = dumps(CHIP).rstrip()
    cut = data.draw(st.integers(0, len(whole) - 1))
    error = refusal(whole[:cut])
    assert "ends too early" in error.what or "empty" in error.what or "UTF-8" in error.what


def test_the_file_is_readable_and_leaves_defaults_out() -> None:
    text = dumps(CHIP).decode()
    assert json.loads(text)["design"]["blocks"][1] == {
        "id": "buffer", "name": "Buffer", "part": {"kind": "sram", "banks": 7},
    }  # fmt: skip
    assert text.startswith('{\n  "format": "chipscape-design",\n  "version": 1,\n')
    assert "µ-chip" in text
    assert text.endswith("}\n")


def test_defaults_are_those_that_files_of_this_version_left_out() -> None:
    frozen = json.loads((Path(__file__).parent / "design_defaults_v1.json").read_text("utf-8"))
    now = {
        kind.__name__: {f: repr(d) for f, d in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True)}
        for kind in (*PART_TYPES, Settings, Placement)
    }
    now |= {
        kind.__name__: {f.name: repr(f.default) for f in msgspec.structs.fields(kind) if not f.required}
        for kind in (Block, Link)
    }
    assert frozen == now, (
        "A default changed, and saved files that left it out would change their meaning: raise VERSION and add a "
        "migration that writes the old default (before the first release: update design_defaults_v1.json)."
    )


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (part(banks=0), "blocks[0].part.banks", "is 0; it must be a whole number from 1 to"),
        (part(banks=1.5), "blocks[0].part.banks", "is 1.5; it must be a whole number"),
        (part(banks=True), "blocks[0].part.banks", "is true; it must be a whole number"),
        (part(banks=None), "blocks[0].part.banks", "is null; it must be a whole number"),
        (part(banks=10**400), "blocks[0].part.banks", "whole number from 1 to"),
        (part(clock_Hz=1), "blocks[0].part.clock_Hz", "a number from 1e+06 to 1e+10 (in Hz)"),
        (part(area_m2="big"), "blocks[0].part.area_m2", "or null for the modelled value"),
        (part(management="cash"), "blocks[0].part.management", "one of 'cache', 'scratchpad'"),
        (part(bank=3), "blocks[0].part", "Did you mean 'banks'?"),
        (part(kind="srm"), "blocks[0].part.kind", "Did you mean 'sram'?"),
        (part(kind=7), "blocks[0].part.kind", "The kinds are compute_array"),
        (part(banks=float("nan")), "blocks[0].part.banks", "not a finite number"),
        (part(banks=float("inf")), "blocks[0].part.banks", "not a finite number"),
        (part(banks=7).replace('"banks": 7', '"clock_Hz": 1e999'), "blocks[0].part.clock_Hz", "not a finite number"),
        (part(banks=7).replace('"banks": 7', '"banks": 7, "banks": 8'), "blocks[0].part", "'banks' twice"),
        (json.dumps(document(settings={"node": 7})), "settings", "Did you mean 'node_nm'?"),
        (json.dumps(document(name="\ud800")), "name", "surrogate"),
        (json.dumps(document(name="")), "name", "a text of 1 to 200 characters"),
        (json.dumps(document(blocks={})), "blocks", "is an object {…}; it must be a list […]"),
        (json.dumps(document(links=[{"id": "l"}])), "links[0]", "lacks the field 'source'"),
        (json.dumps(document(links=[{"id": "l", "source": "hbm", "target": "bufer"}])),
         "links[0].target", "is 'bufer', but there is no such block. Did you mean 'buffer'?"),
        (json.dumps(document(links=[{"id": "l", "source": "hbm", "target": "hbm"}])), "links[0]", "to itself"),
        (json.dumps(document(links=[{"id": "l", "source": "hbm", "target": "xbar"},
                                    {"id": "m", "source": "xbar", "target": "hbm"}])), "links[1]", "same two blocks"),
        (json.dumps(document(blocks=[*document()["design"]["blocks"], document()["design"]["blocks"][0]])),
         "blocks[3].id", "is 'hbm', as blocks[0].id is"),
        (json.dumps(document(links=[{"id": "hbm", "source": "hbm", "target": "xbar"}])), "links[0].id", "as blocks[0]"),
        (json.dumps({**document(), "design": []}), "", "design is a list"),
        (json.dumps({**document(), "desing": {}}), "desing", "Did you mean 'design'?"),
        ('{"format": "chipscape-design", "version": 1}', "design", "lacks the field 'design'"),
        ('{"format": "chipscape-design", "version": "1"}', "version", "must be a whole number"),
        ('{"format": "chipscape-design", "version": true}', "version", "must be a whole number"),
        ('{"format": "chipscape-design", "version": 3, "chip": [[]]}', "version",
         "made by a newer Chipscape (format 3); this one reads up to 1."),
        ('{"format": "something-else", "version": 1}', "", "is not a Chipscape design"),
        ("null", "", "is not a Chipscape design"),
        ("", "", "is empty"),
        (" \n", "", "is empty"),
        ('{"a" 1}', "", "is not JSON: Expecting ':' delimiter at line 1, column 6"),
        ("\ufeff{}".encode("utf-16"), "", "is not UTF-8 text"),
        ("[" * 100_000, "", "nested too deeply"),
        ("1" * 5_000, "", "thousands of digits"),
        (b" " * (64 * 2**20 + 1), "", "larger than 64 MiB"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_what_and_where(text: bytes | str, field: str, words: str) -> None:
    error = refusal(text)
    assert error.field == field
    assert words in str(error)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert loads(b"\xef\xbb\xbf" + dumps(CHIP)) == CHIP


def test_older_files_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(tree: dict[str, Any]) -> dict[str, Any]:
        return {("name" if key == "title" else key): value for key, value in tree.items()}

    monkeypatch.setattr(files, "VERSION", 3)
    monkeypatch.setattr(files, "MIGRATIONS", {1: rename, 2: lambda tree: {**tree, "note": "from 2"}})
    old = '{"format": "chipscape-design", "version": 1, "design": {"title": "Old"}}'
    assert loads(old) == Design(name="Old", note="from 2")
    monkeypatch.setattr(files, "MIGRATIONS", {2: rename})
    assert "format 1 can't be read any more" in refusal(old).what
    monkeypatch.setattr(files, "MIGRATIONS", {1: rename, 2: lambda tree: tree["gone"]})
    assert "can't be brought from format 2 to 3" in refusal(old).what


@pytest.mark.parametrize(
    "design",
    [
        Design(settings=Settings(node_nm=float("nan"))),
        Design(settings=Settings(overlap=2.0)),
        Design(name="\ud800"),
        Design(name=Path("chip")),  # type: ignore[arg-type]
        Design(links=(Link(id="l", source="a", target="b"),)),
    ],
)
def test_what_could_not_be_loaded_again_is_not_saved(design: Design, tmp_path: Path) -> None:
    with pytest.raises(DesignFileError, match="can't be saved"):
        save(design, tmp_path / "x.chip.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    path = tmp_path / "x.chip.json"
    save(CHIP, path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, full)
        with pytest.raises(DesignFileError, match=r"No space left on device.*as it was"):
            save(Design(), path)
    assert load(path) == CHIP
    assert list(tmp_path.iterdir()) == [path]


def test_saving_keeps_links_and_rights(tmp_path: Path) -> None:
    real = tmp_path / "real.chip.json"
    save(CHIP, real)
    real.chmod(0o640)
    (tmp_path / "link.chip.json").symlink_to(real)
    save(Design(), tmp_path / "link.chip.json")
    assert (tmp_path / "link.chip.json").is_symlink()
    assert load(real) == Design()
    assert real.stat().st_mode & 0o777 == 0o640


def test_places_that_are_no_file(tmp_path: Path) -> None:
    with pytest.raises(DesignFileError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(DesignFileError, match=r"can't be read: No such file .* Check the name"):
        load(tmp_path / "none.chip.json")
    with pytest.raises(DesignFileError, match="can't be read"):
        load("a\0b")
    with pytest.raises(DesignFileError, match="is a folder"):
        save(CHIP, tmp_path)
    with pytest.raises(DesignFileError, match="can't be saved"):
        save(CHIP, tmp_path / "none" / "x.chip.json")
    with pytest.raises(DesignFileError, match="can't be saved"):
        save(CHIP, "a\0b")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no named pipes in folders")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DesignFileError, match="is not a plain file"):
        load(tmp_path / "pipe")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.chip.json"
    save(CHIP, path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def denied(*_: Any) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(DesignFileError, match=r"can't be read: Permission denied\. Ask its owner"):
        load(path)
