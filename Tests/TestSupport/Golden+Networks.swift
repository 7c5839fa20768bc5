import NeuralNet

extension GoldenFile {
  /// Fills every parameter as the reference networks were, `override/NAME` of the file first.
  public func fill(_ module: any Module) throws {
    for parameter in module.parameters {
      let override = "override/\(parameter.name)"
      parameter.value = contains(override) ? try tensor(override) : generator.parameter(parameter.name, parameter.shape)
    }
  }
}
