import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.network import DELAY_SECONDS, FAULTS, Network

# Longer than any fault here takes, and than a busy machine needs.
PATIENCE = 10


class Echo:
    """Answers each line by itself."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    @staticmethod
    def _answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1000):
                connection.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def network(echo: Echo) -> Iterator[Network]:
    with Network() as network:
        network.lead_to(echo.port)
        yield network


@pytest.fixture
def client(network: Network) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", network.port), PATIENCE) as client:
        # Both sides know the connection from then on.
        assert ask(client, b"before\n") == b"before\n"
        yield client


def ask(client: socket.socket, line: bytes) -> bytes:
    client.sendall(line)
    answer = b""
    while not answer.endswith(b"\n") and (part := client.recv(1000)):
        answer += part
    return answer


def stays_silent(client: socket.socket, line: bytes) -> bool:
    client.settimeout(0.2)
    try:
        ask(client, line)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE)
    return False


def test_without_a_fault_everything_passes(client: socket.socket) -> None:
    assert ask(client, b"one\n") == b"one\n"
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""


def test_nobody_listens_and_afterwards_somebody_does_at_the_same_port(network: Network, client: socket.socket) -> None:
    network.break_down("refuse")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", network.port), PATIENCE)
    network.repair()
    with socket.create_connection(("127.0.0.1", network.port), PATIENCE) as again:
        assert ask(again, b"one\n") == b"one\n"


def test_a_black_hole_gives_back_what_it_swallowed(network: Network, client: socket.socket) -> None:
    network.break_down("blackhole")
    assert stays_silent(client, b"late\n")
    network.repair()
    assert client.recv(100) == b"late\n"


def test_what_is_dropped_never_comes(network: Network, client: socket.socket) -> None:
    network.break_down("drop")
    assert stays_silent(client, b"lost\n")
    network.repair()
    with pytest.raises(ConnectionResetError):
        client.recv(100)


@pytest.mark.parametrize("fault", ["delay", "slow"])
def test_what_is_late_comes(network: Network, client: socket.socket, fault: str) -> None:
    network.break_down(fault)
    assert ask(client, b"x" * 30 + b"\n") == b"x" * 30 + b"\n"


def test_a_delay_is_one_that_can_be_seen(network: Network, client: socket.socket) -> None:
    network.break_down("delay")
    assert DELAY_SECONDS > 0.2
    assert stays_silent(client, b"late\n")


def test_an_answer_is_cut_in_the_middle(network: Network, client: socket.socket) -> None:
    network.break_down("cut")
    client.sendall(b"whole\n")
    received = b""
    with pytest.raises(ConnectionResetError):
        while True:
            received += client.recv(100)
    assert received in (b"", b"who")


def test_an_answer_has_another_byte(network: Network, client: socket.socket) -> None:
    network.break_down("corrupt")
    answer = ask(client, b"right\n")
    assert len(answer) == 6
    assert answer != b"right\n"


def test_after_the_requests_end_no_answer_comes(network: Network, client: socket.socket) -> None:
    network.break_down("half-close")
    client.sendall(b"one\n")
    assert client.recv(100) == b""
    # What it goes on to send meets nobody.
    client.sendall(b"two\n")
    network.repair()
    with pytest.raises(ConnectionError):
        while True:
            client.sendall(b"three\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_after_every_fault_new_connections_work(network: Network, fault: str) -> None:
    network.break_down(fault)
    network.repair()
    with socket.create_connection(("127.0.0.1", network.port), PATIENCE) as client:
        assert ask(client, b"one\n") == b"one\n"


def test_without_a_server_connections_are_reset(network: Network, echo: Echo) -> None:
    echo.close()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", network.port), PATIENCE) as client,
    ):
        client.recv(1)
