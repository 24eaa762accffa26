"""The array API standard (2025.12): every function and keyword of it, plainly and with the call under `jit`, is NumPy's.

A line is a call that the standard allows, after the kinds of dtypes that it allows there.  Where NumPy gives a result, that of
`covector.numpy` has the same dtype, shape and values, so whatever NumPy conforms to, covector does.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import staged_namespace
from test_agreement import difference, special_values
from transformed import outcome

import covector
import covector.numpy as cnp
from covector import errors
from covector.core.tracer import has_meaning

ELEMENTWISE = """
    biufc | equal not_equal logical_and logical_or logical_xor
    iufc | add subtract multiply
    iuf | floor_divide remainder maximum minimum greater greater_equal less less_equal
    fc | divide
    f | atan2 copysign hypot logaddexp nextafter
    iufc | pow
    biu | bitwise_and bitwise_or bitwise_xor
    iu | bitwise_left_shift bitwise_right_shift
    iufc | abs negative positive square sign round
    iuf | ceil floor trunc
    biufc | isfinite isinf isnan logical_not
    fc | acos acosh asin asinh atan atanh cos cosh exp expm1 log log10 log1p log2 sin sinh sqrt tan tanh reciprocal
    f | signbit
    biu | bitwise_invert
    iufc | conj real
    c | imag
