"""A server that speaks what `huggingface_hub` asks of the Hub to push and to fetch a model. It keeps all in memory."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.integrations.local_server import LocalServer, QuietHandler

COMMIT = "1" * 40


class HubServer(LocalServer):
    """Repositories by name, each its files; every request that came."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.visibility: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()
        self.refused: tuple[int, str] | None = None
        """A status and a sentence that every request gets."""
        super().__init__(type("Handler", (_Handler,), {"hub": self}))


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    hub: HubServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.noted()
        if self.hub.refused:
            self.say(self.hub.refused[0], {"error": self.hub.refused[1]})
        elif path == "/api/repos/create":
            told = json.loads(raw)
            name = f"{told['organization']}/{told['name']}"
            self.hub.repositories.setdefault(name, {})
            self.hub.visibility[name] = told.get("visibility")
            self.say(200, {"url": f"{self.hub.url}/{name}"})
        elif path == "/api/validate-yaml":
            self.say(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(raw)["files"]]
            self.say(200, {"files": files})
        else:
            repo = path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in map(json.loads, raw.splitlines()):
                if line["key"] == "file":
                    self.hub.repositories[repo][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.say(200, {"success": True, "commitUrl": f"{self.hub.url}/{repo}/commit/{COMMIT}", "commitOid": COMMIT})

    def do_HEAD(self) -> None:
        self.file()

    def do_GET(self) -> None:
        path = self.noted()
        if not path.startswith("/api/"):
            self.file()
            return
        repo = path.removeprefix("/api/models/").partition("/revision/")[0].partition("/tree/")[0]
        files = self.hub.repositories.get(repo)
        if files is None:
            self.say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            self.say(200, [{"type": "file", "path": name, "size": len(raw), "oid": "0" * 40} for name, raw in files.items()])
        else:
            siblings = [{"rfilename": name} for name in files]
            self.say(200, {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []})

    def file(self) -> None:
        owner, name, _, _, file = urlsplit(self.path).path.strip("/").split("/", 4)
        raw = self.hub.repositories[f"{owner}/{name}"][file]
        self.send(200, raw, {"ETag": f'"{hashlib.sha256(raw).hexdigest()}"', "X-Repo-Commit": COMMIT})

    def noted(self) -> str:
        path = urlsplit(self.path).path
        self.hub.asked.append((self.command, path))
        if self.command == "POST" and path != "/api/validate-yaml":  # the card is checked without a token
            self.hub.tokens.add(self.headers.get("Authorization"))
        return path

    def say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})
