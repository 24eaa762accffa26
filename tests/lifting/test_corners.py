"""Single statements whose meaning in NumPy is easily missed, in lifted functions."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.core.errors import InPlaceWriteError, UnsupportedFunctionError

X = np.array([[1.5, -1.25, -0.75], [-1.25, -0.5, 0.875]])
RUN = {
    "jvp": lambda f: cv.jvp(f, (X,), (X,))[0],
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([X, X]))[0],
}


def program(text):
    names = {"np": np}
    exec("import numpy as np\ndef f(x):\n    " + text.replace("\n", "\n    "), names)
    return names["f"]


NO_AXES = """
    a[..., None].sort(0); a[..., None].partition(0); a[None].fill(3.0); a[None][:] = 2.0; a[None, None].T[...] = 5.0
    a.reshape(1)[0] = 5.0; a[None][0] = 4.0; a[...] = 3.0; np.atleast_1d(a)[:] = 2.0; a[None] += 1; a[None].flat[0] = 3
    np.put(a[None], [0], [3.0]); a[None][[0]] = 5.0; np.add.at(a[None], [0], 5.0)
    a[None, ..., None].cumsum(1, out=a[None, None])
"""


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("statement", [s.strip() for s in NO_AXES.replace("\n", ";").split(";") if s.strip()])
def test_writes_into_an_array_without_axes(statement, run):
    f = program(f"a = np.array(x[0, 0])\n{statement}\nreturn a")
    np.testing.assert_allclose(RUN[run](cv.lift(f)), f(X))


PART = {"the real part is a complex number": "y = x + 1j\nu = y * 1\nu.real = y.item(1)\nu.imag = y.item(0)\n"}
TAKEN = {"taken into an out of another kind": "u = np.take(x, 0, axis=0, out=np.zeros(3, complex))\n"}
TAKES_OTHERS, REFUSED = (TAKEN, PART) if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else (PART, TAKEN)
WRITES = {name: text + "return u, x" for name, text in TAKES_OTHERS.items()} | {
    "read-only, of itself": """
y = np.array(x)
u = y.view()
u.flags.writeable = False
try:
    u[...] = y
except ValueError:
    y[0] = 1.0
return y""",
    "no elements": """
y = np.array(x)
try:
    for e in np.nditer(y[:, 3:]):
        pass
except ValueError:
    y[0] = 1.0
return y""",
    "an index that repeats": "b = x[:, [0, 0]]\nnp.asarray(b, order='F')[-1] /= -1\nreturn b",
    "nothing into flat": "y = np.array(x)\ny.flat[:] = x[0, :0]\nreturn y",
    "a complex number fills": "return np.full(3, (x[0] + 1j).item(0), float) + np.full_like(x[0], (x[0] + 1j).item(1))",
    "true as one element of flat": "y = np.zeros(3, bool)\ny.flat[1] = (-2, 2)\nreturn y * x",
    "what out makes of booleans": "y = np.array(x)\nnp.round(np.array([True, False, True]), 1, out=y[0])\nreturn y",
    "no axes to trim": "y = np.array(x)\nnp.trim_zeros(y[0, 0, ...])[...] = 5.0\nreturn y",
    "where is a number": "y = np.zeros((2, 3))\nnp.maximum((0.5,), x, out=y, where=0.5)\nreturn y",
    "what was broadcast": """
b = np.reshape(np.broadcast_to(x.imag, (2, 2, 3)), (2, 3, 2), 'F')
b.ravel('A')[1] += x[0, 0]
return b""",
    "the real part of what is reshaped, of an array with gaps": """
y = np.repeat(x + 1j, 2, axis=1)[:, ::2]
y.reshape(3, 2).real = 0.5
return y""",
    "windows that overlap": """
y = np.zeros((3, 4)).T[::-1]
x = x[:, :2] * y[0, 0] + x[:, 1:]
u = np.lib.stride_tricks.sliding_window_view(y, 2, 0, writeable=True)
u[:, :, 1] = 2.0
return y, u, u * 1""",
    "windows that overlap, of a plain array with another order": """
