"""
What environment and profile files say at one moment: the variables of AWS, the selected profile, its region and endpoint.

Each walk over the sources takes one such picture, and whoever signs keeps it, so that later changes do not matter. The
files are parsed by botocore; that they are there, readable and text is looked at here, since botocore skips a file that
it may not read (botocore 1.44, `configloader.raw_config_parse`: `configparser.read` leaves out what it cannot open).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deeplake_ref.errors import InvalidCredentialsError, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_REGION = "us-east-1"

TRUE = ("true", "True", "TRUE")
"""How a switch of AWS is written."""

_PLAIN = re.compile(r"[\w .:@/+=,-]{1,64}")


@dataclass(frozen=True, slots=True)
class Files:
    """Both profile files, parsed.

    Attributes:
        credentials: sections of the shared credentials file, by profile.
        config: the config file, as botocore's `load_config` returns it.
        merged: both as one, as botocore's `Session.full_config` has it: the credentials file wins.
    """

    credentials: Mapping[str, Mapping[str, Any]] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    merged: Mapping[str, Any] = field(repr=False)


class Settings:
    """One moment of the machine, and what the caller said about profile and region.

    Attributes:
        environment: the variables that are not blank, without surrounding whitespace.
        profile_name: the selected profile; None if nobody names one, which leaves `[default]`, if it is there.
        named_by: who named it, for messages.
        home: the home directory.
        given: the creds dictionary that was checked.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.environment = {
            name: stripped
            for name, value in os.environ.items()
            if name.startswith("AWS_") and (stripped := value.strip())
        }
        # unlike that of `Path` it raises nothing where there is no home
        self.home = Path(os.path.expanduser("~"))  # noqa: PTH111
        self._files: Files | None = None
        self.profile_name: str | None = None
        self.named_by = "[default]"
        for name, value in (
            ("`profile_name` of creds", given.get("profile_name")),
            ("AWS_PROFILE", self.environment.get("AWS_PROFILE")),
            ("AWS_DEFAULT_PROFILE", self.environment.get("AWS_DEFAULT_PROFILE")),
        ):
            if value:
                self.profile_name, self.named_by = value, name
                break
        self.config_file = self._path("AWS_CONFIG_FILE", "config")
        self.credentials_file = self._path("AWS_SHARED_CREDENTIALS_FILE", "credentials")

    def _path(self, variable: str, name: str) -> str:
        given = self.environment.get(variable)
        # as botocore reads them: `~` and variables mean something
        return os.path.expanduser(os.path.expandvars(given)) if given else str(self.home / ".aws" / name)  # noqa: PTH111

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("what an environment holds is not pickled")

    @property
    def selected(self) -> str:
        """The name of the selected profile, `default` included."""
        return self.profile_name or "default"

    @property
    def shown(self) -> str:
        """The selected profile as messages show it."""
        return shown(self.selected)

    @property
    def files(self) -> Files:
        """Both files; raises `InvalidCredentialsError`, which names the path and nothing of the content."""
        # `functools.cached_property` has a lock until Python 3.12, which a child made by fork could inherit held
        if self._files is None:
            self._files = self._read()
        return self._files

    def _read(self) -> Files:
        from botocore.configloader import build_profile_map

        credentials = _parsed(self.credentials_file)
        config = build_profile_map(_parsed(self.config_file))
        profiles = {name: dict(values) for name, values in config["profiles"].items()}
        for name, values in credentials.items():
            profiles.setdefault(name, {}).update(values)
        return Files(credentials, config, {**config, "profiles": profiles})

    def profile(self) -> Mapping[str, Any]:
        """Return the selected profile, empty if nobody names one and there is no `[default]`.

        Raises:
            InvalidCredentialsError: a file cannot be read, or the profile that somebody names is not there.
        """
        found: Mapping[str, Any] | None = self.files.merged["profiles"].get(self.selected)
        if found is None and self.profile_name is not None:
            raise InvalidCredentialsError(
                f"{self.named_by} names the profile {self.shown}, which is neither in {self.config_file!r} nor in "
                f"{self.credentials_file!r}; `aws configure list-profiles` shows what there is",
                at=self.named_by,
            )
        return found or {}

    def lenient_profile(self) -> Mapping[str, Any]:
        """Return the selected profile for the sake of region and endpoint; none if it cannot be read.

        Keys of the caller and of the environment outrank every file, so that a file may not stop them, unless the caller
        names the profile.
        """
        try:
            return self.profile()
        except InvalidCredentialsError:
            if "profile_name" in self.given:
                raise
            return {}

    def service(self, profile: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Return what the `services` section of a profile says of one service, such as `s3` or `sso_oidc`."""
        section = profile.get("services")
        if not section:
            return {}
        found: Any = self.files.merged["services"].get(section, {}).get(name, {})
        return found if isinstance(found, dict) else {}


def shown(name: str) -> str:
    """Return a name as messages show it; what does not look like one is not repeated."""
    return repr(name) if _PLAIN.fullmatch(name) else "with an odd name"


def _parsed(path: str) -> dict[str, dict[str, Any]]:
    """Return the sections of a file, none if there is no file."""
    from botocore.configloader import raw_config_parse
    from botocore.exceptions import BotoCoreError, ConfigNotFound

    problem, cause = _unreadable(path)
    if not problem:
        try:
            parsed: dict[str, dict[str, Any]] = raw_config_parse(path)
            return parsed
        except ConfigNotFound:
            return {}
        except (BotoCoreError, ValueError, OSError) as error:
            problem, cause = "is not in the form of a profile file (INI)", error
    broken = InvalidCredentialsError(f"the file {path!r} {problem}", at=f"the file {path!r}")
    raise broken from (redacted(cause) if cause else None)


def _unreadable(path: str) -> tuple[str, Exception | None]:
    """Return what is wrong with a file before its content is; nothing if it is not there."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - the path is text with its own meaning, see above
        if stat.S_ISDIR(mode):
            return "is a directory", None
        if not stat.S_ISREG(mode):
            return "", None
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return "", None
    except (OSError, ValueError) as error:
        return "cannot be read; check who may read it", error
    if content.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark (BOM); save it without", None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return "is not UTF-8", error
    return "", None
