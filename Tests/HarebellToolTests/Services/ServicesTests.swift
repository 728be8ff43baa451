import ArgumentParser
import Foundation
import HarebellDevelopment
import HarebellOperations
import Testing

@testable import HarebellTool

@Suite struct `The services of this machine` {
    private static let email = ServiceRow(
        ServiceStatus(name: "email", state: "running", inHand: 3, prefetch: 20), at: "http://127.0.0.1:9464")
    private static let replica = ServiceRow(
        ServiceStatus(name: "email", state: "paused", inHand: 0, prefetch: 5), at: "http://127.0.0.1:9465")
    private static let payout = ServiceRow(
        name: "payout", state: "no worker", isReachable: true, address: "http://127.0.0.1:9466",
        problem: "only publishes")
    private static let partner = ServiceRow(name: "partner", state: "down", isReachable: false, problem: "it is down")
    private static let silent = ServiceRow(
        name: nil, state: "unreachable", isReachable: false, address: "http://127.0.0.1:9",
        problem: "it does not answer")
    private static let all = [email, payout, partner, replica, silent]

    @Test func `a table says what is known and '-' where nothing is`() {
        #expect(
            ServiceRow.table([Self.email, Self.partner, Self.silent], isWide: false).lines() == [
                "SERVICE  STATE        IN-HAND  PREFETCH  ADDRESS",
                "email    running            3        20  http://127.0.0.1:9464",
                "partner  down               -         -  -",
                "-        unreachable        -         -  http://127.0.0.1:9",
            ])
        #expect(ServiceRow.table(Self.all, isWide: true).lines()[3].hasSuffix("it is down"))
    }

    @Test func `what a process says of itself cannot leave its cell`() {
        let hostile = ServiceRow(
            ServiceStatus(name: "e\u{1B}[2Jmail", state: "run\nning", inHand: 0, prefetch: 1), at: "http://127.0.0.1:1")
        let lines = ServiceRow.table([hostile], isWide: false).lines()
        #expect(lines.count == 2)
        #expect(lines[1].hasPrefix("e\\u{1b}[2Jmail  run\\u{a}ning"))
    }

    @Test func `for machines, what is not known is left out`() throws {
        #expect(
            try JSONOutput.text([Self.email], isPretty: false)
                == #"[{"address":"http://127.0.0.1:9464","inHand":3,"isReachable":true,"name":"email","prefetch":20,"#
                + #""state":"running"}]"#)
        #expect(
            try JSONOutput.text(Self.partner, isPretty: false)
                == #"{"isReachable":false,"name":"partner","problem":"it is down","state":"down"}"#)
    }

    @Test func `a name means every replica, and all means everybody who takes messages`() throws {
        #expect(try ServiceSelection(names: ["email"]).rows(of: Self.all) == [Self.email, Self.replica])
        #expect(
            try ServiceSelection(names: []).rows(of: Self.all)
                == [Self.email, Self.partner, Self.replica, Self.silent])
    }

    @Test(
        arguments: [
            ("emial", 6, ["no service 'emial'", "Did you mean 'email'?", "Found: email, partner, payout"]),
            ("zzz", 6, ["no service 'zzz'", "No answer from http://127.0.0.1:9"]),
            ("partner", 5, ["'partner' cannot be told anything: it is down", "harebell services list"]),
            ("payout", 1, ["'payout' cannot be told anything: only publishes"]),
        ] as [(String, Int32, [String])])
    func `a service that cannot be told anything is an error that says what to do`(
        name: String, code: Int32, words: [String]
    ) {
        let error = #expect(throws: ToolError.self) { try ServiceSelection(names: [name]).rows(of: Self.all) }
        #expect(error?.exitCode.rawValue == code)
        for word in words {
            #expect(error?.description.contains(word) == true, "\(word) in \(error?.description ?? "")")
        }
        if name == "zzz" { #expect(error?.description.contains("Did you mean") == false) }
    }

    @Test func `nobody to control is an error`() {
        let error = #expect(throws: ToolError.self) { try ServiceSelection(names: []).rows(of: [Self.payout]) }
        #expect(error?.exitCode == ExitStatus.notFound)
    }

    @Test(arguments: [
        ("email", "emial", 1), ("", "abc", 3), ("email", "email", 0), ("pdf", "df", 1), ("kitten", "sitting", 3),
    ])
    func `slips of the finger are counted`(left: String, right: String, distance: Int) {
        #expect(Suggestion.distance(left, right) == distance)
        #expect(Suggestion.distance(right, left) == distance)
    }

    @Test func `addresses are those of the flags, else of the environment, each once`() throws {
        let environment = ["HAREBELL_STATUS_URL": "http://127.0.0.1:1, http://127.0.0.1:2,,http://127.0.0.1:1"]
        #expect(
            try StatusOptions.parse([]).addresses(environment: environment)
                == ["http://127.0.0.1:1", "http://127.0.0.1:2"])
        #expect(
            try StatusOptions.parse(["--status-url", "http://[::1]:3"]).addresses(environment: environment)
                == ["http://[::1]:3"])
        #expect(try StatusOptions.parse([]).addresses(environment: [:]).isEmpty)
    }

    @Test(arguments: [
        "", "9464", "http://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:65536", "https://127.0.0.1:1",
        "http://email.internal:9464", "http://127.0.0.1.evil.example:1", "http://127.0.0.1:1/x",
        "http://127.0.0.1:1@evil.example:80", "http://u@127.0.0.1:1",
    ])
    func `an address that is not of this machine is a mistake of the command line`(address: String) {
        let error = #expect(throws: StatusPortError.self) { try StatusPort(url: address) }
        #expect(error?.code == .invalidAddress)
        #expect(error.flatMap { ToolFailure($0) }?.exitCode == ExitStatus.usage)
    }

    @Test func `where nobody listens, the row says so`() async throws {
        // A port that was free a moment ago.
        let address = "http://127.0.0.1:\(try await LoopbackPort.free(1)[0])/"
        let rows = try await ServiceDirectory([
            .init(address: address), .init(name: "pdf", isRunning: false), .init(name: "email"),
        ]).rows()
        #expect(rows.map(\.state) == ["unreachable", "down", "no status port"])
        #expect(rows.map(\.name) == [nil, "pdf", "email"])
        #expect(rows.allSatisfy { !$0.isReachable && !$0.isControllable && $0.problem != nil })
        #expect(rows[0].address == String(address.dropLast()))
    }
}
