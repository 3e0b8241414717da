"""The demo's server in the foreground, with commands to try."""

import contextlib
import os
import shlex
import signal
import socket
import sys
import tempfile
from pathlib import Path

from . import environment
from .clients import CURRENT_USER
from .credentials import STORE_PASSWORD
from .example import LOGINS, example_server
from .policy import AUDIT_FILE, POLICY_FILE
from .server import ServerFailedError, TrinoServer

USUAL_PORT = 8443


def usual_port_or_any() -> int | None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return None
    return USUAL_PORT


def show_commands(server: TrinoServer, directory: Path) -> None:
    trust_store = server.certificate.trust_store
    quoted = {
        name: shlex.quote(str(path))
        for name, path in {
            "java": environment.JAVA,
            "cli": environment.CLIENTS / "trino-cli.jar",
            "trust": trust_store,
        }.items()
    }
    if environment.HAS_PASSWORDS:
        secret = directory / "password"
        login = f'export TRINO_PASSWORD="$(cat {shlex.quote(str(secret))})"   # the same for {", ".join(LOGINS)}'
        cli_login, jdbc_login = "--user svc_bi --password", f"user=svc_bi, password: in {secret}"
        secret.write_text(server.password, encoding="utf-8")
    else:
        secret = directory / "token"
        login = f'export TOKEN="$(cat {shlex.quote(str(secret))})"   # of svc_bi'
        cli_login, jdbc_login = '--user svc_bi --access-token "$TOKEN"', f"accessToken: in {secret}"
        secret.write_text(server.token("svc_bi"), encoding="utf-8")
    os.chmod(secret, 0o600)
    print(f"""
Trino {environment.TRINO_VERSION} runs at {server.url}. In another terminal:

  {login}
  {quoted["java"]} -jar {quoted["cli"]} --server {server.url} --truststore-path {quoted["trust"]} \\
      --truststore-password {STORE_PASSWORD} {cli_login} --session-user alice --execute "{CURRENT_USER}"

JDBC: jdbc:trino://localhost:{server.port}?SSL=true&SSLTrustStorePath={trust_store}&SSLTrustStorePassword={STORE_PASSWORD}&sessionUser=alice
      {jdbc_login}

Policy, reloaded when it changes:  {server.file(POLICY_FILE)}
Audit lines:                       {server.file(AUDIT_FILE)}

Ctrl-C stops the server.""")


def main() -> int:
    # Whoever stops us politely gets the server stopped and the files removed as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="immuta-impersonation-run-") as name:
        directory = Path(name)
        print(f"starting Trino {environment.TRINO_VERSION} with HTTPS and the plugin (about 15 s)")
        try:
            with (
                contextlib.suppress(KeyboardInterrupt),
                example_server(directory).running(usual_port_or_any()) as server,
            ):
                show_commands(server, directory)
                server.wait()
                print(f"the server ended by itself\n{server.log}", file=sys.stderr)
                return 1
        except ServerFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
    print("\nstopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
