"""Where arrays are, under JAX's names: there is one device, the memory that NumPy computes in, which it calls "cpu".

Programs that were written for several devices run on this one: ``device_put`` copies, and there is nothing to wait for.

>>> devices(), device_count(), default_backend()
(['cpu'], 1, 'cpu')
"""

from __future__ import annotations

from typing import Any

from covector.core import errors
from covector.core.memory import copies
from covector.core.pytrees import tree_flatten, tree_leaves, tree_unflatten
from covector.core.tracer import Tracer
from covector.transforms import options
from covector.transforms.arguments import flatten_values

CPU = "cpu"


def check_device(device: Any, who: str, what: str = "device") -> None:
    """Reject a device, or a tree of devices, that is not the one that there is; None leaves the choice open."""
    for found in tree_leaves(device):
        if not (isinstance(found, str) and found == CPU):
            why = "arrays are NumPy's, whose only device is 'cpu'"
            raise errors.ArgumentError(f"{who} got {what}={found!r}.", why=why, fix=f"leave {what} out, or give 'cpu'")


def devices(backend: str | None = None) -> list[str]:
    """The devices: ``["cpu"]``, as NumPy's arrays say of themselves (``x.device``).

    Args:
        backend: None or "cpu".

    Raises:
        ArgumentError: another kind of device is asked for.

    Example:
        >>> import numpy as np
        >>> devices("cpu")[0] == np.ones(2).device
        True
    """
    check_device(backend, "devices", "backend")
    return [CPU]


def device_count(backend: str | None = None) -> int:
    """How many devices there are: one.

    Example:
        >>> device_count()
        1
    """
    return len(devices(backend))


local_devices, local_device_count = devices, device_count


def process_index(backend: str | None = None) -> int:
    """The number of this process among those that compute together: it is alone, and 0.

    Example:
        >>> process_index()
        0
    """
    return len(devices(backend)) - 1


def process_count(backend: str | None = None) -> int:
    """How many processes compute together: one.

    Example:
        >>> process_count()
        1
    """
    return len(devices(backend))


def default_backend() -> str:
    """The kind of device that is used: "cpu".

    Example:
        >>> default_backend()
        'cpu'
    """
    return CPU


def device_put(x: Any, device: Any = None, *, src: Any = None, donate: Any = False, may_alias: Any = None) -> Any:
    """The same values in memory of their own.

    Args:
        x: a pytree of arrays, numbers and traced values.
        device: None or "cpu", or a tree of these.
        src: where they come from, likewise.
        donate: True (or a tree of booleans) says that ``x`` is needed no more, of which no use is made.
        may_alias: True (or such a tree) allows for a result that shares memory with ``x``, of which no use is made.

    Returns:
        The pytree with a copy of each array; numbers stay as they are, with their weak types.  Its derivative is that of
        the identity.

    Raises:
        ArgumentError: a leaf is no value, or there is no such device.

    Example:
        >>> import numpy as np
        >>> x = np.ones(2)
        >>> y = device_put({"x": x})["x"]
        >>> x[:] = 0.0
        >>> y
        array([1., 1.])
    """
    leaves, treedef = flatten_values([x], "device_put")
    check_device(device, "device_put")
    check_device(src, "device_put", "src")
    for name, marks in (("donate", donate), ("may_alias", may_alias)):
        for mark in tree_leaves(marks):
            options.flag(mark, name, "device_put")
    return tree_unflatten(treedef, [x.duplicate() if isinstance(x, Tracer) else x for x in copies(leaves)])[0]


def device_get(x: Any) -> Any:
    """The values as NumPy has them, in memory of their own.

    Args:
        x: a pytree; what is no array in it is returned as it is, traced values too.

    Example:
        >>> import numpy as np
        >>> device_get((np.arange(2), 3.0, "text"))
        (array([0, 1]), 3.0, 'text')
    """
    leaves, treedef = tree_flatten(x)
    return tree_unflatten(treedef, copies(leaves))


def block_until_ready(x: Any) -> Any:
    """Wait until values have been computed, which they have: NumPy has computed when it returns.

    Args:
        x: a pytree of anything.

    Returns:
        The pytree itself.

    Example:
        >>> import numpy as np
        >>> x = [np.ones(2), 1.0]
        >>> block_until_ready(x) is x
        True
    """
    return x
