"""The main job as a transcript: the real server, the real clients, every answer compared with the expected one."""

import json
import sys
import tempfile
from pathlib import Path

from . import environment
from .demo_property import run_property
from .demo_steps import Steps, Transcript
from .example import example_server
from .policy import AUDIT_FILE, PERMISSION, POLICY_FILE
from .server import ServerFailedError


def run(steps: Steps) -> None:
    title = steps.transcript.title
    title("A service account that holds IMPERSONATE_USER runs a query as alice.")
    steps.allowed("svc_bi", "alice", "permission")
    steps.reads_data("svc_bi", "alice")
    title("An account without the permission is refused.")
    steps.refused("reporting", "alice", "no-permission")
    title("A user who matches immuta.user.admin needs no entry in the policy.")
    steps.allowed("admin_dana", "bob", "admin-user")
    title("An administrator is a protected target, carol is disabled, zoe is unknown, a scope keeps erin out.")
    steps.refused("svc_bi", "immuta_admin", "protected-target")
    steps.refused("svc_bi", "carol", "target-disabled")
    steps.refused("svc_bi", "zoe", "unknown-target")
    steps.refused("svc_bi", "erin", "out-of-scope")
    run_property(steps)
    title("The permission is taken out of the policy file; the next query after the reload is refused.")
    revoke(steps.server.file(POLICY_FILE))
    seconds = steps.until_it_turns("svc_bi", "alice", "permission", "no-permission")
    print(f"  (etc/impersonation.json edited; the change was in force after {seconds:.1f} s)")
    steps.refused("svc_bi", "alice", "no-permission")
    title(f"The audit lines of all of it, from {AUDIT_FILE}:")
    steps.show_audit()


def revoke(path: Path) -> None:
    policy = json.loads(path.read_text(encoding="utf-8"))
    for user in policy["users"]:
        if user["name"] == "svc_bi":
            user["permissions"].remove(PERMISSION)
    path.write_text(json.dumps(policy, indent=2), encoding="utf-8")


def main() -> int:
    transcript = Transcript()
    with tempfile.TemporaryDirectory(prefix="immuta-impersonation-demo-") as directory:
        print(f"starting Trino {environment.TRINO_VERSION} with HTTPS and the plugin (about 15 s)")
        try:
            with example_server(Path(directory)).running() as server:
                print(f"it runs at {server.url}")
                run(Steps(server, transcript))
        except ServerFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
    return transcript.finish()


if __name__ == "__main__":
    sys.exit(main())
