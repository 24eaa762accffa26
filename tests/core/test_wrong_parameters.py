"""Mistakes in the parameters and rules of a primitive are named: traced values, arrays, a rule that comes twice."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import errors
from covector.core.jaxpr import Var

NUMBER = itertools.count()



def scaled() -> Any:
    return cv.elementwise(f"t_scaled_{next(NUMBER)}", lambda x, *, w: x * w, lambda out, x, *, w: w)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: cv.jvp(f, (2.0,), (1.0,)),
        lambda f: cv.grad(f)(2.0),
        lambda f: cv.jit(f)(2.0),
        lambda f: cv.vmap(f)(np.ones(2)),
    ],
)
@pytest.mark.parametrize("use", [lambda p, x: p(x, w=x), lambda p, x: p(3.0, w=x)])
def test_a_traced_parameter_is_refused(transform: Any, use: Any) -> None:
    p = scaled()
    with pytest.raises(errors.ArgumentError, match=r"'t_scaled_\d+' got a traced value of type .* for the parameter 'w'"):
        transform(lambda x: use(p, x))


@pytest.mark.parametrize("w", [np.ones(2), [1.0], {"a": 1.0}])
def test_a_parameter_without_a_hash_is_named(w: Any) -> None:
    p = scaled()
    with pytest.raises(errors.PrimitiveRuleError, match=r"'t_scaled_\d+' got .* for the parameter 'w', which has no hash"):
        cv.jit(lambda x: p(x, w=w))(np.ones(2))


def test_a_rule_that_is_registered_again_warns() -> None:
    p = cv.Primitive(f"t_again_{next(NUMBER)}")
    p.def_batch(lambda size, args, dims: (args[0], dims[0]))
    with pytest.warns(errors.CovectorWarning, match=r"the rule 'batch' of the primitive 't_again_\d+' is registered again"):
        p.def_batch(lambda size, args, dims: (args[0], dims[0]))


@pytest.mark.parametrize("use", [np.asarray, np.fft.fft, np.sum, lambda v: np.ones(3) * v, lambda v: np.sin(v)])
def test_a_variable_has_no_value(use: Any) -> None:
    with pytest.raises(errors.PrimitiveRuleError, match=r"the value of a variable of type f64\[3\] was asked for"):
        use(Var(cv.ShapedArray((3,), np.float64)))
