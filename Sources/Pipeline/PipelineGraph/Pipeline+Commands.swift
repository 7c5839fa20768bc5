extension Pipeline {
  /// The command line of one shard of a step, without the folder of the program: `cam-infer --manifest ... --out ...
  /// --shard 1/2 ...`.
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
}
