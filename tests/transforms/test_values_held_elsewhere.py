"""Arrays that somebody else holds too, and writes to: a derivative is right, or a write that would make it wrong is refused."""

import gc
import threading
import weakref

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core import memory
from covector.core.memory import LARGE

pytestmark = pytest.mark.usefixtures("few_objects")

X = np.array([0.3, 0.9, 1.4])
K = np.array([2.0, -1.0, 0.5])
CT = np.array([1.0, -2.0, 0.7])
N_LARGE = LARGE // 8 + 1000


def with_rules(kind):
    """A function with a rule of its own, which keeps ``x`` for its residual."""

    def container(f, k):
        slope = lambda x: k * (np.exp(x) + 2 * x)
        if kind == "jvp":
            custom = cv.custom_jvp(f)
            custom.defjvp(lambda p, t: (f(p[0]), slope(p[0]) * t[0]))
        else:
            custom = cv.custom_vjp(f)
            custom.defvjp(lambda x: (f(x), (x, k)), lambda r, ct: (ct * r[1] * (np.exp(r[0]) + 2 * r[0]),))
        return custom

    return container


def model(k):
    return lambda x: np.exp(x) * k + x * x * k


def with_batching(f):
    custom = cv.custom_vmap(f)
    custom.def_vmap(lambda size, batched, x: (f(x), True))
    return custom


def in_while(f):
    return lambda x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, f(s[1])), (0, x))[1]


CONTAINERS = {
    "plain": lambda f, k: f,
    "jit": lambda f, k: cv.jit(f),
    "checkpoint": lambda f, k: cv.checkpoint(f),
    "vmap": lambda f, k: lambda x: cv.vmap(f)(np.reshape(x, (1, -1)))[0],
    "scan": lambda f, k: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0],
    "xs": lambda f, k: lambda x: lax.scan(lambda c, row: (c, f(row)), 0.0, np.reshape(x, (1, -1)))[1][0],
    "map": lambda f, k: lambda x: lax.map(f, np.reshape(x, (1, -1)))[0],
    "fori": lambda f, k: lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x),
    "while": lambda f, k: in_while(f),
    "scan, checkpointed": lambda f, k: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=1, checkpoint="sqrt")[0],
    "scan, binomial": lambda f, k: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=1, checkpoint=2)[0],
    "while, checkpointed": lambda f, k: (
        lambda x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, f(s[1])), (0, x), checkpoint=2)[1]
    ),
    "named": lambda f, k: lambda x: cv.vmap(lambda x: lax.psum(f(x), "i"), axis_name="i")(np.reshape(x, (1, -1)))[0],
    "split": lambda f, k: lambda x: cv.vmap(lambda x: f(x) if x[0] > -9 else x, branches="split")(np.reshape(x, (1, -1)))[0],
    "jit of jit": lambda f, k: cv.jit(lambda x: cv.jit(f)(x)),
    "custom_vmap": lambda f, k: with_batching(f),
    "cond": lambda f, k: lambda x: lax.cond(True, f, lambda x: x, x),
    "switch": lambda f, k: lambda x: lax.switch(1, [lambda x: x, f], x),
    "jit of cond": lambda f, k: cv.jit(lambda x: lax.cond(np.sum(x) > 0, f, lambda x: x, x)),
    "custom_jvp": with_rules("jvp"),
    "custom_vjp": with_rules("vjp"),
    "jit of custom_vjp": lambda f, k: cv.jit(with_rules("vjp")(f, k)),
    "closure_convert": lambda f, k: (lambda g, consts: lambda x: g(x, *consts))(*cv.closure_convert(f, X)),
}

CHANGES = {
    "nothing": lambda x, k, out: None,
    "output": lambda x, k, out: np.add(out, 5.0, out=out),
    "view of the output": lambda x, k, out: out[1:].fill(7.0),
    "argument": lambda x, k, out: x.fill(-1.0),
    "view of the argument": lambda x, k, out: x[::2].fill(-1.0),
    "closed-over array": lambda x, k, out: np.multiply(k, 3.0, out=k),
}

TRANSFORMATIONS = {
    "vjp": lambda f, x: cv.vjp(f, x),
    "jit of vjp": lambda f, x: cv.jit(lambda x: cv.vjp(f, x))(x),
    "linearize": lambda f, x: (lambda out, push: (out, lambda t: (push(t),)))(*cv.linearize(f, x)),
    "jit of linearize": lambda f, x: (lambda out, push: (out, lambda t: (push(t),)))(*cv.jit(lambda x: cv.linearize(f, x))(x)),
    "vmap of vjp": lambda f, x: of_batch(lambda x: cv.vjp(f, x), x),
}


def of_batch(vjp, x):
    out, pull = cv.vmap(vjp)(x[None])
    return out[0], lambda ct: [r[0] for r in cv.vmap(lambda p, ct: p(ct))(pull, ct[None])]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_changed_before_the_pullback_is_called(container, change):
    for name, transformation in TRANSFORMATIONS.items():
        if name == "vmap of vjp" and container.startswith("while"):
            continue  # residuals of unknown number are not batched in a pullback
        if container == "split" and name not in ("vjp", "linearize"):
            continue  # branches are taken on values that are known
        if "linearize" in name and (container, change) == ("custom_vjp", "closed-over array"):
            continue  # a function without a JVP rule is run again where its linear map is applied
        x, k = X.copy(), K.copy()
        f = CONTAINERS[container](model(k), k)
        out, pull = transformation(f, x)
        np.testing.assert_allclose(out, K * (np.exp(X) + X**2), err_msg=name)
        CHANGES[change](x, k, out)
        for _ in range(2):
            np.testing.assert_allclose(pull(CT)[0], CT * K * (np.exp(X) + 2 * X), err_msg=name)


