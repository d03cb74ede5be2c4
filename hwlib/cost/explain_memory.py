"""Why so many sequences run at once: weights, KV cache and capacity of one chip."""

from __future__ import annotations

import numpy as np

from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_area import part_of
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.lower import lower
from hwlib.cost.run import USABLE, Memory, run
from hwlib.report import Explanation
from hwlib.technology.dram import dram_technology


def _parallel(s: Sheet) -> str:
    return f"({s.scenario('tensor_parallel')} * {s.stages()})"


def weights(one: OneDesign, key: str) -> Explanation:
    """memory.weights_bytes: all weights that one chip has to keep."""
    s, scenario = Sheet(one), one.run.scenario
    count = s.llm("parameters", float(one.run.llm.params), "", "parameters by its shapes")
    scale = f" + 16 / {s.scenario('group')}" if scenario.weight_bits < 16 else ""
    formula = f"{count} * ({s.scenario('weight_bits')}{scale}) / 8 / {_parallel(s)}"
    value = one.run.memory.weights[one.d]
    source = "quantised weights carry a 16-bit scale per group; chips share the weights"
    return s.explanation(key, "Weights on one chip", value, "B", formula, source)


def kv_of_one(one: OneDesign, key: str) -> Explanation:
    """memory.kv_per_sequence_bytes: KV cache of one sequence on one chip, half of its output generated."""
    s, llm = Sheet(one), one.run.llm
    if llm.attention == "MLA":
        width = f"({s.llm('mla_kv_lora', llm.mla_kv_lora)} + {s.llm('mla_rope', llm.mla_rope)})"
    else:
        heads = f"max(1, ceil({s.llm('kv_heads', llm.kv_heads)} / {s.scenario('tensor_parallel')}))"
        width = f"2 * {heads} * {s.llm('head_dim', llm.head_dim)}"
    context = f"({s.scenario('prompt')} + {s.scenario('output')} / 2)"
    layers = s.llm("layers", llm.layers)
    tokens = f"{layers} * {context}"
    if llm.window and llm.windowed_layers:
        local, window = s.llm("windowed_layers", llm.windowed_layers), s.llm("window", llm.window, "tokens")
        tokens = f"(({layers} - {local}) * {context} + {local} * min({context}, {window}))"
    formula = f"{width} * {tokens} * {s.scenario('kv_bits')} / 8 / {s.stages()}"
    value = one.run.memory.kv_per_sequence[one.d]
    return s.explanation(
        key, "KV cache of one sequence", value, "B", formula, "keys and values of every layer and token"
    )


def kv(one: OneDesign, key: str) -> Explanation:
    """memory.kv_bytes: KV cache of the batch that runs, on one chip."""
    s, each = Sheet(one), float(one.run.memory.kv_per_sequence[one.d])
    of_one = s.figure("kv_per_sequence", each, "B", "memory.kv_per_sequence_bytes")
    formula = f"{of_one} * {s.figure('batch', one.batch, '', 'memory.batch')}"
    return s.explanation(key, "KV cache on one chip", each * one.batch, "B", formula, "sequences that run at once")


def capacity(one: OneDesign, key: str) -> Explanation:
    """memory.capacity_bytes: of the memory that holds what crossbars and pinned SRAM don't."""
    s, machine = Sheet(one), one.run.machine
    pool = machine.dram or machine.sram
    assert pool is not None
    terms = []
    for i, block in enumerate(pool.parameters.index):
        if pool.each_capacity_bytes[one.d, i] <= 0:
            continue
        if machine.dram is None:
            terms.append(s.field(int(block), "capacity_bytes"))
            continue
        name = part_of(s, int(block)).technology
        usual = dram_technology(name).capacity_bytes
        each = s.own_or(int(block), "capacity_bytes", "capacity_each", usual, "B", f"dram.{name}")
        terms.append(f"{s.field(int(block), 'channels')} * {each}")
    label = f"Capacity of {'DRAM' if machine.dram is not None else 'SRAM'}"
    return s.explanation(key, label, one.run.memory.capacity[one.d], "B", total(terms), "sum over the memories")


def _deciding(one: OneDesign) -> Memory:
    """The memory figures at the batch asked for, which decide how many sequences run."""
    scenario = one.run.scenario
    if one.batch == scenario.batch:
        return one.run.memory
    chip = one.run.machine.chip
    alone = lower([one.design], chip.shape)
    return run(alone, (scenario,), one.run.llm, (float(scenario.batch),)).memory


def batch(one: OneDesign, key: str) -> Explanation:
    """memory.batch: sequences that run at once; the others wait in waves."""
    s, found = Sheet(one), _deciding(one)
    d = one.d if found is one.run.memory else 0
    asked = s.scenario("batch", "batch_asked")
    label, each = "Sequences that run at once", float(found.kv_per_sequence[d])
    if (found.kv_on_chip[d] and one.run.machine.dram is not None) or each <= 0:
        return s.explanation(key, label, one.batch, "", asked, "the whole KV cache fits beside the units")
    names = [s.figure("weights", float(found.weights[d]), "B", "memory.weights_bytes")]
    places = [("in_crossbars", found.in_crossbars)]
    if one.run.machine.dram is not None:
        places.append(("in_sram", found.in_sram))
    for name, held in places:
        if held[d] > 0:
            names.append(s.counted(name, np.array(held[d]), "B", f"weights placed {name.replace('_', ' ')}"))
    left = f"max(0, {' - '.join(names)})" if len(names) > 1 else names[0]
    room = s.figure("capacity", float(found.capacity[d]), "B", "memory.capacity_bytes")
    usable = s.modelled("usable_share", USABLE, "", "part of the memory that weights and KV cache may fill")
    one_kv = s.figure("kv_per_sequence", each, "B", "memory.kv_per_sequence_bytes")
    formula = f"min({asked}, floor(({usable} * {room} - {left}) / {one_kv}))"
    return s.explanation(key, label, one.batch, "", formula, "whole sequences whose KV cache fits beside the weights")
