"""Servers that have the plugins of other access controls beside ours, as those of a full release have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .. import environment
from ..conftest import ServerMaker, server_maker
from ..credentials import Certificate
from ..server import TrinoServer

PLUGINS = Path(environment.from_dev("E2E_DELEGATES")) / "plugin"


class ServerWithDelegates(TrinoServer):
    """Has the plugins opa and ranger."""

    def _install_plugins(self) -> dict[str, str]:
        properties = super()._install_plugins()
        for plugin in PLUGINS.iterdir():
            link = self.file("plugin") / plugin.name
            if not link.exists():
                link.symlink_to(plugin)
        return properties


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[ServerMaker]:
    """Starts servers that end with the module."""
    with server_maker(tmp_path_factory, certificate, ServerWithDelegates) as start:
        yield start
