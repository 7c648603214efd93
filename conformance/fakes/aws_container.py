"""
The credentials endpoint of a container: ECS tasks, and EKS pods with their authorization token.

Source: AWS SDKs and Tools Reference Guide, "Container credential provider"; ECS Developer Guide, "Amazon ECS task IAM role"
(the document); agent of ECS, `handlers/v1/credentials` (400 with `InvalidIdInRequest` for an id that it does not know).
Which of 401 and 403 a refused token gets is documented nowhere: 401 without one, 403 for a wrong one.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from conformance.fakes.aws_generations import Generations
from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.aws_generations import Mint
    from conformance.fakes.serving import Life, Request

ROLE_ARN: Final = "arn:aws:iam::000000000000:role/conformance-task-role"

AGENT_FOLDER: Final = "/v2/credentials/"


class Container:
    """The endpoint of one container; the same document until it is near its end.

    Attributes:
        token_text: what the Authorization header has to be, letter by letter; None if it is not looked at. May be set anew,
            as a pod's token is that is read from a file.
    """

    name = "container"

    def __init__(self, label: str, mint: Mint, life_s: Life, path: str, token_text: str | None = None) -> None:
        self.token_text = token_text
        self._path = path
        self._generations = Generations(label, mint, life_s)

    def rotate(self) -> None:
        """Let the next request get the next generation."""
        self._generations.rotate()

    def answer(self, request: Request) -> Answer:
        """Answer."""
        if request.path != self._path:
            if request.path.startswith(AGENT_FOLDER):
                return _refused(400, "InvalidIdInRequest", "CredentialsV2Request: ID not found")
            return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
        if request.method != "GET":
            return _refused(405, "MethodNotAllowed", "only GET is served")
        if self.token_text is not None:
            told = request.headers.get("authorization")
            if told is None:
                return _refused(401, "MissingAuthorization", "the Authorization header is missing")
            # blanks around a header are no part of it (RFC 9110, section 5.5), and http.server leaves those behind
            if not hmac.compare_digest(told.strip(" \t").encode(), self.token_text.encode()):
                return _refused(403, "AccessDenied", "the authorization token is not valid")
        issued = self._generations.current(request.now)
        return Answer.of_json(
            {
                "RoleArn": ROLE_ARN,
                "AccessKeyId": issued.identity.name,
                "SecretAccessKey": issued.identity.secret,
                "Token": issued.identity.token,
                "Expiration": issued.expiration,
            }
        )


def _refused(status: int, code: str, message: str) -> Answer:
    return Answer.of_json({"code": code, "message": message, "HTTPErrorCode": status}, status)
