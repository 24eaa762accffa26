"""Numbers of Python's that come out of arrays: ``x.item()``, ``x.tolist()``, `math`, and what comparing these gives.

They are not NumPy's: two of Python's truth values add to 2, and a float takes the dtype of the array that it meets.
"""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

import covector as cv

X = np.array([2.5, 1.5])
RUN = {
    "jvp": lambda f, x: cv.jvp(f, (x,), (x,))[0],
    "jit": lambda f, x: cv.jit(f)(x),
    "vmap": lambda f, x: cv.vmap(f)(np.stack([x, x]))[0],
}
OPERATORS = "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift lt le gt ge eq ne".split()
NUMBERS = {
    "a truth value": lambda x: (x > 2).item(0),
    "a comparison": lambda x: x.item(0) > 2.0,
    "of both": lambda x: x.item(0) > x.item(1),
    "a float": lambda x: x.item(1),
    "an integer": lambda x: x.astype(int).item(0),
}
OTHERS = {
    "True": True, "2": 2, "1.5": 1.5, "np.float64": np.float64(1.5), "np.float32": np.float32(1.5), "np.bool_": np.bool_(True),
    "booleans": np.array([True, False]), "small integers": np.array([2, 3], np.int8), "f4": np.array([1.5, 2.5], np.float32),
}  # fmt: skip


def check(f, x=X):
    """The value and dtype of f, or the type of its error, are NumPy's."""
    try:
        wanted = f(x)
    except TypeError as error:
        for run in RUN.values():
            with pytest.raises(type(error)):
                run(cv.lift(f), x)
        return
    for name, run in RUN.items():
        found = run(cv.lift(f), x)
        np.testing.assert_allclose(found, wanted, err_msg=name)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("number", NUMBERS)
def test_operators(op, number):
    act, make = getattr(operator, op), NUMBERS[number]
    for name, other in OTHERS.items():
        if op == "pow" and name == "booleans":  # x ** 2 is of dtype int8, and x ** 3 of int64
            continue
        check(lambda x, y=other: np.asarray(act(make(x), y)))
        check(lambda x, y=other: np.asarray(act(y, make(x))))
    for other in NUMBERS.values():
        check(lambda x, y=other: np.asarray(act(make(x), y(x))))


@pytest.mark.parametrize("op", ["pos", "neg", "abs", "invert"])
@pytest.mark.parametrize("number", NUMBERS)
def test_unary_operators(op, number):
    check(lambda x: np.asarray(getattr(operator, op)(NUMBERS[number](x))))


COUNTS = """
    (x.item(0) > 1) + (x.item(1) > 1) + (2 > x.item(1)) | math.isnan(x[0]) + math.isfinite(x[1]) + (x.item(0) > 1)
    sum([v > 1 for v in x.tolist()]) | sum(v > 2 for v in (2 * x).tolist()) | round(x.item(0), 1) + (x.item(0) == 2.5)
    math.sqrt(x[0]) > 1 | (math.sqrt(x[0]) > 1) + (math.exp(x[1]) > 1) | -(x.item(0) > 1)
"""


@pytest.mark.parametrize("text", [s.strip() for s in COUNTS.replace("\n", "|").split("|") if s.strip()])
def test_counting(text):
    names = {}
    exec(f"import math\nimport numpy as np\ndef f(x):\n return np.asarray({text})", names)
    check(names["f"])


def test_a_float_takes_the_dtype_of_what_it_meets():
    x = np.array([2.5, 1.5], np.float32)
    check(lambda x: x * x.item(0) + x.tolist()[1], x)


def test_what_they_are():
    seen = []

    def f(x):
        seen[:] = [isinstance(x.item(0), float), isinstance(x.astype(int).item(0), int), isinstance((x > 1).item(0), bool)]
        return x

    cv.jit(cv.lift(f))(X)
    assert seen == [True, True, True]


# --- what Python asks for -------------------------------------------------------------------------------------------------

ASKED = {
    f.__name__: f for f in (int, float, complex, bool, round, math.floor, math.ceil, math.trunc, operator.index, str, repr)
}
ELEMENTS = {
    "of an argument": lambda x, z: x[0],
    "written": lambda x, z: z[1],
    "computed": lambda x, z: np.sum(z * x),
    "not traced": lambda x, z: np.zeros(2)[0] - 2.25,
    "an array": lambda x, z: np.reshape(z[1], ()) * np.ones(()),
    "an integer": lambda x, z: np.arange(3)[2],
    "a truth value": lambda x, z: x[0] > 2,
    "complex": lambda x, z: np.full(2, 2.5 - 1j)[1],
}
PERTURBED = ("of an argument", "written", "computed", "an array")


def given_or_raised(f):
    """What a function returns, and its type; or the type of its error."""
    try:
        found = f()
    except Exception as error:
        return TypeError if isinstance(error, TypeError) else type(error)
    return type(found), found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("asked", ASKED)
def test_what_python_asks_of_known_values(asked, element):
    found = []

    def program(x):
        z = np.zeros(2)
        z[1] = x[1]
        number = ELEMENTS[element](x, z)
        found.append(given_or_raised(lambda: ASKED[asked](number)))
        return x

    cv.jvp(cv.lift(program), (X,), (X,))
    program(X)
    loses_derivative = asked in ("float", "complex") and element in PERTURBED
    assert found[0] == (TypeError if loses_derivative else found[1])
