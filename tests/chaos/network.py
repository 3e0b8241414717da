"""A network between two processes that can be cut, slowed and spoilt: a TCP proxy on loopback."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

CHUNK = 65536
# The kernel answers what arrives later by a reset.
RESET = struct.pack("ii", 1, 0)
DELAY_SECONDS = 0.7
SLOW_BYTES_PER_SECOND = 200

# What the network can do to connections, those of before included.
FAULTS = {
    "refuse": "nobody listens, and the connections that there are are reset",
    "blackhole": "nothing passes, nothing closes, and what was sent arrives when it is over",
    "drop": "what is sent is lost, and nothing closes",
    "delay": f"everything comes {DELAY_SECONDS} s later",
    "slow": f"{SLOW_BYTES_PER_SECOND} bytes a second",
    "half-close": "the server's side is closed after each request, and its answer never comes",
    "cut": "connections are reset in the middle of an answer",
    "corrupt": "a byte of each answer is another",
}


class Network:
    """Listens on a port of its own and passes everything on to a port that may change, from entering to leaving."""

    def __init__(self) -> None:
        self.port = 0
        self._target = 0
        self._fault: str | None = None
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._half_closed: set[asyncio.StreamWriter] = set()
        self._failures: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._note)
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "Network":
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        # A mistake of ours would be taken for a network that is even worse.
        assert not self._failures, self._failures

    def lead_to(self, port: int) -> None:
        self._target = port

    def break_down(self, fault: str) -> None:
        self._call(self._set(fault))

    def repair(self) -> None:
        """Ends the fault. Connections that it spoilt are reset, as after a cut that was long enough."""
        self._call(self._set(None))

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Python 3.11 reports tasks that were cancelled, as all are in the end.
        if not isinstance(context.get("exception"), asyncio.CancelledError):
            self._failures.append(str(context))

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, fault: str | None) -> None:
        before, self._fault = self._fault, fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault == "refuse":
            self._server.close()
        if fault == "refuse" or before in ("drop", "half-close"):
            for writer in list(self._writers):
                reset(writer)
        if before == "refuse":
            await self._listen()

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._known(writer):
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            except OSError:
                # Nobody is there.
                reset(writer)
                return
            with self._known(far_writer):
                try:
                    async with asyncio.TaskGroup() as both:
                        both.create_task(self._pass_on(reader, far_writer, self._spoil_request))
                        both.create_task(self._pass_on(far_reader, writer, self._spoil_answer))
                except* OSError:
                    reset(writer)
                    reset(far_writer)

    @contextlib.contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            self._half_closed.discard(writer)
            writer.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        spoil: Callable[[bytes, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    ) -> None:
        while data := await reader.read(CHUNK):
            if writer in self._half_closed:
                continue
            if self._fault is None:
                writer.write(data)
            else:
                await spoil(data, writer)
            await writer.drain()
        if self._fault not in ("blackhole", "drop"):
            self._half_close(writer)

    def _half_close(self, writer: asyncio.StreamWriter) -> None:
        self._half_closed.add(writer)
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _spoil_request(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        match self._fault:
            case "half-close":
                writer.write(data)
                self._half_close(writer)
            case "cut" | "corrupt":
                writer.write(data)
            case _:
                await self._hold_up(data, writer)

    async def _spoil_answer(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        match self._fault:
            case "cut":
                writer.write(data[: len(data) // 2])
                await writer.drain()
                reset(writer)
            case "corrupt":
                middle = len(data) // 2
                writer.write(data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :])
            case "half-close":
                pass
            case _:
                await self._hold_up(data, writer)

    async def _hold_up(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """What the faults do that treat both directions alike."""
        match self._fault:
            case "drop":
                return
            case "blackhole":
                await self._changed.wait()
            case "delay":
                await asyncio.sleep(DELAY_SECONDS)
            case "slow":
                while data and self._fault == "slow":
                    writer.write(data[:20])
                    data = data[20:]
                    await writer.drain()
                    await asyncio.sleep(20 / SLOW_BYTES_PER_SECOND)
        writer.write(data)


def reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
