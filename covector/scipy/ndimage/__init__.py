"""`scipy.ndimage` for arrays and for values that are being transformed: filters, interpolation and measurements.

>>> import numpy as np
>>> from covector import grad
>>> from covector.scipy import ndimage
>>> grad(lambda x: np.sum(ndimage.uniform_filter(x, 3) ** 2))(np.array([0.0, 3.0, 0.0]))
array([2., 2., 2.])

Plain arrays are SciPy's business, which these functions call.  Computed is in double precision, as in SciPy; the result has the
dtype of the input, or that of ``output``.
"""

from typing import Any

from covector.scipy.ndimage.filters import (
    convolve,
    convolve1d,
    correlate,
    correlate1d,
    gaussian_filter,
    gaussian_filter1d,
    gaussian_gradient_magnitude,
    gaussian_laplace,
    generic_gradient_magnitude,
    generic_laplace,
    laplace,
    prewitt,
    sobel,
    uniform_filter,
    uniform_filter1d,
)
from covector.scipy.ndimage.fourier import fourier_gaussian, fourier_shift, fourier_uniform
from covector.scipy.ndimage.interpolation import (
    affine_transform,
    geometric_transform,
    map_coordinates,
    rotate,
    shift,
    spline_filter,
    spline_filter1d,
    zoom,
)
from covector.scipy.ndimage.measurements import (
    center_of_mass,
    extrema,
    labeled_comprehension,
    maximum,
    maximum_position,
    mean,
    median,
    minimum,
    minimum_position,
    standard_deviation,
    sum_labels,
    variance,
)
from covector.scipy.ndimage.measurements import sum_labels as sum
from covector.scipy.ndimage.morphology import (
    black_tophat,
    grey_closing,
    grey_dilation,
    grey_erosion,
    grey_opening,
    morphological_gradient,
    morphological_laplace,
    white_tophat,
)
from covector.scipy.ndimage.order_filters import (
    generic_filter,
    maximum_filter,
    maximum_filter1d,
    median_filter,
    minimum_filter,
    minimum_filter1d,
    percentile_filter,
    rank_filter,
)
from covector.scipy.others import of_scipy as _of_scipy


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return _of_scipy(__name__, name)
