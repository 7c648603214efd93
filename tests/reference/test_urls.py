"""The grammar of paths and the rules for keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_ref.errors import InvalidURIError
from deeplake_ref.urls import PARTS, PREFIXES, DatasetURL, Versions, check_key, directory, parse

HERE = str(Path.cwd())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mem://id", DatasetURL("mem", "", "id", "")),
        ("al://org/name", DatasetURL("al", "org", "name", "")),
        ("s3://bucket", DatasetURL("s3", "", "bucket", "")),
        ("s3://bucket/a b/c%41+#?", DatasetURL("s3", "", "bucket", "a b/c%41+#?")),
        ("s3://bucket/name@v1", DatasetURL("s3", "", "bucket", "name@v1")),
        ("az://account/container/name", DatasetURL("az", "account", "container", "name")),
        ("azure://account/container/name", DatasetURL("az", "account", "container", "name")),
        ("gcs://bucket/name/", DatasetURL("gcs", "", "bucket", "name")),
        ("gs://bucket/name", DatasetURL("gcs", "", "bucket", "name")),
        ("gcp://bucket/name", DatasetURL("gcs", "", "bucket", "name")),
        ("file:///a/b", DatasetURL("file", "", "", "/a/b")),
        ("/a/b/", DatasetURL("file", "", "", "/a/b")),
        ("a:b", DatasetURL("file", "", "", f"{HERE}/a:b")),
        ("./a:/b", DatasetURL("file", "", "", f"{HERE}/a:/b")),
        ("file://host/x?y#z", DatasetURL("file", "", "", f"{HERE}/host/x?y#z")),
        ("~user/x", DatasetURL("file", "", "", f"{HERE}/~user/x")),
    ],
)
def test_a_path_is_parsed_literally(path: str, expected: DatasetURL) -> None:
    """Every character is a name character, aliases and one slash at the end aside."""
    assert parse(path) == expected


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "not empty"),
        (" ", "not empty"),
        ("file://", "not empty"),
        ("s3://", "the bucket is missing"),
        ("s3:///name", "the bucket is missing"),
        ("az://account", "the container is missing"),
        ("az://account//name", "the container is missing"),
        ("al://org", "the name is missing"),
        ("mem://", "the id is missing"),
        ("S3://bucket", "prefixes are lower case, such as s3://"),
        ("s3a://bucket", "the prefix 's3a://' is unknown"),
        (" s3://bucket", "the prefix ' s3://' is unknown"),
        ("://x", "is unknown"),
        ("s3:/bucket", "has one slash"),
        ("s3://bucket//name", "no empty segment"),
        ("s3://bucket/name//", "no empty segment"),
        ("s3://bucket/../other", "no `..` segment"),
        ("s3://bucket/./name", "no `.` segment"),
        ("s3://arn:aws:s3:x", "letters, digits"),
        ("s3://bucket\n/name", "letters, digits"),
        ("../x", "no `..` segment"),
        ("/a//b", "no empty segment"),
        ("~//x", "no empty segment"),
        ("/a\x00b", "no NUL"),
        ("s3://bucket/\ud800", "encodable as UTF-8"),
    ],
)
def test_a_refusal_names_its_rule(path: str, rule: str) -> None:
    """The class is InvalidURIError, a ValueError, and nothing was changed."""
    with pytest.raises(InvalidURIError) as caught:
        parse(path)

    assert rule in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert caught.value.effect == "none"


@pytest.mark.parametrize(
    ("path", "versions", "expected"),
    [
        ("s3://b/ds@v1", "read", ("ds", "v1")),
        ("s3://b/a@b/ds", "read", ("a@b/ds", None)),
        ("s3://b/a@b/ds@v@w", "read", ("a@b/ds@v", "w")),
        ("s3://b/a@b/ds", "refused", ("a@b/ds", None)),
        ("s3://b/ds@v1", "name", ("ds@v1", None)),
    ],
)
def test_a_version_follows_the_last_slash(path: str, versions: Versions, expected: tuple[str, str | None]) -> None:
    """Only where versions are read."""
    url = parse(path, versions=versions)

    assert (url.path, url.version) == expected


@pytest.mark.parametrize(("path", "versions"), [("s3://b/ds@v1", "refused"), ("s3://b/ds@", "read"), ("x/@v", "read")])
def test_a_version_is_never_dropped(path: str, versions: Versions) -> None:
    """Writing to one is refused, and so is half of one."""
    with pytest.raises(InvalidURIError):
        parse(path, versions=versions)


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone and before a slash."""
    monkeypatch.setenv("HOME", "/somewhere")

    assert [parse("~").path, parse("~/x").path] == ["/somewhere", "/somewhere/x"]


@given(st.sampled_from(sorted(PREFIXES)), st.lists(st.text("ab c%+#?&=;@é", min_size=1), min_size=3, max_size=5))
def test_the_normal_form_is_parsed_back(scheme: str, segments: list[str]) -> None:
    """For every prefix, and below it."""
    prefix = PREFIXES[scheme]
    segments[0] = "bucket"
    url = parse(("file:///" if prefix == "file" else f"{scheme}://") + "/".join(segments))

    assert parse(str(url)) == url
    assert parse(str(url.below("x/y"))) == url.below("x/y")


def test_every_prefix_has_its_parts() -> None:
    """A row in one table has a row in the other."""
    assert set(PREFIXES.values()) == {*PARTS, "file"}


ODD = ("", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "\ud800")


@pytest.mark.parametrize("prefix", ["mem", "file", "s3", "az", "gcs"])
@pytest.mark.parametrize("key", ODD)
def test_odd_keys_are_refused_everywhere(prefix: str, key: str) -> None:
    """Nothing is folded into another key."""
    with pytest.raises(InvalidURIError):
        check_key(key, prefix)


@pytest.mark.parametrize(
    ("key", "refusing"),
    [
        ("é" * 512, {"file"}),
        ("k" * 255, set()),
        ("k" * 256, {"file"}),
        ("é" * 512 + "k", {"file", "s3", "az", "gcs"}),
        ("a\x00b", {"file", "az"}),
        ("a\nb", {"az", "gcs"}),
        ("a\\b", {"az"}),
        ("a./b", {"az"}),
        ("a\ufffeb", {"az"}),
        ("a b+%41#?&=;:~@*é😀", set()),
    ],
)
def test_a_key_is_refused_where_it_cannot_be_held(key: str, refusing: set[str]) -> None:
    """And kept as it is elsewhere."""
    for prefix in ("mem", "file", "s3", "az", "gcs"):
        if prefix in refusing:
            with pytest.raises(InvalidURIError):
                check_key(key, prefix)
        else:
            assert check_key(key, prefix) == key


def test_one_slash_after_a_directory_means_nothing() -> None:
    """Two are refused."""
    assert [directory(""), directory("a/b"), directory("a/b/")] == ["", "a/b", "a/b"]
    for odd in ("/", "a//", "/a", "a/..", "."):
        with pytest.raises(InvalidURIError):
            directory(odd)
