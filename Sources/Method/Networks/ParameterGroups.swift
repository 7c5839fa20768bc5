import NeuralNet

/// The learning rate multipliers and decays of the method, as groups for `SGD`. Frozen parameters are in none.
public enum ParameterGroups {
  /// PSA's networks: trunk 1x and new layers `headMultiplier` times with decay; their biases twice as much without.
  public static func classifier(
    trunk: [Parameter], heads: [Parameter], headMultiplier: Float = 10, decay: Float = 5e-4
  ) -> [ParameterGroup] {
    func group(_ parameters: [Parameter], biases: Bool, multiplier: Float) -> ParameterGroup {
      ParameterGroup(
        parameters.filter { $0.wantsGradient && ($0.role == .bias || $0.role == .shift) == biases },
        rateMultiplier: multiplier, decay: biases ? 0 : decay)
    }
    return [
      group(trunk, biases: false, multiplier: 1), group(trunk, biases: true, multiplier: 2),
      group(heads, biases: false, multiplier: headMultiplier),
      group(heads, biases: true, multiplier: 2 * headMultiplier),
    ].filter { !$0.parameters.isEmpty }
  }

  /// `classifier(trunk:heads:decay:)` of a CAM classifier.
  public static func classifier(_ network: CAMClassifier, headMultiplier: Float = 10, decay: Float = 5e-4)
    -> [ParameterGroup]
  {
    classifier(
      trunk: network.backbone.parameters, heads: network.headParameters, headMultiplier: headMultiplier, decay: decay)
  }

  /// `classifier(trunk:heads:decay:)` of an affinity network.
  public static func affinity(_ network: AffinityNet, headMultiplier: Float = 10, decay: Float = 5e-4)
    -> [ParameterGroup]
  {
    classifier(
      trunk: network.backbone.parameters, heads: network.headParameters, headMultiplier: headMultiplier, decay: decay)
  }

  /// The SSDD stages: trunk 1x, heads 10x, DD-Nets 10x, all with decay, biases too (the reference's choice).
  public static func segmentation(_ network: SSDDNetwork, headMultiplier: Float = 10, decay: Float = 2e-4)
    -> [ParameterGroup]
  {
    segmentation(network.segmentation, headMultiplier: headMultiplier, decay: decay)
      + [
        ParameterGroup(
          network.differenceParameters.filter(\.wantsGradient), rateMultiplier: headMultiplier, decay: decay)
      ]
  }

  /// The same without DD-Nets.
  public static func segmentation(_ network: SegmentationNetwork, headMultiplier: Float = 10, decay: Float = 2e-4)
    -> [ParameterGroup]
  {
    [
      ParameterGroup(network.backbone.parameters.filter(\.wantsGradient), rateMultiplier: 1, decay: decay),
      ParameterGroup(network.headParameters.filter(\.wantsGradient), rateMultiplier: headMultiplier, decay: decay),
    ]
  }
}
