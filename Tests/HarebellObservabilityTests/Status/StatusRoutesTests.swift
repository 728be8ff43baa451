import Testing

@testable import HarebellObservability

@Suite struct `Status routes` {
    private struct Refused: Error, CustomStringConvertible { let description = "it is stopping" }

    private func routes(
        isReady: Bool = true,
        control: (@Sendable (StatusRoutes.Command, String?) async throws -> String)? = { command, service in
            service.map { "\($0): \(command)" } ?? "\(command)"
        }
    ) -> StatusRoutes {
        let ok = StatusReport([.init(name: "worker email", state: "running", isOK: true)])
        let failing = StatusReport([
            .init(name: "worker email", state: "running", isOK: true),
            .init(name: "broker", state: "takes no \"publishes\"", isOK: false),
        ])
        return StatusRoutes(
            metrics: { "a_total 1 \($0)\n" }, live: { ok }, ready: { isReady ? ok : failing }, started: { ok },
            control: control)
    }

    private func request(
        _ method: String, _ path: String, _ fields: [String: String] = [:], body: String = "", isLocal: Bool = true
    ) -> StatusRequest {
        StatusRequest(
            method: method, path: path, fields: ["host": "127.0.0.1:9000"].merging(fields) { $1 },
            body: Array(body.utf8), isLocal: isLocal)
    }

    @Test(arguments: ["/livez", "/readyz", "/startupz"])
    func `a probe is answered 200 with what each part does`(path: String) async {
        let response = await routes().answer(request("GET", path))
        #expect(response.status == 200)
        #expect(response.body == "{\"status\":\"ok\",\"checks\":{\"worker email\":\"running\"}}\n")
    }

    @Test func `a part that is not as it should be makes it 503`() async {
        let response = await routes(isReady: false).answer(request("GET", "/readyz"))
        #expect(response.status == 503)
        #expect(response.body.hasPrefix("{\"status\":\"failing\""))
        #expect(response.body.contains("\"broker\":\"takes no \\\"publishes\\\"\""))
        #expect(await routes(isReady: false).answer(request("GET", "/livez")).status == 200)
    }

    @Test func `metrics come in the format that was asked for`() async {
        let text = await routes().answer(request("GET", "/metrics"))
        #expect(text.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.body == "a_total 1 text\n")
        let open = await routes().answer(
            request("GET", "/metrics", ["accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"]))
        #expect(open.contentType.hasPrefix("application/openmetrics-text"))
    }

    @Test func `commands reach the process`() async {
        for (method, path, body, expected) in [
            ("POST", "/control/pause", "", "pause"), ("POST", "/control/resume", "", "resume"),
            ("POST", "/control/drain", "", "drain"), ("PUT", "/control/prefetch", "50\n", "prefetch(50)"),
        ] {
            let response = await routes().answer(request(method, path, body: body))
            #expect(response.status == 200)
            #expect(response.body.contains("\"worker\":\"\(expected)\""))
        }
    }

    @Test func `commands reach one service of the process`() async {
        for (method, path, body, expected) in [
            ("POST", "/control/services/email/pause", "", "email: pause"),
            ("POST", "/control/services/email/drain", "", "email: drain"),
            ("PUT", "/control/services/pdf/prefetch", "7", "pdf: prefetch(7)"),
        ] {
            let response = await routes().answer(request(method, path, body: body))
            #expect(response.status == 200)
            #expect(response.body.contains("\"worker\":\"\(expected)\""))
        }
        let unknown = routes { _, service in throw StatusRoutes.NoSuchService(service ?? "", known: ["email", "pdf"]) }
        let response = await unknown.answer(request("POST", "/control/services/emial/pause"))
        #expect(response.status == 404)
        #expect(response.body.contains("no service 'emial' works in this process; it has email, pdf"))
    }

