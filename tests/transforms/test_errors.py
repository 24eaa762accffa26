"""Every error by its text: what, where (the user's line), why, how to fix."""

import math
import sys

import numpy as np
import pytest

import covector as cv
from covector import errors, lax
from covector.core import errors as errors_module

X = np.linspace(0.1, 1.0, 3)


def raised(error, f, *args):
    """The text of the error that a call raises, which must say where, why and how to fix it."""
    with pytest.raises(error) as e:
        f(*args)
    assert type(e.value) is error
    text = str(e.value)
    assert "test_errors.py" in text, text
    assert "Why:" in text and "Fix:" in text, text
    return text


def test_every_error_is_a_covector_error():
    for name in dir(errors):
        if name.endswith("Error"):
            assert issubclass(getattr(errors, name), errors.CovectorError)


class TestConcretization:
    @pytest.mark.usefixtures("quoted_lines")
    def test_float(self):
        text = raised(errors.TracerFloatConversionError, cv.grad(lambda x: float(x)), 1.0)
        assert "float value of a traced value of type weak_f64[]" in text and "leave float() out" in text
        assert "lose its derivative" in text and "float(x)" in text

    def test_math_functions(self):
        assert "np.sin" in raised(errors.TracerFloatConversionError, cv.grad(lambda x: math.sin(x)), 1.0)

    def test_item_and_tolist(self):
        raised(errors.TracerFloatConversionError, cv.grad(lambda x: x.item()), 1.0)
        raised(errors.TracerArrayConversionError, cv.grad(lambda x: x.tolist()), 1.0)

    def test_complex(self):
        raised(errors.TracerFloatConversionError, cv.grad(lambda x: complex(x)), 1.0)

    def test_numpy_array(self):
        for f in (np.array, np.asarray, lambda x: np.array([x, x])):
            text = raised(errors.TracerArrayConversionError, cv.jit(lambda x, f=f: f(x)), X)
            assert "np.stack" in text and "f64[3]" in text

    @pytest.mark.usefixtures("quoted_lines")
    def test_writing_an_element_into_a_plain_array_never_loses_the_gradient(self):
        def f(x):
            b = np.zeros(2)
            b[0] = x
            return np.sum(b)

        text = raised(errors.TracerFloatConversionError, cv.grad(f), 1.0)  # NumPy's own error says less
        assert "covector.at(a)[i].set(x)" in text and "b[0] = x" in text

        def g(x):
            b = np.zeros(3)
            b[:] = x
            return np.sum(b)

        raised(errors.TracerArrayConversionError, cv.grad(g), X)

    @pytest.mark.usefixtures("quoted_lines")
    def test_branch_under_jit(self):
        text = raised(errors.TracerBoolConversionError, cv.jit(lambda x: 1.0 if x > 0 else 2.0), 1.0)
        assert "np.where" in text and "x > 0" in text and "jit of" in text

    def test_integer_under_jit(self):
        raised(errors.TracerIntegerConversionError, cv.jit(lambda n: np.zeros(int(n))), 3)
        raised(errors.TracerIntegerConversionError, cv.jit(lambda n: [1, 2, 3][n]), 2)
        raised(errors.TracerIntegerConversionError, cv.jit(lambda n: list(range(n))), 2)

    def test_grad_of_jit_says_the_same(self):
        raised(errors.TracerBoolConversionError, cv.grad(cv.jit(lambda x: x if x > 0 else -x)), 1.0)


