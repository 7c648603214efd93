"""
The verifier of AWS signatures against the published examples, and against alterations of every part of them.

Examples: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, .../sigv4-query-string-auth.html,
.../sigv4-streaming.html and .../sigv4-streaming-trailers.html, with the key of the documentation.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.gate.proofs import Proven, Refused, Request, sigv4
from conformance.identities import Identity

NOW = 1369353600.0  # 24 May 2013, 00:00:00 GMT
KEY = Identity("example", "aws", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EMPTY = hashlib.sha256(b"").hexdigest()
HOST = ("host", "examplebucket.s3.amazonaws.com")
DATE = ("x-amz-date", "20130524T000000Z")
SCOPE = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"


def authorization(signed: str, signature: str) -> tuple[str, str]:
    return (
        "authorization",
        f"AWS4-HMAC-SHA256 Credential={SCOPE},SignedHeaders={signed},Signature={signature}",
    )


GET_OBJECT = Request(
    "GET",
    "/test.txt",
    "",
    (
        HOST,
        authorization(
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", EMPTY),
        DATE,
    ),
    NOW,
)
PUT_OBJECT = Request(
    "PUT",
    "/test$file.text",
    "",
    (
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        HOST,
        authorization(
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
        DATE,
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ),
    NOW,
)
LIFECYCLE = Request(
    "GET",
    "/",
    "lifecycle",
    (
        HOST,
        authorization(
            "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        ("x-amz-content-sha256", EMPTY),
        DATE,
    ),
    NOW,
)
LIST = Request(
    "GET",
    "/",
    "max-keys=2&prefix=J",
    (
        HOST,
        authorization(
            "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        ),
        ("x-amz-content-sha256", EMPTY),
        DATE,
    ),
    NOW,
)
PRESIGNED = Request(
    "GET",
    "/test.txt",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    (HOST,),
    NOW,
)
CHUNKED = Request(
    "PUT",
    "/examplebucket/chunkObject.txt",
    "",
    (
        ("host", "s3.amazonaws.com"),
        DATE,
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        authorization(
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
            "x-amz-storage-class",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
    ),
    NOW,
)
CHUNKS = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)
TRAILED = Request(
    "PUT",
    "/examplebucket/chunkObject.txt",
    "",
    (
        ("host", "s3.amazonaws.com"),
        DATE,
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        authorization(
            "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;"
            "x-amz-trailer",
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        ),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-trailer", "x-amz-checksum-crc32c"),
        ("content-length", "66946"),
    ),
    NOW,
)
TRAILED_CHUNKS = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    + b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    + b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)
EXAMPLES = {
    "get": GET_OBJECT,
    "put": PUT_OBJECT,
    "lifecycle": LIFECYCLE,
    "list": LIST,
    "presigned": PRESIGNED,
    "chunked": CHUNKED,
    "trailed": TRAILED,
}


def verify(request: Request, *identities: Identity, region: str = "us-east-1") -> Proven:
    return sigv4.verify(request, identities or (KEY,), region=region, max_skew_s=900)


def code_of(request: Request, *identities: Identity, region: str = "us-east-1") -> str:
    with pytest.raises(Refused) as caught:
        verify(request, *identities, region=region)
    return caught.value.code


def checked(request: Request, *pieces: bytes) -> None:
    check = verify(request).body
    assert check is not None
    for piece in pieces:
        check.update(piece)
    check.finish()


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_published_example_is_believed(example: Request) -> None:
    """By the key of the documentation, and by no other."""
    assert verify(example).label == "example"
    assert code_of(example, replace(KEY, secret="other")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("size", [1, 7, 4096, 200_000])
def test_published_chunks_are_believed_however_they_arrive(size: int) -> None:
    """With a trailer and without."""
    for request, body in ((CHUNKED, CHUNKS), (TRAILED, TRAILED_CHUNKS)):
        checked(request, *(body[at : at + size] for at in range(0, len(body), size)))
    checked(PUT_OBJECT, *(b"Welcome to Amazon S3."[at : at + size] for at in range(0, 21, size)))


def test_lengths_are_those_of_the_documentation() -> None:
    """The examples were copied whole."""
    assert (len(CHUNKS), len(TRAILED_CHUNKS)) == (66824, 66946)


BODIES = ((CHUNKED, CHUNKS), (TRAILED, TRAILED_CHUNKS), (PUT_OBJECT, b"Welcome to Amazon S3."))


def places_in(body: bytes) -> st.SearchStrategy[int]:
    """Return places in a body; most bytes are data, the framing is what is interesting."""
    interesting = [at for at in range(len(body)) if body[at : at + 1] != b"a" or at < 200]
    return st.sampled_from(interesting) | st.integers(0, len(body) - 1)


@pytest.mark.parametrize(("request_", "body"), BODIES, ids=["chunks", "chunks and a trailer", "whole"])
def test_one_altered_byte_of_a_body_is_refused(request_: Request, body: bytes) -> None:
    """Of data, framing, chunk signature or trailer; cut short too."""

    @settings(deadline=None)
    @given(at=places_in(body), byte=st.integers(0, 255))
    def altered(at: int, byte: int) -> None:
        changed = body[:at] + bytes([byte]) + body[at + 1 :]
        # sizes in hexadecimal and names of trailers may be in capitals
        if changed.lower() != body.lower():
            with pytest.raises(Refused):
                checked(request_, changed)
        with pytest.raises(Refused):
            checked(request_, body[: max(0, min(at, len(body) - 3))])

    altered()


def alterations(request: Request) -> dict[str, Request]:
    """Return a request with each of its parts altered, one at a time."""
    found = {
        "method": replace(request, method="DELETE"),
        "path": replace(request, path=request.path + "x"),
        "parameter added": replace(request, query=f"{request.query}&x=1" if request.query else "x=1"),
        "header x-amz added": replace(request, headers=(*request.headers, ("x-amz-acl", "public-read"))),
    }
    parameters = request.query.split("&") if request.query else []
    for number, parameter in enumerate(parameters):
        name = parameter.partition("=")[0]
        rest = parameters[:number] + parameters[number + 1 :]
        found[f"{name} removed"] = replace(request, query="&".join(rest))
        changed = [
            *parameters[:number],
            f"{parameter}0" if "=" in parameter else f"{parameter}=0",
            *parameters[number + 1 :],
        ]
        found[f"{name} altered"] = replace(request, query="&".join(changed))
    given = request.header("authorization")
    signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";") if given else ["host"]
    for number, (name, value) in enumerate(request.headers):
        if name not in signed and name != "authorization":
            continue
        before, after = request.headers[:number], request.headers[number + 1 :]
        found[f"{name} altered"] = replace(request, headers=(*before, (name, value + "0"), *after))
        if name != "authorization":
            found[f"{name} removed"] = replace(request, headers=(*before, *after))
            found[f"{name} repeated"] = replace(request, headers=(*request.headers, (name, value)))
    return found


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param(altered, id=f"{name}: {part}")
        for name, example in EXAMPLES.items()
        for part, altered in alterations(example).items()
    ],
)
def test_every_altered_part_is_refused(altered: Request) -> None:
    """One header, one parameter, the method, the path: each is covered."""
    assert sigv4.carries(altered)
    assert code_of(altered) in {
        "SignatureDoesNotMatch",
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "InvalidArgument",
        "InvalidRequest",
        "RequestTimeTooSkewed",
        "MissingContentLength",
    }


@pytest.mark.parametrize(
    ("request_", "change", "expected"),
    [
        (GET_OBJECT, ("20130524/", "20130523/"), "AuthorizationHeaderMalformed"),
        (GET_OBJECT, ("us-east-1", "us-west-2"), "AuthorizationHeaderMalformed"),
        (GET_OBJECT, ("/s3/", "/sts/"), "AuthorizationHeaderMalformed"),
        (GET_OBJECT, ("aws4_request", "aws5_request"), "AuthorizationHeaderMalformed"),
        (GET_OBJECT, ("AKIAIOSFODNN7EXAMPLE", "AKIAI"), "InvalidAccessKeyId"),
        (GET_OBJECT, ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "InvalidRequest"),
        (GET_OBJECT, ("range;", ""), "SignatureDoesNotMatch"),
        (GET_OBJECT, ("host;", ""), "AccessDenied"),
        (GET_OBJECT, (";x-amz-date", ""), "AccessDenied"),
        (GET_OBJECT, (",SignedHeaders=host;range;x-amz-content-sha256;x-amz-date", ""), "AuthorizationHeaderMalformed"),
        (GET_OBJECT, ("Signature=f", "Signature=e"), "SignatureDoesNotMatch"),
    ],
)
def test_each_part_of_the_header_has_its_refusal(request_: Request, change: tuple[str, str], expected: str) -> None:
    """Under S3's code."""
    name, value = request_.headers[1]
    assert change[0] in value
    headers = (request_.headers[0], (name, value.replace(*change)), *request_.headers[2:])

    assert code_of(replace(request_, headers=headers)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-901, "RequestTimeTooSkewed"), (-899, None), (899, None), (901, "RequestTimeTooSkewed")]
)
def test_a_header_is_good_for_fifteen_minutes(seconds: int, expected: str | None) -> None:
    """Before and after."""
    moved = replace(GET_OBJECT, now=NOW + seconds)
    if expected is None:
        assert verify(moved).label == "example"
    else:
        assert code_of(moved) == expected


