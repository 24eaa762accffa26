"""What holds for tests and doctests alike."""

from collections.abc import Iterator

import pytest

import covector as cv


@pytest.fixture(autouse=True)
def nothing_stays_rebound() -> Iterator[None]:
    """A lift rebinds names for the process: later tests find them as they were."""
    yield
    cv.lift.uninstall()