"""
"""Functions of one array, or of two, element by element."""

CALLS = """
    iuf | clip(x) clip(x, 1, 2) clip(x, min=1, max=2) clip(x, None, y) clip(x, x, y)
    biufc | where(x == y, x, y) where(x != y, x, 1)
    biufc | zeros_like(x) ones_like(x) full_like(x, 1) zeros_like(x, dtype=xp.float32, device="cpu") full_like(x, fill_value=2)
    biufc | asarray(x) asarray(x, dtype=xp.complex128) asarray(x, copy=True) asarray(x, copy=None, device="cpu")
    biufc | asarray([x[0, 0], x[1, 1]]) full((2, 3), x[0, 1]) full(3, x[0, 0], dtype=xp.complex64)
    biufc | tril(x) triu(x) tril(x, k=1) triu(x, k=-1) meshgrid(x[0], y[:, 0]) meshgrid(x[0], y[0], indexing="ij")
    biufc | astype(x, xp.complex64) astype(x, xp.bool, copy=False) astype(x, x.dtype, device="cpu")
    biufc | broadcast_arrays(x, y[0]) broadcast_to(x, (4, 2, 3)) result_type(x, y) result_type(x, xp.float32)
    biufc | can_cast(x, xp.complex128) isdtype(x.dtype, "numeric") isdtype(x.dtype, (x.dtype, "bool"))
    fc | linspace(x[0, 0], y[0, 0], 5) linspace(x[0, 0], y[0, 0], num=5, endpoint=False)
    fc | linspace(0, x[0, 1], 4, dtype=xp.float64)
    biufc | concat([x, y]) concat([x, y], axis=1) concat((x, y), axis=None) expand_dims(x, axis=0) expand_dims(x, axis=-1)
    biufc | flip(x) flip(x, axis=1) flip(x, axis=(0, 1)) moveaxis(x, 0, 1) moveaxis(x, (0, 1), (1, 0)) permute_dims(x, (1, 0))
    biufc | repeat(x, 2) repeat(x, 2, axis=1) repeat(x, xp.asarray([1, 2]), axis=0) reshape(x, (3, 2)) reshape(x, shape=(6,))
    biufc | reshape(x, (-1,), copy=True) roll(x, 1) roll(x, shift=(1, 2), axis=(0, 1)) squeeze(x[None], axis=0)
    biufc | stack([x, y], axis=1)
    biufc | squeeze(x[None, :, None], (0, 2)) stack([x, y]) tile(x, (2, 1)) tile(x, (2,)) unstack(x) unstack(x, axis=1)
    biufc | take(x, xp.asarray([0, 2, 1]), axis=1) take_along_axis(x, xp.asarray([[0, 2], [1, 0]]), axis=-1)
    biufc | take(x, xp.asarray([0, 2, 1]), axis=1)[0] take(x[0], xp.asarray([2, 0]))
    biufc | take_along_axis(x, xp.asarray([[1, 0, 1]]), axis=0)
    iuf | argmax(x) argmax(x, axis=1, keepdims=True) argmin(x) argmin(x, axis=0)
    biufc | count_nonzero(x) count_nonzero(x, axis=0) count_nonzero(x, axis=(0, 1), keepdims=True)
    iuf | searchsorted(xp.sort(x[0]), y) searchsorted(x[0], y[0], side="right", sorter=xp.argsort(x[0]))
    iuf | searchsorted(xp.sort(x[0]), 1)
    biufc | isin(x, y) isin(x, y[0], invert=True)
    iuf | sort(x) sort(x, axis=0) sort(x, stable=True) argsort(x) argsort(x, axis=0, stable=True)
    iufc | cumulative_sum(x[0]) cumulative_sum(x, axis=1, include_initial=True) cumulative_sum(x, axis=0, dtype=xp.complex128)
    iufc | cumulative_prod(x[0]) cumulative_prod(x, axis=1, include_initial=True)
    iufc | cumulative_prod(x, axis=0, dtype=xp.complex128)
    iuf | max(x) max(x, axis=0) min(x, axis=(0, 1), keepdims=True) min(x)
    fc | mean(x) mean(x, axis=0, keepdims=True) mean(x, axis=(0, 1))
    iufc | prod(x) prod(x, axis=1, keepdims=True) prod(x, dtype=xp.complex128) sum(x) sum(x, axis=(0, 1))
    iufc | sum(x, axis=0, dtype=xp.complex64)
    f | std(x) std(x, axis=0, correction=1.0, keepdims=True) var(x) var(x, axis=(0, 1), correction=1)
    biufc | all(x) all(x, axis=0, keepdims=True) any(x) any(x, axis=(0, 1))
    iufc | diff(x) diff(x, axis=0) diff(x, n=2, prepend=x, append=y)
    iufc | matmul(x, y.T) matrix_transpose(x) tensordot(x, y) tensordot(x, y, axes=0) tensordot(x, y, axes=((0,), (0,)))
    iufc | vecdot(x, y) vecdot(x, y, axis=0) linalg.matmul(x, y.T) linalg.matrix_transpose(x) linalg.tensordot(x, y, axes=2)
    iufc | linalg.vecdot(x, y, axis=-1) linalg.cross(x, y) linalg.cross(x.T, y.T, axis=0) linalg.outer(x[0], y[1])
    biufc | linalg.diagonal(x) linalg.diagonal(x, offset=1)
    iufc | linalg.trace(x) linalg.trace(x, offset=-1) linalg.trace(x, dtype=xp.complex128)
    fc | linalg.cholesky(x @ xp.conj(x.T) + xp.eye(2)) linalg.cholesky(xp.eye(2, dtype=x.dtype) + x[0, 0] * 0, upper=True)
    fc | linalg.det(x[:, :2]) linalg.eigh(x[:, :2]) linalg.eigvalsh(x[:, :2]) linalg.inv(x[:, :2]) linalg.matrix_norm(x)
    c | linalg.eig(x[:, :2]) linalg.eigvals(x[:, :2])
    f | linalg.eig(x[:, :2] + 0j) linalg.eigvals(x[:, :2] + 0j)
    fc | linalg.matrix_norm(x, keepdims=True, ord=1) linalg.matrix_norm(x, ord="nuc") linalg.matrix_norm(x, ord=2)
    fc | linalg.matrix_power(x[:, :2], 3)
    fc | linalg.matrix_rank(x) linalg.matrix_rank(x, rtol=0.1) linalg.pinv(x) linalg.pinv(x, rtol=0.01) linalg.qr(x)
    fc | linalg.qr(x, mode="complete")
    fc | linalg.slogdet(x[:, :2]) linalg.solve(x[:, :2], y) linalg.solve(x[:, :2], y[:, 0]) linalg.svd(x)
    fc | linalg.svd(x, full_matrices=False)
    fc | linalg.svdvals(x) linalg.vector_norm(x) linalg.vector_norm(x, axis=1, keepdims=True, ord=1)
    fc | linalg.vector_norm(x, axis=(0, 1), ord=xp.inf)
    c | fft.fft(x) fft.fft(x, n=4, axis=0, norm="ortho") fft.ifft(x) fft.ifft(x, n=2, norm="forward") fft.fftn(x)
    c | fft.fftn(x, s=(2, 4), axes=(0, 1))
    c | fft.ifftn(x, norm="ortho") fft.irfft(x) fft.irfft(x, n=4, axis=-1) fft.irfftn(x)
    c | fft.irfftn(x, s=(2, 4), axes=(0, 1)) fft.hfft(x) fft.hfft(x, n=5)
    f | fft.rfft(x) fft.rfft(x, n=4, axis=0, norm="ortho") fft.rfftn(x) fft.rfftn(x, s=(2, 2), axes=(0, 1)) fft.ihfft(x)
    f | fft.ihfft(x, n=2)
    fc | fft.fftshift(x, axes=()) fft.ifftshift(x, axes=()) roll(x, (), axis=()) roll(x, 1, axis=())
    fc | fft.fftshift(x) fft.fftshift(x, axes=1) fft.ifftshift(x) fft.ifftshift(x, axes=(0, 1))
    f | arange(3) arange(1, 4) arange(0, 4, 2, dtype=xp.float32) arange(3, device="cpu") arange(0, stop=3)
    f | arange(1, stop=4, step=2)
    f | zeros(3) zeros((2, 3), dtype=xp.int8, device="cpu") ones(shape=2) empty((0, 2)) eye(2)
    f | eye(2, 3, k=1, dtype=xp.float32) full(2, 1) full((), True)
    f | linspace(0, 1, 3) linspace(0, 1, num=3, dtype=xp.float32, endpoint=False, device="cpu") fft.fftfreq(4)
    f | fft.rfftfreq(4, d=0.5)
    f | broadcast_shapes((2, 1), (3,)) finfo(xp.float32).bits iinfo(xp.int8).max isdtype(xp.float32, "real floating")
    f | result_type(xp.int8, 1.0)
    f | from_dlpack(xp.ones(2)) can_cast(xp.int8, xp.int16)
