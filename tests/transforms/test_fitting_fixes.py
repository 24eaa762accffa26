"""The fix that an error proposes fits what the user wrote, and the place is the user's line."""

import cmath
import dataclasses
import math
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest

import covector as cv
from covector import errors

X = np.linspace(0.1, 1.0, 3)
TABLE = np.arange(5.0)


def loop(x):
    while x > 0:
        x = x - 1
    return x


def branching(x):
    if x > 0:
        return x
    return -x


def writing(x):
    a = np.zeros(3)
    a[1:] = x
    return a


FIXES = {
    "range": (lambda n: sum(range(n)), 3, "lax.fori_loop"),
    "range of two": (lambda n: list(range(1, n)), 3, "lax.fori_loop"),
    "linspace": (lambda n: np.linspace(0, 1, n), 3, "static_argnums"),
    "reshape": (lambda n: np.zeros(6).reshape(n, 2), 3, "static_argnums"),
    "zeros": (lambda n: np.zeros(n), 3, "shapes and numbers of elements must be known"),
    "zeros of two axes": (lambda n: np.zeros((n, 2)), 3, "static_argnums"),
    "zeros of a result": (lambda n: np.ones(n // 2), 4, "shapes and numbers of elements must be known"),
    "keys": (lambda n: cv.random.split(cv.random.key(0), n), 3, "shapes and numbers of elements must be known"),
    "repeat": (lambda n: np.repeat(TABLE, n), 3, "static_argnums"),
    "slice": (lambda n: TABLE[:n], 3, "the bounds of a slice must be known"),
    "slice of a traced value": (lambda x, n=2: x[: x.sum()], np.arange(2), "np.where(np.arange(len(x)) < n, x, 0)"),
    "percent format": (lambda x: "%f" % x, 1.0, "covector.debug.print"),  # noqa: UP031
    "x.at": (lambda x: x.at[0].set(1.0), X, "covector.at(x)[i].set(v)"),
    "x.append": (lambda x: x.append(1.0), X, "np.append"),
    "x.backward": (lambda x: np.sum(x).backward(), X, "covector.grad(f)(x)"),
    "x.detach": (lambda x: x.detach(), X, "covector.stop_gradient(x)"),
    "x.block_until_ready": (lambda x: x.block_until_ready(), X, "leave it out"),
    "no attribute": (lambda x: x.strides, X, "has no memory to look into"),
    "polynomial": (np.polynomial.Polynomial, X, "covector.numpy.polynomial"),
    "chebval": (lambda c: np.polynomial.chebyshev.chebval(0.5, c), X, "covector.numpy.polynomial"),
    "int": (lambda n: int(n), 3.0, "x.astype(int)"),
    "list index": (lambda n: [1, 2, 3][n], 1, "covector.at"),
    "if": (branching, 1.0, "covector.lax.cond"),
    "if expression": (lambda x: 1.0 if x > 0 else x, 1.0, "covector.lax.cond"),
    "while": (loop, 1.0, "covector.lax.while_loop"),
    "and": (lambda x: (x > 0) and (x < 1), 1.0, "np.logical_and"),
    "or": (lambda x: (x > 0) or (x < 1), 1.0, "np.logical_or"),
    "chained comparison": (lambda x: 0 < x < 1, 1.0, "(a < x) & (x < b)"),
    "not": (lambda x: not (x > 0), 1.0, "np.logical_not"),
    "max": (lambda x: max(x, 1.0), 1.0, "np.maximum"),
    "min": (lambda x: min(x, 1.0), 1.0, "np.minimum"),
    "sorted": (lambda x: sorted([x, 1.0]), 1.0, "np.sort"),
    "any": (lambda x: any(x > 0), X, "np.any"),
    "all": (lambda x: all(x > 0), X, "np.all"),
    "bool": (lambda x: bool(x), 1.0, "leave bool() out"),
    "filter of a list": (lambda x: [v for v in x if v > 0], X, "np.where"),
    "float": (lambda x: float(x), 1.0, "x.astype(float)"),
    "complex": (lambda x: complex(x), 1.0, "x.astype(complex)"),
    "math.sin": (lambda x: math.sin(x), 1.0, "np.sin instead of math.sin"),
    "math.pow": (lambda x: math.pow(x, 2), 1.0, "np.power instead of math.pow"),
    "math.gamma": (lambda x: math.gamma(x), 1.0, "scipy.special"),
    "cmath.exp": (lambda x: cmath.exp(x), 1.0, "np.exp instead of cmath.exp"),
    "format": (lambda x: f"{x:.3f}", 1.0, "covector.debug.print"),
    "format method": (lambda x: format(x, ".3f"), 1.0, "covector.debug.print"),
    "hash": (lambda x: {x: 1}, 1.0, "static_argnums"),
    "set": (lambda x: {x, 1}, 1.0, "arrays are not hashable"),
    "random number": (lambda x: np.random.normal(x), 1.0, "loc + scale * covector.random.normal(key, shape)"),
    "random array": (lambda x: np.random.default_rng(0).normal(x), X, "np.stack"),
    "full": (lambda x: np.full(3, x), 1.0, "covector.numpy.full"),
    "asarray": (lambda x: np.asarray(x), X, "a traced value is an array already"),
    "array of a list": (lambda x: np.array([x, x]), X, "np.stack"),
    "table": (lambda i: TABLE[i], 1, "covector.numpy.take"),
    "slice of a plain array": (writing, np.ones(2), "covector.at(a)[i].set(x)"),
    "len": (lambda x: len(x), 1.0, "np.atleast_1d"),
    "iteration": (lambda x: list(x), 1.0, "np.atleast_1d"),
}


@pytest.mark.parametrize("name", FIXES)
def test_the_fix_fits_what_was_called(name):
    f, x, fix = FIXES[name]
    with pytest.raises(errors.CovectorError) as e:
        cv.jit(f)(x)
    text = str(e.value)
    assert fix in text.partition("Fix:")[2] or fix in text.partition("Why:")[2], text
    assert "at test_fitting_fixes.py:" in text


def test_without_the_source_the_general_advice_remains():
    namespace = {}
    exec("def f(n):\n    return sum(range(n))\ndef g(x):\n    return 1 if x > 0 else 2", namespace)
    with pytest.raises(errors.TracerIntegerConversionError, match=r"covector\.at"):
        cv.jit(namespace["f"])(3)
    with pytest.raises(errors.TracerBoolConversionError, match=r"np\.where\(condition, a, b\)"):
        cv.jit(namespace["g"])(3)


class TestShowing:
    def test_a_known_value_is_shown(self):
        shown = []
        cv.grad(lambda x: (shown.append(repr(x)), np.sum(x * x))[1])(np.array([1.0, 2.0]))
        cv.jit(lambda x: (shown.append(repr(x)), x)[1])(1.0)
        assert shown == ["Traced<f64[2]: [1. 2.]>", "Traced<weak_f64[]>"]

    def test_a_known_value_is_formatted(self):
        texts = []
        assert cv.grad(lambda x: (texts.append(f"{x:.2f} {x}"), x * x)[1])(1.5) == 3.0
        assert texts == ["1.50 Traced<weak_f64[]: 1.5>"]

    def test_long_values_are_shown_in_part(self):
        shown = []
        cv.jvp(lambda x: (shown.append(repr(x)), x)[1], (np.arange(1000.0),), (np.ones(1000),))
        assert shown == ["Traced<f64[1000]: [  0.   1. ... 998. 999.]>"]


class TestPlaces:
    def test_code_of_installed_packages_is_not_the_users(self):
        """A function that a package in site-packages calls is the user's; the package is not."""
        import optree

        jaxpr = cv.make_jaxpr(lambda x: optree.tree_map(np.sin, {"a": x}))(1.0)
        assert str(jaxpr.equations[0].source).startswith("test_fitting_fixes.py")

    def test_a_program_of_one_line_has_a_place(self):
        program = "import numpy as np, covector as cv; print(cv.make_jaxpr(np.sin)(1.0).equations[0].source)"
        out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert out.startswith("<string>:1 in <module>")

    def test_lines_of_long_functions_are_found_quickly(self):
        body = "\n".join(f"    x = np.sin(x)  # {i}" for i in range(3000))
        namespace = {"np": np}
        exec(compile(f"def f(x):\n{body}\n    return x", "long.py", "exec"), namespace)
        equations = cv.make_jaxpr(namespace["f"])(1.0).equations
        assert [e.source.line for e in equations] == list(range(2, 3002))

    def test_span_is_the_expression_that_is_executed(self):
        source = cv.make_jaxpr(lambda x: 1.0 + np.sin(x))(1.0).equations[0].source
        line, begin, end_line, end = source.span
        assert line == end_line
        with open(__file__) as f:
            assert f.readlines()[line - 1][begin:end] == "np.sin(x)"


def test_numpy_and_generators_in_between(tmp_path):
    """The user's line is found through NumPy's own Python code, and through generators (pytest rewrites assert: not here)."""
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent("""
            import numpy as np
            import covector as cv
            def f(n):
                return sum(np.linspace(0, 1, k) for k in (n,))
            def g(x):
                assert x > 0, "positive"
            for h in (f, g):
                try:
                    cv.jit(h)(3)
                except cv.errors.CovectorError as e:
                    print(e)
        """)
    )
    out = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True).stdout
    assert "script.py:5 in <genexpr>" in out and "script.py:7 in g" in out
    assert "covector.checkify.check" in out


