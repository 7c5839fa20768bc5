import ArgumentParser
import Foundations
import SSDD

/// The options of the stages that use the SSDD module.
public struct SSDDOptions: ParsableArguments {
  @Option(help: "Values of everything that paper and reference give differently: default, paper or reference.")
  public var preset = Preset.default

  @Option(name: .customLong("dd-bias"), help: "Added to w everywhere (Eq. 3): positive values favour the advice. Default: the preset's for this stage.")
  public var differenceBias: Float?

  @Option(name: .customLong("bg-bias"), help: "Favours background where the two masks disagree about it. Default: the preset's for this stage.")
  public var backgroundBias: Float?

  public init() {}

  /// The preset's values, with the biases given put in for training (`merging` false) or for the merge of seeds.
  public func parameters(merging: Bool) -> SSDDParameters {
    var parameters = SSDDParameters(preset)
    let path = merging ? \SSDDParameters.seedBias : \SSDDParameters.trainingBias
    if let differenceBias { parameters[keyPath: path].difference = differenceBias }
    if let backgroundBias { parameters[keyPath: path].background = backgroundBias }
    return parameters
  }
}

extension Preset: ExpressibleByArgument {}

extension TrainingDefaults {
  /// These defaults with what a preset says of the optimisation.
  public func with(_ parameters: SSDDParameters, epochs: Int, batch: Int) -> TrainingDefaults {
    var result = self
    result.epochs = epochs
    result.batch = batch
    result.learningRate = parameters.learningRate
    result.headMultiplier = Double(parameters.headMultiplier)
    result.weightDecay = Double(parameters.weightDecay)
    result.momentum = parameters.momentum
    return result
  }
}
