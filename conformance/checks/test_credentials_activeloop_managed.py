"""
Managed credentials, datasets that are connected, and organisations that do not see each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance import stages
from conformance.checking import checks, in_worlds
from conformance.expectations import assert_equal, raises
from conformance.lake_asked import assert_nothing_sent, assert_shown_as_the_order_says, lake, tokens_shown
from conformance.outcomes import assert_failed, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources import aws, azure
from conformance.sources.activeloop import DATASET, KEY, ORGANISATION, STRANGE, TOKENS, lake_of, storage_of
from conformance.worlds import Way, World, world

if TYPE_CHECKING:
    from conformance.stages import Stage

ENVIRONMENT = "activeloop_env"
ONE = world("activeloop", ENVIRONMENT)
SCHEMA = {"id": "int64"}


# ---- managed credentials


def own_keys(setting: Setting) -> None:
    """Put keys of the cloud into the environment, which would sign as well."""
    match setting.root.partition("://")[0]:
        case "s3":
            aws.PLANTS["aws_env"](setting, None)
        case "az":
            azure.PLANTS["azure_env_key"](setting, None)


@checks("LAKE-23")
@in_worlds("al")
@pytest.mark.parametrize("source", TOKENS)
def test_managed_credentials_are_used_alone(place: Place, source: str) -> None:
    """Good keys of the cloud stand in the environment."""
    both = world("activeloop", source, "activeloop_creds_key")
    with stages.running(both, place, adjust=own_keys) as stage:
        assert_shown_as_the_order_says(both, stage, of_a_write(stage))
        asked = {(call.org, call.query.get("query")) for call in lake(stage).asked("storage")}
        assert_equal({(ORGANISATION, KEY)}, asked, "organisation and key that were asked for")


UNUSABLE = (
    Way("unknown", "CredentialsError"),
    Way("of-another-organisation", "CredentialsError"),
    Way("expired", "CredentialsError"),
    Way("blank", "InvalidCredentialsError"),
    Way("empty", "InvalidCredentialsError"),
    Way("another-type", "InvalidCredentialsError"),
    Way("keys-beside", "InvalidCredentialsError"),
)


@checks("LAKE-24")
@in_worlds("al")
@pytest.mark.parametrize(
    "these",
    [
        *(
            world("activeloop", ENVIRONMENT, "activeloop_creds_key", ways={"activeloop_creds_key": way})
            for way in UNUSABLE
        ),
        world("activeloop", "activeloop_creds_key"),
    ],
    ids=str,
)
def test_managed_credentials_that_cannot_be_had(place: Place, these: World) -> None:
    """Good keys of the cloud stand in the environment."""
    with stages.running(these, place, adjust=own_keys) as stage:
        outcome = of_a_write(stage)
        wanted = these.way_of("activeloop_creds_key")
        error = wanted.error if wanted and wanted.error else "CredentialsNotFoundError"
        assert_failed(error, outcome, "with managed credentials that cannot be had")


# ---- connected datasets


def first(stage: Stage) -> None:
    """Create a dataset with one row, which lies at the root of the world."""
    dataset = stage.target.create(stage.url, SCHEMA, creds=stage.creds, token=stage.token)
    dataset.append({"id": [7]})
    dataset.commit("one")
    dataset.close()


def rows(stage: Stage, url: str) -> list[object]:
    """Return the values of a dataset."""
    dataset = stage.target.open_dataset(url, read_only=True, token=stage.token)
    try:
        return dataset.read("id")
    finally:
        dataset.close()


def with_key(setting: Setting) -> None:
    """Let the organisation have a credential key for the place of the data."""
    lake_of(setting).creds_key(ORGANISATION, KEY, "activeloop_creds_key", storage_of(setting))


@checks("LAKE-27")
@in_worlds("al")
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("key", [None, KEY], ids=["own-storage", "credential-key"])
def test_connecting_again_changes_nothing(place: Place, key: str | None, times: int) -> None:
    """The same data under the same name."""
    with stages.running(ONE, place, adjust=with_key) as stage:
        first(stage)
        second = f"al://{ORGANISATION}/second"
        for _ in range(times):
            stage.target.connect(stage.setting.root, second, key, stage.token).close()
        stage.tap.clear()
        assert_equal([7], rows(stage, second), "rows under the second name")
        signed = {str(label).partition("#")[0] for label in stage.signers()}
        assert_equal({"activeloop_creds_key" if key else ENVIRONMENT}, signed, "who signed")
        assert_equal([7], rows(stage, stage.url), "rows under the first name")


@checks("LAKE-27")
@in_worlds("al")
@pytest.mark.parametrize("times", [1, 3])
def test_disconnecting_leaves_the_data(place: Place, times: int) -> None:
    """Also more than once; the first name still leads to them."""
    with stages.running(ONE, place, adjust=with_key) as stage:
        first(stage)
        second = f"al://{ORGANISATION}/second"
        stage.target.connect(stage.setting.root, second, None, stage.token).close()
        for _ in range(times):
            stage.target.disconnect(second, stage.token)
        assert_equal(False, stage.target.exists(second, token=stage.token), "exists, of the second name")
        raises("DatasetNotFoundError", stage.target.open_dataset, second, read_only=True, token=stage.token)
        assert_equal([7], rows(stage, stage.url), "rows under the first name")


@checks("LAKE-27")
@in_worlds("al")
def test_what_was_never_connected_can_be_disconnected(place: Place) -> None:
    """Nothing is asked of the cloud for it."""
    with stages.running(ONE, place) as stage:
        stage.target.disconnect(f"al://{ORGANISATION}/never", stage.token)
        assert_nothing_sent(stage, "to disconnect")


# ---- organisations


@checks("LAKE-28")
@in_worlds("al")
@pytest.mark.parametrize("operation", ["get", "set", "exists", "open", "delete", "disconnect", "connect"])
def test_a_dataset_of_another_organisation(place: Place, operation: str) -> None:
    """It is there, and the token is good elsewhere."""

    def adjust(setting: Setting) -> None:
        lake_of(setting).dataset(STRANGE, DATASET, path=setting.root)

    strange = f"al://{STRANGE}/{DATASET}"
    with stages.running(ONE, place, adjust=adjust) as stage:
        target, token = stage.target, stage.token
        calls = {
            "get": lambda: target.open_reader(strange, None, token).get("k"),
            "set": lambda: target.open_writer(strange, None, token).set("k", b"v"),
            "open": lambda: target.open_dataset(strange, token=token),
            "delete": lambda: target.delete(strange, token=token),
            "connect": lambda: target.connect(stage.setting.root, strange, None, token),
        }
        if operation == "exists":
            assert_equal(False, target.exists(strange, token=token), "exists")
        elif operation == "disconnect":
            target.disconnect(strange, token)
        else:
            raises("StorageError", calls[operation])
        assert_nothing_sent(stage, "of another organisation")
        assert_equal({ENVIRONMENT}, tokens_shown(stage), "whose tokens were shown")
        of_a_stranger = stage.setting.secret("token of stranger", lake(stage).token("stranger", STRANGE))
        assert_equal([], target.open_reader(strange, None, of_a_stranger).list(""), "what its own member lists")
