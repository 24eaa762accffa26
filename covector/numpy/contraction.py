"""Products of vectors, matrices and tensors on tracers: ``dot``, ``matmul``, ``einsum``, ``kron``, ``convolve`` and their kin.

All but the convolutions are `einsum_p` between reshapes.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import OUR_OPERANDS, register_ufunc
from covector.numpy.registry import as_array, canonical_axis, implements, reject_out
from covector.primitives.arrays.shaping import Shape, convert_to, moveaxis, reshape_to
from covector.primitives.math.contraction import (
    canonical,
    contract,
    contract_one,
    contract_stacks,
    convolve_p,
    correlate_p,
    letter_sizes,
    matmul,
    mismatch,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + "".join(map(chr, range(0x4E00, 0x4E00 + 76)))
"""Letters for the axes of two operands of up to 64 axes each; specs are printed with canonical ones."""

# --- dot and its kin ----------------------------------------------------------------------------------------------------


def _over_last(who: str, from_end: int, a: Any, b: Any) -> Any:
    """The sum over the last axis of a and the one of b that is so far from the end."""
    a, b = as_array(a), as_array(b)
    a_ndim, b_ndim = len(shape_of(a)), len(shape_of(b))
    if not a_ndim or not b_ndim:
        return a * b
    return _tensordot(a, b, (a_ndim - 1,), (max(b_ndim - from_end, 0),), who)


implements(np.dot, out=2)(partial(_over_last, "numpy.dot", 2))
implements(np.inner)(partial(_over_last, "numpy.inner", 1))


@implements(np.vdot)
def _vdot(a: Any, b: Any, /) -> Any:
    return contract(_conjugate(_flat(a)), _flat(b), "i,i->", "numpy.vdot", strict=True)


@implements(np.outer, out=2)
def _outer(a: Any, b: Any) -> Any:
    return contract(_flat(a), _flat(b), "i,j->ij", "numpy.outer")


@implements(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if len(shape_of(x1)) != 1 or len(shape_of(x2)) != 1:
        raise mismatch("numpy.linalg.outer", (x1, x2), "it takes vectors")
    return _outer(x1, x2)


def _conjugate(x: Any) -> Any:
    """The conjugate; of real numbers and booleans themselves (`np.conj` makes integers of booleans)."""
    return np.conj(x) if dtype_of(x).kind == "c" else x


def _flat(x: Any) -> Any:
    x = as_array(x)
    return reshape_to(x, (math.prod(shape_of(x)),))


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """``numpy.tensordot``."""
    a, b = as_array(a), as_array(b)
    a_ndim, b_ndim = len(shape_of(a)), len(shape_of(b))
    try:
        a_axes, b_axes = axes
    except TypeError:
        n = operator.index(axes)
        if n > min(a_ndim, b_ndim):
            why = f"axes={n} is more than one of them has"
            raise np.exceptions.AxisError(str(mismatch("numpy.tensordot", (a, b), why))) from None
        a_axes, b_axes = range(a_ndim - n, a_ndim), range(n)
    a_axes, b_axes = ([x] if np.ndim(x) == 0 else list(x) for x in (a_axes, b_axes))
    if len(a_axes) != len(b_axes):
        raise mismatch("numpy.tensordot", (a, b), f"axes pairs {len(a_axes)} axes with {len(b_axes)}")
    a_axes = [canonical_axis(x, a_ndim, "numpy.tensordot") for x in a_axes]
    b_axes = [canonical_axis(x, b_ndim, "numpy.tensordot") for x in b_axes]
    if len(set(a_axes)) < len(a_axes) or len(set(b_axes)) < len(b_axes):
        raise ValueError(f"numpy.tensordot: an axis occurs twice in axes={axes}")
    return _tensordot(a, b, tuple(a_axes), tuple(b_axes), "numpy.tensordot")


def _tensordot(a: Any, b: Any, a_axes: tuple[int, ...], b_axes: tuple[int, ...], who: str) -> Any:
    subscripts = _tensordot_subscripts(len(shape_of(a)), len(shape_of(b)), a_axes, b_axes)
    return contract(a, b, subscripts, who, strict=True)


@lru_cache(maxsize=1024)
def _tensordot_subscripts(a_ndim: int, b_ndim: int, a_axes: tuple[int, ...], b_axes: tuple[int, ...]) -> str:
    a = LETTERS[:a_ndim]
    b = list(LETTERS[a_ndim : a_ndim + b_ndim])
    for i, j in zip(a_axes, b_axes, strict=True):
        b[j] = a[i]
    out = [c for c in a if c not in b] + [c for c in b if c not in a]
    return f"{a},{''.join(b)}->{''.join(out)}"


@implements(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = as_array(a), as_array(b)
    a_shape, b_shape = shape_of(a), shape_of(b)
    ndim = max(len(a_shape), len(b_shape))
    rows, columns = LETTERS[ndim - len(a_shape) : ndim], LETTERS[2 * ndim - len(b_shape) : 2 * ndim]
    out = [c for i in range(ndim) for c in (LETTERS[i], LETTERS[ndim + i]) if c in rows + columns]
    product = contract(a, b, f"{rows},{columns}->{''.join(out)}", "numpy.kron")
    a_shape, b_shape = ((1,) * (ndim - len(shape)) + shape for shape in (a_shape, b_shape))
    return reshape_to(product, tuple(n * m for n, m in zip(a_shape, b_shape, strict=True)))


# --- products of stacks of vectors and matrices -----------------------------------------------------------------------------


def _generalized(x1: Any, x2: Any, axes: Any, product: Callable[[Any, Any], Any]) -> Any:
    """The product of two operands whose core axes, and those of the output, are the last ones unless ``axes`` names them."""
    x1, x2 = as_array(x1), as_array(x2)
    if axes is None:
        return product(x1, x2)
    core1, core2, *core_out = [(a,) if isinstance(a, int) else tuple(a) for a in axes]
    out = product(*(np.moveaxis(x, core, range(-len(core), 0)) for x, core in ((x1, core1), (x2, core2))))
    return np.moveaxis(out, range(-len(core_out[0]), 0), core_out[0]) if core_out else out


@implements(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /, axes: Any = None) -> Any:
    if axes is None and type(x1) in OUR_OPERANDS and type(x2) in OUR_OPERANDS:
        return matmul(x1, x2)
    return _generalized(x1, x2, axes, matmul)


def _vecdot(x1: Any, x2: Any, axes: Any = None, axis: int | None = None, keepdims: bool = False) -> Any:
    if axis is not None:
        axes = [axis, axis]
    out = _generalized(x1, x2, axes, lambda x, y: contract_stacks(_conjugate(x), y, "i,i->", "numpy.vecdot"))
    return np.expand_dims(out, axes[0] if axes else -1) if keepdims else out


def _matvec(x1: Any, x2: Any, axes: Any = None) -> Any:
    return _generalized(x1, x2, axes, lambda x, y: contract_stacks(x, y, "ij,j->i", "numpy.matvec"))


def _vecmat(x1: Any, x2: Any, axes: Any = None) -> Any:
    return _generalized(x1, x2, axes, lambda x, y: contract_stacks(_conjugate(x), y, "i,ij->j", "numpy.vecmat"))


implements(np.linalg.vecdot)(_vecdot)
register_ufunc(np.matmul, _matmul)
register_ufunc(np.vecdot, _vecdot)
for _name, _handler in (("matvec", _matvec), ("vecmat", _vecmat)):  # new in NumPy 2.2
    if hasattr(np, _name):
        register_ufunc(getattr(np, _name), _handler)


def _last(x: Any, axis: int) -> Any:
    """Move an axis of vectors that are multiplied to the end."""
    ndim = len(shape_of(x))
    return moveaxis(x, canonical_axis(axis, ndim, "numpy.cross"), ndim - 1)


@implements(np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    x = as_array(x)
    if len(shape_of(x)) < 2:
        raise ValueError(f"numpy.linalg.matrix_transpose takes matrices, and got {typeof(x)}")
    return np.swapaxes(x, -1, -2)


implements(np.linalg.diagonal)(partial(np.diagonal, axis1=-2, axis2=-1))
implements(np.linalg.trace)(partial(np.trace, axis1=-2, axis2=-1))

PLANE_VECTORS_ARE_REFUSED = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """``numpy.cross``."""
    if axis is not None:
        axisa, axisb, axisc = (axis,) * 3
    a, b = as_array(a), as_array(b)
    if not shape_of(a) or not shape_of(b):
        raise mismatch("numpy.cross", (a, b), "it takes vectors")
    a, b = _last(a, axisa), _last(b, axisb)
    lengths = shape_of(a)[-1], shape_of(b)[-1]
    if not {2, 3}.issuperset(lengths):
        raise mismatch("numpy.cross", (a, b), "vectors have 2 or 3 components")
    if 2 in lengths:
        if PLANE_VECTORS_ARE_REFUSED:
            raise mismatch("numpy.cross", (a, b), "vectors have 3 components, in this version of NumPy")
        warnings.warn("numpy.cross of vectors with 2 components is deprecated: use 3", DeprecationWarning, stacklevel=4)
    if lengths == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = _with_third_component(a), _with_third_component(b)
    out = _turned(a, 1) * _turned(b, 2) - _turned(a, 2) * _turned(b, 1)
    ndim = len(shape_of(out))
    return moveaxis(out, ndim - 1, canonical_axis(axisc, ndim, "numpy.cross"))


def _with_third_component(x: Any) -> Any:
    shape = shape_of(x)
    return x if shape[-1] == 3 else np.concatenate([x, np.zeros((*shape[:-1], 1), dtype_of(x))], -1)


def _turned(x: Any, by: int) -> Any:
    """The components of vectors in cyclic order from number ``by``."""
    return np.take(x, [(i + by) % 3 for i in range(3)], axis=-1)


@implements(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if shape_of(x1)[axis] != 3 or shape_of(x2)[axis] != 3:
        raise mismatch("numpy.linalg.cross", (x1, x2), "it takes vectors with 3 components")
    return cross(x1, x2, axis=axis)


# --- einsum -------------------------------------------------------------------------------------------------------------


@implements(np.einsum)
def _einsum(*operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    if out is not None:
        reject_out(np.einsum)
    subscripts, arrays = _string_form(operands)
    arrays = [as_array(x) for x in arrays]
    dtype, casting = options.pop("dtype", None), options.pop("casting", "safe")
    options.pop("order", None)
    if options:
        raise TypeError(f"einsum() got an unexpected keyword argument {next(iter(options))!r}")
    if dtype is not None:
        arrays = [_cast(x, np.dtype(dtype), casting) for x in arrays]
    return _contraction(subscripts, arrays, _hashable(optimize))


def _cast(x: Any, dtype: np.dtype[Any], casting: Any) -> Any:
    if not np.can_cast(dtype_of(x), dtype, casting):
        raise TypeError(f"numpy.einsum cannot cast {typeof(x)} to dtype={dtype} with casting={casting!r}")
    return convert_to(x, dtype)


def _hashable(x: Any) -> Any:
    return tuple(map(_hashable, x)) if isinstance(x, (list, tuple)) else x


@implements(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The path depends on shapes alone."""
    like = [np.broadcast_to(np.zeros((), dtype_of(x)), shape_of(x)) if isinstance(x, TracerBase) else x for x in operands]
    path: Any = np.einsum_path
    return path(*like, optimize=optimize, einsum_call=einsum_call)


