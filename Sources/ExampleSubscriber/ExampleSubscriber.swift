import ArgumentParser
import Harebell
import HarebellHost
import LoanEvents
import Logging

@main
struct ExampleSubscriber: HostedService {
    static let service: ServiceName = "example"
    @OptionGroup var options: HostOptions

    func start(_ host: Host) async throws {
        let worker = host.worker {
            Subscription(to: LoanPaidOut.self) { loan, context in
                context.logger.info("\(loan.borrower.name) got \(loan.amount)")
            }
        }
        try await host.run(worker)
    }
}
