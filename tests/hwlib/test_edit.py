"""Edits: each makes a new valid design and leaves the old one as it was, or refuses with a reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hwlib.catalog import load_example
from hwlib.design.design import Design, Placement
from hwlib.design.edit import (
    EditError,
    add_block,
    change_parameter,
    checked_after,
    connect,
    move_blocks,
    new_block,
    remove,
    replace_link,
    replace_part,
    replace_settings,
    unique_id,
)
from hwlib.design.files import dumps, loads
from hwlib.design.parts import KIND_LABELS, Dram, Sram
from tests.hwlib.design_strategies import designs, placements


def chip(*kinds: str) -> Design:
    design = Design()
    for kind in kinds:
        design = add_block(design, new_block(design, kind, Placement()))
    return design


def test_a_new_block_has_a_free_id_and_name() -> None:
    design = chip("sram", "sram", "dram", "sram")
    assert [(b.id, b.name) for b in design.blocks] == [
        ("sram", "SRAM"), ("sram-2", "SRAM 2"), ("dram", "DRAM"), ("sram-3", "SRAM 3"),
    ]  # fmt: skip
    assert unique_id(design, "noc") == "noc"
    with pytest.raises(EditError, match="'sram' is taken"):
        add_block(design, design.blocks[0])


def test_a_block_can_be_made_with_a_part_of_its_own() -> None:
    part = Dram(technology="LPDDR5", channels=8)
    assert new_block(Design(), "dram", Placement(), part).part == part


def test_changing_a_part_checks_type_range_and_name() -> None:
    design = chip("sram")
    changed = replace_part(design, "sram", {"banks": 3, "capacity_bytes": 1024})
    assert changed.block("sram").part == Sram(banks=3, capacity_bytes=1024)
    assert design.block("sram").part == Sram()
    for changes in ({"banks": 0}, {"banks": 1.5}, {"bank": 3}, {"management": "none"}, {"clock_Hz": float("nan")}):
        with pytest.raises(EditError, match=r"banks|bank|management|clock_Hz|Invalid|Expected"):
            replace_part(design, "sram", changes)
    with pytest.raises(KeyError):
        replace_part(design, "none", {})


def test_links_join_two_different_known_blocks_once() -> None:
    design = connect(chip("sram", "dram"), "sram", "dram", width_bits=64)
    (link,) = design.links
    assert (link.source, link.target, link.bandwidth_Bps) == ("sram", "dram", 8e9)
    for source, target, words in (("sram", "sram", "itself"), ("dram", "sram", "already"), ("sram", "x", "no block")):
        with pytest.raises(EditError, match=words):
            connect(design, source, target)
    with pytest.raises(EditError, match="width_bits"):
        connect(chip("sram", "dram"), "sram", "dram", width_bits=0)
    assert replace_link(design, link.id, {"width_bits": 8}).links[0].width_bits == 8
    with pytest.raises(EditError, match="width_bits"):
        replace_link(design, link.id, {"width_bits": 2**40})


def test_removing_a_block_takes_its_links_along() -> None:
    design = connect(connect(chip("sram", "dram", "noc"), "sram", "dram"), "sram", "noc")
    assert remove(design, ["dram"]).links == design.links[1:]
    assert remove(design, ["sram"]).links == ()
    assert remove(design, [design.links[0].id]).blocks == design.blocks
    assert remove(design, ["unknown"]) == design


def test_settings_are_checked() -> None:
    assert replace_settings(Design(), {"node_nm": 5.0}).settings.node_nm == 5.0
    with pytest.raises(EditError, match="overlap"):
        replace_settings(Design(), {"overlap": 1.5})


class Editing(RuleBasedStateMachine):
    """Random edits: every value on the way is a valid file, and no edit touches an earlier value."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[tuple[Design, bytes]] = []

    @property
    def design(self) -> Design:
        return self.history[-1][0]

    def step(self, design: Design) -> None:
        self.history.append((design, dumps(design)))

    @initialize(design=designs(3))
    def start(self, design: Design) -> None:
        self.step(design)

    @rule(kind=st.sampled_from(sorted(KIND_LABELS)), placement=placements())
    def add(self, kind: str, placement: Placement) -> None:
        self.step(add_block(self.design, new_block(self.design, kind, placement)))

    @rule(data=st.data(), placement=placements())
    def move_or_remove(self, data: st.DataObject, placement: Placement) -> None:
        ids = [thing.id for thing in (*self.design.blocks, *self.design.links)]
        chosen = data.draw(st.lists(st.sampled_from(ids), max_size=3) if ids else st.just([]))
        self.step(move_blocks(self.design, dict.fromkeys(chosen, placement)))
        self.step(remove(self.design, chosen))

    @rule(data=st.data())
    def link(self, data: st.DataObject) -> None:
        ids = st.sampled_from([block.id for block in self.design.blocks] or ["none"])
        try:
            self.step(connect(self.design, data.draw(ids), data.draw(ids)))
        except EditError:
            return

    @rule(value=st.floats() | st.integers() | st.none(), name=st.sampled_from(["node_nm", "tdp_W", "overlap"]))
    def change_settings(self, name: str, value: Any) -> None:
        try:
            self.step(replace_settings(self.design, {name: value}))
        except EditError:
            return

    @invariant()
    def every_value_is_as_it_was_and_loads(self) -> None:
        for design, data in (self.history[0], self.history[-1]):
            assert dumps(design) == data
            assert loads(data) == design


