import Foundation

extension Pipeline {
  /// The command line of one shard of a step, without the folder of the program: `cam-infer --manifest ... --out ... --shard 1/2 ...`.
  ///
  /// - Parameter shard: from 1 to the step's shards.
  public func command(of step: Step, shard: Int = 1) -> [String] {
    precondition((1...step.shards).contains(shard), "shard \(shard) of \(step.shards)")
    var words = [step.stage.name]
    if let manifest = step.manifest { words += ["--manifest", manifest.path, "--data", manifest.data] }
    words += ["--out", folder(of: step)]
    if step.shards > 1 { words += ["--shard", "\(shard)/\(step.shards)"] }
    words += ["--threads", "\(step.threads)"]
    if let seed = step.seed { words += ["--seed", "\(seed)"] }
    for input in step.inputs {
      let path = path(of: input.source)
      words += ["--\(input.name)", input.title.map { "\($0)=\(path)" } ?? path]
    }
    for parameter in step.parameters {
      switch parameter.value {
      case .flag(let isOn): words.append(isOn ? "--\(parameter.name)" : "--no-\(parameter.name)")
      // As one word, since a program would take a negative number after a space for another option.
      case .text(let text) where text.hasPrefix("-"): words.append("--\(parameter.name)=\(text)")
      case .text(let text): words += ["--\(parameter.name)", text]
      }
    }
    return words
  }

  /// What a stage is given for an input.
  public func path(of source: Step.Source) -> String {
    switch source {
    case .file(let path): path
    case .step(let name): self[name].map(output(of:)) ?? name
    }
  }

  /// The files that make the step's outputs out of date when they are newer: the data set's tables, the inputs, the stamp. A folder from outside is
  /// none of them: its time says when a file came or went, not whether what it holds changed.
  public func prerequisites(of step: Step) -> [String] {
    var paths: [String] = []
    if let manifest = step.manifest, manifest.step == nil { paths += [manifest.path] + (manifest.items.map { [$0] } ?? []) }
    for input in step.inputs { if case .file(let path) = input.source, !Self.isFolder(path) { paths.append(path) } }
    paths += dependencies(of: step).flatMap(targets(of:))
    paths.append(stamp(of: step))
    var seen: Set<String> = []
    return paths.filter { seen.insert($0).inserted }
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// What a step's outputs depend on besides its input files, a line each: stage, algorithm version, wiring, parameters
  /// with their defaults.
  ///
  /// Threads and the folder for outputs are left out: they change where and how fast, not what.
  public func stampContent(of step: Step) -> String {
    var lines = ["stage \(step.stage.name)", "algorithm \(step.stage.algorithmVersion)"]
    if case .parts = step.stage.output.target { lines.append("shards \(step.shards)") }
    if let manifest = step.manifest {
      lines.append("manifest \(manifest.step.map { "of step \($0)" } ?? manifest.path)")
      // The default, the folder of the step that makes the scenes, moves with OUT.
      if !(manifest.step != nil && manifest.path.hasPrefix("\(manifest.data)/")) { lines.append("data \(manifest.data)") }
    }
    if let seed = step.seed { lines.append("parameter seed \(seed)") }
    for input in step.inputs {
      let name = input.title.map { "\(input.name) \($0)" } ?? input.name
      switch input.source {
      case .step(let other): lines.append("input \(name) from step \(other)")
      case .file(let path): lines.append("input \(name) from \(path)")
      }
    }
    // Defaults too: one that changes with the program makes other outputs.
    lines += step.canonicalParameters.map { "parameter \($0.name) \($0.value)" }
    return lines.joined(separator: "\n") + "\n"
  }
}
