/// What a pickle of a state dict is made of. Containers are indices into the machine's arena: a value owns no other value, so that neither cycles
/// nor a million levels of nesting cost anything when values are let go.
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
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// The only names that a pickle may mention. They are labels here: nothing is imported and nothing is called.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildTensorVersion2
  case rebuildParameter
  case size
  case storageType(ElementType)

  /// Nil for every other name.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorVersion2
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("torch", _), ("torch.cuda", _):
      guard let type = ElementType.allCases.first(where: { $0.storageName == name }) else { return nil }
      self = .storageType(type)
    default: return nil
    }
  }

  var name: String {
    switch self {
    case .orderedDictionary: "collections.OrderedDict"
    case .rebuildTensor: "torch._utils._rebuild_tensor"
    case .rebuildTensorVersion2: "torch._utils._rebuild_tensor_v2"
    case .rebuildParameter: "torch._utils._rebuild_parameter"
    case .size: "torch.Size"
    case .storageType(let type): "torch.\(type.storageName)"
    }
  }
}

/// A run of elements kept outside the pickle, by key.
struct StorageReference {
  let key: String
  let type: ElementType
  let count: Int
}

/// A view of a storage: element (i, j, ...) is at offset + i * strides[0] + j * strides[1] + ...
struct TensorReference {
  let storage: StorageReference
  let offset: Int
  let shape: [Int]
  let strides: [Int]

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

  /// The largest position within the storage that an element has; nil where it does not fit, -1 for a tensor without elements.
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