y = np.arange(12.0).reshape(3, 4).T[::-1]
u = np.lib.stride_tricks.as_strided(y, (3, 2), (-8, 32), writeable=True)
u[1] = 2.0
y[1, 1:] *= 2
return y * x[0, 0], u, np.sort(u).ravel('K')""",
    "the real part of no elements": "y = np.zeros((1, 1, 1), complex)\nu = y.real[1:]\ny[...] = x[0, 0]\nreturn u, y",
    "a complex array as a real element": """
y, z = np.zeros(3), np.zeros(3, int)
y[1], z[1] = np.array(1.5 + 2j), np.array(1.5 + 2j)
return y, z, x""",
    "a function of one element": """
a = np.vectorize(lambda u: u * u)(x[0, 0])
np.atleast_1d(a)[-1] = 0.5
return a""",
    "integers in the order of what they were": """
y = np.asfortranarray(x)
a = np.expand_dims(y, -1).astype(int)
np.ascontiguousarray(np.rollaxis(a, 2, 0))[-1] = 5
return a""",
    "stacked, in another order": """
y = np.broadcast_to(x[:1, :, None], (2, 3, 1))
a = np.vstack([y, y])
try:
    a.shape = (1, 3, 4)
except AttributeError:
    a[0] = 5.0
return a""",
    "a grid without copies": "g = list(np.meshgrid(x[0], x[0], copy=False, sparse=True))\ng[1] *= 2.0\nreturn *g, x",
    "one number as a truth value": "y = np.zeros(2, bool)\ny[1] = x[0, :1]\nreturn y, x",
    "what is read-only, by its positions": """
b = np.broadcast_to(x[:1], (2, 3))
y = np.array(x)
for part in b[()], b[...], b[0], b[:, 1:], b[None]:
    y -= x if part.flags.writeable else 0.5
return y""",
    "nothing that is not a number, of read-only integers": """
y = np.broadcast_to([[1, 2, 3]], (2, 3))
return np.nan_to_num(y, copy=False) + x, np.nan_to_num(np.array(3), copy=False) * x""",
    "rounded in single precision": """
y, z = np.zeros((2, 3), np.float32), np.zeros((2, 3), complex)
x = x * 0 + [0.94999999, 14.9999999, -0.05]
a, b = np.round(x, 1, out=y) * 1, np.around(x, -1, z)
return a, b, x.round(1, out=np.zeros((2, 3))), np.round(x.astype(np.float32), 1, y)""",
    "products in place": """
