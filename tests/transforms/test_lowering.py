"""The stages of jit: the program for certain arguments, its text, and the function that runs it."""

import numpy as np
import pytest

import covector as cv
from covector import errors

X = np.linspace(0.1, 1.0, 3)


@cv.jit
def f(x, scale=1.0):
    return {"sum": np.sum(np.sin(x) * scale), "x": x}


class TestLower:
    def test_the_program_is_clean_and_parses(self):
        lowered = f.lower(X, scale=2.0)
        assert [e.primitive.name for e in lowered.jaxpr.equations] == ["sin", "mul", "reduce_sum"]
        assert cv.parse(lowered.as_text()) == lowered.jaxpr

    def test_avals_serve_as_arguments(self):
        assert f.lower(cv.ShapedArray((3,), np.float64)).jaxpr == f.lower(X).jaxpr
        assert {k: str(a) for k, a in f.lower(X).out_info.items()} == {"sum": "f64[]", "x": "f64[3]"}

    def test_static_arguments(self):
        power = cv.jit(lambda x, n: x**n, static_argnums=1)
        assert float(power.lower(2.0, 3).compile()(2.0)) == 8.0

    def test_python_text_runs(self):
        lowered = f.lower(X, scale=2.0)
        text = lowered.as_text("python")
        namespace = {}
        exec(text, namespace)
        np.testing.assert_array_equal(namespace["f"](X, scale=2.0)["sum"], f(X, scale=2.0)["sum"])

    def test_nothing_is_cached(self):
        g = cv.jit(lambda x: x + 1)
        g.lower(1.0)
        assert g.cache_size() == 0

    def test_reprs(self):
        assert repr(cv.jit(f.__wrapped__).lower(X)) == "<jit of f, lowered for (f64[3])>"
        assert repr(f.lower(X).compile()) == "<jit of f, compiled for (f64[3])>"


class TestCompiled:
    def test_values_are_those_of_the_function(self):
        out = f.lower(X, scale=2.0).compile()(X, scale=3.0)
        np.testing.assert_allclose(out["sum"], np.sum(np.sin(X) * 3.0))
        np.testing.assert_array_equal(out["x"], X)

    @pytest.mark.parametrize(
        "args, text",
        [
            ((np.ones(4),), r"compiled for \(f64\[3\]\) and called with \(f64\[4\]\)\."),
            ((np.ones(3, np.float32),), r"called with \(f32\[3\]\)\."),
            (([X],), "in another structure"),
        ],
    )
    def test_other_arguments_are_refused(self, args, text):
        with pytest.raises(errors.TreeMismatchError, match=text) as e:
            f.lower(X).compile()(*args)
        assert "test_lowering.py" in str(e.value) and "Fix:" in str(e.value)


class TestErrors:
    def test_dialect(self):
        with pytest.raises(errors.ArgumentError, match="there is no text in the dialect 'ptx'"):
            f.lower(X).as_text("ptx")

    def test_closing_over_an_outer_value(self):
        with pytest.raises(errors.ArgumentError, match="closes over a traced value"):
            cv.grad(lambda y: cv.jit(lambda x: x * y).lower(1.0) and y)(2.0)
