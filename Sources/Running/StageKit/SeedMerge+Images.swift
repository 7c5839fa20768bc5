import CPUBackend
import SSDD
import Tensors

/// What merging the seeds of one image gives.
public struct ImageMerge: Sendable {
  /// m^D0 at the image's size.
  public let mask: LabelBatch
  /// d^K and d^A at OUT, (h, w).
  public let knowledgeDifference: Tensor
  public let adviceDifference: Tensor
  /// Whether the class guard flagged any class.
  public let isBad: Bool
  /// Share of the differing pixels where the advice was taken; 0 if none differ.
  public let adviceShare: Double
}

extension SeedMerge {
  /// m^D0 of one image at its full size: the d maps are computed at OUT from masks at OUT, enlarged once, and decide
  /// between the full-size masks.
  ///
  /// - Parameters:
  ///   - image: (1, 3, H, W), normalised.
  ///   - knowledge, advice: scores at H x W.
  public func run(
    image: Tensor, knowledge: SeedScores.Scores, advice: SeedScores.Scores, present: PresentLabels, kernels: CPUKernels
  ) throws -> ImageMerge {
    let (height, width) = (image.shape[2], image.shape[3])
    let out = SeedMerge.outputSize(height: height, width: width)
    func small(_ scores: SeedScores.Scores) -> LabelBatch {
      let planes = scores.values.reshaped(Shape([1] + scores.values.shape.dimensions))
      let resized = kernels.resizeBilinear(planes, height: out.height, width: out.width)
      return argMax(resized.reshaped([scores.labels.count, out.height, out.width]), labels: scores.labels)
    }
    let d = differences(images: image, knowledge: small(knowledge), advice: small(advice), kernels: kernels)
    func enlarged(_ logits: Tensor, _ probabilities: Tensor) -> Tensor {
      parameters.differenceStorage == .logits
        ? kernels.sigmoid(kernels.resizeBilinear(logits, height: height, width: width))
        : kernels.resizeBilinear(probabilities, height: height, width: width)
    }
    let masks = (
      knowledge: argMax(knowledge.values, labels: knowledge.labels),
      advice: argMax(advice.values, labels: advice.labels)
    )
    let merged = MergedMasks(
      seedsFrom: masks.knowledge, advice: masks.advice, knowledgeDifference: enlarged(d.knowledgeLogits, d.knowledge),
      adviceDifference: enlarged(d.adviceLogits, d.advice), present: present, parameters: parameters)
    let differing = masks.knowledge.labels.indices.filter { masks.knowledge.labels[$0] != masks.advice.labels[$0] }
    let taken = differing.count { merged.refined.labels[$0] == masks.advice.labels[$0] }
    return ImageMerge(
      mask: merged.refined, knowledgeDifference: d.knowledge.reshaped([out.height, out.width]),
      adviceDifference: d.advice.reshaped([out.height, out.width]),
      isBad: merged.flags.isBad(0), adviceShare: Double(taken) / Double(max(differing.count, 1)))
  }
}
