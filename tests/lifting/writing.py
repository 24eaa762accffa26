"""Statements that write into an array: by an index, through a function, ``out=``, over themselves, of several targets."""

from __future__ import annotations

from naming import named
from statements import AUGMENTED, UFUNCS, Writer, statement


def selected(w: Writer, text: str, key: str) -> tuple[int, ...] | None:
    found = w.value_of(f"{text}[{key}]")
    return getattr(found, "shape", () if found is not None else None)


@statement(9)
def write(w):
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    key = w.key(*found)
    shape = selected(w, found[0], key)
    return None if shape is None else f"{found[0]}[{key}] = {w.value(shape)}"


@statement(6)
def augmented(w):
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    text, a = found
    operators = AUGMENTED if w.r.random() < 0.2 else AUGMENTED[:4]
    place, shape = text, a.shape
    if w.r.random() < 0.6 or not text.isidentifier():
        key = w.key(text, a)
        place, shape = f"{text}[{key}]", selected(w, text, key)
        if shape is None:
            return None
    operator = w.r.choice(operators)
    value = w.value(shape)
    value = {"/=": f"(2.0 + np.cos({value}))", "%=": f"(2 + abs({value}))", "**=": "2"}.get(operator) or value
    return f"{place} {operator} {value}"


@statement(2)
def name_augmented(w):
    """A variable, or a place in a list: Python binds the result again."""
    found = w.pick(lambda a: a.flags.writeable)
    return found and f"{found[0]} {w.r.choice(AUGMENTED[:3])} {w.value(found[1].shape)}"


@statement(2)
def nested(w):
    found = w.target(lambda a: a.ndim > 1 and a.size > 0)
    if found is None:
        return None
    text = found[0] + w.r.choice(
        ("[0][0]", "[1:][0]", "[::-1][-1]", "[:, 0][1:]", "[-1][::-1]", ".T[0][1:]", "[0][...]", "[:1][0][:1]", "[[0, 1]][0]")
        if w.r.random() < 0.7
        else (
            f"[np.argmax({found[0]}) % {len(found[1])}][0]",
            f"[np.argmin({found[0]}[0]) - 1][...]",
            f"[:, np.argmax({found[0]}[:, -1]) % 2][1:]",
        )
    )
    a = w.value_of(text)
    return None if a is None else f"{text} {w.r.choice(('=', '=', '+=', '*='))} {w.value(getattr(a, 'shape', ()))}"


@statement(2)
def flat(w):
    found = w.target(lambda a: a.size > 1)
    if found is None:
        return None
    text, a = found
    r = w.r
    key = r.choice((str(r.randrange(a.size)), "-1", "1:", ":2", "::2", "[0, -1]", "...", "::-1" if r.random() < 0.3 else ":"))
    value = w.scalar() if r.random() < 0.5 else r.choice((f"[{w.scalar()}, {w.scalar()}]", w.value(a.shape)))
    return r.choice(
        (
            f"{text}.flat[{key}] = {value}",
            f"{text}.flat[{key}] += {w.scalar()}",
            f"{text}.flat = {value}",
            f"{text}.flat[{key}] = {w.scalar()}",
        )
    )


