"""Pickling and copying of transformed functions, programs, primitives and errors."""

import concurrent.futures
import copy
import functools
import inspect
import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core import errors
from covector.core.primitive import find_primitive
from covector.core.source import Source


def cubic(x, k=1.0):
    return np.sum(k * x**3)


def vector(x):
    return np.sin(x) * x


@cv.jit
def decorated(x):
    return 2.0 * x


@functools.partial(cv.jit, static_argnums=1)
def decorated_with_options(x, n):
    return x * n


@cv.grad
@cv.jit
def decorated_twice(x):
    return x**3


class Model:
    @functools.partial(cv.jit, static_argnums=0)
    def method(self):
        return 1.0


named = cv.vmap(vector)

ruled = cv.custom_jvp(lambda x: x * x)
ruled.defjvps(lambda t, out, x: 2 * x * t)
ruled.__module__ = __name__


@cv.custom_vjp
def ruled_backwards(x):
    return x * x


ruled_backwards.defvjp(lambda x: (x * x, x), lambda x, ct: (3 * x * ct,))


@cv.custom_vmap
def ruled_batch(x):
    return x * 2.0


@ruled_batch.def_vmap
def _(size, batched, x):
    return x * 2.0, batched[0]


doubled = cv.elementwise("pickled_double", lambda x: 2 * x, lambda out, x: 2.0)

X = np.array([0.5, 1.5])
MADE = {
    "jit": (cv.jit(cubic), (X,)),
    "jit with static arguments": (cv.jit(cubic, static_argnames="k"), (X, 2.0)),
    "grad": (cv.grad(cubic), (X,)),
    "grad with argnums": (cv.grad(cubic, argnums=(0, 1)), (X, 2.0)),
    "grad with argnames": (cv.grad(cubic, argnames="k"), (X, 2.0)),
    "value_and_grad": (cv.value_and_grad(cubic), (X,)),
    "vmap": (cv.vmap(cubic, in_axes=(0, None)), (X, 2.0)),
    "jacfwd": (cv.jacfwd(vector), (X,)),
    "jacrev": (cv.jacrev(vector), (X,)),
    "jacobian": (cv.jacobian(vector), (X,)),
    "value_and_jacobian": (cv.value_and_jacobian(vector), (X,)),
    "hessian": (cv.hessian(cubic), (X,)),
    "checkpoint": (cv.checkpoint(cubic, policy=cv.checkpoint_policies.dots_saveable), (X,)),
    "checkify": (cv.checkify.checkify(cubic), (X,)),
    "make_jaxpr": (cv.make_jaxpr(cubic), (X,)),
    "nested": (cv.jit(cv.vmap(cv.grad(cv.checkpoint(cubic)))), (X,)),
    "of a partial": (cv.jit(functools.partial(cubic, k=3.0)), (X,)),
    "of a decorated function": (cv.grad(cv.jit(decorated)), (1.0,)),
    "of a function with rules": (cv.grad(ruled_backwards), (2.0,)),
    "of an elementwise primitive": (cv.vmap(doubled), (X,)),
}


def same(a, b):
    leaves, tree = cv.tree.flatten(a)
    others, other_tree = cv.tree.flatten(b)
    assert tree == other_tree
    for x, y in zip(leaves, others, strict=True):
        assert x == y if isinstance(x, (cv.Jaxpr, str)) else np.array_equal(x, y)


@pytest.mark.parametrize("name", MADE)
def test_transformed_functions_are_pickled_by_how_they_were_made(name):
    f, args = MADE[name]
    want = f(*args)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(f, protocol))
        if name == "checkify":
            assert again(*args)[0].get() is None
            same(again(*args)[1], want[1])
        else:
            same(again(*args), want)
        assert again is not f and again.__name__ == f.__name__
    for copied in (copy.copy(f), copy.deepcopy(f)):
        assert str(copied(*args)) == str(want)


BY_NAME = [decorated, decorated_with_options, decorated_twice, named, ruled, ruled_backwards, ruled_batch, Model.method]


@pytest.mark.parametrize("f", BY_NAME, ids=lambda f: f.__name__)
def test_a_function_that_a_module_holds_is_pickled_by_its_name(f):
    assert pickle.loads(pickle.dumps(f)) is f
    assert copy.copy(f) is f and copy.deepcopy(f) is f


