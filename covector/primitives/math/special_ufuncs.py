"""The ufuncs of `scipy.special`, whatever the environment says.

Where ``SCIPY_ARRAY_API`` is set, ``scipy.special.gammaln`` and its like are functions that want all arguments from one
namespace, and refuse an array beside a traced value; the ufuncs below them do not.  Here are these ufuncs, and `zeta` and
`factorial`, which call them.
"""

from typing import TYPE_CHECKING, Any

from scipy.special._basic import factorial as factorial
from scipy.special._basic import zeta as zeta
from scipy.special._ufuncs import *  # noqa: F403

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
