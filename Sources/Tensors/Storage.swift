import Foundation

/// A block of floats, freed with its last reference.
///
/// Written only by its single owner (`Tensor` copies it before writing when it is shared), hence unchecked.
final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  /// Uninitialised, aligned to 64 bytes.
  init(count: Int) {
    self.count = count
    let bytes = max(count, 1) * MemoryLayout<Float>.stride
    base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(to: Float.self, capacity: max(count, 1))
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }
}