@pytest.mark.parametrize("container", CONTAINERS)
def test_results_and_cotangents_may_be_written_to(container):
    f = CONTAINERS[container](model(K), K)
    for name in ("vjp", "linearize"):
        ct = CT.copy()
        _, pull = TRANSFORMATIONS[name](f, X.copy())
        first = pull(ct)[0]
        first *= 100.0
        ct *= 100.0
        np.testing.assert_allclose(pull(CT)[0], CT * K * (np.exp(X) + 2 * X), err_msg=name)


@pytest.mark.parametrize("change", ["argument", "output"])
def test_changed_between_a_jvp_and_the_use_of_its_results(change):
    x, t = X.copy(), CT.copy()
    out, tangent = cv.jvp(lambda x: (x, np.reshape(x, (3, 1)), x * 1.0), (x,), (t,))
    (x if change == "argument" else out[0]).fill(9.0)
    (t if change == "argument" else tangent[0]).fill(9.0)
    for value, want in ((out, X), (tangent, CT)):
        np.testing.assert_array_equal(value[1][:, 0], want)
        np.testing.assert_array_equal(value[2], want)


# --- the results themselves -----------------------------------------------------------------------------------------------

IDENTITIES = {
    "identity": lambda a, b: (a, b),
    "twice": lambda a, b: (a, a),
    "plus": lambda a, b: (a + 0.0, b),
    "reshape": lambda a, b: (np.reshape(a, (3, 1)), np.ravel(a)),
    "transpose": lambda a, b: (np.stack([a, b]).T, np.transpose(np.reshape(b, (3, 1)))),
    "slice": lambda a, b: (a[1:], a[:2]),
    "overlapping": lambda a, b: (a[1:], a[:-1]),
    "get": lambda a, b: (cv.at(a)[1:].get(), cv.at(a)[0].get()),
    "copy": lambda a, b: (np.copy(a), a.copy()),
    "broadcast": lambda a, b: (np.broadcast_to(a, (2, 3)), b),
    "real": lambda a, b: (np.real(a), np.real(a + 1j * b)),
    "astype": lambda a, b: (a.astype(np.float64), b),
    "stop_gradient": lambda a, b: (cv.stop_gradient(a), b),
    "concatenate": lambda a, b: np.concatenate([a, b]),
    "common subexpression": lambda a, b: (np.sin(a), np.sin(a)),
    "constant": lambda a, b: (a, cv.stop_gradient(a) * 0 + K),
    "scan": lambda a, b: lax.scan(lambda c, _: (c, None), (a, b), None, length=2)[0],
    "scan of no step": lambda a, b: lax.scan(lambda c, _: (c, c), (a, b), None, length=0)[0],
    "rows": lambda a, b: lax.scan(lambda c, x: (c, x), a, np.stack([a, b])),
    "while": lambda a, b: lax.while_loop(lambda s: s[2] < 1, lambda s: (s[0], s[1], s[2] + 1), (a, b, 0))[:2],
    "fori": lambda a, b: lax.fori_loop(0, 2, lambda i, c: c, (a, b)),
    "associative_scan": lambda a, b: lax.associative_scan(np.add, (a[None], b[None])[0]),
    "linear_call": lambda a, b: cv.linear_call(lambda _, x: x, lambda _, ct: ct, (), (a, b)),
    "cond": lambda a, b: lax.cond(True, lambda a, b: (a, b), lambda a, b: (b, a), a, b),
    "checkpoint": lambda a, b: cv.checkpoint(lambda a, b: (a, b))(a, b),
    "jit": lambda a, b: cv.jit(lambda a, b: (a, a, b))(a, b),
}


def gradients(f, a, b):
    out, pull = cv.vjp(f, a, b)
    return out, pull(cv.tree.map(lambda o: np.ones_like(o), out))


RESULTS = {
    "plain call": lambda f, a, b: f(a, b),
    "jit": lambda f, a, b: cv.jit(f)(a, b),
    "jvp": lambda f, a, b: cv.jvp(f, (a, b), (a, b)),
    "vmap": lambda f, a, b: cv.vmap(f)(np.stack([a]), np.stack([b])),
    "vjp": gradients,
    "jit of vjp": lambda f, a, b: cv.jit(lambda a, b: gradients(f, a, b))(a, b),
    "linearize": lambda f, a, b: (lambda out, push: (out, push(a, b)))(*cv.linearize(f, a, b)),
    "jvp of jit": lambda f, a, b: cv.jvp(cv.jit(f), (a, b), (a, b)),
    "vmap of jit": lambda f, a, b: cv.vmap(cv.jit(f))(np.stack([a]), np.stack([b])),
    "jacfwd": lambda f, a, b: cv.jacfwd(f, (0, 1))(a, b),
    "jacrev": lambda f, a, b: cv.jacrev(f, (0, 1))(a, b),
}


PLAIN = {
    "scan",
    "scan of no step",
    "rows",
    "while",
    "fori",
    "cond",
    "jit",
    "associative_scan",
    "linear_call",
    "get",
}
"""What makes new arrays also where nothing is transformed, as what is written in NumPy need not."""


