"""Where the times of pipelined layers come from: what runs apart, the first item's way, what others wait for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.assemble import OneDesign
from hwlib.cost.explain_inputs import Sheet, total
from hwlib.cost.explain_shapes import Columns, columns, operators, row_index
from hwlib.cost.overlap import combine
from hwlib.cost.pipeline import OUTSIDE, SHARED, Flow
from hwlib.cost.pipeline_figures import busiest, scale_of
from hwlib.cost.work import COMPUTE, OVERHEAD, VECTOR_T
from hwlib.mapping.program import MATRIX, VECTOR
from hwlib.report import LABELS, PHASES, RESOURCES, Explanation
from hwlib.workload.operators import micro_batches

Array = NDArray[np.float64]
FIELDS = ("items", "layers", "stretches", "apart_s", "fill_s", "interval_s", "pass_s", "bubbles")
UNITS = {COMPUTE: MATRIX, VECTOR_T: VECTOR}
NOTHING_FREE = -1


def keys(one: OneDesign) -> list[str]:
    """The keys of a chip whose layers are pipelined."""
    if one.run.flow is None:
        return []
    rows = [f"operator.{stem}.passing_s" for stem, _ in operators(one)]
    return [*rows, *(f"pipeline.{phase}.{field}" for phase in PHASES for field in FIELDS)]


def flow_of(one: OneDesign) -> Flow:
    """The flow of a chip whose layers are pipelined. Raises KeyError for another."""
    if one.run.flow is None:
        raise KeyError("the layers of this chip are not pipelined")
    return one.run.flow


class _Terms:
    """Writes the parts of a pass as formulas over the columns of operators; `free`: a resource that takes no time."""

    def __init__(self, s: Sheet, phase: int, free: int = NOTHING_FREE) -> None:
        self.s, self.one, self.phase, self.free = s, s.one, phase, free
        self.flow, self.d = flow_of(s.one), s.one.d
        self.rows = [(n, c) for n, c in operators(s.one) if n.startswith(f"{PHASES[phase]}.")]
        self.times = s.one.run.times[self.d].copy()
        if free >= 0:
            self.times[:, free] = 0.0
        serial = np.broadcast_to(s.one.serial, s.one.run.tau.shape)[self.d]
        self.tau = s.one.run.tau[self.d]
        if free >= 0:
            self.tau = combine(self.times[None], s.one.run.machine.p_norm[[self.d]], serial[None])[0]

    def _add(self, name: str, values: Array, unit: str, source: str, key: str = "") -> str:
        return self.s.add(name, tuple(values.tolist()), unit, source, key=key)

    def time(self, stem: str, cols: Columns) -> str:
        """Seconds of an instance in each column, less its overhead."""
        waits = self.free >= 0 and (self.one.run.times[self.d, cols, self.free] > 0).any()
        key = f"operator.{stem}.without.{RESOURCES[self.free]}" if waits else f"time.{stem}"
        source = f"figure {key}, of one instance in each column"
        return self._add(f"{_word(stem)}_s", self.tau[cols], "s", source, key)

    def resource(self, stem: str, cols: Columns, resource: int) -> str:
        key = f"time.{stem}.{RESOURCES[resource]}"
        source = f"figure {key}, of one instance in each column"
        return self._add(f"{_word(stem)}_{RESOURCES[resource]}_s", self.times[cols, resource], "s", source, key)

    def work(self, stem: str, cols: Columns) -> str:
        """Time less overhead."""
        time = self.time(stem, cols)
        return f"({time} - {self.resource(stem, cols, OVERHEAD)})" if self.times[cols, OVERHEAD].any() else time

    def count(self, what: str, values: Array, stem: str, cols: Columns) -> str:
        source = f"placement: instances of {_word(stem)} that {'run apart' if what == 'apart' else 'flow'}"
        return self._add(f"{_word(stem)}_{what}", values[self.d, cols], "", source)

    def turns(self, stem: str, cols: Columns) -> str:
        items = f"pipeline.{PHASES[self.phase]}.items"
        source = f"of figure {items}, those that its unit takes one after the other"
        return self._add(f"{_word(stem)}_turns", self.flow.turns[self.d, cols], "", source, items)

    def apart(self, stem: str, cols: Columns) -> str:
        if not self.flow.apart[self.d, cols].any():
            return ""
        return f"dot({self.count('apart', self.flow.apart, stem, cols)}, {self.time(stem, cols)})"

    def fill(self, stem: str, cols: Columns) -> str:
        if not self.flow.flowing[self.d, cols].any():
            return ""
        over = f"{self.resource(stem, cols, OVERHEAD)} + " if self.times[cols, OVERHEAD].any() else ""
        each = f"{over}{self.work(stem, cols)} / {self.turns(stem, cols)}"
        return f"dot({self.count('flowing', self.flow.flowing, stem, cols)}, {each})"

    def _later(self, count: str, stem: str, cols: Columns, held: str) -> str:
        return f"dot({count} * (1 - 1 / {self.turns(stem, cols)}), {held})"

    def shared(self, resource: int, every: bool = False) -> str:
        """Seconds that the items after the first (or `every` item) hold a resource that all layers share."""
        terms = []
        for stem, cols in self.rows:
            own = self.one.program.unit[cols] == UNITS.get(resource, -1)
            for part, mine in ((cols[own], True), (cols[~own], False)):
                flows = self.flow.flowing[self.d, part] * (self.flow.turns[self.d, part] > 1)
                counts = self.one.passes[part] if every else flows
                held = self.tau[part] - self.times[part, OVERHEAD] if mine else self.times[part, resource]
                if not (counts * held).any():
                    continue
                word = self.work(stem, part) if mine else self.resource(stem, part, resource)
                if every:
                    source = f"placement: instances of {_word(stem)}"
                    count = self._add(f"{_word(stem)}_count", self.one.passes[part], "", source)
                    terms.append(f"dot({count}, {word})")
                else:
                    terms.append(self._later(self.count("flowing", self.flow.flowing, stem, part), stem, part, word))
        return total(terms) if terms else ""

    def stage(self, index: int, every: bool = False) -> str:
        """Seconds that the items after the first (or `every` item) hold the arrays of a stage."""
        member, terms = self.flow.stages[index] > 0, []
        for stem, cols in self.rows:
            part = cols[member[cols] & (self.flow.part[self.d, cols] > 0)]
            if not len(part) or not (every or (self.flow.turns[self.d, part] > 1).any()):
                continue
            source = f"decode sum: part of a mean instance of {_word(stem)} that each column stands for"
            share = self._add(f"{_word(stem)}_part", self.flow.part[self.d, part], "", source)
            work = self.work(stem, part)
            terms.append(f"dot({share}, {work})" if every else self._later(share, stem, part, work))
        often = float(self.flow.often[self.d, index])
        if not terms or (often == 0.0 and not every):
            return ""
        if every:
            return total(terms)
        stretches = self.s.add("stretches", often, "", "counted: stretches of layers that the flow is cut into")
        return f"{stretches} * ({total(terms)})"

    def interval(self) -> str:
        """The longest that the other items hold a resource; nothing where there are none."""
        stages = [self.stage(j) for j in np.flatnonzero(self.flow.stage_phase[self.phase]).tolist()]
        found = [t for t in (*(self.shared(r) for r in SHARED if r != self.free), *stages) if t]
        return f"max({', '.join(found)})" if len(found) > 1 else "".join(found)

    def whole(self) -> str:
        """A pass."""
        parts = [t for stem, cols in self.rows for t in (self.apart(stem, cols), self.fill(stem, cols)) if t]
        return total([*parts, *([w] if (w := self.interval()) else [])])


def _word(stem: str) -> str:
    return stem.partition(".")[2]


def pass_s(s: Sheet, phase: int) -> str:
    """A pass as an input."""
    value = float(s.one.run.pass_time[phase, s.one.d])
    return s.figure("pass_s", value, "s", f"pipeline.{PHASES[phase]}.pass_s")


def passing(one: OneDesign, key: str) -> Explanation:
    """operator.<phase>.<operator>.passing_s: apart, and on the first item's way."""
    _, phase, name, _ = key.split(".")
    s, cols = Sheet(one), columns(one, row_index(one, phase, name))
    terms, stem = _Terms(s, PHASES.index(phase)), f"{phase}.{name}"
    parts = [t for t in (terms.apart(stem, cols), terms.fill(stem, cols)) if t]
    label = f"{name} in {phase}: its own time in the pass"
    source = "layers that can't flow, one operator at a time; of those that flow, the first item's way"
    return s.explanation(key, label, passing_s(one, cols), "s", total(parts), source)


