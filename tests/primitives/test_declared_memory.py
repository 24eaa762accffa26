"""What primitives declare about memory: ``makes_new`` is true where it is said, and nothing is assumed where it is not."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, settings
from primitive_table import TABLE

import covector as cv
from covector import Primitive, lax
from covector.backends.run import step_runner
from covector.core.primitive import find_primitive
from covector.passes.clean import clean
from covector.passes.overwriting import has_own_outputs
from covector.primitives.arrays.windows import windows_p

find_primitive("a name that none has")  # which imports all


def example(name: str, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with axes, another one for each number."""
    seen = itertools.count()
    quick = settings(max_examples=200, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    entry = TABLE[name]

    def wanted(case: Any) -> bool:
        args = case[0] if isinstance(case[-1], dict) else case
        return any(np.ndim(a) for a in args) and next(seen) >= number

    case = find(entry.cases(entry.dtypes[0]), wanted, settings=quick)
    return (case[0], case[1]) if isinstance(case[-1], dict) else (case, {})


DECLARED = [name for name in TABLE if name in Primitive.registry and Primitive.registry[name].makes_new]


def test_the_vocabulary_declares_what_makes_new_arrays() -> None:
    assert {"add", "sub", "mul", "neg", "div", "abs", "sin", "gather", "concatenate", "select", "reduce_sum"} <= set(DECLARED)
    views = {"reshape", "transpose", "slice", "broadcast_to", "real", "imag", "stop_gradient", "name", "weaken"}
    views |= {"einsum", "round", "windows"}
    programs = {"jit", "checkpoint", "cond", "scan", "while"}
    overwriting = {"add_slice", "clear", "erase", "update_slice", "scatter"}
    overwriting |= {f"scatter_{f}" for f in ("add", "mul", "min", "max")}
    silent = {"argmax", "argmin", "bessel_i", "convolve", "correlate", "cummax", "cummin", "cumprod", "recurrence", "sinc"}
    silent |= {"adjugate", "eig", "eigh", "qr", "slogdet", "svd", "triangular_solve"}
    assert {name for name in TABLE if name not in DECLARED} == views | programs | overwriting | silent


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_said_to_make_new_arrays_does(name: str) -> None:
    for number in (0, 3):
        args, params = example(name, number)
        args = tuple(np.asarray(a) if np.ndim(a) else a for a in args)
        before = [np.copy(a) for a in args]
        out = Primitive.registry[name].impl(*args, **params)
        for result in out if isinstance(out, (list, tuple)) else [out]:
            for a in args:
                if isinstance(a, np.ndarray) and isinstance(result, np.ndarray):
                    assert not np.shares_memory(result, a)
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b)


_count = itertools.count()


def users(kind: str) -> Any:
    """An identity that is a primitive of the user's, made in one of the ways there are."""
    name = f"users_{kind}_{next(_count)}"
    if kind == "elementwise":
        return cv.elementwise(name, lambda x: x, lambda out, x: 1.0)
    if kind == "linear":
        return cv.linear(name, lambda x: x, lambda ct, x: ct, abstract=lambda x: x).bind
    if kind == "bilinear":
        p = cv.bilinear(name, lambda x, s: x, lambda ct, x, s: ct, lambda ct, x, s: 0 * s, abstract=lambda x, s: x)
        return lambda x: p.bind(x, np.ones(1))
    if kind == "reduction":
        p = cv.reduction(name, lambda x, axis: x)
        return lambda x: p.bind(x, axes=())
    primitive = Primitive(name)
    primitive.def_impl(lambda x: x)
    primitive.def_abstract(lambda x: x)
    return primitive.bind


