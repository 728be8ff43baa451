import Harebell
import HarebellObservability
import Logging
import ServiceLifecycle

extension Host {
    /// What tells the outside how the services are: the status server, where it is switched on, and systemd, where that
    /// started us.
    func observers(of services: [any Service]) -> [any Service] {
        let health = HostHealth(services.compactMap { $0 as? any ObservableService })
        // The first is stopped last: the spans of the shutdown go out too.
        var observers: [any Service] = exporter.map { [$0] } ?? []
        if let port = settings.status.port, let metrics {
            let control = HostControl(workers: services.compactMap { $0 as? any ControllableService })
            var routes = StatusRoutes(
                metrics: { format in
                    for service in health.services { await service.updateGauges() }
                    return metrics.text(format)
                },
                live: { await health.live() }, ready: { await health.ready() }, started: { await health.started() })
            if !control.workers.isEmpty {
                routes.control = { try await control.obey($0, service: $1) }
                routes.services = { control.services }
            }
            observers.append(
                StatusServer(host: settings.status.host, port: port, routes: routes, logger: logger))
        }
        let notifier = SystemdNotifier(
            environment: environment, live: { await health.live() },
            started: { await health.started() }, logger: logger)
        if let notifier { observers.append(notifier) }
        return observers
    }
}
