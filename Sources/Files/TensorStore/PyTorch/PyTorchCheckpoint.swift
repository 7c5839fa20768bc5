import Foundations
import Tensors

/// Reads the weights that `torch.save` wrote, without PyTorch and without executing anything that the file says; and
/// writes such files.
public enum PyTorchCheckpoint {
  /// The tensors of a state dict, in its order, widened to float32.
  ///
  /// - Both formats: the zip archive (since PyTorch 1.6; ZIP64 too) and the older run of pickles.
  /// - The state dict is found by `StateDictionarySearch`: the pickled dictionary itself, or what it holds under
  ///   `state_dict`, `model`, `net` and the like, or under `key`. Entries that are no tensors are skipped.
  /// - Half, bfloat16, 8-bit, double, integer and boolean tensors are widened (doubles and integers beyond 2^24
  ///   rounded); views of every kind, parameters and tensors that share a storage are read as the tensors they show.
  /// - Objects of any kind may stand beside the tensors: they are not made, and nothing is called. Where a wanted
  ///   tensor is made by something unknown, the failure names both.
  /// - `strippingModulePrefix`: leave out the `module.` that DataParallel puts before every name.
  ///
  /// Fails with `.data` and the offending name for pickles that ask for what runs commands, for compressed entries,
  /// files cut short, storages shorter than a tensor on them, tensors that together show more than twice the bytes of
  /// the file, and bytes that contradict the archive's checksum (the older format has none); sizes are checked before
  /// memory is taken. With `.noInput` where there is no such file.
  public static func read(_ path: String, strippingModulePrefix: Bool = false) throws -> NamedTensors {
    try open(ByteSource(path: path), strippingModulePrefix).load()
  }

  /// The same from memory; `name` stands for the path in messages.
  package static func read(bytes: [UInt8], name: String, strippingModulePrefix: Bool = false) throws -> NamedTensors {
    try open(ByteSource(bytes: bytes, name: name), strippingModulePrefix).load()
  }

  /// A pickle is read whole; those of state dicts have some hundred bytes per tensor.
  static let largestPickle = 16 << 20

  /// The names and shapes of the tensors, all checked; their elements are read when they are asked for.
  static func open(_ source: ByteSource, _ stripping: Bool = false, key: String? = nil) throws -> WeightsSource {
    let start = try source.read(0, min(16, source.size), "start of the file")
    let content: Content
    if isArchive(start) {
      content = try zipContent(source)
    } else if isLegacy(start) {
      content = try legacyContent(source)
    } else {
      throw Failure(.data, "is not a PyTorch checkpoint: neither a zip archive nor the older format", file: source.name)
    }
    return try weights(content, source, stripping, key)
  }

  /// Whether a file that starts with these 16 bytes is to be read as a PyTorch checkpoint.
  static func recognises(_ start: [UInt8]) -> Bool { isArchive(start) || isLegacy(start) }

  private static func isArchive(_ start: [UInt8]) -> Bool { start.starts(with: [0x50, 0x4B, 0x03, 0x04]) }
  private static func isLegacy(_ start: [UInt8]) -> Bool {
    start.count == 16 && start[0] == 0x80 && Array(start[2..<15]) == legacyMagic
  }

  /// What a file holds: the pickled object, and where the bytes of each storage lie.
  struct Content {
    let machine: PickleMachine
    let root: PickleValue
    /// The place of a storage, for as many bytes as its reference claims.
    let locate: (StorageReference) throws -> (offset: Int, size: Int)
    /// Compares a storage with its checksum, once, where the format has one; the tensor that it is for is named in the
    /// failure.
    let verify: (_ storage: StorageReference, _ tensor: String) throws -> Void
  }

  // MARK: The zip format: NAME/data.pkl, NAME/data/KEY, NAME/byteorder

