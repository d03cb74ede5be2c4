"""Quantities at the edge: text such as "3.35 TB/s" or "12.5 pJ" to plain SI floats and back."""

from __future__ import annotations

import math
import re

from quantiphy import Quantity

NOTHING = "–"

# For each unit the spellings that are understood and how many of the unit one of them is.
_SPELLINGS: dict[str, dict[str, float]] = {
    "B": {"B": 1.0, "byte": 1.0, "bytes": 1.0, "bit": 0.125, "bits": 0.125},
    "bit": {"bit": 1.0, "bits": 1.0, "b": 1.0},
    "s": {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0},
    "Hz": {"Hz": 1.0, "hz": 1.0},
    "W": {"W": 1.0, "w": 1.0},
    "J": {"J": 1.0, "Wh": 3600.0},
    "m": {"m": 1.0},
    "m²": {"m²": 1.0, "m^2": 1.0, "m2": 1.0},
    "token": {"token": 1.0, "tokens": 1.0, "tok": 1.0},
    "tokens": {"tokens": 1.0, "token": 1.0, "tok": 1.0},
    "FLOP": {"FLOP": 1.0, "FLOPS": 1.0, "flop": 1.0},
    "nm": {"nm": 1.0, "µm": 1e3, "um": 1e3, "m": 1e9},
    "×": {"×": 1.0, "x": 1.0},
}
# Units that take no SI prefix when written out: their numbers are counts, ratios or already scaled.
_UNPREFIXED = frozenset({"", "×", "%", "nm", "tokens", "writes", "K", "°C", "USD", "TOPS/W"})
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SI = {
    "Q": 1e30, "R": 1e27, "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "K": 1e3,
    "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
    "r": 1e-27, "q": 1e-30,
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?![\d.,_])", re.ASCII)
_GROUPS = re.compile(r"(?<=\d)[\u00a0\u202f](?=\d)")
"""What stands between groups of digits as counts are shown, also while one of them is being edited."""

GROUPED = 10_000
"""Counts from here on are written in groups of digits."""

_EXAMPLES = {
    "B": "2 MiB or 80 GB", "bit": "512 bit", "s": "1.5 ns", "Hz": "1.2 GHz", "W": "400 W", "J": "12.5 pJ",
    "m": "5 mm", "m²": "100 mm²", "B/s": "3.35 TB/s", "J/bit": "12.5 pJ/bit", "W/m²": "0.5 W/mm²", "nm": "7 nm",
    "tokens": "2048", "×": "0.5", "FLOP/s": "312 TFLOP/s", "": "128",
}  # fmt: skip


class UnitError(ValueError):
    """Text that isn't a quantity of the wanted unit; the message says why and shows what is accepted."""


def parse(text: str, unit: str = "") -> float:
    """The value of `text` in `unit` (SI: "B", "B/s", "J/bit", "m²" …); a plain number is taken to be in `unit`.

    Ki, Mi, Gi and Ti are powers of 1024 and k, M, G and T powers of 1000. Raises UnitError naming what is wrong.
    """
    shown = text.strip()
    body = _GROUPS.sub("", shown).replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-")
    match = _NUMBER.match(body)
    if match is None:
        raise _error(shown, unit, _why_no_number(body))
    number, factor = float(match.group().replace("_", "")), _factor(body[match.end() :].strip(), unit, shown)
    # Dividing keeps "5 µm" at the float that 5e-6 is; multiplying by 1e-6 misses it by one step.
    value = number * factor if factor >= 1.0 else number / (1.0 / factor)
    if not math.isfinite(value):
        raise _error(shown, unit, "the number is too large")
    return value


