"""Series of polynomials ``sum(c[k] * P[k](x))`` with traced coefficients and points, in the six bases of `numpy.polynomial`.

A `Basis` is the module of NumPy that has its functions, and its recurrence.  Everything else follows.  What is linear in the
coefficients is the matrix that NumPy's own function gives for the unit vectors (`Basis.der`, `Basis.int`, changes of basis,
companion matrices); values are Clenshaw's recurrence, and products are made of ``P[k](X) c``, where ``X`` multiplies by x.

NumPy drops trailing zeros of coefficients, which makes lengths depend on values.  Here all coefficients are kept: the
polynomial is the same, each coefficient has its derivative, and ``jit`` and ``vmap`` give what an eager call gives.
"""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.polynomial import polyutils as numpy_polyutils

from covector.core import errors
from covector.core.avals import dtype_of, shape_of, typeof
from covector.core.primitive import TracerBase
from covector.core.tracer import Tracer
from covector.numpy.polynomials import check_samples
from covector.numpy.registry import as_array, contains_tracer, inexact, known_array
from covector.primitives.arrays.shaping import convert_to, real_dtype
from covector.primitives.arrays.subscripts import concrete
from covector.primitives.math.identity import stop_gradient_p

# --- coefficients -----------------------------------------------------------------------------------------------------


def as_series(alist: Any, trim: bool = True) -> list[Any]:
    """Vectors of coefficients, real or complex, of one dtype; trailing zeros are dropped where nothing is traced.

    Example:
        >>> as_series([[1, 2, 0], 3])
        [array([1., 2.]), array([3.])]
    """
    if not contains_tracer(alist) and not any(map(contains_tracer, alist)):
        return numpy_polyutils.as_series(alist, trim)  # type: ignore[no-any-return]
    arrays = [_vector(c) for c in alist]
    dtype = np.common_type(*(np.empty(0, dtype_of(inexact(a))) for a in arrays))
    return [convert_to(a, np.dtype(dtype)) for a in arrays]


def _vector(c: Any) -> Any:
    c = np.atleast_1d(as_array(c))
    if shape_of(c)[-1] == 0:
        raise ValueError("Coefficient array is empty")
    if len(shape_of(c)) != 1:
        raise ValueError("Coefficient array is not 1-d")
    return c


def trimcoef(c: Any, tol: float = 0) -> Any:
    """The coefficients without trailing ones of absolute value at most ``tol``; their values must be known.

    Example:
        >>> trimcoef([1.0, 2.0, 1e-9], tol=1e-6)
        array([1., 2.])
    """
    if tol < 0:
        raise ValueError("tol must be non-negative")
    (c,) = as_series([c])
    kept = len(numpy_polyutils.trimcoef(known_array(c, trimcoef), tol))
    return c[:kept] if kept > 1 or np.any(np.abs(concrete(c)) > tol) else c[:1] * 0


def _padded(c: Any, size: int) -> Any:
    missing = size - shape_of(c)[0]
    return np.concatenate([c, np.zeros(missing, dtype_of(c))]) if missing > 0 else c


def _constant(matrix: Any, dtype: Any) -> Any:
    """Known numbers in the precision of coefficients."""
    return np.asarray(matrix, real_dtype(dtype))