"""
"""Calls on arrays of shape (2, 3)."""

OPERATORS = """
    iufc | x+y x-y x*y x+1 1-x x**y -x +x abs(x) x@y.T x.T x.mT x.dtype x.shape x.ndim x.size x.device x.to_device("cpu")
    iuf | x//y x%y x<y x<=y x>y x>=y 3%x
    fc | x/y 1/x x**2 2.0**x
    biufc | x==y x!=y x[0] x[...,1] x[None,:,::-1] x[0,1] x[xp.asarray([1,0])] x[xp.asarray([1,0]),0] x[-1:,1:3]
    biu | x&y x|y x^y ~x
    iu | x<<(y%3) x>>(y%3) 1<<(x%3)
"""
"""The array object."""

DATA_DEPENDENT = "nonzero(x) unique_all(x) unique_counts(x) unique_inverse(x) unique_values(x) [x>y]"
"""The standard lets a namespace leave these out, as their shapes depend on values: staged, they are refused."""

DTYPES = [np.dtype(t) for t in "bool i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 F D".split()]


LAST = {"b": "bool", "i": "i8", "u": "u8", "f": "f8", "c": "D"}
"""A dtype of each kind, in which NumPy must have a result."""


def rows(table: str) -> list[tuple[str, str]]:
    """The kinds of dtypes and each call of a line; calls are parted where no parenthesis is open."""
    found = []
    for line in filter(None, map(str.strip, table.splitlines())):
        kinds, calls = line.split(" | ")
        found += [(kinds, call) for call in re.findall(r"(?:\([^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\)|\S)+", calls)]
    return found


def call(text: str) -> Callable[..., Any]:
    return eval(f"lambda xp, x, y: {text}")


CASES = [*((k, f"xp.{c}") for k, c in rows(CALLS)), *rows(OPERATORS)]


def is_array(x: Any) -> bool:
    if isinstance(x, tuple) and all(type(i) is int for i in x):
        return False  # a shape
    return isinstance(x, (np.ndarray, np.generic, tuple, list))


def disagreement(function: Callable[..., Any], x: Any, y: Any, signs: bool = False) -> str:
    """In what covector differs from NumPy, plainly or staged."""
    expected = outcome(function, np, x, y)
    if isinstance(expected, Exception):
        return ""  # NumPy does not conform here
    if is_array(expected):
        runs = {
            "plainly": lambda: function(cnp, x, y),
            "jit": lambda: covector.jit(lambda x, y: function(cnp, x, y))(x, y),
            "each under jit": lambda: function(staged_namespace, x, y),
        }
    else:
        runs = {"plainly": lambda: function(cnp, x, y), "jit": lambda: static(function, x, y)}
    for how, run in runs.items():
        actual = outcome(run)
        if isinstance(actual, Exception):
            return f"{how}: {type(actual).__name__} {actual}"
        if not is_array(expected):
            wrong = "" if actual == expected else f"{actual}, NumPy {expected}"
        else:
            wrong = difference(actual, expected, signs) or (type(actual) is not type(expected) and isinstance(expected, tuple))
        if wrong:
            return f"{how}: {wrong}"
    return ""


def static(function: Callable[..., Any], x: Any, y: Any) -> Any:
    """What a function answers about traced values that is no array."""
    seen = []
    covector.jit(lambda x, y: seen.append(function(cnp, x, y)) or x)(x, y)
    return seen[0]


def numbers(dtype: np.dtype[Any], k: int) -> Any:
    values = (np.arange(6) * (5 - 2 * k) + k) % 7
    signed = values - 2 if dtype.kind in "if" else values + 1j * (values % 3) if dtype.kind == "c" else values
    return (signed * (0.75 if dtype.kind in "fc" else 1)).astype(dtype).reshape(2, 3)


@pytest.mark.parametrize(("kinds", "text"), CASES, ids=[c for _, c in CASES])
def test_calls(kinds: str, text: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        last = np.dtype(LAST[kinds[-1]])
        call(text)(np, numbers(last, 0), numbers(last, 1))
        for dtype in DTYPES:
            if dtype.kind in kinds:
                assert not (wrong := disagreement(call(text), numbers(dtype, 0), numbers(dtype, 1))), f"{dtype}: {wrong}"


@pytest.mark.parametrize(("kinds", "name"), rows(ELEMENTWISE), ids=[n for _, n in rows(ELEMENTWISE)])
def test_special_cases(kinds: str, name: str) -> None:
    """Infinities, NaN and signed zeros, each with each, also beside Python numbers."""
    function = getattr(np, name)
    nin = function.nin if isinstance(function, np.ufunc) else 1
    one = [f"xp.{name}(x)"] if nin == 1 else [f"xp.{name}(x, y)", f"xp.{name}(x, 2)", f"xp.{name}(1, x)"]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            values = special_values(dtype)
            x, y = values, np.flip(values)
            if nin == 2 and len(values) < 9:
                x, y = map(np.ravel, np.meshgrid(values, values))
            for text in one:
                if dtype.kind in kinds and not is_undefined(name, text, dtype):
                    assert not (wrong := disagreement(call(text), x, y, signs=True)), f"{text} {dtype}: {wrong}"


def is_undefined(name: str, text: str, dtype: np.dtype[Any]) -> bool:
    """Shifts by more than there are bits; and NumPy computes ``pow(z, 2)`` of complex numbers otherwise than ``z**2``."""
    return ("shift" in name and "y" in text) or (name == "pow" and dtype.kind == "c" and "y" not in text)


@pytest.mark.parametrize("text", DATA_DEPENDENT.split())
def test_shapes_that_depend_on_values(text: str) -> None:
    function = call("x" + text if text.startswith("[") else f"xp.{text}")
    x, y = numbers(np.dtype("f8"), 0), numbers(np.dtype("f8"), 1)
    assert not difference(function(cnp, x, y), function(np, x, y), signs=False)
    assert not difference(covector.jvp(lambda x, y: function(cnp, x, y), (x, y), (x, y))[0], function(np, x, y), signs=False)
    with pytest.raises(errors.ConcretizationError, match=r"depends on the value|number of (true|nonzero) elements"):
        covector.jit(lambda x, y: function(cnp, x, y))(x, y)


REFUSED = """
    asarray(x, device="gpu") asarray([x[0], 1], device="gpu") asanyarray(x, device="gpu")
    full(3, x[0], device="gpu") full_like(x, x[0], device="gpu") full_like(x, 1, device="gpu") zeros_like(x, device="gpu")
    linspace(x[0], 1, 3, device="gpu") astype(x, xp.int8, device="gpu") x.to_device("gpu")
    asarray(x, xp.float32, copy=False) asarray([x[0], 1], copy=False) asanyarray(x, xp.float32, copy=False)
