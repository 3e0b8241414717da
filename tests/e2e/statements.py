"""Statements of many kinds over tpch and memory tables, always the same ones for a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NATION = ("nationkey", "name", "regionkey", "comment")
SOURCES = {
    "tpch.tiny.nation": NATION,
    "tpch.tiny.region": ("regionkey", "name", "comment"),
    "tpch.tiny.supplier": ("suppkey", "name", "nationkey", "phone", "comment"),
    "tpch.tiny.customer": ("custkey", "name", "nationkey", "phone", "acctbal", "comment"),
    "tpch.tiny.orders": ("orderkey", "custkey", "orderstatus", "totalprice"),
    "tpch.tiny.part": ("partkey", "name", "brand", "size"),
    "tpch.tiny.partsupp": ("partkey", "suppkey", "availqty"),
    "tpch.tiny.lineitem": ("orderkey", "partkey", "quantity"),
    "tpch.sf1.nation": NATION,
    "vault.tiny.nation": NATION,
    "archive.old.nation": NATION,
    "{m}.hers.own": NATION,
    "{m}.team.plan": NATION,
    "{m}.his.secret": NATION,
    "{m}.shared.readonly": NATION,
    "{m}.shared.insertable": NATION,
    "{m}.shared.grantable": NATION,
    "{m}.shared.masked": NATION,
    "{m}.shared.hidden": NATION,
    "{m}.views.owner_definer": NATION,
    "{m}.views.owner_tpch": NATION,
    "{m}.views.owner_invoker": NATION,
    "{m}.views.owner_invoker_secret": NATION,
    "{m}.views.svc_definer": NATION,
    "{m}.views.svc_tpch": NATION,
    "{m}.views.svc_invoker": NATION,
    "{m}.views.svc_invoker_secret": NATION,
    "{m}.views.poor_definer": NATION,
    "{m}.views.of_view": NATION,
    "{m}.filtered_views.all_nations": NATION,
    "{m}.hers.alice_definer": NATION,
    "{m}.hers.alice_granted": NATION,
    "{m}.hers.alice_invoker": NATION,
    "{m}.shared.no_such_table": NATION,
}
# Half of the queries read these, so that joins and subqueries do not all fail on one table that alice may not read.
READABLE = (
    "tpch.tiny.nation",
    "tpch.tiny.region",
    "tpch.tiny.supplier",
    "tpch.tiny.customer",
    "{m}.hers.own",
    "{m}.shared.readonly",
    "{m}.views.svc_definer",
    "{m}.views.owner_invoker",
    "{m}.filtered_views.all_nations",
)
SCHEMAS = ("hers", "team", "his", "shared")
KEYS = ("regionkey", "nationkey")


@dataclass(frozen=True)
class Statement:
    """What is run in one session, after what the owner prepares; ``{m}`` is the catalog."""

    steps: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def is_ordered(self) -> bool:
        """The order of a plan's inputs is nobody's promise."""
        return "ORDER BY" in self.steps[-1] and not self.steps[-1].startswith("EXPLAIN")

    def __str__(self) -> str:
        return "; ".join(self.steps)


def generate(seed: int) -> list[Statement]:
    chance = random.Random(seed)
    statements = [
        *(_wrapped(chance, _query(chance)) for _ in range(70)),
        *_changes(chance),
        *_looks(chance),
        *(Statement(steps) for steps in _SESSIONS),
    ]
    chance.shuffle(statements)
    return statements


# --- queries ----------------------------------------------------------------------------------------------------------


def _source(chance: random.Random) -> str:
    return chance.choice(READABLE if chance.random() < 0.5 else list(SOURCES))


def _nation(chance: random.Random) -> str:
    while True:
        name = _source(chance)
        if SOURCES[name] == NATION:
            return name


def _where(chance: random.Random, columns: tuple[str, ...]) -> str:
    key = next(column for column in columns if column.endswith("key"))
    predicates = ["", f" WHERE {key} > {chance.randrange(4)}", f" WHERE {key} IN (1, 2, 3, 8, 9, 12)"]
    if "name" in columns:
        predicates.append(" WHERE name LIKE '%A%'")
    return chance.choice(predicates)


def _rows(chance: random.Random) -> str:
    name = _source(chance)
    columns = tuple(chance.sample(SOURCES[name], chance.randint(1, len(SOURCES[name]))))
    order = ", ".join(str(number + 1) for number in range(len(columns)))
    where = _where(chance, SOURCES[name])
    return f"SELECT {', '.join(columns)} FROM {name}{where} ORDER BY {order} LIMIT {chance.randint(3, 30)}"


def _star(chance: random.Random) -> str:
    name = _source(chance)
    return f"SELECT * FROM {name} ORDER BY {SOURCES[name][0]} LIMIT 5"


def _aggregate(chance: random.Random) -> str:
    name = _source(chance)
    column = chance.choice(SOURCES[name])
    where = _where(chance, SOURCES[name])
    return f"SELECT count(*), count(DISTINCT {column}), min({column}), max({column}) FROM {name}{where}"


def _grouped(chance: random.Random) -> str:
    name = _source(chance)
    key = chance.choice(SOURCES[name])
    having = chance.choice(["", " HAVING count(*) > 1"])
    return f"SELECT {key}, count(*) FROM {name} GROUP BY ROLLUP ({key}){having} ORDER BY 1, 2 LIMIT 20"


def _join(chance: random.Random) -> str:
    kind = chance.choice(["JOIN", "LEFT JOIN", "FULL JOIN"])
    left, right = _nation(chance), _nation(chance)
    return (
        f"SELECT a.name, b.name, b.comment FROM {left} a {kind} {right} b USING ({chance.choice(KEYS)}) "
        "ORDER BY 1, 2, 3 LIMIT 20"
    )


def _semijoin(chance: random.Random) -> str:
    word = chance.choice(["IN", "NOT IN"])
    key = chance.choice(KEYS)
    return f"SELECT name FROM {_nation(chance)} WHERE {key} {word} (SELECT {key} FROM {_nation(chance)}) ORDER BY 1"


def _exists(chance: random.Random) -> str:
    word = chance.choice(["EXISTS", "NOT EXISTS"])
    return (
        f"SELECT o.name FROM {_nation(chance)} o WHERE {word} "
        f"(SELECT 1 FROM {_nation(chance)} i WHERE i.nationkey = o.nationkey) ORDER BY 1"
    )


def _scalar(chance: random.Random) -> str:
    return f"SELECT (SELECT count(*) FROM {_source(chance)}), (SELECT count(*) FROM {_source(chance)})"


def _with(chance: random.Random) -> str:
    return (
        f"WITH a AS (SELECT * FROM {_nation(chance)}), "
        "b AS (SELECT regionkey, count(*) AS n FROM a GROUP BY regionkey) "
        "SELECT a.name, b.n FROM a JOIN b USING (regionkey) ORDER BY 1, 2"
    )


def _set(chance: random.Random) -> str:
    word = chance.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
    return f"SELECT name FROM {_nation(chance)} {word} SELECT name FROM {_nation(chance)} ORDER BY 1"


def _window(chance: random.Random) -> str:
    return (
        "SELECT name, rank() OVER (PARTITION BY regionkey ORDER BY name), count(*) OVER () "
        f"FROM {_nation(chance)} ORDER BY 1, 2"
    )


def _table_function(chance: random.Random) -> str:
    table = f"TABLE(exclude_columns(TABLE({_nation(chance)}), DESCRIPTOR(regionkey)))"
    return f"SELECT * FROM {table} ORDER BY nationkey LIMIT 5"


def _lateral(chance: random.Random) -> str:
    return (
        f"SELECT a.name, l.n FROM {_nation(chance)} a CROSS JOIN LATERAL "
        f"(SELECT count(*) AS n FROM {_nation(chance)} b WHERE b.regionkey = a.regionkey) l ORDER BY 1, 2"
    )


_QUERIES: tuple[Callable[[random.Random], str], ...] = (
    _rows,
    _rows,
    _star,
    _aggregate,
    _aggregate,
    _grouped,
    _join,
    _semijoin,
    _exists,
    _scalar,
    _with,
    _set,
    _window,
    _table_function,
    _lateral,
)


def _query(chance: random.Random) -> str:
    return chance.choice(_QUERIES)(chance)


def _wrapped(chance: random.Random, query: str) -> Statement:
    if chance.random() < 0.7:
        return Statement((query,))
    quoted = query.replace("'", "''")
    unordered = _rows(chance).split(" ORDER BY ")[0]
    return chance.choice(
        [
            Statement((f"EXPLAIN (TYPE VALIDATE) {query}",)),
            Statement((f"EXPLAIN (TYPE IO, FORMAT JSON) {query}",)),
            Statement((f"EXPLAIN (TYPE LOGICAL) {query}",)),
            Statement((f"EXPLAIN (TYPE DISTRIBUTED) {query}",)),
            Statement((f"EXECUTE IMMEDIATE '{quoted}'",)),
            Statement((f"PREPARE q FROM {query}", "EXECUTE q")),
            Statement((f"PREPARE q FROM {query}", "DESCRIBE OUTPUT q")),
            Statement((f"SHOW STATS FOR ({unordered})",)),
        ]
    )


# --- changes ----------------------------------------------------------------------------------------------------------

_TABLE_CHANGES = (
    "INSERT INTO {table} VALUES (100, 'x', 1, 'y')",
    "INSERT INTO {table} SELECT {columns} FROM {source}",
    "DELETE FROM {table} WHERE regionkey = 1",
    "UPDATE {table} SET name = 'x' WHERE regionkey = 1",
    "MERGE INTO {table} t USING {source} s ON t.nationkey = s.nationkey WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE {table}",
    "DROP TABLE {table}",
    "DROP TABLE IF EXISTS {table}",
    "ALTER TABLE {table} ADD COLUMN more integer",
    "ALTER TABLE {table} DROP COLUMN comment",
    "ALTER TABLE {table} RENAME COLUMN comment TO remark",
    "ALTER TABLE {table} RENAME TO {table}_renamed",
    "ALTER TABLE {table} ALTER COLUMN nationkey SET DATA TYPE bigint",
    "ALTER TABLE {table} SET PROPERTIES x = 1",
    "ALTER TABLE {table} SET AUTHORIZATION alice",
    "ALTER TABLE {table} EXECUTE optimize",
    "COMMENT ON TABLE {table} IS 'x'",
    "COMMENT ON COLUMN {table}.name IS 'x'",
    "ANALYZE {table}",
    "GRANT SELECT ON {table} TO USER bob",
    "REVOKE SELECT ON {table} FROM USER bob",
    "DENY SELECT ON {table} TO USER bob",
)
_NEW_TABLES = (
    "CREATE TABLE {table}_new (one integer COMMENT 'x', two varchar)",
    "CREATE TABLE {table}_new AS SELECT {columns} FROM {source}",
    "CREATE TABLE IF NOT EXISTS {table}_new AS SELECT {columns} FROM {source} WITH NO DATA",
    "CREATE TABLE {table}_new (LIKE {source})",
)
_VIEW_CHANGES = (
    "DROP VIEW {view}",
    "ALTER VIEW {view} RENAME TO {view}_renamed",
    "COMMENT ON VIEW {view} IS 'x'",
    "COMMENT ON COLUMN {view}.name IS 'x'",
    "ALTER VIEW {view} SET AUTHORIZATION alice",
)
_SCHEMA_CHANGES = (
    "CREATE SCHEMA {m}.made_by_alice",
    "CREATE SCHEMA {m}.made_by_svc",
    "CREATE SCHEMA vault.made_by_alice",
    "CREATE SCHEMA archive.made_by_alice",
    "ALTER SCHEMA {m}.his SET AUTHORIZATION alice",
    "DROP SCHEMA {m}.made_by_nobody",
    "GRANT SELECT ON SCHEMA {m}.his TO USER alice",
    "GRANT CREATE ON SCHEMA {m}.hers TO USER bob",
    "REVOKE SELECT ON SCHEMA {m}.hers FROM USER bob",
)


def _changes(chance: random.Random) -> Iterator[Statement]:
    number = 0
    for change in _TABLE_CHANGES:
        for schema in chance.sample(SCHEMAS, 1):
            number += 1
            # What this name means is up to the rules on each schema; the number keeps the statements apart.
            table = f"{{m}}.{schema}.into_{number}"
            before = f"CREATE TABLE {table} AS SELECT * FROM tpch.tiny.nation"
            yield Statement((_filled(chance, change, table=table),), (before,))
    for change in _NEW_TABLES:
        for schema in ("hers", "his"):
            number += 1
            yield Statement((_filled(chance, change, table=f"{{m}}.{schema}.into_{number}"),))
    for change in _VIEW_CHANGES:
        for schema in ("hers", "his"):
            number += 1
            view = f"{{m}}.{schema}.view_{number}"
            before = f"CREATE VIEW {view} AS SELECT name FROM tpch.tiny.nation"
            yield Statement((_filled(chance, change, view=view),), (before,))
    yield from (Statement((change,)) for change in _SCHEMA_CHANGES)
    for user in ("alice", "svc"):
        for change in (
            "DROP SCHEMA {schema}",
            "DROP SCHEMA {schema} CASCADE",
            "ALTER SCHEMA {schema} RENAME TO renamed",
        ):
            number += 1
            schema = f"{{m}}.made_by_{user}_{number}"
            yield Statement((change.replace("{schema}", schema),), (f"CREATE SCHEMA {schema}",))
    yield Statement(("INSERT INTO {m}.shared.masked VALUES (100, 'x', 1, 'y')",))
    yield Statement(("INSERT INTO archive.old.nation VALUES (100, 'x', 1, 'y')",))
    yield Statement(("DROP TABLE archive.old.nation",))
    yield Statement(("CREATE TABLE archive.old.made AS SELECT 1 AS one",))


def _filled(chance: random.Random, change: str, **names: str) -> str:
    return change.format(m="{m}", columns=", ".join(NATION), source=_nation(chance), **names)


# --- metadata ---------------------------------------------------------------------------------------------------------

_SEARCHES = (
    "SHOW CATALOGS",
    "SHOW CATALOGS LIKE '%ault'",
    "SHOW SCHEMAS FROM {m}",
    "SHOW SCHEMAS FROM {m} LIKE 'h%'",
    "SHOW SCHEMAS FROM tpch",
    "SHOW SCHEMAS FROM vault",
    "SHOW SCHEMAS FROM archive",
    "SHOW SCHEMAS FROM nowhere",
    "SHOW TABLES FROM tpch.tiny",
    "SHOW TABLES FROM tpch.sf1",
    "SHOW TABLES FROM vault.tiny",
    "SHOW TABLES FROM archive.old",
    "SHOW FUNCTIONS FROM {m}.hers",
    "SHOW FUNCTIONS FROM {m}.shared",
    "SHOW FUNCTIONS FROM vault.tiny",
    "SHOW FUNCTIONS LIKE 'abs'",
    "SHOW CREATE SCHEMA {m}.hers",
    "SHOW CREATE SCHEMA {m}.his",
    "SELECT catalog_name FROM system.metadata.catalogs ORDER BY 1",
    "SELECT * FROM system.metadata.table_comments WHERE catalog_name = '{m}'",
    "SELECT * FROM system.metadata.table_comments WHERE catalog_name = '{m}' AND schema_name = 'his'",
    "SELECT * FROM system.metadata.table_comments WHERE schema_name = 'tiny'",
    "SELECT * FROM system.metadata.materialized_views",
    "SELECT * FROM system.metadata.table_properties",
    "SELECT * FROM system.metadata.schema_properties",
    "SELECT table_cat FROM system.jdbc.catalogs ORDER BY 1",
    "SELECT table_schem, table_catalog FROM system.jdbc.schemas ORDER BY 1, 2",
    "SELECT table_cat, table_schem, table_name, table_type, remarks FROM system.jdbc.tables WHERE table_cat = '{m}'",
    "SELECT table_name FROM system.jdbc.tables WHERE table_cat = 'tpch' AND table_schem = 'tiny'",
    "SELECT table_name FROM system.jdbc.tables WHERE table_cat = 'vault'",
    "SELECT table_schem, table_name, column_name FROM system.jdbc.columns WHERE table_cat = '{m}'",
    "SELECT column_name FROM system.jdbc.columns WHERE table_cat = 'tpch' AND table_name = 'customer'",
    "SELECT column_name FROM system.jdbc.columns WHERE table_cat = '{m}' AND table_name = 'masked'",
    "SELECT count(*) FROM system.jdbc.types",
    "SELECT count(*) FROM system.runtime.nodes",
    "SELECT * FROM {m}.information_schema.schemata",
    "SELECT * FROM vault.information_schema.tables",
    "SELECT * FROM archive.information_schema.tables WHERE table_schema = 'old'",
    "SELECT * FROM tpch.information_schema.tables WHERE table_schema = 'tiny'",
    "SELECT * FROM tpch.information_schema.columns WHERE table_schema = 'tiny'",
    "SELECT * FROM tpch.information_schema.columns WHERE table_name = 'customer'",
    "SELECT * FROM {m}.information_schema.tables",
    "SELECT * FROM {m}.information_schema.tables WHERE table_name = 'secret'",
    "SELECT * FROM {m}.information_schema.columns",
    "SELECT * FROM {m}.information_schema.columns WHERE table_schema = 'his'",
    "SELECT * FROM {m}.information_schema.columns WHERE table_schema = 'shared' AND table_name = 'masked'",
    "SELECT * FROM {m}.information_schema.views",
    "SELECT * FROM {m}.information_schema.views WHERE table_schema = 'views' AND table_name = 'svc_definer'",
    *(f"SHOW TABLES FROM {{m}}.{schema}" for schema in (*SCHEMAS, "views", "filtered_views")),
)
_LOOKS = (
    "SHOW COLUMNS FROM {source}",
    "DESCRIBE {source}",
    "SHOW CREATE TABLE {source}",
    "SHOW CREATE VIEW {source}",
    "SHOW STATS FOR {source}",
)


def _looks(chance: random.Random) -> Iterator[Statement]:
    yield from (Statement((search,)) for search in _SEARCHES)
    for look in _LOOKS:
        for _ in range(2):
            yield Statement((look.replace("{source}", chance.choice(list(SOURCES))),))


# --- the session, functions, roles ------------------------------------------------------------------------------------

_COUNT = "SELECT count(*) FROM tpch.tiny.nation"
_SESSIONS = (
    ("SET SESSION query_max_run_time = '1h'", _COUNT),
    ("SET SESSION tpch.no_such_property = 1",),
    ("SET SESSION vault.no_such_property = 1",),
    ("SET SESSION {m}.no_such_property = 1",),
    ("RESET SESSION query_max_run_time",),
    ("RESET SESSION vault.no_such_property",),
    ("SET PATH {m}.hers", "SELECT 1"),
    ("SET ROLE admin",),
    ("SET ROLE ALL",),
    ("CREATE ROLE admin",),
    ("DROP ROLE admin",),
    ("GRANT admin TO USER alice",),
    ("REVOKE admin FROM USER svc",),
    ("SHOW ROLES",),
    ("USE tpch.tiny",),
    ("USE vault.tiny",),
    ("USE {m}.his",),
    ("CREATE CATALOG made USING tpch",),
    ("DROP CATALOG vault",),
    ("CALL {m}.system.no_such_procedure()",),
    ("CALL system.runtime.no_such_procedure()",),
    ("CALL vault.system.no_such_procedure()",),
    ("REFRESH MATERIALIZED VIEW {m}.hers.own",),
    ("DROP MATERIALIZED VIEW {m}.his.no_such_view",),
    ("SELECT * FROM TABLE(sequence(1, 3)) ORDER BY 1",),
    ("SELECT * FROM TABLE({m}.his.no_such_function())",),
    ("SELECT * FROM TABLE(vault.tiny.no_such_function())",),
    ("SELECT {m}.hers.twice(21)",),
    ("SELECT {m}.shared.open_twice(21)",),
    ("SELECT {m}.shared.closed_twice(21)",),
    ("SELECT max({m}.shared.closed_twice(nationkey)) FROM tpch.tiny.nation",),
    ("WITH FUNCTION f(x bigint) RETURNS bigint RETURN {m}.shared.closed_twice(x) SELECT f(21)",),
    ("WITH FUNCTION f(x bigint) RETURNS bigint RETURN {m}.shared.open_twice(x) SELECT f(21)",),
    ("SHOW CREATE FUNCTION {m}.shared.open_twice",),
    ("SHOW CREATE FUNCTION {m}.shared.closed_twice",),
    ("DROP FUNCTION {m}.shared.closed_twice(bigint)",),
    ("DROP FUNCTION {m}.shared.open_twice(bigint)",),
    ("START TRANSACTION", _COUNT, "SELECT count(*) FROM {m}.his.secret", "ROLLBACK"),
    ("START TRANSACTION", "SELECT count(*) FROM {m}.shared.readonly", "COMMIT"),
    ("PREPARE q FROM SELECT name FROM tpch.tiny.nation WHERE nationkey = ?", "EXECUTE q USING 8"),
    ("PREPARE q FROM SELECT name FROM tpch.tiny.nation WHERE nationkey = ?", "EXECUTE q USING 1"),
    ("PREPARE q FROM SELECT name FROM {m}.his.secret WHERE nationkey = ?", "DESCRIBE INPUT q"),
    ("PREPARE q FROM DELETE FROM {m}.his.secret", "EXECUTE q"),
    ("PREPARE q FROM DROP TABLE {m}.his.secret", "EXECUTE q", "DEALLOCATE PREPARE q"),
    ("SELECT current_catalog, current_schema, current_path",),
    ("VALUES (1, 'a'), (2, 'b')",),
    ("SELECT lower('A'), abs(-1), no_such_function(1)",),
    ("SELEC 1",),
)
