"""Names of JAX's top level that say where arrays are, what they look like, and vectors of trees."""

import doctest
import re

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.core import avals
from covector.testing import check_grads
from covector.transforms import devices

TREE = {"x": np.arange(3.0), "n": (np.int64(2), 1.5)}


def test_examples():
    for m in (devices, cv.flatten_util, cv.typing, cv.config):
        assert not doctest.testmod(m, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed


# --- ShapeDtypeStruct -------------------------------------------------------------------------------------------------


def test_a_struct_stands_for_an_argument_wherever_there_are_no_values():
    struct = cv.ShapeDtypeStruct((3,), "float32")
    f = lambda d: np.sin(d["x"]) * 2
    assert cv.eval_shape(f, {"x": struct}) == struct
    assert isinstance(cv.eval_shape(f, {"x": struct}), cv.ShapeDtypeStruct)
    assert str(cv.make_jaxpr(f)({"x": struct})) == str(cv.make_jaxpr(f)({"x": np.ones(3, np.float32)}))
    assert cv.jit(f).lower({"x": struct}).out_info == struct
    (ct,) = cv.linear_transpose(lambda x: 3 * x, struct)(np.ones(3, np.float32))
    np.testing.assert_array_equal(ct, np.full(3, 3, np.float32))
    assert cv.pure_callback(lambda x: x, struct, np.ones(3, np.float32)).dtype == np.float32
    converted, consts = cv.closure_convert(np.sin, struct)
    assert consts == [] and converted(np.zeros(3, np.float32)).dtype == np.float32


def test_what_a_struct_says():
    struct = cv.ShapeDtypeStruct([2, np.int64(3)], float)
    assert (struct.shape, struct.ndim, struct.size, struct.dtype, struct.weak_type) == ((2, 3), 2, 6, np.float64, False)
    assert hash(struct) == hash(cv.ShapeDtypeStruct((2, 3), ">f8")) and struct == cv.typeof(np.ones((2, 3)))
    assert struct.update(shape=(4,), weak_type=False) == cv.typeof(np.ones(4))
    assert struct.update(dtype=bool).dtype == np.bool_
    assert cv.ShapeDtypeStruct((), int, weak_type=True) == cv.typeof(3)
    for dtype in "?bBhHiIlLqQefdgFDG":
        assert cv.ShapeDtypeStruct((), dtype) == cv.typeof(np.zeros((), dtype))


def test_a_struct_says_to_numpy_of_what_shape_an_array_is_to_be():
    struct = cv.ShapeDtypeStruct((2, 3), "float32")
    for like, value in ((np.zeros_like, 0), (np.ones_like, 1), (lambda s, **k: np.full_like(s, 5, **k), 5)):
        found = like(struct)
        assert (found.shape, found.dtype, found.flags.writeable) == ((2, 3), np.float32, True)
        np.testing.assert_array_equal(found, np.full((2, 3), value, np.float32))
        assert like(struct, dtype=int).dtype == np.int64
    assert np.empty_like(struct).shape == (2, 3) and cv.numpy.zeros_like(struct).dtype == np.float32
    assert (np.shape(struct), np.ndim(struct), np.size(struct), np.result_type(struct, float)) == ((2, 3), 2, 6, np.float64)
    assert struct != np.ones(2) and np.ones(2) != struct and (np.ones(2) == struct) is False
    filled = cv.jit(lambda x: cv.numpy.full_like(struct, x))(2.0)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled, np.full((2, 3), 2, np.float32))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: np.sum(s), errors.ArrayTypeError, r"numpy.sum got f64\[2\]"),
        (lambda s: np.asarray(s), errors.ArrayTypeError, r"an array is to be made of f64\[2\]"),
        (lambda s: np.array([s, s]), errors.ArrayTypeError, r"an array is to be made of f64\[2\]"),
        (lambda s: np.stack([s, s]), errors.ArrayTypeError, r"numpy.stack got f64\[2\]"),
        (lambda s: np.sin(s), errors.ArrayTypeError, r"numpy.sin got f64\[2\]"),
        (lambda s: np.ones(2) + s, errors.ArrayTypeError, r"numpy.add got f64\[2\]"),
        (lambda s: cv.jit(lambda x: x + s)(1.0), TypeError, "unsupported operand"),
        (lambda s: cv.vjp(np.sin, s), errors.ArgumentError, "eval_shape, make_jaxpr and jit"),
        (lambda s: cv.jit(np.sin)(s), errors.ArgumentError, "eval_shape, make_jaxpr and jit"),
    ],
)
def test_a_struct_has_no_elements(call, error, text):
    with pytest.raises(error, match=text):
        call(cv.ShapeDtypeStruct((2,), float))


