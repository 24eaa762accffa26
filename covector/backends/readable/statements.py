"""Equations that take several statements: arrays that are changed in places, loops, branches and calls.

``statement(equation)(block, equation)`` writes the lines to the block and says what its results are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from covector.backends.readable.expressions import ATOM, Expression, subscript
from covector.backends.readable.naming import called, function_name, functions_of, parameter_names
from covector.core.avals import ShapedArray
from covector.core.jaxpr import Equation, Jaxpr, Literal
from covector.core.primitive import NestedPrimitive

if TYPE_CHECKING:
    from covector.backends.readable.program import Block

Statement = Callable[["Block", Equation], None]

STEP = "    "


# --- arrays changed in places --------------------------------------------------------------------------------------------


def _indices(block: Block, atoms: Sequence[Any]) -> str:
    return ", ".join(block.read(x).text for x in atoms) or "()"


def _copied(block: Block, eqn: Equation) -> str:
    name = block.bind(eqn.outputs[0])
    block.line(f"{name} = np.array({block.read(eqn.inputs[0]).text}, order='C')")
    return name


def _zeros(block: Block, eqn: Equation) -> str:
    name, aval = block.bind(eqn.outputs[0]), eqn.outputs[0].aval
    dtype = "" if aval.dtype.name == "float64" else f", dtype={block.module.type_of(aval.dtype)}"
    block.line(f"{name} = np.zeros({aval.shape}{dtype})")
    return name


def _static(sign: str) -> Statement:
    """The part at a static index is set, or added to."""

    def write(block: Block, eqn: Equation) -> None:
        part = block.read(eqn.inputs[1]).text if len(eqn.inputs) > 1 else "0"
        name = _copied(block, eqn)
        block.line(f"{name}[{subscript(eqn.params['index'])}] {sign} {part}")

    return write


def _embed(block: Block, eqn: Equation) -> None:
    parts = [block.read(x).text for x in eqn.inputs]
    name = _zeros(block, eqn)
    for i, (part, index) in enumerate(zip(parts, eqn.params["indices"], strict=True)):
        block.line(f"{name}[{subscript(index)}] {'+=' if i else '='} {part}")


def _at(ufunc: str) -> Statement:
    """Values are combined with what is at the places of indices, each time that a place is named."""

    def write(block: Block, eqn: Equation) -> None:
        values, *indices = eqn.inputs[1:]
        where, given = _indices(block, indices), block.read(values).text
        name = _copied(block, eqn)
        _write_at(block, ufunc, name, where, given, indices)

    return write


def _write_at(block: Block, ufunc: str, name: str, where: str, given: str, indices: Sequence[Any]) -> None:
    is_one = all(not x.aval.shape for x in indices)
    if ufunc:
        block.line(
            f"{name}[{where}] = {ufunc}({name}[{where}], {given})" if is_one else f"{ufunc}.at({name}, ({where},), {given})"
        )
    else:
        block.line(f"{name}[{where}] = {given}")


def _spread(block: Block, eqn: Equation) -> None:
    values, *indices = eqn.inputs
    where, given = _indices(block, indices), block.read(values).text
    _write_at(block, "np.add", _zeros(block, eqn), where, given, indices)


def _clear(block: Block, eqn: Equation) -> None:
    where = _indices(block, eqn.inputs[1:])
    block.line(f"{_copied(block, eqn)}[{where}] = 0")


# --- loops ---------------------------------------------------------------------------------------------------------------


def _carried(block: Block, names: Sequence[str], outs: Sequence[Any], first: Sequence[Any]) -> list[str]:
    """The variables of a loop, with what they are at first."""
    given = [block.read(x).text for x in first]
    carries = [block.bind(v, base) for v, base in zip(outs, names, strict=True)]
    for name, value in zip(carries, given, strict=True):
        block.line(f"{name} = {value}")
    return carries


def _nested(block: Block, base: str, jaxpr: Jaxpr, consts: Sequence[Any], names: Sequence[str]) -> str:
    """A function of a program, in which the constants of the loop are those of the function around it; its name."""
    name = block.module.fresh(base)
    given = [block.module.fresh(n) for n in names]
    inner = block.inner()
    outs = inner.run(jaxpr, [*map(block.read, consts), *map(Expression, given)])
    if block.lines and not block.lines[-1].startswith("#"):
        block.line("")
    block.line(f"def {name}({', '.join(given)}):")
    block.lines += [f"{STEP}{line}" if line else line for line in inner.finished(outs)]
    block.line("")
    return name


def _assign(block: Block, targets: Sequence[str], value: str, more: str = STEP) -> None:
    block.line(f"{more}{', '.join(targets)} = {value}" if targets else f"{more}{value}")


def _column(block: Block, aval: Any, length: int | None, base: str) -> tuple[str, str, str]:
    """What collects a value of each step: its name, how it begins, and what one of the steps is written to."""
    name = block.module.fresh(base)
    if length is None or not isinstance(aval, ShapedArray):
        return name, "[]", ""
    dtype = "" if aval.dtype.name == "float64" else f", dtype={block.module.type_of(aval.dtype)}"
    return name, f"np.empty({(length, *aval.shape)}{dtype})", f"{name}[{{i}}]"


def _finish_columns(block: Block, outs: Sequence[Any], columns: Sequence[tuple[str, str, str]]) -> None:
    for var, (name, _, target) in zip(outs, columns, strict=True):
        if target:
            block.env[var] = Expression(name)
        else:
            stack = block.module.member("covector.primitives.programs.stacks", "Stack")
            block.line(f"{block.bind(var)} = {stack}({block.module.value(var.aval)}, {name})")


def _scan(block: Block, eqn: Equation) -> None:
    p, jaxpr = eqn.params, eqn.params["jaxpr"]
    n_consts, n_carry = p["num_consts"], p["num_carry"]
    consts, first, xs = (
        eqn.inputs[:n_consts], eqn.inputs[n_consts : n_consts + n_carry], eqn.inputs[n_consts + n_carry :],
    )  # fmt: skip
    function = next(iter(functions_of(eqn)), None)
    names = parameter_names(function, n_carry + len(xs), "c")
    if called(eqn) == "fori_loop":  # its function takes the number of the step first
        names = [*names[1:], names[0]]
    step = _nested(block, function_name(function, "step"), jaxpr, consts, names)
    carries = _carried(block, names[:n_carry], eqn.outputs[:n_carry], first)
    columns = [_column(block, v.aval, p["length"], block.names.get(o, "ys")) for v, o in zip(
        jaxpr.out_vars[n_carry:], eqn.outputs[n_carry:], strict=True)]  # fmt: skip
    for name, start, _ in columns:
        block.line(f"{name} = {start}")
    i = block.module.fresh("i")
    stacks = [not isinstance(x.aval, ShapedArray) for x in xs]
    rows = [block.read(x).inside(ATOM) for x in xs]
    if any(stacks):
        length = f"len({rows[stacks.index(True)]}.items)" if p["length"] is None else p["length"]
        rows = [block.assigned(f"{r}.of_length({length})", "items") if s else r for r, s in zip(rows, stacks, strict=True)]
    count = str(p["length"]) if p["length"] is not None else f"len({rows[0]})"
    steps = f"reversed(range({count}))" if p["reverse"] else f"range({count})"
    if p["progress"] is not None:
        steps = f"{block.module.member('tqdm.auto', 'tqdm')}({steps}, desc={p['progress']!r}, total={count})"
    block.line(f"for {i} in {steps}:")
    appended = [block.module.fresh("y") for c in columns if not c[2]]
    rest = iter(appended)
    targets = [*carries, *(c[2].format(i=i) if c[2] else next(rest) for c in columns)]
    _assign(block, targets, f"{step}({', '.join([*carries, *(f'{r}[{i}]' for r in rows)])})")
    for name, value in zip([c[0] for c in columns if not c[2]], appended, strict=True):
        block.line(f"{STEP}{name}.append({value})")
    _finish_columns(block, eqn.outputs[n_carry:], columns)


def _while(block: Block, eqn: Equation) -> None:
    p = eqn.params
    n_cond, n_body = p["num_cond"], p["num_body"]
    cond_consts, body_consts, first = eqn.inputs[:n_cond], eqn.inputs[n_cond : n_cond + n_body], eqn.inputs[n_cond + n_body :]
    n = len(first)
    functions = functions_of(eqn)
    names = parameter_names(functions[-1] if functions else None, n, "c")
    step = _nested(block, function_name(functions[-1] if functions else None, "step"), p["body"], body_consts, names)
    carries = _carried(block, names, eqn.outputs[:n], first)
    inner = block.inner()
    (goes_on,) = inner.run(p["cond"], [*map(block.read, cond_consts), *map(Expression, carries)])
    test = goes_on.text
    if any(line and not line.startswith("#") for line in inner.lines):
        base = function_name(functions[0] if len(functions) > 1 else None, "goes_on")
        test = f"{_nested(block, base, p['cond'], cond_consts, names)}({', '.join(carries)})"
    columns = [_column(block, v.aval, None, "items") for v in p["body"].out_vars[n:]]
    for name, start, _ in columns:
        block.line(f"{name} = {start}")
    block.line(f"while {test}:")
    appended = [block.module.fresh("item") for _ in columns]
    _assign(block, [*carries, *appended], f"{step}({', '.join(carries)})")
    for column, value in zip(columns, appended, strict=True):
        block.line(f"{STEP}{column[0]}.append({value})")
    _finish_columns(block, eqn.outputs[n:], columns)


# --- branches and calls --------------------------------------------------------------------------------------------------


def _cond(block: Block, eqn: Equation) -> None:
    index, *operands = eqn.inputs
    given = [block.read(x) for x in operands]
    branches = eqn.params["branches"]
    test = block.read(_truth(block, index) if len(branches) == 2 else index)
    names = [block.bind(v) for v in eqn.outputs]
    order = [1, 0] if len(branches) == 2 else [*range(len(branches))]
    for place, k in enumerate(order):
        inner = block.inner()
        outs = inner.run(branches[k], given)
        condition = test.text if len(branches) == 2 else f"{test.inside(ATOM)} == {k}"
        if len(branches) > 1:
            last = place == len(order) - 1
            block.line("else:" if last else f"{'elif' if place else 'if'} {condition}:")
        inner.assign_all(names, outs)
        lines = inner.lines
        if all(line.startswith("#") for line in lines):
            lines = [*lines, "pass"]
        block.lines += [f"{STEP}{line}" if line and len(branches) > 1 else line for line in lines]


def _truth(block: Block, index: Any) -> Any:
    """The condition that an index of two is made of, where it is."""
    eqn = block.made.get(index)
    if eqn is None or type(eqn.inputs[0]) is Literal:
        return index
    is_number = eqn.primitive.name == "select" and [getattr(x, "value", None) for x in eqn.inputs[1:]] == [1, 0]
    is_converted = eqn.primitive.name == "convert" and eqn.inputs[0].aval.dtype.kind == "b"
    return eqn.inputs[0] if is_number or is_converted else index


def _call(block: Block, eqn: Equation) -> None:
    """A call of a program: its lines."""
    inner = block.inner()
    outs = inner.run(eqn.params["jaxpr"], [block.read(x) for x in eqn.inputs])
    block.lines += inner.lines
    for var, out in zip(eqn.outputs, outs, strict=True):
        if out.level == ATOM and out.text.isidentifier():
            block.env[var] = out
        else:
            name = block.bind(var)
            block.line(f"{name} = {out.text}")


STATEMENTS: dict[str, Statement] = {
    "erase": _static("="),
    "update_slice": _static("="),
    "add_slice": _static("+="),
    "embed": _embed,
    "scatter": _at(""),
    "scatter_add": _at("np.add"),
    "scatter_mul": _at("np.multiply"),
    "scatter_min": _at("np.minimum"),
    "scatter_max": _at("np.maximum"),
    "spread": _spread,
    "clear": _clear,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}


def statement(eqn: Equation) -> Statement | None:
    """How an equation is written in statements; None if it is an expression."""
    known = STATEMENTS.get(eqn.primitive.name) if eqn.primitive.trusted else None
    is_call = isinstance(eqn.primitive, NestedPrimitive) and isinstance(eqn.params.get("jaxpr"), Jaxpr)
    return known or (_call if is_call else None)

