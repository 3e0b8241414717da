"""What a server's engine counts, read over JMX."""

from collections import Counter
from pathlib import Path

from .audit import AuditFile
from .clients import run_java
from .server import TrinoServer, free_port
from .waiting import wait_until

PATTERN = "trino.plugin.impersonation:*"


class Jmx:
    """The port of one server, which must be started with the flags."""

    def __init__(self) -> None:
        self._port = free_port()

    @property
    def flags(self) -> list[str]:
        return [
            f"-Dcom.sun.management.jmxremote.port={self._port}",
            f"-Dcom.sun.management.jmxremote.rmi.port={self._port}",
            "-Dcom.sun.management.jmxremote.host=127.0.0.1",
            "-Djava.rmi.server.hostname=127.0.0.1",
            "-Dcom.sun.management.jmxremote.authenticate=false",
            "-Dcom.sun.management.jmxremote.ssl=false",
        ]

    def numbers(self, server: TrinoServer) -> dict[str, int]:
        """What the one MBean says."""
        source = Path(__file__).parent / "java" / "JmxNumbers.java"
        parts = [line.split("\t") for line in run_java(server, source, [str(self._port), PATTERN]).splitlines()]
        assert {name for name, _, _ in parts} == {"trino.plugin.impersonation:type=Engine,name=immuta"}
        return {attribute: int(number) for _, attribute, number in parts}

    def check_against_audit(self, server: TrinoServer, audit: AuditFile) -> None:
        """Each decision since the server's start, from which the audit is read, was counted once, under its reason."""

        def recorded() -> Counter[str]:
            lines = audit.decisions()
            return Counter(f"decisions_{line['decision']}_{line['reason'].replace('-', '_')}" for line in lines)

        numbers = self.numbers(server)
        counted = Counter({name: number for name, number in numbers.items() if name.startswith("decisions_")})
        of_decisions = {f"decisions_{decision}": counted.pop(f"decisions_{decision}") for decision in ("allow", "deny")}
        assert sum(of_decisions.values()) == counted.total() > 0
        wait_until(lambda: recorded() == +counted, f"the audit file has what was counted: {+counted}")
