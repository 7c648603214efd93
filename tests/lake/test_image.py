"""
What a build of our image of the control plane gets.
"""

from __future__ import annotations

import tomllib

from conformance.services import images, load


def test_the_source_goes_beside_the_dockerfile() -> None:
    """In a copy, so that nothing is left in the checkout; it has what the package is made of, and the extra."""
    description = load("activeloop")
    folder = images.folder(description)
    assert folder is not None
    before = sorted(path.name for path in folder.iterdir())

    with images.sent(folder, source=True) as path:
        names = sorted(each.name for each in (path / "source").iterdir())
        project = tomllib.loads((path / "source" / "pyproject.toml").read_text(encoding="utf-8"))
        dockerfile = (path / "Dockerfile").read_text(encoding="utf-8")
        code = (path / "source" / "conformance" / "lake" / "app.py").is_file()

    assert names == sorted(images.SOURCE)
    assert "lake" in project["project"]["optional-dependencies"]
    assert "/context/source[lake]" in dockerfile
    assert code
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not path.exists()


def test_other_images_get_their_folder() -> None:
    """As it is."""
    folder = images.folder(load("moto"))
    assert folder is not None

    with images.sent(folder, source=False) as path:
        assert path == folder
