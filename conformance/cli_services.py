"""
The commands `deeplake-conformance services ...`: what there is, getting it, and services that run between runs.

Exit codes: 0 done; 2 usage; 3 a service is not to be had, or one that was left running has ended.
"""

from __future__ import annotations

import sys

import click

from conformance.usage_errors import usage_errors

RUNTIME = click.option(
    "--runtime",
    type=click.Choice(["auto", "container", "native"]),
    default="auto",
    show_default=True,
    help="How services are started: a container if an engine has the image, else a process.",
)
IMAGE = click.option(
    "--image",
    metavar="NAME=REF",
    multiple=True,
    help="Start a service from this image; `NAME=official` for the vendor's.",
)
_NAMES = click.argument("names", nargs=-1)


@click.group("services", invoke_without_command=True, short_help="List, install, build, start and stop the services.")
@click.pass_context
def services(context: click.Context) -> None:
    """List the services with what is installed, get them ahead of a run, or run them by hand."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@services.command("list", short_help="List the services with what is installed.")
def list_() -> None:
    """List the services with what is installed."""
    with usage_errors():
        from conformance.catalogue import list_services

        click.echo(list_services())


@services.command(short_help="Install services as native programs.")
@_NAMES
def install(names: tuple[str, ...]) -> None:
    """Install services ahead of a run (all, or the named ones), with pip, npm and go."""
    with usage_errors():
        from conformance.catalogue import install_services

        sys.exit(install_services(names))


@services.command(short_help="Build their images, in a checkout.")
@click.option("--base", metavar="REF", default="", help="Image that ours stand on.")
@click.option(
    "--build-base", metavar="REF", default="", help="Image that they are built in, such as one with a private CA."
)
@_NAMES
def build(names: tuple[str, ...], base: str, build_base: str) -> None:
    """Build the images of services (the default ones, the named ones, or `all`) from docker/ of a checkout."""
    with usage_errors():
        from conformance.running_services import build_images

        sys.exit(build_images(names, base=base, build_base=build_base))


@services.command(short_help="Start services and leave them running.")
@RUNTIME
@IMAGE
@_NAMES
def start(names: tuple[str, ...], runtime: str, image: tuple[str, ...]) -> None:
    """Start services (the default ones, the named ones, or `all`) and leave them running for `run --reuse`."""
    with usage_errors():
        from conformance.running_services import start_and_leave

        sys.exit(start_and_leave(names, runtime=runtime, images=image))


@services.command(short_help="Stop services that were left running.")
@_NAMES
def stop(names: tuple[str, ...]) -> None:
    """Stop the services that were left running, all or the named ones."""
    with usage_errors():
        from conformance.running_services import stop_left

        sys.exit(stop_left(names))


@services.command(short_help="Show services that were left running.")
@click.option(
    "--export", is_flag=True, help="Print their root credentials as shell variables, for `run --service-url`."
)
@_NAMES
def status(names: tuple[str, ...], export: bool) -> None:
    """Show the services that were left running: where they listen, and whether they still answer."""
    with usage_errors():
        from conformance.running_services import show_left

        sys.exit(show_left(names, export=export))


@services.command(short_help="Print what a service that was left running wrote.")
@click.option("--lines", type=click.IntRange(1), default=100, show_default=True, help="From the end.")
@click.argument("name")
def logs(name: str, lines: int) -> None:
    """Print the last lines that a service which was left running wrote."""
    with usage_errors():
        from conformance.running_services import print_log

        sys.exit(print_log(name, lines=lines))
