"""Why a catalog device takes its time and its board's energy: kernel models with their fitted constants by name."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from hwlib.baselines.calibration import ANY, Basis, file_name
from hwlib.baselines.evidence import constants_told
from hwlib.baselines.kernels.attention import AttentionFormat
from hwlib.baselines.kernels.elementwise import ELEMENT_BYTES, PASSES
from hwlib.baselines.kernels.gemm import GemmFormat
from hwlib.baselines.kernels.registry import KERNELS
from hwlib.cost.assemble import OneDesign
from hwlib.cost.board_energy import METHOD, SCOPE, board_energy
from hwlib.cost.device_figures import BOARD, BOARD_DECODE
from hwlib.cost.explain_inputs import Sheet, collapsed
from hwlib.cost.explain_shapes import columns, row_index
from hwlib.cost.formula_kernels import as_number, constant_names
from hwlib.cost.kernel_times import FUSED_PASSES, KernelTimes, TimedCall
from hwlib.report import LABELS, PHASES, RESOURCES, Explanation

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FUNCTIONS = {
    "gemm": "gemm_seconds",
    "attention_prefill": "prefill_seconds",
    "attention_decode": "decode_seconds",
    "elementwise": "elementwise_seconds",
}
LAWS = {
    "gemm": "t = t0 + least over tiles and K splits of ||waves of tiles, traffic over bandwidth||_p (1 + theta u^4)",
    "attention_prefill": "t = t0 + max(longest tile, waves of mean tiles), throttled, + passes over KV and queries",
    "attention_decode": "t = t0 + least over KV splits of ||waves of streams, traffic over bandwidth||_p + sequences",
    "elementwise": "t = ||t0, passes over DRAM||_p + rows",
    "allreduce": "t = alpha + steps + sqrt(ramp wire) + wire / share, wire = bytes on the busiest link over bandwidth",
}
"""The kernel models in a line each; docs/validation.md and `hwlib.baselines.kernels` have them in full."""


def explain(one: OneDesign, key: str) -> Explanation | None:
    """The explanation of a figure that kernels give; None for one that is the drawing's own. Raises KeyError."""
    kernels, words = one.run.kernels, key.split(".")
    if kernels is None:
        return None
    if key in (BOARD, BOARD_DECODE):
        return _board(one, kernels, key)
    if words[0] != "time" or len(words) not in (3, 4):
        return None
    cols = columns(one, row_index(one, words[1], words[2]))
    if not _ruled(kernels, cols):
        return None
    return _operator(one, kernels, key, cols) if len(words) == 3 else _resource(one, kernels, key, cols)


def _ruled(kernels: KernelTimes, cols: Indices) -> bool:
    """Whether kernels give the time of a row's columns: their own, another's that includes them, or the step's."""
    return bool((kernels.kernel[cols] >= 0).all() or np.isin(cols, kernels.merged).all() or _is_step(kernels, cols))


def _is_step(kernels: KernelTimes, cols: Indices) -> bool:
    return bool(np.isin(cols, kernels.host).all())


def _passes(s: Sheet, cols: Indices) -> str:
    what = "instances of each column in a pass, by layers and share of the decode steps"
    return s.counted("passes", s.one.passes[cols], "", what, fold=False)


# One operator -----------------------------------------------------------------------------------------------------


def _operator(one: OneDesign, kernels: KernelTimes, key: str, cols: Indices) -> Explanation:
    """time.<phase>.<operator>: as OperatorRow.time_s."""
    _, phase, name = key.split(".")
    s, value = Sheet(one), float(one.passes[cols] @ one.run.tau[one.d, cols])
    label = f"Time of {name} in {phase}"
    if _is_step(kernels, cols):
        return s.explanation(key, label, value, "s", _step(s, kernels, cols), "host and framework add to every pass")
    if np.isin(cols, kernels.merged).all():
        return s.explanation(key, label, value, "s", "0", "measured together with the fused attention kernel")
    timed, at = _call_of(kernels, cols)
    source = f"{LAWS[timed.call.kind]}. {basis_words(timed.basis)}. {_band_words(timed, at)}"
    if timed.call.note:
        source += f". Stands in: {timed.call.note}"
    return s.explanation(key, label, value, "s", _kernel_formula(s, timed, cols, at), source)


