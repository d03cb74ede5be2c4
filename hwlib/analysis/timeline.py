"""One decode step or the prefill as a Gantt chart: which block, memory and link is busy with which operator, when."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwlib.analysis.lanes import Lane, Lanes, lanes_of
from hwlib.analysis.layer_kinds import LayerKind, layer_kinds, parts_of
from hwlib.analysis.overlapped import apart, figure_of, stays
from hwlib.report import OperatorRow, Phase, PipelineFigure, Report
from hwlib.workload.operators import micro_batches

__all__ = ["Bar", "Section", "Timeline", "timeline"]


@dataclass(frozen=True)
class Bar:
    """A lane at work from `start_s` to `end_s` on an operator, or on a group of them (then `operator` is "").

    `operator` is the key of its row, "decode.qkv"; `resource` what that row waits for most, of a group what the whole
    group does. `layer` counts from 0; None outside the layers and for groups. `busy_s` is how much of the bar's span
    the lane works, less than the span only for groups, which stand for many operators with pauses between.
    """

    lane: str
    lane_label: str
    operator: str
    label: str
    start_s: float
    end_s: float
    resource: str
    layer: int | None
    busy_s: float


@dataclass(frozen=True)
class Section:
    """A stretch of the pass on the time axis; sections follow each other without gaps and fill the whole of it.

    `grouped` sections stand for `count` layers (or micro-batches) drawn as one bar a lane; a chart may shorten them.
    """

    label: str
    start_s: float
    end_s: float
    count: int
    layer: int | None
    grouped: bool


@dataclass(frozen=True)
class Timeline:
    """A pass as bars on lanes (id, label). `total_s` is TTFT or TPOT; `sections` and the bars end there.

    A lane's id is that of its first block, "link:" for the links and networks, which block ids can't be.
    `lane_blocks` are the ids of all blocks that a lane stands for, in the order of `lanes`.
    `reason` says why there are no bars, empty where there are.
    """

    phase: Phase
    total_s: float
    lanes: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    sections: tuple[Section, ...] = ()
    lane_blocks: tuple[tuple[str, ...], ...] = ()
    reason: str = ""


def timeline(report: Report, phase: Phase) -> Timeline:
    """The prefill, or one decode step at the mean context, in the order of execution.

    Operators follow each other and share the units' lanes; memories and links are busy for their own time of each.
    Each kind of layer is drawn once (a mean layer of its kind), the others of its kind as one group behind it.
    Where layers overlap, the crossbars of each layer have a lane ("block#layer"), and work from its first item to its
    last; other lanes are drawn as a group, as busy as they are.
    Without figures `lanes` and `bars` are empty and `reason` says why.
    """
    metrics = report.metrics
    if metrics is None:
        return Timeline(phase, 0.0, (), (), reason=report.reason)
    lanes, pen = lanes_of(report), _Pen()
    order = list(lanes.all)
    if (figure := figure_of(report, phase)) is not None:
        order = pen.draw_overlap(report, lanes, figure)
    else:
        pen.draw_in_order(report, lanes, phase)
    total = metrics.ttft_s if phase == "prefill" else metrics.tpot_s
    pen.draw_rest(total, micro_batches(report.scenario, metrics.batch_running) - 1)
    used = {bar.lane for bar in pen.bars}
    kept = [lane for lane in order if lane.id in used]
    return Timeline(
        phase=phase,
        total_s=total,
        lanes=tuple((lane.id, lane.label) for lane in kept),
        bars=tuple(pen.bars),
        sections=tuple(pen.sections),
        lane_blocks=tuple(lane.blocks for lane in kept),
    )


class _Pen:
    """Draws sections from left to right; `now` is where the last one ended."""

    def __init__(self) -> None:
        self.now = 0.0
        self.bars: list[Bar] = []
        self.sections: list[Section] = []

    def draw_in_order(self, report: Report, lanes: Lanes, phase: Phase) -> None:
        """One operator after the other."""
        head, body, tail = parts_of(report.rows(phase), report.llm.layers)
        self.draw("Before the layers", lanes, [(row, 1.0) for row in head])
        for kind in layer_kinds(body, report.llm.layers):
            self.draw_layers(lanes, kind)
        self.draw("After the layers", lanes, [(row, 1.0) for row in tail])

    def draw_overlap(self, report: Report, lanes: Lanes, figure: PipelineFigure) -> list[Lane]:
        """What runs apart as a group, then the layers that overlap; the lanes in order, those of layers in place."""
        if figure.apart_s > 0.0:
            work: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
            for row, share in apart(report, figure):
                for lane, seconds in lanes.busy(row).items():
                    work[lane.id, lane.label][lane.resource or row.bound] += seconds * share
            self._group("One operator at a time", figure.apart_s, 1, work)
        start, order = self.now, {lane.id: [lane] for lane in lanes.all}
        for stay in stays(report, figure, lanes, start):
            name, lane = stay.label, stay.lane
            order[lane.id.partition("#")[0]] += [lane] if "#" in lane.id else []
            times = (stay.start_s, stay.end_s, stay.resource, stay.layer, stay.busy_s)
            self.bars.append(Bar(lane.id, lane.label, "", name, *times))
        self.now = start + figure.fill_s + figure.interval_s
        count = round(figure.layers)
        label = f"{count} layer{'s' if count > 1 else ''}, {figure.items:.0f} items one after the other"
        self.sections.append(Section(label, start, self.now, count, None, False))
        return [lane for of_block in order.values() for lane in of_block]

    def draw(
        self, label: str, lanes: Lanes, pieces: Sequence[tuple[OperatorRow, float]], layer: int | None = None
    ) -> None:
        """A section of operators, each for a share of its row's time."""
        start = self.now
        for row, share in pieces:
            begun, self.now = self.now, self.now + row.time_s * share
            for lane, seconds in lanes.busy(row).items():
                # What fills the operator ends with it to the last bit; what is shorter ends on its own.
                end = self.now if seconds == row.time_s else begun + seconds * share
                self.bars.append(_bar(lane, row, begun, end, layer))
        if pieces:
            self.sections.append(Section(label, start, self.now, 1, layer, False))

    def draw_layers(self, lanes: Lanes, kind: LayerKind) -> None:
        """One layer of a kind in full and the others of its kind as a group."""
        suffix = f" with {kind.words}" if kind.words else ""
        self.draw(f"One layer{suffix}", lanes, kind.rows, kind.first)
        more = kind.count - 1
        if more == 0:
            return
        work: dict[Lane, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for row, share in kind.rows:
            for lane, seconds in lanes.busy(row).items():
                work[lane][lane.resource or row.bound] += seconds * share * more
        span = more * sum(row.time_s * share for row, share in kind.rows)
        label = f"{more} more layer{'s' if more > 1 else ''}{suffix}"
        self._group(label, span, more, {(lane.id, lane.label): by for lane, by in work.items()})

    def draw_rest(self, total: float, micro_batches_left: float) -> None:
        """What a pipeline's further micro-batches add, and ends on `total` to the last bit."""
        rest = total - self.now
        if rest > 1e-9 * total:
            work: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
            for bar in self.bars:
                work[bar.lane, bar.lane_label][bar.resource] += bar.busy_s * rest / self.now
            count = max(1, round(micro_batches_left))
            self._group(f"{count} more micro-batch{'es' if count > 1 else ''} of the pipeline", rest, count, work)
        self.bars = [replace(b, end_s=total) if math.isclose(b.end_s, self.now) else b for b in self.bars]
        self.sections[-1:] = [replace(s, end_s=total) for s in self.sections[-1:]]

    def _group(self, label: str, span: float, count: int, work: dict[tuple[str, str], dict[str, float]]) -> None:
        start, self.now = self.now, self.now + span
        for (lane, lane_label), by in work.items():
            most, busy = max(by, key=lambda resource: by[resource]), min(span, sum(by.values()))
            self.bars.append(Bar(lane, lane_label, "", label, start, self.now, most, None, busy))
        self.sections.append(Section(label, start, self.now, count, None, True))


def _bar(lane: Lane, row: OperatorRow, start: float, end: float, layer: int | None) -> Bar:
    # A memory's lane tells of the memory, whatever the operator as a whole waits for.
    resource = lane.resource or row.bound
    return Bar(lane.id, lane.label, row.key, row.name.replace("_", " "), start, end, resource, layer, end - start)
