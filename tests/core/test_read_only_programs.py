"""Nobody can write to the parameters of a program that others go by."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.extend import inner_programs

A = np.arange(4.0).reshape(2, 2)


def every_equation(program: Any) -> Any:
    for eqn in program.equations:
        yield eqn
        for inner in inner_programs(eqn):
            yield from every_equation(inner)


@pytest.mark.parametrize("way", ["itself", "in a jit", "in a scan", "in a scan in a jit"])
def test_parameters_refuse_to_be_written(way: str) -> None:
    f = lambda x: np.sum(x, axis=0)
    if "scan" in way:
        f = lambda x: cv.lax.scan(lambda c, row: (c, np.sum(row, axis=0)), 0.0, x)[1]
    f = cv.jit(f) if "jit" in way else f
    before = f(A)
    program = cv.make_jaxpr(f)(A)
    (eqn,) = [e for e in every_equation(program) if e.primitive.name == "reduce_sum"]
    writes: list[Any] = [
        lambda p: p.update(axes=(1,)),
        lambda p: p.__setitem__("axes", (1,)),
        lambda p: p.pop("axes"),
        lambda p: p.clear(),
        lambda p: p.setdefault("axes", (1,)),
        lambda p: p.popitem(),
    ]
    for write in writes:
        with pytest.raises(cv.errors.ArgumentError, match="the parameters of an equation of a finished program are read-only"):
            write(eqn.params)
    assert np.array_equal(f(A), before) and np.array_equal(cv.vmap(f)(A[None])[0], before)
    assert eqn.params | {"axes": (1,)} == {**eqn.params, "axes": (1,)}
    for again in (copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        assert str(again) == str(program)
    assert type(copy.copy(eqn.params)) is dict
