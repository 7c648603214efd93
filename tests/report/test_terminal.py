"""
The report on a terminal, as whole texts at 80 columns without colour.
"""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from conformance.report import render_terminal
from conformance.verdicts import WORST_FIRST
from tests.report.conftest import Reading, on_terminal
from tests.report.examples import BAD, CONFORMING, START, end, failure, plan, result

CONFORMING_TEXT = """\
area     mem  moto
ranges   2    2
listing  1    2

target        mymodule, in-process
services      moto 5.2.5 (native)
witness       on mem it is a second handle of the target: nothing else sees its
              memory

mymodule conforms
MUST: 4 pass
SHOULD: 2 pass
DEFINED: 1 pass
175 examples, 350 operations in 31 s after 2 s of start-up
suite 0.1.0, profile quick, seed 7, Python 3.11.7
record: out/record.jsonl
"""

BAD_TEXT = """\
RANGE-1 MUST: a range is a slice
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

RANGE-2 SHOULD: no negative bounds
  A negative bound raises ValueError before any request.
  place     mem, test_something
  expected  ValueError to be raised
  observed  the result b''
  replay    deeplake-conformance replay RANGE-2 --place mem --seed 7 --target mymodule

LIST-2 DEFINED: a bucket's root has a rule  [harness-error]
  What `list_dirs` does at the root of a bucket is one behaviour.
  place     moto, test_something
  reason    KeyError: 'x'
  Traceback: here
    there

area     mem   moto   azurite
ranges   1 1F  1F 1K  2X
listing  1N    1H 1I  1X
a bare number passes, F fail, H harness-error, X unreachable, I inconclusive, K
known-fail, N not-claimed

target        mymodule, in-process
services      moto 5.2.5 (native)
witness       on mem it is a second handle of the target: nothing else sees its
              memory
unreachable   azurite: no node on PATH
              hint: pip install "deeplake-conformance[native]"
unreachable   RANGE-1 on azurite, RANGE-2 on azurite, LIST-1 on azurite:
              azurite: no node on PATH
inconclusive  LIST-1 on moto key-with-emoji: moto stores another name
known-fail    RANGE-2 on moto: not built yet (https://example.org/1)
not-claimed   LIST-1 on mem: listing is not among the areas of the claims
gone          LIST-1 key-with-empty-segment: moto no longer shows this
              divergence: moto folds empty segments

mymodule does not conform: 1 MUST does not hold
MUST: 1 fail, 2 unreachable, 1 inconclusive, 1 not-claimed, 1 pass
SHOULD: 1 fail, 1 unreachable, 1 known-fail
DEFINED: 1 harness-error
225 examples, 400 operations in 31 s after 2 s of start-up
suite 0.1.0, profile quick, seed 7, Python 3.11.7
record: out/record.jsonl
"""

VERBOSE_TABLE = """\
requirement     mem          moto           azurite
RANGE-1 MUST    pass         fail           unreachable
RANGE-2 SHOULD  fail         known-fail     unreachable
LIST-1 MUST     not-claimed  inconclusive   unreachable
LIST-2 DEFINED  -            harness-error  -
- no check of the requirement says anything about the place

"""


def test_a_conforming_run(read: Reading) -> None:
    """The table, what it was run with, and the word."""
    assert on_terminal(read(CONFORMING)) == CONFORMING_TEXT


@pytest.mark.parametrize(
    ("last", "text"),
    [
        ({"turned_away": 0}, "in a network namespace that has the loopback only; nothing was to leave it"),
        ({"turned_away": 3}, "packets and connections without a route: 3"),
        ({"turned_away": 3, "turned_away_outside": 0}, "packets and connections without a route: 3"),
        ({"turned_away": 3, "turned_away_outside": 2}, "without a route: 3, 2 of them during no check"),
    ],
)
def test_a_hermetic_run_says_so(read: Reading, last: dict[str, int], text: str) -> None:
    """And what the kernel turned away; an ordinary run says nothing of it."""
    lines = [START | {"hermetic": True}, *CONFORMING[1:-1], end(**last)]
    said = " ".join(on_terminal(read(lines)).split())

    assert f"{text} witness" in said
    assert "hermetic in a network namespace" in said
    assert "hermetic" not in on_terminal(read(CONFORMING))


