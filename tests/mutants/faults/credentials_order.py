"""
Mutants of the order of sources, made in loops: each pair of neighbours swapped, and broken sources passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws, azure
from deeplake_ref.credentials.chain import Broken, Chain, NotMine
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

WORLDS = "worlds.toml"


def rearranged(module: ModuleType, change: Callable[[list[Any]], list[Any]]) -> Replacements:
    """Change the sources of every chain of a cloud."""
    right = module.chain

    def chain(*arguments: Any, **named: Any) -> Chain[Any]:
        made: Chain[Any] = right(*arguments, **named)
        made.sources = tuple(change(list(made.sources)))
        return made

    return replaced(module, chain=chain)


def swapped(module: ModuleType, first: str, second: str) -> Callable[[Any], Replacements]:
    """Return the change that asks the second of two sources before the first."""

    def change(sources: list[Any]) -> list[Any]:
        names = [source.name for source in sources]
        later = sources.pop(names.index(second))
        sources.insert(names.index(first), later)
        return sources

    return lambda _target: rearranged(module, change)


AWS_PAIRS = {
    ("aws_dict", "aws_env"): "F090",
    ("aws_dict_profile", "aws_env"): "F090",
    ("aws_env", "aws_assume_role"): "",
    ("aws_assume_role", "aws_web_identity"): "",
    ("aws_web_identity", "aws_sso"): "",
    ("aws_sso", "aws_shared_file"): "",
    ("aws_shared_file", "aws_process"): "",
    ("aws_process", "aws_config_file"): "",
    ("aws_config_file", "aws_container"): "",
    ("aws_container", "aws_imds"): "F111",
}
"""Neighbours of the order, with the number of the fault; the two of the dictionary exclude each other."""

AZURE_PAIRS = {
    ("azure_dict_account_key", "azure_env_connection_string"): "F090",
    ("azure_dict_sas_token", "azure_env_connection_string"): "F090",
    ("azure_env_connection_string", "azure_env_key"): "",
    ("azure_env_key", "azure_env_sas_token"): "",
    ("azure_env_sas_token", "azure_service_principal"): "",
    ("azure_service_principal", "azure_workload_identity"): "",
    ("azure_workload_identity", "azure_managed_identity"): "",
    ("azure_managed_identity", "azure_cli"): "F113",
}
"""Neighbours of the order; between key and signature of the dictionary either may win."""

ORIGINS = {
    "F090": "boto/boto3#4121",
    "F111": "aws/aws-sdk-java#2959",
    "F113": "Azure/azure-sdk-for-cpp#4669",
    "": "",
}

for _pairs, _module, _kills, _place in (
    (AWS_PAIRS, aws, "AWS-1", "moto"),
    (AZURE_PAIRS, azure, "AZURE-1", "azurite"),
):
    for (_first, _second), _fault in _pairs.items():
        mutant(
            _fault,
            kills=_kills,
            places=(_place,),
            origin=ORIGINS[_fault],
            claims=WORLDS,
            cases=(f"{_first}+{_second}",),
            name=f"{_second}_before_{_first}",
            wrong=f"Asks {_second} before {_first}.",
        )(swapped(_module, _first, _second))


class PassedOver:
    """A source that says of all its trouble that it is not configured."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.name = source.name

    def look(self) -> Any:
        """Answer as the source does, but for trouble."""
        try:
            answer = self._source.look()
        except Exception as error:  # noqa: BLE001 - that is what is wrong here
            return NotMine(type(error).__name__)
        return NotMine("it cannot be used") if isinstance(answer, Broken) else answer


def passed_over(module: ModuleType, name: str) -> Callable[[Any], Replacements]:
    """Return the change that goes on behind a source that is broken."""

    def change(sources: list[Any]) -> list[Any]:
        return [PassedOver(source) if source.name == name else source for source in sources]

    return lambda _target: rearranged(module, change)


BROKEN = {
    "aws_env": "aws_env(no-secret)+aws_container",
    "aws_assume_role": "aws_assume_role(denied)+aws_container",
    "aws_web_identity": "aws_web_identity(refused-token)+aws_container",
    "aws_sso": "aws_sso(never-signed-in)+aws_container",
    "aws_shared_file": "aws_shared_file(no-secret)+aws_container",
    "aws_process": "aws_process(exit-status)+aws_container",
    "aws_config_file": "aws_config_file(no-secret)+aws_container",
    "aws_container": "aws_container(error-404)+aws_imds",
    "aws_imds": "aws_imds(document-garbage)",
    "azure_env_connection_string": "azure_env_connection_string(malformed)+azure_managed_identity",
    "azure_env_key": "azure_env_key(not-base64)+azure_managed_identity",
    "azure_env_sas_token": "azure_env_sas_token(expired)+azure_managed_identity",
    "azure_service_principal": "azure_service_principal(wrong-secret)+azure_managed_identity",
    "azure_workload_identity": "azure_workload_identity(refused-token)+azure_managed_identity",
    "azure_managed_identity": "azure_managed_identity(app-service-refused)+azure_cli",
    "azure_cli": "azure_cli(fails)",
}
"""Sources, each with the case in which it is broken."""

for _source, _case in BROKEN.items():
    _of_aws = _source.startswith("aws_")
    mutant(
        kills="AWS-4" if _of_aws else "AZURE-4",
        places=("moto" if _of_aws else "azurite",),
        origin="apache/arrow-rs-object-store#27" if _of_aws else "",
        claims=WORLDS,
        cases=(_case,),
        name=f"a_broken_{_source}_is_passed_over",
        wrong=f"Goes on to the next source where {_source} is configured and broken.",
    )(passed_over(aws if _of_aws else azure, _source))