def _string_form(operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The subscripts as a string, and the arrays, of either form of arguments: ``("ij->j", x)`` or ``(x, [0, 1], [1])``."""
    if not operands:
        raise ValueError("numpy.einsum must be given subscripts and at least one operand")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    pairs, rest = operands[: len(operands) // 2 * 2], operands[len(operands) // 2 * 2 :]
    terms = ",".join(map(_letters, pairs[1::2]))
    return terms + "".join(f"->{_letters(out)}" for out in rest), pairs[::2]


def _letters(sublist: Any) -> str:
    """The letters of a list of axis labels, in which ``Ellipsis`` may stand.  Labels sort as upper case before lower."""
    alphabet = LETTERS[26:52] + LETTERS[:26]
    labels = [label if label is Ellipsis else operator.index(label) for label in sublist]
    if not all(label is Ellipsis or 0 <= label < 52 for label in labels):
        raise ValueError(f"numpy.einsum: the labels {sublist} are not all in range(52)")
    return "".join("..." if label is Ellipsis else alphabet[label] for label in labels)


def _contraction(subscripts: str, arrays: list[Any], optimize: Any) -> Any:
    """The contraction of any number of operands, two at a time."""
    terms, out = parsed(subscripts, tuple(len(shape_of(x)) for x in arrays))
    if len(terms) == 1:
        return _guarded(arrays, lambda: contract_one(arrays[0], f"{terms[0]}->{out}"))
    if len(terms) == 2:
        return contract(arrays[0], arrays[1], f"{terms[0]},{terms[1]}->{out}")
    if optimize is False:
        arrays = _in_one_precision(arrays)
    steps = _guarded(arrays, lambda: pairwise(terms, out, tuple(map(shape_of, arrays)), optimize))
    for i, j, step in steps:
        y, x = arrays.pop(j), arrays.pop(i)
        arrays.append(contract(x, y, step))
    return arrays[0]


def _in_one_precision(arrays: list[Any]) -> list[Any]:
    """The operands in the precision of the result, in which NumPy multiplies all of them unless it is told to plan."""
    dtypes = [dtype_of(x) for x in arrays]
    if len(set(dtypes)) == 1:
        return arrays
    whole = np.result_type(*dtypes)
    real = whole.type(0).real.dtype
    return [convert_to(x, whole if d.kind == "c" else real) for x, d in zip(arrays, dtypes, strict=True)]


def _guarded(arrays: Sequence[Any], compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except ValueError as error:
        raise mismatch("numpy.einsum", arrays, str(error)) from None


@lru_cache(maxsize=1024)
def parsed(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the output, with letters in place of each ellipsis.

    Raises:
        ValueError: as ``numpy.einsum``, for subscripts that say nothing sensible about operands of these ranks.
    """
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise _bad(subscripts, f"it has terms for {len(terms)} operands, and there are {len(ndims)}")
    ranks = [_ellipsis_rank(subscripts, term, ndim) for term, ndim in zip(terms, ndims, strict=True)]
    shared = "".join(chr(ord("α") + n) for n in range(max(ranks)))[::-1]
    expanded = tuple(t.replace("...", shared[len(shared) - n :]) for t, n in zip(terms, ranks, strict=True))
    letters = "".join(terms).replace(".", "")
    if not arrow:
        return expanded, shared + "".join(sorted(c for c in letters if letters.count(c) == 1))
    out = _without_ellipsis(subscripts, output)
    if shared and "..." not in output:
        raise _bad(subscripts, "the output has no '...' for the axes that the operands have besides their letters")
    unknown = next((c for c in out if c not in letters), None)
    if unknown is not None:
        raise _bad(subscripts, f"the letter {unknown!r} of the output is in no operand")
    if len(set(out)) < len(out):
        raise _bad(subscripts, "a letter occurs more than once in the output")
    return expanded, output.replace("...", shared)


def _ellipsis_rank(subscripts: str, term: str, ndim: int) -> int:
    """How many axes the ellipsis of a term stands for."""
    rank = ndim - len(_without_ellipsis(subscripts, term))
    if rank < 0 or (rank and "..." not in term):
        raise _bad(subscripts, f"the term {term!r} does not fit an operand with {ndim} axes")
    return rank


def _without_ellipsis(subscripts: str, term: str) -> str:
    letters = term.replace("...", "", 1)
    if not all(c.isascii() and c.isalpha() for c in letters):
        raise _bad(subscripts, "subscripts are letters, ',', '->' and at most one '...' for each operand")
    return letters


def _bad(subscripts: str, why: str) -> ValueError:
    return ValueError(errors.describe(f"numpy.einsum does not understand the subscripts {subscripts!r}.", why=why))


@lru_cache(maxsize=1024)
def pairwise(
    terms: tuple[str, ...], out: str, shapes: tuple[Shape, ...], optimize: Any = True
) -> tuple[tuple[int, int, str], ...]:
    """Contract many operands two at a time, in an order that opt_einsum plans.

    Returns:
        Steps ``(i, j, subscripts)`` with i < j: remove operands i and j, and append their contraction.

    Raises:
        ValueError: axes of the same letter disagree in length.
    """
    letter_sizes(list(zip(terms, shapes, strict=True)), out)
    left = list(terms)
    steps = []
    for positions in _planned(terms, out, shapes, optimize):
        for _ in range(len(positions) - 1):
            *others, y = sorted(positions)
            x = others.pop()
            y_term, x_term = left.pop(y), left.pop(x)
            needed = out if not left else "".join(dict.fromkeys(c for c in x_term + y_term if c in "".join(left) + out))
            steps.append((x, y, f"{x_term},{y_term}->{needed}"))
            left.append(needed)
            positions = (*others, len(left) - 1)
    if len(left) != 1:
        raise ValueError(f"the path optimize={optimize} does not contract all operands")
    return tuple(steps)


def _planned(terms: tuple[str, ...], out: str, shapes: tuple[Shape, ...], optimize: Any) -> Any:
    if isinstance(optimize, tuple) and optimize[:1] == ("einsum_path",):
        return optimize[1:]
    from opt_einsum import contract_path  # takes as long to import as a quarter of NumPy, and few programs need it

    strategy = optimize[0] if isinstance(optimize, tuple) and optimize else optimize
    strategy = strategy if isinstance(strategy, str) else "auto"
    path, _ = contract_path(canonical(*terms, out), *shapes, shapes=True, optimize=strategy)
    return path


# --- convolution and polynomials -----------------------------------------------------------------------------------------


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = _signal(a, "a", (0, 1)), _signal(v, "v", (0, 1))
    if shape_of(v)[0] > shape_of(a)[0]:
        a, v = v, a
    mode = _mode_name(mode)
    if mode == "valid":
        return correlate_p.bind(a, np.flip(v))
    full = convolve_p.bind(a, v)
    return full if mode == "full" else _middle(full, shape_of(a)[0], shape_of(v)[0])


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    a, v = _signal(a, "a", (1,)), _conjugate(_signal(v, "v", (1,)))
    n, m = shape_of(a)[0], shape_of(v)[0]
    mode = _mode_name(mode)
    if mode == "valid":
        return correlate_p.bind(a, v) if n >= m else np.flip(correlate_p.bind(v, a))
    full = convolve_p.bind(a, np.flip(v))
    return full if mode == "full" else _middle(full, n, m) if n >= m else np.flip(_middle(np.flip(full), m, n))


def _middle(full: Any, longer: int, shorter: int) -> Any:
    start = (shorter - 1) // 2
    return full[start : start + longer]


def _signal(x: Any, name: str, ranks: tuple[int, ...]) -> Any:
    x = as_array(x)
    if len(shape_of(x)) not in ranks:
        raise ValueError(f"a convolution takes vectors, and got {name} of type {typeof(x)}")
    if not math.prod(shape_of(x)):
        raise ValueError(f"{name} cannot be empty")
    return reshape_to(x, (math.prod(shape_of(x)),))


def _mode_name(mode: Any) -> str:
    names = ("valid", "same", "full")
    if mode in names:
        return str(mode)
    if isinstance(mode, (int, np.integer)) and 0 <= mode < 3:
        return names[mode]
    raise ValueError(f"mode must be one of 'full', 'same' and 'valid', got {mode!r}")


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    p, x = as_array(p), as_array(x)
    y: Any = np.zeros(shape_of(x), dtype_of(x))
    for i in range(shape_of(p)[0]):
        y = y * x + p[i]
    return y


@implements(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x = as_array(x)
    if len(shape_of(x)) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    N = shape_of(x)[0] if N is None else operator.index(N)
    dtype = np.promote_types(dtype_of(x), int)
    powers: list[Any] = [np.ones(shape_of(x), dtype), convert_to(x, dtype)][:N]
    while len(powers) < N:
        powers.append(powers[-1] * x)
    if not N:
        return np.zeros((*shape_of(x), 0), dtype)
    return np.stack(powers if increasing else powers[::-1], axis=1)
