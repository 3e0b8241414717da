"""Immuta, or what is left of it: the stand-in behind a bad network."""

import json
import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from e2e import environment
from e2e.immuta import API_KEY, FakeImmuta

from . import network
from .network import Network
from .truth import Truth
from .world import PERMISSION, World, holds_permission, is_enabled

OWN = [
    "killed and started again",
    "frozen and thawed",
    "slow, but in time",
    "key revoked and given back",
    "key replaced",
    "tokens expired",
]
NETWORK = "network: "
ANSWER = "answer: "
SLOW_MILLIS = 400


def kinds() -> list[str]:
    """Everything that can go wrong between a server and Immuta. One of the answers would last a minute."""
    golden = json.loads(environment.ROOT.joinpath("tests/golden/faults.json").read_text(encoding="utf-8"))
    # The last three are servers of their own.
    answers = [fault["name"] for fault in golden if fault["name"] != "no-server" and "tls" not in fault["name"]]
    return [*OWN, *(NETWORK + name for name in network.FAULTS), *(ANSWER + name for name in answers)]


class Immuta(FakeImmuta):
    """The stand-in, where servers reach it by the network alone. A change is made when it can be made."""

    def __init__(self, directory: Path, world: World, truth: Truth, way: Network) -> None:
        super().__init__(directory)
        self.world = world
        self._truth = truth
        self._way = way
        self._reachable = False
        self._waiting: set[str] = set()
        self._key = API_KEY
        self._keys = 0
        self.key_file = directory / "immuta.key"

    def __enter__(self) -> "Immuta":
        super().__enter__()
        self._serve_again()
        self.faults = {known["name"]: known["fault"] for known in self._control("GET", "/faults")}
        return self

    def __exit__(self, *_: object) -> None:
        # Who is frozen would not hear that it is to end.
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self._way.port}"

    def update(self, user: str) -> None:
        """Tells it what the world says of a user, now or when it can hear."""
        if not self._reachable:
            self._waiting.add(user)
            return
        begin = time.time()
        permissions = [PERMISSION] if user in self.world.granted else []
        self.put_user(user, permissions, disabled=user in self.world.disabled)
        end = time.time()
        self._truth.say(holds_permission("immuta", user), bool(permissions), begin, end)
        self._truth.say(is_enabled("immuta", user), user not in self.world.disabled, begin, end)

    def begin(self, kind: str) -> None:
        match kind:
            case "killed and started again":
                self._reachable = False
                self._process.kill()
                self._process.wait()
                self._process.stdin.close()
                self._process.stdout.close()
            case "frozen and thawed":
                self._reachable = False
                os.kill(self._process.pid, signal.SIGSTOP)
            case "slow, but in time":
                self.break_down("delay", millis=SLOW_MILLIS)
            case "key revoked and given back":
                self._control("PUT", "/api-key", {"apiKey": "another-key-that-nobody-may-see"})
            case "key replaced":
                self._keys += 1
                self._key = f"{API_KEY}-{self._keys}"
                self._control("PUT", "/api-key", {"apiKey": self._key})
            case "tokens expired":
                self._control("POST", "/tokens/expire")
            case _ if kind.startswith(NETWORK):
                self._way.break_down(kind.removeprefix(NETWORK))
            case _:
                self._control("PUT", "/fault", self.faults[kind.removeprefix(ANSWER)])

    def end(self, kind: str) -> None:
        match kind:
            case "killed and started again":
                super().__enter__()
                self._serve_again()
            case "frozen and thawed":
                os.kill(self._process.pid, signal.SIGCONT)
                self._catch_up()
            case "key revoked and given back":
                self._control("PUT", "/api-key", {"apiKey": self._key})
            case "key replaced":
                self._write_key()
            case "tokens expired":
                pass
            case _ if kind.startswith(NETWORK):
                self._way.repair()
            case _:
                self.repair()

    def _serve_again(self) -> None:
        """It has forgotten everything, and has another port."""
        self._control("PUT", "/api-key", {"apiKey": self._key})
        self._write_key()
        self._waiting.update(self.world.known)
        self._catch_up()
        self._way.lead_to(urlsplit(self.https).port)

    def _catch_up(self) -> None:
        self._reachable = True
        for user in sorted(self._waiting):
            self.update(user)
        self._waiting.clear()

    def _write_key(self) -> None:
        new = self.key_file.with_suffix(".new")
        # The engine refuses a key that others can read.
        new.touch(mode=0o600)
        new.write_text(self._key + "\n", encoding="utf-8")
        new.replace(self.key_file)
