"""checkpoint, its policies, and what is saved."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from transformed import close, transformations

import covector as cv
from covector import checkpoint_policies as policies
from covector import lax

W = np.array([[0.3, -0.5, 0.2], [0.1, 0.4, -0.7], [0.6, 0.2, 0.1]])
X = np.array([0.3, -1.2, 0.8])
V = np.array([1.0, 0.5, -2.0])
XS = np.stack([X, 2 * X, -X])


def layer(w, x):
    h = cv.checkpoint_name(np.tanh(w @ x), "hidden")
    return np.sin(h) * x + np.sum(np.exp(h))


def network(layer):
    def f(w, x):
        for _ in range(3):
            x = layer(w, x)
        return np.sum(x**2)

    return f


def nested(w, x):
    return cv.checkpoint(lambda y: layer(w, cv.checkpoint(np.sin)(y)))(x)  # closes over w


POLICIES = {
    "default": None,
    "nothing": policies.nothing_saveable,
    "everything": policies.everything_saveable,
    "dots": policies.dots_saveable,
    "dots without batch": policies.dots_with_no_batch_dims_saveable,
    "names": policies.save_only_these_names("hidden"),
    "other names": policies.save_any_names_but_these("hidden"),
    "all but names": policies.save_anything_except_these_names("hidden"),
    "both": policies.save_from_both_policies(policies.dots_saveable, policies.save_only_these_names("hidden")),
}
LAYERS = {name: (layer, cv.checkpoint(layer, policy=policy)) for name, policy in POLICIES.items()}
LAYERS["nested"] = (lambda w, x: layer(w, np.sin(x)), nested)
LAYERS["jit inside"] = (layer, cv.checkpoint(cv.jit(layer)))
LAYERS["jit outside"] = (layer, cv.jit(cv.checkpoint(layer)))
LAYERS["scan inside"] = (
    lambda w, x: layer(w, layer(w, x)),
    cv.checkpoint(lambda w, x: lax.fori_loop(0, 2, lambda i, y: layer(w, y), x)),
)
LAYERS["inside scan"] = (
    lambda w, x: layer(w, layer(w, x)),
    lambda w, x: lax.fori_loop(0, 2, lambda i, y: cv.checkpoint(layer)(w, y), x),
)

TRANSFORMED = transformations((W.T, V))


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_checkpointed_function_is_the_function(kind, name):
    plain, checkpointed = (TRANSFORMED[name](network(f)) for f in LAYERS[kind])
    close(checkpointed(W, X), plain(W, X))
    close(cv.jit(checkpointed)(W, X), plain(W, X))
    close(cv.vmap(checkpointed, (None, 0))(W, XS), cv.vmap(plain, (None, 0))(W, XS))
    close(
        cv.jit(cv.vmap(checkpointed, (0, None)))(np.stack([W, W.T]), X), cv.vmap(plain, (0, None))(np.stack([W, W.T]), X)
    )
    jaxpr = cv.make_jaxpr(checkpointed)(W, X)
    cv.check(jaxpr)
    assert cv.parse(str(jaxpr)) == jaxpr


def counting():
    """A sine that counts how often it is computed."""
    calls = []
    counted = cv.elementwise(f"counted_{id(calls)}", lambda x: calls.append(1) or np.sin(x), lambda out, x: np.cos(x))
    return counted, calls


@pytest.mark.parametrize(("wrap", "count"), [(lambda f: f, 10 + 5), (cv.jit, 8 + 5)], ids=["eager", "jit"])
def test_each_layer_is_computed_once_more(wrap, count):
    """Of a block the second sine is not needed again; under jit the last block's value is not needed at all."""

    sin, calls = counting()
    block = cv.checkpoint(lambda x: sin(sin(x) * 2.0))

    def f(x):
        for _ in range(5):
            x = block(x)
        return np.sum(x)

    gradient = wrap(cv.grad(f))
    gradient(X)
    calls.clear()
    gradient(X)
    assert len(calls) == count
    saving = cv.grad(lambda x: np.sum(cv.checkpoint(lambda x: sin(sin(x) * 2.0), policy=policies.everything_saveable)(x)))
    calls.clear()
    saving(X)
    assert len(calls) == 2


