"""A loop in blocks of steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of
from covector.core.jaxpr import Jaxpr
from covector.lax.carries import Body
from covector.primitives.arrays.shaping import reshape_p
from covector.primitives.programs.scan import Loop


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
