"""Evidence in words: sentences, cells and sources of what a device's times rest on."""

from __future__ import annotations

import html

from explorer.evidence.residual_plot import error_words
from hwlib.analysis.grounds import Bucket, Constant, Ground, Point, PowerGround
from hwlib.analysis.timing_words import class_word, framework_word
from hwlib.units import NOTHING, format_quantity

SPLIT = (
    "A shape is fitted where CRC-32 of its numbers modulo 10 is below 7, and kept out otherwise. Errors are of rows "
    "that were kept out; the band holds 10 to 90 % of measurements."
)
LEVELS = {
    "calibrated": "calibrated", "other framework": "calibrated", "class prior": "class prior", "estimate": "estimate",
    "datasheet": "datasheet",
}  # fmt: skip


def percent_error(value: float | None) -> str:
    """A fraction as an error in per cent."""
    return NOTHING if value is None else f"{100.0 * value:.1f} %"


def level_words(ground: Ground) -> str:
    """Whose constants serve: "calibrated: vLLM", "class prior: Hopper", "estimate"."""
    e = ground.evidence
    level, _, other = e.level.partition(", ")
    word = LEVELS.get(level, level)
    if level == "class prior":
        word = f"{word}: {class_word(e.device)}"
    elif e.kind == "step":
        word = f"{word}: {framework_word(e.framework)}, {e.form}"
    elif level in LEVELS and level not in ("estimate", "datasheet"):
        word = f"{word}: {framework_word(e.framework)}"
    return f"{word}, {other}" if other else word


def ground_cells(ground: Ground) -> tuple[str, ...]:
    """A line of the table of kernels."""
    e = ground.evidence
    band = NOTHING if e.low == e.high else f"{e.low:.2f} to {e.high:.2f}"
    shares = (ground.shares.get(phase, 0.0) for phase in ("prefill", "decode"))
    return (
        ground.name, level_words(ground), f"{e.fitted_rows:,}" if e.fitted_rows else NOTHING, percent_error(e.median),
        percent_error(ground.roofline_median), band, *(f"{100.0 * s:.0f} %" if s else NOTHING for s in shares),
    )  # fmt: skip


def ground_tip(ground: Ground) -> str:
    """What the line means."""
    e = ground.evidence
    lines = [f"{ground.name}: {level_words(ground)}"]
    if e.kept_out_rows:
        errors = f"median error {percent_error(e.median)}, mean {percent_error(e.mean)}"
        lines.append(f"{e.kept_out_rows:,} rows kept out: {errors}")
    if ground.roofline_median is not None:
        lines.append(f"A plain roofline is {percent_error(ground.roofline_median)} off in the median")
    operators = ", ".join(dict.fromkeys(key.partition(".")[2].replace("_", " ") for key in e.operators))
    return "\n".join([*lines, f"Operators: {operators}"] if operators else lines)


def ground_sentence(ground: Ground) -> str:
    """What was fitted to how much, and how far off it is, beside the roofline."""
    e = ground.evidence
    if e.kind == "step":
        fitted = f"fitted to {e.fitted_rows:,} whole-model rows" if e.fitted_rows else "an estimate, not fitted"
        text = f"{ground.name} · a0 + a1 × layers + a2 × sequences for each pass · {fitted}"
        errors = f"median error of whole passes {percent_error(e.median)}, mean {percent_error(e.mean)}"
        return f"{text} · {e.kept_out_rows:,} kept out: {errors}" if e.kept_out_rows else text
    where = "" if e.level.startswith("class prior") else f" on {e.device}"
    parts = [ground.name, f"{level_words(ground)}{where}", f"{e.fitted_rows:,} rows fitted"]
    if e.kept_out_rows:
        errors = f"median error {percent_error(e.median)}, mean {percent_error(e.mean)}"
        parts.append(f"{e.kept_out_rows:,} kept out: {errors}")
    elif ground.points_median is not None:
        parts.append(f"median error {percent_error(ground.points_median)} on {len(ground.points)} cited measurements")
    if ground.roofline_median is not None:
        parts.append(f"a plain roofline is {percent_error(ground.roofline_median)} off")
    return " · ".join(parts)


def no_points(ground: Ground) -> str:
    """Why the plot has no points, empty where it has some."""
    if ground.points:
        return ""
    if ground.evidence.kind == "step":
        return "What host and framework add is seen in whole models only: their errors are in docs/validation.md."
    return "No single measurement of this form is cited; the band is that of the fitted rows."


def constant_cells(constant: Constant) -> tuple[str, ...]:
    """A line of the table of constants."""
    value = constant.value
    return constant.label, value if isinstance(value, str) else format_quantity(value, constant.unit), constant.meaning


