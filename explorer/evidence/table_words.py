"""A validated table in words: lines of errors, of skipped rows, and the same as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.evidence.wording import percent_error
from explorer.export import csv_bytes
from hwlib.analysis.timing_words import KIND_WORDS

if TYPE_CHECKING:
    from hwlib.validation.kernel_errors import Validation

Entry = dict[str, Any]
Group = tuple[str, str, str, str]

GROUP_COLUMNS = (
    "Kernels", "Device", "Format", "Source", "Rows", "Median", "Mean", "90 %", "Bias", "In band", "Roofline", "Worst",
)  # fmt: skip
GROUP_NUMBERS = GROUP_COLUMNS[4:11]
GROUP_TIPS = {
    "Median": "Of |predicted / measured − 1|", "Mean": "Of |predicted / measured − 1|",
    "90 %": "Nine of ten rows are nearer than this", "Bias": "Median of predicted / measured − 1",
    "In band": "Rows whose measured time lies in the stated 10 to 90 % band",
    "Roofline": "Median error of a plain roofline on the same rows",
    "Worst": "The sizes with the largest median error",
}  # fmt: skip
SKIP_COLUMNS = ("Rows", "First line", "Column", "Reason")
METRIC_WORDS = {"ttft": "TTFT", "tpot": "TPOT", "throughput": "Tokens/s", "J_per_token": "J/token"}
MEASURED_WORDS = {"throughput": "Measured tokens/s", "J_per_token": "Measured J/token"}
EMPTY_HEADING = "How far off are the predictions on your own measurements?"
EMPTY_NOTE = (
    "Open a table of measured kernels (device, m, n, k, dtype, latency_s …) or whole models (device, model, isl, osl, "
    "batch, ttft_s …) as CSV, plain or packed with gzip. Good rows are judged; others are listed with the reason."
)
NOTHING_JUDGED = "No row could be judged; what was skipped says why."


def key_of(entry: Entry) -> tuple[str, ...]:
    """Kind (of whole models with the metric), then device, format and source where the entry is of one group."""
    kind = f"{entry['kind']} {entry['metric']}" if "metric" in entry else str(entry["kind"])
    return (kind, entry.get("device", ""), entry.get("dtype", ""), entry.get("source", ""))


def covers(entry: Entry, group: Group) -> bool:
    """Whether an entry is about a group: its own, or one of all that it sums up."""
    if "device" in entry:
        return key_of(entry) == group
    alike = (entry.get(name, "") in (group[at], "") for name, at in (("dtype", 2), ("source", 3)))
    return key_of(entry)[0] == group[0] and all(alike)


def entries(validation: Validation) -> list[Entry]:
    """Totals where they sum up several groups, then the groups."""
    found: dict[tuple[str, ...], Entry] = {}
    for total in validation.totals:
        of = tuple(",".join(_group(g)) for g in validation.groups if covers(total, _group(g)))
        if len(of) > 1:
            found[of] = total  # the more general one where two sum up the same groups
    return [*found.values(), *validation.groups]


def _group(entry: Entry) -> Group:
    kind, device, dtype, source = key_of(entry)
    return kind, device, dtype, source


def kind_words(entry: Entry) -> str:
    """What was measured."""
    metric = entry.get("metric")
    if metric is not None:
        serving = ", continuous" if "continuous" in entry["kind"] else ""
        return f"{METRIC_WORDS.get(str(metric), str(metric))}, whole models{serving}"
    return KIND_WORDS.get(str(entry["kind"]), str(entry["kind"]))


def group_cells(entry: Entry) -> tuple[str, ...]:
    """A line of the table of errors."""
    bias = f"{100.0 * entry['bias']:+.1f} %".replace("-", "−")
    device = entry.get("device", "all")
    return (
        kind_words(entry), device, str(entry.get("dtype", "")), str(entry.get("source", "")), f"{entry['n']:,}",
        percent_error(entry["median"]), percent_error(entry["mean"]), percent_error(entry["p90"]), bias,
        f"{100.0 * entry['in_band']:.0f} %", percent_error(entry["roofline_median"]), str(entry["worst_bucket"]),
    )  # fmt: skip


def group_tip(entry: Entry) -> str:
    """What the line rests on."""
    lines = [str(entry["catalog_device"])] if entry.get("catalog_device") else ["All groups together"]
    lines += [f"Constants: {basis}" for basis in entry.get("basis", ())]
    return "\n".join(lines)


def group_sentence(entry: Entry, step: int) -> str:
    """The chosen line as a heading of its plot."""
    name = ", ".join(filter(None, (kind_words(entry), str(entry.get("device", "all devices")), entry.get("dtype", ""))))
    errors = [percent_error(entry[key]) for key in ("median", "roofline_median")]
    text = f"{name}: median error {errors[0]}, a plain roofline's {errors[1]}"
    return f"{text}; every {step}th row is shown" if step > 1 else text


def measured_word(kind: str) -> str:
    """What the horizontal axis shows where it is what was measured."""
    return MEASURED_WORDS.get(kind.rpartition(" ")[2], "seconds")


def skip_cells(entry: Entry) -> tuple[str, ...]:
    """A line of the table of skipped rows."""
    return f"{entry['rows']:,}", f"{entry['first_line']:,}", str(entry["column"]), str(entry["reason"])


def skip_title(skipped: Sequence[Entry]) -> str:
    """The title of the list of skipped rows, with their number."""
    count = sum(int(s["rows"]) for s in skipped)
    return f"Skipped: {count:,} rows" if count else "Nothing skipped"


def groups_csv(validation: Validation) -> bytes:
    """Groups, totals and skipped rows as CSV, errors as fractions."""
    columns = ("kind", "metric", "device", "catalog_device", "dtype", "source", "n", "median", "mean", "p90", "bias",
               "in_band", "roofline_median", "roofline_mean", "worst_bucket")  # fmt: skip
    rows: list[Sequence[object]] = [("section", *columns)]
    for section, found in (("group", validation.groups), ("total", validation.totals)):
        rows += [(section, *(g.get(c) for c in columns)) for g in found]
    rows.append(())
    rows.append(("section", "rows", "first_line", "column", "reason"))
    rows += [("skipped", s["rows"], s["first_line"], s["column"], s["reason"]) for s in validation.skipped]
    return csv_bytes(rows)
