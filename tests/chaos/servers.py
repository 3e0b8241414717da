"""The two servers: one looks its users up at Immuta, the other one has them in its policy file."""

import json
import random
from collections import Counter
from pathlib import Path

from e2e.clients import HttpSession
from e2e.credentials import Certificate
from e2e.jmx import Jmx
from e2e.policy import DELEGATE_FILE, IMMUTA_CATALOG, POLICY_FILE, RULES_FILE
from e2e.server import Configuration, TrinoServer, properties_text

from .disk import AuditDisk
from .files import LocalFile
from .source import Immuta
from .truth import Truth
from .world import (
    ADMIN,
    IMPERSONATORS,
    MAX_STALE,
    NEGATIVE_TTL,
    REFRESH,
    STALE_IF_ERROR,
    TIMEOUT,
    TTL,
    Source,
    World,
    rules,
)

GROUP_FILE = "etc/groups.txt"
# Small, so that a run has many.
ROTATE_SIZE = "200kB"


def millis(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


class ChaosServer:
    """A Trino with what it decides by, and what it has been seen to do."""

    def __init__(
        self,
        name: Source,
        directory: Path,
        certificate: Certificate,
        *,
        truth: Truth,
        chance: random.Random,
        immuta: Immuta | None = None,
    ) -> None:
        self.name = name
        self.world = World(name)
        self.immuta = immuta
        self.disk = AuditDisk(directory / f"disk-{name}")
        self.jmx = Jmx()
        # Since the start, as the server's own counters.
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.lines: Counter[str] = Counter()
        if immuta is not None:
            self.world = immuta.world
        files = {
            **IMMUTA_CATALOG,
            "etc/access-control.properties": properties_text(self._control(chance)),
            DELEGATE_FILE: properties_text({"access-control.name": "file", "security.config-file": RULES_FILE}),
            RULES_FILE: json.dumps(rules()),
        }
        # The first login tells when the server is ready, by data that it may read.
        configuration = Configuration(files, ["probe", *IMPERSONATORS], jvm_flags=self.jmx.flags)
        self.trino = TrinoServer(directory / name, certificate, configuration)
        self.files = {
            "policy": LocalFile(self.trino.file(POLICY_FILE), self.world.facts_of_policy, truth, chance),
            "groups": LocalFile(self.trino.file(GROUP_FILE), self.world.facts_of_groups, truth, chance),
        }

    def prepare(self) -> None:
        """The files that it needs at its start."""
        self.files["policy"].path.parent.mkdir(parents=True)
        self.write_files()

    def write_files(self) -> None:
        self.files["policy"].write(self.world.policy())
        self.files["groups"].write(self.world.groups())

    def change(self, kind: str, chance: random.Random) -> None:
        user = self.world.change(kind, chance)
        if user is not None and self.immuta is not None:
            self.immuta.update(user)
        elif kind == "group":
            self.files["groups"].write(self.world.groups())
        else:
            self.files["policy"].write(self.world.policy())

    def counters(self) -> dict[str, int]:
        """What the engine has counted since its start, as the administrator sees it."""
        answer = HttpSession(self.trino, ADMIN).run("SELECT name, value FROM immuta.impersonation.metrics")
        assert answer.error is None, answer.error
        return {name: int(value) for name, value in answer.rows}

    def _control(self, chance: random.Random) -> dict[str, str]:
        control = {
            "access-control.name": "immuta",
            "immuta.user.admin": "admin_.+",
            "immuta.group-file": GROUP_FILE,
            "immuta.delegate.config-file": DELEGATE_FILE,
            "immuta.impersonation.policy-file": POLICY_FILE,
            "immuta.impersonation.policy-file.refresh": millis(REFRESH),
            "immuta.impersonation.policy-file.max-stale": millis(MAX_STALE),
            "immuta.impersonation.audit.file": str(self.disk.file),
            "immuta.impersonation.audit.max-history": "0",
            "immuta.impersonation.audit.max-repeated-refusals": "0",
        }
        if self.immuta is None:
            # Somebody else moves the files of this one away.
            return {
                **control,
                "immuta.impersonation.audit.rotate-size": "0B",
                "immuta.impersonation.audit.rotate-daily": "false",
            }
        if chance.random() < 0.5:
            control["immuta.iam"] = "bim"
        return {
            **control,
            "immuta.impersonation.audit.rotate-size": ROTATE_SIZE,
            "immuta.endpoint": self.immuta.endpoint,
            "immuta.apikey-file": str(self.immuta.key_file),
            "immuta.ca-file": str(self.immuta.ca_file),
            "immuta.http.timeout.milliseconds": str(round(TIMEOUT * 1000)),
            "immuta.impersonation.cache.ttl": millis(TTL),
            "immuta.impersonation.cache.negative-ttl": millis(NEGATIVE_TTL),
            "immuta.impersonation.cache.stale-if-error": millis(STALE_IF_ERROR),
        }
