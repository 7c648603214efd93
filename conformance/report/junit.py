"""
The report as JUnit XML: one test suite per area, one test case per requirement and place.

`failure` is the target's, `error` is ours or a service's, `skipped` is what was not judged and says why (the attributes that
Jenkins' and GitLab's readers share).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # written, not parsed

from conformance import requirements
from conformance.report.escaping import printable
from conformance.report.failures import failure_lines
from conformance.verdicts import is_red

if TYPE_CHECKING:
    from conformance.record import Cell, Record

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(record: Record, *, strict: bool = False) -> str:
    """Return the report of a record as JUnit XML."""
    root = ET.Element("testsuites", name=f"conformance of {_text(record.start['target']['name'])}")
    known = requirements.load()
    for area in dict.fromkeys(requirement.area for requirement in known.values()):
        cells = [c for c in record.cells() if c.requirement in known and known[c.requirement].area == area]
        if cells:
            suite = ET.SubElement(root, "testsuite", name=area)
            for cell in cells:
                _case(suite, cell, red=is_red(cell.verdict, record.level(cell.requirement), strict=strict))
            _count(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, cell: Cell, *, red: bool) -> None:
    seconds = sum(result["seconds"]["total"] for result in cell.results)
    case = ET.SubElement(
        suite, "testcase", classname=f"{suite.get('name')}.{cell.requirement}", name=cell.place, time=f"{seconds:.3f}"
    )
    if cell.verdict == "pass":
        return
    shown = cell.of(cell.verdict)
    message = _text("; ".join(dict.fromkeys(result.get("reason") or cell.verdict for result in shown)) or cell.verdict)
    if red:
        tag = "failure"
    elif cell.verdict in ("harness-error", "flaky", "unreachable", "not-run"):
        tag = "error"
    else:
        tag = "skipped"
    element = ET.SubElement(case, tag, message=message, type=cell.verdict)
    element.text = _text("\n\n".join("\n".join(failure_lines(result, width=100)) for result in shown))


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in suite)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")


def _text(text: str) -> str:
    return NOT_XML.sub("?", printable(text))
