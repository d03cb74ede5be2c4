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
from hwlib.cost.pipeline_items import CHUNKS, query_bytes
from hwlib.cost.work import COMPUTE, DRAM, OVERHEAD, VECTOR_T
from hwlib.mapping.program import MATRIX, NEAR, VECTOR
from hwlib.report import LABELS, PHASES, RESOURCES, Explanation
from hwlib.workload.operators import micro_batches

Array = NDArray[np.float64]
COUNTS = ("items", "item_tokens", "layers", "stretches", "buffer_bytes", "bubbles")
FIELDS = (*COUNTS, "apart_s", "fill_s", "behind_s", "interval_s", "pass_s")
SHARES = {
    "first": "share of the work that the first item's first token takes",
    "inner": "share of the work that the first item's other tokens take",
    "later": "share of the work that later items take, those beside each other",
    "delayed": "share of the instances that are on the first item's way",
}
UNITS = {COMPUTE: MATRIX, VECTOR_T: VECTOR, DRAM: NEAR}
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

    def share(self, which: str, stem: str, cols: Columns) -> str:
        """Shares of the instances' work (or delays) as an input; "1" where it is all of it."""
        values = self.shares(which)[cols]
        if (values == 1.0).all():
            return "1"
        items = f"pipeline.{PHASES[self.phase]}.items"
        source = f"{SHARES[which.rstrip('0123456789')]}, of figure {items}"
        return self._add(f"{_word(stem)}_{which}", values, "", source, items)

    def shares(self, which: str) -> Array:
        """[K] shares of the work by name; of later items those of a beat, "later0" and so on."""
        if which.startswith("later"):
            return np.asarray((self.flow.later * self.flow.beats[:, int(which.removeprefix("later"))])[self.d])
        return np.asarray(getattr(self.flow, which)[self.d])

    def flowing(self, which: str, stem: str, cols: Columns) -> str:
        count, share = self.count("flowing", self.flow.flowing, stem, cols), self.share(which, stem, cols)
        return count if share == "1" else f"{count} * {share}"

    def apart(self, stem: str, cols: Columns) -> str:
        if not self.flow.apart[self.d, cols].any():
            return ""
        return f"dot({self.count('apart', self.flow.apart, stem, cols)}, {self.time(stem, cols)})"

    def fill(self, stem: str, cols: Columns) -> str:
        """The first token's way."""
        if not self.flow.flowing[self.d, cols].any():
            return ""
        work = f"dot({self.flowing('first', stem, cols)}, {self.work(stem, cols)})"
        if not self.times[cols, OVERHEAD].any():
            return work
        return f"dot({self.flowing('delayed', stem, cols)}, {self.resource(stem, cols, OVERHEAD)}) + {work}"

    def shared(self, resource: int, which: str = "") -> str:
        """Seconds that a share of the work (all of every operator's without one) holds what all layers share."""
        terms = []
        for stem, cols in self.rows:
            own = self.one.program.unit[cols] == UNITS.get(resource, -1)
            for part, mine in ((cols[own], True), (cols[~own], False)):
                counts = self.flow.flowing[self.d, part] * self.shares(which)[part] if which else 1.0
                held = self.tau[part] - self.times[part, OVERHEAD] if mine else self.times[part, resource]
                if not (counts * held).any():
                    continue
                word = self.work(stem, part) if mine else self.resource(stem, part, resource)
                if which:
                    terms.append(f"dot({self.flowing(which, stem, part)}, {word})")
                else:
                    source = f"placement: instances of {_word(stem)}"
                    count = self._add(f"{_word(stem)}_count", self.one.passes[part], "", source)
                    terms.append(f"dot({count}, {word})")
        return total(terms) if terms else ""

    def stage(self, index: int, which: str = "") -> str:
        """Seconds that a share of the work (all of one layer's without one) holds the arrays of a stage."""
        member, terms = self.flow.stages[index] > 0, []
        for stem, cols in self.rows:
            part = cols[member[cols] & (self.flow.part[self.d, cols] > 0)]
            if not len(part) or (which and not self.shares(which)[part].any()):
                continue
            source = f"instances of {_word(stem)} in each column for one of a layer: parts of one, or chunks of prompts"
            counts = self._add(f"{_word(stem)}_part", self.flow.part[self.d, part], "", source)
            counts = f"{counts} * {self.share(which, stem, part)}" if which else counts
            terms.append(f"dot({counts}, {self.work(stem, part)})")
        if not terms or not which:
            return total(terms) if terms else ""
        later = which.startswith("later")
        times = float(self.flow.often[self.d, int(later), index])
        what = "stretches of layers" if later else "layers that flow"
        name = self.s.add("in_a_row", times, "", f"counted: {what}, each of which waits")
        return f"{name} * ({total(terms)})" if times else ""

    def longest(self, which: str) -> str:
        """The longest that the first item's other tokens, or later items, hold a resource; nothing without any."""
        stages = [self.stage(j, which) for j in np.flatnonzero(self.flow.stage_phase[self.phase]).tolist()]
        found = [t for t in (*(self.shared(r, which) for r in SHARED), *stages) if t]
        return f"max({', '.join(found)})" if len(found) > 1 else "".join(found)

    def whole(self) -> str:
        """A pass."""
        parts = [t for stem, cols in self.rows for t in (self.apart(stem, cols), self.fill(stem, cols)) if t]
        return total([*parts, *(w for w in (self.longest("inner"), *self.beats()) if w)])

    def beats(self) -> list[str]:
        """What the later items of each beat wait for; "" where there are none."""
        return [self.longest(f"later{b}") for b in range(self.flow.beats.shape[1])]


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
    fill = flow.flowing[d, cols] @ (flow.delayed[d, cols] * over + flow.first[d, cols] * (tau - over))
    return float(flow.apart[d, cols] @ tau + fill)


