"""What works of `covector.testing` where hypothesis is not installed, and what says so."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["hypothesis"] = None  # importing it fails
import numpy as np
from covector.testing import check_grads
check_grads(np.sin, (0.5,), order=2)
import covector.testing as testing
print(sorted(testing.__all__) == sorted(n for n in dir(testing) if n in testing.__all__))
for name in testing.__all__:
    try:
        getattr(testing, name)
    except ImportError as e:
        assert str(e) == f"covector.testing.{name} needs hypothesis, which is not installed: pip install 'covector[test]'", e
    else:
        print(name)
"""


def test_check_grads_needs_no_hypothesis_and_the_rest_says_what_to_install():
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    without = ["FAMILIES", "LAWS", "LawError", "check_function", "check_grads", "laws"]
    assert result.stdout.split() == ["True", *without], result.stderr
