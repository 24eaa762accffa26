"""The strategies give what they promise, and random programs are functions of all families, with examples that fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from covector import tree
from covector.testing import FAMILIES, Program, random_programs, strategies
from covector.testing.programs import Builder

quick = settings(max_examples=50, deadline=None)
shrinking = settings(max_examples=2000, phases=(Phase.generate, Phase.shrink))


@pytest.mark.parametrize("dtype", [*strategies.FLOATING, *strategies.COMPLEX])
@pytest.mark.parametrize("domain", strategies.DOMAINS)
def test_arrays_lie_in_their_domain(dtype: Any, domain: str) -> None:
    low, high = strategies.DOMAINS[domain]

    @quick
    @given(strategies.arrays(dtype, domain=domain))
    def check(x: Any) -> None:
        assert x.dtype == dtype
        assert np.all((np.real(x) > low - 1e-2) & (np.real(x) < high + 1e-2))
        assert np.all(np.isfinite(x))

    check()


@quick
@given(strategies.arrays(strategies.inexact_dtypes(), (3, 3), distinct=True))
def test_distinct_arrays_have_no_ties(x: Any) -> None:
    assert np.min(np.diff(np.sort(np.real(x), axis=None))) > 0.02


@quick
@given(strategies.arrays(np.float64, (4,)), strategies.arrays(np.float64, (4,), phase=0.6))
def test_arrays_of_different_phases_have_no_common_value(x: Any, y: Any) -> None:
    assert np.min(np.abs(np.subtract.outer(x, y))) > 0.01
    assert np.min(np.abs(x - np.rint(x))) > 0.01


def test_special_values_occur() -> None:
    special = strategies.arrays(np.float64, (3,), special=True)
    for wanted in (np.isnan, np.isposinf, lambda x: x == 0):
        assert find(special, lambda x, wanted=wanted: bool(np.any(wanted(x)))) is not None


def test_arrays_shrink_to_a_scalar() -> None:
    assert np.shape(find(strategies.arrays(), lambda x: True, settings=shrinking)) == ()
    assert find(strategies.arrays(np.int64, (2,)), lambda x: True, settings=shrinking).tolist() == [0, 0]


@quick
@given(strategies.dtypes())
def test_dtypes_are_numeric(dtype: Any) -> None:
    assert dtype.kind in "biufc"


@quick
@given(st.data(), strategies.shapes(1, 3, 0, 3))
def test_indices_index(data: Any, shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    for kind in (strategies.indices, strategies.basic_indices, strategies.advanced_indices, strategies.boolean_indices):
        try:
            x[data.draw(kind(shape))]
        except IndexError as error:  # two kinds of axes in one place need not broadcast
            assert "broadcast" in str(error) or "ellipsis" in str(error)


@quick
@given(st.data(), st.integers(0, 3))
def test_axes_are_axes(data: Any, ndim: int) -> None:
    x = np.zeros((2,) * ndim)
    np.sum(x, axis=data.draw(strategies.axes(ndim)))
    np.sum(x, axis=data.draw(strategies.canonical_axes(ndim)))
    if ndim:
        np.sum(x, axis=data.draw(strategies.axis(ndim)))


@quick
@given(strategies.broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(shapes: Any) -> None:
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_matrices_are_what_they_are_called(dtype: Any) -> None:
    @quick
    @given(st.data(), st.integers(1, 3), st.sampled_from([(), (2,)]))
    def check(data: Any, n: int, batch: tuple[int, ...]) -> None:
        a = data.draw(strategies.positive_definite(dtype, n, batch))
        w = np.linalg.eigvalsh(a)
        assert a.dtype == dtype
        assert np.all(w > 0.2) and (n == 1 or np.min(np.diff(w)) > 0.05)
        s = data.draw(strategies.symmetric(dtype, n, batch))
        assert np.allclose(s, np.conj(np.swapaxes(s, -1, -2)))
        assert np.max(np.linalg.cond(data.draw(strategies.well_conditioned(dtype, n, batch)))) < 100
        m = data.draw(strategies.matrices(dtype, (*batch, n, 2)))
        assert m.shape == (*batch, n, 2) and np.min(np.linalg.svd(m)[1]) > 0.1

    check()


@quick
@given(strategies.pytrees(st.integers(0, 5)))
def test_pytrees_are_trees(value: Any) -> None:
    leaves, treedef = tree.flatten(value)
    assert all(isinstance(leaf, int) for leaf in leaves)
    assert tree.unflatten(treedef, leaves) == value


@pytest.mark.parametrize("family", FAMILIES)
def test_programs_of_one_family(family: str) -> None:
    seen = []

    @settings(max_examples=30, database=None, deadline=None)
    @given(random_programs([family]))
    def collect(program: Program) -> None:
        outs = program(*program.inputs)
        assert isinstance(outs, tuple) and all(np.asarray(o).dtype.kind in "biufc" for o in outs)
        assert all(np.all(np.isfinite(o)) for o in outs)
        assert program.families <= {family, "exponential"}  # a transformed function needs something smooth
        seen.append(program)

    collect()
    assert any(program.families for program in seen)


@quick
@given(random_programs())
def test_programs_are_printed_as_python(program: Program) -> None:
    text = repr(program)
    assert text.startswith("def program(") and f"# argument {len(program.inputs) - 1} = " in text
    compile(program.source, "program", "exec")
    again = Program(program.source, program.inputs)
    for x, y in zip(program(*program.inputs), again(*program.inputs), strict=True):
        np.testing.assert_array_equal(x, y)


@settings(max_examples=500, deadline=None)
@given(random_programs(["control flow", "arithmetic"], kinds=["float", "complex"], max_ops=6))
def test_loops_run_for_arrays_in_place_of_python_numbers(program: Program) -> None:
    program(*map(np.asarray, program.inputs))


def test_programs_shrink_to_the_operation_that_matters() -> None:
    small = find(
        random_programs(["arithmetic", "exponential", "calls"]),
        lambda p: "np.sin(" in p.source,
        settings=shrinking,
    )
    assert small.source.count("\n") <= 3


def test_nested_calls_close_over_outer_variables() -> None:
    def closes(p: Program) -> bool:
        lines = p.source.splitlines()
        return any("        v" in line and " a" in line.partition("=")[2] for line in lines) and "@jit" in p.source

    seen = []

    @settings(max_examples=200, database=None, deadline=None)
    @given(random_programs(["calls", "arithmetic"]))
    def collect(program: Program) -> None:
        seen.append(closes(program))

    collect()
    assert any(seen)


def test_a_new_family_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(b: Builder) -> str:
        return f"2 * {b.variable('f').name}"

    monkeypatch.setitem(FAMILIES, "doubling", [twice])
    assert find(random_programs(["doubling"]), lambda p: "2 * a" in p.source, settings=settings(max_examples=500))
