"""Loops that keep few states for their backward pass, and compute the others again.

A checkpointed loop is made of loops and of `checkpoint_p` alone, so it has all transformations, derivatives of derivatives
included.  For the binomial schedule, ``reversible(l, s)``, the program of ``l`` steps with ``s`` slots, is: a part of ``m``
steps that is computed again as ``reversible(m, s)``, followed by ``reversible(l - m, s - 1)``; see `schedules`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isqrt
from typing import Any

import numpy as np

from covector.core import errors
from covector.core.avals import shape_of
from covector.core.jaxpr import Jaxpr
from covector.interpreters.evaluate import eval_jaxpr
from covector.interpreters.programs import cut, staged
from covector.lax.carries import Body
from covector.lax.checkpointing.schedules import best_first_part, default_slots
from covector.primitives.arrays.shaping import reshape_p
from covector.primitives.programs.checkpoint import checkpoint_p
from covector.primitives.programs.scan import Loop
from covector.transforms.checkpoint import checkpoint_policies

OPTIONS = {"policy": checkpoint_policies.nothing_saveable, "name": "steps"}


def check_option(checkpoint: Any, allowed: tuple[str, ...], who: str) -> None:
    """Reject what is no way to checkpoint a loop."""
    is_count = isinstance(checkpoint, (int, np.integer)) and not isinstance(checkpoint, bool) and checkpoint > 0
    if checkpoint is None or is_count or checkpoint in allowed:
        return
    ways = " or ".join([*map(repr, allowed), "a positive integer"])
    raise errors.ArgumentError(f"{who} got checkpoint={checkpoint!r}.", fix=f"pass {ways}, or leave it out")


def checkpointed_scan(body: Body, loop: Loop, checkpoint: Any, init: list[Any], xs: list[Any]) -> tuple[list[Any], list[Any]]:
    """The final carries and the ys of a scan that is reversed from few states."""
    n = loop.length or 0
    if n < 2:
        return loop.bind(body.jaxpr, body.hoisted, init, xs)
    forwards = loop._replace(reverse=False)
    xs = [x[::-1] for x in xs] if loop.reverse else xs
    if checkpoint == "sqrt":
        carry, ys = _by_segments(body, forwards, isqrt(n - 1) + 1, init, xs)
    else:
        slots = min(n, default_slots(n) if checkpoint == "binomial" else int(checkpoint))
        carry, ys = _reversible(body, forwards, slots, body.hoisted, init, xs)
    return carry, [y[::-1] for y in ys] if loop.reverse else ys


def in_blocks(
    body: Body, loop: Loop, step: Jaxpr, size: int, init: list[Any], xs: list[Any], *, rest: Loop
) -> tuple[list[Any], list[Any]]:
    """The final carries and the ys of a loop of which ``step`` does ``size`` steps at once.

    Steps that make no whole block come last (in the order of the loop), one by one, as steps of the loop ``rest``.
    """
    n = loop.length or 0
    whole = n - n % size
    blocks, left = (slice(n - whole, n), slice(0, n - whole)) if loop.reverse else (slice(0, whole), slice(whole, n))
    main = [reshape_p.bind(x[blocks], shape=(whole // size, size, *shape_of(x)[1:])) for x in xs]
    carry, ys = loop._replace(length=whole // size).bind(step, body.hoisted, init, main)
    ys = [reshape_p.bind(y, shape=(whole, *shape_of(y)[2:])) for y in ys]
    if whole == n:
        return carry, ys
    carry, more = rest._replace(length=n - whole).bind(body.jaxpr, body.hoisted, carry, [x[left] for x in xs])
    order = (more, ys) if loop.reverse else (ys, more)
    return carry, [np.concatenate(pair) for pair in zip(*order, strict=True)]


# --- two levels -------------------------------------------------------------------------------------------------------


def _by_segments(body: Body, loop: Loop, size: int, init: list[Any], xs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Keep the state before each segment of ``size`` steps; a segment is computed again when it is reversed."""
    segment = _plain(body, loop._replace(length=size, progress=None))
    run = lambda *args: checkpoint_p.bind(*args, jaxpr=segment, **OPTIONS)
    step = body.once(("checkpointed", loop, size), lambda: staged(run, segment.in_avals))
    return in_blocks(body, loop, step, size, init, xs, rest=loop._replace(progress=None))


def _plain(body: Body, loop: Loop) -> Jaxpr:
    """The program of a scan."""
    return _program(body, loop, "scan", partial(loop.bind, body.jaxpr))


def _program(body: Body, loop: Loop, key: Any, run: Callable[..., tuple[list[Any], list[Any]]]) -> Jaxpr:
    """The program of a way to run a loop, ``run(consts, carry, xs) -> (carry, ys)``; kept with the body by the ``key``."""

    def whole(*args: Any) -> list[Any]:
        carry, ys = run(*loop.cut(args))
        return [*carry, *ys]

    consts, carry, xs = loop.cut(body.jaxpr.in_avals)
    avals = [*consts, *carry, *(x.batched(loop.length, 0) for x in xs)]
    return body.once((key, loop), lambda: staged(whole, avals))


# --- binomial ---------------------------------------------------------------------------------------------------------


def _reversible(
    body: Body, loop: Loop, slots: int, consts: list[Any], carry: list[Any], xs: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Run a loop so that its reversal needs at most ``slots`` states; the one it begins with counts."""
    left, start = loop.length or 0, 0
    parts: list[list[Any]] = []
    while left > 1:
        m = best_first_part(left, slots)
        part = loop._replace(length=m, progress=None)
        columns = [x[start : start + m] for x in xs]
        again = _program(body, part, ("reversible", slots), partial(_reversible, body, part, slots))
        outs = checkpoint_p.bind(*consts, *carry, *columns, jaxpr=_plain(body, part), again=again, **OPTIONS)
        carry, ys = cut(outs, loop.num_carry)
        parts.append(ys)
        left, start, slots = left - m, start + m, slots - 1
    carry, last = cut(eval_jaxpr(body.jaxpr, *consts, *carry, *(x[start] for x in xs)), loop.num_carry)
    parts.append([reshape_p.bind(y, shape=(1, *shape_of(y))) for y in last])
    return carry, [np.concatenate(column) for column in zip(*parts, strict=True)]