y, z = np.ones((2, 2)) * x[:, :1], np.zeros((3, 2, 2))
y @= y
return y, np.matmul(x, x.T, out=z), np.matmul(x, x[0], out=np.zeros((3, 2))), np.vecdot(x, x, out=np.zeros((4, 2)))""",
    "flattened, and written": "y = x * 2\na = y.flatten()\nb = y.T.flatten()\na[0] = y[0, 1] = b[1] = 5.0\nreturn a, b, y",
    "piecewise, in another order": "b = np.piecewise(x.T, [x.T > 0], [lambda u: u * u, 0.5])\nb.ravel('F')[1] = 7.0\nreturn b",
}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    f = program(WRITES[name].strip())
    for found, wanted in zip(*[y if type(y) is tuple else (y,) for y in (RUN["jvp"](cv.lift(f)), f(X))], strict=True):
        np.testing.assert_allclose(found, wanted)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_parts_of_complex_numbers_are_kept_to_the_bit(dtype):
    z = np.array([1 + 3j, complex(1, np.inf), complex(1, -0.0), complex(np.nan, -np.inf)], dtype)

    def f(x):
        y, z = np.array(x), np.array(x)
        y.real = 0.5
        z.imag[1:] = np.inf
        z.real[::2] = -0.0
        return y, z, np.nan_to_num(x, posinf=np.inf)

    lifted = cv.lift(f)
    for found in (cv.jit(lifted)(z), cv.jvp(lifted, (z,), (np.ones_like(z),))[0]):
        for a, b in zip(found, f(z), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit([a.real, a.imag]), np.signbit([b.real, b.imag]))


OUTER = np.array([[-0.957], [-0.017], [0.253]])


@pytest.mark.parametrize("write", ["b[...] = 0.5", "np.minimum(0.5, 0.25, out=b)", "b += 1", "b.sort()", "b[0] = 2.0"])
@pytest.mark.parametrize("run", RUN)
def test_an_outer_array_that_is_written_after_it_was_put_into_another(run, write):
    f = program(f"b = abs(outer.ravel())\ny = x[0] * 1\ny[...] = b\n{write}\nreturn y")
    f.__globals__["outer"] = OUTER
    np.testing.assert_allclose(RUN[run](cv.lift(f)), f(X))


ERRORS = REFUSED | {
    "an array as a complex element": "y = np.zeros(3, complex)\ny[1] = x[0]",
    "an array as a real part": "y = (x[0] + 1j).real\ny[1] = x[0]",
    "an array as an element of a complex view": "y = (x + 1j).T\ny[1, 0] = x[0]",
    "an array as one element of flat": "y = np.zeros(3)\ny.flat[1] = x[0, :1]",
    "an array as an element": "y = np.zeros(3)\ny[1] = x[0]",
    "rounded into another shape": "np.round(x, 1, out=np.zeros((2, 1, 3)))",
    "a number rounded into an array": "np.round(x[0, 0], 1, out=np.zeros(3))",
    "complex numbers rounded into real ones": "np.round(x + 1j, 1, out=np.zeros((2, 3)))",
    "a product of another shape": "y = np.ones((3, 3)) * x[0]\ny @= x.T[:, :1]",
    "a product of another shape, with out": "np.matmul(x, x.T[:, :1], out=np.zeros((2, 2)))",
    "a product of another dtype and shape": "y = x[0] * 1\ny @= x[0, 0] + 1j",
    "an order of complex numbers": "x[0, 0] = (x[0] + 1j).item(0) > 0.25",
    "an order of complex numbers, reflected": "0.25 <= (x[0] + 1j).item(0)",
    "an order of a complex number and another": "(x[0] + 1j).item(0) < x.item(0)",
    "the remainder of complex numbers": "(x[0] + 1j).item(0) % 2.0",
    "a product of numbers": "x[0, 0] @ x[0, 1]",
    "a product of a number and a vector": "x[0, 0] @ x[0]",
    "a product of a vector and a number": "x[0] @ x[0, 0]",
    "a product of Python's numbers": "x.item(0) @ x.item(1)",
    "a product in place": "y = x[0, 0]\ny @= np.broadcast_to(y, ())",
    "doubles summed into single precision": "np.einsum('ij->j', x, out=np.zeros(3, np.float32))",
    "a complex array at a mask": "np.place(x, [True, False, True] * 2, np.array(1j))",
    "doubles at a mask of single precision": "y = np.float32(x)\nnp.putmask(y, y > 0, x)",
    "numbers at a mask of truth values": "y = x > 0\nnp.place(y, y, np.ones(1, int))",
    "a complex number as one element of flat": "y = np.zeros(3)\ny.flat[1] = (x[0] + 1j).item(0)",
    "a complex number in flat": "y = np.zeros(3)\ny.flat[1:] = (x[0] + 1j).item(0)",
    "Python's complex number in flat": "y = x * 1\ny.flat = 1j",
    "a complex number as an array": "np.asarray((x[0] + 1j).item(0), dtype=float)",
    "a complex number in a list": "np.array([1.0, (x[0] + 1j).item(0)], float)",
    "a complex number into a diagonal": "np.fill_diagonal(np.zeros((2, 2)), (x[0] + 1j).item(0))",
    "a complex number into a real array": "y = np.zeros(3)\ny[1] = (x[0] + 1j).item(0)",
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    f = program(ERRORS[name] + "\nreturn x")
    with pytest.raises((TypeError, ValueError)) as wanted:
        f(X)
    with pytest.raises(wanted.type):
        RUN["jvp"](cv.lift(f))


INTO_REAL = """
    y[...] = z; y[1] = z; y[1:] = [0.5, z]; y.flat = z; y.flat[1] = z; y.flat[1:] = [z, 0]; y.fill(z); np.put(y, [0], z)
    np.array([1.0, z], float); np.asarray((z, y[0]), dtype=float); np.asarray(z, float)
