import Testing

@testable import HarebellObservability

@Suite struct `OpenTelemetry's variables` {
    private func settings(_ environment: [String: String]) throws -> OTLPSettings? {
        try OTLPSettings(environment: environment, service: "email", version: "1.2")
    }

    private func problems(_ environment: [String: String]) -> [String] {
        do {
            _ = try settings(environment)
            return []
        } catch {
            return (error as? OTLPSettings.Problems)?.problems ?? ["\(error)"]
        }
    }

    @Test func `without an endpoint nothing is exported`() throws {
        #expect(try settings([:]) == nil)
        #expect(try settings(["OTEL_SERVICE_NAME": "x"]) == nil)
        #expect(try settings(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"]) == nil)
        #expect(try settings(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"]) == nil)
    }

    @Test func `they are read as the specification says`() throws {
        let settings = try #require(
            try settings([
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/",
                "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%20cret, x=1=2", "OTEL_SERVICE_NAME": "mailer",
                "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,service.name=lost",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5",
                "OTEL_BSP_SCHEDULE_DELAY": "250", "OTEL_EXPORTER_OTLP_TIMEOUT": "1500",
            ]))
        #expect(settings.endpoint == "https://collector:4318/v1/traces")
        #expect(settings.headers.map(\.0) == ["api-key", "x"])
        #expect(settings.headers.map(\.1) == ["s cret", "1=2"])
        #expect(settings.sampler == Sampler(ratio: 0.5, followsParent: true))
        #expect(settings.delay == .milliseconds(250))
        #expect(settings.timeout == .milliseconds(1_500))
        let resource = Dictionary(uniqueKeysWithValues: settings.resource)
        #expect(resource["service.name"] == "mailer")
        #expect(resource["service.version"] == "1.2")
        #expect(resource["deployment.environment.name"] == "prod")
        #expect(!"\(settings)".contains("cret"))
        #expect(!String(reflecting: settings).contains("cret"))
    }

    @Test func `the endpoint of traces alone is taken as it is`() throws {
        let settings = try settings(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/custom"])
        #expect(settings?.endpoint == "http://c/custom")
    }

    @Test func `every problem is said, without a value`() {
        let problems = problems([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://user:s3cret@c", "OTEL_EXPORTER_OTLP_HEADERS": "s3cret",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "s3cret", "OTEL_BSP_MAX_QUEUE_SIZE": "s3cret",
        ])
        #expect(problems.count == 6)
        #expect(!problems.joined().contains("s3cret"))
        #expect(
            self.problems(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0ax"]).count
                == 1)
    }
}
