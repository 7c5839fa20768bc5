import Models
import NeuralNet
import Tensors

/// The SSDD module on training images after the static stage (Eq. 10): m^D0 from m^K0 and m^A0.
public struct SeedMerge {
  public let model: SSDDModel
  public let parameters: SSDDParameters

  public init(model: SSDDModel, parameters: SSDDParameters = SSDDParameters()) {
    self.model = model
    self.parameters = parameters
  }

  /// d^K and d^A of a batch of images.
  public struct Differences: Sendable {
    /// Logits of the DD-Net, (N, 1, h, w): what the reference stores.
    public let knowledgeLogits: Tensor
    public let adviceLogits: Tensor
    /// d^K, the probability that the knowledge differs from the advice.
    public let knowledge: Tensor
    public let advice: Tensor
  }

  /// The d maps at OUT, h = 2 H / 8 and w = 2 W / 8 (H / 8 and W / 8 rounded up).
  ///
  /// - Parameters:
  ///   - images: normalised, (N, 3, H, W).
  ///   - knowledge, advice: masks of N x h x w.
  public func differences(images: Tensor, knowledge: LabelBatch, advice: LabelBatch, kernels: any Kernels)
    -> Differences
  {
    let context = Context(kernels: kernels, mode: .inference)
    let segmentation = model.segmentation
    let features = segmentation.backbone.features(context.constant(images))
    let highLevel = segmentation.main(features.high).highLevel
    // Averaging drops an incomplete last row; the maps of images whose sides are no multiples of 8 are brought to one
    // size.
    let lowLevel = segmentation.backbone.lowLevel(features).resized(
      height: highLevel.shape[2], width: highLevel.shape[3])
    let logits = model.first.logits(
      highLevel: highLevel, lowLevel: lowLevel, masks: [knowledge, advice])
    let terms = DifferenceTerms(parameters: parameters, terms: 2)
    return Differences(
      knowledgeLogits: logits[0].value, adviceLogits: logits[1].value,
      knowledge: terms.differenceProbabilities(logits[0]),
      advice: terms.differenceProbabilities(logits[1]))
  }

  /// The size of d maps for images of this size.
  public static func outputSize(height: Int, width: Int) -> (height: Int, width: Int) {
    ((height + 7) / 8 * 2, (width + 7) / 8 * 2)
  }
}
