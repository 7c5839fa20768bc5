import Foundations
import Recipes
import StepFiles
import Yams

extension PipelineReader {
  /// Gives every step with `shards: auto` its number of shards.
  ///
  /// With `images-per-task` of a profile that is the number of the step's images divided by it, rounded up. Without,
  /// the division that its folder has stays, so that a `make` after a cluster's jobs makes nothing again; else it is 1.
  mutating func resolveShards(of pipeline: Pipeline, _ declared: [(name: String, key: Node)]) -> Pipeline {
    var steps = pipeline.steps
    let maker = RecipeMaker()
    for index in steps.indices where steps[index].hasAutomaticShards {
      let step = steps[index]
      guard let imagesPerTask else {
        steps[index].shards = Self.presentDivision(pipeline.stepFolder(of: step))
        continue
      }
      let key = declared.first { $0.name == step.family }?.key
      guard let images = countImages(step, maker, at: key) else { continue }
      steps[index].shards = min(max((images + imagesPerTask - 1) / imagesPerTask, 1), Part.maximumCount)
    }
    return Pipeline(name: pipeline.name, file: pipeline.file, out: pipeline.out, steps: steps)
  }

  /// The number of parts that a folder's completion files tell; 1 where there is none or more than one division.
  private static func presentDivision(_ folder: StepFolder) -> Int {
    let counts = Set(folder.names.compactMap { Part(fileName: $0, suffix: ".json")?.count })
    return counts.count == 1 ? counts.first ?? 1 : 1
  }

  private mutating func countImages(_ step: Step, _ maker: RecipeMaker, at key: Node?) -> Int? {
    guard let manifest = step.manifest else { return 1 }
    guard FileStatus(manifest.path) != nil else {
      let source =
        manifest.step.map { "the step \($0), which makes the data set, has not run: run it first" }
        ?? "there is no \(manifest.path)"
      yaml.report(
        "step \(step.name): `shards: auto` goes by the number of images, and \(source), or give a number", at: key,
        kind: .noInput)
      return nil
    }
    let split = step.request.parameters.first { $0.name == "split" }?.value ?? "train"
    do { return try maker.manifest(manifest.path, data: manifest.data).count(of: split, part: nil) } catch {
      yaml.report("step \(step.name): `shards: auto`: \(error)", at: key, kind: (error as? Failure)?.kind ?? .data)
      return nil
    }
  }
}
