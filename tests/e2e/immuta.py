"""The stand-in for Immuta as a process of its own, and the configuration of a server that asks it."""

import json
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import environment
from .policy import PERMISSION
from .server import properties_text

API_KEY = "a-key-that-nobody-may-see"
KEY_FILE = "etc/immuta.key"
# Loopback only, whatever proxies the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FakeImmuta:
    """Runs from entering to leaving the context."""

    def __init__(self, directory: Path) -> None:
        self.ca_file = directory / "immuta-ca.pem"
        self._identity = directory / "immuta-identity.pem"
        self._addresses: dict[str, str] = {}
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "FakeImmuta":
        self._process = subprocess.Popen(
            [environment.FAKE_IMMUTA, "--api-key", API_KEY, "--ca-file", self.ca_file, "--identity", self._identity],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._addresses = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        # It serves until its input ends.
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    @property
    def https(self) -> str:
        return self._addresses["https"]

    def put_user(self, userid: str, permissions: Sequence[str] = (), *, disabled: bool = False) -> None:
        user = {"userid": userid, "iamid": "bim", "permissions": list(permissions), "disabled": disabled, "groups": []}
        self._control("PUT", "/users", user)

    def grant(self, userid: str) -> None:
        self.put_user(userid, [PERMISSION])

    def revoke(self, userid: str) -> None:
        self.put_user(userid)

    def break_down(self, kind: str, **more: Any) -> None:
        self._control("PUT", "/fault", {"kind": kind, **more})

    def repair(self) -> None:
        self._control("DELETE", "/fault")

    def request_count(self) -> int:
        return self._control("GET", "/requests")["count"]

    def _control(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._addresses["control"] + path, data, headers, method=method)
        with _opener.open(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None


def immuta_files(immuta: FakeImmuta, **more: str) -> dict[str, str]:
    """The files of a server that looks users up at the stand-in."""
    control = {
        "access-control.name": "immuta",
        "immuta.endpoint": immuta.https,
        "immuta.apikey-file": KEY_FILE,
        "immuta.ca-file": str(immuta.ca_file),
        **more,
    }
    return {"etc/access-control.properties": properties_text(control), KEY_FILE: API_KEY + "\n"}
