import CHDF5
import Foundation
import Foundations

/// The seam to the C library: one lock around every call (not every build of it is safe for threads), errors as
/// `Failure`, nothing printed.
package enum HDF5Library {
  private static let lock = NSRecursiveLock()

  /// Opens the library, once.
  ///
  /// The library's own clean-up at exit is switched off too: every file is closed by whoever opened it, and after a
  /// full disk that clean-up, which tries to write again what could not be written, crashes (1.10.8).
  private static let ready: Bool = {
    H5dont_atexit()
    H5open()
    return true
  }()

  /// Runs `body` while no other thread is inside HDF5.
  package static func locked<R>(_ body: () throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    _ = ready
    chdf5_silence()
    return try body()
  }

  /// What the last failing call said, innermost entry of HDF5's error stack first: the system's own message where there
  /// is one.
  ///
  /// Every successful call clears the stack, so this must be asked right after the failing one.
  static func cause() -> String {
    let entries =
      collectNames { visit, context in
        chdf5_each_error(visit, context)
        return 0
      } ?? []
    if let said = entries.compactMap(systemMessage).first { return said }
    return entries.first.map { $0.split(separator: "\n").first.map(String.init) ?? $0 } ?? "unknown cause"
  }

  /// `error message = 'No space left on device'` within the entries of the drivers.
  private static func systemMessage(_ entry: String) -> String? {
    guard let start = entry.range(of: "error message = '"),
      let end = entry.range(of: "'", range: start.upperBound..<entry.endIndex)
    else {
      return nil
    }
    return String(entry[start.upperBound..<end.lowerBound])
  }

  /// The strings that a C iteration hands to its visitor; nil where it fails, as `walk`'s result tells.
  static func collectNames(_ walk: (chdf5_visitor, UnsafeMutableRawPointer) -> herr_t) -> [String]? {
    final class Box { var names: [String] = [] }
    let box = Box()
    let visitor: chdf5_visitor = { context, name in
      guard let context, let name else { return }
      Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().names.append(String(cString: name))
    }
    let status = withExtendedLifetime(box) { walk(visitor, Unmanaged.passUnretained(box).toOpaque()) }
    return status < 0 ? nil : box.names
  }
}

/// Where a call happens, for its failure: a file, an item of it, and whether failing means bad data or failed writing.
struct HDF5Place {
  let file: String
  var item: String?
  var kind: Failure.Kind

  /// `status` where it is not negative, else a failure that names this place and the library's cause.
  @discardableResult
  func check<Status: SignedInteger>(_ status: Status, _ what: @autoclosure () -> String) throws -> Status {
    guard status < 0 else { return status }
    let cause = HDF5Library.cause()
    throw failure("\(what()): \(cause)")
  }

  /// The names that were listed, or a failure that names this place and the library's cause where they could not be.
  func names(_ listed: [String]?) throws -> [String] {
    guard let listed else { throw failure("cannot list what it holds: \(HDF5Library.cause())") }
    return listed
  }

  func failure(_ message: String) -> Failure { Failure(kind, message, file: file, item: item) }

  func of(_ item: String) -> HDF5Place { HDF5Place(file: file, item: item == "/" ? nil : item, kind: kind) }
}
