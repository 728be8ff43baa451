/// What `--help` says beyond the options.
enum HostHelp {
    /// The executable's name, as it was called.
    static var command: String {
        let path = CommandLine.arguments.first ?? ""
        return path.split(separator: "/").last.map(String.init) ?? "service"
    }

    static func discussion(command: String, settings: [ServiceSetting]) -> String {
        var text = """
            A flag wins over an environment variable, which wins over the file that --config names. \
            In the file the names are nested: HAREBELL_LOG_LEVEL is {"log": {"level": "debug"}}.
            """
        if !settings.isEmpty {
            text += "\n\nSETTINGS OF THIS SERVICE:"
            for setting in settings {
                text += "\n  \(SettingKey(name: setting.name).environmentName)"
                text += "\n      \(setting.help)\(setting.fallback.map { " (default: \($0))" } ?? "")"
            }
        }
        text += """


            EXAMPLES:
              HAREBELL_URL=amqp://user:password@rabbit.internal/shop \(command)
              \(command) --url amqps://user@rabbit.internal/shop --password-file /run/secrets/rabbit
              \(command) --config \(command).json --log-level debug --log-format pretty

            TRACES:
              OTEL_EXPORTER_OTLP_ENDPOINT sends them by OTLP over HTTP; OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, \
            OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG and OTEL_BSP_* mean what they mean elsewhere.

            SIGNALS AND EXIT CODES:
              SIGTERM or Ctrl-C finishes what is in hand within the grace period and exits with 0; a second one exits \
            at once with 130. 1 is a failure that the log explains, 4 credentials refused and 5 broker unreachable \
            (both with --fail-fast), 64 a wrong command line or configuration. A broker that is away is otherwise \
            waited for.
            """
        return text
    }
}