class TestNames:
    def test_functions_of_scipy_are_called_scipys(self):
        import scipy.special

        for f, name in ((scipy.special.kolmogorov, "kolmogorov"), (scipy.special.bdtr, "bdtr")):
            with pytest.raises(errors.UnsupportedFunctionError, match=rf"^scipy\.special\.{name} is not supported"):
                cv.grad(lambda x, f=f: f(*([x] * f.nin)))(0.5)

    def test_a_ufunc_of_ones_own_is_called_by_its_name(self):
        add_one = np.frompyfunc(lambda x: x + 1, 1, 1)
        with pytest.raises(errors.UnsupportedFunctionError, match=r"^the ufunc '.*' is not supported"):
            cv.grad(lambda x: add_one(x))(0.5)

    @pytest.mark.parametrize(
        "name, place",
        [("scan", "lax.scan"), ("tree_map", "tree.map"), ("sin", "numpy.sin"), ("callback", "debug.callback")],
    )
    def test_names_that_are_elsewhere_are_found(self, name, place):
        with pytest.raises(AttributeError, match=rf"has no attribute '{name}'; there is covector\.{place}$"):
            getattr(cv, name)

    def test_names_that_are_nowhere_are_not(self):
        for name in ("pmap", "sharding", "__wrapped__", "testings"):
            with pytest.raises(AttributeError, match=rf"^module 'covector' has no attribute '{name}'$"):
                getattr(cv, name)
        assert cv.lax.stop_gradient is cv.stop_gradient

    def test_numpys_are_numpys(self):
        with pytest.raises(errors.UnsupportedFunctionError, match=r"^numpy\.busday_count is not supported"):
            cv.jit(lambda x: np.busday_count(x, x))(1)


