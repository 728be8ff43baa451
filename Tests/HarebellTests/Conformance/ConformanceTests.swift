import HarebellTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct InMemoryConformanceTests {
    @Test(arguments: ConformanceScenario<InMemoryTransportUnderTest>.all)
    func `the in-memory transport conforms`(scenario: ConformanceScenario<InMemoryTransportUnderTest>) async throws {
        try await scenario.run(on: InMemoryTransportUnderTest())
    }

    @Test func `there are at least 40 scenarios, each has a name of its own and stands for one of another system`() {
        let all = ConformanceScenario<InMemoryTransportUnderTest>.all
        #expect(all.count >= 40)
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(all.allSatisfy { !$0.resembles.isEmpty })
        print("conformance: \(all.count) scenarios, for \(Set(all.flatMap(\.resembles)).count) of other systems")
    }

    @Test(arguments: Defect.allCases)
    func `the suite finds a transport that is broken`(defect: Defect) async throws {
        let found = await withTaskGroup(of: String?.self) { group in
            for scenario in ConformanceScenario<BrokenTransportUnderTest>.all {
                group.addTask {
                    do {
                        try await scenario.run(on: BrokenTransportUnderTest(defect))
                        return nil
                    } catch {
                        return scenario.name
                    }
                }
            }
            return await group.reduce(into: Set<String>()) { if let name = $1 { $0.insert(name) } }
        }
        print("\(defect.rawValue): found by \(found.count) scenarios")
        #expect(found.contains(defect.witness), "\(defect.rawValue): found by \(found.sorted())")
    }
}
