"""One workload in one framework: built, called, timed; in this process, or behind pipes in another interpreter's."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frameworks import FRAMEWORKS, framework, is_installed
from benchmarks.frameworks.base import leaves
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]


class Local:
    """A framework in this process, and the workload that it runs now."""

    def __init__(self, name: str):
        self.name, self.framework = name, framework(name)
        self.call: Any = None

    def version(self) -> str:
        return importlib.metadata.version(FRAMEWORKS[self.name][2])

    def applies(self, workload: str) -> bool:
        return self.framework.differentiates or not WORKLOADS[workload].needs_derivatives

    def compiles(self) -> bool:
        return self.framework.compiles

    def first(self, workload: str, is_tiny: bool = False) -> float:
        """Seconds until the first result of a function that was not there before, so that no cache has it."""
        function, args = WORKLOADS[workload].make(self.framework, is_tiny)
        self.framework.ready(args)
        _use_memory()
        start = time.perf_counter()
        compiled = self.framework.jit(function)
        self.result = self.framework.ready(compiled(*args))
        seconds = time.perf_counter() - start
        self.call, self.args, self.function = compiled, args, function
        return seconds

    def settle(self) -> None:
        """Call until it is as fast as it becomes."""
        for _ in range(2):
            self.framework.ready(self.call(*self.args))
        self.framework.settle()
        self.result = self.framework.ready(self.call(*self.args))

    def seconds(self, number: int) -> float:
        """Seconds a call."""
        call, args, ready = self.call, self.args, self.framework.ready
        start = time.perf_counter()
        for _ in range(number):
            ready(call(*args))
        return (time.perf_counter() - start) / number

    def numbers(self) -> list[Any]:
        """The arrays of the result."""
        return [np.asarray(self.framework.numpy(x)) for x in leaves(self.result)]

    def left_to_numpy(self) -> list[str]:
        return self.framework.left_to_numpy(self.function, self.args)

    def resident(self) -> int | None:
        """Bytes of this process without a workload; None where the system does not tell."""
        self.close()
        gc.collect()
        _return_to_system()
        return _status("VmRSS")

    def peak(self) -> int | None:
        """Bytes of this process at the peak of a call."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return None
        self.framework.ready(self.call(*self.args))
        return _status("VmHWM")

    def close(self) -> None:
        self.call = self.result = self.args = self.function = None


class Remote:
    """A framework in another interpreter, which waits at a pipe while others have their turns."""

    def __init__(self, name: str, interpreter: str):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        command = [interpreter, "-m", "benchmarks.program", name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT)
        self.ask("version")

    def ask(self, method: str, *args: Any) -> Any:
        pipes = self.process
        assert pipes.stdin is not None and pipes.stdout is not None
        try:
            pickle.dump((method, args), pipes.stdin)
            pipes.stdin.flush()
            is_right, value = pickle.load(pipes.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError(f"{pipes.args[0]} ended with status {pipes.wait()}") from error  # type: ignore[index]
        if not is_right:
            raise RuntimeError(value)
        return value

    def __getattr__(self, method: str) -> Any:
        return lambda *args: self.ask(method, *args)

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def serve(name: str) -> None:
    """Answer a `Remote` until it closes the pipe.  What libraries print goes to the error stream."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if not is_installed(name):
        pickle.dump((False, f"{name} is not installed for {sys.executable}"), answers)
        return
    local = Local(name)
    while True:
        try:
            method, args = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = True, getattr(local, method)(*args)
        except Exception as error:
            answer = False, described(error)
        pickle.dump(answer, answers)
        answers.flush()


def described(error: Exception) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:200]


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), None)


def _use_memory() -> None:
    """Fill memory, and let it go.

    A virtual machine may have handed what was free for a while back to its host, from which it comes back slowly: filling 40 MB
    took 10 ms, or 240.  What a program finds is then a matter of what ran before it.
    """
    np.ones(2**24)


def _return_to_system() -> None:
    """Memory that is free goes back to the system, where the C library can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    serve(sys.argv[1])
