"""A stand-in for the API of Kubernetes: it checks the jobs that it gets and runs their commands.

It answers what snakemake-executor-plugin-kubernetes asks, as Kubernetes does. A pod is a process
with an empty folder of its own and no environment but that of its job; volumes are not mounted, so
their paths must be those of this machine.
"""

import base64
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Json = dict[str, Any]
NAMESPACES = r"/(?:api/v1|apis/batch/v1)/namespaces/(?P<namespace>[^/]+)"


class RefusedError(Exception):
    """An answer other than 200, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Pod:
    """The pod of a job, in a process."""

    def __init__(self, job: Json, environment: dict[str, str]) -> None:
        self.job = job
        self.name: str = job["metadata"]["name"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        self.folder = tempfile.TemporaryDirectory()
        self.log = Path(self.folder.name, "log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*container["command"], *container["args"]],
                **{"cwd": self.folder.name, "env": environment, "start_new_session": True},
                **{"stdout": log, "stderr": subprocess.STDOUT},
            )

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def as_json(self) -> Json:
        code = self.exit_code
        state = {"running": {}} if code is None else {"terminated": {"exitCode": abs(code)}}
        status = {"name": "snakemake", "image": "i", "imageID": "i", "ready": True}
        status |= {"restartCount": 0, "state": state}
        return {"metadata": {"name": f"{self.name}-pod"}, "status": {"containerStatuses": [status]}}


class Cluster:
    """Jobs, pods and secrets of one namespace; `environment` is that of the image."""

    def __init__(self, namespace: str, claims: set[str], environment: dict[str, str]) -> None:
        self.namespace, self.claims, self.environment = namespace, claims, environment
        self.jobs: list[Json] = []
        self.pods: dict[str, Pod] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.secrets_seen: list[dict[str, str]] = []
        self.before_pod: Callable[[Json], None] = lambda job: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write_kubeconfig(self, path: Path) -> Path:
        """What leads a client to this cluster."""
        address = f"http://127.0.0.1:{self.server.server_port}"
        content = {
            "clusters": [{"name": "stand-in", "cluster": {"server": address}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "stand-in", "user": "nobody"}}],
            "current-context": "c",
        }
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **content}))
        return path

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for pod in self.pods.values():
            if pod.exit_code is None:
                pod.process.kill()

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Json) -> Json | str:
        """What Kubernetes says to a request."""
        for pattern, answer in (
            ("POST /secrets", self._add_secret),
            ("DELETE /secrets/(?P<name>.+)", self._delete_secret),
            ("POST /jobs", self._add_job),
            ("GET /jobs/(?P<name>.+)/status", self._job_status),
            ("DELETE /jobs/(?P<name>.+)", lambda body, query, name: {}),
            ("GET /pods", self._list_pods),
            ("GET /pods/(?P<name>.+)-pod/log", self._log),
            ("DELETE /pods/(?P<name>.+)-pod", self._delete_pod),
        ):
            verb, place = pattern.split()
            if method == verb and (match := re.fullmatch(NAMESPACES + place, path)):
                names = match.groupdict()
                if names.pop("namespace") != self.namespace:
                    raise RefusedError(403, "forbidden in this namespace")
                return answer(body, query, **names)
        raise RefusedError(403, f"forbidden: {method} {path}")

    def _add_secret(self, body: Json, query: object) -> Json:
        data = {k: base64.b64decode(v).decode() for k, v in (body.get("data") or {}).items()}
        self.secrets[body["metadata"]["name"]] = data
        self.secrets_seen.append(data)
        return body

    def _delete_secret(self, body: Json, query: object, name: str) -> Json:
        del self.secrets[name]
        return {}

    def _add_job(self, body: Json, query: object) -> Json:
        faults = job_faults(body, self.claims)
        if faults:
            raise RefusedError(422, "; ".join(faults))
        self.jobs.append(body)
        self.before_pod(body)
        container = body["spec"]["template"]["spec"]["containers"][0]
        environment = dict(self.environment)
        for variable in container.get("env") or ():
            place = variable["valueFrom"]["secretKeyRef"]
            environment[variable["name"]] = self.secrets[place["name"]][place["key"]]
        pod = Pod(body, environment)
        self.pods[pod.name] = pod
        return body

    def _job_status(self, body: Json, query: object, name: str) -> Json:
        code = self.pods[name].exit_code
        status = {} if code is None else {"failed": 1} if code else {"succeeded": 1}
        return {"metadata": {"name": name}, "status": status}

    def _list_pods(self, body: Json, query: dict[str, list[str]]) -> Json:
        name = query["labelSelector"][0].removeprefix("job-name=")
        pods = [self.pods[name].as_json()] if name in self.pods else []
        return {"items": pods}

    def _log(self, body: Json, query: dict[str, list[str]], name: str) -> str:
        if query.get("previous", [""])[0].lower() == "true":
            raise RefusedError(
                400, f'previous terminated container "snakemake" in "{name}" not found'
            )
        return self.pods[name].log.read_text()

    def _delete_pod(self, body: Json, query: object, name: str) -> Json:
        pod = self.pods[name]
        if pod.exit_code is None:
            os.killpg(pod.process.pid, 15)
        return {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "{}")
                url = urlsplit(self.path)
                try:
                    status, content = (
                        200,
                        cluster.answer(self.command, url.path, parse_qs(url.query), body),
                    )
                except RefusedError as refusal:
                    status, content = refusal.status, {"kind": "Status", "message": str(refusal)}
                text = content if isinstance(content, str) else json.dumps(content)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = respond  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        return Handler


def job_faults(job: Json, claims: set[str]) -> list[str]:
    """Why Kubernetes would refuse a job: its own rules, as far as the plugin touches them."""
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    requests = container["resources"].get("requests") or {}
    limits = container["resources"].get("limits") or {}
    faults = []
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job["metadata"]["name"]):
        faults.append("metadata.name: not a name of Kubernetes")
    for name, quantity in (requests | limits).items():
        if not re.fullmatch(r"\d+[mM]?", quantity):
            faults.append(f"{name}: {quantity!r} is no quantity")
        if "/" in name and requests.get(name, limits.get(name)) != limits.get(name):
            faults.append(f"{name}: Limit must be set for non overcommitable resources")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    if len({*mounts}) < len(mounts) or any(
        mount["name"] not in volumes for mount in container["volumeMounts"]
    ):
        faults.append("volumeMounts: two at one path, or one of no volume")
    wanted = {
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["volumes"]
        if len(v) > 1 and "persistentVolumeClaim" in v
    }
    faults += [f"there is no claim {name}" for name in sorted(wanted - claims)]
    return faults
