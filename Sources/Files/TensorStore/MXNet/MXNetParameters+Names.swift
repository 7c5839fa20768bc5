extension MXNetParameters {
  /// PyTorch's names for the arrays of one file, by their names in it; arrays that have none are left out.
  ///
  /// - All of the ImageNet ResNet-38 (Wu et al. 2016, model A1) that PSA starts from become the names of `ResNet38`, as
  ///   in PSA's code: `arg:res2b1_branch2a_weight` -> `b2_1.conv_branch2a.weight`, `aux:bn7_moving_mean` ->
  ///   `bn7.running_mean`; its classifier `linear1000` is left out.
  /// - In other files `arg:` and `aux:` go and the last part becomes PyTorch's: `arg:conv0_weight` -> `conv0.weight`,
  ///   `arg:bn0_gamma` -> `bn0.weight`.
  public static func pyTorchNames(_ names: [String]) -> [String: String] {
    let pairs = names.map { ($0, residualNetworkName($0)) }
    let isResidualNetwork = names.contains("arg:conv1a_weight") && pairs.allSatisfy { $0.1 != .unknown }
    var result: [String: String] = [:]
    for (name, known) in pairs {
      switch known {
      case .name(let new) where isResidualNetwork: result[name] = new
      case .leftOut where isResidualNetwork: break
      default: result[name] = generalName(name)
      }
    }
    return result
  }

  private enum Known: Equatable { case name(String), leftOut, unknown }

  private static let fields = [
    "weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
    "moving_var": "running_var",
  ]

  private static func residualNetworkName(_ name: String) -> Known {
    let name = bare(name)
    if name == "conv1a_weight" { return .name("conv1a.weight") }
    if name.hasPrefix("linear1000_") { return .leftOut }
    if let last = name.wholeMatch(of: /bn7_(gamma|beta|moving_mean|moving_var)/) {
      return .name("bn7.\(fields[String(last.1)] ?? "")")
    }
    // Blocks are 2a, 2b1, 2b2, ... there and b2, b2_1, b2_2, ... here.
    let layer =
      /(res|bn)([0-9])(?:a|b([0-9]+))_(branch1|branch2a|branch2b1|branch2b2)_(weight|gamma|beta|moving_mean|moving_var)/
    guard let match = name.wholeMatch(of: layer), (match.1 == "res") == (match.5 == "weight") else { return .unknown }
    let block = "b\(match.2)" + (match.3.map { "_\($0)" } ?? "")
    return .name("\(block).\(match.1 == "res" ? "conv" : "bn")_\(match.4).\(fields[String(match.5)] ?? "")")
  }

  private static func generalName(_ name: String) -> String {
    let name = bare(name)
    for (old, new) in fields.sorted(by: { $0.key < $1.key }) where name.hasSuffix("_\(old)") {
      return "\(name.dropLast(old.count + 1)).\(new)"
    }
    return name
  }

  private static func bare(_ name: String) -> String {
    name.hasPrefix("arg:") || name.hasPrefix("aux:") ? String(name.dropFirst(4)) : name
  }
}
