import AMQP
import Harebell
import HarebellRabbitMQ
import Logging
import ServiceLifecycle
import UnixSignals

/// The example of the module's landing page: compiled, and held to the page by a test of the catalogs.
enum DocumentationExample {
    struct LoanPaidOut: Event {
        static let eventType: EventType = "loan.paid-out"
        var loanID: String
    }

    static func run(_ logger: Logger) async throws {
        let transport = RabbitMQTransport(
            configuration: try AMQPConfiguration(uri: "amqps://email@rabbit.internal/shop"), service: "email",
            logger: logger)
        let worker = Worker(service: "email", transport: transport, logger: logger) {
            Subscription(to: LoanPaidOut.self) { loan, context in
                context.logger.info("\(loan.loanID) is paid out")
            }
        }
        try await ServiceGroup(
            services: [transport, worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}
