"""A server that speaks what `huggingface_hub` asks of the Hub to push and to fetch a model. It keeps all in memory."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "1" * 40


class HubServer:
    """Repositories by name, each its files; every request that came."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.visibility: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()
        self.refused: tuple[int, str] | None = None
        """A status and a sentence that every request gets."""
        ours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                path = self.noted()
                if ours.refused:
                    self.say(ours.refused[0], {"error": ours.refused[1]})
                elif path == "/api/repos/create":
                    told = json.loads(raw)
                    name = f"{told['organization']}/{told['name']}"
                    ours.repositories.setdefault(name, {})
                    ours.visibility[name] = told.get("visibility")
                    self.say(200, {"url": f"{ours.url}/{name}"})
                elif path == "/api/validate-yaml":
                    self.say(200, {"errors": [], "warnings": []})
                elif "/preupload/" in path:
                    files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(raw)["files"]]
                    self.say(200, {"files": files})
                else:
                    repo = path.removeprefix("/api/models/").partition("/commit/")[0]
                    for line in map(json.loads, raw.splitlines()):
                        if line["key"] == "file":
                            ours.repositories[repo][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                    self.say(200, {"success": True, "commitUrl": f"{ours.url}/{repo}/commit/{COMMIT}", "commitOid": COMMIT})

            def do_HEAD(self) -> None:
                self.file()

            def do_GET(self) -> None:
                path = self.noted()
                if not path.startswith("/api/"):
                    self.file()
                    return
                repo = path.removeprefix("/api/models/").partition("/revision/")[0].partition("/tree/")[0]
                files = ours.repositories.get(repo)
                if files is None:
                    self.say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
                elif "/tree/" in path:
                    self.say(200, [{"type": "file", "path": name, "size": len(raw), "oid": "0" * 40} for name, raw in files.items()])
                else:
                    siblings = [{"rfilename": name} for name in files]
                    self.say(200, {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []})

            def file(self) -> None:
                owner, name, _, _, file = urlsplit(self.path).path.strip("/").split("/", 4)
                raw = ours.repositories[f"{owner}/{name}"][file]
                self.send_response(200)
                self.send_header("ETag", f'"{hashlib.sha256(raw).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(raw)

            def noted(self) -> str:
                path = urlsplit(self.path).path
                ours.asked.append((self.command, path))
                if self.command == "POST" and path != "/api/validate-yaml":  # the card is checked without a token
                    ours.tokens.add(self.headers.get("Authorization"))
                return path

            def say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
                raw = json.dumps(content).encode()
                self.send_response(status)
                told = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **(headers or {})}
                for name, value in told.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
