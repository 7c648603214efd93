"""
Addresses and handles on Google Cloud: what a token is combined with, where it goes, and how long an identity lasts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance import bare_http, stages
from conformance.checking import budget, checks, in_worlds, needs
from conformance.expectations import assert_equal, assert_true
from conformance.fakes.gcloud import gcloud_calls
from conformance.fakes.google_iam import GENERATE
from conformance.fakes.google_key_files import authorized_user
from conformance.identities import Identity, new_google_bearer
from conformance.outcomes import assert_failed, assert_won, of_a_write, source_of
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.google import GCLOUD_FILE, google_of
from conformance.sources.google_services import FILED
from conformance.stages import Stage
from conformance.worlds import Way, World, world

LARGE = 20 * 1024 * 1024
"""Bytes of an upload that is not one request."""

SIGNED_S = 600.0

# ---- addressing


def addressed(first: str, wrong: str) -> Any:
    """Return what names the service at one place, and another address at the one behind it."""

    def adjust(setting: Setting) -> None:
        assert isinstance(setting.creds, dict)
        if first == "endpoint_url":
            setting.variables["STORAGE_EMULATOR_HOST"] = wrong
        else:
            setting.variables["STORAGE_EMULATOR_HOST"] = setting.endpoint
            del setting.creds["endpoint_url"]

    return adjust


@checks("GOOGLE-11")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [world("google", source) for source in ("gcs_key_dict", "gcs_oauth_token", "gcs_env_file", "gcs_metadata")],
    ids=str,
)
@pytest.mark.parametrize("first", ["endpoint_url", "STORAGE_EMULATOR_HOST"])
def test_the_endpoint_combines_with_any_source(place: Place, world: World, first: str) -> None:
    """Nothing listens at the address that comes later."""
    adjust = addressed(first, place.testbed.closed_url)
    with stages.running(world, place, adjust=adjust) as stage:
        assert_won(world.sources[0], of_a_write(stage))


@checks("GOOGLE-21")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world", [world("google", source) for source in ("gcs_key_dict", "gcs_oauth_token", "gcs_env_file")], ids=str
)
def test_a_token_does_not_travel_in_clear(place: Place, world: World) -> None:
    """The endpoint is http at another machine, whose name nobody resolves; a proxy would be asked."""

    def adjust(setting: Setting) -> None:
        assert isinstance(setting.creds, dict)
        setting.creds["endpoint_url"] = f"http://{place.testbed.unresolvable_host}"

    with stages.running(world, place, adjust=adjust) as stage:
        assert_failed("CredentialsError", of_a_write(stage), "with an endpoint of http")
        assert_equal([], stage.setting.leaks(), "hosts that were asked")


# ---- where a token goes


@checks("GOOGLE-23")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [
        world("google", "gcs_key_dict"),
        world("google", "gcs_oauth_token"),
        world("google", "gcs_env_file", ways={"gcs_env_file": Way("external_account", wins=True)}),
        world("google", "gcs_env_file", ways={"gcs_env_file": Way("impersonated_service_account", wins=True)}),
        world("google", "gcs_gcloud_file"),
        world("google", "gcs_metadata"),
    ],
    ids=str,
)
def test_an_access_token_goes_to_the_service_alone(place: Place, world: World) -> None:
    """What the identity services and the proxy were asked with a token."""
    with stages.running(world, place) as stage:
        assert_won(world.sources[0], of_a_write(stage))
        stage.reader().list("")
        elsewhere = [each for each in google_of(stage.setting).forwarded if not GENERATE.fullmatch(each[1])]
        assert_equal([], elsewhere, "hosts and paths that an access token was sent to")
        assert_equal([], stage.setting.leaks(), "hosts beyond this machine that were asked")


@checks("GOOGLE-24")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [world("google", source) for source in ("gcs_key_file", "gcs_env_file", "gcs_gcloud_file", "gcs_metadata")],
    ids=str,
)
def test_gcloud_is_not_run(place: Place, world: World) -> None:
    """It is on PATH, counts its calls, and refuses."""
    with stages.running(world, place) as stage:
        of_a_write(stage)
        assert_equal([], gcloud_calls(google_of(stage.setting).gcloud_calls), "what gcloud was asked")


# ---- handles


def rewritten(stage: Stage) -> None:
    """Put another person's consent into gcloud's file of a running world."""
    google = google_of(stage.setting)
    another = google.refresh_tokens["gcs_gcloud_file.base"]
    stage.setting.write(GCLOUD_FILE, json.dumps(authorized_user(another, oauth_url=google.url)))


@checks("GOOGLE-12")
@in_worlds("gcs")
def test_a_handle_keeps_its_identity(place: Place) -> None:
    """The file changes under it."""
    with stages.running(world("google", "gcs_gcloud_file"), place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        rewritten(stage)
        writer.set("b", b"2")
        assert_equal({"gcs_gcloud_file"}, signers(stage), "who signed for the old handle")
        stage.tap.clear()
        stage.writer().set("c", b"3")
        assert_equal({"gcs_gcloud_file.base"}, signers(stage), "who signed for the new handle")


def signers(stage: Stage) -> set[str | None]:
    """Return the sources that signed, whichever generation."""
    return {source_of(label) for label in stage.signers()}


@checks("GOOGLE-13")
@in_worlds("gcs")
@needs("concurrent")
def test_handles_with_different_creds_do_not_mix(place: Place) -> None:
    """Three handles write and read at once; each key of an object tells whose it is."""
    with stages.running(world("google", "gcs_env_file"), place) as stage:
        writers = {"gcs_env_file": stage.writer()}
        for label in ("first", "second"):
            identity = stage.setting.know(new_google_bearer(label, life_s=None, now=0.0))
            creds = {"endpoint_url": stage.setting.endpoint, "gcs_oauth_token": identity.secret}
            writers[label] = stage.target.open_writer(stage.url, place.named(creds))

        def written_and_read(label: str, number: int) -> None:
            key = f"of-{label}-{number}"
            writers[label].set(key, b"v")
            writers[label].get_reader().get(key)

        with ThreadPoolExecutor(6) as pool:
            done = [pool.submit(written_and_read, label, number) for number in range(8) for label in writers]
            for each in done:
                each.result()
        reads = [(source_of(each.identity), re.search(r"of-([a-z_]+)-\d", each.target)) for each in stage.requests()]
        signed = {(part[1], label) for label, part in reads if part}
        assert_equal({(label, label) for label in writers}, signed, "whose object, and who signed its reads")
        # the key of a small object is in the body of its upload
        uploads = Counter(source_of(each.identity) for each in stage.requests() if each.method != "GET")
        assert_equal(dict.fromkeys(writers, 8), dict(uploads), "uploads by who signed")


@checks("GOOGLE-14")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world",
    [world("google", source) for source in ("gcs_key_dict", "gcs_oauth_token", "gcs_gcloud_file", "gcs_metadata")],
    ids=str,
)
def test_every_operation_signs_alike(place: Place, world: World) -> None:
    """Reads, ranges, listings, resumable uploads, removals."""
    with stages.running(world, place) as stage:
        writer, reader = stage.writer(), stage.reader()
        writer.set("d/a", b"one")
        writer.set("d/large", bytes(LARGE))
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
        assert_equal(set(world.sources), signers(stage), "who signed")


@checks("GOOGLE-15")
@in_worlds("gcs")
def test_a_silent_metadata_server_is_asked_once(place: Place) -> None:
    """It never answers."""
    silent = world("google", "gcs_metadata", ways={"gcs_metadata": Way("stall")})
    with stages.running(silent, place) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with a silent metadata server")
        asked = len(stage.setting.servers["gcs_metadata"].received)
        assert_equal(1, asked, "requests to the metadata server")


# ---- signed URLs


@checks("GOOGLE-22")
@in_worlds("gcs")
@pytest.mark.parametrize(
    "world", [world("google", source, ways={source: Way("service_account", wins=True)}) for source in FILED], ids=str
)
def test_the_key_of_a_service_account_signs_urls(place: Place, world: World) -> None:
    """The gate verifies the signature with the account's public key."""
    source = world.sources[0]
    with stages.running(world, place) as stage:
        stage.writer().set("k", b"value")
        url = stage.reader().sign_url("k", SIGNED_S)
        stage.tap.clear()
        # fake-gcs-server serves such URLs under its own host only, and this is the gate's: who signed is all there is to see
        bare_http.ask("GET", url)
        assert_equal([(source, None)], [(each.identity, each.refused) for each in stage.requests()], "whose key signed")


