"""The oracle: what a correct place does; knows no implementation."""
