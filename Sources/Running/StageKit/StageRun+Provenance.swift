import Foundations
import Recipes
import TensorStore

extension StageRun {
  /// What made the outputs: the stage, its parameters with defaults in canonical spelling, digests of its inputs, the
  /// seed; `.none` with `--no-provenance`.
  ///
  /// - Parameter inputs: option name and path, file or folder, of everything read beside the images. Paths themselves
  ///   are not recorded: the same work in another place gives the same bytes.
  public func provenance(inputs: [(option: String, path: String)]) throws -> Provenance {
    guard hasProvenance else { return .none }
    let maker = RecipeMaker(cache: Self.digestCache)
    let digests = try inputs.map { (name: $0.option, sha256: try maker.content(of: $0.path, for: stage)) }
    return Provenance(
      stage: stage, version: String(algorithmVersion), parameters: parameters.map { ($0.name, $0.value) },
      inputs: digests, seed: seed)
  }
}
