import Foundation

/// Reading a whole file that a user names.
///
/// Only plain files are read: a pipe would keep the program waiting for ever, and a device may have no end. Failures
/// say what the system said.
public enum InputFile {
  /// The bytes of the file.
  ///
  /// - Parameters:
  ///   - what: what the file should be, for messages: "manifest".
  ///   - limit: the most bytes that such a file may have.
  ///   - first: read no more than this many from its start.
  /// - Throws: `Failure(.noInput)` where there is no such file, no right to read it, or a folder or pipe in its place;
  ///   `.data` for a file over the
  ///   limit; `.io` where reading fails half-way.
  public static func bytes(of path: String, what: String, limit: Int = 1 << 30, first: Int = .max) throws -> [UInt8] {
    // Without O_NONBLOCK opening a pipe waits for somebody to write into it. It changes nothing for plain files.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw Failure(
        .noInput, code == ENOENT ? "there is no such \(what)" : "the \(what) cannot be opened: \(reason(code))",
        file: path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw AtomicFile.failure("the \(what) cannot be read", path: path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.noInput, expected: "a plain file as \(what)", found: kind(status.st_mode), file: path)
    }
    guard status.st_size <= limit else {
      throw Failure(
        .data, expected: "\(article(what)) of at most \(limit) bytes", found: "\(status.st_size)", file: path)
    }
    return try read(descriptor, size: min(Int(status.st_size), first), what: what, path: path)
  }

  /// The file as text, without a byte order mark. `Failure(.data)` where it is not UTF-8; else as
  /// `bytes(of:what:limit:)`.
  public static func text(of path: String, what: String, limit: Int = 1 << 30) throws -> String {
    let bytes = try bytes(of: path, what: what, limit: limit)
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
    guard let text = String(validating: body, as: UTF8.self) else {
      throw Failure(.data, expected: "\(article(what)) in UTF-8 text", found: "other bytes", file: path)
    }
    return text
  }

  private static func read(_ descriptor: Int32, size: Int, what: String, path: String) throws -> [UInt8] {
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = Foundation.read(descriptor, buffer.baseAddress.map { $0 + count }, size - count)
        if got < 0, errno == EINTR { continue }
        if got < 0 { code = errno }
        if got <= 0 { break }
        count += got
      }
    }
    guard code == 0 else { throw AtomicFile.failure("the \(what) cannot be read", path: path, code: code) }
    return bytes
  }

  private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

  private static func article(_ what: String) -> String {
    "\("aeiou".contains(what.first ?? " ") ? "an" : "a") \(what)"
  }

  private static func kind(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a named pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }
}
