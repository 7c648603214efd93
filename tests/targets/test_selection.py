"""
What a user may name as a target, and what is said about anything else.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.settings import UsageError
from conformance.targets import HarnessError, locating
from conformance.targets.selection import TargetSpec, resolve
from tests.targets.conftest import MINIATURE

ADAPTER = str(Path(__file__).with_name("adapter.py"))

TARGET_FILE = """
class storage:
    class Reader:
        def __init__(self, url): self.url = url
        def get(self, path): return (self.url + path).encode()
__version__ = "9"
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)
    locating.locate.cache_clear()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    locating.locate.cache_clear()


@pytest.mark.parametrize(
    ("word", "name", "version"),
    [
        (MINIATURE, MINIATURE, "1.2.3"),
        (f"{MINIATURE}:factory", f"{MINIATURE}:factory", "1.2.3"),
        (f"{MINIATURE}:ReaderOnly", f"{MINIATURE}:ReaderOnly", "1.2.3"),
        ("deeplake_ref", "deeplake_ref", None),
    ],
)
def test_a_word_names_a_target(word: str, name: str, version: str | None) -> None:
    """A module, a factory in it, an object in it, a registered name."""
    spec = resolve(word, (), None, None)
    target = spec.start()

    assert (name, "in-process") == (target.name, target.door)
    assert version in (None, target.version)


def test_without_a_word_it_is_the_only_registered_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """None and several are told apart."""
    assert resolve(None, (), None, None).label == "deeplake_ref"

    monkeypatch.setattr(locating, "registered", dict)
    with pytest.raises(UsageError, match="no target is named and none is registered"):
        resolve(None, (), None, None)
    monkeypatch.setattr(locating, "registered", lambda: {"b": "b", "a": "a"})
    with pytest.raises(UsageError, match="several targets are registered, name one with --target: a, b"):
        resolve(None, (), None, None)


@pytest.mark.parametrize("door", ["in-process", "stdio"])
@pytest.mark.parametrize("word", ["single.py", "./single.py", "single", "single.py:storage_again"])
def test_a_file_is_found_where_one_stands(directory: Path, word: str, door: str) -> None:
    """By its name with .py, or as a module of the current directory; with the claims beside it."""
    (directory / "single.py").write_text(TARGET_FILE + "import sys\nstorage_again = sys.modules[__name__]\n")
    (directory / "single.toml").write_text('name = "from the claims"\n')
    target = resolve(word, (), None, door).start()

    assert ("from the claims", "9", door) == (target.name, target.version, target.door)
    assert target.open_reader("mem://x").get("k") == b"mem://xk"
    target.close()


def test_a_file_with_the_name_of_a_module_hides_nothing(directory: Path) -> None:
    """`json.py` is loaded, and `import json` still means the library's."""
    (directory / "json.py").write_text(TARGET_FILE)

    assert resolve("json.py", (), None, None).start().open_reader("x").get("k") == b"xk"
    import json

    assert hasattr(json, "loads")


