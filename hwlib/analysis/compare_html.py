"""A comparison as one self-contained HTML page: figures with ratios, differences, waterfalls, bars, every report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hwlib.analysis.compare import Comparison, ComparisonRow
from hwlib.analysis.compare_tables import named_reports
from hwlib.analysis.waterfall import QUANTITIES, QUANTITY_LABELS, QUANTITY_UNITS, Quantity, Step, obstacle, waterfall
from hwlib.report import Report
from hwlib.report_html import COLORS, cell, charts, details, page, sources, table, verdict
from hwlib.report_table import scenario_words
from hwlib.units import NOTHING, format_quantity

BEST = "★"
_STYLE = """
th small.note { display: block; white-space: normal; max-width: 36ch }
td.best { font-weight: 600 } td.best small { font-weight: 400 }
.differences td, .differences th { white-space: normal; min-width: 12ch }
.fall { grid-template-columns: minmax(120px, max-content) 1fr minmax(9ch, max-content) }
"""
_THINNEST = 3.0
"""Width of a step that is too small to be seen, in thousandths of the chart."""


def comparison_html(comparison: Comparison) -> str:
    """One HTML page without script or address; ratios and waterfalls are to the comparison's reference."""
    reports = named_reports(comparison)
    title = f"{', '.join(comparison.names)} on {_models(reports)}"
    fitting = [report for report in reports if report.fits]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="muted">{escape(_scenarios(reports))}</p>',
        *(verdict(report) for report in reports if not report.fits),
        _figures(comparison),
        _differences(comparison),
        *_waterfalls(comparison, reports),
        *charts(fitting),
        *(details(report) for report in reports),
        sources(reports),
    ]
    return page(title, body, _STYLE)


def _models(reports: Sequence[Report]) -> str:
    return ", ".join(dict.fromkeys(report.llm.name for report in reports))


def _scenarios(reports: Sequence[Report]) -> str:
    return "; ".join(dict.fromkeys(scenario_words(report) for report in reports))


# --- figures and differences ----------------------------------------------------------------------------------------


def _figures(comparison: Comparison) -> str:
    base = comparison.names[comparison.reference]
    head = [
        escape(name) + ("<small> reference</small>" if i == comparison.reference else "")
        for i, name in enumerate(comparison.names)
    ]
    rows = [_figure(row, comparison.reference) for row in comparison.rows if any(t != NOTHING for t in row.texts)]
    banded = any(band for row in comparison.rows for band in row.band_texts)
    brackets = " In brackets the 10 to 90 % band of measured devices." if banded else ""
    note = f'<p class="muted">× is the ratio to {escape(base)}; {BEST} is the best of a row.{brackets}</p>'
    return table(["", *head], rows) + (note if len(comparison.names) > 1 else "")


def _figure(row: ComparisonRow, reference: int) -> list[str]:
    note = f'<small class="note">{escape(row.note)}</small>' if row.note else ""
    cells = []
    for i, (text, ratio, band) in enumerate(zip(row.texts, row.ratios, row.band_texts, strict=True)):
        best = i in row.best
        beside = f"<small>×{ratio:.3g}</small>" if ratio is not None and i != reference else ""
        text = f"{text} ({band})" if band else text
        opened = f'<td class="best">{BEST} ' if best else "<td>"
        cells.append(f"{opened}{escape(text)}{beside}</td>")
    return [f'<th scope="row">{escape(row.label)}{note}</th>', *cells]


def _differences(comparison: Comparison) -> str:
    if len(comparison.names) < 2:
        return ""
    title = "<h2>What differs</h2>"
    if not comparison.differences:
        return f"{title}<p>The designs are equal in every parameter.</p>"
    rows, above = [], ""
    for d in comparison.differences:
        where = "" if d.where == above else escape(d.where)
        heads = [f'<th scope="row">{where}</th>', f'<th class="text">{escape(d.label)}</th>']
        rows.append([*heads, *(cell(value) for value in d.values)])
        above = d.where
    shown = table(["Where", "What", *map(escape, comparison.names)], rows, text=["What"])
    return f'{title}<div class="differences">{shown}</div>'


# --- waterfalls -----------------------------------------------------------------------------------------------------


def _waterfalls(comparison: Comparison, reports: Sequence[Report]) -> list[str]:
    """From the reference to each of the others: both times and the energy."""
    base = reports[comparison.reference]
    made = []
    for i, report in enumerate(reports):
        if i != comparison.reference:
            made.append(f"<h2>{escape(f'From {base.subject} to {report.subject}')}</h2>")
            made += [_waterfall(base, report, what) for what in QUANTITIES]
    return made


def _waterfall(a: Report, b: Report, what: Quantity) -> str:
    title = f"<h3>{QUANTITY_LABELS[what]}</h3>"
    steps, unit = waterfall(a, b, what), QUANTITY_UNITS[what]
    if not steps:
        return f'{title}<p class="muted">{escape(obstacle(a, b, what))}</p>'
    full = max(max(step.start, step.end) for step in steps)
    lines = [
        f'<span>{escape(step.label)}</span>{step_bar(step, full, unit)}<span class="end">{_amount(step, unit)}</span>'
        for step in steps
    ]
    return f'{title}<div class="bars fall">{"".join(lines)}</div>'


def step_bar(step: Step, full: float, unit: str) -> str:
    """One line of a waterfall as inline SVG: from where the step starts to where it ends, `full` (> 0) the width."""
    left, right = (1000.0 * at / full for at in sorted((step.start, step.end)))
    width = max(_THINNEST, right - left)
    color = COLORS.get(step.component, "currentColor")
    faint = "" if step.component else ' fill-opacity="0.4"'
    label = escape(f"{step.label}: {_amount(step, unit)}")
    return (
        '<svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}"><rect x="{min(left, 1000.0 - width):.2f}" width="{width:.2f}" height="24" '
        f'fill="{color}"{faint}><title>{label}</title></rect></svg>'
    )


def _amount(step: Step, unit: str) -> str:
    """What a step adds with its sign, or the total."""
    is_total = not step.component and step.start == 0.0
    sign = "" if is_total else "+" if step.change >= 0 else "−"
    return f"{sign}{format_quantity(abs(step.change), unit)}"
