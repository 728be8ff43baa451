import Harebell
import LoanEvents

/// Tells the partner about one type of event.
struct ReportStatus<Message: LoanEvent>: Handler {
    let endpoint: PartnerEndpoint

    func handle(_ event: Message, context: HandlerContext) async throws {
        try await endpoint.report(event, context: context)
    }
}

extension PartnerEndpoint {
    /// Every change of a loan's status, under names that dead letters keep.
    @SubscriptionBuilder var subscriptions: [Subscription] {
        Subscription(ReportStatus<LoanCreated>(endpoint: self), name: "report-created")
        Subscription(ReportStatus<LoanPaidOut>(endpoint: self), name: "report-paid-out")
        Subscription(ReportStatus<LoanCanceled>(endpoint: self), name: "report-canceled")
    }
}
