import CDigest
import Foundation

/// SHA-256 (FIPS 180-4), for the digests of inputs that every output records. Not for secrets.
public struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var pending: [UInt8] = []
  private var length: UInt64 = 0

  public init() {}

  public mutating func update(_ bytes: some Collection<UInt8>) {
    length += UInt64(bytes.count)
    let isTaken: Void? = bytes.withContiguousStorageIfAvailable { take($0) }
    if isTaken == nil { Array(bytes).withUnsafeBufferPointer { take($0) } }
  }

  /// Takes whole blocks in place; what is left waits for more.
  private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) {
    var rest = bytes[...]
    if !pending.isEmpty {
      let missing = rest.prefix(64 - pending.count)
      pending.append(contentsOf: missing)
      rest = rest.dropFirst(missing.count)
      guard pending.count == 64 else { return }
      cdigest_sha256(&state, pending, 1)
      pending.removeAll(keepingCapacity: true)
    }
    let whole = UnsafeBufferPointer(rebasing: rest.prefix(rest.count / 64 * 64))
    if let start = whole.baseAddress { cdigest_sha256(&state, start, whole.count / 64) }
    pending.append(contentsOf: rest.dropFirst(whole.count))
  }

  /// Adds the bytes of numbers, each as its bits in the machine's order (little-endian on all that this runs on).
  public mutating func update(_ numbers: [Float]) { numbers.withUnsafeBytes { update($0) } }

  /// The digest of all bytes so far, in lower-case hexadecimal.
  public func hexadecimal() -> String {
    var copy = self
    let bits = length &* 8
    copy.update([0x80] + [UInt8](repeating: 0, count: Int((119 &- length % 64) % 64)))
    copy.update((0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * $0)) })
    return copy.state.map { word in
      let hex = String(word, radix: 16)
      return String(repeating: "0", count: 8 - hex.count) + hex
    }.joined()
  }

  public static func hexadecimal(of bytes: some Collection<UInt8>) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.hexadecimal()
  }

  /// The digest of a file's content, read in pieces of 1 MiB.
  public static func hexadecimal(ofFile path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw Failure(.noInput, "cannot open: \(String(cString: strerror(errno)))", file: path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.noInput, "expected a plain file, found a folder, pipe or device", file: path)
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
    var digest = SHA256()
    do {
      while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { digest.update(piece) }
    } catch {
      throw Failure(.io, "cannot read", file: path)
    }
    return digest.hexadecimal()
  }
}
