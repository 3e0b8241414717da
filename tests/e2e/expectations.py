"""What answers and refusals must look like."""

from .clients import Answer


def value(answer: Answer) -> str | None:
    """The first value of an answer that is no error."""
    assert answer.error is None, answer.error
    return answer.value


def refused(answer: Answer, impersonator: str, target: str) -> None:
    """The answer is Trino's own text, a colon and one sentence for people."""
    text = f"Access Denied: User {impersonator} cannot impersonate user {target}: "
    assert answer.error is not None, f"let in as {answer.value}"
    assert answer.error.startswith(text), answer.error
    sentence = answer.error[len(text) :]
    assert sentence
    assert "\n" not in sentence
