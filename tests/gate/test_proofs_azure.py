"""
The verifiers of Azure against the published strings to sign, and against alterations.

Examples: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key and .../create-service-sas.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import quote

import pytest

from conformance.gate.proofs import Proven, Refused, Request, bearer, sas, shared_key
from conformance.gate.proofs.azure_resource import resource_of
from conformance.gate.proofs.shared_key import by_culture, signed, string_to_sign
from conformance.gate.signing_anew import signed_anew
from conformance.identities import Identity

NOW = 1435361952.0  # 26 Jun 2015, 23:39:12 GMT
KEY = base64.b64encode(b"k" * 64).decode()
ACCOUNT = Identity("azure_env_key", "azure_key", "myaccount", KEY)
HOST = ("host", "myaccount.blob.core.windows.net")
DATE = ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")
VERSION = ("x-ms-version", "2015-02-21")
METADATA = Request("GET", "/mycontainer", "restype=container&comp=metadata&timeout=20", (HOST, DATE, VERSION), NOW)
PUT = Request(
    "PUT",
    "/127/container/a%20b",
    "comp=block&blockid=QQ%3D%3D",
    (
        ("host", "127.0.0.1:10000"),
        DATE,
        VERSION,
        ("content-length", "11"),
        ("content-type", "text/plain"),
        ("x-ms-meta-a", "1"),
        ("if-match", "*"),
        ("range", "bytes=0-1"),
    ),
    NOW,
)


def test_the_published_string_to_sign_comes_out() -> None:
    """Of Get Container Metadata."""
    assert string_to_sign(METADATA, resource_of(METADATA)) == (
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
        "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
    )


@pytest.mark.parametrize(
    ("host", "path", "query", "expected"),
    [
        (
            "myaccount.blob.core.windows.net",
            "/mycontainer",
            "restype=container&comp=list&include=snapshots&include=metadata&include=uncommittedblobs",
            "/myaccount/mycontainer\ncomp:list\ninclude:metadata,snapshots,uncommittedblobs\nrestype:container",
        ),
        ("myaccount-secondary.blob.core.windows.net", "/mycontainer/myblob", "", "/myaccount/mycontainer/myblob"),
        ("127.0.0.1:10000", "/myaccount/mycontainer/b", "", "/myaccount/myaccount/mycontainer/b"),
    ],
)
def test_a_published_canonical_resource_comes_out(host: str, path: str, query: str, expected: str) -> None:
    """With the account in the host, and in the path as emulators have it."""
    request = Request("GET", path, query, (("host", host), DATE), NOW)

    assert string_to_sign(request, resource_of(request)).endswith(f"GMT\n{expected}")


def test_the_published_lite_string_to_sign_comes_out() -> None:
    """Of Put Blob."""
    request = Request(
        "PUT",
        "/mycontainer/hello.txt",
        "timeout=20",
        (
            ("host", "testaccount1.blob.core.windows.net"),
            ("x-ms-meta-m2", "v2"),
            ("x-ms-date", "Sun, 20 Sep 2009 20:36:40 GMT"),
            ("content-type", "text/plain; charset=UTF-8"),
            ("x-ms-meta-m1", "v1"),
            ("date", "Sun, 20 Sep 2009 20:36:40 GMT"),
        ),
        NOW,
    )
    assert string_to_sign(request, resource_of(request), is_lite=True) == (
        "PUT\n\ntext/plain; charset=UTF-8\n\nx-ms-date:Sun, 20 Sep 2009 20:36:40 GMT\nx-ms-meta-m1:v1\nx-ms-meta-m2:v2\n"
        "/testaccount1/mycontainer/hello.txt"
    )


@pytest.mark.parametrize("names", [["x-ms-blob-b", "x-ms-blobs"], ["x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-meta-ab"]])
def test_headers_are_sorted_as_the_sdk_does(names: list[str]) -> None:
    """Hyphens do not count there; underscores come before digits."""
    from azure.storage.blob._shared.authentication import _storage_header_sort

    for given in (names, names[::-1]):
        expected = [name for name, _ in _storage_header_sort([(name, "") for name in given])]
        assert expected == sorted(given, key=by_culture)  # type: ignore[arg-type]


def with_key(request: Request, scheme: str = "SharedKey", key: str = KEY) -> Request:
    text = string_to_sign(request, resource_of(request), is_lite=scheme == "SharedKeyLite")
    name = resource_of(request).account
    return replace(request, headers=(*request.headers, ("authorization", f"{scheme} {name}:{signed(key, text)}")))


def verify(request: Request, *identities: Identity) -> Proven:
    return shared_key.verify(
        request,
        identities or (ACCOUNT, replace(ACCOUNT, label="127", name="127")),
        account=_account(request),
        max_skew_s=900,
    )


def _account(request: Request) -> str:
    return "myaccount" if request.header("host") == HOST[1] else "127"


def code_of(request: Request, *identities: Identity) -> str:
    with pytest.raises(Refused) as caught:
        verify(request, *identities)
    return caught.value.code


@pytest.mark.parametrize("scheme", ["SharedKey", "SharedKeyLite"])
@pytest.mark.parametrize("request_", [METADATA, PUT], ids=["host", "path"])
def test_a_shared_key_is_believed(request_: Request, scheme: str) -> None:
    """Among other keys of the same account."""
    account = resource_of(request_).account
    other = Identity("other", "azure_key", account, base64.b64encode(b"o" * 64).decode())

    assert verify(with_key(request_, scheme), other, Identity("ours", "azure_key", account, KEY)).label == "ours"
    assert code_of(with_key(request_, scheme), other) == "AuthenticationFailed"
    assert (
        code_of(with_key(request_, scheme), Identity("bad", "azure_key", account, "no base64"))
        == "AuthenticationFailed"
    )


def alterations(request: Request) -> dict[str, Request]:
    found = {
        "method": replace(request, method="DELETE"),
        "path": replace(request, path=request.path + "x"),
        "parameter added": replace(request, query=request.query + "&x=1"),
        "parameter removed": replace(request, query=request.query.partition("&")[2]),
        "parameter altered": replace(request, query=request.query + "x"),
        "header added": replace(request, headers=(*request.headers, ("x-ms-meta-z", "1"))),
    }
    for number, (name, value) in enumerate(request.headers):
        if name == "host":
            continue
        before, after = request.headers[:number], request.headers[number + 1 :]
        new = value.replace("SharedKey ", "SharedKey x") if name == "authorization" else value + "0"
        found[f"{name} altered"] = replace(request, headers=(*before, (name, new), *after))
        if name != "authorization":
            found[f"{name} removed"] = replace(request, headers=(*before, *after))
    return found


@pytest.mark.parametrize("altered", [pytest.param(r, id=part) for part, r in alterations(with_key(PUT)).items()])
def test_every_altered_part_is_refused(altered: Request) -> None:
    """One header, one parameter, the method, the path: each is covered."""
    assert code_of(altered) == "AuthenticationFailed"


@pytest.mark.parametrize(("seconds", "holds"), [(-901, False), (-899, True), (899, True), (901, False)])
def test_a_date_is_good_for_fifteen_minutes(seconds: int, *, holds: bool) -> None:
    """Before and after."""
    moved = replace(with_key(METADATA), now=NOW + seconds)

    assert (verify(moved).label if holds else code_of(moved)) == ("azure_env_key" if holds else "AuthenticationFailed")


SERVICE_SAS = {"sv": "2021-12-02", "sr": "b", "sp": "r", "st": "2015-06-26T00:00:00Z", "se": "2015-06-27T00:00:00Z"}
ACCOUNT_SAS = {
    "sv": "2021-12-02",
    "ss": "b",
    "srt": "co",
    "sp": "rwl",
    "st": "2015-06-26T00:00:00Z",
    "se": "2015-06-27T00:00:00Z",
}


def with_sas(
    values: dict[str, str], path: str = "/mycontainer/my%20blob", method: str = "GET", query: str = "", key: str = KEY
) -> Request:
    request = Request(method, path, query, (HOST,), NOW, is_tls=True)
    make = sas.account_string if "ss" in values else None
    resource = resource_of(request)
    text = make(resource, values) if make else sas.service_string(request, resource, values)
    told = "&".join(f"{name}={quote(value, safe='')}" for name, value in {**values, "sig": signed(key, text)}.items())
    return replace(request, query=f"{query}&{told}" if query else told)


def sas_code(request: Request) -> str | None:
    try:
        sas.verify(request, [ACCOUNT], account="myaccount")
    except Refused as refused:
        return refused.code
    return None


def test_the_published_service_sas_is_signed_so() -> None:
    """The order of the page, with the encryption scope of 2020-12-06 and without."""
    request = with_sas(SERVICE_SAS)
    head = "r\n2015-06-26T00:00:00Z\n2015-06-27T00:00:00Z\n/blob/myaccount/mycontainer/my blob\n\n\n\n"

    newer = sas.service_string(request, resource_of(request), SERVICE_SAS)
    older = sas.service_string(request, resource_of(request), SERVICE_SAS | {"sv": "2018-11-09"})
    oldest = sas.service_string(request, resource_of(request), SERVICE_SAS | {"sv": "2015-04-05"})
    assert newer == f"{head}2021-12-02\nb\n\n\n\n\n\n\n"
    assert older == f"{head}2018-11-09\nb\n\n\n\n\n\n"
    assert oldest == f"{head}2015-04-05\n\n\n\n\n"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (with_sas(SERVICE_SAS), None),
        (with_sas(SERVICE_SAS | {"sr": "c"}), None),
        (with_sas(SERVICE_SAS, method="PUT"), "AuthorizationPermissionMismatch"),
        (with_sas(SERVICE_SAS | {"sp": "w"}), "AuthorizationPermissionMismatch"),
        (with_sas(SERVICE_SAS | {"sp": "rcw"}, method="PUT"), None),
        (with_sas(SERVICE_SAS | {"sp": "r"}, method="DELETE"), "AuthorizationPermissionMismatch"),
        (with_sas(SERVICE_SAS | {"sp": "d"}, method="DELETE"), None),
        (with_sas(SERVICE_SAS | {"sr": "c", "sp": "l"}, "/mycontainer", query="restype=container&comp=list"), None),
        (with_sas(SERVICE_SAS | {"st": "2015-06-27T00:00:00Z"}), "AuthenticationFailed"),
        (with_sas(SERVICE_SAS | {"se": "2015-06-26T23:39:12Z"}), "AuthenticationFailed"),
        (with_sas(SERVICE_SAS | {"se": ""}), "AuthenticationFailed"),
        (with_sas(SERVICE_SAS | {"sv": "2012-02-12"}), "AuthenticationFailed"),
        (with_sas(SERVICE_SAS | {"skoid": "x"}), "AuthenticationFailed"),
        (with_sas(SERVICE_SAS | {"sip": "127.0.0.1"}), None),
        (with_sas(SERVICE_SAS | {"sip": "10.0.0.1-10.0.0.9"}), "AuthorizationSourceIPMismatch"),
        (replace(with_sas(SERVICE_SAS | {"spr": "https"}), is_tls=False), "AuthorizationProtocolMismatch"),
        (with_sas(ACCOUNT_SAS), None),
        (with_sas(ACCOUNT_SAS | {"sv": "2019-12-12"}), None),
        (with_sas(ACCOUNT_SAS, method="DELETE"), "AuthorizationPermissionMismatch"),
        (with_sas(ACCOUNT_SAS | {"srt": "c"}), "AuthorizationResourceTypeMismatch"),
        (with_sas(ACCOUNT_SAS, "/", query="comp=list"), "AuthorizationResourceTypeMismatch"),
        (with_sas(ACCOUNT_SAS | {"ss": "q"}), "AuthorizationServiceMismatch"),
        (with_sas(ACCOUNT_SAS, key=base64.b64encode(b"x").decode()), "AuthenticationFailed"),
    ],
)
def test_a_signature_allows_what_it_says(request_: Request, expected: str | None) -> None:
    """By time, permission, resource, address and protocol."""
    assert sas_code(request_) == expected


@pytest.mark.parametrize("values", [SERVICE_SAS, ACCOUNT_SAS], ids=["service", "account"])
def test_every_altered_parameter_is_refused(values: dict[str, str]) -> None:
    """Raised permissions, a later end, another signature."""
    request = with_sas(values)
    assert sas_code(request) is None
    for name in values:
        parts = [f"{part}w" if part.startswith(f"{name}=") else part for part in request.query.split("&")]
        assert sas_code(replace(request, query="&".join(parts))) == "AuthenticationFailed", name
    assert sas_code(replace(request, query=request.query.replace("sig=", "sig=A"))) == "AuthenticationFailed"


def test_a_service_sas_is_bound_to_its_blob() -> None:
    """And to its container."""
    request = with_sas(SERVICE_SAS)
    assert sas_code(replace(request, path="/mycontainer/other")) == "AuthenticationFailed"
    assert sas_code(replace(with_sas(SERVICE_SAS | {"sr": "c"}), path="/other/my%20blob")) == "AuthenticationFailed"


def test_a_bearer_token_has_to_be_known_and_fresh() -> None:
    """And to come over TLS."""
    holder = Identity("azure_cli", "azure_bearer", "somebody", "t0ken", expires_at=NOW + 1)
    request = Request("GET", "/c", "", (HOST, ("authorization", "Bearer t0ken")), NOW, is_tls=True)

    assert bearer.verify_entra(request, [holder]).label == "azure_cli"
    for altered, expected in (
        (replace(request, now=NOW + 1), "InvalidAuthenticationInfo"),
        (replace(request, headers=(HOST, ("authorization", "Bearer t0ke"))), "InvalidAuthenticationInfo"),
        (replace(request, is_tls=False), "AuthenticationFailed"),
    ):
        with pytest.raises(Refused) as caught:
            bearer.verify_entra(altered, [holder])
        assert caught.value.code == expected


def test_the_clients_proof_is_taken_out_before_it_is_signed_anew() -> None:
    """Whatever it was; other headers and parameters keep their bytes and their order."""
    request = with_sas(ACCOUNT_SAS, "/mycontainer/a%2Bb", query="comp=block&blockid=QQ%3D%3D")
    pairs = [(b"Host", HOST[1].encode()), (b"X-Odd", b"1"), (b"Authorization", b"Bearer t0ken"), (b"x-Odd", b"2")]
    head = signed_anew(b"PUT", b"HTTP/1.1", request, pairs, account="myaccount", root_key=KEY)

    first, *lines = head.split(b"\r\n")
    assert first == b"PUT /myaccount/mycontainer/a%2Bb?comp=block&blockid=QQ%3D%3D HTTP/1.1"
    assert lines[:3] == [b"Host: myaccount.blob.core.windows.net", b"X-Odd: 1", b"x-Odd: 2"]
    assert b"t0ken" not in head
    assert b"x-ms-version: 2021-12-02" in lines
    assert [line for line in lines if line.startswith(b"Authorization: SharedKey myaccount:")]
