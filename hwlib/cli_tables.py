"""What the commands print for people: plain tables, without boxes, that fit a pipe as well as a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hwlib.cli_inputs import printable
from hwlib.report import LABELS, PHASES, Continuous, Report
from hwlib.report_crossbars import crossbar_rows, name_of
from hwlib.report_table import finding_words, headline_rows, scenario_words
from hwlib.units import NOTHING, format_quantity

PIPE_WIDTH = 240
"""Characters of a line where no terminal says how many it has."""


def console() -> Console:
    """A console on the standard output of now; it neither guesses what is a number nor reads [markup]."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], left: Sequence[int] = (0,)) -> None:
    """Rows under their heads; columns are right-aligned but for those in `left`. None is shown as a dash."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, name in enumerate(head):
        table.add_column(Text(printable(name)), justify="left" if i in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(NOTHING if cell is None else printable(str(cell))) for cell in row))
    # Rich fills lines up to the column's width; spaces at the end of lines only get in the way.
    target = console()
    with target.capture() as captured:
        target.print(table)
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def print_report(report: Report) -> None:
    """The headline figures of a report, with reason, findings and notes under them, then where time and energy go."""
    print(f"{report.llm.name}: {scenario_words(report)}")
    if report.fits:
        print()
        print_table(["", report.subject], [[row.label, row.cells[0].text] for row in headline_rows([report])])
    if report.continuous:
        _print_continuous(report.continuous)
    if report.bands or report.roofline:
        _print_bands(report)
    print_remarks(report)
    print_shares(report)
    _print_crossbars(report)


def _print_crossbars(report: Report) -> None:
    """Precision, wear and the three TOPS/W of the pools of crossbars."""
    if report.crossbars:
        print()
        print_table(["Crossbars", *(name_of(report, figure) for figure in report.crossbars)], crossbar_rows(report))


_BANDED = {
    "ttft_s": ("Time to first token (TTFT)", "s"),
    "tpot_s": ("Time per output token (TPOT)", "s"),
    "tokens_per_s": ("Tokens per second, decode", ""),
    "e2e_tokens_per_s": ("Tokens per second, prefill included", ""),
    "board_energy_per_token_J": ("Energy per token, board", "J"),
}
"""Labels, as in the table above them, and units of figures with bands."""


def _print_bands(report: Report) -> None:
    """The 10 to 90 % bands of the headline figures, a plain roofline beside them, and what the times rest on."""
    from hwlib.analysis.timing_words import timing_words

    print(f"\nTimes are {timing_words(report)}.")
    cells = []
    for key, (label, unit) in _BANDED.items():
        band, plain = report.bands.get(key, (None, None)), getattr(report.roofline, key, None)
        if band[0] is not None or plain is not None:
            cells.append((label, *(format_quantity(value, unit) for value in (*band, plain))))
    print_table(["10 to 90 % band", "from", "to", "plain roofline"], cells)


def _print_continuous(found: Continuous) -> None:
    """The steady state of continuous batching; figures of the table above are those of one static batch of its size."""
    rows = [
        ("Sequences in flight", f"{found.sequences:.0f}, limited by {found.limit}"),
        ("Tokens per second", "{:.4g} ({:.4g} to {:.4g})".format(found.tokens_per_s, *found.tokens_per_s_band)),
        ("Time per token", _with_band(found.tpot_s, found.tpot_band_s, "s")),
        ("Decode step alone", format_quantity(found.step_s, "s")),
        ("Reading one prompt", format_quantity(found.prefill_s, "s")),
        ("Time spent on prompts", f"{100.0 * found.prefill_share:.0f} %"),
    ]
    print()
    print_table(["Continuous batching", ""], rows, left=(0, 1))


def _with_band(value: float, band: tuple[float, float], unit: str) -> str:
    low, high = band
    told = format_quantity(value, unit)
    return told if low == high else f"{told} ({format_quantity(low, unit)} to {format_quantity(high, unit)})"


def print_remarks(report: Report, name: str = "") -> None:
    """Why a report has no figures, its findings and notes, under a name where one is given."""
    lines = [] if report.fits else [report.reason]
    for finding in report.findings:
        if finding.message == report.reason:
            continue
        lines.append(f"{finding.severity.capitalize()}: {finding_words(finding)}")
    lines += [f"Note: {note}" for note in report.notes]
    if lines:
        print(f"\n{printable(name)}")
    for line in lines:
        print(("  " if name else "") + printable(line))


def print_shares(report: Report) -> None:
    """Where time and energy of one report go, largest first."""
    if not report.fits:
        return
    for phase, what in zip(PHASES, ("Prefill", "One decode step"), strict=True):
        print()
        _print_parts(f"{what}, time by resource", report.time_by_resource[phase], "s")
    print()
    _print_parts("Energy per token by component", report.energy_by_component, "J")


def _print_parts(title: str, parts: dict[str, float], unit: str) -> None:
    whole = sum(parts.values())
    shown = sorted(((k, v) for k, v in parts.items() if v > 0.0), key=lambda pair: -pair[1])
    rows = [(LABELS[k], format_quantity(v, unit), f"{100.0 * v / whole:.1f} %") for k, v in shown]
    print_table([title, "", "share"], rows)


def print_devices(rows: Sequence[dict[str, Any]]) -> None:
    """The catalog's devices with their main figures."""
    head = ["Device", "Kind", "Year", "16-bit", "DRAM", "Bandwidth", "Power", "Runs LLMs"]
    lines = [
        (
            row["name"], row["device_class"], row["year"], _scaled(row["bf16_T"] or row["fp16_T"], 1e12, "FLOP/s"),
            _scaled(row["dram_GB"] or None, 1e9, "B"), _scaled(row["dram_GBs"] or None, 1e9, "B/s"), _power(row),
            "yes" if row["runnable"] else f"no: {row['reason']}",
        )
        for row in rows
    ]  # fmt: skip
    print_table(head, lines, left=(0, 1, 7))


