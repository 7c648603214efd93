"""
The specification is read strictly: each requirement has one number, one sentence, one level, one source, and a check.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from conformance import plan, requirements
from conformance.checks import __path__ as checks_path
from conformance.requirements import LEVELS, Requirement, SpecError, parse

PAGE = """# Ranges

A paragraph with a > that is no quote, and MUST that is no level.

## RANGE-2: the end is exclusive
> MUST: `get(path, n, n + 1)` returns exactly
> the byte at `n`.

Source: [a page](https://example.org/a_b), and a
second line of it.

Prose about why, with `Source: not this one`.

## RANGE-1: withdrawn

It said something once.

## RANGE-10: a choice
> DEFINED: One of two.

Source: decided here.
"""


def test_a_page_is_read_as_written() -> None:
    """Lines of one sentence are joined, prose is left alone, a withdrawn number stays empty."""
    assert list(parse(PAGE, area="ranges")) == [
        Requirement(
            id="RANGE-2",
            area="ranges",
            level="MUST",
            title="the end is exclusive",
            sentence="`get(path, n, n + 1)` returns exactly the byte at `n`.",
            source="[a page](https://example.org/a_b), and a second line of it.",
        ),
        Requirement("RANGE-10", "ranges", "DEFINED", "a choice", "One of two.", "decided here."),
    ]


def test_ten_follows_nine() -> None:
    """Numbers sort as numbers."""
    numbers = [Requirement(f"OBJ-{n}", "objects", "MUST", "t", "s", "d") for n in (10, 9, 1)]

    assert [requirement.id for requirement in sorted(numbers, key=Requirement.sort_key)] == ["OBJ-1", "OBJ-9", "OBJ-10"]


GOOD = "## RANGE-1: a title\n> MUST: A sentence.\n\nSource: decided here.\n"


NO_SENTENCE = "RANGE-1 needs one quoted sentence that starts with MUST, SHOULD, DEFINED"
NO_HEADING = "the heading must read `## ID: title`: "
BROKEN = {
    "double": (GOOD + "\n" + GOOD, "RANGE-1 is given twice"),
    "number-of-a-withdrawn": ("## RANGE-1: withdrawn\n\n" + GOOD, "RANGE-1 is given twice"),
    "no-colon": (GOOD.replace("RANGE-1: ", "RANGE-1 "), NO_HEADING + "'## RANGE-1 a title'"),
    "lower-case": (GOOD.replace("RANGE-1", "range-1"), NO_HEADING + "'## range-1: a title'"),
    "no-quote": (GOOD.replace("> ", ""), NO_SENTENCE),
    "unknown-level": (GOOD.replace("MUST", "MAY"), NO_SENTENCE),
    "no-level": (GOOD.replace("MUST: ", ""), NO_SENTENCE),
    "no-source": (GOOD.replace("Source: decided here.", ""), "RANGE-1 has no `Source:` line"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_page_is_refused(text: str, message: str) -> None:
    """The message names the page and the number."""
    with pytest.raises(SpecError) as caught:
        list(parse(text, area="ranges"))

    assert str(caught.value) == f"spec/ranges.md: {message}"


def test_the_specification_is_in_order() -> None:
    """Ids belong to one area by their stem, and areas come in the order of the contract."""
    known = requirements.load()

    stems: dict[str, set[str]] = {}
    for identity, requirement in known.items():
        assert identity == requirement.id
        assert requirement.level in LEVELS
        assert requirement.sentence.endswith(".")
        assert requirement.source
        stems.setdefault(requirement.area, set()).add(identity.partition("-")[0])
    assert all(len(names) == 1 for names in stems.values())
    assert len(set.union(*stems.values())) == len(stems)
    assert tuple(stems)[: len(requirements.AREAS)] == requirements.AREAS
    for area in stems:
        of_area = [requirement for requirement in known.values() if requirement.area == area]
        assert of_area == sorted(of_area, key=Requirement.sort_key)


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    """A sentence that nobody checks would be a promise, and a check without a sentence an opinion."""
    checked = {check.marks.requirement for check in plan.all_checks()}

    assert checked == set(requirements.load())


def test_a_check_stands_in_the_module_of_its_area() -> None:
    """The page `ranges.md` is checked in `test_ranges.py` and `test_ranges_*.py`; only the random walk crosses areas."""
    known = requirements.load()
    assert len(list(checks_path)) == 1
    for check in plan.all_checks():
        module = check.name.partition(".")[0].removeprefix("test_")
        area = known[check.marks.requirement].area
        assert module in (area, "random_walk") or module.startswith(f"{area}_")


def test_no_check_is_hidden_by_another_of_its_name() -> None:
    """Of two functions of one name Python keeps the last, and a requirement would lose its check."""
    (directory,) = checks_path
    for module in Path(directory).glob("test_*.py"):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        collected = [check.name for check in plan.all_checks() if check.name.startswith(f"{module.stem}.")]

        assert sorted(f"{module.stem}.{name}" for name in names) == sorted(collected)
