"""Whole derivatives: ``jacfwd``, ``jacrev``, ``jacobian``, ``value_and_jacobian``, ``hessian``, ``hvp``.

A Jacobian is the linear map of a linearization applied to every basis vector at once: forward along the basis of the inputs,
or backward along the basis of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import float0, shape_of
from covector.core.memory import own_results
from covector.core.pytrees import tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.interpreters.batch import batch
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.transpose import instantiated, transpose_program
from covector.primitives.arrays.shaping import batch_all, batched_at, reshape_to
from covector.transforms import options
from covector.transforms.arguments import (
    ArgNames,
    ArgNums,
    check_callable,
    check_functions,
    select_arguments,
    transformed,
    typed_values,
    wrap_like,
)
from covector.transforms.autodiff import check_tuples, grad, jvp, linearized
from covector.transforms.typing import P

Function = Callable[..., Any]


def jacfwd(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, Any]:
    """The Jacobian by forward mode: one sweep for each input element, all at once; best for few inputs and many outputs.

    Args:
        f: a function of pytrees of arrays.
        argnums: the position, or positions, of the arguments to differentiate (default 0).
        has_aux: ``f`` returns ``(output, aux)``; the result is then ``(jacobian, aux)``.
        holomorphic: ``f`` is complex differentiable; arguments and outputs must be complex.
        allow_int: accept arguments that are integers or booleans; the arrays of these have the dtype ``float0``, as for `grad`.
        argnames: the name, or names, of arguments to differentiate, as for `grad`.

    Returns:
        A function of the same arguments that returns, for each output array, the structure of the arguments with arrays of
        shape ``output.shape + argument.shape``.  Those of an output of integers or booleans have the dtype ``float0``.

    Raises:
        GradDtypeError: an argument is an integer or boolean without ``allow_int``, or complex without ``holomorphic``; an
            argument or an output is not complex with it.

    Example:
        >>> import numpy as np
        >>> jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """
    return _jacobian(jacfwd, f, argnums, has_aux, holomorphic, allow_int, argnames)


def jacrev(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, Any]:
    """The Jacobian by reverse mode: one sweep for each output element, all at once; best for many inputs and few outputs.

    Arguments, result and errors are those of `jacfwd`; arguments may be complex if the outputs are real, as for `grad`.

    Example:
        >>> import numpy as np
        >>> jacrev(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
        array([2., 4.])
    """
    return _jacobian(jacrev, f, argnums, has_aux, holomorphic, allow_int, argnames)


def jacobian(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, Any]:
    """The Jacobian by the mode that needs fewer sweeps: forward if there are no more inputs than outputs, else reverse.

    Arguments, result and errors are those of `jacfwd`.

    Example:
        >>> import numpy as np
        >>> jacobian(lambda x: np.sin(x))(np.zeros(2))
        array([[1., 0.],
               [0., 1.]])
    """
    return _jacobian(jacobian, f, argnums, has_aux, holomorphic, allow_int, argnames)


def value_and_jacobian(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, tuple[Any, Any]]:
    """The value of a function and its Jacobian, as `jacobian`; ``((value, aux), jacobian)`` if ``has_aux``.

    Example:
        >>> import numpy as np
        >>> value, jac = value_and_jacobian(lambda x: x * x)(np.array([3.0]))
        >>> value, jac
        (array([9.]), array([[6.]]))
    """
    return _jacobian(value_and_jacobian, f, argnums, has_aux, holomorphic, allow_int, argnames)


def _jacobian(
    transformation: Function, f: Function, argnums: Any, has_aux: bool, holomorphic: bool, allow_int: bool, argnames: ArgNames
) -> Function:
    name = transformation.__name__
    check_callable(f, name)
    who = transformed(name, f)
    options.flags(who.name, has_aux=has_aux, holomorphic=holomorphic, allow_int=allow_int)

    def jacobian_f(*args: Any, **kwargs: Any) -> Any:
        selection = select_arguments(f, args, kwargs, argnums, argnames, who.name)
        leaves, treedef, in_avals = typed_values(selection.values, who.name, partial(selection.named, f))
        lin = linearized(partial(selection.call, f), leaves, treedef, in_avals, has_aux, who)
        out_avals = lin.out_avals
        known = [a for a in in_avals if a.is_differentiable or not allow_int]
        forward = name == "jacfwd" or (name != "jacrev" and _forward_is_better(known, out_avals))
        _check_dtypes(known, out_avals, forward, holomorphic, who.name)
        blocks = (_forward if forward else _reverse)(lin.program, known, out_avals)
        if len(known) < len(in_avals) or not all(a.is_differentiable for a in out_avals):
            blocks = [_with_integers(row, in_avals, out) for row, out in zip(blocks, out_avals, strict=True)]
        own = iter(own_results([block for row in blocks for block in row]))
        rows = [selection.shape(tree_unflatten(treedef, [next(own) for _ in row])) for row in blocks]
        (jac,) = tree_unflatten(lin.out_tree, rows)
        if name == "value_and_jacobian":
            return ((lin.out, lin.aux) if has_aux else lin.out), jac
        return (jac, lin.aux) if has_aux else jac

    given = {"argnums": argnums, "has_aux": has_aux, "holomorphic": holomorphic, "allow_int": allow_int, "argnames": argnames}
    return wrap_like(f, jacobian_f, transformation, **given)


def _forward_is_better(in_avals: Sequence[Any], out_avals: Sequence[Any]) -> bool:
    """Forward mode needs as many sweeps as there are inputs, and reverse mode as outputs, which must be real."""
    complex_in, complex_out = (any(a.dtype.kind == "c" for a in avals) for avals in (in_avals, out_avals))
    if complex_in != complex_out:
        return complex_out
    return bool(sum(a.size for a in in_avals) <= sum(a.size for a in out_avals))


def _check_dtypes(in_avals: Sequence[Any], out_avals: Sequence[Any], forward: bool, holomorphic: bool, who: str) -> None:
    for aval in in_avals:
        if not aval.is_differentiable or (holomorphic and aval.dtype.kind != "c"):
            raise errors.GradDtypeError(
                f"{who} got an argument of type {aval} to differentiate.",
                why="a holomorphic function is one of complex numbers"
                if aval.is_differentiable
                else "integers have no derivative",
                fix="pass a complex argument"
                if aval.is_differentiable
                else "pass a float, choose other argnums, or allow_int=True for a float0 Jacobian",
            )
    for aval in out_avals if holomorphic else ():
        if aval.dtype.kind != "c":
            raise errors.GradDtypeError(
                f"{who} has an output of type {aval}.",
                why="holomorphic=True promises a complex function",
                fix="leave holomorphic out, and split complex arguments into real and imaginary part",
            )
    for aval, what in [
        *((a, "an argument") for a in in_avals if forward),
        *((a, "an output") for a in out_avals if not forward),
    ]:
        if aval.dtype.kind == "c" and not holomorphic:
            raise errors.GradDtypeError(
                f"{who} has {what} of type {aval}.",
                why="the Jacobian of a function that is not holomorphic is not one complex matrix",
                fix="give holomorphic=True for a complex differentiable function, or split it into real and imaginary part",
            )


def _basis(avals: Sequence[Any]) -> list[Any]:
    """For each array a batch, along the first axis, of the unit vectors of the space of all of them together."""
    n = sum(a.size for a in avals)
    batches, start = [], 0
    for aval in avals:
        unit = np.zeros((n, aval.size), aval.dtype)
        if aval.dtype != float0:
            unit[range(start, start + aval.size), range(aval.size)] = 1
        batches.append(unit.reshape(n, *aval.shape))
        start += aval.size
    return batches


def _split_blocks(batched: Any, avals: Sequence[Any], axis: int) -> list[Any]:
    """Cut the batch axis of a result of `_basis` vectors into one block for each array, in the array's shape."""
    blocks, start = [], 0
    shape = shape_of(batched)
    for aval in avals:
        index = (slice(None),) * axis + (slice(start, start + aval.size),)
        blocks.append(reshape_to(batched[index], (*shape[:axis], *aval.shape, *shape[axis + 1 :])))
        start += aval.size
    return blocks


def _forward(program: Any, in_avals: Sequence[Any], out_avals: Sequence[Any]) -> list[list[Any]]:
    """The blocks of the Jacobian, by output and input, by pushing the basis of the inputs forward."""
    jaxpr, residuals = program.closed()
    basis = _basis(in_avals)
    n = sum(a.size for a in in_avals)
    columns, dims = batch(lambda *ts: eval_jaxpr(jaxpr, *residuals, *ts), n, basis, [0] * len(basis), name="jacfwd")
    last = [batched_at(len(a.shape), n, c, d) for c, d, a in zip(columns, dims, out_avals, strict=True)]
    return [_split_blocks(c, in_avals, a.ndim) for c, a in zip(last, out_avals, strict=True)]


def _reverse(program: Any, in_avals: Sequence[Any], out_avals: Sequence[Any]) -> list[list[Any]]:
    """The blocks of the Jacobian, by output and input, by pulling the basis of the outputs back."""
    basis = _basis(out_avals)
    n = sum(a.size for a in out_avals)

    def pull(*cts: Any) -> list[Any]:
        found = transpose_program(program, cts)
        return instantiated([ct for ct, v in zip(found, program.in_vars, strict=True) if v is not None], in_avals)

    rows, dims = batch(pull, n, basis, [0] * len(basis), name="jacrev")
    by_input = [_split_blocks(r, out_avals, 0) for r in batch_all(n, rows, dims)]
    return [list(row) for row in zip(*by_input, strict=True)] if by_input else [[] for _ in out_avals]


def _with_integers(row: Sequence[Any], in_avals: Sequence[Any], out: Any) -> list[Any]:
    """The blocks of an output, with zeros for the inputs that have no derivative, or for all if the output has none."""
    if not out.is_differentiable:
        return [np.zeros((*out.shape, *a.shape), float0) for a in in_avals]
    blocks = iter(row)
    return [next(blocks) if a.is_differentiable else np.zeros((*out.shape, *a.shape), float0) for a in in_avals]


def hessian(
    f: Callable[P, Any],
    argnums: ArgNums | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: ArgNames = None,
) -> Callable[P, Any]:
    """The Hessian of a function: forward mode over reverse mode, ``jacfwd(jacrev(f))``.

    Arguments and errors are those of `jacfwd`.  For a scalar function of an array of shape ``s`` the result has shape
    ``s + s``.

    Example:
        >>> import numpy as np
        >>> hessian(lambda x: x[0] * x[1])(np.array([1.0, 2.0]))
        array([[0., 1.],
               [1., 0.]])
    """
    given = dict(locals())
    del given["f"]
    return wrap_like(f, jacfwd(jacrev(f, **given), **given), hessian, **given)


@hides_frames
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The product of the Hessian of a scalar function with a vector: forward over reverse, ``jvp(grad(f))``.

    Args:
        f: a function that returns a scalar.
        primals: its arguments, a tuple or list.
        tangents: the vector, one part for each argument.
        has_aux: ``f`` returns ``(output, aux)``; the result is then ``(product, aux)``.

    Returns:
        The product: with one argument, a value like it; with several, a tuple of them.

    Example:
        >>> import numpy as np
        >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
        array([ 6., 12.])
    """
    check_functions("hvp(f, primals, tangents)", f=f)
    check_tuples("hvp", primals, tangents)
    single = len(primals) == 1
    gradient = grad(f, 0 if single else tuple(range(len(primals))), has_aux)
    result = jvp(gradient, primals, tangents, has_aux)
    return (result[1], result[2]) if has_aux else result[1]