def test_a_function_with_rules_without_a_name_is_pickled_with_them():
    f = cv.custom_jvp(cubic)
    f.defjvp(rule_of_cubic)
    again = pickle.loads(pickle.dumps(f))
    assert again is not f and cv.grad(again)(X).tolist() == [7.0, 7.0]


def rule_of_cubic(primals, tangents):
    return cubic(*primals), 7.0 * np.sum(tangents[0])


def test_local_functions_are_refused_by_name():
    with pytest.raises((pickle.PicklingError, AttributeError), match=r"test_local_functions.*lambda"):
        pickle.dumps(cv.jit(lambda x: x))


def test_methods_and_signatures():
    assert Model().method() == 1.0
    assert inspect.signature(decorated_with_options) == inspect.signature(decorated_with_options.__wrapped__)
    assert functools.partial(decorated_with_options, n=3)(2.0) == 6.0
    assert "jit(decorated" in repr(decorated)


# --- programs ---


def with_all_kinds_of_programs(x):
    c, ys = lax.scan(lambda c, u: (c * u + x[0], np.sin(c)), x[0], x)
    w = lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * 1.5, s[1] + 1), (c, 0))[0]
    b = lax.cond(w > 0, lambda: np.sum(ys), lambda: w)
    return b + np.sum(x * np.array([1.0, 2.0, np.nan])) + cv.checkpoint(cubic)(x) + np.max(x[::-1])


def doubling(v):
    return 2.0 * v


def with_callbacks(x):
    cv.debug.print("x = {x}", x=x)
    cv.io_callback(doubling, x, x)
    return cv.pure_callback(doubling, x, x, vmap_method="sequential")


PROGRAMS = {
    "plain": lambda: cv.make_jaxpr(lambda x: np.sin(x) * 2.0 + -0.0)(X),
    "grad": lambda: cv.make_jaxpr(cv.grad(with_all_kinds_of_programs))(np.ones(3)),
    "jit of vmap": lambda: cv.make_jaxpr(cv.jit(cv.vmap(with_all_kinds_of_programs)))(np.ones((2, 3))),
    "linear": lambda: cv.linearize(cubic, X)[1].jaxpr,
    "callbacks": lambda: cv.make_jaxpr(with_callbacks)(1.0),
    "contraction and linalg": lambda: cv.make_jaxpr(lambda a: np.linalg.solve(a @ a, a[:, 0]) + np.einsum("ij->i", a))(
        np.eye(3)
    ),
    "named axes": lambda: cv.make_jaxpr(cv.vmap(lambda x: lax.psum(x * 2.0, "i"), axis_name="i"))(X),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_equal_after_the_round_trip(name):
    program = PROGRAMS[name]()
    for again in (pickle.loads(pickle.dumps(program)), copy.copy(program), copy.deepcopy(program)):
        assert again == program and str(again) == str(program)
        cv.check(again)
    again = pickle.loads(pickle.dumps(program))
    assert [str(e.source) for e in again.equations] == [str(e.source) for e in program.equations]
    assert pickle.loads(pickle.dumps(again)) == program


def test_a_program_runs_in_another_process():
    program = cv.make_jaxpr(lambda x: np.sin(x) * np.array([1.0, 2.0]))(X)
    code = "import sys, pickle, numpy as np, covector as cv; p, x = pickle.load(sys.stdin.buffer)\n"
    code += "cv.check(p); assert hash(p.in_avals[0]) == hash(cv.ShapedArray(x.shape, x.dtype)); print(p == cv.parse(str(p)))"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps((program, X)), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"True")


def test_primitives_and_avals():
    sin = cv.make_jaxpr(np.sin)(1.0).equations[0].primitive
    for p in (sin, doubled.primitive):
        assert pickle.loads(pickle.dumps(p)) is p and copy.deepcopy(p) is p and copy.copy(p) is p
    again = pickle.loads(pickle.dumps(doubled))
    assert again.primitive is doubled.primitive and again(3.0) == 6.0
    for aval in (
        cv.ShapedArray((2, 3), np.float32),
        cv.ShapedArray((), np.float64, weak_type=True),
        cv.Zero(cv.ShapedArray((2,), float)),
    ):
        hash(aval)
        assert pickle.loads(pickle.dumps(aval)) == aval == copy.deepcopy(aval)


