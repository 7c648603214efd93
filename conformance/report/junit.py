"""
The report as JUnit XML: one test suite per area, one test case per requirement and place.

`failure` is the target's, `error` is ours or a service's, `skipped` is what was not judged, or does not fail the run,
and says why. A suite `run` holds what belongs to no requirement, if there is anything: services that are not running,
trouble of the suite, a record that was cut off. Elements and attributes are those of the Jenkins xUnit schema
(junit-10.xsd).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # written, not parsed

from conformance.record import NO_CHECK_HERE
from conformance.report.escaping import one_line, printable
from conformance.report.failures import result_lines
from conformance.verdicts import UNJUDGED, is_red

if TYPE_CHECKING:
    from conformance.record import Record

WIDTH = 100
COUNTED = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))


def render_junit(record: Record, *, strict: bool = False) -> str:
    """Return the report of a record as JUnit XML; ASCII, with character references."""
    root = ET.Element("testsuites", name=one_line(f"conformance of {record.start['target']['name']}"))
    for area in record.areas:
        suite = ET.SubElement(root, "testsuite", name=area, timestamp=one_line(record.start["started"]))
        for identity, requirement in record.known.items():
            if requirement.area == area:
                for place in record.places:
                    _case(suite, record, identity, place, strict=strict)
    _trouble(root, record)
    for suite in root:
        _count(suite, list(suite))
    _count(root, [case for suite in root for case in suite])
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text.decode()}\n'


def _case(suite: ET.Element, record: Record, identity: str, place: str, *, strict: bool) -> None:
    cell = record.cell(identity, place)
    verdict, why = record.verdict(identity, place)
    case = _new_case(suite, one_line(f"{identity} on {place}"), cell.seconds if cell is not None else 0.0)
    if verdict == "pass":
        return
    results = cell.deciding() if cell is not None else []
    level = record.level(identity)
    if is_red(verdict, level, strict=strict):
        tag = "failure"
    elif cell is not None and verdict in UNJUDGED and record.is_asked(cell):
        tag = "error"
    else:
        tag = "skipped"
    reasons = [why] if why else [result["reason"] or _short(result["failure"]) for result in results]
    word = "no check here" if verdict == NO_CHECK_HERE else verdict
    message = one_line(f"{level} {word}: {'; '.join(dict.fromkeys(reasons))}")
    outcome = ET.SubElement(case, tag, message=message, type=word)
    if results:
        outcome.text = "\n\n".join("\n".join(result_lines(record, result, width=WIDTH)) for result in results)


def _short(failure: dict[str, str] | None) -> str:
    if failure is None:
        return "no reason was given"
    return f"expected {failure['expected']}, observed {failure['observed']}"


def _trouble(root: ET.Element, record: Record) -> None:
    troubles = [(f"service {lost['name']}", f"{lost['reason']}; {lost['hint']}") for lost in record.lost_services()]
    troubles += [(f"suite {number}", reason) for number, reason in enumerate(record.harness, 1)]
    troubles += [(f"missing {number}", sentence) for number, sentence in enumerate(record.missing, 1)]
    if not record.complete:
        troubles.append(("record", "the record is incomplete: the run was cut off before its end"))
    if troubles:
        suite = ET.SubElement(root, "testsuite", name="run", timestamp=one_line(record.start["started"]))
        for name, reason in troubles:
            error = ET.SubElement(_new_case(suite, one_line(name), 0.0), "error", message=one_line(reason), type="run")
            error.text = printable(reason)


def _new_case(suite: ET.Element, name: str, seconds: float) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=f"conformance.{suite.get('name')}", name=name, time=f"{seconds:.3f}"
    )


def _count(element: ET.Element, cases: list[ET.Element]) -> None:
    element.set("tests", str(len(cases)))
    for name, tag in COUNTED:
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
