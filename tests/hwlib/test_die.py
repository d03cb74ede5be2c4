"""What the silicon of a chip takes and costs: wires of links, edge for DRAM, dies of a wafer, yield and harvest."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest

from hwlib.catalog import find_model, load_example
from hwlib.design.design import Design
from hwlib.design.edit import replace_part
from hwlib.design.parts import DramTechnology
from hwlib.evaluate import check, evaluate, evaluate_device
from hwlib.report import Report
from hwlib.technology.package import memory_price_USD_per_byte
from hwlib.technology.wires import wire_area_m2_per_bit_m
from hwlib.workload.scenario import Scenario

GPU = load_example("tensor-gpu-hbm3")
LLM = find_model("Llama-3.1-8B")
SHORT = Scenario(prompt=32, output=4)


def settled(**settings: float) -> Design:
    return msgspec.structs.replace(GPU, settings=msgspec.structs.replace(GPU.settings, **settings))


def report(design: Design = GPU) -> Report:
    return evaluate(design, SHORT, LLM)


def test_wires_of_links_take_silicon() -> None:
    found = report()
    widths = {link.id: link.width_bits for link in GPU.links}
    under = sum(2 * widths[link.id] * link.length_m for link in found.links) * float(wire_area_m2_per_bit_m(4.0))
    assert found.area_m2 is not None
    assert found.area_m2 == pytest.approx(sum(b.area_m2 for b in found.blocks) + under)
    assert 0.01 < under / found.area_m2 < 0.1
    assert found.explain("wires.area_m2").value == pytest.approx(under)
    wide = msgspec.structs.replace(
        GPU, links=tuple(msgspec.structs.replace(link, width_bits=1_048_576) for link in GPU.links)
    )
    assert report(wide).area_m2 > 2 * found.area_m2
    assert "die_full" in {f.code for f in check(wide)}
    assert "die_full" not in {f.code for f in check(GPU)}


def test_dram_needs_edge_of_the_die() -> None:
    many = replace_part(GPU, "hbm-west", {"channels": 20})
    finding = next(f for f in check(many) if f.code == "shoreline")
    assert finding.severity == "warning"
    assert finding.blocks == ("hbm-west", "hbm-east")
    assert "143 mm" in finding.message  # (20 + 2) stacks of 6.5 mm around a die of 107.7 mm
    assert "shoreline" not in {f.code for f in check(GPU)}


def test_price_of_a_die_follows_wafer_yield_and_harvest() -> None:
    """722 mm² at 4 nm: 66 dies of a wafer, 1,164 defects per m² or so, about half of them good."""
    found = report()
    area = GPU.settings.die_width_m * GPU.settings.die_height_m
    dies = math.pi * 0.3**2 / (4 * area) - math.pi * 0.3 / math.sqrt(2 * area)
    assert found.explain("die.per_wafer").value == pytest.approx(dies)
    good = found.die_yield
    assert good is not None
    assert 0.4 < good < 0.6
    wafer = next(i.value for i in found.explain("die_cost_USD").inputs if i.name == "wafer_price")
    assert found.die_cost_USD == pytest.approx(wafer / (dies * good))
    all_sold = report(settled(harvest_share=1.0))
    assert all_sold.die_cost_USD == pytest.approx(wafer / dies)
    assert all_sold.die_yield == good
    assert report(settled(harvest_share=0.5)).die_cost_USD == pytest.approx(wafer / (dies * (0.5 + 0.5 * good)))


def test_what_exceeds_a_reticle_is_several_dies() -> None:
    found = report(settled(die_width_m=0.04, die_height_m=0.03))
    assert found.explain("die.count").value == 2.0
    one = report(settled(die_width_m=0.02, die_height_m=0.03))
    assert found.die_cost_USD == pytest.approx(2 * one.die_cost_USD)
    assert found.die_yield == one.die_yield
    edge = report(settled(die_width_m=0.026, die_height_m=0.033))
    assert edge.explain("die.count").value == 1.0


def test_a_device_has_a_price_only_where_its_die_is_published() -> None:
    published, unknown = (evaluate_device(n, SHORT, LLM) for n in ("A100 80GB SXM4", "TPU v4"))
    assert published.die_yield is not None
    assert published.explain("die_cost_USD").value == published.die_cost_USD
    assert (unknown.die_cost_USD, unknown.die_yield) == (None, None)
    assert not [key for key in unknown.figures() if key.startswith("die")]


# The package ------------------------------------------------------------------------------------------------------


def test_murphys_yield_is_lower_than_that_of_clustered_defects() -> None:
    evenly = report(settled(yield_model="murphy"))  # type: ignore[arg-type]
    clustered = report()
    assert evenly.die_yield is not None
    assert clustered.die_yield is not None
    assert evenly.die_yield < clustered.die_yield
    told = evenly.explain("die.good_share")
    assert "Murphy" in told.source
    inputs = {i.name: i.value for i in told.inputs}
    expected = float(inputs["die_width_m"]) * float(inputs["die_height_m"]) * float(inputs["defect_density"])  # type: ignore[arg-type]
    assert evenly.die_yield == pytest.approx(((1 - math.exp(-expected)) / expected) ** 2)


def test_a_packaged_chip_costs_what_its_parts_failed_bonds_and_test_do() -> None:
    found = report()
    parts = [found.explain(key).value for key in ("die_cost_USD", "package.memory_USD", "package.interposer_USD")]
    parts.append(found.explain("package.substrate_USD").value)
    stacks = sum(b.part.channels for b in GPU.blocks if b.kind == "dram")  # type: ignore[union-attr]
    assert found.package_cost_USD == pytest.approx(sum(parts) / 0.99 ** (1 + stacks + 1) * 1.05)
    assert parts[1] == pytest.approx(stacks * 12 * found.memory[0].capacity_bytes / stacks / 1e9)


def test_without_stacks_no_interposer_is_paid() -> None:
    plain = report(load_example("memory-starved-ddr4"))
    assert plain.explain("package.interposer_USD").value == 0
    assert plain.package_cost_USD is not None
    assert plain.die_cost_USD is not None
    assert plain.package_cost_USD > plain.die_cost_USD + plain.explain("package.memory_USD").value


def test_an_empty_die_has_a_price_too() -> None:
    empty = evaluate(Design(), SHORT, LLM)
    assert empty.package_cost_USD is not None
    assert empty.explain("package_cost_USD").value == pytest.approx(empty.package_cost_USD)
    assert empty.explain("package.memory_USD").value == 0


def test_a_device_of_unknown_die_has_no_price() -> None:
    found = evaluate_device("B200", SHORT, LLM)
    assert (found.package_cost_USD is None) == (found.die_cost_USD is None)
    assert ("package_cost_USD" in found.figures()) == (found.package_cost_USD is not None)


def test_every_memory_has_a_price() -> None:
    for technology in get_args(DramTechnology):
        assert 1e-9 < memory_price_USD_per_byte(technology) < 1e-7, technology
