"""`numpy.polynomial.polyutils`, also with traced values."""

from covector.numpy.polynomial.series import as_series, getdomain, mapdomain, mapparms, trimcoef

__all__ = ["as_series", "getdomain", "mapdomain", "mapparms", "trimcoef"]
