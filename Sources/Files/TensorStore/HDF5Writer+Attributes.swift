import CHDF5
import Foundations

extension HDF5Writer {
  /// Sets an attribute of the file (`/`), of a data set or of a group (made where missing). An attribute of that name
  /// is replaced.
  ///
  /// Strings are stored in UTF-8 with variable length, which h5py reads as `str`; a zero character ends a string.
  /// HDF5 holds at most 64 KiB of numbers in one attribute: `.io` beyond.
  public func setAttribute(_ name: String, _ value: AttributeValue, of item: String = "/") throws {
    try HDF5Library.locked {
      if item != "/", H5Lexists(file, item, chdf5_default()) <= 0 { try createGroup(item) }
      let place = place(item == "/" ? "attribute \(name)" : "\(item) attribute \(name)")
      let object = try place.check(H5Oopen(file, item, chdf5_default()), "cannot open")
      defer { H5Oclose(object) }
      if H5Aexists(object, name) > 0 { try place.check(H5Adelete(object, name), "cannot replace") }
      switch value {
      case .integer(let number):
        try write(name, object, [number], shape: [], chdf5_int64(), chdf5_native_int64(), place)
      case .integers(let numbers):
        try write(name, object, numbers, shape: [numbers.count], chdf5_int64(), chdf5_native_int64(), place)
      case .double(let number):
        try write(name, object, [number], shape: [], chdf5_float64(), chdf5_native_double(), place)
      case .doubles(let numbers):
        try write(name, object, numbers, shape: [numbers.count], chdf5_float64(), chdf5_native_double(), place)
      case .string(let text): try write(name, object, strings: [text], shape: [], place)
      case .strings(let texts): try write(name, object, strings: texts, shape: [texts.count], place)
      }
    }
  }

  /// `setAttribute` for integers.
  public func setAttribute(_ name: String, _ values: [Int], of item: String = "/") throws {
    try setAttribute(name, AttributeValue(values), of: item)
  }

  private func write(_ name: String, _ object: hid_t, strings: [String], shape: [Int], _ place: HDF5Place) throws {
    let type = try place.check(chdf5_make_string(), "cannot make the string type")
    defer { H5Tclose(type) }
    // All strings in one buffer, each ended by a zero, and a pointer to the start of each.
    var starts: [Int] = []
    var bytes: [UInt8] = []
    for text in strings {
      starts.append(bytes.count)
      bytes += Array(text.utf8) + [0]
    }
    try bytes.withUnsafeBufferPointer { buffer in
      try write(name, object, starts.map { buffer.baseAddress?.advanced(by: $0) }, shape: shape, type, type, place)
    }
  }

  private func write<T: BitwiseCopyable>(
    _ name: String, _ object: hid_t, _ values: [T], shape: [Int], _ stored: hid_t, _ memory: hid_t, _ place: HDF5Place
  ) throws {
    let space = try Self.space(shape, place)
    defer { H5Sclose(space) }
    let attribute = try place.check(
      H5Acreate2(object, name, stored, space, chdf5_default(), chdf5_default()), "cannot write")
    defer { H5Aclose(attribute) }
    if !values.isEmpty { try place.check(H5Awrite(attribute, memory, values), "cannot write") }
  }
}
