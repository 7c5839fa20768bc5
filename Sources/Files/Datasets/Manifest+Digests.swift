import Foundations

extension Manifest {
  /// Compares the files of `items` with the digests that the table gives for them; files without one are passed over.
  /// Returns how many were compared.
  ///
  /// - Parameter masks: compare the truth masks too. This reads bytes to digest them and decodes nothing.
  /// - Throws: `Failure(.data)` with path, id and both digests for the first file that differs, `Failure(.noInput)` for
  ///   one that is missing.
  @discardableResult
  package func verifyDigests(of items: [Item]? = nil, masks: Bool = false) throws -> Int {
    var compared = 0
    for item in items ?? self.items {
      var files: [(path: String?, digest: String?)] = [(item.imagePath, item.imageDigest)]
      if masks { files.append((item.maskPath, item.maskDigest)) }
      for case (let path?, let expected?) in files {
        let found: String
        do { found = try SHA256.hexadecimal(ofFile: path) } catch let error as Failure { throw error.of(item: item.id) }
        guard found == expected else {
          throw Failure(.data, expected: "SHA-256 \(expected)", found: found, file: path, item: item.id)
        }
        compared += 1
      }
    }
    return compared
  }
}