"""
"""What names a device that there is not, or forbids a copy that has to be made."""


@pytest.mark.parametrize("text", [c for _, c in rows("f | " + " ".join(REFUSED.split()))])
def test_what_cannot_be_is_refused_as_numpy_does(text: str) -> None:
    function = call(text if text.startswith("x.") else f"xp.{text}")
    with pytest.raises(ValueError):
        function(np, np.ones(3), None)
    with pytest.raises(ValueError):
        covector.jit(lambda x: function(cnp, x, None))(np.ones(3))


def test_memory_of_traced_values_is_refused() -> None:
    for view in (np.from_dlpack, cnp.from_dlpack, lambda x: x.__dlpack__(max_version=(1, 0))):
        with pytest.raises(errors.TracerArrayConversionError, match="memory of a traced value") as caught:
            covector.grad(lambda x: view(x).sum())(np.ones(3))  # noqa: B023
        assert "pure_callback" in str(caught.value)
    covector.jit(lambda x: x * x.__dlpack_device__()[0])(np.ones(3))


def test_every_name_of_the_standard_is_tried() -> None:
    tried = {re.match(r"xp\.([\w.]+)", c)[1] for _, c in CASES if c.startswith("xp.")} | {n for _, n in rows(ELEMENTWISE)}
    tried |= {t.partition("(")[0] for t in DATA_DEPENDENT.split()}
    names = STANDARD.split()
    assert not (set(names) - tried), sorted(set(names) - tried)
    for name in names:
        parent, _, last = name.rpartition(".")
        assert last in dir(getattr(cnp, parent) if parent else cnp), name


STANDARD = """
        abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2 atanh bitwise_and
    bitwise_invert
        bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor broadcast_arrays broadcast_shapes broadcast_to
    can_cast ceil clip
    concat conj copysign cos cosh count_nonzero cumulative_prod cumulative_sum diff divide empty equal exp expand_dims expm1
    eye finfo flip floor floor_divide from_dlpack full full_like greater greater_equal hypot iinfo imag isdtype isfinite isin
    isinf isnan less less_equal linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul
    matrix_transpose max maximum mean meshgrid min minimum moveaxis multiply negative nextafter nonzero not_equal ones
    permute_dims positive pow prod real reciprocal remainder repeat reshape result_type roll round searchsorted sign signbit
    sin sinh sort sqrt square squeeze stack std subtract sum take take_along_axis tan tanh tensordot tile tril triu trunc
    unique_all unique_counts unique_inverse unique_values unstack var vecdot where zeros zeros_like
    linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv
    linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_rank linalg.matrix_transpose linalg.outer linalg.pinv
    linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot
    linalg.vector_norm fft.fft fft.ifft fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfftn fft.irfftn fft.hfft fft.ihfft
    fft.fftfreq fft.rfftfreq fft.fftshift fft.ifftshift
