"""``at(x)[index]``: writing as a function, against NumPy's writing in place."""

from __future__ import annotations

import numpy as np
import pytest
from transformed import check, equal, outcome

import covector
from covector.numpy import at

rng = np.random.default_rng(0)
X = rng.uniform(0.5, 2, size=(3, 4))

INDICES = {
    "int": 1,
    "slice": slice(None, None, 2),
    "steps": (slice(None, None, -1), slice(3, 0, -2)),
    "element": (0, -1),
    "everything": ...,
    "new axis": (None, slice(1, 3), None, 0),
    "list": [2, 0],
    "array on another axis": (slice(None), np.array([1, -1])),
    "arrays": ([0, 2], [1, 3]),
    "array and int": ([0, 2], slice(None), None),
    "apart": (np.array([[0], [2]]), None, [1, 0]),
    "mask": np.array([True, False, True]),
    "mask of all": X > 1,
    "nothing": slice(0, 0),
}

IN_PLACE = {
    "set": lambda x, i, v: x.__setitem__(i, v),
    "add": lambda x, i, v: np.add.at(x, i, v),
    "subtract": lambda x, i, v: np.subtract.at(x, i, v),
    "multiply": lambda x, i, v: np.multiply.at(x, i, v),
    "divide": lambda x, i, v: np.divide.at(x, i, v),
    "power": lambda x, i, v: np.power.at(x, i, v),
    "min": lambda x, i, v: np.minimum.at(x, i, v),
    "max": lambda x, i, v: np.maximum.at(x, i, v),
}


def in_place(method, x, idx, v):
    x = x.copy()
    IN_PLACE[method](x, idx, v)
    return x


@pytest.mark.parametrize("method", IN_PLACE)
@pytest.mark.parametrize("name", INDICES)
def test_write(name, method):
    idx = INDICES[name]
    v = rng.uniform(0.5, 2, size=X[idx].shape)
    v += 0.1 * (np.abs(v - X[idx]) < 0.05)  # no ties nearby
    f = lambda x, v: getattr(at(x)[idx], method)(v)
    equal(f(X, v), in_place(method, X, idx, v), 1e-15)
    check(f, X, v)
    equal(f(X, 1.25), in_place(method, X, idx, 1.25), 1e-15)
    check(lambda x: getattr(at(x)[idx], method)(0.75) * x, X, order=1)
    check(lambda v: getattr(at(X)[idx], method)(v), v, order=1)


@pytest.mark.parametrize("name", INDICES)
def test_get_and_apply(name):
    idx = INDICES[name]
    check(lambda x: at(x)[idx].get(), X, order=1)
    expected = X.copy()
    expected[idx] = np.sin(expected[idx])
    equal(at(X)[idx].apply(np.sin), expected)
    check(lambda x: at(x)[idx].apply(np.sin), X)


REPEATED = ([0, 2, 0, 0, 1], [1, 1, 1, -3, 0])


@pytest.mark.parametrize("method", ["set", "add", "subtract", "multiply", "divide", "min", "max"])
def test_repeated_places(method):
    v = np.array([0.5, 1.5, 0.25, 3.0, 2.0])
    f = lambda x, v: getattr(at(x)[REPEATED], method)(v)
    equal(f(X, v), in_place(method, X, REPEATED, v), 1e-15)
    check(f, X, v)


@pytest.mark.parametrize("method", ["set", "add", "multiply", "divide", "min", "max"])
def test_repeated_places_with_traced_indices(method):
    v = np.array([0.5, 1.5, 0.25, 3.0, 2.0])
    f = lambda x, v, i: getattr(at(x)[i, REPEATED[1]], method)(v)
    equal(f(X, v, REPEATED[0]), in_place(method, X, REPEATED, v), 1e-15)
    check(f, X, v, np.array(REPEATED[0]))


def test_the_last_of_repeated_values_stays_whatever_their_order_in_memory():
    i = np.array([[0, 1], [1, 0]], order="F")
    v = np.array([[1.0, 2.0], [3.0, 4.0]], order="F")
    np.testing.assert_array_equal(at(np.zeros(2))[i].set(v), [4.0, 3.0])
    np.testing.assert_array_equal(covector.grad(lambda v: at(np.zeros(2))[i].set(v) @ [10.0, 20.0])(v), [[0, 0], [20, 10]])