class TestLeaks:
    @pytest.mark.parametrize(
        "transform",
        [
            cv.grad,
            cv.jit,
            lambda f: lambda x: cv.vmap(f)(np.ones(2) * x),
            lambda f: lambda x: cv.vmap(f, branches="split")(np.ones(2) * x),
            lambda f: lambda x: cv.jvp(f, (x,), (x,)),
            lambda f: lambda x: cv.linear_transpose(f, x),
            lambda f: cv.checkify.checkify(f, errors=cv.checkify.all_checks),
            lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2),
        ],
    )
    def test_tracer_used_after_its_transformation(self, transform):
        kept = []

        def leaky(x):
            kept.append(x * 2)
            return x

        transform(leaky)(1.0)
        text = raised(errors.UnexpectedTracerError, lambda: kept[0] + 1)
        assert "leaky" in text and "stored outside" in text

    @pytest.mark.parametrize("g", [np.sin, np.exp, lambda x: 2.0 * x, lambda x: x**2, lambda x: np.sin(x) * x, np.sum])
    def test_a_tangent_of_a_rule_used_after_its_transformation(self, g):
        kept = []
        f = cv.custom_jvp(lambda x: 3.0 * x)
        f.defjvp(lambda primals, tangents: (3.0 * primals[0], (kept.append(tangents[0]), 3.0 * tangents[0])[1]))
        cv.grad(lambda x: np.sum(f(x)))(np.ones(3))
        raised(errors.UnexpectedTracerError, lambda: cv.jvp(g, (np.ones(3),), (kept[0],)))

    @pytest.mark.usefixtures("quoted_lines")
    def test_a_staged_tracer_knows_the_line_that_made_it(self):
        kept = []

        def leaky(x):
            kept.append(np.sin(x))
            return kept[0]

        cv.jit(leaky)(1.0)
        assert "kept.append(np.sin(x))" in raised(errors.UnexpectedTracerError, lambda: np.cos(kept[0]))

    def test_dead_tracer_inside_a_live_transformation(self):
        kept = []
        cv.grad(lambda x: kept.append(x) or x)(1.0)
        raised(errors.UnexpectedTracerError, cv.grad(lambda y: y * kept[0]), 2.0)
        raised(errors.UnexpectedTracerError, cv.jit(lambda y: y * kept[0]), 2.0)

    @pytest.mark.parametrize("after", [lambda y: y, np.sin, lambda y: y * 2.0, lambda y: -y, lambda y: y[::-1], np.tanh])
    def test_a_dead_tangent_that_a_rule_returns(self, after):
        kept = []
        f = cv.custom_jvp(lambda x: 1.0 * x)
        f.defjvp(lambda primals, tangents: (1.0 * primals[0], (kept.append(tangents[0]), kept[0])[1]))
        cv.vjp(f, np.ones(3))
        assert "stored outside" in raised(errors.UnexpectedTracerError, lambda: cv.vjp(lambda x: after(f(x)), np.ones(3)))

    def test_a_failed_transformation_leaves_nothing_open(self):
        for f in (cv.grad, cv.jit, cv.vmap):
            with pytest.raises(ZeroDivisionError):
                f(lambda x: 1 / 0)(X)
        assert cv.grad(lambda x: x * x)(2.0) == 4.0


class TestGrad:
    def test_non_scalar(self):
        text = raised(errors.NonScalarGradError, cv.grad(lambda x: x * 2), X)
        assert "the function returned f64[3]" in text and "np.sum" in text
        assert "a tuple of 2" in raised(errors.NonScalarGradError, cv.grad(lambda x: (x, x)), 1.0)

    def test_integer(self):
        text = raised(errors.GradDtypeError, cv.grad(lambda n: n * 2), 3)
        assert "weak_i64[]" in text and "1.0 instead of 1" in text
        raised(errors.GradDtypeError, cv.grad(lambda t: np.sum(t["a"])), {"a": np.array([True])})

    def test_complex_output(self):
        assert "holomorphic=True" in raised(errors.GradDtypeError, cv.grad(lambda x: x * 1j), 1.0)
        assert "complex dtype" in raised(errors.GradDtypeError, cv.grad(lambda x: x, holomorphic=True), 1.0)
        raised(errors.GradDtypeError, cv.grad(lambda x: x > 0), 1.0)

    def test_argnums_out_of_range(self):
        text = raised(errors.ArgumentError, cv.grad(lambda x: x, argnums=1), 1.0)
        assert "argnums=1, but the function was called with 1 positional argument" in text
        raised(errors.ArgumentError, cv.grad(lambda x: x, argnums="x"), 1.0)

    def test_unknown_name(self):
        assert "its parameters are (x, k)" in raised(errors.ArgumentError, cv.grad(lambda x, k=1.0: x, argnames="k"), 1.0)

    def test_same_argument_twice(self):
        with pytest.raises(errors.ArgumentError, match="same argument twice"):
            cv.grad(lambda x: x, argnums=(0,), argnames=("x",))(1.0)

    def test_argument_that_is_no_array(self):
        text = raised(errors.ArgumentError, cv.grad(lambda t: t), {"a": "text"})
        assert "'text' of type str at" in text and "['a']" in text
        raised(errors.ArrayTypeError, cv.grad(lambda t: t), np.array(["a"]))
        raised(errors.ArrayTypeError, cv.grad(lambda t: t), np.array([None]))

    def test_result_that_is_no_array(self):
        with pytest.raises(errors.ArgumentError, match="'text' of type str"):
            cv.vjp(lambda x: "text", 1.0)

    def test_not_a_function(self):
        with pytest.raises(errors.ArgumentError, match=r"grad\(f\)\(x\), not grad\(f\(x\)\)"):
            cv.grad(3.0)

    def test_aux_that_is_missing(self):
        assert "returned a float" in raised(errors.TreeMismatchError, cv.grad(lambda x: 2.0, has_aux=True), 1.0)