def _step(s: Sheet, kernels: KernelTimes, cols: Indices) -> str:
    x, told = (
        kernels.step,
        f"overhead of a step, {kernels.step.framework}, {kernels.step.launch}: {kernels.step.source}",
    )
    chips = s.one.run.scenario.tensor_parallel
    confidence, phase = x.confidence or "estimate", PHASES[int(s.one.program.phase[cols[0]])]
    a0, a1, a2 = (
        s.add(name, value, "s", told, confidence)
        for name, value in zip(("a0", "a1", "a2"), x.of(phase, chips), strict=True)
    )
    layers = s.counted("layers", np.array([kernels.layers]), "", "layers of a pipeline stage")
    sequences = s.counted("sequences", np.array([kernels.sequences]), "", "sequences of a pass")
    deep = s.counted("stages", np.array([kernels.stages]), "", "pipeline stages that a pass goes through")
    return f"{deep} * ({a0} + {a1} * {layers} + {a2} * {sequences})"


def _call_of(kernels: KernelTimes, cols: Indices) -> tuple[TimedCall, Indices]:
    """The call that serves a row's columns, and the kernel within it of each column."""
    start = 0
    for timed in kernels.timed:
        within = kernels.kernel[cols] - start
        if 0 <= within[0] < len(timed.seconds):
            return timed, within
        start += len(timed.seconds)
    raise AssertionError("a column's kernel belongs to no call")


def _kernel_formula(s: Sheet, timed: TimedCall, cols: Indices, at: Indices) -> str:
    passes, one = _passes(s, cols), s.one
    share = one.run.tau[one.d, cols] / timed.seconds[at]
    part = ""
    if not np.allclose(share, 1.0, rtol=1e-12, atol=0.0):
        what = "share of one fused kernel, by the times of scores, softmax and weighted sum in the drawing"
        part = f" * {s.counted('share', share, '', what, fold=False)}"
    if timed.call.fused:
        return f"sum({passes}{part} * {_fused(s, timed, at)})"
    arguments = [*_shape(s, timed, at), *_device(s, timed), *_constants(s, timed.basis)]
    name = FUNCTIONS.get(timed.call.kind) or ("send_seconds" if "send" in timed.call.form else "all_reduce_seconds")
    return f"sum({passes}{part} * {name}({', '.join(arguments)}))"


def _fused(s: Sheet, timed: TimedCall, at: Indices) -> str:
    """Traffic alone of what rides on a neighbour's kernel, at the published bandwidth."""
    rows, cols = (s.counted(n, timed.call.columns[n][at], "", _SHAPES[n]) for n in ("rows", "cols"))
    more = s.modelled("passes_added", FUSED_PASSES * PASSES[timed.call.form], "", "read and written once more")
    size = s.modelled("element_bytes", ELEMENT_BYTES, "B", "16-bit elements")
    return f"{more} * {rows} * {cols} * {size} / {_sheet_value(s, timed, 'bandwidth')}"


_SHAPES = {
    "m": "rows of activations, whole ones",
    "n": "outputs, those of distinct experts side by side",
    "k": "length of the sums",
    "batch": "sequences, or blocks of their prompts",
    "heads": "query heads on a chip",
    "kv_heads": "KV heads on a chip",
    "head_dim": "width of a head, keys and values in the mean",
    "q_len": "new tokens of a sequence",
    "kv_len": "tokens that the last of them sees",
    "causal": "1 where a token sees only those before it",
    "rows": "rows",
    "cols": "elements of a row",
    "n_devices": "chips that take part",
    "bytes": "bytes of the message",
}


def _shape(s: Sheet, timed: TimedCall, at: Indices) -> list[str]:
    names = {"n_devices": "chips", "bytes": "message_bytes"}
    taken = KERNELS[timed.call.kind].columns
    return [s.counted(names.get(n, n), timed.call.columns[n][at], "", _SHAPES[n]) for n in taken]


