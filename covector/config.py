"""JAX's ``config``: what a program asks for is what covector does, or it is refused by name.  There are no settings.

>>> update("jax_enable_x64", True)
>>> jax_enable_x64
True
>>> update("jax_enable_x64", False)
Traceback (most recent call last):
  ...
covector.core.errors.ArgumentError: config.update got jax_enable_x64=False.
  ...
  Why: float64 is the default, as in NumPy
  Fix: give arrays of another dtype: np.ones(3, np.float32)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from covector.core import errors

__all__ = ["jax_enable_x64", "read", "update", "x64_enabled"]

jax_enable_x64 = x64_enabled = True


class Setting(NamedTuple):
    """What there is of a setting: the values that say what is done anyway, and why and what instead of others."""

    values: tuple[Any, ...]
    why: str
    fix: str


_ONE_DEVICE = Setting(("cpu",), "arrays are NumPy's, whose only device is 'cpu'", "leave it out")
_BLOCK = "modes are on for a block of the program, and not for all that runs"
_PRECISIONS = (None, "default", "high", "highest", "float32", "tensorfloat32", "bfloat16")

SETTINGS = {
    "jax_enable_x64": Setting(
        (True,), "float64 is the default, as in NumPy", "give arrays of another dtype: np.ones(3, np.float32)"
    ),
    "jax_platform_name": _ONE_DEVICE,
    "jax_platforms": _ONE_DEVICE,
    "jax_default_matmul_precision": Setting(
        _PRECISIONS, "products are computed in the dtype of their factors", "name one of JAX's precisions, or leave it out"
    ),
    "jax_threefry_partitionable": Setting((True,), "random keys have JAX's default bits", "leave it out"),
    "jax_debug_nans": Setting((False,), _BLOCK, "with covector.debug_nans(): ..."),
    "jax_debug_infs": Setting((False,), _BLOCK, "with covector.debug_nans(infs=True): ..."),
    "jax_disable_jit": Setting((False,), _BLOCK, "with covector.disable_jit(): ..."),
    "jax_check_tracer_leaks": Setting((False,), _BLOCK, "with covector.checking_leaks(): ..."),
}


def update(name: str, val: Any) -> None:
    """Ask for a setting of JAX's.

    Args:
        name: that of the setting.
        val: its value.

    Raises:
        ArgumentError: something else is done, or there is no such setting.

    Example:
        >>> update("jax_platforms", "cpu")
    """
    setting = _setting(name, "config.update")
    if not any(type(val) is type(v) and val == v for v in setting.values):
        raise errors.ArgumentError(f"config.update got {name}={val!r}.", why=setting.why, fix=setting.fix)


def read(name: str) -> Any:
    """The value of a setting of JAX's.

    Raises:
        ArgumentError: there is no such setting.

    Example:
        >>> read("jax_debug_nans")
        False
    """
    return _setting(name, "config.read").values[0]


def _setting(name: Any, who: str) -> Setting:
    found = SETTINGS.get(name) if isinstance(name, str) else None
    if found is None:
        what = f"{who} got {name!r}, which is no setting."
        raise errors.ArgumentError(what, why=f"those that mean something here are {', '.join(SETTINGS)}", fix="leave it out")
    return found
