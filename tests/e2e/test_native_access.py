"""What newer JVMs say of native libraries, and what we say where they refuse them."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from . import environment
from .clients import CLIENT_SECONDS, JAVA_CLIENT
from .policy import person, policy_text, service
from .server import LAST_ON_JDK_17, TrinoServer, version_flags

pytestmark = pytest.mark.skipif(environment.TRINO_VERSION <= LAST_ON_JDK_17, reason="JDK 17 lets everybody load it")
ENABLED = "--enable-native-access=ALL-UNNAMED"
DENIED = "--illegal-native-access=deny"
WARNING = "A restricted method in java.lang.System has been called"


def load_plugin(directory: Path, *flags: str) -> subprocess.CompletedProcess:
    """Without a server: Trino loads libraries of its own, so the JVM warns of them, or refuses them, before ours."""
    with zipfile.ZipFile(environment.PLUGIN_ZIP) as archive:
        archive.extractall(directory)
    (jar,) = (directory / "immuta-impersonation").glob("*.jar")
    policy = directory / "impersonation.json"
    policy.write_text(policy_text([service("svc"), person("alice")]), encoding="utf-8")
    program = environment.ROOT / "tests/e2e/java/PluginAlone.java"
    return subprocess.run(
        [*JAVA_CLIENT, *flags, "-cp", f"{environment.TRINO_HOME}/lib/*", program, jar, policy],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
    )


def test_a_server_with_the_readmes_flag_warns_of_no_restricted_method(main_server: TrinoServer) -> None:
    assert ENABLED in (environment.ROOT / "README.md").read_text(encoding="utf-8")
    assert ENABLED in version_flags()
    assert WARNING not in main_server.log


def test_the_jvm_warns_of_the_plugin_without_the_flag_and_only_then(tmp_path: Path) -> None:
    plain = load_plugin(tmp_path)
    assert plain.returncode == 0, plain.stdout
    assert WARNING in plain.stdout
    assert "dev.impersonation.engine.NativeLibrary" in plain.stdout
    enabled = load_plugin(tmp_path, ENABLED)
    assert enabled.returncode == 0, enabled.stdout
    assert "WARNING" not in enabled.stdout


def test_the_flag_to_set_is_named_where_the_jvm_denies_native_access(tmp_path: Path) -> None:
    denied = load_plugin(tmp_path, DENIED)
    assert denied.returncode != 0
    assert "The access control 'immuta' cannot start" in denied.stdout
    assert "this JVM denies native access (" in denied.stdout
    assert f"; start it with {ENABLED}" in denied.stdout
    allowed = load_plugin(tmp_path, DENIED, ENABLED)
    assert allowed.returncode == 0, allowed.stdout
