"""Whose fault it is: errors that come out of a rule of a user's primitive say in which rule, and what is wrong with the call.

>>> import covector as cv
>>> scaled = cv.elementwise("scaled_of_errors", lambda x, *, by: x * by, lambda out, x, *, by: by)
>>> scaled(2.0, 3.0)
Traceback (most recent call last):
    ...
covector.core.errors.ArgumentError: the primitive 'scaled_of_errors' takes (x, *, by), and got (2.0, 3.0): too many ...
  ...
  Fix: give arrays by position and parameters by keyword: (x, by=...)

A call that does not fit the primitive, a rule that does not fit its calls, one that is not linear in tangents, and an abstract
rule that promises something else than the implementation returns: they are told apart when an error is there, not before.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature, unwrap
from typing import Any, NoReturn, TypeVar

import numpy as np

from covector.core.avals import PLAIN_TYPES, PYTHON_NUMBERS, WEAK_TYPES, AbstractValue, ShapedArray, Zero, is_value, typeof
from covector.core.checked_rules import Checked, alike, has_written_abstract, shown
from covector.core.errors import ArgumentError, CovectorError, CustomRuleError, LinearityError, PrimitiveRuleError
from covector.core.jaxpr import Var
from covector.core.source import is_library, source_of_function

Rule = Callable[..., Any]
E = TypeVar("E", bound=CovectorError)


class Called:
    """How rules of a name are called: what comes before the parameters, and which of that are the operands."""

    def __init__(self, kind: str, before: str, operands: Callable[..., Sequence[Any]]):
        self.kind = kind
        self.before = before
        self.operands = operands


CALLED = {
    "impl": Called("impl", "{}", lambda *xs: xs),
    "abstract": Called("abstract", "{}", lambda *avals: avals),
    "jvp": Called("JVP", "primals, tangents", lambda primals, tangents: primals),
    "linearize": Called("linearize", "primals, tangents", lambda primals, tangents: primals),
    "transpose": Called("transpose", "ct, {}", lambda ct, *xs: xs),
    "batch": Called("batch", "size, args, dims", lambda size, xs, dims: [*map(example, xs, dims)]),
    "derivative": Called("derivative", "out, {}", lambda out, *xs: xs),
    "tangent": Called("JVP", "out, {}, tangent", lambda out, x, tangent: [x]),
    "cotangent": Called("transpose", "ct, {}", lambda ct, *xs: xs),
}


def told(primitive: Any, name: str, rule: Rule, run: Rule | None = None) -> Any:
    """A rule of the user's, or ``run``, which calls it and checks it: errors that come out of it say whose fault they are."""
    run = run or rule

    @wraps(run)
    def telling(*args: Any, **params: Any) -> Any:
        try:
            result = run(*args, **params)
            if name in ("jvp", "linearize"):
                check_dependence(primitive, args[1], result[1], rule)
            elif name == "impl" and (primitive.multiple_results or type(result) not in PLAIN_TYPES):
                check_values(primitive, result, rule)
            return result
        except Exception as error:
            better = explained(error, primitive, name, rule, args, params)
            if better is error:
                raise
            raise better from None

    return telling


def check_values(primitive: Any, result: Any, rule: Rule) -> None:
    """Refuse what is no array or number as a result of an implementation."""
    checked = Checked(primitive.name, primitive.multiple_results, "impl", rule)
    for out in checked.outputs(result, "outputs"):
        checked.type_of(out, "an output")


def check_dependence(primitive: Any, tangents: Sequence[Any], found: Any, rule: Rule) -> None:
    """Refuse a tangent that is an array of numbers, and not zero, where all that a rule is given are traced."""
    if all(type(t) is Zero or hasattr(t, "_trace") for t in tangents):
        for t in found if primitive.multiple_results else [found]:
            if type(t) in PLAIN_TYPES and typeof(t).dtype.kind in "fc" and np.any(t):
                what = f"a tangent of type {typeof(t)} depends on no tangent, and is not zero."
                why = "the tangent of a result is a linear function of those of the arguments" + place_of(rule)
                raise LinearityError(what, why=why)