class TestTrees:
    def test_tangents_of_another_structure(self):
        text = raised(errors.TreeMismatchError, cv.jvp, lambda t: t["a"], ({"a": 1.0},), ({"b": 1.0},))
        assert "{'b': *}" in text and "{'a': *}" in text

    def test_tangents_of_another_shape_or_dtype(self):
        text = raised(errors.TreeMismatchError, cv.jvp, np.sin, (X,), (np.ones(2),))
        assert "tangent of type f64[2] for a value of type f64[3]" in text
        raised(errors.TreeMismatchError, cv.jvp, np.sin, (X,), (X.astype(np.float32),))
        raised(errors.TreeMismatchError, cv.jvp, np.sin, (1.0,), (1j,))

    def test_nonzero_tangent_of_an_integer(self):
        assert "float0" in raised(errors.TreeMismatchError, cv.jvp, lambda n: n, (3,), (1.0,))

    def test_cotangents(self):
        pullback = cv.vjp(lambda x: {"y": x}, X)[1]
        assert "the pullback of vjp of" in raised(errors.TreeMismatchError, pullback, X)
        raised(errors.TreeMismatchError, pullback, {"y": np.ones(2)})

    def test_primals_that_are_no_tuple(self):
        with pytest.raises(errors.ArgumentError, match="pass a tuple"):
            cv.jvp(np.sin, 1.0, 1.0)


class TestNumPy:
    def test_unsupported_function(self):
        text = raised(errors.UnsupportedFunctionError, cv.grad(lambda x: np.busday_count(x, x)), X)
        assert "numpy.busday_count" in text

    def test_out_argument(self):
        mine = np.zeros(3)
        raised(errors.InPlaceWriteError, cv.grad(lambda x: np.sum(np.sin(x, out=mine))), X)
        raised(errors.InPlaceWriteError, cv.grad(lambda x: np.sum(x, out=np.zeros(()))), X)

    @pytest.mark.usefixtures("quoted_lines")
    def test_item_assignment_on_a_tracer(self):
        def f(x):
            x[0] = 1.0
            return np.sum(x)

        text = raised(errors.InPlaceWriteError, cv.grad(f), X)
        assert "covector.at(x)[index].set(v)" in text and "x[0] = 1.0" in text

    def test_functions_that_write(self):
        for write in (np.copyto, lambda a, x: np.put_along_axis(a, np.array([[0]]), x, 0)):
            raised(errors.InPlaceWriteError, cv.grad(lambda x, w=write: w(np.zeros((3, 3)), x) or np.sum(x)), X)
        # fill_diagonal asks only its target whether it dispatches
        raised(errors.TracerArrayConversionError, cv.grad(lambda x: np.fill_diagonal(np.zeros((3, 3)), x)), X)


