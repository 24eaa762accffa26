"""Primitives that return their argument: ``stop_gradient``, a constant to every derivative."""

from __future__ import annotations

from covector.core.kinds import Step
from covector.core.primitive import Primitive

stop_gradient_p = Primitive("stop_gradient", Step(lambda x: x), trusted=True)
stop_gradient_p.def_abstract(lambda x: x)
