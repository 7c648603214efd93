"""
The judge answers whatever is sent: accepted or denied, never an error of its own.
"""

from __future__ import annotations

import base64
import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.gate.authority import Authority, Cloud
from conformance.gate.judge import Accepted, Denied, Judge
from conformance.identities import Identity

KEY = base64.b64encode(b"k" * 32).decode()
KNOWN = [
    Identity("aws_env", "aws", "AKIA", "s3cret"),
    Identity("azure_env_key", "azure_key", "account", KEY),
    Identity("azure_env_sas_token", "azure_sas", "account", KEY, sas="?sig=x"),
    Identity("azure_cli", "azure_bearer", "somebody", "t0ken"),
    Identity("gcs_key_file", "google_key", "a@b", "no key"),
]
NAMES = [
    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"),
    *(
        "X-Goog-Algorithm",
        "X-Goog-Credential",
        "X-Goog-Date",
        "X-Goog-Expires",
        "X-Goog-SignedHeaders",
        "X-Goog-Signature",
    ),
    *("sig", "sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "comp", "restype", "Signature"),
]
VALUES = [
    *(
        b"",
        b"host",
        b"AKIA/20130524/us-east-1/s3/aws4_request",
        b"AKIA%2F1%2Fus-east-1%2Fs3%2Faws4_request",
        b"%E2%82%AC",
    ),
    *(
        b"AWS4-HMAC-SHA256",
        b"GOOG4-RSA-SHA256",
        b"20130524T000000Z",
        b"20131399T000000Z",
        b"60",
        b"00",
        b"%EF%BF%BE",
        b"%00",
    ),
    *(
        b"a%40b%2F20130524%2Fauto%2Fstorage%2Fgoog4_request",
        b"2021-12-02",
        b"b",
        b"r",
        b"2015-01-01",
        b"1-2",
        b"%",
        b"=",
        b"+",
    ),
]
PROOFS = [
    *(
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer t0ken",
        b"Bearer a.b.c",
        b"Bearer e30.e30.e30",
        b"SharedKey account:x",
        b"SharedKey :",
    ),
    *(
        b"AWS4-HMAC-SHA256 Credential=AKIA/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0",
        b"AWS AKIA:x",
    ),
    *(b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=\xff", b"Basic x", b"\xff\xfe"),
    *(b"Bearer e30.eyJ0aWQiOiAiYVxyXG5ceDogeSJ9.e30", b"Bearer \xc3\xa9.\xc3\xa9.\xc3\xa9", b"SharedKeyLite account:x"),
]
pieces = st.sampled_from(VALUES) | st.binary(max_size=8).map(
    lambda raw: raw.replace(b" ", b"").replace(b"\n", b"").replace(b"\r", b"")
)
queries = st.lists(st.tuples(st.sampled_from(NAMES).map(str.encode), pieces), max_size=8).map(
    lambda pairs: b"&".join(b"%s=%s" % pair for pair in pairs)
)
targets = st.tuples(
    st.sampled_from([b"/", b"/account/c/b", b"/account", b"//", b"*", b"/storage/v1/b", b"http://h/k", b"/\xff"]),
    queries,
).map(lambda parts: b"?".join(parts))
headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"Host",
                b"Authorization",
                b"x-amz-date",
                b"Date",
                b"x-ms-date",
                b"x-amz-content-sha256",
                b"x-ms-version",
                b"",
            ]
        ),
        st.sampled_from(PROOFS) | pieces,
    ),
    max_size=6,
)


@pytest.mark.parametrize("cloud", ["s3", "az", "gcs"])
@given(
    method=st.sampled_from([b"GET", b"HEAD", b"PUT", b"DELETE"]), target=targets, pairs=headers, is_tls=st.booleans()
)
def test_every_head_gets_a_verdict(
    cloud: Cloud, method: bytes, target: bytes, pairs: list[tuple[bytes, bytes]], *, is_tls: bool
) -> None:
    """And every denial is a whole answer that its SDK could read."""
    judge = Judge(Authority(cloud, account="account", root_key=KEY), host="127.0.0.1:1", is_tls=is_tls)
    judge.know(KNOWN)
    start = b"%s %s HTTP/1.1" % (method, target)
    raw = b"\r\n".join((start, *(b"%s: %s" % pair for pair in pairs))) + b"\r\n\r\n"
    judged = judge.judge(raw, start, pairs)

    if isinstance(judged, Accepted):
        assert judged.identity == "azure_cli"
        assert judged.head.endswith(b"\r\n\r\n")
        return
    assert isinstance(judged, Denied)
    head, end, body = judged.answer.partition(b"\r\n\r\n")
    assert end
    assert head.startswith(b"HTTP/1.1 %d " % judged.status)
    assert head.count(b"\r\n") == head.count(b"\n")
    if method == b"HEAD":
        assert body == b""
    elif b"application/json" in head:
        assert json.loads(body)["error"]["code"] == judged.status
    else:
        assert ET.fromstring(body).findtext("Code") == judged.code  # noqa: S314 - our own answer
        assert b"content-length: %d" % len(body) in head.lower()
