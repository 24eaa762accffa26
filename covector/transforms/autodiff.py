"""Derivatives: ``jvp``, ``vjp``, ``grad``, ``value_and_grad``, ``linearize``, ``linear_transpose``.

Forward mode runs the JVP rules on values.  Reverse mode runs the same rules with staged tangents and transposes the linear
program that this records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from covector.core import errors
from covector.core.avals import ShapedArray, typeof
from covector.core.context import MODES
from covector.core.jaxpr import sub_jaxprs
from covector.core.memory import Holder, copies, own_results
from covector.core.primitive import new_trace
from covector.core.pytrees import list_of_one, tree_map, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.jvp import Pushforward
from covector.interpreters.linearize import Linearization, LinearProgram
from covector.interpreters.residuals import with_forward_staged
from covector.interpreters.transpose import record_users_linear, transpose_program
from covector.transforms import options
from covector.transforms.arguments import (
    ArgNames,
    ArgNums,
    Transformed,
    check_callable,
    check_functions,
    flatten_result,
    given_avals,
    kind_of,
    like_tangent,
    select_arguments,
    tangent_leaves,
    transformed,
    typed_values,
    wrap_like,
)
from covector.transforms.linear_maps import Form, LinearMap, Pullback, finished, linear_type
from covector.transforms.typing import P, R

Function = Callable[..., Any]


def with_aux(result: Any, who: str) -> tuple[Any, Any]:
    """The output of a function and its auxiliary data."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise errors.TreeMismatchError(
            f"{who} has has_aux=True, but the function returned {kind_of(result)}.",
            why="with has_aux=True the function returns a pair (output, auxiliary data)",
            fix="return (output, aux), or leave has_aux out",
        )
    return result


def check_tuples(who: str, primals: Any, tangents: Any) -> None:
    """Reject arguments, or the parts of a direction, that are not in a tuple."""
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise errors.ArgumentError(
                f"{who} got {name} of type {type(value).__name__}.",
                why="they are tuples with one item for each argument of the function",
                fix=f"pass a tuple each: {who}(f, (x,), (v,)) for a function of one argument",
            )


class Linearized(NamedTuple):
    """A linearized call: its output, the linear program of its tangents, and its auxiliary data."""

    out_leaves: list[Any]
    out_tree: Any
    program: LinearProgram
    aux: Any
    holder: Holder

    @property
    def out(self) -> Any:
        return tree_unflatten(self.out_tree, self.out_leaves)[0]

    @property
    def out_avals(self) -> tuple[Any, ...]:
        return tuple(map(typeof, self.out_leaves))


def linearized(
    call: Function,
    leaves: Sequence[Any],
    treedef: Any,
    avals: Sequence[Any],
    has_aux: bool,
    who: Transformed,
    brief: bool = False,
) -> Linearized:
    """Linearize ``call``, a function of a list of trees, in all floating and complex leaves.

    What is returned is not what the program keeps.  For ``brief`` see `Linearization`.
    """
    with Linearization(*who, brief=brief) as lin:
        tracers = lin.inputs(leaves, [a.tangent() if a.is_differentiable else None for a in avals])
        out, aux = call(tree_unflatten(treedef, tracers)), None
        if has_aux:
            out, aux = with_aux(out, who.name)
        out_leaves, out_tree = flatten_result(out, who.name)
        out_leaves, program = lin.outputs(out_leaves)
        if aux is not None:
            aux = tree_map(lambda x: x if lin.trace.primal(x) is x else copies([lin.trace.primal(x)])[0], aux)
        return tuple.__new__(Linearized, (out_leaves if brief else copies(out_leaves), out_tree, program, aux, lin.holder))


