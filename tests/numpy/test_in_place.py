"""Writes in place, to traced values and of traced values to arrays: as in NumPy, or refused; never lost."""

from __future__ import annotations

import array as buffers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector
from covector import errors
from covector.core.primitive import find_primitive
from covector.core.tracer import FUNCTIONS, ITSELF, VIEWS
from covector.numpy import inplace

X = np.array([0.5, 1.5, 2.5, 4.0])

TRANSFORMATIONS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: covector.value_and_grad(lambda x: np.sum(f(x)))(X)[0],
    "jvp": lambda f: covector.jvp(f, (X,), (X,))[0],
    "jit": lambda f: covector.jit(f)(X),
    "vmap": lambda f: covector.vmap(f)(X[None])[0],
    "jit(jvp)": lambda f: covector.jit(lambda x: covector.jvp(f, (x,), (x,)))(X)[0],
    "grad(grad)": lambda f: covector.jvp(covector.value_and_grad(lambda x: np.sum(f(x))), (X,), (X,))[0][0],
    "checkpoint": lambda f: covector.jvp(covector.checkpoint(f), (X,), (X,))[0],
}


class Holder:
    value: Any = None


def one_name(x: Any) -> Any:
    y = np.sin(x)
    y += 1
    y *= x
    y **= 2
    y /= 1 + x
    y += y
    y -= np.float32(1)
    return y


def unseen_view(x: Any) -> Any:
    y = np.sin(x).reshape(2, 2).T[:, 1]
    y *= 3
    return y


def copies(x: Any) -> Any:
    a, b, c, d, e = x.copy(), x.astype(float), np.copy(x), x[[0, 2, 3, 1]], x.flatten()
    a += 1
    b *= 2
    c -= 3
    d /= 4
    e **= 2
    return a + b + c + d + e + x


def made_new(x: Any) -> Any:
    matrix = np.outer(x, x)
    parts = [np.einsum("i,j->ij", x, x), np.diag(x), np.meshgrid(x, x)[0], np.nan_to_num(matrix), np.tile(matrix, 1)]
    parts += [
        np.concatenate([matrix]),
        np.roll(matrix, 1),
        np.where(matrix > 1, matrix, 0),
        np.clip(matrix, None, 2),
        matrix @ matrix,
    ]
    total = matrix.copy()
    for part in range(len(parts)):
        y = parts.pop()
        y += part
        total += y
    d = np.diff(total)
    d /= 2
    return np.sum(d, 0) * x[0]


def numbers(x: Any) -> Any:
    total = x[0]
    same = total
    total += x[1]
    total *= 2
    return total + same * np.ones(4)


def accumulated(x: Any) -> Any:
    total = 0.0
    for row in x:
        total += row
    sums = x * 0
    for _ in range(3):
        sums += x / 3
    return sums * total


def handed_over(x: Any) -> Any:
    def add(y: Any) -> Any:
        y += 1
        return y

    return add(np.sin(x))


def attribute_and_item(x: Any) -> Any:
    holder, items = Holder(), [np.cos(x)]
    holder.value = np.sin(x)
    holder.value += 1
    items[0] *= 2
    return holder.value + items[0]


def dead_view(x: Any) -> Any:
    y = x * 2
    total = np.sum(y[1:])
    y += total
    return y


def array_of_one_name(x: Any) -> Any:
    y = np.ones(4)
    y += x
    y *= x
    return y


@pytest.mark.skipif(not inplace.COUNTS_ARE_KNOWN, reason="this Python does not count all references: they are refused")
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize(
    "f",
    [
        one_name,
        unseen_view,
        copies,
        made_new,
        numbers,
        accumulated,
        handed_over,
        attribute_and_item,
        dead_view,
        array_of_one_name,
    ],
)
def test_right_where_nobody_else_sees_it(f: Any, transformation: str) -> None:
    expected = f(X.copy())
    expected = np.sum(expected) if "grad" in transformation else expected
    np.testing.assert_allclose(TRANSFORMATIONS[transformation](f), expected, rtol=1e-13)


def test_numbers_are_rebound_on_every_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inplace, "COUNTS_ARE_KNOWN", False)
    for name, transform in TRANSFORMATIONS.items():
        expected = np.sum(numbers(X)) if "grad" in name else numbers(X)
        np.testing.assert_allclose(transform(numbers), expected, rtol=1e-13)
        for f in (one_name, array_of_one_name):
            with pytest.raises(errors.InPlaceWriteError, match="does not count all references"):
                transform(lambda x, f=f: f(x))  # nothing was traced of it before