@pytest.mark.parametrize(
    ("transformation", "f"), [(t, f) for t in RESULTS for f in IDENTITIES if t != "plain call" or f in PLAIN]
)
def test_results_are_the_callers_own(f, transformation):
    a, b = X.copy(), K.copy()
    results = [r for r in cv.tree.leaves(RESULTS[transformation](IDENTITIES[f], a, b)) if type(r) is np.ndarray]
    before = [r.copy() for r in results]
    for i, result in enumerate(results):
        assert result.flags.writeable, i
        result[...] = 0.0
        for other, value in zip(results[i + 1 :], before[i + 1 :], strict=True):
            np.testing.assert_array_equal(other, value)
    np.testing.assert_array_equal((a, b), (X, K))


def test_the_cotangent_is_not_the_result_whatever_its_shape():
    for f in (lambda x: x, lambda x: np.reshape(x, (3, 1)), lambda x: x + 1, lambda x: np.stack([x, x])[0], lambda x: x[::-1]):
        out, pull = cv.vjp(f, X)
        ct = np.ones_like(out)
        (result,) = pull(ct)
        assert not np.shares_memory(result, ct)
        assert not np.shares_memory(pull(ct)[0], result)
        assert not np.shares_memory(cv.linearize(f, X)[1](ct.reshape(3)), ct)


def test_gradients_of_one_array_passed_twice_are_two():
    shared = X.copy()
    a, b = cv.grad(lambda x, y: np.sum(x + y), (0, 1))(shared, shared)
    a += 1
    np.testing.assert_array_equal(b, np.ones(3))


OPERAND = np.arange(3.0)
PLACES = np.array([0, 2])
MASK = np.array([True, False, True])
MATRIX = np.arange(9.0).reshape(3, 3)

WITH_OPERANDS = {
    "x[array]": lambda x: x[PLACES],
    "x[mask]": lambda x: x[MASK],
    "at.set": lambda x: cv.at(x)[PLACES].set(OPERAND[:2]),
    "at.add": lambda x: cv.at(x)[MASK].add(OPERAND[:2]),
    "at of a table": lambda x: cv.at(OPERAND)[PLACES].multiply(x[:2]),
    "interp": lambda x: np.interp(x, OPERAND, OPERAND * 2),
    "searchsorted": lambda x: np.searchsorted(OPERAND, x) * x,
    "select": lambda x: np.select([x > 0, x < 0], [OPERAND, x], OPERAND),
    "choose": lambda x: np.choose(np.array([0, 1, 0]), [x, OPERAND]),
    "take": lambda x: np.take(x, PLACES),
    "take_along_axis": lambda x: np.take_along_axis(x, PLACES, 0),
    "repeat": lambda x: np.repeat(x, PLACES[[0, 1, 1]]),
    "einsum": lambda x: np.einsum("ij,j", MATRIX, x),
    "matmul": lambda x: MATRIX @ x,
    "transposed": lambda x: MATRIX.T @ x,
    "convolve": lambda x: np.convolve(x, OPERAND),
    "polyval": lambda x: np.polyval(OPERAND, x),
    "where": lambda x: np.where(MASK, x, OPERAND),
    "clip": lambda x: np.clip(x, OPERAND - 1, OPERAND),
    "average": lambda x: np.average(x, weights=OPERAND),
    "percentile": lambda x: np.percentile(x, OPERAND),
    "trapezoid": lambda x: np.trapezoid(x, OPERAND),
    "insert": lambda x: np.insert(x, PLACES, OPERAND[:2]),
    "delete": lambda x: np.delete(x, PLACES),
    "append": lambda x: np.append(x, OPERAND),
    "solve": lambda x: np.linalg.solve(MATRIX + 9 * np.eye(3), x),
    "outer": lambda x: np.outer(OPERAND, x),
    "bincount": lambda x: np.bincount(PLACES, x[:2]),
    "where=": lambda x: np.add.reduce(x, where=MASK, initial=0.0),
    "diff": lambda x: np.diff(x, prepend=OPERAND[:1]),
    "kron": lambda x: np.kron(x, OPERAND),
    "linspace": lambda x: np.linspace(x, OPERAND, 4),
    "ix_": lambda x: np.outer(x, x)[np.ix_(PLACES, PLACES)],
    "scan": lambda x: lax.scan(lambda c, row: (c * row, c), x, MATRIX)[1],
    "while": lambda x: lax.while_loop(lambda s: np.sum(s) < 5, lambda s: s + OPERAND, x),
    "cond": lambda x: lax.cond(np.sum(x) > 0, lambda x: x * OPERAND, lambda x: x, x),
    "custom_vjp": lambda x: with_rules("vjp")(model(OPERAND), OPERAND)(x),
    "checkpoint": lambda x: cv.checkpoint(model(OPERAND))(x),
    "result": lambda x: (x * 2, OPERAND, MATRIX[1:]),
}


@pytest.mark.parametrize("f", WITH_OPERANDS)
def test_nothing_keeps_an_operand_of_the_users(f):
    """Neither as a constant nor in a parameter of an equation, in the program or in the linear map, nor on a tape."""
    users = [OPERAND, PLACES, MASK, MATRIX, X]
    program = cv.make_jaxpr(WITH_OPERANDS[f])(X)
    _, push = cv.linearize(WITH_OPERANDS[f], X)
    _, pull = cv.vjp(WITH_OPERANDS[f], X)
    held = [*arrays_in(program), *arrays_in(push.jaxpr), *arrays_in(cv.tree.leaves(pull)), *arrays_in(pull.program.trace.tape)]
    assert not [a for a in held if any(np.may_share_memory(a, u) for u in users)]


