"""Policy files and the plugin's properties, in the words of the documentation."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .server import properties_text

POLICY_FILE = "etc/impersonation.json"
DELEGATE_FILE = "etc/delegate.properties"
RULES_FILE = "etc/rules.json"
IMMUTA_CATALOG = {"etc/catalog/immuta.properties": "connector.name=immuta\n"}
AUDIT_FILE = "var/log/impersonation-audit.jsonl"
PERMISSION = "IMPERSONATE_USER"


def service(name: str, **more: Any) -> dict[str, Any]:
    """A user who holds the permission."""
    return {"name": name, "permissions": [PERMISSION], **more}


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


def policy_text(users: Iterable[Mapping[str, Any]], scopes: Iterable[Mapping[str, Any]] = ()) -> str:
    policy: dict[str, Any] = {"users": list(users)}
    if scopes:
        policy["scopes"] = list(scopes)
    return json.dumps(policy, indent=2, ensure_ascii=False)


def delegate_files(delegate: Mapping[str, str], policy: str, **control: str) -> dict[str, str]:
    """Our control over a delegate."""
    return {
        "etc/access-control.properties": control_text(**{"immuta.delegate.config-file": DELEGATE_FILE, **control}),
        DELEGATE_FILE: properties_text(delegate),
        POLICY_FILE: policy,
    }


def guarded_files(rules: Mapping[str, Any], users: Iterable[Mapping[str, Any]], **control: str) -> dict[str, str]:
    """Our control over Trino's file control with these rules."""
    delegate = {"access-control.name": "file", "security.config-file": RULES_FILE}
    return {**delegate_files(delegate, policy_text(users), **control), RULES_FILE: json.dumps(rules)}


def control_text(policy_file: str = POLICY_FILE, **more: str) -> str:
    """An access-control.properties. Each refusal leaves its line, since the tests ask more often than people do."""
    control = {
        "access-control.name": "immuta",
        "immuta.impersonation.policy-file": policy_file,
        "immuta.impersonation.audit.max-repeated-refusals": "0",
    }
    return properties_text({**control, **more})