def second_name(x: Any) -> Any:
    y = x * 2
    z = y
    z += 1
    return y


def argument(x: Any) -> Any:
    x += 1
    return x


def callee(x: Any) -> Any:
    def add(y: Any) -> None:
        y += 1

    y = x * 2
    add(y)
    return y


def in_a_container(x: Any) -> Any:
    y = x * 2
    kept = {"y": y}
    y += 1
    return kept["y"]


def closed_over_by_default(x: Any) -> Any:
    y = x * 2
    get = lambda y=y: y
    y += 1
    return get()


def part_of(view: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x.reshape(2, 2) * 2
        part = view(y)
        part *= 10
        return y

    return f


def whole_of(view: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x.reshape(2, 2) * 2
        part = view(y)
        y *= 10
        return part

    return f


def rows(x: Any) -> Any:
    y = np.outer(x, x)
    for row in y:
        row /= np.sum(row)
    return y[0]


def assigned_part(x: Any) -> Any:
    y = x * 2
    y[1:] *= 2
    return y


def called(x: Any) -> Any:
    y = x * 2
    operator.iadd(y, 1)
    return y


def explicit_method(x: Any) -> Any:
    y = x * 2
    y.__iadd__(1)
    return y


def out_argument(x: Any) -> Any:
    y = x * 2
    np.add(y, 1, out=y)
    return y


def nan_to_num_without_copy(x: Any) -> Any:
    y = x * 2
    np.nan_to_num(y, copy=False)
    return y


def item(x: Any) -> Any:
    y = x * 2
    y[...] = 1
    return y


VIEWS_OF_A_MATRIX: dict[str, Callable[[Any], Any]] = {
    "slice": lambda y: y[:1],
    "row": lambda y: y[0],
    "row at a traced place": lambda y: y[np.argmax(y[:, 0])],
    "item as array": lambda y: y[0, 1, ...],
    "new axis": lambda y: y[None],
    "whole": lambda y: y[:],
    "T": lambda y: y.T,
    "mT": lambda y: y.mT,
    "reshape": lambda y: y.reshape(4),
    "np.reshape": lambda y: np.reshape(y, (4, 1)),
    "same shape": lambda y: y.reshape(2, 2),
    "ravel": lambda y: y.ravel(),
    "np.ravel": np.ravel,
    "transpose": lambda y: y.transpose(1, 0),
    "swapaxes": lambda y: y.swapaxes(0, 1),
    "moveaxis": lambda y: np.moveaxis(y, 0, 1),
    "flip": np.flip,
    "rot90": np.rot90,
    "split": lambda y: np.split(y, 2)[0],
    "squeeze": lambda y: np.squeeze(y[:1]),
    "real": lambda y: y.real,
    "np.real": np.real,
    "expand_dims": lambda y: np.expand_dims(y, 0),
    "diagonal": np.diagonal,
    "einsum": lambda y: np.einsum("ij->ji", y),
    "view of a view": lambda y: y.T[0][:1],
    "unstack": lambda y: np.unstack(y)[0],
    "iteration": lambda y: next(iter(y)),
    "no difference": lambda y: np.diff(y, 0),
    "first power": lambda y: np.linalg.matrix_power(y, 1),
    "derivative of order 0": lambda y: np.polyder(y[0], 0),
    "argument itself": lambda y: covector.numpy.asarray(y),
}

LOST = {
    f.__name__: f for f in (second_name, argument, callee, in_a_container, closed_over_by_default, rows, assigned_part, called)
} | {f.__name__: f for f in (explicit_method, out_argument, item, nan_to_num_without_copy)}


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_refused_where_somebody_would_miss_it(transformation: str) -> None:
    cases = LOST | {f"{n}, part": part_of(v) for n, v in VIEWS_OF_A_MATRIX.items()}
    cases |= {f"{n}, whole": whole_of(v) for n, v in VIEWS_OF_A_MATRIX.items()}
    for name, f in cases.items():
        try:
            result = TRANSFORMATIONS[transformation](f)
        except errors.InPlaceWriteError as e:
            assert "Fix:" in str(e), name
        else:
            pytest.fail(f"{name}: {result}")


def test_the_error_says_what_to_write() -> None:
    for f, fix in ((second_name, r"a = a \+ x"), (part_of(lambda y: y[:1]), r"covector\.at\(a\)\[index\]\.multiply\(x\)")):
        with pytest.raises(errors.InPlaceWriteError, match=fix) as info:
            covector.jit(f)(X)
        assert "test_in_place.py" in str(info.value)


ARRAYS_OF_OTHERS: dict[str, Callable[[], Any]] = {
    "frombuffer": lambda: np.frombuffer(bytearray(32)),
    "array.array": lambda: np.asarray(buffers.array("d", [0.0] * 4)),
    "memoryview": lambda: np.asarray(memoryview(bytearray(32)).cast("d")),
    "part of a buffer": lambda: np.frombuffer(bytearray(64))[4:],
    "row": lambda: TABLE[0],
    "reshaped": lambda: TABLE.reshape(12)[:4],
    "view": lambda: TABLE[0].view(),
}
TABLE = np.zeros((3, 4))


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("kind", ARRAYS_OF_OTHERS)
def test_arrays_in_memory_of_others_are_refused(kind: str, transformation: str) -> None:
    def f(x: Any) -> Any:
        y = ARRAYS_OF_OTHERS[kind]()
        y += x
        return y

    with pytest.raises(errors.InPlaceWriteError, match="also referred to elsewhere"):
        TRANSFORMATIONS[transformation](f)
    assert not TABLE.any()


@pytest.mark.parametrize("transformation", ["jit", "vmap", "jvp"])
def test_casting_and_shapes_are_numpys(transformation: str) -> None:
    transform = TRANSFORMATIONS[transformation]

    def written(start: Callable[[Any], Any], operation: Callable[[Any, Any], Any], other: Callable[[Any], Any]) -> Any:
        def f(x: Any) -> Any:
            y = start(x)
            if operation is operator.iadd:
                y += other(x)
            elif operation is operator.itruediv:
                y /= other(x)
            else:
                y **= other(x)
            return y

        return f

    def narrow(x: Any) -> Any:
        return x.astype(np.float32)

    f = written(narrow, operator.iadd, lambda x: x)
    assert transform(f).dtype == np.float32
    np.testing.assert_allclose(transform(f), f(X))
    for start, operation, other, error, text in (
        (lambda x: x.astype(int) * 1, operator.iadd, lambda x: 0.5 * x, errors.InPlaceWriteError, "same_kind"),
        (lambda x: x * 1, operator.iadd, lambda x: 1j, errors.InPlaceWriteError, "same_kind"),
        (lambda x: x * 1, operator.iadd, lambda x: np.ones((3, 4)), errors.InPlaceShapeError, "non-broadcastable"),
        (lambda x: np.ones(4), operator.iadd, lambda x: x * 1j, errors.InPlaceWriteError, "same_kind"),
        (lambda x: np.ones(4, int), operator.itruediv, lambda x: x, errors.InPlaceWriteError, "same_kind"),
        (lambda x: np.ones((1, 4)), operator.iadd, lambda x: x[:, None], errors.InPlaceShapeError, "non-broadcastable"),
    ):
        with pytest.raises(error, match=text):
            transform(written(start, operation, other))
        with pytest.raises((TypeError, ValueError)):
            written(start, operation, other)(X)


def test_integers_divided_in_place() -> None:
    def f(n: Any) -> Any:
        k = n * 1
        k /= 2
        return k

    for transform in (covector.jit, covector.vmap):
        with pytest.raises(errors.InPlaceWriteError, match="'divide' output from dtype\\('float64'\\) to dtype\\('int64'\\)"):
            transform(f)(np.array([[1, 2]]))


def _shared(function: Any, args: Any) -> bool:
    try:
        results = function(*args)
    except Exception:
        return False
    leaves = results if isinstance(results, (list, tuple)) else [results]
    given = [a for a in args if isinstance(a, np.ndarray)]
    return any(isinstance(r, np.ndarray) and any(np.shares_memory(r, a) for a in given) for r in leaves)


@pytest.mark.filterwarnings("ignore")
def test_every_function_whose_result_shares_memory_is_declared() -> None:
    square, vector, cube = np.arange(1.0, 10).reshape(3, 3), np.arange(1.0, 5), np.ones((2, 1, 2))
    arrays = (square, vector, cube, square + 1j)
    calls = [(a, *rest) for a in arrays for rest in ((), (0,), (1,), (0, 1), (-1,), ((0, 1),), (a,))]
    calls += [("ij->ji", square), ("ii->i", square), (cube, 1), (vector, (2, 2)), (cube, 0, 2), (square, 3)]
    find_primitive("a name that none has")  # which imports all that says what functions mean
    found = {f for f in FUNCTIONS if any(_shared(f, args) for args in calls)}
    into_out = {np.fix, np.isposinf, np.isneginf, np.nan_to_num}  # with a second argument they write, which is refused
    assert found - VIEWS.keys() - ITSELF - into_out == set()
    assert len(found) > 25  # the calls do find them


# --- items of plain arrays ------------------------------------------------------------------------------------------------

ITEM_FIX = r"covector\.at\(a\)\[i\]\.set\(x\) instead of a\[i\] = x"

ITEMS: dict[str, tuple[Any, Any, Any]] = {
    "item": (np.zeros(4), 1, lambda x: x[1]),
    "item of a matrix": (np.zeros((2, 2)), (1, 0), lambda x: x[1]),
    "array for an item": (np.zeros(4), 1, lambda x: x),
    "float32": (np.zeros(4, np.float32), 1, lambda x: x[1]),
    "complex": (np.zeros(4, complex), 1, lambda x: x[1]),
    "slice": (np.zeros(4), slice(2), lambda x: x[:2]),
    "number for a slice": (np.zeros(4), slice(2), lambda x: x[0]),
    "row": (np.zeros((2, 4)), 0, lambda x: x),
    "places": (np.zeros(4), [0, 1], lambda x: x[:2]),
    "mask": (np.zeros(4), np.array([True, True, False, False]), lambda x: x[:2]),
}


@pytest.mark.usefixtures("quoted_lines")
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("kind", ITEMS)
def test_the_error_of_an_item_is_covectors(kind: str, transformation: str) -> None:
    array, place, value = ITEMS[kind]

    def f(x: Any) -> Any:
        array[place] = value(x)
        return array

    with pytest.raises(errors.ConcretizationError, match=ITEM_FIX) as info:
        TRANSFORMATIONS[transformation](f)
    assert "array[place] = value(x)" in str(info.value)  # the user's line
    shown = info.value
    while shown is not None:  # what is read last, and before it, says nothing else
        assert "setting an array element" not in str(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    assert any(entry.name == "f" for entry in info.traceback)
    assert not array.any()


def test_an_error_raised_from_covectors_is_left_alone() -> None:
    def f(x: Any) -> Any:
        try:
            return float(x)
        except errors.ConcretizationError as e:
            raise ValueError("mine") from e

    with pytest.raises(ValueError, match="mine"):
        covector.jit(f)(1.0)


@pytest.mark.parametrize("transformation", ["jit", "vmap"])
def test_a_plain_array_indexed_by_a_traced_place_says_take(transformation: str) -> None:
    table = np.arange(6.0).reshape(3, 2)
    transform = covector.jit if transformation == "jit" else covector.vmap
    places = np.array([0, 2])
    for f, fixed in (
        (lambda i: table[i], lambda i: covector.numpy.take(table, i, axis=0)),
        (lambda i: table[i, 0], lambda i: covector.at(table)[i, 0].get()),
        (lambda i: table[i[None] if i.ndim == 0 else i], lambda i: covector.numpy.take(table, i[None], axis=0)),
    ):
        with pytest.raises(errors.ConcretizationError, match=r"covector\.(numpy\.take|at\(A\)\[i\]\.get\(\))"):
            transform(f)(places)
        np.testing.assert_array_equal(covector.vmap(fixed)(places), np.stack([fixed(i) for i in places]))
    step = lambda i, c: c + table[i]
    with pytest.raises(errors.ConcretizationError, match=r"covector\.numpy\.take\(a, i, axis=0\)"):
        covector.lax.fori_loop(0, 3, step, np.zeros(2))
    step = lambda i, c: c + covector.at(table)[i].get()
    np.testing.assert_array_equal(covector.lax.fori_loop(0, 3, step, np.zeros(2)), table.sum(0))
