"""
What the real client is asked to do, in this order, on each storage; what has to come of it, and where it is known to differ.

A step is a few lines, which the page shows as they ran. They find `deeplake`, `Reader`, `Writer` and:

    org      al://org-<storage>, an organisation whose datasets lie in the storage
    ds       a dataset in it, made by the first step
    root     the same storage past the control plane, and `creds` for it
    admin, writer, reader    tokens of three users, by their role
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.real_deeplake.bench import Bench

STORAGES = ("moto", "minio", "azurite", "fake-gcs-server")

GCS_VARIABLE = "CLOUD_STORAGE_EMULATOR_ENDPOINT"


@dataclass(frozen=True, slots=True)
class Known:
    """What the client is known to do instead.

    Attributes:
        outcome: what comes of the step.
        reason: a sentence.
        storages: where; everywhere the step runs if it is not said.
    """

    outcome: str
    reason: str
    storages: tuple[str, ...] = STORAGES


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the client is asked to do.

    Attributes:
        name: by which it is chosen.
        code: what runs; the value of the last line is the outcome.
        wanted: the outcome that is right: `gives` and a value in JSON, or `raises` and a class.
        known: what comes of it instead, where that is known.
        storages: where it runs.
        variables: of its environment; `{reader}` is the reader's token.
        before: what is done at the control plane first.
        limit_s: longest wait.
        emulator_variable: whether the client is told the address of an emulator of Google's by a variable of its own.
        shows: whether the requests to the control plane are of the outcome.
        left: a prefix in the bucket, whose number of objects afterwards is of the outcome.
    """

    name: str
    code: str
    wanted: str
    known: tuple[Known, ...] = ()
    storages: tuple[str, ...] = STORAGES
    variables: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Bench], object] | None = None
    limit_s: float = 60.0
    emulator_variable: bool = True
    shows: bool = False
    left: str = ""


def answering(**said: object) -> Callable[[Bench], object]:
    """Have the next request answered with this."""
    return lambda bench: bench.admin("answers", said)


def short_lived(bench: Bench) -> None:
    """Make the organisation `<org>-short`, in the same place, whose credentials live for 200 s."""
    org = f"{bench.org}-short"
    storage = bench.storage("short", life_s=200)
    bench.admin("organisations", {"id": org, "storage": storage, "root": f"{bench.root}/org"})
    bench.admin(f"organisations/{org}/members/reader-{bench.bucket}", {"role": "read"}, method="PUT")
    bench.admin(f"organisations/{org}/datasets/ds", {}, method="PUT")


def revoked(bench: Bench) -> None:
    """Make a user whose token is revoked."""
    bench.user("revoked", "admin")
    bench.admin(f"tokens/{bench.token_ids['revoked']}", method="DELETE")


def agreement(bench: Bench) -> None:
    """Have readers of the dataset asked for an agreement."""
    bench.admin(f"organisations/{bench.org}/datasets/ds", {"agreements": ["be kind"]}, method="PUT")


def no_agreement(bench: Bench) -> None:
    """Take the agreement away."""
    bench.admin(f"organisations/{bench.org}/datasets/ds", {}, method="PUT")


READ = 'd = deeplake.open_read_only(ds, token=reader)\n[int(n) for n in d["id"][:]]'
UNTOKENED = 'd = deeplake.open_read_only(ds)\n[int(n) for n in d["id"][:]]'

UNSIGNED = "`creds_key` is ignored: nobody is asked for the key, and the request is not signed"
MASKED = "each failure of the control plane is told as absence"
NO_RETRY = "429 and 5xx are read as if they were the answer, and not tried again"

RESTED_ON = frozenset({"create", "open-and-append", "objects", "made-elsewhere", "connect"})
"""Steps that others rest on."""

