"""
One client of the Cloud Storage JSON API: a pool of connections, one identity, one bucket.

Requests go through a session of `requests`, as those of Google's storage client do. That client spends half as much time
again on a small request, does not tell the size that a ranged answer carries, may ask for the bucket in the background,
and lets emulator variables take the credentials away. google-auth's session in between (`AuthorizedSession`) refreshes
by itself, so that requests cannot be counted, and sends the token to another service of Google's in the background.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from deeplake_ref import sessions
from deeplake_ref.endpoints import is_loopback
from deeplake_ref.sessions import Answer, Deadline, IncompleteBodyError, MalformedAnswerError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_ref.credentials.google_tokens import GoogleCredentials
    from deeplake_ref.stores import Buffer

OBJECT_FIELDS = "kind,name,size,generation,updated"
"""What is asked for of an object; the service leaves out the rest."""

NO_BUCKET = "bucketNotFound"
NO_OBJECT = "objectNotFound"
"""The service has one reason, `notFound`, for both; it tells them apart in its message only."""


class GcsClient:
    """Sends authorised requests to one bucket."""

    def __init__(self, credentials: GoogleCredentials, endpoint: str, bucket: str) -> None:
        from requests import Session

        self.credentials = credentials
        self._endpoint = endpoint
        self._objects = f"/storage/v1/b/{quote(bucket, safe='')}/o"
        self._session: Any = Session()
        sessions.settle(self._session, endpoint)
        if endpoint.startswith("http:") and is_loopback(endpoint) and not credentials.is_anonymous:
            # a proxy would see the token in clear
            self._session.proxies = {}

    # ---- what the API has

    def metadata(self, key: str, deadline: Deadline) -> dict[str, Any]:
        """Return the fields of an object."""
        url = f"{self._endpoint}{self._objects}/{quote(key, safe='')}?{_query(fields=OBJECT_FIELDS)}"
        return self._json(self._object("GET", url, deadline), "storage#object", deadline)

    def download(self, key: str, start: int, stop: int, deadline: Deadline, generation: str | None = None) -> Answer:
        """Begin to read the bytes from `start` to before `stop`, as they are stored."""
        only = {"generation": generation} if generation else {}
        url = f"{self._endpoint}/download{self._objects}/{quote(key, safe='')}?{_query(alt='media', **only)}"
        # gzip: an object that is stored compressed is sent as it is, and in the ranges that are asked for
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "gzip"}
        if generation:
            return self._send("GET", url, deadline, headers=headers)
        return self._object("GET", url, deadline, headers=headers)

    def upload(
        self, key: str, value: Buffer, crc32c: str, conditions: Mapping[str, str], deadline: Deadline
    ) -> dict[str, Any]:
        """Write an object in one request, and return its fields.

        A multipart upload, since conditions must hold also on servers that do not look at those of media uploads.
        """
        url = self._uploading("multipart", conditions)
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps({'name': key, 'crc32c': crc32c})}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        body = b"".join((head.encode(), value, f"\r\n--{boundary}--\r\n".encode()))
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        return self._json(self._send("POST", url, deadline, headers=headers, body=body), "storage#object", deadline)

    def begin(self, key: str, size: int, crc32c: str, conditions: Mapping[str, str], deadline: Deadline) -> str:
        """Begin a resumable upload, and return the URL of its session."""
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Type": "application/octet-stream",
            "X-Upload-Content-Length": str(size),
        }
        body = json.dumps({"name": key, "crc32c": crc32c}).encode()
        answer = self._send("POST", self._uploading("resumable", conditions), deadline, headers=headers, body=body)
        answer.body(deadline)
        location = answer.headers.get("Location", "")
        # the session would carry credentials to wherever it is told
        if urlsplit(location)[:2] != urlsplit(self._endpoint)[:2]:
            raise MalformedAnswerError
        return location

    def finish(self, location: str, value: Buffer, deadline: Deadline) -> dict[str, Any]:
        """Send the whole body of a resumable upload, and return the fields of the object."""
        headers = {"Content-Type": "application/octet-stream"}
        try:
            answer = self._send("PUT", location, deadline, headers=headers, body=value)
        except RefusedError as error:
            if error.status in (404, 410):
                raise IncompleteBodyError from None  # the session is gone, nothing else is missing
            raise
        return self._json(answer, "storage#object", deadline)

    def delete(self, key: str, deadline: Deadline) -> None:
        """Remove an object."""
        url = f"{self._endpoint}{self._objects}/{quote(key, safe='')}"
        if self._object("DELETE", url, deadline).body(deadline).lstrip().startswith(b"<"):
            raise MalformedAnswerError  # the service answers without a body; a page is not its answer

    def page(self, deadline: Deadline, **parameters: str) -> dict[str, Any]:
        """Return one page of a listing."""
        url = f"{self._endpoint}{self._objects}?{_query(**parameters)}"
        return self._json(self._send("GET", url, deadline), "storage#objects", deadline)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # ---- how it is asked

    def _uploading(self, kind: str, conditions: Mapping[str, str]) -> str:
        query = _query(uploadType=kind, fields=OBJECT_FIELDS, **conditions)
        return f"{self._endpoint}/upload{self._objects}?{query}"

    def _object(self, method: str, url: str, deadline: Deadline, headers: Mapping[str, str] | None = None) -> Answer:
        """Make a request about one object; if it is missing, find out whether its bucket is."""
        try:
            return self._send(method, url, deadline, headers=headers)
        except RefusedError as error:
            if error.status != 404 or error.code in (NO_BUCKET, NO_OBJECT):
                raise
            missing = error
        try:
            self.page(deadline, maxResults="1", fields="kind")
        except RefusedError as error:
            if error.status == 404:
                # the listing gives its reasons as JSON always; a 404 without one is not the service's
                missing.code = NO_BUCKET if error.code else None
            else:
                # whoever may not list cannot know more
                missing.code = NO_OBJECT
        else:
            missing.code = NO_OBJECT
        raise missing

    def _send(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str] | None = None,
        body: Buffer | None = None,
    ) -> Answer:
        """Make one request.

        Raises:
            RefusedError: the status is not 2xx.
            requests.RequestException: the transport failed.
            CredentialsError: there is no token to be had; nothing was sent.
        """
        proof = self.credentials.headers(deadline.left_s())
        response = self._session.request(
            method,
            url,
            data=None if body is None else sessions.sendable(body),
            headers={"User-Agent": "deeplake-ref", "Accept-Encoding": "identity", **(headers or {}), **proof},
            timeout=deadline.timeouts_s(upload=0 if body is None else len(body)),
            allow_redirects=False,
            stream=True,
        )
        if 200 <= response.status_code < 300:
            return Answer(response.status_code, response.headers, response.raw)
        text = sessions.error_text(response.raw, deadline)
        raise RefusedError(response.status_code, _reason(text), response.headers)

    @staticmethod
    def _json(answer: Answer, kind: str, deadline: Deadline) -> dict[str, Any]:
        """Return a JSON answer of one kind; another one is not the service's."""
        try:
            fields = json.loads(answer.body(deadline))
        except ValueError:
            raise MalformedAnswerError from None
        if not isinstance(fields, dict) or fields.get("kind") != kind:
            raise MalformedAnswerError
        return fields


def _query(**parameters: str) -> str:
    return urlencode({"prettyPrint": "false", **parameters}, quote_via=quote)


def _reason(text: bytes) -> str | None:
    """Return the reason in the body of an error; which thing is missing is told by its message only."""
    if b"bucket does not exist" in text:
        return NO_BUCKET
    if b"No such object" in text:
        return NO_OBJECT
    try:
        reason = json.loads(text)["error"]["errors"][0]["reason"]
    except (ValueError, LookupError, TypeError):
        return None
    return reason if isinstance(reason, str) else None