@pytest.mark.parametrize("shape", [2, (2.5,), (-1,), None, "ab", ((1, 2),), np.ones(2)])
def test_no_shape(shape):
    with pytest.raises(errors.ArgumentError, match=re.escape(f"{shape!r} of type {type(shape).__name__} is given for a shape")):
        cv.ShapeDtypeStruct(shape, float)


@pytest.mark.parametrize("dtype", [None, object, "U3", "M8[s]", [("a", float)]])
def test_no_dtype(dtype):
    with pytest.raises(errors.ArrayTypeError, match="cannot be transformed"):
        cv.ShapeDtypeStruct((), dtype)
    assert avals.ShapedArray((), avals.float0).dtype == avals.float0


# --- devices ----------------------------------------------------------------------------------------------------------


def test_what_is_put_somewhere_is_a_copy():
    put = cv.device_put(TREE, cv.devices()[0])
    assert put["x"] is not TREE["x"] and not np.shares_memory(put["x"], TREE["x"])
    np.testing.assert_array_equal(put["x"], TREE["x"])
    assert put["n"] == TREE["n"] and type(put["n"][1]) is float
    assert cv.device_put(TREE, {"x": "cpu", "n": None}, src="cpu", donate=True, may_alias={"x": False})["n"] == TREE["n"]
    assert cv.device_get([1, "a", None]) == [1, "a", None]
    assert not np.shares_memory(cv.device_get(TREE["x"]), TREE["x"])


@pytest.mark.parametrize("dtype", "?bHiqefdgFDG")
def test_dtypes(dtype):
    x = np.ones(2, dtype)
    for move in (cv.device_put, cv.device_get, cv.block_until_ready, cv.jit(cv.device_put)):
        assert move(x).dtype == x.dtype and move(x[0]).dtype == x.dtype


def test_moving_and_waiting_are_the_identity_to_transformations():
    f = lambda x: np.sum(cv.block_until_ready(cv.device_put({"x": x}, "cpu"))["x"] ** 3)
    x = np.array([[0.5, 2.0], [1.0, 3.0]])
    check_grads(f, (x,), order=2)
    np.testing.assert_array_equal(cv.vmap(f)(x), [f(row) for row in x])
    np.testing.assert_array_equal(cv.jit(cv.grad(f))(x), cv.grad(f)(x))
    assert cv.make_jaxpr(cv.device_put)(1.0) == cv.make_jaxpr(lambda x: x)(1.0)
    assert cv.make_jaxpr(cv.device_get)(1.0) == cv.make_jaxpr(lambda x: x)(1.0)


def test_a_traced_value_and_its_copy_are_two_for_writes_in_place():
    def f(x):
        y = cv.device_put(x)
        y += 1.0
        return np.sum(x * y)

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(cv.grad(f)(x), 2 * x + 1)
    assert cv.jit(f)(x) == f(x) == np.sum(x * (x + 1))


def test_waiting_takes_anything_and_returns_the_same():
    for x in (TREE, "text", None, [object()]):
        assert cv.block_until_ready(x) is x


def test_the_devices_that_there_are():
    assert (cv.devices(), cv.devices("cpu"), cv.device_count(), cv.default_backend()) == (["cpu"], ["cpu"], 1, "cpu")
    assert (cv.local_devices(), cv.local_device_count(), cv.process_index(), cv.process_count()) == (["cpu"], 1, 0, 1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cv.devices("gpu"), "devices got backend='gpu'"),
        (lambda: cv.device_count("tpu"), "got backend='tpu'"),
        (lambda: cv.device_put(1.0, "gpu"), "device_put got device='gpu'"),
        (lambda: cv.device_put(1.0, 3), "device_put got device=3"),
        (lambda: cv.device_put(1.0, src="gpu"), "device_put got src='gpu'"),
        (lambda: cv.device_put(1.0, donate=3), "device_put got donate=3"),
        (lambda: cv.device_put(1.0, may_alias="no"), "device_put got may_alias='no'"),
        (lambda: cv.device_put("a"), "device_put got 'a' of type str"),
    ],
)
def test_there_is_no_other(call, text):
    with pytest.raises(errors.ArgumentError, match=re.escape(text)):
        call()