def arrays_in(x):
    if type(x) is np.ndarray:
        yield x
    elif isinstance(x, (tuple, list)):
        for item in x:
            yield from arrays_in(item)
    elif isinstance(x, dict):
        yield from arrays_in(list(x.values()))
    elif isinstance(x, cv.Jaxpr):
        yield from arrays_in([x.consts, [e.params for e in x.equations]])


def test_identities_return_copies_also_where_nothing_is_traced():
    x = X.copy()
    for f in (cv.stop_gradient, lambda x: cv.checkpoint_name(x, "name")):
        y = f(x)
        y += 1
        np.testing.assert_array_equal(x, X)


def test_the_leaves_of_a_pullback_are_read_only():
    for linear in (cv.vjp(model(K), X)[1], cv.linearize(model(K), X)[1]):
        for leaf in cv.tree.leaves(linear):
            with pytest.raises(ValueError, match="read-only"):
                leaf[...] = 0.0
        np.testing.assert_allclose(cv.tree.leaves(linear(CT))[0], CT * K * (np.exp(X) + 2 * X))


def test_static_arguments_of_a_rule_changed_before_the_pullback_is_called():
    f = cv.custom_vjp(lambda k, x: k["a"] * x, nondiff_argnums=(0,))
    f.defvjp(lambda k, x: (k["a"] * x, None), lambda k, r, ct: (ct * k["a"],))
    k = {"a": K.copy()}
    _, pull = cv.vjp(lambda x: f(k, x), X)
    k["a"][:] = 50.0
    np.testing.assert_allclose(pull(CT)[0], CT * K)


# --- written to inside the function -----------------------------------------------------------------------------------------


def refilled(x):
    w, total = np.zeros(3), 0.0
    for i in range(3):
        w[:] = i + 1
        total = total + np.sum(w * x * x)
    return total


def incremented(x):
    k = np.arange(3.0)
    s = np.sum(k * x**2)
    k += 1.0
    return s + np.sum(k * x)


def through_a_view(x):
    w = np.arange(12.0).reshape(4, 3)
    total = 0.0
    for row in w:
        total = total + np.sum(row * x * x)
        w += 1.0
    return total


def through_the_base(x):
    base = np.ones(6)
    total = np.sum(base[::2] * np.exp(x))
    base[:] = 5.0
    return total


def in_operations(x):
    w = np.ones((3, 3))
    y = w @ x
    w[0] = 2.0
    y = y + np.where(w > 1.5, x, 0.0)[0]
    w[:] = 3.0
    y = y + np.einsum("ij,j->i", w, x) * np.stack([x, w[0]])[0]
    w[:] = 0.0
    return np.sum(y**2)


def what_is_known_is_written_to(x):
    mask = np.floor(x)
    still = cv.stop_gradient(x)
    y = x * still + mask
    if type(mask) is np.ndarray:
        mask += 100.0
    if type(still) is np.ndarray:
        still *= 100.0
    return np.sum(y * x)


def indexed(x):
    i = np.array([0, 1])
    y = np.sum(x[i] ** 2)
    i[:] = 2
    return y + np.sum(x[i] ** 3)


INSIDE = [refilled, incremented, through_a_view, through_the_base, in_operations, indexed]


def differences(f, x, h=1e-6):
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)])


MODES = {
    "value": (lambda f, x: cv.value_and_grad(f)(x)[0], 0),
    "jit": (lambda f, x: cv.jit(f)(x), 0),
    "vmap": (lambda f, x: cv.vmap(f)(np.stack([x, x]))[1], 0),
    "jvp": (lambda f, x: cv.jvp(f, (x,), (CT,))[1] * np.ones(3), "along"),
    "grad": (lambda f, x: cv.grad(f)(x), 1),
    "grad of jit": (lambda f, x: cv.grad(cv.jit(f))(x), 1),
    "jit of grad": (lambda f, x: cv.jit(cv.grad(f))(x), 1),
    "vmap of grad": (lambda f, x: cv.vmap(cv.grad(f))(np.stack([x, x]))[1], 1),
    "grad of vmap": (lambda f, x: cv.grad(lambda xs: cv.vmap(f)(xs)[0])(np.stack([x, x]))[0], 1),
    "grad of checkpoint": (lambda f, x: cv.grad(cv.checkpoint(f))(x), 1),
    "grad of grad": (lambda f, x: cv.grad(lambda x: cv.grad(f)(x) @ CT)(x), 2),
    "jvp of grad": (lambda f, x: cv.jvp(cv.grad(f), (x,), (CT,))[1], 2),
    "hessian": (lambda f, x: cv.hessian(f)(x) @ CT, 2),
    "vjp": (lambda f, x: cv.vjp(f, x)[1](1.0)[0], 1),
    "linearize": (lambda f, x: np.array([cv.linearize(f, x)[1](e) for e in np.eye(3)]), 1),
    "scan": (lambda f, x: cv.grad(lambda x: lax.scan(lambda c, _: (c + f(x), None), 0.0, None, length=1)[0])(x), 1),
}


@pytest.mark.parametrize("f", INSIDE, ids=lambda f: f.__name__)
def test_work_arrays_changed_inside_the_function(f):
    x = np.array([1.1, 0.4, 2.2])
    slope = differences(f, x)
    step = 1e-4
    second = (differences(f, x + step * CT) - differences(f, x - step * CT)) / (2 * step)
    wanted = {0: f(x), 1: slope, 2: second, "along": slope @ CT}
    for name, (mode, order) in MODES.items():
        tol = {"rtol": 1e-3, "atol": 1e-3} if order == 2 else {"rtol": 1e-6, "atol": 1e-6}
        np.testing.assert_allclose(mode(f, x.copy()), wanted[order], err_msg=name, **tol)


