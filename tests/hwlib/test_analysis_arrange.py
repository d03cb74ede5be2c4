"""Auto-arrange: shorter wires by the model's own account, legal, deterministic, and nothing locked moved."""

import msgspec
import pytest

from hwlib import catalog
from hwlib.analysis.arrange import MOST_FREE, Arrangement, NothingToArrangeError, arrange
from hwlib.design.design import Block, Design, Link, Placement
from hwlib.design.edit import replace_block
from hwlib.evaluate import evaluate
from hwlib.workload.scenario import Scenario

LLM = catalog.find_model("Llama-3.1-8B")
ILLEGAL = {"overlap", "off_die", "dram_on_die"}


def scenario_of(name: str) -> Scenario:
    return Scenario(tensor_parallel=64 if name == "sram-only-dataflow" else 1)


def arranged(design: Design, name: str) -> Arrangement:
    found = arrange(design, scenario_of(name), LLM)
    assert found is not None
    return found


def wire_J(design: Design, name: str) -> float:
    return evaluate(design, scenario_of(name), LLM).energy_by_component["wire"]


@pytest.mark.parametrize("name", catalog.example_designs())
def test_every_example_gets_shorter_wires_and_stays_legal(name: str) -> None:
    design = catalog.load_example(name)
    found = arranged(design, name)
    assert found.saved > 0.05
    assert wire_J(found.design, name) < wire_J(design, name)
    codes = {f.code for f in evaluate(found.design, scenario_of(name), LLM).findings}
    assert not codes & ILLEGAL
    assert [(b.id, b.part, b.placement.aspect) for b in found.design.blocks] == [
        (b.id, b.part, b.placement.aspect) for b in design.blocks
    ]


def test_equal_designs_are_arranged_equally() -> None:
    design = catalog.load_example("sram-cim-hbm")
    assert arranged(design, "sram-cim-hbm") == arranged(design, "sram-cim-hbm")


def test_dram_and_locked_blocks_stay() -> None:
    design = catalog.load_example("sram-cim-hbm")
    kept = next(b for b in design.blocks if b.kind == "crossbar")
    design = replace_block(design, msgspec.structs.replace(kept, locked=True))
    after = arranged(design, "sram-cim-hbm").design
    for block in design.blocks:
        if block.kind == "dram" or block.locked:
            assert after.block(block.id).placement == block.placement
    assert not {f.code for f in evaluate(after, Scenario(), LLM).findings} & ILLEGAL


def test_overlapping_blocks_are_pulled_apart() -> None:
    design = catalog.load_example("systolic-tpu-hbm2")
    middle = design.block(next(b.id for b in design.blocks if b.kind == "compute_array")).placement
    piled = msgspec.structs.replace(
        design,
        blocks=tuple(
            b
            if b.kind == "dram"
            else msgspec.structs.replace(
                b, placement=msgspec.structs.replace(b.placement, x_m=middle.x_m, y_m=middle.y_m)
            )
            for b in design.blocks
        ),
    )
    found = arrange(piled, Scenario(), LLM)
    assert "overlap" in {f.code for f in evaluate(piled, Scenario(), LLM).findings}
    assert found is not None
    assert not {f.code for f in evaluate(found.design, Scenario(), LLM).findings} & ILLEGAL


def test_an_arranged_design_has_nothing_much_left_to_gain() -> None:
    once = arranged(catalog.load_example("edge-npu-lpddr5"), "edge-npu-lpddr5")
    again = arrange(once.design, Scenario(), LLM)
    assert again is None or again.saved < 0.1


def test_what_cannot_be_arranged_says_why() -> None:
    with pytest.raises(NothingToArrangeError, match="does not run"):
        arrange(Design(), Scenario(), LLM)
    design = catalog.load_example("edge-npu-lpddr5")
    locked = msgspec.structs.replace(
        design, blocks=tuple(msgspec.structs.replace(b, locked=True) for b in design.blocks)
    )
    with pytest.raises(NothingToArrangeError, match="unlock"):
        arrange(locked, Scenario(), LLM)


def test_it_ends_early_when_asked() -> None:
    design = catalog.load_example("sram-cim-hbm")
    found = arrange(design, Scenario(), LLM, stop=lambda: True)
    assert found is None or found.after < found.before


def test_many_blocks_are_moved_and_stay_legal() -> None:
    """More than are arranged wholly anew: small memories far from the one that they are linked to."""
    name = "systolic-tpu-hbm2"
    design = catalog.load_example(name)
    memory = next(b for b in design.blocks if b.kind == "sram")
    small = msgspec.structs.replace(memory.part, capacity_bytes=2**14)
    many = tuple(
        Block(id=f"x{i}", name=f"x{i}", part=small, placement=Placement(x_m=1e-3 + 9e-4 * i, y_m=0.055))
        for i in range(MOST_FREE + 5)
    )
    links = tuple(Link(id=f"l{b.id}", source=b.id, target=memory.id) for b in many)
    larger = msgspec.structs.replace(design.settings, die_width_m=0.06, die_height_m=0.06)
    design = msgspec.structs.replace(
        design, settings=larger, blocks=(*design.blocks, *many), links=(*design.links, *links)
    )
    found = arranged(design, name)
    assert found.saved > 0.3
    codes = {f.code for f in evaluate(found.design, Scenario(), LLM).findings}
    assert not codes & (ILLEGAL - {"dram_on_die"}), "the DRAM's place was beside the smaller die"
