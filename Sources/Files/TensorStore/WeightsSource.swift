import Foundations
import Tensors

/// Weights in a file of any format that can be read: names and shapes, checked, and the elements of each tensor when
/// they are asked for.
///
/// So a file can be converted a tensor at a time, with little more memory than its largest tensor.
public struct WeightsSource {
  public enum Format: String, CaseIterable, Sendable {
    case pytorch, safetensors, mxnet, hdf5

    /// The format that a file's name promises; nil for names with another suffix.
    public init?(fileName: String) {
      switch fileName.split(separator: ".").last {
      case "pth", "pt": self = .pytorch
      case "safetensors": self = .safetensors
      case "params": self = .mxnet
      case "h5", "hdf5": self = .hdf5
      default: return nil
      }
    }
  }

  public struct Item {
    public let name: String
    public let shape: Shape
    private let body: () throws -> Tensor

    init(_ name: String, _ shape: Shape, _ body: @escaping () throws -> Tensor) {
      self.name = name
      self.shape = shape
      self.body = body
    }

    /// The tensor as float32; fails where the file can no longer be read.
    public func read() throws -> Tensor { try body() }

    func named(_ name: String) -> Item { Item(name, shape, body) }
  }

  /// In the file's order; names differ.
  public private(set) var items: [Item]
  /// What the file says of the whole, by name.
  public var attributes: [String: AttributeValue]
  /// Nil for tensors that are in memory.
  public let format: Format?
  /// The file, for messages.
  public let path: String?
  /// Where in the file the tensors were, and what else was there, for who chose none of it; nil where nothing needs
  /// to be said.
  public let remark: String?

  /// Fails where a name is there twice.
  init(
    _ items: [Item], attributes: [String: AttributeValue] = [:], format: Format?, path: String?, remark: String? = nil
  ) throws {
    var names: Set<String> = []
    for item in items where !names.insert(item.name).inserted {
      throw Failure(.data, "two tensors have this name", file: path, item: item.name)
    }
    self.items = items
    self.attributes = attributes
    self.format = format
    self.path = path
    self.remark = remark
  }

  /// Opens a file of `format`, by default of the one that its first bytes tell.
  ///
  /// `keepingNames`: leave MXNet's names as they are; otherwise they become PyTorch's (`MXNetParameters`).
  /// `key`: where in a PyTorch file the weights are (`StateDictionarySearch`).
  /// - Throws: `Failure(.noInput)` where there is no such file, `.data` where its content is damaged or of no known
  ///   format, `.usage` for a key where the format has none and for names to be kept that no one would change.
  public init(_ path: String, format: Format? = nil, keepingNames: Bool = false, key: String? = nil) throws {
    try self.init(ByteSource(path: path), format: format, keepingNames: keepingNames, key: key)
  }

  /// The same from memory, except HDF5; `name` stands for the path in messages.
  package init(bytes: [UInt8], name: String, key: String? = nil) throws {
    try self.init(ByteSource(bytes: bytes, name: name), key: key)
  }

  private init(_ source: ByteSource, format: Format? = nil, keepingNames: Bool = false, key: String? = nil) throws {
    guard let format = try format ?? Self.format(of: source) else {
      throw Failure(
        .data, "is none of the formats that can be read: PyTorch, safetensors, MXNet, HDF5", file: source.name)
    }
    if key != nil, format != .pytorch {
      throw Failure(.usage, "has no keys: only PyTorch's files have", file: source.name, item: "--key")
    }
    if keepingNames, format != .mxnet {
      throw Failure(
        .usage, "keeps its names anyway: only those of MXNet's files would be changed", file: source.name,
        item: "--keep-names")
    }
    switch format {
    case .pytorch: self = try PyTorchCheckpoint.open(source, key: key)
    case .safetensors: self = try Safetensors.open(source)
    case .mxnet: self = try MXNetParameters.open(source, keepingNames: keepingNames)
    case .hdf5: self = try WeightsFile.open(source.name)
    }
  }

  /// Tensors in memory, for writing.
  public init(_ weights: NamedTensors) {
    items = weights.entries.map { entry in Item(entry.name, entry.tensor.shape) { entry.tensor } }
    attributes = weights.attributes
    format = nil
    path = weights.source
    remark = nil
  }

  private static func format(of source: ByteSource) throws -> Format? {
    let start = try source.read(0, min(16, source.size), "start of the file")
    if start.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) { return .hdf5 }
    if PyTorchCheckpoint.recognises(start) { return .pytorch }
    if MXNetParameters.recognises(start) { return .mxnet }
    return Safetensors.recognises(start, size: source.size) ? .safetensors : nil
  }

  /// Number of elements of all tensors.
  public var elementCount: Int { items.reduce(0) { $0 + $1.shape.count } }

  /// All tensors in memory.
  public func load() throws -> NamedTensors {
    NamedTensors(try items.map { ($0.name, try $0.read()) }, attributes: attributes, source: path)
  }

  /// The same with names changed; nil leaves a tensor out. A failure where two tensors would have one name.
  public func renamed(_ change: (String) -> String?) throws -> WeightsSource {
    try WeightsSource(
      items.compactMap { item in change(item.name).map(item.named) }, attributes: attributes, format: format,
      path: path, remark: remark)
  }

  /// The tensors of these names in this order; names that the file does not have are left out.
  public func selecting(_ names: [String]) throws -> WeightsSource {
    let byName = Dictionary(items.map { ($0.name, $0) }) { $1 }
    return try WeightsSource(
      names.compactMap { byName[$0] }, attributes: attributes, format: format, path: path, remark: remark)
  }

  /// The same without the attributes that tell what made the file.
  public var withoutProvenance: WeightsSource {
    var result = self
    result.attributes = attributes.filter { !Provenance.isKey($0.key) }
    return result
  }

  /// Writes all tensors to `path`, which appears whole or not at all; reads one at a time.
  ///
  /// HDF5 and safetensors keep the attributes and get the provenance; a PyTorch file is a bare state dict.
  /// - Throws: `Failure(.usage)` for MXNet's format, which is read only; `.io` where the disk refuses.
  public func write(to path: String, as format: Format, provenance: Provenance = .none) throws {
    switch format {
    case .hdf5: try WeightsFile.save(self, to: path, provenance: provenance)
    case .safetensors: try Safetensors.write(self, to: path, provenance: provenance)
    case .pytorch: try PyTorchCheckpoint.write(self, to: path)
    case .mxnet: throw Failure(.usage, "files in MXNet's format can be read, not written", file: path)
    }
  }
}
