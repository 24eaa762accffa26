"""Calls of JAX's primitive level: ``(expression of lax and of the arguments, arguments)``; no library but NumPy."""

import numpy as np

x, y = np.array([0.3, -1.2, 2.5]), np.array([0.7, 2.1, -0.4])
p, q, u = np.array([0.3, 1.2, 2.5]), np.array([0.7, 2.1, 0.4]), np.array([0.2, 0.5, -0.7])
m, t = np.arange(6.0).reshape(2, 3) ** 1.3 - 2, np.sin(np.arange(24.0)).reshape(2, 3, 4)
i, j, b = np.array([7, -7, 5]), np.array([2, 2, -3]), np.array([5, -3, 0], np.int32)

image, kernel = np.sin(np.arange(40.0)).reshape(1, 2, 4, 5), np.cos(np.arange(12.0)).reshape(3, 2, 1, 2)
CONVOLUTIONS = [
    "(1, 2), 'SAME'",
    "(2, 1), [(1, -1), (0, 2)], (2, 3), (1, 2)",
    "(1, 1), 'VALID', None, (1, 2), ('NCHW', 'OIHW', 'HWNC')",
    "(1, 2), 'SAME_LOWER', dimension_numbers=('NCHW', 'HOIW', 'NWHC'), feature_group_count=2",
]
TRANSPOSES = ["(2,), 'SAME'", "(3,), 'VALID', (2,)", "(2,), [(1, 2)]", "(2,), [(1, 0)], use_consistent_padding=True"]
GATHERED = [
    "np.array([[1], [5]]), lax.GatherDimensionNumbers((0, 2), (2,), (1,)), (1, 2, 1), mode='clip'",
    "np.array([[1, 2], [5, 0]]), lax.GatherDimensionNumbers((1,), (0, 2), (2, 0)), (1, 2, 1), mode='fill', fill_value=0.5",
    "np.array([[2], [0]]), lax.GatherDimensionNumbers((0,), (1,), (1,), (0,), (0,)), (1, 1, 4), mode='clip'",
    "np.array([0, 1]), lax.GatherDimensionNumbers((0, 1, 2), (), (1, 0)), (2, 2, 4), mode='fill', fill_value=0.0",
]
ROWS, ROWS_OF_UPDATES = "np.array([[1], [0]])", "lax.ScatterDimensionNumbers((1,), (0,), (1,))"

ROUNDED = np.array([0.0, -0.0, 1e-9, 6e-5, 3e-5, 65519, 65520, 1e9, -1e-9, 1.5, 0.3, 3.3, 1.9, 5e-324, 1e-310, np.nan, -np.inf])
KEY, ALGORITHM = "np.array([5, 1, 2**32 - 3, 7], np.uint32)", "algorithm=lax.RandomAlgorithm.RNG_THREE_FRY"
SHAPES = ["()", "(5,)", "(2, 3)", "(3, 3)", "(3, 5, 7)", "(5, 4, 2)", "(1, 1)"]


ENDS = np.array([-np.inf, -2.5, -0.0, 0.0, 1.5, np.inf, np.nan])


