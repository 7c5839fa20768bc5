import Foundation
import Foundations
import Recipes
import StageInterface
import StepFiles

/// About how long a job takes where no earlier run tells: by its stage, its images and a few of its options.
///
/// It is plain, and whoever shows its numbers says so: it knows neither this machine nor the images' sizes. Its numbers
/// are those of "Hours for the paper" in docs/performance.md, per image: two cores, ResNet38, images of 500 x 375 and
/// crops of 448 x 448.
public struct CostEstimate {
  private let pipeline: Pipeline
  private let maker: RecipeMaker
  private let cores: Int

  /// Seconds for one image of one epoch of a training, of one pass of inference at scale 1, or at all.
  private static let seconds: [String: Double] = [
    "train-cam": 3.05, "train-affinity": 3.05, "train-ddnet": 4.0, "train-seg": 3.8, "train-seg-dynamic": 4.6,
    "cam-infer": 0.97, "infer-seg": 1.1, "psa-infer": 0.96, "ssdd-merge": 1.1, "crf": 0.034, "evaluate": 0.005,
    "make-scenes": 0.01,
  ]
  /// Seconds for what does not go by images: reading weights, a table with its pictures.
  private static let others = ["import-weights": 3.0, "export-weights": 3.0, "summarize": 2.0, "import-voc": 10.0]
  /// What a trunk's passes cost beside ResNet38's; resnet38 itself goes by its width and depth.
  private static let trunks = [
    "squeezenet": 0.05, "resnet18": 0.12, "resnet18-stride16": 0.05, "resnet50": 0.25, "resnet50-stride16": 0.1,
    "resnet50-irn": 0.06, "resnet101": 0.45, "resnet101-stride16": 0.2,
  ]
  /// The share of a training's step that does not spread over cores: docs/performance.md.
  private static let serialShare = 0.093
  private static let referenceCores = 2.0

  public init(_ pipeline: Pipeline, maker: RecipeMaker, cores: Int = ProcessInfo.processInfo.activeProcessorCount) {
    self.pipeline = pipeline
    self.maker = maker
    self.cores = cores
  }

  /// nil where the estimate says nothing: for a stage that it does not know, or images that nobody has counted yet.
  public func seconds(of job: Job) -> Double? {
    guard let step = pipeline[job.step] else { return nil }
    let stage = step.stage.name
    if let seconds = Self.others[stage] { return seconds }
    guard let single = Self.seconds[stage], let images = images(of: step, part: job.part) else { return nil }
    let work = single * Double(images) * passes(of: step) * (usesTrunk(stage) ? trunk(of: step, []) : 1)
    let threads = Double(step.threads > 0 ? step.threads : cores)
    return work * (step.parameter("epochs") == nil ? Self.referenceCores / threads : Self.trainingShare(threads))
  }

  private static func trainingShare(_ threads: Double) -> Double {
    (serialShare + (1 - serialShare) / threads) / (serialShare + (1 - serialShare) / referenceCores)
  }

  private func usesTrunk(_ stage: String) -> Bool { !["crf", "evaluate", "make-scenes"].contains(stage) }

  /// How often an image is worked on, in units of what `seconds` is for.
  private func passes(of step: Step) -> Double {
    if let epochs = step.number("epochs"), let crop = step.number("crop") {
      return epochs * (crop / 448) * (crop / 448)
    }
    if let scales = step.parameter("scales"), step.stage.name != "psa-infer" || step.hasInput("cam-weights") {
      let areas = scales.split(separator: ",").compactMap { Double($0) }.reduce(0) { $0 + $1 * $1 }
      return areas * (step.parameter("flip") == "true" ? 2 : 1)
    }
    return step.number("iterations").map { ($0 + 2) / 12 } ?? 1
  }

  private func images(of step: Step, part: Part?) -> Int? {
    if step.stage.name == "make-scenes" { return scenes(step, ["train", "val", "close-ups"]) }
    guard let split = step.parameter("split"), let manifest = step.manifest else { return nil }
    if let content = try? maker.manifest(manifest.path, data: step.request.data) {
      return content.count(of: split, part: part)
    }
    // Not made yet: as many as are asked for.
    guard let maker = manifest.step.flatMap({ pipeline[$0] }), maker.stage.name == "make-scenes" else { return nil }
    return scenes(maker, [split == "close-up" ? "close-ups" : split]).map { max(1, $0 / max(1, part?.count ?? 1)) }
  }

  private func scenes(_ step: Step, _ names: [String]) -> Int? {
    let counts = names.compactMap { step.number($0) }
    return counts.count == names.count ? Int(counts.reduce(0, +)) : nil
  }

  /// What the network's trunk costs beside the whole ResNet38; where no step tells, that itself.
  private func trunk(of step: Step, _ seen: Set<String>) -> Double {
    if let backbone = step.parameter("backbone") {
      guard backbone == "resnet38" else { return Self.trunks[backbone] ?? 1 }
      let (width, depth) = (step.number("width") ?? 1, step.number("depth") ?? 1)
      return (width > 0 ? width * width : 1) * (depth > 0 ? depth : 1)
    }
    for input in step.inputs where ["weights", "affinity", "cam-weights"].contains(input.name) {
      guard case .step(let name) = input.source, !seen.contains(name), let other = pipeline[name] else { continue }
      return trunk(of: other, seen.union([name]))
    }
    return 1
  }
}

extension Step {
  /// A value of its command line, defaults included, in canonical spelling.
  func parameter(_ name: String) -> String? { request.parameters.first { $0.name == name }?.value }
  func number(_ name: String) -> Double? { parameter(name).flatMap { Double($0) } }
  func hasInput(_ name: String) -> Bool { inputs.contains { $0.name == name } }
}
