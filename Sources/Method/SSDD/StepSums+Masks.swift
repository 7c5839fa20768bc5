import LabelMasks
import NeuralNet
import Tensors

/// Shares of the pixels that are not void, over the whole batch. The share of foreground of every mask and the share of
/// bad samples show a collapse long before a score does.
extension StepSums {
  /// Share of pixels of foreground: `foreground_NAME`.
  mutating func addForeground(_ name: String, _ masks: LabelMask) {
    let (foreground, valid) = foregroundCounts(masks)
    add("foreground_\(name)", Double(foreground), of: Double(valid))
  }

  /// Share of pixels that differ, of a difference mask: `differing_NAME`.
  mutating func addDiffering(_ name: String, _ difference: LabelMask) {
    let (different, valid) = foregroundCounts(difference)
    add("differing_\(name)", Double(different), of: Double(valid))
  }

  /// Share of bad samples: `bad_NAME`.
  mutating func addBad(_ name: String, _ flags: ClassFlags) {
    add("bad_\(name)", Double(flags.badSamples.count { $0 }), of: Double(flags.batch))
  }
}