def _scaled(value: float | None, factor: float, unit: str) -> str:
    return format_quantity(None if value is None else value * factor, unit, 3)


def _power(row: dict[str, Any]) -> str:
    lo, hi = row["power_W"]["low"], row["power_W"]["high"]
    if lo is None:
        return NOTHING
    shown = [format_quantity(power, "W", 3) for power in (lo, hi)]
    return shown[0] if lo == hi else " to ".join(shown)


def print_models(rows: Sequence[dict[str, Any]]) -> None:
    """The catalog's LLMs with their size."""
    head = ["Model", "Parameters", "recomputed", "active", "Layers", "Attention", "KV per token, fp16", "Runs"]
    lines = [
        (
            row["name"], *(format_quantity(row[key], "") if row[key] is None else f"{row[key] / 1e9:.4g} G"
                           for key in ("params_published", "params_recomputed", "active_params_recomputed")),
            row["layers"] or None, row["attention"], format_quantity(row["kv_bytes_per_token_fp16"], "B", binary=True),
            "yes" if row["runnable"] else f"no: {row['reason']}",
        )
        for row in rows
    ]  # fmt: skip
    print_table(head, lines, left=(0, 5, 7))


def print_examples(rows: Sequence[dict[str, Any]]) -> None:
    """The example designs and what they are about."""
    print_table(
        ["Example", "Node", "About"], [(r["name"], f"{r['node_nm']:g} nm", _about(r)) for r in rows], left=(0, 2)
    )


def print_published(rows: Sequence[dict[str, Any]]) -> None:
    """Published chips: each figure as published, as modelled, and the ratio."""
    from hwlib.analysis.published import FIGURES

    head = ["Chip", "Operating point", "Bits", "Scope", "Figure", "Published", "Model", "Ratio", "How far it tells"]
    lines: list[tuple[str | None, ...]] = []
    for row in rows:
        about = (row["design"], row["condition"], f"{row['input_bits']}x{row['weight_bits']}", row["scope"])
        for name, unit in FIGURES.items():
            if row[f"{name}_published"]:
                lines.append((*about, f"{unit}, idle" if name == "idle_W" else unit, *_compared(row, name)))
        for share in row["shares"]:
            values = (f"{100 * share['published']:.3g} %", f"{100 * share['modelled']:.3g} %", f"{share['ratio']:.2f}")
            lines.append((*about, f"{share['quantity']}: {share['name']}", *values, None))
    print(
        "1 MAC = 2 OP of the bits named. Scope arrays: in-memory arrays with converters and drivers; chip: everything"
    )
    print(
        "on the die. Fitted: the model's constants come from this figure. --json tells what each figure leaves out.\n"
    )
    print_table(head, lines, left=(0, 1, 2, 3, 4, 8))


def _compared(row: dict[str, Any], name: str) -> tuple[str | None, ...]:
    """A figure as published, as modelled, their ratio, and how far that tells anything."""
    most = name in row["at_most"]
    known = f"<= {row[f'{name}_published']:.4g}" if most else _figure(row[f"{name}_published"])
    told = "bound" if most else "fitted" if name in row["fitted"] else None
    return known, _figure(row[f"{name}_modelled"]), f"{row[f'{name}_ratio']:.2f}", told


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


def _about(row: dict[str, Any]) -> str:
    return f"{row['title']}. {row['note']}".rstrip(". ") + "."


def _print_evaluations(title: str, rows: list[dict[str, Any]], first: dict[str, str]) -> None:
    keys = {**first, "warm, median": "warm_p50_s", "warm, 95th": "warm_p95_s"}
    cells = [(r["design"], r["model"], *(format_quantity(r[k], "s", 3) for k in keys.values())) for r in rows]
    print_table([title, "LLM", *keys], cells, left=(0, 1))
    print()


def print_bench(result: dict[str, Any]) -> None:
    """The benchmark's figures."""
    _print_evaluations("Evaluation", result["evaluate"], {"cold": "cold_s"})
    if result["pipelined"]:
        _print_evaluations("Layers pipelined", result["pipelined"], {})
    print_table(
        ["Designs in a batch", "designs per second"],
        [(r["size"], f"{r['designs_per_s']:,.0f}") for r in result["batch"]],
    )
    print()
    print_table(
        ["Kernels predicted", "rows", "time"],
        [(r["kind"], r["rows"], format_quantity(r["predict_s"], "s", 3)) for r in result["kernels"]],
    )
    print()
    rest = [(key, format_quantity(result[key], "s", 3)) for key in ("import_hwlib_s", "cold_start_s")]
    rest.append(("peak_memory_bytes", format_quantity(result["peak_memory_bytes"], "B", 3, binary=True)))
    rest += [(f"ui.{key}", f"{value:.4g}") for key, value in (result["ui"] or {}).items()]
    print_table(["", ""], rest)
