"""Looking into functions while they run: printing, callbacks, NaNs, leaked tracers, and running without compilation."""

from covector.core.tracebacks import full_tracebacks as full_tracebacks
from covector.debug.modes import checking_leaks as checking_leaks
from covector.debug.modes import debug_nans as debug_nans
from covector.debug.modes import disable_jit as disable_jit
from covector.debug.printing import callback as callback
from covector.debug.printing import print as print
