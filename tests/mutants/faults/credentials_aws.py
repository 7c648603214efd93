"""
Mutants of AWS credentials: what counts as configured, what is mixed, who else is asked, what an identity is combined with.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from deeplake_ref.credentials import aws, aws_addressing, aws_environment, aws_role, aws_telling, chain
from deeplake_ref.credentials.aws_kinds import KEY_FIELDS, KEY_VARIABLES, Kind
from deeplake_ref.credentials.aws_settings import Settings
from deeplake_ref.credentials.chain import Broken, Found, NotMine, Resolved
from deeplake_ref.errors import CredentialsNotFoundError, CredentialsUnavailableError, InvalidCredentialsError
from deeplake_ref.stores import s3, s3_client
from tests.mutants.registry import Replacements, mutant, replaced

WORLDS = "worlds.toml"

PLACES = ("moto",)


def with_kind(name: str, **changes: Any) -> Replacements:
    """Change one kind of credentials that a machine may have."""
    kinds = tuple((each, replace(kind, **changes) if each == name else kind) for each, kind in aws.AMBIENT)
    return replaced(aws, AMBIENT=kinds)


def kind_of(name: str) -> Kind:
    """Return the right kind of a name."""
    return dict(aws.AMBIENT)[name]


# ---- who wins


@mutant(
    "F100", kills="AWS-1", places=PLACES, claims=WORLDS, cases=("aws_dict_profile+aws_env",), origin="fsspec/gcsfs#825"
)
def profile_name_is_ignored(_target: Any) -> Replacements:
    """Takes profile_name in the creds, and looks for no profile."""
    return replaced(aws.DictionaryProfile, look=lambda self: NotMine("none"))


@mutant(
    "F091",
    kills="AWS-1",
    places=PLACES,
    claims=WORLDS,
    cases=("aws_dict_profile+aws_shared_file",),
    origin="boto/boto#2292",
)
def the_default_profile_beats_the_named_one(_target: Any) -> Replacements:
    """Takes `[default]` where there is one, whatever profile the caller names."""
    right = Settings.selected.fget  # type: ignore[attr-defined]
    return replaced(
        Settings, selected=property(lambda self: "default" if "default" in self.files.credentials else right(self))
    )


@mutant(
    "F092",
    kills="AWS-1",
    places=PLACES,
    claims=WORLDS,
    cases=("aws_dict+aws_shared_file(malformed)",),
    origin="apache/arrow-rs-object-store#531",
)
def files_are_read_for_keys_of_the_caller(_target: Any) -> Replacements:
    """Reads the profile files also where keys were passed, and fails if one is broken."""
    right = aws.Dictionary.look

    def look(self: Any) -> Any:
        answer = right(self)
        self._walk.settings.profile()
        return answer

    return replaced(aws.Dictionary, look=look)


@mutant("F102", kills="AWS-1", places=PLACES, claims=WORLDS, cases=("aws_assume_role",), origin="aws/aws-cli#7496")
def the_source_profile_is_the_selected_one(_target: Any) -> Replacements:
    """Takes a role with the keys of the selected profile instead of those of its source_profile."""
    right = aws_role._SourceProfiles.providers

    def providers(self: Any, _profile_name: str, disable_env_vars: bool = True) -> Any:
        return right(self, self._settings.selected, disable_env_vars)

    return replaced(aws_role._SourceProfiles, providers=providers)


@mutant(
    "F098", kills="AWS-1", places=PLACES, claims=WORLDS, cases=("aws_env",), origin="drivendataorg/cloudpathlib#192"
)
def without_creds_requests_are_anonymous(_target: Any) -> Replacements:
    """Signs nothing where the caller passes no keys, and looks for none."""
    right = aws.Dictionary.look

    def look(self: Any) -> Any:
        answer = right(self)
        return Found(aws.AwsCredentials(None, self._walk.settings)) if isinstance(answer, NotMine) else answer

    return replaced(aws.Dictionary, look=look)


@mutant("F106", kills="AWS-1", places=PLACES, claims=WORLDS, cases=("aws_container",), origin="boto/botocore#1160")
def no_container_on_a_loopback_port(_target: Any) -> Replacements:
    """Allows only the link-local address of a container's endpoint, not loopback."""

    def provider(_settings: Any, _deadline_s: float) -> Any:
        raise InvalidCredentialsError("its URI names a host that is not asked")

    return with_kind("aws_container", provider=provider)


