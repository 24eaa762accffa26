"""Programs of which the equations come from one file or two, from text or a pickle, in every container, and transformed.

Where an operation was made decides how it is written: at its line, or as a call that names another file.  What is computed does
not depend on it.
"""

from __future__ import annotations

import copy
import linecache
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import covector as cv
from covector import lax
from covector.core.avals import typeof
from covector.core.jaxpr import Equation, Jaxpr, sub_jaxprs
from covector.interpreters.evaluate import eval_jaxpr

NAMES: dict[str, Any] = {"np": np, "cv": cv, "lax": lax, "special": scipy.special}


def in_file(name: str, text: str) -> Callable[..., Any]:
    """A function of ``x``, a matrix, and ``v``, a vector, as if it stood in a file."""
    source = f"def {name}(x, v):\n    return {text}\n"
    path = f"/nowhere/{name}.py"
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    variables = dict(NAMES)
    exec(compile(source, path, "exec"), variables)
    return variables[name]  # type: ignore[no-any-return]


OPERATIONS = [
    "-x", "x * x + 1.0", "x / (v * v + 2.0)", "x - v", "2.0 * x", "x**3", "abs(x) + v", "np.sin(x) * np.exp(v)",
    "np.tanh(np.square(x))", "np.sqrt(x * x + 1.0)", "special.expit(x)", "np.hypot(x, v)", "np.sum(x, axis=0) + x",
    "np.max(x, axis=1, keepdims=True) * x", "x - np.mean(x)", "np.var(x, axis=0) * x", "np.prod(x, axis=1)[:, None] + x",
    "np.cumsum(x, axis=1)", "np.cumprod(x[::-1], axis=0)", "np.sort(x, axis=1)", "np.argmax(x, axis=0) * x", "x.T[::-1].T",
    "x[:, 0:2] @ np.stack([v, v + 1.0])", "np.dot(x, np.outer(v, v))", "np.einsum('ij,j,kj->ik', x, v, x)[:, :1] + x",
    "np.where(x > v, x, v)", "np.clip(x, -0.5, v)", "np.maximum(x, v)", "np.concatenate([x, x * v])[1:3]",
    "np.pad(x, 1)[1:-1, 2:]", "x.reshape(3, 2).T.ravel().reshape(2, 3)", "np.roll(x, 1, axis=1)",
    "x.astype(np.float32).astype(np.float64)", "np.broadcast_to(v, (2, 3)) * x", "cv.at(x)[0].set(v)",
    "cv.at(x)[:, 1].add(2.0)", "cv.at(x)[np.array([1, 0, 1])].add(v)", "cv.at(x)[0, 1:].multiply(3.0)", "cv.at(x)[1].max(v)",
    "x[np.array([1, 0])]", "np.take_along_axis(x, np.argsort(v)[None].repeat(2, 0), 1)", "np.diff(x, axis=1, prepend=0.0)",
    "np.linalg.solve(np.outer(v, v) + 9.0 * np.eye(3), x.T).T", "np.linalg.inv(np.eye(2) + x @ x.T) @ x",
    "lax.stop_gradient(x) * x", "np.round(x, 1) + x", "np.linalg.qr(x)[1]", "np.linalg.eigh(x @ x.T)[0][:, None] + x",
]  # fmt: skip

R = np.random.default_rng(3)
X, V = R.normal(size=(2, 3)), R.normal(size=3)


def two(i: int) -> list[Callable[..., Any]]:
    """Two functions, each in a file of its own, of neighbouring operations."""
    return [in_file(f"file_{j}_{i}", OPERATIONS[(i + j) % len(OPERATIONS)]) for j in (0, 1)]


def both(first: Any, second: Any) -> Callable[..., Any]:
    return lambda x, v: second(first(x, v), v) + 0.5 * first(x, v)


def scan(f: Any) -> Callable[..., Any]:
    def step(c: Any, k: Any) -> Any:
        x, table = c
        new = np.tanh(f(x, V))
        return (new, cv.at(table)[k].set(new)), new[0]

    return lambda x, v: lax.scan(step, (x + 0.0 * v, np.zeros((2, 2, 3))), np.arange(2))


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda f: f,
    "jit": cv.jit,
    "jit in jit": lambda f: cv.jit(lambda x, v: cv.jit(f)(x, v) * 1.0),
    "scan": scan,
    "while": lambda f: (
        lambda x, v: lax.while_loop(lambda c: c[1] < 2, lambda c: (np.tanh(f(c[0], V)), c[1] + 1), (x + 0.0 * v, 0))[0]
    ),
    "cond": lambda f: lambda x, v: lax.cond(v[0] < 9.0, f, lambda x, v: x + 0.0 * f(x, v), x, v),
    "checkpoint": cv.checkpoint,
}

