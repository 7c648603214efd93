"""
Runs the control plane, or asks a running one by hand.

    python -m conformance.lake --port 7777 --state lake.sqlite
    python -m conformance.lake admin http://127.0.0.1:7777 tokens '{"user": "me"}'
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import sqlite3
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

ADMIN_VARIABLE = "ACTIVELOOP_ADMIN_TOKEN"
TIMEOUT_S = 30.0


def admin_token(file: Path | None, *, make: bool = False) -> str:
    """Return the admin token of the variable or of the file, which is made if it is not there and that is asked for."""
    given = os.environ.get(ADMIN_VARIABLE, "").strip()
    if given:
        return given
    if file is None:
        raise click.UsageError(f"give --admin-token-file FILE, or set {ADMIN_VARIABLE}")
    if not make:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror}") from None
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as made:
        made.write(token := secrets.token_urlsafe(32))
    return token


_TOKEN_FILE = click.option(
    "--admin-token-file", type=click.Path(dir_okay=False, path_type=Path), help="made if it is not there"
)


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=7777, show_default=True, help="0 for a free one")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="a SQLite file; in memory if it is not given"
)
@_TOKEN_FILE
@click.pass_context
def main(context: click.Context, host: str, port: int, state: Path | None, admin_token_file: Path | None) -> None:
    """Run a local Deep Lake control plane."""
    if context.invoked_subcommand is not None:
        return
    import uvicorn

    from conformance.lake.app import Service, application
    from conformance.lake.issuing import CloudIssuer
    from conformance.lake.state import State

    try:
        known = State(state)
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"the state cannot be used: {error}") from None
    service = Service(known, CloudIssuer(), admin_token(admin_token_file, make=True))
    config = uvicorn.Config(
        application(service),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_keep_alive=60,
    )
    with listening(host, port) as listener:
        click.echo(f"http://{host}:{listener.getsockname()[1]}")
        sys.stdout.flush()
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            known.close()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; its protocol is named, without which asyncio leaves Nagle's algorithm on."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise click.ClickException(f"{host}:{port}: {error.strerror}") from None
    listener.listen(1024)
    return listener


@main.command()
@click.argument("url")
@click.argument("path")
@click.argument("body", default="")
@click.option("--method", help="POST if there is a body, else GET")
@_TOKEN_FILE
def admin(url: str, path: str, body: str, method: str | None, admin_token_file: Path | None) -> None:
    """Ask the admin API of a running control plane: PATH below /admin/, BODY in JSON (- for stdin)."""
    content = (sys.stdin.read() if body == "-" else body).encode()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {admin_token(admin_token_file)}"}
    if content:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method or ("POST" if content else "GET"), f"/admin/{path}", content or None, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"no answer: {type(error).__name__}") from None
    finally:
        connection.close()
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    if answer.status >= 400:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
