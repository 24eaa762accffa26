"""Short constructors for the common kinds of primitive; they are public, and most of the vocabulary is made with them.

A researcher's own elementwise primitive, with every transformation for free:

>>> import numpy as np
>>> softsign = elementwise("softsign", lambda x: x / (1 + np.abs(x)), lambda out, x: (1 - np.abs(out)) ** 2)
>>> float(softsign(1.0))
0.5
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MethodType
from typing import Any, Protocol, cast

import numpy as np

from covector.core.avals import WEAK_SCALARS, ShapedArray, Zero, array_aval, is_weak, typeof
from covector.core.checked_rules import checked_derivative
from covector.core.errors import PrimitiveRuleError, describe
from covector.core.jaxpr import Var
from covector.core.primitive import Primitive, in_users_code, jointly, one_of
from covector.primitives.ring import add_p, elementwise_abstract, elementwise_batch, scale, sumprod_p
from covector.primitives.shaping import convert_p, fit, move_batch_to_front

# --- elementwise ------------------------------------------------------------------------------------------------------

Derivative = Callable[..., Any]


class PrimitiveFunction(Protocol):
    """A function that applies a primitive."""

    __name__: str
    primitive: Primitive

    def __call__(self, *args: Any) -> Any: ...


def elementwise(
    name: str, fn: Callable[..., Any], *derivatives: Derivative | None, exact: bool = False, trusted: bool = False
) -> PrimitiveFunction:
    """Make an elementwise primitive, and return the function that applies it.

    Args:
        name: the name that programs print.
        fn: what it computes on NumPy arrays; it must broadcast and promote as ufuncs do.
        derivatives: for each argument its partial derivative ``lambda out, *args: ...``, written in terms of the output and
            the arguments with NumPy functions; None for an argument with a zero derivative.  No derivatives at all: the
            derivative is zero (as for comparisons and rounding).
        exact: the derivatives are known to come in the dtype of the output, so need no cast.
        trusted: the functions are known to be right, and neither to change nor to keep arrays: no checks, no copies.

    Returns:
        A function of arrays; its attribute ``primitive`` is the `Primitive`.

    Example:
        >>> square = elementwise("my_square", lambda x: x * x, lambda out, x: 2 * x)
        >>> float(square(3.0))
        9.0
    """
    return cast(PrimitiveFunction, Applied(elementwise_primitive(name, fn, *derivatives, exact=exact, trusted=trusted)))


class Applied(partial):  # type: ignore[type-arg]
    """The function that applies a primitive; it is pickled as the primitive is."""

    primitive: Primitive

    def __new__(cls, primitive: Primitive) -> Applied:
        function = super().__new__(cls, primitive.bind)
        function.__name__ = function.__qualname__ = primitive.name  # type: ignore[attr-defined]
        function.__doc__ = f"Elementwise {primitive.name}."
        function.primitive = primitive
        return function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return Applied, (self.primitive,)

    def __repr__(self) -> str:
        return f"<function {self.primitive.name}>"


def elementwise_primitive(
    name: str,
    fn: Callable[..., Any],
    *derivatives: Derivative | None,
    exact: bool = False,
    keeps_weak: bool = False,
    trusted: bool = False,
    makes_new: bool = False,
) -> Primitive:
    """The primitive of `elementwise`; ``keeps_weak`` as for the arithmetic operators, the others as for `Primitive`."""
    primitive = Primitive(name, trusted=trusted, makes_new=makes_new)
    primitive.keeps_weak = keeps_weak
    primitive.def_impl(fn)
    primitive.def_abstract(elementwise_abstract(primitive, fn))
    primitive.def_batch(elementwise_batch(primitive))
    if not trusted:  # then these are the user's, but not the rules made of them
        derivatives = tuple(d and in_users_code(checked_derivative(name, d)) for d in derivatives)
    if not any(derivatives):
        jvp = zero_jvp(primitive)
    elif len(derivatives) == 1:
        jvp = unary_jvp(primitive, derivatives[0], exact and trusted)
    else:
        jvp = nary_jvp(primitive, derivatives)
    primitive.set_jvp(jvp if trusted or not derivatives else counting(name, len(derivatives), jvp))
    return primitive


def counting(name: str, count: int, jvp: Callable[..., Any]) -> Callable[..., Any]:
    """A JVP rule for so many arguments as there are derivatives."""

    def counted(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        if len(primals) != count:
            what = f"{name!r} has {count} derivative{'s' * (count != 1)}, and is applied to {len(primals)} arguments."
            why = "an elementwise primitive has a partial derivative for each of its arguments"
            fix = "give elementwise one for each, None where it is zero"
            raise PrimitiveRuleError(describe(what, why=why, fix=fix))
        return jvp(primals, tangents)

    return counted


def zero_jvp(primitive: Primitive) -> Callable[..., Any]:
    """The JVP rule of a function that is piecewise constant."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        return out, typeof(out).zero

    return jvp