def test_sources_say_the_same():
    source = cv.make_jaxpr(lambda x: np.sin(x))(1.0).equations[0].source
    again = pickle.loads(pickle.dumps(source))
    assert isinstance(again, Source) and (str(again), again.line, again.span) == (str(source), source.line, source.span)
    assert str(pickle.loads(pickle.dumps(again))) == str(source)


# --- errors ---


def every_error():
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.CovectorError)]
    assert len(found) > 20
    return found


def made(cls):
    """An error of a class: with arguments by the names of its parameters."""
    if cls.__init__ is Exception.__init__ or "__init__" not in vars(cls):
        return cls("what happened\n  Why: a reason")
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return cls(
        *(
            ["f64[3]"] if p.name == "avals" else "name" if p.name != "origin" else None
            for p in parameters
            if p.default is p.empty
        )
    )


def raise_one(cls):
    raise made(cls)


@pytest.mark.parametrize("cls", every_error(), ids=lambda c: c.__name__)
def test_every_error_can_be_pickled_and_copied(cls):
    error = made(cls)
    error.add_note("a note")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls and str(again) == str(error) and again.args == error.args
        assert again.__notes__ == ["a note"]


def test_the_errors_of_a_worker_arrive():
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        for cls in every_error():
            with pytest.raises(cls):
                pool.submit(raise_one, cls).result()
        with pytest.raises(errors.NonScalarGradError, match="scalar"):
            pool.submit(cv.grad(vector), X).result()
        assert pool.submit(cv.jit(cubic), X).result() == cubic(X)


# --- primitives that are defined again ---


def define(k):
    return cv.elementwise("defined_again", lambda x: k * x, lambda out, x: k)


def test_a_primitive_that_is_defined_again_takes_over_with_a_warning():
    first = define(2.0)
    program = cv.make_jaxpr(first)(1.0)
    compiled = cv.jit(lambda x: first(x))
    assert compiled(1.0) == 2.0
    with pytest.warns(
        errors.CovectorWarning, match=r"'defined_again' is defined again, at test_pickling.*define.*test_pickling"
    ):
        second = define(3.0)
    assert (first(1.0), second(1.0), compiled(1.0), cv.grad(second)(1.0), cv.jit(second)(1.0)) == (2.0, 3.0, 2.0, 3.0, 3.0)
    assert program.equations[0].primitive is first.primitive
    assert cv.parse(str(program)).equations[0].primitive is second.primitive
    assert cv.parse(str(program)) != program
    assert copy.deepcopy(program) == program
    with pytest.raises(errors.ArgumentError, match=r"'defined_again', defined at .*cannot be pickled"):
        pickle.dumps(program)


def test_the_warning_stands_at_the_users_line():
    cv.Primitive("defined_again_here")
    with pytest.warns(errors.CovectorWarning) as caught:
        cv.Primitive("defined_again_here")
    assert caught[0].filename == __file__


def test_covectors_own_primitives_are_not_replaced():
    find_primitive("a name that none has")  # which imports all
    names = [name for name, p in cv.Primitive.registry.items() if p.trusted]
    assert {"sin", "add", "scan", "einsum"} <= set(names)
    for name in names:
        p = cv.Primitive.registry[name]
        with pytest.raises(errors.ArgumentError, match=f"the name {name!r} is that of a primitive of covector's own"):
            cv.Primitive(name)
        assert cv.Primitive.registry[name] is p


def test_loops_see_a_primitive_that_was_defined_again():
    global again_in_a_loop
    results = []
    for k in (2.0, 3.0):
        with np.errstate(), pytest.warns(errors.CovectorWarning) if k == 3.0 else np.errstate():
            again_in_a_loop = cv.elementwise("again_in_a_loop", lambda x, k=k: k * x, lambda out, x, k=k: k)
        results.append(float(lax.scan(step_with_a_primitive, 1.0, None, length=1)[0]))
    assert results == [2.0, 3.0]


def step_with_a_primitive(c, _):
    return again_in_a_loop(c), None
