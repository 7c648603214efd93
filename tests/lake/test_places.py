"""
The places of `al://`: their bytes lie in the bucket, their token leads there, and the gate can stand in between.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.checking import Marks
from conformance.places import Place
from conformance.services import RunningService, Unreachable, start_services
from conformance.settings import RunSettings, services_of
from conformance.targets import TargetError
from conformance.targets.selection import resolve
from conformance.targets.tokened import TokenCreds, split
from conformance.testbed import PlaceUnreachable, Testbed
from tests.servers import Quiet

TARGET = str(Path(__file__).parent / "al_target.py")

Services = dict[str, RunningService | Unreachable]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Start moto and a control plane."""
    names = services_of(["al-moto"])
    with start_services(names, directory=tmp_path_factory.mktemp("logs"), progress=Quiet()) as running:
        yield running


@pytest.fixture
def testbed(services: Services) -> Iterator[Testbed]:
    """Give a testbed of the test's own."""
    made = Testbed(resolve(TARGET, (), None, "in-process"), services, run_id=uuid.uuid4().hex[:8], worker="t")
    yield made
    made.close()


@pytest.fixture
def place(testbed: Testbed) -> Place:
    """Give a place of `al://` before moto."""
    return testbed.place("al-moto")


def test_what_is_written_lies_in_the_bucket(place: Place) -> None:
    """Under the key that it has; reading finds what the witness put there."""
    place.writer.set("a/k", b"written")
    place.witness.put("b/k", b"put")

    assert place.url.startswith("al://")
    assert place.witness.get("a/k") == b"written"
    assert place.reader.get("b/k") == b"put"


def test_a_url_below_the_root_is_below_it_in_the_bucket(place: Place) -> None:
    """As in every other place."""
    place.open_writer(f"{place.url}/below").set("k", b"v")

    assert place.witness.keys() == ["below/k"]


def test_the_gate_sees_what_goes_to_the_cloud(place: Place) -> None:
    """Signed by a session that the control plane gave out, not by the root user."""
    assert place.service is not None
    with place.tapped() as seen:
        seen.writer.set("k", b"v")
        signers = {exchange.signed_by for exchange in seen.requests()}

    assert len(signers) == 1
    assert signers.isdisjoint({None, place.service.access_key})


def test_another_endpoint_and_a_missing_bucket(place: Place) -> None:
    """Each is told as it is on the cloud."""
    creds = place.creds_for(place.testbed.closed_url)

    with pytest.raises(TargetError) as unreachable:
        place.open_reader(creds=creds).get("k")
    with pytest.raises(TargetError) as missing:
        place.open_reader(place.url_in_a_missing_bucket()).get("k")

    assert unreachable.value.is_a("StorageNetworkConnectionError")
    assert missing.value.is_a("StorageBucketNotFound")


def test_two_places_are_two_organisations(testbed: Testbed, place: Place) -> None:
    """The same token opens both, also the one that is made later."""
    place.writer.set("k", b"one")
    other = testbed.place("al-moto", own_bucket=True)

    other.writer.set("k", b"two")

    assert (place.witness.get("k"), other.witness.get("k")) == (b"one", b"two")
    assert place.url.split("/")[2] != other.url.split("/")[2]


def test_the_variable_is_there_as_long_as_the_testbed(services: Services) -> None:
    """And what was there before comes back."""
    before = os.environ.get("ACTIVELOOP_ENDPOINT")
    plane = services["activeloop"]
    assert isinstance(plane, RunningService)
    made = Testbed(resolve(TARGET, (), None, "in-process"), services, run_id="0", worker="v")

    assert os.environ["ACTIVELOOP_ENDPOINT"] == plane.url
    made.close()
    assert os.environ.get("ACTIVELOOP_ENDPOINT") == before


def test_a_place_without_its_control_plane_is_unreachable(services: Services) -> None:
    """With the reason that the control plane has."""
    lost = {"moto": services["moto"], "activeloop": Unreachable("activeloop", "it broke", "mend it")}
    made = Testbed(resolve(TARGET, (), None, "in-process"), lost, run_id="0", worker="u")
    try:
        with pytest.raises(PlaceUnreachable, match="it broke; mend it"):
            made.place("al-moto")
    finally:
        made.close()


def test_a_token_goes_where_it_belongs() -> None:
    """Other creds are left alone; nothing shows it."""
    creds = TokenCreds("a-token")

    assert split(creds, None) == (None, "a-token")
    assert split({"token": "x"}, None) == ({"token": "x"}, None)
    assert split(None, "t") == (None, "t")
    assert "a-token" not in repr(creds)


def test_services_of_places() -> None:
    """Each once, the control plane last."""
    assert services_of(["mem", "moto", "al-moto", "al-azurite"]) == ("moto", "azurite", "activeloop")
    assert RunSettings(places=("mem", "al-moto")).services() == ("moto", "activeloop")
    assert RunSettings(places=("mem", "moto")).services() == ("moto",)


@pytest.mark.parametrize(
    ("marks", "applies"),
    [
        (Marks("OBJ-1"), True),
        (Marks("OBJ-1", direct=True), False),
        (Marks("PATH-1"), False),
        (Marks("OBJ-1", prefixes=frozenset({"s3"})), False),
        (Marks("OBJ-1", prefixes=frozenset({"al"})), True),
        (Marks("AWS-1", worlds=True, prefixes=frozenset({"s3"})), False),
    ],
)
def test_which_checks_say_something_behind_a_control_plane(marks: Marks, applies: bool) -> None:
    """Those of the areas of a cloud that do not choose credentials themselves."""
    assert marks.applies_to("al-moto", "al") == applies