def test_a_run_with_a_verdict_of_each_kind(read: Reading) -> None:
    """Failures come first and in full; what was not judged is named with its reason."""
    assert on_terminal(read(BAD)) == BAD_TEXT


def test_verbose_shows_every_requirement(read: Reading) -> None:
    """One row per requirement, one word per place."""
    assert VERBOSE_TABLE in on_terminal(read(BAD), verbose=True)


def test_strict_changes_the_word(read: Reading) -> None:
    """The SHOULD counts, and the numbers agree with the grammar."""
    assert "\nmymodule does not conform: 1 MUST and 1 SHOULD do not hold\n" in on_terminal(read(BAD), strict=True)


def test_a_failed_should_is_named_beside_conforms(read: Reading) -> None:
    """A run can conform and still have something to say."""
    lines = [*CONFORMING[:-1], result("RANGE-2", "mem", "fail"), end()]

    assert "\nmymodule conforms, 1 SHOULD does not hold\n" in on_terminal(read(lines))


def test_a_run_that_was_cut_off_says_what_is_missing(read: Reading) -> None:
    """No `end`: the verdicts that never came are not-run, counted and named."""
    text = on_terminal(read([*CONFORMING[:-4]]))

    assert text == (
        """\
area     mem  moto
ranges   2    2
listing  1R   2R
a bare number passes, R not-run

target        mymodule, in-process
services      moto 5.2.5 (native)
witness       on mem it is a second handle of the target: nothing else sees its
              memory
not-run       LIST-1 on mem, LIST-1 on moto, LIST-2 on moto: the run was cut off
              before it
incomplete    the record has no last line, the run was cut off; 3 verdicts are
              missing at least

mymodule is not judged: 3 not-run, the record is incomplete
MUST: 2 not-run, 2 pass
SHOULD: 2 pass
DEFINED: 1 not-run
100 examples, 200 operations
suite 0.1.0, profile quick, seed 7, Python 3.11.7
record: out/record.jsonl
"""
    )


def test_requirements_that_were_not_asked_for_are_named(read: Reading) -> None:
    """`--only` leaves nothing out in silence."""
    lines = [START | {"only": ["RANGE-1"]}, plan("RANGE-1", "mem"), result("RANGE-1", "mem"), end()]

    text = on_terminal(read(lines))

    assert "\nnot-run       RANGE-2, LIST-1, LIST-2: not asked for\n" in text
    assert "\nmymodule conforms\n" in text


def test_a_requirement_without_a_check_is_named(read: Reading) -> None:
    """A sentence that nobody checks is no pass."""
    lines = [START, plan("RANGE-1", "mem"), result("RANGE-1", "mem"), end()]

    expected = "\nnot-run       RANGE-2, LIST-1, LIST-2: no check says anything about these places\n"
    assert expected in on_terminal(read(lines), width=90)


def test_a_run_in_which_nothing_was_exercised(read: Reading) -> None:
    """The word says so."""
    assert "\nmymodule is not judged: nothing was exercised\n" in on_terminal(read([START, end()]))


def test_many_subjects_are_counted_unless_verbose(read: Reading) -> None:
    """A long list of the same reason stays short."""
    cases = [result("LIST-1", "mem", "inconclusive", case=f"case-{n}", reason="why") for n in range(6)]
    record = read([*CONFORMING[:-1], *cases, end()])

    short = (
        "inconclusive  LIST-1 on mem case-0, LIST-1 on mem case-1, LIST-1 on mem case-2,\n"
        "              LIST-1 on mem case-3 and 2 more: why\n"
    )
    assert short in on_terminal(record)
    assert "LIST-1 on mem case-5: why" in " ".join(on_terminal(record, verbose=True).split())