TestEditing = Editing.TestCase
TestEditing.settings = settings(max_examples=25, stateful_step_count=20)


def test_a_new_technology_brings_its_own_figures() -> None:
    design = add_block(Design(), new_block(Design(), "dram", Placement()))
    slow = replace_part(design, "dram", {"technology": "HBM2", "bandwidth_Bps": 1e11, "channels": 3})
    swapped = change_parameter(slow, "dram", "technology", "HBM3").block("dram").part
    assert (swapped.technology, swapped.bandwidth_Bps, swapped.channels) == ("HBM3", None, 3)
    same = change_parameter(slow, "dram", "technology", "HBM2").block("dram").part
    assert same.bandwidth_Bps == 1e11
    assert change_parameter(slow, "dram", "channels", 5).block("dram").part.bandwidth_Bps == 1e11


def test_a_block_called_for_its_technology_is_called_for_the_new_one() -> None:
    def renamed(name: str, parameter: str = "technology", value: object = "HBM3") -> str:
        block = msgspec.structs.replace(new_block(Design(), "dram", Placement()), name=name)
        design = replace_part(add_block(Design(), block), block.id, {"technology": "HBM2"})
        return change_parameter(design, block.id, parameter, value).block(block.id).name

    assert renamed("HBM2") == "HBM3"
    assert renamed("HBM2 2") == "HBM3 2"
    assert renamed("HBM2E pile") == "HBM2E pile"
    assert renamed("Main memory") == "Main memory"
    assert renamed("HBM2", value="HBM2") == "HBM2"
    assert renamed("HBM2", "channels", 5) == "HBM2"
    two = load_example("systolic-tpu-hbm2")
    memory = next(b for b in two.blocks if b.kind == "dram")
    taken = msgspec.structs.replace(new_block(two, "dram", Placement()), name="HBM3")
    assert change_parameter(add_block(two, taken), memory.id, "technology", "HBM3").block(memory.id).name == "HBM2"


def test_what_is_new_in_a_design_is_validated_and_the_rest_kept_as_it_is() -> None:
    before = chip("sram", "dram")
    place = msgspec.structs.replace(before.blocks[0].placement, x_m=1e-3)
    after = checked_after(before, move_blocks(before, {"sram": place}))
    assert after.blocks[0].placement.x_m == 1e-3
    assert after.blocks[1] is before.blocks[1]
    assert checked_after(before, before) == before
    far = move_blocks(before, {"sram": msgspec.structs.replace(place, x_m=7.0)})
    with pytest.raises(EditError, match="x_m"):
        checked_after(before, far)
    with pytest.raises(EditError):
        checked_after(before, msgspec.structs.replace(before, name=""))
