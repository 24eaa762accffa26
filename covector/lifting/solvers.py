"""SciPy's solvers and quadratures in lifted code: where the function that they are given returns traced values, covector's.

>>> import covector as cv, numpy as np, scipy.optimize
>>> root = cv.lift(lambda a: scipy.optimize.brentq(lambda x: np.exp(x) - a, 0.0, 5.0))
>>> cv.grad(root)(2.0)
np.float64(0.5)
>>> cv.lift.uninstall()

Those that run in C ask a function for plain numbers, and those in Python branch on them, which `jit` refuses.  The functions of
SciPy's are not replaced under their names but redirected (`covector.lifting.redirected`), wherever they are held.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from covector.core import errors
from covector.lifting.lifted import LIFTED, as_operand, unwrap, wrap
from covector.lifting.namesakes import any_traced
from covector.lifting.redirected import redirect
from covector.lifting.stand_ins import OfCovector, StandIn, is_function, parts_of, with_parts
from covector.numpy.registry import as_array
from covector.scipy.guesses import as_tuple
from covector.transforms.utilities import stop_gradient

DIFFERENTIATED = frozenset(
    (
        "brentq brenth ridder bisect toms748 root_scalar root fsolve leastsq curve_fit linprog nnls lsq_linear"
        " quad fixed_quad dblquad tplquad nquad odeint"
    ).split()
)
"""Functions of ``scipy.optimize`` and ``scipy.integrate`` that solve something: covector has them, with exact derivatives."""

CONVERGING = frozenset("newton fixed_point minimize minimize_scalar least_squares".split())
"""The same, whose own steps have derivatives that converge: what a function that branches on values gets."""

STEPPING = frozenset("solve_ivp quad_vec".split())
"""Those whose own steps are differentiated: they have more results than covector's."""

COMPARING = frozenset("brute differential_evolution dual_annealing shgo direct".split())
"""Those that compare values of the function: what they find moves with it only if another one goes on from there."""

SYSTEMS = frozenset("cg bicg bicgstab cgs gmres lgmres minres qmr tfqmr gcrotmk".split())
"""Functions of ``scipy.sparse.linalg`` that solve linear systems step by step."""

FROM_ZERO = frozenset({"lsqr", "lsmr"})
"""The same of least squares."""

METHODS = {
    "_optimize": {
        **{f"_minimize_scalar_{name}": ("minimize_scalar", name) for name in ("brent", "golden", "bounded")},
        **{f"_minimize_{name}": ("minimize", name) for name in ("powell", "cg", "bfgs")},
        "_minimize_neldermead": ("minimize", "nelder-mead"),
        "_minimize_newtoncg": ("minimize", "newton-cg"),
    },
    "_lbfgsb_py": {"_minimize_lbfgsb": ("minimize", "l-bfgs-b")},
    "_tnc": {"_minimize_tnc": ("minimize", "tnc")},
    "_slsqp_py": {"_minimize_slsqp": ("minimize", "slsqp")},
    "_cobyla_py": {"_minimize_cobyla": ("minimize", "cobyla")},
}
"""Functions of SciPy's modules that `fmin`, `golden` and their like call: covector has those methods."""

STARTS = frozenset("x0 x1 y0 p0".split())
"""Where a solver starts: SciPy makes arrays of lists, which are pytrees for covector."""

COMPARING_METHODS = frozenset("nelder-mead powell cobyla cobyqa golden bounded".split())
"""The methods whose own steps do not move with the function."""


class _ReturnsTraced(Exception):
    """A function that SciPy called returned a traced value."""


def _is_told(e: BaseException | None) -> bool:
    """Whether an error is that one, or was made of it."""
    return e is not None and (type(e) is _ReturnsTraced or _is_told(e.__cause__ or e.__context__))


NOTHING = object()

LEFT_ALONE = frozenset({"args", "callback"})
"""What is given as it is: objects for the function, and what SciPy has wrapped to be told when to stop."""


