"""Ranger's plugin as the delegate, with the policies that it has in its cache and no Ranger to ask."""

import json
import zipfile
from typing import Any

import pytest

from ..clients import Answer, HttpSession
from ..conftest import ServerMaker
from ..policy import IMMUTA_CATALOG, delegate_files, person, policy_text, service
from ..server import Configuration, TrinoServer, free_port
from .conftest import PLUGINS

SERVICE = "testing"
NATIONS = "SELECT count(*), count_if(comment IS NULL) FROM tpch.tiny.nation"
CUSTOMERS = "SELECT count(*) FROM tpch.tiny.customer"
REGIONS = "SELECT count(*) FROM tpch.tiny.region"


def service_definition() -> dict[str, Any]:
    """What Ranger's own jar says about services of the type trino."""
    jar = next((PLUGINS / "ranger").glob("*ranger-plugins-common-*.jar"))
    with zipfile.ZipFile(jar) as archive:
        return json.loads(archive.read("service-defs/ranger-servicedef-trino.json"))


def policies() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def add(resources: dict[str, str], kind: int = 0, **items: Any) -> None:
        found.append(
            {
                "id": len(found) + 1,
                "service": SERVICE,
                "serviceType": "trino",
                "name": f"policy {len(found) + 1}",
                "policyType": kind,
                "resources": {name: {"values": value.split(",")} for name, value in resources.items()},
                **items,
            }
        )

    def item(*access: str, **who: list[str]) -> dict[str, Any]:
        return {"accesses": [{"type": kind} for kind in access], **who}

    def table(name: str, column: str) -> dict[str, str]:
        return {"catalog": "tpch", "schema": "tiny", "table": name, "column": column}

    add({"queryid": "*"}, policyItems=[item("execute", groups=["public"])])
    add(table("nation,region", "*"), policyItems=[item("select", users=["svc"])])
    add(table("nation", "*"), policyItems=[item("select", users=["alice"])])
    add(table("customer", "*"), policyItems=[item("select", groups=["analysts"])])
    add(table("supplier", "*"), policyItems=[item("select", groups=["analysts"])])
    hidden = {**item("select", users=["alice"]), "dataMaskInfo": {"dataMaskType": "MASK_NULL"}}
    add(table("nation", "comment"), 1, dataMaskPolicyItems=[hidden])
    filtered = {**item("select", users=["alice"]), "rowFilterInfo": {"filterExpr": "regionkey = 2"}}
    nation = {"catalog": "tpch", "schema": "tiny", "table": "nation"}
    add(nation, 2, rowFilterPolicyItems=[filtered])
    # Ranger's filters and masks have the identity of whoever asks. Trino asks about it for the columns that they read.
    supplier = {"catalog": "tpch", "schema": "tiny", "table": "supplier"}
    masked = {"dataMaskType": "CUSTOM", "valueExpr": "IF(suppkey > 1, 'hidden', {col})"}
    add(
        table("supplier", "name"),
        1,
        dataMaskPolicyItems=[{**item("select", groups=["analysts"]), "dataMaskInfo": masked}],
    )
    first = {**item("select", groups=["analysts"]), "rowFilterInfo": {"filterExpr": "suppkey <= 3"}}
    add(supplier, 2, rowFilterPolicyItems=[first])
    return found


def xml(properties: dict[str, str]) -> str:
    entries = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in properties.items())
    return f"<configuration>{''.join(entries)}</configuration>\n"


@pytest.fixture(scope="module")
def server(start_server: ServerMaker) -> TrinoServer:
    ranger = {
        "ranger.plugin.trino.policy.rest.url": f"http://127.0.0.1:{free_port()}",
        "ranger.plugin.trino.policy.rest.client.max.retry.attempts": "1",
        "ranger.plugin.trino.policy.rest.client.retry.interval.ms": "1",
        "ranger.plugin.trino.policy.cache.dir": "etc/ranger",
        "xasecure.audit.is.enabled": "false",
    }
    cache = {
        "serviceName": SERVICE,
        "serviceId": 1,
        "policyVersion": 1,
        "policies": policies(),
        "serviceDef": service_definition(),
    }
    delegate = {
        "access-control.name": "ranger",
        "ranger.service.name": SERVICE,
        "ranger.plugin.config.resource": "etc/ranger-trino-security.xml",
    }
    people = [service("svc"), person("alice", groups=["analysts"])]
    # Ranger's plugin of Trino 476 takes it for impersonation to become oneself, for which there is no policy here.
    files = {
        **IMMUTA_CATALOG,
        **delegate_files(delegate, policy_text(people), **{"immuta.delegate.check-principals": "false"}),
        "etc/ranger-trino-security.xml": xml(ranger),
        f"etc/ranger/trino_{SERVICE}.json": json.dumps(cache),
    }
    return start_server("ranger", Configuration(files, ["svc"]))


@pytest.fixture
def svc(server: TrinoServer) -> HttpSession:
    return HttpSession(server, "svc")


@pytest.fixture(params=["header", "property"])
def as_alice(request: pytest.FixtureRequest, svc: HttpSession) -> HttpSession:
    return svc.as_user("alice") if request.param == "header" else svc.with_property("immuta.immuta_user", "alice")


def rows(answer: Answer) -> list[Any]:
    assert answer.error is None, answer.error
    return list(answer.rows)


def test_the_service_account_itself_sees_what_ranger_gives_it(svc: HttpSession) -> None:
    assert rows(svc.run(NATIONS)) == [[25, 0]]
    assert rows(svc.run(REGIONS)) == [[5]]


def test_the_row_filter_and_the_column_mask_of_the_target_apply(as_alice: HttpSession) -> None:
    assert rows(as_alice.run(NATIONS)) == [[5, 5]]


def test_what_only_the_service_account_may_read_is_denied_to_the_target(as_alice: HttpSession) -> None:
    assert "Cannot select from" in as_alice.run(REGIONS).error


def test_on_the_property_path_ranger_is_given_the_groups_of_our_policy(svc: HttpSession) -> None:
    assert rows(svc.with_property("immuta.immuta_user", "alice").run(CUSTOMERS)) == [[1500]]
    assert "Cannot select from" in svc.run(CUSTOMERS).error


def test_a_filter_and_a_mask_by_group_that_read_a_column_apply_to_the_target(svc: HttpSession) -> None:
    suppliers = "SELECT count(*), count_if(name = 'hidden') FROM tpch.tiny.supplier"
    assert rows(svc.with_property("immuta.immuta_user", "alice").run(suppliers)) == [[3, 2]]
    assert "Cannot select from" in svc.run(suppliers).error
