"""What an import of covector leaves for later, and that it comes when it is asked for: each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

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
