"""What the rules of a user's primitive return, checked: each function here is a rule with a check behind it.

>>> import covector as cv
>>> total = cv.linear("total_of_checked", np.sum, lambda ct, x: ct)  # the cotangent should have the shape of x
>>> cv.grad(lambda x: total.bind(x))(np.ones(3))
Traceback (most recent call last):
    ...
covector.core.errors.PrimitiveRuleError: the transpose rule of 'total_of_checked' returned a cotangent of type f64[] for ...

A wrong rule would be a wrong number somewhere else, or an error that names neither the rule nor the primitive.  `Primitive`
wraps the rules that are registered on it, unless it was made ``trusted``; its implementation is checked where a compiled
program relies on the abstract rule.

A rule gets copies of arrays, and what it returns is copied: it may write to what it is given, and keep that or its results.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import wraps
from inspect import unwrap
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from covector.core.avals import PLAIN_TYPES, AbstractValue, ShapedArray, check_class, typeof
from covector.core.context import TracerBase
from covector.core.errors import ArgumentError, ConcretizationError, JVPRuleError, PrimitiveRuleError
from covector.core.jaxpr import Var
from covector.core.memory import copies, is_hashable, with_copies
from covector.core.pytrees import tree_leaves, tree_paths
from covector.core.source import Source, is_library, source_of_function

Rule = Callable[..., Any]

OF_ARGUMENTS = "the rule or the implementation closes over it; derivatives and batches go through arguments alone"
BY_POSITION = "make it an argument of the primitive, by position"

SHAPES = "what follows in a program was traced with the type that the abstract rule gives"


class Checked:
    """What messages say of a rule: whose it is, which one, and where it was written."""

    __slots__ = ("kind", "multiple", "name", "rule", "used")

    def __init__(self, name: str, multiple: bool, kind: str, rule: Rule, used: Source | str | None = "here"):
        self.used = used
        self.name = name
        self.multiple = multiple
        self.kind = kind
        self.rule = rule

    def fail(self, what: str, why: str = "", fix: str = "", error: type[PrimitiveRuleError] = PrimitiveRuleError) -> NoReturn:
        source = source_of_function(unwrap(self.rule))
        if source is not None and not is_library(source.code.co_filename):
            why += f"{'; ' * bool(why)}the rule is {source}"
        what = f"the {self.kind} rule of {self.name!r} returned {what}."
        raise error(what, why=why, fix=fix, source=self.used)

    def pair(self, result: Any, wanted: str, error: type[PrimitiveRuleError] = PrimitiveRuleError) -> Any:
        """The two parts of what a rule returned: a tuple, never an array of length 2."""
        if isinstance(result, (tuple, list)) and len(result) == 2:
            return result
        self.fail(f"{shown(result)}, where a pair is needed", fix=f"return a pair {wanted}", error=error)

    def outputs(self, out: Any, what: str) -> Sequence[Any]:
        """A result for each output; a list of a primitive with several."""
        if not self.multiple:
            return (out,)
        if isinstance(out, (tuple, list)):
            return out
        self.fail(
            f"{shown(out)} for {what}",
            why=f"{self.name!r} has multiple_results, so its rules return a list for them",
            fix=f"return a list of {what}",
        )

    def type_of(self, x: Any, what: str) -> Any:
        if not isinstance(x, (list, tuple)):
            with suppress(TypeError):
                return typeof(x)
        self.fail(f"{shown(x)} for {what}", fix="return an array, a number or a traced value")


def owned(out: Any, multiple: bool) -> Any:
    """What a rule returned, with copies of its arrays: the user's code may keep them, and write to them again."""
    return copies(out) if multiple else copies([out])[0]


def shown(x: Any) -> str:
    """What a rule returned, for messages: containers by their length, values by their type."""
    if isinstance(x, (tuple, list)):
        return f"a {type(x).__name__} of {len(x)}"
    if x is None:
        return "None"
    try:
        return f"{typeof(x)}"
    except TypeError:
        return f"{x!r} of type {type(x).__name__}"


def alike(found: Any, wanted: Any) -> bool:
    """Whether a value of one type may stand for one of the other: the same shape and dtype."""
    if isinstance(found, ShapedArray) and isinstance(wanted, ShapedArray):
        return found.shape == wanted.shape and found.dtype == wanted.dtype
    return bool(found == wanted)


