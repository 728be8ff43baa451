import Testing

/// The whole system under test: real services, real broker, failures included.
///
/// All tests share one running system and come one after the other, because they kill parts of it; each has loans of
/// its own.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SystemTests {}
