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


class Interval:
    def __init__(self, low, high):
        self.low, self.high = low, high


tu.register_pytree_with_keys(
    Interval,
    lambda i: (((tu.GetAttrKey("low"), i.low), ("[top]", i.high)), None),
    lambda _, children: Interval(*children),
)


def test_containers_with_keys():
    tree = {"a": Interval(1.0, [2.0])}
    paths, leaves = zip(*tu.tree_leaves_with_path(tree), strict=True)
    assert leaves == (1.0, 2.0) and paths[0] == (tu.DictKey("a"), tu.GetAttrKey("low"))
    assert [tu.keystr(p) for p in paths] == ["['a'].low", "['a'][top][0]"]
    found = cv.jit(cv.grad(lambda i: i.low * i.high))(Interval(3.0, 2.0))
    assert (found.low, found.high) == (2.0, 3.0)
    with pytest.raises(cv.errors.ArgumentError, match=r"'x' of type str at argument 0 \('i'\)\.low"):
        cv.grad(lambda i: i.high)(Interval("x", 1.0))


def test_structures_and_leaves():
    tree = [1, (2, None), {"a": 3}]
    treedef = tu.tree_structure(tree)
    assert isinstance(treedef, tu.PyTreeDef)
    children = tu.treedef_children(treedef)
    assert children == [tu.tree_structure(x) for x in tree]
    assert tu.treedef_tuple(children) == tu.tree_structure(tuple(tree))
    assert [tu.treedef_is_leaf(c) for c in children] == [True, False, False]
    assert tu.all_leaves(tu.tree_leaves(tree)) and not tu.all_leaves(tree)
    assert [tu.is_tree_node(x) for x in tree] == [False, True, True]
    assert tu.all_leaves(tree, is_leaf=lambda x: isinstance(x, (tuple, dict)))


@pytest.mark.parametrize("n", range(8))
def test_associative_reduction_keeps_the_order(n):
    words = [chr(ord("a") + i) for i in range(n)]
    assert tu.tree_reduce_associative(operator.add, words, identity="") == "".join(words)
    if not n:
        with pytest.raises(ValueError, match="identity"):
            tu.tree_reduce_associative(operator.add, words)


def test_broadcast_of_a_prefix():
    full = {"a": [1, (2, 3)], "b": 4}
    assert tu.tree_broadcast({"a": 0, "b": 5}, full) == {"a": [0, (0, 0)], "b": 5}
    assert tu.tree_broadcast({"a": [0, 7], "b": 5}, full) == {"a": [0, (7, 7)], "b": 5}
    with pytest.raises(ValueError, match="tree_broadcast"):
        tu.tree_broadcast({"a": 0}, full)


def test_every_name_of_tree_is_there_and_that_of_tree_util():
    for name in set(cv.tree.__all__) - {"Partial", "paths", "register", "static"}:
        assert getattr(cv.tree, name) is getattr(tu, f"tree_{name}")
    assert set(cv.tree.__all__) <= set(dir(cv.tree))
    assert not doctest.testmod(cv.tree, optionflags=doctest.NORMALIZE_WHITESPACE).failed
    with pytest.raises(AttributeError, match="has no attribute 'maps'"):
        cv.tree.maps


def test_reduce_with_an_initializer():
    tree = {"a": 1, "b": [2, (3,)]}
    assert tu.tree_reduce(operator.sub, tree) == -4
    assert tu.tree_reduce(operator.sub, tree, 10) == tu.tree_reduce(operator.sub, tree, initializer=10) == 4
    assert tu.tree_reduce(operator.add, [], None) is None
    assert tu.tree_reduce(lambda n, x: n + len(x), tree["b"][1:], 0, lambda x: isinstance(x, tuple)) == 1
    with pytest.raises(TypeError):
        tu.tree_reduce(operator.add, [])


def test_transposing_finds_the_inner_structure():
    trees = {"x": {"a": 1, "b": (2,)}, "y": {"a": 3, "b": (4,)}}
    found = tu.tree_transpose(tu.tree_structure({"x": 0, "y": 0}), None, trees)
    assert found == {"a": {"x": 1, "y": 3}, "b": ({"x": 2, "y": 4},)}
    with pytest.raises(TypeError, match="got a tree of structure"):
        tu.tree_transpose(tu.tree_structure([0, 0]), None, [(1, 2), (3,)])


def test_static_fields():
    field = cv.tree.static(default=3, metadata={"unit": "m"})
    assert field.default == 3 and dict(field.metadata) == {"unit": "m", "static": True}