"""


@pytest.mark.parametrize("name", cnp.OWN)
def test_own_functions_have_the_parameters_of_numpy(name: str) -> None:
    """All names and defaults are the same, and what NumPy takes only by position, or by name, may be given so here."""
    theirs = getattr(np, name, None)
    if not callable(theirs):
        return
    ours = list(inspect.signature(getattr(cnp, name)).parameters.values())
    for mine, other in zip(ours, inspect.signature(theirs).parameters.values(), strict=True):
        positional_only = other.kind is inspect.Parameter.POSITIONAL_ONLY
        assert mine.name == other.name or (positional_only and name == "arange"), (name, mine, other)
        assert mine.kind == other.kind or mine.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert mine.default == other.default or positional_only


def test_constants_dtypes_and_the_namespace() -> None:
    for name in "e inf nan newaxis pi".split():
        assert getattr(cnp, name) is getattr(np, name)
    for name in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split():
        assert getattr(cnp, name) is getattr(np, name)
    assert cnp.__array_api_version__ == "2025.12"
    info = cnp.__array_namespace_info__()
    assert info.default_device() == "cpu"
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
        covector.jit(lambda x: [x.__array_namespace__(api_version=version)] and x)(np.ones(2))  # noqa: B023
    with pytest.raises(errors.VersionError, match=r"version '1999\.12' of the array API standard"):
        covector.jit(lambda x: x.__array_namespace__(api_version="1999.12"))(np.ones(2))


def test_what_is_listed_works_and_is_tested() -> None:
    """A function that is listed has a meaning on traced values, or meets none; and some test here names it."""
    files = Path(__file__).parents[1].rglob("*.py")
    words = {w for file in files for w in re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    listed = set(dir(cnp))
    for name in listed - set(cnp.OWN) - set(cnp.WITHOUT_ARRAYS) - set(cnp.MODULES):
        assert has_meaning(getattr(np, name)), name
    assert not (listed - set(cnp.WITHOUT_ARRAYS) - words)
    assert not {"save", "loadtxt", "busday_count", "testing", "ma"} & listed
    assert len(listed) > 350
    assert all(hasattr(cnp, name) for name in listed)
    assert cnp.special.expit(0.0) == 0.5
