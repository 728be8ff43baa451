import Testing

@testable import AMQP

@Suite struct `AMQP URIs` {
    typealias Host = AMQPConfiguration.Host

    @Test func `everything given`() throws {
        let configuration = try AMQPConfiguration(
            uri: "amqps://us%40er:p%3A%2Fss@h1:1111,h2,[::1]:3333/v%2Fhost?heartbeat=7&connection_timeout=1500"
                + "&channel_max=9&frame_max=8192&connection_name=a%20b&cacertfile=%2Fca.pem&server_name_indication=name"
        )
        #expect(configuration.hosts == [Host(name: "h1", port: 1111), Host(name: "h2"), Host(name: "::1", port: 3333)])
        #expect(configuration.credentials == .plain(username: "us@er", password: "p:/ss"))
        #expect(configuration.virtualHost == "v/host")
        #expect(configuration.heartbeat == .seconds(7))
        #expect(configuration.connectTimeout == .milliseconds(1500))
        #expect(configuration.channelMax == 9)
        #expect(configuration.frameMax == 8192)
        #expect(configuration.connectionName == "a b")
        #expect(configuration.tls == TLSOptions(caFile: "/ca.pem", serverName: "name"))
        #expect(configuration.port(of: configuration.hosts[1]) == 5671)
    }

    @Test(arguments: ["amqp://localhost", "amqp://localhost/", "AMQP://localhost"]) func `nothing given`(uri: String)
        throws
    {
        let configuration = try AMQPConfiguration(uri: uri)
        #expect(configuration.hosts == [Host(name: "localhost")])
        #expect(configuration.credentials == .plain(username: "guest", password: "guest"))
        #expect(configuration.virtualHost == "/")
        #expect(configuration.tls == nil)
        #expect(configuration.port(of: configuration.hosts[0]) == 5672)
    }

    @Test func `the parts that may be absent`() throws {
        #expect(try AMQPConfiguration(uri: "amqp://").hosts == [Host(name: "localhost")])
        #expect(try AMQPConfiguration(uri: "amqp://u@h").credentials == .plain(username: "u", password: ""))
        #expect(try AMQPConfiguration(uri: "amqp://u:p@ss@h").credentials == .plain(username: "u", password: "p@ss"))
        #expect(try AMQPConfiguration(uri: "amqp://h/%2F").virtualHost == "/")
        #expect(try AMQPConfiguration(uri: "amqps://h?auth_mechanism=external").credentials == .external)
        #expect(try AMQPConfiguration(uri: "amqps://h?verify=verify_none").tls?.verifiesPeer == false)
        #expect(try AMQPConfiguration(uri: "amqps://h").tls?.verifiesPeer == true)
    }

    @Test(arguments: [
        "", "localhost", "http://h", "amqp:/h", "amqp://h:0", "amqp://h:65536", "amqp://h:x", "amqp://[::1",
        "amqp://[::1]x",
        "amqp://%zz", "amqp://h/%f", "amqp://h/%ff", "amqp://h/%+1", "amqp://h?unknown=1", "amqp://h?heartbeat=x",
        "amqp://h?heartbeat=-1", "amqp://h?heartbeat=65536", "amqp://h?cacertfile=x", "amqps://h?verify=maybe",
        "amqp://h?auth_mechanism=x",
    ])
    func `what cannot be read is refused`(uri: String) {
        let error = #expect(throws: AMQPError.self) { try AMQPConfiguration(uri: uri) }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `no description shows the password`() throws {
        let configuration = try AMQPConfiguration(uri: "amqp://user:se%63ret@h1,h2:9/v")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), "\(configuration.credentials)", dumped] {
            #expect(!text.contains("secret"))
        }
        #expect(configuration.description == "amqp://user:***@h1,h2:9/v")
        let error = #expect(throws: AMQPError.self) { try AMQPConfiguration(uri: "amqp://user:secret@h:x") }
        #expect(error?.description.contains("secret") == false)
    }

    @Test func `a configuration that cannot work is refused before anything is tried`() {
        var configuration = AMQPConfiguration(hosts: [])
        #expect(throws: AMQPError.self) { try configuration.validate() }
        configuration.hosts = [Host(name: "h")]
        configuration.frameMax = 4095
        #expect(throws: AMQPError.self) { try configuration.validate() }
        configuration.frameMax = 4096
        configuration.credentials = .external
        #expect(throws: AMQPError.self) { try configuration.validate() }
    }
}
