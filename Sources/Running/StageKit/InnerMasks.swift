import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import NeuralNet
import SSDD
import Tensors

/// Writes the masks inside the dynamic stage at chosen epochs, for `evaluate` to score:
/// `inner-masks/epoch-5/k1/ID.png` and likewise `a1`, `d1`, `d2` and `sub`.
///
/// Every training image is seen once without augmentation: its long side (or square) has the crop's length. Masks are
/// made at OUT and enlarged to the image, nearest label. The network is only looked at: no draw, no running statistic
/// and no gradient changes.
public struct InnerMasks {
  /// Epochs, from 1.
  private let epochs: Set<Int>
  private let folder: String
  private let data: StageData
  private let seeds: SeedMasks
  private let policy: AugmentationPolicy
  private let batch: Int

  /// - Parameters:
  ///   - epochs: after which masks are written, from 1.
  ///   - policy: of the training, of which crop, kind of resize and rounding are taken.
  ///   - plan: of the training.
  /// - Throws: `Failure(.usage)` for an epoch that the training does not complete.
  public init(
    at epochs: Set<Int>, run: StageRun, data: StageData, seeds: SeedMasks, policy: AugmentationPolicy,
    plan: TrainingPlan
  ) throws {
    let complete = plan.steps / plan.stepsPerEpoch
    if let late = epochs.sorted().first(where: { $0 > complete }) {
      throw Failure(
        .usage, expected: "epochs from 1 to \(complete), which the training completes", found: "\(late)",
        item: "--write-masks-at")
    }
    self.epochs = epochs
    folder = "\(run.out)/inner-masks"
    self.data = data
    self.seeds = seeds
    self.policy = policy.withoutChance
    batch = plan.microBatch
  }

  /// Writes the masks of an epoch, counted from 0, where they were asked for; what an earlier run left of that epoch is
  /// replaced.
  public func write(after epoch: Int, of step: DynamicStep, kernels: any Kernels) throws {
    guard epochs.contains(epoch + 1) else { return }
    let place = "\(folder)/epoch-\(epoch + 1)"
    if FileManager.default.fileExists(atPath: place) { try FileManager.default.removeItem(atPath: place) }
    let images = TrainingImages(data.items, policy: policy, seed: 0)
    for start in stride(from: 0, to: data.items.count, by: batch) {
      let drawn = try (start..<min(start + batch, data.items.count)).map { try images.sample($0, epoch: 0) }
      let samples = try drawn.map { DynamicSample($0, seeds: try seeds.mask(following: $0)) }
      let masks = try step.masks(of: step.batch(samples), kernels: kernels)
      for (n, sample) in drawn.enumerated() {
        for (name, mask) in masks.named {
          let values = data.classes.values(ofIndices: sample.augmentation.restored(mask.batch(n..<n + 1)))
          try values.write(to: "\(place)/\(name)/\(sample.item.id).png", palette: data.classes.palette)
        }
      }
    }
  }

  /// Takes away the masks that an earlier training into `out` left of other epochs.
  public static func removeAll(except epochs: Set<Int>, in out: String) throws {
    let folder = "\(out)/inner-masks"
    let kept = Set(epochs.map { "epoch-\($0)" })
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !kept.contains(name) {
      try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
    if kept.isEmpty, FileManager.default.fileExists(atPath: folder) {
      try FileManager.default.removeItem(atPath: folder)
    }
  }
}
