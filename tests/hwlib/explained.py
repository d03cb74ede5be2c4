"""Reports for tests of explanations: every example design, and hand-made ones with many parts of each kind."""

from __future__ import annotations

from functools import cache

import msgspec

from hwlib import catalog
from hwlib.design.design import Block, Design, Placement, Settings
from hwlib.design.edit import connect
from hwlib.design.parts import AnyPart, ComputeArray, Crossbar, Dram, Noc, Port, Sram, VectorUnit
from hwlib.evaluate import evaluate
from hwlib.fields import part_fields
from hwlib.report import Report
from hwlib.workload.scenario import Scenario

LLMS = ("Llama-3.1-8B", "Mixtral-8x7B")
BIG = Dram(technology="HBM3", channels=4, capacity_bytes=80e9)
CROSSBARS = Crossbar(cell="rram", arrays=60_000)
DIGITAL = Crossbar(cell="sram_digital", arrays=20_000, rows=256, columns=256)
SMALL = Scenario(prompt=300, output=16)
OWN = {"_J": 1e-12, "area_m2": 1e-5, "leakage_W": 0.5, "bandwidth_Bps": 4e11, "capacity_bytes": 9e10, "": 1e-7}


def chip(parts: dict[str, AnyPart], **settings: object) -> Design:
    """Blocks around one network, which is the part called noc."""
    blocks = [
        Block(id=name, name=f"The {name}", part=part, placement=Placement(x_m=4e-3 * i, y_m=2e-3 * i))
        for i, (name, part) in enumerate(parts.items())
    ]
    design = Design(name="hand-made", settings=Settings(**settings), blocks=tuple(blocks))  # type: ignore[arg-type]
    for name in parts:
        if name != "noc":
            design = connect(design, name, "noc", width_bits=1024 + 64 * len(name), clock_Hz=1e9)
    return design


def with_own_values(design: Design) -> Design:
    """The design with the user's own value in every field that takes one."""
    blocks = []
    for block in design.blocks:
        fields = [f.name for f in part_fields(type(block.part)) if f.override]
        values = {f: next(v for word, v in OWN.items() if word in f) for f in fields}
        blocks.append(msgspec.structs.replace(block, part=msgspec.structs.replace(block.part, **values)))
    settings = msgspec.structs.replace(design.settings, overhead_s=1e-6)
    return msgspec.structs.replace(design, blocks=tuple(blocks), settings=settings)


