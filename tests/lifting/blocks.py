"""Statements of several lines: loops, branches, functions, errors that are caught; and what programs see of an array."""

from __future__ import annotations

from naming import named
from statements import INNER, statement


@statement(4)
def loop(w):
    r = w.r
    found = w.target(lambda a: a.ndim > 0 and len(a) > 1)
    other = w.any_view(lambda a: a.ndim > 0)
    if found is None or other is None:
        return None
    t, a = found
    b = other[0]
    n, s, row = len(a), w.scalar(), w.value(a.shape[1:])
    texts = [
        f"for i in range({n}):\n    {t}[i] = {row}\n    {t}[i] *= i + 1",
        f"for i in range(1, {n}):\n    {t}[i] += 0.5 * {t}[i - 1]",
        f"for i in range({n - 1}, 0, -1):\n    {t}[i] = {t}[i] - {t}[i - 1] * {s}",
        f"for i in range({n - 1}):\n    {t}[i + 1] = np.sin({t}[i]) + {row}",
        f"for r in {t}:\n    r += {s}",
        f"for r in {t}:\n    r *= 0.5\n    r[...] = np.cos(r)",
        f"for i, r in enumerate({t}):\n    {t}[-1] += r * {s}",
        f"for r, q in zip({t}, {b}):\n    r[...] = q",
        f"for i in np.ndindex({a.shape}):\n    {t}[i] = {t}[i] * {t}[i] - {s}",
        f"for i, e in np.ndenumerate({t}):\n    {t}[i] = 0.5 * e + sum(i)",
        f"for i in range({min(n, len(other[1]))}):\n    {t}[i] = {b}[i]\n    {b}[i] = {row}",
        f"for e in {t}.flat:\n    {t}[0] += 0.1 * e",
        f"for e in np.nditer({t}):\n    {t}[..., 0] += 0.1 * e",
        f"for e in np.nditer({t}, op_flags=['readwrite']):\n    e[...] = 2 * e",
        f"total = 0.0\nfor e in {t}.ravel():\n    total += e * e\n{t}[0] = 0.1 * total",
        f"i = 0\nwhile i < {n}:\n    {t}[i] -= {row}\n    i += 1",
    ]
    return r.choice(texts)


@statement(1.5)
def called(w):
    """A function that writes its argument and returns something of it."""
    found = w.target(lambda a: a.ndim > 0 and len(a) > 1)
    if found is None:
        return None
    t = found[0]
    if w.r.random() < 0.2:
        name = w.new()
        w.names += [f"{name}.u", f"{name}.total"]
        return f"{name} = State({t})\n{name}.step()\n{name}.step({w.number()})[...] += {w.scalar()}"
    if w.r.random() < 0.2:
        value = w.value(found[1].shape)
        return w.r.choice(
            (
                f"def inner():\n    {t}[...] *= {w.number()}\n    return {value}\n{t}[...] += inner()",
                f"def inner(u, v={t}):\n    v[0] += u\ninner({w.scalar()})",
            )
        )
    text = w.r.choice(
        (
            "shift({})",
            "smooth({})",
            "normalise({})",
            "prefix({})",
            "scale({}, 2)",
            "scale({}.copy())",
            "(lambda u: u.T)({})",
            "scale({}[1:])",
        )
    )
    return named(w, text.format(t))


@statement(1)
def transformed(w):
    """A transformation inside of the program."""
    found = w.any_view(lambda a: a.ndim > 0 and a.size > 0 and a.dtype == float)
    return found and named(w, f"{w.r.choice(INNER)}({found[0]})")


@statement(0.8)
def branch(w):
    """Python's choice by a value."""
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    t, a = found
    s = w.scalar()
    texts = [f"if {s} > 0.1:\n    {t}[...] = {w.value(a.shape)}\nelse:\n    {t}[...] *= {w.number()}"]
    if a.ndim:
        texts += [
            f"for i in range({len(a)}):\n    if np.sum({t}[i]) > 0.3:\n        {t}[i] = {w.value(a.shape[1:])}",
            f"k = 0\nwhile np.sum(abs({t})) > 1.5 and k < 3:\n    {t}[...] *= 0.5\n    k += 1",
            f"for i in range({len(a)} - 1):\n    if np.sum({t}[i]) > np.sum({t}[i + 1]):\n        exchange({t}, i, i + 1)",
        ]
    return w.r.choice(texts)


@statement(1)
def bound_again(w):
    """A name for something new: who has the old array keeps it."""
    found = w.pick()
    if found is None or not found[0].isidentifier():
        return None
    t, a = found
    return f"{t} = " + w.r.choice(
        (f"{t} * 0.5", f"{t} + {w.value(a.shape)}", f"{t}[::-1]", f"{t}.copy()", f"{t}.T", f"{t}.ravel()", f"np.asarray({t})")
    )


@statement(1)
def tried(w):
    """Errors of NumPy that a program waits for."""
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    t, a = found
    n, v = len(a) if a.ndim else 1, w.value(a.shape)
    wrong = w.r.choice(
        (
            f"{t}[{n + 2}] = {w.scalar()}",
            f"{t}[...] = np.ones({(*a.shape, 2, 5)})",
            f"np.diagonal({t})[...] = 1.0",
            f"np.broadcast_to({t}, {(2, *a.shape)})[0] = {w.scalar()}",
            f"{t}[[{n + 3}]] += 1.0",
            f"np.add({v}, {v}, out=np.zeros({(*a.shape, 2)}))",
            f"np.copyto({t}, 1j)",
            f"{t}.reshape({a.size + 1})",
            f"u = {t}.view()\n    u.flags.writeable = False\n    u[...] = {w.scalar()}",
            f"{t}.shape = ({a.size}, 2)",
            f"np.fill_diagonal({t}, {w.scalar()})",
            f"{t}.sort(axis=5)",
            f"np.reshape({t}, {a.size}, copy=False)[...] = {w.scalar()}",
        )
    )
    return f"try:\n    {wrong}\nexcept (ValueError, IndexError, TypeError) as error:\n    numpys(error)\n    {t}[...] = {v}"


@statement(0.7)
def observed(w):
    """What a program can see of an array other than its numbers."""
    found, other = w.target(lambda a: a.size > 0), w.any_view()
    if found is None or other is None:
        return None
    t, b = found[0], other[0]
    seen = w.r.choice(
        (
            f"np.shares_memory({t}, {b})",
            f"np.may_share_memory({t}, {b})",
            f"{b}.flags.c_contiguous",
            f"{b}.flags.f_contiguous",
            f"(np.asarray({b}) is {b})",
            f"({b}.base is None)",
            f"isinstance({b}, np.ndarray)",
            f"np.isscalar({b}[..., 0])",
            f"({b}.dtype == float)",
            f"{b}.size",
            f"len({b}.shape)",
            f"np.iscomplexobj({b})",
            f"({b} is {t})",
            f"np.array_equal({b}, {t})",
            f"hasattr({b}, '__len__')",
            f"{b}.flags.owndata",
        )
    )
    return f"{t}[...] *= 0.25 + 0.5 * {seen}"