@pytest.mark.parametrize("seconds", [-901, 86_400])
def test_a_presigned_url_has_its_time(seconds: int) -> None:
    """Not before its date, and not from its end on."""
    assert verify(replace(PRESIGNED, now=NOW + 86_399)).label == "example"
    assert code_of(replace(PRESIGNED, now=NOW + seconds)) == "AccessDenied"


def test_the_region_is_a_matter_of_the_authority() -> None:
    """The same proof is none elsewhere, and the answer tells where it would be."""
    with pytest.raises(Refused) as caught:
        verify(GET_OBJECT, region="eu-central-1")
    assert (caught.value.code, caught.value.fields["Region"]) == ("AuthorizationHeaderMalformed", "eu-central-1")


def test_a_session_token_has_to_be_the_keys() -> None:
    """Demanded where the identity has one, refused where it has none or another."""
    session = replace(KEY, token="t0ken")

    def presented(token: str) -> Request:
        return replace(GET_OBJECT, headers=(*GET_OBJECT.headers, ("x-amz-security-token", token)))

    assert code_of(GET_OBJECT, session) == "InvalidAccessKeyId"
    assert code_of(presented("another"), session) == "InvalidToken"
    assert code_of(presented("t0ken"), KEY) == "InvalidToken"
    assert code_of(presented("t0ken"), session) == "AccessDenied"  # it is not among the signed headers


def test_an_expired_proof_stays_somebodys() -> None:
    """So that a check can tell who was refused."""
    with pytest.raises(Refused) as caught:
        verify(GET_OBJECT, replace(KEY, expires_at=NOW))
    assert (caught.value.code, caught.value.label) == ("ExpiredToken", "example")


def test_a_path_counts_as_what_it_decodes_to() -> None:
    """As S3 does, so that a client may encode more than it has to."""
    assert verify(replace(GET_OBJECT, path="/%74est.txt")).label == "example"
    assert verify(replace(PUT_OBJECT, path="/test%24file.text")).label == "example"


@pytest.mark.parametrize(
    "part", ["host", "AKIAIOSFODNN7EXAMPLE", "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"]
)
def test_characters_that_no_header_holds_are_refused(part: str) -> None:
    """A query may name any; none of them is an error of the verifier's own."""
    altered = replace(PRESIGNED, query=PRESIGNED.query.replace(part, f"{part};%E2%82%AC"))

    assert code_of(altered) in {"SignatureDoesNotMatch", "InvalidAccessKeyId"}