def unary_jvp(primitive: Primitive, derivative: Any, exact: bool) -> Callable[..., Any]:
    bind, impl = primitive.bind, primitive.impl

    def exact_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x,), (t,) = primals, tangents
        if type(x) is np.ndarray:
            out = impl(x)
        else:
            (x,) = numpy_scalars(primals)
            out = bind(x)
        if type(t) is Zero:
            return out, typeof(out).zero
        return out, scale(derivative(out, x), t)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        out, tangent = exact_jvp(primals, tangents)
        return out, tangent if type(tangent) is Zero else fit(tangent, out)

    return exact_jvp if exact else jvp


def nary_jvp(primitive: Primitive, derivatives: Sequence[Derivative | None]) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        out = primitive.bind(*primals)
        if type(out) is not np.ndarray:
            primals = numpy_scalars(primals)
        terms: list[Any] = []
        for t, derivative in zip(tangents, derivatives, strict=True):
            if type(t) is not Zero and derivative is not None:
                terms += [derivative(out, *primals), t]
        if not terms:
            return out, typeof(out).zero
        return out, fit(scale(*terms) if len(terms) == 2 else sumprod_p.bind(*terms), out)

    return jvp


def numpy_scalars(primals: Sequence[Any]) -> Sequence[Any]:
    """NumPy scalars for the arguments of a derivative that are all Python numbers, or tracers of such.

    So ``1 / x`` is infinite at 0, no error, and a derivative has the strong type of the output.
    """
    return [convert_p.bind(p, dtype=typeof(p).dtype) for p in primals] if all(map(is_weak, primals)) else primals


# --- linear -----------------------------------------------------------------------------------------------------------


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
    primitive = Primitive(name, trusted=trusted)
    primitive.def_impl(fn)
    primitive.def_abstract(abstract or abstract_by_example(fn))
    primitive.def_batch(batch or loop_batch(primitive))

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive.bind(x, **params)
        return out, typeof(out).zero if type(t) is Zero else primitive.bind(t, **params)

    @primitive.def_transpose(linear=jointly())
    def transpose_rule(ct: Any, x: Any, **params: Any) -> Any:
        return (transpose(ct, x.aval, **params),)

    return primitive


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
    primitive = Primitive(name, trusted=trusted)
    primitive.def_impl(fn)
    primitive.def_abstract(abstract or abstract_by_example(fn))
    primitive.def_batch(batch or loop_batch(primitive))
    bilinear_rules(primitive, transpose_left, transpose_right)
    return primitive


def bilinear_rules(primitive: Primitive, transpose_left: Callable[..., Any], transpose_right: Callable[..., Any]) -> None:
    """Give a primitive the JVP and the transpose of a bilinear function."""
    bind = primitive.bind

    @primitive.def_jvp
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        x, y = primals
        tx, ty = tangents
        out = bind(x, y, **params)
        if type(tx) is Zero:
            return out, typeof(out).zero if type(ty) is Zero else bind(x, ty, **params)
        left = bind(tx, y, **params)
        return out, left if type(ty) is Zero else add_p.bind(left, bind(x, ty, **params))

    @primitive.def_transpose(linear=one_of(0, 1))
    def transpose(ct: Any, x: Any, y: Any, **params: Any) -> Any:
        if type(x) is Var:
            return transpose_left(ct, x.aval, y, **params), None
        return None, transpose_right(ct, x, y.aval, **params)


