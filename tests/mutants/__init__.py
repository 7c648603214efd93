"""Targets that are wrong on purpose: each must be caught by the requirement that it breaks."""
