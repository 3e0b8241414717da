"""Names in every script work; names that no user can have are refused, however they are sent."""

import pytest

from .audit import AuditFile
from .clients import CURRENT_USER, Answer, HttpSession
from .expectations import refused
from .server import TrinoServer


@pytest.mark.parametrize(
    ("literal", "name"),
    [(r"U&'zo\00EB'", "zoë"), (r"U&'\674E\96F7'", "李雷"), (r"U&'\+01F98A'", "🦊")],
)
def test_a_unicode_name_is_the_user_that_it_spells(
    main_server: TrinoServer, audit: AuditFile, literal: str, name: str
) -> None:
    assert HttpSession(main_server, "svc").run(f"SET SESSION AUTHORIZATION {literal}") == Answer()
    assert audit.wait_for("svc", name)["reason"] == "permission"


def test_a_name_in_another_unicode_form_is_another_name(main_server: TrinoServer, audit: AuditFile) -> None:
    decomposed = "zoe\u0308"
    answer = HttpSession(main_server, "svc").run(r"SET SESSION AUTHORIZATION U&'zoe\0308'")
    refused(answer, "svc", decomposed)
    assert audit.wait_for("svc", decomposed)["reason"] == "unknown-target"


def test_a_latin_name_works_as_session_user(main_server: TrinoServer) -> None:
    session = HttpSession(main_server, "svc").as_user("zoë".encode("latin-1"))
    assert session.run(CURRENT_USER) == Answer(value="zoë")


@pytest.mark.parametrize(
    ("literal", "name"),
    [
        (r"U&'alice\000A'", "alice\n"),
        (r"U&'alice\000D\000A'", "alice\r\n"),
        (r"U&'alice\0000'", "alice\0"),
        (r"U&'alice\0000\000Aroot'", "alice\0\nroot"),
        (r"U&'\001B[31malice'", "\x1b[31malice"),
        (r"U&'alice\0085'", "alice\x85"),
    ],
)
def test_control_characters_are_refused(main_server: TrinoServer, audit: AuditFile, literal: str, name: str) -> None:
    session = HttpSession(main_server, "svc")
    refused(session.run(f"SET SESSION AUTHORIZATION {literal}"), "svc", name)
    assert audit.wait_for("svc", name)["reason"] == "invalid-name"
    assert session.run(CURRENT_USER) == Answer(value="svc")


@pytest.mark.parametrize("length", [257, 64 * 1024])
def test_an_overlong_name_is_refused(main_server: TrinoServer, audit: AuditFile, length: int) -> None:
    name = "a" * length
    refused(HttpSession(main_server, "svc").run(f"SET SESSION AUTHORIZATION '{name}'"), "svc", name)
    decision = audit.wait_for_any()
    assert (decision["impersonator"], decision["reason"]) == ("svc", "invalid-name")


def test_an_overlong_session_user_is_refused(main_server: TrinoServer) -> None:
    name = "a" * 4096
    refused(HttpSession(main_server, "svc").as_user(name).run(CURRENT_USER), "svc", name)


@pytest.mark.parametrize("literal", [r"U&'\D800'", r"U&'alice\DFFF'", r"U&'\+00D83E'"])
def test_a_lone_surrogate_gets_a_clear_refusal(main_server: TrinoServer, literal: str) -> None:
    session = HttpSession(main_server, "svc")
    answer = session.run(f"SET SESSION AUTHORIZATION {literal}")
    assert answer.error is not None
    assert "surrogate" in answer.error
    assert session.run(CURRENT_USER) == Answer(value="svc")


def test_the_bytes_of_a_lone_surrogate_are_no_other_name(main_server: TrinoServer) -> None:
    statement = b"SET SESSION AUTHORIZATION 'alice\xed\xa0\x80'"
    answer = HttpSession(main_server, "svc").run(statement)
    assert answer.error is not None
    assert "svc cannot impersonate user alice\ufffd" in answer.error


@pytest.mark.parametrize("value", [b"alice\xed\xa0\x80", b"alice\x85", b"alice\x7f", b"\xff"])
def test_odd_bytes_in_the_user_header_let_nobody_in(main_server: TrinoServer, value: bytes) -> None:
    answer = HttpSession(main_server, "svc").as_user(value).run(CURRENT_USER)
    assert answer.error is not None, f"let in as {answer.value}"


def test_an_empty_name_gets_a_clear_refusal(main_server: TrinoServer) -> None:
    answer = HttpSession(main_server, "svc").run("SET SESSION AUTHORIZATION ''")
    assert answer.error is not None
    assert "empty" in answer.error
