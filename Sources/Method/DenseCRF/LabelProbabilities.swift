import Foundations
import Tensors

/// What a CRF starts from where only a mask is known: each pixel has its label with `confidence`, and the other labels
/// share the rest equally.
///
///     probabilities(ofMask: [0, 15, 255], height: 1, width: 3, labels: [0, 15], void: 255, confidence: 0.7)
///     // of label 0: 0.7 0.3 0.5, of label 15: 0.3 0.7 0.5
///
/// A void pixel has every label alike, and so has every pixel where there is one label only.
///
/// - Parameters:
///   - mask: height * width values, each one of `labels` or void: precondition.
///   - labels: the value of each channel, all different.
///   - void: the value of pixels that say nothing; nil where there is none.
///   - confidence: above 0 and below 1: precondition.
/// - Returns: (labels, height, width).
public func probabilities(
  ofMask mask: [UInt8], height: Int, width: Int, labels: [UInt8], void: UInt8?, confidence: Float
) -> Tensor {
  precondition(mask.count == height * width && confidence > 0 && confidence < 1 && !labels.isEmpty)
  let (unsure, other) = (1 / Float(labels.count), (1 - confidence) / Float(max(labels.count - 1, 1)))
  return Tensor([labels.count, height, width]) { target in
    for (channel, label) in labels.enumerated() {
      var table = [Float](repeating: other, count: 256)
      table[Int(label)] = labels.count > 1 ? confidence : 1
      if let void { table[Int(void)] = unsure }
      let plane = channel * mask.count
      for i in mask.indices { target[plane + i] = table[Int(mask[i])] }
    }
  }
}
