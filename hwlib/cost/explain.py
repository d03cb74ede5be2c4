"""Where a figure comes from: the key of every figure that a report explains, and the headline figures' formulas."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from hwlib.cost import (
    explain_area,
    explain_calibrated,
    explain_die,
    explain_energy,
    explain_memory,
    explain_parts,
    explain_peaks,
    explain_time,
)
from hwlib.cost.assemble import ACTIONS, PACKAGE, OneDesign, metrics
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.work import widths_needed
from hwlib.report import COMPONENTS, PHASES, RESOURCES, Explanation

Explain = Callable[[OneDesign, str], Explanation]


def _term(s: Sheet, name: str) -> str:
    """Another headline figure as an input."""
    unit = UNITS[name]
    return s.figure(name, float(getattr(metrics(s.one), name)), unit, name)


def _batch(s: Sheet) -> str:
    return s.figure("batch", s.one.batch, "", "memory.batch")


def _phase_time(s: Sheet, phase: int) -> str:
    """The operators of a pass, one after the other."""
    one, names = s.one, []
    for index, (f, name) in enumerate(one.program.rows):
        if f == phase:
            cols = explain_time.columns(one, index)
            value = float(one.passes[cols] @ one.run.tau[one.d, cols])
            names.append(s.figure(name, value, "s", f"time.{PHASES[phase]}.{name}"))
    return total(names)


def _ttft(s: Sheet) -> str:
    if s.one.run.scenario.pipeline_parallel == 1:
        return _phase_time(s, 0)
    deep = s.stages()
    return f"({_phase_time(s, 0)}) * ({deep} + {s.micro_batches()} - 1) / {deep}"


def _end(s: Sheet) -> str:
    return f"{_term(s, 'ttft_s')} + ({s.scenario('output')} - 1) * {_term(s, 'tpot_s')}"


def _tpot(s: Sheet) -> str:
    if s.one.run.scenario.pipeline_parallel == 1:
        return _phase_time(s, 1)
    return f"({_phase_time(s, 1)}) * max(1, {s.micro_batches()} / {s.stages()})"


def _rate(s: Sheet) -> str:
    return f"{_batch(s)} / {_term(s, 'tpot_s')}"


def _e2e(s: Sheet) -> str:
    asked = s.scenario("batch", "batch_asked")
    waves = f"ceil({asked} / {_batch(s)})"
    return f"{asked} * {s.scenario('output')} / ({waves} * {_term(s, 'end_s')})"


def _energy(s: Sheet) -> str:
    one = s.one
    tokens = one.batch * one.run.scenario.output
    values = (one.run.pass_energy[:, one.d] * one.runs[:, None]).sum(0) / tokens
    static = float(one.run.static_W[one.d]) * one.run.scenario.chips * float(one.run.end_s[one.d]) / tokens
    names = []
    for component, value in zip(COMPONENTS, [*values[:-1].tolist(), static], strict=True):
        if value > 0:
            names.append(s.figure(f"energy_{component}", value, "J/token", f"energy.{component}"))
    return total(names)


def _decode_energy(s: Sheet) -> str:
    step = explain_energy.energy_of_step(s, 1)
    return f"({step} + {explain_energy.static_of_all(s)} * {_term(s, 'tpot_s')}) / {_batch(s)}"


def _power(s: Sheet) -> str:
    joules = f"{_term(s, 'energy_per_token_J')} * {_batch(s)} * {s.scenario('output')}"
    return f"{joules} / {_term(s, 'end_s')}"


def _phase_power(phase: int, time: str) -> Callable[[Sheet], str]:
    def formula(s: Sheet) -> str:
        return f"{explain_energy.energy_of_step(s, phase)} / {_term(s, time)} + {explain_energy.static_of_all(s)}"

    return formula


HEADLINE: dict[str, tuple[str, str, Callable[[Sheet], str], str]] = {
    "ttft_s": ("Time to first token", "s", _ttft, "the prefill, operator after operator"),
    "tpot_s": ("Time per output token", "s", _tpot, "a mean decode step, operator after operator"),
    "end_s": ("Time until the last token", "s", _end, "the prefill yields the first token, each step one more"),
    "tokens_per_s": ("Tokens per second in decode", "tokens/s", _rate, "batch over TPOT"),
    "e2e_tokens_per_s": ("Tokens per second, end to end", "tokens/s", _e2e, "all tokens over the time of all waves"),
    "energy_per_token_J": ("Energy per token", "J/token", _energy, "sum over the components"),
    "decode_energy_per_token_J": ("Energy per token, decode alone", "J/token", _decode_energy, "a mean decode step"),
    "power_W": ("Mean power", "W", _power, "all energy over all time"),
    "power_prefill_W": ("Power in the prefill", "W", _phase_power(0, "ttft_s"), "energy over time, and static"),
    "power_decode_W": ("Power in decode", "W", _phase_power(1, "tpot_s"), "dynamic energy over time, and static"),
}  # fmt: skip
UNITS = {key: row[1] for key, row in HEADLINE.items()}


def _headline(one: OneDesign, key: str) -> Explanation:
    label, unit, formula, source = HEADLINE[key]
    s, value = Sheet(one), getattr(metrics(one), key)
    found = s.explanation(key, label, value, unit, formula(s), source)
    if unit not in ("J/token", "W"):
        return found
    return Explanation(key, label, found.value, unit, found.formula, found.inputs, found.source, ACTIONS, PACKAGE)


# Keys -------------------------------------------------------------------------------------------------------------


def figure_keys(one: OneDesign) -> tuple[str, ...]:
    """Every key that the explainer answers."""
    blocks = [b.id for b in one.design.blocks]
    return (
        *HEADLINE,
        "area_m2",
        *(["wires.area_m2"] if one.links else []),
        "static_W",
        *explain_die.KEYS,
        *_energy_keys(one),
        *_time_keys(one),
        *[f"area.{i}" for i in blocks],
        *[f"leakage.{i}" for i in blocks],
        *MEMORY,
        *_machine_keys(one),
        *_action_keys(one),
        *explain_parts.part_keys(one),
    )


def _action_keys(one: OneDesign) -> list[str]:
    """Energies of actions that cost something."""
    actions = zip(explain_energy.action_keys(one), one.run.found, strict=True)
    return [key for key, action in actions if action.energy_J[one.d] > 0]


def _energy_keys(one: OneDesign) -> list[str]:
    used = one.run.pass_energy[:, one.d].sum(0) > 0
    keys = [f"energy.{c}" for c, spent in zip(COMPONENTS[:-1], used[:-1].tolist(), strict=True) if spent]
    if one.run.static_W[one.d] > 0:
        keys.append("energy.static")
    return keys + [f"energy.{PHASES[f]}.{name}" for f, name in one.program.rows]


def _time_keys(one: OneDesign) -> tuple[str, ...]:
    """Times of operators and of the resources that they wait for, and the walls of each phase."""
    busy = (one.run.times[one.d] > 0) & (one.passes > 0)[:, None]
    member = one.program.row == np.arange(len(one.program.rows))[:, None]
    waits = member.astype(float) @ busy > 0
    return _time_names(one.program.rows, waits.tobytes())


@lru_cache(maxsize=64)
def _time_names(rows: tuple[tuple[int, str], ...], waits: bytes) -> tuple[str, ...]:
    """The keys of operator rows that wait [rows, resources]; most edits change numbers and not these."""
    table: list[list[bool]] = np.frombuffer(waits, dtype=bool).reshape(len(rows), -1).tolist()
    keys, walls = [], [[False] * len(RESOURCES) for _ in PHASES]
    for (f, name), used in zip(rows, table, strict=True):
        stem = f"time.{PHASES[f]}.{name}"
        keys += [stem, *_by_resource(stem, used)]
        walls[f] = [a or b for a, b in zip(walls[f], used, strict=True)]
    for phase, used in zip(PHASES, walls, strict=True):
        keys += _by_resource(f"without_wall.{phase}", used) if sum(used) > 1 else []
    return tuple(keys)


def _by_resource(stem: str, used: list[bool]) -> list[str]:
    return [f"{stem}.{r}" for r, waited in zip(RESOURCES, used, strict=True) if waited]


def _machine_keys(one: OneDesign) -> list[str]:
    """Peaks, links, networks, ports and routes."""
    machine, design = one.run.machine, one.design
    keys = [explain_time.peak_key(one, width) for width in machine.matrix]
    for width, units in machine.matrix.items():
        if len(units.parameters) > 1:
            working = units.parameters.index[units.split[one.d] > 0]
            keys += [f"share.{width}bit.{design.blocks[int(b)].id}" for b in working]
    keys += ["peak.vector", "peak.special"] if machine.vector is not None else []
    keys += ["peak.sram"] if machine.sram is not None else []
    keys += ["peak.dram", "dram.latency_s"] if machine.dram is not None else []
    keys += [f"link.{link.id}.bandwidth_Bps" for link in one.links]
    networks = machine.chip.kinds.get("noc")
    keys += [f"network.{design.blocks[int(b)].id}.bandwidth_Bps" for b in ([] if networks is None else networks.index)]
    keys += ["port.bandwidth_Bps", "port.latency_s"] if machine.port_Bps[one.d] > 0 else []
    streams = zip(machine.streams.names, machine.streams.exists.tolist(), strict=True)
    return keys + [f"route.{name}.latency_s" for name, exists in streams if exists]


MEMORY: dict[str, Explain] = {
    "memory.weights_bytes": explain_memory.weights,
    "memory.kv_bytes": explain_memory.kv,
    "memory.kv_per_sequence_bytes": explain_memory.kv_of_one,
    "memory.capacity_bytes": explain_memory.capacity,
    "memory.batch": explain_memory.batch,
}


# Answers ----------------------------------------------------------------------------------------------------------

WHOLE: dict[str, Explain] = {
    **dict.fromkeys(HEADLINE, _headline),
    **dict.fromkeys(("area_m2", "static_W"), explain_area.sum_over_blocks),
    "wires.area_m2": explain_area.wires_area,
    **dict.fromkeys(explain_die.KEYS, explain_die.die),
    **dict.fromkeys(("peak.vector", "peak.special"), explain_peaks.peak_vector),
    **dict.fromkeys(("peak.sram", "peak.dram"), explain_peaks.peak_memory),
    **dict.fromkeys(("port.bandwidth_Bps", "port.latency_s"), explain_peaks.port),
    "dram.latency_s": explain_peaks.dram_latency,
    **MEMORY,
}
"""Explanations of keys as a whole."""

FAMILIES: dict[tuple[str, int], Explain] = {
    ("energy", 2): explain_energy.component_energy,
    ("energy", 3): explain_energy.operator_energy,
    ("time", 3): explain_time.operator_time,
    ("time", 4): explain_time.resource_time,
    ("without_wall", 3): explain_time.without_wall,
}
"""Explanations by the key's first word and its number of words."""

