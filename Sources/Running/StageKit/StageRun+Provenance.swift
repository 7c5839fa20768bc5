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
    let recipe = try recipe.get()
    let maker = RecipeMaker(cache: Self.digestCache)
    // The recipe has the digest of every input that the stage declares; the others are files that it reads beside.
    let digests = try inputs.map { name, path in
      (name: name, sha256: try recipe["input \(name)"] ?? maker.content(of: path, for: stage))
    }
    return Provenance(
      stage: stage, version: String(algorithmVersion), parameters: parameters.map { ($0.name, $0.value) },
      inputs: digests, seed: seed)
  }
}
