extension Pipeline {
  /// The graph in the language of Graphviz: a box a step of the file, an arrow an input, labelled with the input's
  /// name. Cells share a box.
  public func dot() -> String {
    var lines = ["digraph \"\(name)\" {", "  rankdir=LR;", "  node [shape=box, fontname=\"sans-serif\"];"]
    for family in families {
      let cells = cells(of: family)
      guard let first = cells.first else { continue }
      let shards = first.shards > 1 ? " x\(first.shards)" : ""
      let matrix =
        first.cell.isEmpty ? "" : "\\n\(cells.count) cells: \(first.cell.map(\.axis).joined(separator: ", "))"
      lines.append("  \"\(family)\" [label=\"\(family)\\n\(first.stage.name)\(shards)\(matrix)\"];")
    }
    var drawn = Set(lines)
    for line in steps.flatMap(arrows(to:)) where drawn.insert(line).inserted { lines.append(line) }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private func arrows(to step: Step) -> [String] {
    var lines: [String] = []
    for input in step.inputs {
      switch input.source {
      case .step(let other):
        lines.append(
          "  \"\(self[other]?.family ?? other)\" -> \"\(step.family)\" [label=\"\(input.label ?? input.name)\"];")
      case .file(let path):
        lines.append("  \"\(path)\" [shape=note];")
        lines.append("  \"\(path)\" -> \"\(step.family)\" [label=\"\(input.name)\"];")
      }
    }
    if let source = step.manifest?.step { lines.append("  \"\(source)\" -> \"\(step.family)\" [style=dotted];") }
    return lines
  }
}
