"""The commands about measured tables: calibrate fits a device's kernel models, validate tells their errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwlib.cli_inputs import InputError, json_text

if TYPE_CHECKING:
    from hwlib.baselines.calibration import Calibration

REFERENCES = ("systolic", "mapping", "crossbar", "macro")
"""Kinds of tables that come from other tools or from silicon; see cli_reference.py."""

KINDS = ("gemm", "attention_prefill", "attention_decode", "elementwise", "allreduce", "e2e")
ROWS = ("all", "kept-out", "fitted")
Table = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Measured kernels: CSV, plain or .gz; columns in docs/validation.md.")
]
Kind = Annotated[
    str | None, typer.Option("--kind", metavar="|".join((*KINDS, *REFERENCES)), help="Rows of one kind alone.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to the standard output.")]
Own = Annotated[
    list[Path] | None,
    typer.Option("--calibration", metavar="FILE", help="A calibration of yours, used before those shipped."),
]

_Figures = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(short_help="Fit a device's kernel models to a table.")(calibrate)
    app.command(short_help="Compare predictions with measured kernels.")(validate)


def calibrate(
    table: Table,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="The device that was measured.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The calibration file (.json) to write.")],
    framework: Annotated[
        str | None, typer.Option("--framework", metavar="NAME", help="Rows of one framework alone, as its source says.")
    ] = None,
    json: Json = False,
) -> None:
    """Fit the kernel models of a device to measured kernels, and write a calibration file.

    Seven of ten shapes are fitted, the rest tells the error. The file holds constants, bands, row counts and sources.
    """
    from hwlib.baselines import calibrate as fitting
    from hwlib.baselines.calibration import dump
    from hwlib.baselines.doubts import narrow_doubts, unit_doubts
    from hwlib.baselines.measured import Skips
    from hwlib.baselines.samples import chip_named, read_samples
    from hwlib.design.files import replace_file

    skips = Skips()
    try:
        name = chip_named(device).name
        samples = [s for s in read_samples(table, skips) if s.chip.name == name]
        if framework is not None:
            samples = _of_framework(samples, framework, table)
        if not samples:
            raise InputError(f"{table} has no usable row of {name}. {_skip_words(skips.as_json())}".strip())
        if out.exists() and out.samefile(table):
            raise InputError(f"--out {out} is the table itself; the calibration goes to another file.")
        if doubts := unit_doubts(samples):
            raise InputError(f"{table} can't be fitted as it is. {doubts[0]}.")
        found = fitting.calibrate(samples, name, (framework or "any").lower(), f"user table {table.name}")
        replace_file(out, dump(found).encode())
    except OSError as error:
        raise InputError(f"--out {out}: can't be written: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(str(error)) from None
    _tell_calibration(found, skips.as_json(), narrow_doubts(samples), json, out)


def _of_framework(samples: list[Any], framework: str, table: Path) -> list[Any]:
    """The samples of a framework; all of them where the table names none, which is then taken at its user's word."""
    known = sorted({s.framework for s in samples})
    if known == ["any"]:
        return samples
    if framework.lower() not in known:
        raise InputError(f"{table} has no row of the framework {framework!r}; it has {', '.join(known) or 'none'}.")
    return [s for s in samples if s.framework == framework.lower()]


def _tell_calibration(
    found: Calibration, skipped: list[dict[str, Any]], hints: list[str], as_json: bool, out: Path
) -> None:
    import msgspec

    if as_json:
        told = {**msgspec.to_builtins(found), "skipped": skipped, "hints": hints, "file": str(out)}
        sys.stdout.write(json_text(told))
        return
    from hwlib.cli_tables import print_table

    counts = [[m.kind, m.form, m.fitted_rows, m.kept_out_rows] for m in found.models]
    rows = [[*count, _percent(m.median), _percent(m.mean)] for count, m in zip(counts, found.models, strict=True)]
    print(f"{found.device}, {found.framework}: errors on shapes kept out of the fit\n")
    print_table(["kind", "form", "fitted", "kept out", "median", "mean"], rows, left=(0, 1))
    _print_skips(skipped)
    _print_hints(hints)
    print(f"\nWritten: {out}")


