/// What a pickle of a state dict is made of. Containers are indices into the machine's arena: a value owns no other
/// value, so that neither cycles nor a million levels of nesting cost anything when values are let go.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  /// Bytes, or an integer beyond 64 bits: allowed beside the tensors, of no use to us.
  case other
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  /// What an unknown name, or calling one, stands for.
  case object(Int)
  case storage(StorageReference)
  case tensor(TensorReference)

  /// For messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .boolean: "a boolean"
    case .integer: "an integer"
    case .float: "a number"
    case .string: "a string"
    case .other: "bytes or a long integer"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global(let global): "the name `\(global.name)`"
    case .object: "an object"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// A name that a pickle mentions. It is a label here: nothing is imported and nothing is called.
enum PickleGlobal: Equatable {
  /// `OrderedDict`, `dict`, `defaultdict`.
  case dictionary(String)
  case rebuildTensor
  case rebuildTensorVersion2
  /// With the type of its elements as an argument, on a storage of bytes.
  case rebuildTensorVersion3
  /// Calls its first argument; for tensors with attributes.
  case rebuildFromType
  case rebuildParameter
  case rebuildParameterWithState
  case size
  case storageType(ElementType)
  case untypedStorage
  case elementType(ElementType)
  /// Elements that are not read, complex or quantised ones; their size in bytes.
  case otherStorage(String, Int)
  case unknown(String)

  init(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"), ("collections", "defaultdict"), ("builtins", "dict"), ("__builtin__", "dict"):
      self = .dictionary("\(module).\(name)")
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorVersion2
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorVersion3
    case ("torch._tensor", "_rebuild_from_type_v2"): self = .rebuildFromType
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch._utils", "_rebuild_parameter_with_state"): self = .rebuildParameterWithState
    case ("torch", "Size"): self = .size
    case ("torch", "UntypedStorage"), ("torch.storage", "UntypedStorage"), ("torch.storage", "_UntypedStorage"):
      self = .untypedStorage
    case ("torch", _), ("torch.cuda", _):
      if let type = ElementType.allCases.first(where: { $0.storageName == name }) {
        self = .storageType(type)
      } else if let type = ElementType.allCases.first(where: { $0.dtypeName == name }) {
        self = .elementType(type)
      } else if let size = Self.otherStorages[name] {
        self = .otherStorage(name, size)
      } else {
        self = .unknown("\(module).\(name)")
      }
    default: self = .unknown("\(module).\(name)")
    }
  }

  private static let otherStorages = [
    "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4,
    "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
  ]

  /// Whether the name is of the kind that attacks ask for: what runs commands or code. A file that has it is refused
  /// whole, whatever else it holds.
  static func isAttack(module: String, name: String) -> Bool {
    let parts = module.split(separator: ".").map(String.init)
    let modules: Set = [
      "os", "posix", "nt", "subprocess", "pty", "commands", "popen2", "socket", "shutil", "runpy", "webbrowser",
      "ctypes",
    ]
    let functions: Set = ["eval", "exec", "execfile", "compile", "__import__", "open", "input"]
    return modules.contains(parts.first ?? "")
      || (["builtins", "__builtin__"].contains(module) && functions.contains(name))
  }

  var name: String {
    switch self {
    case .dictionary(let name), .unknown(let name): name
    case .rebuildTensor: "torch._utils._rebuild_tensor"
    case .rebuildTensorVersion2: "torch._utils._rebuild_tensor_v2"
    case .rebuildTensorVersion3: "torch._utils._rebuild_tensor_v3"
    case .rebuildFromType: "torch._tensor._rebuild_from_type_v2"
    case .rebuildParameter: "torch._utils._rebuild_parameter"
    case .rebuildParameterWithState: "torch._utils._rebuild_parameter_with_state"
    case .size: "torch.Size"
    case .storageType(let type): "torch.\(type.storageName ?? "")"
    case .untypedStorage: "torch.UntypedStorage"
    case .elementType(let type): "torch.\(type.dtypeName)"
    case .otherStorage(let name, _): "torch.\(name)"
    }
  }
}

/// What is known of an object that nothing here can make.
struct PickleObject {
  /// The name that it was made by, such as `torch.optim.lr_scheduler.MultiStepLR`.
  let origin: String
  /// Whether a storage or a tensor went into it: what it shows cannot be left out without a word.
  var holdsTensor: Bool
}

/// A run of elements kept outside the pickle, by key.
struct StorageReference {
  let key: String
  /// Nil where tensors say what they make of the bytes, or where the elements are of a type that is not read.
  let type: ElementType?
  /// Of such a type its name.
  var unreadable: String?
  /// Bytes of an element.
  let elementSize: Int
  /// Elements.
  let count: Int
}

/// A view of a storage: element (i, j, ...) is at offset + i * strides[0] + j * strides[1] + ...
struct TensorReference {
  let storage: StorageReference
  let type: ElementType
  let offset: Int
  let shape: [Int]
  let strides: [Int]

  /// How many elements of the tensor's type the storage has.
  var available: Int { storage.type == nil ? storage.count / type.size : storage.count }

  /// The number of elements; nil where it does not fit, even if an extent of 0 elsewhere makes it 0.
  var count: Int? { elementCount(shape) }

  /// Whether the elements lie one behind the other in C order.
  var isContiguous: Bool {
    var step = 1
    for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
      if stride != step { return false }
      step *= extent
    }
    return true
  }

  /// The largest position within the storage that an element has; nil where it does not fit, -1 for a tensor without
  /// elements.
  var last: Int? {
    if shape.contains(0) { return -1 }
    return zip(shape, strides).reduce(Optional(offset)) { sum, axis in
      let (step, overflow) = (axis.0 - 1).multipliedReportingOverflow(by: axis.1)
      guard let sum, !overflow else { return nil }
      let (value, tooFar) = sum.addingReportingOverflow(step)
      return tooFar ? nil : value
    }
  }
}
