"""From LLVM's text to code that runs: ``linked(text, names) -> Code``, of which ``code.address(name)`` is where a function is.

The code of a text is kept on disk, under a name made of the text, the processor and the versions, if the folder is the user's
own: in ``COVECTOR_CACHE`` (empty: nowhere), else in ``covector`` in the folder for caches.  A file is written beside its place
and moved there; one that is damaged is made anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

MAX_CACHED_BYTES = 256 * 2**20
"""Beyond, the files that were not used for longest are removed."""

SHELVES = 64
"""Folders in which the files are, each with its part of the bytes: to look through all of many thousands takes longer than to
compile."""


class Code:
    """Functions in memory, which stay there as long as this does."""

    def __init__(self, library: Any, is_hasty: bool = False):
        self.library, self.is_hasty = library, is_hasty

    def address(self, name: str) -> int:
        return int(self.library[name])


@cache
def llvm() -> Any:
    """LLVM for this machine: its module of llvmlite, the target machine, and the linker."""
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = machine_of(binding, level=1)
    return binding, machine, binding.create_lljit_compiler(machine)


def machine_of(binding: Any, level: int) -> Any:
    """What writes code for this processor: at level 0 in half the time, and for a few programs code seven times as slow."""
    features = binding.get_host_cpu_features().flatten()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=level, jit=True, codemodel="jitdefault"
    )


@cache
def hasty_machine() -> Any:
    return machine_of(llvm()[0], level=0)


def is_available() -> bool:
    """Whether programs can be compiled here: llvmlite is installed, and the processor has fused multiply-adds."""
    return _available()


@cache
def _available() -> bool:
    if sys.byteorder != "little" or sys.maxsize < 2**32:
        return False
    try:
        binding, _, _ = llvm()
    except Exception:  # not installed, or not for this machine
        return False
    features = binding.get_host_cpu_features()
    return bool(features.get("fma") or features.get("neon") or "aarch64" in binding.get_process_triple())


@cache
def has_many_registers() -> bool:
    """Whether the processor has 32 registers of 512 bits."""
    return is_available() and bool(llvm()[0].get_host_cpu_features().get("avx512f"))


_lock = threading.Lock()
_count = [0]


def linked(
    text: str, exported: Sequence[str], foreign: Mapping[str, Callable[[], int]] | None = None, in_haste: bool = False
) -> Code:
    """The code of a module, of which these functions are found by name; ``foreign`` says where others are that it calls.

    What is written ``in_haste`` computes the same bits, and is not kept on disk.
    """
    binding, machine, linker = llvm()
    key = _key(text)
    found = _read(key)
    is_hasty = in_haste and found is None
    image = _object(text, hasty_machine() if is_hasty else machine) if found is None else found
    if found is None and not is_hasty:
        _write(key, image)
    addresses = {name: address() for name, address in (foreign or {}).items()}  # which may link another module
    with _lock:
        _count[0] += 1
        builder = binding.JITLibraryBuilder().add_object_img(image).add_current_process()
        for name, address in addresses.items():
            builder = builder.import_symbol(name, address)
        for name in exported:
            builder = builder.export_symbol(name)
        return Code(builder.link(linker, f"covector{_count[0]}"), is_hasty)


def is_cached(text: str) -> bool:
    """Whether the code of a module is on disk."""
    key = _key(text)
    shelf = _shelf(key)
    return shelf is not None and (shelf / key).exists()


def _object(text: str, machine: Any) -> bytes:
    """Machine code.  Variables become registers; nothing else is left to optimize."""
    binding = llvm()[0]
    with _lock:  # a machine serves one thread at a time
        module = binding.parse_assembly(text)
        module.triple = binding.get_default_triple()
        module.data_layout = str(machine.target_data)
        options = binding.create_pipeline_tuning_options(speed_level=1)
        passes = binding.create_pass_builder(machine, options)
        promote = binding.create_new_function_pass_manager()
        promote.add_sroa_pass()
        for function in module.functions:
            if not function.is_declaration:
                promote.run(function, passes)
        return bytes(machine.emit_object(module))


def assembly(text: str) -> str:
    """The same in words."""
    binding, machine, _ = llvm()
    with _lock:
        return str(machine.emit_assembly(binding.parse_assembly(text)))


# --- on disk --------------------------------------------------------------------------------------------------------------


def _key(text: str) -> str:
    binding, machine, _ = llvm()
    import llvmlite

    about = (llvmlite.__version__, str(binding.llvm_version_info), machine.triple, binding.get_host_cpu_name(),
             binding.get_host_cpu_features().flatten(), sys.version)  # fmt: skip
    return hashlib.sha256("\0".join((*about, text)).encode()).hexdigest() + ".o"


@cache
def _folder() -> Path | None:
    """Where code is kept; None where nobody but the user may write to is not to be had."""
    asked = os.environ.get("COVECTOR_CACHE")
    if asked == "":
        return None
    try:
        caches = os.environ.get("XDG_CACHE_HOME")
        base = Path(asked).expanduser() if asked else Path(caches or Path.home() / ".cache") / "covector"
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = base.stat()
    except (OSError, RuntimeError):
        return None
    is_own = not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return base if is_own and os.access(base, os.W_OK) else None


def _shelf(key: str) -> Path | None:
    """The folder of the file with a name, which begins with hexadecimal digits; None where nothing is kept."""
    folder = _folder()
    return None if folder is None else folder / f"{int(key[:4], 16) % SHELVES:02}"


def _read(key: str) -> bytes | None:
    shelf = _shelf(key)
    if shelf is None:
        return None
    try:
        content = (shelf / key).read_bytes()
        os.utime(shelf / key)
    except OSError:
        return None
    digest, image = content[:32], content[32:]
    return image if hashlib.sha256(image).digest() == digest else None


def _write(key: str, image: bytes) -> None:
    shelf = _shelf(key)
    if shelf is None:
        return
    try:
        shelf.mkdir(mode=0o700, exist_ok=True)
        file = tempfile.NamedTemporaryFile(dir=shelf, delete=False)  # noqa: SIM115
        try:
            with file:
                file.write(hashlib.sha256(image).digest() + image)
            os.replace(file.name, shelf / key)
        except OSError:  # a full disk, say
            os.unlink(file.name)
        _shrink(shelf)
    except OSError:
        pass


def _shrink(shelf: Path) -> None:
    with os.scandir(shelf) as entries:
        files = [(e.stat().st_mtime, e.stat().st_size, e.path) for e in entries if e.name.endswith(".o")]
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MAX_CACHED_BYTES // SHELVES:
            return
        Path(path).unlink(missing_ok=True)
        total -= size


def function_at(address: int, *arguments: Any, result: Any = None) -> Any:
    """A C function as a Python one."""
    return ctypes.CFUNCTYPE(result, *arguments)(address)