def extremes(name):
    """Integers at the ends of a dtype and inside."""
    info = np.iinfo(name)
    return np.array([info.min, info.min + 1, info.max // 3, 0, 7, info.max - 1, info.max, info.max // 2], name)


SMOOTH = [
    *((f"lax.{n}(x)", (x,)) for n in "neg abs square reciprocal exp exp2 expm1 sin cos tan sinh cosh tanh asinh atan".split()),
    *((f"lax.{n}(x)", (x,)) for n in "logistic erf erfc bessel_i0e bessel_i1e cbrt sign floor ceil".split()),
    ("lax.round(x + 0.1)", (x,)),
    *((f"lax.{n}(x)", (p,)) for n in "sqrt rsqrt log log1p lgamma digamma".split()),
    *((f"lax.{n}(x)", (u,)) for n in "asin acos atanh erf_inv".split()),
    ("lax.acosh(x)", (p + 1,)),
    *((f"lax.{n}(x, y)", (x, y)) for n in "add sub mul div rem atan2 max min".split()),
    ("lax.pow(x, y)", (p, q)),
    ("lax.igamma(x, y)", (p, q)),
    ("lax.igammac(x, y)", (p, q)),
    ("lax.zeta(np.full(3, 2.5), x)", (p,)),
    ("lax.betainc(np.full(3, 1.5), np.full(3, 0.7), x)", (q / 3,)),
    ("lax.polygamma(np.full(3, 2.0), x)", (p,)),
    ("lax.integer_pow(x, -3)", (x,)),
    ("lax.clamp(-1.0, x, 1.0)", (x,)),
    ("lax.select(x > 0, x, y)", (x, y)),
    ("lax.select_n(x > 0, x, y)", (x, y)),
    ("lax.real(lax.complex(x, y) * lax.complex(y, x)) + lax.imag(lax.conj(lax.complex(x, y)))", (x, y)),
    ("lax.real(lax.complex(x, 2 * x) ** 3) + lax.imag(lax.complex(x, y) ** 2)", (x, y)),
    ("lax.reshape(x, (3, 2), (1, 0))", (m,)),
    ("lax.broadcast(x, (2,))", (m,)),
    ("lax.broadcast_in_dim(x, (2, 4, 3), (0, 2))", (m,)),
    ("lax.full_like(x, 2.0) * x", (m,)),
    ("lax.expand_dims(x, (0, 2))", (m,)),
    ("lax.squeeze(lax.broadcast_to_rank(x, 3), (0,))", (m,)),
    ("lax.transpose(x, (2, 0, 1))", (t,)),
    ("lax.rev(x, (0, 2))", (t,)),
    ("lax.concatenate([x, x], 1)", (m,)),
    ("lax.pad(x, y, [(1, 2, 0), (0, 1, 2)])", (m, np.float64(0.5))),
    ("lax.pad(x, y, [(-1, 2, 1), (2, -3, 2)])", (m, np.float64(0.5))),
    ("lax.pad(x, y, [(0, 0, 0), (-4, -1, 3)])", (m, np.float64(0.5))),
    ("lax.pad(x, y, [(0, 0, 0), (-2, -2, 3)])", (m, np.float64(0.5))),
    ("lax.slice(x, (0, 1, 0), (2, 3, 4), (1, 1, 3))", (t,)),
    ("lax.slice_in_dim(x, 1, -1, 1, 2)", (t,)),
    ("lax.index_in_dim(x, -1, 1)", (t,)),
    ("lax.index_in_dim(x, 0, 1, keepdims=False)", (t,)),
    ("lax.dynamic_slice(x, (9, -2, 1), (1, 2, 4))", (t,)),
    ("lax.dynamic_slice_in_dim(x, 2, 2, 1)", (t,)),
    ("lax.dynamic_index_in_dim(x, -2, 2, False)", (t,)),
    ("lax.dynamic_update_slice(x, y[:1, :2], (5, -1))", (m, m + 1)),
    ("lax.dynamic_update_slice_in_dim(x, y[:, :2], 2, 1)", (m, m + 1)),
    ("lax.dynamic_update_index_in_dim(x, y[0], 1, 0)", (m, m + 1)),
    ("lax.collapse(x, 1, 3)", (t,)),
    ("lax.collapse(x, 0, 2)", (t,)),
    ("lax.tile(x, (2, 1))", (m,)),
    ("lax.split(x, (1, 2), 1)[1]", (m,)),
    *((f"lax.reduce_{n}(x, (0, 2))", (t,)) for n in "sum prod max min".split()),
    ("lax.reduce(x, y, lax.add, (0, 2))", (t, np.float64(1.5))),
    ("lax.reduce(x, 1.0, lambda a, b: a * b, (1,))", (m,)),
    *((f"lax.{n}(x, 1)", (t,)) for n in "cumsum cumprod cummax cummin cumlogsumexp".split()),
    *((f"lax.{n}(x, 2, reverse=True)", (t,)) for n in "cumsum cumprod cummax cummin cumlogsumexp".split()),
    ("lax.sort(x, 1)", (t,)),
    ("lax.sort_key_val(x, y)[1]", (m[::-1, ::-1], m)),
    ("lax.sort((x, y), num_keys=2)[1]", (np.array([1.0, 0.0, 2.0]), y)),
    ("lax.top_k(x, 2)[0]", (m,)),
    ("lax.dot(x, y)", (m, y)),
    ("lax.dot(x, y)", (x, y)),
    ("lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,))))", (t, np.cos(t).transpose(0, 2, 1))),
    ("lax.dot_general(x, y, (((1, 0), (1, 0)), ((), ())))", (t, np.cos(t))),
    ("lax.batch_matmul(x, y)", (t, np.cos(t).transpose(0, 2, 1))),
    ("lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 2), 'SAME')", (m,)),
    ("lax.reduce_window(x, -np.inf, lax.max, (2, 2), (1, 1), 'VALID')", (m,)),
    ("lax.reduce_window(x, np.inf, lax.min, (1, 2, 2), (1, 1, 3), [(0, 0), (1, 1), (0, 2)])", (t,)),
    ("lax.reduce_window(x, 0.0, lax.add, (1, 2, 2), (1, 2, 1), 'SAME', (1, 2, 1), (1, 1, 2))", (t,)),
    ("lax.reduce_window(x, 1.0, lax.mul, (1, 2, 3), (1, 1, 2), 'SAME_LOWER')", (t,)),
    *((f"lax.conv_general_dilated(x, y, {options})", (image, kernel)) for options in CONVOLUTIONS),
    ("lax.conv_general_dilated(x, y, (1,), 'SAME', batch_group_count=2)", (t, np.cos(t[:, :, :2]))),
    ("lax.conv(x, y, (2,), 'SAME')", (t, np.cos(t[:, :, :2]))),
    ("lax.conv_with_general_padding(x, y, (1,), [(1, 2)], (2,), (2,))", (t, np.cos(t[:, :, :2]))),
    *((f"lax.conv_transpose(x, y, {options})", (t, np.cos(np.arange(24.0)).reshape(3, 4, 2))) for options in TRANSPOSES),
    ("lax.conv_transpose(x, y, (2,), 'SAME', transpose_kernel=True)", (t, np.cos(np.arange(24.0)).reshape(3, 2, 4))),
    ("lax.conv_general_dilated_patches(x, (2, 2), (1, 2), [(0, 1), (1, -1)], (1, 2), (2, 1))", (image,)),
    *((f"lax.gather(x, {options})", (t,)) for options in GATHERED),
    *((f"lax.{n}(x, {ROWS}, y, {ROWS_OF_UPDATES})", (m, m[:, :2] + 3)) for n in "scatter_add scatter_sub scatter_mul".split()),
    (f"lax.scatter(x, {ROWS}, y, {ROWS_OF_UPDATES}, mode='clip', unique_indices=True)", (m, m[:, :1] + 3)),
    *((f"lax.scatter_{n}(x, {ROWS}, y, {ROWS_OF_UPDATES})", (m, m[:, :2] - 0.3)) for n in ("min", "max")),
    ("lax.index_take(x, [np.array([1, -1]), np.array([0, 7])], (0, 2))", (t,)),
    ("lax.conv_general_dilated_local(x, y, (1,), 'VALID', (2,))", (t, np.cos(np.arange(36.0)).reshape(2, 6, 3))),
    ("lax.dot_general(x, y, (((2,), (2,)), ((1,), (1,))), precision='highest')", (t, np.cos(t))),
    ("lax.dot(x, y, precision=lax.Precision.HIGH)", (m, y)),
    ("lax.dot(x, y, dimension_numbers=(((2,), (2,)), ((1,), (1,))))", (t, np.cos(t))),
    ("lax.ragged_dot(x, y, np.array([1, 0, 2]))", (np.cos(t[0].T), np.sin(np.arange(18.0)).reshape(3, 3, 2))),
    ("lax.stack([x, 2 * x], 1)", (m,)),
    ("lax.unstack(x, 2)[1]", (t,)),
    ("lax.broadcast_like(x, y)", (x, m)),
    ("lax.real(lax.fft(x, 'fft', (3, 4)))", (t,)),
    ("lax.imag(lax.fft(x, lax.FftType.RFFT, (3, 4)))", (t,)),
    ("lax.real(lax.fft(lax.complex(x, y), lax.FftType.IFFT, (4,)))", (t, t)),
    ("lax.fft(lax.complex(x, y), 'IRFFT', (3, 7))", (t, np.cos(t))),
    ("lax.approx_max_k(x, 2)[0]", (m,)),
    ("lax.approx_min_k(x, 2, 1)[0]", (t,)),
    ("lax.optimization_barrier((x, y))[1]", (m, x)),
    ("lax.platform_dependent(x, cpu=lambda x: x * x, default=lambda x: x)", (m,)),
    ("lax.composite(lambda x, *, k: x * k, 'my.scale')(x, k=3.0)", (m,)),
    ("lax.stage(x) * 2", (m,)),
]
"""With derivatives."""

CONSTANT = [
    *((f"lax.{n}(x, y)", (i, j)) for n in "add div rem bitwise_and bitwise_or bitwise_xor eq ne lt le gt ge max min".split()),
    *((f"lax.shift_{n}(x, np.array([1, 3, 40], np.int32))", (b,)) for n in "left right_logical right_arithmetic".split()),
    *((f"lax.{n}(x)", (b,)) for n in "bitwise_not population_count clz sign abs".split()),
    *((f"lax.{n}(x)", (b.astype(np.uint8),)) for n in "bitwise_not population_count clz".split()),
    ("[lax.real(lax.complex(x, y)), lax.imag(lax.complex(x, y))]", (ENDS, ENDS[::-1].copy())),
    ("lax.imag(lax.complex(x, y))", (ENDS.astype(np.float32), ENDS[::-1].astype(np.float32))),
    *((f"lax.approx_{n}_k(x, 3)", (ENDS,)) for n in ("max", "min")),
    ("lax.slice_in_dim(x, -3, -1)", (x,)),
    ("lax.is_finite(x)", (np.array([1.0, np.inf, np.nan]),)),
    ("lax.nextafter(x, y)", (x, y)),
    ("lax.round(x)", (np.array([-2.5, -0.5, 0.49999999999999994, 0.5, 1.5, 1e300, -np.inf, np.nan]),)),
    ("lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)", (np.array([-2.5, 0.5, 1.5]),)),
    ("lax.select_n(x, y, 2 * y, 3 * y)", (np.array([2, 0, 1], np.int32), y)),
    ("lax.convert_element_type(x, np.int32)", (x,)),
    ("lax.convert_element_type(x, np.float32)", (i,)),
    ("lax.convert_element_type(x, np.bool_)", (b,)),
    ("lax.full((2,), 3, np.float32)", ()),
    ("lax.iota(np.int32, 3)", ()),
    ("lax.broadcasted_iota(np.float32, (2, 3), 1)", ()),
    *((f"lax.reduce_{n}(x, (0,))", (b,)) for n in "sum prod max min and or xor".split()),
    *((f"lax.reduce_{n}(x, (0,))", (b > 0,)) for n in "and or xor".split()),
    *((f"lax.{n}(x, 1, np.int32)", (m,)) for n in "argmax argmin".split()),
    *((f"lax.{n}(x, 0)", (b,)) for n in "cumsum cumprod cummax cummin sort".split()),
    ("lax.top_k(x, 2)", (np.array([1, 3, 3, 2]),)),
    ("lax.top_k(x, 2)", (np.array([1.0, np.nan, 3.0]),)),
    ("lax.padtype_to_pads((5, 6), (4, 3), (1, 2), 'SAME')", ()),
    ("lax.dynamic_slice(np.arange(5.0), x, (2,))", (np.array([9]),)),
    *((f"lax.bitcast_convert_type(x, np.{n})", (x,)) for n in "int64 uint32 int16 uint8 float32".split()),
    *((f"lax.bitcast_convert_type(x, np.{n})", (np.arange(12, dtype=np.int16).reshape(3, 4),)) for n in ("float64", "float16")),
    ("lax.bitcast_convert_type(x, np.float32)", (np.arange(6, dtype=np.int32),)),
    *((f"lax.reduce_precision(x, {e}, {f})", (ROUNDED,)) for e, f in ((5, 10), (8, 7), (11, 3), (1, 0), (2, 0), (15, 80))),
    *((f"lax.reduce_precision(x, {e}, {f})", (ROUNDED.astype(np.float32),)) for e, f in ((5, 10), (8, 7), (4, 3), (8, 0))),
    *((f"lax.reduce_precision(x, {e}, {f})", (np.arange(-70, 70).astype(np.float16) / 7,)) for e, f in ((5, 2), (4, 3))),
    *(("lax.mulhi(x, y)", (a, a[::-1].copy())) for a in map(extremes, "int8 uint8 int16 uint32 int32 int64 uint64".split())),
    *((f"lax.rng_bit_generator({KEY}, {s}, {ALGORITHM})", ()) for s in SHAPES),
    *((f"lax.rng_bit_generator({KEY}, (3, 2), np.uint{n}, {ALGORITHM})", ()) for n in (8, 16, 64)),
    (f"lax.rng_bit_generator(np.array([1, 2**64 - 2], np.uint64), (5,), np.uint32, {ALGORITHM})", ()),
    ("lax.approx_min_k(x, 2)", (np.array([1.0, 3.0, 2.0]),)),
    ("lax.igamma_grad_a(x, y)", (np.array([2.0, 0.3, 40.0, 2.0, -1.0]), np.array([1.0, 2.5, 38.0, 0.0, 1.0]))),
    ("lax.random_gamma_grad(x, y)", (np.array([2.0, 0.3, 40.0, 2.0]), np.array([1.0, 2.5, 38.0, 0.0]))),
    ("lax.empty((2,), np.int8) * 0", ()),
    ("lax.shape_as_value((2, 3))", ()),
    ("lax.broadcast_shapes((3, 1), (1, 4), (5, 1, 1))", ()),
]
"""Without."""
