import LabelMasks
import Networks
import NeuralNet
import Tensors

/// The SSDD module on training images after the static stage (Eq. 10): m^D0 from m^K0 and m^A0.
public struct SeedMerge {
  public let network: SSDDNetwork
  public let parameters: SSDDParameters

  public init(network: SSDDNetwork, parameters: SSDDParameters = SSDDParameters()) {
    self.network = network
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
  public func differences(images: Tensor, knowledge: LabelMask, advice: LabelMask, kernels: any Kernels)
    -> Differences
  {
    let context = Context(kernels: kernels, mode: .inference)
    let segmentation = network.segmentation
    let features = segmentation.backbone.features(context.constant(images))
    let highLevel = segmentation.main(features.high).highLevel
    // Averaging drops an incomplete last row; the maps of images whose sides are no multiples of 8 are brought to one
    // size.
    let lowLevel = segmentation.backbone.lowLevel(features).resized(
      height: highLevel.shape[2], width: highLevel.shape[3])
    let logits = network.first.logits(
      highLevel: highLevel, lowLevel: lowLevel, masks: [knowledge, advice])
    let terms = DifferenceTerms(parameters: parameters, terms: 2)
    return Differences(
      knowledgeLogits: logits[0].value, adviceLogits: logits[1].value,
      knowledge: terms.differenceProbabilities(logits[0]),
      advice: terms.differenceProbabilities(logits[1]))
  }

  /// m^D0 of one image at its full size: the d maps are computed at OUT from masks at OUT, enlarged once, and decide
  /// between the full-size masks.
  ///
  /// - Parameters:
  ///   - image: (1, 3, H, W), normalised.
  ///   - knowledge, advice: scores at H x W.
  public func merge(
    image: Tensor, knowledge: ClassScores, advice: ClassScores, present: PresentLabels, kernels: any Kernels
  ) -> ImageMerge {
    let (height, width) = (image.shape[2], image.shape[3])
    let out = Self.outputSize(height: height, width: width)
    let d = differences(
      images: image, knowledge: kernels.argMax(knowledge.resized(out, kernels: kernels)),
      advice: kernels.argMax(advice.resized(out, kernels: kernels)), kernels: kernels)
    let masks = (knowledge: kernels.argMax(knowledge), advice: kernels.argMax(advice))
    func enlarged(_ logits: Tensor, _ probabilities: Tensor) -> Tensor {
      parameters.differenceStorage == .logits
        ? kernels.sigmoid(kernels.resizeBilinear(logits, height: height, width: width))
        : kernels.resizeBilinear(probabilities, height: height, width: width)
    }
    let merged = MergedMasks(
      seedsFrom: masks.knowledge, advice: masks.advice, knowledgeDifference: enlarged(d.knowledgeLogits, d.knowledge),
      adviceDifference: enlarged(d.adviceLogits, d.advice), present: present, parameters: parameters)
    let shape: Shape = [out.height, out.width]
    return ImageMerge(
      mask: merged.refined, knowledgeDifference: d.knowledge.reshaped(shape),
      adviceDifference: d.advice.reshaped(shape), isBad: merged.flags.isBad(0),
      adviceShare: Self.shareOfAdvice(in: merged.refined, knowledge: masks.knowledge, advice: masks.advice))
  }

  private static func shareOfAdvice(in refined: LabelMask, knowledge: LabelMask, advice: LabelMask) -> Double {
    let differing = knowledge.labels.indices.filter { knowledge.labels[$0] != advice.labels[$0] }
    let taken = differing.count { refined.labels[$0] == advice.labels[$0] }
    return Double(taken) / Double(max(differing.count, 1))
  }

  /// The size of d maps for images of this size.
  public static func outputSize(height: Int, width: Int) -> (height: Int, width: Int) {
    ((height + 7) / 8 * 2, (width + 7) / 8 * 2)
  }
}

/// What merging the seeds of one image gives.
public struct ImageMerge: Sendable {
  /// m^D0 at the image's size.
  public let mask: LabelMask
  /// d^K and d^A at OUT, (h, w).
  public let knowledgeDifference: Tensor
  public let adviceDifference: Tensor
  /// Whether the class guard flagged any class.
  public let isBad: Bool
  /// Share of the differing pixels where the advice was taken; 0 if none differ.
  public let adviceShare: Double
}

extension ClassScores {
  fileprivate func resized(_ size: (height: Int, width: Int), kernels: any Kernels) -> ClassScores {
    let planes = values.reshaped(Shape([1] + values.shape.dimensions))
    let resized = kernels.resizeBilinear(planes, height: size.height, width: size.width)
    return ClassScores(values: resized.reshaped([labels.count, size.height, size.width]), labels: labels)
  }
}