# --- reductions -------------------------------------------------------------------------------------------------------


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
        fn: ``fn(x, axis=axes)`` on NumPy arrays, as ``np.max``.
        jvp: ``jvp(out, x, tangent, axes)`` is the tangent of the output, in NumPy functions; None for a zero derivative.
        dtype: the dtype of the result, if it is not that of ``x``.
        trusted: as for `elementwise`.
        makes_new: the result never shares memory with the argument.

    Returns:
        The `Primitive`; apply it with ``primitive.bind(x, axes=(0,))``.

    Example:
        >>> peak = reduction("peak", np.max, None)
        >>> peak.bind(np.array([[1.0, 3.0], [2.0, 0.0]]), axes=(1,))
        array([3., 2.])
    """
    primitive = Primitive(name, trusted=trusted, makes_new=makes_new)

    @primitive.def_impl
    def impl(x: Any, *, axes: tuple[int, ...]) -> Any:
        return fn(x, axis=axes)

    @primitive.def_abstract
    def abstract(x: ShapedArray, *, axes: tuple[int, ...]) -> ShapedArray:
        return array_aval(tuple(n for i, n in enumerate(x.shape) if i not in axes), np.dtype(dtype) if dtype else x.dtype)

    @primitive.def_batch
    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, axes: tuple[int, ...]) -> Any:
        (x,), (d,) = args, dims
        assert d is not None
        shifted = tuple(a + (a >= d) for a in axes)
        return primitive.bind(x, axes=shifted), d - sum(a < d for a in shifted)

    if jvp is None:
        primitive.def_jvp(zero_jvp(primitive))
        return primitive

    @primitive.def_jvp
    def jvp_rule(primals: Sequence[Any], tangents: Sequence[Any], *, axes: tuple[int, ...]) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive.bind(x, axes=axes)
        return out, typeof(out).zero if type(t) is Zero else jvp(out, x, t, axes)

    return primitive


# --- defaults ---------------------------------------------------------------------------------------------------------


def abstract_by_example(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An abstract rule that runs the implementation on ones: right for any function whose shapes do not depend on values."""

    def abstract(*avals: ShapedArray, **params: Any) -> Any:
        examples = [WEAK_SCALARS[a.dtype.kind](1) if a.weak_type else np.ones(a.shape, a.dtype) for a in avals]
        with np.errstate(all="ignore"):
            out = fn(*examples, **params)
        return [typeof(np.asarray(o)) for o in out] if isinstance(out, list) else typeof(np.asarray(out))

    abstract.is_default = True  # type: ignore[attr-defined]
    return abstract


def loop_batch(primitive: Primitive) -> Callable[..., Any]:
    """A batching rule that applies the primitive to one example after the other."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> Any:
        args = move_batch_to_front(args, dims)

        def example(i: int) -> Any:
            return primitive.bind(*(a if d is None else a[i] for a, d in zip(args, dims, strict=True)), **params)

        if not size:
            return nothing(primitive, args, dims, params)
        outs = [example(i) for i in range(size)]
        if primitive.multiple_results:
            return [np.stack(column) for column in zip(*outs, strict=True)], [0] * len(outs[0])
        return np.stack(outs), 0

    return batch


def nothing(primitive: Primitive, args: Sequence[Any], dims: Sequence[int | None], params: dict[str, Any]) -> Any:
    """The results of a batch without examples, whose axis is in front."""
    avals = [typeof(a) if d is None else typeof(a).example(0) for a, d in zip(args, dims, strict=True)]
    out = primitive.abstract(*avals, **params)
    if primitive.multiple_results:
        return [a.batched(0, 0).zeros() for a in out], [0] * len(out)
    return out.batched(0, 0).zeros(), 0
