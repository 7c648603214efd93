"""
What the control plane knows, in one SQLite file: organisations, users, tokens, storages, credential keys, datasets.

Each change is one transaction with `synchronous=FULL`, so that what was acknowledged outlives a kill. Tokens are kept as
SHA-256: 256 random bits need no salt. Keys of storages are kept as they are, since they sign; the file is private.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from conformance.lake.storage import Root, Storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = ("read", "write", "admin")
"""The least first."""

_SCHEMA = """
create table if not exists storages(id text primary key, about text not null) strict;
create table if not exists organisations(
  id text primary key, storage text references storages(id), root text, open_names integer not null) strict;
create table if not exists users(id text primary key, endpoint_url text) strict;
create table if not exists members(
  org text not null references organisations(id), user text not null references users(id), role text not null,
  primary key (org, user)) strict, without rowid;
create table if not exists tokens(
  id text primary key, hash blob not null unique, user text not null references users(id), provider text not null,
  expires_at real, revoked integer not null default 0) strict;
create table if not exists keys(
  org text not null references organisations(id), id text not null, storage text not null references storages(id),
  expires_at real, generation integer not null default 1, access_key text, secret_key text,
  primary key (org, id)) strict, without rowid;
create table if not exists datasets(
  org text not null references organisations(id), name text not null, path text, creds_key text,
  public integer not null default 0, agreements text not null default '[]', primary key (org, name)) strict, without rowid;
create table if not exists accepted(
  org text not null, name text not null, user text not null, primary key (org, name, user)) strict, without rowid;
"""


class Unknown(LookupError):
    """There is no such thing; `args[0]` is its kind."""


class Taken(ValueError):
    """There is one of that name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its text."""

    id: str
    user: str
    provider: str
    expires_at: float | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation; `root` is where its datasets lie, None without a storage."""

    id: str
    storage: str | None
    root: str | None
    open_names: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A credential key of an organisation; its storage has the keys of its generation."""

    org: str
    id: str
    storage: Storage
    expires_at: float | None
    generation: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset; `path` is where it lies if that is not below the root of its organisation."""

    org: str
    name: str
    path: str | None = None
    creds_key: str | None = None
    public: bool = False
    agreements: tuple[str, ...] = ()


