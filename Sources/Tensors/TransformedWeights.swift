import Foundation

/// Weights in the domain of Winograd's products, kept from one image to the next: four times as large as they are, but the transform of a deep
/// layer costs as much as its products for a small image.
///
/// Holds on to the tensors, so whoever writes to one gets a copy and finds nothing here: of use where weights stay as they are.
final class TransformedWeights: @unchecked Sendable {
  private let lock = NSLock()
  private var entries: [ObjectIdentifier: (weight: Tensor, transformed: Storage)] = [:]

  /// The transformed weight, `count` floats that `transform` writes the first time.
  func memory(of weight: Tensor, count: Int, _ transform: (UnsafeMutablePointer<Float>) -> Void) -> Storage {
    lock.lock()
    defer { lock.unlock() }
    if let entry = entries[weight.identity] {
      precondition(entry.transformed.count == count, "\(count) floats of a weight that has \(entry.transformed.count)")
      return entry.transformed
    }
    let storage = Storage(count: count, from: .scratch)
    transform(storage.base)
    entries[weight.identity] = (weight, storage)
    return storage
  }
}