"""


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", [s.strip() for s in INTO_REAL.replace("\n", ";").split(";") if s.strip()])
def test_a_complex_number_is_no_real_element(text, run):
    f = program(f"y, z = np.zeros(3), (x[0] + 1j).item(0)\n{text}\nreturn y")
    with pytest.raises((TypeError, ValueError)) as wanted:
        f(X)
    with pytest.raises(wanted.type, match=r"not 'complex'|single item"):
        RUN[run](cv.lift(f))


@pytest.mark.parametrize("order", ["C", "F"])
def test_parts_that_overlap(order):
    """All assignments of rows, columns and strided parts of an array to one another: NumPy's result, or an error."""
    columns = [np.s_[:, 0], np.s_[:, 2], np.s_[::-1, 1], np.s_[::2, 1]]
    keys = [np.s_[0], np.s_[1], np.s_[1, ::-1], np.s_[0, ::2], np.s_[1, 1:], *columns]
    x = np.asarray(np.arange(9.0).reshape(3, 3), order=order)
    refused = 0
    for into in keys:
        for of in keys:

            def f(x, into=into, of=of):
                y = np.array(x)
                y[into] = y[of]
                return y

            if x[into].shape == x[of].shape:
                try:
                    np.testing.assert_array_equal(cv.jvp(cv.lift(f), (x,), (x,))[1], f(x))
                except InPlaceWriteError:
                    refused += 1
    assert 0 < refused < 12


PARTS = "y[0] y[:1] y[1:2] y[:2] y[1:3] y[::2] y[::-1] y[2::-1] y[...]".split()
PARTS += ["np.broadcast_to(y[:1], 4)", "np.broadcast_to(y[1:2], 3)"]


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("into", ["y[:2]", "y[1:]", "y[::2]", "y[::-1]", "y[:3]", "y[:1]", "y", "y[1:3]"])
@pytest.mark.parametrize("kind", ["{}[...] = {}.imag", "{}.imag = {}.real", "{}.real[...] = {}", "np.copyto({}, {}.imag)"])
def test_complex_parts_that_overlap(into, kind):
    """All assignments of parts of complex numbers to one another: NumPy's result, or an error."""
    x = np.array([1 + 2j, 3 + 4j, 5 + 6j, 7 + 8j])
    refused = done = 0
    for of in [part + more for part in PARTS for more in ("", "[...]", ".ravel()")]:
        f = program(f"y = np.array(x)\n{kind.format(into, of)}\nreturn y")
        try:
            wanted = f(x)
        except (ValueError, AttributeError):
            continue
        try:
            found = cv.jvp(cv.lift(f), (x,), (x,))[0]
        except InPlaceWriteError:
            refused += 1
            continue
        done += 1
        np.testing.assert_array_equal(found, wanted, err_msg=of)
    assert done


DIAGONAL = "y = y[:4].reshape(2, 2); np.fill_diagonal(y, np.einsum('ii->i', y)[::-1])"


REPEATING = "np.lib.stride_tricks.as_strided(y, (2,), (0,))[...] = y[:2]"


