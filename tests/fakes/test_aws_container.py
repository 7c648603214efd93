"""
The credentials of a container: what the endpoint gives, to whom, and to botocore.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from conformance.fakes.aws_container import ROLE_ARN, Container
from tests.fakes.aws_asking import Minted, ask, botocore, serving

PATH = "/v2/credentials/4f0c"


def test_the_document_holds_the_keys_of_one_generation() -> None:
    """The same ones as long as they are good."""
    mint = Minted()
    with serving(Container("aws_container", mint, 3600, PATH)) as server:
        first, second = ask(server, "GET", PATH), ask(server, "GET", PATH + "?again")

    (identity,) = mint.identities.values()
    assert first.json() == second.json()
    assert first.json() | {"Expiration": None} == {
        "RoleArn": ROLE_ARN,
        "AccessKeyId": identity.name,
        "SecretAccessKey": identity.secret,
        "Token": identity.token,
        "Expiration": None,
    }


def test_the_next_generation_comes_in_time_or_by_a_rotation() -> None:
    """Near the end of the old one, and at once."""
    mint = Minted()
    container = Container("aws_container", mint, 3600, PATH)
    with serving(container) as server:
        ask(server, "GET", PATH)
        server.clock_s = 3400
        ask(server, "GET", PATH)
        container.rotate()
        ask(server, "GET", PATH)
    assert mint.labels == ["aws_container", "aws_container#2", "aws_container#3"]


@pytest.mark.parametrize(("spoilt", "status"), [("{}", 200), ("{} ", 200), ("Bearer {}", 403), ("x{}", 403), ("", 403)])
def test_the_token_is_compared_letter_by_letter(spoilt: str, status: int) -> None:
    """No scheme is added or taken away; spaces at the end are no part of a header."""
    text = secrets.token_urlsafe(32)
    with serving(Container("aws_container", Minted(), 3600, PATH, text)) as server:
        reply = ask(server, "GET", PATH, headers={"Authorization": spoilt.format(text)})
    assert reply.status == status


def test_a_missing_token_is_told_apart_from_a_wrong_one() -> None:
    """And no answer holds the right one."""
    text = secrets.token_urlsafe(32)
    with serving(Container("aws_container", Minted(), 3600, PATH, text)) as server:
        replies = [ask(server, "GET", PATH), ask(server, "GET", PATH, headers={"Authorization": "other"})]
    assert [(each.status, each.json()["code"]) for each in replies] == [
        (401, "MissingAuthorization"),
        (403, "AccessDenied"),
    ]
    assert not any(text in each.text for each in replies)


def test_a_token_may_change() -> None:
    """As the file of a pod does."""
    old, new = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    container = Container("aws_container", Minted(), 3600, PATH, old)
    with serving(container) as server:
        container.token_text = new
        assert [ask(server, "GET", PATH, headers={"Authorization": text}).status for text in (old, new)] == [403, 200]


def test_other_paths_and_methods_are_refused() -> None:
    """An unknown id as the agent of ECS does it."""
    mint = Minted()
    with serving(Container("aws_container", mint, 3600, PATH)) as server:
        replies = [ask(server, "GET", PATH + "0"), ask(server, "GET", "/"), ask(server, "POST", PATH)]
    assert [each.status for each in replies] == [400, 404, 405]
    assert replies[0].json()["code"] == "InvalidIdInRequest"
    assert mint.labels == []


def test_botocore_gets_the_keys(tmp_path: Path) -> None:
    """With the token that the environment holds."""
    mint, text = Minted(), secrets.token_urlsafe(32)
    with serving(Container("aws_container", mint, 3600, PATH, text)) as server:
        found = botocore(
            tmp_path,
            AWS_CONTAINER_CREDENTIALS_FULL_URI=server.url + PATH,
            AWS_CONTAINER_AUTHORIZATION_TOKEN=text,
        )
    assert found == {"key": next(iter(mint.identities)), "token": True, "method": "container-role"}


def test_botocore_gives_up_where_its_token_is_refused(tmp_path: Path) -> None:
    """After three attempts."""
    with serving(Container("aws_container", Minted(), 3600, PATH, secrets.token_urlsafe(32))) as server:
        found = botocore(tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI=server.url + PATH)
        statuses = [each.status for each in server.asked]
    assert found == {"error": "CredentialRetrievalError", "code": None}
    assert statuses == [401] * 3