@statement(4)
def written_by_function(w):
    r = w.r
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    t, a = found
    n = a.shape[0] if a.ndim else 1
    v, s, k = w.value(a.shape), w.scalar(), r.randrange(a.size)
    texts = [
        f"np.copyto({t}, {v})",
        f"np.copyto({t}, {v}, where={w.mask(t, a)})",
        f"np.copyto({t}, {v}, casting='unsafe')",
        f"np.put({t}, [{k}, -1], {r.choice((s, f'[{s}, {w.scalar()}]', v))})",
        f"np.put({t}, [{k}, {a.size}], {s}, mode={r.choice(('wrap', 'clip'))!r})",
        f"np.put({t}, [np.argmax({t}), {k}], {r.choice((s, f'[{s}, {w.scalar()}]', v))})",
        f"{t}.flat[[{k}, np.argmin({t})]] = {s}",
        f"{t}.put([{k}], {s})",
        f"np.place({t}, {w.mask(t, a)}, {r.choice((f'[{s}]', f'[{s}, 0.5]', v))})",
        f"np.putmask({t}, {w.mask(t, a)}, {r.choice((v, s, f'[{s}, 0.5]'))})",
        f"{t}.fill({s})",
        f"{t}.sort()",
        f"{t}.sort({r.choice(('0', '-1', 'axis=None'))})",
        f"{t}[::-1].sort(0)",
        f"{t}.partition({n // 2}, axis=0)",
        f"np.nan_to_num({t}, copy=False)",
        f"store({t}, {v})",
        f"scale({t}, {s})",
        f"normalise({t})",
        f"np.clip({t}, -0.75, {r.choice(('0.75', 'None'))}, out={t})",
        f"{t}.clip(-0.5, 0.5, {t})",
        f"np.random.default_rng(1).shuffle({t})",
    ]
    if a.ndim:
        i, j = r.randrange(n), r.randrange(n)
        rows = w.value((2, *a.shape[1:]))
        texts += [
            f"bump({t}, {i}, {s})",
            f"shift({t})",
            f"smooth({t})",
            f"exchange({t}, {i}, {j})",
            f"np.{r.choice(UFUNCS[:6])}.at({t}, [{i}, {j}], {r.choice((s, rows))})",
            f"np.add.at({t}, ({i},), {s})",
            f"np.{r.choice(('negative', 'sin', 'square'))}.at({t}, [{i}])",
            f"np.put_along_axis({t}, np.argmax({t}, axis=-1, keepdims=True), {s}, axis=-1)",
            f"np.put_along_axis({t}, np.argsort({t}, axis=0), {v}, axis=0)",
        ]
    if a.ndim > 1:
        texts += [
            f"np.fill_diagonal({t}, {s})",
            f"np.fill_diagonal({t}, {w.value((min(a.shape),))})",
            f"np.fill_diagonal({t}, {s}, wrap=True)",
        ] * 2
    return r.choice(texts)


