"""What an import of covector leaves for later, and that it comes when it is asked for: each in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import covector.numpy as cnp


def printed(code: str) -> str:
    """What a program prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_not_always_needed_is_not_imported() -> None:
    later = """
        optree scipy llvmlite opt_einsum covector.transforms.jit covector.transforms.staging covector.interpreters.interpret
        covector.backends.run covector.passes.clean covector.primitives.programs.call covector.primitives.custom.calls
        covector.numpy.linalg covector.primitives.linalg.solving covector.lax covector.core.text.parser
    """.split()
    later += [f"covector.numpy.{name}" for name in cnp.LAZY]
    assert printed(f"import sys, covector; print([m for m in {later} if m in sys.modules])") == "[]"


def test_gradients_need_neither_programs_nor_what_runs_them() -> None:
    code = "import sys, covector as cv, numpy as np; cv.grad(lambda x: np.sum(np.sin(x) @ x))(np.ones(3)); "
    assert printed(code + "print('covector.interpreters.interpret' in sys.modules)") == "False"


def test_the_table_of_what_says_later_what_functions_mean_is_complete() -> None:
    code = """
import importlib, covector.numpy as cnp
from covector.core.tracer import FUNCTIONS, LATER
listed = {function for function in LATER if callable(function)}
assert not listed & FUNCTIONS.keys(), listed & FUNCTIONS.keys()
before = set(FUNCTIONS)
for name in {*cnp.LAZY, "windows"}:
    importlib.import_module(f"covector.numpy.{name}")
print({function.__name__ for function in listed ^ (FUNCTIONS.keys() - before)})
"""
    assert printed(code) == "set()"


def test_functions_find_their_module() -> None:
    code = """
import covector as cv, numpy as np
x = np.array([3.0, 1.0, 2.0])
print(cv.grad(lambda x: np.median(x))(x), cv.jvp(np.sort, (x,), (x,))[1], cv.vmap(np.linalg.norm)(np.eye(2)))
print(cv.numpy.linalg.__name__, cv.numpy.vectorize.__module__)
"""
    assert printed(code).split("\n") == [
        "[0. 0. 1.] [1. 2. 3.] [1. 1.]",
        "covector.numpy.linalg covector.numpy.vectorizing",
    ]


def test_primitives_find_their_module() -> None:
    assert printed("import covector as cv; print(cv.Primitive.registry['svd'], 'no such name' in cv.Primitive.registry)") == (
        "svd False"
    )


def test_names_of_primitives_that_come_later_are_taken() -> None:
    for name in ("sort", "svd", "scan", "jit"):
        code = f"import covector as cv\ntry: cv.Primitive({name!r})\nexcept cv.errors.ArgumentError as e: print(e)"
        assert f"the name {name!r} is that of a primitive of covector's own" in printed(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each composition is tried in a process where nothing else has been")
def test_each_composition_is_complete_where_nothing_else_was_used() -> None:
    code = """
import itertools, os
import numpy as np, covector as cv
x = np.linspace(0.5, 1.5, 3)
def ruled(f):
    g = cv.custom_jvp(f)
    g.defjvp(lambda p, t: cv.jvp(f, p, t))
    return g
def pulled(f):
    g = cv.custom_vjp(f)
    g.defvjp(lambda x: cv.vjp(f, x), lambda pull, ct: pull(ct))
    return g
outside = {
    "jit": lambda f: cv.jit(f),
    "grad": lambda f: cv.grad(lambda x: np.sum(f(x))),
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (x,))[1],
    "vmap": lambda f: cv.vmap(f),
    "linearize": lambda f: lambda x: cv.linearize(f, x)[1](x),
    "jacfwd": lambda f: cv.jacfwd(f),
}
inside = {
    "jit": lambda f: cv.jit(f),
    "checkpoint": lambda f: cv.checkpoint(f),
    "custom_jvp": ruled,
    "custom_vjp": pulled,
    "scan": lambda f: lambda x: cv.lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0],
    "while": lambda f: lambda x: cv.lax.while_loop(lambda c: c[1] < 2, lambda c: (f(c[0]), c[1] + 1), (x, 0))[0],
    "cond": lambda f: lambda x: cv.lax.cond(np.sum(x) > 0, f, lambda x: x, x),
}
for (outer, of), (inner, f) in itertools.product(outside.items(), inside.items()):
    pid = os.fork()
    if not pid:
        try:
            of(f(lambda y: np.sin(y) * y))(x)
        except BaseException as error:
            print(f"{outer} of {inner}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""
    assert printed(code) == ""