class TestDebugPrint:
    @pytest.mark.parametrize(
        "args, kwargs, text",
        [
            (("y={y}", 1.0), {}, "has {y} in its format, and no argument of that name"),
            (("{} {}", 1.0), {}, "a format for 2 values, and got 1"),
            (("{1}", 1.0), {}, "a format for 2 values, and got 1"),
            (("{x[0]} {z.real}",), {"x": 1.0}, "has {z.real} in its format"),
            (("{", 1.0), {}, "which is none"),
            (("{} {0}", 1.0), {}, "both numbered and not"),
            ((1.0,), {}, "needs a format string first, and got a float"),
            ((np.ones(2),), {}, r"needs a format string first, and got f64\[2\]"),
        ],
    )
    def test_a_format_that_does_not_fit_is_refused_before_anything_runs(self, args, kwargs, text):
        ran = []

        def f(x, say):
            say(*args, **kwargs)
            ran.append(1)
            return x

        for say in (cv.debug.print, partial(cv.checkify.check, True)):
            for transform in (lambda f: f, cv.jit, cv.grad, cv.checkify.checkify):
                with pytest.raises(errors.ArgumentError, match=text):
                    transform(partial(f, say=say))(1.0)
        assert not ran

    def test_formats_that_fit(self, capsys):
        cv.jit(lambda x: (cv.debug.print("{} {{}} {x:.2f} {x.real}", x, x=x), x)[1])(1.5)
        assert capsys.readouterr().out == "1.5 {} 1.50 1.5\n"


