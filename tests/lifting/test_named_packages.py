"""What `lift` replaces in the packages that are named: types of numbers, which keep derivatives, and ``type``."""

import linecache
import sys
import sysconfig
import types
from pathlib import Path

import numpy as np
import pytest

import covector as cv

X = np.array([0.5, 1.3])

TEXT = """
import abc
import numpy as np
from numpy import complex128, double
class Point: pass
class Meta(type):
    def __call__(cls, *args):
        return 2.0 * type.__call__(cls).x
class Made(metaclass=Meta):
    x = 3.0
def refusing(x):
    if type(x) not in (list, np.ndarray):
        raise ValueError(f"not an array: {type(x)}")
    return np.sum(x**2)
"""

NUMBERS = """
    np.double(np.atleast_2d(x)).copy() double(x[0])**2 np.complex128(x[0])*1j np.complex128(x) np.cdouble(x).sum()
    complex(x[0])*1j complex(x[0],x[1])**2 complex(real=x[0],imag=2)**2
    complex(imag=x[1])+complex("1+2j")+complex()+float() complex(1,x[0])*complex(x[0],1e300) complex(complex(x[0],1),x[1])**2
    complex128(x[0]*1j) np.array([complex(a,1)for(a)in(x)]) np.float32(x)*np.single(x[0]) np.complex64(x)
    np.float16(x[0])*2 np.zeros(2,complex)+x np.zeros(2,dtype=np.float32)+x x.astype(np.complex64)
    np.sum(x,dtype=complex)
""".split()


@pytest.fixture
def package(monkeypatch):
    module = types.ModuleType("another_package")
    exec(TEXT, vars(module))
    monkeypatch.setitem(sys.modules, "another_package", module)
    return module


def ways_of(f):
    lifted = cv.lift(f, packages=["another_package"])
    yield from (cv.jit(lifted), lambda x: cv.jvp(lifted, (x,), (x,))[0], lambda x: cv.vmap(lifted)(x[None])[0], lifted)


@pytest.mark.parametrize("text", NUMBERS)
def test_types_of_numbers(package, text):
    exec(f"def f(x): return {text}", vars(package))
    expected = package.f(X)
    for way in ways_of(package.f):
        found = way(X)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
    _, slope = cv.jvp(cv.lift(package.f, packages=["another_package"]), (X,), (X,))
    is_coarse = np.asarray(expected).dtype.char in "efF"
    h, rtol = (1e-2, 5e-2) if is_coarse else (1e-6, 1e-6)
    np.testing.assert_allclose(slope, (np.asarray(package.f(X * (1 + h))) - package.f(X * (1 - h))) / (2 * h), rtol=rtol)


QUESTIONS = """
    type(x)is(np.ndarray) type(np.zeros(3))is(np.ndarray) type(x)==type(np.ones(2)) type(x)in[list,np.ndarray]
    type(x[0])is(np.float64) type(float(x[0]))is(float) type(float(x[0]))==type(2.0) type(1.0)in(float,int)
    type(3)is(int) type(True)is(bool) type(2j)is(complex) type(Point())is(Point) type(Point)is(type)
    isinstance(Point,type) issubclass(Meta,type) type(Made)is(Meta) Made()==6.0 type(type("D",(Point,),{})())!=Point
    issubclass(type("E",(abc.ABCMeta,type),{}),type) {type(float(x[0])):1}[float]==1
    type(np.float32(x[0]))is(np.float32) isinstance(x[0],type(x[0])) np.dtype(type(x[0]))==np.float64
    type(type(x)(shape=2))is(np.ndarray) isinstance(complex(x[0]),complex) x.dtype==complex128(x).real.dtype
    np.issubdtype(np.float32,np.floating) {np.float32:1}[np.float32]==1 type(x).__name__=="ndarray"
    type(None)is(None).__class__ not(isinstance(x[0],np.float32)) np.finfo(np.float32).eps>np.finfo(float).eps
""".split()


@pytest.mark.parametrize("text", QUESTIONS)
def test_types_that_are_asked_for(package, text):
    found = []
    package.found = found
    exec(f"def f(x): found.append({text}); return x", vars(package))
    for way in ways_of(package.f):
        way(X)
    package.f(X)
    assert set(found) == {True}
    cv.lift.uninstall()
    assert not {"type", "float", "complex"} & set(vars(package))


def test_an_infinite_part_leaves_the_other_one(package):
    exec("def f(x): return complex(x[0], np.inf)", vars(package))
    assert all(np.asarray(way(X)).ravel() == complex(0.5, np.inf) for way in ways_of(package.f))


def test_a_package_that_asks_for_the_type(tmp_path, monkeypatch):
    (tmp_path / "a_package_that_asks.py").write_text(TEXT)  # the error shows its line
    monkeypatch.syspath_prepend(tmp_path)
    f = __import__("a_package_that_asks").refusing
    with pytest.raises(cv.errors.TracerArrayConversionError, match=r"(?s)type\(x\).*packages=\['a_package_that_asks'\]"):
        cv.grad(cv.lift(f))(X)
    np.testing.assert_allclose(cv.grad(cv.lift(f, packages=["a_package_that_asks"]))(X), 2 * X)
    del sys.modules["a_package_that_asks"]


INSTALLED = """
import numpy as np
def table(x):
    import numpy as np
    return np.array(x).sum()
def number(x):
    return np.complex128(x[0]).real
"""


@pytest.mark.parametrize(
    ("name", "fix"), [("table", r"covector\.lift\(f\).*imports when it runs"), ("number", r"packages=\['some'\]")]
)
def test_what_an_installed_package_asks_for_is_not_for_the_user_to_write(name, fix, monkeypatch):
    path = str(Path(sysconfig.get_path("purelib")) / "some" / "code.py")
    monkeypatch.setitem(linecache.cache, path, (len(INSTALLED), None, INSTALLED.splitlines(True), path))
    names = {"__name__": "some.code"}
    exec(compile(INSTALLED, path, "exec"), names)
    for f in (names[name], cv.lift(lambda x: names[name](x))):
        with pytest.raises(cv.errors.TracerArrayConversionError, match=f"(?s)Fix: .*{fix}"):
            cv.grad(f)(X)
