// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is compiled with: language mode 6, and a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Targets that wrap no C library must also prove that they touch no pointer.
let safe = strict + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
]
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")

/// What each reference service stands on.
let service: [Target.Dependency] = [
    "Harebell", "HarebellHost", "HarebellRabbitMQ", "LoanEvents", argumentParser, logging, serviceLifecycle,
]

let package = Package(
    name: "harebell",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "AMQP", targets: ["AMQP"]),
        .library(name: "Harebell", targets: ["Harebell"]),
        .library(name: "HarebellRabbitMQ", targets: ["HarebellRabbitMQ"]),
        .library(name: "HarebellTesting", targets: ["HarebellTesting"]),
        .library(name: "HarebellHost", targets: ["HarebellHost"]),
        .executable(name: "harebell", targets: ["HarebellTool"]),
        .executable(name: "harebell-bench", targets: ["HarebellBench"]),
        .executable(name: "payout-service", targets: ["PayoutService"]),
        .executable(name: "email-worker", targets: ["EmailWorker"]),
        .executable(name: "pdf-worker", targets: ["PDFWorker"]),
        .executable(name: "partner-worker", targets: ["PartnerWorker"]),
        .executable(name: "example-subscriber", targets: ["ExampleSubscriber"]),
        .executable(name: "amqp-fuzz", targets: ["AMQPFuzz"]),
        .executable(name: "amqp-stress", targets: ["AMQPStress"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "Logging"]),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The shared AMQP module.
        .systemLibrary(
            name: "CRabbitMQ", pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]),
        .target(
            name: "AMQP",
            dependencies: ["CRabbitMQ", nioSSL, logging, .product(name: "NIOTLS", package: "swift-nio")] + nio,
            swiftSettings: strict),

        // The framework.
        .target(
            name: "Harebell", dependencies: [logging, metrics, tracing, serviceLifecycle], swiftSettings: safe),
        .target(
            name: "HarebellRabbitMQ", dependencies: ["AMQP", "Harebell", logging, metrics, serviceLifecycle],
            swiftSettings: safe),
        .target(name: "HarebellTesting", dependencies: ["Harebell", logging, serviceLifecycle], swiftSettings: safe),
        .target(
            name: "HarebellObservability",
            dependencies: [
                "Curl", logging, metrics, serviceLifecycle, tracing, .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            swiftSettings: safe),
        .target(
            name: "HarebellHost",
            dependencies: [
                "AMQP", "Harebell", "HarebellObservability", "HarebellRabbitMQ", argumentParser, configuration,
                logging, metrics, serviceLifecycle, tracing, unixSignals,
            ] + nio,
            swiftSettings: safe),
        .target(
            name: "HarebellOperations", dependencies: ["AMQP", "Curl", "Harebell", "HarebellRabbitMQ", logging],
            swiftSettings: safe),

        // What the reference services need from C.
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
        .target(name: "CCurlShim", dependencies: ["CCurl"]),
        .target(name: "Curl", dependencies: ["CCurl", "CCurlShim", tracing], swiftSettings: strict),
        .systemLibrary(
            name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
        .target(name: "Signing", dependencies: ["CCrypto"], swiftSettings: strict),
        .systemLibrary(
            name: "CPango", pkgConfig: "pangocairo", providers: [.apt(["libpango1.0-dev"]), .brew(["pango"])]),

        // The reference system: a loan is paid out.
        .target(name: "LoanEvents", dependencies: ["Harebell"], swiftSettings: safe),
        .executableTarget(
            name: "PayoutService", dependencies: service + ["Signing", grdb, hummingbird, metrics, tracing],
            swiftSettings: safe),
        .executableTarget(name: "EmailWorker", dependencies: service + ["Curl"], swiftSettings: safe),
        .executableTarget(name: "PDFWorker", dependencies: service + ["CPango"], swiftSettings: strict),
        .executableTarget(
            name: "PartnerWorker", dependencies: service + ["Curl", "Signing"], swiftSettings: safe),
        .executableTarget(name: "ExampleSubscriber", dependencies: service, swiftSettings: safe),

        // Running, trying and operating it.
        .target(name: "CSpawn"),
        .target(
            name: "HarebellDevelopment",
            dependencies: [
                "AMQP", "CSpawn", "Harebell", "HarebellRabbitMQ", "LoanEvents", "Signing", hummingbird, logging,
                nioSSL, serviceLifecycle, .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            swiftSettings: strict),
        .executableTarget(
            name: "HarebellTool",
            dependencies: [
                "AMQP", "Harebell", "HarebellDevelopment", "HarebellHost", "HarebellOperations", "HarebellRabbitMQ",
                "LoanEvents", argumentParser, logging, unixSignals,
            ],
            swiftSettings: safe),
        .target(name: "CBaseline", dependencies: ["CRabbitMQ"]),
        .executableTarget(
            name: "HarebellBench",
            dependencies: [
                "AMQP", "CBaseline", "Harebell", "HarebellDevelopment", "HarebellObservability", "HarebellRabbitMQ",
                argumentParser, logging, metrics, serviceLifecycle,
            ],
            exclude: ["README.md"],
            // The other clients' scripts are part of the program, which is then found nowhere in particular.
            resources: [.embedInCode("Contenders/Python")], swiftSettings: strict),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["AMQP", "Harebell", "HarebellDevelopment", "HarebellRabbitMQ", logging],
            path: "Tests/TestSupport", swiftSettings: strict),
        .target(name: "CHeap", path: "Tests/CHeap"),
        .target(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
        .executableTarget(
            name: "AMQPFuzz", dependencies: ["AMQP", "CLibFuzzer"], path: "Tests/AMQPFuzz", exclude: ["Corpus"],
            swiftSettings: strict),
        .executableTarget(
            name: "AMQPStress", dependencies: ["AMQP", logging] + nio, path: "Tests/AMQPStress", swiftSettings: strict),
        .testTarget(
            name: "AMQPTests",
            dependencies: [
                "AMQP", "CHeap", "HarebellDevelopment", "TestSupport", logging, nioSSL,
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "HarebellTests", dependencies: ["Harebell", "HarebellTesting", logging, serviceLifecycle],
            swiftSettings: strict),
        .testTarget(
            name: "HarebellRabbitMQTests",
            dependencies: [
                "AMQP", "Harebell", "HarebellDevelopment", "HarebellRabbitMQ", "HarebellTesting", "TestSupport",
                logging, serviceLifecycle, unixSignals,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HarebellObservabilityTests",
            dependencies: [
                "Harebell", "HarebellDevelopment", "HarebellObservability", "HarebellTesting", "TestSupport",
                hummingbird,
                logging, metrics, serviceLifecycle, tracing,
            ] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "HarebellHostTests",
            dependencies: [
                "AMQP", "Curl", "ExampleSubscriber", "Harebell", "HarebellDevelopment", "HarebellHost",
                "HarebellObservability", "HarebellRabbitMQ", "HarebellTesting", "LoanEvents", "TestSupport",
                argumentParser, configuration, logging, serviceLifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HarebellDevelopmentTests",
            dependencies: [
                "AMQP", "Harebell", "HarebellDevelopment", "HarebellRabbitMQ", "LoanEvents", "Signing", "TestSupport",
                logging, .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            swiftSettings: strict),
        .testTarget(name: "SigningTests", dependencies: ["Signing"], swiftSettings: safe),
        .testTarget(
            name: "CurlTests", dependencies: ["Curl", "HarebellDevelopment", "TestSupport", nioSSL] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "ServicesTests",
            dependencies: [
                "EmailWorker", "PDFWorker", "PartnerWorker", "PayoutService", "LoanEvents", "Harebell", "HarebellHost",
                "HarebellTesting",
                "HarebellDevelopment", "TestSupport", "Curl", "Signing", hummingbird, grdb, logging,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HarebellToolTests",
            dependencies: [
                "AMQP", "Harebell", "HarebellDevelopment", "HarebellHost", "HarebellOperations", "HarebellRabbitMQ",
                "HarebellTool", "LoanEvents", "TestSupport", argumentParser, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HarebellBenchTests", dependencies: ["AMQP", "Harebell", "HarebellBench", argumentParser],
            swiftSettings: strict),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "AMQP", "Curl", "Harebell", "HarebellDevelopment", "HarebellOperations", "HarebellRabbitMQ",
                "LoanEvents",
                "TestSupport", logging,
            ],
            exclude: ["Observing/otlp_receiver.py"], swiftSettings: strict),
    ]
)
