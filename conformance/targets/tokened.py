"""
Lets a check hand over a token wherever it hands over creds: for `al://`, a place's creds are its token.

So one check says the same of a cloud and of what lies behind a control plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.targets import Creds, Dataset, Explanation, Reader, Target, Writer


class TokenCreds(dict[str, str]):
    """The creds of an `al://` place: the field `token`, which goes into the argument of that name, and nothing else."""

    def __init__(self, token: str) -> None:
        super().__init__(token=token)

    def __repr__(self) -> str:
        return "TokenCreds(...)"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis from showing the token."""
        printer.text(repr(self))


def with_tokens(target: Target) -> Target:
    """Return a target that takes `TokenCreds` for its token."""
    return cast("Target", _Tokened(target))


class _Tokened:
    """Everything that takes creds splits them; all else is the target's own."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def open_reader(self, url: str, creds: Creds = None, token: str | None = None) -> Reader:
        return self._target.open_reader(url, *split(creds, token))

    def open_writer(self, url: str, creds: Creds = None, token: str | None = None) -> Writer:
        return self._target.open_writer(url, *split(creds, token))

    def explain(self, url: str, creds: Creds = None, token: str | None = None) -> Explanation:
        return self._target.explain(url, *split(creds, token))

    def create(
        self, url: str, schema: Mapping[str, str] | None = None, creds: Creds = None, token: str | None = None
    ) -> Dataset:
        return self._target.create(url, schema, *split(creds, token))

    def open_dataset(
        self, url: str, *, read_only: bool = False, creds: Creds = None, token: str | None = None
    ) -> Dataset:
        creds, token = split(creds, token)
        return self._target.open_dataset(url, read_only=read_only, creds=creds, token=token)

    def exists(self, url: str, creds: Creds = None, token: str | None = None) -> bool:
        return self._target.exists(url, *split(creds, token))

    def delete(self, url: str, creds: Creds = None, token: str | None = None) -> None:
        self._target.delete(url, *split(creds, token))

    def copy(
        self, src: str, dst: str, src_creds: Creds = None, dst_creds: Creds = None, token: str | None = None
    ) -> None:
        src_creds, src_token = split(src_creds, token)
        dst_creds, dst_token = split(dst_creds, token)
        # there is one argument for both; whoever may write the copy may read the source here
        self._target.copy(src, dst, src_creds, dst_creds, dst_token or src_token)

    def like(self, dataset: Dataset, url: str, creds: Creds = None, token: str | None = None) -> Dataset:
        return self._target.like(dataset, url, *split(creds, token))


def split(creds: Creds, token: str | None) -> tuple[Creds, str | None]:
    """Return creds and token as a target takes them."""
    if isinstance(creds, TokenCreds):
        return None, token or creds["token"]
    return creds, token
