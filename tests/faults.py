"""The faults that `mutants.py` plants: some written down, others made of the syntax of rules and interpreters.

A written fault is a text of a file under ``covector`` and what stands in its place: the text must be there exactly once, in one
of the files that the pattern names, or the fault is out of date, which is an error.  The others are made by *operators*: each
turns a node of the syntax tree into other source.  Which nodes are chosen depends on their own text and that of the function
that they are in alone, so the choice stays when code moves.

    >>> [f.name for f in faults_of("def rule(x, t):\\n    return x, -t\\n", "covector/a.py")][:2]
    ['swap results: rule: x, -t → -t, x', 'drop a minus: rule: -t → (t)']
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

PLACES = ("core", "interpreters", "passes", "backends", "primitives", "transforms", "lax")
"""The folders in which written faults are; operators are used on those of `RULES`."""

RULES = ("interpreters", "passes", "backends", "primitives")


class Fault(NamedTuple):
    """What stands in place of the bytes from ``start`` to ``end`` of a file; ``line`` is that of the function around it."""

    name: str
    path: str
    start: int
    end: int
    new: bytes
    line: int | None

    def planted(self, source: bytes) -> bytes:
        """The source with the fault, in which the other lines keep their numbers."""
        removed = source[self.start : self.end].count(b"\n") - self.new.count(b"\n")
        end_of_line = source.find(b"\n", self.end)
        rest = source[self.end :] if removed <= 0 else source[self.end : end_of_line] + b"\n" * removed + source[end_of_line:]
        return source[: self.start] + self.new + rest


# --- written down -----------------------------------------------------------------------------------------------------

WRITTEN: list[tuple[str, str, str, str]] = [
    # what is wrong, a pattern of the file's path, the text, and what stands in its place
    ("a second cotangent is forgotten", "transpose", "ct if before is None else var.aval.add(before, ct)", "ct"),
    ("a second cotangent of a value read in parts is forgotten", "transpose", "self.whole + ct", "ct"),
    ("the parts of one cotangent are not added", "transpose",
     "setdefault(ct.scatter, []).append(ct)", "__setitem__(ct.scatter, [ct])"),
    ("cotangents of groups of named axes are not added", "transpose", "accumulate(totals, v, ct)", "totals[v] = ct"),
    ("a sum over a named axis is missing", "transpose", "v - x.aval.varying - kept", "frozenset()"),
    ("the sum over broadcast axes is over the first alone", "shaping",
     "axes = broadcast_axes(shape, wanted)", "axes = broadcast_axes(shape, wanted)[:1]"),
    ("a cotangent keeps the dtype of the result", "shaping",
     "return ct if ct_aval.dtype == aval.dtype else convert_p.bind(ct, dtype=aval.dtype)", "return ct"),
    ("a tangent is weakly typed where the result is not", "shaping", " or aval.weak_type != wanted.weak_type", ""),
    ("a result is weakly typed if one argument is", "ring|elementwise|kinds",
     "primitive.keeps_weak and all(a.weak_type", "primitive.keeps_weak and any(a.weak_type"),
    ("an output without a tangent is not copied", "jvp", "copy_of(out) if issubclass(type(out), np.ndarray) else out", "out"),
    ("a constant of a staged derivative is not held", "jvp", "return self.holder.hold(x), zero", "return x, zero"),
    ("an argument of a staged derivative is not held", "linearize",
     "self.holder.hold_argument(primal) if issubclass(type(primal), np.ndarray) else primal", "primal"),
    ("the holder is told of no end", "linearize",
     "self.holder.end(self.trace.name, error, traceback, None if self.brief else self.tape.tape)", "pass"),
    ("an ended jvp is not noticed", "jvp", "if self.closed:", "if False:"),
    ("an ended vmap is not noticed", "interpreters/batch", "if self.closed:", "if False:"),
    ("a weak scalar of a jvp becomes strong", "jvp", "out = out.item()", "pass"),
    ("a nested tangent counts as the value's own", "jvp",
     "return usable(self, x), typeof(x).zero\n", "return getattr(x, 'primal', x), typeof(x).zero\n"),
    ("the cycle collector stays off", "stage", "gc.enable()", "pass"),
    ("what is captured is no longer known", "context", "CAPTURING.append(trace)", "pass"),
    ("dead equations are kept only by their first output", "stage", "live.isdisjoint(entry[3])", "entry[3][0] not in live"),
    ("a split does not depend on which outputs are needed", "linearize", '("split", nonzero, needed)', '("split", nonzero)'),
    ("a split does not depend on what is linear", "linearize", '("split_known", linear, needed)', '("split_known", needed)'),
    ("a split does not depend on what has a tangent", "linearize", '("split", nonzero, needed)', '("split", needed)'),
    ("equations with other parameters count as the same", "clean", "key_of(eqn.params) if eqn.params else None", "None"),
    ("constants of other signs count as the same", "clean", "distinct_text(x.value))", "abs(x.value))"),
    ("the backward loop runs forward", "scan", "reverse=not loop.reverse", "reverse=loop.reverse"),
    ("a reversed loop runs forward", "scan", "range(n - 1, -1, -1) if reverse else range(n)", "range(n)"),
    ("only what is perturbed from the start is a carry with a tangent", "scan",
     "(*consts, *[True] * n, *columns)", "(*linear,)"),
    ("a residual counts as invariant that follows from a carry", "scan",
     "varying = set(rest)", "varying = set(rest[n_carry:])"),
    ("a random number is drawn once for all steps", "scan",
     " or has_effects(eqn.primitive, eqn.params):\n            varying", ":\n            varying"),
    ("examples that are done go on", "while_loop", "select_rows(active, x, old)", "x"),
    ("ticks of examples that are done count", "while_loop", "select_rows(happened, ticks, np.zeros_like(ticks))", "ticks"),
    ("examples come back in the order in which they ended", "while_loop",
     "found[members] = np.arange(len(members))", "found[:] = members"),
    ("residuals of branches are mixed up", "cond",
     "strengthened(residuals[k])", "strengthened(residuals[-1 - k])"),
    ("an index out of range chooses no branch", "cond", "if len(parts) == 1:", "if parts:"),
    ("the last branch that runs is for all", "cond", "select_rows(mine, new, old)", "new"),
    ("ties of a maximum do not share", "reductions",
     "shares = ties / np.add.reduce(ties, axes, dtype=np.intp, keepdims=True)", "shares = ties / 1"),
    ("a variance is not conjugated", "reductions", "scale(conj_p.bind(weights), t)", "scale(weights, t)"),
    ("argmax along a batch is off by one", "reductions", "shifted = axis + (axis >= d)", "shifted = axis + (axis > d)"),
    ("the conjugate of an adjoint is dropped", "primitives/linalg/solving", "return conj(swap(x))", "return swap(x)"),
    ("a bilinear map has one tangent", "derivations",
     "left if type(ty) is Zero else add_p.bind(left, bind(x, ty, **params))", "left"),
    ("the cotangent of one argument is given to the other", "derivations",
     "return of_left(ct, x.aval, y, **params), None", "return None, of_left(ct, x.aval, y, **params)"),
    ("a tangent of an elementwise function is not broadcast", "math/ring",
     "fit(scale(*terms) if len(terms) == 2 else sumprod_p.bind(*terms), out)",
     "scale(*terms) if len(terms) == 2 else sumprod_p.bind(*terms)"),
    ("the cotangent of an elementwise linear function is not summed", "derivations",
     "unbroadcast(found, x.aval) if broadcasts else found", "found"),
    ("a reduction forgets that its axes have moved", "derivations", "tuple(a + (a >= d) for a in axes)", "tuple(axes)"),
    ("a derivative of Python numbers divides as Python does", "derivations",
     "if all(map(is_weak, primals)) else primals", "if not primals else primals"),
]  # fmt: skip

# --- operators: what a node may be turned into --------------------------------------------------------------------------

Source = Callable[[Any], str]
"""The text of a node."""

FLIPPED = {"Add": ("+", "-"), "Sub": ("-", "+")}
COMPARED = {
    "Is": ("is", "is not"), "IsNot": ("is not", "is"), "Eq": ("==", "!="), "NotEq": ("!=", "=="), "Lt": ("<", "<="),
    "LtE": ("<=", "<"), "Gt": (">", ">="), "GtE": (">=", ">"), "In": ("in", "not in"), "NotIn": ("not in", "in"),
}  # fmt: skip
DROPPED = re.compile(
    r"(unbroadcast|fit|in_type|convert_to|convert_p\.bind|astype|strengthened|instantiate|copy_of|copy|hold|conj|conj_p\.bind|real"
    r"|real_p\.bind|adjoint|swap|moveaxis|move_batch_to_front|at_front|align_batch|clean|tangent|summed|known|keep_axes|beside"
    r"|reversed|sorted|tuple|frozenset|owned|array|written_out|as_complex_of|unread|snapshot|reduce_sum_p\.bind)$"
)


SYMMETRIC = re.compile(
    r"isinstance|issubclass|hasattr|getattr|zip|map|range|max|min|logical_|np\.equal|result_type|Error|add_p|mul_p|aval\.add$|\bb\.(add|mul)$|weighted_sum|\bjoin$|joined"
)
"""Functions for which swapping two arguments changes nothing, or cannot be meant."""

UNIMPORTANT = ("strict", "maxsize", "name", "trusted", "makes_new", "origin")
"""Keywords without which a call does the same but for messages, memory and speed."""


def flip_a_sign(node: Any, text: Source, role: str) -> str | None:
    sign = FLIPPED.get(type(getattr(node, "op", None)).__name__)
    if not isinstance(node, ast.BinOp) or sign is None or any(map(is_sequence, (node.left, node.right))):
        return None
    return between(node, text, node.left, node.right, *sign)


def drop_a_term(node: Any, text: Source, role: str) -> str | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not any(map(is_sequence, (node.left, node.right))):
        return text(node.left)
    if isinstance(node, ast.BoolOp):
        return joined(node.op, map(text, node.values[:-1]))
    return None


def drop_a_minus(node: Any, text: Source, role: str) -> str | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        return f"({text(node.operand)})"
    return None


def negate_a_condition(node: Any, text: Source, role: str) -> str | None:
    """Of a choice that is not a check."""
    return f"(not ({text(node)}))" if role == "condition" else None


def and_for_or(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.BoolOp):
        return None
    return joined(ast.Or() if isinstance(node.op, ast.And) else ast.And(), map(text, node.values))


def another_comparison(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.Compare) or len(node.ops) > 1:
        return None
    return between(node, text, node.left, node.comparators[0], *COMPARED[type(node.ops[0]).__name__])


def swap_results(node: Any, text: Source, role: str) -> str | None:
    if role != "result" or not isinstance(node, ast.Tuple) or len(node.elts) < 2 or starred(node.elts[:2]):
        return None
    first, second, *rest = map(text, node.elts)
    swapped = ", ".join([second, first, *rest])
    return None if first == second else f"({swapped})" if text(node).startswith("(") else swapped


def swap_arguments(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.Call) or len(node.args) < 2 or starred(node.args[:2]):
        return None
    if SYMMETRIC.search(text(node.func)) or text(node.args[0]) == text(node.args[1]):
        return None
    return call_text(node, text, [node.args[1], node.args[0], *node.args[2:]], node.keywords)


def off_by_one(node: Any, text: Source, role: str) -> str | None:
    return str(node.value + 1) if isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) < 10 else None


def flip_a_flag(node: Any, text: Source, role: str) -> str | None:
    return str(not node.value) if isinstance(node, ast.Constant) and type(node.value) is bool else None


def use_x_for_out(node: Any, text: Source, role: str) -> str | None:
    return "x" if role == "out beside x" else None


def drop_a_call(node: Any, text: Source, role: str) -> str | None:
    """Of what brings a value into the right form: a cast, a conjugate, a sum over broadcast axes, a copy."""
    if not isinstance(node, ast.Call) or not DROPPED.search(text(node.func).split("(")[-1]) or not node.args:
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("astype", "copy"):
        return text(node.func.value)
    return None if isinstance(node.args[0], ast.Starred) else text(node.args[0])


def forget_a_keyword(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.Call) or not node.keywords or node.keywords[-1].arg in UNIMPORTANT:
        return None
    return None if text(node.func).endswith("Error") else call_text(node, text, node.args, node.keywords[:-1])


def forget_a_statement(node: Any, text: Source, role: str) -> str | None:
    return "pass" if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None


def forget_to_add(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.AugAssign) or not isinstance(node.op, (ast.Add, ast.BitOr)):
        return None
    return f"{text(node.target)} = {text(node.value)}"


def forget_a_check(node: Any, text: Source, role: str) -> str | None:
    return "False" if role == "check" else None


def any_for_all(node: Any, text: Source, role: str) -> str | None:
    if not isinstance(node, ast.Call) or text(node.func) not in ("any", "all"):
        return None
    return {"any": "all", "all": "any"}[text(node.func)] + text(node)[3:]


def reverse_an_order(node: Any, text: Source, role: str) -> str | None:
    if isinstance(node, ast.Subscript) and text(node.slice).replace(" ", "") == "::-1":
        return text(node.value)
    return None


OPERATORS: dict[str, Callable[[Any, Source, str], str | None]] = {
    f.__name__.replace("_", " "): f
    for f in (
        flip_a_sign, drop_a_term, drop_a_minus, negate_a_condition, and_for_or, another_comparison, swap_results,
        swap_arguments, off_by_one, flip_a_flag, use_x_for_out, drop_a_call, forget_a_keyword, forget_a_statement,
        forget_to_add, forget_a_check, any_for_all, reverse_an_order,
    )
}  # fmt: skip


def joined(operator: Any, parts: Iterable[str]) -> str:
    return "(" + (" and " if isinstance(operator, ast.And) else " or ").join(f"({part})" for part in parts) + ")"


def call_text(node: Any, text: Source, args: Iterable[Any], keywords: Iterable[Any]) -> str:
    named = [f"{k.arg}={text(k.value)}" if k.arg else f"**{text(k.value)}" for k in keywords]
    return f"{text(node.func)}({', '.join([*map(text, args), *named])})"


def between(node: Any, text: Source, left: Any, right: Any, old: str, new: str) -> str | None:
    """The text of a node with another operator between two parts of it."""
    whole, l, r = text(node), text(left), text(right)
    start, end = whole.index(l) + len(l), whole.rindex(r)
    middle = whole[start:end]
    return whole[:start] + middle.replace(old, new, 1) + whole[end:] if middle.count(old) == 1 else None


def starred(nodes: Iterable[Any]) -> bool:
    return any(isinstance(n, ast.Starred) for n in nodes)


def is_sequence(node: Any) -> bool:
    return isinstance(node, (ast.List, ast.ListComp, ast.Tuple, ast.JoinedStr)) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


# --- where they are used ----------------------------------------------------------------------------------------------

UNCHANGED = re.compile(r"__(repr|str|reduce|hash|eq)__|message|describe|explain|because|brief|refus|error|advice|notation")
"""Names of functions in which no fault is planted: those that write messages."""


class _Walk:
    """Finds the nodes of a file that a fault may be planted in, with their roles and the function around them."""

    def __init__(self, source: bytes):
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found: list[tuple[Any, str, str, int | None]] = []
        self.names: list[str] = []
        self.line: int | None = None

    def span(self, node: Any) -> tuple[int, int]:
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: Any) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def visit(self, node: Any, role: str = "") -> None:
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)) or not self.changes(node):
            return
        if isinstance(node, ast.keyword) and node.arg in UNIMPORTANT:
            return
        if isinstance(node, (ast.expr, ast.stmt)):
            self.found.append((node, role, ".".join(self.names), self.line))
        if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            self.function(node)
        elif isinstance(node, (ast.If, ast.IfExp)):
            raises = isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise)
            self.visit(node.test, "check" if raises else "condition")
            for part in (node.body, node.orelse):
                for child in part if isinstance(part, list) else [part]:
                    self.visit(child)
        elif isinstance(node, ast.Return) and node.value is not None:
            self.visit(node.value, "result")
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.visit(node.value)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child)

    def changes(self, node: Any) -> bool:
        if isinstance(node, ast.If):
            return self.text(node.test) != "TYPE_CHECKING"
        if isinstance(node, ast.Assign):
            return not (isinstance(node.targets[0], ast.Name) and node.targets[0].id in ("__slots__", "__all__"))
        return not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or not UNCHANGED.search(node.name)

    def function(self, node: Any) -> None:
        """Go into a function, or into a class."""
        before = self.line
        if not isinstance(node, ast.ClassDef):
            self.line = node.lineno
            names = {a.arg for a in node.args.args}
        self.names.append(getattr(node, "name", ""))
        for child in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(child, "result" if isinstance(node, ast.Lambda) else "")
        if not isinstance(node, ast.ClassDef) and {"out", "x"} <= names:
            uses = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == "out" and isinstance(n.ctx, ast.Load)]
            self.found += [(n, "out beside x", ".".join(self.names), self.line) for n in uses]
        self.names.pop()
        self.line = before


def faults_of(source: str, path: str) -> list[Fault]:
    """All faults that the operators make in a file."""
    walk = _Walk(source.encode())
    walk.visit(ast.parse(source))
    faults: dict[str, Fault] = {}
    for node, role, function, line in walk.found:
        for name, operator in OPERATORS.items():
            new = operator(node, walk.text, role)
            if new is not None:
                fault = f"{name}: {function.strip('.') or 'module'}: {short(walk.text(node))} → {short(new)}"
                faults.setdefault(fault, Fault(fault, path, *walk.span(node), new.encode(), line))
    return list(faults.values())


def short(text: str) -> str:
    """A text in one line, without its middle if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= 70 else f"{text[:45]} … {text[-20:]}"


