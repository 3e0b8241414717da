"""Who there is, what decides about them, and for how long a server may believe what is no longer so."""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .oracle import Need, Request
from .truth import Fact, Truth

PERMISSION = "IMPERSONATE_USER"
SERVICES = [f"svc_{number}" for number in range(5)]
ADMIN = "admin_omar"
# Never granted anything.
PLAIN = "plain"
IMPERSONATORS = [*SERVICES, ADMIN, PLAIN]
# Each may read one row of tpch.tiny.nation, that with its own number.
TARGETS = [f"t{number}" for number in range(20)]
GHOST = "ghost"
GROUP = "robots"
SCOPES = {"all": "t.*", "narrow": "t[0-9]"}

TIMEOUT = 1.0
TTL = 3.0
NEGATIVE_TTL = 0.5
STALE_IF_ERROR = 1.0
REFRESH = 0.2
MAX_STALE = 3.0
# How much later than it should the thread that looks for changed files may get its turn on a busy machine.
LATE_THREAD = 3.0
BELIEF_IN_IMMUTA = TTL + STALE_IF_ERROR + TIMEOUT
BELIEF_IN_FILES = REFRESH + LATE_THREAD

Source = Literal["immuta", "file"]


def holds_permission(server: Source, user: str) -> Fact:
    return server, user, "holds the permission"


def is_enabled(server: Source, user: str) -> Fact:
    return server, user, "is enabled"


def is_in_group(server: Source, user: str) -> Fact:
    return server, user, f"is in {GROUP}"


def is_in_scope(server: Source, target: str) -> Fact:
    return server, target, "is in scope"


@dataclass
class World:
    """What should be so at the source of one server; what it is really like while something is broken, Truth knows."""

    server: Source
    granted: set[str] = field(default_factory=lambda: set(SERVICES))
    disabled: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=lambda: {*SERVICES, ADMIN, PLAIN})
    scope: str = "all"

    @property
    def known(self) -> list[str]:
        return [*IMPERSONATORS, *TARGETS]

    @property
    def belief_in_users(self) -> float:
        return BELIEF_IN_IMMUTA if self.server == "immuta" else BELIEF_IN_FILES

    def needs(self, request: Request) -> Iterator[Need]:
        return self.needs_of(request.impersonator, request.target)

    def needs_of(self, impersonator: str, target: str) -> Iterator[Need]:
        """Without which of the facts the impersonator may not act as the target."""
        if impersonator != ADMIN:
            yield Need(holds_permission(self.server, impersonator), self.belief_in_users)
        yield Need(is_enabled(self.server, target), self.belief_in_users)
        yield Need(is_in_group(self.server, impersonator), BELIEF_IN_FILES)
        yield Need(is_in_scope(self.server, target), BELIEF_IN_FILES)

    def entitled(self, truth: Truth, at: float) -> list[tuple[str, str]]:
        """All pairs that are to be let in at this time."""
        return [
            (impersonator, target)
            for impersonator in IMPERSONATORS
            for target in TARGETS
            if all(truth.is_true(need.fact, at) for need in self.needs_of(impersonator, target))
        ]

    def change(self, kind: str, chance: random.Random) -> str | None:
        """Another grant, user, group or scope. Returns whose, where it is a user's."""
        if kind == "permission":
            return toggle(self.granted, SERVICES, chance, wanted=0.7)
        if kind == "user":
            return toggle(self.disabled, TARGETS, chance, wanted=0.15)
        if kind == "group":
            # The administrator stays, so that there always is somebody who is to get in.
            toggle(self.members, [*SERVICES, PLAIN], chance, wanted=0.85)
        else:
            self.scope = chance.choice(list(SCOPES))
        return None

    def policy(self) -> str:
        """The policy file: scopes, and users where they do not come from Immuta."""
        policy: dict[str, Any] = {"scopes": [{"original_group": GROUP, "new_user": SCOPES[self.scope]}]}
        if self.server == "file":
            policy["users"] = [
                {
                    "name": user,
                    "permissions": [PERMISSION] if user in self.granted else [],
                    "disabled": user in self.disabled,
                }
                for user in self.known
            ]
        return json.dumps(policy, indent=1)

    def groups(self) -> str:
        return f"{GROUP}:{','.join(sorted(self.members))}\nothers:nobody\n"

    def facts_of_policy(self, content: bytes) -> Mapping[Fact, bool] | None:
        """What a policy file makes true; None if it cannot be read."""
        try:
            policy = json.loads(content)
            (scope,) = policy["scopes"]
            pattern = scope["new_user"]
            users = policy["users"] if self.server == "file" else []
        except (ValueError, KeyError, TypeError):
            return None
        facts = {is_in_scope(self.server, target): bool(re.fullmatch(pattern, target)) for target in TARGETS}
        for user in users:
            facts[holds_permission(self.server, user["name"])] = PERMISSION in user["permissions"]
            facts[is_enabled(self.server, user["name"])] = not user["disabled"]
        return facts

    def facts_of_groups(self, content: bytes) -> Mapping[Fact, bool] | None:
        """What a group file makes true; None if it cannot be read. A part of one can often be read."""
        members: set[str] = set()
        try:
            lines = content.decode().splitlines()
        except UnicodeDecodeError:
            return None
        for line in filter(str.strip, lines):
            group, colon, users = line.partition(":")
            if not colon or not group.strip() or ":" in users:
                return None
            if group.strip() == GROUP:
                members.update(user.strip() for user in users.split(","))
        return {is_in_group(self.server, user): user in members for user in IMPERSONATORS}


def toggle(users: set[str], candidates: Sequence[str], chance: random.Random, wanted: float) -> str:
    user = chance.choice(list(candidates))
    users.discard(user)
    if chance.random() < wanted:
        users.add(user)
    return user


def rules() -> dict[str, Any]:
    """The delegate's: by the row that somebody sees one knows whose rights hold."""
    rows = [
        {
            "user": target,
            "catalog": "tpch",
            "schema": "tiny",
            "table": "nation",
            "privileges": ["SELECT"],
            "filter": f"nationkey = {number_of(target)}",
        }
        for target in TARGETS
    ]
    probe = {"user": "probe", "catalog": "tpch", "privileges": ["SELECT"]}
    return {
        "catalogs": [
            {"user": "t[0-9]+|probe", "catalog": "tpch", "allow": "read-only"},
            {"catalog": "system", "allow": "read-only"},
            {"allow": "none"},
        ],
        "tables": [*rows, probe, {"privileges": []}],
    }


def number_of(target: str) -> str:
    return target.removeprefix("t")


def sample(pairs: Iterable[tuple[str, str]], chance: random.Random, each: int) -> list[tuple[str, str]]:
    """So many pairs of each impersonator."""
    by_impersonator: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_impersonator.setdefault(pair[0], []).append(pair)
    return [pair for own in by_impersonator.values() for pair in chance.sample(own, min(each, len(own)))]
