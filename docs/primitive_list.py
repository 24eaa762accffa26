"""Writes ``docs/primitive-list.md``, the list of all primitives: ``python docs/primitive_list.py``.

Names, operands, parameters and meanings are written here; kinds, and what a primitive is linear in, are asked of it.  A test
compares the file with what this would write, and the parameters with those that the rules take.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import covector
from covector.core.primitive import Primitive, find_primitive
from covector.primitives.math.special_functions import TABLE

PAGE = Path(__file__).with_name("primitive-list.md")

INTRODUCTION = """\
# All primitives

Written by `docs/primitive_list.py`. [Read a program](programs.md) explains the notation, [Write a primitive](primitives.md)
the kinds. Operands are in parentheses, and after the semicolon the parameters, which a printed program has in brackets.
*Linear in* says where the primitive may stand in the program of a derivative: `x, y` is in both together, `x or y` in either
one, given the other. A primitive marked \\* has a list of results, one marked ! is an effect.
"""

PRIMITIVES = """\
## Arithmetic
add(x, y): `x + y`
sub(x, y): `x - y`
mul(x, y): `x * y`
neg(x): `-x`
sumprod(a1, b1, a2, b2, ...): `a1 * b1 + a2 * b2 + ...`, part of derivatives [one factor of each product]
div(x, y): `x / y`
pow(x, y): `x ** y`
float_power(x, y): np.*
square(x), reciprocal(x), sqrt(x), cbrt(x): np.*
root(x): the square root whose derivative is 0 at 0, in lengths
abs(x): np.*
fabs(x): np.*
sign(x): np.*
slope(x): the derivative of `abs`: its sign, and 0 at 0
direction(size, x): `x / size`, the derivative of a length; 0 where the size is 0
hypot(x, y): np.*
conj(x): `np.conj`
real(x), imag(x): np.*
maximum(x, y), minimum(x, y), fmax(x, y), fmin(x, y): np.*
clip(x; low, high): x between two numbers
remainder(x, y), fmod(x, y): np.*
rounded(x; ndigits): Python's `round`, of decimal numbers
modf_fraction(x): the first result of `np.modf`
modf_whole(x): its second result
frexp_mantissa(x): the first result of `np.frexp`
frexp_exponent(x): its second result
ldexp(x, n): `x * 2**n`
copysign(x, y), nextafter(x, y), heaviside(x, y): np.*
stop_gradient(x): x, a constant to derivatives
name(x; name): x, with a name for the policies of `checkpoint`
from_parts(x): the complex numbers whose parts lie along the last axis
bitcast(x; dtype): the bits of numbers as those of another dtype
reduce_precision(x; exponent_bits, mantissa_bits): the nearest numbers with fewer bits
convert(x; dtype): x in another dtype
weaken(x): a scalar as the Python number that it equals, of a weak type

## Exponentials, circular and hyperbolic functions
exp(x), exp2(x), expm1(x), log(x), log2(x), log10(x), log1p(x): np.*
logaddexp(x, y), logaddexp2(x, y): np.*
exp_share(x, y): `exp(x) / (exp(x) + exp(y))`, the derivative of `logaddexp`
sin(x), cos(x), tan(x), arcsin(x), arccos(x), arctan(x): np.*
arctan2(y, x): `np.arctan2`
sinh(x), cosh(x), tanh(x), arcsinh(x), arccosh(x), arctanh(x): np.*
deg2rad(x), rad2deg(x): np.*
sinc(x; order): a derivative of `np.sinc`, of any order
bessel_i(x; order): the modified Bessel function of the first kind; `np.i0` is that of order 0

## Comparisons, logic, rounding
equal(x, y), not_equal(x, y), less(x, y), less_equal(x, y), greater(x, y), greater_equal(x, y): np.*
logical_and(x, y), logical_or(x, y), logical_xor(x, y): np.*
logical_not(x): `np.logical_not`
bitwise_and(x, y), bitwise_or(x, y), bitwise_xor(x, y): np.*
left_shift(x, y), right_shift(x, y): np.*
invert(x): `~x`
bitwise_count(x): `np.bitwise_count`
packbits(a; axis, bitorder), unpackbits(a; axis, count, bitorder): eight booleans in a byte, and back
isfinite(x), isinf(x), isnan(x), signbit(x), spacing(x): np.*
floor(x), ceil(x), trunc(x), rint(x): np.*
round(x; decimals): `np.round`
floor_divide(x, y): `x // y`
gcd(x, y), lcm(x, y): np.*