def passing_s(one: OneDesign, cols: Columns) -> float:
    """Seconds of an operator's pass before the later items wait."""
    flow, d = flow_of(one), one.d
    tau, over = one.run.tau[d, cols], one.run.times[d, cols, OVERHEAD]
    fill = flow.flowing[d, cols] @ (over + (tau - over) / flow.turns[d, cols])
    return float(flow.apart[d, cols] @ tau + fill)


def _parts(one: OneDesign, phase: int) -> tuple[float, float, float]:
    """Seconds apart, of the fill and of the wait."""
    flow, times, tau = flow_of(one), one.run.times, one.run.tau
    found = flow.apart_s(tau), flow.fill_s(times, tau), flow.waits_s(times, tau).max(axis=2)
    apart, fill, wait = (float(v[phase, one.d]) for v in found)
    return apart, fill, wait


SOURCE = "layers whose weights all are in crossbars work at the same time (PipeLayer, HPCA 2017; ISAAC, ISCA 2016)"


def pipeline(one: OneDesign, key: str) -> Explanation:
    """pipeline.<phase>.<field>: as PipelineFigure, and the time of a pass."""
    _, word, field = key.split(".")
    phase, s = PHASES.index(word), Sheet(one)
    if field not in FIELDS:
        raise KeyError(key)
    terms, parts = _Terms(s, phase), _parts(one, phase)
    stem = f"pipeline.{word}"
    if field == "items":
        return _items(s, key, phase)
    if field == "layers":
        return _layers(s, key)
    if field == "stretches":
        return _stretches(s, key, phase)
    if field == "bubbles":
        return _bubbles(s, key, phase)
    if field == "pass_s":
        names = [
            s.figure(n, v, "s", f"{stem}.{n}") for n, v in zip(("apart_s", "fill_s", "interval_s"), parts, strict=True)
        ]
        return s.explanation(key, f"One pass in {word}, layers pipelined", sum(parts), "s", total(names), SOURCE)
    if field == "interval_s":
        label = f"What the items after the first wait for, {word}"
        return s.explanation(key, label, parts[2], "s", terms.interval() or "0", SOURCE)
    which = ("apart_s", "fill_s").index(field)
    found = [t for n, c in terms.rows if (t := (terms.apart, terms.fill)[which](n, c))]
    label = ("Operators that run one at a time", "The first item's way through the layers")[which]
    return s.explanation(key, f"{label}, {word}", parts[which], "s", total(found), SOURCE)


