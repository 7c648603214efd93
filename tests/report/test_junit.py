"""
The report as JUnit XML: a whole text, and the conventions that readers of it share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from conformance.report import render_junit
from tests.report.examples import BAD, CONFORMING, SPEC, START, end, failure, plan, result

if TYPE_CHECKING:
    from tests.report.conftest import Reading

TEXT = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="conformance of mymodule" tests="8" failures="1" errors="0" skipped="2" time="8.000">
  <testsuite name="ranges" timestamp="2026-01-02" tests="4" failures="1" errors="0" skipped="1" time="5.000">
    <testcase classname="conformance.ranges" name="RANGE-1 on mem" time="2.000">
      <failure message="MUST fail: expected b'', observed b'\\x00'" type="fail">RANGE-1 MUST: a range is a slice
  `get(path, start, end)` returns `value[start:end]` for 0 &lt;= start &lt;= end.
  place     mem, test_something
  example   key: 'a'
            value: b'\\x00'
            start, end: 0, 0
  expected  b''
  observed  b'\\x00'
  replay    deeplake-conformance replay RANGE-1 --place mem --seed 7 --target mymodule</failure>
    </testcase>
    <testcase classname="conformance.ranges" name="RANGE-1 on moto" time="1.000" />
    <testcase classname="conformance.ranges" name="RANGE-2 on mem" time="1.000">
      <skipped message="SHOULD known-fail: not yet" type="known-fail">RANGE-2 SHOULD: no negative bounds  [known-fail]
  A negative bound raises ValueError before any request.
  place     mem, test_something
  reason    not yet</skipped>
    </testcase>
    <testcase classname="conformance.ranges" name="RANGE-2 on moto" time="1.000" />
  </testsuite>
  <testsuite name="listing" timestamp="2026-01-02" tests="4" failures="0" errors="0" skipped="1" time="3.000">
    <testcase classname="conformance.listing" name="LIST-1 on mem" time="1.000" />
    <testcase classname="conformance.listing" name="LIST-1 on moto" time="1.000" />
    <testcase classname="conformance.listing" name="LIST-2 on mem" time="0.000">
      <skipped message="DEFINED no check here: no check of LIST-2 says anything about mem" type="no check here" />
    </testcase>
    <testcase classname="conformance.listing" name="LIST-2 on moto" time="1.000" />
  </testsuite>
</testsuites>
"""

NAMED = {"name", "tests", "failures", "errors", "skipped", "time"}
ATTRIBUTES = {
    "testsuites": NAMED,
    "testsuite": NAMED | {"timestamp"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message", "type"},
}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}


def assert_follows_the_conventions(text: str) -> ET.Element:
    """Check elements, attributes and counts as junit-10.xsd of Jenkins' xUnit plug-in has them."""
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert element.tag != "testcase" or len(element) <= 1
    for element in (root, *root.iter("testsuite")):
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(name) == str(len(list(element.iter(tag))))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)
    return root


def test_a_failure_and_an_excuse(read: Reading) -> None:
    """One test case per requirement and place, with the failure as on the terminal."""
    lines = [line for line in CONFORMING[:-1] if (line.get("requirement"), line.get("place")) != ("RANGE-2", "mem")]
    lines += [result("RANGE-1", "mem", "fail"), result("RANGE-2", "mem", "known-fail", reason="not yet"), end()]

    text = render_junit(read(lines))

    assert text == TEXT
    assert_follows_the_conventions(text)


@pytest.mark.parametrize("lines", [CONFORMING, BAD, BAD[:-1], [START, end()]], ids=["good", "bad", "cut-off", "empty"])
def test_every_requirement_is_a_case_on_every_place(read: Reading, lines: list[dict[str, Any]]) -> None:
    """Nothing is left out, whatever the run came to."""
    record = read(lines)

    root = assert_follows_the_conventions(render_junit(record))

    names = {case.get("name") for case in root.iter("testcase")}
    assert {f"{identity} on {place}" for identity in SPEC for place in record.places} <= names


def _outcome(text: str, name: str) -> tuple[str, str | None] | None:
    root = assert_follows_the_conventions(text)
    (case,) = (case for case in root.iter("testcase") if case.get("name") == name)
    return (case[0].tag, case[0].get("message")) if len(case) else None


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [
        ("fail", "failure"), ("unexpected-pass", "failure"), ("harness-error", "error"), ("flaky", "error"),
        ("unreachable", "error"), ("inconclusive", "skipped"), ("known-fail", "skipped"), ("not-claimed", "skipped"),
    ],
)  # fmt: skip
def test_the_target_fails_and_others_err(read: Reading, verdict: str, tag: str) -> None:
    """What is not the target's fault is no failure, and nothing that is not a pass looks like one."""
    lines = [*CONFORMING[:-1], result("LIST-1", "mem", verdict, reason="because"), end()]

    assert _outcome(render_junit(read(lines)), "LIST-1 on mem") == (tag, f"MUST {verdict}: because")


def test_a_should_is_a_failure_only_when_strict(read: Reading) -> None:
    """As for the exit code."""
    record = read([*CONFORMING[:-1], result("RANGE-2", "mem", "fail"), end()])
    message = "SHOULD fail: expected b'', observed b'\\x00'"

    assert _outcome(render_junit(record), "RANGE-2 on mem") == ("skipped", message)
    assert _outcome(render_junit(record, strict=True), "RANGE-2 on mem") == ("failure", message)


def test_what_did_not_run_is_an_error_and_what_was_not_asked_for_is_skipped(read: Reading) -> None:
    """Both say why."""
    lines = [START | {"only": ["RANGE-1"]}, plan("RANGE-1", "mem", "moto"), result("RANGE-1", "mem"), end()]
    text = render_junit(read(lines))

    assert _outcome(text, "RANGE-1 on moto") == ("error", "MUST not-run: no result was recorded")
    assert _outcome(text, "LIST-1 on mem") == ("skipped", "MUST not-run: not asked for")


def test_trouble_of_the_run_is_a_suite_of_its_own(read: Reading) -> None:
    """A reader that only counts errors sees it."""
    text = render_junit(read([*BAD[:-1], {"type": "harness", "reason": "worker gw1 died"}]))

    assert _outcome(text, "service azurite") == ("error", 'no node on PATH; pip install "deeplake-conformance[native]"')
    assert _outcome(text, "suite 1") == ("error", "worker gw1 died")
    assert _outcome(text, "record") == ("error", "the record is incomplete: the run was cut off before its end")


def test_any_text_is_well_formed(read: Reading) -> None:
    """Every character that XML cannot hold, every one that Python knows as odd, and the end of a CDATA section."""
    odd = "".join(map(chr, [*range(0x300), *range(0x2000, 0x2070), *range(0xD7F0, 0xE010), *range(0xFFF0, 0x10010)]))
    hostile = odd + "]]> <b> &amp; \U0010ffff"
    parts = failure("RANGE-1", "mem", example=hostile, observed=hostile)
    lines = [
        *CONFORMING[:-1],
        result("RANGE-1", "mem", "fail", case=hostile, failure=parts),
        result("LIST-1", "mem", "inconclusive", reason=hostile),
        {"type": "harness", "reason": hostile},
        end(),
    ]

    text = render_junit(read(lines))

    assert text.isascii()
    assert_follows_the_conventions(text)