## Choosing
select(condition, x, y): `np.where(condition, x, y)`
keep(condition, x): `np.where(condition, x, 0)`, which is linear in x

## Shapes
reshape(x; shape): `np.reshape`, in C order
transpose(x; permutation): `np.transpose`
broadcast_to(x; shape): `np.broadcast_to`
concatenate(x1, x2, ...; axis): np.* [all]
stack(x1, x2, ...; axis): np.* [all]
shift(x; axis, by): elements moved along an axis; zeros come in

## Reductions
reduce_sum(x; axes): the sum over axes
reduce_prod(x; axes): the product
reduce_max(x; axes): the maximum
reduce_min(x; axes): the minimum
reduce_and(x; axes): whether all are true
reduce_or(x; axes): whether any is true
reduce_xor(x; axes): whether an odd number are true
reduce_bitwise_and(x; axes): `&` of all
reduce_bitwise_or(x; axes): `\\|` of all
reduce_bitwise_xor(x; axes): `^` of all
reduce_gcd(x; axes): the greatest common divisor
reduce_lcm(x; axes): the least common multiple
variance(x; axes, ddof): `np.var`
norm(x; order, axes): the p-norm for p = order, with derivative 0 at 0
share_power(x, y): `x ** y` for x from 0 to 1, and 0 at 0: part of the derivative of a norm
logsumexp(x; axes): the logarithm of the sum of exponentials
largest_exponent(x; axes): a number near the largest element, a constant to derivatives
argmax(x; axis), argmin(x; axis): np.*

## Cumulative operations
cumsum(x; axis, reverse): sums of the elements up to each, or from each on
cumprod(x; axis, reverse, exclusive): products of them, without the element itself if exclusive
cummax(x; axis, reverse): their maximum
cummin(x; axis, reverse): their minimum
recurrence(a, b; axis, reverse): y with `y[i] = a[i] * y[i - 1] + b[i]`

## Indexing
slice(x; index): `x[index]` for an index of integers and slices that is written in the program
embed(x1, x2, ...; indices, shape): zeros with each value added at its index; the transpose of `slice` [all]
erase(x; index): x with zeros at the index
update_slice(x, part; index): x with a part written at the index
add_slice(x, part; index): x with a part added there
gather(x, i1, ...): `x[i1, ...]` for arrays of integers [x]
spread(x, i1, ...; shape): zeros with values added at the indices; the transpose of `gather` [x]
clear(x, i1, ...): x with zeros at the indices [x]
scatter(x, values, i1, ...): x with values written at the indices [x, values]
scatter_add(x, values, i1, ...): x with values added at the indices [x, values]
scatter_mul(x, values, i1, ...): x multiplied by values there [x]
scatter_max(x, values, i1, ...): x with the maximum of what is there and the values
scatter_min(x, values, i1, ...): x with their minimum
last_write(i1, ...; shape): for each index tuple whether no later one names the same place
windows(x; lengths, strides, dilations): all windows over the last axes, as further axes
overlap(w; sizes, strides, dilations): zeros with windows added where they lie; the transpose of `windows`

## Sorting
sort(x; axis, kind), argsort(x; axis, kind): np.*
argpartition(x; kth, axis): `np.argpartition`
searchsorted(a, v; side, batch): places of v in sorted vectors a, of which the first axes, as many as batch says, are examples

## Products
einsum(x, ...; spec): `np.einsum` of one operand, or of two [one of them]
convolve(x, y): `np.convolve`, at all places at which the vectors overlap
correlate(x, y): the sums of products of the first vector with the second, moved along it

