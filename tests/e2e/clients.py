"""Trino's clients, each giving the same kind of answer: the first value, or the server's refusal."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import requests
import trino.auth
import trino.dbapi
import trino.exceptions

from . import environment
from .credentials import STORE_PASSWORD

if TYPE_CHECKING:
    from .server import TrinoServer

CLIENT_SECONDS = 120
JAVA_CLIENT = [str(environment.JAVA), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
CURRENT_USER = "SELECT current_user"
PROPERTY = "immuta.immuta_user"


@dataclass(frozen=True)
class Answer:
    """What a statement gave: a value, or an error with its text. The client protocol by hand tells more."""

    value: str | None = None
    error: str | None = None
    rows: Sequence[Sequence[Any]] = field(default=(), compare=False)
    columns: Sequence[tuple[str, str]] = field(default=(), compare=False)
    error_name: str | None = field(default=None, compare=False)
    query_id: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.error if self.error is not None else str(self.value)


def client_environment(server: TrinoServer) -> dict[str, str]:
    """The environment of a user who trusts the server's certificate and has a password."""
    variables = dict(os.environ)
    variables["JAVA_HOME"] = str(environment.JAVA_HOME)
    variables["TRINO_PASSWORD"] = server.password
    trust = {"trustStore": server.certificate.trust_store, "trustStorePassword": STORE_PASSWORD}
    variables["JAVA_TOOL_OPTIONS"] = " ".join(f"-Djavax.net.ssl.{key}={value}" for key, value in trust.items())
    for name in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"]:
        variables[name] = str(server.certificate.pem)
    # A proxy has no business between a client and a server on loopback.
    variables["NO_PROXY"] = variables["no_proxy"] = "localhost,127.0.0.1"
    return variables


class Cli:
    """The command line client."""

    def __init__(self, server: TrinoServer) -> None:
        self._server = server

    def command(self, user: str, session_user: str | None = None) -> list[str]:
        command = ["--server", self._server.url, "--user", user]
        if environment.HAS_PASSWORDS:
            command.append("--password")
        else:
            command += ["--access-token", self._server.token(user)]
        if session_user is not None:
            command += ["--session-user", session_user]
        return command

    def run(self, user: str, session_user: str | None, *statements: str, options: Sequence[str] = ()) -> list[Answer]:
        """Runs statements in one session; the CLI stops at the first refusal unless an option says otherwise."""
        sql = ";".join(statements)
        java = [*JAVA_CLIENT, "-jar", str(environment.CLIENTS / "trino-cli.jar")]
        arguments = [*self.command(user, session_user), *options, "--output-format", "TSV", "--execute", sql]
        result = subprocess.run(
            [*java, *arguments],
            check=False,
            env=client_environment(self._server),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=CLIENT_SECONDS,
        )
        answers = [Answer(value=line) for line in result.stdout.splitlines()]
        if result.returncode != 0:
            answers.append(Answer(error=self._refusal(result.stderr)))
        return answers

    @staticmethod
    def _refusal(stderr: str) -> str:
        failure = re.search(r"^Query \S+ failed: (.*)", stderr, re.MULTILINE | re.DOTALL)
        return failure.group(1).strip() if failure else stderr


