"""Operations that are compiled as programs of simpler ones: ``expanded(equation)`` is such a program, or None."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from covector.backends.native.rules import is_supported
from covector.core.jaxpr import Equation, Jaxpr, Var
from covector.core.keys import Keyed
from covector.interpreters.programs import program_of_function


def _logsumexp(x: Any, *, axes: tuple[int, ...]) -> Any:
    """As the primitive does it, by exponentials that are at most 1; written as in the derivative, which needs the same."""
    largest = np.max(x, axis=axes, keepdims=True)
    infinite = np.isinf(largest)
    of_infinity = np.where(x == largest, 0, -np.abs(largest))
    rest = np.exp(np.where(infinite, of_infinity, x - np.where(infinite, 0, largest)))
    total, others = (np.sum(terms, axis=axes) for terms in (rest, np.where(x == largest, x.dtype.type(0), rest)))
    found = np.log1p(np.where(total < 2, others, total - 1))
    return found + np.reshape(largest, [n for i, n in enumerate(x.shape) if i not in axes])


def _norm(x: Any, *, order: float, axes: tuple[int, ...]) -> Any:
    if order == 2:
        return np.sqrt(np.sum(_square_of_size(x), axis=axes))
    return np.sum(np.abs(x) ** order, axis=axes) ** (1 / order)


def _square_of_size(x: Any) -> Any:
    return x * x if x.dtype.kind == "f" else np.real(x) ** 2 + np.imag(x) ** 2


def _variance(x: Any, *, axes: tuple[int, ...], ddof: float) -> Any:
    count = int(np.prod([x.shape[i] for i in axes]))
    deviation = x - np.sum(x, axis=axes, keepdims=True) / count
    return np.sum(_square_of_size(deviation), axis=axes) / max(count - ddof, 0)


def _logaddexp2(x: Any, y: Any) -> Any:
    larger = np.maximum(x, y)
    far = np.where(x == y, np.zeros((), x.dtype), -np.abs(x - y))
    return larger + np.log1p(np.exp2(far)) * x.dtype.type(1 / np.log(2))


def _log_expit(x: Any) -> Any:
    return -(np.log1p(np.exp(-np.abs(x))) - np.minimum(x, np.zeros((), x.dtype)))  # -0 of infinity


def _weighted_log(log: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: np.where((x == 0) & ~np.isnan(y), 0 * x, x * log(y))


def _entropy(x: Any) -> Any:
    inside = -x * np.log(x)
    return np.where(x > 0, inside, np.where(x == 0, 0 * x, np.where(x < 0, x.dtype.type(-np.inf), x)))


def _on_diagonal(x: Any, *, spec: str) -> Any:
    """An array on a diagonal of another, as ``einsum("i->ii", x)`` would have it; letters of the result stand there again."""
    term, out = spec.split("->")
    rank, shape = len(out), list[int]()
    mask: Any = np.True_
    for axis, c in enumerate(out):
        first, n = out.index(c), x.shape[term.index(c)]
        shape.append(n if first == axis else 1)
        if first != axis:
            mask = mask & np.eye(n, dtype=bool).reshape([n if i in (first, axis) else 1 for i in range(rank)])
    y = np.reshape(np.transpose(x, [term.index(c) for c in dict.fromkeys(out)]), shape)
    return np.where(mask, y, np.zeros((), x.dtype))


def _searchsorted(a: Any, v: Any, *, side: str, batch: int) -> Any:
    """By halving what is left, of all at once; NaN is behind all numbers."""
    dtype = np.result_type(a.dtype, v.dtype)
    a, v = a.astype(dtype), v.astype(dtype)
    lead = [np.arange(n).reshape([-1 if i == k else 1 for i in range(v.ndim)]) for k, n in enumerate(a.shape[:batch])]
    is_nan = v != v

    def is_before(place: Any) -> Any:
        x = a[(*lead, place)]
        return (x <= v) | is_nan if side == "right" else (x < v) | (is_nan & (x == x))

    place: Any = 0
    left = a.shape[batch]
    while left > 1:
        half = left // 2
        place = np.where(is_before(place + (half - 1)), place + half, place)
        left -= half
    return (place + is_before(place)).astype(np.intp)


def _of_truth(name: str, x: Any, *, axis: int) -> Any:
    return getattr(np, name)(x.astype(np.uint8), axis=axis)


def _whether(name: str, x: Any, *, axes: tuple[int, ...]) -> Any:
    return getattr(np, name)(x.astype(bool), axis=axes)


def _pseudo_inverse(a: Any, rcond: Any, *, hermitian: bool) -> Any:
    u, s, vt = np.linalg.svd(np.conj(a), full_matrices=False)
    large = s > np.reshape(rcond, (*np.shape(rcond), 1)) * np.max(s, axis=-1, keepdims=True)
    inverse = np.where(large, 1 / np.where(large, s, 1), 0)
    return np.swapaxes(vt, -1, -2) @ (inverse[..., None] * np.swapaxes(u, -1, -2))


def _logit(x: Any) -> Any:
    """The logarithm of a quotient, which is near 1 where x is near 1/2."""
    return np.where(x < 0.3, np.log(x / (1 - x)), np.log1p((2 * x - 1) / (1 - x)))


EXPANSIONS: dict[str, Callable[..., Any]] = {
    "logsumexp": _logsumexp,
    "norm": _norm,
    "variance": _variance,
    "logaddexp2": _logaddexp2,
    "scipy_log_expit": _log_expit,
    "scipy_logit": _logit,
    "scipy_xlogy": _weighted_log(np.log),
    "scipy_xlog1py": _weighted_log(np.log1p),
    "scipy_entr": _entropy,
    "einsum": _on_diagonal,
    "pinv": _pseudo_inverse,
    "searchsorted": _searchsorted,
    **{name: partial(_of_truth, name) for name in ("argmax", "argmin")},
    "reduce_and": partial(_whether, "all"),
    "reduce_or": partial(_whether, "any"),
}


def is_on_diagonal(eqn: Equation) -> bool:
    term, out = eqn.params["spec"].split("->")
    return len(eqn.inputs) == 1 and len({*term}) == len(term) and {*term} == {*out} and len(out) > len(term)


def expanded(eqn: Equation) -> Jaxpr | None:
    """The program of simpler operations that an equation stands for: of none where it only stops gradients."""
    if eqn.primitive.name == "stop_gradient":
        same = [Var(x.aval) for x in eqn.inputs]
        return Jaxpr(same, [], same)
    if eqn.primitive.name not in EXPANSIONS or not eqn.primitive.trusted:
        return None
    avals = [x.aval for x in (*eqn.inputs, *eqn.outputs)]
    if eqn.primitive.name == "pinv":
        avals = avals[::2]  # the bound may be a number of Python's
    if any(a.weak_type or not a.size or not a.dtype.isnative for a in avals):
        return None
    kinds = {a.dtype for a in avals}
    if np.dtype(np.float16) in kinds:
        return None  # which is rounded elsewhere in there
    if eqn.primitive.name in ("norm", "variance"):
        known = avals[0].dtype.kind in "fc" and len({dtype.type().real.dtype for dtype in kinds}) == 1
    elif eqn.primitive.name == "einsum":
        known = is_on_diagonal(eqn)
    elif eqn.primitive.name in ("argmax", "argmin"):
        known = avals[0].dtype.kind == "b"
    elif eqn.primitive.name in ("reduce_and", "reduce_or"):
        known = avals[0].dtype.char in "FD" or (is_supported(avals[0]) and avals[0].dtype.kind != "b")
    elif eqn.primitive.name == "pinv":
        known = avals[0].dtype.char in "dD" and not eqn.params["hermitian"]
    elif eqn.primitive.name == "searchsorted":
        known = all(is_supported(a) and a.dtype.kind in "fiu" for a in avals)
    else:
        known = len(kinds) == 1 and is_supported(avals[0]) and avals[0].dtype.kind == "f"
    if not known:
        return None
    name = eqn.primitive.name
    return program_of_function(name, EXPANSIONS[name], tuple(x.aval for x in eqn.inputs), Keyed(eqn.params))
