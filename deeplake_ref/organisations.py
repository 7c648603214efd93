"""
Datasets as organisations of Deep Lake know them: an entry at the control plane for each name at `al://`.

The bytes are the cloud's, so that an entry says where they lie and no more: `disconnect` leaves them where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deeplake_ref import urls
from deeplake_ref.credentials import activeloop
from deeplake_ref.credentials.activeloop_lenders import NEEDED, dataset_name
from deeplake_ref.credentials.activeloop_plane import ControlPlane, is_unknown_name
from deeplake_ref.errors import InvalidURIError, StorageAccessDenied, StorageError, StorageInternalError
from deeplake_ref.retry import RetryPolicy
from deeplake_ref.secrets import SecretFields
from deeplake_ref.storage import Writer, control_plane_of

if TYPE_CHECKING:
    from deeplake_ref.dataset import Dataset


def created(writer: Writer) -> None:
    """Tell the control plane of a dataset that was made; elsewhere than at `al://` there is nobody to tell."""
    if writer.prefix == "al":
        url = urls.parse(writer.path)
        body = {"tag": f"{url.account}/{dataset_name(url)}", "public": False, "rewrite": True}
        control_plane_of(writer).ask("POST", "/api/dataset/create", "create", body=body)


def check_removal(writer: Writer) -> None:
    """Raise `StorageAccessDenied` if the owner of the token may not remove datasets; nothing is removed yet."""
    if writer.prefix == "al":
        organisation = urls.parse(writer.path).account
        body = {"entity_type": "organization", "entity_id": organisation, "action": "admin"}
        plane = control_plane_of(writer)
        if plane.ask("POST", "/api/authz/check/", "delete", body=body).get("access") is not True:
            message = (
                f"delete: the owner of the token is no admin of {organisation}, and only an admin removes datasets"
            )
            about: dict[str, Any] = {"provider": "al", "operation": "delete", "source": plane.tokens.source}
            raise StorageAccessDenied(message, effect="none", **about)


def removed(writer: Writer) -> None:
    """Tell the control plane of a dataset that was removed."""
    if writer.prefix == "al":
        _forget(control_plane_of(writer), urls.parse(writer.path), "delete")


def connect(
    src: str,
    dest: str | None = None,
    org_id: str | None = None,
    creds_key: str | None = None,
    token: str | None = None,
) -> Dataset:
    """Give a dataset at a cloud a name in an organisation, and return it open for writing.

    The same again changes nothing.

    Args:
        src: where it lies: a path of `s3://`, `az://` or `gcs://`.
        dest: its name, `al://org/name`; by default the last part of `src` in `org_id`.
        org_id: the organisation, where `dest` does not say it.
        creds_key: the name of the organisation's credentials for that place; by default those of its own storage.
        token: a Deep Lake user token.

    Raises:
        InvalidURIError: `src` is at no cloud, or neither `dest` nor `org_id` is given.
        StorageBucketNotFound: the organisation or the key is unknown.
        DatasetNotFoundError: there is no dataset at `src`; the name is there all the same.
    """
    from deeplake_ref.datasets import open as opened

    source = urls.parse(src)
    if source.prefix not in NEEDED:
        raise _unusable(f"connect: data lie at s3://, az:// or gcs://: {src!r}")
    there = None if dest is None else _named(dest, "connect")
    if there is None and not org_id:
        raise _unusable("connect: dest or org_id says which organisation it is")
    body = {
        "src_path": str(source),
        "org_id": there.account if there else org_id,
        "ds_name": dataset_name(there) if there else "",
        "creds_key": creds_key or "",
    }
    answer = _plane(token).ask("POST", "/api/dataset/connect", "connect", body=body)
    made: Any = answer.get("generated_id")
    try:
        url = _named(f"al://{made}" if isinstance(made, str) else "al://", "connect")
    except InvalidURIError:
        message = "connect: the control plane's answer cannot be used: it has no name for the dataset"
        raise StorageInternalError(message, provider="al", http_status=200, effect="unknown") from None
    return opened(str(url), token=token)


def disconnect(url: str, token: str | None = None) -> None:
    """Take the name of a dataset away from its organisation; the data stay, and an unknown name is no error."""
    _forget(_plane(token), _named(url, "disconnect"), "disconnect")


def _forget(plane: ControlPlane, url: urls.DatasetURL, operation: str) -> None:
    path = f"/api/dataset/{quote(url.account, safe='')}/{quote(dataset_name(url), safe='')}"
    try:
        plane.ask("DELETE", path, operation)
    except StorageError as error:
        if not is_unknown_name(error):
            raise


def _plane(token: str | None) -> ControlPlane:
    return ControlPlane(activeloop.chain(SecretFields(token)), RetryPolicy())


def _named(url: str, operation: str) -> urls.DatasetURL:
    parsed = urls.parse(url)
    if parsed.prefix != "al":
        raise _unusable(f"{operation}: a name is al://organisation/name: {url!r}")
    return parsed


def _unusable(message: str) -> InvalidURIError:
    return InvalidURIError(message, provider="al", effect="none")