class Jdbc:
    """The JDBC driver, in a Java program of a few lines."""

    def __init__(self, server: TrinoServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return f"jdbc:trino://localhost:{self._server.port}?SSL=true"

    def run(
        self, user: str, session_user: str | None, *statements: str, more: Mapping[str, str] | None = None
    ) -> list[Answer]:
        """Runs statements on one connection, which may have more properties."""
        properties = {"user": user, **(more or {})}
        if environment.HAS_PASSWORDS:
            properties["password"] = self._server.password
        else:
            properties["accessToken"] = self._server.token(user)
        if session_user is not None:
            properties["sessionUser"] = session_user
        options = [f"{key}={value}" for key, value in properties.items()]
        source = Path(__file__).parent / "java" / "JdbcStatements.java"
        lines = run_java(self._server, source, [self.url, *options, "--", *statements]).splitlines()
        return [self._answer(line) for line in lines]

    @staticmethod
    def _answer(line: str) -> Answer:
        outcome, text = line.split("\t", 1)
        if outcome == "ok":
            return Answer(value=text)
        return Answer(error=re.sub(r"^Query failed \(#\S+\): ", "", text))


def run_java(server: TrinoServer, source: Path, arguments: Sequence[str] = ()) -> str:
    """Runs a single-file Java program with the JDBC driver and returns what it printed."""
    driver = environment.CLIENTS / "trino-jdbc.jar"
    result = subprocess.run(
        [*JAVA_CLIENT, "-cp", str(driver), str(source), *arguments],
        check=False,
        env=client_environment(server),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
    )
    assert result.returncode == 0, f"{source.name} failed:\n{result.stdout}{result.stderr}"
    return result.stdout


class PythonClient:
    """The ``trino`` package: its ``user`` becomes the session user, its ``auth`` is who logs in."""

    def __init__(self, server: TrinoServer) -> None:
        self._server = server

    def run(self, user: str, session_user: str, sql: str) -> Answer:
        if environment.HAS_PASSWORDS:
            authentication = trino.auth.BasicAuthentication(user, self._server.password)
        else:
            authentication = trino.auth.JWTAuthentication(self._server.token(user))
        with requests.Session() as http_session:
            # Settings of this machine for other hosts must not replace the certificate.
            http_session.trust_env = False
            http_session.verify = str(self._server.certificate.pem)
            return self._run(http_session, authentication, session_user, sql)

    def _run(self, http_session: requests.Session, authentication, session_user: str, sql: str) -> Answer:
        connection = trino.dbapi.connect(
            host="localhost",
            port=self._server.port,
            user=session_user,
            auth=authentication,
            http_scheme="https",
            http_session=http_session,
        )
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return Answer(value=str(cursor.fetchone()[0]))
        except (trino.exceptions.TrinoQueryError, trino.exceptions.HttpError) as error:
            return Answer(error=str(error))
        finally:
            connection.close()


Headers = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class HttpResponse:
    """One response, its header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpSession:
    """The client protocol by hand: headers byte for byte as a test wants them, the session as the server sets it."""

    def __init__(self, server: TrinoServer, user: str, *headers: tuple[str, str | bytes]) -> None:
        self.server = server
        self.user = user
        self.headers = list(headers)
        self.properties: dict[str, str] = {}
        self._prepared: dict[str, str] = {}
        self._transaction = "NONE"
        self._tls = ssl.create_default_context(cafile=str(server.certificate.pem))

    def as_user(self, target: str | bytes) -> HttpSession:
        """The same login acting as the target."""
        return HttpSession(self.server, self.user, *self.headers, ("X-Trino-User", target))

    def with_property(self, name: str, value: str) -> HttpSession:
        """The same session with a session property."""
        session = HttpSession(self.server, self.user, *self.headers)
        session.properties = {**self.properties, name: value}
        return session

    def request(self, method: str, path: str, body: bytes = b"", extra: Headers = ()) -> HttpResponse:
        with contextlib.closing(self._connection()) as connection:
            return self._exchange(connection, method, path, body, extra)

    def repeated(self, method: str, path: str, times: int) -> Iterator[HttpResponse]:
        """The same request over and over, on one connection."""
        with contextlib.closing(self._connection()) as connection:
            for _ in range(times):
                yield self._exchange(connection, method, path)

    def run(self, sql: str | bytes) -> Answer:
        """Runs one statement and follows its pages; session changes that the server asks for are kept."""
        with contextlib.closing(self._connection()) as connection:
            return self._run(connection, sql)

    def _run(self, connection: http.client.HTTPSConnection, sql: str | bytes) -> Answer:
        body = sql.encode() if isinstance(sql, str) else sql
        state = [
            ("X-Trino-Client-Capabilities", "SESSION_AUTHORIZATION"),
            ("X-Trino-Transaction-Id", self._transaction),
            *(("X-Trino-Session", f"{name}={quote(value)}") for name, value in self.properties.items()),
            *(("X-Trino-Prepared-Statement", f"{name}={text}") for name, text in self._prepared.items()),
        ]
        response = self._exchange(connection, "POST", "/v1/statement", body, state)
        rows: list[list[Any]] = []
        columns: list[tuple[str, str]] = []
        while True:
            if response.status != 200:
                return Answer(error=f"HTTP {response.status}: {response.body.decode(errors='replace')}")
            self._keep_session(response)
            page = json.loads(response.body)
            if "error" in page:
                error = page["error"]
                return Answer(error=error["message"], error_name=error["errorName"], query_id=page["id"])
            rows += page.get("data") or []
            columns = [(column["name"], column["type"]) for column in page.get("columns") or ()] or columns
            if "nextUri" not in page:
                value = str(rows[0][0]) if rows else None
                return Answer(value=value, rows=rows, columns=columns, query_id=page["id"])
            response = self._exchange(connection, "GET", urlsplit(page["nextUri"]).path)

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.server.port, timeout=CLIENT_SECONDS, context=self._tls)

    def _exchange(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: bytes = b"", extra: Headers = ()
    ) -> HttpResponse:
        connection.putrequest(method, path)
        for name, value in [("Authorization", self._authorization()), *self.headers, *extra]:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return HttpResponse(response.status, headers, response.read())

    def _authorization(self) -> str:
        if environment.HAS_PASSWORDS:
            login = f"{self.user}:{self.server.password}".encode()
            return "Basic " + base64.b64encode(login).decode()
        return "Bearer " + self.server.token(self.user)

    def _keep_session(self, response: HttpResponse) -> None:
        headers = response.headers
        if "x-trino-set-session" in headers:
            name, value = headers["x-trino-set-session"].split("=", 1)
            self.properties[name] = unquote(value)
        if "x-trino-clear-session" in headers:
            self.properties.pop(headers["x-trino-clear-session"], None)
        if "x-trino-added-prepare" in headers:
            name, text = headers["x-trino-added-prepare"].split("=", 1)
            self._prepared[name] = text
        if "x-trino-started-transaction-id" in headers:
            self._transaction = headers["x-trino-started-transaction-id"]
        if "x-trino-clear-transaction-id" in headers:
            self._transaction = "NONE"
        acting_as = dict(self.headers)
        target = response.headers.get("x-trino-set-authorization-user")
        if target is not None:
            original = acting_as.get("X-Trino-Original-User", acting_as.get("X-Trino-User", self.user))
            self.headers = [("X-Trino-Original-User", original), ("X-Trino-User", target)]
        if "x-trino-reset-authorization-user" in response.headers:
            self.headers = [("X-Trino-User", acting_as.get("X-Trino-Original-User", self.user))]
