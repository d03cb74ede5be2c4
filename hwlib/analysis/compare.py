"""Reports side by side: every headline figure with its ratio to a reference and the best marked, and what differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hwlib.analysis.differences import Difference, design_differences, workload_differences
from hwlib.analysis.timing_words import timing_word
from hwlib.report import LABELS, Report
from hwlib.report_json import energy_terms
from hwlib.units import format_band, format_quantity

__all__ = ["Comparison", "ComparisonRow", "Difference", "compare", "unique_names"]

Terms = tuple[str | None, str | None]
_TIE = 1e-9
"""Figures closer than this, relatively, are equally good: rounding decides nothing."""


@dataclass(frozen=True)
class ComparisonRow:
    """One figure of every report, SI in `unit`; None where a report has none.

    `ratios` are to the reference's value (1 for itself), None where there is none to form; `note` says why.
    `best` holds the indices of the best values, empty where nothing is better than anything else.
    `texts` are the cells in words, of rows that hold words too (their values are None).
    """

    key: str
    label: str
    unit: str
    values: tuple[float | None, ...]
    ratios: tuple[float | None, ...]
    best: tuple[int, ...]
    higher_is_better: bool | None
    note: str
    texts: tuple[str, ...] = ()
    band_texts: tuple[str, ...] = ()
    """The 10 and 90 % values of what was measured, "92–118" in the unit of the cell; empty where there is no band."""


@dataclass(frozen=True)
class Comparison:
    """Reports side by side; `reference` is the index of the one that ratios are to. `names` tell subjects apart."""

    reports: tuple[Report, ...]
    reference: int
    rows: tuple[ComparisonRow, ...]
    differences: tuple[Difference, ...]
    names: tuple[str, ...] = ()

    def row(self, key: str) -> ComparisonRow:
        """The row of a figure. Raises KeyError where the comparison has none of this key."""
        for row in self.rows:
            if row.key == key:
                return row
        raise KeyError(key)


@dataclass(frozen=True)
class _Figure:
    key: str
    label: str
    unit: str
    higher: bool | None
    value: Callable[[Report], float | None]
    terms: Callable[[Report], Terms] = lambda report: ("", "")
    band: Callable[[Report], tuple[float, float] | None] = lambda report: None
    """Its 10 and 90 % values where they aren't among the report's `bands`."""


def compare(reports: Sequence[Report], reference: int = 0) -> Comparison:
    """Every figure of `reports` side by side, ratios to `reports[reference]`, and the parameters that differ.

    Ratios and the best of energies and powers are formed only between equal methods and scopes (MODEL.md, Energy).
    Raises ValueError without reports, or where `reference` is no index of one.
    """
    if not 0 <= reference < len(reports):
        raise ValueError(f"no report {reference} among {len(reports)} to compare with")
    names = unique_names([report.subject for report in reports])
    figures = [*_FIGURES[:_SERVED], *_continuous(reports), *_FIGURES[_SERVED:_OTHER_ENERGIES]]
    figures += [*_other_energies(reports), *_FIGURES[_OTHER_ENERGIES:], *_rooflines(reports)]
    rows = [_row(figure, reports, reference, names) for figure in figures]
    differences = workload_differences(reports) + design_differences([r.design for r in reports], reference)
    return Comparison(tuple(reports), reference, (*rows, *_word_rows(reports)), differences, names)


def unique_names(subjects: Sequence[str]) -> tuple[str, ...]:
    """The subjects, those that occur before numbered: "Chip", "Chip (2)"."""
    names: list[str] = []
    for subject in subjects:
        name, count = subject, 1
        while name in names:
            count += 1
            name = f"{subject} ({count})"
        names.append(name)
    return tuple(names)


# --- figures --------------------------------------------------------------------------------------------------------


def _metric(key: str, label: str, unit: str, higher: bool | None, *, energy: bool = False) -> _Figure:
    terms = energy_terms if energy else (lambda report: ("", ""))
    return _Figure(key, label, unit, higher, lambda report: getattr(report.metrics, key, None), terms)


def _tokens_per_area(report: Report) -> float | None:
    """Decode throughput of all chips over the area of all their dies, in tokens/s per mm²."""
    if report.metrics is None or not report.area_m2:
        return None
    return report.metrics.tokens_per_s / (report.area_m2 * 1e6 * report.scenario.chips)


_FIGURES = (
    _metric("ttft_s", "Time to first token (TTFT)", "s", False),
    _metric("tpot_s", "Time per output token (TPOT)", "s", False),
    _metric("end_s", "Time to the last token", "s", False),
    _metric("tokens_per_s", "Tokens per second, decode", "tokens/s", True),
    _metric("e2e_tokens_per_s", "Tokens per second, prefill included", "tokens/s", True),
    _metric("energy_per_token_J", "Energy per token", "J", False, energy=True),
    _metric("decode_energy_per_token_J", "Energy per token, decode alone", "J", False, energy=True),
    _metric("power_W", "Power, mean", "W", False, energy=True),
    _metric("power_prefill_W", "Power in prefill", "W", False, energy=True),
    _metric("power_decode_W", "Power in decode", "W", False, energy=True),
    _Figure("area_m2", "Area of a die", "m²", False, lambda report: report.area_m2),
    _Figure("die_cost_USD", "Cost of a die, estimated", "USD", False, lambda report: report.die_cost_USD),
    _Figure("package_cost_USD", "Cost of a packaged chip, estimated", "USD", False, lambda r: r.package_cost_USD),
    _Figure("tokens_per_s_per_mm2", "Tokens per second and area, decode", "tokens/s/mm²", True, _tokens_per_area),
    _metric("batch_running", "Sequences that run at once", "", True),
    _metric("waves", "Waves", "", False),
    _metric("clock_factor", "Clock after throttling", "×", True),
)
_SERVED = 5
"""Where rows of continuous batching go: behind the tokens per second of a batch."""

_OTHER_ENERGIES = 7
"""Where rows of other methods and scopes go: behind the energies by actions."""


def _continuous(reports: Sequence[Report]) -> list[_Figure]:
    """The steady state of continuous batching, where one of the reports knows it."""
    if all(report.continuous is None for report in reports):
        return []

    def of(name: str) -> Callable[[Report], Any]:
        return lambda report: getattr(report.continuous, name, None)

    return [
        _Figure("continuous.tokens_per_s", "Tokens per second, continuous batching", "tokens/s", True,
                of("tokens_per_s"), band=of("tokens_per_s_band")),
        _Figure("continuous.tpot_s", "Time per token, continuous batching", "s", None, of("tpot_s"),
                band=of("tpot_band_s")),
        _Figure("continuous.sequences", "Requests in flight, continuous batching", "", None, of("sequences")),
    ]  # fmt: skip


def _rooflines(reports: Sequence[Report]) -> list[_Figure]:
    """What a plain roofline says of the devices among the reports; ratios and bests are for predictions alone."""
    if all(report.roofline is None for report in reports):
        return []

    def of(name: str) -> Callable[[Report], float | None]:
        return lambda report: getattr(report.roofline, name, None)

    return [
        _Figure("roofline.ttft_s", "TTFT by a plain roofline", "s", None, of("ttft_s")),
        _Figure("roofline.tpot_s", "TPOT by a plain roofline", "s", None, of("tpot_s")),
        _Figure("roofline.tokens_per_s", "Tokens per second, decode, by a plain roofline", "tokens/s", None,
                of("tokens_per_s")),
    ]  # fmt: skip


def _other_energies(reports: Sequence[Report]) -> list[_Figure]:
    """A figure for each further method and scope in which one of the reports knows its energy, such as a board's."""
    main = {energy_terms(report) for report in reports}
    terms = dict.fromkeys((e.method, e.scope) for report in reports for e in report.energies)
    return [_energy_by(method, scope) for method, scope in terms if (method, scope) not in main]


