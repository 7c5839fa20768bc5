// What the members of a preset can be.

/// How the pixels of a difference map are averaged.
public enum DifferenceLossForm: String, Sendable, Codable, CaseIterable {
  /// The mean over all pixels (paper, Eq. 2).
  case plain
  /// Half the mean over equal pixels plus half the mean over differing ones (reference), so that few differences weigh
  /// as much as many equal pixels.
  case balanced
}

/// How the DD losses of the masks of a step are joined.
public enum TermAveraging: String, Codable, Sendable, CaseIterable {
  case sum
  case mean
}

/// What the DD-Net's output is the probability of.
public enum DifferenceTarget: String, Codable, Sendable, CaseIterable {
  /// 1 where the masks are equal (Eq. 1 as printed); the rule of Eq. 3 then takes the complement, which is what it
  /// needs.
  case equal
  /// 1 where they differ.
  case different
}

/// The mask that stands for the advice where the sub head and the second DD-Net are taught.
public enum AdviceTarget: String, Codable, Sendable, CaseIterable {
  /// m^D1, the result of the first SSDD module (Eqs. 13 and 14).
  case firstRefinement
  /// m^D2, the result of the second.
  case secondRefinement
}

/// How m^D0 follows from stored d maps.
public enum SeedDecision: String, Codable, Sendable, CaseIterable {
  /// w = d^K - d^A + bias (Eq. 3).
  case asIntended
  /// The two maps exchanged, as the authors' loader reads them back.
  case asCode
}

/// Over what the DD losses of the second module are averaged.
public enum SecondModuleLoss: String, Codable, Sendable, CaseIterable {
  /// Each sample on its own, bad samples left out, as in the first module.
  case perSample
  /// All pixels of the batch at once, bad samples included.
  case wholeBatch
}

/// What is kept of d between the static stage and the merge.
public enum DifferenceStorage: String, Codable, Sendable, CaseIterable {
  /// Probabilities, resized once.
  case probabilities
  /// Logits, resized to the image and back, then the sigmoid.
  case logits
}

/// How the image at OUT, which the CRF in the loop sees, becomes 8 bits.
public enum ThumbnailRounding: String, Codable, Sendable, CaseIterable {
  /// To the nearest grey level.
  case nearest
  /// Fractions dropped, as the reference's conversion does.
  case down
}

/// The pixels that the spreads of the CRF in the loop are counted in. It runs at OUT, a quarter of the crop's side.
public enum SpreadUnit: String, Codable, Sendable, CaseIterable {
  /// Pixels of OUT: the numbers of the full size as they are, so that kernels reach four times as far over the
  /// picture (reference).
  case outputPixels
  /// Pixels of the crop: spreads are divided by 4, so that kernels reach as far over the picture as at full size.
  case imagePixels
}