def format_quantity(value: float | None, unit: str = "", digits: int = 4, *, binary: bool = False) -> str:
    """`value` (SI) as a person reads it: at most `digits` significant digits, an SI prefix, and the unit.

    Bytes take powers of 1024 with `binary`; areas are shown in mm² or µm². None and what isn't finite is "–".
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if unit in _UNPREFIXED:
        return _joined(_plain(value, digits), unit)
    if unit == "m²":
        small = value != 0.0 and abs(value) < 1e-9
        return _joined(_plain(value * (1e12 if small else 1e6), digits), "µm²" if small else "mm²")
    if unit == "W/m²":
        return _prefixed(value * 1e-6, "W/mm²", digits)
    if binary and unit in ("B", "bit", "B/s") and abs(value) >= 1024.0:
        return _binary(value, unit, digits)
    return _prefixed(value, unit, digits)


def thousands(number: float) -> str:
    """A count, of five digits or more in groups of three ("131 072", narrow no-break spaces, as `parse` reads it)."""
    return f"{number:.0f}" if abs(number) < GROUPED else f"{number:,.0f}".replace(",", "\u202f")


def format_band(value: float, low: float, high: float, unit: str = "", digits: int = 3) -> str:
    """The ends of an uncertain value in the prefix that the value itself is written in: "92–118" of 105 W."""
    shown = format_quantity(value, unit, digits)
    number, _, _ = shown.partition(" ")
    try:
        scale = value / float(number)
    except (ValueError, ZeroDivisionError):
        return f"{format_quantity(low, unit, digits)}–{format_quantity(high, unit, digits)}"
    # Written numbers are rounded: the prefix alone is a power of ten.
    factor = 10.0 ** round(math.log10(scale))
    return f"{_plain(low / factor, digits)}–{_plain(high / factor, digits)}"


def _why_no_number(body: str) -> str:
    if not body:
        return "nothing was typed"
    word = body.lower().lstrip("+-")
    if word.startswith(("nan", "inf")):
        return "it must be a finite number"
    if re.match(r"[+-]?\d[\d.]*,", body):
        return "a comma is ambiguous: write 1.5 for one and a half and 1500 or 1_500 for fifteen hundred"
    return "it doesn't start with a number"


def _error(text: str, unit: str, why: str) -> UnitError:
    example = _EXAMPLES.get(unit) or (f"1.5 {unit}" if unit else "128")
    return UnitError(f"{text!r}: {why}. Accepted is, for example, {example}.")


def _factor(suffix: str, unit: str, text: str) -> float:
    """How many `unit` one `suffix` ("TB/s", "mm²", "Mi") is. Raises UnitError."""
    if suffix == "" or suffix == unit:
        return 1.0
    top_unit, _, bottom_unit = unit.partition("/")
    top, slash, bottom = suffix.partition("/")
    if slash and not bottom_unit:
        raise _error(text, unit, f"{suffix!r} isn't a unit of this value")
    if bottom_unit and not slash and _scale(top, "") is None:
        raise _error(text, unit, f"{suffix!r} lacks the part after the slash")
    if unit.startswith("B") and top.strip().endswith("b"):
        raise _error(text, unit, "a lower-case b is read as bits by some and bytes by others: write B or bit")
    above = _single(top.strip(), top_unit, bare=not slash)
    below = _single(bottom.strip(), bottom_unit, bare=False) if slash else 1.0
    if above is None or below is None:
        wanted = f"the unit must be {unit}, with a prefix or not" if unit else "it takes no unit"
        raise _error(text, unit, f"{suffix!r} isn't a unit of this value: {wanted}")
    return above / below


def _single(suffix: str, unit: str, *, bare: bool) -> float | None:
    """How many `unit` (without a slash) one `suffix` is, or None where it is none."""
    for spelling, size in sorted(_SPELLINGS.get(unit, {unit: 1.0}).items(), key=lambda item: -len(item[0])):
        if spelling and suffix.endswith(spelling):
            scale = _scale(suffix[: -len(spelling)].strip(), unit)
            if scale is not None:
                return size * (scale**2 if unit == "m²" else scale)
    # A prefix alone ("80 G") is fine, but a lone m could be metres, milli or minutes.
    if bare and suffix not in ("m", "") and unit != "m²":
        return _scale(suffix, unit)
    return None


def _scale(prefix: str, unit: str) -> float | None:
    """The factor of an SI or binary prefix, 1 for none, None for what is no prefix of `unit`."""
    if prefix == "":
        return 1.0
    if prefix in _BINARY:
        return _BINARY[prefix] if unit in ("B", "bit", "", "tokens") else None
    if prefix == "c":
        return 0.01 if unit in ("m", "m²") else None
    return None if unit in ("nm", "%", "×") else _SI.get(prefix)


def _plain(value: float, digits: int) -> str:
    """`value` without a prefix: counts below a million in full, else rounded, with an exponent at the extremes."""
    if isinstance(value, int) and abs(value) < 1_000_000:
        return str(value)
    if value == 0.0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if 1e-3 <= abs(rounded) < 1e6:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
        text = f"{rounded:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def _joined(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _binary(value: float, unit: str, digits: int) -> str:
    step = min(len(_BINARY), int(math.log2(abs(value)) // 10))
    prefix, size = list(_BINARY.items())[step - 1]
    return f"{_plain(value / size, digits)} {prefix}{unit}"


class _Shown(Quantity):
    """quantiphy's quantity with the house's way of writing."""


_PREFIXES = "qryzafpnµm kMGTPEZYRQ"
_Shown.set_prefs(
    output_sf="QRYZEPTGMkmunpfazyrq", map_sf=Quantity.map_sf_to_greek, spacer=" ", strip_zeros=True, full_prec=15
)


def _prefixed(value: float, unit: str, digits: int) -> str:
    """As quantiphy writes it, in a tenth of its time: the window writes fifty figures a frame."""
    if value == 0.0:
        return f"0 {unit}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    steps, shift = divmod(int(exponent), 3)
    if not -10 <= steps <= 10:
        return str(_Shown(value, unit).render(prec=digits - 1))
    sign, figures = ("-", mantissa[1:]) if value < 0.0 else ("", mantissa)
    figures = figures.replace(".", "").ljust(1 + shift, "0")
    rest = figures[1 + shift :].rstrip("0")
    number = f"{sign}{figures[: 1 + shift]}{'.' if rest else ''}{rest}"
    return f"{number}{' ' if unit else ''}{_PREFIXES[steps + 10].strip()}{unit}"
