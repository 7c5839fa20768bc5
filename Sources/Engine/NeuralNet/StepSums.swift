/// Named sums over the micro-batches of an update, in the order in which they were first added to.
///
///     var sums = StepSums()
///     sums.add("loss", 0.5); sums.add("loss", 0.25)                          // sums["loss"] == 0.75
///     sums.add("accuracy", 3, of: 4); sums.add("accuracy", 1, of: 4)          // sums["accuracy"] == 0.5
public struct StepSums: Sendable, Equatable {
  private var names: [String] = []
  private var amounts: [String: Double] = [:]
  private var totals: [String: Double] = [:]

  public init() {}

  /// Adds to a number; with `total` the number is a share: sum of amounts / sum of totals.
  public mutating func add(_ name: String, _ amount: Double, of total: Double? = nil) {
    if amounts[name] == nil { names.append(name) }
    amounts[name, default: 0] += amount
    if let total { totals[name, default: 0] += total }
  }

  /// The number of that name; 0 where nothing was added. A share of nothing is 0.
  public subscript(_ name: String) -> Double {
    let amount = amounts[name] ?? 0
    return totals[name].map { amount / max($0, 1) } ?? amount
  }

  /// The shares, in order.
  public var shares: [(name: String, value: Double)] {
    names.filter { totals[$0] != nil }.map { (name: $0, value: self[$0]) }
  }

  /// Everything as plain numbers, to be added to those of other processes: they add the same names in the same order.
  var numbers: [Double] {
    get { names.flatMap { [amounts[$0] ?? 0] + (totals[$0].map { [$0] } ?? []) } }
    set {
      var rest = newValue[...]
      for name in names {
        amounts[name] = rest.popFirst() ?? 0
        if totals[name] != nil { totals[name] = rest.popFirst() ?? 0 }
      }
    }
  }
}
