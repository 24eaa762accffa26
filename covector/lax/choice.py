"""Choices as single operations: ``cond`` and ``switch``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, result_dtype, typeof
from covector.core.context import jit_is_disabled
from covector.core.jaxpr import Jaxpr
from covector.core.memory import own_results
from covector.core.pytrees import tree_paths, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import staged
from covector.lax.carries import flat
from covector.primitives.arrays.shaping import convert_to
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.programs.cond import as_index, cond_p
from covector.primitives.programs.while_loop import is_known
from covector.transforms.arguments import (
    Transformed,
    check_functions,
    flatten_values,
    function_name,
    transformed,
    wrong_argument,
)
from covector.transforms.caches import Traced
from covector.transforms.tracing import traced

_NONE_GIVEN: Any = object()


@hides_frames
def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any, operand: Any = _NONE_GIVEN
) -> Any:
    """``true_fun(*operands)`` if ``pred`` holds, else ``false_fun(*operands)``.

    Only the chosen function is run, also under ``grad`` and ``jit``.  Under ``vmap`` with a predicate for each example, each
    function runs on the examples that chose it where values are known; where they are not (under ``jit``) both run, and
    examples that did not choose a function are given the operands of one that did, so that nothing is computed that was not
    asked for.

    Args:
        pred: a scalar, boolean or a number (true unless zero).
        true_fun: a function of the operands, pytrees of arrays.  It may close over traced values, which count as operands then;
            what it does with plain arrays that it closes over is done by NumPy when it is traced, whether or not it is chosen.
        false_fun: the same; its result has the structure, shapes and dtypes of that of ``true_fun``.  A Python number in one
            result takes the dtype that it has in the other.
        operands: the arguments.
        operand: the one argument, by name, in place of ``operands``; it may be None, which the functions then get.

    Raises:
        BranchTypeError: the results differ in structure, shape or dtype.
        ArgumentError: ``pred`` is no scalar; or there are both ``operands`` and ``operand``.

    Example:
        >>> cond(np.float64(-2.0) > 0, np.sqrt, np.abs, -2.0)
        np.float64(2.0)
    """
    usage = "cond(pred, true_fun, false_fun, *operands)"
    check_functions(usage, true_fun=true_fun, false_fun=false_fun)
    if callable(pred):
        raise wrong_argument(usage, "pred", pred, "a scalar")
    who = transformed("cond", true_fun)._replace(name=f"cond of {function_name(true_fun)} and {function_name(false_fun)}")
    operands = _all_operands(operands, operand, who)
    aval = _scalar(pred, "the predicate", who)
    return _choose(as_index(pred if aval.dtype.kind == "b" else np.not_equal(pred, 0)), (false_fun, true_fun), operands, who)


@hides_frames
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any, operand: Any = _NONE_GIVEN) -> Any:
    """``branches[index](*operands)``, with the index clamped to the branches that there are.

    Everything said of `cond` holds here.

    Args:
        index: an integer scalar.
        branches: functions of the operands, whose results agree in structure, shapes and dtypes.
        operands: the arguments, pytrees of arrays.
        operand: the one argument, by name.

    Example:
        >>> [float(switch(i, [np.sin, np.cos, np.exp], 0.0)) for i in (0, 1, 7)]
        [0.0, 1.0, 1.0]
    """
    usage = "switch(index, [f, g], *operands)"
    if callable(branches) or not isinstance(branches, Iterable):
        raise wrong_argument(usage, "branches", branches, "a list of functions")
    branches = tuple(branches)
    if not branches:
        raise errors.ArgumentError("switch got no branches.", fix="pass a sequence of at least one function")
    check_functions(usage, **{f"branches[{i}]": f for i, f in enumerate(branches)})
    if callable(index):
        raise wrong_argument(usage, "index", index, "an integer")
    who = transformed("switch", branches[0])._replace(name=f"switch of {', '.join(map(function_name, branches))}")
    operands = _all_operands(operands, operand, who)
    aval = _scalar(index, "the index", who)
    if aval.dtype.kind not in "iu":
        raise errors.ArgumentError(f"{who.name}: the index is {aval}.", fix="pass an integer (cond takes a boolean)")
    return _choose(convert_to(np.clip(index, 0, len(branches) - 1), np.dtype(np.int64)), branches, operands, who)


def _all_operands(operands: tuple[Any, ...], operand: Any, who: Transformed) -> tuple[Any, ...]:
    """The operands, of which one alone may be given by name."""
    if operand is _NONE_GIVEN:
        return operands
    if operands:
        what = f"{who.name} got operand= by name and {len(operands)} by position."
        raise errors.ArgumentError(what, why="operand= stands for a single operand", fix="pass all of them by position")
    return (operand,)


def _scalar(x: Any, what: str, who: Transformed) -> ShapedArray:
    leaves = flat(x, who.name).leaves
    aval: ShapedArray | None = typeof(leaves[0]) if len(leaves) == 1 else None
    if aval is None or aval.shape:
        raise errors.ArgumentError(
            f"{who.name}: {what} is {aval or f'a {type(x).__name__}'}.",
            why="one branch is chosen for all operands",
            fix="pass a scalar; vmap the function to choose for each example, or use np.where",
        )
    return aval


def _choose(index: Any, functions: Sequence[Callable[..., Any]], operands: Sequence[Any], who: Transformed) -> Any:
    if jit_is_disabled() and is_known(index):
        return functions[int(concrete(index))](*operands)
    leaves, treedef = flatten_values(operands, who.name)
    avals = [typeof(x) for x in leaves]
    branches = [traced(f, "branch", treedef, avals, who, capture=True, part=True) for f in functions]
    out_avals = _joined(functions, branches, who)
    hoisted = [x for b in branches for x in b.hoisted]
    jaxprs, start = [], 0
    for b in branches:
        jaxprs.append(_branch(b.jaxpr, start, len(b.hoisted), [typeof(h) for h in hoisted], out_avals))
        start += len(b.hoisted)
    outs = cond_p.bind(index, *hoisted, *leaves, branches=tuple(jaxprs))
    return branches[0].result(own_results(outs, leaves))


def _branch(jaxpr: Jaxpr, start: int, n_own: int, hoisted: list[Any], out_avals: tuple[Any, ...]) -> Jaxpr:
    """The program of a branch as a program of what all branches close over, with results of the common types."""
    n = len(hoisted)

    def branch(*args: Any) -> list[Any]:
        outs = eval_jaxpr(jaxpr, *args[start : start + n_own], *args[n:])
        return [convert_to(o, a.dtype) for o, a in zip(outs, out_avals, strict=True)]

    key = ("branch", start, tuple(hoisted), out_avals)
    return jaxpr.once(key, lambda: staged(branch, [*hoisted, *jaxpr.in_avals[n_own:]]))


def _joined(functions: Sequence[Any], branches: Sequence[Traced], who: Transformed) -> tuple[Any, ...]:
    """The types of the results, which must agree but for Python numbers."""
    first_tree = branches[0].out_tree
    types = [tuple(b.jaxpr.out_avals) for b in branches]
    for f, tree in zip(functions[1:], (b.out_tree for b in branches[1:]), strict=True):
        if tree != first_tree:
            structures = " and ".join(
                f"{tree_paths_text(t)} ({function_name(g)})" for g, t in ((functions[0], first_tree), (f, tree))
            )
            raise _mismatch(f"{who.name}: the branches return different structures: {structures}.")
    if all(outs == types[0] for outs in types) and all(type(a) is ShapedArray and not a.weak_type for a in types[0]):
        return types[0]
    joined = []
    for i, avals in enumerate(zip(*types, strict=True)):
        strong = [a for a in avals if not a.weak_type]
        dtype = result_dtype(*avals)
        if len({a.shape for a in avals}) > 1 or len({a.dtype for a in strong}) > 1 or any(a.dtype != dtype for a in strong):
            found = ", ".join(f"{a} ({function_name(f)})" for a, f in zip(avals, functions, strict=True))
            path = tree_paths(tree_unflatten(first_tree, types[0]))[i].removeprefix("[0]")
            raise _mismatch(f"{who.name}: the result{' at ' + path if path else ''} has different types: {found}.")
        joined.append(ShapedArray(avals[0].shape, dtype))
    return tuple(joined)


def tree_paths_text(treedef: Any) -> str:
    """The leaves of a structure, briefly."""
    paths = [p.removeprefix("[0]") or "one value" for p in tree_paths(tree_unflatten(treedef, [0] * treedef.num_leaves))]
    return ", ".join(paths) or "nothing"


def _mismatch(what: str) -> errors.BranchTypeError:
    return errors.BranchTypeError(
        what,
        why="what follows needs to know the types before it is known which branch runs (Python numbers adapt)",
        fix="return the same structure, shapes and dtypes from each branch (x.astype, np.broadcast_to, None for nothing)",
    )