def _items(s: Sheet, key: str, phase: int) -> Explanation:
    one, flow = s.one, flow_of(s.one)
    value, sequences = float(flow.items[phase, one.d]), one.batch / micro_batches(one.run.scenario, one.batch)
    batch = s.figure("batch", one.batch, "", "memory.batch")
    formula = f"max(1, {batch} / {s.micro_batches()})"
    tokens = phase == 0 and value > sequences * (1.0 + 1e-9)
    formula = f"{formula} * {s.scenario('prompt')}" if tokens else formula
    source = f"{'tokens' if tokens else 'sequences'} of one part of the batch"
    return s.explanation(key, f"Items that follow each other in {PHASES[phase]}", value, "", formula, source)


def _layers(s: Sheet, key: str) -> Explanation:
    one = s.one
    placed = one.run.placed[one.d]
    inside = [w for w, name in enumerate(one.program.weights) if name not in OUTSIDE]
    there = s.add(
        "in_crossbars", tuple(placed[inside, 2:].sum(axis=1).tolist()), "", "placement: instances in crossbars"
    )
    every = s.add("instances", tuple(placed[inside].sum(axis=1).tolist()), "", "placement: instances of each matrix")
    layers = s.llm("layers", one.run.llm.layers)
    value = float(flow_of(one).layers[one.d])
    source = "as many as have all their weights in crossbars"
    return s.explanation(key, "Layers that flow", value, "", f"floor(min({there} / {every}) * {layers} + 1e-9)", source)


