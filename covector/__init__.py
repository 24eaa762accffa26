"""covector: composable transformations of numerical Python functions on NumPy arrays.

``jvp``, ``vjp``, ``grad``, ``vmap``, ``jit`` and their relatives turn a function into its derivative, its batched version, its
staged version; each result is an ordinary function that can be transformed again.
"""

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from covector import numpy as numpy
from covector import tree as tree
from covector.core import errors as errors
from covector.core.avals import ShapedArray, Zero, float0, instantiate, typeof
from covector.core.avals import ShapedArray as ShapeDtypeStruct
from covector.core.context import await_import
from covector.core.counterparts import declare_counterparts
from covector.core.jaxpr import Equation, Jaxpr, Literal, Var
from covector.core.primitive import Primitive, jointly, more_primitives, one_of
from covector.core.tracer import LATER, Tracer, register_adopter
from covector.numpy.at import at
from covector.transforms.autodiff import grad, jvp, linear_transpose, linearize, value_and_grad, vjp
from covector.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev, value_and_jacobian
from covector.transforms.utilities import ensure_compile_time_eval, ravel_pytree, stop_gradient
from covector.transforms.vmap import vmap

if TYPE_CHECKING:
    from covector import (
        checkify,
        config,
        custom_batching,
        custom_derivatives,
        debug,
        flatten_util,
        lax,
        nn,
        ops,
        random,
        scipy,
        tree_util,
    )
    from covector.backends.run import register_backend, use_backend
    from covector.core.check import check
    from covector.core.text.parser import parse
    from covector.debug import checking_leaks, debug_nans, disable_jit
    from covector.lifting.lift import lift, lifted
    from covector.passes.legalize import legalize
    from covector.primitives.constructors import bilinear, elementwise, linear, reduction
    from covector.transforms.callbacks import io_callback, pure_callback
    from covector.transforms.checkpoint import (
        checkpoint,
        checkpoint_name,
        checkpoint_policies,
        print_saved_residuals,
        remat,
        saved_residuals,
    )
    from covector.transforms.custom_gradient import custom_gradient
    from covector.transforms.custom_rules import (
        CustomVJPPrimal,
        custom_jvp,
        custom_transpose,
        custom_vjp,
        custom_vmap,
        linear_call,
    )
    from covector.transforms.custom_solves import custom_linear_solve, custom_root
    from covector.transforms.devices import (
        block_until_ready,
        default_backend,
        device_count,
        device_get,
        device_put,
        devices,
        local_device_count,
        local_devices,
        process_count,
        process_index,
    )
    from covector.transforms.jit import jit
    from covector.transforms.scopes import named_call, named_scope
    from covector.transforms.staging import closure_convert, eval_shape, make_jaxpr
    from covector.typing import Array

__version__ = "0.1.0"

LAZY = {
    **{
        name: f"covector.{name}"
        for name in """
            checkify config custom_batching custom_derivatives debug flatten_util lax nn ops random scipy tree_util typing
        """.split()
    },
    **dict.fromkeys(["checking_leaks", "debug_nans", "disable_jit"], "covector.debug"),
    **dict.fromkeys(["register_backend", "use_backend"], "covector.backends.run"),
    "Array": "covector.typing",
    "check": "covector.core.check",
    "parse": "covector.core.text.parser",
    "legalize": "covector.passes.legalize",
    **dict.fromkeys(["lift", "lifted"], "covector.lifting.lift"),
    **dict.fromkeys(["bilinear", "elementwise", "linear", "reduction"], "covector.primitives.constructors"),
    **dict.fromkeys(["io_callback", "pure_callback"], "covector.transforms.callbacks"),
    **dict.fromkeys(
        ["checkpoint", "checkpoint_name", "checkpoint_policies", "print_saved_residuals", "remat", "saved_residuals"],
        "covector.transforms.checkpoint",
    ),
    "custom_gradient": "covector.transforms.custom_gradient",
    **dict.fromkeys(
        ["CustomVJPPrimal", "custom_jvp", "custom_transpose", "custom_vjp", "custom_vmap", "linear_call"],
        "covector.transforms.custom_rules",
    ),
    **dict.fromkeys(["custom_linear_solve", "custom_root"], "covector.transforms.custom_solves"),
    "jit": "covector.transforms.jit",
    **dict.fromkeys(["named_call", "named_scope"], "covector.transforms.scopes"),
    **dict.fromkeys(["closure_convert", "eval_shape", "make_jaxpr"], "covector.transforms.staging"),
    **dict.fromkeys(
        """block_until_ready default_backend device_count device_get device_put devices local_device_count local_devices
        process_count process_index""".split(),
        "covector.transforms.devices",
    ),
}
"""Names that are imported when they are first used, so that importing covector stays cheap."""


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'covector' has no attribute {name!r}{_elsewhere(name)}", name=name)
    module = importlib.import_module(LAZY[name])
    value = module if LAZY[name] == f"covector.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def _elsewhere(name: str) -> str:
    """Where a name is that somebody looked for here, if it is covector's."""
    if not name.startswith("_"):
        for place, found in (("numpy", name), ("lax", name), ("debug", name), ("tree", name.removeprefix("tree_"))):
            if callable(getattr(globals().get(place) or __getattr__(place), found, None)):
                return f"; there is covector.{place}.{found}"
    return ""


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})


