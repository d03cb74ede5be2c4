"""The comparison as lines of ready words: what stands in each cell, which is best, and why a ratio is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.bands import MEANING, band_of
from explorer.timing import timing_tip
from explorer.words import refusal
from hwlib.analysis.timing_words import timing_words
from hwlib.units import NOTHING, format_quantity

if TYPE_CHECKING:
    from hwlib.analysis.compare import Comparison, ComparisonRow, Difference
    from hwlib.report import Report

LABELS = {
    "tokens_per_s": "Tokens/s, decode",
    "e2e_tokens_per_s": "Tokens/s, prefill included",
    "tokens_per_s_per_mm2": "Tokens/s per mm², decode",
    "continuous.tokens_per_s": "Tokens/s, continuous batching",
    "roofline.tokens_per_s": "Tokens/s, decode, plain roofline",
    "energy.board power x time.board": "Energy per token, board power",
    "energy.TDP x time.board": "Energy per token, board at TDP",
}
"""Labels that hold the unit of their row, so that cells need not repeat it."""
_SAID_IN_LABEL = ("tokens/s/mm²", "token/s/mm²", "tokens/s", "token/s")
SAME = 1e-9
"""Figures closer than this, relatively, are told as equal, as in `hwlib.analysis.compare`."""
BEST_MARK, BETTER, WORSE, EQUAL, UNLIKE, UNSURE = "★", "▲", "▼", "=", "≠", "≈"


@dataclass(frozen=True)
class Cell:
    """One cell. `goodness` is 1 for better than the reference, -1 for worse, 0 for neither.

    `strong` cells stand out by weight: the best figure, or a parameter that differs from the reference's.
    """

    text: str
    ratio: str = ""
    goodness: int = 0
    strong: bool = False
    best: bool = False
    muted: bool = False
    tip: str = ""
    explain: str = ""
    """Key of the figure in the column's report that says where it comes from."""
    band: str = ""
    """10 and 90 % values of a measured device's figure, such as "92–118"."""

    @property
    def figure(self) -> str:
        """The figure with its band."""
        return f"{self.text} ({self.band})" if self.band else self.text

    @property
    def words(self) -> str:
        """The whole cell as one text, as it is copied."""
        return " ".join(filter(None, (self.figure, self.ratio, "best" if self.best else "")))


@dataclass(frozen=True)
class Line:
    """One row of a table: its label, a cell for each subject, and a note that concerns the whole row."""

    key: str
    label: str
    cells: tuple[Cell, ...]
    note: str = ""
    tip: str = ""


def figure_lines(comparison: Comparison) -> tuple[Line, ...]:
    """Every figure that one of the reports has; reasons first where one of them does not run."""
    lines = [] if all(r.fits for r in comparison.reports) else [_status_line(comparison)]
    return (*lines, *(_figure_line(row, comparison) for row in comparison.rows if _said(row)))


def difference_lines(comparison: Comparison) -> tuple[Line, ...]:
    """The parameters in which the subjects differ; those unlike the reference's stand out."""
    return tuple(_difference_line(i, d, comparison) for i, d in enumerate(comparison.differences))


def _said(row: ComparisonRow) -> bool:
    return any(text != NOTHING for text in row.texts)


def _status_line(comparison: Comparison) -> Line:
    cells = tuple(
        Cell("runs") if r.fits else Cell(refusal(r)[0].lower(), strong=True, goodness=-1, tip=r.reason)
        for r in comparison.reports
    )
    return Line("status", "Runs the LLM", cells)


def _figure_line(row: ComparisonRow, comparison: Comparison) -> Line:
    reports = comparison.reports
    cells = tuple(_figure_cell(row, i, reports[i], comparison) for i in range(len(reports)))
    return Line(row.key, LABELS.get(row.key, row.label), cells, row.note, row.label)


def _without_unit(row: ComparisonRow, text: str) -> str:
    """The figure alone where the label of its row says the unit."""
    unit = next((u for u in _SAID_IN_LABEL if text.endswith(u)), "") if row.key in LABELS else ""
    return text.removesuffix(unit).strip()


def _figure_cell(row: ComparisonRow, column: int, report: Report, comparison: Comparison) -> Cell:
    text, value, ratio = row.texts[column], row.values[column], row.ratios[column]
    best = column in row.best
    reference = comparison.names[comparison.reference]
    band = row.band_texts[column]
    tip = [f"{comparison.names[column]}: {text}" + (f" ({band})" if band else "")]
    tip += [MEANING] if band else []
    if row.key == "timing":
        tip = [timing_words(report), timing_tip(report)]
    shown, goodness = "", 0
    if text == NOTHING:
        tip = [report.reason] if report.reason else [f"{comparison.names[column]} has no such figure"]
    elif column != comparison.reference and ratio is not None:
        unsure = _too_near(row, column, comparison)
        goodness = 0 if unsure else _goodness(ratio, row.higher_is_better)
        mark = UNSURE if unsure else _arrow(goodness)
        shown = EQUAL if abs(ratio - 1.0) <= SAME else f"{mark} ×{format_quantity(ratio, '', 3)}".strip()
        told = ", too near to tell" if unsure else {1: ", better", -1: ", worse"}.get(goodness, "")
        tip.append(f"×{format_quantity(ratio)} of {reference}{told}")
    elif column != comparison.reference and row.note and value is not None:
        shown = UNLIKE
    if best:
        tip.append(f"Best of {sum(v is not None for v in row.values)}")
    if row.note:
        tip.append(row.note)
    known = text != NOTHING and row.key in report.figures()
    if known:
        tip.append("Double click or Space: where from?")
    return Cell(
        _without_unit(row, text), shown, goodness, strong=best, best=best, muted=text == NOTHING, tip="\n".join(tip),
        explain=row.key if known else "", band=band,
    )  # fmt: skip


def _too_near(row: ComparisonRow, column: int, comparison: Comparison) -> bool:
    """Whether a figure and the reference's overlap within their bands; without any band all is told apart."""
    places = (column, comparison.reference)
    bands = [band_of(comparison.reports[i], row.key) for i in places]
    if row.higher_is_better is None or not any(bands):
        return False
    values = [row.values[i] or 0.0 for i in places]
    (a, b), (c, d) = (band or (value, value) for band, value in zip(bands, values, strict=True))
    return a < d and c < b


def _goodness(ratio: float, higher_is_better: bool | None) -> int:
    if higher_is_better is None or abs(ratio - 1.0) <= SAME:
        return 0
    return 1 if (ratio > 1.0) == higher_is_better else -1


def _arrow(goodness: int) -> str:
    return (WORSE, "", BETTER)[goodness + 1]


def _difference_line(index: int, difference: Difference, comparison: Comparison) -> Line:
    own = difference.values[comparison.reference]
    cells = tuple(
        Cell(value, strong=value != own, muted=value == NOTHING, tip=f"{name}: {value}")
        for name, value in zip(comparison.names, difference.values, strict=True)
    )
    return Line(f"difference.{index}", f"{difference.where}: {difference.label}", cells, tip=difference.where)


def as_tsv(lines: Sequence[Line], names: Sequence[str]) -> str:
    """A table as tab-separated text, as spreadsheets paste it."""
    rows = [["", *names], *([line.label, *(cell.words for cell in line.cells)] for line in lines)]
    return "\n".join("\t".join(" ".join(text.split()) for text in row) for row in rows)
