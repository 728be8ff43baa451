"""A collector for the tests: decodes what it gets by OpenTelemetry's own definitions, one JSON line per span."""
import http.server, json, sys
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.trace.v1 import trace_pb2 as trace

def value(any_value):
    kind = any_value.WhichOneof("value")
    return None if kind is None else getattr(any_value, kind) if kind != "array_value" else None

def text(attributes):
    return {pair.key: str(value(pair.value)) for pair in attributes}

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = service.ExportTraceServiceRequest()
        request.ParseFromString(body)
        with open(sys.argv[1], "a") as out:
            for of_resource in request.resource_spans:
                resource = text(of_resource.resource.attributes)
                for of_scope in of_resource.scope_spans:
                    for span in of_scope.spans:
                        out.write(json.dumps({
                            "service": resource.get("service.name", ""), "scope": of_scope.scope.name,
                            "trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                            "name": span.name, "kind": trace.Span.SpanKind.Name(span.kind),
                            "status": trace.Status.StatusCode.Name(span.status.code),
                            "attributes": text(span.attributes),
                            "links": [{"trace": link.trace_id.hex(), "id": link.span_id.hex()} for link in span.links],
                            "events": [event.name for event in span.events],
                            "isInOrder": 0 < span.start_time_unix_nano <= span.end_time_unix_nano,
                            "isKnown": self.path == "/v1/traces"
                            and self.headers["Content-Type"] == "application/x-protobuf"
                            and bool(self.headers["api-key"]),
                        }) + "\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(service.ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