@pytest.mark.parametrize("n", [3, N_LARGE])
def test_the_argument_itself_written_to_inside(n):
    """The function's argument is what it was when the function was called, or the write is refused."""
    want = np.linspace(0.5, 1.5, n)
    for transformation in (
        lambda f, x: cv.jvp(f, (x,), (np.ones(n),)),
        lambda f, x: cv.value_and_grad(f)(x),
        lambda f, x: (lambda out, pull: (out, pull(1.0)[0]))(*cv.vjp(f, x)),
        lambda f, x: cv.jvp(cv.jit(f), (x,), (np.ones(n),)),
    ):
        x = want.copy()

        def f(traced, x=x):
            y = np.sum(np.sin(traced))
            x[:] = 7.0
            return y + np.sum(traced**2)

        if n > 3:
            with pytest.raises(cv.errors.InPlaceWriteError):
                transformation(f, x)
            np.testing.assert_array_equal(x, want)
            assert x.flags.writeable
        else:
            value, slope = transformation(f, x)
            np.testing.assert_allclose(value, np.sum(np.sin(want) + want**2))
            np.testing.assert_allclose(np.sum(slope), np.sum(np.cos(want) + 2 * want))


def test_known_results_may_be_written_to():
    x = np.array([1.1, 0.4, 2.2])
    want = 2 * x * x + np.floor(x)  # the factor that is stopped counts as a constant
    for mode in ("grad", "jit of grad", "grad of jit", "vjp", "vmap of grad"):
        np.testing.assert_allclose(MODES[mode][0](what_is_known_is_written_to, x), want, err_msg=mode)
    value, _ = cv.jvp(what_is_known_is_written_to, (x,), (x,))
    np.testing.assert_allclose(value, np.sum((x * x + np.floor(x)) * x))


# --- large arrays -------------------------------------------------------------------------------------------------------------


def large_model():
    k = np.full(N_LARGE, 2.0)
    return k, np.linspace(0.0, 1.0, N_LARGE).copy()


def test_large_arrays_are_read_only_while_the_function_runs_and_the_error_says_so():
    k, x = large_model()

    def f(x):
        s = np.sum(k * x)
        k[0] = 5.0  # here
        return s

    for transformation in (lambda: cv.grad(f)(x), lambda: cv.vjp(f, x), lambda: cv.linearize(f, x)):
        with pytest.raises(cv.errors.InPlaceWriteError) as caught:
            transformation()
        text = str(caught.value)
        assert ("# here" in text and f"f64[{N_LARGE}]" in text and "copy of it" in text and "grad" in text) or "of " in text
        assert k.flags.writeable and x.flags.writeable
        assert isinstance(caught.value.__cause__, ValueError)


def test_the_argument_is_read_only_too_if_it_is_large():
    _, x = large_model()

    def f(traced):
        x[0] = 1.0
        return np.sum(traced**2)

    with pytest.raises(cv.errors.InPlaceWriteError, match="read-only while the function runs"):
        cv.grad(f)(x)
    assert x.flags.writeable


def test_large_arrays_are_as_they_were_afterwards():
    k, x = large_model()
    fixed = np.full(N_LARGE, 3.0)
    fixed.setflags(write=False)
    seen = []

    def f(x):
        s = np.sum(k * x * fixed)
        seen.append((k.flags.writeable, fixed.flags.writeable))
        return s

    cv.grad(f)(x)
    cv.vjp(f, x)
    with pytest.raises(ZeroDivisionError):
        cv.grad(lambda x: (f(x), 1 // 0)[0])(x)
    with pytest.raises(cv.errors.NonScalarGradError):
        cv.grad(lambda x: k * x)(x)
    assert seen == [(False, False)] * 3
    assert k.flags.writeable and x.flags.writeable and not fixed.flags.writeable


def test_large_arrays_may_change_once_the_function_has_returned():
    for kind in ("argument", "closed-over array", "output"):
        k, x = large_model()
        start = x.copy()
        for transformation in ("vjp", "linearize"):
            out, pull = TRANSFORMATIONS[transformation](lambda x, k=k: np.exp(x) * k, x)
            CHANGES[kind](x, k, out)
            np.testing.assert_allclose(pull(np.ones(N_LARGE))[0], 2.0 * np.exp(start), err_msg=kind)
            x[:], k[:] = start, 2.0


MATRICES = {
    "matmul": lambda w, x: w @ x,
    "transposed": lambda w, x: w.T @ x,
    "einsum": lambda w, x: np.einsum("ij,j->i", w, x),
    "of a batch": lambda w, x: cv.vmap(lambda row: np.sum(row * x))(w),
    "batch of vectors": lambda w, x: cv.vmap(lambda v: w @ v)(np.stack([x, x]))[1],
    "reshaped": lambda w, x: np.sum(np.reshape(np.outer(x, np.ones(300)), (300, 300)) * w, 1),
    "jit": lambda w, x: cv.jit(lambda w, x: w @ x)(w, x),
    "checkpoint": lambda w, x: cv.checkpoint(lambda w, x: w @ x)(w, x),
    "scan": lambda w, x: lax.scan(lambda c, row: (c, row @ x), 0.0, w)[1],
    "constant of a scan": lambda w, x: lax.scan(lambda c, _: (w @ c, None), x, None, length=1)[0],
    "while": lambda w, x: lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, s[1], s[1] @ s[2]), (0, w, x))[2],
    "cond": lambda w, x: lax.cond(True, lambda w, x: w @ x, lambda w, x: x, w, x),
}