def _count(value: Any, what: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{what} must be an integer, received {value}") from error


def _along(axis: Any, c: Any, function: Callable[[Any], Any]) -> Any:
    """A function of coefficients along the first axis, along any axis."""
    axis = np.lib.array_utils.normalize_axis_index(_count(axis, "the axis"), len(shape_of(c)))
    return np.moveaxis(function(np.moveaxis(c, axis, 0)), 0, axis)


def _check_leading(c: Any, who: str) -> None:
    """Refuse a divisor, or a polynomial whose roots are asked for, whose last coefficient is known to be zero."""
    last = concrete(c[-1])
    if last is not None and np.any(last == 0):
        raise errors.UnsupportedFunctionError(
            f"{who} got traced coefficients of type {typeof(c)} of which the last one is zero.",
            why="the degree of the polynomial, and so the length of the result, depends on the value of coefficients",
            fix="drop the last coefficients before: c[:-1], or trimcoef(c) where their values are known",
        )


# --- the domain -------------------------------------------------------------------------------------------------------


def getdomain(x: Any) -> Any:
    """The smallest interval that contains the points, for complex ones the smallest rectangle: its two corners.

    Example:
        >>> getdomain([3.0, 1.0, 2.0])
        array([1., 3.])
    """
    (x,) = as_series([x], trim=False)
    if dtype_of(x).kind != "c":
        return np.stack([np.min(x), np.max(x)])
    low, high = (extreme(np.real(x)) + 1j * extreme(np.imag(x)) for extreme in (np.min, np.max))
    return np.stack([low, high])


def mapparms(old: Any, new: Any) -> tuple[Any, Any]:
    """The numbers ``off`` and ``scl`` of the map ``off + scl * x`` that takes the interval ``old`` to ``new``.

    Example:
        >>> mapparms([0.0, 2.0], [-1.0, 1.0])
        (-1.0, 1.0)
    """
    return numpy_polyutils.mapparms(old, new)  # type: ignore[no-any-return]


def mapdomain(x: Any, old: Any, new: Any) -> Any:
    """The points moved by the linear map that takes the interval ``old`` to ``new``.

    Example:
        >>> mapdomain([0.0, 1.0, 2.0], [0.0, 2.0], [-1.0, 1.0])
        array([-1.,  0.,  1.])
    """
    off, scl = mapparms(old, new)
    return off + scl * (as_array(x) if isinstance(x, (list, tuple)) else x)


# --- a basis ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Basis:
    """Polynomials ``P[0] = 1, P[k+1](x) = (a x + b) P[k](x) - c P[k-1](x)`` with ``a, b, c = recurrence(k)``."""

    module: ModuleType
    prefix: str
    recurrence: Callable[[int], tuple[float, float, float]]

    def numpy(self, name: str) -> Any:
        """NumPy's function for this basis."""
        return getattr(self.module, self.prefix + name)

    def who(self, name: str) -> str:
        return f"{self.module.__name__}.{self.prefix}{name}"

    # --- values

    def val(self, x: Any, c: Any, tensor: bool = True) -> Any:
        """The value of the series, by Clenshaw's recurrence (Math. Comp. 9 (1955) 118)."""
        c = inexact(np.atleast_1d(as_array(c)))
        x = as_array(x) if isinstance(x, (list, tuple)) else x
        if tensor and issubclass(type(x), (np.ndarray, Tracer)):
            c = np.reshape(c, shape_of(c) + (1,) * x.ndim)
        size = shape_of(c)[0]
        if size == 1:
            return c[0] + x * 0
        factors: dict[tuple[float, float], Any] = {}
        this, after = c[size - 1], None
        for k in range(size - 2, -1, -1):
            a, b, _ = self.recurrence(k)
            if (a, b) not in factors:
                factors[a, b] = _affine(a, b, x)
            value = this * factors[a, b] + c[k]
            this, after = (value if after is None else value - _times(self.recurrence(k + 1)[2], after)), this
        return this

    def val2d(self, x: Any, y: Any, c: Any) -> Any:
        return self._val_at_points(c, x, y)

    def val3d(self, x: Any, y: Any, z: Any, c: Any) -> Any:
        return self._val_at_points(c, x, y, z)

    def _val_at_points(self, c: Any, *points: Any) -> Any:
        points = tuple(map(as_array, points))
        if len(set(map(shape_of, points))) != 1:
            raise ValueError(f"{', '.join('xyz'[: len(points)])} are incompatible")
        c = self.val(points[0], c)
        for x in points[1:]:
            c = self.val(x, c, tensor=False)
        return c

    def grid2d(self, x: Any, y: Any, c: Any) -> Any:
        return self.val(y, self.val(x, c))

    def grid3d(self, x: Any, y: Any, z: Any, c: Any) -> Any:
        return self.val(z, self.val(y, self.val(x, c)))

    def vander(self, x: Any, deg: Any) -> Any:
        degree = _count(deg, "deg")
        if degree < 0:
            raise ValueError("deg must be non-negative")
        x = np.atleast_1d(as_array(x)) + 0.0
        values = [x * 0 + 1]
        for k in range(degree):
            a, b, c = self.recurrence(k)
            value = _affine(a, b, x) if k == 0 else values[k] * _affine(a, b, x)
            values.append(value if c == 0 else value - _times(c, values[k - 1]))
        return np.stack(values, axis=-1)

    def vander2d(self, x: Any, y: Any, deg: Any) -> Any:
        return self._vander_of((x, y), deg)

    def vander3d(self, x: Any, y: Any, z: Any, deg: Any) -> Any:
        return self._vander_of((x, y, z), deg)

    def _vander_of(self, points: tuple[Any, ...], degrees: Sequence[Any]) -> Any:
        n = len(points)
        if len(degrees) != n:
            raise ValueError(f"Expected {n} dimensions of degrees, got {len(degrees)}")
        matrices = [self.vander(x, d) for x, d in zip(np.stack([as_array(p) for p in points]) + 0.0, degrees, strict=True)]
        separate = (m[(..., *(slice(None) if j == i else None for j in range(n)))] for i, m in enumerate(matrices))
        product = functools.reduce(operator.mul, separate)
        return np.reshape(product, (*shape_of(product)[:-n], -1))

    # --- arithmetic

    def add(self, c1: Any, c2: Any) -> Any:
        return self._sum(np.add, c1, c2)

    def sub(self, c1: Any, c2: Any) -> Any:
        return self._sum(np.subtract, c1, c2)

    def _sum(self, ufunc: np.ufunc, c1: Any, c2: Any) -> Any:
        c1, c2 = as_series([c1, c2])
        size = max(shape_of(c1)[0], shape_of(c2)[0])
        return ufunc(_padded(c1, size), _padded(c2, size))

    def mulx(self, c: Any) -> Any:
        (c,) = as_series([c])
        size = shape_of(c)[0]
        return np.matmul(_constant(self.times_x(size + 1)[:, :size], dtype_of(c)), c)

    def times_x(self, size: int) -> Any:
        """The matrix that multiplies by x a series whose product has at most ``size`` coefficients."""
        matrix = np.zeros((size, size))
        for k in range(size):
            a, b, c = self.recurrence(k)
            if k + 1 < size:
                matrix[k + 1, k] = 1 / a
            matrix[k, k] = -b / a
            if k > 0:
                matrix[k - 1, k] = c / a
        return matrix

    def _terms(self, c: Any, count: int, size: int) -> list[Any]:
        """The series ``P[k] c`` for ``k < count``, each with ``size`` coefficients."""
        x, one = self.times_x(size), np.eye(size)
        terms = [_padded(c, size)]
        for k in range(count - 1):
            slope, shift, before = self.recurrence(k)
            term = np.matmul(_constant(slope * x + shift * one, dtype_of(c)), terms[k])
            terms.append(term if before == 0 else term - _times(before, terms[k - 1]))
        return terms

    def mul(self, c1: Any, c2: Any) -> Any:
        c1, c2 = as_series([c1, c2])
        if shape_of(c1)[0] < shape_of(c2)[0]:
            c1, c2 = c2, c1
        if self.prefix == "poly":
            return np.convolve(c1, c2)
        if self.prefix == "cheb":  # T[k](cos t) is (z**k + z**-k) / 2 with z = exp(i t)
            return _from_z(np.convolve(_to_z(c1), _to_z(c2)))
        count = shape_of(c2)[0]
        return np.matmul(c2, np.stack(self._terms(c1, count, shape_of(c1)[0] + count - 1)))

    def div(self, c1: Any, c2: Any) -> tuple[Any, Any]:
        c1, c2 = as_series([c1, c2])
        _check_leading(c2, self.who("div"))
        n1, n2 = shape_of(c1)[0], shape_of(c2)[0]
        if n1 < n2:
            return c1[:1] * 0, c1
        if n2 == 1:
            return c1 / c2[-1], c1[:1] * 0
        quotient: list[Any] = []
        dtype = dtype_of(c1)
        if self.prefix not in ("poly", "cheb"):  # NumPy's, which multiplies by lists of numbers
            c2 = convert_to(c2, np.result_type(dtype, np.float64))
        products = self._terms(c2, n1 - n2 + 1, n1)
        for k in range(n1 - n2, -1, -1):
            product = products[k][: k + n2]
            digit = c1[-1] / product[-1]
            c1 = c1[:-1] - digit * product[:-1]
            quotient.insert(0, digit)
        return convert_to(np.stack(quotient), dtype), c1

    def pow(self, c: Any, pow: Any, maxpower: Any = 16) -> Any:
        (c,) = as_series([c])
        power = int(pow)
        if power != pow or power < 0:
            raise ValueError("Power must be a non-negative integer.")
        if maxpower is not None and power > maxpower:
            raise ValueError("Power is too large")
        return functools.reduce(self.mul, [c] * power) if power else np.ones(1, dtype_of(c))

    def line(self, off: Any, scl: Any) -> Any:
        start = self.numpy("line")(0.0, 1.0)
        slope = self.numpy("line")(1.0, 1.0) - start
        off, scl = as_array(off), as_array(scl)
        dtype = np.result_type(dtype_of(off), dtype_of(scl))
        if dtype.kind not in "fc" and self.prefix == "herm":  # which has half of the slope
            dtype = np.dtype(np.float64)
        return off * np.asarray(slope, real_dtype(dtype)) + scl * np.asarray(start, real_dtype(dtype))

    def fromroots(self, roots: Any) -> Any:
        if shape_of(as_array(roots)) == (0,):
            return np.ones(1)
        (roots,) = as_series([roots], trim=False)
        roots = np.sort(convert_to(roots, np.result_type(dtype_of(roots), np.float64)))  # NumPy's dtype, of [-root, 1]
        factors = [self.line(-roots[i], np.ones((), dtype_of(roots))) for i in range(shape_of(roots)[0])]
        while len(factors) > 1:
            half, odd = divmod(len(factors), 2)
            products = [self.mul(factors[i], factors[i + half]) for i in range(half)]
            if odd:
                products[0] = self.mul(products[0], factors[-1])
            factors = products
        return factors[0]

    # --- linear maps of the coefficients: NumPy's function of unit vectors

    def der(self, c: Any, m: Any = 1, scl: Any = 1, axis: Any = 0) -> Any:
        c, order = inexact(np.atleast_1d(as_array(c))), _count(m, "the order of derivation")
        if order < 0:
            raise ValueError("The order of derivation must be non-negative")

        def derivative(c: Any) -> Any:
            if order >= shape_of(c)[0]:
                return c[:1] * 0
            matrix = _constant(self.numpy("der")(np.eye(shape_of(c)[0]), order), dtype_of(c))
            return np.tensordot(matrix, c, 1) * convert_to(as_array(scl) ** order, dtype_of(c))

        return c if order == 0 else _along(axis, c, derivative)

    def int(self, c: Any, m: Any = 1, k: Any = (), lbnd: Any = 0, scl: Any = 1, axis: Any = 0) -> Any:
        c, order = inexact(np.atleast_1d(as_array(c))), _count(m, "the order of integration")
        constants = list(k) if isinstance(k, (list, tuple)) or shape_of(as_array(k)) else [k]
        if order < 0:
            raise ValueError("The order of integration must be non-negative")
        if len(constants) > order:
            raise ValueError("Too many integration constants")
        for name, value in (("lbnd", lbnd), ("scl", scl)):
            if shape_of(as_array(value)):
                raise ValueError(f"{name} must be a scalar.")

        def integral(c: Any) -> Any:
            dtype = dtype_of(c)
            for constant in constants + [0] * (order - len(constants)):
                matrix = _constant(self.numpy("int")(np.eye(shape_of(c)[0])), dtype)
                c = np.tensordot(matrix, c * convert_to(as_array(scl), dtype), 1)
                if contains_tracer(lbnd) or lbnd != 0:
                    constant = constant - self.val(lbnd, c)
                first = convert_to(as_array(c[:1] + constant), dtype)
                c = np.concatenate([first, c[1:]])
            return c

        return c if order == 0 else _along(axis, c, integral)

    def to_poly(self, c: Any) -> Any:
        return self._converted(c, f"{self.prefix}2poly")

    def from_poly(self, pol: Any) -> Any:
        return self._converted(pol, f"poly2{self.prefix}")

    def _converted(self, c: Any, name: str) -> Any:
        (c,) = as_series([c])
        size = shape_of(c)[0]
        columns = [_padded(getattr(self.module, name)(unit[: k + 1]), size) for k, unit in enumerate(np.eye(size))]
        return np.matmul(_constant(np.stack(columns, axis=1), dtype_of(c)), c)

    # --- roots and fits

    def companion(self, c: Any) -> Any:
        (c,) = as_series([c])
        n = shape_of(c)[0] - 1
        if n < 1:
            raise ValueError("Series must have maximum degree of at least 1.")
        _check_leading(c, self.who("companion"))
        last = np.zeros(n + 1)
        last[n] = 1
        matrix = self.numpy("companion")(last)
        weights = self.numpy("companion")(np.ones(n + 1))[:, -1] - matrix[:, -1]
        column = c[:-1] / c[-1] * _constant(weights, dtype_of(c))
        matrix = _constant(matrix, dtype_of(c))
        return np.concatenate([matrix[:, :-1], (matrix[:, -1] + column)[:, None]], axis=1)

    def roots(self, c: Any) -> Any:
        """The roots: the eigenvalues of the companion matrix, sorted; complex unless there is only one."""
        (c,) = as_series([c])
        if shape_of(c)[0] < 2:
            return np.zeros(0, dtype_of(c))
        companion = self.companion(c)
        if shape_of(c)[0] == 2:
            return companion[0]
        return np.sort(np.linalg.eigvals(companion[::-1, ::-1]))

    def fit(self, x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None) -> Any:
        """The least-squares fit, with columns scaled to length 1; the result does not depend on the scale."""
        x, y, degrees = as_array(x) + 0.0, as_array(y) + 0.0, np.asarray(deg)
        _check_degrees(degrees)
        check_samples(shape_of(x), shape_of(y))
        matrix = self.vander(x, degrees.max())
        if degrees.ndim:
            degrees = np.sort(degrees)
            matrix = matrix[:, degrees]
        if w is not None:
            w = as_array(w) + 0.0
            if len(shape_of(w)) != 1:
                raise TypeError("expected 1D vector for w")
            if shape_of(w) != shape_of(x):
                raise TypeError("expected x and w to have same length")
            matrix, y = matrix * w[:, None], y * (w[:, None] if len(shape_of(y)) == 2 else w)
        rcond = shape_of(x)[0] * np.finfo(dtype_of(x)).eps if rcond is None else rcond
        scale = np.linalg.norm(stop_gradient_p.bind(matrix), axis=0)
        scale = np.where(scale == 0, 1, scale)
        c, residuals, rank, singular_values = np.linalg.lstsq(matrix / scale, y, rcond)
        c = np.transpose(np.transpose(c) / scale)
        if degrees.ndim:
            places = np.zeros((degrees[-1] + 1, len(degrees)))
            places[degrees, np.arange(len(degrees))] = 1
            c = np.matmul(_constant(places, dtype_of(c)), c)
        if full:
            return c, [residuals, rank, singular_values, rcond]
        found = concrete(rank)
        if found is not None and found != shape_of(matrix)[1]:
            warnings.warn("The fit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=3)
        return c


def _check_degrees(degrees: Any) -> None:
    if degrees.ndim > 1 or degrees.dtype.kind not in "iu" or degrees.size == 0:
        raise TypeError("deg must be an int or non-empty 1-D array of int")
    if degrees.min() < 0:
        raise ValueError("expected deg >= 0")


def _times(factor: float, x: Any) -> Any:
    return x if factor == 1 else x * factor


def _affine(slope: float, shift: float, x: Any) -> Any:
    scaled = _times(slope, x)
    return scaled if shift == 0 else scaled + shift


def _to_z(c: Any) -> Any:
    half = c[1:] / 2
    return np.concatenate([half[::-1], c[:1], half])


def _from_z(z: Any) -> Any:
    middle = shape_of(z)[0] // 2
    return np.concatenate([z[middle : middle + 1], z[middle + 1 :] * 2])


def valfromroots(x: Any, r: Any, tensor: bool = True) -> Any:
    """``prod(x - r)``, for each of the points."""
    r, x = inexact(np.atleast_1d(as_array(r))), as_array(x)
    axes = len(shape_of(x))
    if axes and tensor:
        r = np.reshape(r, shape_of(r) + (1,) * axes)
    elif axes and axes >= len(shape_of(r)):
        raise ValueError("x.ndim must be < r.ndim when tensor == False")
    return np.prod(x - r, axis=0)


def interpolate(func: Callable[..., Any], deg: Any, args: tuple[Any, ...] = ()) -> Any:
    """The Chebyshev series of degree ``deg`` that agrees with a function at the Chebyshev points of the first kind."""
    degrees = np.asarray(deg)
    if degrees.ndim > 0 or degrees.dtype.kind not in "iu" or degrees.size == 0:
        raise TypeError("deg must be an int")
    if degrees < 0:
        raise ValueError("expected deg >= 0")
    order = int(degrees) + 1
    chebyshev = np.polynomial.chebyshev
    points = chebyshev.chebpts1(order)
    values = as_array(func(points, *args))
    divisor = np.full((order,) + (1,) * (len(shape_of(values)) - 1), 0.5 * order)
    divisor[0] = order
    return np.dot(chebyshev.chebvander(points, order - 1).T, values) / divisor


# --- the public functions of a basis ----------------------------------------------------------------------------------

NAMES = (
    "add", "sub", "mulx", "mul", "div", "pow", "val", "val2d", "val3d", "grid2d", "grid3d", "vander", "vander2d", "vander3d",
    "der", "int", "line", "fromroots", "fit", "companion", "roots",
)  # fmt: skip
"""The functions that each basis has, without its prefix."""


def functions_of(basis: Basis) -> dict[str, Any]:
    """The names of NumPy's module of a basis, each function also with traced arguments."""
    module, prefix = basis.module, basis.prefix
    meanings: dict[str, Callable[..., Any]] = {prefix + name: getattr(basis, name) for name in NAMES}
    meanings[f"{prefix}trim"] = trimcoef
    if prefix == "poly":
        meanings["polyvalfromroots"] = valfromroots
    else:
        meanings |= {f"{prefix}2poly": basis.to_poly, f"poly2{prefix}": basis.from_poly}
    names = {name: getattr(module, name) for name in module.__all__ if not isinstance(getattr(module, name), type)}
    return names | {name: _public(names[name], meaning) for name, meaning in meanings.items()}


def _public(function: Callable[..., Any], meaning: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function, assigned=("__name__", "__qualname__"))
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(_holds_tracer, (*args, *kwargs.values()))):
            return meaning(*args, **kwargs)
        return function(*args, **kwargs)

    call.__doc__ = f"``{function.__module__}.{function.__name__}``, also of traced coefficients and points."
    return call


def _holds_tracer(x: Any) -> bool:
    return contains_tracer(x) or isinstance(getattr(x, "coef", None), TracerBase)
