"""``np.einsum`` on tracers: every form of its arguments, against NumPy's own."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_arrays import array
from transformed import agree

import covector
from covector.numpy.contraction import pairwise
from covector.testing import check_grads

SUBSCRIPTS = [
    *("ij", "ba", "ii", "ii->i", "ii->", "iij->j", "...ii->...i", "...", "i...->...", "->", " i j -> j i ", "ij->"),
    *("i,i", "i,i->i", "ij,j", "ij,jk->ik", "ij,ij", "ij,ij->i", "i,ij", "aB,Bc", "...ij,...jk", "i...,...j", "iij,jk->k"),
    *("...i,...i->...", "i...i,...->...i", "i,j,k", "ij,jk,kl->il", "ij,jk,kl,lm->im", "ij,ij,ij->ij", "a...b,b...->...a"),
    *("...j,j...", ",ij->ij", "ij,ik,il->jkl"),
]
WRONG = ["ij->ii", "i->j", "i.j", "i..->i", "a1", "i->i,", "i->i->i", "...i->i", "...i...", "", "i,i,"]


@pytest.mark.parametrize("subscripts", SUBSCRIPTS + WRONG)
def test_subscripts_mean_what_they_mean_in_numpy(subscripts):
    for shape in [(), (3,), (3, 3), (1, 3), (3, 1), (2, 3, 3), (0, 0)]:
        for count in range(1, 5):
            agree(lambda *xs: np.einsum(subscripts, *xs), *(array(*shape) for _ in range(count)))


def test_axes_of_length_one_broadcast():
    agree(lambda x, y: np.einsum("ij,jk->ik", x, y), array(2, 1), array(3, 4))
    agree(lambda x, y, z: np.einsum("i,i,i->", x, y, z), array(1), array(3), array(3))
    agree(lambda x, y: np.einsum("ii,i->i", x, y), array(1, 1), array(3))


def test_mixed_operands():
    agree(lambda x, y: np.einsum("ij,j->i", x, y), array(2, 3), np.arange(3))
    agree(lambda x: np.einsum("ij,j->i", x, [1, 2, 3]), array(2, 3, dtype="f"))
    agree(lambda x: np.einsum(",ij->ij", 2.0, x), array(2, 3, dtype="f"))
    agree(lambda x: np.einsum("i,i", x, np.array([True, False, True])), array(3, dtype="F"))
    value, _ = covector.jvp(lambda x: np.einsum("ij,j->i", [[x, 1.0], [2.0, x]], x * np.ones(2)), (3.0,), (1.0,))
    np.testing.assert_array_equal(value, [12.0, 15.0])


@pytest.mark.parametrize("axes", [([0, 1], [1, 2], [0, 2]), ([0, 1], [1, 2]), ([1, 0], [0, 2]), ([0, 1], [1, 60], [0])])
def test_lists_of_axes(axes):
    x_axes, y_axes, *out = axes
    agree(lambda x, y: np.einsum(x, x_axes, y, y_axes, *out), array(2, 3), array(3, 4))


def test_lists_of_axes_with_an_ellipsis():
    agree(lambda x: np.einsum(x, [..., 1], [...]), array(2, 3, 4))
    agree(lambda x: np.einsum(x, [30, 2]), array(2, 3))
    agree(lambda x, y: np.einsum(x, [..., 0, 1], y, [..., 1, 2]), array(2, 3, 4), array(2, 4, 5))


def test_options():
    single, double = array(3, 3, dtype="f"), array(3, 3)
    agree(lambda x, y: np.einsum("ij,jk->ik", x, y, dtype=np.float64), single, single)
    agree(lambda x, y: np.einsum("ij,jk->ik", x, y, dtype=np.float32), double, double)
    agree(lambda x, y: np.einsum("ij,jk->ik", x, y, dtype="f", casting="same_kind"), double, double, rtol=1e-5)
    agree(lambda x: np.einsum("ij->i", x, nonsense=1), double)
    for optimize in (False, True, "greedy", "optimal", ("greedy", 1000), ["einsum_path", (1, 2), (0, 1)]):
        agree(lambda x, y, o=optimize: np.einsum("ij,jk,kl->il", x, y, x, optimize=o, order="C"), double, double)
    with pytest.raises(covector.errors.InPlaceWriteError):
        covector.jvp(lambda x: np.einsum("ij->i", x, out=np.zeros(3)), (double,), (double,))


def test_einsum_path_needs_only_shapes():
    arrays = [array(2, 30), array(30, 3), array(3, 4)]
    seen = []

    def f(x):
        seen.append(np.einsum_path("ij,jk,kl->il", x, *arrays[1:]))
        return np.sum(x)

    covector.make_jaxpr(f)(arrays[0])
    assert seen[0] == np.einsum_path("ij,jk,kl->il", *arrays)


def test_errors_say_what_does_not_fit():
    with pytest.raises(ValueError, match=r"(?s)'ij,kj'.*the term 'kj' does not fit an operand with 1 axes"):
        covector.grad(lambda x: np.einsum("ij,kj", x, np.ones(3)))(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"(?s)numpy.einsum: the shapes of f64\[2,3\] and f64\[4,2\] do not fit.*3 and 4"):
        covector.grad(lambda x: np.einsum("ij,jk->", x, np.ones((4, 2))))(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"f64\[2,3\] and f64\[4,2\] and f64\[2\]"):
        covector.grad(lambda x: np.einsum("ij,jk,k->", x, np.ones((4, 2)), np.ones(2)))(np.ones((2, 3)))


# --- many operands ------------------------------------------------------------------------------------------------------


def test_the_order_of_a_chain_is_planned():
    """(2, 50) (50, 50) (50, 50) (50, 1): from the right, 5,200 multiplications; from the left 10,100; in the middle 130,100."""
    shapes = ((2, 50), (50, 50), (50, 50), (50, 1))
    steps = pairwise(("ab", "bc", "cd", "de"), "ae", shapes)
    assert steps[0][2] == "cd,de->ce"
    assert len(steps) == 3
    program = covector.make_jaxpr(lambda *xs: np.einsum("ab,bc,cd,de->ae", *xs))(*map(np.ones, shapes))
    assert [e.primitive.name for e in program.equations] == ["einsum"] * 3


def test_opt_einsum_is_imported_only_when_needed():
    code = (
        "import sys, numpy as np, covector, covector.numpy.contraction\n"
        "covector.grad(lambda x: np.einsum('ij,jk->', x, x))(np.ones((2, 2)))\n"
        "assert 'opt_einsum' not in sys.modules and 'scipy.linalg' not in sys.modules\n"
        "covector.grad(lambda x: np.einsum('ij,jk,kl->', x, x, x))(np.ones((2, 2)))\n"
        "assert 'opt_einsum' in sys.modules\n"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@settings(max_examples=60)
@given(data=st.data())
def test_random_contractions_of_many_operands(data):
    terms = data.draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=4))
    letters = sorted(set("".join(terms)))
    out = "".join(data.draw(st.permutations(letters)))[: data.draw(st.integers(0, 3))]
    sizes = {c: data.draw(st.integers(1, 3)) for c in letters}
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    arrays = [rng.normal(size=[sizes[c] for c in term]) * data.draw(st.sampled_from([1, 1j])) for term in terms]
    arrays = [np.asarray(x) for x in arrays]
    subscripts = f"{','.join(terms)}->{out}"
    agree(lambda *xs: np.einsum(subscripts, *xs), *arrays)
    check_grads(lambda *xs: np.einsum(subscripts, *xs), arrays, order=1)


def test_derivatives_of_a_diagonal_and_of_a_trace():
    x = array(3, 3)
    np.testing.assert_array_equal(covector.grad(lambda x: np.einsum("ii", x))(x), np.eye(3))
    np.testing.assert_allclose(covector.grad(lambda x: np.sum(np.einsum("ii->i", x) ** 3))(x), np.diag(3 * np.diag(x) ** 2))
    check_grads(lambda x: np.einsum("iij,jkk->ki", x, x), [array(3, 3, 3)], order=2)


def test_vmap_of_einsum():
    x, y = array(4, 2, 3), array(3, 4)
    out = covector.vmap(lambda x, y: np.einsum("ij,j->i", x, y), (0, 1))(x, y)
    np.testing.assert_allclose(out, np.einsum("bij,jb->bi", x, y))
    program = covector.make_jaxpr(covector.vmap(lambda x, y: np.einsum("ij,j->i", x, y), (0, 1)))(x, y)
    assert len(program.equations) == 1
