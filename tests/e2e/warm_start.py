"""Starts a server once, so that the JVM leaves a cache by which the servers of the tests start a third faster.

JEP 514, since JDK 25: https://openjdk.org/jeps/514
"""

import sys
import tempfile
from pathlib import Path

from .credentials import Certificate
from .server import Configuration, TrinoServer


def main(cache: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        flags = [f"-XX:AOTCacheOutput={cache}"]
        server = TrinoServer(
            directory / "server", Certificate.create(directory), Configuration({}, ["svc"], jvm_flags=flags)
        )
        # The JVM writes the cache when it ends, which takes longer than a server's end.
        with server.running():
            server.end()
        assert cache.exists(), server.log


if __name__ == "__main__":
    main(Path(sys.argv[1]))