def explained(error: Exception, primitive: Any, name: str, rule: Rule, args: Sequence[Any], params: Any) -> Exception:
    """The error to raise in place of one that came out of a rule, which may be the same."""
    called = CALLED[name]
    if isinstance(error, LinearityError):
        error.tell(f"the {called.kind} rule of {primitive.name!r}")
        return error
    if isinstance(error, CovectorError) and not isinstance(error, PrimitiveRuleError):
        return error if name == "impl" else placed(error, primitive, called, args)
    operands = called.operands(*args)
    better: Exception | None = None
    if isinstance(error, (TypeError, AttributeError)):
        before = called.before.format(names_of_operands(plain_signature(implementation(primitive))))
        better = wrong_call(primitive, operands, params)
        better = better or wrong_rule(primitive, called.kind, before, rule, args, params)
    if better is None and name not in ("impl", "abstract"):
        better = broken_promise(primitive, operands, params)
    if better is not None:
        return better
    return error if isinstance(error, CovectorError) else placed(error, primitive, called, args)


def placed(error: Exception, primitive: Any, called: Called, args: Sequence[Any]) -> Exception:
    """The error with a note of the rule that it came out of, if it has none."""
    if not getattr(error, "__notes__", None):
        error.add_note(f"in the {called.kind} rule of {primitive.name!r}, called with ({', '.join(map(shown_given, args))})")
    return error


# --- signatures -------------------------------------------------------------------------------------------------------


def plain_signature(f: Any) -> Signature | None:
    """The names of what a function takes, without annotations; None where nobody knows."""
    if isinstance(f, np.ufunc):
        names = ["x"] if f.nin == 1 else [f"x{i + 1}" for i in range(f.nin)]
        return Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in names])
    try:
        found = signature(f)
    except (TypeError, ValueError):
        return None
    parameters = [p.replace(annotation=Parameter.empty) for p in found.parameters.values()]
    return found.replace(parameters=parameters, return_annotation=Signature.empty)


def refusal(found: Signature | None, args: Sequence[Any], params: Any) -> str:
    """Why a function of this signature cannot be called so; empty if it can."""
    try:
        if found is not None:
            found.bind(*args, **params)
    except TypeError as error:
        return str(error)
    return ""


def wrong_signature(
    error: type[E], what: str, rule: Rule, args: Sequence[Any], params: Any, given: str, why: str, fix: str
) -> E | None:
    """The error for a rule that does not take what it is ``given``; None where it does."""
    found = plain_signature(rule)
    reason = refusal(found, args, params)
    if not reason:
        return None
    said = f"{what} takes {found}, and is called with ({given}): {reason}."
    return error(said, why=why + place_of(rule), fix=f"let it take ({fix})")


def raise_explained(error: TypeError, what: str, rule: Rule, args: Sequence[Any], given: str) -> NoReturn:
    """Raise what is to be raised in place of an error that came out of a rule of a function."""
    better = wrong_signature(CustomRuleError, what, rule, args, {}, given, f"such a rule is given {given}", given)
    if better is not None:
        raise better from None
    error.add_note(f"in {what}, called with ({given})")
    raise error


def implementation(primitive: Any) -> Any:
    """What the primitive computes, as its author wrote it."""
    return primitive.rules.get("impl") or primitive.kind.fn


def place_of(rule: Any) -> str:
    """The end of a reason that says where a rule of the user's is defined."""
    source = source_of_function(unwrap(rule))
    return "" if source is None or is_library(source.code.co_filename) else f"; the rule is {source}"


def named(params: Any) -> list[str]:
    """The parameters in a message: arrays by their type, others as they are."""
    return [f"{name}={shown(x) if hasattr(x, 'shape') else reprlib.repr(x)}" for name, x in params.items()]


def names_of_operands(found: Signature | None) -> str:
    """The names that an implementation has for its arrays."""
    if found is None:
        return "*args"
    parameters = [p for p in found.parameters.values() if p.kind < Parameter.KEYWORD_ONLY and p.default is p.empty]
    return ", ".join("*" * (p.kind is p.VAR_POSITIONAL) + p.name for p in parameters)


def wrong_call(primitive: Any, operands: Sequence[Any], params: Any) -> ArgumentError | None:
    """The error for operands and parameters that the primitive does not take; None where it does."""
    found = plain_signature(implementation(primitive))
    reason = refusal(found, operands, params)
    if found is None or not reason:
        return wrong_operand(primitive, operands)
    given = ", ".join([*map(shown_operand, operands), *named(params)])
    keywords = [f"{p.name}=..." for p in found.parameters.values() if p.kind is p.KEYWORD_ONLY]
    right = ", ".join([names_of_operands(found), *keywords])
    return ArgumentError(
        f"the primitive {primitive.name!r} takes {found}, and got ({given}): {reason}.",
        why=f"that is what its implementation takes{place_of(implementation(primitive))}",
        fix=f"give arrays by position and parameters by keyword: ({right})",
    )