def test_product_with_zeros():
    v = np.array([0.0, 2.0, 3.0, 0.0, 5.0, 0.0])
    i = np.array([0, 0, 1, 1, 2, 1])
    f = lambda v, i: at(np.array([2.0, 7.0, 11.0, 1.0]))[i].multiply(v)
    expected = [[4, 0, 0, 0, 0, 0], [0] * 6, [0, 0, 0, 0, 11, 0], [0] * 6]
    np.testing.assert_array_equal(covector.jacfwd(f)(v, i), expected)
    np.testing.assert_array_equal(covector.jit(covector.jacrev(f))(v, i), expected)


def test_ties_share_the_derivative():
    f = lambda x, v: at(x)[[0, 0, 1]].max(v)
    by_x, by_v = covector.jacfwd(f, (0, 1))(np.array([1.0, 5.0]), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(by_x, [[1 / 3, 0], [0, 1]])
    np.testing.assert_allclose(by_v, [[1 / 3, 1 / 3, 0], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["f2", "f4", "g", "c8", "c16", "i1", "u1", "?"])
def test_dtype_is_that_of_x(dtype):
    x = (4 * X).astype(dtype)
    dtype = x.dtype
    for idx in (slice(1), [0, 2, 0]):
        for method, v in (("set", 1), ("add", 1), ("multiply", 1), ("min", 1), ("max", 1), ("set", np.ones(4, np.int8))):
            if dtype == np.bool_ or (dtype == np.uint8 and np.ndim(v)):
                v = np.bool_(True)
            out = getattr(at(x)[idx], method)(v)
            equal(out, in_place(method, x, idx, v))
            equal(covector.jit(lambda x, m=method, v=v, idx=idx: getattr(at(x)[idx], m)(v))(x), out)
    if dtype.kind in "fc":
        check(lambda x, v: at(x)[1:].set(v), x, X[1:].astype(np.float32), order=1)
        check(lambda x, v: at(x)[[0, 2]].add(v), x, X[1:].astype(np.float16), order=1)


def test_values_broadcast():
    for v in (np.ones(2), np.ones((1, 1, 2)), np.arange(3.0)[:, None], [1.0, 2.0]):
        expected = X.copy()
        expected[:, 1:3] = v
        equal(at(X)[:, 1:3].set(v), expected)
        check(lambda x, v: at(x)[:, [1, 2]].set(v), X, v, order=1)


def test_nothing_is_shared_and_nothing_is_changed():
    x = X.copy()
    for idx in INDICES.values():
        for out in (at(x)[idx].set(1.0), at(x)[idx].add(0.0), at(x)[idx].get(), at(x)[idx].max(0.0)):
            assert isinstance(out, np.ndarray) and not np.shares_memory(out, x)
    np.testing.assert_array_equal(x, X)


def test_lists_and_numbers():
    equal(at([1.0, 2.0, 3.0])[1].set(5.0), np.array([1.0, 5.0, 3.0]))
    equal(at(3.0)[()].add(1), np.array(4.0))
    check(lambda x: at(x)[...].multiply(x), 3.0)
    assert repr(at([1])[0]) == "at(array([1]))[0]"


def test_values_may_hold_tracers():
    check(lambda x: at(np.zeros(3))[1:].set([x[0, 0], x[1, 1]]), X)


# --- masks whose values are not known ---------------------------------------------------------------------------------


MASKED = {
    "set": lambda x, v, m: at(x)[m].set(v),
    "add": lambda x, v, m: at(x)[m].add(v),
    "subtract": lambda x, v, m: at(x)[(m,)].subtract(v),
    "multiply": lambda x, v, m: at(x)[m].multiply(v),
    "divide": lambda x, v, m: at(x)[m].divide(v),
    "power": lambda x, v, m: at(x)[m].power(v),
    "min": lambda x, v, m: at(x)[m].min(v),
    "max": lambda x, v, m: at(x)[m].max(v),
    "apply": lambda x, v, m: at(x)[m].apply(np.sin),
}


@pytest.mark.parametrize("method", MASKED)
def test_unknown_mask(method):
    m = np.array([[True, False, True, True], [False] * 4, [True] * 4])
    for mask, v in ((m, 1.25), (m, np.array([0.75])), (m[:, 0], 1.25), (m[:, 0], np.array([0.5, 1.0, 1.5, 2.0]))):
        check(MASKED[method], X, v, mask)


def test_unused_values_do_no_harm():
    gradient = covector.grad(lambda v, m: np.sum(at(X)[m].divide(v)))
    assert covector.jit(gradient)(0.0, np.zeros((3, 4), bool)) == 0


def test_unknown_mask_that_cannot_be():
    def write(v):
        return covector.jit(lambda x, m: at(x)[m].set(v))(X, X > 1)

    with pytest.raises(covector.errors.NonConcreteBooleanIndexError, match=r"np\.where"):
        write(np.ones(4))
    with pytest.raises(covector.errors.NonConcreteBooleanIndexError):
        covector.jit(lambda x, m: at(x)[m].get())(X, X > 1)
    with pytest.raises(IndexError, match="did not match"):
        covector.jit(lambda x, m: at(x)[m].set(0.0))(X, np.ones(4, bool))
    with pytest.raises(covector.errors.NonConcreteBooleanIndexError):
        covector.jit(lambda x, m: at(x)[m, 0].set(0.0))(X, np.ones(3, bool))


# --- errors -----------------------------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit():
    for transform in (lambda f: f, covector.jit):
        with pytest.raises(ValueError, match=r"could not broadcast input array from shape \(3,\) into shape \(4,\)"):
            transform(lambda x: at(x)[0].set(np.ones(3)))(X)
        with pytest.raises(IndexError):
            transform(lambda x: at(x)[[0, 3]].set(0.0))(X)
        with pytest.raises(IndexError):
            transform(lambda x: at(x)[3].add(0.0))(X)


def test_dtypes_that_would_lose_information():
    ints = np.arange(4)
    for x, v in ((ints, 1.5), (ints, np.ones(4)), (X, 1j), (np.uint8([1, 2]), np.int64(1)), (np.array([True]), 1)):
        with pytest.raises(TypeError, match=r"(?s)at\(x\)\[\.\.\.\]\.set got values of type .*x\.astype"):
            at(x)[0].set(v)
    with pytest.raises(TypeError, match="divide"):
        at(ints)[0].divide(2)
    with pytest.raises(OverflowError):
        at(np.int8([1, 2]))[0].set(300)
    assert at(X.astype(np.float32))[0].set(np.float64(1.0)).dtype == np.float32


def test_writing_in_place_says_what_to_do():
    def f(x):
        x[0] = 1.0

    with pytest.raises(covector.errors.InPlaceWriteError, match=r"covector\.at\(x\)\[index\]\.set\(v\)"):
        covector.grad(f)(X)


# --- linearity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idx", [slice(1, 3), 2, [1, 2, 1], (slice(None, None, 2), [3, 0]), ([0, 0], slice(1, 3))], ids=str)
@pytest.mark.parametrize("method", ["set", "add"])
def test_writing_into_zeros_is_linear_in_the_values(idx, method):
    f = lambda v: getattr(at(np.zeros((4, 4)))[idx], method)(v)
    v = rng.normal(size=np.zeros((4, 4))[idx].shape)
    ct = rng.normal(size=(4, 4))
    (transposed,) = covector.linear_transpose(f, v)(ct)
    np.testing.assert_allclose(np.sum(transposed * v), np.sum(ct * f(v)))
    check(f, v)
    check(lambda v: getattr(at(np.zeros((4, 4), complex))[idx], method)(v), v + 1j * v, order=1)


@pytest.mark.parametrize("idx", [slice(1, 3), 2, [1, 2, 1], (slice(None), [3, 0])], ids=str)
def test_writing_zeros_is_linear_in_x(idx):
    f = lambda x: at(x)[idx].set(0.0)
    (transposed,) = covector.linear_transpose(f, X)(X)
    equal(transposed, f(X))
    check(f, X)


def test_sign_of_zero_stays():
    out = covector.jvp(lambda v: at(np.zeros(2))[0].set(v), (-0.0,), (1.0,))[0]
    assert np.signbit(out[0]) and not np.signbit(out[1])


@pytest.mark.parametrize("index", [2, (slice(None), 1), (..., 0), None])
@pytest.mark.parametrize("dtype", ["bool", "i1", "f4", "D"])
@pytest.mark.parametrize("values", [True, 1, 0.5, 2j, "same", "other"])
def test_plain_arrays_are_written_to_as_traced_ones(index, dtype, values):
    """Plain arrays take a shorter way: values, dtypes and errors are those of the other."""
    x = np.arange(12).reshape(3, 4).astype(dtype)
    values = {"same": x[0, 1], "other": np.float16(1.5)}.get(values, values) if isinstance(values, str) else values
    for method in ("set", "add"):
        expected = outcome(covector.jit(lambda x: getattr(covector.at(x)[index], method)(values)), x)  # noqa: B023
        found = outcome(getattr(covector.at(x)[index], method), values)
        if isinstance(expected, Exception):
            assert isinstance(found, type(expected)) or (dtype == "bool" and method == "add")
        else:
            equal(found, expected)
        assert np.array_equal(x, np.arange(12).reshape(3, 4).astype(dtype))


PLACES = {
    "list": [0, -1, 0],
    "arrays": ([0, 2, 0], [1, 3, 1]),
    "slice": slice(1, 3),
    "mask": np.array([True, False, True]),
    "mask of all": X > 1,
}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("dtype", ["bool", "int16", "int64", "float16", "float32", "complex64"])
@pytest.mark.parametrize("method", ["set", "add", "multiply", "min", "max"])
@pytest.mark.parametrize("name", PLACES)
def test_traced_values_of_every_dtype(name, method, dtype):
    """The dtype is x's, also where x is zero, and where values are written over each other."""
    idx = PLACES[name]
    for x in (np.zeros((3, 4), dtype), np.round(3 * X - 4).astype(dtype)):
        v = np.round(rng.normal(size=() if "mask" in name else x[idx].shape) * 2).astype(dtype)
        wanted = in_place(method, x, idx, v)
        found = [
            covector.jit(lambda v, x=x: getattr(at(x)[idx], method)(v))(v),
            covector.jit(lambda x, v: getattr(at(x)[idx], method)(v))(x, v),
            covector.vmap(lambda v, x=x: getattr(at(x)[idx], method)(v))(np.stack([v, v]))[1],
        ]
        if "mask" in name:
            found.append(covector.jit(lambda x, v, mask: getattr(at(x)[mask], method)(v))(x, v, idx))
        for out in found:
            assert out.dtype == x.dtype
            np.testing.assert_array_equal(out, wanted)


NEGATIVE_ZEROS = {
    "written": lambda x: at(x)[0].set(-0.0),
    "written at places": lambda x: at(x)[[0]].set(-0.0),
    "complex": lambda x: at(x + 1j)[0].set(complex(-0.0, -0.0)),
    "written into": lambda x: at(np.array([-0.0, -0.0]))[1].set(x[1]),
    "added to": lambda x: at(np.array([-0.0, -0.0]))[1].add(x[1]),
    "padded": lambda x: np.pad(x, 1, constant_values=-0.0),
    "lax.pad": lambda x: covector.lax.pad(x, -0.0, [(1, 0, 0)]),
    "updated": lambda x: covector.lax.dynamic_update_slice(x, np.array([-0.0]), (1,)),
}


@pytest.mark.parametrize("name", NEGATIVE_ZEROS)
def test_zeros_with_a_sign_stay(name: str) -> None:
    f, x = NEGATIVE_ZEROS[name], np.array([1.0, 2.0])
    wanted = f(x)
    for found in (covector.jit(f)(x), covector.jvp(f, (x,), (x,))[0], covector.vjp(f, x)[0], covector.vmap(f)(x[None])[0]):
        np.testing.assert_array_equal(np.copysign(1, np.real(found)), np.copysign(1, np.real(wanted)))
        np.testing.assert_array_equal(np.copysign(1, np.imag(found)), np.copysign(1, np.imag(wanted)))
