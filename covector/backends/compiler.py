"""The thread in which programs are compiled: ``compiler.submit(tiers)``.

It is apart from `covector.backends.tiers` since most processes compile nothing, and need neither threads nor queues.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
from typing import Any


class Compiler:
    """A thread that compiles one program after another: whatever has a method ``compile``."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.process = 0
        self.is_closing = False

    def submit(self, tiers: Any) -> None:
        """Compile a program when it is its turn; it goes on as Python where no thread can be started."""
        with self.lock:
            if self.thread is None or self.process != os.getpid():  # a fork has no threads
                waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
                thread = threading.Thread(target=self.work, args=(waiting,), name="covector compiler", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # too many, or the process is ending
                    return
                self.waiting, self.process, self.thread = waiting, os.getpid(), thread
                atexit.register(self.close)
        self.waiting.put(tiers)

    def work(self, waiting: queue.SimpleQueue[Any]) -> None:
        while True:
            tiers = waiting.get()
            if tiers is None or self.is_closing:
                return
            try:
                tiers.compile()
            except Exception:  # the warning of a failure, where warnings are errors
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def wait(self) -> None:
        """Until all that was submitted is compiled."""
        if self.thread is not None and self.process == os.getpid():
            done = threading.Event()
            self.waiting.put(_Signal(done))
            done.wait()

    def close(self) -> None:
        """At the end of the process: let the program that is being compiled be finished, and no other begun."""
        self.is_closing = True
        if self.thread is not None and self.process == os.getpid():
            self.waiting.put(None)
            self.thread.join(10)


class _Signal:
    """What is compiled last, in no time."""

    def __init__(self, done: threading.Event):
        self.done = done

    def compile(self) -> None:
        self.done.set()


compiler = Compiler()


if hasattr(os, "register_at_fork"):
    lock = compiler.lock
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
