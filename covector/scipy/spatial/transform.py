"""`scipy.spatial.transform` for arrays and for values that are being transformed: rotations of space.

>>> import numpy as np
>>> from covector import jacobian
>>> jacobian(lambda v: Rotation.from_rotvec(v).as_rotvec())(np.zeros(3))
array([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
"""

from covector.scipy.spatial.interpolation import Slerp
from covector.scipy.spatial.rotations import Rotation

__all__ = ["Rotation", "Slerp"]