@statement(4)
def out(w):
    r = w.r
    found = w.target(lambda a: a.size > 0)
    if found is None:
        return None
    t, a = found
    u, v = w.value(a.shape), w.value(a.shape)
    where = r.choice(("", "", f", where={w.mask(t, a)}"))
    texts = [
        f"np.{r.choice(('add', 'subtract', 'multiply', 'maximum', 'minimum'))}({u}, {v}, out={t}{where})",
        f"np.{r.choice(('sin', 'cos', 'tanh', 'negative', 'square', 'exp', 'abs', 'conjugate'))}({u}, out={t}{where})",
        f"np.add({u}, {v}, {t})",
        f"np.multiply({t}, {v}, out=({t},))",
        f"np.true_divide({u}, 3.0, out={t}, casting='unsafe')",
        f"np.round({u}, 1, out={t})",
        f"np.take({t}, [0], axis=0, out={t}[:1])",
    ]
    reduced = w.any_view(lambda b: b.ndim > 0 and b.shape[1:] == a.shape)
    if reduced:
        b = reduced[0]
        texts += [f"np.{f}({b}, axis=0, out={t})" for f in ("sum", "mean", "max", "prod", "add.reduce")] + [
            f"{b}.sum(0, out={t})"
        ]
        texts += [f"np.take({b}, 0, axis=0, out={t})", f"np.einsum('i...->...', {b}, out={t})"]
    if a.ndim:  # without an axis NumPy 2.4 crashes
        texts += [f"np.cumsum({t}, axis=0, out={t})", f"np.add.accumulate({t}, axis=-1, out={t})"]
    if a.ndim == 2 and a.shape[0] == a.shape[1]:
        texts += [
            f"np.matmul({t}, {t}.T, out={t})",
            f"np.dot({t}, {t}, out={t})" if r.random() < 0.3 else f"np.dot({t}.copy(), {t} + 1, out={t})",
        ]
    if a.ndim and len(a) % 2 == 0:
        half = w.value((len(a) // 2, *a.shape[1:]))
        texts += [f"np.concatenate([{t}[1::2], {t}[::2]], out={t})"] * (r.random() < 0.1)
        texts += [f"np.concatenate([{half}, {half}], out={t})"] * (half[0] not in "[(")
    if a.ndim and len(a) > 1:
        texts += [f"np.divmod({t}[0], 1.5, out=({t}[0], {t}[1]))", f"np.add({t}[1:], {t}[:-1], out={t}[1:])"]
    text = r.choice(texts)
    return named(w, text) if r.random() < 0.2 else text


@statement(2)
def overlapping(w):
    found = w.target(lambda a: a.ndim > 0 and a.size > 1)
    if found is None:
        return None
    t, a = found
    texts = [
        f"{t}[1:] = {t}[:-1]",
        f"{t}[1:] += {t}[:-1]",
        f"{t}[:] = {t}[::-1]",
        f"{t}[:-1] *= {t}[1:]",
        f"{t} += {t}[::-1]" if t.isidentifier() else "",
    ]
    texts += [
        f"np.copyto({t}[1:], {t}[:-1])",
        f"{t}[0] = {t}[-1]",
        f"{t}[[0, 1]] = {t}[[1, 0]]",
        f"{t}[::-1] = {t}",
        f"{t}[...] = {t}[0]",
    ]
    if a.ndim == 2 and a.shape[0] == a.shape[1]:
        texts += [
            f"{t} += {t}.T" if t.isidentifier() else f"{t}[...] += {t}.T",
            f"{t}[:] = {t}.T",
            f"{t}[0] = {t}[:, 0]",
            f"{t} -= {t}[:, :1]",
            f"{t}[:, 1] += {t}[1]",
        ]
    return w.r.choice([text for text in texts if text])


@statement(1.5)
def swap(w):
    found = w.target(lambda a: a.ndim > 0 and len(a) > 1 and a.size > 0)
    if found is None:
        return None
    t, a = found
    i, j = w.r.sample(range(len(a)), 2)
    k = i % a.shape[-1]
    return w.r.choice(
        (
            f"{t}[{i}], {t}[{j}] = {t}[{j}], {t}[{i}]",
            f"{t}[{i}], {t}[{j}] = {t}[{j}].copy(), {t}[{i}].copy()",
            f"{t}[[{i}, {j}]] = {t}[[{j}, {i}]]",
            f"{t}[..., {k}], {t}[..., -1] = {t}[..., -1], {t}[..., {k}]",
            f"r = {t}[{i}]\n{t}[{i}] = {t}[{j}]\n{t}[{j}] = r",
            f"p = np.argmax({t}) % {len(a)}\n{t}[[{i}, p]] = {t}[[p, {i}]]",
        )
    )


@statement(1)
def new_shape(w):
    found = w.pick(lambda a: a.size > 1 and a.flags.writeable)
    if found is None:
        return None
    t, a = found
    return f"{t}.shape = {w.r.choice((a.shape[::-1], (a.size,), (-1,), (1, *a.shape), (a.shape[-1], -1) if a.ndim else (1,)))}"


@statement(1)
def complex_parts(w):
    found = w.target(lambda a: a.dtype.kind == "c") or w.target(lambda a: a.ndim > 0)
    if found is None:
        return None
    t, a = found
    v = w.value(a.shape)
    texts = (
        f"{t}.real = {v}",
        f"{t}.imag = {v}",
        f"{t}.real[...] = {v}",
        f"{t}.imag += {v}",
        f"{t}.real[0] = {w.scalar()}",
        f"{t}.imag.T[...] = {w.scalar()}",
    )
    return w.r.choice((*texts, f"{t}.real *= {v}", f"np.sin({t}.real, out={t}.imag)", f"{t} *= 1j"))


@statement(1.5)
def chained(w):
    """Several targets of one assignment, and writes that are calls."""
    r = w.r
    found = w.target(lambda a: a.ndim > 0 and len(a) > 1)
    other = w.target(lambda a: a.ndim > 0)
    if found is None or other is None:
        return None
    t, a = found
    b, row, s = other[0], w.value(a.shape[1:]), w.scalar()
    return r.choice(
        (
            f"{t}[0] = {b}[0] = {s}",
            f"{t}[1] = {t}[0] = {t}[-1]",
            f"{t}[0], {b}[-1] = {row}, {s}",
            f"{t}[0], {b}[0] = {b}[0], {t}[0]",
            f"{t}[0], *rest = {t}[::-1]",
            f"{t}.__setitem__(0, {row})",
            f"operator.setitem({t}, 1, {t}[0])",
            f"operator.iadd({t}, {s})",
            f"{t}.__iadd__({row})",
            f"setattr(Box(), 'p', {t})",
            f"list(map(scale, {t}))",
            f"[scale(u) for u in {t}]",
            f"for part in np.array_split({t}, 2):\n    part *= 2",
            f"for part in (*np.array_split({t}, 2), {b}):\n    part[...] = {s}",
            f"[store(u, {s}) for u in {t}]",
            f"{b}[0] = sum({t}.ravel())",
            f"{t}[...] = np.array([u * 0.5 for u in {t}])",
            f"{t}[0] = sum(u for u in {t})",
        )
    )
