"""Programs as Python files: what is executed gives what the program gives, and reads like what was written."""

import inspect
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings

import covector as cv
from covector.backends.readable.spelling import Module, number, numbers
from covector.core.primitive import primitive_named
from covector.testing import random_programs
from covector.testing.numerical import widen

sys.path += [str(Path(__file__).parents[1] / "primitives"), str(Path(__file__).parents[2])]
from primitive_table import TABLE

from benchmarks.frameworks import framework
from benchmarks.workloads import WORKLOADS


def executed(text, name):
    """The function of that name that a file defines."""
    namespace = {"__name__": "saved"}
    exec(compile(text, "saved.py", "exec"), namespace)
    return namespace[name]


def round_trips(f, *args, tolerance=1e-13, **kwargs):
    lowered = cv.jit(f).lower(*args, **kwargs)
    text = lowered.as_text("python")
    name = getattr(f, "__name__", "program")
    saved = executed(text, name if name.isidentifier() else "program")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, wanted = saved(*args, **kwargs), lowered.compile()(*args, **kwargs)
    assert cv.tree.structure(found) == cv.tree.structure(wanted), text
    for x, y in zip(cv.tree.leaves(found), cv.tree.leaves(wanted), strict=True):
        assert cv.typeof(x) == cv.typeof(y), (x, y, text)
        if not cv.typeof(y).dtype.itemsize:
            continue
        scale = np.max(np.abs(widen(y))[np.isfinite(widen(y))], initial=1.0)
        np.testing.assert_allclose(widen(x), widen(y), rtol=tolerance, atol=tolerance * float(scale), err_msg=text)
    return text


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(random_programs())
def test_random_programs(program):
    round_trips(program, *program.inputs, tolerance=64 * program.precision)


