import ArgumentParser
import DenseCRF
import Foundations

/// The numbers of a CRF inside a stage that does more than a CRF: `--crf-iterations` and so on.
public struct CRFOptions: ParsableArguments {
  @Option(name: .customLong("crf-iterations"), help: "Mean-field iterations.")
  public var iterations: Int?
  @Option(name: .customLong("crf-gaussian-spread"), help: "Spread of the position-only kernel in pixels.")
  public var gaussianSpread: Float = 3
  @Option(name: .customLong("crf-gaussian-weight"), help: "Weight of the position-only kernel.")
  public var gaussianWeight: Float = 3
  @Option(name: .customLong("crf-bilateral-spread"), help: "Spread of the bilateral kernel in pixels.")
  public var bilateralSpread: Float = 80
  @Option(name: .customLong("crf-colour-spread"), help: "Spread of the bilateral kernel in grey levels.")
  public var colourSpread: Float = 13
  @Option(name: .customLong("crf-bilateral-weight"), help: "Weight of the bilateral kernel.")
  public var bilateralWeight: Float = 10

  public init() {}

  /// - Parameter iterations: where none are given.
  public func parameters(iterations standard: Int) throws -> DenseCRFParameters {
    let parameters = DenseCRFParameters(
      gaussianSpread: gaussianSpread, gaussianWeight: gaussianWeight, bilateralSpread: bilateralSpread, colourSpread: colourSpread,
      bilateralWeight: bilateralWeight, iterations: iterations ?? standard)
    try parameters.validate()
    return parameters
  }
}