@overload
def jvp(
    f: Callable[..., R], primals: Sequence[Any], tangents: Sequence[Any], has_aux: Literal[False] = False
) -> tuple[R, R]: ...
@overload
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool) -> tuple[Any, ...]: ...
@hides_frames
def jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of a function and its derivative along a direction (the Jacobian-vector product).

    Args:
        f: a function of positional arguments; arguments and result are pytrees of arrays.
        primals: the arguments, a tuple or list.
        tangents: the direction, one for each argument with its structure, shapes and dtypes.  None, zeros or ``float0``
            arrays stand for the zero tangent of an integer; None for any zero tangent.
        has_aux: ``f`` returns ``(output, aux)``; ``aux`` is returned as it is.

    Returns:
        ``(output, tangent_of_output)``, and ``aux`` if ``has_aux``.

    Raises:
        TreeMismatchError: tangents that do not correspond to the primals.

    Example:
        >>> jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
        (12.0, 4.0)
    """
    if not callable(f):
        check_functions("jvp(f, primals, tangents)", f=f)
    if not type(primals) is tuple is type(tangents):
        check_tuples("jvp", primals, tangents)
        primals, tangents = tuple(primals), tuple(tangents)
    who = transformed("jvp", f)
    if has_aux is not False:
        options.flags(who.name, has_aux=has_aux)
    treedef: Any = None
    if not _are_arrays(primals, tangents):
        primals, treedef, avals = typed_values(primals, who.name)
        tangents = tangent_leaves(tangents, treedef, "tangents", who.name)
        tangents = [like_tangent(t, aval, "tangent", who.name) for t, aval in zip(tangents, avals, strict=True)]
    with new_trace(Pushforward, *who) if MODES else Pushforward(*who) as push:
        args = push.inputs(primals, tangents)
        out, aux = f(*(args if treedef is None else tree_unflatten(treedef, args))), None
        if has_aux:
            out, aux = with_aux(out, who.name)
        out_leaves, out_tree = flatten_result(out, who.name)
        results = push.outputs(out_leaves)
        given = () if push.inputs_holder is None else (*primals, *tangents)  # of small arrays the function got copies
        if aux is not None:
            aux = tree_map(push.primal, aux)
    results, count = own_results(results, given), len(out_leaves)
    if out_tree is list_of_one():
        out, tangent = results
    else:
        (out,), (tangent,) = tree_unflatten(out_tree, results[:count]), tree_unflatten(out_tree, results[count:])
    return (out, tangent, aux) if has_aux else (out, tangent)


def _are_arrays(primals: Sequence[Any], tangents: Sequence[Any]) -> bool:
    """Whether all are floating arrays, each tangent of the type of its primal: so they need not be looked at more closely."""
    for p, t in zip(primals, tangents):  # noqa: B905 - it is looked at below
        if not (type(p) is np.ndarray is type(t) and p.dtype is t.dtype and p.dtype.kind == "f" and p.shape == t.shape):
            return False
    return len(primals) == len(tangents)


@overload
def vjp(f: Callable[..., R], *primals: Any, has_aux: Literal[False] = False) -> tuple[R, Pullback]: ...
@overload
def vjp(f: Function, *primals: Any, has_aux: bool) -> tuple[Any, ...]: ...
@hides_frames
def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its pullback, the map from cotangents of the output to cotangents of the arguments.

    Args:
        f: a function of positional arguments; arguments and result are pytrees of arrays.
        primals: the arguments.
        has_aux: ``f`` returns ``(output, aux)``; ``aux`` is returned as it is.

    Returns:
        ``(output, pullback)``, and ``aux`` if ``has_aux``.  ``pullback(cotangent)`` takes one tree like the output and
        returns a tuple with a cotangent for each argument; it may be called any number of times.  It is a pytree with the
        residuals as leaves, so that it goes in and out of `jit`, `vmap`, loops and the residuals of custom rules.

    Example:
        >>> out, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
        >>> [float(ct) for ct in pullback(1.0)]
        [4.0, 3.0]
    """
    lin, form = _linearized_at("vjp", f, primals, has_aux, "the pullback")
    pullback = Pullback(form, lin.program)  # without the output itself: the pullback does not keep it alive
    return (lin.out, pullback, lin.aux) if has_aux else (lin.out, pullback)


def _linearized_at(name: str, f: Function, primals: Sequence[Any], has_aux: bool, what: str) -> tuple[Linearized, Form]:
    """A call of ``f`` linearized, and the form of the linear map that it has."""
    check_functions(f"{name}(f, *primals)", f=f)
    who = transformed(name, f)
    options.flags(who.name, has_aux=has_aux)
    leaves, treedef, avals = typed_values(list(primals), who.name)
    lin = linearized(lambda args: f(*args), leaves, treedef, avals, has_aux, who)
    return lin, Form(treedef, tuple(avals), lin.out_tree, lin.out_avals, f"{what} of {who.name}")