STEPS = (
    # ---- datasets
    Step("exists-before", "deeplake.exists(ds, token=writer)", "gives false"),
    Step(
        "create",
        'd = deeplake.create(ds, token=writer)\nd.add_column("id", deeplake.types.Int64())\n'
        'd.append({"id": [1, 2, 3]})\nd.commit("first")\nlen(d)',
        "gives 3; creds 200, create 200",
        shows=True,
    ),
    Step("exists", "deeplake.exists(ds, token=reader)", "gives true; creds 200", shows=True),
    Step(
        "open-and-append",
        'd = deeplake.open(ds, token=writer)\nd.append({"id": [4]})\nd.commit("second")\nlen(d)',
        "gives 4; creds 200",
        shows=True,
    ),
    Step("read", READ, "gives [1, 2, 3, 4]"),
    Step("create-again", "deeplake.create(ds, token=writer)", "raises LogExistsError"),
    Step(
        "nested",
        'deeplake.create(org + "/a/b", token=writer)\ndeeplake.exists(org + "/a/b", token=reader)',
        "gives true",
    ),
    Step(
        "objects",
        'Writer(ds, None, writer).set("k", b"v")\nr = Reader(ds, None, reader)\n'
        '[bytes(r.get("k")).decode(), "k" in [m.path for m in r.list()]]',
        'gives ["v", true]',
    ),
    Step(
        "copy",
        'deeplake.copy(ds, org + "/copied", token=writer)\nlen(deeplake.open_read_only(org + "/copied", token=reader))',
        "gives 4",
    ),
    Step(
        "like",
        'deeplake.like(deeplake.open_read_only(ds, token=reader), org + "/liked", token=writer)\n'
        'deeplake.exists(org + "/liked", token=reader)',
        "gives true",
    ),
    Step("open-nothing", 'deeplake.open(org + "/nothing", token=writer)', "raises LogNotexistsError"),
    Step(
        "read-nothing",
        'deeplake.open_read_only(org + "/nothing", token=reader)',
        "raises LogNotexistsError",
        (Known("raises NotFoundError", "the refusal of the control plane has a class of its own"),),
    ),
    Step(
        "version",
        'deeplake.open(ds + "@nope", token=writer)',
        "raises BranchNotFoundError",
        (Known('gives "a Dataset"', "what follows `@` is dropped but by `open_read_only`"),),
    ),
    Step("version-read", 'deeplake.open_read_only(ds + "@nope", token=reader)', "raises BranchNotFoundError"),
    # ---- tokens
    Step("variable", UNTOKENED, "gives [1, 2, 3, 4]", variables={"ACTIVELOOP_TOKEN": "{reader}"}),
    Step("argument-first", READ, "gives [1, 2, 3, 4]", variables={"ACTIVELOOP_TOKEN": "nobody's"}),
    Step("no-token", UNTOKENED, "raises AuthenticationError"),
    Step("unknown-token", 'deeplake.open_read_only(ds, token="nobody")', "raises AuthenticationError"),
    Step(
        "revoked-token",
        UNTOKENED,
        "raises AuthenticationError",
        variables={"ACTIVELOOP_TOKEN": "{revoked}"},
        before=revoked,
    ),
    Step(
        "exists-unknown-token",
        'deeplake.exists(ds, token="nobody")',
        "raises AuthenticationError",
        (Known("gives false", MASKED),),
    ),
    # ---- roles
    Step(
        "reader-writes",
        "deeplake.open(ds, token=reader)",
        "raises StorageAccessDenied",
        (Known("raises RuntimeError", "it says that there is no access to write, but has no class for it"),),
    ),
    Step(
        "writer-deletes",
        "deeplake.delete(ds, token=writer)",
        "raises PermissionDeniedError; authz 200",
        shows=True,
    ),
    Step(
        "agreement",
        "deeplake.open_read_only(ds, token=reader)",
        "raises AgreementNotAcceptedError",
        before=agreement,
    ),
    Step("agreement-gone", READ, "gives [1, 2, 3, 4]", before=no_agreement),
    # ---- managed credentials
    Step(
        "made-elsewhere",
        'd = deeplake.create(root + "/else/where", creds)\nd.add_column("id", deeplake.types.Int64())\n'
        'd.append({"id": [7]})\nd.commit()\nlen(d)',
        "gives 1",
    ),
    Step(
        "connect",
        'd = deeplake.connect(root + "/else/where", org + "/linked", creds_key="key", token=writer)\nlen(d)',
        "gives 1; connect 200, creds 200",
        shows=True,
    ),
    Step(
        "connect-to-organisation",
        'd = deeplake.connect(root + "/else/where", org_id=org[5:], creds_key="key", token=writer)\n'
        'deeplake.exists(org + "/where", token=reader)',
        "gives true",
    ),
    Step(
        "read-connected",
        'd = deeplake.open_read_only(org + "/linked", token=reader)\n[int(n) for n in d["id"][:]]',
        "gives [7]",
    ),
    Step(
        "connect-unknown-key",
        'deeplake.connect(root + "/else/where", org + "/other", creds_key="other", token=writer)',
        "raises NotFoundError; connect 404",
        shows=True,
    ),
    Step(
        "reader-connects",
        'deeplake.connect(root + "/else/where", org + "/other", creds_key="key", token=reader)',
        "raises AuthorizationError; connect 403",
        shows=True,
    ),
    Step(
        "key-in-creds",
        'where = {name: value for name, value in creds.items() if "endpoint" in name}\n'
        'len(Reader(root + "/else/where", where | {"creds_key": "key"}, writer).list()) > 0',
        "gives true; storage 200",
        (
            Known("raises StorageAccessDenied; nobody asked", UNSIGNED, ("minio",)),
            Known("raises StorageInternalError; nobody asked", UNSIGNED, ("azurite",)),
        ),
        storages=("minio", "azurite"),
        shows=True,
    ),
    # ---- trouble
    Step(
        "busy",
        READ,
        "gives [1, 2, 3, 4]; creds 503, creds 200",
        (Known("raises RuntimeError; creds 503", NO_RETRY),),
        before=answering(status=503, body="{}"),
        shows=True,
    ),
    Step(
        "throttled",
        READ,
        "gives [1, 2, 3, 4]; creds 429, creds 200",
        (Known("raises RuntimeError; creds 429", NO_RETRY),),
        before=answering(status=429, body="{}", headers={"Retry-After": "0"}),
        shows=True,
    ),
    Step(
        "exists-busy",
        "deeplake.exists(ds, token=reader)",
        "gives true; creds 503, creds 200",
        (Known("gives false; creds 503", MASKED),),
        before=answering(status=503, body="{}"),
        shows=True,
    ),
    Step(
        "page",
        "deeplake.open_read_only(ds, token=reader)",
        "raises HTTPBodyIsNotJSONError",
        before=answering(status=200, body="<html></html>", headers={"Content-Type": "text/html"}),
    ),
    Step(
        "renewal",
        'r = Reader(ds, None, reader)\n[bytes(r.get("k")).decode() for _ in range(3)]',
        'gives ["v", "v", "v"]; creds 200',
        shows=True,
    ),
    Step(
        "renewal-short",
        'r = Reader(org + "-short/ds", None, reader)\n[bytes(r.get("k")).decode() for _ in range(3)]',
        'gives ["v", "v", "v"]; creds 200',
        (
            Known(
                'gives ["v", "v", "v"]; creds 200, creds 200, creds 200, creds 200',
                "in the last 300 s of credentials it asks before each operation; these live for 200 s",
            ),
        ),
        storages=("azurite", "fake-gcs-server"),
        before=short_lived,
        shows=True,
    ),
    Step(
        "no-emulator-variable",
        "len(Reader(ds, None, reader).list()) > 0",
        "gives true",
        (
            Known(
                "no end in 15 s",
                f"the address of the control plane's answer is ignored, Google's own is asked; {GCS_VARIABLE} helps",
            ),
        ),
        storages=("fake-gcs-server",),
        emulator_variable=False,
        limit_s=15.0,
    ),
    # ---- the end
    Step(
        "disconnect",
        'deeplake.disconnect(org + "/linked", token=admin)\n'
        '[deeplake.exists(org + "/linked", token=reader), deeplake.exists(root + "/else/where", creds)]',
        "gives [false, true]",
    ),
    Step(
        "disconnect-nothing", 'deeplake.disconnect(org + "/linked", token=admin)', "gives null; delete 404", shows=True
    ),
    Step(
        "writer-disconnects",
        "deeplake.disconnect(ds, token=writer)",
        "raises AuthorizationError; delete 403",
        (
            Known(
                "gives null; delete 403", "refusals of `disconnect` are swallowed: the entry stays, and nobody is told"
            ),
        ),
        shows=True,
    ),
    Step(
        "delete-nothing",
        'deeplake.delete(org + "/nothing", token=admin)',
        "raises LogNotexistsError",
        (
            Known("gives null", "what is not there is deleted", ("moto", "minio", "fake-gcs-server")),
            Known("raises KeyError", "Azure's own refusal comes through", ("azurite",)),
        ),
    ),
    Step(
        "delete",
        "deeplake.delete(ds, token=admin)\ndeeplake.exists(ds, token=writer)",
        "gives false; nothing left",
        left="org/ds/",
    ),
)
