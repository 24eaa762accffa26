"""`cv.lift` from outside: nesting with transformations, errors, what is replaced, threads."""

import copy
import importlib
import math
import pickle
import struct
import threading
import types
from math import sqrt

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.stats

import covector as cv
from covector import lax

X = np.array([1.3, 0.7, 2.1])
V = np.array([0.3, -0.2, 0.5])


def running(x):
    """Written as for NumPy: conversions, an empty table, loops, math, views."""
    x = np.asarray(x, dtype=float)
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = math.sin(x[i]) * (i + 1) + sqrt(x[i])
    y[1:] += x[:-1]
    table = np.vstack([y, x])
    first, second = table
    first *= second
    table.T[0] = 2 * x[0]
    assert isinstance(table, np.ndarray)
    assert isinstance(x[0], float)
    return table


def difference(f, x, v, step=1e-6):
    return (f(x + step * v) - f(x - step * v)) / (2 * step)


def test_value_and_derivatives_of_code_as_it_is_written():
    lifted = cv.lift(running)
    out, tangent = cv.jvp(lifted, (X,), (V,))
    np.testing.assert_allclose(out, running(X))
    np.testing.assert_allclose(tangent, difference(running, X, V), rtol=1e-7)
    out, pullback = cv.vjp(lifted, X)
    np.testing.assert_allclose(np.sum(pullback(np.ones_like(out))[0] * V), np.sum(tangent))


TRANSFORMED = {
    "jit": lambda f: cv.jit(f),
    "vmap": lambda f: lambda x: cv.vmap(f)(np.stack([x, 2 * x]))[0],
    "checkpoint": lambda f: lambda x: cv.jvp(cv.checkpoint(f), (x,), (x,))[0],
    "linearize": lambda f: lambda x: cv.linearize(f, x)[0],
    "eval_jaxpr": lambda f: lambda x: cv.make_jaxpr(f)(x)(x)[0],
    "lift of lift": lambda f: lambda x: cv.jit(cv.lift(f))(x),
    "in scan": lambda f: lambda x: lax.scan(lambda c, _: (c, f(c)), x, None, length=2)[1][1],
    "in cond": lambda f: lambda x: cv.jit(lambda x: lax.cond(x[0] > 0, f, lambda x: 0 * f(x), x))(x),
    "in while_loop": lambda f: lambda x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, f(x)), (0, f(x)))[1],
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_every_transformation(name):
    np.testing.assert_allclose(TRANSFORMED[name](cv.lift(running))(X), running(X))


def total(x):
    return np.sum(running(x) ** 2)


@pytest.mark.parametrize("outer", [cv.jit, lambda f: f], ids=["jit", "eager"])
def test_second_derivatives(outer):
    lifted = cv.lift(total)
    product = outer(lambda x: cv.jvp(cv.grad(lifted), (x,), (V,))[1])(X)
    np.testing.assert_allclose(product, difference(cv.grad(lifted), X, V), rtol=1e-6)
    np.testing.assert_allclose(outer(cv.hessian(lifted))(X) @ V, product)
    batch = np.stack([X, X + 1])
    np.testing.assert_allclose(outer(cv.vmap(cv.grad(lifted)))(batch), [cv.grad(lifted)(x) for x in batch])


def test_programs_are_as_short_as_functional_ones():
    def in_place(u):
        u = np.array(u)
        for _ in range(3):
            u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        return u

    def by_hand(u):
        for _ in range(3):
            u = cv.at(u)[1:-1].add(0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]))
        return u

    programs = [cv.make_jaxpr(f)(np.ones(8)) for f in (cv.lift(in_place), by_hand)]
    lifted, functional = ([(str(e.primitive), str(e.inputs[0].aval)) for e in p.equations] for p in programs)
    assert sorted(lifted) == sorted(functional)  # they slice in another order


# --- nesting: transformations of functions that are not lifted, inside ---------------------------------------------------


def inner(v):
    w = np.zeros(3)
    w[:] = v * 2
    w[0] *= w[1]
    return np.sum(w)


made_before = cv.jit(inner)


def test_transformations_inside_lift_what_they_are_given():
    def f(x):
        y = np.zeros(3)
        y[:] = x
        slope = cv.grad(inner)(y)
        y[1] = slope[1]
        rows = cv.vmap(inner)(np.outer(y, y))
        carry, _ = lax.scan(lambda c, row: (c + inner(row), None), 0.0, np.outer(y, y))
        return np.sum(y**2) + made_before(y) + rows.sum() + carry

    def by_hand(x):
        y = np.array([x[0], 4 * x[0] + 2, x[2]])
        of = lambda v: 4 * v[0] * v[1] + 2 * v[1] + 2 * v[2]
        return np.sum(y**2) + of(y) + 2 * sum(of(row) for row in np.outer(y, y))

    np.testing.assert_allclose(cv.jvp(cv.lift(f), (X,), (V,)), (by_hand(X), difference(by_hand, X, V)), rtol=1e-7)
    np.testing.assert_allclose(cv.jit(cv.grad(cv.lift(f)))(X), cv.grad(cv.lift(f))(X))


