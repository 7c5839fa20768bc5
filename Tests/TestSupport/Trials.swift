import Foundation

/// The folder of small inputs that once failed: `SSDD_TRIALS`, else `../shared/trials` beside the package. Suites
/// that need it are skipped, visibly, where it is absent: `@Suite(.enabled(if: Trials.isAvailable,
/// "\(Trials.absence)"))`.
public enum Trials {
  /// Path of the folder, whether it exists or not.
  public static let folder: String =
    ProcessInfo.processInfo.environment["SSDD_TRIALS"].flatMap { $0.isEmpty ? nil : $0 }
    ?? URL(fileURLWithPath: Golden.packageRoot).deletingLastPathComponent().appendingPathComponent("shared/trials").path

  public static let isAvailable = FileManager.default.fileExists(atPath: folder)

  /// Why suites of trials are skipped.
  public static let absence = "needs the inputs that once failed: set SSDD_TRIALS to their folder"

  /// Copies a trial into `target`, so that outputs do not land beside its inputs; returns the copy's path.
  public static func copy(_ name: String, into target: String) throws -> String {
    let copy = "\(target)/\(name)"
    try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: copy)
    return copy
  }
}