def grad(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, Any]:
    """The gradient of a scalar function.

    Args:
        f: a function that returns a scalar (shape ``()``); arguments are pytrees of arrays.
        argnums: the position, or the positions, of the arguments to differentiate (default 0).
        has_aux: ``f`` returns ``(output, aux)``.
        holomorphic: ``f`` is complex differentiable; arguments and output must be complex.
        allow_int: accept integer arguments; their gradient is an array of dtype ``float0``.
        argnames: the name, or the names, of arguments to differentiate.  With names alone the result for several is a
            dictionary; with both it is ``(tuple for argnums, dictionary for argnames)``.

    Returns:
        A function of the same arguments that returns the gradient, with the structure, shapes and dtypes of the argument
        (a tuple if ``argnums`` is a sequence), and ``aux`` beside it if ``has_aux``.  For a complex argument and a real
        output the gradient is the conjugate of the direction of steepest ascent, as in JAX.

    Raises:
        NonScalarGradError: the output has axes.
        GradDtypeError: an argument is an integer or boolean; or the output is complex without ``holomorphic``.

    Example:
        >>> import numpy as np
        >>> grad(lambda x: np.sum(np.sin(x)))(np.zeros(3))
        array([1., 1., 1.])
    """
    return _value_and_grad(grad, f, argnums, has_aux, holomorphic, allow_int, argnames)


def value_and_grad(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, tuple[Any, Any]]:
    """The value of a scalar function together with its gradient; arguments and errors as for `grad`.

    Returns:
        A function that returns ``(value, gradient)``, or ``((value, aux), gradient)`` if ``has_aux``.

    Example:
        >>> value, gradient = value_and_grad(lambda x: x**2)(3.0)
        >>> float(value), float(gradient)
        (9.0, 6.0)
    """
    return _value_and_grad(value_and_grad, f, argnums, has_aux, holomorphic, allow_int, argnames)


def _value_and_grad(
    transformation: Function, f: Function, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool, argnames: ArgNames
) -> Function:
    name = transformation.__name__
    check_callable(f, name)
    who = transformed(name, f)
    options.flags(who.name, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int)

    def value_and_grad_f(*args: Any, **kwargs: Any) -> Any:
        selection = select_arguments(f, args, kwargs, argnums, argnames, who.name)
        leaves, treedef, avals = typed_values(selection.values, who.name, lambda path: selection.named(f, path))
        for aval in avals:
            if holomorphic or type(aval) is not ShapedArray or aval.dtype.kind != "f":
                _check_input(aval, holomorphic, allow_int, who.name)
        lin = linearized(partial(selection.call, f), leaves, treedef, avals, has_aux, who, brief=True)
        try:
            aval = _scalar_output(lin, holomorphic, who.name)
            cts = transpose_program(lin.program, [aval.dtype.type(1)], consume=True)
        finally:
            if lin.holder.held:
                lin.holder.release()
        gradient = selection.shape(tree_unflatten(treedef, finished(cts, avals)))
        if name == "grad":
            return (gradient, lin.aux) if has_aux else gradient
        value = lin.out_leaves[0]
        return ((value, lin.aux) if has_aux else value), gradient

    given = {"argnums": argnums, "has_aux": has_aux, "holomorphic": holomorphic, "allow_int": allow_int, "argnames": argnames}
    return wrap_like(f, value_and_grad_f, transformation, **given)


def _check_input(aval: Any, holomorphic: bool, allow_int: bool, who: str) -> None:
    if holomorphic and aval.dtype.kind != "c":
        raise errors.GradDtypeError(
            f"{who} with holomorphic=True got an argument of type {aval}.",
            why="a holomorphic function is one of complex numbers",
            fix="convert the argument to a complex dtype, or leave holomorphic out",
        )
    if not aval.is_differentiable and not allow_int:
        raise errors.GradDtypeError(
            f"{who} got an argument of type {aval} to differentiate.",
            why="integers and booleans have no derivative",
            fix="pass a float (1.0 instead of 1), choose other argnums, or allow_int=True for a float0 gradient",
        )


