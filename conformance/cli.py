"""
The command `deeplake-conformance`: stdout is data, stderr is talk.

Exit codes: 0 conforms; 1 a MUST fails or passes unexpectedly (with `--strict` also a SHOULD); 2 usage; 3 a service was
unreachable, the harness erred, or nothing was exercised.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import conformance
from conformance.cli_services import IMAGE, RUNTIME, services
from conformance.usage_errors import EXIT_UNJUDGED, end_in_order_when_terminated, fail, usage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.settings import RunSettings

_TARGET_OPTIONS = (
    click.option("--target", metavar="MODULE[:ATTRIBUTE]", help="Implementation under test; a module, or a .py file."),
    click.option("--claims", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Its claims file."),
    click.option("--door", type=click.Choice(["in-process", "stdio"]), help="How a Python target is reached."),
    click.option("--validate", is_flag=True, help="Check every message of a command against the protocol's schema."),
    click.option("--service-url", metavar="NAME=URL", multiple=True, help="Use a service that already runs."),
    click.option("--hermetic", is_flag=True, help="Run where the kernel lets no packet leave this machine (Linux)."),
    RUNTIME,
    IMAGE,
    click.option("--reuse", is_flag=True, help="Take services that were left running, and leave these running too."),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Draw the same operations again."),
    click.option(
        "--profile", type=click.Choice(["quick", "default", "thorough"]), default="default", show_default=True,
        help="25, 100 or 2,000 examples per check and place.",
    ),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)  # fmt: skip


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_TARGET_OPTIONS):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(conformance.__version__, prog_name="deeplake-conformance")
def main() -> None:
    """Check storage backends of Deep Lake paths against numbered requirements, on real local emulators."""


@main.command(short_help="Run the checks against a target.")
@click.option(
    "--services", metavar="NAMES", help="Services by name, `all` or `none`; default: moto, azurite, fake-gcs-server."
)
@click.option("--places", metavar="NAMES", help="Exactly these places, such as `mem,moto`; instead of --services.")
@click.option("--only", metavar="AREA|REQ", multiple=True, help="Only this area or requirement; may be repeated.")
@click.option("--record", metavar="DIR", type=click.Path(file_okay=False), help="Where record and logs go.")
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False), help="Also write JUnit XML.")
@click.option("--markdown", metavar="FILE", type=click.Path(dir_okay=False), help="Also write Markdown.")
@click.option("--strict", is_flag=True, help="A SHOULD that fails fails the run.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts, cut alike on every machine; see `merge`.")
@click.option("-n", "workers", metavar="N", default="auto", show_default=True, help="Processes; 0 runs in this one.")
@click.option("--case", "cases", multiple=True, metavar="LABEL", help="Only this case of each check.")
@click.option("-x", "stop_at_failure", is_flag=True, help="Stop at the first failure.")
@click.option("-v", "--verbose", is_flag=True, help="Every requirement with its verdict on every place.")
@_target_options
def run(**options: Any) -> None:
    """Run the checks against a target, the only registered one if none is named.

    Everything after `--` is the command of a target that speaks the stdio protocol:

        deeplake-conformance run --claims folder.toml -- node folder.mjs
    """
    with usage_errors():
        from conformance import selecting, sharding
        from conformance.run import Output, execute

        end_in_order_when_terminated()
        settings = _settings(
            options,
            places=selecting.places(options["services"], options["places"]),
            only=selecting.only(options["only"]),
            cases=options["cases"],
            shard=str(sharding.parse(options["shard"])) if options["shard"] is not None else None,
        )
        _enter(settings)
        output = Output(
            directory=Path(options["record"]) if options["record"] else None,
            junit=Path(options["junit"]) if options["junit"] else None,
            markdown=Path(options["markdown"]) if options["markdown"] else None,
            verbose=options["verbose"],
        )
        sys.exit(execute(settings, output, workers=_workers(options["workers"])))


@main.command(short_help="Show one result again.")
@click.argument("requirement")
@click.option("--place", required=True, metavar="NAME", help="`mem`, `file`, or a service.")
@click.option("--case", "cases", multiple=True, metavar="LABEL", help="Only this case.")
@_target_options
def replay(requirement: str, place: str, cases: tuple[str, ...], **options: Any) -> None:
    """Run one requirement on one place with the seed of a record: the same operations, with fresh keys."""
    with usage_errors():
        from conformance import selecting
        from conformance.run import Output, execute

        end_in_order_when_terminated()
        settings = _settings(
            options,
            places=selecting.places(None, place),
            only=selecting.only([requirement]),
            cases=cases,
        )
        _enter(settings)
        sys.exit(execute(settings, Output(verbose=True), workers=0))


@main.command("list", short_help="List the requirements.")
@click.option("--area", metavar="AREA[,AREA]", help="Only these areas.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with sentences and sources.")
def list_(area: str | None, as_json: bool) -> None:
    """List every requirement with its level, title and number of checks."""
    with usage_errors():
        from conformance.catalogue import list_requirements

        click.echo(list_requirements(area, as_json=as_json))


@main.command(short_help="Show one requirement.")
@click.argument("requirement")
def show(requirement: str) -> None:
    """Show the sentence of a requirement, its source and its checks; of an area, its requirements."""
    with usage_errors():
        from conformance.catalogue import show_requirement

        click.echo(show_requirement(requirement))


@main.command(short_help="Render a record.")
@click.argument("record", type=click.Path(exists=True))
@click.option("--format", "form", type=click.Choice(["terminal", "markdown", "junit"]), default="terminal")
@click.option("--strict", is_flag=True, help="Count a failed SHOULD as a failure.")
@click.option("-v", "--verbose", is_flag=True, help="Every requirement with its verdict on every place.")
def report(record: str, form: str, strict: bool, verbose: bool) -> None:
    """Render the record of a run: a file, or the directory that holds it."""
    with usage_errors():
        from conformance.run import render

        sys.exit(render(Path(record), form, strict=strict, verbose=verbose))


@main.command(short_help="Merge records of several runs into one.")
@click.argument("records", metavar="RECORD...", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("-o", "directory", metavar="DIR", type=click.Path(file_okay=False), help="Where the merged record goes.")
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False), help="Also write JUnit XML.")
@click.option("--markdown", metavar="FILE", type=click.Path(dir_okay=False), help="Also write Markdown.")
@click.option("--strict", is_flag=True, help="Count a failed SHOULD as a failure.")
@click.option("-v", "--verbose", is_flag=True, help="Every requirement with its verdict on every place.")
def merge(
    records: tuple[str, ...],
    directory: str | None,
    junit: str | None,
    markdown: str | None,
    strict: bool,
    verbose: bool,
) -> None:
    """Merge the records of shards, services or Python versions, each a file or the directory that holds it.

    The worst verdict of a requirement on a place counts. Records of different suite versions or targets do not merge.
    The exit code is that of a run, and 3 if a shard is missing or a record was cut off.
    """
    with usage_errors():
        from conformance.merging import merge_files
        from conformance.run import Output, render

        merged = merge_files([Path(path) for path in records], Path(directory) if directory else None, strict=strict)
        output = Output(junit=Path(junit) if junit else None, markdown=Path(markdown) if markdown else None)
        sys.exit(
            render(Path(merged.path or ""), "terminal", strict=merged.start["strict"], verbose=verbose, output=output)
        )


main.add_command(services)


def _settings(options: dict[str, Any], **more: Any) -> RunSettings:
    from conformance import selecting
    from conformance.settings import RunSettings

    settings = RunSettings(
        target=options["target"],
        command=options["command"],
        claims=options["claims"],
        door=options["door"],
        service_urls=selecting.service_urls(options["service_url"]),
        runtime=options["runtime"],
        images=selecting.images(options["image"]),
        reuse=options["reuse"],
        profile=options["profile"],
        seed=secrets.randbits(32) if options["seed"] is None else options["seed"],
        validate=options["validate"],
        hermetic=options["hermetic"],
        strict=options.get("strict", False),
        stop_at_failure=options.get("stop_at_failure", False),
        **more,
    )
    selecting.are_used("--service-url", settings.service_urls, settings.services())
    selecting.are_used("--image", settings.images, settings.services())
    return settings


def _enter(settings: RunSettings) -> None:
    """Go on in a network namespace if that is asked for; ends this process where it is not to be had."""
    if not settings.hermetic:
        return
    from conformance import hermetic

    try:
        hermetic.refuse(
            runtime=settings.runtime, service_urls=settings.service_urls, images=settings.images, reuse=settings.reuse
        )
        hermetic.begin_again(settings.services())
    except hermetic.NotAvailable as error:
        fail(f"--hermetic: {error}", EXIT_UNJUDGED)


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    if text.isdigit():
        return int(text)
    raise click.UsageError(f"-n takes a number or `auto`: {text!r}")
