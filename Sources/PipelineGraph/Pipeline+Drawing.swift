extension Pipeline {
  /// The graph in the language of Graphviz: a box a step, an arrow an input, labelled with the input's name.
  public func dot() -> String {
    var lines = ["digraph \"\(name)\" {", "  rankdir=LR;", "  node [shape=box, fontname=\"sans-serif\"];"]
    for step in steps {
      let shards = step.shards > 1 ? " x\(step.shards)" : ""
      lines.append("  \"\(step.name)\" [label=\"\(step.name)\\n\(step.stage.name)\(shards)\"];")
    }
    for step in steps {
      for input in step.inputs {
        switch input.source {
        case .step(let other): lines.append("  \"\(other)\" -> \"\(step.name)\" [label=\"\(input.label ?? input.name)\"];")
        case .file(let path):
          lines.append("  \"\(path)\" [shape=note];")
          lines.append("  \"\(path)\" -> \"\(step.name)\" [label=\"\(input.name)\"];")
        }
      }
      if let source = step.manifest?.step { lines.append("  \"\(source)\" -> \"\(step.name)\" [style=dotted];") }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }
}
