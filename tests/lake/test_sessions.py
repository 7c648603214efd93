"""
What the credentials of a dataset open, on services that verify: MinIO holds to the policy, Azurite to the signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from conformance.lake.tenants import Tenants
from conformance.services import RunningService
from conformance.witnesses import Witness, witness_for
from tests.lake.asking import ask, creds_target
from tests.servers import started


@pytest.fixture(scope="module", params=["minio", "azurite"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Start one that verifies."""
    yield from started(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    """Start a control plane."""
    for plane in started("activeloop", tmp_path_factory):
        yield Tenants(plane)


def bucket_of(service: RunningService) -> str:
    """Return the bucket of a service, which is its organisation too."""
    return f"sessions-{service.name}"


@pytest.fixture
def root(service: RunningService, tenants: Tenants) -> Witness:
    """Give the bucket as its owner sees it, with a dataset `ds` and a neighbour `ds2`."""
    witness = witness_for(service, bucket_of(service))
    if not _is_there(witness):
        witness.create_root()
    tenants.url_of(service, bucket_of(service), "ds")
    witness.put("ds/k", b"one")
    witness.put("ds2/k", b"two")
    return witness


def _is_there(witness: Witness) -> bool:
    try:
        witness.keys()
    except Exception:  # noqa: BLE001 - each service says it in its own words
        return False
    return True


def _as_told(service: RunningService, tenants: Tenants, mode: str | None) -> Witness:
    """Return the service's own SDK with the credentials of `ds`."""
    token = tenants.creds(None)["token"]
    told = ask(tenants.url, "GET", creds_target(bucket_of(service), "ds", mode), token=token).json
    creds: dict[str, Any] = {name: value for name, value in told["creds"].items() if name in _FIELDS[service.prefix]}
    return witness_for(service, bucket_of(service), creds)


_FIELDS = {
    "s3": ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_region", "endpoint_url"),
    "az": ("sas_token", "endpoint_url"),
}


def test_credentials_for_writing_write_below_the_dataset(
    service: RunningService, tenants: Tenants, root: Witness
) -> None:
    """And read, list and remove there."""
    seen = _as_told(service, tenants, None)
    seen.put("ds/new", b"new")

    assert root.get("ds/new") == b"new"
    assert seen.get("ds/k") == b"one"
    assert set(seen.keys("ds/")) >= {"ds/k", "ds/new"}
    seen.delete("ds/new")
    assert root.get("ds/new") is None


def test_credentials_for_reading_do_not_write(service: RunningService, tenants: Tenants, root: Witness) -> None:
    """The service refuses, not the control plane."""
    seen = _as_told(service, tenants, "r")

    assert seen.get("ds/k") == b"one"
    for write in (partial(seen.put, "ds/k", b"overwritten"), partial(seen.delete, "ds/k")):
        with pytest.raises(Exception, match=r"(?i)denied|Authorization|permission"):
            write()
    assert root.get("ds/k") == b"one"


@pytest.mark.parametrize("service", ["minio"], indirect=True)
@pytest.mark.parametrize("mode", [None, "r"])
def test_the_neighbour_is_closed(service: RunningService, tenants: Tenants, root: Witness, mode: str | None) -> None:
    """Though its name begins alike; neither is the whole bucket to be listed."""
    seen = _as_told(service, tenants, mode)

    for reads in (lambda: seen.get("ds2/k"), lambda: seen.keys("ds2/"), lambda: seen.keys("")):
        with pytest.raises(Exception, match=r"(?i)denied"):
            reads()
    assert root.get("ds2/k") == b"two"