OVERLAPPING = [REPEATING, "y[::2] = y[:3]", "y[1:4] = y[::2]", "np.copyto(y[::2], y[:3])", "y[:3][...] = y[::2]", DIAGONAL]


@pytest.mark.parametrize("write", [*OVERLAPPING, "np.divmod(x[0], 2.0, out=(y[:3], y[2:]))"])
def test_parts_with_other_strides(write):
    f = program(f"y = np.concatenate([x[0], x[0, :2]])\n{write}\nreturn y")
    with pytest.raises(InPlaceWriteError, match="over the array itself"):
        RUN["jvp"](cv.lift(f))


def test_real_numbers_at_a_mask_of_complex_ones():
    f = program("y = x + 1j\nnp.multiply(x, y.imag, out=y, where=x < 0)\nreturn y")
    with pytest.raises(InPlaceWriteError, match="real numbers into an array of complex ones"):
        RUN["jvp"](cv.lift(f))


def test_absolute_values_at_a_mask_of_complex_ones():
    f = program("y = np.arange(3) + 1j\nnp.abs(y, out=y, where=[True, False, True])\nreturn y * x")
    with pytest.raises(InPlaceWriteError, match="real numbers into an array of complex ones"):
        RUN["jvp"](cv.lift(f))


def test_a_part_of_out_is_refused():
    f = program("y = np.array(x)\nnp.add.accumulate(x[:1, :1], axis=1, out=y[:1, :2])\nreturn y")
    with pytest.raises(InPlaceWriteError, match="accumulate of the shape"):
        RUN["jvp"](cv.lift(f))


def test_memory_beyond_an_array_without_elements():
    f = program("y = x[:1] * 1.0\nz = np.lib.stride_tricks.as_strided(y[1:], (3,), (0,))\nreturn z * 1.0")
    with pytest.raises(UnsupportedFunctionError, match="has no elements"):
        RUN["jvp"](cv.lift(f))


# --- np.vectorize ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64"])
@pytest.mark.parametrize("options", [{}, {"cache": True}, {"otypes": [float]}], ids=str)
def test_vectorize_calls_with_pythons_numbers(dtype, options):
    kinds = []

    def element(u, k):
        kinds.append((np.result_type(u, np.float16(1)), type(k)))
        return u + 1 / 3 if k else 2 * u

    def f(x):
        return np.vectorize(element, **({"otypes": [x.dtype]} if "otypes" in options else options))(x, np.arange(3))

    x = X[0].astype(dtype)
    expected = f(x)
    wanted, kinds[:] = list(kinds), []
    out = cv.jit(cv.lift(f))(x) if dtype == "int64" else cv.jvp(cv.lift(f), (x,), (x,))[0]
    assert kinds == wanted
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out, expected, rtol=1e-15 if dtype[-2:] == "64" and dtype != "complex64" else 1e-7)


def test_vectorize_of_nothing():
    def f(x, **options):
        return np.vectorize(lambda u: u * u, **options)(x[:0])

    assert cv.jvp(cv.lift(lambda x: f(x, otypes=[float])), (X,), (X,))[0].shape == (0, 3)
    with pytest.raises(ValueError, match="otypes"):
        cv.jvp(cv.lift(f), (X,), (X,))


# --- errors half way, and faults ------------------------------------------------------------------------------------------

