"""What `explain` answers: sources, winner, addresses, tries; that nothing secret is in it, and how the command ends."""

from __future__ import annotations

import base64
import io
import json
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import deeplake_ref
from conformance.targets.selection import resolve
from conformance.witnesses import witness_for
from deeplake_ref import __main__ as command
from deeplake_ref import advice, errors, explanation
from deeplake_ref.credentials import aws, azure, google, origins
from deeplake_ref.credentials.azure_texts import AzureCredentials
from deeplake_ref.credentials.chain import Attempt, Broken, Chain, Found, NotMine
from deeplake_ref.explanation import Explanation, explain
from deeplake_ref.secrets import Secret, SecretFields
from deeplake_ref.urls import parse
from tests.reference.explained import KEYS, canary, forms, probed, refusal, s3_answers, texts
from tests.reference.scripted import scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.services import RunningService

pytestmark = pytest.mark.usefixtures("no_cloud")

# ---- attempts


@dataclass
class Known:
    """Credentials with an end."""

    expires_at: datetime | None = None
    key: Secret = field(default_factory=lambda: Secret(canary()))


@dataclass
class Fixed:
    """A source with one answer, which counts how often it is asked."""

    name: str
    answer: Any
    asked: int = 0

    def look(self) -> Any:
        """Answer."""
        self.asked += 1
        return self.answer


def fixed(*answers: Any) -> tuple[Chain[Any], list[Fixed]]:
    """Return a chain of sources with these answers."""
    sources = [Fixed(name, answer) for name, answer in zip(("one", "two", "three"), answers, strict=True)]
    return Chain("s3", sources, "Do this"), sources


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Explanation]:
    """Explain `s3://b` by sources with these answers."""

    def explain_them(*answers: Any) -> Explanation:
        chain, _ = fixed(*answers)
        monkeypatch.setattr(aws, "chain", lambda *_arguments: chain)
        return explain("s3://b")

    return explain_them


def test_sources_behind_the_winner_are_not_asked(explained: Callable[..., Explanation]) -> None:
    """They are shown in their order."""
    ends = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = explained(NotMine("not set"), Found(Known(ends)), Found(Known()))

    assert found.attempts == (
        Attempt("one", "not configured", "not set"),
        Attempt("two", "credentials"),
        Attempt("three", "not asked", "behind two"),
    )
    assert (found.winner, found.expires_at, found.failure, found.is_usable) == ("two", ends, None, True)
    assert found.as_dict()["expires_at"] == "2099-01-02T03:04:05+00:00"


def test_a_broken_source_is_an_answer(explained: Callable[..., Explanation]) -> None:
    """With what to do about it."""
    found = explained(NotMine("not set"), Broken(errors.InvalidCredentialsError("no secret")), Found(Known()))

    assert [attempt.answer for attempt in found.attempts] == ["not configured", "broken", "not asked"]
    assert found.winner is None
    assert found.failure is not None
    assert (found.failure.error, found.failure.message) == ("InvalidCredentialsError", "no secret")
    assert found.failure.advice.startswith("correct two, or take it away")


def test_nothing_found_is_an_answer(explained: Callable[..., Explanation]) -> None:
    """With the hint of the cloud."""
    found = explained(*[NotMine("not set")] * 3)

    assert {attempt.answer for attempt in found.attempts} == {"not configured"}
    assert found.failure == explanation.Failure(
        "CredentialsNotFoundError", "no source has credentials for s3://", "Do this"
    )


def test_a_chain_explains_itself_and_is_resolved_by_that() -> None:
    """No source is asked twice, however often."""
    chain, sources = fixed(NotMine("not set"), Found("key"), Found("other"))
    first, second = chain.explained(), chain.explained()

    assert first == second
    assert chain.resolve() is first.resolved
    assert [source.asked for source in sources] == [1, 1, 0]


