"""Checks for derivatives, primitives and transformations, on inputs and programs that `hypothesis` generates.

* `check_grads`: a function's derivatives against numerical ones.
* `check_function`: a function under every transformation.
* `check_primitive`, `check_case`: all rules of a primitive.
* `strategies`: hypothesis strategies for arrays, dtypes, shapes, axes, indices, matrices and pytrees.
* `random_programs`, `FAMILIES`: random programs that use the whole vocabulary.
* `laws`, `LAWS`: what holds of every program, such as ``jit(f) = f``.

`check_grads` and the laws need nothing but covector; what generates inputs and programs needs ``hypothesis``
(``pip install "covector[test]"``).  All but `check_grads` is imported when
it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from covector.testing.gradients import check_grads

if TYPE_CHECKING:
    from covector.testing import laws, strategies
    from covector.testing.families import FAMILIES
    from covector.testing.functions import check_function
    from covector.testing.laws import LAWS, LawError
    from covector.testing.primitives import RuleError, check_case, check_primitive
    from covector.testing.programs import Program, random_programs
    from covector.testing.strategies import arrays

LAZY = {
    "FAMILIES": "families",
    "LAWS": "laws",
    "LawError": "laws",
    "Program": "programs",
    "RuleError": "primitives",
    "arrays": "strategies",
    "check_case": "primitives",
    "check_function": "functions",
    "check_primitive": "primitives",
    "laws": "laws",
    "random_programs": "programs",
    "strategies": "strategies",
}
"""The module of each name that is imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'covector.testing' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"covector.testing.{LAZY[name]}")
    except ModuleNotFoundError as e:
        if e.name != "hypothesis":
            raise
        raise ImportError(
            f"covector.testing.{name} needs hypothesis, which is not installed: pip install 'covector[test]'", name="hypothesis"
        ) from None
    value = module if LAZY[name] == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})


__all__ = [
    "FAMILIES",
    "LAWS",
    "LawError",
    "Program",
    "RuleError",
    "arrays",
    "check_case",
    "check_function",
    "check_grads",
    "check_primitive",
    "laws",
    "random_programs",
    "strategies",
]
