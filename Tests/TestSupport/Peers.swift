import Foundation

/// Other people's programs, from the environment that `make bench-peers` builds: PyTorch, pydensecrf,
/// numpy and Pillow.
///
/// `SSDD_PEERS=PYTHON` names another Python that has them. Tests that ask them are skipped, visibly, where they are
/// absent.
public enum Peers {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  private static let python = ProcessInfo.processInfo.environment["SSDD_PEERS"] ?? "\(root)/.build/peers/bin/python"

  /// Why a test is skipped.
  public static let absence =
    "no Python with what this test compares with; `make bench-peers` builds one (without torchvision), or SSDD_PEERS "
    + "names it"

  /// Whether all of these can be imported.
  public static func have(_ modules: String...) -> Bool {
    guard FileManager.default.isExecutableFile(atPath: python) else { return false }
    return (try? execute(["-c", "import " + modules.joined(separator: ", ")]).status) == 0
  }

  /// Runs `Benchmarks/peers/SCRIPT` and returns its exit status and what it printed.
  public static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    try execute(["\(root)/Benchmarks/peers/\(script)"] + arguments)
  }

  private static func execute(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
