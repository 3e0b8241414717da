"""A configuration that cannot be right stops the server with one message that says what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from . import environment
from .credentials import Certificate
from .policy import POLICY_FILE, control_text, delegate_files, person, policy_text, service
from .server import Configuration, ServerFailedError, TrinoServer, TrinoWithoutThePlugin, properties_text

GOOD_POLICY = policy_text([service("svc"), person("alice")])


def failed_start(
    directory: Path, certificate: Certificate, files: dict[str, str], kind: type[TrinoServer] = TrinoServer
) -> str:
    """The log of a server that must not start."""
    server = kind(directory, certificate, Configuration(files, ["svc"]))
    with pytest.raises(ServerFailedError) as failure, server.running():
        pass
    assert failure.value.exit_code not in (None, 0)
    return failure.value.log


def test_a_server_reports_every_problem_of_the_properties_and_ends(tmp_path: Path, certificate: Certificate) -> None:
    mistakes = {"immuta.user.admin": "admin_(", "immuta.user.admn": "root", "immuta.impersonation.enabled": "maybe"}
    log = failed_start(
        tmp_path, certificate, {"etc/access-control.properties": control_text("etc/missing.json", **mistakes)}
    )
    for words in ("immuta.user.admin", "immuta.user.admn", "immuta.impersonation.enabled", "etc/missing.json"):
        assert words in log


def test_a_server_names_the_line_of_a_broken_policy_and_ends(tmp_path: Path, certificate: Certificate) -> None:
    broken = '{"users": [\n  {"name": "svc"},\n  {"name": alice}\n]}'
    log = failed_start(tmp_path, certificate, {"etc/access-control.properties": control_text(), POLICY_FILE: broken})
    assert "etc/impersonation.json" in log
    assert "line 3" in log


def test_a_server_names_a_delegate_that_does_not_exist_and_ends(tmp_path: Path, certificate: Certificate) -> None:
    files = delegate_files({"access-control.name": "fille"}, GOOD_POLICY)
    log = failed_start(tmp_path, certificate, files)
    assert "fille" in log
    assert "read-only" in log, "the known names are listed"


class TrinoWithTwoCopies(TrinoServer):
    def _install_plugins(self) -> dict[str, str]:
        properties = super()._install_plugins()
        plugins = self.file("plugin")
        shutil.copytree(plugins / "immuta-impersonation", plugins / "immuta-impersonation-old")
        return properties


def test_a_server_with_two_copies_of_the_plugin_names_both_and_ends(tmp_path: Path, certificate: Certificate) -> None:
    files = {"etc/access-control.properties": control_text(), POLICY_FILE: GOOD_POLICY}
    log = failed_start(tmp_path, certificate, files, TrinoWithTwoCopies)
    (jar,) = (tmp_path / "plugin/immuta-impersonation").iterdir()
    copy = tmp_path / "plugin/immuta-impersonation-old" / jar.name
    assert f"The plugin is installed more than once: {copy} and {jar}." in log


def test_a_server_without_the_plugin_but_with_its_configuration_ends_with_the_documented_words(
    tmp_path: Path, certificate: Certificate
) -> None:
    files = {"etc/access-control.properties": control_text(), POLICY_FILE: GOOD_POLICY}
    log = failed_start(tmp_path, certificate, files, TrinoWithoutThePlugin)
    words = "Access control 'immuta' is not registered: "
    assert words in log
    assert words in (environment.ROOT / "docs/upgrade.md").read_text(encoding="utf-8")


def check_config(directory: Path, properties: str, policy: str | None = GOOD_POLICY) -> subprocess.CompletedProcess:
    """What the operator's tool, which is the same engine, says about the files."""
    (directory / "etc").mkdir(exist_ok=True)
    (directory / "etc/access-control.properties").write_text(properties, encoding="utf-8")
    if policy is not None:
        (directory / POLICY_FILE).write_text(policy, encoding="utf-8")
    command = [environment.ENGINE_CLI, "check-config", "etc/access-control.properties"]
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, encoding="utf-8", timeout=60)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"immuta.user.admin": "admin_["}, ["immuta.user.admin", "position"]),
        ({"immuta.user.admin": "(?=a)b"}, ["immuta.user.admin", "position"]),
        ({"immuta.user.admin": r"(a)\\1"}, ["immuta.user.admin", "position"]),
        ({"immuta.user.admin": "a|"}, ["immuta.user.admin"]),
        ({"immuta.user.admin": ""}, ["immuta.user.admin"]),
        ({"immuta.user.admin": ".*"}, ["immuta.user.admin", "allow-match-all-admin"]),
        ({"immuta.group.admin": "ops++"}, ["immuta.group.admin"]),
        ({"immuta.user.admim": "a"}, ["immuta.user.admim", "immuta.user.admin"]),
        ({"immuta.impersonation.protect-admin": "true"}, ["immuta.impersonation.protect-admins"]),
        ({"immuta.impersonation.enabled": "ja"}, ["immuta.impersonation.enabled", "ja"]),
        ({"immuta.impersonation.unknown-targets": "maybe"}, ["immuta.impersonation.unknown-targets"]),
        ({"immuta.impersonation.policy-file.refresh": "1 fortnight"}, ["immuta.impersonation.policy-file.refresh"]),
    ],
)
def test_a_mistake_in_the_properties_is_named(tmp_path: Path, properties: dict[str, str], words: list[str]) -> None:
    result = check_config(tmp_path, control_text(**properties))
    assert result.returncode == 1, result.stdout
    for word in words:
        assert word in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ('{"users": [\n {"name": "svc",}\n]}', ["line 2"]),
        ('{"users": [],\n "scope": []}', ["line 2", "scope"]),
        ('{"users": [\n {"name": "svc", "permission": []}\n]}', ["line 2", "permission"]),
        ('{"users": [\n {"name": "svc"},\n {"name": "svc"}\n]}', ["svc"]),
        ('{"users": [\n {"name": 7}\n]}', ["line 2"]),
        ('{"users": [\n {"name": "svc", "disabled": "no"}\n]}', ["line 2"]),
        ('{"users": [\n {"name": "svc", "expires": "tomorrow"}\n]}', ["line 2", "tomorrow"]),
        ('{"users": [\n {"name": ""}\n]}', ["line 2"]),
        ('{"users": [],\n "scopes": [\n {"original_user": "svc(", "new_user": "a"}]}', ["line 3"]),
        (
            '{"users": [], "scopes": [\n {"original_user": "svc_(.*)", "new_user": "$2"}]}',
            ["line 2", "capturing group"],
        ),
        ("", ["impersonation.json"]),
        (None, ["impersonation.json"]),
    ],
)
def test_a_mistake_in_the_policy_is_named(tmp_path: Path, policy: str | None, words: list[str]) -> None:
    result = check_config(tmp_path, control_text(), policy)
    assert result.returncode == 1, result.stdout
    for word in words:
        assert word in result.stderr + result.stdout


