/// What happens in a development system, for whoever shows it.
public enum DevelopmentEvent: Sendable {
    /// The broker is being started, which takes some seconds.
    case brokerStarting
    /// The broker answers; the address is without its password.
    case brokerReady(address: String, took: Duration)
    /// The broker's process ended, killed or of itself.
    case brokerExited(ExitStatus)
    /// The topology of all services exists.
    case topologyApplied(exchanges: Int, queues: Int, bindings: Int)
    /// Mail is taken here and kept there.
    case mailSinkReady(url: String, directory: String)
    /// The partner stub listens.
    case partnerReady(url: String)
    /// The partner stub answers in another way from now on.
    case partnerBehaves(PartnerBehavior)
    /// A service's process runs.
    case serviceStarted(name: String, processID: Int32)
    /// A service's process ended and is started again after a wait.
    case serviceExited(name: String, ExitStatus, restartIn: Duration)
    /// A service could not be started and is tried again after a wait.
    case serviceStartFailed(name: String, reason: String, restartIn: Duration)
    /// A service was stopped.
    case serviceStopped(name: String, ExitStatus?)
    /// A service tells of itself here: `/metrics`, `/livez`, `/readyz`, `/startupz`.
    case serviceStatus(name: String, url: String)
    /// A service wrote a line.
    case serviceLine(name: String, ServiceLogLine)
    /// Everything answers: loans can be paid out at the address.
    case ready(payoutURL: String)
    /// A mail came.
    case mailReceived(MailMessage)
    /// A receipt was printed.
    case pdfWritten(loanID: String, path: String)
    /// The partner was told about a loan.
    case partnerCalled(PartnerRequest)
    /// A handler failed and is called again, at once or after a delay.
    case retried(service: String, eventID: String, attempt: Int, after: Duration, reason: String)
    /// A message was given up and is in the service's dead-letter queue.
    case deadLettered(service: String, eventID: String, eventType: String, reason: String, error: String)
    /// The demonstration took a step.
    case demo(String)
}