## Linear algebra
solve(a, b): `np.linalg.solve`
triangular_solve(a, b; lower, transpose, unit_diagonal): the same for a triangular matrix
sparse_matmul(data, rows, columns, x; shape): the product of the sparse matrix with these entries, and a dense one
cholesky(a; upper): `np.linalg.cholesky`
inv(a; checked): `np.linalg.inv`; without a check, infinities where a is singular
pinv(a; hermitian): `np.linalg.pinv`
det(a): `np.linalg.det`
slogdet(a): `np.linalg.slogdet`
adjugate(a, d1, ...): the adjugate matrix (the derivative of `det`), or its derivative in directions [one direction]
eigh(a; lower, vectors): eigenvalues, and vectors, of Hermitian matrices
eig(a; vectors): the same of any matrices
svd(a; full_matrices, compute_uv): `np.linalg.svd`
qr(a; mode): `np.linalg.qr`
matrix_function(a, d1, ...; f): f of a Hermitian matrix, or its derivative in directions [one direction]
turn(p, f, tie; strict): `f * p`, with NaN where p is not 0 at a tie: how eigenvectors turn into one another
undetermined(x, tie): NaN where x is not 0 at a tie, else 0
free_columns(x, q, tie; backward): x; backwards NaN where it turns the columns q at a tie among themselves
is_defective(v): whether eigenvectors are too nearly dependent for derivatives
nan_if(found; what): NaN with a warning where it is true, else 0
roots(p; count): the roots of polynomials
lu(a): order of the rows, lower and upper factor: `a = l[order] @ u`
schur(a; output): `scipy.linalg.schur`, without a derivative
hessenberg(a): a Hessenberg matrix and reflections, as LAPACK packs them, without a derivative
tridiagonal(a; lower): a tridiagonal matrix and reflections, as LAPACK packs them, without a derivative
pivoted_columns(a): the order of columns in a QR decomposition with pivots
row_exchanges(order; count): the exchanges of rows, one after the other, that give an order
exchanged_rows(pivots; rows): the order that exchanges give
hessenberg_form(a): `scipy.linalg.hessenberg`, with the factor q
ldl(a; lower, hermitian): `scipy.linalg.ldl`
null_basis(a; rank, rcond): orthonormal columns that a maps to zero
range_basis(a; rank, rcond): orthonormal columns of what a maps to
analytic(a, d1, ...; of, exponent): a function of a matrix of `scipy.linalg`, or its derivative in directions [one direction]
sylvester(a, b, q): the x with `a @ x + x @ b = q`

## Fourier transforms
fft(x; transform, n, axis, norm): `np.fft.fft`, `ifft`, `rfft` or `irfft` along one axis
linear_filter(x, b, a; axis): a recursive filter with known coefficients, by `scipy.signal`
spline_filter(x; order, axis, mode, transposed): the coefficients of splines through equally spaced values, by `scipy.ndimage`
dct(x; transform, type, axis, norm, orthogonalize): `scipy.fft.dct` or `dst` along one axis
fht(x; inverse, dln, mu, offset, bias): `scipy.fft.fht` or `ifht`

## Random numbers
threefry2x32(k0, k1, x0, x1): counters encrypted with keys: what all random bits are
random_bits(key; shape, width): unsigned integers of so many bits
unit_floats(bits; dtype): numbers from 0 to 1, of the high bits
sample(key, ...; distribution, shape, dtype): numbers that NumPy draws by rejection

## Programs
jit(...; jaxpr, name): the call of a program [as the program]
checkpoint(...; jaxpr, policy, name, again): a call, computed again where its derivative needs it [as the program]
cond(index, ...; branches): one of several programs [as the branches]
scan(...; num_consts, num_carry, length, reverse, progress, jaxpr): a loop over arrays or stacks [as its program]
while(...; num_cond, num_body, ticks, cond, body): a loop that ends when `cond` says so
custom_function(...; fun, rules): a Python function with derivative rules of its own, outside of programs
custom(...; jaxpr, rules, hoisted): the same, as a program [as the program]
custom_jvp(...; jaxpr, primal, rules): the JVP of such a function where it may be transposed later [the tangents]
custom_linear(...; rule, residuals, inputs, out_avals): the derivative of a function with a VJP rule [the tangents]
linear_zeros(t; shape, dtype): zeros that count as linear in t
custom_vmap(...; jaxpr, rule, hoisted): a function with a batching rule of its own [as the program]
linear_call(...; jaxpr, transposed, residuals): a linear function with a transpose of its own [the operands]

