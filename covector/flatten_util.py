"""Pytrees as vectors, at the place where JAX has it.

>>> vector, unravel = ravel_pytree({"a": 1.0, "b": [2.0, 3.0]})
>>> vector, unravel(vector + 1)
(array([1., 2., 3.]), {'a': array(2.), 'b': [array(3.), array(4.)]})
"""

from covector.transforms.utilities import ravel_pytree

__all__ = ["ravel_pytree"]