# ---- any text

SPACES = st.text(st.sampled_from(" \t\r\n"), max_size=2)

TEXTS = st.one_of(
    st.builds(
        lambda before, text, after: f"{before}ya29.{text}{after}",
        SPACES,
        st.text(st.characters(codec="utf-8"), min_size=6, max_size=40),
        SPACES,
    ),
    st.sampled_from(["ya29." + "a" * 4000, "'ya29.quoted'", '"ya29.quoted"', "ya29.a ya29.b", "ya29.a\r\nx: y"]),
)


@checks("GOOGLE-25")
@in_worlds("gcs")
@budget(0.4)
@given(text=TEXTS)
@example(text="ya29.ends in a separator\x1f")
def test_any_text_is_taken_as_it_is_or_refused(place: Place, text: str) -> None:
    """As an OAuth token."""

    def adjust(setting: Setting) -> None:
        setting.know(Identity("as it stands", "google_bearer", "nobody", text.strip()))
        assert isinstance(setting.creds, dict)
        setting.creds["gcs_oauth_token"] = text

    with stages.running(world("google", "gcs_oauth_token"), place, adjust=adjust) as stage:
        outcome = of_a_write(stage)
        if outcome.error is None:
            assert_equal({"as it stands"}, set(outcome.signers), "who signed")
        else:
            assert_failed("CredentialsError", outcome, f"with {text!r} as token")