    @Test func `the services are listed, for this machine only`() async {
        var routes = routes()
        routes.services = {
            [
                ControlledService(name: "email", state: "running", inHand: 3, prefetch: 20),
                ControlledService(name: "p\"df", state: "paused", inHand: 0, prefetch: 1),
            ]
        }
        let response = await routes.answer(request("GET", "/control/services"))
        #expect(response.status == 200)
        #expect(
            response.body
                == #"{"services":[{"service":"email","state":"running","in_hand":3,"prefetch":20},"#
                + #"{"service":"p\"df","state":"paused","in_hand":0,"prefetch":1}]}"# + "\n")
        #expect(await routes.answer(request("POST", "/control/services")).status == 405)
        #expect(await routes.answer(request("GET", "/control/services", isLocal: false)).status == 403)
    }

    @Test(arguments: [
        "/control", "/control/", "/control/stop", "/control/services/", "/control/services/email",
        "/control/services//pause", "/control/services/email/stop", "/control/services/email/pause/now",
        "/Control/pause",
    ])
    func `nothing else is a control path`(path: String) async {
        #expect(ControlPath(path) == nil)
        #expect(await routes().answer(request("POST", path)).status == 404)
    }

    @Test(arguments: ["", "0", "-1", "65536", "many", "1e3", "99999999999999999999"])
    func `a prefetch that is none is refused`(body: String) async {
        #expect(await routes().answer(request("PUT", "/control/prefetch", body: body)).status == 400)
    }

    @Test func `a command that is refused says why`() async {
        let response = await routes { _, _ in throw Refused() }.answer(request("POST", "/control/pause"))
        #expect(response.status == 409)
        #expect(response.body.contains("it is stopping"))
    }

    @Test func `without anything to control there is no control`() async {
        #expect(await routes(control: nil).answer(request("POST", "/control/pause")).status == 404)
        let list = await routes(control: nil).answer(request("GET", "/control/services"))
        #expect(list.status == 200 && list.body == "{\"services\":[]}\n")
    }

    @Test(arguments: ["evil.example", "evil.example:9000", "127.0.0.1.evil.example", "127.0.0.1, evil.example", "[::1"])
    func `whoever asks by a name that is not this machine's is refused`(host: String) async {
        for path in ["/metrics", "/livez"] {
            #expect(await routes().answer(request("GET", path, ["host": host])).status == 403)
        }
        #expect(await routes().answer(request("POST", "/control/pause", ["host": host])).status == 403)
    }

    @Test(arguments: ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9000"])
    func `this machine's own names are taken`(host: String) async {
        #expect(await routes().answer(request("POST", "/control/pause", ["host": host])).status == 200)
    }

    @Test(arguments: [["origin": "http://127.0.0.1:9000"], ["origin": "null"], ["sec-fetch-site": "cross-site"]])
    func `a page in a browser is refused`(fields: [String: String]) async {
        #expect(await routes().answer(request("POST", "/control/pause", fields)).status == 403)
        #expect(await routes().answer(request("GET", "/metrics", fields)).status == 403)
    }

    @Test func `a server for other machines answers them, but takes no commands from them`() async {
        var routes = routes()
        routes.isLoopbackOnly = false
        let host = ["host": "email.internal:9000"]
        #expect(await routes.answer(request("GET", "/metrics", host, isLocal: false)).status == 200)
        #expect(await routes.answer(request("POST", "/control/pause", host, isLocal: false)).status == 403)
        #expect(await routes.answer(request("POST", "/control/pause", isLocal: false)).status == 403)
        #expect(await routes.answer(request("POST", "/control/pause", host, isLocal: true)).status == 403)
        #expect(await routes.answer(request("POST", "/control/pause", isLocal: true)).status == 200)
    }

    @Test func `wrong methods and paths are said`() async {
        #expect(await routes().answer(request("POST", "/metrics")).allow == "GET, HEAD")
        #expect(await routes().answer(request("GET", "/control/pause")).allow == "POST")
        #expect(await routes().answer(request("POST", "/control/prefetch", body: "1")).allow == "PUT")
        #expect(await routes().answer(request("GET", "/")).status == 404)
        #expect(await routes().answer(request("HEAD", "/livez")).status == 200)
    }
}