def _device(s: Sheet, timed: TimedCall) -> list[str]:
    """Operand bytes and datasheet ceilings, in the order in which the function takes them."""
    form, kind = timed.format, timed.call.kind
    if isinstance(form, GemmFormat | AttentionFormat):
        gemm = isinstance(form, GemmFormat)
        fields = ("weight_bytes", "input_bytes", "output_bytes") if gemm else ("query_bytes", "kv_bytes")
        what = "bytes of an element by the scenario's bits and what the device runs"
        sizes = [s.counted(f, np.array([getattr(form, f)]), "B", what) for f in fields]
        extra = ["peak_16bit"] if gemm else []
        return sizes + [_sheet_value(s, timed, n) for n in ("peak", *extra, "cores", "clock", "bandwidth")]
    return [
        _sheet_value(s, timed, n) for n in (("cores", "bandwidth") if kind == "elementwise" else ("link_bandwidth",))
    ]


def _sheet_value(s: Sheet, timed: TimedCall, name: str) -> str:
    """A ceiling of the device's datasheet."""
    chip, form = timed.chip, timed.format
    peak = getattr(chip, form.peak) if form is not None else 0.0
    value, unit, what = {
        "peak": (peak, "FLOP/s", "dense peak of the number format"),
        "peak_16bit": (chip.peak16_flops, "FLOP/s", "dense 16-bit peak"),
        "cores": (float(chip.sms), "", "cores"),
        "clock": (chip.clock_Hz, "Hz", "clock"),
        "bandwidth": (chip.dram_Bps, "B/s", "DRAM bandwidth"),
        "link_bandwidth": (chip.link_Bps, "B/s", "all chip-to-chip links one way"),
    }[name]
    return s.add(name, float(value), unit, f"datasheet of {chip.name}: {what}", "datasheet")


def _constants(s: Sheet, basis: Basis) -> list[str]:
    """The fitted constants in the order of their declaration."""
    kind = basis.model.kind
    told = {f.name: f for f in constants_told(kind)}
    values = msgspec.to_builtins(msgspec.convert(basis.model.constants, KERNELS[kind].constants))
    confidence = "estimate" if basis.level.startswith("class prior") else "measured"
    found = []
    for name in constant_names(KERNELS[kind].constants):
        words = f"{told[name].label}: {told[name].help} {basis_words(basis)}"
        if told[name].choices:
            words = f"{words}; {', '.join(f'{i}: {word}' for i, word in enumerate(told[name].choices))}"
        found.append(s.add(name, as_number(told[name], values[name]), told[name].unit, words, confidence))
    return found


def basis_words(basis: Basis) -> str:
    """Which calibration constants are from, in words: level, device, framework, date, rows, sources, file."""
    c, model = basis.calibration, basis.model
    device = f"{c.device} GPUs" if c.framework == "prior" else c.device
    who = device if c.framework in (ANY, "prior") else f"{device}, {c.framework}"
    rows = f"{model.fitted_rows} rows of {', '.join(model.sources) or 'a table'}"
    note = f"; {basis.note}" if basis.note else ""
    return f"Fitted ({basis.level}): {who}, {c.date}, {rows}; {file_name(c.device, c.framework)}{note}"


def _band_words(timed: TimedCall, at: Indices) -> str:
    low, high = float(timed.low[at].min()), float(timed.high[at].max())
    return f"10 to 90 % of measured over predicted: {low:.2f} to {high:.2f}"


# One resource of one operator -------------------------------------------------------------------------------------


def _resource(one: OneDesign, kernels: KernelTimes, key: str, cols: Indices) -> Explanation:
    """time.<phase>.<operator>.<resource>: the drawing's own time at the resource, scaled as the operator's is."""
    _, phase, name, resource = key.split(".")
    s, index = Sheet(one), RESOURCES.index(resource)
    times = one.run.times[one.d, cols, index]
    label, value = f"{LABELS[resource]} time of {name} in {phase}", float(one.passes[cols] @ times)
    if _is_step(kernels, cols):
        return s.explanation(key, label, value, "s", _step(s, kernels, cols), "host and framework add to every pass")
    assert one.run.factor is not None
    factor = one.run.factor[one.d, cols]
    drawn = s.counted(
        "drawn", times / factor, "s", f"time at {LABELS[resource]} in the datasheet's drawing", fold=False
    )
    scale = s.add(
        "kernel_factor",
        collapsed(factor),
        "",
        f"the operator's time over that of the drawing: figure time.{phase}.{name}",
    )
    formula = f"sum({_passes(s, cols)} * {drawn} * {scale})"
    source = "the drawing tells what a kernel waits for, its calibration for how long: all parts are scaled alike"
    return s.explanation(key, label, value, "s", formula, source)