def written_faults(tree: Path) -> Iterator[Fault]:
    files = [p for place in PLACES for p in sorted((tree / "covector" / place).rglob("*.py"))]
    for name, pattern, old, new in WRITTEN:
        paths = [p for p in files if re.search(pattern, p.as_posix()) and old.encode() in p.read_bytes()]
        found = [p.relative_to(tree).as_posix() for p in paths]
        source, text = paths[0].read_bytes() if paths else b"", old.encode()
        if len(paths) != 1 or source.count(text) != 1:
            raise LookupError(f"the fault {name!r} is out of date: found in {found}, and should be once in one file: {old}")
        start = source.index(text)
        yield Fault(name, found[0], start, start + len(text), new.encode(), line_around(source, start))


def line_around(source: bytes, place: int) -> int | None:
    """The first line of the innermost function around a place."""
    number = source[:place].count(b"\n") + 1
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.FunctionDef, ast.Lambda))]
    around = [n.lineno for n in functions if n.lineno <= number <= (n.end_lineno or 0)]
    return max(around, default=None)


def chosen_faults(tree: Path, count: int, only: str = "", seed: str = "") -> list[Fault]:
    """The written faults, and as many others as are missing to ``count``: as many of each operator as there are."""
    chosen = [f for f in written_faults(tree) if re.search(only, f"{f.path} {f.name}")][:count]
    by_operator: dict[str, list[Fault]] = {name: [] for name in OPERATORS}
    for place in RULES:
        for path in sorted((tree / "covector" / place).rglob("*.py")):
            for fault in faults_of(path.read_text(), path.relative_to(tree).as_posix()):
                if re.search(only, f"{fault.path} {fault.name}") and equivalent(fault) is None:
                    by_operator[fault.name.split(":")[0]].append(fault)
    rank = lambda fault: hashlib.sha256(f"{seed}{fault.name}".encode()).digest()
    rows = zip_longest(*(sorted(faults, key=rank) for faults in by_operator.values()))
    used = {(f.path, f.line) for f in chosen if f.line is not None}
    for fault in (fault for row in rows for fault in row if fault is not None):
        if (fault.path, fault.line) not in used:  # one in each function
            used.add((fault.path, fault.line))
            chosen.append(fault)
    return chosen[:count]


