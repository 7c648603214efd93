"""
The JSON Schema of the target protocol, and what checks messages against it while an adapter is being written.

The schema is `schema.json` beside this file; the page that tells the protocol is docs/reference/protocol.md.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from conformance.targets import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError


@cache
def schema() -> dict[str, Any]:
    """Return the schema: `$defs` with the envelopes, and `methods` with params and result of each method."""
    text = files("conformance.protocol").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def methods() -> tuple[str, ...]:
    """Return the names of all methods."""
    return tuple(schema()["methods"])


class Schema:
    """Checks every message of a conversation; needs `jsonschema`, which comes with the extra `suite`."""

    def __init__(self) -> None:
        self._validators: dict[str, Draft202012Validator] = {}

    def check_params(self, method: str, params: Mapping[str, Any]) -> None:
        """Refuse params that are not the protocol's: a mistake of the suite, or a value that no message can carry."""
        if method in methods():
            self._check(f"#/methods/{method}/params", dict(params), f"the params of {method}")

    def check_answer(self, method: str, answer: Mapping[str, Any]) -> None:
        """Refuse an answer whose envelope, error or result is not the protocol's."""
        self._check("#/$defs/answer", dict(answer), f"the answer to {method}")
        if "result" in answer and method in methods():
            self._check(f"#/methods/{method}/result", answer["result"], f"the result of {method}")

    def _check(self, reference: str, value: object, what: str) -> None:
        from jsonschema.exceptions import best_match

        mistake = best_match(self._validator(reference).iter_errors(value))
        if mistake is not None:
            # The value itself is not shown: it may hold credentials, or megabytes.
            where = mistake.json_path.removeprefix("$").removeprefix(".")
            raise HarnessError(f"{what} breaks the schema{f' at {where}' if where else ''}: {_rule(mistake)}")

    def _validator(self, reference: str) -> Draft202012Validator:
        from jsonschema import Draft202012Validator

        if reference not in self._validators:
            self._validators[reference] = Draft202012Validator({**schema(), "$ref": reference})
        return self._validators[reference]


def _rule(mistake: ValidationError) -> str:
    """Return the broken rule in words, with names of members and without their values."""
    instance: Any = mistake.instance
    value: Any = mistake.validator_value
    if mistake.validator == "additionalProperties":
        known = mistake.schema.get("properties", {}) if isinstance(mistake.schema, dict) else {}
        return f"it has a member that the protocol does not: {', '.join(sorted(set(instance) - set(known)))}"
    if mistake.validator == "required":
        return f"a member is missing: {', '.join(sorted(set(value) - set(instance)))}"
    if mistake.validator in ("anyOf", "oneOf"):
        return "it has none of the forms that the protocol gives it"
    return f"{mistake.validator} is {json.dumps(value)}"
