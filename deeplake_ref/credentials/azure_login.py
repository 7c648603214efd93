"""
The developer who has signed in with `az login`: the command `az`, asked by azure-identity for a token.

It is not configured where there is no `az` on `PATH`, or where nobody has signed in. All other failures stop the chain, as
does a time-out of 10 seconds. Of its output nothing is told: azure-identity 1.27 blots tokens out of what it repeats, but
not where the JSON has no blank (`_credentials/azure_cli.py`, `sanitize_output`). `az` keeps tokens itself, so that it may
hand out one that has expired.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_ref import sessions
from deeplake_ref.credentials.azure_entra import PATIENCE_S, answer, left_out, unavailable, unlogged
from deeplake_ref.credentials.azure_tokens import NotThereError, Token, scope_of
from deeplake_ref.credentials.chain import NotMine
from deeplake_ref.errors import StorageProviderMissingError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from deeplake_ref.credentials.azure_addresses import Destination
    from deeplake_ref.credentials.azure_texts import Answer


@dataclass(frozen=True, slots=True)
class AzureLogin:
    """Whoever has signed in with `az login`."""

    destination: Destination
    patience_s: float = PATIENCE_S
    name: str = "azure_cli"

    def look(self) -> Answer:
        """Answer with tokens of `az`."""
        skipped = left_out(self.name)
        if skipped is not None:
            return skipped
        if shutil.which("az") is None:
            return NotMine("there is no `az` on PATH")
        self.destination.check()
        return answer(self.name, self._ask)

    def _ask(self) -> Token:
        try:
            from azure.identity import AzureCliCredential

            with unlogged():
                # its time-out is in whole seconds by its signature, and handed to `subprocess` as it is
                credential = AzureCliCredential(process_timeout=self.patience_s)
                told = credential.get_token_info(scope_of(self.destination.resource))
            if isinstance(told.token, str) and told.token.strip():
                return Token(Secret(told.token), float(told.expires_on))
            failure: Exception = unavailable(f"{self.name}: `az` did not answer with a token", None)
        except Exception as error:  # noqa: BLE001 - what comes from the SDK may hold the token and is replaced
            failure = self._failure(error)
        raise failure

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, ModuleNotFoundError):
            message = f'{self.name} needs an extra: pip install "deeplake-conformance[azure]"'
            return StorageProviderMissingError(message, provider="az", effect="none")
        from azure.identity import CredentialUnavailableError

        if isinstance(error, CredentialUnavailableError) and "az login" in str(error):
            return NotThereError("nobody has signed in, run `az login`")
        for cause in sessions.causes(error):
            if isinstance(cause, subprocess.TimeoutExpired):
                return unavailable(f"{self.name}: `az` did not answer within {self.patience_s:g} s", cause)
            if isinstance(cause, subprocess.CalledProcessError):
                found = re.search(r"AADSTS\d{1,9}", cause.stderr or "")
                told = f"exit code {cause.returncode}" + (f", {found[0]}" if found else "")
                return unavailable(
                    f"{self.name}: `az` failed: {told}; run `az login` again", cause, found[0] if found else None
                )
            if isinstance(cause, OSError):
                return unavailable(f"{self.name}: `az` cannot be run: {type(cause).__name__}", cause)
        return unavailable(f"{self.name}: `az` did not answer with a token; run `az account get-access-token`", error)
