"""What an interpreter or a vocabulary outside of covector is made with: primitives, their kinds, and rules derived from these.

>>> from covector.extend import Elementwise, Kind, Linear, Primitive, derives
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
"""

from covector.core.kinds import (
    Bilinear,
    Contraction,
    Effect,
    Elementwise,
    ElementwiseBilinear,
    ElementwiseLinear,
    Factorization,
    Kind,
    Linear,
    Program,
    Reduction,
    Step,
    Structural,
    jointly,
    one_of,
)
from covector.core.primitive import Primitive, Trace, derives, open_trace

__all__ = [
    "Bilinear",
    "Contraction",
    "Effect",
    "Elementwise",
    "ElementwiseBilinear",
    "ElementwiseLinear",
    "Factorization",
    "Kind",
    "Linear",
    "Primitive",
    "Program",
    "Reduction",
    "Step",
    "Structural",
    "Trace",
    "derives",
    "jointly",
    "one_of",
    "open_trace",
]
