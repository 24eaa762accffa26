"""Checks for derivatives, primitives and transformations, on inputs and programs that `hypothesis` generates.

* `check_grads`: a function's derivatives against numerical ones.
* `check_primitive`, `check_case`: all rules of a primitive.
* `strategies`: hypothesis strategies for arrays, dtypes, shapes, axes, indices, matrices and pytrees.
* `random_programs`, `FAMILIES`: random programs that use the whole vocabulary.
* `laws`, `LAWS`: what holds of every program, such as ``jit(f) = f``.

This package needs ``hypothesis``, which covector itself does not.
"""

from covector.testing import laws, strategies
from covector.testing.families import FAMILIES
from covector.testing.gradients import check_grads
from covector.testing.laws import LAWS, LawError
from covector.testing.primitives import RuleError, check_case, check_primitive
from covector.testing.programs import Program, random_programs
from covector.testing.strategies import arrays

__all__ = [
    "FAMILIES",
    "LAWS",
    "LawError",
    "Program",
    "RuleError",
    "arrays",
    "check_case",
    "check_grads",
    "check_primitive",
    "laws",
    "random_programs",
    "strategies",
]
