"""A transformation inside another one, in another thread, a copied context, a task or a generator, is what it is without."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import covector as cv
from covector import checkify, debug, lax
from covector.core import context

X = np.array([0.3, -0.7])


def in_pool(f, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(f, *args).result()


def in_thread_with_the_context(f, *args):
    return in_pool(contextvars.copy_context().run, f, *args)


def in_an_empty_context(f, *args):
    return contextvars.Context().run(f, *args)


def in_a_task(f, *args):
    async def run():
        return await asyncio.create_task(call())

    async def call():
        await asyncio.sleep(0)
        return f(*args)

    return asyncio.run(run())


def in_a_generator(f, *args):
    def generate():
        yield
        yield f(*args)

    made = generate()
    next(made)
    return next(made)


def in_a_generator_of_another_thread(f, *args):
    def generate():
        yield
        yield f(*args)

    made = generate()
    in_pool(next, made)
    return next(made)


PLACES = {
    f.__name__: f
    for f in (
        in_pool,
        in_thread_with_the_context,
        in_an_empty_context,
        in_a_task,
        in_a_generator,
        in_a_generator_of_another_thread,
    )
}


def with_rule(f):
    g = cv.custom_jvp(f)
    g.defjvp(lambda p, t: cv.jvp(f, p, t))
    return g


INNER = {
    "grad": lambda f: cv.grad(lambda y: np.sum(f(y))),
    "jvp": lambda f: lambda y: cv.jvp(f, (y,), (np.ones_like(y),))[1],
    "vjp": lambda f: lambda y: cv.vjp(f, y)[1](np.ones(2))[0],
    "linearize": lambda f: lambda y: cv.linearize(f, y)[1](np.ones(2)),
    "hessian": lambda f: lambda y: cv.hessian(lambda y: np.sum(f(y)))(y)[0],
    "jacrev": lambda f: lambda y: cv.jacrev(f)(y)[0],
    "vmap": lambda f: lambda y: np.sum(cv.vmap(f)(y), axis=0),
    "jit": lambda f: cv.jit(f),
    "jit of grad": lambda f: cv.jit(cv.grad(lambda y: np.sum(f(y)))),
    "checkpoint": lambda f: cv.grad(lambda y: np.sum(cv.checkpoint(f)(y))),
    "scan": lambda f: lambda y: lax.scan(lambda c, _: (f(c), None), y, None, length=2)[0],
    "while_loop": lambda f: lambda y: lax.while_loop(lambda s: s[1] < 2, lambda s: (f(s[0]), s[1] + 1), (y, 0))[0],
    "cond": lambda f: lambda y: lax.cond(np.sum(y) < 9.0, f, lambda y: y, y),
    "rule": lambda f: cv.grad(lambda y: np.sum(with_rule(f)(y))),
    "eval_jaxpr": lambda f: lambda y: cv.jvp(cv.jit(f), (y,), (y,))[1],
}
OUTER = {
    "grad": lambda f: cv.grad(lambda x: np.sum(f(x)))(X),
    "jvp": lambda f: cv.jvp(f, (X,), (np.ones(2),))[1],
    "hessian": lambda f: cv.hessian(lambda x: np.sum(f(x)))(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([X, 2 * X])),
    "jit": lambda f: cv.jit(f)(X),
    "jit of grad": lambda f: cv.jit(cv.grad(lambda x: np.sum(f(x))))(X),
    "vmap of grad": lambda f: cv.vmap(cv.grad(lambda x: np.sum(f(x))))(np.stack([X, 2 * X])),
    "checkpoint": lambda f: cv.grad(lambda x: np.sum(cv.checkpoint(f)(x)))(X),
    "scan": lambda f: lax.scan(lambda c, _: (f(c), None), X, None, length=2)[0],
    "cond": lambda f: cv.grad(lambda x: np.sum(lax.cond(True, f, lambda x: x, x)))(X),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_nested_transformations(outer, inner, place):
    def f(x, run):
        return run(INNER[inner](lambda y: np.sin(x) * y * y + x), np.cos(x) + 1.0) * x

    want = OUTER[outer](lambda x: f(x, lambda g, y: g(y)))
    np.testing.assert_allclose(OUTER[outer](lambda x: f(x, PLACES[place])), want, rtol=1e-12)


def test_many_threads_at_once_in_one_function():
    def f(x):
        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(lambda k: cv.grad(lambda y: np.sum(x * y**k))(x), range(1, 9)))
        return np.sum(np.stack(parts))

    def without(x):
        return np.sum(np.stack([cv.grad(lambda y, k=k: np.sum(x * y**k))(x) for k in range(1, 9)]))

    for transform in (cv.grad, cv.hessian, lambda f: cv.jit(cv.grad(f)), lambda f: cv.jit(cv.hessian(f))):
        np.testing.assert_allclose(transform(f)(X), transform(without)(X), rtol=1e-12)


def test_threads_beside_each_other_do_not_meet():
    f = cv.jit(cv.grad(lambda x: np.sum(np.sin(x) * x)))
    want = [f.__wrapped__(X * k) for k in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            got = list(pool.map(lambda k: cv.jit(cv.grad(lambda x: np.sum(np.sin(x) * x)))(X * k), range(16)))
            np.testing.assert_allclose(got, want)


def test_a_copied_context_outlives_its_trace():
    """What runs in a context that was copied while a trace was open is not staged there when the trace is closed."""
    contexts = []

    def f(x):
        contexts.append(contextvars.copy_context())
        return x * 2

    cv.jit(f)(1.0)
    seen = []

    def later():
        debug.callback(seen.append, 3.0)
        return cv.grad(lambda x: x * x)(2.0)

    assert contexts[0].run(later) == 4.0 and seen == [3.0]
    assert contexts[0].run(context.open_traces) == ()

    cv.vmap(f, axis_name="i")(np.ones(2))
    with pytest.raises(cv.errors.AxisNameError):
        contexts[1].run(lambda: lax.psum(1.0, "i"))


def test_a_tracer_of_a_closed_trace_raises_in_any_thread():
    with ThreadPoolExecutor(1) as pool:
        release = threading.Event()

        def late(x):
            release.wait(5)
            return np.sin(x)

        futures = []
        cv.grad(lambda x: (futures.append(pool.submit(late, x)), x * x)[1])(1.0)
        release.set()
        with pytest.raises(cv.errors.UnexpectedTracerError):
            futures[0].result()


# --- modes ------------------------------------------------------------------------------------------------------------


def nan_in_the_derivative():
    with np.errstate(all="ignore"):
        return cv.grad(lambda x: np.sqrt(x) * 0.0)(0.0)


MODES = {
    "debug_nans": (debug.debug_nans, lambda: raises(cv.errors.NaNError, nan_in_the_derivative)),
    "disable_jit": (debug.disable_jit, lambda: runs_python()),
    "full_tracebacks": (debug.full_tracebacks, lambda: shows_all_frames()),
}


def raises(error, f):
    try:
        f()
    except error:
        return True
    return False


def runs_python():
    calls = []
    f = cv.jit(lambda x: (calls.append(1), x)[1])
    f(1.0), f(1.0)
    return len(calls) == 2


def shows_all_frames():
    try:
        cv.grad(lambda x: x * (1 // 0))(1.0)
    except ZeroDivisionError as e:
        files = set()
        traceback = e.__traceback__
        while traceback:
            files.add(traceback.tb_frame.f_code.co_filename.rsplit("/", 1)[-1])
            traceback = traceback.tb_next
        return "autodiff.py" in files


@pytest.mark.parametrize("name", MODES)
class TestModes:
    def test_it_is_on_in_the_block_alone(self, name):
        mode, is_on = MODES[name]
        assert not is_on()
        with mode():
            assert is_on()
        assert not is_on()

    def test_it_is_on_in_copied_contexts_and_off_in_other_threads(self, name):
        mode, is_on = MODES[name]
        with mode():
            assert in_thread_with_the_context(is_on) and in_a_task(is_on)
            assert not in_pool(is_on) and not in_an_empty_context(is_on)

    def test_blocks_that_end_out_of_order(self, name):
        mode, is_on = MODES[name]

        def hold():
            with mode():
                yield

        a, b = hold(), hold()
        next(a), next(b)
        a.close()
        assert is_on()
        b.close()
        assert not is_on() and not context.MODES

    def test_blocks_of_threads_that_end_out_of_order(self, name):
        mode, is_on = MODES[name]
        events = [threading.Event() for _ in range(3)]
        found = []

        def first():
            with mode():
                events[0].set()
                events[1].wait(5)
            found.append(is_on())
            events[2].set()

        def second():
            events[0].wait(5)
            with mode():
                events[1].set()
                events[2].wait(5)
                found.append(is_on())

        threads = [threading.Thread(target=t) for t in (first, second)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert found == [False, True] and not is_on() and not context.MODES

    def test_a_block_that_is_closed_in_another_context(self, name):
        mode, is_on = MODES[name]

        def hold():
            with mode():
                yield

        held = hold()
        next(held)
        assert is_on()
        in_pool(held.close)
        assert not is_on() and not context.MODES

    def test_a_block_that_an_error_ends(self, name):
        mode, is_on = MODES[name]
        with pytest.raises(KeyError), mode():
            raise KeyError
        assert not is_on() and not context.MODES


CALLS = {
    "jit": lambda: cv.jit(lambda x: np.log(x)),
    "jit of jit": lambda: cv.jit(lambda x: cv.jit(np.log)(x)),
    "lowered": lambda: cv.jit(lambda x: np.log(x)).lower(1.0).compile(),
    "scan": lambda: lambda x: lax.scan(lambda c, _: (np.log(c), None), x, None, length=1)[0],
    "jit of scan": lambda: cv.jit(lambda x: lax.scan(lambda c, _: (np.log(c), None), x, None, length=1)[0]),
    "jit of cond": lambda: cv.jit(lambda x: lax.cond(x > -9, np.log, np.sin, x)),
    "jit of while_loop": lambda: cv.jit(lambda x: lax.while_loop(lambda c: c < -0.5, np.log, x)),
    "grad of jit": lambda: cv.grad(cv.jit(lambda x: np.log(x))),
    "jit of grad": lambda: cv.jit(cv.grad(lambda x: np.log(x) * x)),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_first_called_under_debug_nans_works_ever_after(name):
    with np.errstate(all="ignore"):
        f = CALLS[name]()
        with debug.debug_nans():
            assert np.isfinite(f(2.0))
        before = f(-1.0)
        assert np.isnan(before) or name == "grad of jit"
        with debug.debug_nans(), pytest.raises(cv.errors.NaNError):
            f(np.float64(-1.0) if name != "lowered" else -1.0)
        np.testing.assert_equal(f(-1.0), before)


def test_watchers_of_several_blocks_all_see():
    with debug.debug_nans(), np.errstate(all="ignore"), pytest.raises(cv.errors.NaNError):
        checkify.checkify(cv.grad(lambda x: np.log(x) * x), errors=checkify.nan_checks)(-1.0)


def test_named_axes_of_another_thread_do_not_retrace():
    traces, inside, leave = [], threading.Event(), threading.Event()
    f = cv.jit(lambda x: (traces.append(1), x * 2)[1])
    g = cv.jit(cv.grad(cv.jit(lambda x: (traces.append(1), np.sin(x))[1])))
    f(1.0), g(1.0)
    before = len(traces)

    def hold(x):
        inside.set()
        leave.wait(5)
        return x

    thread = threading.Thread(target=lambda: cv.vmap(hold, axis_name="i")(np.ones(2)))
    thread.start()
    inside.wait(5)
    f(1.0), g(1.0)
    with pytest.raises(cv.errors.AxisNameError):
        lax.psum(1.0, "i")
    leave.set()
    thread.join()
    assert len(traces) == before and not context.NAMED_AXES


FIRST_CALLS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np, covector as cv
sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
bound = cv.tree.Partial(lambda a, x: a["w"] * x, {"w": 2.0})
def call(i):
    start.wait()
    return cv.grad(lambda f: f(3.0))(bound).args[0]["w"]
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(call, range(8))) == [3.0] * 8
"""


def test_threads_that_are_the_first_to_use_trees():
    assert subprocess.run([sys.executable, "-c", FIRST_CALLS], check=False).returncode == 0
