"""
What a provider answers to who it does not believe, by cloud and code: status, headers and body as documented.
"""

from __future__ import annotations

import json
import re
import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from conformance.gate.authority import Cloud
    from conformance.gate.proofs import Refused, Request

REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 411: "Length Required"}

S3 = {
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
    "AuthorizationQueryParametersError": (
        400,
        (
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        ),
    ),
    "ExpiredToken": (400, "The provided token has expired."),
    "IncompleteBody": (
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    ),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidRequest": (
        400,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    ),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ),
    "XAmzContentSHA256Mismatch": (
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}

AZURE = {
    # https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    "AuthenticationFailed": (
        403,
        (
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
            "including the signature."
        ),
    ),
    "AuthorizationPermissionMismatch": (
        403,
        "This request is not authorized to perform this operation using this permission.",
    ),
    "AuthorizationProtocolMismatch": (
        403,
        "This request is not authorized to perform this operation using this protocol.",
    ),
    "AuthorizationResourceTypeMismatch": (
        403,
        "This request is not authorized to perform this operation using this resource type.",
    ),
    "AuthorizationServiceMismatch": (
        403,
        "This request is not authorized to perform this operation using this service.",
    ),
    "AuthorizationSourceIPMismatch": (
        403,
        "This request is not authorized to perform this operation using this source IP.",
    ),
    "InvalidAuthenticationInfo": (
        401,
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
    "NoAuthenticationInformation": (
        401,
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
}

GOOGLE = {
    # https://cloud.google.com/storage/docs/json_api/v1/status-codes
    "authError": (401, "Invalid Credentials"),
    "forbidden": (403, "The caller does not have permission to execute the specified operation."),
    "required": (
        401,
        (
            "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object. "
            "Permission 'storage.objects.get' denied on resource (or it may not exist)."
        ),
    ),
    # https://cloud.google.com/storage/docs/xml-api/reference-status
    "AccessDenied": (403, "Access denied."),
    "AuthenticationRequired": (401, "Authentication required."),
    "ExpiredToken": (400, "The provided token has expired."),
    "InvalidArgument": (400, "Invalid argument."),
    "InvalidSecurity": (403, "The provided security credentials are not valid."),
    "SignatureDoesNotMatch": (
        403,
        (
            "Access denied. The request signature we calculated does not match the signature you provided. Check your Google "
            "secret key and signing method."
        ),
    ),
}

_UNPRINTABLE = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_TENANT = re.compile(r"[A-Za-z0-9.-]{1,128}")

_JSON_PATHS = ("/storage/", "/upload/", "/download/", "/resumable/", "/batch/")
"""How paths of Google's JSON interface begin; all others are of the XML interface."""


def answer(cloud: Cloud, refused: Refused, request: Request) -> tuple[int, bytes]:
    """Return the status and the raw answer to a refused request; the connection closes after it.

    The reason phrase is never empty: botocore that waits for `100 Continue` takes a status line without one for no answer,
    and sends the body.
    """
    status, headers, body = {"s3": _s3, "az": _azure, "gcs": _google}[cloud](refused, request)
    told = {
        **headers,
        "Date": formatdate(request.now, usegmt=True),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    # an answer to HEAD has no body, so that SDKs see the status alone
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in told.items())]
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return status, head if request.method == "HEAD" else head + body


def code_of(cloud: Cloud, refused: Refused, request: Request) -> str:
    """Return the code as this request's interface tells it."""
    if cloud == "gcs" and not is_json(request):
        return {"required": "AccessDenied", "authError": "AuthenticationRequired", "forbidden": "AccessDenied"}.get(
            refused.code, refused.code
        )
    return refused.code


def _xml(root: str, values: dict[str, str]) -> bytes:
    inner = "".join(f"<{name}>{escape(_printable(text))}</{name}>" for name, text in values.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def _printable(text: str) -> str:
    """Return a text that XML can hold: characters that it cannot, which a client may have sent, as question marks."""
    return _UNPRINTABLE.sub("?", text)


def _s3(refused: Refused, request: Request) -> tuple[int, dict[str, str], bytes]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses."""
    status, text = S3[refused.code]
    number = uuid.uuid4().hex[:16].upper()
    body = _xml(
        "Error",
        {
            "Code": refused.code,
            "Message": refused.message or text,
            **refused.fields,
            "Resource": request.path,
            "RequestId": number,
        },
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": number}
    if "Region" in refused.fields:
        headers["x-amz-bucket-region"] = refused.fields["Region"]
    return status, headers, body


def _azure(refused: Refused, request: Request) -> tuple[int, dict[str, str], bytes]:
    """https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2."""
    status, text = AZURE[refused.code]
    number = str(uuid.uuid4())
    fields = dict(refused.fields)
    tenant = fields.pop("tenant", "")
    if not _TENANT.fullmatch(tenant):
        tenant = "common"
    message = f"{refused.message or text}\nRequestId:{number}\nTime:{formatdate(request.now, usegmt=True)}"
    headers = {
        "Content-Type": "application/xml",
        "x-ms-request-id": number,
        "x-ms-version": request.header("x-ms-version") or "2021-12-02",
        "x-ms-error-code": refused.code,
    }
    if status == 401:
        # https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge
        headers["WWW-Authenticate"] = (
            f"Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize "
            "resource_id=https://storage.azure.com"
        )
    return status, headers, _xml("Error", {"Code": refused.code, "Message": message, **fields})


def is_json(request: Request) -> bool:
    """Whether a request is for Google's JSON interface."""
    return request.path.startswith(_JSON_PATHS)


def _google(refused: Refused, request: Request) -> tuple[int, dict[str, str], bytes]:
    """https://cloud.google.com/storage/docs/json_api/v1/status-codes, and of the XML API .../xml-api/reference-status."""
    code = code_of("gcs", refused, request)
    status, text = GOOGLE[code]
    headers = {}
    if status == 401:
        invalid = ', error="invalid_token"' if refused.code == "authError" else ""
        headers["WWW-Authenticate"] = f'Bearer realm="https://accounts.google.com/"{invalid}'
    if not is_json(request):
        details = {"Details": GOOGLE["required"][1]} if refused.code == "required" else {}
        body = _xml("Error", {"Code": code, "Message": refused.message or text, **details, **refused.fields})
        return status, headers | {"Content-Type": "application/xml; charset=UTF-8"}, body
    message = refused.message or text
    reason = {
        "message": message,
        "domain": "global",
        "reason": code,
        "locationType": "header",
        "location": "Authorization",
    }
    told = {"error": {"code": status, "message": message, "errors": [reason]}}
    return status, headers | {"Content-Type": "application/json; charset=UTF-8"}, json.dumps(told).encode()