HALF_WAY = {
    "traced": "y = np.zeros(3)\ntry:\n    np.put(y, [0, 1, 7], x[0])\nexcept IndexError:\n    pass\nreturn y",
    "plain": "y = np.array(x[0])\ntry:\n    np.put(y, [0, 1, 7], [5.0, 6.0, 7.0])\nexcept IndexError:\n    pass\nreturn y",
    "numbers": "y = np.zeros(3)\ntry:\n    y.put([0, 1, 7], [5.0, 6.0, 7.0])\nexcept IndexError:\n    pass\nreturn y * x",
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", HALF_WAY)
def test_what_is_put_before_an_error(name, run):
    f = program(HALF_WAY[name])
    np.testing.assert_allclose(RUN[run](cv.lift(f)), f(X))


FAULTS = {
    "errstate": "with np.errstate(invalid='raise'):\n    return np.sqrt(x)",
    "decorator": "@np.errstate(all='raise')\ndef g(x):\n    return np.sqrt(x)\nreturn g(x)",
    "seterr": "before = np.seterr(invalid='raise')\ntry:\n    return np.sqrt(x)\nfinally:\n    np.seterr(**before)",
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_are_to_be_seen(name):
    f = cv.lift(program(FAULTS[name]))
    np.testing.assert_allclose(cv.jvp(f, (X**2,), (X,))[0], abs(X))
    with pytest.raises(FloatingPointError):
        cv.jvp(f, (X,), (X,))
    with pytest.raises(UnsupportedFunctionError, match="was entered inside jit"):
        cv.jit(f)(X**2)


def test_faults_that_are_not_to_be_seen():
    f = cv.lift(program("with np.errstate(all='ignore'):\n    return np.sqrt(x)"))
    np.testing.assert_allclose(cv.jit(f)(X**2), abs(X))


def test_faults_of_plain_values_are_seen_while_others_are_noted_down():
    f = cv.lift(program("with np.errstate(all='raise'):\n    y = np.sqrt(np.array([4.0, 9.0]))\nreturn x * y[0]"))
    np.testing.assert_allclose(cv.jit(f)(X), 2 * X)
    with pytest.raises(FloatingPointError):
        cv.jit(cv.lift(program("with np.errstate(all='raise'):\n    y = np.sqrt(np.array([-4.0]))\nreturn x * y[0]")))(X)


COMPLEX = np.arange(8.0).reshape(4, 2)[:, :1] * (1 + 2j) + 1j
PLAIN = {
    "the real part of a reshaped array with gaps": (
        lambda: np.repeat(COMPLEX, 2, axis=-1)[..., ::2],
        "y.reshape((2, 2)).real = 0.5\nreturn y",
    ),
    "its imaginary part": (lambda: np.repeat(COMPLEX, 2, axis=-1)[..., ::2], "y.reshape((2, 2)).T.imag[0] += 0.5\nreturn y"),
    "the diagonal of a reversed array": (
        lambda: np.random.default_rng(0).normal(size=(2, 4, 2))[..., ::-1].copy()[..., ::-1],
        "y[...] *= 2\nb = np.sort(y.diagonal(1))\nb.reshape(-1)[...] = 0.5\nreturn b, y",
    ),
    "what it is a view of, after its shape was set": (
        lambda: np.arange(6.0).reshape(2, 3),
        "y = +y\ny.shape = -1\ntry:\n    y *= y.base is None\nexcept cv.errors.UnsupportedFunctionError:\n    pass\nreturn y",
    ),
    "what it is a view of, after it was copied": (
        lambda: np.repeat(np.arange(6.0), 2)[1::2],
        "np.copyto(y, y)\ntry:\n    y *= y.base is None\nexcept cv.errors.UnsupportedFunctionError:\n    y *= 0\nreturn y",
    ),
    "windows that overlap": (
        lambda: np.arange(6.0)[::-1].copy()[::-1],
        "y[0] = 3\nu = np.lib.stride_tricks.sliding_window_view(y, 2, writeable=True)\nu[:, 1] = 2.0\nu[2] += 1\nreturn y, u",
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_arguments_with_gaps_and_other_orders(name):
    make, text = PLAIN[name]
    names = {"np": np, "cv": cv}
    exec("def f(x, y):\n    " + text.replace("\n", "\n    "), names)
    f = names["f"]
    found, wanted = cv.jvp(lambda x: cv.lift(f)(x, make()), (X,), (X,))[0], f(X, make())
    for a, b in zip(*[y if type(y) is tuple else (y,) for y in (found, wanted)], strict=True):
        np.testing.assert_allclose(a, b)