class Calling(StandIn):
    """A function of SciPy's that calls one of the user's."""

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own with plain values, else what it means with traced ones."""
        bound = self._bound(args, kwargs)
        return self.found(bound.args, bound.kwargs)

    def _bound(self, args: Any, kwargs: Any) -> inspect.BoundArguments:
        """The arguments, what is read once in lists; what does not fit is an error of Python's, as of the function itself."""
        try:
            bound = inspect.signature(self._original).bind(*args, **kwargs)
        except TypeError:
            self._original(*args, **kwargs)
            raise
        bound.arguments.update({k: list(x) for k, x in bound.arguments.items() if isinstance(x, Iterator)})
        return bound

    def found(self, args: Any, kwargs: Any) -> Any:
        """What it gives."""
        found = self.scipys(args, kwargs)
        return self.with_traced(args, kwargs) if found is NOTHING else found

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """What it means where a value is traced, or one that a function returns."""
        raise NotImplementedError

    def scipys(self, args: Any, kwargs: Any) -> Any:
        """What SciPy's own gives where nothing is traced, nor returned by the functions that it is given; else NOTHING."""
        if any_traced(args) or any_traced(kwargs.values()):
            return NOTHING
        given = self._bound(args, kwargs)
        try:
            given.arguments.update({k: _asking(x) for k, x in given.arguments.items() if k not in LEFT_ALONE})
            return self._original(*given.args, **given.kwargs)
        except Exception as e:
            if not _is_told(e):
                raise
            return NOTHING

    def _given(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """The arguments by their names."""
        signature = inspect.signature(self._original)
        given = dict(self._bound(args, kwargs).arguments)
        for name, p in signature.parameters.items():
            if p.kind is p.VAR_KEYWORD:
                given |= given.pop(name, {})
        return given


def _taken(ours: Any, scipys: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments for covector's function, without what SciPy's has by default; those that it has not are refused."""
    theirs, taken = inspect.signature(scipys).parameters, inspect.signature(ours).parameters
    given = {k: x for k, x in given.items() if k not in theirs or x is not theirs[k].default}
    left = given.keys() - taken.keys()
    if left and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        what = f"{scipys.__name__} got {', '.join(sorted(left))}, where values are traced."
        why = f"it is covector's there, which takes {', '.join(taken)}"
        raise errors.UnsupportedFunctionError(what, why=why, fix="leave it out")
    return given


def _is_moved(found: Any) -> bool:
    """Whether a solution is traced: the first of several results, or the x of a result."""
    return any_traced([found["x"] if isinstance(found, dict) else found[0] if type(found) is tuple else found])


class Solver(Calling):
    """A function of SciPy's for which covector has one with exact derivatives."""

    def __init__(self, original: Any, module: str, name: str):
        super().__init__(original)
        self.__dict__.update(_place=(f"covector.{module}", name))

    def found(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own as far as it gets, else covector's."""
        name = self._place[1]
        with contextlib.suppress(errors.CovectorError):  # raised again by covector's, if it is the user's
            if name in STEPPING and self._method(args, kwargs) != "lsoda":  # which crashes after errors in its function
                return self._original(*args, **kwargs)
            found = self.scipys(args, kwargs)
            if found is not NOTHING:
                return found
        ours, given = getattr(importlib.import_module(self._place[0]), name), self._given(args, kwargs)
        given |= {k: _array(x) for k, x in given.items() if k in STARTS and type(x) in (list, tuple)}
        try:
            found = OfCovector(ours)(**_taken(ours, self._original, given))
        except errors.ConcretizationError:  # the function branches on values, say
            if name not in CONVERGING or self._method(args, kwargs) in COMPARING_METHODS:
                raise
            found = self._original(*args, **kwargs)
            if not _is_moved(found):  # as the guess was a solution
                raise
            return found
        if name == "solve_ivp" and given.get("t_eval") is None:
            found.update(t=Ends(found.t, 0), y=Ends(found.y, 1))
        return found

    def _method(self, args: Any, kwargs: Any) -> str:
        """The method that is asked for, in small letters."""
        given = self._given(args, kwargs)
        default = "bounded" if self._place[1] == "minimize_scalar" and given.get("bounds") is not None else ""
        return str(given.get("method") or default).lower()


class Method(Calling):
    """A method of SciPy's minimisers, as a function that `fmin` and its like call."""

    def __init__(self, original: Any, name: str, method: str):
        super().__init__(original)
        self.__dict__.update(_place=(name, method))

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """The minimum by covector's, which moves with the function."""
        (name, method), given = self._place, self._given(args, kwargs)
        named = {OURS.get(k, k): x for k, x in given.items() if k in ARGUMENTS and not (k == "bounds" and _is_empty(x))}
        if named.get("callback") is not None:
            named["callback"] = _of_result(named["callback"])
        if type(named["fun"]) is sys.modules["scipy.optimize._optimize"].MemoizeJac:  # of a function that gives both
            named |= {"fun": named["fun"].fun, "jac": True}
        if "x0" in named:
            named["x0"] = np.ravel(_array(named["x0"]))
        ours = OfCovector(getattr(importlib.import_module("covector.scipy.optimize"), name))
        try:
            return ours(**named, method=method, options={k: x for k, x in given.items() if k not in ARGUMENTS})
        except errors.ConcretizationError:
            if method in COMPARING_METHODS:
                raise
            return self._original(*args, **kwargs)


ARGUMENTS = frozenset("fun func x0 args jac hess hessp bounds brack callback constraints".split())
"""The parameters of such functions; all others are options."""

OURS = {"func": "fun", "brack": "bracket"}


def _array(x: Any) -> Any:
    return wrap(as_array(as_operand(x)))


def _is_empty(x: Any) -> bool:
    """Whether no bounds are given, as `fmin_slsqp` says it."""
    return hasattr(x, "__len__") and not len(x)


def _of_result(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that takes what was found so far, as SciPy has made it of the user's."""
    return lambda intermediate_result: callback(intermediate_result)


class Elementwise(Calling):
    """A function of ``scipy.optimize.elementwise`` that looks for zeros or minima, whose derivative covector has."""

    def __init__(self, original: Any, exact: str):
        super().__init__(original)
        self.__dict__["_exact"] = exact

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """What SciPy's own finds, which moves with the function also where no step was taken from where it was sought."""
        f, others, found = args[0], as_tuple(kwargs.get("args", ())), self._original(*args, **kwargs)
        exact = getattr(importlib.import_module("covector.scipy.optimize.roots"), self._exact)
        found.x = OfCovector(exact)(lambda x: f(x, *others), found.x)
        found.f_x = f(found.x, *others)
        return found


class System(Calling):
    """An iteration of ``scipy.sparse.linalg`` that solves a linear system."""

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """The solution of the system, which moves with it wherever it begins."""
        given = self._given(args, kwargs)
        given |= {k: x.matvec for k, x in given.items() if hasattr(x, "matvec")}
        ours = importlib.import_module("covector.scipy.sparse.linalg").iterated
        return OfCovector(ours)(self._original.__name__, **given)


class FromZero(Calling):
    """An iteration of ``scipy.sparse.linalg`` whose own steps are differentiated, of which there are enough from zero."""

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own; refused where it begins elsewhere, perhaps at the solution, and where it takes no step."""
        is_warm, name = self._given(args, kwargs).get("x0") is not None, self._original.__name__
        found = None if is_warm else self._original(*args, **kwargs)
        if is_warm or not _is_moved(found):
            what = f"{name} got {'x0 and ' if is_warm else ''}traced values."
            why = "the derivative is that of its steps, and would be wrong where there are none or few"
            raise errors.UnsupportedFunctionError(what, why=why, fix="leave x0 out, or solve the normal equations by cg")
        return found


class Comparing(Calling):
    """A function of SciPy's that looks for a minimum by comparing values, and for which covector has none."""

    def found(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own; refused where what it finds would not move with the function or the bounds that it is given."""
        traced: list[Any] = []
        given = self._bound(args, kwargs)
        place = next(iter(given.arguments))
        if given.arguments.get("workers", 1) == 1:  # other processes have no traced values
            given.arguments[place] = _noting(given.arguments[place], traced)
        found = self._original(*given.args, **given.kwargs)
        others = [v for k, v in given.arguments.items() if k not in (place, "args")]
        if any_traced(others) or (traced and not _is_moved(found)):
            what = f"scipy.optimize.{self._original.__name__} got traced values."
            why = "it compares values of the function only, and what it finds would have the derivative 0"
            raise errors.UnsupportedFunctionError(what, why=why, fix="use scipy.optimize.minimize or minimize_scalar")
        return found


class Eigenvectors(Calling):
    """`lobpcg`, whose own steps would not move the vectors that it begins with where these are right."""

    def with_traced(self, args: Any, kwargs: Any) -> Any:
        """Refused."""
        what = "lobpcg got traced values."
        why = "the derivative of its steps is 0 for vectors that it is given, and has no counterpart here"
        raise errors.UnsupportedFunctionError(what, why=why, fix="use numpy.linalg.eigh of the dense matrix")


class Measure(StandIn):
    """How large an error of `solve_ivp` is: the length of a step does not move with it, which has no second derivative at 0."""

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own, without its derivative."""
        return wrap(stop_gradient(unwrap(self._original(*args, **kwargs))))


class Namespace(StandIn):
    """The namespace of arrays that SciPy asks for where ``SCIPY_ARRAY_API`` is set: of lifted arrays that of plain ones."""

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's answer for plain arrays."""
        return self._original(*[np.empty(0) if type(x) in LIFTED else x for x in args], **kwargs)


class Regression(StandIn):
    """The regression of ``scipy.odr``, whose compiled code crashes where its model returns what it does not take."""

    def lifted(self, args: Any, kwargs: Any) -> Any:
        """SciPy's own; refused before it runs where its model returns traced values."""
        model, data = args[0].model, args[0].data
        if any_traced([model.fcn(args[0].beta0, data.x, *(model.extra_args or ()))]):
            what = "scipy.odr got a model that returns traced values."
            fix = "use scipy.optimize.least_squares or curve_fit"
            raise errors.UnsupportedFunctionError(what, why="covector has no counterpart", fix=fix)
        return self._original(*args, **kwargs)


def _noting(f: Callable[..., Any], traced: list[Any]) -> Callable[..., Any]:
    """A function that notes where it returns a traced value."""

    def call(*args: Any, **kwargs: Any) -> Any:
        found = f(*args, **kwargs)
        if any_traced([found]):
            traced.append(True)
        return found

    call.__wrapped__ = f  # type: ignore[attr-defined]  # its signature is asked for
    return call


class Ends:
    """What `solve_ivp` gives at each step that SciPy takes, of which there are the first and the last where it is traced."""

    def __init__(self, values: Any, axis: int):
        self._values, self._axis = values, axis

    def __getitem__(self, key: Any) -> Any:
        keys, ndim = key if type(key) is tuple else (key,), len(self._values.shape)
        if Ellipsis in keys:
            i = keys.index(Ellipsis)
            keys = (*keys[:i], *[slice(None)] * (ndim + 1 - len(keys)), *keys[i + 1 :])
        step = keys[self._axis] if len(keys) > self._axis else None
        if type(step) is int and step in (0, -1):
            return self._values[keys]
        if step is None and None not in keys:
            return Ends(self._values[keys], self._axis - sum(type(k) is not slice for k in keys))
        raise self._refused()

    @property
    def T(self) -> Ends:
        """The axes in reverse order."""
        return Ends(self._values.T, len(self._values.shape) - 1 - self._axis)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refused()

    def _refused(self, *_: Any) -> errors.UnsupportedFunctionError:
        what = "solve_ivp without t_eval was asked for what it has at each step, in lifted code where it is traced."
        why = "how many steps SciPy takes depends on values that are not known; the first and the last are: y[:, 0], y[:, -1]"
        return errors.UnsupportedFunctionError(what, why=why, fix="give t_eval=, the times that are wanted")

    def _refuse(self, *_: Any) -> Any:
        raise self._refused()

    __len__ = __iter__ = __array__ = _refuse
    __array_ufunc__ = None

    def __repr__(self) -> str:
        return "<the steps of solve_ivp, of which the first and the last are known: give t_eval=>"


for _name in "add radd sub rsub mul rmul truediv rtruediv pow rpow matmul rmatmul neg abs".split():
    setattr(Ends, f"__{_name}__", Ends._refuse)


def _asking(x: Any) -> Any:
    """A function that tells where it returns a traced value, also within what holds some; anything else itself."""
    if parts_of(x) is not None:
        return with_parts(_asking, x)
    if not is_function(x):
        return x
    return _telling_operator(x) if hasattr(x, "matvec") else _telling(x)


def _telling_operator(A: Any) -> Any:
    make = sys.modules["scipy.sparse.linalg"].LinearOperator
    return make(A.shape, matvec=_telling(A.matvec), rmatvec=_telling(A.rmatvec), dtype=A.dtype)


def _telling(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        found = f(*args, **kwargs)
        if any_traced([found]):
            raise _ReturnsTraced
        return found

    call.__wrapped__ = f  # type: ignore[attr-defined]  # its signature is asked for
    return call


def _solvers(home: str, names: Any) -> dict[str, Any]:
    return {n: functools.partial(Solver, module=home, name=n) for n in names}


ELEMENTWISE = {"find_root": "found_root", "find_minimum": "found_minimum"}
REDIRECTED: dict[str, dict[str, Callable[[Any], StandIn]]] = {
    **{home: _solvers(home, DIFFERENTIATED | CONVERGING | STEPPING) for home in ("scipy.optimize", "scipy.integrate")},
    "scipy.optimize._nonlin": _solvers("scipy.optimize.roots", ["nonlin_solve"]),
    "scipy.optimize._elementwise": {n: functools.partial(Elementwise, exact=exact) for n, exact in ELEMENTWISE.items()},
    "scipy.sparse.linalg": dict.fromkeys(SYSTEMS, System) | dict.fromkeys(FROM_ZERO, FromZero) | {"lobpcg": Eigenvectors},
    **{
        f"scipy.optimize.{home}": {n: functools.partial(Method, name=name, method=m) for n, (name, m) in methods.items()}
        for home, methods in METHODS.items()
    },
    "scipy.integrate._ivp.common": {"norm": Measure},
    "scipy.integrate._ivp.rk": {"DOP853._estimate_error_norm": Measure},
    "scipy._lib._array_api": {"array_namespace": Namespace},
    "scipy.odr": {"ODR.run": Regression},
}
"""By modules, the functions that ask, and what they mean."""
REDIRECTED["scipy.optimize"] |= dict.fromkeys(COMPARING, Comparing)


def redirect_solvers() -> None:
    """Let SciPy's solvers that are imported ask what they mean, wherever they are held."""
    for home, names in REDIRECTED.items():
        for name, means in names.items():
            f: Any = sys.modules.get(home)
            for part in name.split("."):
                f = getattr(f, part, None)
            if f is not None:
                redirect(f, means)
