"""What programs are made of and how they run, under the names of JAX's ``jax.extend.core``.

There is one class of program, `Jaxpr`, which owns its constants; `ClosedJaxpr` is another name of it.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: np.sin(x) * 2.0)(0.5)
>>> isinstance(program, ClosedJaxpr), [e.primitive.name for e in program.equations]
(True, ['sin', 'mul'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from covector.core.check import check as check_jaxpr
from covector.core.jaxpr import Equation as JaxprEqn
from covector.core.jaxpr import Jaxpr, Literal, Var, check_program
from covector.core.jaxpr import Jaxpr as ClosedJaxpr
from covector.core.jaxpr import sub_jaxprs as jaxprs_in_params
from covector.core.primitive import Primitive

__all__ = [
    "ClosedJaxpr",
    "Jaxpr",
    "JaxprEqn",
    "Literal",
    "Primitive",
    "Var",
    "check_jaxpr",
    "jaxpr_as_fun",
    "jaxprs_in_params",
    "subjaxprs",
]


def jaxpr_as_fun(closed_jaxpr: Jaxpr) -> Callable[..., list[Any]]:
    """The function that a program is: of its inputs, and with the list of its outputs.

    Args:
        closed_jaxpr: a program; it is itself that function, and is returned.

    Raises:
        ArgumentError: it is no program.  The function raises it for inputs of other shapes or dtypes than the program's.

    Example:
        >>> import covector as cv
        >>> square = jaxpr_as_fun(cv.make_jaxpr(lambda x: x * x)(1.0))
        >>> square(3.0), float(cv.grad(lambda x: square(x)[0])(3.0))
        ([9.0], 6.0)
    """
    check_program(closed_jaxpr, "jaxpr_as_fun")
    return closed_jaxpr


def subjaxprs(jaxpr: Jaxpr) -> Iterator[Jaxpr]:
    """The programs among the parameters of the equations of a program, as the branches of its choices.

    Raises:
        ArgumentError: it is no program.

    Example:
        >>> import numpy as np
        >>> import covector as cv
        >>> program = cv.make_jaxpr(cv.jit(lambda x: np.sin(x)))(1.0)
        >>> [str(inner.equations[0]) for inner in subjaxprs(program)]
        ['b:f64[] = sin a']
    """
    check_program(jaxpr, "subjaxprs")
    return (inner for equation in jaxpr.equations for inner in jaxprs_in_params(equation.params))