def test_the_dictionary_wins_on_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment, which is not asked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary())
    found = explain("s3://b/x/", {"aws_access_key_id": "AKIDICT", "aws_secret_access_key": canary()})

    assert (found.path, found.winner) == ("s3://b/x", "aws_dict")
    assert {attempt.answer for attempt in found.attempts[1:]} == {"not asked"}


@pytest.mark.parametrize("path", ["mem://x", "file:///nowhere", "relative/path"])
def test_local_places_need_no_credentials(path: str) -> None:
    """And say so."""
    found = explain(path)

    assert (found.needs_credentials, found.is_usable, found.attempts) == (False, True, ())
    assert "credentials  none are needed" in "\n".join(command.told(found))


def test_a_path_that_breaks_a_rule_is_no_explanation() -> None:
    """It is the call that is wrong."""
    with pytest.raises(errors.InvalidURIError):
        explain("s3://")
    with pytest.raises(ValueError, match="probe=True"):
        explain("mem://x", write=True)


def test_a_missing_sdk_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which names the extra."""

    def missing(*_arguments: Any) -> Any:
        raise errors.StorageProviderMissingError('s3:// needs an extra: pip install "deeplake-conformance[s3]"')

    monkeypatch.setattr(explanation, "open_store", missing)
    found = explain("s3://b")

    assert found.failure is not None
    assert "deeplake-conformance[s3]" in found.failure.message


# ---- addresses


@pytest.mark.parametrize(
    ("creds", "environment", "endpoint", "region"),
    [
        ({}, {}, ("https://s3.amazonaws.com", "the public one"), ("us-east-1", "default")),
        (
            {"endpoint_url": "http://h:1/", "aws_region": "eu-x-1"},
            {"AWS_ENDPOINT_URL_S3": "http://h:2", "AWS_REGION": "eu-x-2"},
            ("http://h:1", "`endpoint_url` of creds"),
            ("eu-x-1", "`aws_region` of creds"),
        ),
        (
            {},
            {"AWS_ENDPOINT_URL_S3": "http://h:2", "AWS_ENDPOINT_URL": "http://h:3", "AWS_REGION": "eu-x-2"},
            ("http://h:2", "AWS_ENDPOINT_URL_S3"),
            ("eu-x-2", "AWS_REGION"),
        ),
        (
            {},
            {"AWS_ENDPOINT_URL": "http://h:3", "AWS_REGION": " ", "AWS_DEFAULT_REGION": "eu-x-3"},
            ("http://h:3", "AWS_ENDPOINT_URL"),
            ("eu-x-3", "AWS_DEFAULT_REGION"),
        ),
    ],
    ids=["nothing", "dictionary", "variables", "second-variables"],
)
def test_addresses_on_s3_have_an_origin(
    creds: dict[str, str],
    environment: dict[str, str],
    endpoint: tuple[str, str],
    region: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where nobody has credentials."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    for keys in ({}, KEYS):
        found = explain("s3://b", {**keys, **creds})
        assert found.endpoint == origins.Origin(*endpoint)
        assert found.region == origins.Origin(*region)


def test_a_profile_says_where_requests_go(no_cloud: Path) -> None:
    """If nobody before it does."""
    (no_cloud / "config").write_text("[default]\nregion = eu-x-9\nendpoint_url = http://127.0.0.1:9\n")
    found = explain("s3://b", KEYS)

    assert found.endpoint == origins.Origin("http://127.0.0.1:9", "profile 'default'")
    assert found.region == origins.Origin("eu-x-9", "profile 'default'")


def test_a_broken_file_does_not_hide_the_rest(no_cloud: Path) -> None:
    """It is told of the sources; the address is the one without the file."""
    (no_cloud / "config").write_text("[default\nno")
    found = explain("s3://b")

    assert found.failure is not None
    assert found.failure.error == "InvalidCredentialsError"
    assert found.endpoint == origins.Origin("https://s3.amazonaws.com", "the public one")


def test_an_endpoint_that_is_none_is_a_failure() -> None:
    """Though there is a winner; it is not repeated, as it may hold a password."""
    password = canary().replace("@", "").replace("/", "")
    found = explain("s3://b", {**KEYS, "endpoint_url": f"http://user:{password}@h"})

    assert (found.winner, found.is_usable) == ("aws_dict", False)
    assert found.failure is not None
    assert found.failure.error == "InvalidURIError"
    assert password not in texts(found)


ACCOUNT_KEY = base64.b64encode(b"an account key of this test").decode()
AT = f"AccountName=acct;AccountKey={ACCOUNT_KEY};BlobEndpoint=http://h:5/acct"


@pytest.mark.parametrize(
    ("creds", "environment", "value", "origin"),
    [
        ({}, {}, "https://acct.blob.core.windows.net", "the account in the path"),
        (
            {"endpoint_url": "http://h:1"},
            {"AZURE_STORAGE_ENDPOINT": "http://h:2"},
            "http://h:1",
            "`endpoint_url` of creds",
        ),
        ({}, {"AZURE_STORAGE_ENDPOINT": "http://h:2/"}, "http://h:2", "AZURE_STORAGE_ENDPOINT"),
        (
            {},
            {"AZURE_STORAGE_CONNECTION_STRING": AT, "AZURE_STORAGE_ENDPOINT": "http://h:2"},
            "http://h:5/acct",
            "BlobEndpoint of AZURE_STORAGE_CONNECTION_STRING",
        ),
    ],
    ids=["nothing", "dictionary", "variable", "connection-string"],
)
def test_the_endpoint_on_azure_has_an_origin(
    creds: dict[str, str], environment: dict[str, str], value: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection string counts only while it is the winner."""
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    found = explain("az://acct/c", creds)

    assert (found.endpoint, found.region) == (origins.Origin(value, origin), None)