# ---- who is asked


@mutant(kills="AWS-2", places=PLACES, claims=WORLDS)
def all_sources_are_asked(_target: Any) -> Replacements:
    """Asks the sources behind the winner too, to tell of them."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        found = right(self)
        for source in self.sources[len(self.attempts) :]:
            self._ask(source)
        return found

    return replaced(chain.Chain, _walk=walk)


@mutant(kills="AWS-3", places=PLACES, claims=WORLDS)
def nothing_found_is_anonymous(_target: Any) -> Replacements:
    """Signs nothing where no source is configured, and goes on."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        try:
            return right(self)
        except CredentialsNotFoundError:
            return Resolved("anonymous", aws.AwsCredentials(None, self.sources[0]._walk.settings))

    return replaced(chain.Chain, _walk=walk)


# ---- what is configured


@mutant("F094", kills="AWS-5", places=PLACES, claims=WORLDS, origin="boto/botocore#1680")
def blank_variables_count(_target: Any) -> Replacements:
    """Takes an empty key id in the environment for one that is set and wrong."""
    right = kind_of("aws_env").lacking

    def lacking(settings: Settings) -> str | None:
        if not os.environ.get(KEY_VARIABLES[0], "x").strip():
            raise InvalidCredentialsError(f"{KEY_VARIABLES[0]} is blank")
        return right(settings)

    return with_kind("aws_env", lacking=lacking)


@mutant(kills="AWS-5", places=PLACES, claims=WORLDS, cases=("aws_env(token-only)+aws_shared_file",))
def a_token_alone_counts(_target: Any) -> Replacements:
    """Takes a session token without a key for a broken source."""
    right = kind_of("aws_env").lacking

    def lacking(settings: Settings) -> str | None:
        if KEY_VARIABLES[2] in settings.environment and KEY_VARIABLES[0] not in settings.environment:
            raise InvalidCredentialsError(f"{KEY_VARIABLES[2]} is set, {KEY_VARIABLES[0]} is not")
        return right(settings)

    return with_kind("aws_env", lacking=lacking)


@mutant("F105", kills="AWS-5", places=PLACES, claims=WORLDS, cases=("aws_imds(disabled)",), origin="boto/botocore#1892")
def a_refused_token_of_the_machine_is_an_error(_target: Any) -> Replacements:
    """Takes a metadata service that gives no token for one that is broken."""
    from deeplake_ref.credentials.aws_fetchers import Instance, NotAnsweredError

    right = Instance._token

    def token(self: Any) -> str:
        try:
            return right(self)
        except NotAnsweredError as error:
            raise CredentialsUnavailableError(str(error)) from None

    return replaced(Instance, _token=token)


# ---- parts of one credential


@mutant("F093", kills="AWS-6", places=PLACES, claims=WORLDS, origin="boto/botocore@953884f68")
def one_file_fills_the_other(_target: Any) -> Replacements:
    """Takes a secret that the credentials file lacks from the config file."""
    right = Settings._read

    def read(self: Any) -> Any:
        files = right(self)
        keys = {
            name: {
                field: value for field, value in files.config["profiles"].get(name, {}).items() if field in KEY_FIELDS
            }
            for name in files.credentials
        }
        filled = {name: {**keys[name], **values} for name, values in files.credentials.items()}
        return replace(files, credentials=filled)

    return replaced(Settings, _read=read)


@mutant(kills="AWS-6", places=PLACES, claims=WORLDS, cases=("aws_dict",), origin="boto/boto3#1957")
def a_token_of_the_environment_is_added(_target: Any) -> Replacements:
    """Sends the session token of the environment with a key of the caller."""
    right = aws.checked

    def checked(creds: Any) -> Any:
        given = right(creds)
        token = os.environ.get("AWS_SESSION_TOKEN")
        return {**given, "aws_session_token": token} if token and "aws_access_key_id" in given else given

    return replaced(aws, checked=checked)


