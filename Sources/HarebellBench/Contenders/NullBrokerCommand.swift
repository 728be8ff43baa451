import ArgumentParser
import CBaseline

/// The null broker: standard output is the socket it listens on; it ends when standard input ends.
struct NullBrokerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "null-broker", abstract: "Confirms and delivers, and does nothing else.", shouldDisplay: false)

    func run() {
        cbaseline_null_broker_serve(1)
    }
}
