import Datasets
import Foundation
import Foundations
import Imaging
import PipelineGraph
import Recipes
import TensorStore

/// Looks into the files that a pipeline's steps will read and that are there already: headers of images, values of
/// truth masks, networks and classes of weights.
///
/// `PipelineCheck` has found that files exist and splits have images. This is what its module, which knows no images
/// and tensors, cannot see.
struct DataCheck {
  private let pipeline: Pipeline

  init(_ pipeline: Pipeline) { self.pipeline = pipeline }

  /// Everything that is wrong, each once.
  ///
  /// - Parameter deep: decode whole images and compare files with the table's digests, too.
  func problems(deep: Bool) -> [Failure] {
    var problems: [Failure] = []
    for failure in weights() + dataSets(deep: deep) where !problems.contains(failure) { problems.append(failure) }
    return problems
  }

  // MARK: Weights

  private func weights() -> [Failure] {
    pipeline.steps.flatMap { step in
      step.inputs.compactMap { input -> Failure? in
        guard case .file(let path) = input.source, input.name == "from" || acceptsWeights(step, input.name),
          FileManager.default.fileExists(atPath: path)
        else { return nil }
        do {
          let weights = try WeightsSource(path)
          // An import is told the classes; a classifier is trained anew.
          guard !["import-weights", "export-weights", "train-cam"].contains(step.stage.name) else { return nil }
          return try requireClasses(of: weights, path, step)
        } catch { return (error as? Failure) ?? Failure(.data, "\(error)", file: path) }
      }
    }
  }

  private func acceptsWeights(_ step: Step, _ input: String) -> Bool {
    step.stage.input(input)?.accepts.contains(.weights) ?? false
  }

  private func requireClasses(of weights: WeightsSource, _ path: String, _ step: Step) throws -> Failure? {
    guard let classes = weights.attributes["classes"]?.asStrings, let manifest = step.request.manifest,
      FileManager.default.fileExists(atPath: manifest)
    else { return nil }
    let expected = try Datasets.Manifest(contentsOf: manifest, dataRoot: step.request.data).classes.names
    guard classes != expected else { return nil }
    return Failure(
      .data,
      "trained for other classes: expected \(expected.joined(separator: " ")), found \(classes.joined(separator: " "))",
      file: path, item: "step \(step.name)")
  }

  // MARK: Data sets

  /// One split of one data set, and what any step reads of it.
  private struct Split {
    let manifest: String
    let data: String?
    let name: String
    var readings: Set<Assignment.Reading>
    /// Whether a step cannot do without truth masks.
    var needsMasks: Bool
    var ignoresPalette: Bool
  }

  private func splits() -> [Split] {
    var splits: [Split] = []
    for step in pipeline.steps {
      guard let assignment = pipeline.jobs(of: step).first?.assignment, let manifest = assignment.manifest,
        !assignment.readings.isEmpty, step.stage.name != "import-weights",
        FileManager.default.fileExists(atPath: manifest)
      else { continue }
      let ignoring = step.parameters.contains { $0.name == "ignore-palette" && $0.value == .flag(true) }
      let needs = step.stage.name == "evaluate" && assignment.parameters["submission"] == nil
      for name in [assignment.split, assignment.otherSplit].compactMap({ $0 }) where !name.isEmpty {
        let place = splits.firstIndex { $0.manifest == manifest && $0.data == assignment.data && $0.name == name }
        guard let place else {
          splits.append(
            Split(
              manifest: manifest, data: assignment.data, name: name, readings: assignment.readings, needsMasks: needs,
              ignoresPalette: ignoring))
          continue
        }
        splits[place].readings.formUnion(assignment.readings)
        splits[place].needsMasks = splits[place].needsMasks || needs
        splits[place].ignoresPalette = splits[place].ignoresPalette || ignoring
      }
    }
    return splits
  }

  private func dataSets(deep: Bool) -> [Failure] {
    splits().flatMap { split -> [Failure] in
      do {
        let manifest = try Datasets.Manifest(contentsOf: split.manifest, dataRoot: split.data)
        let items = manifest.items.filter { $0.split == split.name }
        let masks = EvaluationMasks(manifest, ignoringPalette: split.ignoresPalette)
        let found = ProblemList()
        DispatchQueue.concurrentPerform(iterations: items.count) { index in
          for failure in self.problems(of: items[index], split, masks, deep: deep) { found.add(index, failure) }
        }
        return found.inOrder
      } catch { return [(error as? Failure) ?? Failure(.data, "\(error)", file: split.manifest)] }
    }
  }

  private func problems(of item: Datasets.Manifest.Item, _ split: Split, _ masks: EvaluationMasks, deep: Bool)
    -> [Failure]
  {
    var problems: [Failure] = []
    func look(_ body: () throws -> Void) {
      do { try body() } catch let failure as Failure { problems.append(failure) } catch {
        problems.append(Failure(.data, "\(error)", item: item.id))
      }
    }
    var size: (width: Int, height: Int)?
    if split.readings.contains(.images), FileManager.default.fileExists(atPath: item.imagePath) {
      look {
        // The header says the size even where the table has one, which must be the same.
        let header = try ImageHeader(contentsOf: item.imagePath)
        size = item.orientation.size(of: header)
        if let given = item.size, let found = size, given != [found.width, found.height] {
          throw Failure(
            .data, "the image is \(found.width) x \(found.height), the manifest's row has \(given[0]) x \(given[1])",
            file: item.imagePath)
        }
      }
      if deep, problems.isEmpty { look { _ = try item.image() } }
    }
    if split.readings.contains(.masks), split.needsMasks || masks.areGiven(for: [item]) {
      look {
        guard FileManager.default.fileExists(atPath: try masks.path(of: item)) else { return }
        _ = try masks.mask(of: item, width: size?.width, height: size?.height)
      }
    }
    return problems.map { $0.item == nil ? $0.of(item: item.id) : $0 }
  }
}

/// What several threads find, in the order of the items.
private final class ProblemList: @unchecked Sendable {
  private let lock = NSLock()
  private var found: [(index: Int, failure: Failure)] = []

  func add(_ index: Int, _ failure: Failure) { lock.withLock { found.append((index, failure)) } }
  var inOrder: [Failure] { found.sorted { $0.index < $1.index }.map(\.failure) }
}