def test_a_table_that_is_too_wide_is_cut_into_blocks(read: Reading) -> None:
    """Seven places at 60 columns: whole columns, none lost."""
    places = ["mem", "file", "moto", "minio", "versitygw", "azurite", "fake-gcs-server"]
    verdicts = ["pass", "fail", "inconclusive", "known-fail", "not-claimed", "flaky", "pass"]
    results = [result("RANGE-1", place, verdict) for place, verdict in zip(places, verdicts, strict=True)]
    lines = [START | {"places": places}, plan("RANGE-1", *places), *results, end()]

    text = on_terminal(read(lines), width=40)

    assert (
        """\
area    mem  file  moto  minio
ranges  1    1F    1I    1K

area    versitygw  azurite
ranges  1N         1Y

area    fake-gcs-server
ranges  1
"""
        in text
    )
    assert max(len(line) for line in on_terminal(read(lines), width=80).splitlines() if "replay" not in line) <= 80


def test_every_verdict_has_a_letter_of_its_own(read: Reading) -> None:
    """The legend can be read back."""
    from conformance.report.table import LETTERS

    assert set(LETTERS) == set(WORST_FIRST) - {"pass"}
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_long_values_wrap_and_lose_nothing(read: Reading) -> None:
    """Spaces at a line break are part of a key."""
    value = "b'" + "x  " * 60 + "'"
    record = read(
        [*CONFORMING[:-1], result("RANGE-1", "mem", "fail", failure=failure("RANGE-1", "mem", expected=value)), end()]
    )

    lines = on_terminal(record).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  expected"))
    last = next(number for number, line in enumerate(lines) if line.startswith("  observed"))
    shown = " ".join(line[12:] for line in lines[first:last])

    assert all(len(line) <= 80 for line in lines[first:last])
    assert shown.split() == value.split()


HOSTILE = "[red]a[/red] \x1b[31m\x07 \ud800 \u202e \u2028 \x00 é 日本 \U0001f600 ]]> | ` <b> &amp;"
ESCAPED = "[red]a[/red] \\x1b[31m\\x07 \\ud800 \\u202e"


def test_odd_text_prints_escaped(read: Reading) -> None:
    """Markup is text, control characters and lone surrogates become escapes."""
    parts = failure("RANGE-1", "mem", example=HOSTILE, expected=HOSTILE, observed=HOSTILE, what=HOSTILE, replay=HOSTILE)
    parts["requests"] = [{"method": "GET", "target": HOSTILE, "status": None, "signed_by": HOSTILE}]
    lines = [
        START | {"target": {"name": HOSTILE, "door": "stdio", "spec": "x"}},
        *CONFORMING[1:-1],
        result("RANGE-1", "mem", "fail", case=HOSTILE, reason=HOSTILE, failure=parts, notes=[HOSTILE]),
        result(HOSTILE, "mem", "flaky", reason=HOSTILE, failure=parts),
        result("LIST-1", "mem", "inconclusive", case=HOSTILE, reason=HOSTILE),
        {"type": "harness", "reason": HOSTILE},
        {"type": "service", "name": "azurite", "state": "died", "reason": HOSTILE, "hint": HOSTILE},
        {
            "type": "divergence",
            "service": "moto",
            "requirement": "X",
            "case": HOSTILE,
            "state": "gone",
            "reason": HOSTILE,
        },
        end(),
    ]

    text = on_terminal(read(lines), verbose=True)

    assert text.isprintable() or set(filter(lambda character: not character.isprintable(), text)) == {"\n"}
    assert text.count(ESCAPED) > 10
    assert "\n  this requirement is not in the specification of this suite\n" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_that_cannot_hold_a_character_gets_an_escape(read: Reading, encoding: str) -> None:
    """A report never ends in a UnicodeEncodeError."""
    lines = [*CONFORMING[:-1], result("LIST-1", "mem", "inconclusive", reason="日本 é"), end()]
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)

    render_terminal(read(lines), Console(file=stream, width=80))
    stream.flush()

    shown = {"ascii": "\\u65e5\\u672c \\xe9", "latin-1": "\\u65e5\\u672c é", "utf-8": "日本 é"}[encoding]
    assert f"inconclusive  LIST-1 on mem: {shown}".encode(encoding) in raw.getvalue()


def test_colour_adds_nothing_but_colour(read: Reading) -> None:
    """With colours off, not a letter is missing."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor", record=True)
    render_terminal(read(BAD), console)

    assert console.export_text(styles=False) == BAD_TEXT