@mutant(
    "F115",
    kills="AWS-6",
    places=PLACES,
    claims=WORLDS,
    cases=("aws_env-with-token", "aws_dict-with-token"),
    origin="data-engineering-collective/minimalkv#225",
)
def the_session_token_is_forgotten(_target: Any) -> Replacements:
    """Reads key and secret of the environment, and not the token that they need."""

    def provider(settings: Settings, deadline_s: float) -> Any:
        settings.environment = {name: value for name, value in settings.environment.items() if name != KEY_VARIABLES[2]}
        return aws_environment.environment_provider(settings, deadline_s)

    return with_kind("aws_env", provider=provider)


# ---- anonymous


@mutant("F095", kills="AWS-7", places=PLACES, claims=WORLDS, origin="fsspec/adlfs#411")
def anon_is_ignored(_target: Any) -> Replacements:
    """Takes `anon` in the creds, and signs with what it finds."""
    right = aws.checked
    return replaced(aws, checked=lambda creds: {k: v for k, v in right(creds).items() if k != "anon"})


@mutant("F096", kills="AWS-7", places=PLACES, claims=WORLDS, origin="boto/botocore#1472")
def anonymous_requests_look_for_credentials(_target: Any) -> Replacements:
    """Asks every source before it signs nothing."""
    right = chain.Chain._walk

    def walk(self: Any) -> Any:
        found = right(self)
        if found.credentials.anonymous:
            for source in self.sources[1:]:
                self._ask(source)
        return found

    return replaced(chain.Chain, _walk=walk)


# ---- the dictionary


@mutant(kills="AWS-8", places=PLACES, claims=WORLDS)
def an_incomplete_dictionary_is_passed_over(_target: Any) -> Replacements:
    """Takes the next source where the dictionary lacks a part."""
    right = aws.Dictionary.look

    def look(self: Any) -> Any:
        answer = right(self)
        return NotMine("incomplete") if isinstance(answer, Broken) else answer

    return replaced(aws.Dictionary, look=look)


@mutant(kills="AWS-8", places=PLACES, claims=WORLDS, cases=("aws_dict(line-break-in-key-id)+aws_env",))
def a_wrong_value_does_not_name_its_field(_target: Any) -> Replacements:
    """Says that the creds are wrong, and not where."""
    return replaced(aws, _invalid=lambda _message: InvalidCredentialsError("creds cannot be used", provider="s3"))


@mutant("F099", kills="AWS-9", places=PLACES, claims=WORLDS, origin="delta-io/delta-rs@a72756d80")
def fields_are_taken_in_any_case(_target: Any) -> Replacements:
    """Reads fields of creds in capitals as those of the environment."""
    right = chain.check_dictionary

    def check_dictionary(creds: Any, **about: Any) -> Any:
        return right({name.lower(): value for name, value in creds.items()}, **about)

    return replaced(aws, check_dictionary=check_dictionary)


# ---- profiles and addresses


@mutant("F110", kills="AWS-10", places=PLACES, claims=WORLDS, origin="aws/aws-sdk-go#2727")
def a_selected_profile_and_keys_exclude_each_other(_target: Any) -> Replacements:
    """Refuses to choose where both AWS_PROFILE and keys are in the environment."""
    right = kind_of("aws_env").lacking

    def lacking(settings: Settings) -> str | None:
        if KEY_VARIABLES[0] in settings.environment and "AWS_PROFILE" in settings.environment:
            raise InvalidCredentialsError("both AWS_PROFILE and keys are set")
        return right(settings)

    return with_kind("aws_env", lacking=lacking)


@mutant(kills="AWS-12", places=PLACES, claims=WORLDS)
def the_environment_beats_the_named_profile(_target: Any) -> Replacements:
    """Signs with the keys of the environment though the caller names a profile."""
    right = aws.DictionaryProfile.look

    def look(self: Any) -> Any:
        if os.environ.get(KEY_VARIABLES[0]):
            return NotMine("the environment has keys")
        return right(self)

    return replaced(aws.DictionaryProfile, look=look)


