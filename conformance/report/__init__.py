"""Views of a record: terminal, Markdown, JUnit, and the progress while it is made."""

from conformance.report.junit import render_junit
from conformance.report.markdown import render_markdown
from conformance.report.progress import LiveProgress
from conformance.report.terminal import render_terminal

__all__ = ["LiveProgress", "render_junit", "render_markdown", "render_terminal"]
