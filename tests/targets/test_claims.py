"""
A claims file: what it says, and that every mistake in it is named.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import requirements
from conformance.settings import UsageError
from conformance.targets.claims import CLAIMED, PREFIXES, SOURCES, Claims
from conformance.targets.claims_file import read_claims

KNOWN = next(iter(requirements.load()))
AREA = requirements.load()[KNOWN].area


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A claims file that is still empty."""
    path = tmp_path / "claims.toml"
    path.write_text("")
    return path


def read(file: Path, text: str) -> Claims:
    """Return the claims of a text."""
    file.write_text(text)
    return read_claims(file)


def test_without_a_word_all_but_al_is_claimed(file: Path) -> None:
    """An empty file is the same as none: whoever does not know `al://` would dial the public control plane."""
    claims = read(file, "")

    assert Claims() == claims
    assert (
        claims.concurrent,
        claims.deadline_s,
        claims.reserved_directories,
        claims.prefixes,
    ) == (True, 60.0, (), CLAIMED)
    assert claims.not_claimed_reason(KNOWN, "s3") is None
    assert claims.known_failure(KNOWN, "mem") is None


def test_options_and_names_are_read(file: Path) -> None:
    """What is not mentioned keeps its default."""
    claims = read(
        file,
        f"""
        name = "mine"
        prefixes = ["s3", "mem"]
        [options]
        concurrent = false
        deadline_s = 5
        reserved_directories = [".tmp"]
        [defined]
        {KNOWN} = "literal"
        [creds.s3]
        endpoint_url = "aws_endpoint"
        """,
    )

    assert (
        claims.name,
        claims.concurrent,
        claims.deadline_s,
        claims.reserved_directories,
    ) == ("mine", False, 5.0, (".tmp",))
    assert claims.creds == {"s3": {"endpoint_url": "aws_endpoint"}}
    assert claims.defined == {KNOWN: "literal"}
    assert claims.claims_prefix("mem")
    assert not claims.claims_prefix("az")


def test_what_is_not_claimed_says_why(file: Path) -> None:
    """By prefix, by area, and by requirement on some prefixes."""
    one = f'[[not_claimed]]\nrequirement = "{KNOWN}"\nprefixes = ["mem"]\nreason = "no such call"\n'

    assert read(file, one).not_claimed_reason(KNOWN, "mem") == "no such call"
    assert read(file, one).not_claimed_reason(KNOWN, "s3") is None
    assert (
        read(file, 'prefixes = ["mem"]').not_claimed_reason(KNOWN, "s3") == "s3 is not among the prefixes of the claims"
    )
    other = next(area for area in {each.area for each in requirements.load().values()} if area != AREA)
    assert f"{AREA} is not among the areas of the claims" == read(file, f'areas = ["{other}"]').not_claimed_reason(
        KNOWN, "s3"
    )


@pytest.mark.parametrize(
    ("where", "place", "fits"),
    [
        ("", "mem", True),
        ('place = "mem"', "mem", True),
        ('place = "mem"', "file", False),
        ('place = ["file", "mem"]', "mem", True),
        ('place = "moto"', "moto", True),
        ('place = "s3"', "moto", True),
        ('place = "s3"', "azurite", False),
        ('place = "moto"', "minio", False),
    ],
)
def test_a_known_failure_is_known_where_it_says(file: Path, where: str, place: str, fits: bool) -> None:
    """A place, several, or every place of a prefix."""
    text = f'[[known_failure]]\nrequirement = "{KNOWN}"\nreason = "r"\nlink = "https://example.org"\n{where}\n'

    assert fits == (read(file, text).known_failure(KNOWN, place) is not None)


def test_the_entry_of_a_case_outranks_the_general_one(file: Path) -> None:
    """And only the passing of exactly that case is news."""
    entry = f'[[known_failure]]\nrequirement = "{KNOWN}"\nlink = "https://example.org"\n'
    claims = read(file, f'{entry}reason = "all"\n{entry}reason = "one"\ncase = "odd"\n')
    odd, even = claims.known_failure(KNOWN, "mem", "odd"), claims.known_failure(KNOWN, "mem", "even")

    assert odd is not None
    assert even is not None
    assert (odd.reason, even.reason) == ("one", "all")
    assert (odd.whole("odd"), even.whole("even")) == (True, False)
    assert even.whole(None)


def test_sources_are_those_of_the_prefixes_unless_some_are_named(file: Path) -> None:
    """In the order of the table, whatever the order of the file is; none is a choice too."""
    everything = read(file, 'prefixes = ["mem", "s3"]')
    some = read(file, 'prefixes = ["s3", "az"]\nsources = ["azure_cli", "aws_env", "aws_dict"]')

    assert everything.sources is None
    assert everything.claimed_sources("s3") == SOURCES["s3"]
    assert everything.claimed_sources("az") == everything.claimed_sources("mem") == ()
    assert some.claimed_sources("s3") == ("aws_dict", "aws_env")
    assert some.claims_source("azure_cli")
    assert not some.claims_source("azure_dict_account_key")
    assert not some.claims_source("gcs_anon")
    assert read(file, "sources = []").claimed_sources("s3") == ()
    assert (everything.summary()["sources"], some.summary()["sources"][0]) == ("all", "azure_cli")


