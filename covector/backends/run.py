"""Running a program on plain arrays: ``runner(jaxpr)(*arrays)``.

>>> import numpy as np
>>> import covector as cv
>>> runner(cv.make_jaxpr(lambda x: np.sin(x) * 2.0)(1.0))(0.0)
[np.float64(0.0)]

Whatever runs a program asks here: ``jit``, the implementations of loops and branches, what is compiled ahead of time.  The
program is cleaned, and handed to a backend; what that makes is kept with the program.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from covector.backends.freed import keep_freed_memory
from covector.backends.tiers import numpy_backend, required, tiered
from covector.core import errors
from covector.core.checked_rules import shown
from covector.core.context import BACKEND, MODES, WATCH, mode, value_of
from covector.core.jaxpr import Equation, Jaxpr
from covector.interpreters.evaluate import implementation, run_equations
from covector.passes.clean import clean

Run = Callable[..., list[Any]]
Compile = Callable[[Jaxpr], Run]
CompileStep = Callable[[Jaxpr, int, int], tuple[Run, list[int]] | None]


class Backend(NamedTuple):
    """A way to run programs."""

    name: str
    compile: Compile
    compile_step: CompileStep = lambda jaxpr, first_carry, num_carry: None
    """``(jaxpr, first_carry, num_carry) -> (run, the carries that it overwrites)``, or None where it overwrites none."""


NUMPY = Backend("numpy", lambda *args: numpy_backend().compiled(*args), lambda *args: numpy_backend().compiled_step(*args))
NATIVE = Backend("native", required)
_backends = {"numpy": NUMPY, "native": NATIVE, "cpu": NUMPY}  # "cpu" is what JAX calls its own for the processor


def register_backend(name: str, compile: Compile) -> None:
    """Declare a backend: a way to run programs on arrays.

    Args:
        name: how `use_backend` and ``jit`` call it; a backend that had the name before is forgotten.
        compile: ``compile(jaxpr)`` is a function ``(*arrays) -> list of arrays`` that runs the program.  The program is clean,
            and `legalize` makes it explicit; whatever the backend makes of it is kept with it.  The function gets NumPy
            arrays and scalars, and Python numbers where an aval is weakly typed, and returns such.  It never returns an array
            that it keeps, such as a constant of the program.

    Raises:
        ArgumentError: the name is that of covector's own backend.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> from covector.interpreters.evaluate import eval_jaxpr
        >>> def shouting(jaxpr):
        ...     print("compiling", jaxpr)
        ...     return lambda *args: eval_jaxpr(jaxpr, *args)
        >>> cv.register_backend("shouting", shouting)
        >>> f = cv.jit(lambda x: np.sin(x) * 2.0)
        >>> with cv.use_backend("shouting"):
        ...     y = f(0.0)
        compiling { lambda ; a:weak_f64[]. let b:f64[] = sin a; c:f64[] = mul b 2.0 in (c,) }
        >>> float(y)
        0.0
    """
    if _backends.get(name) in (NUMPY, NATIVE):
        why = "programs run on it where nobody chooses another"
        what = f"register_backend: {name!r} is covector's own backend."
        raise errors.ArgumentError(what, why=why, fix="choose another name")
    _backends[name] = Backend(name, lambda jaxpr: _checked(name, compile(jaxpr), len(jaxpr.out_vars)))


def _checked(name: str, run: Any, count: int) -> Run:
    """What a backend made of a program, whose results are to be a list of so many."""

    def fail(what: str, fix: str) -> errors.ArgumentError:
        why = f"compile(jaxpr) is a function from arrays to the list of outputs, and this program has {count}"
        return errors.ArgumentError(f"the backend {name!r} {what}.", why=why, fix=fix)

    if not callable(run):
        raise fail(f"made {shown(run)} of a program", "let the function that is registered return a function of arrays")

    def checked(*arrays: Any) -> list[Any]:
        outs = run(*arrays)
        if not isinstance(outs, (list, tuple)) or len(outs) != count:
            found = f"a {type(outs).__name__} of {len(outs)}" if isinstance(outs, (list, tuple)) else shown(outs)
            raise fail(f"returned {found}", "return a list with an array for each output, also for one")
        return list(outs)

    return checked


def backend_named(name: str, who: str) -> Backend:
    """The backend that has a name; an error that names ``who`` asked if none has."""
    found = _backends.get(name)
    if found is None:
        why = f"the backends are {', '.join(map(repr, _backends))}"
        fix = "choose one of these, or declare another with register_backend"
        raise errors.ArgumentError(f"{who}: there is no backend {name!r}.", why=why, fix=fix)
    return found


def use_backend(name: str) -> AbstractContextManager[Any]:
    """Run programs (compiled functions, loops, branches) on a backend, in this thread or task.

    Args:
        name: "numpy" (or "cpu", JAX's name), or that of a backend that was declared with `register_backend`.

    Raises:
        ArgumentError: there is no such backend.

    Operations outside of programs are NumPy's, as always.
    """
    return mode(BACKEND, backend_named(name, "use_backend"))


def runner(jaxpr: Jaxpr, backend: str | None = None) -> Run:
    """A function that runs the program on arrays, now: on a backend, by default that of the context; watchers are told."""
    report = value_of(WATCH) if MODES else None
    if report is not None:
        return lambda *args: _watched(clean(jaxpr), args, report)
    if backend is not None:
        return running_on(backend, jaxpr)
    return compiled(jaxpr, value_of(BACKEND, NUMPY) if MODES else NUMPY)


def running_on(backend: str, jaxpr: Jaxpr) -> Run:
    """A function that runs the program, and the programs in it, on a backend."""
    chosen = backend_named(backend, "jit")
    run = compiled(jaxpr, chosen)

    def running(*args: Any) -> list[Any]:
        with mode(BACKEND, chosen):
            return run(*args)

    return running


def compiled(jaxpr: Jaxpr, backend: Backend = NUMPY) -> Run:
    """A function that runs the program on a backend, watched by nobody; cached on the program."""
    return jaxpr.once(("compiled", backend), lambda: backend.compile(_prepared(jaxpr)))


def jitted(jaxpr: Jaxpr) -> Run:
    """A function that runs a program of ``jit`` where nobody chose a backend; cached on the program."""
    return jaxpr.once("tiered", lambda: tiered(_prepared(jaxpr)))


def _prepared(jaxpr: Jaxpr) -> Jaxpr:
    keep_freed_memory()
    return clean(jaxpr)


def step_runner(jaxpr: Jaxpr, first_carry: int, num_carry: int) -> tuple[Run, list[int]]:
    """The same for the step of a loop, and which carries it overwrites: the loop must own these, and copy the first.

    The carries are inputs from ``first_carry`` on, and the first outputs.
    """
    backend = NUMPY
    if MODES:
        if value_of(WATCH) is not None:
            return runner(jaxpr), []
        backend = value_of(BACKEND, NUMPY)
    make = lambda: backend.compile_step(_prepared(jaxpr), first_carry, num_carry) or (compiled(jaxpr, backend), [])
    return jaxpr.once(("compiled step", backend, first_carry, num_carry), make)


def _watched(jaxpr: Jaxpr, args: Any, report: Any) -> list[Any]:
    """Evaluate a program, and report each result."""

    def apply(eqn: Equation, values: list[Any]) -> Any:
        out = implementation(eqn)(*values)
        report(eqn.primitive.name, values, out if eqn.primitive.multiple_results else [out], eqn.source, "value")
        return out

    outs: list[Any] = numpy_backend().fresh(jaxpr, run_equations(jaxpr, args, apply))
    return outs
