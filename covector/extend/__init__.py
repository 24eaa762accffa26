"""What an interpreter or a vocabulary outside of covector is made with: primitives, their kinds, and rules derived from these.

>>> from covector.extend import Elementwise, Kind, Linear, Primitive, derives, inner_programs
>>> halve_p = Primitive("halve_example", Linear(lambda x: x / 2, lambda ct, x: ct / 2))

An interpreter names its rules as it likes, and says what they are for each kind; single primitives may have rules of their own:

>>> @derives("bound", Kind)
... def of_any(primitive, kind):
...     return lambda *bounds: float("inf")
>>> @derives("bound", Linear)
... def of_linear(primitive, kind):
...     return lambda *bounds: "unknown"
>>> @halve_p.def_rule("bound")
... def bound_of_half(bound):
...     return bound / 2
>>> halve_p.rule("bound")(3.0), Primitive.registry["sin"].rule("bound")(2.0)
(1.5, inf)

It runs a program by `eval_jaxpr` on its tracers, or walks the equations, and the programs in these by `inner_programs`:

>>> import covector as cv
>>> for equation in cv.make_jaxpr(lambda x: x * x + 1.0)(3.0).equations:
...     print(equation, list(inner_programs(equation)))
b:weak_f64[] = mul a a []
c:weak_f64[] = add b 1.0 []

A transformation of one's own has a `Tracer` and a `Trace`, which says by ``process`` what an operation means; ``typeof`` is the
aval of any value.
"""

from covector.backends.numpy import compiled
from covector.core.avals import Zero, typeof
from covector.core.jaxpr import with_programs
from covector.core.kinds import (
    AlongAxis,
    Bilinear,
    Contraction,
    Discrete,
    Effect,
    Elementwise,
    ElementwiseBilinear,
    ElementwiseLinear,
    Factorization,
    Kind,
    Linear,
    LinearReduction,
    Opaque,
    OverAxes,
    Program,
    Reduction,
    Step,
    Structural,
    jointly,
    one_of,
)
from covector.core.primitive import Primitive, Trace, derives, open_trace
from covector.core.text.printer import inner_programs
from covector.core.tracer import Tracer, register_tracer
from covector.interpreters.bundles import Interpreter
from covector.interpreters.evaluate import eval_jaxpr, implementation, run_equations
from covector.interpreters.interpret import Bundle, arguments
from covector.interpreters.stage import leaked
from covector.passes.clean import clean

__all__ = [
    "AlongAxis",
    "Bilinear",
    "Bundle",
    "Contraction",
    "Discrete",
    "Effect",
    "Elementwise",
    "ElementwiseBilinear",
    "ElementwiseLinear",
    "Factorization",
    "Interpreter",
    "Kind",
    "Linear",
    "LinearReduction",
    "Opaque",
    "OverAxes",
    "Primitive",
    "Program",
    "Reduction",
    "Step",
    "Structural",
    "Trace",
    "Tracer",
    "Zero",
    "arguments",
    "clean",
    "compiled",
    "derives",
    "eval_jaxpr",
    "implementation",
    "inner_programs",
    "jointly",
    "leaked",
    "one_of",
    "open_trace",
    "register_tracer",
    "run_equations",
    "typeof",
    "with_programs",
]