EQUIVALENT: list[tuple[str, str]] = [
    # a pattern of names of faults that change no result, and why they do not
    (r"stacked_subscripts: \[chr", "the letters of the axes of a stack are names"),
    (r": index: type\(idx\) is int or", "the most frequent indices are read sooner, as all others are"),
    (r"_Parts.part: isinstance\(x, Var\) and x in", "a part that is used again is written out too: the sum is the same"),
    (r"reachable_tracers: x is not None", "to look into numbers too finds nothing more"),
    (r"misplaced: 1 → 2$", "a result that is a value of the inner transformation itself is right where it is"),
    (r"use x for out: _of_whole_order", "the derivatives of functions of whole order do not use the result"),
    (r"use x for out: _half_sum", "the derivatives that are scaled do not use the result, but in the term of the scale"),
    (r"_cholesky_jvp: 1 → 2$", "a matrix that has a Cholesky factor is square"),
    (r"_without_linear.make: any\(parts", "a condition of linear values is refused before, when it is recorded"),
    (r"transpose_jaxpr: (transpose_program|True)", "a tape that is not consumed is freed a little later"),
    (r"off by one: (_cond_abstract|_cond_interpret|known_choice): 0 → 1$", "branches have outputs of the same types"),
    (r"use x for out: _finished:", "a number from two vectors is the same with or without a reshape to no axes"),
    (r"_overlap: math.prod\(lengths\)", "both ways to add windows give the same"),
    (r"_padded: 1 → 2$", "a matrix that is extended to a larger one is square"),
    (r"_Along.around: self.width == 1", "one element after the other gives what several at once give"),
    (r"another comparison: .* [<>]=? (LARGE|MEDIUM\w*|SMALL\w*|LONG\w*|SHORT\w*|FEW|M(AX|IN)_\w+|\w+_BYTES)( // \w+)? →",
     "a size from which on another way is the faster one, or less is kept, may be one more"),
    (r"forget a keyword: .*\.astype\(.*, copy=False\) →", "a copy more"),
    (r"_first_difference: middle \+ 0\.5 \* gap", "the nodes lie symmetrically around the middle"),
    (r"_Nest\.vector_axis: any\(s\.places", "of a nest all results are written to places that are given, or none is"),
    (r": _prepared: any\(often", "a loop is the same with numbers as with arrays of no axes for them"),
    (r"_range_basis: np\.linalg\.svd", "the first columns of the larger matrix are the same"),
    (r"swap results: owned_carries: set\(\), \[\]", "both are empty"),
    (r"Shape\.row_letter: max\(rows", "over which letter the rows of a tile run is a matter of speed"),
    (r": expanded: is_supported\(", "what is expanded and then not compiled gives the same"),
    (r"forget a keyword: convert: writer\.bind", "code is written for the dtype of the result"),
    (r"Plan\.is_worth_keeping: ", "what is computed again where it is used gives the same"),
    (r"_reflection: 0 → 1$", "neither sign of a small imaginary part overflows"),
    (r"Generator\.form: False → True", "an equation may be written as a call of what computes it"),
    (r"Shape\.panels: 0 → 1$", "an element of memory more"),
    (r"_joining_primitive\.jvp: out, aval\.zero", "a rule is given a tangent that is not zero, or it is not asked"),
    (r"drop a term: program_with: ", "a cotangent of what is known goes nowhere"),
    (r"Shape\.panel: 0 → 1$", "sums of columns that lie apart are those of columns that were copied together"),
    (r"forget to add: leaving: wrong", "what else leaves a run is found in the next round"),
    (r"drop a term: _custom_jvp: rules\.fwd", "the program of a derivative gives what the rule itself does"),
    (r"svd_reals: 1 → 2$", "memory that nobody uses"),
    (r"Writer\.write: True → False", "whether there is a rule is asked of equations that need parts alone"),
]


def equivalent(fault: Fault) -> str | None:
    """Why a fault changes no result, if it is known to change none."""
    return next((why for pattern, why in EQUIVALENT if re.search(pattern, fault.name)), None)
