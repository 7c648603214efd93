"""
Where paths point, and which are refused.
"""

from __future__ import annotations

import os
from unicodedata import normalize
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import given

from conformance.checking import budget, checks, in_process_only, on
from conformance.expectations import assert_equal, raises
from conformance.places import Place
from conformance.strategies.keys import keys
from conformance.strategies.urls import CAPITALS, EMPTY, MISSING_PARTS, ONE_SLASH, UNKNOWN
from conformance.strategies.values import values


@checks("PATH-1")
@budget(0.3)
@given(key=keys(), value=values(max_size=50))
def test_a_prefix_reaches_its_place(place: Place, key: str, value: bytes) -> None:
    """What the target writes, the witness finds at the path's own root, and the other way round."""
    folder = place.fresh()
    place.writer.set(f"{folder}/{key}", value)
    place.witness.put(f"{folder}/w/{key}", value)

    assert_equal(value, place.witness.get(f"{folder}/{key}"), "the witness")
    assert_equal(value, place.reader.get(f"{folder}/w/{key}"), "get")


def same_data(place: Place, alias: str) -> None:
    """Write by the one path, read by the other."""
    folder = place.fresh()
    place.open_writer(alias).set(f"{folder}/written.k", b"by the alias")
    place.witness.put(f"{folder}/planted.k", b"by the witness")

    assert_equal(b"by the alias", place.witness.get(f"{folder}/written.k"), "the witness")
    assert_equal(b"by the witness", place.open_reader(alias).get(f"{folder}/planted.k"), "get by the alias")


@checks("PATH-2")
@on("az")
def test_azure_is_az(place: Place) -> None:
    """Both spellings."""
    same_data(place, place.url.replace("az://", "azure://", 1))


@checks("PATH-3")
@on("gcs")
@pytest.mark.parametrize("case", ["gs", "gcp"])
def test_gs_and_gcp_are_gcs(place: Place, case: str) -> None:
    """All three spellings."""
    same_data(place, place.url.replace("gcs://", f"{case}://", 1))


@checks("PATH-4")
@on("file")
def test_a_bare_path_is_a_file_path(place: Place) -> None:
    """With and without the prefix."""
    same_data(place, place.url.removeprefix("file://"))


def refused(place: Place, url: str) -> None:
    """A path is refused when a handle is opened, or at the handle's first operation; nothing is written."""

    def reading() -> object:
        return place.target.open_reader(url, None).list()

    def writing() -> object:
        return place.target.open_writer(url, None).set("refused.k", b"x")

    with place.testbed.working_directory() as directory:
        before = set(directory.iterdir())
        raises("InvalidURIError", reading)
        raises("InvalidURIError", writing)
        made = {path for path in set(directory.iterdir()) - before if path.name in (url or "refused.k").split("/")}
        assert_equal([], sorted(path.name for path in made), "new names in the working directory")


@checks("PATH-5")
@on("mem")
@pytest.mark.parametrize("case", CAPITALS)
def test_prefixes_are_lower_case(place: Place, case: str) -> None:
    """Capitals are refused."""
    refused(place, CAPITALS[case])


@checks("PATH-6")
@on("mem")
@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_prefixes_are_refused(place: Place, case: str) -> None:
    """Also those that other libraries know."""
    refused(place, UNKNOWN[case])


@checks("PATH-7")
@on("mem")
@pytest.mark.parametrize("case", ONE_SLASH)
def test_one_slash_is_no_prefix(place: Place, case: str) -> None:
    """A slip of the finger does not make a directory."""
    refused(place, ONE_SLASH[case])


@checks("PATH-8")
@on("mem")
@pytest.mark.parametrize("case", [*EMPTY, *MISSING_PARTS])
def test_a_path_without_its_names_is_refused(place: Place, case: str) -> None:
    """Empty paths, and every prefix without what it needs."""
    refused(place, (EMPTY | MISSING_PARTS)[case])


