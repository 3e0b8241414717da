"""Real Trino servers. A recipe says how one version is started; everything else is the same for all."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from . import environment
from .audit import check_lines
from .clients import HttpSession
from .credentials import STORE_PASSWORD, Certificate, TokenSigner, password_line
from .waiting import wait_until

# Trino colours its log since 478.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
START_SECONDS = 180
STOP_SECONDS = 30
PASSWORD = "correct horse"
# These servers live for a minute: the quick compiler alone saves a third of the time that a start takes.
JVM_FLAGS = [
    "-Xmx1G",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Djdk.attach.allowAttachSelf=true",
]
EVERY_SERVER = frozenset({"tpch", "memory", "password-authenticators"})
# The last that runs on JDK 17; all others run on 25 here.
LAST_ON_JDK_17 = 435
LOOPBACK = {"node.bind-ip": "127.0.0.1", "node.internal-address": "127.0.0.1"}


def properties_text(properties: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def unzip_plugin(directory: Path) -> None:
    """Installs the built plugin as an operator does: the zip unpacked into the plugin directory."""
    with zipfile.ZipFile(environment.PLUGIN_ZIP) as archive:
        archive.extractall(directory)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ServerFailedError(Exception):
    """The server ended instead of starting."""

    def __init__(self, message: str, log: str, exit_code: int | None) -> None:
        super().__init__(f"{message} (exit code {exit_code})\n{log}")
        self.log = log
        self.exit_code = exit_code


@dataclass(frozen=True)
class Configuration:
    """The files that differ from server to server, by their path below the server's directory."""

    files: Mapping[str, str]
    users: Sequence[str]
    config: Mapping[str, str] = field(default_factory=dict)
    # Of the release, beside those that every server has.
    plugins: Sequence[str] = ()
    jvm_flags: Sequence[str] = ()


class Release:
    """From the release tarball, with passwords."""

    def command(self, properties: list[str]) -> list[str]:
        return [*properties, "-cp", f"{environment.TRINO_HOME}/lib/*", "io.trino.server.TrinoServer"]

    def authentication_config(self) -> dict[str, str]:
        return {"http-server.authentication.type": "PASSWORD"}

    def authentication_files(self, users: Iterable[str], _: TokenSigner) -> dict[str, str]:
        return {
            "etc/password-authenticator.properties": properties_text(
                {"password-authenticator.name": "file", "file.password-file": "etc/password.db"}
            ),
            "etc/password.db": "".join(password_line(user, PASSWORD) for user in users),
        }


class Jars:
    """From Maven's jars, with signed tokens."""

    def command(self, properties: list[str]) -> list[str]:
        class_path = f"{environment.TRINO_HOME}/main:{environment.TRINO_HOME}/lib/*"
        return [*properties, "-cp", class_path, "TrinoMain", str(environment.TRINO_VERSION)]

    def authentication_config(self) -> dict[str, str]:
        return {"http-server.authentication.type": "JWT", "http-server.authentication.jwt.key-file": "etc/jwt.key"}

    def authentication_files(self, _: Iterable[str], signer: TokenSigner) -> dict[str, str]:
        return {"etc/jwt.key": signer.key_file_text()}


def version_flags() -> list[str]:
    """What this Trino asks of its JVM."""
    flags = []
    if environment.TRINO_VERSION > LAST_ON_JDK_17:
        flags += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    if environment.TRINO_VERSION >= 479:
        flags.append("--add-modules=jdk.incubator.vector")
    return flags


def warm_start_flags() -> list[str]:
    """Where a cache was made. A server that it does not fit starts without it, and the JVM need not say so."""
    cache = environment.WARM_START
    return [f"-XX:AOTCache={cache}", "-Xlog:aot*=off,cds*=off"] if cache else []


def version_config() -> dict[str, str]:
    """Without it a Trino since 476 writes of a coming change to its log, where tests look for what is unusual."""
    return {"catalog.management": "static"} if environment.TRINO_VERSION >= 476 else {}


