"""Write values_of_jax.json and names_of_jax.json: ``JAX_ENABLE_X64=1 python record_values.py``, with JAX installed."""

import json
from pathlib import Path

import cases
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def recorded(value):
    return [[str(np.asarray(v).dtype), list(np.shape(v)), np.asarray(v).ravel().tolist()] for v in jax.tree.leaves(value)]


found = []
for expression, args in cases.SMOOTH + cases.CONSTANT:
    args = [jnp.asarray(a) for a in args]

    def f(*args, expression=expression):
        return eval(expression, {"lax": lax, "np": np, **dict(zip("xy", args, strict=False))})

    def weighted(*args, f=f):
        out = f(*args)
        return jnp.sum(out * jnp.cos(jnp.arange(out.size)).reshape(out.shape))

    entry = [expression, recorded(f(*args))]
    if len(found) < len(cases.SMOOTH):
        try:
            entry.append(recorded(jax.grad(weighted, tuple(range(len(args))))(*args)))
        except (NotImplementedError, ValueError) as e:
            print(expression, e)
    found.append(entry)
Path(__file__).with_name("values_of_jax.json").write_text("[\n" + ",\n".join(json.dumps(e) for e in found) + "\n]\n")
names = [name for name in dir(lax) if not name.startswith("_") and not name.endswith("_p")]
Path(__file__).with_name("names_of_jax.json").write_text(json.dumps(names) + "\n")
