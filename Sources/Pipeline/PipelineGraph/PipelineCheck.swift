import Foundation
import Foundations
import Recipes
import StageInterface
import StepFiles

/// Looks at what a pipeline's steps will read, as far as it is there: splits, images, masks, weights.
///
/// Reading the file has checked names, types, ranges and options together already.
public struct PipelineCheck {
  private let pipeline: Pipeline
  private let maker: RecipeMaker

  public init(_ pipeline: Pipeline) {
    self.pipeline = pipeline
    maker = RecipeMaker(cache: DigestCache(pipeline.digestsPath))
  }

  /// Everything that is wrong; a data set that a step has yet to make is passed over.
  ///
  /// - Parameter deep: read every file and compare it with its digest in the table.
  public func problems(deep: Bool) throws -> [Failure] {
    var problems: [Failure] = []
    func add(_ failure: Failure) { if !problems.contains(failure) { problems.append(failure) } }
    for step in pipeline.steps {
      guard let job = pipeline.jobs(of: step).first, let path = job.assignment.manifest, FileStatus(path) != nil else {
        continue
      }
      let readings = job.assignment.readings
      if readings.isEmpty || step.stage.name == "import-weights" { continue }
      do {
        let content = try maker.manifest(path, data: job.assignment.data)
        let split = job.assignment.split
        if content.count(of: split, part: nil) == 0 {
          let near = nearestName(to: split, among: content.splits).map { "; did you mean \"\($0)\"?" } ?? ""
          add(
            Failure(
              .configuration,
              "no split \"\(split)\" in \(path)\(near) (splits: \(content.splits.joined(separator: ", ")))",
              file: pipeline.file, item: "step \(step.name)"))
        }
        for failure in content.problems(of: split, readings, deep: deep) { add(failure) }
      } catch let failure as Failure {
        add(failure)
      }
    }
    return problems
  }
}