def validate(
    table: Table, kind: Kind = None,
    device: Annotated[str | None, typer.Option("--device", metavar="D", help="Rows of one device alone.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the table with predicted_s and its band added.")
    ] = None,
    rows: Annotated[
        str, typer.Option("--rows", metavar="|".join(ROWS), help="Rows on one side of the split of shapes alone.")
    ] = "all",
    design: Annotated[
        str | None, typer.Option("--design", metavar="FILE", help="A design in place of the one that a table is of.")
    ] = None,
    own: Own = None, json: Json = False,
) -> None:  # fmt: skip
    """Compare predictions with measured kernels or whole models, or with a table of another tool: errors by group."""
    from hwlib.baselines.calibration import load
    from hwlib.validation import kernel_errors, whole_models
    from hwlib.validation.judging import is_of_whole_models

    if kind in REFERENCES:
        from hwlib.cli_reference import validate_reference

        validate_reference(kind, table, design, json)
        return
    if kind is not None and kind not in KINDS:
        raise InputError(f"--kind {kind!r} isn't known; there are {', '.join((*KINDS, *REFERENCES))}.")
    if rows not in ROWS:
        raise InputError(f"--rows {rows!r} isn't known; there are {', '.join(ROWS)}.")
    try:
        extra = tuple(load(path) for path in own or ())
        if kind == "e2e" or (kind is None and is_of_whole_models(table)):
            found = whole_models.validate_whole_models(table, device, out, rows, extra)  # type: ignore[arg-type]
        else:
            found = kernel_errors.validate(table, kind, device, out, rows, extra)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(str(error)) from None
    if json:
        sys.stdout.write(json_text(found.to_json()))
        return
    _print_validation(found.groups, found.totals, found.skipped)
    _print_hints(found.hints)
    if out is not None:
        print(f"\nWritten: {out}")


_HEAD = ("device", "dtype", "source", "n", "median", "mean", "p90", "bias", "in band", "roofline", "worst bucket")


def _print_validation(groups: list[_Figures], totals: list[_Figures], skipped: list[_Figures]) -> None:
    from hwlib.cli_tables import print_table

    for kind in sorted({group["kind"] for group in groups}):
        mine = [g for g in groups if g["kind"] == kind]
        lines = [[g["device"], g["dtype"], g["source"], *_metric(g), *_cells(g)] for g in mine]
        lines += [
            ["all", t["dtype"], t.get("source", ""), *_metric(t), *_cells(t)] for t in totals if t["kind"] == kind
        ]
        whole = "metric" in mine[0]
        head = (*_HEAD[:3], "metric", *_HEAD[3:]) if whole else _HEAD
        print(f"{kind}: |predicted / measured - 1|")
        print_table(head, lines, left=(0, 1, 2, 3, 11) if whole else (0, 1, 2, 10))
        print()
    if not groups:
        print("No row could be judged.")
    _print_skips(skipped)


def _metric(g: _Figures) -> list[str]:
    return [str(g["metric"])] if "metric" in g else []


def _cells(g: dict[str, Any]) -> list[str | int]:
    figures = [_percent(g[name]) for name in ("median", "mean", "p90")]
    roofline = f"{_percent(g['roofline_median'])} / {_percent(g['roofline_mean'])}"
    bias, inside = f"{100.0 * g['bias']:+.1f} %", f"{100.0 * g['in_band']:.0f} %"
    return [g["n"], *figures, bias, inside, roofline, g["worst_bucket"]]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100.0 * value:.1f} %"


def _print_skips(skipped: list[dict[str, Any]]) -> None:
    if skipped:
        print("\nSkipped:")
    for entry in skipped:
        print(f"  {_skip_words([entry])}")


def _print_hints(hints: list[str]) -> None:
    for hint in hints:
        print(f"\nNote: {hint}.")


def _skip_words(skipped: list[dict[str, Any]]) -> str:
    def words(entry: dict[str, Any]) -> str:
        where = f"line {entry['first_line']}" + (f", column {entry['column']}" if entry["column"] else "")
        return f"{entry['rows']} rows, the first in {where}: {entry['reason']}"

    return "; ".join(words(entry) for entry in skipped[:10])
