import NeuralNet
import TestSupport
import Tensors

/// Fills every parameter as the reference networks were, `override/NAME` of the file first.
func fill(_ module: any Module, from golden: GoldenFile) throws {
  for parameter in module.parameters {
    let override = "override/\(parameter.name)"
    parameter.value =
      golden.contains(override)
      ? try golden.tensor(override) : golden.generator.parameter(parameter.name, parameter.shape)
  }
}

/// Lets scales and shifts of batch norm have gradients too.
func freeScalesAndShifts(_ module: any Module) {
  for parameter in module.parameters where parameter.role == .scale || parameter.role == .shift {
    parameter.isFrozen = false
  }
}

/// What differs between the gradients of `module` and `GROUP/params`; empty where all is well.
func gradientMismatches(_ module: any Module, _ golden: GoldenFile, _ group: String) throws -> [String] {
  let gradients = Dictionary(uniqueKeysWithValues: module.parameters.map { ($0.name, $0.gradient) })
  let norms = try golden.doubles("\(group)/params/grad_l2")
  return try zip(golden.lines("\(group)/params/names_utf8"), norms).flatMap { name, norm -> [String] in
    guard let gradient = gradients[name] ?? nil else { return ["\(name) has no gradient"] }
    let own = gradient.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    let lengths = abs(own - norm) <= 1e-4 * norm ? nil : "\(name): expected the norm \(norm), found \(own)"
    return [lengths, try golden.sampleMismatch(gradient, "\(group)/params/grad_sample/\(name)", relativeL2: nil)]
      .compactMap { $0 }
  }
}

/// Fills every parameter with small values drawn from its name, running variances around 1.
func fillForDifferences(_ module: any Module, seed: UInt64 = 3) {
  let generator = GoldenGenerator(seed: seed)
  for parameter in module.parameters { parameter.value = generator.parameter(parameter.name, parameter.shape) }
}