def checked_abstract(name: str, multiple: bool, rule: Rule) -> Rule:
    """An abstract rule that must return an aval, or a list of avals."""
    checked = Checked(name, multiple, "abstract", rule)

    @wraps(rule)
    def abstract(*avals: Any, **params: Any) -> Any:
        try:
            out = rule(*avals, **params)
        except ConcretizationError as error:
            what = f"the type of the result of {name!r} needs a traced value: {error.args[0].splitlines()[0]}"
            raise PrimitiveRuleError(what, why=OF_ARGUMENTS, fix=BY_POSITION) from error
        except TypeError as error:
            check_hashable(name, params, error)
            raise
        for aval in checked.outputs(out, "avals"):
            if not isinstance(aval, AbstractValue):
                checked.fail(
                    f"{shown(aval)}, where an aval is needed",
                    why="the abstract rule says what type the result has",
                    fix="return covector.ShapedArray(shape, dtype), or the aval of an argument",
                )
        return out

    return abstract


def check_hashable(name: str, params: dict[str, Any], cause: TypeError | None = None) -> None:
    """Say which parameter has no hash, where that may be what an error comes from."""
    for key, value in params.items():
        if not is_hashable(value):
            what = f"the primitive {name!r} got {shown(value)} for the parameter {key!r}, which has no hash."
            why = "programs are told apart by the parameters of their operations"
            fix = "give an array by position, as an argument; parameters are numbers, strings, or tuples of such"
            raise PrimitiveRuleError(what, why=why, fix=fix) from cause


def has_written_abstract(primitive: Any) -> bool:
    """Whether somebody wrote the abstract rule: by default there is none, or one that runs the implementation on an example."""
    return not getattr(primitive.abstract, "is_default", False)


def check_promised(
    checked: Checked, primitive: Any, avals: Sequence[Any], params: Any, found: Sequence[Any], error: type[PrimitiveRuleError]
) -> None:
    """Refuse outputs of other types than the abstract rule gives for arguments of these types."""
    out = primitive.abstract(*avals, **params)
    wanted = out if primitive.multiple_results else [out]
    if len(found) != len(wanted):
        checked.fail(f"{len(found)} outputs, and its abstract rule gives {len(wanted)}", error=error)
    for aval, by_rule in zip(found, wanted, strict=True):
        if not alike(aval, by_rule):
            what = f"an output of type {aval}, and its abstract rule gives {by_rule}"
            checked.fail(what, why="all rules of a primitive are of one function", fix="make the two agree", error=error)


def check_classes(args: Sequence[Any]) -> None:
    """Refuse subclasses of ndarray on which operations may mean something else, such as masked arrays."""
    for x in args:
        if type(x) not in PLAIN_TYPES:
            check_class(type(x))


def checked_params(primitive: Any, params: dict[str, Any], later: bool) -> dict[str, Any]:
    """The parameters as they are now, with copies of what has no hash if programs and tapes use them ``later``.

    Traced ones are refused, also in containers: rules do not differentiate or batch in them, and would return them as they are.
    """
    checked = {}
    for name, value in params.items():
        if type(value) not in CONSTANTS:
            for i, leaf in enumerate(leaves_of_param(primitive, name, value)):
                if isinstance(leaf, TracerBase):
                    place = f"{name!r}{f', at {tree_paths(value)[i]}' * (leaf is not value)}"
                    got = f"the primitive {primitive.name!r} got a traced value of type {typeof(leaf)}"
                    why = "parameters belong to the operation, as an axis does; derivatives and batches go through arguments"
                    raise ArgumentError(f"{got} for the parameter {place}.", why=why, fix=BY_POSITION)
            if later and not is_hashable(value):
                value = with_copies(value, f"the parameter {name!r} of {primitive.name!r}")
        checked[name] = value
    return checked


def leaves_of_param(primitive: Any, name: str, value: Any) -> list[Any]:
    try:
        return tree_leaves(value)
    except RecursionError:
        what = f"the primitive {primitive.name!r} got a container that holds itself, or too deep a one, for the"
        what = f"{what} parameter {name!r}."
        raise ArgumentError(what, why="what is in a parameter is looked at", fix="wrap it in an object of a class") from None


CONSTANTS = frozenset({int, bool, float, complex, str, bytes, type(None), type, FunctionType})
"""Types of parameters in which there is nothing that could be traced, or be another later."""


def closed_over(f: Any) -> Iterator[Any]:
    """The traced values in the closure of a function, and of the functions there."""
    for cell in getattr(f, "__closure__", None) or ():
        with suppress(ValueError):  # a variable that has no value yet
            x = cell.cell_contents
            if isinstance(x, TracerBase):
                yield x
            elif type(x) is FunctionType and x is not f:
                yield from closed_over(x)