# --- cond and switch by operand= --------------------------------------------------------------------------------------


def test_one_operand_by_name():
    double, negative = (lambda x: 2 * x), (lambda x: -x)
    f = lambda x: lax.cond(x > 0, double, negative, operand=x)
    assert (f(3.0), f(-3.0)) == (6.0, 3.0)
    assert [float(cv.grad(f)(x)) for x in (3.0, -3.0)] == [2.0, -1.0]
    np.testing.assert_array_equal(cv.vmap(f)(np.array([3.0, -3.0])), [6.0, 3.0])
    assert lax.cond(True, lambda x: 1.0 if x is None else 2.0, lambda x: 3.0, operand=None) == 1.0
    assert lax.switch(1, [double, negative], operand=4.0) == -4.0
    assert lax.cond(False, lambda d: d["a"], lambda d: -d["a"], operand={"a": 2.0}) == -2.0


def test_operands_in_both_ways():
    for call in (lambda: lax.cond(True, np.sin, np.cos, 1.0, operand=2.0), lambda: lax.switch(0, [np.sin], 1.0, operand=2.0)):
        with pytest.raises(errors.ArgumentError, match="got operand= by name and 1 by position"):
            call()


# --- ensure_compile_time_eval -------------------------------------------------------------------------------------------


def test_what_has_no_traced_operand_is_computed_at_once():
    @cv.ensure_compile_time_eval()
    def f(x):
        assert type(np.sin(2.0)) is np.float64 and type(cv.jit(np.sin)(2.0)) is np.float64
        return x * np.sin(2.0)

    assert cv.make_jaxpr(f)(1.0) == cv.make_jaxpr(lambda x: x * np.sin(2.0))(1.0)
    assert cv.grad(f)(1.0) == np.sin(2.0)


# --- Array, config ------------------------------------------------------------------------------------------------------


def test_what_is_an_array():
    kinds = []
    note = lambda x: kinds.append(isinstance(x, cv.Array)) or x * 1.0
    for transform in (cv.jit, cv.grad, cv.vmap, lambda f: lambda x: f(x)):
        transform(lambda x: note(x) if np.ndim(x) == 0 else note(x)[0])(np.ones(2) if transform is cv.vmap else np.float64(2.0))
    assert kinds == [True] * 4
    for x in (np.ones(2), np.int8(3), np.bool_(True)):
        assert isinstance(x, cv.Array)
    for x in (2.0, [1.0], cv.ShapeDtypeStruct((), float), "a", None):
        assert not isinstance(x, cv.Array)
    assert issubclass(np.ndarray, cv.typing.Array) and cv.typing.ArrayLike is not None
    with pytest.raises(TypeError, match="abstract"):
        cv.Array()


def test_settings_that_say_what_is_done_anyway():
    for name, val in {"jax_enable_x64": True, "jax_platforms": "cpu", "jax_debug_nans": False}.items():
        assert cv.config.update(name, val) is None
        assert cv.config.read(name) == val
    cv.config.update("jax_default_matmul_precision", "highest")
    assert cv.config.jax_enable_x64 is cv.config.x64_enabled is True


@pytest.mark.parametrize(
    ("name", "val", "text"),
    [
        ("jax_enable_x64", False, "jax_enable_x64=False"),
        ("jax_enable_x64", 1, "jax_enable_x64=1"),
        ("jax_platform_name", "gpu", "jax_platform_name='gpu'"),
        ("jax_debug_nans", True, "with covector.debug_nans()"),
        ("jax_disable_jit", True, "with covector.disable_jit()"),
        ("jax_enable_x32", True, "'jax_enable_x32', which is no setting"),
        (3, True, "3, which is no setting"),
        ("jax_platforms", np.ones(2), "jax_platforms=array"),
    ],
)
def test_other_settings_are_refused(name, val, text):
    with pytest.raises(errors.ArgumentError, match=re.escape(text)):
        cv.config.update(name, val)
