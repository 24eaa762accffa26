"""Pytrees under the names of JAX's ``tree_util``."""

import collections
import dataclasses
import doctest
import operator

import numpy as np
import pytest

import covector as cv
from covector import errors
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
    assert [tu.is_tree_node(type(x)) for x in (*tree, None, Pair(1, 2), Layer(1, 2), np.ones(2))] == [False, *[True] * 5, False]
    with pytest.raises(errors.ArgumentError, match="is_tree_node got 3 of type int, which is no type"):
        tu.is_tree_node(3)
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


def test_leaves_by_the_way_to_them():
    tree = {"b": 3, "a": [1, (2,)], "c": Layer(None, 7), "d": Pair([5], {})}
    shallow = lambda path, x: len(path) == 1
    found, treedef = tu.tree_flatten_with_path(tree, shallow, is_leaf_takes_path=True)
    assert found == [((tu.DictKey(k),), tree[k]) for k in "abcd"]
    assert tu.tree_unflatten(treedef, [x for _, x in found]) == tree
    everywhere = tu.tree_flatten_with_path(tree, lambda path, x: False, is_leaf_takes_path=True)
    assert everywhere == tu.tree_flatten_with_path(tree)
    named = tu.tree_map_with_path(lambda p, x, y: (tu.keystr(p), y), tree, tree, is_leaf=shallow, is_leaf_takes_path=True)
    assert named["a"] == ("['a']", [1, (2,)])
    keys = [tu.keystr(p) for p, _ in tu.tree_leaves_with_path(tree, lambda p, x: x is None, is_leaf_takes_path=True)]
    assert keys == ["['a'][0]", "['a'][1][0]", "['b']", "['c'].w", "['d'].a[0]"]
    with pytest.raises(ValueError):
        tu.tree_map_with_path(lambda p, x, y: x, [1, 2], [1])


def test_simple_keys():
    path = (tu.DictKey("a"), tu.SequenceKey(0), tu.GetAttrKey("w"), tu.FlattenedIndexKey(3))
    assert tu.keystr(path) == "['a'][0].w[<flat index 3>]"
    assert (tu.keystr(path, simple=True), tu.keystr(path, simple=True, separator="/")) == ("a0w3", "a/0/w/3")
    assert tu.keystr(path, separator="/") == "['a']/[0]/.w/[<flat index 3>]"
    assert tu.keystr((3, "x"), simple=True, separator=".") == "3.x"


def fields(**options):
    @dataclasses.dataclass
    class Box:
        x: float
        y: float = 0.0
        made: float = dataclasses.field(init=False, default=1.0)

    return lambda *args: tu.register_dataclass(Box, *args, **options)


def test_no_field_is_lost_without_a_word():
    with pytest.raises(errors.ArgumentError, match=r"register_dataclass of Box names all fields but \['y'\]"):
        fields()(["x"], [])
    with pytest.raises(errors.ArgumentError, match=r"got \['z'\], which __init__ does not take"):
        fields()(["x", "z"], ["y"])
    with pytest.raises(errors.ArgumentError, match=r"got \['x'\] twice"):
        fields()(["x", "y"], ["x"])
    box = fields(drop_fields=["y"])(["x"], [])
    assert tu.tree_map(lambda v: 2 * v, box(1.0, 5.0)) == box(2.0, 0.0)
    assert tu.tree_leaves(fields(drop_fields=["y"])()(1.0, 5.0)) == [1.0]
    assert tu.tree_leaves(fields()()(1.0, 5.0)) == [1.0, 5.0]


def test_registering_by_the_names_of_the_arguments():
    class Interval:
        def __init__(self, low, high):
            self.low, self.high = low, high

    tu.register_pytree_node(
        nodetype=Interval,
        flatten_func=lambda i: ((i.low, i.high), None),
        unflatten_func=lambda _, children: Interval(*children),
        flatten_with_keys_func=lambda i: ([(tu.GetAttrKey("low"), i.low), (tu.GetAttrKey("high"), i.high)], None),
    )
    assert [tu.keystr(p) for p, _ in tu.tree_leaves_with_path(Interval(1, 2))] == [".low", ".high"]
    assert tu.tree_map(lambda x: -x, Interval(1, 2)).high == -2
