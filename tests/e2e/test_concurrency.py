"""Requests at the same time get their own answers."""

from concurrent.futures import ThreadPoolExecutor

from .clients import CURRENT_USER, Answer, HttpSession
from .server import TrinoServer

THREADS = 8
ROUNDS = 6
REQUESTS = [
    ("svc", "alice", None),
    ("svc", "bob", None),
    ("svc", "carol", "disabled or has expired"),
    ("plain", "alice", "IMPERSONATE_USER"),
    ("admin_omar", "bob", None),
    ("user", "user_alice", None),
    ("user", "bob", "cannot impersonate"),
    ("plain", "plain", None),
]


def test_mixed_requests_in_eight_threads_each_get_their_own_answer(main_server: TrinoServer) -> None:
    def ask(request: tuple[str, str, str | None]) -> tuple[tuple[str, str, str | None], Answer]:
        login, target, _ = request
        return request, HttpSession(main_server, login).as_user(target).run(CURRENT_USER)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(ask, REQUESTS * ROUNDS))
    assert len(answers) == len(REQUESTS) * ROUNDS
    for (login, target, words), answer in answers:
        if words is None:
            assert answer == Answer(value=target)
        else:
            assert str(answer.error).startswith(f"Access Denied: User {login} cannot impersonate user {target}: ")
            assert words in str(answer.error)
