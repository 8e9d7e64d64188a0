"""
A stand-in for a Databricks workspace's serving endpoints, on the loopback.

It answers with the fields of the real API and refuses what the real one refuses: an unknown model or version, a
name that is taken, a change while another is under way, a caller without permission. Deployments go one step a look.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUILDING = "Served entity container image is being built"
TOKEN = "a-token-for-tests"


class StandIn:
    """The workspace's endpoints, the calls that it received, and the faults that it shall show."""

    def __init__(self, host):
        self.host = host
        self.models = {"airline_test.ml.minilm_l6_v2_embedder": {"1", "2"}}
        self.endpoints = {}
        self.asked = []  # (method, path, body)
        self.permitted = True
        self.looks = 2  # how often a deployment is seen under way
        self.fails = None  # why every deployment fails
        self.answers = []  # (status, headers, body), given before all else, first one first
        self.predict = None  # texts -> predictions

    def headers(self):
        """Return the headers of a login."""
        return {"Authorization": f"Bearer {TOKEN}"}

    def serve(self, name, model, version, looks=0):
        """Put an endpoint there that others made; `looks` above 0 is how long its update goes on."""
        entity = {"entity_name": model, "entity_version": version, "workload_size": "Small", "workload_type": "CPU"}
        self.endpoints[name] = {"name": name, "looks": looks, "config": None, "pending": [entity | _ZERO]}
        if not looks:
            self._settle(self.endpoints[name])

    def changes(self):
        """Return the calls that changed something."""
        return [(method, path) for method, path, _ in self.asked if method in {"POST", "PUT"}]

    def answer(self, method, path, body, token):
        """Return status, headers and body."""
        self.asked.append((method, path, body))
        if token != f"Bearer {TOKEN}":
            return _refusal(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type")
        if self.answers:
            return self.answers.pop(0)
        if method != "GET" and not self.permitted:
            return _refusal(403, "PERMISSION_DENIED", "User does not have permission to create a serving endpoint")
        if path.endswith("/invocations"):
            texts = [record["text"] for record in body["dataframe_records"]]
            return 200, {}, {"predictions": self.predict(texts)}
        return self._create(body) if method == "POST" else self._of_one(method, path.split("/")[4], body)

    def _of_one(self, method, name, body):
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            return _refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Endpoint with name '{name}' does not exist.")
        return self._look(endpoint) if method == "GET" else self._update(endpoint, body)

    def _create(self, body):
        if body["name"] in self.endpoints:
            return _refusal(409, "RESOURCE_ALREADY_EXISTS", f"Endpoint with name '{body['name']}' already exists.")
        entities = body["config"]["served_entities"]
        if unknown := self._unknown(entities):
            return unknown
        self.endpoints[body["name"]] = {"name": body["name"], "looks": self.looks, "config": None, "pending": entities}
        return 200, {}, self._shown(self.endpoints[body["name"]])

    def _update(self, endpoint, body):
        if endpoint["looks"] > 0:
            return _refusal(409, "RESOURCE_CONFLICT", "Endpoint is currently updating its configuration")
        if unknown := self._unknown(body["served_entities"]):
            return unknown
        endpoint.update(pending=body["served_entities"], looks=self.looks, failed=False)
        return 200, {}, self._shown(endpoint)

    def _look(self, endpoint):
        shown = self._shown(endpoint)
        if endpoint["looks"] > 0:
            endpoint["looks"] -= 1
            if endpoint["looks"] == 0:
                self._settle(endpoint)
        return 200, {}, shown

    def _settle(self, endpoint):
        if self.fails:
            endpoint["failed"] = True
        else:
            endpoint.update(config=endpoint["pending"], pending=None)

    def _unknown(self, entities):
        for entity in entities:
            name, version = entity["entity_name"], entity["entity_version"]
            if version not in self.models.get(name, ()):
                return _refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Model version '{name}' {version} does not exist.")
        return None

    def _shown(self, endpoint):
        update = "IN_PROGRESS" if endpoint["looks"] else "NOT_UPDATING"
        message = BUILDING if endpoint["looks"] else "Scaled to zero"
        if endpoint.get("failed"):
            update, message = "UPDATE_FAILED", self.fails
        shown = {
            "name": endpoint["name"],
            "state": {"ready": "READY" if endpoint["config"] else "NOT_READY", "config_update": update},
        }
        for key, entities in (("config", endpoint["config"]), ("pending_config", endpoint["pending"])):
            if entities:
                states = [entity | {"state": {"deployment_state_message": message}} for entity in entities]
                shown[key] = {"served_entities": states}
        return shown


_ZERO = {"scale_to_zero_enabled": True}


def _refusal(status, code, message):
    return status, {}, {"error_code": code, "message": message}


@contextmanager
def serving():
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, headers, payload = stand_in.answer(self.command, self.path, body, self.headers.get("Authorization"))
            data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815  # http.server wants these

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in = StandIn(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
