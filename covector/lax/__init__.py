"""Control flow as operations: loops and choices that are traced once, with derivatives and batches of their own.

Around them JAX's names for the primitive level (`elementwise`, `structure`, `reductions`), which are imported when one of them
is first used.

>>> import covector as cv
>>> float(cv.lax.rsqrt(4.0))
0.5
"""

import importlib
from typing import TYPE_CHECKING, Any

from covector.lax.choice import cond, switch
from covector.lax.loops import associative_scan, fori_loop, map, scan, while_loop
from covector.lax.parallel import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pbroadcast,
    pcast,
    pmax,
    pmean,
    pmin,
    ppermute,
    pshuffle,
    psum,
    psum_scatter,
    pswapaxes,
    pvary,
)
from covector.transforms.custom_rules import linear_call
from covector.transforms.custom_solves import custom_linear_solve, custom_root
from covector.transforms.utilities import stop_gradient

if TYPE_CHECKING:
    import covector.lax.linalg as linalg
    from covector.lax.bits import *  # noqa: F403
    from covector.lax.convolution import *  # noqa: F403
    from covector.lax.elementwise import *  # noqa: F403
    from covector.lax.fourier import *  # noqa: F403
    from covector.lax.gathering import *  # noqa: F403
    from covector.lax.precision import *  # noqa: F403
    from covector.lax.products import *  # noqa: F403
    from covector.lax.programs import *  # noqa: F403
    from covector.lax.reductions import *  # noqa: F403
    from covector.lax.structure import *  # noqa: F403
    from covector.lax.windows import *  # noqa: F403

LAZY = (
    "bits",
    "convolution",
    "elementwise",
    "fourier",
    "gathering",
    "precision",
    "products",
    "programs",
    "reductions",
    "structure",
    "windows",
)
"""The modules whose names are imported when one of them is first used; they load SciPy."""


def _lazy() -> dict[str, Any]:
    modules = [importlib.import_module(f"covector.lax.{name}") for name in LAZY]
    return {name: getattr(module, name) for module in modules for name in module.__all__}


def __getattr__(name: str) -> Any:
    if name == "linalg":
        return importlib.import_module("covector.lax.linalg")
    if not name.startswith("_"):
        globals().update(_lazy())
    if name not in globals():
        raise AttributeError(f"module 'covector.lax' has no attribute {name!r}", name=name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_lazy(), "linalg"})
