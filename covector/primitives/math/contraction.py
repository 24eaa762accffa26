"""Contractions: sums of products, ``einsum : (x, y) -> out`` with a spec such as ``"ij,jk->ik"``, and convolution.

`einsum_p` is the one primitive behind ``dot``, ``matmul``, ``tensordot``, ``einsum`` and the like.  Its spec names the axes:

* With two operands every letter occurs once in at least two of (x, y, out).  That makes it closed under its own rules: the
  transpose contracts the cotangent with the other operand, a batch axis is one more letter.  Letters that occur in one operand
  only are summed, repeated ones reduced to their diagonal, and axes of length 1 that broadcast dropped, before: `contract`
  does that for any subscripts.
* With one operand both sides have the same letters, each once or more often: ``"ii->i"`` takes a diagonal, and its transpose
  ``"i->ii"`` makes a diagonal matrix.

Letters are canonical (i, j, k, ... in the order in which they occur), so equal contractions have equal specs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from covector.backends.threads import product_alone
from covector.core import errors
from covector.core.avals import ShapedArray, array_aval, broadcast_shapes, dtype_of, shape_of, typeof
from covector.core.context import CAPTURING
from covector.core.jaxpr import Var
from covector.core.kinds import Contraction
from covector.core.primitive import Primitive, TracerBase
from covector.core.tracer import OUR_OPERANDS, foreign_operator, foreign_override, register_method
from covector.interpreters.jvp import JVPTrace
from covector.interpreters.recording import of_two, recorded
from covector.primitives.arrays.shaping import (
    Dims,
    Shape,
    align_batch,
    arrive,
    batch_in_front,
    convert_to,
    reduce_sum_p,
    reshape_p,
    transpose_p,
    unbroadcast,
)
from covector.primitives.math.ring import add_p

# --- specs --------------------------------------------------------------------------------------------------------

ALPHABET = "ijklmnopqrstuvwxyzabcdefghIJKLMNOPQRSTUVWXYZABCDEFGH"


def letter(n: int) -> str:
    """The n-th letter: i, j, k, ..., and from the 53rd on letters beyond ASCII."""
    return ALPHABET[n] if n < len(ALPHABET) else chr(0xC0 + n)


@lru_cache(maxsize=4096)
def terms_of(spec: str) -> tuple[str, ...]:
    """The letters of the operands and of the output: ``("ij", "jk", "ik")``."""
    operands, out = spec.split("->")
    return (*operands.split(","), out)


def canonical(*terms: str) -> str:
    """The spec of these operands and output (the last), with canonical letters.

    >>> canonical("ab", "bc", "ac")
    'ij,jk->ik'
    """
    names: dict[str, str] = {}
    for c in "".join(terms):
        if c not in names:
            names[c] = letter(len(names))
    *operands, out = ("".join(names[c] for c in term) for term in terms)
    return f"{','.join(operands)}->{out}"


# --- the primitive ------------------------------------------------------------------------------------------------

einsum_p = Primitive("einsum", Contraction(lambda *operands, spec: plan(spec)(*operands)), trusted=True)


@einsum_p.def_abstract
@lru_cache(maxsize=4096)
def _einsum_abstract(*operands: ShapedArray, spec: str) -> ShapedArray:
    *terms, out = terms_of(spec)
    sizes: dict[str, int] = {}
    for term, aval in zip(terms, operands, strict=True):
        for c, n in zip(term, aval.shape, strict=True):
            if sizes.setdefault(c, n) != n:
                raise ValueError(f"einsum {spec} of {', '.join(map(str, operands))}: axis {c} has lengths {sizes[c]} and {n}")
    return array_aval(tuple(sizes[c] for c in out), np.result_type(*(a.dtype for a in operands)))


@einsum_p.def_rule("record")
@of_two
def _einsum_record(trace: JVPTrace, x: Any, vx: Any, y: Any, vy: Any, params: dict[str, Any]) -> Any:
    out = plan(params["spec"])(x, y)
    aval = typeof(out)
    if vx is None:
        return recorded(trace, out, aval, einsum_p, (x, vy), params)
    left = recorded(trace, out, aval, einsum_p, (vx, y), params)
    if vy is None:
        return left
    return recorded(trace, out, aval, add_p, (left.staged, recorded(trace, out, aval, einsum_p, (x, vy), params).staged))


@einsum_p.def_rule("pull")
def _einsum_pull(arrived: dict[Var, Any], ct: Any, out: Var, inputs: Sequence[Any], params: dict[str, Any]) -> None:
    x_ct, y_ct = _pulls(params["spec"])
    x = inputs[0]
    if len(inputs) == 1:
        ct = x_ct(ct)
    elif type(x) is not Var:
        x, ct = inputs[1], y_ct(x, ct) if type(x) is np.ndarray else einsum_p.bind(x, ct, spec=_transposed(**params)[1])
    else:
        y = inputs[1]
        ct = x_ct(ct, y) if type(y) is np.ndarray else einsum_p.bind(ct, y, spec=_transposed(**params)[0])
    arrive(arrived, x, ct if ct.dtype is x.aval.dtype else unbroadcast(ct, x.aval), x)


@einsum_p.def_transpose
def _einsum_transpose(ct: Any, x: Any, y: Any = None, *, spec: str) -> Any:
    by_x, by_y = _transposed(spec)
    if y is None:
        return (einsum_p.bind(ct, spec=by_x),)
    if type(x) is Var:
        return unbroadcast(einsum_p.bind(ct, y, spec=by_x), x.aval), None
    return None, unbroadcast(einsum_p.bind(x, ct, spec=by_y), y.aval)


@lru_cache(maxsize=4096)
def _transposed(spec: str) -> tuple[str, str]:
    """The specs for the cotangents of x, from (ct, y), and of y, from (x, ct)."""
    terms = terms_of(spec)
    if len(terms) == 2:
        x, out = terms
        return canonical(out, x), ""
    x, y, out = terms
    return canonical(out, y, x), canonical(x, out, y)


@lru_cache(maxsize=4096)
def _pulls(spec: str) -> tuple[Any, ...]:
    """The same as functions of plain arrays."""
    return tuple(plan(by) if by else None for by in _transposed(spec))


@einsum_p.def_batch
def _einsum_batch(size: int, args: Sequence[Any], dims: Dims, *, spec: str) -> Any:
    return einsum_p.bind(*args, spec=_batched(spec, tuple(dims))), 0


@lru_cache(maxsize=4096)
def _batched(spec: str, dims: tuple[int | None, ...]) -> str:
    *operands, out = terms_of(spec)
    batched = [term if d is None else f"{term[:d]}*{term[d:]}" for term, d in zip(operands, dims, strict=True)]
    return canonical(*batched, "*" + out)


# --- plans: a spec as calls of NumPy ------------------------------------------------------------------------------

Plan = Callable[..., Any]


def _dot(x: Any, y: Any) -> Any:
    """One or two axes each: the method takes half the time of np.matmul on small arrays, and always reaches the BLAS.

    But where one of them has one element, and that is 0, it gives 0 for 0 * nan and 0 * inf.
    """
    return x.dot(y) if x.size != 1 and y.size != 1 else np.matmul(x, y)


_COMMON: dict[str, Plan] = {
    "ij,jk->ik": product_alone(_dot),
    "ij,kj->ik": product_alone(lambda x, y: _dot(x, y.T)),
    "ij,ik->jk": product_alone(lambda x, y: _dot(x.T, y)),
    "ij,kj->ki": product_alone(lambda x, y: _dot(y, x.T)),
    "ij,ik->kj": product_alone(lambda x, y: _dot(y.T, x)),
    "ij,ki->kj": product_alone(lambda x, y: _dot(y, x)),
    "ij,j->i": _dot,
    "i,ij->j": _dot,
    "ij,i->j": lambda x, y: _dot(y, x),
    "i,ji->j": lambda x, y: _dot(y, x),
    "i,i->": _dot,
    "i,j->ij": np.multiply.outer,
    "ijk,ikl->ijl": product_alone(np.matmul),
    "ijk,ilk->ijl": product_alone(lambda x, y: np.matmul(x, y.transpose(0, 2, 1))),
    "ijk,ijl->ikl": product_alone(lambda x, y: np.matmul(x.transpose(0, 2, 1), y)),
    "ijkl,ijlm->ijkm": product_alone(np.matmul),
}
"""The products of vectors and matrices, and what their transposes are: without this table each takes 1 us longer."""


@lru_cache(maxsize=4096)
def plan(spec: str) -> Plan:
    """The function of plain arrays that computes a contraction."""
    if spec in _COMMON:
        return _COMMON[spec]
    terms = terms_of(spec)
    if len(terms) == 2:
        return partial(_diagonals, *terms)
    x, y, out = terms
    if all(c in out for c in x if c in y):
        return _multiplication(x, y, out)
    return _multiplication_of_matrices(x, y, out)


def _diagonals(source: str, target: str, x: Any) -> Any:
    """Take the diagonals of letters repeated in ``source``, and put the rest on those of letters repeated in ``target``."""
    letters = "".join(dict.fromkeys(target))
    x = _diagonal_view(x, source, letters)
    if letters == target:
        return x
    sizes = dict(zip(letters, x.shape, strict=True))
    out = np.zeros(tuple(sizes[c] for c in target), x.dtype)
    _diagonal_view(out, target, letters)[...] = x
    return out


def _diagonal_view(x: Any, term: str, letters: str) -> Any:
    """The elements of an array whose indices are equal where letters are, as a view."""
    if x.size and term.isascii():
        return np.einsum(f"{term}->{letters}", x)
    # np.einsum has 52 letters, and NumPy 2.4's corrupts the heap for arrays of dtype clongdouble with an empty axis.
    shape = [x.shape[term.index(c)] for c in letters]
    strides = [sum(stride for stride, name in zip(x.strides, term, strict=True) if name == c) for c in letters]
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _multiplication(x: str, y: str, out: str) -> Plan:
    """Nothing is summed: broadcast and multiply."""
    if x == y == out:
        return operator.mul
    view_x, view_y = _aligned(x, out), _aligned(y, out)
    return lambda x, y: np.multiply(view_x(x), view_y(y))


def _aligned(term: str, out: str) -> Plan:
    """The view of an operand with the axes of the output, those that it lacks of length 1."""
    permutation = [term.index(c) for c in out if c in term]
    index = tuple(slice(None) if c in term else None for c in out)
    if permutation == sorted(permutation):
        return lambda x: x[index]
    return lambda x: x.transpose(permutation)[index]


def _multiplication_of_matrices(x: str, y: str, out: str) -> Plan:
    """Bring the operands into the forms (leading, left, summed) and (leading, summed, right), and multiply these matrices."""
    summed = "".join(c for c in x if c in y and c not in out)
    x_leading, left = _split_group("".join(c for c in x if c not in y), x)
    y_leading, right = _split_group("".join(c for c in y if c not in x), y)
    swapped = bool(left and right) and out.index(right[0]) < out.index(left[0])
    if swapped:
        x, y, left, right = y, x, right, left
    leading = "".join(c for c in out if (c in x and c in y) or c in x_leading + y_leading)
    if leading and not left and not right:
        view_x, view_y = _grouped(x, [*leading, summed]), _grouped(y, [*leading, summed])
        multiply: Plan = _vector_products
    else:
        view_x = _grouped(x, [*leading, *([left] if left or leading else []), summed])
        view_y = _grouped(y, [*leading, summed, *([right] if right or leading else [])])
        multiply = product_alone(np.matmul if leading else _dot)
    finish = _finished(x, y, leading + left + right, out, len(left) == 1 == len(right))

    def apply(x: Any, y: Any) -> Any:
        if swapped:
            x, y = y, x
        product = multiply(view_x(x), view_y(y))
        return product if finish is None else finish(product, x.shape, y.shape)

    return apply


def _split_group(group: str, term: str) -> tuple[str, str]:
    """Split off leading axes until the rest are neighbours, so that they merge into one axis without a copy.

    What is split off becomes an axis of a stack of matrices.  (Merging it by a copy, so as to multiply once, was measured: five
    times slower for 1000 products of 10x10 matrices, three times for 50 of 100x100.)
    """
    n = 0
    while group[n:] not in term:
        n += 1
    return group[:n], group[n:]


def _grouped(term: str, groups: Sequence[str]) -> Plan:
    """The view (or copy) of an operand with one axis for each group of letters; groups that it lacks have length 1."""
    order = [c for group in groups for c in group if c in term]
    permutation = [term.index(c) for c in order]
    axes = [[i for i in map(term.find, group) if i >= 0] for group in groups]
    transposed = permutation == sorted(permutation)
    if all(len(a) == 1 for a in axes):
        return (lambda x: x) if transposed else lambda x: x.transpose(permutation)

    def view(x: Any) -> Any:
        shape = x.shape
        return x.transpose(permutation).reshape([math.prod([shape[i] for i in a]) for a in axes])

    return view


def _finished(x: str, y: str, letters: str, out: str, shaped: bool) -> Callable[[Any, Shape, Shape], Any] | None:
    """Turn the product, whose axes are groups of ``letters``, into the output."""
    permutation = [letters.index(c) for c in out]
    in_order = permutation == sorted(permutation)
    if shaped:
        return None if in_order else lambda product, _x, _y: product.transpose(permutation)
    sources = [(True, x.index(c)) if c in x else (False, y.index(c)) for c in letters]

    def finish(product: Any, x_shape: Shape, y_shape: Shape) -> Any:
        product = product.reshape([x_shape[i] if of_x else y_shape[i] for of_x, i in sources])
        return product if in_order else product.transpose(permutation)

    return finish if out else None


def _vector_products(x: Any, y: Any) -> Any:
    """The products of two stacks of vectors, without conjugation (`np.vecdot` conjugates its first argument)."""
    if x.dtype.kind != "c":
        return np.vecdot(x, y)
    if y.dtype.kind != "c":
        return np.vecdot(y, x)
    return np.matmul(x[..., None, :], y[..., None])[..., 0, 0]


# --- any subscripts -----------------------------------------------------------------------------------------------


def contract(x: Any, y: Any, subscripts: str, who: str = "numpy.einsum", *, strict: bool = False) -> Any:
    """The contraction of two operands (arrays or tracers) by any subscripts in explicit form, over any letters.

    Args:
        x, y: the operands.
        subscripts: as ``"ij,jk->ik"``; letters may be repeated in an operand, or occur in one only.
        who: the function that the user called, for errors.
        strict: an axis that is summed must have the same length in both operands.  Otherwise, and for axes that are not
            summed, length 1 broadcasts.

    Raises:
        ValueError: axes of the same letter disagree in length.
    """
    try:
        prepare_x, prepare_y, spec = _pair(subscripts, shape_of(x), shape_of(y), strict)
    except ValueError as error:
        raise mismatch(who, (x, y), str(error)) from None
    if prepare_x or prepare_y:  # a sum over axes of one operand is in the dtype of the result, in which it may fit
        x, y = in_one_dtype(x, y)
    for step in prepare_x:
        x = step(x)
    for step in prepare_y:
        y = step(y)
    return einsum_p.bind(x, y, spec=spec)


def in_one_dtype(x: Any, y: Any) -> tuple[Any, Any]:
    """Operands in the dtype that they promote to."""
    if dtype_of(x) == dtype_of(y):
        return x, y
    dtype = np.result_type(dtype_of(x), dtype_of(y))
    return convert_to(x, dtype), convert_to(y, dtype)


def mismatch(who: str, operands: Sequence[Any], why: str) -> ValueError:
    """The error for operands whose shapes do not fit."""
    types = " and ".join(str(typeof(x)) for x in operands)
    return ValueError(errors.describe(f"{who}: the shapes of {types} do not fit.", why=why))


Steps = list[Callable[[Any], Any]]


@lru_cache(maxsize=4096)
def _pair(subscripts: str, x_shape: Shape, y_shape: Shape, strict: bool) -> tuple[Steps, Steps, str]:
    """What to do to each operand before the contraction, and the spec of this."""
    x, y, out = terms_of(subscripts)
    sizes = letter_sizes([(x, x_shape), (y, y_shape)], out, strict)
    prepare_x, x = _prepared(x, x_shape, sizes, set(y), set(out))
    prepare_y, y = _prepared(y, y_shape, sizes, set(x), set(out))
    if set(x) - set(y) - set(out):  # y broadcast along an axis that is summed
        more, x = _summed(x, set(y) | set(out))
        prepare_x += more
    return prepare_x, prepare_y, canonical(x, y, out)


def letter_sizes(terms: Sequence[tuple[str, Shape]], out: str, strict: bool = False) -> dict[str, int]:
    """The length of each letter's axes; if ``strict``, the axes of letters not in ``out`` may not broadcast.

    Raises:
        ValueError: lengths disagree, or a term has not as many letters as its operand has axes.
    """
    sizes: dict[str, int] = {}
    for term, shape in terms:
        if len(term) != len(shape):
            raise ValueError(f"{term!r} names {len(term)} axes, and an array of shape {shape} has {len(shape)}")
        own: dict[str, int] = {}
        for c, n in zip(term, shape, strict=True):
            before = sizes.setdefault(c, n)
            own.setdefault(c, n)
            if n == before == own[c]:
                continue
            if 1 not in (n, before) or own[c] != n or (strict and c not in out):
                raise ValueError(f"axes that are paired have the lengths {before} and {n}")
            sizes[c] = n if before == 1 else before
    return sizes


def _prepared(term: str, shape: Shape, sizes: dict[str, int], other: set[str], out: set[str]) -> tuple[Steps, str]:
    """What to do to an operand before the contraction, and its letters then."""
    steps: Steps = []
    kept = [i for i, c in enumerate(term) if shape[i] == sizes[c]]
    if len(kept) < len(term):
        steps.append(partial(reshape_p.bind, shape=tuple(shape[i] for i in kept)))
        term = "".join(term[i] for i in kept)
    distinct = "".join(dict.fromkeys(term))
    if distinct != term:
        steps.append(partial(einsum_p.bind, spec=canonical(term, distinct)))
        term = distinct
    more, term = _summed(term, other | out)
    return steps + more, term


def _summed(term: str, needed: set[str]) -> tuple[Steps, str]:
    """The sum over the letters that are not needed."""
    axes = tuple(i for i, c in enumerate(term) if c not in needed)
    return [partial(reduce_sum_p.bind, axes=axes)] if axes else [], "".join(c for c in term if c in needed)


def contract_one(x: Any, subscripts: str) -> Any:
    """Diagonals, sums and a permutation of the axes of one operand: ``"iij->j"``."""
    term, out = terms_of(subscripts)
    shape = shape_of(x)
    steps, term = _prepared(term, shape, letter_sizes([(term, shape)], out), set(), set(out))
    for step in steps:
        x = step(x)
    return x if term == out else transpose_p.bind(x, permutation=tuple(map(term.index, out)))


# --- products of matrices -----------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def stacked_subscripts(x_core: str, y_core: str, out_core: str, x_ndim: int, y_ndim: int) -> str:
    """Subscripts of these core axes, which are the last ones; the axes before them broadcast.

    >>> stacked_subscripts("ij", "j", "i", 3, 2)
    'αij,αj->αi'
    """
    stack = [chr(ord("α") + n) for n in range(max(x_ndim - len(x_core), y_ndim - len(y_core)))][::-1]
    x, y = ("".join(stack[len(stack) - (ndim - len(core)) :]) + core for ndim, core in ((x_ndim, x_core), (y_ndim, y_core)))
    return f"{x},{y}->{''.join(stack)}{out_core}"


def contract_stacks(x: Any, y: Any, cores: str, who: str) -> Any:
    """The contraction of the last axes of two operands by ``cores`` (as ``"ij,j->i"``); the axes before them broadcast.

    Raises:
        ValueError: an operand has too few axes, or lengths disagree.
    """
    x_core, y_core, out_core = terms_of(cores)
    x_ndim, y_ndim = len(shape_of(x)), len(shape_of(y))
    if x_ndim < len(x_core) or y_ndim < len(y_core):
        raise mismatch(who, (x, y), f"it needs at least {len(x_core)} and {len(y_core)} axes")
    return contract(x, y, stacked_subscripts(x_core, y_core, out_core, x_ndim, y_ndim), who, strict=True)


def matmul(x: Any, y: Any) -> Any:
    """``x @ y`` of arrays and tracers.

    Raises:
        ValueError: an operand is a scalar, or shapes do not fit.
    """
    x_shape, y_shape = typeof(x).shape, typeof(y).shape
    spec = _PRODUCTS.get((len(x_shape), len(y_shape)))
    if spec is None or x_shape[-1] != y_shape[0]:
        return contract_stacks(x, y, _PRODUCTS[min(len(x_shape), 2) or 1, min(len(y_shape), 2) or 1], "numpy.matmul")
    if type(x) is np.ndarray and not CAPTURING and issubclass(type(y), TracerBase):
        return y._trace.process(einsum_p, (x, y), {"spec": spec})  # without looking for the trace: 0.2 us
    return einsum_p.bind(x, y, spec=spec)


_PRODUCTS = {(2, 2): "ij,jk->ik", (2, 1): "ij,j->i", (1, 2): "i,ij->j", (1, 1): "i,i->"}


def _operator(product: Callable[[Any, Any], Any], converse: str) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        if type(other) not in OUR_OPERANDS and foreign_override(other):
            return foreign_operator(converse, other, self)
        return product(self, np.asarray(other) if isinstance(other, (list, tuple)) else other)

    return apply


register_method("__matmul__", _operator(matmul, "__rmatmul__"))
register_method("__rmatmul__", _operator(lambda self, other: matmul(other, self), "__matmul__"))


# --- convolution --------------------------------------------------------------------------------------------------


def _convolve(x: Any, y: Any) -> Any:
    if x.ndim == 1 == y.ndim:
        return np.convolve(x, y)
    if x.shape[-1] < y.shape[-1]:
        x, y = y, x
    n, m = x.shape[-1], y.shape[-1]
    out = np.zeros((*np.broadcast_shapes(x.shape[:-1], y.shape[:-1]), n + m - 1), np.result_type(x, y))
    for k in range(m):  # no border of zeros, which would make NaN of infinities
        out[..., k : k + n] += x * y[..., k : k + 1]
    return out


def _correlate(x: Any, y: Any) -> Any:
    if x.ndim == 1 == y.ndim:
        return np.correlate(x, y.conj() if y.dtype.kind == "c" else y)
    windows = np.lib.stride_tricks.sliding_window_view(x, y.shape[-1], axis=-1)
    return _vector_products(windows, y[..., None, :])


def _sliding(name: str, fn: Callable[..., Any], length: Callable[[int, int], int], *transposes: Plan) -> Primitive:
    """A contraction along the last axes, ``length(n, m)`` elements for those of n and m; leading axes broadcast."""

    def abstract(x: ShapedArray, y: ShapedArray) -> ShapedArray:
        stack = broadcast_shapes(x.shape[:-1], y.shape[:-1])
        return array_aval((*stack, length(x.shape[-1], y.shape[-1])), np.result_type(x.dtype, y.dtype))

    primitive = Primitive(name, Contraction(fn, *transposes, abstract=abstract), trusted=True)
    primitive.def_batch(batch_in_front(primitive, align_batch))
    return primitive


convolve_p = _sliding(
    "convolve",
    _convolve,
    lambda n, m: n + m - 1,
    lambda ct, x, y: unbroadcast(correlate_p.bind(ct, y), x),
    lambda ct, x, y: unbroadcast(correlate_p.bind(ct, x), y),
)
"""``out[i] = sum_k x[k] y[i-k]`` wherever a term exists, along the last axes (not empty); leading axes broadcast."""

correlate_p = _sliding(
    "correlate",
    _correlate,
    lambda n, m: n - m + 1,
    lambda ct, x, y: unbroadcast(convolve_p.bind(ct, y), x),
    lambda ct, x, y: unbroadcast(correlate_p.bind(x, ct), y),
)
"""``out[i] = sum_k x[i+k] y[k]`` (no conjugate) where all terms exist, along the last axes; y is not the longer one."""
