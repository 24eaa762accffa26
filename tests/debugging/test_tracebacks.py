"""Errors and warnings show the user's lines: in tracebacks, and where a jitted program runs."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import textwrap
import traceback
import warnings

import numpy as np
import pytest

import covector as cv
from covector import debug, lax

X = np.linspace(0.1, 1.0, 3)
HERE = os.path.basename(__file__)


def divide(x):
    return x * (1 // 0)


def mismatch(x):
    return np.sum(x @ np.ones((2, 2)))


def frames(f, *args, error=Exception):
    """The names of the files in the traceback of the error that a call raises, outermost first."""
    with pytest.raises(error) as e:
        f(*args)
    return [os.path.basename(frame.filename) for frame in traceback.extract_tb(e.value.__traceback__)]


TRANSFORMATIONS = {
    "grad": cv.grad,
    "value_and_grad": cv.value_and_grad,
    "jit": cv.jit,
    "vmap": lambda f: lambda x: cv.vmap(f)(x[None]),
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: cv.vjp(f, x),
    "linearize": lambda f: lambda x: cv.linearize(f, x),
    "hessian": cv.hessian,
    "hvp": lambda f: lambda x: cv.hvp(f, (x,), (x,)),
    "jacobian": cv.jacobian,
    "make_jaxpr": cv.make_jaxpr,
    "eval_shape": lambda f: lambda x: cv.eval_shape(f, x),
    "checkpoint": lambda f: cv.grad(cv.checkpoint(f)),
    "jit of grad": lambda f: cv.jit(cv.grad(f)),
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2),
    "while_loop": lambda f: lambda x: lax.while_loop(lambda c: c[0] < 3, f, x),
    "fori_loop": lambda f: lambda x: lax.fori_loop(0, 3, lambda i, c: f(c), x),
    "map": lambda f: lambda x: lax.map(f, x[None]),
    "cond": lambda f: lambda x: lax.cond(True, f, f, x),
    "switch": lambda f: lambda x: lax.switch(0, [f, f], x),
    "custom_jvp": lambda f: cv.grad(_with_rule(f)),
    "custom_root": lambda f: lambda x: cv.custom_root(f, x, lambda f, x: f(x), lambda g, y: y),
}


def _with_rule(f):
    g = cv.custom_jvp(f)
    g.defjvp(lambda p, t: (f(*p), t[0]))
    return g


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_the_frames_are_the_users(name):
    assert set(frames(TRANSFORMATIONS[name](divide), X, error=ZeroDivisionError)) == {HERE}


@pytest.mark.parametrize("name", ["grad", "jit", "jit of grad", "scan", "cond", "checkpoint"])
def test_of_an_error_that_is_not_covectors_one_frame_is_kept(name):
    files = frames(TRANSFORMATIONS[name](mismatch), X, error=ValueError)
    assert set(files[:-1]) == {HERE} and len(files) <= 6


def test_covectors_errors_end_in_the_users_line():
    assert frames(cv.jit(lambda x: 1 if x > 0 else 2), 1.0) == [HERE] * 2  # the call, and the function
    assert frames(cv.grad(lambda x: x), X) == [HERE]


def test_causes_and_contexts_are_shortened_too():
    def f(x):
        try:
            return np.zeros(int(x))
        except cv.errors.ConcretizationError:
            return x + "text"

    with pytest.raises(Exception) as e:
        cv.jit(f)(1.0)
    context = e.value.__context__
    assert {os.path.basename(t.filename) for t in traceback.extract_tb(context.__traceback__)} == {HERE}


class TestSwitch:
    def test_full_tracebacks(self):
        with debug.full_tracebacks():
            files = frames(cv.grad(divide), 1.0)
        assert "autodiff.py" in files and "autodiff.py" not in frames(cv.grad(divide), 1.0)
        with debug.full_tracebacks(), debug.full_tracebacks(False):
            assert "autodiff.py" not in frames(cv.grad(divide), 1.0)

    def test_environment_variable(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text("import covector as cv\ncv.grad(lambda x: x * (1 // 0))(1.0)\n")
        for value, shown in (("", False), ("1", True)):
            environment = {**os.environ, "COVECTOR_FULL_TRACEBACKS": value}
            result = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
            assert ("autodiff.py" in result.stderr) == shown and "ZeroDivisionError" in result.stderr


def singular(a):
    b = a * 0.0
    return np.linalg.inv(b)


A = np.eye(2)
RUNNING = {
    "jit": cv.jit(singular),
    "grad of jit": cv.grad(lambda a: np.sum(cv.jit(singular)(a))),
    "jit of grad": cv.jit(cv.grad(lambda a: np.sum(singular(a)))),
    "jit of scan": cv.jit(lambda a: lax.scan(lambda c, _: (singular(c), None), a, None, length=2)[0]),
    "jit of cond": cv.jit(lambda a: lax.cond(a[0, 0] > 0, singular, lambda a: a, a)),
    "vmap of jit": lambda a: cv.vmap(cv.jit(singular))(a[None]),
    "jit of vmap": cv.jit(lambda a: cv.vmap(singular)(a[None])),
    "jit of jit": cv.jit(lambda a: cv.jit(singular)(a)),
}


@pytest.mark.parametrize("name", RUNNING)
def test_an_error_of_a_running_program_names_the_line_of_the_operation(name):
    with pytest.raises(np.linalg.LinAlgError) as e:
        RUNNING[name](A)
    lines = [t.line for t in traceback.extract_tb(e.value.__traceback__)]
    assert "return np.linalg.inv(b)" in lines + getattr(e.value, "__notes__", []), lines


def logarithm(x):
    y = x - 1.0
    return np.log(y)


def warned(f, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f(*args)
    return caught


def line_of(function, text):
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


@pytest.mark.parametrize("f", [cv.jit(logarithm), cv.jit(lambda x: cv.vmap(logarithm)(x[None])), cv.jit(cv.jit(logarithm))])
def test_a_warning_of_a_running_program_is_at_the_users_line(f):
    (warning,) = warned(f, np.array(0.0))
    assert warning.filename == __file__ and warning.lineno == line_of(logarithm, "np.log")


def test_operations_of_several_files(tmp_path):
    path = tmp_path / "other.py"
    path.write_text("import numpy as np\n\n\ndef root(x):\n    return np.sqrt(x)\n")
    spec = importlib.util.spec_from_file_location("other", path)
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)

    first, second = warned(cv.jit(lambda x: np.log(x) + other.root(x) + 2 * x), -1.0)
    assert (first.filename, second.filename, second.lineno) == (__file__, str(path), 5)


@pytest.mark.usefixtures("quoted_lines")
def test_long_programs_say_the_line_in_a_note(monkeypatch):
    from covector.backends import numpy

    monkeypatch.setattr(numpy, "MAX_GENERATED_EQUATIONS", 0)
    with pytest.raises(np.linalg.LinAlgError) as e:
        cv.jit(lambda a: singular(a))(A)
    assert any(f"{HERE}:{line_of(singular, 'inv(b)')} in singular: return np.linalg.inv(b)" in n for n in e.value.__notes__)


def test_sources_of_operations_survive_transformations():
    """An equation of a transformed program comes from the line of the equation that it was made of."""
    inner = cv.make_jaxpr(lambda x: cv.vmap(cv.jit(logarithm))(x))(X)
    (call,) = inner.equations
    sources = {str(e.source) for e in call.params["jaxpr"].equations}
    assert all("in logarithm" in s for s in sources), sources


def test_covectors_own_warnings_and_errors_name_the_line_in_the_program():
    def f(x, i):
        return cv.at(x)[i].get()

    with pytest.raises(IndexError) as e:
        cv.jit(f)(X, 7)
    text = "".join(traceback.format_exception(e.value))
    assert "return cv.at(x)[i].get()" in text


def test_nothing_is_kept_alive():
    """Shortened tracebacks hold no frames of covector, so what these referred to is freed."""
    import weakref

    class Big:
        pass

    kept = []

    def f(x):
        big = Big()
        kept.append(weakref.ref(big))
        raise KeyError("no")

    with contextlib.suppress(KeyError):
        cv.grad(f)(1.0)
    assert kept[0]() is None


def test_programs_of_one_line_run():
    program = textwrap.dedent("""
        import numpy as np, covector as cv
        print(cv.jit(lambda x: np.sin(x) + 1)(0.0))
    """)
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "1.0\n"


def logarithm_again(x):
    y = x - 2.0
    return np.log(y)


def test_programs_that_read_the_same_have_constants_and_lines_of_their_own():
    for shift in (1.0, 2.0, 3.0):
        f = cv.jit(lambda x, shift=shift: np.log(x - shift))
        np.testing.assert_allclose(f(np.array(5.0)), np.log(5.0 - shift))
    for function, x in ((logarithm, 1.0), (logarithm_again, 2.0), (logarithm, 1.0)):
        (warning,) = warned(cv.jit(lambda x, function=function: function(x)), np.array(x))
        assert warning.lineno == line_of(function, "np.log")