def _parts(one: OneDesign, phase: int) -> dict[str, float]:
    """Seconds apart, of the fill, of what in it is behind the first token, and of the wait."""
    flow, times, tau = flow_of(one), one.run.times, one.run.tau
    found = {
        "apart_s": flow.apart_s(tau),
        "fill_s": flow.fill_s(times, tau),
        "behind_s": flow.behind_s(times, tau),
        "interval_s": flow.interval_s(times, tau),
    }
    return {name: float(v[phase, one.d]) for name, v in found.items()}


SOURCE = "layers whose weights all are in crossbars work at the same time (PipeLayer, HPCA 2017; ISAAC, ISCA 2016)"


def pipeline(one: OneDesign, key: str) -> Explanation:
    """pipeline.<phase>.<field>: as PipelineFigure, the time of a pass, and that of the tokens behind the first."""
    _, word, field = key.split(".")
    if field not in FIELDS:
        raise KeyError(key)
    s, phase = Sheet(one), PHASES.index(word)
    if field in COUNTS:
        return _COUNTED[field](s, key, phase)
    return _seconds(s, key, phase, field)


def _seconds(s: Sheet, key: str, phase: int, field: str) -> Explanation:
    terms, parts, word = _Terms(s, phase), _parts(s.one, phase), PHASES[phase]
    labels = {
        "apart_s": "Operators that run one at a time",
        "fill_s": "The first item's way through the layers",
        "behind_s": "The first item's other tokens, behind its first in every layer",
        "interval_s": "What the items after the first wait for",
        "pass_s": "One pass, layers pipelined",
    }
    label = f"{labels[field]}, {word}"
    if field == "pass_s":
        names = [s.figure(n, parts[n], "s", f"pipeline.{word}.{n}") for n in ("apart_s", "fill_s", "interval_s")]
        value = sum(parts[n] for n in ("apart_s", "fill_s", "interval_s"))
        return s.explanation(key, label, value, "s", total(names), SOURCE)
    if field in ("behind_s", "interval_s"):
        waits = [terms.longest("inner")] if field == "behind_s" else [t for t in terms.beats() if t]
        formula = total(waits) if any(waits) else "0"
        return s.explanation(key, label, parts[field], "s", formula, SOURCE)
    which = terms.apart if field == "apart_s" else terms.fill
    found = [t for n, c in terms.rows if (t := which(n, c))]
    if field == "fill_s" and parts["behind_s"] > 0:
        found.append(s.figure("behind_s", parts["behind_s"], "s", f"pipeline.{word}.behind_s"))
    return s.explanation(key, label, parts[field], "s", total(found), SOURCE)


def _sequences(s: Sheet) -> str:
    return f"max(1, {s.figure('batch', s.one.batch, '', 'memory.batch')} / {s.micro_batches()})"


def _items(s: Sheet, key: str, phase: int) -> Explanation:
    one, flow = s.one, flow_of(s.one)
    value, formula, source = float(flow.items[phase, one.d]), _sequences(s), "sequences of one part of the batch"
    if phase == 0 and one.run.machine.kv_pool >= 0:
        formula, source = f"{formula} * {s.scenario('prompt')}", "tokens of one part of the batch"
    elif phase == 0 and flow.cut[one.d] > 0:
        sequences = max(1.0, one.batch / micro_batches(one.run.scenario, one.batch))
        numbers = ", ".join(map(str, (1, *CHUNKS)))
        what = f"chosen: of {numbers} (no more than tokens) the fastest whose items fit on chip"
        formula = f"{formula} * {s.add('chunks', value / sequences, '', what)}"
        source = "chunks of the prompts of one part of the batch"
    return s.explanation(key, f"Items that follow each other in {PHASES[phase]}", value, "", formula, source)


def _tokens(s: Sheet, key: str, phase: int) -> Explanation:
    one, flow, word = s.one, flow_of(s.one), PHASES[phase]
    value, formula = float(flow.tokens[phase, one.d]), "1"
    if phase == 0:
        items = s.figure("items", float(flow.items[0, one.d]), "", f"pipeline.{word}.items")
        formula = f"{_sequences(s)} * {s.scenario('prompt')} / {items}"
    return s.explanation(key, f"Tokens of an item in {word}", value, "tokens", formula, "all tokens over all items")


