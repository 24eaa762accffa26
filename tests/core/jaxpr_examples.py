"""Primitives for programs built by hand, and random programs."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from covector.core.avals import ShapedArray, broadcast_shapes, float0, result_dtype, typeof
from covector.core.check import check_linear
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.primitive import Primitive, jointly, one_of

VEC = ShapedArray((3,), np.float64)


def _broadcast(*avals: ShapedArray) -> ShapedArray:
    return ShapedArray(broadcast_shapes(*(a.shape for a in avals)), result_dtype(*avals))


def _primitive(name: str, impl: Any, abstract: Any, linear: Any = None, multiple_results: bool = False) -> Primitive:
    primitive = Primitive(name, multiple_results=multiple_results)
    primitive.def_impl(impl)
    primitive.def_abstract(abstract)
    primitive.linear = linear
    return primitive


def _run_call(*args: Any, jaxpr: Jaxpr, name: str = "") -> list[Any]:
    return evaluate(jaxpr, args)


sin_p = _primitive("t_sin", np.sin, _broadcast)
neg_p = _primitive("t_neg", np.negative, _broadcast, jointly())
add_p = _primitive("t_add", np.add, _broadcast, jointly())
mul_p = _primitive("t_mul", np.multiply, _broadcast, one_of())
call_p = _primitive(
    "t_call",
    _run_call,
    lambda *avals, jaxpr, name="": jaxpr.out_avals,
    lambda mask, params: check_linear(params["jaxpr"], mask),
    multiple_results=True,
)
any_p = Primitive("t_any", multiple_results=True)
odd_p = Primitive("t odd\nname", multiple_results=True)


def evaluate(jaxpr: Jaxpr, args: Any) -> list[Any]:
    env: dict[Any, Any] = {**jaxpr.consts, **dict(zip(jaxpr.in_vars, args, strict=True))}
    for eqn in jaxpr.equations:
        values = [env[x] if isinstance(x, Var) else x.value for x in eqn.inputs]
        outs = eqn.primitive.impl(*values, **eqn.params)
        env.update(zip(eqn.outputs, outs if eqn.primitive.multiple_results else [outs], strict=True))
    return [env[x] if isinstance(x, Var) else x.value for x in jaxpr.out_vars]


def unary(primitive: Primitive = sin_p, aval: ShapedArray = VEC) -> Jaxpr:
    """``x -> primitive(x)``."""
    x, y = Var(aval), Var(aval)
    return Jaxpr([x], [Equation(primitive, [x], {}, [y])], [y])


def chain(n: int, **params: Any) -> Jaxpr:
    """``n`` multiplications by 2, one after the other."""
    xs = [Var(VEC) for _ in range(n + 1)]
    equations = [Equation(mul_p, [x, Literal(2.0)], params, [y]) for x, y in pairwise(xs)]
    return Jaxpr(xs[:1], equations, xs[-1:])


def nested(depth: int) -> Jaxpr:
    """A call of a call of ... ``sin``."""
    program = unary()
    for i in range(depth):
        x, y = Var(VEC), Var(VEC)
        program = Jaxpr([x], [Equation(call_p, [x], {"jaxpr": program, "name": f"level{i}"}, [y])], [y])
    return program


def cpu_seconds(f: Callable[[], Any]) -> float:
    """The least CPU time of five calls.

    Without the cyclic collector: its passes over all that the test process holds cost the more the more objects a call makes.
    """
    times = []
    gc.disable()
    try:
        for _ in range(5):
            start = time.process_time()
            f()
            times.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(times)


# --- random values --------------------------------------------------------------------------------------------------------

DTYPES = [np.dtype(c) for c in "?bhilBHILefdgFDG"]


def _real_scalars(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    if dtype.itemsize <= 8:
        return st.floats(width=8 * dtype.itemsize).map(dtype.type)  # type: ignore[arg-type]
    wide = st.tuples(st.floats(), st.floats(0, 1), st.integers(-4900, 3900))
    return st.one_of(st.floats().map(dtype.type), wide.map(lambda t: np.ldexp(dtype.type(t[0]) + dtype.type(t[1]) / 3, t[2])))


def numpy_scalars(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    """Scalars of a dtype: every kind of bits, with infinities, NaN and negative zero."""
    if dtype.kind == "b":
        return st.booleans().map(np.bool_)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return st.integers(int(info.min), int(info.max)).map(dtype.type)
    if dtype.kind == "f":
        return _real_scalars(dtype)
    part = np.empty((), dtype).real.dtype
    return st.tuples(_real_scalars(part), _real_scalars(part)).map(lambda parts: complex_of(*parts, dtype))


def complex_of(real: Any, imag: Any, dtype: np.dtype[Any]) -> Any:
    out = np.empty((), dtype)
    out.real, out.imag = real, imag
    return out[()]


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def arrays(draw: Any) -> Any:
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(shapes)
    out = np.zeros(shape, dtype)
    for index in np.ndindex(*shape):
        out[index] = draw(numpy_scalars(dtype))
    return out


python_scalars = st.one_of(st.booleans(), st.integers(), st.floats(), st.complex_numbers())
scalars = st.one_of(python_scalars, st.sampled_from(DTYPES).flatmap(numpy_scalars))
avals = st.builds(ShapedArray, shapes, st.sampled_from([*DTYPES, float0, np.dtype(">f8")])) | st.sampled_from(
    [ShapedArray((), dtype, weak_type=True) for dtype in (np.int64, np.float64, np.complex128)]
)
leaf_params = st.one_of(
    scalars,
    st.text(),
    st.none(),
    st.just(...),
    st.sampled_from([*DTYPES, float0, np.dtype(">i4")]),
    st.sampled_from([bool, int, float, complex, str, np.float32, np.longdouble, np.bool_]),
    avals,
    st.builds(slice, st.none() | st.integers(), st.none() | st.integers(), st.none() | st.integers()),
)
params = st.recursive(
    leaf_params, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.lists(inner, max_size=3), max_leaves=8
)


@st.composite
def jaxprs(draw: Any, depth: int = 2) -> Jaxpr:
    """Programs that print and parse, well-scoped but not well-typed; nested ones may be shared."""
    values = draw(st.lists(arrays() | scalars, max_size=2))
    consts = {Var(typeof(value)): value for value in values}
    in_vars = [Var(aval) for aval in draw(st.lists(avals, max_size=3))]
    inner = [draw(jaxprs(depth - 1)) for _ in range(draw(st.integers(0, 2)) if depth else 0)]
    bound = [*consts, *in_vars]
    equations = []
    for _ in range(draw(st.integers(0, 5))):
        outputs = [Var(aval) for aval in draw(st.lists(avals, max_size=2))]
        named = draw(st.dictionaries(st.text(min_size=1, max_size=6), params, max_size=3))
        if inner and draw(st.booleans()):
            named["jaxpr"] = draw(st.sampled_from(inner))
            named["branches"] = tuple(draw(st.lists(st.sampled_from(inner), max_size=3)))
            named["name"] = draw(st.sampled_from(["f", "g", "not a name", 3]))
        equations.append(Equation(draw(st.sampled_from([any_p, odd_p])), draw(atoms(bound)), named, outputs))
        bound += outputs
    linear = draw(st.none() | st.lists(st.booleans(), min_size=len(in_vars), max_size=len(in_vars)))
    return Jaxpr(in_vars, equations, draw(atoms(bound)), consts, linear)


def atoms(bound: list[Var]) -> st.SearchStrategy[list[Any]]:
    literals = scalars.map(Literal)
    return st.lists(st.sampled_from(bound) | literals if bound else literals, max_size=4)


@st.composite
def ring_programs(draw: Any, n_inputs: int = 3, max_equations: int = 6) -> Jaxpr:
    """Well-typed programs of sums, products, negations, sines and calls; constants may be zero."""
    consts = {Var(VEC): np.array(draw(st.sampled_from([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])))}
    in_vars = [Var(VEC) for _ in range(n_inputs)]
    bound: list[Any] = [*consts, *in_vars, Literal(0.0), Literal(3.0)]
    equations = []
    for _ in range(draw(st.integers(1, max_equations))):
        primitive = draw(st.sampled_from([neg_p, add_p, mul_p, mul_p, add_p, sin_p, call_p]))
        if primitive is call_p and max_equations > 1:
            program = draw(ring_programs(n_inputs=2, max_equations=3))
            operands = [draw(st.sampled_from(bound[:-2])) for _ in program.in_vars]
            outputs = [Var(aval) for aval in program.out_avals]
            equations.append(Equation(call_p, operands, {"jaxpr": program}, outputs))
        elif primitive is not call_p:
            operands = [draw(st.sampled_from(bound)) for _ in range(2 if primitive in (add_p, mul_p) else 1)]
            outputs = [Var(_broadcast(*(x.aval for x in operands)))]
            equations.append(Equation(primitive, operands, {}, outputs))
            if outputs[0].aval != VEC:
                continue
        else:
            continue
        bound[:0] = [v for v in outputs if v.aval == VEC]
    outs = [draw(st.sampled_from(bound)) for _ in range(draw(st.integers(1, 3)))]
    return Jaxpr(in_vars, equations, outs, consts)
