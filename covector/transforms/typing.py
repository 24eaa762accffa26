"""Types of what transformations take and return: they keep the signature of the function that they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from covector.transforms.lowering import Lowered

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class JittedFunction(Protocol[P, R_co]):
    """A function that `jit` compiled."""

    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def __get__(self, instance: Any, owner: type | None = None, /) -> Callable[..., R_co]: ...

    def cache_size(self) -> int:
        """How many programs are kept."""

    def clear_cache(self) -> None:
        """Forget all programs."""

    def explain(self) -> str:
        """For each trace what was new about the arguments."""

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of these types (values or avals)."""

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The avals of the result for arguments of these types (values or avals)."""
