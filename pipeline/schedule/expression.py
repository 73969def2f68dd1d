"""Expressions of time and sound: checked against an allow-list, then evaluated by simpleeval.

Nothing in them is ever run as code.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from simpleeval import DEFAULT_OPERATORS, SimpleEval

from pipeline.schedule.errors import ScheduleError, shorten, unknown_name
from pipeline.schedule.functions import ARITY, FUNCTIONS
from pipeline.schedule.namespaces import OF_SOUND, Namespaces
from pipeline.schedule.variables import VARIABLES

NO_NAMESPACES: Namespaces = {}
CONSTANTS = {"pi": math.pi, "tau": math.tau, "e": math.e}
"""Name of a constant -> its value."""
DEEPEST = 50
"""Maximum nesting depth of operations; the evaluator is recursive."""
ALLOWED = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Call, ast.IfExp),
    *(ast.UnaryOp, ast.UAdd, ast.USub, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)
"""Nodes that the syntax tree of an expression may have."""


def parse_expression(
    text: str, spaces: Namespaces = NO_NAMESPACES
) -> tuple[Callable[[Mapping[str, float]], Any], frozenset[str]]:
    """Return the function of the variables for an expression, and the variables that it uses.

    spaces: variables with a dot in their name. Raises ScheduleError. The function raises the errors
    of evaluation, such as ZeroDivisionError.
    """
    # leading spaces, which simpleeval strips and the parser would take for indentation
    shift = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise ScheduleError(
            f"must be a valid expression, got a syntax error at column "
            f"{(error.offset or 1) + shift} of {shorten(text)}; write it like 1 + 0.2*sin(2*pi*t/4)"
        ) from None
    except (RecursionError, MemoryError, ValueError):
        raise ScheduleError(
            f"must be a valid expression, got {shorten(text)}; simplify it"
        ) from None
    names: set[str] = set()
    known = (*VARIABLES, *(name for name, inner in spaces.items() if inner is OF_SOUND))
    _check(tree.body, text, shift, names, (known, spaces), depth=0)
    tree = _Floats().visit(_Dotted(spaces).visit(tree))

    def value(values: Mapping[str, float]) -> Any:
        evaluator = _evaluator()
        evaluator.names = {**CONSTANTS, **{name: float(value) for name, value in values.items()}}
        return evaluator.eval(text, tree.body)

    return value, frozenset(names)


@cache
def _evaluator() -> SimpleEval:
    # numbers are floats here, so the limits of simpleeval's own power are not needed
    operators = {**DEFAULT_OPERATORS, ast.Pow: operator.pow}
    return SimpleEval(operators=operators, functions=FUNCTIONS, names={})


class _Dotted(ast.NodeTransformer):
    """Converts drums.onset to a variable of this name, if there is one."""

    def __init__(self, spaces: Namespaces) -> None:
        self._spaces = spaces

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = _dotted(node, self._spaces)
        return ast.copy_location(ast.Name(name, ast.Load()), node) if name else node


def _dotted(node: ast.AST, spaces: Namespaces) -> str:
    """Return the name of the variable with a dot that the node is; empty: it is none."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return ""
    space = node.value.id
    known = space in spaces and spaces[space].fullmatch(node.attr)
    return f"{space}.{node.attr}" if known else ""


class _Floats(ast.NodeTransformer):
    """Converts numbers to floats, on which operations take constant time: integers could grow until
    they fill the memory.
    """

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        assert isinstance(node.value, int | float)
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        return ast.copy_location(ast.Constant(number), node)


def _check(
    node: ast.AST,
    text: str,
    shift: int,
    names: set[str],
    variables: tuple[Collection[str], Namespaces],
    depth: int,
) -> None:
    """Raise ScheduleError unless the tree has only allowed nodes; add its variables to `names`.

    text, shift: the expression and its number of leading spaces, for the column in the message.
    variables: those without a dot in their name, and those with one.
    """
    known, spaces = variables
    if dotted := _dotted(node, spaces):
        names.add(dotted)
        return
    column = getattr(node, "col_offset", 0) + shift
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not isinstance(node, ALLOWED) or (isinstance(node, ast.Constant) and not number):
        raise ScheduleError(
            "must contain only numbers, variables, operators and functions, got something else at "
            f"column {column + 1} of {shorten(text)}; write it like 1 + 0.2*sin(2*pi*t/4)"
        )
    if depth > DEEPEST:
        raise ScheduleError(
            f"must have at most {DEEPEST} nested operations, got more in {shorten(text)}; "
            "simplify it"
        )
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            raise unknown_name("function", name or "(...)", FUNCTIONS, text, column)
        minimum, maximum = ARITY[name]
        if node.keywords or not minimum <= len(node.args) <= maximum:
            expected = {minimum: f"{minimum}", minimum + 1: f"{minimum} or {maximum}"}.get(
                maximum, f"at least {minimum}"
            )
            numbers = "number" if maximum == 1 else "numbers"
            raise ScheduleError(
                f"must call {name}() with {expected} {numbers}, got "
                f"{len(node.args) + len(node.keywords)} at column {column + 1} of {shorten(text)}; "
                "correct the call"
            )
        children = list(node.args)
    if isinstance(node, ast.Name) and node.id not in CONSTANTS:
        if node.id not in known:
            raise unknown_name("variable", node.id, [*known, *CONSTANTS], text, column)
        names.add(node.id)
    for child in children:
        _check(child, text, shift, names, variables, depth + 1)
