"""
'browser' and 'cache' on Google Cloud: a person's consent, how it can fail, and where it is kept.
"""

from __future__ import annotations

import pickle
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance import stages
from conformance.checking import checks, in_worlds
from conformance.expectations import CheckFailure, assert_equal, assert_true
from conformance.outcomes import Outcome, assert_failed, assert_won, of_a_write, source_of
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.google import CONSENT_FILE, google_of
from conformance.stages import Stage
from conformance.worlds import Way, world

PRIVATE = 0o077
"""Bits of a mode that give others anything."""

ENDS = ("denied", "wrong-state", "never-answered", "replayed-code")
"""How a consent can end without a token."""

FAILED = "CredentialsError"


def browsing(way: str) -> Any:
    """Return a world in which a consent ends in this way, and a good source stands behind."""
    return world("google", "gcs_browser", "gcs_metadata", ways={"gcs_browser": Way(way, FAILED)})


def ports(stage: Stage) -> list[int]:
    """Return the loopback ports that the consent page was to send the browser back to."""
    redirects = [query.get("redirect_uri", "") for query in google_of(stage.setting).consented]
    return [port for port in (urlsplit(redirect).port for redirect in redirects) if port]


def listens(port: int) -> bool:
    """Whether anything accepts connections on a loopback port."""
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def told(stage: Stage, outcome: Outcome) -> str:
    """Return what an error says, without what differs from world to world."""
    assert outcome.error is not None
    text = outcome.error.message.replace(str(stage.setting.directory), "")
    return re.sub(r"\d+", "0", f"{outcome.error.class_name}: {text}")


@checks("GOOGLE-16")
@in_worlds("gcs")
@pytest.mark.parametrize("way", [*ENDS, "no-browser"])
def test_a_consent_that_fails_releases_its_port(place: Place, way: str) -> None:
    """And nobody else signs."""
    with stages.running(browsing(way), place) as stage:
        assert_failed(FAILED, of_a_write(stage), f"with a consent that is {way}")
        assert_equal(way != "no-browser", bool(ports(stage)), "whether the page was asked for with a loopback redirect")
        assert_equal([], [port for port in ports(stage) if listens(port)], "ports that still listen")
        assert_equal(set(), stage.asked() - {"gcs_browser"}, "asked behind the consent")


@checks("GOOGLE-16")
@in_worlds("gcs")
def test_each_end_of_a_consent_has_a_message_of_its_own(place: Place) -> None:
    """Denied, of another session, not answered, with a code that was used before."""
    messages: dict[str, str] = {}
    for way in ENDS:
        with stages.running(browsing(way), place) as stage:
            outcome = of_a_write(stage)
            assert_failed(FAILED, outcome, f"with a consent that is {way}")
            messages.setdefault(told(stage, outcome), way)
    if len(messages) != len(ENDS):
        raise CheckFailure(f"{len(ENDS)} different messages", "; ".join(messages), "what the errors say")


@checks("GOOGLE-17")
@in_worlds("gcs")
def test_a_consent_is_kept_for_its_owner_and_at_once_of_use(place: Place) -> None:
    """By cache in this process and in another; the page is asked for once."""
    with stages.running(world("google", "gcs_browser"), place) as stage:
        before = files(stage)
        assert_won("gcs_browser", of_a_write(stage))
        kept = sorted(files(stage) - before)
        assert_true(bool(kept), expected="a file below the home directory", observed="none")
        open_to_others = [file.name for file in kept if file.stat().st_mode & PRIVATE]
        assert_equal([], open_to_others, "files that others may read")
        assert_equal(set(), set((stage.setting.directory / "work").iterdir()), "files in the working directory")
        stage.target.open_writer(stage.url, "cache").set("in-this-process", b"v")
        with stage.another_process() as another:
            another.open_writer(stage.url, "cache").set("in-another-process", b"v")
        assert_equal({"gcs_browser"}, {source_of(label) for label in stage.signers()}, "who signed")
        assert_equal(1, len(google_of(stage.setting).consented), "requests for the consent page")


def files(stage: Stage) -> set[Path]:
    """Return the files below the home directory."""
    return {file for file in stage.setting.home.rglob("*") if file.is_file()}


@checks("GOOGLE-18")
@in_worlds("gcs")
@pytest.mark.parametrize("later", [(), ("gcs_env_file",)], ids=["alone", "with-a-file"])
def test_cache_with_nothing_kept_says_what_to_do(place: Place, later: tuple[str, ...]) -> None:
    """It names the word that helps."""
    nothing = world("google", "gcs_cache", *later, ways={"gcs_cache": Way("nothing-stored", "x")})
    with stages.running(nothing, place) as stage:
        outcome = of_a_write(stage)
        assert_failed("CredentialsNotFoundError", outcome, "with nothing kept")
        assert outcome.error is not None
        named = "browser" in outcome.error.message
        assert_true(named, expected="'browser' in the message", observed=outcome.error.message)
        assert_equal(set(), stage.asked(), "asked")


@checks("GOOGLE-19")
@in_worlds("gcs")
def test_a_revoked_consent_is_an_expired_token_and_stays(place: Place) -> None:
    """A good source stands behind."""
    revoked = world("google", "gcs_cache", "gcs_metadata", ways={"gcs_cache": Way("revoked", "ExpiredTokenError")})
    with stages.running(revoked, place) as stage:
        file = stage.setting.home / CONSENT_FILE
        before = file.read_bytes()
        assert_failed("ExpiredTokenError", of_a_write(stage), "with a revoked consent")
        assert_equal(set(), stage.asked() - {"gcs_cache"}, "asked behind the consent")
        assert_true(file.is_file() and file.read_bytes() == before, expected="the file as it was", observed="another")


class Trap:
    """Makes a directory when it is unpickled."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __reduce__(self) -> Any:
        """Name what is called."""
        return Path.mkdir, (self._directory,)


@checks("GOOGLE-20")
@in_worlds("gcs")
@pytest.mark.parametrize("source", ["gcs_cache", "nothing"])
def test_nothing_is_read_from_the_working_directory(place: Place, source: str) -> None:
    """Pickles by the names that deeplake and gcsfs gave them, and files by the names that are used elsewhere."""

    def adjust(setting: Setting) -> None:
        google = google_of(setting)
        for folder in (setting.directory / "work", setting.home):
            for name in (".gcs_token", ".gcs_tokens"):
                (folder / name).write_bytes(pickle.dumps(Trap(setting.directory / "unpickled"), protocol=2))
        if source == "gcs_cache":
            kept = (setting.home / CONSENT_FILE).rename(setting.directory / "work" / Path(CONSENT_FILE).name)
            kept.with_name("application_default_credentials.json").write_bytes(kept.read_bytes())
        assert google.url

    ways = {"gcs_cache": Way("expired", "x")} if source == "gcs_cache" else {}
    planted = world("google", *([source] if ways else []), ways=ways)
    with stages.running(planted, place, adjust=adjust) as stage:
        assert_failed("CredentialsNotFoundError", of_a_write(stage), "with files in the working directory only")
        unpickled = (stage.setting.directory / "unpickled").exists()
        assert_true(not unpickled, expected="no pickle read", observed="the pickle was read")
