"""A comparison as JSON values and as tidy CSV: the reports, and what they are to the reference."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from hwlib.analysis.compare import Comparison
from hwlib.analysis.waterfall import QUANTITIES, QUANTITY_UNITS, Step, waterfall
from hwlib.report import Report
from hwlib.report_json import finite
from hwlib.report_table import TIDY_COLUMNS, tidy_rows


def named_reports(comparison: Comparison) -> tuple[Report, ...]:
    """The reports under the comparison's names, which tell equal subjects apart."""
    pairs = zip(comparison.reports, comparison.names, strict=True)
    return tuple(r if r.subject == name else msgspec.structs.replace(r, subject=name) for r, name in pairs)


def comparison_json(comparison: Comparison) -> list[dict[str, Any]]:
    """The reports as JSON objects, each with a `comparison` to the reference (docs/json.md)."""
    return [
        report.to_json() | {"comparison": finite(_compared(comparison, i))}
        for i, report in enumerate(comparison.reports)
    ]


def _compared(comparison: Comparison, index: int) -> dict[str, Any]:
    base = comparison.reference
    rows = [row for row in comparison.rows if row.higher_is_better is not None]
    return {
        "name": comparison.names[index],
        "reference": comparison.names[base],
        "ratios": {row.key: row.ratios[index] for row in rows},
        "best": [row.key for row in rows if index in row.best],
        "notes": [row.note for row in rows if row.note],
        "differences": [
            {"where": d.where, "label": d.label, "value": d.values[index], "reference_value": d.values[base]}
            for d in comparison.differences
            if d.values[index] != d.values[base]
        ],
        "waterfalls": {
            what: [
                {"label": step.label, "component": step.component, "start": step.start, "end": step.end}
                for step in waterfall(comparison.reports[base], comparison.reports[index], what)
            ]
            for what in QUANTITIES
        },
    }


def comparison_csv(comparison: Comparison) -> str:
    """Every figure of every report as tidy rows, then ratios, differences and waterfalls; empty means none.

    Rows of `ratio` and `waterfall` name the reference in `item`; its own are left out.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TIDY_COLUMNS)
    for report in named_reports(comparison):
        writer.writerows(["" if _absent(value) else value for value in row] for row in tidy_rows(report))
    for i, name in enumerate(comparison.names):
        model = comparison.reports[i].llm.name
        writer.writerows((name, model, *row) for row in _rows(comparison, i))
    return text.getvalue()


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _rows(comparison: Comparison, index: int) -> Iterator[tuple[object, ...]]:
    """(section, item, figure, value, unit) of what a report is to the reference."""
    base = comparison.reference
    if index != base:
        for row in comparison.rows:
            if row.ratios[index] is not None:
                yield "ratio", comparison.names[base], row.key, row.ratios[index], "×"
    for row in comparison.rows:
        if index in row.best:
            yield "best", "", row.key, row.values[index], row.unit
    for difference in comparison.differences:
        yield "difference", difference.where, difference.label, difference.values[index], ""
    if index != base:
        for what in QUANTITIES:
            for step in waterfall(comparison.reports[base], comparison.reports[index], what)[1:-1]:
                yield f"waterfall.{what}", comparison.names[base], _figure(step), step.change, QUANTITY_UNITS[what]


def _figure(step: Step) -> str:
    return step.component or step.label.lower()
