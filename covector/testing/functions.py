"""``check_function``: a function of arrays under every transformation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.core.pytrees import tree_leaves
from covector.testing.rules import FunctionChecks, Options, brief_argument


class FunctionError(AssertionError):
    """A transformation of a function is wrong."""


TRANSFORMATIONS = {"abstract": "jit", "impl": "evaluation", "jvp": "jvp", "transpose": "vjp", "batch": "vmap"}
"""The transformation that a rule of a primitive is for."""


class _Checks(FunctionChecks):
    def error(self, what: str, blame: str = "") -> FunctionError:  # type: ignore[override]
        name, case = self.describe
        return FunctionError(f"{TRANSFORMATIONS[blame]} of {name} is wrong{self.context}: {what}\n{case}")


def check_function(
    f: Callable[..., Any],
    args: Sequence[Any],
    *,
    order: int = 2,
    numerical: bool = True,
    tolerance: float | None = None,
    batch: bool = True,
    staged: bool = True,
) -> None:
    """Try a function under every transformation, at one point.

    What is tried: ``jit``, and that the function's program checks, means the same when it is cleaned, and survives printing and
    parsing; ``jvp`` against finite differences, for sets of arguments, and that it is linear; ``linearize`` against ``jvp``;
    ``vjp`` against ``jvp``; ``vmap`` against a loop, for mixes of batched arguments and positions of the batch axis; and all
    this again for the first derivatives, forward and reverse.

    Args:
        f: a function of arrays, which returns arrays (in any pytree); smooth around the point.
        args: a tuple or list of its arguments: arrays or numbers.  Integers are held constant, and shuffled in batches.
        order: 1 leaves out the second derivatives.
        numerical: False leaves out finite differences (for derivatives that are right by convention, not by limit).
        tolerance: relative tolerance, if the default, which follows from the dtypes, is too strict.
        batch: False leaves out ``vmap``, for functions that need to know values.
        staged: False leaves out ``jit``, likewise.

    Raises:
        AssertionError: says which transformation is wrong, and how.

    Example:
        >>> import numpy as np
        >>> check_function(lambda x, y: np.sin(x) * y, (np.array([0.3, 1.2]), 2.0))
        >>> from covector import elementwise
        >>> wrong = elementwise("wrong_example", np.square, lambda out, x: 3 * x)
        >>> check_function(lambda x: wrong(x) + 1, (2.0,))
        Traceback (most recent call last):
            ...
        covector.testing.functions.FunctionError: jvp of <lambda> is wrong: ...
    """
    options = Options(order=order, numerical=numerical, tolerance=tolerance)
    case = "\n".join(f"  argument {i}: {brief_argument(a)}" for i, a in enumerate(args))
    name = getattr(f, "__name__", repr(f))
    _Checks(lambda *xs: tree_leaves(f(*xs)), args, options, (name, case)).run(batch=batch, staged=staged)


__all__ = ["check_function"]