## Effects and callbacks
debug_callback(...; callback): a call of a Python function, by `debug.print` and `debug.callback`
io_callback(...; callback, out_avals): a call of a Python function with effects and results
pure_callback(...; callback, out_avals): a call of a Python function of arrays [all, if it has a transpose]
check(holds, ...; message): an error where a value is false

## Named axes
psum(x; axes): the sum over named axes
all_gather(x; axes, count, axis): the values of all examples, along a new axis
axis_index(; axes): the number of the example
pvary(x; axes): x, as a value that may differ between the examples

## Stacks
item(index, stack): one item of a stack; a stack is what a loop of unknown length leaves behind, an item a step
with_item(index, stack, value): the stack with another item there
without_item(index, stack): the stack with a zero there
put(index, value): a stack of zeros but for one item
kept_items(mask, stack): the items where the mask is true, zero for the others
rows(numbers, stack): rows of each item
add_rows(numbers, stack; count): the items' rows added up at these numbers
repeat_items(stack; axis, times): each item repeated along a new axis
sum_items(stack; axis): each item summed along an axis
stack_add(x, y): the sum of two stacks, item by item
merge(index, stack1, ...): for each example the items of the stack that its index names
part(index, stack; number): items with zeros for the examples of other numbers
replace(computed, saved): a saved value in place of a computed one, with the tangent of the computed one
"""


class Entry(NamedTuple):
    """What is written here of a primitive."""

    name: str
    operands: tuple[str, ...]
    params: tuple[str, ...]
    meaning: str
    linear: str | None
    """In which operands it is linear, where the primitive cannot be asked, since it takes any number of them."""


def entry(form: str, meaning: str, linear: str | None) -> Entry:
    """An entry from ``name(operands; parameters)``."""
    name, inside = form.rstrip(")").split("(")
    operands, _, params = inside.partition(";")
    names = [tuple(filter(None, part.strip().split(", "))) for part in (operands, params)]
    return Entry(name, *names, meaning.replace("np.*", f"`np.{name}`"), linear)


def sections() -> list[tuple[str, list[Entry]]]:
    """The titles, with the entries below each."""
    found: list[tuple[str, list[Entry]]] = []
    for line in filter(None, PRIMITIVES.splitlines()):
        if line.startswith("## "):
            found.append((line[3:], []))
        else:
            forms, text = line.split("): ", 1)
            meaning, _, linear = text.removesuffix("]").partition(" [")
            found[-1][1].extend(entry(form, meaning, linear or None) for form in forms.split("), "))
    names = (("x",), ("x", "y"), ("x", "y", "z"), ("x", "y", "z", "w"))
    special = [Entry(f"scipy_{n}", names[f.nin - 1], (), f"`scipy.special.{n}`", None) for n, f in sorted(TABLE.items())]
    return [*found, ("Special functions", special)]


def linear_in(p: Primitive, operands: tuple[str, ...]) -> str:
    """In which operands a primitive is linear."""
    if p.linear is None or "..." in operands:
        return ""
    masks = [m for m in itertools.product([True, False], repeat=len(operands)) if any(m)]
    return " or ".join(", ".join(itertools.compress(operands, m)) for m in masks if p.is_linear_in(m, {}))


def row(e: Entry) -> str:
    """The line of a primitive in the table."""
    p = find_primitive(e.name)
    assert p is not None, e.name
    form = f"{', '.join(e.operands)}{'; ' * bool(e.params)}{', '.join(e.params)}"
    marks = r"\*" * p.multiple_results + "!" * p.effect
    return f"| `{e.name}({form})`{marks} | {type(p.kind).__name__} | {e.linear or linear_in(p, e.operands)} | {e.meaning} |"


def page() -> str:
    """The text of the whole page."""
    parts = [INTRODUCTION]
    for title, entries in sections():
        rows = "\n".join(map(row, entries))
        parts.append(f"## {title}\n\n| primitive | kind | linear in | meaning |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def missing() -> set[str]:
    """The primitives of covector's own that are not written here."""
    find_primitive("no such name")  # loads the modules that are loaded when they are first needed
    written = {e.name for _, entries in sections() for e in entries}
    return {name for name, p in Primitive.registry.items() if p.trusted} - written


if __name__ == "__main__":
    if missing():
        raise SystemExit(f"write an entry for {', '.join(sorted(missing()))}")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"covector {covector.__version__}: {PAGE} written")
