"""A declared parameter's value as text and back: what a field shows, reads, steps through, and says about itself."""

from __future__ import annotations

import html
import math
import re

from hwlib.fields import PartField
from hwlib.units import UnitError, format_quantity, parse, thousands

Value = float | int | str | bool | None

EXACT_DIGITS = range(4, 10)
POSITION_STEP_M = 1e-4
BARE_LIMIT = 10_000.0
"""From here on a bare number is meant in the plain unit: nobody writes 2097152 MiB."""
SMALL_COUNT = 16
NODES_NM = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 22, 28, 32, 40, 45, 65, 90, 130)
RATES = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
ONE_TWO_FIVE = (1.0, 2.0, 5.0)

_BARE = re.compile(r"[+-]?[\d_]*\.?[\d_]*")
_WORDS = {
    "sram": "SRAM", "edram": "eDRAM", "rram": "RRAM", "pcm": "PCM", "simd": "SIMD", "gpu": "GPU", "cpu": "CPU",
    "noc": "NoC", "ucie": "UCIe", "nvlink": "NVLink", "pcie5": "PCIe 5", "serdes112": "SerDes 112G",
    "infiniband": "InfiniBand", "edp": "EDP", "macs": "MACs",
}  # fmt: skip


class FieldError(ValueError):
    """Text that isn't a value of the field; the message says why, in words, with the allowed range."""


def is_share(field: PartField) -> bool:
    """True for a part of a whole (0 to 1), which people say in per cent."""
    bounded = field.lo is not None and field.hi is not None and field.lo >= 0.0 and field.hi <= 1.0
    return field.type == "float" and not field.unit and bounded


def value_text(field: PartField, value: Value) -> str:
    """`value` as its field shows it: a unit with a prefix, and as many digits as reading it back needs (4 to 9)."""
    if value is None or isinstance(value, str):
        return value or ""
    if field.type == "int" and field.unit in ("", "bit", "tokens"):
        return f"{thousands(value)} {field.unit}".strip() if field.unit == "bit" else thousands(value)
    number = float(value)
    if is_share(field):
        texts = (f"{number * 100.0:.{digits}g}" for digits in EXACT_DIGITS)
        return next((t for t in texts if math.isclose(float(t) / 100.0, number)), f"{number * 100.0:.12g}") + " %"
    if field.unit == "m":
        return _length_text(number)
    if field.unit != "B":
        return _shortest(number, field.unit, binary=False)[1]
    return min(_shortest(number, "B", binary=True), _shortest(number, "B", binary=False), key=lambda found: found[0])[1]


def _length_text(metres: float) -> str:
    """A length in millimetres, as the rulers show them, to a tenth of a micrometre: the rest is noise of the mouse."""
    if metres and not 1e-6 <= abs(metres) < 1.0:
        return format_quantity(metres, "m")
    return f"{metres * 1e3 + 0.0:.4f}".rstrip("0").rstrip(".") + " mm"


def _shortest(number: float, unit: str, *, binary: bool) -> tuple[int, str]:
    """The digits needed to read `number` back, and its text with them."""
    text = ""
    for digits in EXACT_DIGITS:
        text = format_quantity(number, unit, digits, binary=binary)
        if math.isclose(parse(text, unit), number, rel_tol=1e-12):
            return digits, text
    return EXACT_DIGITS.stop, text


def rounded_text(field: PartField, value: float) -> str:
    """A modelled figure in its field's unit with at most four digits."""
    return format_quantity(value, field.unit, binary=field.unit == "B")


def suffix_of(text: str) -> str:
    """The unit that a shown text ends in ("GHz")."""
    return text.partition(" ")[2].strip()


def read_value(field: PartField, text: str, shown: str = "") -> Value:
    """The value that `text` means in `field`; a bare number takes the unit of the `shown` text where that fits.

    Empty text means None where the field is optional. Raises FieldError in words.
    """
    body = text.strip()
    if not body:
        if field.optional:
            return None
        raise FieldError("A value is needed.")
    try:
        candidates = [_share(body) if is_share(field) else parse(body, field.unit)]
        if not is_share(field) and _BARE.fullmatch(body) and abs(candidates[0]) < BARE_LIMIT and suffix_of(shown):
            candidates.insert(0, parse(f"{body} {suffix_of(shown)}", field.unit))
    except UnitError as error:
        why = str(error).removeprefix(f"{body!r}: ")
        raise FieldError(f"{why[:1].upper()}{why[1:]} Allowed: {range_text(field)}.") from None
    number = next((c for c in candidates if _inside(field, c)), None)
    if number is None:
        raise FieldError(f"Out of range: {range_text(field)}.")
    return _whole(field, number) if field.type == "int" else number


def _share(body: str) -> float:
    """ "60 %", "60" and "0.6" are the same share. Raises UnitError."""
    number = parse(body.removesuffix("%").rstrip(), "")
    return number / 100.0 if body.endswith("%") or number > 1.0 else number


def _whole(field: PartField, number: float) -> int:
    if field.unit not in ("B", "bit") and number != round(number):
        raise FieldError(f"A whole number is needed: {range_text(field)}.")
    return round(number)


