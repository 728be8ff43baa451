import Harebell
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct NameTests {
    @Test(arguments: ["loan.paid-out", "a.b", "a.b.c_d-9", "0.1", String(repeating: "a", count: 98) + ".b"])
    func `an event type may look like this`(name: String) throws {
        #expect(try EventType(validating: name).rawValue == name)
    }

    @Test(arguments: [
        "", "loan", "Loan.paid", "loan.paid out", "loan.påid", ".", ".loan", "loan.", "loan..paid", "loan.#", "loan.*",
        "loan/paid.out", "loan.paid\n", String(repeating: "a", count: 99) + ".b",
    ])
    func `an event type may not look like this`(name: String) {
        #expect(throws: NameError.self) { try EventType(validating: name) }
    }

    @Test(arguments: ["email", "e", "partner-worker", "pdf_2", String(repeating: "s", count: 60)])
    func `a service name may look like this`(name: String) throws {
        #expect(try ServiceName(validating: name).rawValue == name)
    }

    @Test(arguments: ["", "e.mail", "Email", "e mail", "é", "unrouted", "a/b", String(repeating: "s", count: 61)])
    func `a service name may not look like this`(name: String) {
        #expect(throws: NameError.self) { try ServiceName(validating: name) }
    }

    @Test func `the error names the name and the rule`() throws {
        let error = try #require(throws: NameError.self) { try EventType(validating: "loan") }
        #expect(error.description.contains("\"loan\""))
        #expect(error.rule.contains("dot"))
    }

    @Test func `the error of a long name is short`() throws {
        let error = try #require(throws: NameError.self) {
            try ServiceName(validating: String(repeating: "x", count: 100_000))
        }
        #expect(error.description.count < 300)
    }

    @Test func `foreign names are taken as they are`() {
        #expect(EventType(unchecked: "Com.Example/Thing").rawValue == "Com.Example/Thing")
        #expect(ServiceName(unchecked: "urn:x").rawValue == "urn:x")
    }

    @Test func `names and ids are bare strings in JSON`() throws {
        let encoder = JSONEncoder()
        let type: EventType = "loan.paid-out"
        let service: ServiceName = "email"
        #expect(try encoder.encode([type]) == Data(#"["loan.paid-out"]"#.utf8))
        #expect(try encoder.encode([service]) == Data(#"["email"]"#.utf8))
        #expect(try encoder.encode([EventID("x")]) == Data(#"["x"]"#.utf8))
        let decoder = JSONDecoder()
        #expect(try decoder.decode([EventType].self, from: Data(#"["loan.paid-out"]"#.utf8)) == [type])
        #expect(try decoder.decode([ServiceName].self, from: Data(#"["email"]"#.utf8)) == [service])
        #expect(try decoder.decode([EventID].self, from: Data(#"["x"]"#.utf8)) == [EventID("x")])
    }
}

@Suite struct NameExitTests {
    @Test func `an invalid name in source code stops the process`() async {
        await #expect(processExitsWith: .failure) { _ = EventType(stringLiteral: "nodot") }
        await #expect(processExitsWith: .failure) { _ = ServiceName(stringLiteral: "a.b") }
    }
}