@pytest.mark.parametrize(
    ("creds", "emulator", "value", "origin"),
    [
        ({}, "", "https://storage.googleapis.com", "the public one"),
        ({"endpoint_url": "http://h:1"}, "h:2", "http://h:1", "`endpoint_url` of creds"),
        ({}, "h:2", "http://h:2", "STORAGE_EMULATOR_HOST"),
        ({}, "http://h:2", "http://h:2", "STORAGE_EMULATOR_HOST"),
    ],
)
def test_the_endpoint_on_gcs_has_an_origin(
    creds: dict[str, Any], emulator: str, value: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a scheme."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    found = explain("gcs://b", {"anon": True, **creds})

    assert (found.winner, found.endpoint) == ("gcs_anon", origins.Origin(value, origin))


@pytest.mark.parametrize("path", ["s3://b", "az://acct/c", "gcs://b"])
def test_addresses_are_those_of_the_stores(path: str) -> None:
    """Only the words are made here."""
    url, creds = parse(path), SecretFields({"endpoint_url": "http://h:7"})
    stores: dict[str, Callable[[], str | None]] = {
        "s3": lambda: aws.addressing(creds).endpoint_url,
        "az": lambda: azure.endpoint(creds, AzureCredentials(), url.account),
        "gcs": lambda: google.endpoint(creds),
    }

    assert origins.of(url, creds, None).endpoint.value == stores[url.prefix]()


# ---- tries


def test_only_a_write_writes() -> None:
    """A probe lists and reads."""
    found, asked = probed(s3_answers())

    assert [(each.action, each.outcome) for each in found.probes] == [("list", "ok"), ("read", "ok")]
    assert found.is_usable
    assert set(asked) == {"GET"}


def test_a_write_is_removed() -> None:
    """Under the same random name."""
    with scripted(s3_answers()) as service:
        found = explain("s3://b/x", {**KEYS, "endpoint_url": service.url}, probe=True, write=True)
        changed = [(asked.method, asked.path) for asked in service.asked if asked.method != "GET"]

    assert [each.action for each in found.probes] == ["list", "read", "write", "remove"]
    assert found.is_usable
    (put, written), (delete, removed) = changed
    assert (put, delete, written) == ("PUT", "DELETE", removed)
    assert written.startswith("/b/x/explain-")


def test_what_is_not_written_is_not_removed() -> None:
    """A refusal changes nothing."""
    found, asked = probed(s3_answers(write=(403, refusal("AccessDenied"))), write=True)

    assert [(each.action, each.outcome) for each in found.probes][2:] == [("write", "failed")]
    assert "grant s3:PutObject to the identity of aws_dict" in found.probes[2].advice
    assert "DELETE" not in asked
    assert not found.is_usable


def test_what_cannot_be_removed_is_named() -> None:
    """Somebody has to do it."""
    found, _ = probed(s3_answers(remove=(403, refusal("AccessDenied"))), write=True)
    last = found.probes[-1]

    assert (last.action, last.outcome, last.error) == ("remove", "failed", "StorageAccessDenied")
    assert "may be left behind" in last.detail
    assert "explain-" in last.detail


@pytest.mark.parametrize(
    ("status", "code", "error", "told"),
    [
        (403, "AccessDenied", "StorageAccessDenied", "grant s3:ListBucket to the identity of aws_dict"),
        (400, "ExpiredToken", "ExpiredTokenError", "get new credentials for `aws_access_key_id`"),
        (403, "RequestTimeTooSkewed", "AuthenticationError", "set this machine's clock"),
        (403, "SignatureDoesNotMatch", "AuthenticationError", "check `aws_access_key_id`, `aws_secret_access_key`"),
        (301, "PermanentRedirect", "StorageInternalError", "to the region of the bucket"),
        (404, "NoSuchBucket", "StorageBucketNotFound", "create the bucket"),
    ],
)
def test_a_failure_says_what_to_do(status: int, code: str, error: str, told: str) -> None:
    """By class and code; the text of the service is not passed on."""
    found, _ = probed(s3_answers(list=(status, refusal(code))))
    first = found.probes[0]

    assert (first.action, first.outcome, first.error) == ("list", "failed", error)
    assert told in first.advice
    assert "told by the service" not in texts(found)


def test_a_denied_read_may_hide_that_nothing_is_there() -> None:
    """S3 does not tell those who may not list."""
    denied = (403, refusal("AccessDenied"))
    found, _ = probed(s3_answers(list=denied, read=denied))

    assert "also answers so for an object that is not there" in found.probes[1].detail


def test_a_service_that_is_gone_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where that came from."""
    monkeypatch.setattr("deeplake_ref.retry.RetryPolicy._pause", lambda *_arguments: 0.0)
    with scripted(s3_answers()) as service:
        url = service.url
    found = explain("s3://b", {**KEYS, "endpoint_url": url}, probe=True)

    assert {each.error for each in found.probes} == {"StorageNetworkConnectionError"}
    assert f"{url} (`endpoint_url` of creds)" in found.probes[0].advice


def test_nothing_is_tried_without_credentials() -> None:
    """There is no request to make."""
    assert explain("s3://b", {"endpoint_url": "http://127.0.0.1:9"}, probe=True).probes == ()


def test_local_places_are_tried_too(tmp_path: Path) -> None:
    """And nothing stays behind."""
    (tmp_path / "k").write_bytes(b"v")
    found = explain(f"file://{tmp_path}", probe=True, write=True)

    assert [each.outcome for each in found.probes] == ["ok"] * 4
    assert found.probes[1].detail == "the first byte of 'k'"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("explain-")] == []


def test_tries_on_real_services(moto: RunningService, azurite: RunningService, fake_gcs: RunningService) -> None:
    """All work, and the bucket is as before."""
    for service in (moto, azurite, fake_gcs):
        bucket = f"conf-{secrets.token_hex(6)}"
        witness = witness_for(service, bucket, service.creds())
        witness.create_root()
        found = explain(service.url_of(bucket), service.creds(), probe=True, write=True)

        assert [(each.action, each.outcome) for each in found.probes] == [
            (action, "ok") for action in ("list", "read", "write", "remove")
        ]
        assert found.winner is not None
        assert witness.keys() == []


def test_every_class_that_a_user_can_meet_has_advice() -> None:
    """Filled in, with nothing left to fill in."""
    for kind in (
        errors.ExpiredTokenError,
        errors.AuthenticationError,
        errors.StorageAccessDenied,
        errors.StorageBucketNotFound,
        errors.StorageThrottledError,
        errors.InvalidCredentialsError,
        errors.CredentialsUnavailableError,
        errors.StorageTLSError,
        errors.StorageNetworkConnectionError,
    ):
        told = advice.advise(kind("x", provider="s3"), action="list", source="aws_env")
        assert told
        assert not set("{}") & set(told)


# ---- secrecy


def secret_worlds() -> Iterator[tuple[str, Any, dict[str, str], list[str]]]:
    """Yield path, creds, environment and the secrets in them."""
    one, two = canary(), canary()
    key = base64.b64encode(one.encode()).decode()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sas = quote(one, safe="")
    full = {"aws_access_key_id": "AKI", "aws_secret_access_key": one, "aws_session_token": two}
    yield "s3://b", full, {}, [one, two]
    yield "s3://b", {"aws_secret_access_key": one}, {}, [one]
    yield "s3://b", {one: two}, {}, [one, two]
    yield "s3://b", one, {}, [one]
    yield "s3://b", {**full, "endpoint_url": f"http://u:{quote(one, safe='')}@h"}, {}, [one, two]
    yield "s3://b", None, {name.upper(): value for name, value in full.items()}, [one, two]
    yield "s3://b", None, {"AWS_ACCESS_KEY_ID": "AKI", "AWS_SESSION_TOKEN": one}, [one]
    yield "s3://b", None, {"AWS_ENDPOINT_URL_S3": f"http://u:{quote(one, safe='')}@h"}, [one]
    yield "az://acct/c", {"account_key": key}, {}, [one]
    yield "az://acct/c", {"account_key": one + "not base64"}, {}, [one]
    yield "az://acct/c", {"sas_token": f"sv=1&se={tomorrow}&sig={sas}"}, {}, [one]
    yield "az://acct/c", {"sas_token": f"sv=1&se={yesterday}&sig={sas}"}, {}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acct;AccountKey={key}"}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_CONNECTION_STRING": f"AccountKey={key};nonsense"}, [one]
    yield "az://acct/c", None, {"AZURE_STORAGE_KEY": one}, [one]
    yield "gcs://b", {"gcs_oauth_token": one}, {}, [one]
    yield "gcs://b", {"type": "service_account", "private_key": one}, {}, [one]
    yield "gcs://b", json.dumps({"type": "authorized_user", "refresh_token": one}), {}, [one]
    yield "gcs://b", one, {}, [one]


@pytest.mark.parametrize("number", range(len(list(secret_worlds()))))
def test_no_explanation_holds_a_secret(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In no form, whether the source wins or is broken."""
    path, creds, environment, hidden = list(secret_worlds())[number]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    seen = texts(explain(path, creds))

    assert [form for secret in hidden for form in forms(secret) if form in seen] == []


def test_the_scan_finds_what_leaks() -> None:
    """In each form; a scan that sees nothing would pass always."""
    secret = canary()

    for form in forms(secret):
        found = explain("s3://b", KEYS)
        leaking = Explanation(found.path, found.prefix, (Attempt("one", "broken", f"it said {form}"),))
        assert form in texts(leaking)


def test_a_file_with_a_secret_is_not_repeated(no_cloud: Path) -> None:
    """Nor what a process said."""
    secret = canary()
    (no_cloud / "credentials").write_text(f"[default]\naws_access_key_id = AKI\naws_secret_access_key = {secret}\n")
    assert secret not in texts(explain("s3://b"))

    (no_cloud / "config").write_text(f"[default\n{secret}")
    assert secret not in texts(explain("s3://b"))


# ---- the command


def run(
    capsys: pytest.CaptureFixture[str], *arguments: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch | None = None
) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the command."""
    if monkeypatch is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    try:
        code = command.main(["explain", *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_winner_is_success(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The creds come from a file; stdout is the explanation."""
    file = tmp_path / "creds.json"
    secret = canary()
    file.write_text(json.dumps({**KEYS, "aws_secret_access_key": secret, "endpoint_url": "http://127.0.0.1:9"}))
    code, out, err = run(capsys, "s3://b/ds", "--creds-json", str(file))

    assert (code, err) == (0, "")
    assert out.splitlines()[:4] == [
        "s3://b/ds",
        "  credentials  aws_dict",
        "  endpoint     http://127.0.0.1:9 (`endpoint_url` of creds)",
        "  region       us-east-1 (default)",
    ]
    assert secret not in out


def test_creds_come_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And JSON goes out."""
    code, out, err = run(
        capsys, "gcs://b", "--creds-json", "-", "--json", stdin='{"anon": true}', monkeypatch=monkeypatch
    )

    assert (code, err, json.loads(out)["winner"]) == (0, "", "gcs_anon")


def test_nothing_found_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """With the hint, on stdout: it is what was asked for."""
    code, out, err = run(capsys, "s3://b")

    assert (code, err) == (1, "")
    assert "failure      CredentialsNotFoundError: no source has credentials for s3://" in out
    assert "hint: Give aws_access_key_id" in out


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["s4://b"], "", "the prefix 's4://' is unknown"),
        (["s3://b", "--creds-json", "/nowhere/at/all"], "", "--creds-json cannot be read: No such file or directory"),
        (["s3://b", "--creds-json", "-"], '{"k": hunter2', "--creds-json is not JSON: line 1, column 7"),
        (["s3://b", "--creds-json", "-"], "[7]", "--creds-json holds an object or a text: list"),
        (["s3://b", "--nonsense"], "", "unrecognized arguments"),
        ([], "", "PATH"),
    ],
)
def test_a_wrong_call_is_two(
    arguments: list[str],
    stdin: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told on stderr, without what the file holds."""
    code, out, err = run(capsys, *arguments, stdin=stdin, monkeypatch=monkeypatch)

    assert (code, out) == (2, "")
    assert told in err
    assert "hunter2" not in err


def test_a_write_is_a_probe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--write` alone means both."""
    code, out, _ = run(capsys, str(tmp_path), "--write")

    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if " ok " in line] == ["list", "read", "write", "remove"]


def test_the_module_is_the_command() -> None:
    """And the public function is there, at every import anew."""
    done = subprocess.run(
        [sys.executable, "-m", "deeplake_ref", "explain", "mem://x"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert deeplake_ref.explain is explain
    assert not hasattr(deeplake_ref, "explains")


@pytest.mark.parametrize("door", ["in-process", "stdio"])
def test_the_suite_can_ask(door: str) -> None:
    """Through both doors, in the form of the protocol."""
    target = resolve("deeplake_ref", (), None, door, validate=door == "stdio").start()
    try:
        found = target.explain("s3://b", {**KEYS, "endpoint_url": "http://127.0.0.1:9"})
        nothing = target.explain("mem://x")
    finally:
        target.close()

    assert (found["winner"], found["endpoint"], found["region"]) == ("aws_dict", "http://127.0.0.1:9", "us-east-1")
    assert found["attempts"][0] == {"source": "aws_dict", "answer": "credentials", "reason": ""}
    assert (nothing["winner"], nothing["attempts"]) == (None, [])
