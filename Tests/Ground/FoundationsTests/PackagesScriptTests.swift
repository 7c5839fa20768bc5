import Foundation
import TestSupport
import Testing

/// `.ci/packages` on a machine made of stand-ins: programs that write down how they were called.
@Suite struct PackagesScriptTests {
  private struct Outcome {
    let status: Int32
    let output: String
    /// Lines `PROGRAM ARGUMENTS` of what was called.
    let calls: String
  }

  /// - Parameters:
  ///   - libraries: what pkg-config knows.
  ///   - user: what `id -u` says.
  private func run(libraries: [String], user: Int, environment: [String: String] = [:]) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("packages-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let scripts = [
      "pkg-config": "case \" \(libraries.joined(separator: " ")) \" in *\" $2 \"*) exit 0;; esac; exit 1",
      "id": "echo \(user)", "sudo": "exit 1",
      "apt-get": "echo \"apt-get $*\" >> \"\(folder.path)/calls\"", "swift": "echo 'Swift version 6.2.1 (a stand-in)'",
    ]
    for (name, body) in scripts {
      let path = folder.appendingPathComponent(name).path
      try "#!/bin/sh\n\(body)\n".write(toFile: path, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["\(Golden.packageRoot)/.ci/packages"]
    process.environment = ["PATH": "\(folder.path):/usr/bin:/bin"].merging(environment) { $1 }
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let calls = (try? String(contentsOf: folder.appendingPathComponent("calls"), encoding: .utf8)) ?? ""
    return Outcome(status: process.terminationStatus, output: output, calls: calls)
  }

  private static let all = ["openblas", "hdf5", "libpng", "libjpeg", "zlib"]
  private static let command = "apt-get install -y --no-install-recommends --no-upgrade libhdf5-dev libpng-dev"

  @Test func nothingIsInstalledWhereNothingIsMissing() throws {
    let outcome = try run(libraries: Self.all, user: 0)
    #expect(outcome.status == 0 && outcome.output.isEmpty && outcome.calls.isEmpty)
  }

  @Test func whatIsMissingIsToldThenInstalledAndNothingElse() throws {
    let outcome = try run(libraries: ["openblas", "libjpeg", "zlib"], user: 0)
    #expect(outcome.status == 0)
    #expect(
      outcome.output == """
        missing, and needed to build:
          libhdf5-dev: files of weights and maps
          libpng-dev: images and masks
        installing them now (INSTALL=no only tells): \(Self.command)

        """)
    #expect(outcome.calls == "apt-get update -q\n\(Self.command)\n")
  }

  @Test(arguments: [
    (0, ["INSTALL": "no"], "INSTALL=no: nothing is installed; this command would do it, then make again:"),
    (1000, [:], "without the right to install them: run this once, then make again:"),
  ])
  func otherwiseTheCommandIsPrinted(user: Int, environment: [String: String], reason: String) throws {
    let outcome = try run(libraries: ["openblas", "libjpeg", "zlib"], user: user, environment: environment)
    #expect(outcome.status == 1 && outcome.calls.isEmpty)
    #expect(outcome.output.hasSuffix("\(reason)\n  sudo \(Self.command)\n"), "\(outcome.output)")
  }
}
