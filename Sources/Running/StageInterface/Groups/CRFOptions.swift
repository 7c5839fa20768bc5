import ArgumentParser
import MethodChoices

/// How the options of a CRF are called: `--iterations` where a CRF is all that the stage does, else `--crf-iterations`.
public protocol CRFNaming: Sendable {
  static var prefix: String { get }
  static var iterations: Int { get }
}

/// The numbers of a fully connected CRF.
public struct CRFOptions<Naming: CRFNaming>: ParsableArguments, Sendable {
  @Option(
    .integer("\(Naming.prefix)iterations", 0...1000, default: .value(Naming.iterations), "Mean-field iterations."))
  public var iterations: Int

  @Option(
    .number(
      "\(Naming.prefix)gaussian-spread", 1e-3...1e4, unit: "pixels", default: .value(CRFDefaults.gaussianSpread),
      "Spread of the position-only kernel."))
  public var gaussianSpread: Double

  @Option(
    .number(
      "\(Naming.prefix)gaussian-weight", 0...1e4, default: .value(CRFDefaults.gaussianWeight),
      "Weight of the position-only kernel."))
  public var gaussianWeight: Double

  @Option(
    .number(
      "\(Naming.prefix)bilateral-spread", 1e-3...1e4, unit: "pixels", default: .value(CRFDefaults.bilateralSpread),
      "Spread of the bilateral kernel."))
  public var bilateralSpread: Double

  @Option(
    .number(
      "\(Naming.prefix)colour-spread", 1e-3...1e4, unit: "grey levels", default: .value(CRFDefaults.colourSpread),
      "Spread of the bilateral kernel in colour."))
  public var colourSpread: Double

  @Option(
    .number(
      "\(Naming.prefix)bilateral-weight", 0...1e4, default: .value(CRFDefaults.bilateralWeight),
      "Weight of the bilateral kernel."))
  public var bilateralWeight: Double

  @Option(
    .number(
      "\(Naming.prefix)temperature", NumberRange(above: 0, to: 1000), default: 1,
      "Probabilities in front of the CRF: above 1 softens them, below 1 sharpens them."))
  public var temperature: Double

  public init() {}
}

/// A stage that is a CRF and nothing else.
public enum PlainCRF: CRFNaming {
  public static let prefix = ""
  public static let iterations = CRFDefaults.iterations
}

/// A CRF on the predictions of a network.
public enum PredictionCRF: CRFNaming {
  public static let prefix = "crf-"
  public static let iterations = CRFDefaults.iterations
}

/// The CRF inside the dynamic stage's training.
public enum TrainingCRF: CRFNaming {
  public static let prefix = "crf-"
  public static let iterations = MethodDefaults().trainingIterations
}