def _stretches(s: Sheet, key: str, phase: int) -> Explanation:
    value = float(flow_of(s.one).barriers[phase, s.one.d])
    layers = s.figure("layers", float(flow_of(s.one).layers[s.one.d]), "", f"pipeline.{PHASES[phase]}.layers")
    chips = min(s.one.run.scenario.pipeline_parallel, flow_of(s.one).layers[s.one.d])
    formula = layers if value > chips else f"min({s.scenario('pipeline_parallel')}, {layers})"
    source = "one on each chip; each layer where attention runs apart, once for all tokens"
    return s.explanation(key, f"Stretches of layers in {PHASES[phase]}", value, "", formula, source)


def _bubbles(s: Sheet, key: str, phase: int) -> Explanation:
    one, terms = s.one, _Terms(s, phase)
    which = busiest(one, phase)
    shared = which < len(SHARED)
    busy = terms.shared(SHARED[which], every=True) if shared else terms.stage(which - len(SHARED), every=True)
    parts = s.micro_batches()
    scale = f"{parts} / {s.stages()}" if shared else parts
    stay = s.figure(("ttft_s", "tpot_s")[phase], float(one.phase_s[phase]), "s", ("ttft_s", "tpot_s")[phase])
    flow = flow_of(one)
    value = 1.0 - float(flow.busy_s(one.run.times, one.run.tau)[phase, one.d, which]) * scale_of(one, shared) / float(
        one.phase_s[phase]
    )
    formula = f"1 - ({busy}) * {scale} / {stay}" if scale != "1" else f"1 - ({busy}) / {stay}"
    label = f"Share of {PHASES[phase]} that the busiest resource waits"
    return s.explanation(key, label, value, "", formula, "time that it works, over all time")


def wall(one: OneDesign, key: str) -> Explanation:
    """without_wall.<phase>.<resource> where layers are pipelined."""
    _, word, resource = key.split(".")
    phase, i, s = PHASES.index(word), RESOURCES.index(resource), Sheet(one)
    formula = f"{pass_s(s, phase)} / ({_Terms(s, phase, i).whole()})"
    label = f"{word.capitalize()} without the wall of {LABELS[resource]}"
    source = "time of a pass over its time with that resource free"
    return s.explanation(key, label, one.walls[phase, i], "×", formula, source)


def breakdown(s: Sheet, phase: int, resource: int) -> str:
    """Seconds of a pass by resource: operators' own time as it is shared, and the wait to what binds."""
    one, flow, terms = s.one, flow_of(s.one), []
    for stem, cols in operators(one):
        times = one.run.times[one.d, cols]
        if not stem.startswith(f"{PHASES[phase]}.") or not (times[:, resource] > 0).any():
            continue
        word = _word(stem)
        mine = s.figure(
            word,
            float(one.passes[cols] @ one.shares[cols, resource]),
            "s",
            f"operator.{stem}.share.{RESOURCES[resource]}",
        )
        if resource == OVERHEAD:
            terms.append(mine)
            continue
        value = float(one.passes[cols] @ one.run.tau[one.d, cols])
        time = s.figure(f"{word}_time", value, "s", f"time.{stem}")
        own = s.figure(f"{word}_passing", passing_s(one, cols), "s", f"operator.{stem}.passing_s")
        over = ""
        if times[:, OVERHEAD].any():
            seconds = float(one.passes[cols] @ times[:, OVERHEAD])
            over = f" - {s.figure(f'{word}_overhead', seconds, 's', f'time.{stem}.overhead')}"
        terms.append(f"{mine} / ({time}{over}) * ({own}{over})")
    if int(flow.bound(one.run.times, one.run.tau)[phase, one.d]) == resource and _parts(one, phase)[2] > 0:
        terms.append(s.figure("interval_s", _parts(one, phase)[2], "s", f"pipeline.{PHASES[phase]}.interval_s"))
    return total(terms)