def refuse_closed_over(trace: Any, primitive: Any, any_trace: bool = False) -> None:
    """Refuse an implementation that closes over what the trace which takes it is tracing, or over what any trace is."""
    for x in closed_over(primitive.rules.get("impl") or primitive.kind.fn):
        if any_trace or x._trace.level >= trace.level:
            who = x._trace.name or "a transformation"
            what = f"{trace.name or 'a transformation'} takes the primitive {primitive.name!r} for an operation that does not"
            what += f" depend on the value of type {typeof(x)} that {who} is tracing."
            raise PrimitiveRuleError(what, why=OF_ARGUMENTS, fix=BY_POSITION)


def refuse_own(trace: Any, primitive: Any, kind: str, *results: Any) -> None:
    """Refuse results of a rule that are traced by the trace which asked it, or inside that: it would lose what they carry."""
    refuse_closed_over(trace, primitive)
    for result in results:
        for x in result if primitive.multiple_results else (result,):
            if isinstance(x, TracerBase) and x._trace.level >= trace.level and x._trace is not getattr(trace, "tape", None):
                Checked(primitive.name, primitive.multiple_results, kind, primitive.rule(kind) or refuse_own).fail(
                    f"a value of type {typeof(x)} that {trace.name} is tracing",
                    why=OF_ARGUMENTS,
                    fix=BY_POSITION,
                )


def checked_jvp(primitive: Any, kind: str, rule: Rule) -> Rule:
    """A JVP (or linearize) rule that must return the outputs, and for each a tangent of its type."""
    multiple = primitive.multiple_results
    checked = Checked(primitive.name, multiple, kind, rule)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], /, **params: Any) -> Any:
        result = rule(copies(primals), copies(tangents), **params)
        out, tangent = checked.pair(result, "(output, tangent of the output)", JVPRuleError)
        outs, tangents_out = checked.outputs(out, "outputs"), checked.outputs(tangent, "tangents")
        if len(outs) != len(tangents_out):
            checked.fail(f"{len(outs)} outputs and {len(tangents_out)} tangents", error=JVPRuleError)
        found_out = [checked.type_of(o, "an output") for o in outs]
        if has_written_abstract(primitive):
            check_promised(checked, primitive, [typeof(p) for p in primals], params, found_out, JVPRuleError)
        for aval, t in zip(found_out, tangents_out, strict=True):
            found, wanted = checked.type_of(t, "a tangent"), aval.tangent()
            if not alike(found, wanted):
                checked.fail(
                    f"a tangent of type {found} for an output of type {aval}",
                    why="the tangent of a value has the shape and the dtype of the value"
                    + ("; that of an integer is a symbolic Zero" if not alike(wanted, aval) else ""),
                    fix="make the rule return a tangent of the type of its output, or a symbolic Zero",
                    error=JVPRuleError,
                )
        return owned(out, multiple), owned(tangent, multiple)

    return jvp


def checked_derivative(name: str, rule: Rule) -> Rule:
    """A partial derivative of an elementwise function, which must have a number for each element of the output."""
    checked = Checked(name, False, "derivative", rule)

    def derivative(out: Any, /, *args: Any, **params: Any) -> Any:
        result = owned(rule(*copies([out, *args]), **params), False)
        found, aval = checked.type_of(result, "the derivative"), typeof(out)
        axes = zip(found.shape[::-1], aval.shape[::-1], strict=False)
        if len(found.shape) > len(aval.shape) or any(n not in (1, m) for n, m in axes):
            checked.fail(
                f"{found} for an output of type {aval}",
                why="a derivative of an elementwise function is elementwise: it broadcasts to the output",
                fix="compute each element from the same element of the output and the arguments",
            )
        if found.dtype.kind == "c" and aval.dtype.kind != "c":
            why = "a derivative with respect to a real number is complex only where the output is"
            checked.fail(f"{found} for an output of type {aval}", why=why, fix="return its real part, if that is meant")
        return result

    return derivative