class State:
    """The database; in memory without a file. Safe to use from several threads."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.RLock()
        if file is not None:
            # made before SQLite does, whose other files then get the same mode
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(
            str(file) if file else ":memory:", check_same_thread=False, isolation_level=None, timeout=10.0
        )
        self._db.execute("pragma journal_mode=WAL")
        self._db.execute("pragma synchronous=FULL")
        self._db.execute("pragma foreign_keys=ON")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; a name that is there already is `Taken`, one that is referred to and is not there `Unknown`."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except sqlite3.IntegrityError as error:
                self._db.execute("rollback")
                if error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
                    raise Unknown("what it refers to") from None
                raise Taken from None
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return row

    # ---- who

    def add_user(self, user: str, *, endpoint_url: str | None = None) -> None:
        """Make a user; one that is there keeps its roles and tokens.

        Args:
            user: an id.
            endpoint_url: where storages are for this user, such as one behind a proxy; None for where they say they are.
        """
        with self._change() as db:
            db.execute(
                "insert into users values (?, ?) on conflict do update set endpoint_url = excluded.endpoint_url",
                (user, endpoint_url),
            )

    def endpoint_of(self, user: str) -> str | None:
        """Return where storages are for a user, None for where they say they are."""
        row = self._row("select endpoint_url from users where id = ?", user)
        return row[0] if row else None

    def set_role(self, org: str, user: str, role: Role | None) -> None:
        """Give a user a role in an organisation, or take it out."""
        with self._change() as db:
            if role is None:
                db.execute("delete from members where org = ? and user = ?", (org, user))
            else:
                db.execute("insert or replace into members values (?, ?, ?)", (org, user, role))

    def role(self, org: str, user: str) -> Role | None:
        """Return a user's role in an organisation."""
        row = self._row("select role from members where org = ? and user = ?", org, user)
        return row[0] if row else None

    def organisations_of(self, user: str) -> list[str]:
        """Return the organisations that a user is a member of, sorted."""
        with self._lock:
            return [row[0] for row in self._db.execute("select org from members where user = ? order by org", (user,))]

    def add_token(
        self, user: str, *, provider: str = "activeloop", expires_at: float | None = None, text: str | None = None
    ) -> tuple[str, str]:
        """Make a token, or know one that somebody else made; return its id and its text, which is not kept."""
        identity, token = secrets.token_hex(8), text or f"dl_{secrets.token_urlsafe(32)}"
        with self._change() as db:
            db.execute(
                "insert into tokens values (?, ?, ?, ?, ?, 0)", (identity, _hash(token), user, provider, expires_at)
            )
        return identity, token

    def token(self, text: str) -> Token | None:
        """Return what is known of a token, None if it is unknown."""
        row = self._row("select id, user, provider, expires_at, revoked from tokens where hash = ?", _hash(text))
        return Token(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def revoke(self, identity: str) -> None:
        """End a token."""
        with self._change() as db:
            if not db.execute("update tokens set revoked = 1 where id = ?", (identity,)).rowcount:
                raise Unknown("token")

    # ---- where

    def add_storage(self, identity: str, storage: Storage) -> None:
        """Make a storage."""
        with self._change() as db:
            db.execute("insert into storages values (?, ?)", (identity, json.dumps(asdict(storage))))

    def storage(self, identity: str) -> Storage:
        """Return a storage."""
        row = self._row("select about from storages where id = ?", identity)
        if row is None:
            raise Unknown("storage")
        return Storage(**json.loads(row[0]))

    def add_organisation(self, org: str, storage: str | None, root: Root | None, *, open_names: bool) -> None:
        """Make an organisation whose datasets lie below a root."""
        with self._change() as db:
            db.execute(
                "insert into organisations values (?, ?, ?, ?)", (org, storage, str(root) if root else None, open_names)
            )

    def organisation(self, org: str) -> Organisation | None:
        """Return an organisation."""
        row = self._row("select id, storage, root, open_names from organisations where id = ?", org)
        return Organisation(row[0], row[1], row[2], bool(row[3])) if row else None

    def add_key(self, org: str, key: str, storage: str, expires_at: float | None = None) -> None:
        """Make a credential key."""
        with self._change() as db:
            db.execute(
                "insert into keys(org, id, storage, expires_at) values (?, ?, ?, ?)", (org, key, storage, expires_at)
            )

    def key(self, org: str, key: str) -> Key | None:
        """Return a credential key, with the keys that its last rotation brought."""
        row = self._row(
            "select storage, expires_at, generation, access_key, secret_key from keys where org = ? and id = ?",
            org,
            key,
        )
        if row is None:
            return None
        storage = self.storage(row[0])
        if row[3] is not None or row[4] is not None:
            storage = replace(storage, access_key=row[3] or storage.access_key, secret_key=row[4] or storage.secret_key)
        return Key(org, key, storage, row[1], row[2])

    def rotate_key(self, org: str, key: str, *, access_key: str | None = None, secret_key: str | None = None) -> None:
        """Begin the next generation of a credential key, perhaps with other keys."""
        with self._change() as db:
            changed = db.execute(
                "update keys set generation = generation + 1, access_key = coalesce(?, access_key), "
                "secret_key = coalesce(?, secret_key) where org = ? and id = ?",
                (access_key, secret_key, org, key),
            )
            if not changed.rowcount:
                raise Unknown("creds_key")

    def expire_key(self, org: str, key: str, expires_at: float | None) -> None:
        """Set when a credential key is over."""
        with self._change() as db:
            changed = db.execute("update keys set expires_at = ? where org = ? and id = ?", (expires_at, org, key))
            if not changed.rowcount:
                raise Unknown("creds_key")

    def drop_key(self, org: str, key: str) -> None:
        """Forget a credential key."""
        with self._change() as db:
            if not db.execute("delete from keys where org = ? and id = ?", (org, key)).rowcount:
                raise Unknown("creds_key")

    # ---- what

    def put_dataset(self, dataset: Dataset, *, replacing: bool = True) -> None:
        """Write down a dataset; raises `Taken` where it must not replace one."""
        verb = "insert or replace" if replacing else "insert"
        values = (
            dataset.org,
            dataset.name,
            dataset.path,
            dataset.creds_key,
            dataset.public,
            json.dumps(dataset.agreements),
        )
        with self._change() as db:
            db.execute(f"{verb} into datasets values (?, ?, ?, ?, ?, ?)", values)

    def dataset(self, org: str, name: str) -> Dataset | None:
        """Return a dataset."""
        row = self._row(
            "select path, creds_key, public, agreements from datasets where org = ? and name = ?", org, name
        )
        return Dataset(org, name, row[0], row[1], bool(row[2]), tuple(json.loads(row[3]))) if row else None

    def drop_dataset(self, org: str, name: str) -> None:
        """Forget a dataset, and who accepted its agreements."""
        with self._change() as db:
            db.execute("delete from accepted where org = ? and name = ?", (org, name))
            if not db.execute("delete from datasets where org = ? and name = ?", (org, name)).rowcount:
                raise Unknown("dataset")

    def accept(self, org: str, name: str, user: str, *, accepts: bool) -> None:
        """Note that a user accepts the agreements of a dataset, or takes that back."""
        with self._change() as db:
            if accepts:
                db.execute("insert or replace into accepted values (?, ?, ?)", (org, name, user))
            else:
                db.execute("delete from accepted where org = ? and name = ? and user = ?", (org, name, user))

    def has_accepted(self, org: str, name: str, user: str) -> bool:
        """Whether a user accepted the agreements of a dataset."""
        sql = "select 1 from accepted where org = ? and name = ? and user = ?"
        return self._row(sql, org, name, user) is not None


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
