"""What a report says of pipelined layers, and in words how a chip with crossbars executes."""

from __future__ import annotations

from hwlib.cost.assemble import OneDesign
from hwlib.cost.pipeline import OUTSIDE, SHARED
from hwlib.cost.pipeline_items import cuts_that_fit
from hwlib.cost.work import COMPUTE, OVERHEAD, VECTOR_T
from hwlib.mapping.program import MATRIX, VECTOR
from hwlib.report import LABELS, PHASES, RESOURCES, PipelineFigure
from hwlib.units import format_quantity
from hwlib.workload.operators import stages


def scale_of(one: OneDesign, shared: bool) -> float:
    """Passes of a phase that the busiest chip's resource works for: all parts, each of shared ones on one stage."""
    parts = float(one.runs[0]) / one.run.scenario.tensor_parallel
    return parts / stages(one.run.llm, one.run.scenario) if shared else parts


def _busy(one: OneDesign) -> list[list[float]]:
    """By phase: seconds that each shared resource, and one array of each stage, works."""
    assert one.run.flow is not None
    found = one.run.flow.busy_s(one.run.times, one.run.tau)[:, one.d]
    found[:, : len(SHARED)] *= scale_of(one, True)
    found[:, len(SHARED) :] *= scale_of(one, False)
    return [list(row) for row in found.tolist()]


def busiest(one: OneDesign, phase: int) -> int:
    """Index on the last axis of `Flow.busy_s` of what works the largest part of a phase."""
    busy = _busy(one)[phase]
    return busy.index(max(busy))


def _words(one: OneDesign, which: int) -> str:
    """A shared resource, or the arrays of a stage, in words."""
    if which < len(SHARED):
        return {COMPUTE: "Compute arrays"}.get(SHARED[which], LABELS[RESOURCES[SHARED[which]]])
    flow = one.run.flow
    assert flow is not None
    first = int(flow.stages[which - len(SHARED)].argmax())
    if one.program.weight[first] < 0:
        return "Crossbars of keys and values"
    return f"Crossbars of {one.program.rows[one.program.row[first]][1]}"


def pipeline_figures(one: OneDesign) -> tuple[PipelineFigure, ...]:
    """The prefill and a decode step of a chip whose layers are pipelined; nothing for others."""
    run, flow, d = one.run, one.run.flow, one.d
    if flow is None:
        return ()
    found = (flow.apart_s(run.tau), flow.fill_s(run.times, run.tau), flow.interval_s(run.times, run.tau))
    apart, fill, waits = (seconds[:, d].tolist() for seconds in found)
    made = []
    for (f, phase), busy in zip(enumerate(PHASES), _busy(one), strict=True):
        which = busy.index(max(busy))
        made.append(
            PipelineFigure(
                phase=phase,
                items=float(flow.items[f, d]),
                item_tokens=float(flow.tokens[f, d]),
                layers=float(flow.layers[d]),
                stretches=float(flow.stretches[d]),
                buffer_bytes=float(flow.buffer_bytes[f, d]),
                apart_s=apart[f],
                fill_s=fill[f],
                interval_s=waits[f],
                busiest=_words(one, which),
                bubbles=1.0 - busy[which] / float(one.phase_s[f]),
            )
        )
    return tuple(made)


def notes(one: OneDesign, figures: tuple[PipelineFigure, ...]) -> tuple[str, ...]:
    """What the reader of a report must know: sequences that wait, and how crossbars are used."""
    scenario, found = one.run.scenario, []
    if one.batch < scenario.batch:
        found.append(
            f"Memory holds the KV cache of {one.batch:.0f} of {scenario.batch} sequences; the rest waits in waves."
        )
    if figures:
        found.append(_pipelined(one, figures[1]))
        found += _prompts(one, figures[0])
    elif (one.run.placed[one.d, :, 2:] > 0).any():
        found.append("One operator runs at a time: crossbars that hold the weights of other layers wait meanwhile.")
    return tuple(found)


def _prompts(one: OneDesign, prefill: PipelineFigure) -> list[str]:
    """How prompts flow, and what keeps them from being cut."""
    run, flow = one.run, one.run.flow
    assert flow is not None
    if prefill.layers == 0 or run.machine.kv_pool >= 0:
        return []
    if flow.cut[one.d] > 0:
        size = format_quantity(prefill.buffer_bytes, "B", binary=True)
        return [
            f"Prompts flow in {prefill.items:.0f} chunks of {prefill.item_tokens:.3g} tokens, each layer at work on "
            f"another; their queries and residuals take {size} on the chip."
        ]
    if run.program.cuts and cuts_that_fit(run)[1:, one.d].any():
        return []
    return [
        "Prompts pass the layers whole: chunks of them, one in each layer, would take more of the SRAM than it has for "
        "activations."
    ]


def _elsewhere(one: OneDesign) -> str:
    """The matrices of layers of which most live elsewhere, three at most."""
    placed = one.run.placed[one.d]
    share = placed[:, 2:].sum(axis=1) / placed.sum(axis=1).clip(min=1e-300)
    inside = [w for w, name in enumerate(one.program.weights) if name not in OUTSIDE]
    return ", ".join(one.program.weights[w] for w in sorted(inside, key=lambda w: float(share[w]))[:3] if share[w] < 1)


def _pipelined(one: OneDesign, decode: PipelineFigure) -> str:
    layers = one.run.llm.layers
    if decode.layers == 0:
        return (
            f"No layer has all its weights in crossbars ({_elsewhere(one)} elsewhere), so that none can be pipelined: "
            "one operator runs at a time. Pins keep weights in crossbars."
        )
    flow = f"{'All' if decode.layers >= layers else f'{decode.layers:.0f} of'} {layers} layers are pipelined"
    if decode.items <= 1:
        return f"{flow}, but one sequence makes one token after the other: decode gains with the batch only."
    return (
        f"{flow} over {decode.items:.0f} sequences in decode, where the busiest resource ({decode.busiest}"
        f"{_kept_waiting(one, busiest(one, 1), 1)}) is free {100.0 * decode.bubbles:.0f} % of the time."
    )


def _kept_waiting(one: OneDesign, which: int, phase: int) -> str:
    """What a unit that operators hold is mostly held for, where that isn't its own work."""
    unit = {COMPUTE: MATRIX, VECTOR_T: VECTOR}.get(SHARED[which]) if which < len(SHARED) else None
    if unit is None:
        return ""
    here = (one.program.unit == unit) & (one.program.phase == phase)
    spent = one.passes[here] @ one.run.times[one.d, here]
    spent[OVERHEAD] = 0.0
    most = int(spent.argmax())
    return "" if most == SHARED[which] else f", held while {LABELS[RESOURCES[most]]} delivers"
