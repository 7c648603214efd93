"""How a login of `aws sso login` is found and renewed."""

from __future__ import annotations

import hashlib
import json

from tests.reference.aws_forms import chain_of, key_of
from tests.reference.aws_world import START_URL, World


def test_a_login_without_session_is_found(aws_world: World) -> None:
    """By its start page, as profiles said it first."""
    aws_world.plant("aws_sso")
    cache = aws_world.home / ".aws/sso/cache"
    (path,) = cache.iterdir()
    path.rename(cache / f"{hashlib.sha1(START_URL.encode(), usedforsecurity=False).hexdigest()}.json")
    (aws_world.home / "config").write_text(
        f"[default]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = test\n"
    )

    assert key_of(chain_of()) == aws_world.key("aws_sso")


def test_a_login_is_renewed_and_kept(aws_world: World) -> None:
    """Where it lies, readable by its owner only."""
    aws_world.plant("aws_sso")
    end = "2099-01-01T00:00:00Z"
    aws_world.log_in(-5, refreshToken="old", clientId="id", clientSecret="hunter2", registrationExpiresAt=end)

    assert key_of(chain_of()) == aws_world.key("aws_sso")
    (path,) = (aws_world.home / ".aws/sso/cache").iterdir()
    kept = json.loads(path.read_text())
    assert (kept["accessToken"], kept["expiresAt"][-1]) == (aws_world.secret("sso", "renewed"), "Z")
    assert path.stat().st_mode & 0o077 == 0
    assert aws_world.asked() == {"oidc", "sso"}
