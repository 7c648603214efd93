"""
Profiles, addresses and handles on AWS: what a credential is combined with, and how long one lasts.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import stages
from conformance.checking import budget, checks, in_turns, in_worlds, needs
from conformance.expectations import CheckFailure, assert_equal, assert_true
from conformance.identities import new_aws
from conformance.outcomes import assert_failed, assert_won, of_a_write, source_of
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.aws import NAMED, REGION
from conformance.sources.aws_services import CONFIG, CREDENTIALS
from conformance.stages import Stage
from conformance.worlds import Way, World, world

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/s3/aws4_request")

PART = 5 * 1024 * 1024


# ---- one of two


def selected(setting: Setting) -> None:
    """Select a profile with a key of its own by a variable."""
    identity = setting.know(new_aws("AWS_PROFILE", session=False, expires_at=None))
    keys = {"aws_access_key_id": identity.name, "aws_secret_access_key": identity.secret}
    setting.section(CREDENTIALS, NAMED, **keys)
    setting.variables["AWS_PROFILE"] = NAMED


def one_of(place: Place, requirement: str, two: World, labels: set[str], **adjust: Any) -> None:
    """Write three times in a world with two sources, of which either may win."""
    won: set[str | None] = set()
    for _ in range(3):
        with stages.running(two, place, **adjust) as stage:
            outcome = of_a_write(stage)
        if outcome.error is not None or len(outcome.signers) != 1:
            raise CheckFailure(f"one of {sorted(labels)}", str(outcome), "who signed")
        won |= outcome.signers
    assert_true(len(won) == 1 and won <= labels, expected=f"always the same of {sorted(labels)}", observed=str(won))
    claimed = place.target.claims.defined.get(requirement)
    if claimed is not None:
        assert_equal({claimed}, won, "the choice of the claims")


@checks("AWS-10")
@in_worlds("s3")
def test_a_selected_profile_against_the_environment(place: Place) -> None:
    """Either may sign, and then always does."""
    one_of(place, "AWS-10", world("aws", "aws_env"), {"aws_env", "AWS_PROFILE"}, adjust=selected)


@checks("AWS-11")
@in_worlds("s3")
def test_web_identity_against_a_file(place: Place) -> None:
    """Either may sign, and then always does."""
    both = world("aws", "aws_web_identity", "aws_shared_file")
    one_of(place, "AWS-11", both, {"aws_web_identity", "aws_shared_file"})


# ---- the caller's profile


def of_another_kind(source: str) -> Any:
    """Return what makes the named profile one of the kind that a source is, out of the default profile."""

    def adjust(setting: Setting) -> None:
        for path, prefix in ((CONFIG, "profile "), (CREDENTIALS, "")):
            sections = setting.sections.get(path, {})
            if "default" in sections:
                sections[f"{prefix}{NAMED}"] = sections.pop("default")
        assert isinstance(setting.creds, dict)
        setting.creds["profile_name"] = NAMED

    return adjust


@checks("AWS-12")
@in_worlds("s3")
@pytest.mark.parametrize("source", ["aws_assume_role", "aws_sso", "aws_shared_file", "aws_process", "aws_config_file"])
def test_a_named_profile_may_be_of_any_kind(place: Place, source: str) -> None:
    """The keys of the environment are left alone."""
    with stages.running(world("aws", source, "aws_env"), place, adjust=of_another_kind(source)) as stage:
        assert_won(source, of_a_write(stage))


# ---- addressing

ENDPOINTS = ("endpoint_url", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "profile")


def addressed(first: str, wrong: str) -> Any:
    """Return what names the service at one place, and another address at all that come behind it."""

    def adjust(setting: Setting) -> None:
        assert isinstance(setting.creds, dict)
        del setting.creds["endpoint_url"]
        for name in ENDPOINTS[ENDPOINTS.index(first) :]:
            url = setting.endpoint if name == first else wrong
            if name == "endpoint_url":
                setting.creds[name] = url
            elif name == "profile":
                setting.section(CONFIG, "default", endpoint_url=url)
            else:
                setting.variables[name] = url

    return adjust


@checks("AWS-13")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("source", ["aws_dict", "aws_env", "aws_shared_file"])
@pytest.mark.parametrize("first", ENDPOINTS)
def test_the_endpoint_combines_with_any_source(place: Place, source: str, first: str) -> None:
    """Nothing listens at the addresses that come later."""
    wrong = place.testbed.closed_url
    with stages.running(world("aws", source), place, adjust=addressed(first, wrong)) as stage:
        assert_won(source, of_a_write(stage))


REGIONS = ("aws_region", "AWS_REGION", "AWS_DEFAULT_REGION", "profile", "default")


def in_region(first: str) -> Any:
    """Return what names a region at one place, and others at all that come behind it."""

    def adjust(setting: Setting) -> None:
        assert isinstance(setting.creds, dict)
        del setting.creds["aws_region"]
        for number, name in enumerate(REGIONS[REGIONS.index(first) : -1]):
            region = f"eu-west-{number + 1}"
            if name == "aws_region":
                setting.creds[name] = region
            elif name == "profile":
                setting.section(CONFIG, "default", region=region)
            else:
                setting.variables[name] = region

    return adjust


@checks("AWS-14")
@in_worlds("s3")
@in_turns(3)
@pytest.mark.parametrize("source", ["aws_dict", "aws_env", "aws_shared_file"])
@pytest.mark.parametrize("first", REGIONS)
def test_the_region_combines_with_any_source(place: Place, source: str, first: str) -> None:
    """The signature names it."""
    region = REGION if first == "default" else "eu-west-1"
    with stages.running(world("aws", source), place, adjust=in_region(first), region=region) as stage:
        assert_won(source, of_a_write(stage))
        scopes = {_SCOPE.search(exchange.header("authorization") or "") for exchange in stage.requests()}
        assert_equal({region}, {scope[1] if scope else None for scope in scopes}, "the region of the signature")


# ---- handles


def rewritten(stage: Stage, label: str) -> None:
    """Put another key into the credentials file of a running world."""
    identity = stage.setting.know(new_aws(label, session=False, expires_at=None))
    keys = {"aws_access_key_id": identity.name, "aws_secret_access_key": identity.secret}
    stage.setting.section(CREDENTIALS, "default", **keys)
    stage.setting.finish()


@checks("AWS-15")
@in_worlds("s3")
def test_a_handle_keeps_its_identity(place: Place) -> None:
    """The file changes under it."""
    with stages.running(world("aws", "aws_shared_file"), place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        rewritten(stage, "another")
        writer.set("b", b"2")
        assert_equal({"aws_shared_file"}, stage.signers(), "who signed for the old handle")
        stage.tap.clear()
        stage.writer().set("c", b"3")
        assert_equal({"another"}, stage.signers(), "who signed for the new handle")


@checks("AWS-16")
@in_worlds("s3")
@needs("concurrent")
def test_handles_with_different_keys_do_not_mix(place: Place) -> None:
    """Two handles write at once; each key of an object tells whose it is."""
    with stages.running(world("aws", "aws_env"), place) as stage:
        creds: dict[str, Any] = {}
        for label in ("first", "second"):
            identity = stage.setting.know(new_aws(label, session=label == "second", expires_at=None))
            creds[label] = {
                "endpoint_url": stage.setting.endpoint,
                "aws_region": REGION,
                "aws_access_key_id": identity.name,
                "aws_secret_access_key": identity.secret,
                **({"aws_session_token": identity.token} if identity.token else {}),
            }
        writers = {label: stage.target.open_writer(stage.url, place.named(each)) for label, each in creds.items()}
        writers["aws_env"] = stage.writer()
        with ThreadPoolExecutor(6) as pool:
            done = [
                pool.submit(writer.set, f"of-{label}-{number}", b"v")
                for number in range(8)
                for label, writer in writers.items()
            ]
            for each in done:
                each.result()
        signed = {(part[1], source_of(exchange.identity)) for exchange, part in _whose(stage)}
        assert_equal({(label, label) for label in writers}, signed, "whose object, and who signed")


def _whose(stage: Stage) -> list[tuple[Any, Any]]:
    found = [(exchange, re.search(r"/of-([a-z_]+)-\d", exchange.target)) for exchange in stage.requests()]
    return [(exchange, part) for exchange, part in found if part]


@checks("AWS-17")
@in_worlds("s3")
@pytest.mark.parametrize("source", ["aws_dict", "aws_web_identity", "aws_container"])
def test_every_operation_signs_alike(place: Place, source: str) -> None:
    """Reads, ranges, listings, writes in parts, removals."""
    with stages.running(world("aws", source), place) as stage:
        writer, reader = stage.writer(), stage.reader()
        writer.set("d/a", b"one")
        writer.set("d/large", bytes(2 * PART))
        reader.get("d/a")
        reader.get("d/a", 1, 2)
        reader.get("d/large")
        reader.length("d/a")
        reader.metadata("d/a")
        reader.list("d")
        reader.list_dirs("")
        writer.remove("d/a")
        writer.remove_directory("d")
        assert_true(len(stage.requests()) >= 10, expected="at least ten requests", observed=len(stage.requests()))
        assert_equal({source}, {source_of(label) for label in stage.signers()}, "who signed")


@checks("AWS-18")
@in_worlds("s3")
def test_a_silent_metadata_service_is_asked_once(place: Place) -> None:
    """It never answers."""
    silent = world("aws", "aws_imds", ways={"aws_imds": Way("stall")})
    with stages.running(silent, place) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with a silent metadata service")
        asked = len(stage.setting.servers["aws_imds"].received)
        assert_equal(1, asked, "requests to the metadata service")


# ---- any text

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30),
    st.from_regex(r"[ \t]{0,2}[A-Z2-7]{16,20}[ \t\r\n]{0,2}", fullmatch=True),
    st.sampled_from(
        ["AKIA" + "A" * 2000, "'AKIAQUOTED'", '"AKIAQUOTED"', "AKIA # comment", "AKIA;x", "%(x)s", "AKIA\r\nx: y"]
    ),
)


def with_key_id(text: str, source: str) -> Any:
    """Return what puts a text where the key id of a source stands; the gate knows the text without spaces around it."""

    def adjust(setting: Setting) -> None:
        identity = new_aws("as it stands", session=False, expires_at=None)
        setting.know(type(identity)("as it stands", "aws", text.strip(), identity.secret))
        if source == "aws_env":
            setting.variables |= {"AWS_ACCESS_KEY_ID": text, "AWS_SECRET_ACCESS_KEY": identity.secret}
        else:
            setting.section(CREDENTIALS, "default", aws_access_key_id=text, aws_secret_access_key=identity.secret)

    return adjust


@checks("AWS-19")
@in_worlds("s3")
@pytest.mark.parametrize("source", ["aws_env", "aws_shared_file"])
@budget(0.4)
@given(text=TEXTS)
def test_any_text_is_taken_as_it_is_or_refused(place: Place, source: str, text: str) -> None:
    """As a key id, in a variable or a file, where a line break would end the text."""
    if source == "aws_shared_file":
        text = re.sub(r"[\r\n]", " ", text)
    with stages.running(world("aws", source), place, adjust=with_key_id(text, source)) as stage:
        outcome = of_a_write(stage)
        if outcome.error is None:
            assert_equal({"as it stands"}, set(outcome.signers), "who signed")
        else:
            assert_failed("CredentialsError", outcome, f"with {text!r} as key id")
