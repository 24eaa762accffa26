"""Work that threads share: ``shared(b, part, pointers, count)`` calls ``part(pointers, worker, i)`` for all ``i < count``.

The thread that asks takes part after part; helpers, which are started for it, take some of them.  It waits for parts that
others have taken, not for threads: where the processors are busy, helpers that come too late find nothing to do, and it has
done all alone.  Nobody waits in a loop for work to come.  What a part computes does not depend on who computes it.

A thread takes 10 to 20 µs to start: parts together should take some hundred.  Helpers run code of the module `share`, which
stays, so that one that comes late does not return into a program that is gone; what it reads is in a block that the last one
frees.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache

from covector.backends.native.ir import Builder, Module
from covector.backends.native.module import Code, linked

MOST = 4
"""The threads that share one piece of work: memory gets no faster by more, and others are to get theirs."""


ASKED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What people set where work is to have fewer threads."""


@cache
def workers() -> int:
    """How many threads share work here: 1 where there is one processor, or no threads of POSIX."""
    if not (sys.platform.startswith("linux") or sys.platform == "darwin"):
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    asked = [int(n) for name in ASKED if (n := os.environ.get(name, "")).isdecimal()]
    return max(1, min(MOST, processors, *asked))


def shared(b: Builder, part: str, pointers: Sequence[str], count: int) -> None:
    """Write the call of ``covector_share``, which calls a function of the module for all parts; alone one thread does that."""
    slots, i64 = len(pointers), "i64"
    table = b.allocate(i64, count=max(slots, 2))
    for i, pointer in enumerate(pointers):
        b.emit(f"store ptr {pointer}, ptr {b.pointer(table, i64, b.index(i))}")
    if workers() == 1:
        one = lambda i: b.emit(f"call void @{part}(ptr {table}, i64 0, i64 {i.text})")
        b.loop(b.index(0), b.index(count), 1, one)
        return
    b.module.declare("covector_share", "void", "ptr", "ptr", i64, i64)
    b.module.foreign["covector_share"] = lambda: share().address("covector_share")
    b.emit(f"call void @covector_share(ptr @{part}, ptr {table}, i64 {count}, i64 {workers() - 1})")


def part_text(name: str, pointers: int, module: Module, write: Callable[[Builder], None]) -> str:
    """The function of a part: ``write(builder)`` finds %p0, %p1, … and the numbers %worker and %part."""
    b = Builder(name, "ptr %pointers, i64 %worker, i64 %part", module)
    for i in range(pointers):
        b.emit(f"%at{i} = getelementptr ptr, ptr %pointers, i64 {i}")
        b.emit(f"{'%status' if i == pointers - 1 else f'%p{i}'} = load ptr, ptr %at{i}")
    write(b)
    return b.text()


FUNCTION, POINTERS, COUNT, TAKEN, DONE, ARRIVED, INSIDE = range(0, 56, 8)
"""Where in the block is what the workers share: the last four change."""


def _field(name: str, offset: int) -> str:
    return f"  %{name} = getelementptr i8, ptr %block, i64 {offset}\n"


SHARE = f"""
declare ptr @malloc(i64)
declare void @free(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(ptr)
declare i32 @sched_yield()

define internal void @work(ptr %block, i64 %worker) #0 {{
entry:
{_field("function_at", FUNCTION)}{_field("pointers_at", POINTERS)}{_field("count_at", COUNT)}{_field("taken_at", TAKEN)}\
{_field("done_at", DONE)}  %function = load ptr, ptr %function_at
  %pointers = load ptr, ptr %pointers_at
  %count = load i64, ptr %count_at
  br label %take
take:
  %part = atomicrmw add ptr %taken_at, i64 1 acq_rel
  %is_left = icmp slt i64 %part, %count
  br i1 %is_left, label %run, label %end
run:
  call void %function(ptr %pointers, i64 %worker, i64 %part)
  %before = atomicrmw add ptr %done_at, i64 1 acq_rel
  br label %take
end:
  ret void
}}

define internal void @leave(ptr %block) #0 {{
entry:
{_field("inside_at", INSIDE)}  %inside = atomicrmw sub ptr %inside_at, i64 1 acq_rel
  %is_last = icmp eq i64 %inside, 1
  br i1 %is_last, label %last, label %end
last:
  call void @free(ptr %block)
  br label %end
end:
  ret void
}}

define internal ptr @help(ptr %block) #0 {{
{_field("arrived_at", ARRIVED)}  %worker = atomicrmw add ptr %arrived_at, i64 1 acq_rel
  call void @work(ptr %block, i64 %worker)
  call void @leave(ptr %block)
  ret ptr null
}}

define void @covector_share(ptr %function, ptr %pointers, i64 %count, i64 %helpers) #0 {{
entry:
  %thread = alloca ptr
  %block = call ptr @malloc(i64 64)
  %is_missing = icmp eq ptr %block, null
  br i1 %is_missing, label %alone, label %fill
alone:
  %i = phi i64 [ 0, %entry ], [ %i_next, %alone ]
  call void %function(ptr %pointers, i64 0, i64 %i)
  %i_next = add i64 %i, 1
  %is_more = icmp slt i64 %i_next, %count
  br i1 %is_more, label %alone, label %end
fill:
{_field("function_at", FUNCTION)}{_field("pointers_at", POINTERS)}{_field("count_at", COUNT)}{_field("taken_at", TAKEN)}\
{_field("done_at", DONE)}{_field("arrived_at", ARRIVED)}{_field("inside_at", INSIDE)}\
  store ptr %function, ptr %function_at
  store ptr %pointers, ptr %pointers_at
  store i64 %count, ptr %count_at
  store i64 0, ptr %taken_at
  store i64 0, ptr %done_at
  store i64 1, ptr %arrived_at
  store atomic i64 1, ptr %inside_at release, align 8
  br label %start
start:
  %k = phi i64 [ 0, %fill ], [ %k_next, %started ]
  %is_helper = icmp slt i64 %k, %helpers
  br i1 %is_helper, label %create, label %join
create:
  %one_more = atomicrmw add ptr %inside_at, i64 1 acq_rel
  %error = call i32 @pthread_create(ptr %thread, ptr null, ptr @help, ptr %block)
  %is_started = icmp eq i32 %error, 0
  br i1 %is_started, label %started, label %none
started:
  %handle = load ptr, ptr %thread
  %ignored = call i32 @pthread_detach(ptr %handle)
  %k_next = add i64 %k, 1
  br label %start
none:
  %one_less = atomicrmw sub ptr %inside_at, i64 1 acq_rel
  br label %join
join:
  call void @work(ptr %block, i64 0)
  br label %wait
wait:
  %done = load atomic i64, ptr %done_at acquire, align 8
  %is_done = icmp sge i64 %done, %count
  br i1 %is_done, label %finish, label %yield
yield:
  %nothing = call i32 @sched_yield()
  br label %wait
finish:
  call void @leave(ptr %block)
  br label %end
end:
  ret void
}}
attributes #0 = {{ nounwind noinline optnone }}
"""


@cache
def share() -> Code:
    """The module that stays."""
    return linked(SHARE, ["covector_share"])
