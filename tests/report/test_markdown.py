"""
The report as Markdown: a whole text, and text that could be taken for markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report import render_markdown
from conformance.report.markdown import escaped
from tests.report.examples import BAD, CONFORMING, SPEC, START, end, failure, plan, result

if TYPE_CHECKING:
    from tests.report.conftest import Reading

TEXT = """\
# Conformance of mymodule

**mymodule does not conform: 1 MUST does not hold**

- MUST: 1 fail, 2 unreachable, 1 inconclusive, 1 not-claimed, 1 pass
- SHOULD: 1 fail, 1 unreachable, 1 known-fail
- DEFINED: 1 harness-error
- 225 examples, 400 operations in 31 s after 2 s of start-up
- suite 0.1.0, profile quick, seed 7, Python 3.11.7
- started 2026-01-02

### RANGE-1 MUST: a range is a slice

```text
  `get(path, start, end)` returns `value[start:end]` for 0 <= start <= end.
  place     moto, test_something, case zero-zero
  example   key: 'a'
            value: b'\\x00'
            start, end: 0, 0
  expected  b''
  observed  b'\\x00'
  requests  PUT /conf-1/r1/e1/a -> 200, signed by root
            GET /conf-1/r1/e1/a -> 206
  replay    deeplake-conformance replay RANGE-1 --place moto --seed 7 --target mymodule
  also      1 more: test_something, case at-the-end
```

### RANGE-2 SHOULD: no negative bounds

```text
  A negative bound raises ValueError before any request.
  place     mem, test_something
  expected  ValueError to be raised
  observed  the result b''
  replay    deeplake-conformance replay RANGE-2 --place mem --seed 7 --target mymodule
```

### LIST-2 DEFINED: a bucket's root has a rule  \\[harness-error\\]

```text
  What `list_dirs` does at the root of a bucket is one behaviour.
  place     moto, test_something
  reason    KeyError: 'x'
  Traceback: here
    there
```

## ranges

| requirement | level | mem | moto | azurite | examples |
|---|---|---|---|---|---:|
| RANGE-1: a range is a slice | MUST | pass | fail | unreachable | 75 |
| RANGE-2: no negative bounds | SHOULD | fail | known-fail | unreachable | 50 |

## listing

| requirement | level | mem | moto | azurite | examples |
|---|---|---|---|---|---:|
| LIST-1: a listing is complete | MUST | not-claimed | inconclusive | unreachable | 75 |
| LIST-2: a bucket's root has a rule | DEFINED | - | harness-error | - | 25 |

## What else is to be known

- target: mymodule, in-process
- services: moto 5.2.5 (native)
- witness: on mem it is a second handle of the target: nothing else sees its memory
- unreachable: azurite: no node on PATH (hint: pip install "deeplake-conformance\\[native\\]")
- unreachable: RANGE-1 on azurite, RANGE-2 on azurite, LIST-1 on azurite: azurite: no node on PATH
- inconclusive: LIST-1 on moto key-with-emoji: moto stores another name
- known-fail: RANGE-2 on moto: not built yet (https://example.org/1)
- not-claimed: LIST-1 on mem: listing is not among the areas of the claims
- gone: LIST-1 key-with-empty-segment: moto no longer shows this divergence: moto folds empty segments
"""


def test_a_run_with_a_verdict_of_each_kind(read: Reading) -> None:
    """The same facts as on the terminal, and every requirement on every place."""
    assert render_markdown(read(BAD)) == TEXT


def test_every_requirement_stands_in_it(read: Reading) -> None:
    """Also what was not asked for."""
    lines = [START | {"only": ["RANGE-1"]}, plan("RANGE-1", "mem"), result("RANGE-1", "mem"), end()]

    text = render_markdown(read(lines))

    assert "| RANGE-1: a range is a slice | MUST | pass | - | 25 |" in text
    for identity in set(SPEC) - {"RANGE-1"}:
        assert (
            f"| {identity}: {escaped(SPEC[identity].title)} | {SPEC[identity].level} | not-run | not-run | 0 |" in text
        )


def test_strict_is_passed_on(read: Reading) -> None:
    """A SHOULD that fails changes the word."""
    lines = [*CONFORMING[:-1], result("RANGE-2", "mem", "fail"), end()]

    assert "**mymodule does not conform: 1 SHOULD does not hold**" in render_markdown(read(lines), strict=True)


def test_nothing_of_a_key_becomes_markup() -> None:
    """Cells, links, code, HTML, mentions and control characters stay what they are."""
    assert escaped("a|b") == "a\\|b"
    assert escaped("`x` *y* _z_") == "\\`x\\` \\*y\\* \\_z\\_"
    assert escaped("[a](b) @me #1") == "\\[a\\](b) \\@me \\#1"
    assert escaped("<script>&amp;") == "&lt;script\\>&amp;amp;"
    assert escaped("a\nb\x1b\ud800\\") == "a b\\\\x1b\\\\ud800\\\\"


def test_a_key_with_backticks_stays_inside_its_block(read: Reading) -> None:
    """The fence is longer than any row of backticks inside."""
    parts = failure("RANGE-1", "mem", example="````\n# not a heading")
    text = render_markdown(read([*CONFORMING[:-1], result("RANGE-1", "mem", "fail", failure=parts), end()]))

    assert "\n`````text\n" in text
    assert text.count("\n`````\n") == 1
