"""Which source of AWS wins, and that nobody behind it is asked."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import aws
from deeplake_ref.credentials.chain import Chain
from deeplake_ref.secrets import SecretFields
from tests.reference.aws_world import AMBIENT, OF_SERVICES, World

CHEAP = ("aws_env", "aws_shared_file", "aws_process", "aws_config_file", "aws_container", "aws_imds")
"""Sources for which no client of STS or SSO is made."""


def chain_of(creds: Any = None) -> Chain[aws.AwsCredentials]:
    """Return the sources of one handle."""
    return aws.chain(SecretFields(creds))


def key_of(chain: Chain[aws.AwsCredentials]) -> str:
    """Return the key id of who signs."""
    key: str = chain.resolve().credentials.signer.get_frozen_credentials().access_key
    return key


def check(aws_world: World, planted: tuple[str, ...]) -> None:
    """Plant sources, and look who wins."""
    aws_world.plant(*planted)
    chain = chain_of()
    winner = next(source for source in AMBIENT if source in planted)

    assert (key_of(chain), chain.source) == (aws_world.key(winner), winner)
    assert [attempt.source for attempt in chain.attempts][-1] == winner
    asked = {OF_SERVICES[winner]} if winner in OF_SERVICES else set()
    if winner == "aws_imds":
        asked |= {"imds-token", "imds-role"}
    assert aws_world.asked() == asked


@pytest.mark.parametrize("source", AMBIENT)
def test_one_source_is_found(aws_world: World, source: str) -> None:
    """Each by its own name."""
    check(aws_world, (source,))


@pytest.mark.parametrize("pair", list(itertools.combinations(AMBIENT, 2)), ids="-".join)
def test_the_earlier_of_two_wins(aws_world: World, pair: tuple[str, str]) -> None:
    """And the later one gets no request."""
    check(aws_world, pair)


@pytest.mark.parametrize(
    "planted",
    [subset for size in range(3, 7) for subset in itertools.combinations(CHEAP, size)],
    ids="-".join,
)
def test_the_first_of_many_wins(aws_world: World, planted: tuple[str, ...]) -> None:
    """Whatever else is there."""
    check(aws_world, planted)


@pytest.mark.parametrize("first", range(len(AMBIENT)), ids=AMBIENT.__getitem__)
def test_without_the_winner_the_next_one_wins(aws_world: World, first: int) -> None:
    """All sources, and all but the first ones."""
    check(aws_world, AMBIENT[first:])


def test_the_order_can_be_read() -> None:
    """It is that of the contract."""
    names = [source.name for source in chain_of().sources]

    assert names == ["aws_dict", "aws_dict_profile", *AMBIENT]


def test_nothing_is_an_error_that_lists_every_attempt(aws_world: World) -> None:
    """Requests are not unsigned because nobody has a key."""
    with pytest.raises(errors.CredentialsNotFoundError) as caught:
        chain_of().resolve()

    for source in AMBIENT:
        assert f"{source}: not configured" in str(caught.value)
    assert aws_world.asked() == set()


# ---- the dictionary


@pytest.mark.parametrize("source", AMBIENT)
def test_keys_of_the_dictionary_win(aws_world: World, source: str) -> None:
    """Over each source; a token of the environment does not join them."""
    aws_world.plant(source)
    chain = chain_of({"aws_access_key_id": "AKIADICT", "aws_secret_access_key": aws_world.secret("dict")})
    frozen = chain.resolve().credentials.signer.get_frozen_credentials()

    assert (frozen.access_key, frozen.token, chain.source) == ("AKIADICT", None, "aws_dict")
    assert aws_world.asked() == set()


@pytest.mark.parametrize("source", AMBIENT[1:7])
def test_a_named_profile_is_asked_alone(aws_world: World, source: str) -> None:
    """Environment and machine are not, whatever it holds."""
    aws_world.plant(source)
    if source == "aws_web_identity":
        aws_world.unset("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
        aws_world.config(f"web_identity_token_file = {aws_world.home / 'token'}\nrole_arn = arn:aws:iam::1:role/web\n")
    aws_world.plant("aws_env", "aws_container", "aws_imds")
    chain = chain_of({"profile_name": "default"})

    assert (key_of(chain), chain.source) == (aws_world.key(source), "aws_dict_profile")
    assert aws_world.asked() == ({OF_SERVICES[source]} if source in OF_SERVICES else set())


def test_a_named_profile_without_credentials_is_broken(aws_world: World) -> None:
    """A web identity of the environment is not the profile's."""
    aws_world.config("region = eu-west-1\n")
    aws_world.plant("aws_env", "aws_web_identity", "aws_container", "aws_imds")
    with pytest.raises(errors.InvalidCredentialsError, match="profile 'default'.*has no credentials") as caught:
        chain_of({"profile_name": "default"}).resolve()

    assert caught.value.source == "aws_dict_profile"
    assert aws_world.asked() == set()


def test_keys_win_over_a_profile_beside_them(aws_world: World) -> None:
    """The profile says where requests go."""
    aws_world.plant("aws_shared_file")
    aws_world.config("region = eu-west-7\nendpoint_url = http://127.0.0.1:9\n")
    creds = {"aws_access_key_id": "AKIADICT", "aws_secret_access_key": "x", "profile_name": "default"}
    chain = chain_of(creds)

    assert (key_of(chain), chain.source) == ("AKIADICT", "aws_dict")
    assert aws.addressing(SecretFields(creds)) == aws.Addressing(
        "http://127.0.0.1:9", "profile 'default'", "eu-west-7", "profile 'default'"
    )