class TrinoServer:
    """One node on loopback, with HTTPS and authentication, ended when the context is left."""

    node_id = "one"

    def __init__(self, directory: Path, certificate: Certificate, configuration: Configuration) -> None:
        self.directory = directory
        self.certificate = certificate
        self.recipe = Release() if environment.HAS_PASSWORDS else Jars()
        self.port = 0
        self._signer = TokenSigner()
        self._configuration = configuration
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._log: list[str] = []
        self._log_ended = False
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def password(self) -> str:
        return PASSWORD

    def token(self, user: str) -> str:
        return self._signer.token(user)

    @property
    def log(self) -> str:
        with self._changed:
            return "".join(self._log)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def file(self, name: str) -> Path:
        return self.directory / name

    @contextlib.contextmanager
    def running(self, port: int | None = None) -> Iterator["TrinoServer"]:
        try:
            self.start(port)
            yield self
        finally:
            self.stop()

    def start(self, port: int | None = None) -> None:
        for attempt in range(3):
            self.port = port or free_port()
            self._write_files()
            self._launch()
            try:
                self._wait_until_started()
                self._wait_until_data_is_served()
                return
            except ServerFailedError as failure:
                # Somebody else took the port between our looking and Trino's binding.
                if port or attempt == 2 or "Address already in use" not in failure.log:
                    raise

    def wait_for_log(self, text: str, seconds: float = 30, after: int = 0) -> None:
        """Waits for a line with the text behind the first ``after`` characters of the log."""
        with self._changed:
            found = self._changed.wait_for(lambda: text in "".join(self._log)[after:], seconds)
        assert found, f"the server's log does not say {text!r}:\n{self.log}"

    def wait(self) -> int:
        return self._process.wait()

    def end(self, seconds: float = START_SECONDS) -> None:
        """Asks the server to end, and waits until it has."""
        self._signal(signal.SIGTERM)
        self._process.wait(seconds)

    @contextlib.contextmanager
    def heap_dump(self) -> Iterator[BinaryIO]:
        """Everything that is in the server's heap, garbage included; half a gigabyte."""
        path = self.file("heap.hprof")
        command = [environment.JAVA_HOME / "bin/jcmd", str(self._process.pid), "GC.heap_dump", "-all", path]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS)
            with path.open("rb") as file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    def kill(self) -> None:
        """As a machine that is gone: nobody is told."""
        self._signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            try:
                self.end(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        self._reader.join(STOP_SECONDS)
        self._process.stdout.close()
        self._process = None
        # Whatever the tests were about: each line that any of them caused must be as documented.
        check_lines(self.file("var"))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _write_files(self) -> None:
        config = {
            **self._node_config(),
            "internal-communication.shared-secret": "shared by the nodes on loopback",
            **self._install_plugins(),
            **self.recipe.authentication_config(),
            **version_config(),
            **self._configuration.config,
        }
        files = {
            "etc/config.properties": properties_text(config),
            "etc/catalog/tpch.properties": "connector.name=tpch\n",
            "etc/catalog/memory.properties": "connector.name=memory\n",
            **self.recipe.authentication_files(self._configuration.users, self._signer),
            **self._configuration.files,
        }
        for name, text in files.items():
            path = self.file(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            # Among them are keys, which are refused where others can read them.
            path.chmod(0o600)

    def _node_config(self) -> dict[str, str]:
        http_port = free_port()
        return {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "discovery.uri": f"http://127.0.0.1:{http_port}",
            "http-server.http.port": str(http_port),
            "http-server.https.enabled": "true",
            "http-server.https.port": str(self.port),
            "http-server.https.keystore.path": str(self.certificate.key_store),
            "http-server.https.keystore.key": STORE_PASSWORD,
            "http-server.authentication.allow-insecure-over-http": "false",
        }

    def _install_plugins(self) -> dict[str, str]:
        """The release's plugins that a test needs, as links, and ours unpacked beside them."""
        plugins = self.file("plugin")
        if not plugins.exists():
            plugins.mkdir(parents=True)
            for name in [*EVERY_SERVER.intersection(environment.PLUGINS), *self._configuration.plugins]:
                home = environment.TRINO_HOME if name in environment.PLUGINS else environment.CATALOGS
                (plugins / name).symlink_to(home / "plugin" / name)
            unzip_plugin(plugins)
        return {"plugin.dir": str(plugins)}

    def _command(self) -> list[str]:
        properties = [
            "-Dnode.environment=test",
            f"-Dnode.id={self.node_id}",
            f"-Dnode.data-dir={self.file('data')}",
            "-Dconfig=etc/config.properties",
            *(f"-D{key}={value}" for key, value in LOOPBACK.items()),
        ]
        flags = [*JVM_FLAGS, *version_flags(), *warm_start_flags(), *self._configuration.jvm_flags]
        return [str(environment.JAVA), *flags, *self.recipe.command(properties)]

    def _launch(self) -> None:
        # The kernel ends the server with us, even if we are killed and cannot clean up.
        guard = [setpriv, "--pdeathsig", "KILL"] if (setpriv := shutil.which("setpriv")) else []
        self._log.clear()
        self._log_ended = False
        self._process = subprocess.Popen(
            [*guard, *self._command()],
            cwd=self.directory,
            env={**os.environ, "JAVA_HOME": str(environment.JAVA_HOME)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()

    def _read_log(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            with self._changed:
                self._log.append(COLOUR.sub("", line))
                self._changed.notify_all()
        with self._changed:
            self._log_ended = True
            self._changed.notify_all()

    def _wait_until_started(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._log_ended or self._says_started(), START_SECONDS)
            if self._says_started():
                return
            ended = self._log_ended
        exit_code = self._process.wait(STOP_SECONDS) if ended else None
        log = self.log
        self.stop()
        raise ServerFailedError("Trino did not start", log, exit_code)

    def _wait_until_data_is_served(self) -> None:
        """A started server refuses queries on data until its own node has been announced to it."""
        login = self._configuration.users[0]
        session = HttpSession(self, login)

        def is_served() -> bool:
            return session.run("SELECT name FROM tpch.tiny.region").error != "No nodes available to run query"

        wait_until(is_served, "the node is known to its coordinator", START_SECONDS)

    def _says_started(self) -> bool:
        return any("SERVER STARTED" in line for line in self._log)


class TrinoWithoutThePlugin(TrinoServer):
    """As an operator leaves it who removed the plugin."""

    def _install_plugins(self) -> dict[str, str]:
        properties = super()._install_plugins()
        shutil.rmtree(self.file("plugin/immuta-impersonation"))
        return properties
