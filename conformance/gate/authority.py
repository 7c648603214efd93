"""
Who decides at a tap: the rules by which the gate believes a proof, as plain data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Cloud = Literal["s3", "az", "gcs"]


@dataclass(frozen=True, slots=True)
class Authority:
    """The rules of one tap.

    Attributes:
        cloud: whose proofs and whose error bodies.
        region: the region of the scope of an AWS signature.
        account: of `az`, the account in the URL, which is the emulator's own.
        root_key: of `az`, the key in base64 with which accepted requests are signed anew.
        clock_s: seconds by which the gate's clock is ahead.
        anonymous: what becomes of a request without any proof.
        max_skew_s: seconds that the date of a request may be off; 15 minutes at AWS, Azure and Google.
    """

    cloud: Cloud
    region: str = "us-east-1"
    account: str | None = None
    root_key: str | None = field(default=None, repr=False)
    clock_s: float = 0.0
    anonymous: Literal["refuse", "allow"] = "refuse"
    max_skew_s: float = 900.0

    def __post_init__(self) -> None:
        if self.cloud == "az" and not (self.account and self.root_key):
            raise ValueError("an authority over Azure needs the account of the URL and its key")

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing the key."""
        printer.text(repr(self))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, the root key included: for the gate's process, and for nothing else."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the authority of JSON values."""
        return cls(**values)
