import CHDF5
import Foundations

extension HDF5File {
  /// The names of the attributes of a file (`/`), group or data set, by increasing name.
  public func attributeNames(of item: String = "/") throws -> [String] {
    try withObject(item) { id, place in try place.names(HDF5Library.collectNames { chdf5_each_attribute(id, $0, $1) }) }
  }

  /// The attribute `name` of a file (`/`), group or data set; nil where there is none. Fails where its type is not a
  /// number or a string.
  public func attribute(_ name: String, of item: String = "/") throws -> AttributeValue? {
    try withAttribute(name, of: item, Self.value)
  }

  /// All attributes of an item, by increasing name; those of types this library does not read are left out.
  public func attributes(of item: String = "/") throws -> [(name: String, value: AttributeValue)] {
    try attributeNames(of: item).compactMap { name in
      let value = try withAttribute(name, of: item) { try Self.isReadable($0, $1) ? Self.value(of: $0, $1) : nil }
      return value.flatMap { $0 }.map { (name, $0) }
    }
  }

  /// Nil where there is no attribute of this name.
  private func withAttribute<R>(_ name: String, of item: String, _ body: (hid_t, HDF5Place) throws -> R) throws -> R? {
    try withObject(item) { id, place in
      guard try place.check(H5Aexists(id, name), "cannot read the attribute \(name)") > 0 else { return nil }
      let place = place.of((place.item.map { $0 + " " } ?? "") + "attribute \(name)")
      let attribute = try place.check(H5Aopen(id, name, chdf5_default()), "cannot open")
      defer { H5Aclose(attribute) }
      return try body(attribute, place)
    }
  }

  private static func isReadable(_ attribute: hid_t, _ place: HDF5Place) throws -> Bool {
    let type = try place.check(H5Aget_type(attribute), "cannot read the type")
    defer { H5Tclose(type) }
    return [H5T_INTEGER, H5T_ENUM, H5T_FLOAT, H5T_STRING].contains(H5Tget_class(type))
  }

  /// An integer attribute that must exist.
  public func integer(_ name: String, of item: String = "/") throws -> Int {
    try required(name, of: item, "an integer", \.asInteger)
  }
  /// An integer array attribute that must exist.
  public func integers(_ name: String, of item: String = "/") throws -> [Int] {
    try required(name, of: item, "integers", \.asIntegers)
  }
  /// A number attribute that must exist.
  public func double(_ name: String, of item: String = "/") throws -> Double {
    try required(name, of: item, "a number", \.asDouble)
  }
  /// A number array attribute that must exist.
  public func doubles(_ name: String, of item: String = "/") throws -> [Double] {
    try required(name, of: item, "numbers", \.asDoubles)
  }
  /// A string attribute that must exist.
  public func string(_ name: String, of item: String = "/") throws -> String {
    try required(name, of: item, "a string", \.asString)
  }
  /// A string array attribute that must exist.
  public func strings(_ name: String, of item: String = "/") throws -> [String] {
    try required(name, of: item, "strings", \.asStrings)
  }

  private func required<T>(_ name: String, of item: String, _ expected: String, _ get: (AttributeValue) -> T?) throws
    -> T
  {
    let place = item == "/" ? nil : item
    guard let value = try attribute(name, of: item) else {
      throw Failure(.data, "the attribute `\(name)` is missing", file: path, item: place)
    }
    guard let result = get(value) else {
      throw Failure(
        .data, expected: "\(expected) in the attribute `\(name)`", found: "\(value)", file: path, item: place)
    }
    return result
  }

  private static func value(of attribute: hid_t, _ place: HDF5Place) throws -> AttributeValue {
    let type = try place.check(H5Aget_type(attribute), "cannot read the type")
    defer { H5Tclose(type) }
    let space = try place.check(H5Aget_space(attribute), "cannot read the shape")
    defer { H5Sclose(space) }
    let shape = try dimensions(space: space, place)
    let count = shape.reduce(1, *)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: max(H5Tget_size(type), MemoryLayout<Double>.size))
    guard !overflow, bytes < 1 << 24 else { throw place.failure("is too large for an attribute") }
    func numbers<T: BitwiseCopyable>(_ memoryType: hid_t, _ zero: T) throws -> [T] {
      var values = [T](repeating: zero, count: count)
      if count > 0 { try place.check(H5Aread(attribute, memoryType, &values), "cannot read") }
      return values
    }
    switch H5Tget_class(type) {
    case H5T_INTEGER where H5Tget_size(type) >= 8 && H5Tget_sign(type) == H5T_SGN_NONE:
      let values = try numbers(chdf5_native_uint64(), UInt64(0)).map { Int64(bitPattern: $0) }
      return shape.isEmpty ? .integer(values[0]) : .integers(values)
    case H5T_INTEGER, H5T_ENUM:
      let values = try numbers(chdf5_native_int64(), Int64(0))
      return shape.isEmpty ? .integer(values[0]) : .integers(values)
    case H5T_FLOAT:
      let values = try numbers(chdf5_native_double(), Double(0))
      return shape.isEmpty ? .double(values[0]) : .doubles(values)
    case H5T_STRING:
      let values = try strings(of: attribute, type: type, space: space, count: count, place)
      return shape.isEmpty ? .string(values[0]) : .strings(values)
    default:
      throw place.failure("expected numbers or strings, found \(describe(type))")
    }
  }

  private static func strings(of attribute: hid_t, type: hid_t, space: hid_t, count: Int, _ place: HDF5Place) throws
    -> [String]
  {
    if H5Tis_variable_str(type) > 0 {
      return try variableStrings(of: attribute, type: type, space: space, count: count, place)
    }
    let length = H5Tget_size(type)
    var bytes = [UInt8](repeating: 0, count: count * length)
    if !bytes.isEmpty { try place.check(H5Aread(attribute, type, &bytes), "cannot read") }
    let spacePadded = H5Tget_strpad(type) == H5T_STR_SPACEPAD
    return (0..<count).map { i in
      var text = bytes[i * length..<(i + 1) * length]
      text = text.prefix { $0 != 0 }
      if spacePadded { while text.last == UInt8(ascii: " ") { text.removeLast() } }
      return String(decoding: text, as: UTF8.self)
    }
  }

  private static func variableStrings(of attribute: hid_t, type: hid_t, space: hid_t, count: Int, _ place: HDF5Place)
    throws -> [String]
  {
    let memoryType = try place.check(chdf5_make_variable_string(type), "cannot make the string type")
    defer { H5Tclose(memoryType) }
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    if count > 0 { try place.check(H5Aread(attribute, memoryType, &pointers), "cannot read") }
    let values = pointers.map { $0.map { String(cString: $0) } ?? "" }
    H5Dvlen_reclaim(memoryType, space, chdf5_default(), &pointers)
    return values
  }
}