def bucket_words(bucket: Bucket) -> str:
    """The band of a bucket for a tooltip."""
    rows = f", from {bucket.rows:,} rows" if bucket.rows else ""
    return f"{bucket.name}: measured times are {bucket.low:.2f} to {bucket.high:.2f} of the predicted ones{rows}"


def shape_words(point: Point) -> str:
    """The shape of a measured kernel: "m 16, n 4096, k 4096"."""
    return ", ".join(f"{name} {value:g}" for name, value in point.measured.columns.items())


def point_cells(point: Point) -> tuple[str, ...]:
    """A line of the table of measurements."""
    m = point.measured
    error = error_words(point.ratio) + ("" if point.inside else " ◇")
    return (
        format_quantity(m.seconds, "s"), format_quantity(point.predicted_s, "s"), error,
        error_words(point.roofline_ratio), shape_words(point), m.device, framework_word(m.framework), m.source,
    )  # fmt: skip


def point_html(point: Point) -> str:
    """A measured kernel for a tooltip."""
    m = point.measured
    band = f"{format_quantity(point.low_s, 's', 3)} to {format_quantity(point.high_s, 's', 3)}"
    lines = [
        f"<b>{html.escape(shape_words(point))}</b>",
        f"measured {format_quantity(m.seconds, 's')}: {html.escape(framework_word(m.framework))} on "
        f"{html.escape(m.device)}",
        f"predicted {format_quantity(point.predicted_s, 's')} ({band}): {error_words(point.ratio)}",
        f"plain roofline {format_quantity(m.roofline_s, 's')}: {error_words(point.roofline_ratio)}",
        f"<i>{html.escape(m.source)}</i>",
    ]
    return "<br>".join(lines)


def source_html(ground: Ground) -> str:
    """Where constants and measurements come from."""
    e = ground.evidence
    parts = [f"<p>{html.escape(e.citation)}</p>" if e.citation else ""]
    if e.sources:
        items = "".join(f"<li>{html.escape(s)}</li>" for s in e.sources)
        parts.append(f"<p>Rows of:</p><ul>{items}</ul>")
    parts.append(f"<p>Fitted on {html.escape(e.date)}.</p>" if e.date else "")
    if e.kind != "step":
        parts.append(f"<p>{html.escape(SPLIT)}</p>")
    return "".join(parts)


def ground_text(ground: Ground) -> str:
    """All about a kernel model as text."""
    lines = [ground_sentence(ground)]
    for constant in ground.constants:
        label, value, meaning = constant_cells(constant)
        lines.append(f"  {label} = {value}  ({meaning})")
    lines += [f"  {bucket_words(b)}" for b in ground.buckets]
    for p in ground.points:
        lines.append("  " + "; ".join(point_cells(p)))
    lines += [f"  Source: {s}" for s in ground.evidence.sources]
    return "\n".join([*lines, ""])


# Board power --------------------------------------------------------------------------------------------------------


def power_cells(power: PowerGround) -> tuple[str, ...]:
    """The line of board power in the table of kernels."""
    c = power.calibration
    owner = class_word(c.device) if power.level == "class prior" else framework_word(c.framework)
    rows = c.power.fitted_rows if c.power is not None else 0
    mean, plain = _mean_errors(power)
    return ("Board power", f"{power.level}: {owner}", f"{rows:,}", percent_error(mean), percent_error(plain),
            NOTHING, NOTHING, NOTHING)  # fmt: skip


def _mean_errors(power: PowerGround) -> tuple[float | None, float | None]:
    rows = sum(e[1] for e in power.errors)
    if not rows:
        return None, None
    return sum(e[1] * e[2] for e in power.errors) / rows, sum(e[1] * e[3] for e in power.errors) / rows


def power_sentence(power: PowerGround) -> str:
    """What board energy is made of, and how far off it is beside TDP times time."""
    mean, plain = _mean_errors(power)
    device = class_word(power.calibration.device) if power.level == "class prior" else power.calibration.device
    return (
        f"Board power = min(0.985 TDP, static + dynamic by utilisation), {power.level} on {device}: mean error of "
        f"energy {percent_error(mean)} on rows kept out; TDP × time is {percent_error(plain)} off."
    )


def power_error_cells(kernels: str, rows: float, error: float, plain: float) -> tuple[str, ...]:
    """A line of the table of power errors."""
    return kernels, f"{rows:,.0f}", percent_error(error), percent_error(plain)


def power_source_html(power: PowerGround) -> str:
    """Where the power model comes from."""
    c = power.calibration
    items = "".join(f"<li>{html.escape(s)}</li>" for s in (c.power.sources if c.power is not None else ()))
    note = "Kernels of at least 100 µs: board power is sampled every 100 ms."
    return f"<p>{html.escape(c.citation)}</p><p>Rows of:</p><ul>{items}</ul><p>{note}</p><p>Fitted on {c.date}.</p>"