@pytest.mark.parametrize("f", MATRICES)
def test_large_matrices_may_change_once_the_function_has_returned(f):
    w, x = np.linspace(0.0, 1.0, 90_000).reshape(300, 300).copy(), np.linspace(-1.0, 1.0, 300)
    ct = np.cos(np.arange(300.0))
    out = MATRICES[f](w, x)
    want = np.array([np.sum(MATRICES[f](w, e) * ct) for e in np.eye(300)[[0, 7, 299]]])  # it is linear in x
    for transformation in (cv.vjp, lambda f, x: (lambda out, push: (out, cv.linear_transpose(push, x)))(*cv.linearize(f, x))):
        given = w.copy()
        value, pull = transformation(lambda x, given=given: MATRICES[f](given, x), x)
        given *= -3.0
        np.testing.assert_allclose(value, out)
        np.testing.assert_allclose(pull(ct)[0][[0, 7, 299]], want)
    inputs, both = w.copy(), None
    _, both = cv.vjp(MATRICES[f], inputs, x)
    first = both(ct)
    inputs[:] = 0.0
    for a, b in zip(both(ct), first, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_large_array_changed_through_a_view_made_before_is_noticed():
    k, x = large_model()
    for view in (k[:], k.reshape(-1, 8), memoryview(k).cast("B").cast("d")):

        def f(x, view=view):
            s = np.sum(k * x)
            if isinstance(view, memoryview):
                for i in range(len(view)):
                    view[i] = 1.5
            else:
                view += 1.0
            return s + np.sum(k * x)

        for transformation in (lambda f=f: cv.grad(f)(x), lambda f=f: cv.vjp(f, x), lambda f=f: cv.linearize(f, x)):
            k[:] = 2.0
            with pytest.raises(cv.errors.InPlaceWriteError, match="through another array that shares its memory"):
                transformation()
            assert k.flags.writeable


def test_large_views_are_copied():
    both = np.ones((2, N_LARGE))

    def f(x):
        s = np.sum(both[0] * x)
        both[:] = 7.0
        return s + np.sum(both[1] * x)

    np.testing.assert_array_equal(cv.grad(f)(np.ones(N_LARGE)), np.full(N_LARGE, 8.0))


def test_large_arrays_in_two_transformations_at_once():
    k, x = large_model()
    inner = cv.grad(lambda y: np.sum(k * y * y))
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(inner(x) * k))(x), 8.0)
    inside, leave = threading.Event(), threading.Event()
    results = []

    def f(x):
        y = np.sum(k * x)
        inside.set()
        leave.wait(5)
        return y

    thread = threading.Thread(target=lambda: results.append(cv.grad(f)(x)))
    thread.start()
    inside.wait(5)
    cv.grad(lambda x: np.sum(k * x))(x)
    assert not k.flags.writeable  # the other thread still needs it
    leave.set()
    thread.join()
    assert k.flags.writeable
    np.testing.assert_array_equal(results[0], k)


@pytest.mark.parametrize("trace", [cv.jit, cv.checkpoint, lambda f: lambda x: lax.map(f, x[None])[0]])
def test_programs_keep_large_arrays_as_they_were(trace):
    k, x = large_model()
    f = lambda x: k * x * x
    g = trace(f)
    out, pull = cv.vjp(g, x)
    k[:] = -1.0
    np.testing.assert_allclose(out, 2.0 * x * x)
    np.testing.assert_allclose(pull(np.ones(N_LARGE))[0], 4.0 * x)
    assert k.flags.writeable


def test_large_arrays_that_no_derivative_needs_are_dropped_at_once():
    alive = []

    def f(x):
        for _ in range(3):
            noise = np.ones(N_LARGE)
            alive.append(weakref.ref(noise))
            x = x + noise
            del noise
            assert alive[-1]() is None
        return np.sum(x)

    cv.grad(f)(np.ones(N_LARGE))
    assert not memory._frozen


def test_views_of_a_large_array_that_are_used_in_each_step_are_copied_once():
    w = np.linspace(0.0, 1.0, 90_000).reshape(300, 300)

    w[0, 0] = 0.0
    _, pull = cv.vjp(lambda x: np.sum(w.T @ (w.T @ (w.T @ x))), np.ones(300))
    large = [a for a in arrays_in(pull.program.trace.tape) if a.nbytes > LARGE]
    assert len({id(memory.owner_of(a)) for a in large}) == 1
    program = cv.make_jaxpr(lambda x: w.T @ (w.T @ (w.T @ x)))(np.ones(300))
    assert len([c for c in program.consts.values() if c.nbytes > LARGE]) == 1

    def changing(x):
        y = w.T @ x
        w[0, 0] = -0.0  # equal, and not the same
        y = w.T @ y
        w[0, 0] = 5.0
        return w.T @ y

    program = cv.make_jaxpr(changing)(np.ones(300))
    corners = [c[0, 0] for c in program.consts.values()]
    assert corners[1:] == [0.0, 5.0] and np.signbit(corners[:2]).tolist() == [False, True]
    w[0, 0] = 0.0
    _, pull = cv.vjp(changing, np.ones(300))
    w[0, 0] = 0.0
    wc = w.copy()
    wc[0, 0] = 5.0
    np.testing.assert_allclose(pull(np.ones(300))[0], w @ (w @ (wc @ np.ones(300))))


def test_nothing_is_kept_alive():
    k, x = large_model()
    references = [weakref.ref(k), weakref.ref(x)]
    f = lambda x, k=k: np.sum(k * x * x)
    out, pull = cv.vjp(f, x)
    cv.grad(f)(x)
    del k, x, f
    gc.collect()
    assert [r() for r in references] == [None, None]
    del out, pull


