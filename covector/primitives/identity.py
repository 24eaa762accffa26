"""Primitives that return their argument: ``stop_gradient``, a constant to every derivative."""

from __future__ import annotations

from covector.core.primitive import Primitive
from covector.primitives.derivations import zero_jvp

stop_gradient_p = Primitive("stop_gradient", trusted=True)
stop_gradient_p.def_impl(lambda x: x)
stop_gradient_p.def_abstract(lambda x: x)
stop_gradient_p.def_jvp(zero_jvp(stop_gradient_p))
stop_gradient_p.def_batch(lambda size, args, dims: (stop_gradient_p.bind(args[0]), dims[0]))
