"""The structures of lists and tuples of values are known without optree; they are the same as those that it finds."""

import gc

import numpy as np
import optree
import pytest

from covector.core.pytrees import NAMESPACE, flatten_call, tree_flatten, tree_unflatten


@pytest.mark.parametrize("length", [0, 1, 2, 16, 17, 40])
@pytest.mark.parametrize("cls", [list, tuple])
def test_of_values(cls, length):
    tree = cls(float(i) for i in range(length))
    for _ in range(3):
        leaves, treedef = tree_flatten(tree)
        assert leaves == list(tree)
        assert treedef == optree.tree_structure(tree, namespace=NAMESPACE)
        assert tree_unflatten(treedef, leaves) == tree
        assert type(tree_unflatten(treedef, iter(leaves))) is cls


def test_a_structure_is_never_taken_for_another():
    for i in range(200):
        tree_flatten(())
        tree_flatten([])
        tree = {"b": (None, [])} if i % 2 else {"a": np.ones(2), "b": (i, [])}
        leaves, treedef = tree_flatten(tree)
        assert tree_unflatten(treedef, leaves) == tree
        del treedef
        gc.collect(0)


@pytest.mark.parametrize("value", [1.0, 2, True, np.ones(3), np.float64(1.0), np.float32(1.0)])
def test_of_a_value(value):
    for _ in range(3):
        leaves, treedef = tree_flatten(value)
        assert leaves == [value] if np.ndim(value) == 0 else leaves[0] is value
        assert treedef == optree.tree_structure(value, namespace=NAMESPACE)
        assert tree_unflatten(treedef, leaves) is leaves[0]


@pytest.mark.parametrize("args", [(), (1.0,), (1.0, np.ones(2)), ((1.0,),), ([1.0], {"a": 2.0}), (None,)])
@pytest.mark.parametrize("kwargs", [{}, {"b": 1.0}])
def test_of_a_call(args, kwargs):
    for _ in range(2):
        leaves, treedef = flatten_call(args, kwargs)
        assert treedef == optree.tree_structure((args, kwargs), namespace=NAMESPACE)
        assert tree_unflatten(treedef, leaves) == (args, kwargs) or len(args) == 2


def test_the_wrong_number_of_leaves_is_an_error():
    _, treedef = tree_flatten([1.0, 2.0])
    with pytest.raises(ValueError):
        tree_unflatten(treedef, [1.0])
    with pytest.raises(ValueError):
        tree_unflatten(treedef, [1.0, 2.0, 3.0])
