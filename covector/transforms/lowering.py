"""The stages of ``jit`` by themselves: ``jit(f).lower(*args)`` is the program, ``.compile()`` a function that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from covector.backends.run import runner
from covector.core import errors
from covector.core.avals import typeof
from covector.core.jaxpr import Jaxpr
from covector.core.pytrees import tree_flatten, tree_unflatten
from covector.core.tracebacks import hides_frames
from covector.passes.clean import clean


class Lowered:
    """A function traced for arguments of certain types, not yet made runnable.

    Attributes:
        jaxpr: the cleaned program.
        in_tree: the structure of the arguments, ``(args, kwargs)``.
        out_tree: the structure of the result.
    """

    __slots__ = ("backend", "function", "in_tree", "jaxpr", "name", "out_tree", "statics")

    def __init__(
        self, name: str, jaxpr: Jaxpr, in_tree: Any, out_tree: Any, backend: str | None = None,
        function: Any = None, statics: Sequence[int] = (),
    ):  # fmt: skip
        self.name = name
        self.jaxpr = clean(jaxpr)
        self.in_tree = in_tree
        self.out_tree = out_tree
        self.backend = backend
        self.function = function
        self.statics = statics

    @property
    def out_info(self) -> Any:
        """The avals of the result, in its structure."""
        return tree_unflatten(self.out_tree, self.jaxpr.out_avals)

    def as_text(self, dialect: str = "jaxpr") -> str:
        """The program as text.

        Args:
            dialect: one of

                - "jaxpr", which `parse` reads back;
                - "python", a file that defines the function with calls of NumPy, to read, save, import and step through; it
                  takes the arguments that are not static and gives the result in its structure (arguments and results in
                  other containers than tuples, lists and dicts: their leaves);
                - "llvm" and "asm", the parts that the native backend compiles, in LLVM's language and in that of the
                  processor, with a comment for each equation between them that runs as NumPy.

        Raises:
            ArgumentError: there is no such dialect, or llvmlite is not installed, which the last two need.

        Example:
            >>> import numpy as np
            >>> import covector as cv
            >>> lowered = cv.jit(lambda x: np.sin(x) * 2.0).lower(1.0)
            >>> print(lowered.as_text())
            { lambda ; a:weak_f64[]. let b:f64[] = sin a; c:f64[] = mul b 2.0 in (c,) }
            >>> print(lowered.as_text("python"))  # doctest: +ELLIPSIS
            import numpy as np
            <BLANKLINE>
            <BLANKLINE>
            def program(x):
                # <doctest ...>:1: lowered = cv.jit(lambda x: np.sin(x) * 2.0).lower(1.0)
                return np.sin(x) * 2.0
            <BLANKLINE>
        """
        if dialect == "jaxpr":
            return str(self.jaxpr)
        if dialect == "python":
            return self._python()
        if dialect in ("llvm", "asm"):
            text: str = _native_report().text(self.jaxpr, dialect, self.name)
            return text
        what = f"{self.name}: there is no text in the dialect {dialect!r}."
        raise errors.ArgumentError(what, fix="pass 'jaxpr', 'python', 'llvm' or 'asm'")

    def _python(self) -> str:
        text: Any = importlib.import_module("covector.backends.readable.functions").text_of_function
        return text(self.function, self.jaxpr, self.in_tree, self.out_tree, self.statics)  # type: ignore[no-any-return]

    def cost_analysis(self) -> dict[str, Any]:
        """What the program costs, counted from its equations: nothing is run or compiled.

        Returns:
            A dict of numbers:

            - "flops": operations on numbers: one for each element of an elementwise operation, 2 m n k of a product of
              matrices, one for each element that a reduction takes, and so on;
            - "transcendentals": evaluations of ``exp``, ``sin``, and the like, which are not among the flops;
            - "bytes accessed": of the operands and results of all operations but views, as if each were in memory;
            - "peak memory": the bytes of inputs, constants and values that are there at the same time, if no operation is
              fused with another.

            and, where there are such,

            - "loops of unknown length": how many loops are counted as if they had one step;
            - "not counted": of primitives without a cost, such as callbacks, how often they occur.

        Of the branches of a choice the dearest is counted.

        Example:
            >>> import numpy as np
            >>> import covector as cv
            >>> cost = cv.jit(lambda a, x: np.sum(np.sin(a @ x))).lower(np.ones((2, 3)), np.ones(3)).cost_analysis()
            >>> cost["flops"], cost["transcendentals"], cost["bytes accessed"]
            (14.0, 2.0, 144.0)
        """
        return importlib.import_module("covector.passes.costs").cost_analysis(self.jaxpr)  # type: ignore[no-any-return]

    def report(self) -> Any:
        """What the native backend makes of the program: print it.

        Returns:
            A `Report` with the compiled ``parts`` (their loop nests, products and loops, with the equations that each computes
            at once, and the bytes of the ``workspace``), and the equations that run ``as_numpy`` between them, with the
            reasons: no rule, a dtype, an empty array, an effect, a loop of unknown length that collects values.

        Example:
            >>> import numpy as np
            >>> import covector as cv
            >>> report = cv.jit(lambda x: np.sort(np.sin(x) * 2.0)).lower(np.ones(3)).report()
            >>> [(f.text, f.why) for f in report.as_numpy]
            [('e:f64[3] = sort[axis=0, kind="quicksort"] d', 'no rule')]
            >>> "b:f64[3] = sin a" in report.parts[0].steps[0].equations
            True
        """
        return _native_report().report(self.jaxpr)

    def compile(self) -> Compiled:
        """The function that runs the program."""
        return Compiled(self)

    def __repr__(self) -> str:
        return f"<{self.name}, lowered for ({', '.join(map(str, self.jaxpr.in_avals))})>"


def _native_report() -> Any:
    """The module that describes what is compiled, loaded when it is asked for."""
    return importlib.import_module("covector.backends.native.report")


class Compiled:
    """A program that is ready to run; called with arguments of the types that it was lowered for."""

    __slots__ = ("lowered",)

    def __init__(self, lowered: Lowered):
        self.lowered = lowered
        runner(lowered.jaxpr, lowered.backend)

    def as_text(self, dialect: str = "jaxpr") -> str:
        """The program as text; see `Lowered.as_text`."""
        return self.lowered.as_text(dialect)

    def cost_analysis(self) -> dict[str, Any]:
        """What the program costs; see `Lowered.cost_analysis`."""
        return self.lowered.cost_analysis()

    def report(self) -> Any:
        """What the native backend makes of the program; see `Lowered.report`."""
        return self.lowered.report()

    @hides_frames
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, treedef = tree_flatten((args, kwargs))
        if treedef != self.lowered.in_tree or [*map(typeof, leaves)] != self.lowered.jaxpr.in_avals:
            raise self._mismatch(leaves, treedef)
        return tree_unflatten(self.lowered.out_tree, runner(self.lowered.jaxpr, self.lowered.backend)(*leaves))

    def _mismatch(self, leaves: Sequence[Any], treedef: Any) -> errors.TreeMismatchError:
        wanted = ", ".join(map(str, self.lowered.jaxpr.in_avals))
        found = ", ".join(map(str, map(typeof, leaves)))
        same = treedef == self.lowered.in_tree
        what = f"{self.lowered.name} is compiled for ({wanted}) and called with ({found})"
        why = "a compiled program is for one structure and type of arguments, and traces nothing"
        fix = "call the jitted function itself, or lower it for these arguments"
        return errors.TreeMismatchError(what + ("." if same else ", in another structure."), why=why, fix=fix)

    def __repr__(self) -> str:
        return f"<{self.lowered.name}, compiled for ({', '.join(map(str, self.lowered.jaxpr.in_avals))})>"
