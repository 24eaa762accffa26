"""Sentences of the standard as predicates: ``If ``x_i`` is ``+0``, the result is ``-0``.`` becomes a condition and a check.

A condition is a function of an environment (``x_i``, ``x1_i``, ``x2_i``: real numbers; ``a b c d``: the parts of complex ones).
A check is a function of an environment and of a result.  What no rule reads raises `Unread`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Environment = dict[str, Any]
Condition = Callable[[Environment], bool]
Check = Callable[[Environment, Any], bool]

TOLERANCE = {2: 1e-2, 4: 1e-6, 8: 1e-14}
"""How far an approximation may be off, by the size of a real number in bytes."""


class Unread(Exception):
    """No rule reads this."""


@dataclass(frozen=True)
class Case:
    sentence: str
    of_complex: bool
    condition: Condition
    check: Check


def read(sentence: str) -> Case:
    text = re.sub(r"\s*\(i\.e\., [^)]*\)", "", sentence)
    note = re.search(r"libraries may return (``[^`]*``)", text)
    text = re.sub(r"\s*\(\*\*note\*\*[^)]*\)", "", text).replace("**", "").strip(" .")
    of_part = r"(?:If|Similarly, if) (.*), the (real|imaginary) component of the result (?:must be|is) (``.*``)"
    part = re.fullmatch(of_part, text)
    if part:
        condition, which, literal = part.groups()
        wanted = scalar(literal)
        attribute = "real" if which == "real" else "imag"
        return Case(sentence, True, clause(condition), lambda env, out: equals(getattr(out, attribute), wanted(env)))
    halves = re.fullmatch(r"If (.*?), the result (.*)", text)
    if halves is None:
        raise Unread(sentence)
    condition, check = clause(halves[1]), result(halves[2])
    if note:
        other = result(f"is {note[1]}")
        return Case(sentence, False, condition, lambda env, out: check(env, out) or other(env, out))
    of_complex = re.search(r"``[abcd]``", halves[1]) is not None
    return Case(sentence, of_complex, condition, check)


# ---- conditions

S = r"``((?:abs\()?(?:x_i|x1_i|x2_i|min_i|max_i|[abcd])\)?)``"
V = r"``([+-]?(?:\d+|infinity|NaN))``"

PREDICATES: dict[str, Callable[..., Callable[[Any], bool]]] = {
    rf"(?:either )?{V} or {V}": lambda v, w: lambda x: equals(x, number(v)) or equals(x, number(w)),
    r"(?:either )?a finite number or ``NaN``": lambda: lambda x: not math.isinf(x),
    r"(?:a|any) finite number": lambda: math.isfinite,
    r"a nonzero finite number": lambda: lambda x: math.isfinite(x) and x != 0,
    r"a nonzero number": lambda: lambda x: x != 0 and not math.isnan(x),
    r"a positive finite number": lambda: lambda x: math.isfinite(x) and x > 0,
    r"a negative finite number": lambda: lambda x: math.isfinite(x) and x < 0,
    r"any value(?:,? \(?including ``NaN``\)?)?": lambda: lambda x: True,
    rf"not equal to {V}": lambda v: lambda x: x != number(v),
    rf"not {V}": lambda v: lambda x: not equals(x, number(v)),
    rf"greater than {V}": lambda v: lambda x: x > number(v),
    rf"less than {V}": lambda v: lambda x: x < number(v),
    r"an odd integer value": lambda: lambda x: math.isfinite(x) and x % 2 == 1,
    r"not an odd integer value": lambda: lambda x: not (math.isfinite(x) and x % 2 == 1),
    r"not an integer value": lambda: lambda x: math.isfinite(x) and x != math.floor(x),
    r"already integer-valued": lambda: lambda x: math.isfinite(x) and x == math.floor(x),
    V: lambda v: lambda x: equals(x, number(v), zeros_alike=v == "0"),
}
"""What may follow ``x_i is``."""


def clause(text: str) -> Condition:
    """A condition, whole or as clauses that ``and`` or a comma joins."""
    text = text.strip(" ,")
    for rule in (of_one, of_several, of_two):
        found = rule(text)
        if found is not None:
            return found
    for joint in re.finditer(r",? and |, ", text):
        try:
            left, right = clause(text[: joint.start()]), clause(text[joint.end() :])
        except Unread:
            continue
        return lambda env: left(env) and right(env)
    raise Unread(text)


def of_one(text: str) -> Condition | None:
    match = re.fullmatch(rf"{S} (?:is )?(.*)", text)
    if match is None:
        return None
    for pattern, predicate in PREDICATES.items():
        values = re.fullmatch(pattern, match[2])
        if values:
            holds, subject = predicate(*values.groups()), match[1]
            return lambda env: holds(look_up(subject, env))
    return None


def of_several(text: str) -> Condition | None:
    """Several subjects that are one value, all of them or any."""
    match = re.fullmatch(rf"(?:either )?((?:{S}(?:, or |, and |, | or | and ))+{S}) (is|are all) {V}", text)
    if match is None:
        one, _, other = text.partition(" or ")
        sides = of_one(one), of_one(other)
        return (lambda env: sides[0](env) or sides[1](env)) if all(sides) and S_IS.match(other) else None  # type: ignore[misc]
    value, quantifier = number(match[match.lastindex or 0]), all if " are all " in text else any
    subjects = [m[1] for m in re.finditer(S, match[1])]
    return lambda env: quantifier(equals(look_up(s, env), value) for s in subjects)


S_IS = re.compile(rf"{S} is ")

TWO = {
    rf"{S} equals {S}": lambda x, y: x == y,
    rf"{S} does not equal {S}": lambda x, y: x != y,
    rf"{S} and {S} have the same mathematical sign": lambda x, y: sign(x) == sign(y) != 0,
    rf"{S} and {S} have different mathematical signs": lambda x, y: sign(x) * sign(y) == -1,
    rf"{S} and {S} have the same mathematical sign and are both nonzero finite numbers": lambda x, y: (
        nonzero_and_finite(x, y) and sign(x) == sign(y)
    ),
    rf"{S} and {S} have different mathematical signs and are both nonzero finite numbers": lambda x, y: (
        nonzero_and_finite(x, y) and sign(x) != sign(y)
    ),
}


def of_two(text: str) -> Condition | None:
    bit = re.fullmatch(rf"the sign bit of {S} is ``([01])``", text)
    if bit:
        subject, value = bit.groups()
        return lambda env: (math.copysign(1, look_up(subject, env)) < 0) == (value == "1")
    opposite = re.fullmatch(rf"{S} is ``-(\w+)``", text)
    if opposite:
        return lambda env: bool(env[opposite[1]] == -env[opposite[2]])
    if text == "two integers are equally close to ``x_i``":
        return lambda env: math.isfinite(env["x_i"]) and abs(env["x_i"]) % 1 == 0.5
    for pattern, holds in TWO.items():
        match = re.fullmatch(pattern, text)
        if match:
            one, other = match.groups()
            return lambda env: holds(look_up(one, env), look_up(other, env))
    return None


def look_up(subject: str, env: Environment) -> Any:
    if subject.startswith("abs("):
        return abs(env[subject[4:-1]])
    return env[subject]


def sign(x: float) -> float:
    """NaN has none; a zero has that of its bit."""
    return 0.0 if math.isnan(x) else math.copysign(1.0, x)


def nonzero_and_finite(*numbers: float) -> bool:
    return all(math.isfinite(x) and x != 0 for x in numbers)


def number(text: str) -> float:
    return float(text.replace("infinity", "inf"))


# ---- results


def result(text: str) -> Check:
    free = re.search(r" \(signs? of (?:the )?(.*?) components? (?:is|are) unspecified\)", text)
    text = re.sub(r" \(signs? of .*?unspecified\)", "", text)
    text = re.sub(r", even if .*|, unless the result is ``NaN``.*", lambda m: "" if "even" in m[0] else " or NaN", text)
    unsigned = frozenset(part for part in ("real", "imag") if free and part in free[1])
    if text == "is the even integer closest to ``x_i``":
        return lambda env, out: out == 2 * math.floor(env["x_i"] / 2 + 0.5)
    signed = re.fullmatch(r"has a (positive|negative) mathematical sign( or NaN)?", text)
    if signed:
        wanted = 1.0 if signed[1] == "positive" else -1.0
        return lambda env, out: sign(out) == wanted or (signed[2] is not None and math.isnan(out))
    if text.startswith("is a signed infinity with the mathematical sign determined by"):
        return lambda env, out: math.isinf(out) and sign(out) == sign(env["x1_i"]) * sign(env["x2_i"])
    bit = re.fullmatch(r"is ``NaN`` with a sign bit of ``([01])``", text)
    if bit:
        return lambda env, out: math.isnan(out) and (math.copysign(1, out) < 0) == (bit[1] == "1")
    match = re.fullmatch(r"is (an implementation-dependent approximation to |equal to |equivalent to )?(``[^`]*``)", text)
    if match is None:
        raise Unread(text)
    near = match[1] is not None and "approximation" in match[1]
    try:
        value = scalar(match[2])
    except Unread:
        return of_complex(match[2], unsigned)
    return lambda env, out: equals(out, value(env), near=near)


def scalar(literal: str) -> Callable[[Environment], Any]:
    """A real number, a truth value, or an operand."""
    text = literal.strip("`")
    if text in ("True", "False"):
        return lambda env: text == "True"
    operand = re.fullmatch(r"(-?)(?:\|(\w+)\||abs\((\w+)\)|(\w+_i))", text)
    if operand:
        minus, bars, call, plain = operand.groups()
        factor = -1.0 if minus else 1.0
        return lambda env: factor * (env[plain] if plain else abs(env[bars or call]))
    value = real(text)
    return lambda env: value


def real(text: str) -> float:
    """``+0``, ``-1``, ``infinity``, ``3π/4``; a sign ``±`` is taken as plus."""
    match = re.fullmatch(r"([+±-]?)\s*(?:(\d*)π(?:/(\d))?|(\d+(?:\.\d)?|infinity|NaN))", text.strip())
    if match is None:
        raise Unread(text)
    minus, times, over, plain = match.groups()
    value = number(plain) if plain else int(times or 1) * math.pi / int(over or 1)
    return -value if minus == "-" else value


def of_complex(literal: str, unsigned: frozenset[str]) -> Check:
    text = literal.strip("`")
    polar = re.fullmatch(r"(\+0|\+infinity) \* cis\(b\)( - 1\.0)?", text)
    if polar:
        radius, less = real(polar[1]), 1.0 if polar[2] else 0.0
        return lambda env, out: (
            equals(out.real, radius * math.cos(env["b"]) - less if less else radius * math.cos(env["b"]))
            and equals(out.imag, radius * math.sin(env["b"]))
        )
    parts = re.fullmatch(r"(\S+) ([+±-]) (.*)", text)
    if parts is None or "j" not in parts[3]:
        raise Unread(literal)
    wanted = {"real": real(parts[1]), "imag": real(f"{parts[2]} {parts[3].replace('j', '')}")}
    free = unsigned | {name for name, part in (("real", parts[1]), ("imag", parts[2])) if "±" in part}

    def check(env: Environment, out: Any) -> bool:
        for name, part in wanted.items():
            found = getattr(out, name)
            if not (equals(abs(found), abs(part), near=True) if name in free else equals(found, part, near=True)):
                return False
        return True

    return check


def equals(x: Any, y: Any, *, zeros_alike: bool = False, near: bool = False) -> bool:
    """Equal with the sign of a zero, NaN with NaN; `near`, up to rounding in the precision of `x`."""
    if isinstance(y, bool):
        return bool(x) == y
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == 0 == y:
        return zeros_alike or math.copysign(1, x) == math.copysign(1, y)
    if near and y != 0 and math.isfinite(y):
        return abs(float(x) - y) <= TOLERANCE[getattr(x, "itemsize", 8)] * abs(y)
    return bool(x == y)
