"""The frameworks that run the workloads, by name; each is imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util

from benchmarks.frameworks.base import Framework

# name: (the module with its class, the class, the package that must be installed)
FRAMEWORKS = {
    "covector": ("covector_", "Covector", "covector"),
    "covector-native": ("covector_", "Native", "llvmlite"),
    "covector-source": ("covector_", "Source", "covector"),
    "covector-eager": ("covector_", "Eager", "covector"),
    "jax": ("jax_", "Jax", "jax"),
    "torch": ("torch_", "Torch", "torch"),
    "torch-compile": ("torch_", "Compiled", "torch"),
    "autograd": ("autograd_", "Autograd", "autograd"),
    "numpy": ("numpy_", "NumPy", "numpy"),
}


def is_installed(name: str) -> bool:
    """Whether this interpreter has the framework; it is not imported to find out."""
    return importlib.util.find_spec(FRAMEWORKS[name][2]) is not None


def framework(name: str) -> Framework:
    """The framework of that name."""
    module, cls, _ = FRAMEWORKS[name]
    made: Framework = getattr(importlib.import_module(f"benchmarks.frameworks.{module}"), cls)()
    return made
