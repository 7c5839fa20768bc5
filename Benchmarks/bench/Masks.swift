import Evaluation
import Foundations
import Imaging
import LabelMasks
import Threads

extension Case {
  static func evaluate(_ count: Int, name: String, target: Double? = nil) -> Case {
    Case(
      name: name, title: "evaluate, \(count) masks of 500 x 375 from PNG", unit: "mask", items: count, target: target,
      agreement: 1e-12,
      writeInputs: { try $0.writeMasks(count: count) }, make: { MasksWork($0, count: count, threads: $1) })
  }
}

/// What the stage `evaluate` does with its files: both masks decoded, one confusion matrix a thread.
private final class MasksWork: Workload {
  private let folder: InputFolder
  private let count: Int
  private let threads: Int
  private var matrix = ConfusionMatrix(classes: InputFolder.classes)

  init(_ folder: InputFolder, count: Int, threads: Int) {
    (self.folder, self.count, self.threads) = (folder, count, threads)
    keepImageMemory()
  }

  private func pair(_ index: Int) throws -> (truth: LabelMask, prediction: LabelMask) {
    (
      try LabelMask(contentsOf: folder.maskPath("truth", index)),
      try LabelMask(contentsOf: folder.maskPath("prediction", index))
    )
  }

  func run() throws {
    let shares = try Parallel.results(count, threads: threads) { range in
      var matrix = ConfusionMatrix(classes: InputFolder.classes)
      for index in range {
        let (truth, prediction) = try pair(index)
        try matrix.add(truth: truth, prediction: prediction)
      }
      return matrix
    }
    matrix = try ConfusionMatrix.merged(shares) ?? matrix
  }

  func check() throws -> String {
    let (truth, prediction) = try pair(0)
    var counts = [Int](repeating: 0, count: InputFolder.classes * InputFolder.classes)
    for (t, p) in zip(truth.labels, prediction.labels) where t != LabelMask.void {
      counts[Int(t) * InputFolder.classes + Int(p)] += 1
    }
    var one = ConfusionMatrix(classes: InputFolder.classes)
    try one.add(truth: truth, prediction: prediction)
    guard one.counts == counts else { throw Failure(.software, "the confusion matrix is not the naive count") }
    return "counts of the first mask, pixel by pixel"
  }

  func sample() -> [[Double]] { [matrix.intersectionOverUnion.map { $0 ?? 0 }] }
}