def test_no_source_is_an_error(tmp_path: Path) -> None:
    result = check_config(tmp_path, properties_text({"access-control.name": "immuta"}))
    assert result.returncode == 1
    assert "immuta.impersonation.policy-file" in result.stderr + result.stdout


def test_two_sources_are_an_error(tmp_path: Path) -> None:
    endpoint = {"immuta.endpoint": "https://localhost:1", "immuta.apikey": "secret-key-value"}
    result = check_config(tmp_path, control_text(**endpoint))
    assert result.returncode == 1
    assert "immuta.endpoint" in result.stderr + result.stdout
    assert "secret-key-value" not in result.stderr + result.stdout


def test_an_unreadable_policy_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "etc" / "impersonation.json").mkdir(parents=True)
    result = check_config(tmp_path, control_text(), policy=None)
    assert result.returncode == 1
    assert "etc/impersonation.json" in result.stderr + result.stdout


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    mistakes = {"immuta.user.admin": "(", "immuta.nonsense": "1", "immuta.impersonation.enabled": "ja"}
    result = check_config(tmp_path, control_text(**mistakes))
    for name in mistakes:
        assert name in result.stderr + result.stdout


def test_a_good_configuration_is_accepted(tmp_path: Path) -> None:
    result = check_config(tmp_path, control_text(**{"immuta.user.admin": "immuta_admin|admin_.+"}))
    assert result.returncode == 0, result.stderr
