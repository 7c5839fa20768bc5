/// What kernels on the processor see of a tensor: its memory. The rest of the project goes through `Kernels` and
/// copies, so that a tensor may lie elsewhere one day; hence an interface that a file has to ask for by name,
/// `@_spi(HostMemory) import Tensors`. `ArchitectureTests` lists who does.
extension Tensor {
  /// The first element for reading, valid only within `body`; `count` elements in C order follow.
  @_spi(HostMemory) @inline(__always)
  public func read<R>(_ body: (UnsafePointer<Float>) throws -> R) rethrows -> R {
    try withExtendedLifetime(storage) { try body(UnsafePointer(storage.base)) }
  }

  /// The first element for reading and writing, valid only within `body`. Copies first if the memory is shared.
  @_spi(HostMemory) @inline(__always)
  public mutating func write<R>(_ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
    makeUnique()
    return try withExtendedLifetime(storage) { try body(storage.base) }
  }

  /// A tensor in uninitialised memory, of which `body` writes every element through a pointer to the first.
  @_spi(HostMemory) @inline(__always)
  public init(filling shape: Shape, _ body: (UnsafeMutablePointer<Float>) throws -> Void) rethrows {
    let storage = Storage(count: shape.count)
    try body(storage.base)
    self.init(shape: shape, storage: storage)
  }

  /// Equal for two tensors while both live if and only if they share memory, and so are equal.
  @_spi(HostMemory)
  public var identity: ObjectIdentifier { ObjectIdentifier(storage) }
}

extension PoolPositions {
  /// The memory that `body` gets is uninitialised; it must write `count` positions.
  @_spi(HostMemory)
  public init(count: Int, filling body: (UnsafeMutablePointer<Int32>) -> Void) {
    let storage = Storage(count: count)
    storage.base.withMemoryRebound(to: Int32.self, capacity: max(count, 1), body)
    self.init(count: count, storage: storage)
  }

  /// The first position, valid only within `body`.
  @_spi(HostMemory)
  public func read<R>(_ body: (UnsafePointer<Int32>) -> R) -> R {
    withExtendedLifetime(storage) {
      storage.base.withMemoryRebound(to: Int32.self, capacity: max(count, 1)) { body(UnsafePointer($0)) }
    }
  }
}
