"""Named wrong settings: each is told exactly this, with the name by which the person wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import SettingsWrong
from reconciler.settings import load
from tests.hostile.wrong_settings import WrongSettings, all_wrong_settings


def told_of(wrong: WrongSettings, directory: Path) -> list[str]:
    """What `load` says; the files' places are left out."""
    environ = dict(wrong.environ)
    (directory / "settings.toml").write_bytes(wrong.toml)
    if wrong.policy:
        (directory / "policy.toml").write_bytes(wrong.policy)
        environ["RECONCILER_POLICY"] = str(directory / "policy.toml")
    with pytest.raises(SettingsWrong) as raised:
        load(environ, directory / "settings.toml" if wrong.toml else None, {})
    return str(raised.value).replace(f"{directory}/", "").splitlines()


@pytest.mark.parametrize("wrong", all_wrong_settings(), ids=lambda wrong: wrong.name)
def test_a_wrong_setting_is_told_by_its_name(wrong: WrongSettings, tmp_path: Path) -> None:
    assert told_of(wrong, tmp_path) == list(wrong.told)
