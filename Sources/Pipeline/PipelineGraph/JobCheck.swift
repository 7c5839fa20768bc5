import Foundations
import Recipes
import StepFiles

/// Looks at a job when its turn comes.
public struct JobCheck {
  public let job: Job
  private let plan: Plan
  private let maker: RecipeMaker

  public init(_ job: Job, _ plan: Plan, maker: RecipeMaker) {
    self.job = job
    self.plan = plan
    self.maker = maker
  }

  private var folder: StepFolder { StepFolder(job.folder) }

  /// Refuses to run on a step that is not done: where make was told to ignore errors, or a file went away.
  public func requireDependencies() throws {
    for name in job.dependencies {
      guard let path = plan.folders[name] else { continue }
      let other = StepFolder(path)
      guard let division = try other.division() else { throw notDone(name, "its last run did not end") }
      for part in division {
        guard let completion = try other.completion(part) else { throw notDone(name, "its last run did not end") }
        if let defect = try other.defect(of: part, completion) { throw notDone(name, defect) }
      }
      // Made otherwise than the plan has it: a run of it failed or was left out.
      if let planned = plan.jobs.first(where: { $0.step == name }) {
        let stored = try other.completion(planned.part).map { Recipe($0.recipe) }
        if let difference = stored.map({ RecipeMaker.own(planned.assignment).differences(from: $0.own) })?.first {
          throw notDone(name, "`\(difference.name)` was \(difference.old ?? "absent") when it ran")
        }
      }
    }
  }

  private func notDone(_ name: String, _ why: String) -> Failure {
    Failure(.noInput, "the step \(name), which it reads, is not done: \(why)", item: job.name)
  }

  /// The recipe that the job would follow now, and whether what is there was made by it.
  public func state() throws -> (recipe: Recipe, isUpToDate: Bool) {
    let recipe = try maker.recipe(of: job.assignment)
    guard let completion = try? folder.completion(job.part), Recipe(completion.recipe) == recipe else {
      return (recipe, false)
    }
    return (recipe, try folder.defect(of: job.part, completion) == nil)
  }

  /// How many images it works on; nil for a stage that reads none.
  public func images() -> Int? {
    guard let path = job.assignment.manifest, !job.assignment.readings.isEmpty, job.assignment.stage != "import-weights"
    else { return nil }
    return try? maker.manifest(path, data: job.assignment.data).count(of: job.assignment.split, part: job.part)
  }
}
