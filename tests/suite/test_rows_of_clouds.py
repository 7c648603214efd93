"""
One check for several clouds: it is collected in front of each cloud's services, for that cloud's cases.
"""

from __future__ import annotations

import pytest

from conformance.checking import ByCloud, checks, in_worlds_of, marks_of
from conformance.plan import all_checks
from conformance.worlds import world

WORLDS: ByCloud = {"aws": [world("aws", "aws_env")], "google": {"named": world("google", "gcs_metadata")}}


@checks("SEC-11")
@in_worlds_of("world", WORLDS)
def check_of_one() -> None:
    """A check with one parameter."""


@checks("SEC-10")
@in_worlds_of("world, server", {"aws": [(world("aws", "aws_imds"), "aws_imds")]})
def check_of_two() -> None:
    """A check with two."""


def test_cases_belong_to_the_prefix_of_their_cloud() -> None:
    """They are labelled by their values, or as the mapping says."""
    marks = marks_of(check_of_one)
    assert marks is not None
    assert marks.rows is not None

    assert marks.rows.at("s3") == [("aws_env", (WORLDS["aws"][0],))]  # type: ignore[index]
    assert [label for label, _ in marks.rows.at("gcs")] == ["named"]
    assert marks.rows.at("az") == []
    assert [marks.applies_to(place, prefix) for place, prefix in (("moto", "s3"), ("azurite", "az"))] == [True, False]


def test_several_parameters_make_one_label() -> None:
    """In their order."""
    marks = marks_of(check_of_two)
    assert marks is not None
    assert marks.rows is not None

    assert [label for label, _ in marks.rows.at("s3")] == ["aws_imds-aws_imds"]


def test_a_case_has_as_many_values_as_there_are_parameters() -> None:
    """A slip is told when the check is imported."""
    with pytest.raises(ValueError, match="2 parameters"):
        in_worlds_of("world, server", {"aws": [(world("aws", "aws_imds"),)]})


def test_secrets_and_expiry_are_checked_by_one_function_for_all_clouds() -> None:
    """No sentence has a function that says it of some clouds alone, but where a source has no end."""
    partial = {
        each.name
        for each in all_checks()
        if each.marks.rows is not None and len(each.marks.prefixes) < len({"s3", "az", "gcs"})
    }

    assert partial == {"test_expiry.test_what_does_not_end_is_kept"}