def _energy_by(method: str, scope: str) -> _Figure:
    def value(report: Report) -> float | None:
        return next((e.J_per_token for e in report.energies if (e.method, e.scope) == (method, scope)), None)

    key = f"energy.{method}.{scope}"
    return _Figure(key, f"Energy per token, {method}, {scope}", "J", False, value, lambda report: (method, scope))


# --- rows -----------------------------------------------------------------------------------------------------------


def _row(figure: _Figure, reports: Sequence[Report], reference: int, names: Sequence[str]) -> ComparisonRow:
    values = tuple(_finite(figure.value(report)) for report in reports)
    terms = [figure.terms(report) for report in reports]
    equal = [value is not None and t == terms[reference] for value, t in zip(values, terms, strict=True)]
    return ComparisonRow(
        key=figure.key,
        label=figure.label,
        unit=figure.unit,
        values=values,
        ratios=_ratios(values, equal, reference),
        best=_best(values, equal, figure.higher),
        higher_is_better=figure.higher,
        note=_note(figure.unit, values, terms, reference, names) if figure.higher is not None else "",
        texts=tuple(_text(value, figure.unit) for value in values),
        band_texts=tuple(
            _band_text(r, figure, value) if value is not None else "" for r, value in zip(reports, values, strict=True)
        ),
    )


