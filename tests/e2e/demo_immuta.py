"""Users looked up at a stand-in for Immuta, as a transcript: grant, revocation, outage, recovery."""

import sys
import tempfile
from pathlib import Path

from . import environment
from .credentials import Certificate
from .demo_steps import Steps, Transcript
from .immuta import FakeImmuta, immuta_files
from .policy import AUDIT_FILE
from .server import Configuration, ServerFailedError, TrinoServer

TTL = 5
NEGATIVE_TTL = 1
TIMEOUT = 2
PROMISE = TTL + TIMEOUT
SETTINGS = {
    "immuta.user.admin": "admin_.+",
    "immuta.http.timeout.milliseconds": str(TIMEOUT * 1000),
    "immuta.impersonation.cache.ttl": f"{TTL}s",
    "immuta.impersonation.cache.negative-ttl": f"{NEGATIVE_TTL}s",
}


def run(steps: Steps, immuta: FakeImmuta) -> None:
    title = steps.transcript.title
    title("Immuta knows svc_bi and alice, and nobody holds IMPERSONATE_USER.")
    steps.refused("svc_bi", "alice", "no-permission")

    title("The permission is granted in Immuta; no file is edited, nothing is restarted.")
    immuta.grant("svc_bi")
    seconds = steps.until_it_turns("svc_bi", "alice", "no-permission", "permission")
    print(f"  (in force after {seconds:.1f} s; a refusal is remembered for {NEGATIVE_TTL} s)")
    steps.allowed("svc_bi", "alice", "permission")
    steps.reads_data("svc_bi", "alice")

    title(f"It is revoked again; a query that comes all the time is refused within {PROMISE} s, as promised.")
    immuta.revoke("svc_bi")
    seconds = steps.until_it_turns("svc_bi", "alice", "permission", "no-permission")
    steps.transcript.check(
        "seconds until the first refusal", f"{seconds:.1f}", seconds <= PROMISE, f"{PROMISE} at most"
    )
    steps.refused("svc_bi", "alice", "no-permission")

    title("Immuta goes down while the permission is held: who is remembered goes on, then nobody is let in.")
    immuta.grant("svc_bi")
    steps.until_it_turns("svc_bi", "alice", "no-permission", "permission")
    immuta.break_down("status", code=503)
    seconds = steps.until_it_turns("svc_bi", "alice", "permission", "lookup-unavailable")
    print(f"  (refused after {seconds:.1f} s without Immuta)")
    steps.refused("svc_bi", "alice", "lookup-unavailable")

    title(
        "An administrator of the configuration is still one, but a target that cannot be looked up counts as unknown."
    )
    steps.refused("admin_dana", "alice", "unknown-target")

    title("Immuta is back; the next probe finds it.")
    immuta.repair()
    seconds = steps.until_it_turns("svc_bi", "alice", "lookup-unavailable", "permission")
    print(f"  (found after {seconds:.1f} s)")
    steps.allowed("svc_bi", "alice", "permission")

    title(f"The audit lines of all of it, from {AUDIT_FILE}:")
    steps.show_audit()


def main() -> int:
    transcript = Transcript()
    with tempfile.TemporaryDirectory(prefix="immuta-impersonation-demo-") as name, FakeImmuta(Path(name)) as immuta:
        directory = Path(name)
        immuta.put_user("svc_bi")
        immuta.put_user("alice")
        certificates = directory / "certificates"
        certificates.mkdir()
        configuration = Configuration(immuta_files(immuta, **SETTINGS), ["svc_bi", "admin_dana"])
        server = TrinoServer(directory / "trino", Certificate.create(certificates), configuration)
        print(f"the stand-in for Immuta runs at {immuta.https}")
        print(f"starting Trino {environment.TRINO_VERSION} with HTTPS and the plugin (about 15 s)")
        try:
            with server.running():
                print(f"it runs at {server.url}")
                run(Steps(server, transcript), immuta)
        except ServerFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
    return transcript.finish()


if __name__ == "__main__":
    sys.exit(main())