def test_a_target_is_forked_only_if_it_says_so(file: Path) -> None:
    """Most read something of the machine when they are imported."""
    assert read(file, "").preload == ()
    assert read(file, '[options]\npreload = ["boto3"]').preload == ("boto3",)


def test_no_source_has_two_prefixes() -> None:
    """A name says where it belongs."""
    names = [name for of_prefix in SOURCES.values() for name in of_prefix]

    assert len(names) == len(set(names)) == 35
    assert set(SOURCES) <= set(PREFIXES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "claims.toml: not valid TOML: "),
        ('nmae = "x"', "claims.toml: unknown key 'nmae': did you mean name? known: name, areas"),
        ("name = 7", "claims.toml: name: a text: 7"),
        (
            'prefixes = ["s4"]',
            "claims.toml: prefixes: unknown prefix 's4': did you mean s3? known: mem, file, s3, az, gcs",
        ),
        ('sources = "aws_env"', "claims.toml: sources: a list of texts: 'aws_env'"),
        ('sources = ["aws_envs"]', "claims.toml: sources: unknown source 'aws_envs': did you mean aws_env?"),
        (
            'prefixes = ["s3"]\nsources = ["azure_cli"]',
            "claims.toml: sources: azure_cli is of az, which is not among the prefixes",
        ),
        ("[options]\npreload = 1", "claims.toml: [options] preload: a list of texts: 1"),
        ('prefixes = "s3"', "claims.toml: prefixes: a list of texts: 's3'"),
        ('areas = ["objets"]', "claims.toml: areas: unknown area 'objets': did you mean objects?"),
        ("options = 7", "claims.toml: options: a table: 7"),
        ("[options]\nconcurent = true", "claims.toml: [options]: unknown key 'concurent': did you mean concurrent?"),
        ("[options]\nconcurrent = 1", "claims.toml: [options] concurrent: true or false: 1"),
        ("[options]\ndeadline_s = 0", "claims.toml: [options] deadline_s: a positive number of seconds: 0"),
        ("[options]\ndeadline_s = true", "claims.toml: [options] deadline_s: a positive number of seconds: True"),
        ("[options]\nreserved_directories = [1]", "claims.toml: [options] reserved_directories: a list of texts: [1]"),
        ('[defined]\nNONE-1 = "x"', "claims.toml: [defined]: unknown requirement 'NONE-1'"),
        (f"[defined]\n{KNOWN} = 1", f"claims.toml: [defined] {KNOWN}: a text: 1"),
        ("[creds.s4]\na = 'b'", "claims.toml: [creds]: unknown prefix 's4': did you mean s3? known: s3, az, gcs"),
        ("[creds.s3]\na = 1", "claims.toml: [creds.s3] a: a text: 1"),
        ("[not_claimed]\nreason = 'x'", "claims.toml: not_claimed: written as [[not_claimed]], once per requirement"),
        ("[[not_claimed]]\nreason = 'x'", "claims.toml: [[not_claimed]] number 1: requirement is missing"),
        (
            f"[[known_failure]]\nrequirement = '{KNOWN}'",
            "claims.toml: [[known_failure]] number 1: reason is missing",
        ),
        (
            f"[[known_failure]]\nrequirement = '{KNOWN}'\nreason = 'x'",
            "claims.toml: [[known_failure]] number 1: link is missing",
        ),
        (
            f"[[known_failure]]\nrequirement = '{KNOWN}'\nreason = ' '\nlink = 'x'",
            "claims.toml: [[known_failure]] number 1: reason is empty",
        ),
        (
            f"[[known_failure]]\nrequirement = '{KNOWN}'\nreason = 'x'\nlink = 'x'\nplace = 'mooto'",
            "claims.toml: [[known_failure]] number 1 place: unknown place 'mooto': did you mean moto?",
        ),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(file: Path, text: str, message: str) -> None:
    """File, place in it, the wrong word, the nearest right one."""
    with pytest.raises(UsageError) as caught:
        read(file, text)

    assert str(caught.value).startswith(message)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(UsageError, match=r"the claims cannot be read: .*none\.toml: No such file or directory"):
        read_claims(tmp_path / "none.toml")


def test_the_summary_is_plain_data(file: Path) -> None:
    """It goes into the record as JSON."""
    import json

    summary = read(file, f'[[not_claimed]]\nrequirement = "{KNOWN}"\nreason = "r"\n').summary()

    assert summary == json.loads(json.dumps(summary))
    assert summary["not_claimed"] == [{"requirement": KNOWN, "reason": "r"}]
    assert summary["areas"] == "all"
