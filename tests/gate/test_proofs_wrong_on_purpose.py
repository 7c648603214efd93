"""
Verifiers that are wrong on purpose: each rule is taken out once, and what the rule refuses is then let in.

So every refusal here comes from the rule that it is named after, and a verifier that lost the rule would be seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.gate.proofs import Refused, Request, bearer, goog4, sas, shared_key, sigv4
from conformance.identities import Identity
from tests.gate import test_proofs_azure as azure
from tests.gate import test_proofs_google as google
from tests.gate import test_proofs_sigv4 as aws


def yes(*_arguments: Any, **_names: Any) -> bool:
    return True


def nothing(*_arguments: Any, **_names: Any) -> None:
    return None


def s3(request: Request, *identities: Identity) -> Callable[[], object]:
    return lambda: sigv4.verify(request, identities or (aws.KEY,), region="us-east-1", max_skew_s=900)


def key(request: Request, *identities: Identity) -> Callable[[], object]:
    return lambda: shared_key.verify(request, identities or (azure.ACCOUNT,), account="myaccount", max_skew_s=900)


def access(request: Request) -> Callable[[], object]:
    return lambda: sas.verify(request, [azure.ACCOUNT], account="myaccount")


def url(request: Request) -> Callable[[], object]:
    return lambda: goog4.verify(request, [google.WORKER], max_skew_s=900)


def token(text: str) -> Callable[[], object]:
    request = Request("GET", "/storage/v1/b", "", (google.HOST, ("authorization", f"Bearer {text}")), google.NOW)
    return lambda: bearer.verify_google(request, [google.WORKER], max_skew_s=900)


def signed_with_unsigned_header() -> Request:
    """A correct signature that leaves out a header it has to cover."""
    return replace(aws.GET_OBJECT, headers=(*aws.GET_OBJECT.headers, ("x-amz-acl", "public-read")))


def signed_for(scope: str, date: str = "20130524T000000Z") -> Request:
    """A correct signature for another scope or another time."""
    headers = (aws.HOST, ("x-amz-content-sha256", aws.EMPTY), ("x-amz-date", date))
    names = ("host", "x-amz-content-sha256", "x-amz-date")
    claim = sigv4.Claim(aws.KEY.name, tuple(scope.split("/")), names, "", date, None)  # type: ignore[arg-type]
    request = Request("GET", "/", "", headers, aws.NOW)
    string = sigv4.string_to_sign(claim, sigv4.canonical_request(request, claim, aws.EMPTY))
    signing = sigv4.signing_key(aws.KEY.secret, *claim.scope[:3])
    proof = hmac.new(signing, string, hashlib.sha256).hexdigest()
    value = f"AWS4-HMAC-SHA256 Credential={aws.KEY.name}/{scope}, SignedHeaders={';'.join(names)}, Signature={proof}"
    return replace(request, headers=(*headers, ("authorization", value)))


OLD = replace(azure.with_key(azure.METADATA), now=azure.NOW + 901)
FOREIGN = azure.with_key(azure.METADATA, key=base64.b64encode(b"foreign").decode())
HANDED_OUT_TOO_OFTEN = azure.with_sas(azure.SERVICE_SAS, method="DELETE")


@pytest.mark.parametrize(
    ("module", "rule", "wrong", "attempt"),
    [
        pytest.param(sigv4, "same", yes, s3(replace(aws.GET_OBJECT, path="/other")), id="sigv4-signature"),
        pytest.param(
            sigv4, "_check_scope", nothing, s3(signed_for("20130524/eu-west-1/s3/aws4_request")), id="sigv4-region"
        ),
        pytest.param(
            sigv4, "_check_scope", nothing, s3(signed_for("20130524/us-east-1/sts/aws4_request")), id="sigv4-service"
        ),
        pytest.param(
            sigv4, "_check_scope", nothing, s3(signed_for("20130523/us-east-1/s3/aws4_request")), id="sigv4-day"
        ),
        pytest.param(
            sigv4,
            "_check_time",
            nothing,
            s3(signed_for("20130525/us-east-1/s3/aws4_request", "20130525T000000Z")),
            id="sigv4-skew",
        ),
        pytest.param(
            sigv4, "_check_time", nothing, s3(replace(aws.PRESIGNED, now=aws.NOW + 86_400)), id="presigned-end"
        ),
        pytest.param(
            sigv4, "_check_signed_headers", nothing, s3(signed_with_unsigned_header()), id="sigv4-signed-headers"
        ),
        pytest.param(
            sigv4,
            "_with_the_token",
            lambda _claim, known: known,
            s3(aws.GET_OBJECT, replace(aws.KEY, token="t0ken")),
            id="sigv4-session-token",
        ),
        pytest.param(shared_key, "same", yes, key(FOREIGN), id="shared-key-signature"),
        pytest.param(shared_key, "_check_date", nothing, key(OLD), id="shared-key-date"),
        pytest.param(
            sas, "same", yes, access(replace(azure.with_sas(azure.SERVICE_SAS), path="/c/b")), id="sas-signature"
        ),
        pytest.param(
            sas, "_check_time", nothing, access(azure.with_sas(azure.SERVICE_SAS | {"se": "2015-01-01"})), id="sas-end"
        ),
        pytest.param(sas, "_check_use", nothing, access(HANDED_OUT_TOO_OFTEN), id="sas-permission"),
        pytest.param(bearer, "is_signed_by", yes, token(google.jwt()[:-4] + "AAAA"), id="jwt-signature"),
        pytest.param(bearer, "_is_valid", yes, token(google.jwt(exp=google.NOW)), id="jwt-end"),
        pytest.param(goog4, "is_signed_by", yes, url(replace(google.signed_url(), path="/x/y")), id="goog4-signature"),
        pytest.param(
            goog4, "_check_time", nothing, url(replace(google.signed_url(), now=google.NOW + 3600)), id="goog4-end"
        ),
        pytest.param(
            goog4,
            "_check_signed_headers",
            nothing,
            url(replace(google.signed_url(), headers=(google.HOST, ("x-goog-acl", "public-read")))),
            id="goog4-signed-headers",
        ),
    ],
)
def test_a_verifier_without_a_rule_lets_in_what_the_rule_refuses(
    monkeypatch: pytest.MonkeyPatch, module: Any, rule: str, wrong: Any, attempt: Callable[[], object]
) -> None:
    """Refused as it is; let in once the rule is gone."""
    with pytest.raises(Refused):
        attempt()
    monkeypatch.setattr(module, rule, wrong)

    assert attempt()


def test_a_body_check_without_comparison_lets_in_what_was_altered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a whole body and of one in chunks."""
    from conformance.gate.proofs import sigv4_body

    altered = aws.CHUNKS.replace(b"a", b"b")
    with pytest.raises(Refused):
        aws.checked(aws.PUT_OBJECT, b"Welcome to Amazon S4.")
    with pytest.raises(Refused):
        aws.checked(aws.CHUNKED, altered)
    monkeypatch.setattr(sigv4_body, "same", yes)

    aws.checked(aws.PUT_OBJECT, b"Welcome to Amazon S4.")
    aws.checked(aws.CHUNKED, aws.CHUNKS[:200] + b"b" + aws.CHUNKS[201:])
