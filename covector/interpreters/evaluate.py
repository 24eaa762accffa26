"""Evaluation: ``eval_jaxpr : Jaxpr -> values -> values``.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sin(x) * 2.0)(0.0)
>>> eval_jaxpr(program, 0.0), cv.grad(lambda x: eval_jaxpr(program, x)[0])(0.0)
([np.float64(0.0)], np.float64(2.0))

It applies the primitives with `bind`, so the values may be tracers: all other interpreters of programs are this one run on
their tracers.  On plain arrays programs run as a backend runs them (`covector.backends`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from covector.core import errors
from covector.core.avals import PYTHON_NUMBERS, dtype_of, typeof
from covector.core.check import check
from covector.core.checked_rules import alike, checked_impl, shown
from covector.core.jaxpr import Equation, Jaxpr, Var, check_program, register_meanings
from covector.core.memory import own_results
from covector.core.source import names_sources


def last_uses(jaxpr: Jaxpr) -> list[list[Var]]:
    """For each equation the variables that nothing after it needs (its own unused outputs included)."""
    needed = {v for v in jaxpr.out_vars if isinstance(v, Var)}
    drops: list[list[Var]] = []
    for eqn in reversed(jaxpr.equations):
        last = []
        for v in (*eqn.inputs, *eqn.outputs):
            if type(v) is Var and v not in needed:
                needed.add(v)
                last.append(v)
        drops.append(last)
    drops.reverse()
    return drops


def eval_jaxpr(jaxpr: Jaxpr, *args: Any) -> list[Any]:
    """The outputs of a program for these inputs, which may be tracers.

    Raises:
        ArgumentError: it is no program, or there are more or fewer inputs than it has.
    """
    if type(jaxpr) is not Jaxpr:
        check_program(jaxpr, "eval_jaxpr")
    return run_equations(jaxpr, args, apply=_bind_typed if jaxpr.once("weak", lambda: uses_weak(jaxpr)) else _bind)


def call_program(jaxpr: Jaxpr, *args: Any) -> list[Any]:
    """The same for inputs of the user's, which are checked, and results that are the user's to write to."""
    avals = [typeof(x) for x in args]
    if len(avals) == len(jaxpr.in_vars) and all(map(alike, avals, jaxpr.in_avals)):
        return own_results(eval_jaxpr(jaxpr, *args), [*args, *jaxpr.consts.values()])
    raise wrong_inputs(jaxpr, args)


def wrong_inputs(jaxpr: Jaxpr, args: Sequence[Any]) -> errors.ArgumentError:
    """The error for inputs of another number, or of other types, than those of a program."""
    wanted, found = ", ".join(map(str, jaxpr.in_avals)), ", ".join(map(shown, args))
    count = len(jaxpr.in_vars)
    return errors.ArgumentError(
        f"a program of {count} input{'s' * (count != 1)} ({wanted}) is called with {len(args)} ({found}).",
        why="a program takes the leaves of all arguments, each of the shape and dtype that it was made for",
        fix="pass covector.tree.leaves(arguments), or make a program for these types",
    )


register_meanings(evaluate=call_program)


def _bind(eqn: Equation, values: list[Any]) -> Any:
    return eqn.primitive.bind(*values, **eqn.params)


_convert: Any = None


def register_conversion(convert: Callable[[Any, Any], Any]) -> None:
    """Say how a value gets another dtype: ``convert(x, dtype)``."""
    global _convert
    _convert = convert


def _bind_typed(eqn: Equation, values: list[Any]) -> Any:
    """The outputs in the dtypes that were recorded: what was a Python number may be a batch now, which decides a dtype."""
    outs = eqn.primitive.bind(*values, **eqn.params)
    if eqn.primitive.multiple_results:
        return [_in_dtype(o, v.aval) for o, v in zip(outs, eqn.outputs, strict=True)]
    return _in_dtype(outs, eqn.outputs[0].aval)


def _in_dtype(x: Any, aval: Any) -> Any:
    wanted = getattr(aval, "dtype", None)
    return x if wanted is None or dtype_of(x) == wanted else _convert(x, wanted)


def uses_weak(jaxpr: Jaxpr) -> bool:
    """Whether a program computes with Python numbers that are not constants."""
    return any(type(v) is Var and getattr(v.aval, "weak_type", False) for eqn in jaxpr.equations for v in eqn.inputs)


def run_equations(jaxpr: Jaxpr, args: Any, apply: Callable[[Equation, list[Any]], Any]) -> list[Any]:
    """Run a program with ``apply(equation, input values)`` giving the outputs of each equation."""
    if len(args) != len(jaxpr.in_vars):
        raise wrong_inputs(jaxpr, args)
    env: dict[Any, Any] = dict(jaxpr.consts)
    env.update(zip(jaxpr.in_vars, args, strict=True))

    def read(atom: Any) -> Any:
        return env[atom] if type(atom) is Var else atom.value

    drops = jaxpr.once("last_uses", lambda: last_uses(jaxpr))
    for eqn, drop in zip(jaxpr.equations, drops, strict=True):
        try:
            outs = apply(eqn, [read(x) for x in eqn.inputs])
        except Exception as error:
            if isinstance(error, (KeyError, AttributeError, TypeError)) and not isinstance(error, errors.CovectorError):
                check(jaxpr)  # it may be none that can run
            note_place(error, eqn)
            raise
        if eqn.primitive.multiple_results:
            env.update(zip(eqn.outputs, outs, strict=True))
        else:
            env[eqn.outputs[0]] = outs
        for v in drop:
            del env[v]
    return [read(v) for v in jaxpr.out_vars]


def note_place(error: Exception, eqn: Equation) -> None:
    """Note on an error the equation, and where it was made, that it comes from (the innermost, of nested programs)."""
    if eqn.source is not None and not getattr(error, "__notes__", None):
        error.add_note(f"in {eqn.primitive.name!r} at {eqn.source}")


names_sources(run_equations, lambda variables: variables["eqn"].source if "eqn" in variables else None)


def implementation(eqn: Equation) -> Callable[..., Any]:
    """The function that an equation applies to arrays."""
    primitive, impl = eqn.primitive, eqn.primitive.impl
    if not primitive.trusted:
        avals = [v.aval for v in eqn.outputs]
        impl = checked_impl(primitive.name, primitive.multiple_results, impl, avals, eqn.source)
    if eqn.params:
        impl = partial(impl, **eqn.params)
    is_weak = not primitive.multiple_results and getattr(eqn.outputs[0].aval, "weak_type", False)
    if is_weak:
        strong = impl
        return lambda *args: as_python_scalar(strong(*args))
    return impl


def as_python_scalar(x: Any) -> Any:
    """The Python scalar of a NumPy one: a weakly typed result stays weak."""
    return x if type(x) in PYTHON_NUMBERS else x.item()