@pytest.mark.parametrize("kind", ["elementwise", "linear", "bilinear", "reduction", "primitive"])
def test_a_primitive_of_the_users_that_returns_its_argument_in_a_loop_that_writes(kind: str) -> None:
    same = users(kind)

    def step(c: Any, i: Any) -> Any:
        before = same(c)
        c = cv.at(c)[i].set(np.sum(c) + 1.0)
        return c, before

    want, rows = np.zeros(4), []
    for i in range(4):
        rows.append(want.copy())
        want[i] = np.sum(want) + 1.0
    for run in (lambda: lax.scan(step, np.zeros(4), np.arange(4)), cv.jit(lambda: lax.scan(step, np.zeros(4), np.arange(4)))):
        carry, ys = run()
        np.testing.assert_array_equal(carry, want)
        np.testing.assert_array_equal(ys, rows)


def overwritten(step: Any, *avals: Any) -> list[int]:
    """Which of the carries of a loop a step overwrites."""
    jaxpr = clean(cv.make_jaxpr(step)(*avals))
    return step_runner(jaxpr, 0, len(jaxpr.out_vars))[1]


@pytest.mark.parametrize(
    "beside",
    [
        lambda s, t: s + t[0],
        lambda s, t: s - t[0] * s,
        lambda s, t: abs(s) + np.abs(-t[0]),
        lambda s, t: np.where(s > 0, s, t[1]),
        lambda s, t: np.max(t) + np.sum(t[:2]) / 3.0,
        lambda s, t: users("elementwise")(s) + s % 2,
    ],
)
def test_a_table_beside_plain_arithmetic_is_overwritten(beside: Any) -> None:
    step = lambda t, s: (lambda new: (cv.at(t)[0].set(new), new))(beside(s, t))
    assert overwritten(step, np.zeros(5), np.zeros(())) == [0]


def test_a_table_that_another_output_shows_is_not_overwritten() -> None:
    assert overwritten(lambda t, s: (cv.at(t)[0].set(s), t[1:]), np.zeros(5), np.zeros(())) == []


def test_outputs_that_are_known_to_be_own() -> None:
    x = np.ones(3)
    own = [lambda x: x + 1, lambda x: (x * 2, np.sin(x)), lambda x: np.concatenate([x, x]), lambda x: users("linear")(x)]
    shared = [lambda x: x, lambda x: np.reshape(x, (3, 1)), lambda x: (np.sin(x), np.sin(x)), lambda x: x[1:]]
    assert [has_own_outputs(clean(cv.make_jaxpr(f)(x))) for f in own] == [True] * 4
    assert [has_own_outputs(clean(cv.make_jaxpr(f)(x))) for f in shared] == [False] * 4


def test_windows_overlap_so_nobody_may_write_to_them() -> None:
    windows = windows_p.bind(np.arange(4.0), lengths=(2,), strides=(1,), dilations=(1,))
    assert windows.base is not None and not windows.flags.writeable


TERMS = ["", "i", "j", "ij", "ji", "ijk", "kji"]


@pytest.mark.parametrize("x, y", itertools.product(TERMS, repeat=2))
def test_contractions_of_several_arrays_make_new_ones(x: str, y: str) -> None:
    letters = "".join(dict.fromkeys(x + y))
    for size in (1, 3):
        arrays = [np.ones([size] * len(term)) for term in (x, y)]
        for rank in range(len(letters) + 1):
            for out in itertools.permutations(letters, rank):
                if set(x) ^ set(y) <= set(out):
                    result = np.asarray(Primitive.registry["einsum"].impl(*arrays, spec=f"{x},{y}->{''.join(out)}"))
                    assert result.flags.writeable and not any(np.shares_memory(result, a) for a in arrays)


def test_results_of_products_are_known_to_be_own() -> None:
    f = cv.grad(lambda w, x: np.sum(np.tanh(x @ w)), (0, 1))
    assert has_own_outputs(clean(cv.make_jaxpr(f)(np.ones((3, 4)), np.ones((2, 3)))))
    assert not has_own_outputs(clean(cv.make_jaxpr(lambda x: np.einsum("ij->ji", x))(np.ones((3, 4)))))