class TestArguments:
    def test_an_object_is_named_by_the_argument(self):
        def f(x, mode, *, scale=1.0):
            return np.sum(x)

        for call, text in (
            (lambda: cv.jit(f)(X, "mean"), "got 'mean' of type str at argument 1 ('mode')."),
            (lambda: cv.jit(f)({"a": [1.0, "b"]}, 1.0), "got 'b' of type str at argument 0 ('x')['a'][1]."),
            (lambda: cv.jit(f)(X, 1.0, scale="big"), "got 'big' of type str at argument 'scale'."),
            (lambda: cv.grad(f, argnums=1)(X, "mean"), "got 'mean' of type str at argument 1 ('mode')."),
            (lambda: cv.grad(f, argnames="scale")(X, 1.0, scale="big"), "got 'big' of type str at argument 'scale'."),
            (lambda: cv.jacobian(f)({"a": "b"}, 1.0), "got 'b' of type str at argument 0 ('x')['a']."),
        ):
            with pytest.raises(errors.ArgumentError) as e:
                call()
            assert text in str(e.value), str(e.value)

    def test_a_dataclass_is_to_be_registered(self):
        @dataclasses.dataclass
        class Parameters:
            weight: float

        for call in (lambda: cv.grad(lambda p: p.weight)(Parameters(1.0)), lambda: cv.jit(lambda p: p.weight)(Parameters(1.0))):
            with pytest.raises(errors.ArgumentError, match=r"covector\.tree\.register\(Parameters, flatten, unflatten\)"):
                call()


class TestResults:
    @pytest.mark.parametrize(
        "transform",
        [
            cv.jit,
            cv.grad,
            cv.vmap,
            cv.make_jaxpr,
            lambda f: lambda x: cv.vjp(f, x),
            lambda f: lambda x: cv.lax.scan(lambda c, _: (f(c), None), x, None, length=2),
            lambda f: lambda x: cv.lax.scan(lambda c, _: (c, f(c)), x, None, length=2),
            lambda f: cv.vmap(f, branches="split"),
        ],
    )
    def test_what_a_function_returned_is_not_called_an_argument(self, transform):
        with pytest.raises(errors.ArgumentError, match=r"the function returned 'a' of type str at \['name'\]") as caught:
            transform(lambda x: {"name": "a", "value": x})(X)
        assert "Fix: return arrays" in str(caught.value)

    def test_an_array_of_objects_that_is_returned(self):
        with pytest.raises(errors.ArrayTypeError, match=r"the function returned .*\n.*dtype object"):
            cv.jit(lambda x: np.array([None, 1]))(X)

    def test_an_array_that_is_given_is_named_once(self):
        with pytest.raises(errors.ArrayTypeError, match=r"cannot take argument 0 \('x'\): "):
            cv.grad(lambda x: np.sum(x))(np.array([None, 1]))


def test_a_policy_that_is_no_function():
    with pytest.raises(errors.ArgumentError, match=r"checkpoint got 'dots' of type str for policy[\s\S]*checkpoint_policies\."):
        cv.checkpoint(np.sin, policy="dots")


def test_assigning_to_at_is_refused():
    with pytest.raises(errors.InPlaceWriteError, match=r"x = covector\.at\(x\)\[index\]\.set\(v\)"):
        cv.at(X)[0] = 1.0
    np.testing.assert_array_equal(cv.at(np.ones(2))[0].mul(3.0), [3.0, 1.0])


@pytest.mark.parametrize("count", [1, 3])
def test_elementwise_with_another_number_of_derivatives_than_arguments(count):
    product = cv.elementwise(f"unfinished{count}", lambda x, y: x * y, *[lambda out, x, y: y] * count)
    assert product(2.0, 3.0) == 6.0
    text = rf"'unfinished{count}' has {count} derivatives?, and is applied to 2 arguments"
    for transform in (cv.grad, lambda f: cv.jit(cv.grad(f, (0, 1))), cv.jacfwd):
        with pytest.raises(errors.PrimitiveRuleError, match=text):
            transform(product)(2.0, 3.0)


def test_linear_transpose_of_what_is_not_linear_asks_for_a_linear_function():
    with pytest.raises(errors.LinearityError, match="linear_transpose takes functions that are linear"):
        cv.linear_transpose(np.sin, X)(X)
