/// The candidate with the smallest edit distance to `name`, for "did you mean": nil where none is within a third of the
/// length (at least 2 edits).
///
/// Ties go to the first candidate. Names over 200 bytes are near to none: the distance takes the product of both
/// lengths.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  guard name.utf8.count <= longestComparedName else { return nil }
  let limit = max(2, name.count / 3)
  var best: (name: String, distance: Int)?
  for candidate in candidates where candidate.utf8.count <= longestComparedName {
    let distance = editDistance(name, candidate)
    if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
  }
  return best?.name
}

private let longestComparedName = 200

/// Levenshtein distance over characters. O(mn) time, O(n) memory.
package func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substituted = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