@cache
def _import_what_is_quick() -> None:
    for module in sorted({"covector.lax", *LATER.values()}):
        importlib.import_module(module)


def _import_everything() -> None:
    lax, scipy = importlib.import_module("covector.lax"), importlib.import_module("covector.scipy")
    inner = {*(f"covector.scipy.{name}" for name in scipy.MODULES), *(f"covector.lax.{name}" for name in lax.LAZY)}
    for module in sorted({*LAZY.values(), *LATER.values(), *inner}):
        importlib.import_module(module)


def _import_loops() -> None:  # which backends make of large arrays
    importlib.import_module("covector.primitives.programs.scan")


more_primitives(_import_loops, _import_what_is_quick, _import_everything)  # the last takes SciPy's time to import
register_adopter(
    "scipy.sparse", ("sparray", "spmatrix"), lambda: importlib.import_module("covector.scipy.sparse.arrays").operator
)
declare_counterparts(
    "scipy",
    lambda name: __getattr__("scipy").counterpart(name),
    "where it asks for a namespace of arrays, set SCIPY_ARRAY_API=1 before SciPy is imported",
)
await_import("scipy.fft", lambda: importlib.import_module("covector.scipy.fft"))  # which registers a backend of it
await_import("scipy.stats", lambda: importlib.import_module("covector.lifting.samples"))

__all__ = [
    "Array",
    "CustomVJPPrimal",
    "Equation",
    "Jaxpr",
    "Literal",
    "Primitive",
    "ShapeDtypeStruct",
    "ShapedArray",
    "Tracer",
    "Var",
    "Zero",
    "at",
    "bilinear",
    "block_until_ready",
    "check",
    "checkify",
    "checking_leaks",
    "checkpoint",
    "checkpoint_name",
    "checkpoint_policies",
    "closure_convert",
    "config",
    "custom_batching",
    "custom_derivatives",
    "custom_gradient",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_transpose",
    "custom_vjp",
    "custom_vmap",
    "debug",
    "debug_nans",
    "default_backend",
    "device_count",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "elementwise",
    "ensure_compile_time_eval",
    "errors",
    "eval_shape",
    "flatten_util",
    "float0",
    "grad",
    "hessian",
    "hvp",
    "instantiate",
    "io_callback",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jointly",
    "jvp",
    "lax",
    "legalize",
    "linear",
    "linear_call",
    "linear_transpose",
    "linearize",
    "local_device_count",
    "local_devices",
    "make_jaxpr",
    "named_call",
    "named_scope",
    "nn",
    "numpy",
    "one_of",
    "ops",
    "parse",
    "print_saved_residuals",
    "process_count",
    "process_index",
    "pure_callback",
    "random",
    "ravel_pytree",
    "reduction",
    "register_backend",
    "remat",
    "saved_residuals",
    "scipy",
    "stop_gradient",
    "tree",
    "tree_util",
    "typeof",
    "typing",
    "use_backend",
    "value_and_grad",
    "value_and_jacobian",
    "vjp",
    "vmap",
]