def _inside(field: PartField, number: float) -> bool:
    return (field.lo is None or number >= field.lo) and (field.hi is None or number <= field.hi)


def unfinished(field: PartField, text: str) -> bool:
    """True where more typing could still make a value of `text` ("2 Mi", "12.5 pJ/")."""
    body = text.strip()
    if not body or body in ("+", "-", "."):
        return True
    endings = (field.unit, f"i{field.unit}", f"m{field.unit}", *(field.unit[i:] for i in range(1, len(field.unit))))
    return any(_parses(f"{body}{ending}", field.unit) for ending in endings if ending)


def _parses(text: str, unit: str) -> bool:
    try:
        parse(text, unit)
    except UnitError:
        return False
    return True


def stepped(field: PartField, value: float | int, direction: int, *, fine: bool = False) -> float | int:
    """The next value up (+1) or down (-1): whole numbers by 1, then by doubling; others along 1-2-5. Stays in range.

    `fine` steps by 1, or by a tenth of the leading digit.
    """
    if field.type == "int":
        found: float = _next_int(field, int(value), direction, fine)
    elif fine:
        found = value + direction * 10.0 ** math.floor(math.log10(abs(value) or 1.0)) / 10.0
    else:
        found = _next_float(field, float(value), direction)
    found = min(max(found, -math.inf if field.lo is None else field.lo), math.inf if field.hi is None else field.hi)
    return round(found) if field.type == "int" else float(f"{found:.12g}")


def _next_int(field: PartField, value: int, direction: int, fine: bool) -> int:
    small = field.unit != "B" and (value < SMALL_COUNT or (value == SMALL_COUNT and direction < 0))
    if fine or small or (field.hi is not None and field.hi <= 64):
        return value + direction
    power = 2 ** math.floor(math.log2(value)) if value > 0 else 0
    if direction > 0:
        return max(1, power * 2)
    return power // 2 if value == power else power


def _next_float(field: PartField, value: float, direction: int) -> float:
    if field.unit == "m":
        signed = field.lo is not None and field.lo < 0.0
        return value + direction * (POSITION_STEP_M if signed else 10.0 ** (math.floor(math.log10(value)) - 1))
    ladder = NODES_NM if field.unit == "nm" else RATES if field.unit == "×" else ()
    if ladder:
        return _next_rung(ladder, value, direction)
    if field.lo is not None and field.hi is not None and field.hi - field.lo <= 1.0 and not field.unit:
        return round(value / 0.05 + direction) * 0.05
    if value <= 0.0:
        return value
    exponent = math.floor(math.log10(value) + 1e-9)
    rungs = [m * 10.0**e for e in (exponent - 1, exponent, exponent + 1) for m in ONE_TWO_FIVE]
    return _next_rung(tuple(rungs), value, direction)


def _next_rung(ladder: tuple[float, ...], value: float, direction: int) -> float:
    beyond = [r for r in ladder if (r - value) * direction > 1e-9 * max(abs(value), 1e-300)]
    return (min(beyond) if direction > 0 else max(beyond)) if beyond else value


def range_text(field: PartField) -> str:
    """The allowed range in readable units ("1 MHz to 10 GHz"); empty for words and switches."""
    if field.choices or field.type == "bool":
        return ""
    lo, hi = (None if bound is None else _bound_text(field, bound) for bound in (field.lo, field.hi))
    if lo is None or hi is None:
        return f"at least {lo}" if lo is not None else f"at most {hi}" if hi is not None else "any number"
    return f"{lo} to {hi}"


def _bound_text(field: PartField, bound: float) -> str:
    if field.type == "int" and field.unit != "B":
        return f"{thousands(bound)} {field.unit}".strip()
    return value_text(field, int(bound) if field.type == "int" else float(bound))


def choice_text(word: object) -> str:
    """A choice's key as people write it: "weight_stationary" is "Weight stationary", "sram_digital" "SRAM digital"."""
    words = [_WORDS.get(part, part) for part in str(word).split("_")]
    first = words[0] if not words[0].islower() else words[0].capitalize()
    return " ".join([first, *words[1:]])


def short_label(field: PartField) -> str:
    """The label without "(own value)", for places that say so otherwise."""
    return field.label.removesuffix(" (own value)")


def help_html(field: PartField) -> str:
    """What a field means, its range, default, formula and source, as rich text."""
    facts = [
        ("Range", range_text(field)), ("Default", _default_text(field)),
        ("Formula", field.formula), ("Source", field.source),
    ]  # fmt: skip
    rows = "".join(f"<p style='margin:4px 0 0 0'>{name}: {html.escape(text)}</p>" for name, text in facts if text)
    return f"<b>{html.escape(field.label)}</b><p style='margin:4px 0 0 0'>{html.escape(field.help)}</p>{rows}"


def _default_text(field: PartField) -> str:
    if field.default is None:
        return "the modelled value" if field.override else ""
    if field.type == "bool":
        return "on" if field.default else "off"
    return choice_text(field.default) if field.choices else value_text(field, field.default)
