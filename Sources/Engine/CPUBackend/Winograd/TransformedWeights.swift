import Foundation
@_spi(HostMemory) import Tensors

/// Weights in the domain of Winograd's products, kept from one image to the next: four times as large as they are,
/// but the transform of a deep layer costs as much as its products for a small image.
///
/// Holds on to the tensors, so whoever writes to one gets a copy and finds nothing here: of use where weights stay as
/// they are.
final class TransformedWeights: @unchecked Sendable {
  private let lock = NSLock()
  /// Images of different sizes may take different tiles, each with its own transform of the same weight.
  private struct Key: Hashable {
    let weight: ObjectIdentifier
    let transform: WinogradTransform
  }
  private var entries: [Key: (weight: Tensor, transformed: Storage)] = [:]

  /// The weight in the domain of `transform`, `count` floats that `write` writes the first time.
  func memory(
    of weight: Tensor, in transform: WinogradTransform, count: Int, _ write: (UnsafeMutablePointer<Float>) -> Void
  ) -> Storage {
    lock.lock()
    defer { lock.unlock() }
    let key = Key(weight: weight.identity, transform: transform)
    if let entry = entries[key] {
      precondition(entry.transformed.count == count, "\(count) floats of a weight that has \(entry.transformed.count)")
      return entry.transformed
    }
    let storage = Storage(count: count, from: .scratch)
    write(storage.base)
    entries[key] = (weight, storage)
    return storage
  }
}
