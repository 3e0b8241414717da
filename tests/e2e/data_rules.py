"""Rules of Trino's file control with every kind of rule, under which alice and svc may do very different things.

Each statement of a comparison is run in a catalog of its own, ``mem_a``, ``mem_b`` or ``mem_c``, which have the same
content and the same rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import environment
from .clients import HttpSession
from .conftest import GROUP_FILE
from .policy import IMMUTA_CATALOG, guarded_files, person, service
from .server import Configuration, TrinoServer, properties_text

WORLDS = ("mem_a", "mem_b", "mem_c")
WORLD = "mem_[abc]"
GROUP = "analysts"
GROUPS = f"{GROUP}:alice\nservices:svc\n"
# Trino learns of groups from the plugin that has the passwords, too. Where it is missing nobody is in any group, for
# Trino and for us, so that the rules on groups apply to nobody.
HAS_GROUPS = environment.HAS_PASSWORDS
ALL = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
CALL = ["EXECUTE", "GRANT_EXECUTE", "OWNERSHIP"]


def _tpch(table: str, **more: Any) -> dict[str, Any]:
    return {"catalog": "tpch", "schema": "tiny", "table": table, "privileges": ["SELECT"], **more}


def _mine(schema: str, table: str, *privileges: str, **more: Any) -> dict[str, Any]:
    return {"catalog": WORLD, "schema": schema, "table": table, "privileges": list(privileges), **more}


ALICE_ON_TPCH = [
    _tpch("nation", filter="regionkey = 2", columns=[{"name": "comment", "mask": "'hidden'"}]),
    # The subquery has alice's own filter on nation.
    _tpch("region", filter="regionkey IN (SELECT regionkey FROM tpch.tiny.nation)"),
    # The subquery is somebody else's, who sees every nation.
    _tpch(
        "supplier",
        filter="EXISTS (SELECT 1 FROM tpch.tiny.nation n WHERE n.nationkey = supplier.nationkey AND n.regionkey = 3)",
        filter_environment={"user": "owner"},
        columns=[
            {"name": "phone", "mask": "cast(substr(phone, 1, 2) || '-xxx' AS varchar(15))"},
            {
                "name": "comment",
                "mask": "cast((SELECT max(name) FROM tpch.tiny.region) AS varchar(101))",
                "mask_environment": {"user": "owner"},
            },
        ],
    ),
    _tpch(
        "customer",
        filter="custkey <= 40",
        columns=[
            {"name": "address", "allow": False},
            {"name": "acctbal", "mask": "round(acctbal, -2)"},
            {"name": "phone", "mask": "CASE WHEN nationkey = 8 THEN phone ELSE NULL END"},
            # Another subquery of alice's: she sees the nations of one region.
            {
                "name": "comment",
                "mask": "cast((SELECT count(*) FROM tpch.tiny.nation) AS varchar(117))",
            },
        ],
    ),
    # A filter over a table that has a filter over a table that has a filter.
    _tpch(
        "orders",
        filter="custkey IN (SELECT c.custkey FROM tpch.tiny.customer c JOIN tpch.tiny.nation n USING (nationkey))",
    ),
    # The subquery reads what alice may not read.
    _tpch("partsupp", filter="partkey IN (SELECT partkey FROM tpch.tiny.lineitem)"),
]

RULES: dict[str, Any] = {
    "catalogs": [
        {"user": "owner", "allow": "all"},
        {"user": "svc", "catalog": f"tpch|archive|vault|system|{WORLD}", "allow": "all"},
        {"group": GROUP, "catalog": "archive", "allow": "read-only"},
        {"user": "alice", "catalog": f"tpch|system|{WORLD}", "allow": "all"},
        {"user": "poor", "catalog": f"tpch|{WORLD}", "allow": "all"},
        {"catalog": "system", "allow": "read-only"},
        {"allow": "none"},
    ],
    "schemas": [
        {"user": "owner", "owner": True},
        {"user": "alice", "catalog": WORLD, "schema": "hers|made_by_alice.*", "owner": True},
        {"group": GROUP, "catalog": WORLD, "schema": "team", "owner": True},
        {"user": "svc", "catalog": WORLD, "schema": "his|made_.*", "owner": True},
        {"owner": False},
    ],
    "tables": [
        {"user": "owner", "privileges": ALL},
        *({"user": "alice", **rule} for rule in ALICE_ON_TPCH),
        {"group": GROUP, **_tpch("part", filter="partkey <= 10")},
        {"group": GROUP, "catalog": "tpch", "schema": "sf1", "table": "nation|region", "privileges": ["SELECT"]},
        # The subquery is the impersonator's.
        {
            "user": "alice",
            "catalog": "tpch",
            "schema": "sf1",
            "table": "supplier",
            "privileges": ["SELECT"],
            "filter": "suppkey IN (SELECT nationkey FROM archive.old.nation)",
            "filter_environment": {"user": "svc"},
        },
        {"role": "admin", "catalog": "tpch", "schema": "sf1", "privileges": ["SELECT"]},
        {"group": GROUP, "catalog": "archive", "privileges": ["SELECT"]},
        {"user": "alice", **_mine("hers", ".*", *ALL)},
        {"group": GROUP, **_mine("team", ".*", "SELECT", "INSERT", "DELETE", "UPDATE", filter="regionkey < 3")},
        {"user": "alice", **_mine("shared", "readonly", "SELECT")},
        {"user": "alice", **_mine("shared", "(insertable|into_.*)", "INSERT")},
        {"user": "alice", **_mine("shared", "grantable", "SELECT", "GRANT_SELECT")},
        {"user": "alice", **_mine("shared", "changeable", "SELECT", "INSERT", "DELETE", "UPDATE")},
        {
            "user": "alice",
            **_mine(
                "shared",
                "masked",
                "SELECT",
                "INSERT",
                filter="regionkey <> 1",
                columns=[{"name": "name", "mask": "lower(name)"}, {"name": "comment", "allow": False}],
            ),
        },
        {"user": "alice", **_mine("views", ".*", "SELECT")},
        {"user": "alice", **_mine("filtered_views", ".*", "SELECT", filter="nationkey < 10")},
        {"user": "poor", **_mine("views", ".*", "SELECT", "OWNERSHIP")},
        {"user": "poor", **_mine("shared", "readonly", "SELECT")},
        {"user": "svc", "catalog": "tpch|vault", "privileges": ["SELECT", "GRANT_SELECT"]},
        {"user": "svc", "catalog": "archive", "privileges": ["SELECT"]},
        {"user": "svc", "catalog": WORLD, "privileges": ALL},
        {"catalog": "system", "privileges": ["SELECT"]},
        {"privileges": []},
    ],
    "functions": [
        {"user": "owner", "privileges": CALL},
        {"user": "alice", "catalog": WORLD, "schema": "hers", "privileges": CALL},
        {"user": "alice", "catalog": WORLD, "schema": "shared", "function": "open_.*", "privileges": ["EXECUTE"]},
        {"user": "svc", "catalog": WORLD, "privileges": CALL},
        {"user": "alice", "catalog": "system", "schema": "builtin", "function": "sequence", "privileges": []},
        {"catalog": "system", "schema": "builtin", "privileges": ["EXECUTE", "GRANT_EXECUTE"]},
    ],
    "procedures": [
        {"user": "owner|svc", "privileges": ["EXECUTE", "GRANT_EXECUTE"]},
        {"privileges": []},
    ],
    "queries": [
        {"user": "owner|svc", "allow": ["execute", "view", "kill"]},
        {"allow": ["execute"]},
    ],
    "system_information": [{"user": "owner|svc", "allow": ["read", "write"]}, {"allow": []}],
    "impersonation": [{"original_user": "svc", "new_user": "alice"}],
    "system_session_properties": [
        {"user": "owner|svc", "allow": True},
        {"property": "query_max_run_time", "allow": True},
        {"allow": False},
    ],
    "catalog_session_properties": [
        {"user": "owner|svc", "allow": True},
        {"allow": False},
    ],
}

_NATIONS = "nationkey, name, regionkey, comment"


def configuration(
    files: Mapping[str, str] | None = None, people: Iterable[Mapping[str, Any]] = (), plugins: Sequence[str] = ()
) -> Configuration:
    """A server under these rules, with more files, people and plugins of the release."""
    people = [service("svc"), person("alice"), *people]
    control = {"immuta.group-file": GROUP_FILE} if HAS_GROUPS else {}
    base = {
        **IMMUTA_CATALOG,
        **guarded_files(RULES, people, **control),
        "etc/catalog/vault.properties": "connector.name=tpch\n",
        "etc/catalog/archive.properties": "connector.name=memory\n",
        **{f"etc/catalog/{world}.properties": "connector.name=memory\n" for world in WORLDS},
    }
    if HAS_GROUPS:
        base[GROUP_FILE] = GROUPS
        base["etc/group-provider.properties"] = properties_text(
            {"group-provider.name": "file", "file.group-file": GROUP_FILE}
        )
    logins = ["owner", "poor", *(str(one["name"]) for one in people)]
    return Configuration({**base, **(files or {})}, logins, plugins=plugins)


def set_up(server: TrinoServer, *worlds: str) -> None:
    shared = ["CREATE SCHEMA archive.old", "CREATE TABLE archive.old.nation AS SELECT * FROM tpch.tiny.nation"]
    for user, sql in [*(("owner", sql) for sql in shared), *(step for world in worlds for step in _steps(world))]:
        answer = HttpSession(server, user).run(sql)
        assert answer.error is None, (user, sql, answer.error)


def _steps(world: str) -> list[tuple[str, str]]:
    """Who runs what, for one world to have its content."""
    copies = [
        ("hers", "own"),
        ("team", "plan"),
        ("his", "secret"),
        *(("shared", name) for name in ["readonly", "insertable", "grantable", "changeable", "masked", "hidden"]),
    ]
    as_owner = [
        *(f"CREATE SCHEMA {world}.{name}" for name in ["hers", "team", "his", "shared", "views", "filtered_views"]),
        *(
            f"CREATE TABLE {world}.{schema}.{name} AS SELECT {_NATIONS} FROM tpch.tiny.nation"
            for schema, name in copies
        ),
        f"COMMENT ON TABLE {world}.his.secret IS 'what svc keeps'",
        f"COMMENT ON COLUMN {world}.shared.readonly.name IS 'of a nation'",
        *_views(world, "owner"),
        f"CREATE VIEW {world}.filtered_views.all_nations AS SELECT {_NATIONS} FROM tpch.tiny.nation",
        f"CREATE VIEW {world}.views.of_view AS SELECT {_NATIONS} FROM {world}.views.owner_definer WHERE nationkey > 5",
        f"CREATE FUNCTION {world}.hers.twice(x bigint) RETURNS bigint RETURN x * 2",
        f"CREATE FUNCTION {world}.shared.open_twice(x bigint) RETURNS bigint RETURN x * 2",
        f"CREATE FUNCTION {world}.shared.closed_twice(x bigint) RETURNS bigint RETURN x * 2",
    ]
    as_svc = _views(world, "svc")
    as_alice = [
        f"CREATE VIEW {world}.hers.alice_definer AS SELECT {_NATIONS} FROM {world}.hers.own WHERE regionkey = 1",
        f"CREATE VIEW {world}.hers.alice_granted AS SELECT {_NATIONS} FROM {world}.shared.grantable",
        f"CREATE VIEW {world}.hers.alice_invoker SECURITY INVOKER AS SELECT {_NATIONS} FROM {world}.shared.readonly",
    ]
    as_poor = [f"CREATE VIEW {world}.views.poor_definer AS SELECT {_NATIONS} FROM {world}.shared.readonly"]
    return [
        *(("owner", sql) for sql in as_owner),
        *(("svc", sql) for sql in as_svc),
        *(("alice", sql) for sql in as_alice),
        *(("poor", sql) for sql in as_poor),
    ]


def _views(world: str, user: str) -> list[str]:
    """Views of tables that alice may not read, or not all of."""
    start = f"CREATE VIEW {world}.views.{user}"
    return [
        f"{start}_definer AS SELECT {_NATIONS} FROM {world}.his.secret",
        f"{start}_tpch AS SELECT {_NATIONS} FROM tpch.tiny.nation",
        f"{start}_invoker SECURITY INVOKER AS SELECT {_NATIONS} FROM tpch.tiny.nation",
        f"{start}_invoker_secret SECURITY INVOKER AS SELECT {_NATIONS} FROM {world}.his.secret",
    ]
