"""Numbers that remember how they came about: code that computes with them writes down its own formulas."""

from __future__ import annotations

import math
import re
from typing import Any

ATOM, PRODUCT, SUM = 3, 2, 1
"""How tightly the last operation of a text binds."""

FUNCTIONS = frozenset({"ceil", "max", "min"})


class Traced(float):
    """A number with the text of a formula over named numbers that gives it. What it is added to or multiplied with,
    divided by and rounded up from is noted; `largest` and `smallest` note a choice."""

    text: str
    rank: int

    def __new__(cls, value: float, text: str, rank: int = ATOM) -> Traced:
        made = super().__new__(cls, value)
        made.text, made.rank = text, rank
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The named numbers of the text, in order of appearance."""
        found = re.findall(r"[A-Za-z_]\w*", self.text)
        return tuple(name for name in dict.fromkeys(found) if name not in FUNCTIONS)

    def __add__(self, other: float) -> Any:
        return self if _is(other, 0.0) else _joined(self, "+", other, SUM, SUM, SUM)

    def __radd__(self, other: float) -> Any:
        return self if _is(other, 0.0) else _joined(other, "+", self, SUM, SUM, SUM)

    def __sub__(self, other: float) -> Any:
        return self if _is(other, 0.0) else _joined(self, "-", other, SUM, SUM, PRODUCT)

    def __rsub__(self, other: float) -> Any:
        return _joined(other, "-", self, SUM, SUM, PRODUCT)

    def __mul__(self, other: float) -> Any:
        if _is(other, 1.0):
            return self
        return 0.0 if _is(other, 0.0) else _joined(self, "*", other, PRODUCT, PRODUCT, PRODUCT)

    def __rmul__(self, other: float) -> Any:
        if _is(other, 1.0):
            return self
        return 0.0 if _is(other, 0.0) else _joined(other, "*", self, PRODUCT, PRODUCT, PRODUCT)

    def __truediv__(self, other: float) -> Any:
        return self if _is(other, 1.0) else _joined(self, "/", other, PRODUCT, PRODUCT, ATOM)

    def __rtruediv__(self, other: float) -> Any:
        return 0.0 if _is(other, 0.0) else _joined(other, "/", self, PRODUCT, PRODUCT, ATOM)

    def __ceil__(self) -> Any:
        whole = float(math.ceil(float(self)))
        named = re.fullmatch(r"\w+", self.text) is not None
        return self if named and whole == float(self) else Traced(whole, f"ceil({self.text})")


def _is(value: float, plain: float) -> bool:
    """Whether a value is this plain number; a named one that happens to equal it stays in the formula."""
    return not isinstance(value, Traced) and value == plain


def _operand(value: float, least: int) -> str:
    if isinstance(value, Traced):
        return value.text if value.rank >= least else f"({value.text})"
    return number_text(value)


def number_text(value: float) -> str:
    """A plain number as formulas write it, exactly."""
    return repr(float(value)).removesuffix(".0")


def _joined(left: float, sign: str, right: float, rank: int, least_left: int, least_right: int) -> Traced:
    a, b = float(left), float(right)
    value = {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "/" else a / b
    return Traced(value, f"{_operand(left, least_left)} {sign} {_operand(right, least_right)}", rank)


def _chosen(word: str, a: float, b: float, picked: float, unlimited: float) -> float:
    """Plain numbers give a plain one, and one that never limits is left out."""
    if not isinstance(a, Traced) and not isinstance(b, Traced):
        return picked
    if unlimited in (a, b):
        return b if a == unlimited else a
    return Traced(float(picked), f"{word}({_operand(a, SUM)}, {_operand(b, SUM)})")


def largest(a: float, b: float) -> float:
    """max(a, b), noted where one of them is traced."""
    return _chosen("max", a, b, max(a, b), -math.inf)


def smallest(a: float, b: float) -> float:
    """min(a, b), noted where one of them is traced."""
    return _chosen("min", a, b, min(a, b), math.inf)


def power(base: float, exponent: float) -> float:
    """base ** exponent, noted where one of them is traced."""
    if not isinstance(base, Traced) and not isinstance(exponent, Traced):
        return float(base**exponent)
    value = float(base) ** float(exponent)
    return Traced(value, f"{_operand(base, ATOM)} ** {_operand(exponent, ATOM)}", PRODUCT)
