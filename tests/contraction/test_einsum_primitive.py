"""The contraction primitive: its plans against `np.einsum`, and all rules on random specs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_arrays import array

import covector
from covector.core.avals import typeof
from covector.primitives.math.contraction import (
    canonical,
    contract,
    contract_one,
    convolve_p,
    correlate_p,
    einsum_p,
    letter_sizes,
    matmul,
    terms_of,
)
from covector.testing import check_case, check_primitive

DTYPES = ["e", "f", "d", "g", "F", "D", "G", "?", "b", "i", "q", "B"]


@st.composite
def specs(draw, letters="ijklm", lengths=(0, 1, 2, 3)):
    """A spec with two operands, and their shapes."""
    kinds = {c: draw(st.sampled_from(["xy", "xo", "yo", "xyo"])) for c in letters[: draw(st.integers(0, len(letters)))]}
    x, y, out = (draw(st.permutations([c for c in kinds if place in kinds[c]])) for place in "xyo")
    sizes = {c: draw(st.sampled_from(lengths)) for c in kinds}
    return canonical("".join(x), "".join(y), "".join(out)), tuple(sizes[c] for c in x), tuple(sizes[c] for c in y)


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "fc":
        imaginary = 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else 0
        return np.asarray(rng.normal(size=shape) + imaginary, dtype)
    return rng.integers(0, 2 if dtype == "?" else 50, shape).astype(dtype)


def einsum(spec, x, y):
    """`np.einsum`; of an array with an empty axis zeros, for which NumPy 2.4 corrupts the heap (in dtype clongdouble)."""
    if 0 not in x.shape + y.shape:
        return np.einsum(spec, x, y)
    x_term, y_term, out = terms_of(spec)
    sizes = dict(zip(x_term + y_term, x.shape + y.shape, strict=True))
    return np.zeros([sizes[c] for c in out], np.result_type(x, y))


@settings(max_examples=400)
@given(case=specs(), dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)), seed=st.integers(0, 10**6))
def test_every_spec_gives_what_numpy_einsum_gives(case, dtypes, seed):
    spec, x_shape, y_shape = case
    x, y = numbers(x_shape, dtypes[0], seed), numbers(y_shape, dtypes[1], seed + 1)
    out, expected = np.asarray(einsum_p.bind(x, y, spec=spec)), np.asarray(einsum(spec, x, y))
    assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
    assert einsum_p.abstract(typeof(x), typeof(y), spec=spec) == typeof(out)
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(out, expected)
        return
    # Two orders of summation differ in proportion to the sum of the absolute values of the terms.
    sizes = einsum(spec, np.abs(x).astype("d"), np.abs(y).astype("d"))
    difference = np.abs((out - expected).astype("D" if out.dtype.kind == "c" else "d"))
    assert np.all(difference <= 4 * float(np.finfo(expected.dtype).eps) * (1 + x.size) ** 0.5 * sizes)


@pytest.mark.parametrize("layout", ["C", "F", "reversed", "strided"])
def test_operands_in_any_memory_layout(layout):
    views = {
        "C": lambda x: x,
        "F": np.asfortranarray,
        "reversed": lambda x: x[tuple([slice(None, None, -1)] * x.ndim)],
        "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    }
    x, y = views[layout](array(4, 3, 5)), views[layout](array(5, 3, 2))
    for spec in ("ijk,kjl->il", "ijk,kjl->jil", "ijk,kjl->lij", "ijk,kjl->ijl", "ijk,kjl->jlki"):
        np.testing.assert_allclose(einsum_p.bind(x, y, spec=spec), np.einsum(spec, x, y), atol=1e-13)


@st.composite
def cases(draw, dtypes):
    spec, *shapes = draw(specs("ijkl", (0, 1, 2, 3)))
    dtype = draw(st.sampled_from(dtypes))
    seed = draw(st.integers(0, 10**6))
    return tuple(numbers(s, draw(st.sampled_from([dtype, dtypes[0]])), seed + i) for i, s in enumerate(shapes)), {"spec": spec}


@pytest.mark.parametrize("dtypes", ["dD", "fF", "e", "gG"])
def test_all_rules_on_random_specs(dtypes):
    check_primitive(einsum_p, cases(dtypes), max_examples=15)


@pytest.mark.parametrize("dtype", "dDfF")
@pytest.mark.parametrize("spec", ["ii->i", "iij->ji", "ijji->ji", "iii->i", "i->ii", "ij->jiji"])
def test_all_rules_of_diagonals(spec, dtype):
    sizes = {"i": 3, "j": 2}
    x = array(*(sizes[c] for c in terms_of(spec)[0]), dtype=dtype)
    check_case(einsum_p, (x,), {"spec": spec})


def test_diagonals_are_what_numpy_says():
    x = array(3, 3, 2)
    np.testing.assert_array_equal(einsum_p.bind(x, spec="iij->ji"), np.einsum("iij->ji", x))
    np.testing.assert_array_equal(einsum_p.bind(x[:, 0, 0], spec="i->ii"), np.diag(x[:, 0, 0]))


@pytest.mark.parametrize("dtype", "dG")
def test_diagonals_of_empty_arrays(dtype):
    assert einsum_p.bind(np.ones((0, 0, 2), dtype), spec="iij->ji").shape == (2, 0)
    assert einsum_p.bind(np.ones((3, 0), dtype), spec="ij->iji").shape == (3, 0, 3)


def test_equal_contractions_have_equal_specs():
    def program(subscripts):
        return covector.make_jaxpr(lambda x, y: np.einsum(subscripts, x, y))(array(2, 3), array(3, 4))

    assert program("ab,bc") == program("ij,jk->ik") == program("Zb , bA -> ZA")
    assert program("ab,bc->ca") != program("ab,bc->ac")
    matrix_product = covector.make_jaxpr(lambda x, y: x @ y)(array(2, 3), array(3, 4))
    assert matrix_product == program("ab,bc")
    assert 'einsum[spec="ij,jk->ik"]' in str(matrix_product)


def test_specs_with_more_letters_than_the_alphabet():
    x, y = np.ones((1,) * 40), np.ones((1,) * 40)
    out = covector.jvp(lambda x: np.tensordot(x, y, 8), (x,), (x,))
    assert out[0].shape == out[1].shape == (1,) * 64


def test_a_wrong_program_is_refused():
    with pytest.raises(ValueError, match="axis j has lengths 3 and 4"):
        einsum_p.abstract(typeof(array(2, 3)), typeof(array(4, 2)), spec="ij,jk->ik")


@settings(max_examples=200)
@given(data=st.data())
def test_contract_takes_any_subscripts(data):
    """Letters repeated in an operand or occurring in one only, and axes of length 1 that broadcast."""
    letters = st.text("abc", max_size=4)
    x, y = data.draw(letters), data.draw(letters)
    out = "".join(data.draw(st.permutations(sorted(set(x + y)))))[: data.draw(st.integers(0, 3))]
    sizes = {c: data.draw(st.integers(0, 3)) for c in "abc"}
    shapes = []
    for term in (x, y):
        own = {c: data.draw(st.sampled_from([sizes[c], 1])) for c in term}
        shapes.append([own[c] for c in term])
    a, b = numbers(shapes[0], "d", 1), numbers(shapes[1], "d", 2)
    np.testing.assert_allclose(contract(a, b, f"{x},{y}->{out}"), np.einsum(f"{x},{y}->{out}", a, b), atol=1e-12)
    one = "".join(c for c in out if c in x)
    np.testing.assert_allclose(contract_one(a, f"{x}->{one}"), np.einsum(f"{x}->{one}", a), atol=1e-12)


def test_an_axis_that_is_summed_does_not_broadcast_in_a_matrix_product():
    with pytest.raises(ValueError, match=r"numpy.matmul: the shapes of f64\[2,1\] and f64\[3,4\] do not fit"):
        matmul(np.ones((2, 1)), np.ones((3, 4)))
    assert contract(np.ones((2, 1)), np.ones((3, 4)), "ij,jk->ik").shape == (2, 4)


# --- convolution ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", "edgFD")
@pytest.mark.parametrize("shapes", [((4,), (3,)), ((3,), (3,)), ((5,), (1,)), ((2, 1, 4), (3, 3)), ((3,), (2, 3))])
def test_all_rules_of_convolutions(shapes, dtype):
    x, y = (array(*shape, dtype=dtype) for shape in shapes)
    check_case(convolve_p, (x, y))
    check_case(correlate_p, (x, y))


def test_convolutions_of_stacks_are_those_of_each_vector():
    x, y = array(3, 7, dtype="D"), array(3, 4, dtype="D")
    np.testing.assert_allclose(convolve_p.bind(x, y), [np.convolve(a, b) for a, b in zip(x, y, strict=True)])
    expected = [np.correlate(a, b.conj(), "valid") for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(correlate_p.bind(x, y), expected)


def test_a_term_names_all_axes_of_its_operand():
    with pytest.raises(ValueError, match=r"'ij' names 2 axes, and an array of shape \(3,\) has 1"):
        letter_sizes([("ij", (3,))], "i")


ONE_ELEMENT = [
    ("ij,j->i", (3, 1), (1,)), ("i,ij->j", (1,), (1, 3)), ("ij,jk->ik", (3, 1), (1, 1)), ("ij,jk->ik", (1, 1), (1, 3)),
    ("ij,kj->ik", (3, 1), (1, 1)), ("ij,ik->jk", (1, 3), (1, 1)), ("ij,kj->ki", (1, 1), (3, 1)), ("ij,ik->kj", (1, 3), (1, 1)),
    ("ij,ki->kj", (1, 3), (1, 1)), ("ij,i->j", (1, 3), (1,)), ("i,ji->j", (1,), (3, 1)), ("ijk,k->ij", (2, 3, 1), (1,)),
    ("ijk,ikl->ijl", (2, 3, 1), (2, 1, 1)), ("i,i->", (1,), (1,)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize(("spec", "of_x", "of_y"), ONE_ELEMENT)
@pytest.mark.parametrize("dtype", ["f", "d", "D"])
def test_zero_times_what_is_no_number_is_none(spec, of_x, of_y, dtype, backend):
    """The BLAS's scaling by one number, which `ndarray.dot` asks for, leaves it out where the number is 0."""
    for zeros in (0, 1):
        values = [[0.0] if i == zeros else [np.nan, np.inf, 1.0] for i in range(2)]
        given = [np.resize(v, shape).astype(dtype) for v, shape in zip(values, (of_x, of_y), strict=True)]
        product = lambda x, y: np.einsum(spec, x, y)
        wanted = np.isnan(product(*given))
        assert wanted.any()
        stacked = [np.stack([x, x]) for x in given]
        found = [
            covector.jit(product, backend=backend)(*given),
            covector.jvp(product, tuple(given), tuple(given))[0],
            covector.vmap(product)(*stacked)[0],
            covector.jit(covector.vmap(product), backend=backend)(*stacked)[1],
        ]
        for value in found:
            np.testing.assert_array_equal(np.isnan(value), wanted)