TENSOR: dict[str, AnyPart] = {
    "m": ComputeArray(style="tensor", rows=32, columns=64, count=100, rate_int8=2),
    "v": VectorUnit(count=32),
    "s": Sram(capacity_bytes=2**25),
    "d": BIG,
    "p": Port(),
    "noc": Noc(),
}
MANY: dict[str, AnyPart] = {
    "a.1": ComputeArray(rows=128, columns=64, count=3, rate_int8=2, dataflow="output_stationary"),
    "b-2": ComputeArray(style="simd", rows=16, columns=32, count=8, rate_16bit=0.5),
    "narrow": ComputeArray(rows=32, columns=32, rate_16bit=0, rate_int4=2, dataflow="input_stationary", buffer_bytes=0),
    "v1": VectorUnit(),
    "v2": VectorUnit(lanes=64, special_rate=1.0),
    "s1": Sram(capacity_bytes=2**26),
    "s2": Sram(capacity_bytes=2**25, management="cache", cell="high_performance"),
    "d1": BIG,
    "d2": Dram(technology="DDR5", channels=2, capacity_bytes=80e9),
    "p1": Port(),
    "p2": Port(technology="pcie5", bandwidth_Bps=1e11),
    "noc": Noc(topology="ring"),
}
POOLS: dict[str, AnyPart] = {"x1": CROSSBARS, "x2": DIGITAL, "x3": DIGITAL, **TENSOR}
RELOADED: dict[str, AnyPart] = {
    "x": Crossbar(cell="rram", arrays=2000, coding="differential"),
    "v": VectorUnit(count=16),
    "s": Sram(),
    "d": BIG,
    "p": Port(),
    "noc": Noc(topology="bus"),
}
PING_PONG: dict[str, AnyPart] = {
    **RELOADED,
    "x": Crossbar(cell="sram_analog", arrays=2000, ping_pong=True, columns_per_adc=8),
}
DIGITAL_ADDERS: dict[str, AnyPart] = {
    **RELOADED,
    "x": Crossbar(cell="sram_digital", adder="cell", guard_columns=4, programming="array", bypass=True, arrays=3000),
}
CODED: dict[str, AnyPart] = {
    "x1": Crossbar(cell="rram", arrays=30_000, coding="differential_digital", adc_bits=4, dac_bits=2),
    "x2": Crossbar(cell="pcm", arrays=30_000, coding="differential", adc_bits=12, supply_V=0.6),
    **TENSOR,
}
CACHE_IN_CELLS: dict[str, AnyPart] = {
    "x1": Crossbar(cell="gain_cell", arrays=2_000_000, bits_per_cell=3, replicas=0, variation=0.02, adc_range=0.5),
    "kv": Crossbar(cell="gain_cell", holds="kv", rows=64, columns=256, arrays=40_000_000, bits_per_cell=4, dac_bits=4),
    **TENSOR,
}
PIPELINED = {"execution": "layers_pipelined"}
DESIGNS: dict[str, Design] = {
    "tensor": chip(TENSOR),
    "throttled": chip(TENSOR, tdp_W=30.0, power_density_limit_Wpm2=1e5, overlap=0.3),
    "ideal": chip(TENSOR, calibration="ideal", overlap=1.0),
    "one after the other": chip(TENSOR, overlap=0.0),
    "many of each": chip(MANY),
    "own values": with_own_values(chip(MANY)),
    "crossbar pools": chip(POOLS, tdp_W=60.0),
    "crossbar pools with own values": with_own_values(chip(POOLS)),
    "reloaded crossbars": chip(RELOADED),
    "ping-pong crossbars": chip(PING_PONG),
    "crossbars that add and are written whole": chip(DIGITAL_ADDERS),
    "crossbars of two codings": chip(CODED),
    "keys and values in crossbars": chip(CACHE_IN_CELLS, counting="bit_ops"),
    "layers pipelined": chip({**TENSOR, "x1": Crossbar(cell="rram", arrays=600_000)}, **PIPELINED),
    "layers pipelined, some of them": chip({**TENSOR, "x1": DIGITAL, "x2": CROSSBARS}, overlap=0.4, **PIPELINED),
    "layers and attention pipelined": chip(CACHE_IN_CELLS, tdp_W=60.0, **PIPELINED),
    "without SRAM": chip({k: v for k, v in TENSOR.items() if k != "s"}),
    "without DRAM": chip({**{k: v for k, v in TENSOR.items() if k != "d"}, "s": Sram(capacity_bytes=2**37)}),
    "vector unit alone": chip({k: v for k, v in TENSOR.items() if k != "m"}),
}
SCENARIOS: dict[str, Scenario] = {
    "short": SMALL,
    "one token": Scenario(prompt=100, output=1),
    "waves": Scenario(prompt=1000, output=8, batch=4000, weight_bits=16, activation_bits=16),
    "eight chips": Scenario(
        output=8, batch=8, pipeline_parallel=4, tensor_parallel=2, weight_bits=4, activation_bits=4
    ),
    "uneven stages": Scenario(prompt=200, output=8, batch=7, pipeline_parallel=5, tensor_parallel=3),
    "wide": Scenario(prompt=9000, output=64, weight_bits=32, activation_bits=32, kv_bits=8),
}


@cache
def of_example(name: str, llm: str) -> Report:
    """An example on the fewest chips, in powers of four, that hold the LLM."""
    for chips in (1, 4, 16, 64, 256):
        scenario = Scenario(output=16, weight_bits=4, kv_bits=8, tensor_parallel=chips)
        report = evaluate(catalog.load_example(name), scenario, catalog.find_model(llm))
        if report.fits:
            return report
    raise AssertionError(f"{name} doesn't run {llm} on 256 chips: {report.reason}")


@cache
def of_hand_made(name: str, scenario: str, llm: str) -> Report:
    report = evaluate(DESIGNS[name], SCENARIOS[scenario], catalog.find_model(llm))
    assert report.fits, report.reason
    return report
