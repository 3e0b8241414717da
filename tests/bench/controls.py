"""The access controls that `./dev bench jvm` measures beside each other, and their configuration files."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# As in java/src/bench and rust/benches.
MOST_SERVICES = 100
PERMISSION = "IMPERSONATE_USER"


class Control(NamedTuple):
    """One access control: how the benchmark knows it, and how the table does."""

    name: str
    title: str


def services(users: int) -> int:
    """
    >>> services(10), services(1000), services(1_000_000)
    (1, 100, 100)
    """
    return max(1, min(users // 10, MOST_SERVICES))


def service_names(users: int) -> Iterator[str]:
    return (f"svc_{number:04}@corp.example" for number in range(services(users)))


def person_names(users: int) -> Iterator[str]:
    return (f"p{number:07}@corp.example" for number in range(users - services(users)))


def file_rules(count: int) -> list[dict[str, str]]:
    """
    Rules of Trino's file control, one for each service account as operators write them, of which the last applies.

    >>> file_rules(2)
    [{'original_user': 'svc_other_0@corp[.]example', 'new_user': 'p.*'}, {'original_user': 'svc_.*', 'new_user': 'p.*'}]
    """
    others = [{"original_user": f"svc_other_{number}@corp[.]example", "new_user": "p.*"} for number in range(count - 1)]
    return [*others, {"original_user": "svc_.*", "new_user": "p.*"}]


def policy_lines(users: int) -> Iterable[str]:
    """
    A policy file, line by line: of a million users it is large.

    >>> [user["name"] for user in json.loads("".join(policy_lines(10)))["users"]][:3]
    ['svc_0000@corp.example', 'p0000000@corp.example', 'p0000001@corp.example']
    """
    yield '{"users": [\n'
    for name in service_names(users):
        yield json.dumps({"name": name, "permissions": [PERMISSION], "groups": ["bi"]}) + ",\n"
    people = person_names(users)
    yield json.dumps({"name": next(people), "groups": ["analysts"]})
    for name in people:
        yield ",\n" + json.dumps({"name": name, "groups": ["analysts"]})
    yield "\n]}\n"


class Controls:
    """Writes configuration files into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def file(self, rules: int) -> Control:
        """Trino's own file control."""
        path = self.folder / f"rules-{rules}.json"
        path.write_text(json.dumps({"impersonation": file_rules(rules)}))
        properties = {"access-control.name": "file", "security.config-file": path}
        return self._add(f"file-{rules}", f"Trino's file control, {amount(rules, 'rule')}", 10, properties)

    def policy(self, users: int) -> Control:
        """Ours, which reads users from a policy file."""
        title = f"ours, policy file of {amount(users, 'user')}"
        return self._add(f"policy-{users}", title, users, self._policy(users))

    def audit(self, pause_micros: int) -> Control:
        """Ours, which records each decision. Without a pause the writer of the audit file sets the pace."""
        name = f"audit-{pause_micros}"
        users = 1000
        title = "ours, audit on, " + (
            "64 decisions in a row" if pause_micros else "without a pause, at the pace of the disk"
        )
        properties = self._policy(users) | {"immuta.impersonation.audit.file": self.folder / f"{name}.jsonl"}
        return self._add(name, title, users, properties, pause_micros)

    def immuta(self, users: int, stand_in: dict[str, object]) -> Control:
        """Ours, which remembers users of Immuta.

        :param stand_in: the properties by which Immuta is reached
        """
        properties = {
            "access-control.name": "immuta",
            **stand_in,
            "immuta.iam": "bim",
            "immuta.impersonation.cache.ttl": "1d",
            "immuta.impersonation.cache.negative-ttl": "1d",
            "immuta.impersonation.audit.file": "",
        }
        return self._add(f"immuta-{users}", f"ours, {amount(users, 'user')} remembered of Immuta", users, properties)

    def opa(self, url: str) -> Control:
        """Trino's plugin for OPA."""
        properties = {"access-control.name": "opa", "opa.policy.uri": f"{url}/v1/data/trino/allow"}
        return self._add("opa", "OPA, a policy of one rule", 10, properties)

    def _policy(self, users: int) -> dict[str, object]:
        path = self.folder / f"policy-{users}.json"
        if not path.exists():
            with path.open("w") as policy:
                policy.writelines(policy_lines(users))
        return {
            "access-control.name": "immuta",
            "immuta.impersonation.policy-file": path,
            "immuta.impersonation.audit.file": "",
        }

    def _add(self, name: str, title: str, users: int, properties: dict[str, object], pause_micros: int = 0) -> Control:
        more = {"bench.users": users, "bench.pause-micros": pause_micros}
        lines = [f"{key}={value}\n" for key, value in {**properties, **more}.items()]
        (self.folder / f"{name}.properties").write_text("".join(lines))
        return Control(name, title)


def amount(number: int, noun: str) -> str:
    """
    >>> amount(1, "rule"), amount(10_000, "rule")
    ('1 rule', '10 000 rules')
    """
    return f"{number:,} {noun}".replace(",", " ") + ("" if number == 1 else "s")