def test_residuals_of_the_policies():
    def kept(policy):
        return cv.saved_residuals(cv.checkpoint(layer, policy=policy), W, X)

    def sizes(policy):
        return sorted(r.nbytes for r in kept(policy))

    assert sizes(None) == [24, 72]  # the arguments
    assert any(r.origin.startswith("named 'hidden'") for r in kept(POLICIES["names"]))
    assert sum(sizes(POLICIES["names"])) == 24 + 72 + 24
    assert any("einsum" in r.origin for r in kept(POLICIES["dots"]))
    assert not any("hidden" in r.origin for r in kept(POLICIES["other names"]))
    assert len(kept(POLICIES["everything"])) > len(kept(POLICIES["names"]))


def test_what_is_computed_from_the_closure_is_computed_again():
    sin, calls = counting()

    def f(w, x):
        return np.sum(cv.checkpoint(lambda x: sin(sin(w)) * x)(x))

    assert [r.nbytes for r in cv.saved_residuals(f, V, X)] == [V.nbytes, X.nbytes]
    calls.clear()
    gw, gx = cv.grad(f, (0, 1))(V, X)
    assert len(calls) == 2 + 2
    np.testing.assert_allclose(gw, np.cos(np.sin(V)) * np.cos(V) * X)
    np.testing.assert_allclose(gx, np.sin(np.sin(V)))


def test_batched_contractions_are_told_apart():
    batched = lambda a, b: np.sum(np.sin(np.einsum("bij,bjk->bik", a, b)))
    args = (np.ones((2, 3, 3)), np.ones((2, 3, 3)))
    saved = [
        cv.saved_residuals(cv.checkpoint(batched, policy=POLICIES[name]), *args) for name in ("dots", "dots without batch")
    ]
    assert [any("einsum" in r.origin for r in rs) for rs in saved] == [True, False]


def test_print_saved_residuals(capsys):
    cv.print_saved_residuals(lambda p, y: np.sum(np.sin(p["w"]) * y), {"w": X}, V)
    lines = capsys.readouterr().out.splitlines()
    assert any(line == "f64[3]  24 bytes  from the argument [1]" for line in lines)
    assert any(line.startswith("f64[3]  24 bytes  output of cos at ") and "test_checkpoint.py" in line for line in lines)


def test_memory_is_that_of_the_arguments():
    n, layers = 200_000, 20
    x = np.linspace(0.0, 1.0, n)

    def peak(block):
        def f(x):
            for _ in range(layers):
                x = block(x)
            return np.sum(x)

        cv.grad(f)(x[:10])
        tracemalloc.start()
        try:
            cv.grad(f)(x)
            return tracemalloc.get_traced_memory()[1] / x.nbytes
        finally:
            tracemalloc.stop()

    block = lambda x: np.sin(np.exp(np.sin(np.exp(-np.sin(x)))))
    assert peak(cv.checkpoint(block)) < layers + 15
    assert peak(block) > 4 * layers


def test_static_arguments_keywords_and_integers():
    @cv.checkpoint(static_argnums=(1,))
    def f(x, n, scale=1.0, *, m):
        return x**n * scale * m

    assert cv.grad(lambda x: f(x, 3, 2.0, m=np.int64(2)))(1.5) == pytest.approx(3 * 1.5**2 * 4)
    assert cv.checkpoint(lambda x: (x, 1))(2.0) == (2.0, 1)
    assert cv.remat is cv.checkpoint


def test_errors():
    with pytest.raises(cv.errors.ArgumentError, match="checkpoint expects a function"):
        cv.checkpoint(1.0)
    with pytest.raises(cv.errors.ArgumentError, match=r"checkpoint got .dots. of type str for policy"):
        cv.checkpoint(np.sin, policy="dots")