class TestRules:
    def test_primitive_without_derivative(self):
        p = cv.Primitive("test_errors_plain")
        p.def_impl(lambda x: x)
        text = raised(errors.NonDifferentiableError, cv.grad(p.bind), 1.0)
        assert "'test_errors_plain' at (weak_f64[])" in text and "stop_gradient" in text and "def_jvp" in text

    def test_missing_batch_rule(self):
        p = cv.Primitive("test_errors_unbatched")
        p.def_impl(lambda x: x)
        text = raised(errors.MissingRuleError, cv.vmap(p.bind), X)
        assert "vmap of" in text and "'batch' rule" in text and "def_batch" in text

    def test_missing_abstract_rule(self):
        p = cv.Primitive("test_errors_no_abstract")
        p.def_impl(lambda x: x)
        assert "def_abstract" in raised(errors.MissingRuleError, cv.jit(p.bind), X)

    def test_missing_implementation(self):
        p = cv.Primitive("test_errors_no_impl")
        assert "def_impl" in raised(errors.MissingRuleError, lambda: p.bind(X))

    def test_missing_transpose(self):
        p = cv.Primitive("test_errors_no_transpose")
        p.def_impl(lambda x: 2 * x)
        p.def_abstract(lambda x: x)
        p.linear = cv.jointly()
        p.def_jvp(lambda primals, tangents: (p.bind(*primals), p.bind(*tangents)))
        assert cv.jvp(p.bind, (1.0,), (1.0,))[1] == 2.0
        assert "def_transpose" in raised(errors.MissingRuleError, cv.grad(p.bind), 1.0)

    def test_jvp_rule_that_is_not_linear_in_the_tangent(self):
        p = cv.Primitive("test_errors_nonlinear")
        p.def_impl(lambda x: x)
        p.def_abstract(lambda x: x)
        p.def_jvp(lambda primals, tangents: (primals[0], np.sin(tangents[0])))
        text = raised(errors.LinearityError, cv.grad(lambda x: np.sum(p.bind(x))), X)
        assert "'sin' is applied to (f64[3] tangent), in which it is not linear" in text

    def test_jvp_rule_that_multiplies_two_tangents(self):
        p = cv.Primitive("test_errors_square")
        p.def_impl(lambda x: x)
        p.def_jvp(lambda primals, tangents: (primals[0], tangents[0] * tangents[0]))
        assert "'mul'" in raised(errors.LinearityError, cv.grad(lambda x: np.sum(p.bind(x))), X)

    def test_jvp_rule_that_is_affine(self):
        p = cv.Primitive("test_errors_affine")
        p.def_impl(lambda x: x)
        p.def_jvp(lambda primals, tangents: (primals[0], tangents[0] + 1.0))
        assert "'add'" in raised(errors.LinearityError, cv.grad(lambda x: np.sum(p.bind(x))), X)

    def test_jvp_rule_with_a_tangent_of_the_wrong_type(self):
        p = cv.Primitive("test_errors_wrong_shape")
        p.def_impl(lambda x: x)
        p.def_jvp(lambda primals, tangents: (primals[0], np.sum(tangents[0])))
        text = raised(errors.JVPRuleError, cv.jvp, p.bind, (X,), (X,))
        assert "returned a tangent of type f64[] for an output of type f64[3]" in text

    def test_two_primitives_of_one_name(self):
        with pytest.raises(errors.ArgumentError, match="the name 'sin' is that of a primitive of covector's own"):
            cv.Primitive("sin")


def test_an_error_is_not_taken_for_one_that_was_refused_elsewhere():
    """The frame of a function takes the place in memory of one that is gone, in which a value was refused."""

    def refused(x):
        try:
            float(x)
        except TypeError:
            return sys._getframe()
        return None

    def failing():
        raise ValueError("its own")

    cv.jvp(lambda x: refused(x) and x, (1.0,), (1.0,))
    try:
        failing()
    except ValueError as error:
        frame, at = error.__traceback__.tb_next.tb_frame, error.__traceback__.tb_next.tb_lasti
        _, code, _ = errors_module._refusal.place
        errors_module._refusal.place = id(frame), code, at
        assert errors_module.refused_before(error) is None
        errors_module._refusal.place = id(frame), frame.f_code, at
        assert isinstance(errors_module.refused_before(error), cv.errors.CovectorError)
