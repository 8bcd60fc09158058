"""What the tests of the plugin share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.session import installed


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, as far as pytest can tell."""
    return installed(tmp_path_factory.mktemp("site"))
