"""Loops that change a table in place: that nobody can see it, and that they do."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformed import close

import covector as cv
from covector import lax
from covector.backends.run import step_runner
from covector.core.jaxpr import Jaxpr
from covector.core.primitive import Primitive, primitive_named

T = np.arange(12.0).reshape(6, 2) / 7
U = np.cos(T)
I = np.array([1, 4, 1, 0])

# Steps (two tables, an index) -> (two tables, an output), each with memory that is shared in another way.
STEPS = {
    "write": lambda a, b, i: (cv.at(a)[i].set(np.sin(a[i + 1])), b, a[i]),
    "add": lambda a, b, i: (cv.at(a)[i].add(np.sin(a[i + 1])), b, np.sum(a[0])),
    "old table given out": lambda a, b, i: (cv.at(a)[i].set(0.5), b, a),
    "new table given out": lambda a, b, i: (lambda n: (n, b, n))(cv.at(a)[i].set(0.5)),
    "view given out": lambda a, b, i: (cv.at(a)[i].set(a[i] * 2), b, a[2:]),
    "view of the new given out": lambda a, b, i: (lambda n: (n, b, n.T))(cv.at(a)[i].set(a[i] * 2)),
    "view used afterwards": lambda a, b, i: (lambda v: (cv.at(a)[i].set(9.0), b, v * 2))(a[1:4]),
    "row used afterwards": lambda a, b, i: (lambda v: (cv.at(a)[i].set(9.0), b, v + 1))(a[i]),
    "reshaped view used afterwards": lambda a, b, i: (lambda v: (cv.at(a)[i].set(9.0), b, v))(a.reshape(4, 3)[1]),
    "both are one": lambda a, b, i: (lambda n: (n, n, np.sum(n)))(cv.at(a)[i].set(a[i] + 1)),
    "the old becomes the other": lambda a, b, i: (cv.at(a)[i].set(b[i] + 1), a, np.sum(b)),
    "swapped": lambda a, b, i: (cv.at(b)[i].set(7.0), a, np.sum(b)),
    "swapped and both written": lambda a, b, i: (cv.at(b)[i].set(7.0), cv.at(a)[i].set(8.0), a[0]),
    "written twice from the same": lambda a, b, i: (cv.at(a)[i].set(1.0), cv.at(a)[i + 1].set(2.0), np.sum(a)),
    "written one after the other": lambda a, b, i: (cv.at(cv.at(a)[i].set(1.0))[0].add(b[1]), b, a[0]),
    "a part of itself": lambda a, b, i: (cv.at(a)[1:4].set(a[0:3]), b, i),
    "its own transposed view": lambda a, b, i: (cv.at(a)[0:2].add(a[2:4].T), cv.at(b)[i].set(0.0), a[0]),
    "constant table": lambda a, b, i: (
        cv.at(a)[i].set(U[i % 2] if isinstance(i, int) else cv.numpy.take(U, i % 2, 0)),
        b,
        a[0],
    ),
    "written into a constant": lambda a, b, i: (cv.at(cv.numpy.asarray(U) + 0 * a)[i].set(a[i]), b, a[0]),
    "unchanged beside": lambda a, b, i: (a, cv.at(b)[i].set(a[i]), b[i]),
    "in a branch": lambda a, b, i: (lax.cond(i > 0, lambda: cv.at(a)[i].set(5.0), lambda: a), b, a[i]),
    "in an inner loop": lambda a, b, i: (
        lax.fori_loop(0, 3, lambda j, c: cv.at(c)[j].add(c[i]), a),
        b,
        a[0],
    ),
    "in a compiled call": lambda a, b, i: (cv.jit(lambda a: cv.at(a)[i].set(a[0]))(a), b, a[i]),
    "in a sum": lambda a, b, i: (cv.at(a * 0.9 + b)[i].add(1.0), b, a[i]),
    "identity before": lambda a, b, i: (lambda v: (cv.at(v)[i].set(3.0), b, v))(np.reshape(a, (6, 2))),
}


def in_python(step, places=I):
    """The loop in Python, on plain arrays, where each operation makes a new array."""

    def loop(a, b):
        ys = []
        for i in places:
            a, b, y = step(a, b, i)
            ys.append(y)
        return a, b, np.stack(ys)

    return loop


def by_scan(step, places=I):
    def loop(a, b):
        (a, b), ys = lax.scan(lambda c, i: (lambda n: (n[:2], n[2]))(step(*c, i)), (a, b), places)
        return a, b, ys

    return loop


def by_while(step):
    """The same with the outputs in a table, and through stacks in reverse mode."""

    def loop(a, b):
        def body(c):
            t, a, b, ys = c
            a, b, y = step(a, b, cv.numpy.take(I, t))
            return t + 1, a, b, cv.at(ys)[t].set(y)

        y = np.shape(step(T, U, 1)[2])
        ys = np.zeros((len(I), *y), np.asarray(step(T, U, 1)[2]).dtype)
        return lax.while_loop(lambda c: c[0] < len(I), body, (0, a, b, ys))[1:]

    return loop


def loss(loop):
    return lambda a, b: sum(np.sum(np.sin(x) * (k + 1)) for k, x in enumerate(loop(a, b)))


@pytest.mark.parametrize("make", [by_scan, by_while], ids=["scan", "while"])
@pytest.mark.parametrize("name", STEPS)
def test_nobody_sees_it(name, make):
    step = STEPS[name]
    loop = make(step)
    expected = in_python(step)(T, U)
    a, b = T.copy(), U.copy()
    for run in (loop, cv.jit(loop), cv.jit(lambda a, b: cv.jit(loop)(a, b))):
        for _ in range(2):
            close(run(a, b), expected)
            close((a, b), (T, U))
    one = a
    close(loop(one, one), in_python(step)(T, T))  # the same array twice
    close((one,), (T,))
    close(
        cv.vmap(loop)(np.stack([a, U]), np.stack([b, T])),
        [np.stack(x) for x in zip(expected, in_python(step)(U, T), strict=True)],
    )
    read_only = T.copy()
    read_only.flags.writeable = False
    close(loop(read_only, b), expected)
    first = loop(a, b)
    kept = [np.array(x) for x in first]
    loop(*first[:2])  # the results are the caller's
    close(first, kept)


@pytest.mark.parametrize("make", [by_scan, by_while], ids=["scan", "while"])
@pytest.mark.parametrize("name", STEPS)
def test_derivatives(name, make):
    f, g = loss(make(STEPS[name])), loss(in_python(STEPS[name]))
    for transform in (
        lambda f: cv.grad(f, (0, 1)),
        lambda f: cv.jit(cv.grad(f, (0, 1))),
        lambda f: lambda a, b: cv.jvp(cv.grad(f, (0, 1)), (a, b), (b, a))[1],
        lambda f: cv.grad(lambda a, b: np.sum(np.cos(cv.grad(f)(a, b))), (0, 1)),
        lambda f: lambda a, b: cv.vmap(cv.grad(f, (0, 1)))(np.stack([a, b]), np.stack([b, a])),
    ):
        close(transform(f)(T, U), transform(g)(T, U))


OF_ITSELF = {
    "scatter": (lambda x, i: (x[1:4][::-1], i), lambda x, i: (i, x[2:5]), lambda x, i: (x[3:], x[:3])),
    "slice": (lambda x, i: (x[:3],), lambda x, i: (x[1:4][::-1],)),
}
WRITTEN = {
    **dict.fromkeys(("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"), OF_ITSELF["scatter"]),
    **dict.fromkeys(("update_slice", "add_slice"), OF_ITSELF["slice"]),
    "clear": (lambda x, i: (x[:3],),),
    "erase": (lambda x, i: (),),
}
"""For the primitives that may overwrite x other arguments that are parts of it."""


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_may_be_a_part_of_what_is_overwritten(name):
    primitive = primitive_named(name)
    params = {"index": ((1, 4, 1),)} if name in ("erase", "update_slice", "add_slice") else {}
    for arguments, i in product(WRITTEN[name], ([0, 1, 2], [4, 4, 1], [3, 0, 3])):
        x, places = np.array([2, 0, 3, 1, 5, 4]), np.array(i)
        expected = primitive.impl(x, *(a.copy() for a in arguments(x, places)), **params)
        assert primitive.overwrite(x, *arguments(x, places), **params) is x
        np.testing.assert_array_equal(x, expected)


def test_all_that_may_overwrite_are_tried():
    assert {name for name, p in Primitive.registry.items() if p.overwrite is not None} == set(WRITTEN)


MINE = np.zeros((6, 2))
mine_p = cv.Primitive("mine")
mine_p.def_impl(lambda x: MINE)
mine_p.def_abstract(lambda x: x)
itself = cv.elementwise("itself", lambda x: x, lambda out, x: 1.0)


@pytest.mark.parametrize(
    "give",
    [
        lambda a: mine_p.bind(a),
        lambda a: cv.pure_callback(lambda a: MINE, a, a),
        lambda a: itself(mine_p.bind(a)),
        lambda a: np.reshape(mine_p.bind(a), (6, 2)),
    ],
)
def test_what_a_primitive_of_the_user_returns_is_the_users(give):
    for loop in (
        lambda t: lax.scan(lambda t, i: (cv.at(give(t))[i].set(1.0), None), t, I)[0],
        lambda t: lax.while_loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, cv.at(give(c[1]))[c[0]].set(1.0)), (0, t))[1],
    ):
        out = loop(T)
        assert np.sum(out) == 2.0
        assert not MINE.any()


def test_what_the_user_keeps_stays_as_it_was():
    """Of a table that grows by 1 at a place in each step, a callback or a primitive keeps each state."""
    for keeper in ("debug", "pure", "primitive", "inside"):
        kept: list[np.ndarray] = []

        def keep(t, kept=kept):
            kept.append(t)
            return np.float64(0.0)

        keeping = cv.elementwise(f"keeping_{keeper}", lambda t, keep=keep: t + keep(t), lambda out, t: 1.0)

        def step(t, i, keeper=keeper, keep=keep, keeping=keeping):
            if keeper == "debug":
                cv.debug.callback(keep, t)
                return cv.at(t)[i].add(1.0), None
            if keeper == "pure":
                return cv.at(t)[i].add(1.0 + cv.pure_callback(keep, np.float64(0.0), t)), None
            if keeper == "primitive":
                return cv.at(t)[i].add(keeping(t)[i] * 0.0 + 1.0), None
            return cv.at(t)[i].add(
                1.0 + lax.cond(i >= 0, lambda t: cv.pure_callback(keep, np.float64(0.0), t), np.sum, t)
            ), None

        for run in (lambda t, step=step: lax.scan(step, t, np.arange(4))[0],):
            kept.clear()
            np.testing.assert_array_equal(run(np.zeros(4)), np.ones(4))
            states = [k for k in kept if k.shape == (4,)][-4:]
            np.testing.assert_array_equal(states, np.tri(4, 4, -1))


@st.composite
def random_steps(draw):
    """The source of a step that reads, views, writes and passes on two tables of shape (4, 3)."""
    scope = ["a", "b"]
    lines = []
    for k in range(draw(st.integers(1, 6))):
        x, y = draw(st.sampled_from(scope)), draw(st.sampled_from(scope))
        form = draw(
            st.sampled_from(
                [
                    "cv.at({x})[i].set({y}[j])",
                    "cv.at({x})[i].add(np.sin({y}[j]))",
                    "cv.at({x})[1:3].set({y}[0:2])",
                    "cv.at({x})[0].add({y}[i])",
                    "np.reshape({x}, (2, 6)).reshape(4, 3)",
                    "{x}[::-1]",
                    "{x}",
                    "{x} * 0.5 + {y}",
                    "np.sin({x})",
                    "cv.at({x})[(i, j % 3)].multiply(0.5)",
                ]
            )
        )
        lines.append(f"    v{k} = {form.format(x=x, y=y)}")
        scope.append(f"v{k}")
    outs = [draw(st.sampled_from(scope)) for _ in range(3)]
    return "\n".join(["def step(a, b, i):", "    j = (i * 3 + 1) % 4", *lines, f"    return {', '.join(outs)}"])


@settings(max_examples=150, deadline=None)
@given(random_steps())
def test_random_steps(source):
    namespace = {"np": np, "cv": cv}
    exec(source, namespace)
    step, a, b = namespace["step"], np.arange(12.0).reshape(4, 3) / 9, np.cos(np.arange(12.0)).reshape(4, 3)
    index = np.array([0, 3, 1, 3, 2])
    loop, by_hand = by_scan(step, index), in_python(step, index)
    before = a.copy(), b.copy()
    close(loop(a, b), by_hand(a, b))
    close(cv.grad(loss(loop), (0, 1))(a, b), cv.grad(loss(by_hand), (0, 1))(a, b))
    close((a, b), before)


def steps_of(f, *args):
    """The programs of the loops in a gradient, and which carries they own."""
    programs = []

    def walk(jaxpr):
        for eqn in jaxpr.equations:
            for name in ("jaxpr", "body"):
                inner = eqn.params.get(name)
                if isinstance(inner, Jaxpr):
                    if eqn.primitive.name == "scan":
                        programs.append(step_runner(inner, eqn.params["num_consts"], eqn.params["num_carry"])[1])
                    walk(inner)

    walk(cv.make_jaxpr(f)(*args))
    return programs


def test_it_is_done_where_it_should_be():
    read = lambda t: lax.scan(lambda c, i: (c + np.sum(np.sin(t[i])), None), 0.0, I)[0]
    write = lambda t: np.sum(lax.scan(lambda t, i: (cv.at(t)[i].set(np.sin(t[i + 1])), None), t, I)[0])
    assert steps_of(read, T) == [[]]
    assert steps_of(cv.grad(read), T) == [[], [0]]
    assert steps_of(cv.grad(write), T) == [[0], [0]]


def test_a_gradient_needs_no_table_for_each_step():
    table = np.ones(100_000)
    read = lambda t: lax.scan(lambda c, i: (c + np.sin(t[i]) * c, None), 1.0, np.arange(50))[0]
    write = lambda t: np.sum(lax.scan(lambda t, i: (cv.at(t)[i].set(np.sin(t[i + 1])), None), t, np.arange(50))[0])
    for f in (read, write):
        gradient = cv.grad(f)
        gradient(table)
        tracemalloc.start()
        try:
            gradient(table)
            assert tracemalloc.get_traced_memory()[1] < 6 * table.nbytes
        finally:
            tracemalloc.stop()


ELSEWHERE = {"at": cv.at, "np": np}
exec(
    compile("""
write = lambda table, i, x: at(table)[i].set(x)
add_row = lambda table, i, x: at(table)[1].add(x)
multiply_rows = lambda table, i, x: at(table)[np.array([0, 2])].multiply(x)
""", "elsewhere.py", "exec"), ELSEWHERE
)  # fmt: skip


@pytest.mark.parametrize("name", ["write", "add_row", "multiply_rows"])
def test_a_table_that_another_file_writes_to(name):
    """Each row of a program says where it was written, here in another file than the loop."""
    write = ELSEWHERE[name]
    loop = cv.jit(lambda table: lax.fori_loop(0, 3, lambda i, table: write(table, i, 1.5 - i), table))
    for table in (T, T[:, 0].copy()):
        expected = table
        for i in range(3):
            expected = write(expected, i, 1.5 - i)
        np.testing.assert_array_equal(loop(table), expected)