TRANSFORMED: dict[str, Callable[[Any], Any]] = {
    "value": lambda f: f,
    "jvp": lambda f: lambda x, v: cv.jvp(f, (x, v), (x, v))[1],
    "vjp": lambda f: lambda x, v: (lambda out, pull: pull(cv.tree_util.tree_map(lambda o: o * 1.0, out)))(*cv.vjp(f, x, v)),
    "linearize": lambda f: lambda x, v: cv.linearize(f, x, v)[1](x, v),
    "vmap": lambda f: lambda x, v: cv.vmap(f, (0, None))(np.stack([x, 2.0 * x]), v),
}


def leaves(out: Any) -> list[Any]:
    return [np.asarray(o) for o in cv.tree_util.tree_leaves(out)]


def same(found: Any, expected: Any) -> None:
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def files_of(jaxpr: Jaxpr) -> set[Any]:
    """The files that the equations come from, those of programs inside too."""
    found = {e.source and e.source.code.co_filename for e in jaxpr.equations}
    return found.union(*(files_of(j) for e in jaxpr.equations for j in sub_jaxprs(e.params)))


ORIGINS: dict[str, Callable[[Jaxpr], Jaxpr]] = {
    "traced": lambda jaxpr: jaxpr,
    "text": lambda jaxpr: cv.parse(str(jaxpr)),
    "pickle": lambda jaxpr: pickle.loads(pickle.dumps(jaxpr)),
    "copy": copy.deepcopy,
    "mixed": lambda jaxpr: Jaxpr(
        jaxpr.in_vars,
        [
            Equation(e.primitive, e.inputs, e.params, e.outputs, e.source if i % 2 else None)
            for i, e in enumerate(jaxpr.equations)
        ],
        jaxpr.out_vars,
        jaxpr.consts,
    ),
}


@pytest.mark.parametrize("i", range(len(OPERATIONS)), ids=lambda i: OPERATIONS[i])
def test_what_is_computed_does_not_depend_on_where_equations_come_from(i: int) -> None:
    first, second = two(i)
    with warnings.catch_warnings(action="ignore"):
        for container in [*list(CONTAINERS)[:2], list(CONTAINERS)[2 + i % 5]]:
            for transformed in ["value", *list(TRANSFORMED)[1 + i % 2 :: 2]]:
                if container == "while" and transformed in ("vjp", "linearize"):
                    continue
                f = TRANSFORMED[transformed](CONTAINERS[container](both(first, second)))
                expected = TRANSFORMED[transformed](CONTAINERS[container](both(first, second)))(X, V)
                jaxpr = cv.make_jaxpr(f)(X, V)
                assert {f"/nowhere/file_{j}_{i}.py" for j in (0, 1)} <= files_of(jaxpr) or transformed != "value"
                for origin in ORIGINS.values():
                    program = origin(jaxpr)
                    cv.check(program)
                    run = lambda *args, program=program: eval_jaxpr(program, *args)
                    same(cv.jit(run)(X, V), expected)
                    same(run(X, V), expected)


@pytest.mark.parametrize("transformed", TRANSFORMED)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_program_of_two_files_is_transformed_as_its_function_is(container: str, transformed: str) -> None:
    first, second = (
        in_file("first", "cv.at(np.sin(x) * v)[0].add(np.cos(v))"),
        in_file("second", "x.T[:, ::-1].T @ np.outer(v, v)"),
    )
    if container == "while" and transformed in ("vjp", "linearize"):
        pytest.skip("a loop of unknown length keeps residuals of unknown length, which no program of known types returns")
    f = CONTAINERS[container](both(first, second))
    expected = TRANSFORMED[transformed](f)(X, V)
    for origin in ORIGINS.values():
        program = origin(cv.make_jaxpr(f)(X, V))
        run = lambda *args, program=program: eval_jaxpr(program, *args)
        for make in (lambda g: g, cv.jit):
            flat = TRANSFORMED[transformed](make(run))(X, V)
            same(flat, expected)


@pytest.mark.parametrize("container", CONTAINERS)
def test_warnings_and_errors_name_the_file_that_the_equation_is_in(container: str) -> None:
    harmless, dividing = in_file("harmless", "x * 2.0 + v"), in_file("dividing", "np.log(np.abs(x) * 0.0) * 0.0 + np.sin(v)")
    for order in ((harmless, dividing), (dividing, harmless)):
        f = cv.jit(CONTAINERS[container](both(*order)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f(X, V)
        assert "/nowhere/dividing.py" in {w.filename for w in caught}, [w.filename for w in caught]
        assert all("covector/" not in w.filename and "harmless" not in w.filename for w in caught if "log" in str(w.message))


def test_types_do_not_depend_on_where_equations_come_from() -> None:
    first, second = in_file("weakly", "2.0 if v is None else 3.0 * v"), in_file("strongly", "x * v")
    for args in [(2.0, 3.0), (np.float32(2.0), 3.0), (X.astype(np.float32), 0.5), (1, 2), (X, 1j)]:
        f = lambda x, v: second(x, first(x, v))
        expected = f(*args)
        for origin in ORIGINS.values():
            program = origin(cv.make_jaxpr(f)(*args))
            (found,) = cv.jit(lambda *xs, program=program: eval_jaxpr(program, *xs))(*args)
            assert typeof(found) == typeof(expected)
            np.testing.assert_array_equal(found, expected)
