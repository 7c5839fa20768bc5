import Foundations

extension PyTorchCheckpoint {
  /// The one storage of a file in the older format, as the ordinary pickle of a tensor holds it: the type and the bytes
  /// of its elements.
  static func storage(_ source: ByteSource) throws -> (ElementType, ArraySlice<UInt8>) {
    let start = try source.read(0, min(16, source.size), "storage")
    guard recognises(start), !start.starts(with: [0x50, 0x4B]) else {
      throw Failure(.data, "a tensor's storage is not in PyTorch's older format", file: source.name)
    }
    let content = try legacyContent(source)
    guard case .storage(let reference) = content.root else {
      throw Failure(.data, "a tensor's storage holds something else", file: source.name)
    }
    guard let type = reference.type else {
      throw Failure(.data, "a tensor's storage does not say what its elements are", file: source.name)
    }
    let place = try content.locate(reference)
    guard place.size % type.size == 0, place.size / type.size == reference.count else {
      throw Failure(.data, "a tensor's storage is cut short or damaged", file: source.name)
    }
    return (type, try source.read(place.offset, place.size, "storage")[...])
  }
}