@pytest.mark.parametrize("name", [*TABLE])
def test_every_primitive(name):
    entry = TABLE[name]
    for dtype in [t for t in (np.float64, np.complex64) if t in entry.dtypes] or entry.dtypes[:1]:

        @settings(max_examples=2, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
        @given(entry.cases(dtype))
        def tried(case):
            args, params = case if isinstance(case[0], tuple) and isinstance(case[1], dict) else (case, {})
            round_trips(lambda *xs: primitive_named(name).bind(*xs, **params), *args, tolerance=1e-4)

        tried()


@pytest.mark.parametrize("name", [*WORKLOADS])
def test_workloads(name):
    f, args = WORKLOADS[name].make(framework("covector"), True)
    is_single = any(cv.typeof(x).dtype == np.float32 for x in cv.tree.leaves(args))
    text = round_trips(f, *args, tolerance=1e-4 if is_single else 1e-9)
    assert cv.jit(f).lower(*args).cost_analysis()["flops"] > 0
    assert "not_written" not in text


# --- what it reads like ---------------------------------------------------------------------------------------------------

WEIGHTS = np.array([0.5, -1.0, 2.0])


def layer(params, x):
    hidden = np.tanh(x @ params["w"] + params["b"])
    mean = np.mean(hidden, axis=0)
    scaled = WEIGHTS * mean - 0.1 * mean**2
    return np.sum(scaled), {"hidden": hidden}


Y = np.linspace(0.5, 1.5, 6).reshape(2, 3)
PARAMS = {"w": np.linspace(-1, 1, 12).reshape(4, 3), "b": np.zeros(3)}


def code(text):
    """The lines of a text that are no comments and not empty."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def test_names_operators_constants_and_lines_of_the_user():
    text = round_trips(layer, PARAMS, np.ones((5, 4)))
    assert code(text) == [
        "import numpy as np",
        "WEIGHTS = np.array([0.5, -1.0, 2.0])",
        "def layer(params, x):",
        "w = params['w']",
        "b = params['b']",
        "hidden = np.tanh(x @ w + b)",
        "mean = np.sum(hidden, axis=0) / 5",
        "scaled = WEIGHTS * mean - 0.1 * mean ** 2",
        "return np.sum(scaled), {'hidden': hidden}",
    ]
    assert '# test_readable.py:' in text and 'hidden = np.tanh(x @ params["w"] + params["b"])' in text


def nested(x):
    slope = np.sin(x)
    step = lambda c, _: (c * slope, None)
    return cv.lax.scan(step, x, None, length=3)[0]


def choosing(x):
    return cv.lax.cond(x > 0.0, lambda v: v * 2.0, lambda v: -v, x)


def switching(i, x):
    return cv.lax.switch(i * 2 + 1, [np.sin, np.cos, np.tan], x)


@pytest.mark.parametrize(
    ("f", "args", "lines"),
    [
        (lambda x: np.cumsum(x, 1, np.int8), (Y.astype(np.int8),), ["return np.add.accumulate(x, axis=1, dtype=np.int8)"]),
        (lambda x: np.maximum.accumulate(x, axis=1), (Y,), ["return np.maximum.accumulate(x, axis=1)"]),
        (lambda x: np.cumsum(x, axis=0), (Y,), ["return np.add.accumulate(x)"]),
        (lambda x: np.transpose(x) * 2.0, (1.0,), ["return np.float64(x) * 2.0"]),
        (lambda x: np.broadcast_to(x, (4, 2, 3)), (Y,), ["return np.broadcast_to(x, (4, 2, 3)).copy()"]),
        (lambda x: 2.0**x, (Y,), ["return 2.0 ** x"]),
        (lambda x: x * np.float64(2.0), (Y.astype(np.float32),), ["return x * np.float64(2.0)"]),
        (lambda x: x * np.float64(2.0), (Y,), ["return x * 2.0"]),
        (lambda x: x * np.float32(0.5), (Y,), ["return x * np.float32(0.5)"]),
        (lambda x: (lambda y: y * y + y)(cv.jit(np.sin)(x)), (Y,), ["t = np.sin(x)", "return t * t + t"]),
        (lambda x: (lambda y: y * y + y)(cv.checkpoint(np.sin)(x)), (Y,), ["t = np.sin(x)", "return t * t + t"]),
        (nested, (Y,), ["slope = np.sin(x)"]),
        (choosing, (1.0,), ["if np.greater(x, 0.0):"]),
        (switching, (0, Y), ["t = np.minimum(np.maximum(np.int64(i * 2 + 1), 0), 2)", "if t == 0:", "elif t == 1:", "else:"]),
        (lambda x, i, rows: cv.at(x)[i, rows].add(1.0), (Y, 1, np.array([0, 2, 0])), ["np.add.at(t, (i, rows,), constant)"]),
        (lambda x, i: cv.at(x)[i, i].add(3.0), (Y, 1), ["t[i, i] = np.add(t[i, i], constant)"]),
    ],
)  # fmt: skip
def test_lines(f, args, lines):
    found = code(round_trips(f, *args))
    assert set(lines) <= set(found), found


def test_branches_of_several_lines():
    def branching(x):
        def double(v):
            return v * 2.0

        return cv.lax.cond(x > 0.0, double, lambda v: v, x)

    found = code(round_trips(branching, 1.0))[2:]
    steps = ["t_2 = x * 2.0", "t = np.float64(t_2)", "else:", "t = np.float64(x)", "return t"]
    assert found == ["if np.greater(x, 0.0):", *steps]


def test_every_line_of_the_user_is_said():
    text = cv.jit(layer).lower(PARAMS, np.ones((5, 4))).as_text("python")
    said = [line.split(": ", 1)[1] for line in text.splitlines() if line.strip().startswith("# test_readable.py")]
    assert said == [line.strip() for line in inspect.getsource(layer).splitlines()[1:]]


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


cv.tree_util.register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, parts: Pair(*parts))


def test_of_containers_that_text_does_not_hold_the_leaves():
    text = cv.jit(lambda p, x: {"a": x, "p": Pair(p.a * x, p.b)}).lower(Pair(2.0, 3.0), Y).as_text("python")
    assert "# the parameters are the leaves of the arguments, in their order" in text
    found = executed(text, "program")(2.0, 3.0, Y)
    assert type(found) is list
    for x, y in zip(found, [Y, 2.0 * Y, 3.0], strict=True):
        np.testing.assert_array_equal(x, y)
    keys = cv.jit(lambda x: {"a": x, Pair: 2.0 * x}).lower(1.0).as_text("python")
    assert sorted(executed(keys, "program")(1.0)) == [1.0, 2.0]


def over_again(*, y):
    before = y
    y = np.sin(y)
    return y + before


def of_one_name(x, /, **given):
    return x * given["x"]


def not_named(*args, x):
    return args[0] * x + args[1]


def of_containers(x, *, y, z):
    inner = x["y"]
    return inner * y + z["y"] - z["np"]


def no_names(x, **given):
    return np.sin(x) * given["np"] + given["a b"]["c d"] * given["class"] - given["y"]


A, C, D = (np.linspace(a, 1.0, 3) for a in (0.0, 0.2, 0.5))


@pytest.mark.parametrize(
    ("f", "args", "given"),
    [
        (over_again, (), {"y": A}),
        (of_one_name, (A,), {"x": C}),
        (not_named, (A, C), {"x": D}),
        (of_containers, ({"y": A},), {"y": C, "z": {"y": D, "np": A}}),
        (no_names, (A,), {"np": C, "a b": {"c d": D}, "class": C, "y": D}),
    ],
)
def test_names_of_keywords_stay(f, args, given):
    text = round_trips(f, *args, **given)
    np.testing.assert_allclose(executed(text, f.__name__)(*args, **given), f(*args, **given), rtol=1e-13)


@pytest.mark.parametrize("transform", [np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft])
def test_transforms_of_all_lengths(transform):
    x = np.arange(20.0).reshape(4, 5) ** 2
    for n in (None, 3, 4, 5, 6, 8):
        for axis in (0, -1):
            for norm in (None, "ortho", "forward"):
                f = lambda x, n=n, axis=axis, norm=norm: transform(x, n, axis, norm)
                text = round_trips(f, x)
                np.testing.assert_allclose(executed(text, "program")(x), f(x), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("dtype", ["?", "b", "q", "e", "f", "d", "F", "D"])
def test_conversions_of_arrays_and_numbers(dtype):
    values = [np.array([0, 1, 3], d) for d in "?bqefdFD"]
    for x in (*values, *(v[2] for v in values), True, 3, 3.5, 3 + 4j):
        text = round_trips(lambda x: np.astype(x, dtype), x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_array_equal(executed(text, "program")(x), np.asarray(x).astype(dtype))


def test_two_things_of_one_name():
    module = Module()
    assert [module.member(home, "log") for home in ("math", "numpy", "math")] == ["log", "log_2", "log"]
    assert module.header() == ["import numpy as np", "from math import log", "from numpy import log as log_2"]


def test_reverse_mode_does_not_take_the_names_of_values():
    text = round_trips(cv.grad(lambda p, x: layer(p, x)[0]), PARAMS, np.ones((5, 4)))
    assert "hidden = np.tanh(x @ w + b)" in text
    assert not any(line.startswith("scaled =") for line in code(text))  # its value is not needed


def simulate(start, forces):
    def step(state, force):
        position, velocity = state
        velocity = velocity + 0.1 * (force - np.sin(position))
        return (position + 0.1 * velocity, velocity), position

    (last, _), path = cv.lax.scan(step, start, forces)
    doublings, size = cv.lax.while_loop(lambda c: c[1] < 10.0, lambda c: (c[0] + 1, c[1] * 2.0), (0, np.abs(last)))
    signed = cv.lax.cond(last > 0, lambda v: v, lambda v: -v, size)
    kind = cv.lax.switch(doublings % 3, [np.sin, np.cos, np.tan], signed)
    return path, cv.lax.fori_loop(0, 3, lambda i, total: total + i * kind, 0.0)


def test_loops_and_branches_are_those_of_python():
    text = round_trips(simulate, (0.1, 0.2), np.linspace(0.0, 1.0, 7))
    lines = code(text)
    assert "def step(position, velocity, force):" in lines
    assert "for i in range(7):" in lines
    assert any(line.startswith("while size") and line.endswith("< 10.0:") for line in lines)
    assert any(line.startswith("if ") and line.endswith("> 0:") for line in lines) and "else:" in lines
    assert any(line.startswith("elif") for line in lines)


def test_reverse_mode_of_loops():
    f = lambda a, forces: np.sum(simulate((a, 0.2), forces)[0])
    text = round_trips(cv.grad(f), 0.1, np.linspace(0.0, 1.0, 7))
    assert "in reversed(range(7)):" in text
    collatz = cv.grad(lambda x: cv.lax.while_loop(lambda c: c < 10.0, lambda c: c * np.sqrt(c), x))
    assert ".append(" in round_trips(collatz, 2.0)


def test_arrays_changed_in_places():
    at = cv.numpy.at

    def f(x, i):
        y = at(x)[1:3].set(0.5)
        return at(y)[i].add(2.0), at(x)[i].multiply(3.0), x[i]

    text = round_trips(f, np.linspace(0.0, 1.0, 6), np.array([0, 2, 2]))
    assert "y[1:3] = " in text and "np.add.at(" in text


@pytest.mark.parametrize(
    "constant",
    [
        np.array([np.nan, np.inf, -np.inf, -0.0, 1e-310, 0.1]),
        np.array([0.1, 3e38, 1e-45], np.float32),
        np.array([complex(0.0, -0.0), complex(np.nan, np.inf), 1 + 2j]),
        np.random.default_rng(0).normal(size=(30, 40)),
        np.array([True, False]),
        np.arange(9),
        np.array([[]]),
        np.float16([[0.1, 65504.0]]),
        np.longdouble([1]) / 3,
    ],
    ids=lambda c: f"{c.dtype}{c.shape}",
)
def test_constants_to_the_last_bit(constant):
    lowered = cv.jit(lambda x: (constant, x)).lower(1.0)
    found = executed(lowered.as_text("python"), "program")(1.0)[0]
    assert found.dtype == constant.dtype and found.tobytes() == constant.tobytes()


def test_results_are_not_the_constants():
    kept = np.arange(4.0)
    saved = executed(cv.jit(lambda x: (kept, kept.reshape(2, 2), x)).lower(1.0).as_text("python"), "program")
    saved(1.0)[0][:] = 7.0
    np.testing.assert_array_equal(saved(1.0)[1], [[0.0, 1.0], [2.0, 3.0]])


def test_what_text_does_not_hold_is_said_when_the_file_runs():
    show = cv.jit(lambda x: cv.pure_callback(lambda v: v + 1.0, cv.ShapedArray((), np.float64), x))
    with pytest.raises(cv.errors.CovectorError, match=r"this file needs .*, which it does not hold"):
        executed(show.lower(1.0).as_text("python"), "program")(1.0)


def test_a_saved_file_can_be_differentiated():
    saved = executed(cv.jit(layer).lower(PARAMS, np.ones((5, 4))).as_text("python"), "layer")
    wanted = cv.grad(lambda p: layer(p, np.ones((5, 4)))[0])(PARAMS)
    found = cv.grad(lambda p: saved(p, np.ones((5, 4)))[0])(PARAMS)
    np.testing.assert_allclose(found["w"], wanted["w"], rtol=1e-12)


@pytest.mark.parametrize("x", [0.1, -2.5, 1e-10, -3e20, 1e6, 5e-324, np.nan, -np.inf, -0.0])
def test_numbers_in_arrays_are_written_as_python_writes_them(x):
    assert numbers(np.array([x])) == f"[{number(x)}]"
    assert numbers(np.array([[complex(x, 2.0)]])) == f"[[{number(complex(x, 2.0))}]]"


def results_in_places(x):
    kept = [0, 0]
    sign, kept[0] = np.linalg.slogdet(x)
    kept[1], vectors = np.linalg.eigh(x)
    values, basis = np.linalg.eigh(x + vectors)
    [size, *rest] = np.linalg.slogdet(basis * sign)
    return size * values + basis * rest[0] + kept[0] + kept[1]


def test_names_are_taken_from_targets_that_are_names_alone():
    text = code(round_trips(results_in_places, np.eye(2) + 1.0, tolerance=1e-12))
    targets = {line.split(" = ")[0] for line in text if "np.linalg" in line}
    assert "values, basis" in targets
    assert not [word for word in ("sign", "vectors", "size", "rest") if any(word in target for target in targets)]
