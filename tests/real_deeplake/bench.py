"""
What the real client works on: one storage, an organisation that lies in it, three users, and a key.

Everything is made anew for each storage through the admin side of the control plane, as somebody would by hand.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.services.running import REGION
from conformance.witnesses import Witness, witness_for
from tests.real_deeplake.steps import GCS_VARIABLE

if TYPE_CHECKING:
    from conformance.services import RunningService
    from tests.real_deeplake.steps import Step

CLIENT = Path(__file__).with_name("client.py")

ANSWER_S = 30.0

ROLES = {"admin": "admin", "writer": "write", "reader": "read"}


@dataclass
class Bench:
    """One storage as an organisation sees it.

    Attributes:
        plane: the control plane.
        service: the storage underneath.
        python: an interpreter that has `deeplake`.
    """

    plane: RunningService
    service: RunningService
    python: str
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    token_ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make bucket, organisation, users and key."""
        self.org = f"org-{self.service.name}"
        self.bucket = f"real-{secrets.token_hex(4)}"
        self.witness: Witness = witness_for(self.service, self.bucket)
        self.witness.create_root()
        self.root = self.service.url_of(self.bucket)
        self.storage("s")
        self.admin("organisations", {"id": self.org, "storage": "s" + self.bucket, "root": f"{self.root}/org"})
        self.admin(f"organisations/{self.org}/keys", {"id": "key", "storage": "s" + self.bucket})
        for name, role in ROLES.items():
            self.user(name, role)

    def storage(self, name: str, **more: Any) -> str:
        """Make a storage of the bucket; return its id."""
        keys = {"access_key": self.service.access_key, "secret_key": self.service.secret_key}
        where = {"root": self.root, "endpoint_url": self.service.url, "region": REGION}
        self.admin("storages", {"id": name + self.bucket} | where | keys | more)
        return name + self.bucket

    def user(self, name: str, role: str) -> None:
        """Make a user with a token."""
        identity = f"{name}-{self.bucket}"
        self.admin("users", {"id": identity, "roles": {self.org: role}})
        made = self.admin("tokens", {"user": identity})
        self.tokens[name], self.token_ids[name] = made["token"], made["id"]

    def admin(self, path: str, body: object = None, *, method: str | None = None) -> Any:
        """Ask the admin side."""
        parts = urlsplit(self.plane.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
        headers = {"Authorization": f"Bearer {self.plane.secret_key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method or ("GET" if body is None else "POST"), f"/admin/{path}", content, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"/admin/{path}: {answer.status} {told.get('error')}")
        return told

    def asked(self) -> list[str]:
        """Return kind and status of the requests that the control plane has had, oldest first."""
        return [f"{each['kind']} {each['status']}" for each in self.admin("requests")["requests"]]

    def outcome(self, step: Step) -> tuple[str, str]:
        """Return what comes of a step, and what an error said, without secrets."""
        if step.before is not None:
            step.before(self)
        before = len(self.asked())
        outcome, told = self._run(step)
        if told != self._masked(told):
            outcome += "; tells a secret"
        if step.shows:
            outcome += "; " + (", ".join(self.asked()[before:]) or "nobody asked")
        if step.left:
            outcome += "; something left" if self.witness.keys(step.left) else "; nothing left"
        # an answer that nobody has fetched is not for the next step
        self.admin("answers", method="DELETE")
        return outcome, self._masked(told)

    def _run(self, step: Step) -> tuple[str, str]:
        asked = {"code": step.code, "names": self._names(), "endpoint": self.plane.url}
        with tempfile.TemporaryDirectory(prefix="real-") as home:
            try:
                done = subprocess.run(
                    [self.python, "-B", str(CLIENT)],
                    input=json.dumps(asked),
                    capture_output=True,
                    text=True,
                    timeout=step.limit_s,
                    cwd=home,
                    env=self._environment(step, home),
                    errors="replace",
                )
            except subprocess.TimeoutExpired:
                return f"no end in {step.limit_s:.0f} s", ""
        if done.returncode < 0:
            return f"dies of signal {-done.returncode}", ""
        if done.returncode or not done.stdout.strip():
            return f"ends with {done.returncode}", done.stderr[-500:]
        answer = json.loads(done.stdout)
        if "raises" in answer:
            return f"raises {answer['raises']}", answer["told"]
        return f"gives {self._masked(json.dumps(answer['gives']))}", ""

    def _environment(self, step: Step, home: str) -> dict[str, str]:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": home,
            "TMPDIR": home,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if step.emulator_variable and self.service.prefix == "gcs":
            environment[GCS_VARIABLE] = self.service.url
        return environment | {name: value.format_map(self.tokens) for name, value in step.variables.items()}

    def _names(self) -> dict[str, Any]:
        """Return the variables of the code."""
        creds = {name: value for name, value in self.service.creds().items() if isinstance(value, str)}
        if self.service.prefix == "az":
            creds["blob_endpoint"] = creds.pop("endpoint_url")  # the name that 4.7.4 reads
        if self.service.prefix == "gcs":
            creds = {"anon": "1"}
        where = {"org": f"al://{self.org}", "ds": f"al://{self.org}/ds", "root": self.root}
        return where | {"creds": creds} | {name: self.tokens[name] for name in ROLES}

    def _masked(self, text: str) -> str:
        for secret in (*self.tokens.values(), self.service.secret_key, self.plane.secret_key):
            if secret:
                text = text.replace(secret, "***")
        return text