def wrong_operand(primitive: Any, operands: Sequence[Any]) -> ArgumentError | None:
    """The error for an operand that is no array and no number; None where all are."""
    for i, x in enumerate(operands):
        if isinstance(x, (list, tuple)) or not (isinstance(x, (AbstractValue, Var)) or is_value(x)):
            what = f"the primitive {primitive.name!r} got {shown(x)} for argument {i}."
            why = "it is applied to arrays, numbers and traced values"
            return ArgumentError(what, why=why, fix="make an array of it, with np.array, or of traced values with np.stack")
    return None


def explained_rule(error: Exception, primitive: Any, kind: str, rule: Rule, args: Sequence[Any], params: Any) -> Exception:
    """The error to raise in place of one that came out of a rule ``(how, *bundles, **params)`` of an interpreter."""
    if isinstance(error, CovectorError):
        return error
    better = wrong_rule(primitive, kind, "how, *bundles", rule, args, params) if isinstance(error, TypeError) else None
    if better is None and not getattr(error, "__notes__", None):
        shapes = ", ".join(f"{len(b.parts)} part{'s' * (len(b.parts) != 1)} of form {b.form!r}" for b in args[1:])
        error.add_note(f"in the {kind} rule of {primitive.name!r}, called with bundles of {shapes}")
    return better or error


def wrong_rule(
    primitive: Any, kind: str, before: str, rule: Rule, args: Sequence[Any], params: Any
) -> PrimitiveRuleError | None:
    """The error for a rule that does not take what it is called with, ``before`` and the parameters; None where it does."""
    what, given = f"the {kind} rule of {primitive.name!r}", ", ".join([before, *named(params)])
    why = f"such a rule is given ({before}), and all parameters by keyword"
    fix = ", ".join([before, *("*" if params and "*" not in before else ""), *params])
    return wrong_signature(PrimitiveRuleError, what, rule, args, params, given, why, fix)


# --- what the abstract rule promises ----------------------------------------------------------------------------------


def example(x: Any, dim: int | None) -> Any:
    """The aval of one example of a batch."""
    return typeof(x) if dim is None else typeof(x).example(dim)


def aval_of(x: Any) -> Any:
    """The aval of an operand as rules get it: an aval, a variable of a transpose rule, or a value."""
    return x if isinstance(x, AbstractValue) else x.aval if type(x) is Var else typeof(x)


def shown_operand(x: Any) -> str:
    """An operand in a message: a number as it is, anything else by its type."""
    return repr(x) if type(x) in PYTHON_NUMBERS else f"{aval_of(x)}" if isinstance(x, (AbstractValue, Var)) else shown(x)


def shown_given(x: Any) -> str:
    """What a rule is given in a note: of an array its type, and what it is where it is none."""
    if isinstance(x, (list, tuple)):
        return f"[{', '.join(map(shown_given, x))}]"
    return f"aval {x}" if isinstance(x, AbstractValue) else repr(x) if isinstance(x, (Var, Zero)) else shown_operand(x)


def ones(avals: Sequence[ShapedArray]) -> list[Any]:
    """Examples of values of these avals: ones."""
    return [WEAK_TYPES[a.dtype.kind](1) if a.weak_type else np.ones(a.shape, a.dtype) for a in avals]


def broken_promise(primitive: Any, operands: Sequence[Any], params: Any) -> PrimitiveRuleError | None:
    """The error for an abstract rule that gives another type than the implementation has for ones; None where they agree."""
    if not has_written_abstract(primitive):
        return None
    try:
        avals = [aval_of(x) for x in operands]
        with np.errstate(all="ignore"):
            outs = primitive.impl(*ones(avals), **params)
        promised = primitive.abstract(*avals, **params)
        pairs = zip(promised, outs, strict=True) if primitive.multiple_results else [(promised, outs)]
        wrong = [(aval, typeof(out)) for aval, out in pairs if not alike(typeof(out), aval)]
    except Exception:  # an error that is told where the rule itself is used
        return None
    if not wrong:
        return None
    (aval, found), types = wrong[0], ", ".join(map(str, avals))
    return PrimitiveRuleError(
        f"the abstract rule of {primitive.name!r} returned {aval} for ({types}), for which its impl returns {found}.",
        why="what follows was traced with the type that the abstract rule gives" + place_of(primitive.abstract),
        fix="let it return covector.ShapedArray(shape, dtype) of what the impl returns",
    )
