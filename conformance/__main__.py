"""`python -m conformance` is the command `deeplake-conformance`."""

from conformance.cli import main

main(prog_name="deeplake-conformance")
