import ArgumentParser

// An option that would have no effect beside the others is refused: `infer-seg --side 320` without the fusion that has
// a side would otherwise run for hours with 448 and say nothing. A rule is about choices (`--scores`, `--fusion`), not
// about the ends of a range: an iteration count of 0 leaves the CRF's spreads without effect too, and is a fair point
// of a sweep. A value that is the default counts as not given, here as everywhere.

extension ParsableArguments {
  /// Refuses the options of these names that are given, where they would have no effect.
  ///
  ///     try refuse(["side"], when: fusion != .softmaxOfSumSquare, "without --fusion softmaxOfSumSquare")
  ///
  /// Called in `validate()` before defaults are put in that follow from other options.
  /// - Throws: `--side is of no use without --fusion softmaxOfSumSquare`, for the first of them.
  func refuse(_ names: [String], when isIdle: Bool, _ why: String) throws {
    guard isIdle else { return }
    let given = canonicalValues(of: self).filter { $0.option.standard != .value($0.value) }.map(\.option.name)
    if let name = given.first(where: names.contains) { throw ValidationError("--\(name) is of no use \(why)") }
  }

  /// The same for all options of a group.
  func refuse(_ group: any ParsableArguments.Type, when isIdle: Bool, _ why: String) throws {
    try refuse(declaredOptions(of: group).map(\.name), when: isIdle, why)
  }
}
