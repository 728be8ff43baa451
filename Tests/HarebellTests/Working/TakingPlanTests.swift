import Testing

@testable import Harebell

/// What a worker is to take, and how far that is carried out.
@Suite struct TakingPlanTests {
    @Test func `starting over takes nothing and begins nothing until it is carried out, and goes on by itself`() {
        var plan = TakingPlan(prefetch: 5)
        plan.begins()
        let isNew = plan.startOver()
        let isNewAgain = plan.startOver()
        #expect(isNew && !isNewAgain)
        let change = plan.change
        #expect(plan.taking == .nothing)
        #expect(plan.admission == .none)
        plan.isInForce(change)
        #expect(plan.taking == .many(prefetch: 5))
        #expect(plan.admission == .all)
        #expect(plan.isSettled(change))
        #expect(!plan.isSettled(plan.change))
    }

    @Test func `a change that comes meanwhile is carried out first, and starting over with it`() {
        var plan = TakingPlan(prefetch: 5)
        plan.begins()
        _ = plan.startOver()
        let outdated = plan.change
        plan.wish(.pause)
        plan.isInForce(outdated)
        #expect(plan.isStartingOver)
        plan.isInForce(plan.change)
        #expect(!plan.isStartingOver)
        #expect(plan.taking == .nothing)
        #expect(plan.admission == .none)
        plan.wish(.work)
        #expect(plan.taking == .many(prefetch: 5))
    }

    @Test func `what an ended shift did not carry out does not hold up the next one`() {
        var plan = TakingPlan(prefetch: 5)
        plan.begins()
        _ = plan.startOver()
        plan.ends()
        plan.begins()
        #expect(plan.taking == .many(prefetch: 5))
        let isNew = plan.startOver()
        #expect(isNew)
    }
}
