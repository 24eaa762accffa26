"""How `covector.numpy` conforms to the array API standard, checked against the standard's own text.

    python -m pip install --no-deps array-api==1.0.0
    python tests/numpy/standard                                    # signatures, special cases, random calls: minutes
    python tests/numpy/standard --part special --function exp pow
    python tests/numpy/standard --text array_api-1.0.0-py3-none-any.whl --version 2024_12

A failure is a function that does here what NumPy does not; what NumPy itself fails is counted beside.  The exit status is the
number of failures.  The tests of the package need none of this: they compare with NumPy, call by call.
"""

from __future__ import annotations

import argparse
import sys

import generated
import reading
import signatures
import special

PARTS = "signatures special generated".split()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", help="the wheel with the standard's text, where it is not installed")
    parser.add_argument("--version", default="draft", help="of the standard: draft (2025.12), 2024_12")
    parser.add_argument("--part", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--function", nargs="*", help="only these, as in add linalg.qr Array.__dlpack__")
    parser.add_argument("--examples", type=int, default=20, help="random calls of a function")
    parser.add_argument("--how", nargs="*", default="plain source native jvp vmap".split(), help="ways of a random call")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    functions = reading.functions(reading.source(given.text, given.version))
    if given.function:
        functions = [f for f in functions if f.name in given.function]
    failures: list[str] = []
    if "signatures" in given.part:
        checked, there, here = signatures.of_functions(functions)
        attributes, lacking = signatures.of_the_array_object(functions)
        print(f"signatures: {checked} checked, {len(there)} fail in NumPy, {len(here)} only here")
        print(f"array object: {attributes} attributes and methods, {len(lacking)} lacking in traced values")
        failures += [*here, *lacking]
    if "special" in given.part:
        count, found = special.check(functions)
        print("special cases:", ", ".join(f"{n} {what}" for what, n in count.items()))
        failures += found
    if "generated" in given.part:
        calls, wrong = generated.check(functions, given.examples, given.how)
        print("random calls:", ", ".join(f"{n} {what}" for what, n in calls.items()))
        failures += [f"{key}: {text}" for key, text in wrong.items() if not key.startswith("NumPy ")]
    print(*failures, sep="\n")
    return len(failures)


if __name__ == "__main__":
    sys.exit(min(main(), 100))