# Board energy -----------------------------------------------------------------------------------------------------


def _board(one: OneDesign, kernels: KernelTimes, key: str) -> Explanation:
    """Energy per token of all boards: power of every operator times its time, and waiting power of idle stages."""
    board = board_energy(one, kernels)
    assert board is not None
    s, scenario, decode = Sheet(one), one.run.scenario, key == BOARD_DECODE
    batch = s.figure("batch", one.batch, "", "memory.batch")
    told = f"{board.level}: power model of {board.calibration.device}, {board.model.fitted_rows} rows"
    parts = [_phase_joules(s, kernels, board.power_W, told, f, board.waiting_W) for f in ((1,) if decode else (0, 1))]
    each = s.counted("passes_each", np.array([board.each]), "", "micro-batches times the chips that share a layer")
    source = "board power = min(0.985 TDP, static + (a u^e + b v^e) t / (t + lag)), u and v the use of peak and DRAM"
    if decode:
        found = s.explanation(
            key, "Board energy per token, decode alone", board.step_J / one.batch, "J/token",
            f"({_joules(parts[0], each)}) / {batch}", f"{source}; {told}",
        )  # fmt: skip
    else:
        output = s.scenario("output")
        whole = f"({_joules(parts[0], each)} + ({output} - 1) * ({_joules(parts[1], each)})) / ({batch} * {output})"
        value = board.run_J / (one.batch * scenario.output)
        found = s.explanation(key, "Board energy per token", value, "J/token", whole, f"{source}; {told}")
    return msgspec.structs.replace(found, method=METHOD, scope=SCOPE)


def _joules(part: tuple[str, str], each: str) -> str:
    busy, waiting = part
    return f"{each} * {busy}{waiting}"


def _by_row(one: OneDesign, values: Array) -> Array:
    """[rows] a value of each column summed over the columns of each operator row."""
    return np.asarray(np.bincount(one.program.row, weights=values, minlength=len(one.program.rows)), dtype=float)


def _phase_joules(
    s: Sheet, kernels: KernelTimes, power_W: Array, told: str, phase: int, waiting_W: float
) -> tuple[str, str]:
    """(power x time of a pass of one chip, what waiting pipeline stages add)."""
    one, word = s.one, PHASES[phase]
    used = np.flatnonzero((one.program.phase == phase) & (one.passes > 0))
    rows = np.unique(one.program.row[used])
    seconds = one.passes * one.run.tau[one.d]
    time, joules = (_by_row(one, values)[rows] for values in (seconds, seconds * power_W))
    power = np.divide(joules, time, out=np.zeros_like(time), where=time > 0)
    names = ", ".join(one.program.rows[int(r)][1] for r in rows)
    watts = s.add(f"power_{word}", tuple(power.tolist()), "W", f"fitted board power of {names}; {told}", "measured")
    taken = s.counted(f"time_{word}", time, "s", f"figures time.{word}.* of {names}", fold=False)
    busy = f"sum({watts} * {taken})"
    if one.run.scenario.pipeline_parallel == 1:
        return busy, ""
    stay = s.figure(f"{word}_s", float(one.phase_s[phase]), "s", ("ttft_s", "tpot_s")[phase])
    wait = s.add("power_waiting", waiting_W, "W", f"fitted static board power; {told}", "measured")
    chips = s.counted("chips", np.array([float(one.run.scenario.chips)]), "", "chips in all")
    each = s.counted(
        "passes_each", np.array([float(one.runs[0])]), "", "micro-batches times the chips that share a layer"
    )
    return busy, f" + {wait} * ({chips} * {stay} - {each} * sum({taken}))"