def checked_transpose(name: str, rule: Rule) -> Rule:
    """A transpose rule that must return a cotangent for each argument, of the type of the argument."""
    checked = Checked(name, True, "transpose", rule)

    def transpose(cotangent: Any, /, *args: Any, **params: Any) -> Any:
        given = copies(cotangent) if isinstance(cotangent, (list, tuple)) else owned(cotangent, False)
        cts = rule(given, *copies(args), **params)
        count = len(args)
        wanted = f"a cotangent (or None) for each of its {count} argument{'s' * (count != 1)}"
        if not isinstance(cts, (tuple, list)):
            fix = "return a tuple: (ct,) for one argument"
            checked.fail(f"{shown(cts)}, where a tuple is needed", why=f"it holds {wanted}", fix=fix)
        if len(cts) != count:
            checked.fail(f"{len(cts)} cotangents for {count} argument{'s' * (count != 1)}", fix=f"return {wanted}")
        linear = [type(x) is Var for x in args]
        if not any(ct is not None for ct, m in zip(cts, linear, strict=True) if m):
            for i, ct in enumerate(cts):
                if ct is not None:
                    said = f"a cotangent for argument {i}, of which the value is known, and None for {linear.index(True)}"
                    checked.fail(said, why="a cotangent belongs to what the result is linear in", fix="exchange the two")
        for i, (ct, x) in enumerate(zip(cts, args, strict=True)):
            if ct is None or type(x) is not Var:
                continue
            found = checked.type_of(ct, f"the cotangent of argument {i}")
            if not alike(found, x.aval.tangent()):
                checked.fail(
                    f"a cotangent of type {found} for argument {i} of type {x.aval}",
                    why="the cotangent of a value has the shape and the dtype of the value",
                    fix="sum over the axes along which the argument was broadcast, and convert with .astype; None for zero",
                )
        return copies(cts)

    return transpose


def checked_batch(primitive: Any, rule: Rule) -> Rule:
    """A batching rule that must return the outputs, and for each the axis that has the size of the batch, or None."""
    multiple = primitive.multiple_results
    checked = Checked(primitive.name, multiple, "batch", rule)

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], /, **params: Any) -> Any:
        out, dim = checked.pair(rule(size, copies(args), dims, **params), "(output, batch axis of the output)")
        outs, dims_out = checked.outputs(out, "outputs"), checked.outputs(dim, "batch axes")
        if len(outs) != len(dims_out):
            checked.fail(f"{len(outs)} outputs and {len(dims_out)} batch axes")
        found = [_batch_axis(checked, size, o, d) for o, d in zip(outs, dims_out, strict=True)]
        if has_written_abstract(primitive):
            pairs = zip((*args, *outs), (*dims, *found), strict=True)
            examples = [typeof(x) if d is None else typeof(x).example(d) for x, d in pairs]
            check_promised(checked, primitive, examples[: len(args)], params, examples[len(args) :], PrimitiveRuleError)
        return (owned(out, True), found) if multiple else (owned(out, False), found[0])

    return batch


def _batch_axis(checked: Checked, size: int, out: Any, dim: Any) -> int | None:
    aval = checked.type_of(out, "an output")
    if dim is None:
        return None
    try:
        axis = operator.index(dim)
    except TypeError:
        checked.fail(f"{shown(dim)} as a batch axis", fix="return the number of the axis, or None for what is not batched")
    shape = getattr(aval, "shape", None)
    if shape is None:
        return axis
    if not -len(shape) <= axis < len(shape) or shape[axis] != size:
        has = f"that axis has size {shape[axis]}" if -len(shape) <= axis < len(shape) else f"it has {len(shape)} axes"
        checked.fail(
            f"an output of type {aval} with the batch along axis {axis}",
            why=f"the batch has {size} examples, and {has}",
            fix="return the axis of the output along which its examples are, or None if it is the same for all of them",
        )
    return axis % len(shape)


def lending(rule: Rule) -> Rule:
    """An implementation that neither changes nor keeps its arguments, nor its result, made of one that may."""

    @wraps(rule)
    def impl(*args: Any, **params: Any) -> Any:
        out = rule(*copies(args), **params)
        return owned(out, isinstance(out, (list, tuple)))

    return impl


def checked_impl(name: str, multiple: bool, rule: Rule, avals: Sequence[Any], source: Source | None) -> Rule:
    """The implementation of an equation made at ``source``, which must return what was promised: outputs of types ``avals``."""
    checked = Checked(name, multiple, "impl", rule, source or "here")

    def impl(*args: Any, **params: Any) -> Any:
        out = rule(*args, **params)
        outs = checked.outputs(out, "outputs")
        if len(outs) != len(avals):
            checked.fail(f"{len(outs)} outputs, and its abstract rule gives {len(avals)}", why=SHAPES)
        for o, aval in zip(outs, avals, strict=True):
            if type(o) is np.ndarray and o.shape == aval.shape and o.dtype == aval.dtype:
                continue
            found = checked.type_of(o, "an output")
            if not alike(found, aval):
                checked.fail(
                    f"an output of type {found}, and its abstract rule gives {aval}",
                    why=SHAPES,
                    fix="make the two agree; covector.testing.check_primitive tries all the rules of a primitive",
                )
        return out

    return impl
