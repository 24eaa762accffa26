"""What lifting replaces in modules is put back after each test, so that others meet NumPy itself."""

import pytest

import covector as cv


@pytest.fixture(autouse=True)
def lifted_names_are_put_back():
    yield
    cv.lift.uninstall()
