"""The language: what a value looks like, what an operation is, who says what it means, and programs.

Some of it has the names, here, that JAX's ``jax.core`` has for it.

>>> import numpy as np
>>> import covector as cv
>>> program = cv.make_jaxpr(lambda x: x + np.ones(2))(1.0)
>>> eval_jaxpr(program, program.consts, 2.0)
[array([3., 3.])]
"""

from covector.core.avals import AbstractValue as AbstractValue
from covector.core.avals import ShapedArray as ShapedArray
from covector.core.jaxpr import Atom as Atom
from covector.core.jaxpr import eval_jaxpr as eval_jaxpr
from covector.core.primitive import Trace as Trace
from covector.core.tracer import Tracer as Tracer
