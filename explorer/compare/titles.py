"""Words about a comparison as a whole: the heads of its columns, and the key to its marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.compare.head import Title
from explorer.compare.lines import BEST_MARK, BETTER, UNLIKE, UNSURE, WORSE
from explorer.compare.subjects import EXAMPLE
from explorer.timing import timing_tip
from explorer.words import refusal
from hwlib.analysis.timing_words import timing_word, timing_words

if TYPE_CHECKING:
    from explorer.compare.subjects import Subject
    from explorer.compare.worker import Compared
    from hwlib.report import Report

ALONE = "Add a device or a design, or pin a snapshot, and its figures appear beside this one."
DIFFERENCES_KEY = "Bold: other than in the reference"
NO_DIFFERENCES = "All parameters are equal."


def titles_of(compared: Compared) -> tuple[Title, ...]:
    """The heads of the columns."""
    comparison = compared.comparison
    rows = zip(compared.request.subjects, comparison.names, compared.reports, strict=True)
    return tuple(_title(s, name, r, i == comparison.reference) for i, (s, name, r) in enumerate(rows))


def _title(subject: Subject, name: str, report: Report, is_reference: bool) -> Title:
    source = subject.path.removeprefix(EXAMPLE)
    timed = (timing_words(report), timing_tip(report)) if report.fits else ()
    tip = (name, subject.kind_words, source, report.reason, *timed, "Click for the menu, drag to move")
    problem = "" if report.fits else refusal(report)[0].lower()
    # What a device's figures rest on says more than that it is a device.
    kind = timing_word(report) if report.is_device and report.fits else subject.kind_words
    return Title(subject.id, name, kind, is_reference, problem, "\n".join(filter(None, tip)))


def key_words(compared: Compared) -> str:
    """What the marks in the table of figures mean."""
    comparison = compared.comparison
    if len(comparison.reports) < 2:
        return ALONE
    name = comparison.names[comparison.reference]
    parts = [f"{BEST_MARK} best", f"× of {name}: {BETTER} better, {WORSE} worse, = equal"]
    if any(row.note and row.unit in ("J", "W") for row in comparison.rows):
        parts.append(f"{UNLIKE} no ratio: other method or scope")
    if any(band for row in comparison.rows for band in row.band_texts):
        parts.append(f"(…–…) 10 to 90 % band of measured devices, {UNSURE} too near to tell")
    return "    ".join(parts)


def difference_words(compared: Compared) -> str:
    """What the weight in the table of differences means."""
    if len(compared.reports) < 2:
        return ALONE
    return DIFFERENCES_KEY if compared.comparison.differences else NO_DIFFERENCES
