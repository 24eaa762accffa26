"""Short constructors for the common kinds of primitive; they are public, and most of the vocabulary is made with them.

A researcher's own elementwise primitive, with every transformation for free:

>>> import numpy as np
>>> softsign = elementwise("softsign", lambda x: x / (1 + np.abs(x)), lambda out, x: (1 - np.abs(out)) ** 2)
>>> float(softsign(1.0))
0.5
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from inspect import Parameter, Signature, signature
from types import MethodType
from typing import Any

import numpy as np

from covector.core.errors import ArgumentError
from covector.core.kinds import Bilinear, Elementwise, Linear, Reduction, Step
from covector.core.primitive import Primitive

Derivative = Callable[..., Any]


def elementwise(
    name: str, fn: Callable[..., Any], *derivatives: Derivative | None, exact: bool = False, trusted: bool = False
) -> Applied:
    """Make an elementwise primitive, and return the function that applies it.

    Args:
        name: the name that programs print.
        fn: what it computes on NumPy arrays; it must broadcast and promote as ufuncs do.
        derivatives: for each argument its partial derivative ``lambda out, *args, **params: ...``, written in terms of the
            output and the arguments with NumPy functions; None for an argument with a zero derivative.  No derivatives at all:
            the derivative is zero (as for comparisons and rounding).
        exact: the derivatives are known to come in the dtype of the output, so need no cast.
        trusted: the functions are known to be right, and neither to change nor to keep arrays: no checks, no copies.

    Returns:
        A function of arrays, and of the parameters of ``fn`` by their names, which the derivatives get too; its attribute
        ``primitive`` is the `Primitive`.

    Example:
        >>> square = elementwise("my_square", lambda x: x * x, lambda out, x: 2 * x)
        >>> float(square(3.0))
        9.0
    """
    if not isinstance(name, str):
        what = f"elementwise got {name!r} of type {type(name).__name__} for the name."
        raise ArgumentError(what, fix='give a name, the function and its derivatives: elementwise("name", fn, derivative)')
    kind = Elementwise(fn, *derivatives, exact=exact) if derivatives else Step(fn)
    return Applied(Primitive(name, kind, trusted=trusted))


class Applied(partial):  # type: ignore[type-arg]
    """The function that applies a primitive; it is pickled as the primitive is."""

    __name__: str
    primitive: Primitive
    bind: Callable[..., Any]

    def __new__(cls, primitive: Primitive) -> Applied:
        function = super().__new__(cls, primitive.bind)
        function.__name__ = function.__qualname__ = primitive.name  # type: ignore[attr-defined]
        function.__doc__ = f"Elementwise {primitive.name}."
        function.primitive, function.bind = primitive, primitive.bind
        return function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return Applied, (self.primitive,)

    def __repr__(self) -> str:
        return f"<function {self.primitive.name}>"


def linear(
    name: str,
    fn: Callable[..., Any],
    transpose: Callable[..., Any],
    *,
    abstract: Callable[..., Any] | None = None,
    batch: Callable[..., Any] | None = None,
    trusted: bool = False,
) -> Primitive:
    """Make a primitive that is linear in its one array argument.

    Args:
        name: the name that programs print.
        fn: ``fn(x, **params)`` on NumPy arrays.
        transpose: ``transpose(cotangent, x_aval, **params)`` is the cotangent of x.
        abstract: ``abstract(x_aval, **params)``; by default the aval of ``fn`` on an array of zeros.
        batch: ``batch(size, (x,), (dim,), **params) -> (out, out_dim)``; by default one call for each example.
        trusted: as for `elementwise`.

    Returns:
        The `Primitive`; apply it with ``primitive.bind(x, **params)``.

    Example:
        >>> total = linear("total", np.sum, lambda ct, x: np.broadcast_to(ct, x.shape))
        >>> float(total.bind(np.arange(4.0)))
        6.0
    """
    return Primitive(name, Linear(fn, transpose, abstract=abstract, batch=batch), trusted=trusted)


def bilinear(
    name: str,
    fn: Callable[..., Any],
    transpose_left: Callable[..., Any],
    transpose_right: Callable[..., Any],
    *,
    abstract: Callable[..., Any] | None = None,
    batch: Callable[..., Any] | None = None,
    trusted: bool = False,
) -> Primitive:
    """Make a primitive that is linear in each of its two arguments.

    Args:
        name: the name that programs print.
        fn: ``fn(x, y, **params)`` on NumPy arrays.
        transpose_left: ``transpose_left(cotangent, x_aval, y, **params)`` is the cotangent of x.
        transpose_right: ``transpose_right(cotangent, x, y_aval, **params)`` is the cotangent of y.
        abstract: ``abstract(x_aval, y_aval, **params)``; by default the aval of ``fn`` on arrays of zeros.
        batch: ``batch(size, (x, y), dims, **params) -> (out, out_dim)``; by default one call for each example.
        trusted: as for `elementwise`.

    Returns:
        The `Primitive`; apply it with ``primitive.bind(x, y, **params)``.

    Example:
        >>> scale = bilinear("scale", lambda s, v: s * v, lambda ct, s, v: np.sum(ct * v), lambda ct, s, v: s * ct)
        >>> scale.bind(2.0, np.ones(2))
        array([2., 2.])
    """
    kind = Bilinear(fn, transpose_left, transpose_right, abstract=abstract, batch=batch)
    return Primitive(name, kind, trusted=trusted)


def reduction(
    name: str,
    fn: Callable[..., Any],
    jvp: Callable[..., Any] | None = None,
    *,
    dtype: Any = None,
    trusted: bool = False,
    makes_new: bool = False,
) -> Primitive:
    """Make a primitive that removes the axes in its parameter ``axes``, a tuple of non-negative integers.

    Args:
        name: the name that programs print.
        fn: ``fn(x, axis=axes, **params)`` on NumPy arrays, as ``np.max``.
        jvp: ``jvp(out, x, tangent, axes, **params)`` is the tangent of the output, in NumPy functions; None for a zero
            derivative.
        dtype: the dtype of the result, if it is not that of ``x``.
        trusted: as for `elementwise`.
        makes_new: the result never shares memory with the argument.

    Returns:
        The `Primitive`; apply it with ``primitive.bind(x, axes=(0,), **params)``.

    Example:
        >>> peak = reduction("peak", np.max, None)
        >>> peak.bind(np.array([[1.0, 3.0], [2.0, 0.0]]), axes=(1,))
        array([3., 2.])
    """
    kind = Reduction(
        reduced(name, fn, "(x, axis, **params)", lambda x, /, *, axes, **params: fn(x, axis=axes, **params)),
        jvp
        and reduced(
            name,
            jvp,
            "(out, x, tangent, axes, **params)",
            lambda out, x, t, /, *, axes, **params: jvp(out, x, t, axes, **params),
        ),
        dtype=dtype and (lambda of_x: np.dtype(dtype)),
    )
    return Primitive(name, kind, trusted=trusted, makes_new=makes_new)


def reduced(name: str, f: Callable[..., Any], wanted: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """``run``, which calls the ``f`` of a user's and has ``axes`` by keyword; its signature says so, for messages."""
    try:
        taken = [*signature(f).parameters.values()]
    except (TypeError, ValueError):  # of compiled code
        return run
    place = 3 if "tangent" in wanted else next((i for i, p in enumerate(taken) if p.name == "axis"), len(taken))
    if place >= len(taken) and not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in taken):
        what = f"the reduction {name!r} got a function that takes {signature(f)}."
        raise ArgumentError(what, why="it is given the axes too", fix=f"let it take {wanted}")
    run = update_wrapper(run, f)
    axes = Parameter("axes", Parameter.KEYWORD_ONLY)
    others = [p for i, p in enumerate(taken) if i != place]
    run.__signature__ = Signature(sorted([*others, axes], key=lambda p: p.kind))  # type: ignore[attr-defined]
    return run
