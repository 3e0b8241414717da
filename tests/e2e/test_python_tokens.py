"""Whose OAuth2 token Python's client sends, for one host and one user: why a person should not hold the permission."""

import io
import json

import requests
import trino.auth

URL = "https://localhost:8443/v1/statement"
LOGIN = 'Bearer x_redirect_server="https://localhost:8443/login", x_token_server="https://localhost:8443/token"'


class Server(requests.adapters.BaseAdapter):
    """Gives a token to whoever is at the browser, and answers a statement with the token that it came with."""

    def __init__(self) -> None:
        super().__init__()
        self.browser = ""

    def send(self, request: requests.PreparedRequest, *_arguments, **_more) -> requests.Response:
        if request.url.endswith("/token"):
            return self._response(request, 200, json.dumps({"token": self.browser}))
        token = request.headers.get("Authorization")
        return self._response(request, 200 if token else 401, str(token))

    def _response(self, request: requests.PreparedRequest, status: int, text: str) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.headers["WWW-Authenticate"] = LOGIN
        response.raw, response.connection = io.BytesIO(text.encode()), self
        return response

    def close(self) -> None:
        pass


def sent_by(person: str, server: Server, authentication: trino.auth.OAuth2Authentication) -> str:
    """The token of the statement that a person's session sends for alice."""
    server.browser = person
    with requests.Session() as session:
        session.mount("https://", server)
        authentication.set_http_session(session)
        return session.post(URL, headers={"X-Trino-User": "alice"}).text


def authentication() -> trino.auth.OAuth2Authentication:
    return trino.auth.OAuth2Authentication(redirect_auth_url_handler=lambda _url: None)


def test_people_who_share_an_authentication_are_whoever_logged_in_first() -> None:
    server, shared = Server(), authentication()
    assert [sent_by(person, server, shared) for person in ("ann", "ben")] == ["Bearer ann", "Bearer ann"]


def test_people_who_have_an_authentication_each_are_themselves() -> None:
    server = Server()
    assert [sent_by(person, server, authentication()) for person in ("ann", "ben")] == ["Bearer ann", "Bearer ben"]