def test_keys_of_the_environment_win_over_aws_profile(aws_world: World) -> None:
    """Even if there is no such profile."""
    aws_world.plant("aws_env")
    aws_world.env(AWS_PROFILE="nobody")

    assert key_of(chain_of()) == aws_world.key("aws_env")


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_the_selected_profile_is_used(aws_world: World, variable: str) -> None:
    """Instead of the default one."""
    aws_world.plant("aws_shared_file", "aws_container")
    aws_world.credentials("[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = dev\n")
    aws_world.env(**{variable: "dev"})
    chain = chain_of()

    assert (key_of(chain), chain.source) == ("AKIADEV", "aws_shared_file")


# ---- the moment that counts


def test_later_changes_of_the_environment_do_not_matter(aws_world: World) -> None:
    """Once there is a winner; before that nothing is looked at."""
    chain = chain_of()
    aws_world.plant("aws_env")
    assert key_of(chain) == aws_world.key("aws_env")
    aws_world.env(AWS_ACCESS_KEY_ID="AKIALATER")

    assert key_of(chain) == aws_world.key("aws_env")
    assert key_of(chain_of()) == "AKIALATER"


def test_what_was_not_found_is_looked_for_again(aws_world: World) -> None:
    """A failure is not for ever."""
    chain = chain_of()
    with pytest.raises(errors.CredentialsNotFoundError):
        chain.resolve()
    aws_world.plant("aws_shared_file")

    assert key_of(chain) == aws_world.key("aws_shared_file")


def test_the_home_directory_is_that_of_now(aws_world: World, tmp_path: Any) -> None:
    """SSO's logins lie in it, and the files that no variable names."""
    aws_world.plant("aws_sso")
    (aws_world.home / "config").rename(aws_world.home / ".aws" / "config")
    aws_world.unset("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    (aws_world.home).rename(tmp_path / "moved")
    aws_world.env(HOME=str(tmp_path / "moved"))

    assert key_of(chain_of()) == aws_world.key("aws_sso")


# ---- where requests go


@pytest.mark.parametrize(
    ("creds", "environment", "expected"),
    [
        (None, {}, ("http://p:1", "services of profile 'dev'", "r-profile", "profile 'dev'")),
        (None, {"AWS_ENDPOINT_URL": "http://e:1"}, ("http://e:1", "AWS_ENDPOINT_URL", "r-profile", "profile 'dev'")),
        (
            None,
            {"AWS_ENDPOINT_URL": "http://e:1", "AWS_ENDPOINT_URL_S3": "http://e:2", "AWS_DEFAULT_REGION": "r2"},
            ("http://e:2", "AWS_ENDPOINT_URL_S3", "r2", "AWS_DEFAULT_REGION"),
        ),
        (
            {"endpoint_url": "http://d:1/", "aws_region": "r3"},
            {"AWS_ENDPOINT_URL_S3": "http://e:2", "AWS_REGION": "r1"},
            ("http://d:1", "`endpoint_url` of creds", "r3", "`aws_region` of creds"),
        ),
        (None, {"AWS_PROFILE": "nobody"}, (None, "default", "us-east-1", "default")),
        (
            None,
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://e:1"},
            (None, "default", "r-profile", "profile 'dev'"),
        ),
    ],
    ids=str,
)
def test_addressing_says_where_it_was_found(
    aws_world: World, creds: Any, environment: dict[str, str], expected: tuple[Any, ...]
) -> None:
    """Dictionary, environment, profile, default."""
    aws_world.config(
        "[profile dev]\nregion = r-profile\nservices = mine\nendpoint_url = http://p:2\n"
        "[services mine]\ns3 =\n  endpoint_url = http://p:1\n"
    )
    aws_world.env(**{"AWS_PROFILE": "dev", **environment})

    assert aws.addressing(SecretFields(creds)) == aws.Addressing(*expected)


def test_identity_services_have_endpoints_of_their_own(aws_world: World) -> None:
    """The caller's endpoint is the store's."""
    aws_world.plant("aws_assume_role")
    chain = chain_of({"endpoint_url": "http://127.0.0.1:9", "aws_region": "eu-west-3"})

    assert key_of(chain) == aws_world.key("aws_assume_role")
    assert "/eu-west-3/sts/" in aws_world.service.asked[0].headers["Authorization"]


def test_a_role_signs_with_its_source(aws_world: World) -> None:
    """And not with the keys that lie about."""
    aws_world.plant("aws_assume_role", "aws_shared_file")
    chain = chain_of()

    assert key_of(chain) == aws_world.key("aws_assume_role")
    assert f"Credential={aws_world.key('base')}/" in aws_world.service.asked[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("source", "planted"), [("Ec2InstanceMetadata", "aws_imds"), ("EcsContainer", "aws_container")], ids=str
)
def test_a_role_may_build_on_the_machine(aws_world: World, source: str, planted: str) -> None:
    """Where it says so by `credential_source`."""
    aws_world.plant(planted)
    aws_world.config(f"role_arn = arn:aws:iam::123456789012:role/test\ncredential_source = {source}\n")
    chain = chain_of({"profile_name": "default"})

    assert key_of(chain) == aws_world.key("aws_assume_role")
    assert f"Credential={aws_world.key(planted)}/" in aws_world.service.asked[-1].headers["Authorization"]