@mutant("F101", kills="AWS-13", places=PLACES, claims=WORLDS)
def the_endpoint_of_the_service_is_ignored(_target: Any) -> Replacements:
    """Takes AWS_ENDPOINT_URL before AWS_ENDPOINT_URL_S3."""
    right = aws_addressing._endpoint

    def endpoint(settings: Settings, profile: Any, service: str) -> Any:
        url = settings.environment.get("AWS_ENDPOINT_URL")
        return (url, "AWS_ENDPOINT_URL") if url else right(settings, profile, service)

    return replaced(aws_addressing, _endpoint=endpoint)


@mutant(kills="AWS-14", places=PLACES, claims=WORLDS)
def the_default_region_comes_first(_target: Any) -> Replacements:
    """Takes AWS_DEFAULT_REGION before AWS_REGION and the creds."""
    right = aws_addressing._region

    def region(settings: Settings, profile: Any) -> Any:
        found = settings.environment.get("AWS_DEFAULT_REGION")
        return (found, "AWS_DEFAULT_REGION") if found else right(settings, profile)

    return replaced(aws_addressing, _region=region)


# ---- handles


@mutant(kills="AWS-15", places=PLACES, claims=WORLDS)
def each_request_looks_anew(_target: Any) -> Replacements:
    """Walks over the sources at each request, and becomes another when a file changes."""
    return replaced(chain.Chain, resolve=lambda self: self._walk())


@mutant("F109", kills="AWS-15", places=PLACES, claims=WORLDS, origin="fsspec/gcsfs#43")
def the_first_identity_stays(_target: Any) -> Replacements:
    """Keeps what the first handle of the process found for all handles after it."""
    right = chain.Chain._walk
    found: list[Any] = []

    def walk(self: Any) -> Any:
        if not found:
            found.append(right(self))
        return found[0]

    return replaced(chain.Chain, _walk=walk)


@mutant("F108", kills="AWS-16", places=PLACES, claims=WORLDS, origin="activeloopai/deeplake#2465")
def handles_share_a_client(_target: Any) -> Replacements:
    """Keeps one client for a process, whoever opened it."""
    right = s3_client.connect
    kept: list[Any] = []

    def connect(*arguments: Any) -> Any:
        if not kept:
            kept.append(right(*arguments))
        return kept[0]

    return replaced(s3, connect=connect)


@mutant("F112", kills="AWS-17", places=PLACES, claims=WORLDS, origin="go-to-k/cdk-real-drift#954")
def listings_find_another_identity(_target: Any) -> Replacements:
    """Lists without the identity that reads and writes."""
    right = s3.S3Store._answers

    def answers(self: Any, directory: str, **more: str) -> Any:
        from botocore import UNSIGNED

        events = self._connected().meta.events
        events.register("choose-signer.s3.ListObjectsV2", lambda **_event: UNSIGNED, unique_id="listings")
        return right(self, directory, **more)

    return replaced(s3.S3Store, _answers=answers)


@mutant("F097", kills="AWS-18", places=PLACES, claims=WORLDS, origin="fsspec/gcsfs#144 fsspec/gcsfs#803")
def a_silent_machine_is_asked_again(_target: Any) -> Replacements:
    """Asks a metadata service that does not answer three times."""
    from deeplake_ref.credentials.aws_fetchers import Instance, NotAnsweredError

    right = Instance._token

    def token(self: Any) -> str:
        for _ in range(2):
            try:
                return right(self)
            except NotAnsweredError:
                continue
        return right(self)

    return replaced(Instance, _token=token)


@mutant(kills="AWS-19", places=PLACES, claims=WORLDS, cases=("aws_env",))
def any_text_goes_into_the_header(_target: Any) -> Replacements:
    """Looks at no character of a key."""
    return [
        *replaced(aws, problem=lambda _values: None),
        *replaced(aws_telling, problem=lambda _values: None),
    ]
