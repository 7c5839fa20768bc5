import Tensors

/// A fixed-size block of memory, aligned to a cache line, given back with its owner. The memory starts uninitialised:
/// it is that of tensors, kept for reuse, so that an image of a size met before touches no fresh page.
///
/// Readers may share one across threads once nothing writes it any more; whoever writes it from several threads keeps
/// them apart.
final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
  let count: Int
  private let storage: Storage

  init(count: Int) {
    self.count = count
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    storage = Storage(count: (bytes + MemoryLayout<Float>.stride - 1) / MemoryLayout<Float>.stride)
    base = UnsafeMutableRawPointer(storage.base).bindMemory(to: Element.self, capacity: max(count, 1))
  }

  convenience init(repeating value: Element, count: Int) {
    self.init(count: count)
    base.initialize(repeating: value, count: count)
  }
}