def test_lift_of_a_transformed_function_and_of_a_block():
    expected = [4 * X[1], 4 * X[0] + 2, 2.0]
    np.testing.assert_allclose(cv.lift(cv.grad(inner))(X), expected)
    with cv.lifted():
        np.testing.assert_allclose(cv.grad(inner)(X), expected)


def test_closures_over_traced_values():
    f = lambda x: cv.lift(lambda y: np.array([y[0], x[1]]))(2 * x).sum()
    np.testing.assert_allclose(cv.grad(f)(X), [2.0, 1.0, 0.0])


def test_trees_auxiliary_data_and_rules():
    def f(p):
        w = np.array(p["w"])
        w[0] = p["b"]
        return w.sum(), {"w": w}

    gradient, aux = cv.grad(cv.lift(f), has_aux=True)({"w": X, "b": 2.0})
    np.testing.assert_array_equal(gradient["w"], [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(aux["w"], [2.0, *X[1:]])

    @cv.custom_jvp
    def rule(x):
        return x**2

    rule.defjvp(lambda primals, tangents: (primals[0] ** 2, 10.0 * tangents[0]))
    np.testing.assert_allclose(cv.grad(cv.lift(lambda x: rule(np.array(x) * 3).sum()))(X), [30.0] * 3)


def test_split_branches():
    def f(x):
        y = np.zeros(2)
        if x > 1:
            y[0] = x**2
        else:
            y[1] = -x
        return y

    np.testing.assert_allclose(cv.vmap(cv.lift(f), branches="split")(X), [f(x) for x in X])


# --- plain calls and the caller's arrays ----------------------------------------------------------------------------------


def overwriting(x):
    x[0] = x[1]
    x *= 2
    return x.sum()


def test_a_plain_call_is_the_function_itself():
    x = X.copy()
    assert cv.lift(overwriting)(x) == pytest.approx(2 * (2 * X[1] + X[2]))
    np.testing.assert_allclose(x, [2 * X[1], 2 * X[1], 2 * X[2]])


def test_the_arrays_of_the_caller_do_not_change():
    x, other = X.copy(), V.copy()
    np.testing.assert_allclose(cv.grad(cv.lift(overwriting))(x), [0.0, 4.0, 2.0])
    cv.grad(lambda x: cv.lift(lambda x, y: overwriting(y) * x[0])(x, other))(x)
    np.testing.assert_array_equal((x, other), (X, V))


def test_outputs_share_nothing_with_what_is_kept():
    def f(x):
        y = np.array(x)
        return y, y[::2]

    (y, part), _ = cv.jvp(cv.lift(f), (X,), (V,))
    y[0] = 9.0
    assert part[0] == X[0]


# --- errors ---------------------------------------------------------------------------------------------------------------

TABLE = np.zeros(3)


def into_table(x):
    TABLE[0] = x[0]


def into_all_of_table(x):
    TABLE[:] = x


def added_to_table(x):
    table = TABLE
    table += x


def by_out(x):
    np.multiply(x, 2, out=TABLE)


@pytest.mark.parametrize("f", [into_table, into_all_of_table, added_to_table, by_out], ids=lambda f: f.__name__)
@pytest.mark.parametrize("transformation", [cv.grad, cv.jit], ids=["grad", "jit"])
def test_a_traced_write_into_an_outer_array(f, transformation):
    with pytest.raises(cv.errors.InPlaceWriteError, match="written in place into a plain array") as e:
        transformation(cv.lift(lambda x: (f(x), x.sum())[1]))(X)
    assert f"in {f.__name__}" in str(e.value)
    assert "outside of the lifted function" in str(e.value)


def test_a_plain_write_into_an_outer_array_goes_through():
    table = np.zeros(2)
    cv.grad(cv.lift(lambda x: (table.__setitem__(0, 5.0), x.sum())[1]))(X)
    assert table[0] == 5.0


ONCE = {
    "jvp": lambda g, x: cv.jvp(g, (x,), (np.ones(3),))[1],
    "linearize": lambda g, x: cv.linearize(g, x)[1](np.ones(3)),
    "vjp": lambda g, x: cv.vjp(g, x)[1](1.0)[0].sum(),
    "grad": lambda g, x: cv.grad(g)(x).sum(),
    "jacfwd": lambda g, x: cv.jacfwd(g)(x).sum(),
}
ANY_NUMBER_OF_TIMES = {
    "jit": lambda g, x: cv.jit(g)(x),
    "vmap": lambda g, x: cv.vmap(g)(x).sum(),
    "checkpoint": lambda g, x: cv.checkpoint(g)(x),
    "cond": lambda g, x: lax.cond(x[0] > 0, g, g, x),
    "scan": lambda g, x: lax.scan(lambda c, u: (c + g(u), None), x[0], x)[0],
}


def crossing(across):
    def f(x):
        y = np.zeros(3)

        def g(z):
            y[0] = x[1]
            y[1] += 1.0
            return (z * z).sum() * x[0]

        return across(g, x) + (y * y).sum()

    return f


@pytest.mark.parametrize("name", ONCE)
def test_a_write_across_what_runs_its_function_once(name):
    f = cv.lift(crossing(ONCE[name]))
    x = np.array([0.5, 2.0, -0.7])
    np.testing.assert_allclose(f(x), 2 * x[0] * x.sum() + x[1] ** 2 + 1)
    np.testing.assert_allclose(cv.grad(f)(x), 2 * x[0] + 2 * x.sum() * np.eye(3)[0] + 2 * x[1] * np.eye(3)[1])


@pytest.mark.parametrize("name", ANY_NUMBER_OF_TIMES)
def test_a_write_across_what_may_run_its_function_more_often(name):
    with pytest.raises(cv.errors.InPlaceWriteError, match=rf"written inside {name} of .* that was made outside of it"):
        cv.grad(cv.lift(crossing(ANY_NUMBER_OF_TIMES[name])))(X)


def test_float_names_the_package():
    with pytest.raises(cv.errors.TracerFloatConversionError, match=r"lift\(f, packages=\["):
        cv.grad(cv.lift(lambda x: float(x[0]) * 2))(X)


class Degrees(float):
    def __new__(cls, x):
        return float.__new__(cls, x)


class Mixed(float):
    pass


@pytest.mark.parametrize("cls", [Degrees, Mixed])
def test_a_class_made_of_float_in_a_package_that_is_named(cls):
    """Nothing more is to be named, and least of all covector, whose class for ``float`` is on the way."""
    with pytest.raises(cv.errors.TracerFloatConversionError, match=r"named already.*a class made of float") as error:
        cv.grad(cv.lift(lambda x: cls(x[0]) * 2.0, packages=__name__))(X)
    assert "packages=[" not in str(error.value)
    if cls is Degrees:
        with pytest.raises(cv.errors.TracerFloatConversionError, match=rf"packages=\['{__name__}'\]"):
            cv.grad(cv.lift(lambda x: cls(x[0]) * 2.0))(X)


def test_compiled_code_that_says_something_else_of_a_refused_float():
    with pytest.raises(cv.errors.TracerFloatConversionError):
        cv.grad(cv.lift(lambda x: struct.unpack("d", struct.pack("d", x[0]))[0]))(X)
    with pytest.raises(cv.errors.TracerArrayConversionError, match=r"packages="):
        cv.grad(cv.lift(lambda x: np.float64(x[0])))(X)


def module_of(text):
    """A module of another package, as an import would make it."""
    module = types.ModuleType("another_package")
    exec(text, vars(module))
    return module


def test_float_in_a_named_package(monkeypatch):
    module = module_of(
        """
import numpy as np
def f(x):
    return float(x[0]) * np.float64(x[1]) if type(2.0) == float else None
"""
    )
    monkeypatch.setitem(__import__("sys").modules, "another_package", module)
    f = cv.lift(module.f, packages=["another_package"])
    np.testing.assert_allclose(cv.grad(f)(X), [X[1], X[0], 0.0])
    cv.lift.uninstall()
    assert "float" not in vars(module)
    with pytest.raises(cv.errors.TracerFloatConversionError):
        cv.grad(cv.lift(module.f))(X)


def generating(x):
    yield x[0]


async def awaiting(x):
    return x[0]


@pytest.mark.parametrize(("f", "kind"), [(generating, "generator"), (awaiting, "coroutine")])
def test_what_runs_later_is_refused(f, kind):
    with pytest.raises(cv.errors.ArgumentError, match=f"returned a {kind}"):
        cv.jit(cv.lift(f))(X)


def test_numbers_are_not_hashable_and_not_pickled():
    with pytest.raises(cv.errors.TracerHashError, match="hash of a traced number"):
        cv.grad(cv.lift(lambda x: {x[0]: 1.0}[x[0]]))(X)
    with pytest.raises(cv.errors.TracerArrayConversionError, match="was pickled"):
        cv.grad(cv.lift(lambda x: pickle.dumps(x)))(X)


def test_copies_are_new_arrays():
    def f(x):
        y = copy.deepcopy({"y": x})["y"]
        z = copy.copy(y)
        z[0] = 0.0
        return y.sum() + z.sum()

    np.testing.assert_allclose(cv.grad(cv.lift(f))(X), [1.0, 2.0, 2.0])


def test_compiled_functions_are_named():
    with pytest.raises(cv.errors.TracerArrayConversionError, match="function dgetrf was called with"):
        cv.grad(cv.lift(lambda x: scipy.linalg.lapack.dgetrf(np.outer(x, x))[0].sum()))(X)


def test_shuffle_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(cv.errors.InPlaceWriteError, match="as if it were a list"), pytest.warns(UserWarning, match="shuffling"):
        cv.grad(cv.lift(lambda x: (rng.shuffle(y := np.outer(x, x)), y.sum())[1]))(X)


def test_memory_that_others_hold():
    def f(x):
        y = np.zeros(3)
        view = memory(y)
        y[0] = x[0]
        return y.sum() + view.sum()

    held = []
    memory = lambda y: held.append(y.__array__()) or held[-1]
    with pytest.raises(cv.errors.InPlaceWriteError, match="whose memory other code holds"):
        cv.grad(cv.lift(f))(X)


def test_memory_that_nobody_holds_any_more():
    def f(x):
        y = np.zeros((3, 2)).T
        row = y[1]
        scipy.linalg.blas.dnrm2(row)  # compiled, and done with it
        y[0] = x
        return y.sum() + row.sum()

    np.testing.assert_array_equal(cv.grad(cv.lift(f))(X), np.ones(3))


def test_array_api():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.asarray([x[0], x[1]]) ** 2)

    np.testing.assert_allclose(cv.grad(cv.lift(f))(X), [2 * X[0], 2 * X[1], 0.0])


def test_an_error_that_the_code_caught_is_in_the_report():
    def f(x):
        try:
            return float(x[0])
        except TypeError:
            return 0 * x[0]

    cv.grad(cv.lift(f))(X)
    assert "f went on after TracerFloatConversionError" in cv.lift.report()


# --- SciPy ----------------------------------------------------------------------------------------------------------------


def test_functions_of_scipy_in_c_are_replaced():
    def f(x):
        a = np.outer(x, x) + 3 * np.eye(3)
        a[0, 1] += 1.0
        return scipy.linalg.solve(a, x).sum() + scipy.linalg.expm(a / 10).sum()

    np.testing.assert_allclose(cv.jvp(cv.lift(f), (X,), (V,)), (f(X), difference(f, X, V)), rtol=1e-6)


def test_distributions_of_scipy_run_lifted():
    f = lambda x: scipy.stats.norm.logpdf(x, loc=x[0]).sum()
    np.testing.assert_allclose(cv.jvp(cv.lift(f), (X,), (V,)), (f(X), difference(f, X, V)), rtol=1e-6)


# --- what is replaced -----------------------------------------------------------------------------------------------------


def test_report_and_uninstall():
    cv.jit(cv.lift(running))(X)
    assert f"{__name__}: " in cv.lift.report()
    assert type(np) is not types.ModuleType
    cv.lift.uninstall()
    assert type(np) is types.ModuleType
    assert cv.lift.report() == "nothing is lifted"
    np.testing.assert_allclose(cv.jit(cv.lift(running))(X), running(X))


def test_threads_lift_on_their_own():
    found, start = {}, threading.Barrier(4)

    def work(k):
        start.wait()
        found[k] = [cv.grad(cv.lift(total))(X + k) if k % 2 else total(X + k) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        expected = cv.grad(cv.lift(total))(X + k) if k % 2 else total(X + k)
        np.testing.assert_allclose(found[k], [expected] * 5)


def test_a_value_that_escaped():
    escaped = []
    cv.grad(cv.lift(lambda x: (escaped.append(np.array(x)), x.sum())[1]))(X)
    with pytest.raises(cv.errors.UnexpectedTracerError):
        escaped[0] + 1.0


# --- arguments that are one array -----------------------------------------------------------------------------------------


def twice(a, b):
    a[0] = 5.0
    return np.sum(a * b)


def test_an_array_given_twice_is_one_array():
    f = cv.lift(twice)
    x = X.copy()
    np.testing.assert_allclose(cv.jvp(lambda x: f(x, x), (X,), (V,))[0], twice(x, x))
    expected = cv.jvp(lambda x: cv.lift(lambda x, a, b: twice(a, b) * x[0])(x, V, V), (X,), (V,))[0]
    v = V.copy()
    np.testing.assert_allclose(expected, twice(v, v) * X[0])


def test_a_write_into_an_argument_that_shares_memory_is_refused():
    f = cv.lift(lambda x, a, b: twice(a, b) * x[0])
    with pytest.raises(cv.errors.InPlaceWriteError, match="shares memory with another argument"):
        cv.grad(f)(X, V, V[:3])


def test_a_part_written_into_another_view_at_the_same_index():
    def f(x):
        y = np.array(x)
        np.reshape(y, (2, 2), order="F")[1] = y[1]
        return y

    x = np.array([[0.5], [1.0], [-0.25], [-0.75]])
    np.testing.assert_allclose(cv.jvp(cv.lift(f), (x,), (x,))[0], f(x))


# --- notebooks ------------------------------------------------------------------------------------------------------------


def test_names_that_a_module_gets_later():
    names = {}
    exec("import numpy as np, covector as cv\ndef f(x):\n    y = np.zeros(3)\n    y[:] = x\n    return np.sum(y * y)", names)
    f, again = names["f"], cv.lift(names["f"])
    np.testing.assert_allclose(cv.grad(cv.lift(f))(X), 2 * X)
    exec("import numpy as np", names)
    np.testing.assert_allclose(cv.grad(again)(X), 2 * X)
    exec("@cv.custom_jvp\ndef rule(u):\n    return u * u\nrule.defjvp(lambda p, t: (rule(p[0]), 20 * p[0] * t[0]))", names)
    exec("def g(x):\n    y = rule(x)\n    y[1] = 0.0\n    return np.sum(y)", names)
    np.testing.assert_allclose(cv.grad(cv.lift(names["g"]))(X), [20 * X[0], 0, 20 * X[2]])
    cv.lift.uninstall()
    assert names["np"] is __import__("numpy")


def test_a_module_that_is_loaded_again(tmp_path, monkeypatch):
    (tmp_path / "filling.py").write_text("import numpy as np\ndef fill(x):\n    y = np.zeros(3)\n    y[:] = x\n    return y\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("filling")
    for _ in range(2):
        np.testing.assert_array_equal(cv.grad(cv.lift(lambda x: np.sum(module.fill(x) ** 2)))(X), 2 * X)
        importlib.reload(module)


def test_a_module_that_is_loaded_again_of_which_two_functions_are_used(tmp_path, monkeypatch):
    text = "import numpy as np\ndef fill(x):\n    return np.array([x, 1.0])\ndef double(x):\n    return np.array([x, x])\n"
    (tmp_path / "doubling.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("doubling")
    for _ in range(2):
        fill, double = module.fill, module.double
        assert cv.grad(cv.lift(lambda x: np.sum(fill(x) * double(x))))(3.0) == 7.0  # noqa: B023
        importlib.reload(module)


class Model:
    @cv.lift
    @staticmethod
    def of_class(x):
        y = np.zeros(3)
        y[:] = x
        return y.sum()

    @cv.lift
    def method(self, x):
        self.y = np.zeros(3)
        self.y[:] = x
        return self.y.sum()


def test_methods():
    for f in (Model.of_class, Model().of_class, Model().method):
        np.testing.assert_array_equal(cv.grad(f)(X), np.ones(3))


def test_packages_are_names():
    with pytest.raises(cv.errors.ArgumentError, match="lift got packages=3"):
        cv.lift(twice, packages=3)


def test_a_copy_in_a_known_order_is_reshaped_and_written():
    def f(x, copy):
        y = np.zeros_like(x)
        y = y.copy(order="C") if copy else y
        rows = y.T.reshape(-1)
        y[0] = x[0]
        return np.sum(y) + rows.size

    x = np.ones((2, 2))
    with pytest.raises(cv.errors.InPlaceWriteError, match=r"x = x.copy\(order='C'\) before the reshape"):
        cv.jit(cv.lift(f), static_argnums=1)(x, False)
    assert cv.jit(cv.lift(f), static_argnums=1)(x, True) == 6.0


def test_objects_that_are_called_have_the_name_of_their_class():
    class Keeper:
        def __call__(self, x):
            self.kept = x
            return x.sum()

    keeper = Keeper()
    cv.grad(cv.lift(keeper))(X)
    with pytest.raises(cv.errors.UnexpectedTracerError, match="after grad of Keeper returned"):
        keeper.kept + 1
