"""Pytrees under the names of JAX's ``tree_util``."""

import collections
import dataclasses
import doctest
import operator

import numpy as np
import pytest

import covector as cv
from covector import tree_util as tu

Pair = collections.namedtuple("Pair", "a b")


@tu.register_dataclass
@dataclasses.dataclass
class Layer:
    w: object
    power: int = dataclasses.field(metadata={"static": True})


def test_examples():
    assert not doctest.testmod(tu, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).failed


def test_paths_of_every_container():
    tree = {"b": [1, (2,)], "a": Pair(3, None), "c": Layer(4, 2), "d": tu.Partial(operator.add, 5)}
    found = {tu.keystr(path): leaf for path, leaf in tu.tree_leaves_with_path(tree)}
    assert list(found.values()) == tu.tree_leaves(tree) == [3, 1, 2, 4, 5]
    assert list(found)[:4] == ["['a'].a", "['b'][0]", "['b'][1][0]", "['c'].w"]
    mapped = tu.tree_map_with_path(lambda path, x, y: (len(path), x + y), tree, tree)
    assert mapped["b"] == [(2, 2), ((3, 4),)] and mapped["a"] == Pair((2, 6), None)
    assert tu.tree_map_with_path(lambda path, x: x, [1, (2,)], is_leaf=lambda x: isinstance(x, tuple)) == [1, (2,)]


def test_a_dataclass_goes_through_transformations():
    def f(layer, x):
        return np.sum(layer.w * x**layer.power)

    x = np.array([1.0, 2.0])
    for transformed in (cv.grad(f), cv.jit(cv.grad(f))):
        found = transformed(Layer(np.ones(2), 3), x)
        np.testing.assert_allclose(found.w, x**3)
        assert type(found) is Layer and found.power == 3
        np.testing.assert_allclose(transformed(Layer(np.ones(2), 2), x).w, x**2)  # another program
    np.testing.assert_allclose(cv.vmap(f, in_axes=(0, None))(Layer(np.eye(2), 2), x), x**2)


def test_folds_and_transposes():
    tree = {"a": 1, "b": (2, 3)}
    assert tu.tree_reduce(operator.mul, tree, 10) == 60
    assert tu.tree_all(tree) and tu.tree_all(())
    outer, inner = tu.tree_structure([0, 0, 0]), tu.tree_structure(tree)
    turned = tu.tree_transpose(outer, inner, [tree] * 3)
    assert turned == {"a": [1, 1, 1], "b": ([2, 2, 2], [3, 3, 3])}
    assert tu.tree_transpose(inner, outer, turned) == [tree] * 3
    with pytest.raises(TypeError, match="structure"):
        tu.tree_transpose(outer, inner, [tree] * 2)
