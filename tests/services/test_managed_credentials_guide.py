"""
The guide to managed credentials runs as it is written, and prints what it shows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "managed-credentials.md"

BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)

MARK = "---- block"

RUNS_S = 180.0

FOREIGN = ("AWS_", "AZURE_", "GOOGLE_", "ACTIVELOOP_", "STORAGE_EMULATOR_HOST", "S3", "OWNER_")
"""Variables that a shell of a reader may have too, and a test must not."""

VARYING = (
    (re.compile(r"127\.0\.0\.1:\d+ *"), "127.0.0.1:PORT "),
    (re.compile(r"process \d+ *"), "process PID "),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "WHEN"),
)
"""What differs from run to run."""


def blocks() -> list[tuple[str, str]]:
    """Return language and text of what the guide shows, but the installation, which is done."""
    return [(found[1], found[2]) for found in BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))]


def script() -> str:
    """Return all of it as one shell, with a mark before what each block prints."""
    lines = ["set -eu"]
    for number, (language, text) in enumerate(blocks()):
        if language == "sh":
            lines += [f"echo '{MARK} {number}'", text]
        elif language == "python":
            lines += [f"echo '{MARK} {number}'", f"python - <<'PYTHON'\n{text}PYTHON"]
    return "\n".join(lines)


def shown() -> dict[int, str]:
    """Return what each block prints according to the guide; nothing where it shows nothing."""
    found = dict[int, str]()
    last = 0
    for number, (language, text) in enumerate(blocks()):
        if language == "text":
            found[last] = text
        else:
            last = number
            found[number] = ""
    return found


def printed(output: str) -> dict[int, str]:
    """Return what each block printed."""
    _, *parts = re.split(rf"^{MARK} (\d+)\n", output, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[::2], parts[1::2], strict=True)}


def settled(texts: dict[int, str]) -> dict[int, str]:
    """Return texts without what differs from run to run."""
    for pattern, word in VARYING:
        texts = {number: pattern.sub(word, text) for number, text in texts.items()}
    return texts


def test_the_guide_prints_what_it_shows(own_cache: Path, tmp_path: Path) -> None:
    """In a shell of its own, on services of its own."""
    there = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    there |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{there['PATH']}", "HOME": str(tmp_path)}
    place = tmp_path / "place"
    place.mkdir()
    try:
        done = subprocess.run(
            ["sh", "-c", script()], cwd=place, env=there, capture_output=True, text=True, timeout=RUNS_S
        )
    finally:
        stop = [sys.executable, "-m", "conformance", "services", "stop", "activeloop", "moto"]
        subprocess.run(stop, env=there, capture_output=True, timeout=RUNS_S)

    assert done.returncode == 0, done.stdout + done.stderr
    assert settled(printed(done.stdout)) == settled(shown())
    assert list(place.iterdir()) == []
    assert own_cache.is_dir()