def _scalar_output(lin: Linearized, holomorphic: bool, who: str) -> Any:
    """The type of the output, which must be one real number."""
    is_alone = lin.out_tree is list_of_one() or (len(lin.out_leaves) == 1 and lin.out_leaves[0] is lin.out)
    out = lin.out_leaves[0] if is_alone else lin.out
    aval = typeof(out) if is_alone else None
    if aval is None or aval.shape != ():
        raise errors.NonScalarGradError(
            f"{who} needs a scalar output, and the function returned {kind_of(out)}.",
            why="the gradient is the derivative of one number",
            fix="reduce the output (np.sum, np.mean), index it, or use jacobian or vjp"
            if is_alone
            else "return the scalar alone (with has_aux=True for (scalar, other values)), or use vjp or jacobian",
        )
    if (holomorphic and aval.dtype.kind != "c") or (not holomorphic and aval.dtype.kind != "f"):
        raise errors.GradDtypeError(
            f"{who} needs a {'complex' if holomorphic else 'real floating'} output, and the function returned {aval}.",
            why="holomorphic=True promises a complex function"
            if holomorphic
            else "the derivative of an integer is zero, and that of a complex number needs holomorphic=True or vjp",
            fix="return a real number such as np.abs(z)**2, or use holomorphic=True"
            if aval.dtype.kind == "c"
            else "compute the output in floating point",
        )
    return aval


@overload
def linearize(f: Callable[..., R], *primals: Any, has_aux: Literal[False] = False) -> tuple[R, LinearMap[R]]: ...
@overload
def linearize(f: Function, *primals: Any, has_aux: bool) -> tuple[Any, ...]: ...
@hides_frames
def linearize(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its derivative there as a linear function, with what does not depend on the direction done.

    Args:
        f: a function of positional arguments; arguments and result are pytrees of arrays.
        primals: the arguments.
        has_aux: ``f`` returns ``(output, aux)``.

    Returns:
        ``(output, f_jvp)``, and ``aux`` if ``has_aux``; ``f_jvp(*tangents)`` is the tangent of the output.  It is a
        pytree, as the pullback of `vjp`; its attribute ``jaxpr`` is the linear program.

    Example:
        >>> import numpy as np
        >>> out, f_jvp = linearize(np.sin, 0.0)
        >>> float(f_jvp(2.0))
        2.0
    """
    lin, form = _linearized_at("linearize", f, primals, has_aux, "the linear map")
    tape = lin.program.trace.tape
    tape[:] = map(with_forward_staged, tape)
    f_jvp: LinearMap[Any] = LinearMap(form, *lin.program.closed())
    return (lin.out, f_jvp, lin.aux) if has_aux else (lin.out, f_jvp)


@hides_frames
def linear_transpose(f: Function, *primals: Any) -> Function:
    """The transpose of a linear function.

    Args:
        f: a function that is linear in all its arguments.  These may be integers where the results are too.
        primals: arguments of the right shapes and dtypes (values are not used), or avals (`eval_shape`'s results).

    Returns:
        A function from a cotangent of the output to a tuple of cotangents of the arguments.

    Raises:
        LinearityError: ``f`` does something that is not linear.

    Example:
        >>> (ct,) = linear_transpose(lambda x: 3.0 * x, 1.0)(2.0)
        >>> float(ct)
        6.0
    """
    check_functions("linear_transpose(f, *primals)", f=f)
    who = transformed("linear_transpose", f)
    avals, treedef = given_avals(list(primals), who.name)
    for aval in avals:
        if aval.dtype.kind not in "iufc":
            raise errors.GradDtypeError(
                f"{who.name} got an argument of type {aval}.", why="linear functions are those of numbers"
            )
    flat = lambda *args: flatten_result(f(*tree_unflatten(treedef, args)), who.name)
    program, out_tree = record_users_linear(flat, avals, name=who.name)
    if any(a.dtype.kind in "iu" for a in avals):
        _check_integer_program(program, who.name)
    form = Form(treedef, tuple(map(linear_type, avals)), out_tree, tuple(linear_type(o.aval) for o in program.outs), who.name)
    return Pullback(form, program)


def _check_integer_program(program: LinearProgram, who: str) -> None:
    """Refuse what cannot be transposed in integers: values that are none, and programs within, whose rules are for floats."""
    why, fix = "", "pass floats: linear_transpose(f, 1.0) instead of linear_transpose(f, 1)"
    found = [*(o.aval for o in program.outs), *(v.aval for entry in program.trace.tape for v in entry[3])]
    other = next((a for a in found if a.dtype.kind not in "iu"), None)
    if other is not None:
        why = f"a value of type {other} is made of it, whose cotangents are no integers"
    nested = next((entry[0].name for entry in program.trace.tape if sub_jaxprs(entry[2])), None)
    if nested is not None:
        why = f"it goes through {nested!r}, of which the program is transposed for floating and complex values only"
    if why:
        raise errors.GradDtypeError(f"{who} got an integer argument.", why=why, fix=fix)
