"""Statements that make arrays, or give one more names."""

from __future__ import annotations

from statements import BINARY, COPIES, UNARY, Writer, statement

# --- new names ---------------------------------------------------------------------------------------------------------


def named(w: Writer, text: str | None) -> str | None:
    """The text as a new variable."""
    if text is None:
        return None
    name = w.new()
    w.names.append(name)
    return f"{name} = {text}"


@statement(5)
def view(w):
    found = w.any_view()
    return found and named(w, found[0])


@statement(3)
def copied(w):
    found = w.any_view()
    return found and named(w, w.r.choice(COPIES).replace("{0}", "{}").replace("{}", found[0]))


@statement(3)
def computed(w):
    found = w.pick()
    if found is None:
        return None
    text = w.r.choice(UNARY).replace("{}", found[0])
    return named(w, text if w.r.random() < 0.5 else w.r.choice(BINARY).format(text, w.fitting(found[1].shape)))


@statement(4)
def created(w):
    r = w.r
    found = w.pick()
    if found is None:
        return None
    like, a = found
    shape = a.shape if r.random() < 0.6 else tuple(r.randint(1, 4) for _ in range(r.randint(1, 2)))
    options = r.choice(
        ("", "", "", "", ", order='F'", ", dtype=int", ", dtype=complex", ", dtype=np.float32", ", dtype=bool", ", float")
    )
    how = r.random()
    if how < 0.35:
        return named(w, f"np.{r.choice(('zeros', 'ones'))}({shape}{options})")
    if how < 0.6:
        maker = r.choice(
            (
                "zeros_like({a})",
                "ones_like({a})",
                "zeros_like({a}, dtype=float)",
                "full_like({a}, {s})",
                "zeros_like({a}, order='C')",
            )
        )
        return named(w, "np." + maker.format(a=like, s=w.scalar()))
    if how < 0.7:
        return named(w, f"np.full({shape}, {w.scalar()}{r.choice(('', '', ', float'))})")
    if how < 0.85:
        n = shape[0] if shape else 2
        return named(
            w,
            r.choice(
                (
                    f"np.arange({n}.0)",
                    f"np.arange({n})",
                    f"np.eye({n})",
                    f"np.identity({n})",
                    f"np.linspace({w.scalar()}, 1.0, {n})",
                    f"np.tri({n})",
                )
            ),
        )
    row = ", ".join(w.scalar() for _ in range(r.randint(1, 3)))
    return named(
        w,
        r.choice(
            (f"np.array([{row}])", f"np.array([[{row}], [{row}]])", f"np.asarray([{row}], dtype=float)", f"np.stack([{row}])")
        ),
    )


@statement(2)
def empty(w):
    """Memory that nobody may read before it is written."""
    found = w.pick(lambda a: a.size > 0)
    if found is None:
        return None
    like, a = found
    name = w.new()
    w.names.append(name)
    maker = w.r.choice(
        (
            f"np.empty({a.shape})",
            f"np.empty({a.shape}, order='F')",
            f"np.empty_like({like})",
            f"np.empty({a.shape}, dtype=complex)",
        )
    )
    value = w.value(a.shape)
    if a.ndim and w.r.random() < 0.5:
        return f"{name} = {maker}\nfor i in range({len(a)}):\n    {name}[i] = {w.value(a.shape[1:])}"
    return f"{name} = {maker}\n" + w.r.choice(
        (f"{name}[...] = {value}", f"{name}.fill({w.scalar()})", f"np.copyto({name}, {value})")
    )


@statement(1)
def c_memory(w):
    """Arrays that compiled code made, and memory that it goes on holding."""
    r = w.r
    found = w.pick(lambda a: a.ndim == 1 and a.flags.c_contiguous and a.size > 0)
    shape = found[1].shape if found else (3,)
    texts = [
        f"np.random.default_rng({r.randrange(9)}).normal(size={shape})",
        f"np.random.RandomState({r.randrange(9)}).rand{shape}",
        "np.frombuffer(bytearray(24))",
        "np.frombuffer(bytes(16))",
        "np.fromiter([0.5, 1.5], float)",
        "np.array([0.5, 1.5, 2.5]).tolist()",
        "np.linalg.solve(np.eye(2) * 2.0, [1.0, 2.0])",
    ]
    if found:
        texts += [f"np.frombuffer({found[0]})", f"np.asarray(memoryview({found[0]}))", f"np.frombuffer({found[0]}.data)"]
        texts += [
            f"np.frombuffer({found[0]}.tobytes())",
            f"{found[0]}.tolist()",
            f"list({found[0]})",
            f"memoryview({found[0]})",
        ]
    name = w.new()
    text = r.choice(texts)
    if "tolist" in text or "list(" in text or text.startswith("memoryview"):
        return f"{name} = {text}\n{w.new()}0 = np.array({name})" if r.random() < 0.7 else f"{name} = {text}"
    w.names.append(name)
    return f"{name} = {text}"


# --- aliases -----------------------------------------------------------------------------------------------------------


@statement(2)
def alias(w):
    """The same array, or a view, by another name: in a list, a dictionary, an attribute, a variable."""
    first, second = w.any_view(), w.pick()
    if first is None or second is None:
        return None
    name, a, b = w.new(), first[0], second[0]
    text, *places = w.r.choice(
        (
            (f"{name} = [{a}, {b}]", f"{name}[0]", f"{name}[1]"),
            (f"{name} = {{'p': {a}, 'q': {b}}}", f"{name}['p']", f"{name}['q']"),
            (f"{name} = Box(p={a}, q={b})", f"{name}.p", f"{name}.q"),
            (f"{name} = ({a}, {b})", f"{name}[0]", f"{name}[1]"),
            (f"{name} = {b}", name),
            (f"{name}, {name}2 = {a}, {b}", name, f"{name}2"),
        )
    )
    w.names += places
    return text


@statement(1)
def exchanged_names(w):
    a, b = w.pick(), w.pick()
    return a and b and f"{a[0]}, {b[0]} = {b[0]}, {a[0]}"


@statement(1)
def unpacked(w):
    found = w.any_view(lambda a: a.ndim > 0 and 1 < len(a) < 4)
    if found is None or found[1].ndim < 2:
        return None
    names = [f"{w.new()}{i}" for i in range(len(found[1]))]
    w.names += names
    return f"{', '.join(names)} = {found[0]}"


@statement(0.5)
def split_names(w):
    found = w.pick(lambda a: a.ndim > 0 and len(a) > 1)
    if found is None:
        return None
    name = w.new()
    w.names += [f"{name}[0]", f"{name}[1]"]
    return f"{name} = " + w.r.choice(("np.array_split({}, 2)", "np.split({}, [1])", "list({})[:2]", "[*{}][:2]")).format(
        found[0]
    )
