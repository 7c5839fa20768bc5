import Foundations

/// Finds the weights in what a training saved: a dictionary of tensors by name, at the top or under a key.
///
///     ["epoch": 3, "net": ["conv.weight": ...], "optimizer": ...]      // the weights are under `net`
///
/// Looked at are the top, what is under its keys, and what is under theirs, but for optimizers and the like.
struct StateDictionarySearch {
  struct State {
    let entries: [(String, TensorReference)]
    /// Where the weights were, and what else could have been meant; nil where nothing needs to be said.
    let remark: String?
  }

  /// A dictionary that has tensors; `path` is the keys to it, none for the top.
  private struct Candidate {
    let path: [String]
    let value: PickleValue
    let count: Int

    var name: String { path.isEmpty ? "/" : path.joined(separator: "/") }
    var described: String { "`\(name)` (\(count) \(count == 1 ? "tensor" : "tensors"))" }
  }

  private let machine: PickleMachine
  private let root: PickleValue
  private let file: String
  private let candidates: [Candidate]

  /// Keys under which trainings save the weights of their network, those most surely meant first.
  private static let usual = [
    "state_dict", "model_state_dict", "model", "net", "network", "model_state", "weights", "params", "module",
  ]
  /// What keys contain under which there are tensors that are no weights.
  private static let others = ["optim", "sched", "scaler", "rng"]

  init(_ machine: PickleMachine, _ root: PickleValue, file: String) {
    (self.machine, self.root, self.file) = (machine, root, file)
    var candidates: [Candidate] = []
    func look(_ value: PickleValue, _ path: [String]) {
      let entries = Self.entries(machine, value)
      let count = entries.count { if case .tensor = $0.value { true } else { false } }
      if count > 0 { candidates.append(Candidate(path: path, value: value, count: count)) }
      guard path.count < 2 else { return }
      for (key, value) in entries {
        guard case .dictionary = value, !Self.others.contains(where: { key.lowercased().contains($0) }) else {
          continue
        }
        look(value, path + [key])
      }
    }
    look(root, [])
    self.candidates = candidates
  }

  /// The weights under `key`: a key of the top, or several with `/` between, or `/` for the top itself. Without one
  /// those that are meant without doubt.
  ///
  /// - Throws: `Failure(.data)` that lists the keys which were found, where none or several may be meant, or a tensor
  ///   is made by something unknown.
  func state(_ key: String?) throws -> State {
    let chosen = try key.map(candidate(under:)) ?? meant()
    let rest = candidates.filter { $0.path != chosen.path }
    let place = chosen.path.isEmpty ? nil : "weights under `\(chosen.name)`"
    let more = rest.isEmpty ? nil : "left aside: \(rest.map(\.described).joined(separator: ", ")); --key takes another"
    let remark = [place, more].compactMap { $0 }.joined(separator: "; ")
    return State(entries: try tensors(chosen), remark: remark.isEmpty ? nil : remark)
  }

  private func candidate(under key: String) throws -> Candidate {
    let path =
      key == "/" ? [] : Self.value(machine, [key], root) == nil ? key.split(separator: "/").map(String.init) : [key]
    guard let value = Self.value(machine, path, root) else {
      throw Failure(.data, "has nothing under the key `\(key)`; \(found)", file: file)
    }
    let candidate = Candidate(path: path, value: value, count: 0)
    guard try !tensors(candidate).isEmpty else {
      throw Failure(.data, "has no tensors by name under the key `\(key)`; \(found)", file: file)
    }
    return candidate
  }

  private func meant() throws -> Candidate {
    let usual = candidates.compactMap { candidate -> (rank: [Int], candidate: Candidate)? in
      let ranks = candidate.path.compactMap { Self.usual.firstIndex(of: $0) }
      return candidate.path.isEmpty || ranks.count < candidate.path.count ? nil : (ranks, candidate)
    }
    if let best = usual.min(by: { $0.rank.lexicographicallyPrecedes($1.rank) }) { return best.candidate }
    let nested = candidates.filter { !$0.path.isEmpty }
    if let top = candidates.first(where: \.path.isEmpty), nested.allSatisfy({ $0.count <= top.count }) { return top }
    if nested.count == 1 { return nested[0] }
    guard !nested.isEmpty else {
      throw Failure(.data, "holds no state dict, which is a dictionary of tensors by name; \(found)", file: file)
    }
    throw Failure(
      .data,
      "holds more than one dictionary of tensors: \(candidates.map(\.described).joined(separator: ", ")); choose one "
        + "with --key",
      file: file)
  }

  /// What the file has instead, for messages.
  private var found: String {
    if !candidates.isEmpty { return "tensors are under \(candidates.map(\.described).joined(separator: ", "))" }
    if case .object(let index) = root {
      return
        "it is a whole object of `\(machine.objects[index].origin)`, which only that program can make; save its "
        + "state_dict() instead"
    }
    let keys = Self.entries(machine, root).map { "`\($0.key)`" }
    return keys.isEmpty
      ? "it is \(root.kind) without names"
      : "its keys are \(keys.prefix(10).joined(separator: ", "))\(keys.count > 10 ? ", ..." : "")"
  }

  private func tensors(_ candidate: Candidate) throws -> [(String, TensorReference)] {
    try Self.entries(machine, candidate.value).compactMap { name, value in
      switch value {
      case .tensor(let tensor): return (name, tensor)
      case .object(let index) where machine.objects[index].holdsTensor:
        throw Failure(
          .data,
          "is made by `\(machine.objects[index].origin)`, which cannot be read as a plain tensor; nothing was executed",
          file: file, item: name)
      default: return nil
      }
    }
  }

  private static func value(_ machine: PickleMachine, _ path: [String], _ root: PickleValue) -> PickleValue? {
    path.reduce(Optional(root)) { value, key in value.flatMap { machine.value(key, of: $0) } }
  }

  /// The values under names. A name set twice has its first place and its last value, as in Python.
  private static func entries(_ machine: PickleMachine, _ value: PickleValue) -> [(key: String, value: PickleValue)] {
    guard case .dictionary(let index) = value else { return [] }
    var places: [String: Int] = [:]
    var entries: [(key: String, value: PickleValue)] = []
    for (key, value) in machine.dictionaries[index] {
      guard case .string(let name) = key else { continue }
      if let place = places[name] {
        entries[place].value = value
      } else {
        places[name] = entries.count
        entries.append((name, value))
      }
    }
    return entries
  }
}
