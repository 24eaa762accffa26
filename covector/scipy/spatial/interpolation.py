"""Rotations between rotations: `Slerp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from covector.core.avals import shape_of, typeof
from covector.core.errors import describe
from covector.primitives.arrays.subscripts import index
from covector.scipy.checks import nan_unless_refused
from covector.scipy.spatial.rotations import Rotation, double
from covector.scipy.splines import nan_if, rises, undetermined


class Slerp:
    """Interpolation of rotations by turns of constant speed (Shoemake, SIGGRAPH 1985).

    Args:
        times: ``f[n]``, rising strictly.
        rotations: n of them, at least 2.

    It is called with times ``f[...]`` between the first and the last, and differentiable in these, in ``times`` and in the
    rotations.

    Raises:
        ValueError: numbers that do not fit, times that do not rise; when called, times outside (NaN where these are not known).

    Example:
        >>> between = Slerp(np.array([0.0, 1.0]), Rotation.from_euler("z", np.array([[0.0], [90.0]]), degrees=True))
        >>> np.round(between(0.5).as_euler("xyz", degrees=True), 12)
        array([ 0.,  0., 45.])
    """

    def __init__(self, times: Any, rotations: Rotation):
        if not isinstance(rotations, Rotation) or len(rotations.shape) != 1 or len(rotations) < 2:
            raise ValueError(f"Slerp got rotations {rotations!r}: give a Rotation of at least 2")
        times = double(times, (), "times")
        if shape_of(times) != rotations.shape:
            raise ValueError(f"Slerp got times {typeof(times)} for {len(rotations)} rotations: give a vector of as many")
        wrong = undetermined((~rises(times), "Slerp got times that do not rise: times must be in strictly increasing order"))
        (times,) = nan_if(wrong, times)
        self.times, self.rotations = times, rotations[:-1]
        self.steps = (self.rotations.inv() * rotations[1:]).as_rotvec()

    def __call__(self, times: Any) -> Rotation:
        """The rotations at times ``f[...]``."""
        t, known = double(times, (), "times"), self.times
        outside = ~((t >= known[0]) & (t <= known[-1]))
        i = np.clip(np.searchsorted(known, t, side="right") - 1, 0, shape_of(known)[0] - 2)
        share = (t - index(known, i)) / (index(known, i + 1) - index(known, i))
        what = f"Slerp got times outside of those of its rotations, from {known[0]} to {known[-1]}."
        share = nan_unless_refused(outside, share, describe(what, why="rotations are not extrapolated"))
        turns = Rotation.from_rotvec(index(self.steps, i) * share[..., None])
        found: Rotation = Rotation.from_quat(index(self.rotations.as_quat(), i)) * turns
        return found
