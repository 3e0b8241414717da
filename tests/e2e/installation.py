"""A complete Trino release, as an operator has it: our zip in its plugin directory, started by its launcher."""

import shutil

from . import environment
from .server import JVM_FLAGS, LOOPBACK, TrinoServer, properties_text, unzip_plugin


class InstalledTrino(TrinoServer):
    """Has every plugin of the release and the release's own directory layout."""

    def _install_plugins(self) -> dict[str, str]:
        if self.file("bin").exists():
            return {}
        home = environment.TRINO_HOME
        # The launcher finds its installation by its own real path, so it must not be a link; the rest may.
        shutil.copytree(home / "bin", self.file("bin"), ignore=shutil.ignore_patterns("darwin-*"))
        self.file("lib").symlink_to(home / "lib")
        self.file("plugin").mkdir()
        for plugin in (home / "plugin").iterdir():
            (self.file("plugin") / plugin.name).symlink_to(plugin)
        unzip_plugin(self.file("plugin"))
        self.file("etc").mkdir()
        node = {"node.environment": "test", "node.id": "one", **LOOPBACK}
        self.file("etc/node.properties").write_text(properties_text(node), encoding="utf-8")
        self.file("etc/jvm.config").write_text("\n".join(JVM_FLAGS) + "\n", encoding="utf-8")
        return {}

    def _command(self) -> list[str]:
        return [str(self.file("bin/launcher")), "run"]
