"""A collector for tests: takes OTLP by HTTP and prints what comes, as JSON.

The first line is its address; then one line for each request: its path, its headers,
and the ExportTraceServiceRequest, read with the official protobufs.

    otlp_receiver.py [STATUS [REFUSALS]]

answers STATUS, 200 by default; with REFUSALS, it first refuses so many with 503.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

status = int(sys.argv[1]) if len(sys.argv) > 1 else 200
refusals = int(sys.argv[2]) if len(sys.argv) > 2 else 0


def plain(value):
    """An AnyValue without its wrapping; numbers as numbers, as JSON has them as text."""
    (kind, inner), = value.items() if value else (("stringValue", ""),)
    if kind == "arrayValue":
        return [plain(item) for item in inner.get("values", [])]
    return int(inner) if kind == "intValue" else inner


def attributes(item):
    pairs = [(pair["key"], plain(pair["value"])) for pair in item.get("attributes", [])]
    assert len(pairs) == len({key for key, _ in pairs}), f"a key twice: {pairs}"
    return dict(pairs)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global refusals
        body = self.rfile.read(int(self.headers["content-length"]))
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        assert request.ByteSize() == len(body), "bytes that are no field"
        spans = []
        for resource in MessageToDict(request)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    span["attributes"] = attributes(span)
                    for event in span.get("events", []):
                        event["attributes"] = attributes(event)
                    spans.append(span)
        refuses, refusals = refusals > 0, max(refusals - 1, 0)
        line = {
            "path": self.path,
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "resource": dict(sorted(attributes(resource["resource"]).items())),
            "scope": scope["scope"],
            "spans": spans,
        }
        print(json.dumps(line), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(503 if refuses else status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
