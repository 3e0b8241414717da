"""What a delegate's plugin complains of stops the server, in its own words and without the values of its file."""

from pathlib import Path

import pytest

from ..credentials import Certificate
from ..policy import delegate_files, person, policy_text, service
from ..server import Configuration, ServerFailedError
from .conftest import ServerWithDelegates


def problem_of_start(directory: Path, certificate: Certificate, delegate: dict[str, str]) -> tuple[str, str]:
    """The line that says what is wrong with the delegate, and the whole log."""
    files = delegate_files(delegate, policy_text([service("svc"), person("alice")]))
    server = ServerWithDelegates(directory, certificate, Configuration(files, ["svc"]))
    with pytest.raises(ServerFailedError) as failure, server.running():
        pass
    assert failure.value.exit_code not in (None, 0)
    log = failure.value.log
    return next(line for line in log.splitlines() if line.startswith("  - immuta.delegate.config-file: ")), log


def test_what_opa_complains_of_is_passed_on(tmp_path: Path, certificate: Certificate) -> None:
    secret = "swordfish and chips"
    delegate = {"access-control.name": "opa", "opa.policy.uri": secret, "opa.polcy.uri": "http://127.0.0.1/"}
    problem, log = problem_of_start(tmp_path, certificate, delegate)
    assert f"the access control 'opa' of the plugin {tmp_path}/plugin/opa cannot be created: " in problem
    assert "Invalid value '<value of opa.policy.uri>' for type URI (property 'opa.policy.uri')" in problem
    assert "'opa.polcy.uri' was not used" in problem
    assert secret not in log


def test_what_ranger_complains_of_is_passed_on(tmp_path: Path, certificate: Certificate) -> None:
    problem, _ = problem_of_start(tmp_path, certificate, {"access-control.name": "ranger"})
    assert f"the access control 'ranger' of the plugin {tmp_path}/plugin/ranger cannot be created: " in problem
    assert "ranger.service.name" in problem


def test_a_name_that_no_plugin_offers_lists_those_that_are_offered(tmp_path: Path, certificate: Certificate) -> None:
    problem, _ = problem_of_start(tmp_path, certificate, {"access-control.name": "rangr"})
    assert "access-control.name=rangr cannot be used: known are allow-all, default, file, read-only" in problem
    assert problem.endswith(f", and in {tmp_path}/plugin opa, ranger")
