"""How a function with checks may be checkified, with transformations outside and inside."""

from __future__ import annotations

import covector as cv
from covector import checkify

CHECKED_WAYS = {
    "eager": lambda f: checkify.checkify(f),
    "jit outside": lambda f: cv.jit(checkify.checkify(f)),
    "jit inside": lambda f: checkify.checkify(cv.jit(f)),
    "grad": lambda f: checkify.checkify(cv.grad(f)),
    "jit of grad": lambda f: cv.jit(checkify.checkify(cv.grad(f))),
}