def test_arrays_that_nobody_can_write_to_are_not_copied():
    memory = np.ones(N_LARGE).tobytes()
    foreign = np.frombuffer(memory)
    program = cv.make_jaxpr(lambda x: x * foreign)(foreign)
    (const,) = program.consts.values()
    assert const is foreign


def test_a_program_has_one_constant_for_arrays_that_are_alike():
    k = np.arange(3.0)

    def f(x):
        y = x * k + np.arange(3.0)
        k[0] = 9.0
        return y * k

    program = cv.make_jaxpr(f)(X)
    assert [list(c) for c in program.consts.values()] == [[0.0, 1.0, 2.0], [9.0, 1.0, 2.0]]


# --- programs are snapshots ---------------------------------------------------------------------------------------------------


def test_a_jitted_function_is_a_snapshot_in_value_and_derivatives():
    k = K.copy()
    f = cv.jit(lambda x: np.sum(k * x**2))
    program = cv.make_jaxpr(lambda x: k * x)(X)
    transposed = cv.linear_transpose(lambda x: k * x, X)
    f(X)
    k[:] = 100.0
    np.testing.assert_allclose(f(X), np.sum(K * X**2))
    np.testing.assert_allclose(cv.grad(f)(X), 2 * K * X)
    np.testing.assert_allclose(cv.jvp(f, (X,), (CT,))[1], np.sum(2 * K * X * CT))
    np.testing.assert_allclose(cv.hessian(f)(X), np.diag(2 * K))
    np.testing.assert_allclose(cv.vmap(f)(X[None]), [np.sum(K * X**2)])
    np.testing.assert_allclose(transposed(CT)[0], K * CT)
    np.testing.assert_array_equal(next(iter(program.consts.values())), K)


@pytest.mark.parametrize("n", [3, N_LARGE])
def test_linear_transpose_of_a_function_that_changes_its_work_array(n):
    def f(x):
        w = np.ones(n)
        y = w * x
        if n == 3:
            w[:] = 2.0
        return y + cv.jit(lambda x, w: w * x)(x, w)

    k = np.ones(n)
    transposed = cv.linear_transpose(lambda x: f(x) * k, np.ones(n))
    k[:] = 50.0
    np.testing.assert_array_equal(transposed(np.ones(n))[0], np.full(n, 3.0 if n == 3 else 2.0))


# --- code of the user's: callbacks, rules, primitives ----------------------------------------------------------------------


class Keeper:
    """A function that keeps what it is given, writes to it, and returns the same work array each time."""

    def __init__(self, f):
        self.f = f
        self.kept = []
        self.work = np.zeros(3)

    def __call__(self, *args):
        self.work[:] = self.f(*args)
        for a in args:
            if type(a) is np.ndarray and a.flags.writeable and a.ndim:
                a *= 0.5
                self.kept.append(a)
        return self.work

    def spoil(self):
        self.work[:] = np.nan
        for a in self.kept:
            a[:] = np.nan


def callback_of(keeper):
    shape = cv.ShapedArray((3,), np.float64)
    slope = Keeper(lambda p, t: np.cos(p) * t)

    def apply(x):
        return cv.pure_callback(
            keeper,
            shape,
            x,
            vmap_method="sequential",
            jvp=lambda p, t: (apply(*p), cv.pure_callback(lambda p: np.cos(p), shape, *p, vmap_method="sequential") * t[0]),
        )

    return apply, [keeper, slope]


_count = iter(range(10_000))


def primitive_of(keeper):
    p = cv.Primitive(f"keeping_{next(_count)}")
    scale = Keeper(np.cos)
    p.def_impl(keeper)
    p.def_abstract(lambda x: x)
    p.def_batch(lambda size, args, dims: (np.stack([p.bind(row) for row in np.moveaxis(args[0], dims[0], 0)]), 0))

    @p.def_jvp
    def jvp(primals, tangents):
        (x,), (t,) = primals, tangents
        out = p.bind(x)
        factor = scale(x) if type(x) is np.ndarray else np.cos(x)
        return out, factor * t

    return p.bind, [keeper, scale]


def elementwise_of(keeper):
    slope = Keeper(lambda out, x: np.cos(x))
    derivative = lambda out, x: slope(out, x) if type(x) is np.ndarray and x.shape == (3,) else np.cos(x)
    fn = lambda x: keeper(x) if np.shape(x) == (3,) else np.sin(x)
    return cv.elementwise(f"keeping_{next(_count)}", fn, derivative), [keeper, slope]


def custom_jvp_of(keeper):
    f = cv.custom_jvp(lambda x: keeper(x) if type(x) is np.ndarray else np.sin(x))
    slope = Keeper(np.cos)

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        if type(x) is not np.ndarray:
            return np.sin(x), np.cos(x) * t
        factor = slope(x.copy())
        out = factor * t
        return keeper(x), out

    return f, [keeper, slope]


def custom_vjp_of(keeper):
    f = cv.custom_vjp(np.sin)
    pulled = Keeper(lambda r, ct: np.cos(r) * ct)

    def fwd(x):
        return (keeper(x.copy()), x) if type(x) is np.ndarray else (np.sin(x), x)

    def bwd(r, ct):
        return (pulled(r, ct),) if type(ct) is np.ndarray and type(r) is np.ndarray else (np.cos(r) * ct,)

    f.defvjp(fwd, bwd)
    return f, [keeper, pulled]


