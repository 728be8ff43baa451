/// A value whose mutating functions can be called inside `#expect`.
final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
    func callAsFunction<Result>(_ body: (inout Value) -> Result) -> Result { body(&value) }
}
