"""Pytrees under the field's names: ``covector.tree.map``, ``flatten``, ``unflatten``, ``leaves``, ``register``, `Partial` …"""

from covector.core.pytrees import Partial as Partial
from covector.core.pytrees import register_pytree_node as register
from covector.core.pytrees import tree_flatten as flatten
from covector.core.pytrees import tree_leaves as leaves
from covector.core.pytrees import tree_map as map
from covector.core.pytrees import tree_paths as paths
from covector.core.pytrees import tree_structure as structure
from covector.core.pytrees import tree_unflatten as unflatten

__all__ = ["Partial", "flatten", "leaves", "map", "paths", "register", "structure", "unflatten"]
