import Foundation
import Foundations
import Synchronization
import Tensors

/// HDF5 weights from anywhere are read by libhdf5 in a process of its own, since damage to such a file can crash it, or keep it busy or hungry for ever.
///
/// That process is the running program, started again with one argument. It opens the file, sends names, shapes and attributes, then each tensor that is
/// asked for, under limits of memory and of processor time that follow from the file's size. Whatever happens to it, here it is a `Failure` that names the
/// file. A program takes part by calling `prepare()`; where it does not, files are read in the process itself.
public enum WeightsReader {
  static let argument = "--read-hdf5-weights"
  private static let isPrepared = Mutex(false)

  /// To be called first thing by a program that reads weights which others made. In a process that was started to read them it does so, and never returns.
  public static func prepare() {
    if CommandLine.arguments.dropFirst() == [argument], WeightsServer.isAsked { WeightsServer.run() }
    isPrepared.withLock { $0 = true }
  }

  /// As `WeightsFile.openHere`, in another process where the program is prepared for that.
  static func open(_ path: String) throws -> WeightsSource {
    guard isPrepared.withLock({ $0 }) else { return try WeightsFile.openHere(path) }
    return try WeightsClient().open(path)
  }
}

/// What reading a file may take, by the bytes that it has.
struct ReaderLimits {
  private let fileSize: Int
  /// Elements of all tensors. Weights are hardly compressed to a 64th of what they are in memory, except small ones of zeros.
  let elements: Int
  /// Seconds of the processor; a file is read at hundreds of megabytes a second.
  let processorSeconds: Int
  /// Seconds until an answer comes, for disks that do not answer. On a busy machine a reader may wait long for the second of the processor that it has.
  let answerSeconds: Int

  init(fileSize: Int) {
    self.fileSize = min(fileSize, 1 << 40)
    elements = self.fileSize * 16 + 16 << 20
    processorSeconds = 1 + self.fileSize >> 24
    answerSeconds = 600 + self.fileSize >> 20
  }

  /// Memory beside what the program has at its start and tensors, where the largest has so many elements: libhdf5 holds up to three copies of a chunk of it.
  func memory(largest: Int = 0) -> Int { 4 * max(fileSize, largest * MemoryLayout<Float>.size) + 24 << 20 }

  /// 0 where there is no such file: the reader says what is wrong.
  static func fileSize(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(.noInput, "is not a regular file", file: path) }
    return Int(status.st_size)
  }
}

/// What is sent between the two: a head of two numbers, and as many bytes as the second says.
struct ReaderMessage {
  /// Requests: open the file of this path; send the tensor of this number, which stands in place of a size. Answers: well; a failure.
  enum Kind: UInt64 { case open, tensor, done, failed }

  static let headSize = 16

  /// The answer to `open`.
  struct Contents: Codable {
    struct Item: Codable {
      let name: String
      let shape: [Int]
    }
    var items: [Item]
    var attributes: [String: AttributeValue]
  }

  /// A `Failure`, sent.
  struct Refusal: Codable {
    let kind: Int32
    let message: String
    let file: String?
    let item: String?

    init(_ failure: Failure) { (kind, message, file, item) = (failure.kind.rawValue, failure.message, failure.file, failure.item) }

    var failure: Failure { Failure(Failure.Kind(rawValue: kind) ?? .data, message, file: file, item: item) }
  }

  static func head(_ kind: Kind, _ number: Int) -> [UInt8] {
    [kind.rawValue, UInt64(number)].flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }

  /// Nil where it is no head.
  static func parse(_ head: [UInt8]) -> (kind: Kind, number: Int)? {
    guard head.count == headSize, let kind = Kind(rawValue: littleEndian(head, 0, 8)), let number = Int(exactly: littleEndian(head, 8, 8)) else { return nil }
    return (kind, number)
  }

  static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try [UInt8](encoder.encode(value))
  }

  static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) -> T? {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try? decoder.decode(type, from: Data(bytes))
  }
}