NAMED: dict[str, Explain] = {
    "area": explain_area.area,
    "leakage": explain_area.leakage,
    "block": explain_parts.part,
    "action": explain_energy.action_energy,
    "share": explain_peaks.share,
    "link": explain_peaks.link_bandwidth,
    "network": explain_peaks.peak_network,
    "route": explain_peaks.route_latency,
}
"""Explanations by the key's first word, where an id with dots of its own may follow."""


def explain(one: OneDesign, key: str) -> Explanation:
    """The explanation of a figure. Raises KeyError for an unknown key."""
    words = key.split(".")
    if (told := explain_calibrated.explain(one, key)) is not None:
        return told
    if key in WHOLE:
        return WHOLE[key](one, key)
    if key.startswith("peak.compute"):
        gemm = widths_needed(one.run.scenario)[0]
        return explain_peaks.peak_compute(one, key, int(words[2].removesuffix("bit")) if len(words) > 2 else gemm)
    family = NAMED.get(words[0]) or FAMILIES.get((words[0], len(words)))
    if family is None:
        raise KeyError(key)
    return family(one, key)


def explainer(one: OneDesign) -> Callable[[str], Explanation]:
    """A function from figure key to explanation, computed only when asked."""
    return lambda key: explain(one, key)


__all__ = ["explainer", "figure_keys"]