def _buffers(s: Sheet, key: str, phase: int) -> Explanation:
    one, flow, word = s.one, flow_of(s.one), PHASES[phase]
    values = {n: float(v[phase, one.d]) for n, v in (("items", flow.items), ("item_tokens", flow.tokens))}
    names = [s.figure(n, v, "", f"pipeline.{word}.{n}") for n, v in values.items()]
    layers = s.figure("layers", float(flow.layers[one.d]), "", f"pipeline.{word}.layers")
    queries = s.add("query_bytes", query_bytes(one.program), "B", "counted: a token's queries, as attention reads them")
    wide = f"{s.llm('hidden', one.run.llm.hidden)} * max({s.scenario('activation_bits')}, 16) / 8"
    formula = f"min({layers}, {names[0]}) * {names[1]} * ({queries} + {wide})"
    value, source = float(flow.buffer_bytes[phase, one.d]), "each layer keeps the queries and the residual of one item"
    return s.explanation(key, f"Items on their way through the layers, {word}", value, "B", formula, source)


def _layers(s: Sheet, key: str, phase: int) -> Explanation:
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
    flow, d = flow_of(s.one), s.one.d
    layers = s.figure("layers", float(flow.layers[d]), "", f"pipeline.{PHASES[phase]}.layers")
    formula, source = f"min({s.scenario('pipeline_parallel')}, {layers})", "one on each chip"
    return s.explanation(key, f"Stretches of layers in {PHASES[phase]}", float(flow.stretches[d]), "", formula, source)


def _bubbles(s: Sheet, key: str, phase: int) -> Explanation:
    one, terms = s.one, _Terms(s, phase)
    which = busiest(one, phase)
    shared = which < len(SHARED)
    busy = terms.shared(SHARED[which]) if shared else terms.stage(which - len(SHARED))
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


_COUNTED = {
    "items": _items,
    "item_tokens": _tokens,
    "layers": _layers,
    "stretches": _stretches,
    "buffer_bytes": _buffers,
    "bubbles": _bubbles,
}


def _delays(terms: _Terms, stem: str, cols: Columns) -> str:
    """Seconds of overhead that a pass waits for; nothing where there are none."""
    if not terms.times[cols, OVERHEAD].any():
        return ""
    flow, d = terms.flow, terms.d
    counts = flow.apart[d, cols] + flow.flowing[d, cols] * flow.delayed[d, cols]
    source = f"placement: instances of {_word(stem)} that run apart, or are on the first item's way"
    name = terms.s.add(f"{_word(stem)}_delays", tuple(counts.tolist()), "", source)
    return f"dot({name}, {terms.resource(stem, cols, OVERHEAD)})"


def breakdown(s: Sheet, phase: int, resource: int) -> str:
    """Seconds of a pass by resource: operators' own time as it is shared, and the waiting to what binds."""
    one, terms = s.one, list[str]()
    parts = _Terms(s, phase)
    for stem, cols in parts.rows:
        times = one.run.times[one.d, cols]
        if not (times[:, resource] > 0).any():
            continue
        delays = _delays(parts, stem, cols)
        if resource == OVERHEAD:
            terms.append(delays)
            continue
        word, key = _word(stem), f"operator.{stem}.share.{RESOURCES[resource]}"
        mine = s.figure(word, float(one.passes[cols] @ one.shares[cols, resource]), "s", key)
        time = s.figure(f"{word}_time", float(one.passes[cols] @ one.run.tau[one.d, cols]), "s", f"time.{stem}")
        own = s.figure(f"{word}_passing", passing_s(one, cols), "s", f"operator.{stem}.passing_s")
        if delays:
            seconds = float(one.passes[cols] @ times[:, OVERHEAD])
            time = f"({time} - {s.figure(f'{word}_overhead', seconds, 's', f'time.{stem}.overhead')})"
            own = f"({own} - {delays})"
        terms.append(f"{mine} / {time} * {own}")
    return total(terms + _waited(parts, resource))


def _waited(terms: _Terms, resource: int) -> list[str]:
    """What items wait for one resource: all of it as a figure, or single beats."""
    one, phase, found = terms.one, terms.phase, list[str]()
    longest, bound = (a[phase, one.d] for a in terms.flow.waited_for(one.run.times, one.run.tau))
    for name, portions in (("behind_s", slice(0, 1)), ("interval_s", slice(1, None))):
        seconds = longest[portions]
        mine = np.flatnonzero((bound[portions] == resource) & (seconds > 0)).tolist()
        if mine and len(mine) == np.count_nonzero(seconds):
            found.append(terms.s.figure(name, float(seconds.sum()), "s", f"pipeline.{PHASES[phase]}.{name}"))
        else:
            found += [terms.longest(f"later{beat}") for beat in mine]
    return found