USERS = {
    "pure_callback": callback_of,
    "primitive": primitive_of,
    "elementwise": elementwise_of,
    "custom_jvp": custom_jvp_of,
    "custom_vjp": custom_vjp_of,
}


@pytest.mark.parametrize("user", USERS)
def test_code_that_keeps_and_changes_what_it_gets_and_returns(user):
    """The derivative of ``sin(sin(x)) * x``, where both sines are the user's, spoiled before the pullback."""
    want = np.cos(np.sin(X)) * np.cos(X) * X + np.sin(np.sin(X))
    for transform in (lambda f: f, cv.jit, cv.checkpoint):
        sine, keepers = USERS[user](Keeper(np.sin))
        f = transform(lambda x, sine=sine: sine(sine(x)) * x)
        x = X.copy()
        out, pull = cv.vjp(f, x)
        for k in keepers:
            k.spoil()
        np.testing.assert_allclose(out, np.sin(np.sin(X)) * X)
        for _ in range(2):
            (result,) = pull(np.ones(3))
            for k in keepers:
                k.spoil()
            np.testing.assert_allclose(result, want)
        np.testing.assert_array_equal(x, X)
    sine, keepers = USERS[user](Keeper(np.sin))
    if user != "custom_vjp":
        value, tangent = cv.jvp(lambda x: sine(sine(x)) * x, (x,), (np.ones(3),))
        for k in keepers:
            k.spoil()
        np.testing.assert_allclose((value, tangent), (np.sin(np.sin(X)) * X, want))
        np.testing.assert_array_equal(x, X)


def test_a_linear_primitive_and_a_reduction_that_keep_their_arguments():
    keeper, back = Keeper(lambda x: 2 * x), Keeper(lambda ct: 2 * ct)
    double = cv.linear(
        f"keeping_{next(_count)}",
        keeper,
        lambda ct, x: back(ct) if type(ct) is np.ndarray else 2 * ct,
        abstract=lambda x: x,
    )
    for transform in (lambda f: f, cv.jit):
        x, ct = X.copy(), CT.copy()
        out, pull = cv.vjp(transform(lambda x: double.bind(double.bind(x)) * x), x)
        keeper.spoil()
        (result,) = pull(ct)
        keeper.spoil(), back.spoil()
        np.testing.assert_allclose(result, CT * 8 * X)
        np.testing.assert_allclose(out, 4 * X * X)
        np.testing.assert_array_equal((x, ct), (X, CT))
    out, push = cv.linearize(lambda x: double.bind(x), x)
    np.testing.assert_allclose(push(ct), 2 * CT)
    np.testing.assert_array_equal(ct, CT)


@pytest.mark.parametrize("kind", ["pure", "io", "debug"])
def test_callbacks_get_and_give_copies(kind):
    keeper = Keeper(lambda x: 3 * x)
    shape = cv.ShapedArray((3,), np.float64)

    def call(x):
        if kind == "pure":
            return cv.pure_callback(keeper, shape, x, vmap_method="sequential")
        if kind == "io":
            return cv.io_callback(keeper, shape, x)
        cv.debug.callback(keeper, x)
        return 3 * x

    def f(x):
        first = call(x)
        second = call(first)
        return first + second + 0 * x

    rows = np.stack([X, K])
    for transform in (lambda f: f, cv.jit):
        x = X.copy()
        np.testing.assert_allclose(transform(f)(x), 12 * X)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_allclose(cv.vmap(transform(f))(rows), 12 * np.stack([X, K]))
        np.testing.assert_array_equal(rows, np.stack([X, K]))
        carry, ys = lax.scan(transform(lambda c, _: (call(c), c)), X.copy(), None, length=3)
        np.testing.assert_allclose(carry, 27 * X)
        np.testing.assert_allclose(ys, [X, 3 * X, 9 * X])


def test_rules_may_change_the_arrays_that_they_close_over():
    table = np.ones(3)
    f = cv.custom_jvp(lambda x: np.sum(x))

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        table[:] = table + 1
        return np.sum(x), np.sum(table * t)

    g = lambda x: f(x) + f(2 * x)  # the first rule multiplies by 2, the second by 3 (and the argument by 2)
    np.testing.assert_allclose(cv.grad(g)(X), np.full(3, 8.0))
    table[:] = 1
    np.testing.assert_allclose(cv.jit(cv.grad(g))(X), np.full(3, 8.0))
    table[:] = 1
    _, pull = cv.vjp(g, X)
    table[:] = 50
    np.testing.assert_allclose(pull(1.0)[0], np.full(3, 8.0))


@pytest.mark.filterwarnings("error")
def test_views_that_numpy_warns_of_when_they_are_written_to():
    """NumPy warns where somebody asks whether what `broadcast_arrays` gives is writeable; a program copies it in silence."""
    for size in (3, 100_000):
        view, x = np.broadcast_arrays(np.float64(2.0), np.ones(size))
        for transformed in (cv.jit(cv.grad(lambda x, v=view: np.sum(x * v))), cv.grad(lambda x, v=view: np.sum(x * v))):
            np.testing.assert_array_equal(transformed(x.copy()), np.full(size, 2.0))
        program = cv.make_jaxpr(lambda x, v=view: x * v)(x.copy())
        np.testing.assert_array_equal(program(x.copy())[0], np.full(size, 2.0))
        compiled, differentiated = cv.jit(lambda v=view: v), lambda x, v=view: (x, v)
        for out in (compiled(), cv.jvp(differentiated, (x.copy(),), (x.copy(),))[0][1]):
            out[0] = 1.0
            assert view[0] == 2.0
