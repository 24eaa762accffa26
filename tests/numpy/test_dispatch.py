"""What reaches a tracer, what is refused, and the traps of NumPy's protocols."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from transformed import same

import covector
import covector.numpy as cnp
from covector.core import errors
from covector.core.tracer import FUNCTIONS, UFUNCS, Tracer, has_meaning

pytestmark = pytest.mark.usefixtures("few_objects")

X = np.linspace(0.5, 2.0, 4)

MODULES = (np, np.linalg, np.fft, np.emath, np.char, np.strings, np.rec)

UNSUPPORTED = {
    "dates": "busday_count busday_offset is_busday datetime_as_string",
    "files": "save savetxt savez savez_compressed",
    "memory": "may_share_memory shares_memory",
    "not yet": "",
}
"""Functions of NumPy without a meaning on tracers; all of ``numpy.char`` and ``numpy.strings`` besides."""


def overridable() -> Iterator[tuple[str, Any]]:
    """Every function of NumPy that asks its arguments whether they override it."""
    seen = set()
    for module in MODULES:
        for name in dir(module):
            function = getattr(module, name, None) if not name.startswith("_") else None
            if hasattr(function, "_implementation") and function not in seen:
                seen.add(function)
                yield f"{module.__name__}.{name}", function


ALL = dict(overridable())


def is_expected(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return module not in ("numpy.char", "numpy.strings") and function not in " ".join(UNSUPPORTED.values()).split()


def test_number_of_functions() -> None:
    assert len(ALL) > 270


@pytest.mark.parametrize("name", ALL)
def test_every_function_is_supported_or_refused(name: str) -> None:
    function = ALL[name]
    if is_expected(name):
        assert has_meaning(function)
    else:
        assert not has_meaning(function)
        with pytest.raises(errors.UnsupportedFunctionError, match=function.__name__) as error:
            covector.jit(lambda x: x.__array_function__(function, (Tracer,), (x,), {}))(X)
        assert "test_dispatch.py" in str(error.value)


def test_functions_are_registered_by_object() -> None:
    """Trap 6: ``np.abs is np.absolute``; names are no keys."""
    assert all(callable(f) for f in FUNCTIONS)
    for alias, name in (("abs", "absolute"), ("conj", "conjugate"), ("pow", "power"), ("acos", "arccos"), ("mod", "remainder")):
        assert getattr(np, alias) in UFUNCS
        assert getattr(np, alias) is getattr(np, name)
    for alias, name in (("concat", "concatenate"), ("permute_dims", "transpose"), ("amax", "max"), ("around", "round")):
        same(covector.jit(lambda x: getattr(np, alias)(x[None]))(X), getattr(np, name)(X[None]))  # noqa: B023


def under(f: Any, *transformations: Any) -> Any:
    for t in transformations or (covector.jit, covector.grad, lambda f: covector.vmap(f)):
        yield lambda x, t=t: t(lambda x: np.sum(f(x)))(x)


def refuses(f: Any, error: Any, match: str = "", *transformations: Any) -> None:
    for g in under(f, *transformations):
        with pytest.raises(error, match=match or None) as caught:
            g(X)
        if issubclass(error, errors.CovectorError):
            assert "test_dispatch.py" in str(caught.value)


def test_a_tracer_is_no_number() -> None:
    """Trap 1: a tracer whose ``__float__`` succeeds loses the gradient silently in ``B[0] = t``."""

    def write(x: Any) -> Any:
        buffer = np.zeros(3)
        buffer[0] = x[0]
        return buffer

    with pytest.raises((errors.TracerFloatConversionError, ValueError)) as caught:
        covector.grad(lambda x: np.sum(write(x)))(X)
    text = str(caught.value) + str(caught.value.__cause__)
    assert "np.stack" in text and "at(a)[i].set(x)" in text
    for convert in (float, complex, math.sin, lambda x: x.item()):
        refuses(lambda x: convert(x[0]), errors.TracerFloatConversionError, "", covector.grad, covector.jit)  # noqa: B023
    assert covector.grad(lambda x: x[0] if x[0] < 1 and int(x[3]) == 2 and bool(x[1]) else 0.0)(X)[0] == 1
    for convert in (bool, lambda x: 1.0 if x < 1 else 2.0):
        refuses(lambda x: convert(x[0]), errors.TracerBoolConversionError, "", covector.jit)  # noqa: B023
    refuses(lambda x: range(int(x[0])), errors.TracerIntegerConversionError, "", covector.jit)


def test_a_tracer_is_no_ndarray_and_iterates() -> None:
    """Trap 2: without a raising ``__array__`` and an ``__iter__`` NumPy builds object arrays."""
    for convert in (np.array, np.asarray, lambda x: np.array([x, x]), lambda x: np.zeros(4) + np.asarray(x)):
        refuses(convert, errors.TracerArrayConversionError, r"covector\.numpy\.array", covector.grad, covector.jit)
    refuses(lambda x: x.tolist(), errors.TracerArrayConversionError, "", covector.grad, covector.jit)
    same(covector.grad(lambda x: sum(v * v for v in x))(X), 2 * X)
    first, *rest = covector.jit(lambda x: tuple(x))(X)
    assert (first, len(rest)) == (0.5, 3)
    refuses(lambda x: list(x[0]), TypeError, "", covector.grad)
    refuses(lambda x: len(x[0]), TypeError, "", covector.grad)


def test_writes_into_plain_arrays_raise() -> None:
    """Traps 3 and 4."""
    plain = np.ones(4)
    for write in (
        lambda x: np.full_like(plain, x[0]),
        lambda x: np.copyto(plain, x),
        lambda x: np.put_along_axis(plain, np.array([0]), x[:1], 0),
        lambda x: np.place(plain, plain > 0, x),
        lambda x: np.putmask(plain, plain > 0, x),
        lambda x: np.sin(x, out=plain),
        lambda x: np.sum(x, out=plain),
        lambda x: np.add.at(plain, [0], x[0]),
    ):
        refuses(write, errors.InPlaceWriteError, "", covector.grad, covector.jit)
    same(plain, np.ones(4))
    refuses(
        lambda x: np.fill_diagonal(np.ones((2, 2)), x[0]), errors.TracerArrayConversionError, "", covector.grad, covector.jit
    )


class Foreign:
    """An array type of another library that handles everything itself."""

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> str:
        return "foreign ufunc"

    def __array_function__(self, *args: Any, **kwargs: Any) -> str:
        return "foreign function"

    def __radd__(self, other: Any) -> str:
        return "foreign operator"


def test_other_array_types_decide_for_themselves() -> None:
    """Trap 5."""
    seen = []

    def f(x: Any) -> Any:
        other = Foreign()
        seen.append([np.add(x, other), np.add(other, x), np.multiply.outer(x, other), np.add(x, other, dtype=float)])
        seen.append([np.concatenate([x, other]), x + other])
        return np.sum(x)

    covector.grad(f)(X)
    assert seen == [["foreign ufunc"] * 4, ["foreign function", "foreign operator"]]


def test_item_assignment_raises() -> None:
    """Trap 7: silently losing the write is the one unacceptable outcome."""

    def f(x: Any) -> Any:
        x[0] = 1.0
        return x

    refuses(f, errors.InPlaceWriteError, r"covector\.at\(x\)\[index\]\.set\(v\)", covector.grad, covector.jit)


def test_augmented_assignment_rebinds() -> None:
    def f(x: Any) -> Any:
        y = x * 1
        y += 1
        y *= x
        array = np.ones(4)
        array += x  # Python binds the name to a new, traced value
        array **= 2
        return np.sum(y + array)

    same(covector.grad(f)(X), 2 * X + 1 + 2 * (X + 1))


class Holder:
    value: Any = None


total: Any = None


def test_augmented_assignment_to_an_array_in_one_place() -> None:
    def attribute(x: Any) -> Any:
        holder = Holder()
        holder.value = np.ones(4)
        holder.value += x
        return holder.value

    def item(x: Any) -> Any:
        values = {"a": np.ones((2, 2)).reshape(4)}
        values["a"] -= -x
        return values["a"]

    def loop(x: Any) -> Any:
        total = np.ones(4)
        for _ in range(3):
            total += x / 3
        return total

    def variable(x: Any) -> Any:
        global total
        total = np.ones(4)
        total += x
        return total

    def closed_over(x: Any) -> Any:
        array = np.ones(4)

        def add() -> None:
            nonlocal array
            array += x

        add()
        return array

    for f in (attribute, item, loop, variable, closed_over):
        same(covector.jit(f)(X), 1 + X)
        same(covector.grad(lambda x: np.sum(f(x)))(X), np.ones(4))  # noqa: B023


def test_augmented_assignment_that_others_would_miss() -> None:
    shared = np.ones(4)

    def argument(x: Any) -> Any:
        def add(array: Any) -> Any:
            array += x

        add(shared)
        return shared

    def alias(x: Any) -> Any:
        array = np.ones(4)
        same_array = array
        array += x
        return same_array

    def view(x: Any) -> Any:
        array = np.ones((2, 4))
        row = array[0]
        row += x
        return array

    def viewed(x: Any) -> Any:
        array = np.ones((2, 4))
        row = array[0]
        array += x
        return row

    def part(x: Any) -> Any:
        array = np.ones(4)
        array[:2] += x[:2]
        return array

    def explicit(x: Any) -> Any:
        array = np.ones(4)
        np.add(array, x, out=array)
        return array

    def positional(x: Any) -> Any:
        array = np.ones(4)
        return np.add(array, x, array)

    for f in (argument, alias, view, viewed, part, explicit, positional):
        refuses(f, errors.InPlaceWriteError, "", covector.grad, covector.jit)
    same(shared, np.ones(4))


def test_augmented_assignment_keeps_shape_and_dtype() -> None:
    def narrow(x: Any) -> Any:
        array = np.ones(4, np.float32)
        array += x
        return array

    def integers(x: Any) -> Any:
        array = np.ones(4, int)
        array += x
        return array

    def grow(x: Any) -> Any:
        array = np.ones((1, 4))
        array += x[:, None]
        return array

    assert covector.eval_shape(narrow, X).dtype == np.float32
    refuses(integers, TypeError, "same_kind", covector.grad, covector.jit)
    refuses(grow, ValueError, "non-broadcastable", covector.grad, covector.jit)


def test_operators_of_arrays_and_numbers_defer_to_tracers() -> None:
    for left in (np.ones(4), np.float64(2), np.float32(2), np.int64(2), 2, np.ones((4, 1))):
        same(covector.jit(lambda x: left - x)(X), left - X)  # noqa: B023
        same(covector.jit(lambda x: left > x)(X), left > X)  # noqa: B023
    same(covector.jit(lambda x: np.ones((2, 4)) @ x)(X), np.ones((2, 4)) @ X)


def test_implementation_of_numpy_as_an_oracle() -> None:
    """Trap 8: NumPy's own Python source, run on tracers, gives the same derivative as our handler."""
    for function in (np.ptp, np.sinc, np.trapezoid, np.diff, np.cross, np.nan_to_num, np.angle):
        source = function._implementation
        args = (X[:3], X[1:]) if function is np.cross else (X,)
        try:
            expected = covector.jvp(source, args, args)
        except (errors.CovectorError, TypeError):
            continue  # it writes in place
        same(covector.jvp(function, args, args), expected)


def test_array_api_namespace() -> None:
    """Trap 9, and the standard's own way of writing generic code."""

    def f(x: Any) -> Any:
        xp = x.__array_namespace__()
        assert isinstance(xp, ModuleType)
        return xp.sum(xp.concat([xp.sin(x), xp.permute_dims(x[None], (1, 0))[:, 0]]) * xp.astype(x[0], xp.float64))

    for t in (covector.grad, covector.jit):
        t(f)(X)
    assert X.device == "cpu"
    assert covector.jit(lambda x: x.to_device("cpu") if x.device == "cpu" else x)(X) is not None


def test_no_reference_cycles() -> None:
    def f(x: Any) -> Any:
        y = np.prod(np.sort(x)) + np.std(x) + cnp.logsumexp(np.cumsum(x)) + np.max(np.clip(x, 0, 1))
        return y + np.linspace(x[0], x[1], 4)[2] + np.where(x > 1, x, 0)[0] + np.add.reduce(x) / np.sinc(x[0])

    def run() -> None:
        covector.value_and_grad(f)(X)
        covector.jvp(covector.grad(f), (X,), (X,))

    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert gc.collect() == 0
    finally:
        gc.enable()
