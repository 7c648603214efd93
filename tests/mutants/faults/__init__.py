"""Mutants, by the level at which they change the reference; every module here is loaded."""
