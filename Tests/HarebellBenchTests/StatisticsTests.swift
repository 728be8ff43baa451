import Testing
@testable import HarebellBench
