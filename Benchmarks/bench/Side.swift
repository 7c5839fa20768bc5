import Foundation
import Foundations

/// A process that runs one case when asked to: ours (`bench serve`) or a peer (peers/peer.py). It answers in lines of
/// JSON.
final class Side {
  /// What a side says; which values are there depends on what it was asked.
  struct Answer: Codable {
    var ready: Bool?
    /// Numbers of the first result, tensor by tensor.
    var sample: [[Double]]?
    var note: String?
    var version: String?
    var operations: Double?
    var seconds: Double?
    /// Processor time of the run, all threads together: what it took where others kept it waiting.
    var processor: Double?
    var peak: Int?
  }

  let name: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var buffer = Data()

  /// Starts a process; its standard error is this one's.
  init(_ name: String, _ command: [String]) throws {
    self.name = name
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.standardInput = input
    process.standardOutput = output
    do { try process.run() } catch {
      throw Failure(.noInput, "cannot start: \(error.localizedDescription)", file: command[0])
    }
  }

  /// The next answer. Throws where the process ends or says something else.
  func answer() throws -> Answer {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        let line = buffer[buffer.startIndex..<end]
        buffer = Data(buffer[(end + 1)...])
        do { return try JSONDecoder().decode(Answer.self, from: line) } catch {
          throw Failure(
            .data, expected: "a line of JSON", found: String(decoding: line.prefix(200), as: UTF8.self), item: name)
        }
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure(.software, "ended early", item: name) }
      buffer.append(more)
    }
  }

  /// Seconds of one run: passed, and of processor time.
  func run() throws -> (passed: Double, processor: Double) {
    try input.fileHandleForWriting.write(contentsOf: Data("run\n".utf8))
    let answer = try self.answer()
    guard let seconds = answer.seconds, let processor = answer.processor else {
      throw Failure(.data, "no time", item: name)
    }
    return (seconds, processor)
  }

  /// Ends the process.
  /// - Returns: its peak memory in bytes since it was ready to warm up.
  func end() throws -> Int? {
    try input.fileHandleForWriting.close()
    let peak = try answer().peak
    process.waitUntilExit()
    return peak
  }

  /// Ends the process without asking.
  func stop() { if process.isRunning { process.terminate() } }

  /// Writes an answer to standard output.
  static func say(_ answer: Answer) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(answer) + Data("\n".utf8))
  }
}