  private static func zipContent(_ source: ByteSource) throws -> Content {
    let archive = try ZipArchive(source)
    let pickles = archive.entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }.sorted()
    guard pickles.count == 1, let pickle = pickles.first, let entry = archive.entries[pickle] else {
      throw Failure(
        .data, "is not a PyTorch checkpoint: the archive holds \(pickles.count) entries called data.pkl",
        file: source.name)
    }
    let folder = pickle.dropLast("data.pkl".count)
    if let order = archive.entries["\(folder)byteorder"] {
      let place = try archive.content(order)
      try archive.verify(order)
      let text = try source.read(place.offset, min(place.size, 16), order.name)
      guard text == Array("little".utf8) else {
        throw Failure(
          .data, expected: "little", found: String(decoding: text, as: UTF8.self), file: source.name, item: order.name)
      }
    }
    let place = try archive.content(entry)
    guard place.size <= largestPickle else {
      throw Failure(.data, "has \(place.size) bytes, more than a state dict needs", file: source.name, item: pickle)
    }
    try archive.verify(entry)
    var machine = PickleMachine(try source.read(place.offset, place.size, pickle), file: source.name, item: pickle)
    let root = try machine.run()
    func stored(_ storage: StorageReference) throws -> ZipArchive.Entry {
      let name = "\(folder)data/\(storage.key)"
      guard let entry = archive.entries[name] else {
        throw Failure(.data, "the storage is missing", file: source.name, item: name)
      }
      return entry
    }
    let verified = VerifiedKeys()
    return Content(
      machine: machine, root: root, locate: { try archive.content(stored($0)) },
      verify: { storage, tensor in try verified.once(storage.key) { try archive.verify(stored(storage), of: tensor) } })
  }

  /// Which storages have been compared with their checksums.
  private final class VerifiedKeys {
    private var keys: Set<String> = []

    func once(_ key: String, _ verify: () throws -> Void) throws {
      guard !keys.contains(key) else { return }
      try verify()
      keys.insert(key)
    }
  }

  // MARK: The older format: magic, version, system, object, keys, storages

  /// The pickle of the number 0x1950a86a20f9469cfc6c, without its protocol.
  private static let legacyMagic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  static func legacyContent(_ source: ByteSource) throws -> Content {
    let head = try source.read(0, min(source.size, largestPickle), "pickles")
    var position = 2 + legacyMagic.count
    func next(_ item: String) throws -> (PickleMachine, PickleValue) {
      var machine = PickleMachine(head, from: position, file: source.name, item: item)
      let value = try machine.run()
      position = machine.position
      return (machine, value)
    }
    let (_, version) = try next("format version")
    guard case .integer(1001) = version else {
      throw Failure(.data, "is of an unknown version of the older format", file: source.name)
    }
    let (systemMachine, system) = try next("system")
    if case .boolean(false)? = systemMachine.value("little_endian", of: system) {
      throw Failure(.data, "was written on a big-endian machine", file: source.name)
    }
    let (machine, root) = try next("pickle")
    let (keyMachine, keyList) = try next("storage keys")
    let keys = try keyMachine.elements(keyList, "storage keys").map { key in
      guard case .string(let text) = key else { throw keyMachine.failure("damaged: a key that is \(key.kind)") }
      return text
    }
    let places = try legacyStorages(source, keys, from: position, sizes: elementSizes(machine))
    let locate = { (storage: StorageReference) in
      guard let place = places[storage.key] else {
        throw Failure(.data, "the storage is missing", file: source.name, item: "storage \(storage.key)")
      }
      return place
    }
    return Content(machine: machine, root: root, locate: locate, verify: { _, _ in })
  }

  /// Storages follow the pickles in the order of their keys: the number of elements in 8 bytes, then the elements,
  /// whose size the pickle knows.
  private static func legacyStorages(
    _ source: ByteSource, _ keys: [String], from start: Int, sizes: [String: Int]
  ) throws -> [String: (offset: Int, size: Int)] {
    var places: [String: (offset: Int, size: Int)] = [:]
    var position = start
    for key in keys {
      let item = "storage \(key)"
      guard let size = sizes[key] else {
        throw Failure(.data, "no tensor tells the type of its elements", file: source.name, item: item)
      }
      let count = littleEndian(try source.read(position, 8, item), 0, 8)
      position += 8
      guard count <= (source.size - position) / size else {
        throw Failure(
          .data, "the file ends before the end of this (it is cut short, or damaged)", file: source.name, item: item)
      }
      places[key] = (position, Int(count) * size)
      position += Int(count) * size
    }
    return places
  }

  private static func elementSizes(_ machine: PickleMachine) -> [String: Int] {
    Dictionary(machine.storages.map { ($0.key, $0.elementSize) }, uniquingKeysWith: { first, _ in first })
  }
}
