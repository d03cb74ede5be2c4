"""A small safe language for the formulas of explained figures: arithmetic over named numbers and tuples of numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwlib.cost.cell_noise import cell_noise, ir_noise
from hwlib.cost.formula_kernels import KERNEL_FUNCTIONS
from hwlib.cost.sqnr import step_error
from hwlib.mapping import tiling

Array = NDArray[np.float64]
Value = float | tuple[float, ...]

MAX_LENGTH = 100_000
MAX_DEPTH = 60
STATIONARY = ("weight_stationary", "input_stationary", "output_stationary")


class FormulaError(ValueError):
    """A formula that can't be evaluated: the message says what is wrong with it."""


def pnorm(p: Array, *times: Array) -> Array:
    """(sum t_i^p)^(1/p), element by element; scaled by the largest, so that no power overflows."""
    stacked = np.stack(np.broadcast_arrays(*times))
    largest = np.maximum(stacked.max(axis=0), 1e-300)
    return np.asarray(largest * ((stacked / largest) ** p).sum(axis=0) ** (1.0 / p))


def _fold(reduce: Callable[[Any], Any], pairwise: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """One argument: over its elements. Several: element by element."""

    def folded(*values: Array) -> Any:
        if len(values) == 1:
            return reduce(values[0])
        result = values[0]
        for value in values[1:]:
            result = pairwise(result, value)
        return result

    return folded


MOST_BITS = 32


def _noise(function: Callable[..., float], given: tuple[Any, ...], bits: tuple[int, ...]) -> float:
    """A closed form of noise over plain numbers; NaN where numbers of bits are none that hardware has."""
    values = [float(v) for v in given]
    if any(not 1 <= values[i] <= MOST_BITS for i in bits) or (function is ir_noise and max(values[2:4]) > 16):
        return float("nan")
    return function(*(int(v) if i in bits else v for i, v in enumerate(values)))


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "sum": (np.sum, 1, 1),
    "max": (_fold(np.max, np.maximum), 1, 1000),
    "min": (_fold(np.min, np.minimum), 1, 1000),
    "dot": (lambda a, b: np.sum(a * b), 2, 2),
    "sqrt": (np.sqrt, 1, 1),
    "ceil": (np.ceil, 1, 1),
    "floor": (np.floor, 1, 1),
    "log2": (np.log2, 1, 1),
    "exp": (np.exp, 1, 1),
    "pnorm": (pnorm, 2, 1000),
    "adc_bias": (lambda *sums: step_error(*(float(v) for v in sums))[0], 5, 6),
    "adc_noise": (lambda *sums: step_error(*(float(v) for v in sums))[1], 5, 6),
    "cell_noise": (lambda *given: _noise(cell_noise, given, (1, 2, 3)), 8, 8),
    "ir_noise": (lambda *given: _noise(ir_noise, given, (2, 3, 4, 5)), 9, 9),
    "tensor_cycles": (tiling.tensor_cycles, 7, 7),
    "simd_cycles": (tiling.simd_cycles, 7, 7),
    **KERNEL_FUNCTIONS,
}
"""By name: the function, and how many arguments it takes at least and at most."""


def _systolic(stationary: str, *sizes: Array) -> Array:
    return tiling.systolic_cycles(stationary, *sizes)


OPERATORS: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


class _Evaluator:
    """Walks a parsed formula; only what is listed here has a meaning."""

    def __init__(self, inputs: Mapping[str, Value]) -> None:
        self.values = {name: np.asarray(value, dtype=float) for name, value in inputs.items()}

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise FormulaError("the formula is nested too deeply")
        if isinstance(node, ast.Constant):
            return _number(node.value)
        if isinstance(node, ast.Name):
            if node.id not in self.values:
                raise FormulaError(f"{node.id!r} isn't an input")
            return self.values[node.id]
        if isinstance(node, ast.BinOp):
            return self._chain(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.value(node.operand, depth + 1)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        raise FormulaError(f"{type(node).__name__} has no place in a formula")

    def _chain(self, node: ast.BinOp, depth: int) -> Any:
        """a + b + c ... from the left without recursion: sums over many blocks are long, not deep."""
        steps: list[tuple[ast.operator, ast.expr]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            steps.append((left.op, left.right))
            left = left.left
        result = self.value(left, depth + 1)
        for operator, right in reversed(steps):
            if type(operator) not in OPERATORS:
                raise FormulaError(f"{type(operator).__name__} has no place in a formula")
            result = OPERATORS[type(operator)](result, self.value(right, depth + 1))
        return result

    def _call(self, node: ast.Call, depth: int) -> Any:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise FormulaError("only plain functions can be called, without keywords")
        name, arguments = node.func.id, node.args
        if name == "systolic_cycles":
            return _systolic(_word(arguments), *self._arguments(name, arguments[1:], 7, 8, depth))
        if name not in FUNCTIONS:
            raise FormulaError(f"{name!r} isn't a function of formulas")
        function, least, most = FUNCTIONS[name]
        return function(*self._arguments(name, arguments, least, most, depth))

    def _arguments(self, name: str, nodes: list[ast.expr], least: int, most: int, depth: int) -> list[Any]:
        if not least <= len(nodes) <= most:
            raise FormulaError(f"{name} can't take {len(nodes)} arguments")
        return [self.value(argument, depth + 1) for argument in nodes]


def _number(value: object) -> Array:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormulaError(f"{value!r} isn't a number")
    try:
        return np.asarray(float(value))
    except OverflowError:
        raise FormulaError("a number is too large") from None


def _word(arguments: list[ast.expr]) -> str:
    """The dataflow that systolic_cycles takes first, in quotes."""
    first = arguments[0] if arguments else None
    if not isinstance(first, ast.Constant) or first.value not in STATIONARY:
        raise FormulaError(f"systolic_cycles takes one of {', '.join(STATIONARY)} first, in quotes")
    return str(first.value)


def _parse(formula: str) -> ast.expr:
    if len(formula) > MAX_LENGTH:
        raise FormulaError("the formula is too long")
    try:
        return ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise FormulaError("the formula isn't an expression") from None


def evaluate_formula(formula: str, inputs: Mapping[str, Value], *, limitless: bool = False) -> float:
    """The value of a formula over its inputs by name; a tuple acts element by element until a function folds it.

    Numbers, names, + - * / **, minus, and the calls sum, max, min, dot, sqrt, ceil, floor, log2, exp, pnorm(p, a, …),
    systolic_cycles("weight_stationary", rows, columns, count, m, n, k, batch), tensor_cycles and simd_cycles (the same
    sizes without the word), adc_bias and adc_noise(mean, variance, lowest, highest, bits[, covered]) of a converter on
    normal partial sums, cell_noise and ir_noise (see cost/cell_noise.py, in order, 1 for true) are all there is;
    systolic_cycles takes 0 in an eighth place where nothing loads ahead.
    Everything is computed in 64-bit floats, so nothing grows without bound.

    `limitless`: the value may be plus infinity, as a lifetime is where nothing is written.

    Raises FormulaError for anything else, and where no single finite number comes out.
    """
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(_Evaluator(inputs).value(_parse(formula)), dtype=float)
    except FormulaError:
        raise
    except (ValueError, TypeError, OverflowError) as fault:
        raise FormulaError(f"the formula's arrays don't match: {fault}") from None
    if result.size != 1:
        raise FormulaError("the formula yields several numbers: fold them with sum, max or min")
    value = float(result.reshape(()))
    if not np.isfinite(value) and not (limitless and value == np.inf):
        raise FormulaError("the formula has no finite value")
    return value


__all__ = ["FormulaError", "evaluate_formula", "pnorm"]