@checks("PATH-8")
@pytest.mark.parametrize("case", ["bucket-missing"])
def test_a_refused_path_makes_no_request(place: Place, case: str) -> None:
    """Seen by the gate, with credentials that would do."""
    if not place.has_wire:
        refused(place, MISSING_PARTS["mem-no-id"])
        return
    with place.tapped() as seen:
        raises("InvalidURIError", lambda: place.target.open_reader(f"{place.prefix}://", seen.creds).list())
        raises("InvalidURIError", lambda: place.target.open_writer(f"{place.prefix}://", seen.creds).set("a", b"x"))

        assert_equal([], [f"{request.method} {request.target}" for request in seen.requests()], f"requests ({case})")


@checks("PATH-9")
@on("file")
def test_a_colon_does_not_make_a_prefix(place: Place) -> None:
    """Only read, since the directory would be in the working directory."""
    name = f"{place.testbed.name}:{place.fresh()}"

    with place.testbed.working_directory():
        assert_equal([], place.open_reader(name).list(), f"the listing of {name!r}")
    folder = f"{place.url.removeprefix('file://')}/a:b"
    place.open_writer(folder).set("colon.k", b"x")
    assert_equal(b"x", place.witness.get("a:b/colon.k"), "the witness")


ROOTS = {
    "space": "a b",
    "plus": "a+b",
    "percent": "a%41b",
    "hash": "a#b",
    "question-mark": "a?b=c",
    "ampersand": "a&b=c",
    "semicolon": "a;b",
    "tilde": "a~b",
    "accent": "caf\u00e9",
    "emoji": "\U0001f600",
}


def lands_at(place: Place, name: str) -> None:
    """A handle at `<root>/<name>` writes exactly there."""
    folder = place.fresh()
    url = f"{place.url}/{folder}/{name}"
    place.open_writer(url).set("object.k", b"x")

    assert_equal([f"{folder}/{name}/object.k"], place.witness.keys(f"{folder}/"), "the witness")
    assert_equal(b"x", place.open_reader(url).get("object.k"), "get")


@checks("PATH-10")
@on("file")
@pytest.mark.parametrize("case", ROOTS)
def test_what_follows_file_is_literal(place: Place, case: str) -> None:
    """Directories with odd names."""
    lands_at(place, ROOTS[case])


@checks("PATH-13")
@on("s3", "az", "gcs", "mem")
@pytest.mark.parametrize("case", ROOTS)
def test_characters_are_literal_in_roots(place: Place, case: str) -> None:
    """Paths of handles with odd names; in memory such a name is an id."""
    if place.prefix == "mem":
        url = f"mem://{place.testbed.name}-{place.fresh()}{ROOTS[case]}"
        place.open_writer(url).set("object.k", b"x")
        assert_equal(b"x", place.open_reader(url).get("object.k"), "get")
        folded = {url[:-1], unquote(url), unquote_plus(url), normalize("NFD", url)} - {url}
        for other in sorted(folded):
            assert_equal([], place.open_reader(other).list(), f"the id {other.removeprefix(place.testbed.name)!r}")
        return
    lands_at(place, ROOTS[case])


@checks("PATH-20")
@on("file")
@in_process_only
def test_a_tilde_is_the_home_directory(place: Place) -> None:
    """With a home directory of the check's own."""
    own = place.fresh_place()
    home = own.url.removeprefix("file://")
    before = os.environ.get("HOME")
    os.environ["HOME"] = home
    try:
        with place.testbed.working_directory():
            place.open_writer("~/in-home").set("object.k", b"x")
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before

    assert_equal(b"x", own.witness.get("in-home/object.k"), "the witness in the home directory")


@checks("PATH-21")
@on("mem")
@given(key=keys(), value=values(max_size=20))
@budget(0.3)
def test_memory_is_shared_by_id(place: Place, key: str, value: bytes) -> None:
    """Same id, same data; other ids, that begin alike or not, have none of it."""
    identity = f"{place.testbed.name}-{place.fresh()}"
    place.open_writer(f"mem://{identity}").set(key, value)

    assert_equal(value, place.open_reader(f"mem://{identity}").get(key), "the same id")
    for other in (f"{identity}x", identity[:-1] + "z", f"x{identity}"):
        assert_equal([], place.open_reader(f"mem://{other}").list(), f"the id {other!r}")