def test_the_claims_of_a_package_lie_inside(directory: Path) -> None:
    """As `conformance.toml`; a file that is named outranks it."""
    (directory / "pack").mkdir()
    (directory / "pack" / "__init__.py").write_text(TARGET_FILE)
    (directory / "pack" / "conformance.toml").write_text('name = "inside"')
    (directory / "other.toml").write_text('name = "outside"')

    assert resolve("pack", (), None, None).claims.name == "inside"
    assert resolve("pack", (), Path("other.toml"), None).claims.name == "outside"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "deeplake_reff",
            (
                "unknown target 'deeplake_reff': did you mean deeplake_ref? no module is named deeplake_reff\n"
                "registered: deeplake_ref\n"
                f"a module is found if it is installed for {sys.executable} (pip install deeplake_reff), lies in the "
                "current directory, or on PYTHONPATH; a file is named with its .py; a command goes after `--`"
            ),
        ),
        ("no_such.module", "unknown target 'no_such.module': no module is named no_such.module\n"),
        (
            "json",
            "target 'json' has no `storage.Reader`: a target is shaped like the `deeplake` module; name the object",
        ),
        ("json:loads.x", "target 'json:loads.x': json has no attribute 'x'"),
        (
            f"{MINIATURE}:Readr",
            f"target '{MINIATURE}:Readr': {MINIATURE} has no attribute 'Readr'; did you mean Reader?",
        ),
        (f"{MINIATURE}:__version__", f"target '{MINIATURE}:__version__' has no `storage.Reader`: a target is shaped"),
        ("not a module", "target 'not a module' is not a module name, MODULE:ATTRIBUTE, or a .py file"),
        ("none.py", "no such file: none.py"),
        ("brokn.py", "no such file: brokn.py; did you mean broken.py?"),
        ("broken", "target 'broken' cannot be imported: ZeroDivisionError: division by zero (broken.py:2)"),
        ("broken.py", "target 'broken.py' cannot be imported: ZeroDivisionError: division by zero (broken.py:2)"),
        (
            "needy",
            (
                "target 'needy' cannot be imported: ModuleNotFoundError: No module named 'no_such_sdk' (needy.py:1)\n"
                "pip install no-such-sdk"
            ),
        ),
    ],
)
def test_a_word_that_names_none_is_told_what_would(directory: Path, word: str, message: str) -> None:
    """The nearest known one, how to install it, or why it cannot be imported."""
    (directory / "broken.py").write_text("import json\n1 / 0\n")
    (directory / "needy.py").write_text("import no_such_sdk.part\n")

    with pytest.raises(UsageError) as caught:
        resolve(word, (), None, None)

    assert str(caught.value).startswith(message)


def test_a_factory_that_returns_no_target_is_found_at_its_start() -> None:
    """It is called when a target is needed, not before."""
    spec = resolve(f"{MINIATURE}:shapeless", (), None, None)

    with pytest.raises(HarnessError, match=r"shapeless\(\) returned int, which has no `storage.Reader`"):
        spec.start()
    with pytest.raises(UsageError, match="returned int"):
        spec.probe()


def test_a_command_is_a_target() -> None:
    """Its label is the command line; claims come only from a file that is named."""
    spec = resolve(None, [sys.executable, ADAPTER, "none"], None, None)

    assert ("stdio", f"{sys.executable} {ADAPTER} none") == (spec.door, spec.label)
    assert spec.probe() == ("adapter", "none")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nod", "folder.mjs"], "command not found: nod; is it installed and on PATH?"),
        (["./script"], "not an executable file: ./script; name its interpreter first, such as `python ./script`"),
        ([sys.executable, ADAPTER, "dies-at-once"], "the target did not start: .*no module named sdk"),
    ],
)
def test_a_command_that_does_not_start_is_told_why(directory: Path, command: list[str], message: str) -> None:
    """Before anything is run."""
    (directory / "script").write_text("print()")

    with pytest.raises(UsageError, match=re.compile(message, re.DOTALL)):
        resolve(None, command, None, None).probe()


def test_one_target_and_one_door_at_a_time() -> None:
    """What contradicts itself is refused."""
    with pytest.raises(UsageError, match=r"one target at a time: --target deeplake_ref, or the command `a 'b c'`"):
        resolve("deeplake_ref", ["a", "b c"], None, None)
    with pytest.raises(UsageError, match="a command is always reached through stdio"):
        resolve(None, [sys.executable], None, "in-process")
    with pytest.raises(UsageError, match="checked against the schema only with --door stdio"):
        resolve("deeplake_ref", (), None, "in-process", validate=True)


def test_validation_goes_through_stdio() -> None:
    """A Python target is served by a worker then, and its messages are right."""
    spec = resolve(MINIATURE, (), None, None, validate=True)
    target = spec.start()
    writer = target.open_writer("mem://x")
    writer.set("k", b"v", if_absent=True)

    assert target.door == "stdio"
    assert [writer.get_reader().get("k", *bounds) for bounds in ((), (0, 0))] == [b"v", b""]
    assert [meta.path for page in writer.get_reader().list_iter() for meta in page] == ["k"]
    target.close()


def test_a_spec_is_plain_data(spec: TargetSpec) -> None:
    """Every process of a run builds the same target from it."""
    copy = pickle.loads(pickle.dumps(spec))

    assert spec == copy
    assert copy.probe() == (MINIATURE, "1.2.3")