_BAND_KEYS = {"energy.board power x time.board": "board_energy_per_token_J"}
"""Under which key a report knows the band of a figure, where that isn't the row's."""


def _band_text(report: Report, figure: _Figure, value: float) -> str:
    low, high = figure.band(report) or report.bands.get(_BAND_KEYS.get(figure.key, figure.key), (value, value))
    unit = "" if figure.unit.startswith("tokens") else figure.unit
    return format_band(value, low, high, unit) if low < high else ""


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _text(value: float | None, unit: str) -> str:
    if value is not None and unit.startswith("tokens"):
        return f"{format_quantity(value)} {unit}"
    return format_quantity(value, unit)


def _ratios(values: Sequence[float | None], equal: Sequence[bool], reference: int) -> tuple[float | None, ...]:
    base = values[reference]
    return tuple(
        value / base if ok and base and value is not None else None for value, ok in zip(values, equal, strict=True)
    )


def _best(values: Sequence[float | None], equal: Sequence[bool], higher: bool | None) -> tuple[int, ...]:
    """Indices of the best among values on equal terms; none where fewer than two differ."""
    known = {i: v for i, (v, ok) in enumerate(zip(values, equal, strict=True)) if ok and v is not None}
    if higher is None or len(known) < 2:
        return ()
    top = max(known.values()) if higher else min(known.values())
    found = tuple(i for i, v in known.items() if math.isclose(v, top, rel_tol=_TIE))
    return found if len(found) < len(known) else ()


def _note(
    unit: str, values: Sequence[float | None], terms: Sequence[Terms], reference: int, names: Sequence[str]
) -> str:
    """Why ratios are missing: no figure to refer to, or another method or scope."""
    base = names[reference]
    if all(value is None for value in values):
        return ""
    if values[reference] is None:
        return f"No ratio: {base} has no such figure."
    if not values[reference]:
        return f"No ratio: {base} has {format_quantity(0.0, unit)}."
    others = [i for i, value in enumerate(values) if value is not None and terms[i] != terms[reference]]
    if not others:
        return ""
    told = "; ".join(f"{names[i]} by {_words(terms[i])}" for i in others)
    return f"No ratio between unlike energies: {base} by {_words(terms[reference])}; {told}."


def _words(terms: Terms) -> str:
    method, scope = terms
    return f"{str(method).removeprefix('by ')}, {scope}" if method else "no method"


def _word_rows(reports: Sequence[Report]) -> tuple[ComparisonRow, ...]:
    """Rows that hold words and factors: how energy is counted, what times are, what binds, and life without that."""
    terms = [_words(energy_terms(report)) if report.metrics else "" for report in reports]
    rows = [_said("energy_terms", "Energy is counted by", terms)]
    rows.append(_said("timing", "Times are", [timing_word(r) if r.metrics else "" for r in reports]))
    for phase, name in (("prefill", "Prefill"), ("decode", "Decode")):
        bounds = [getattr(r.metrics, f"bound_{phase}", "") for r in reports]
        rows.append(_said(f"bound_{phase}", f"{name} is bound by", [LABELS.get(bound, bound) for bound in bounds]))
        factors = tuple(getattr(r.metrics, f"without_bound_{phase}", None) for r in reports)
        texts = ["" if factor is None else f"×{factor:.3g} faster" for factor in factors]
        rows.append(_said(f"without_bound_{phase}", f"{name} without this wall", texts, "×", factors))
    return tuple(rows)


def _said(
    key: str, label: str, texts: Sequence[str], unit: str = "", values: tuple[float | None, ...] = ()
) -> ComparisonRow:
    nothing = (None,) * len(texts)
    shown = tuple(text or format_quantity(None) for text in texts)
    return ComparisonRow(key, label, unit, values or nothing, nothing, (), None, "", shown, ("",) * len(texts))
