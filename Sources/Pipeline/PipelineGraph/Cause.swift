import Foundations
import StepFiles

/// Why a job would run.
public enum Cause: Equatable, Sendable {
  /// There is no completion file, and nothing else either.
  case missing
  /// There are outputs, but no completion file: the run was stopped, or the file was removed.
  case incomplete
  /// A file is missing or has another size; tells which.
  case damaged(String)
  /// What is there was made by a version of this project that kept other records.
  case unknownMaker(String)
  /// What made it is not what would make it now; never empty.
  case differs([Recipe.Difference])
  /// The user asks for it.
  case forced
  /// Something that it reads is missing or unreadable; running it will say so.
  case unreadable(String)
}

/// Words for a person.
struct CauseText {
  let pipeline: Pipeline
  let step: Step

  func text(of cause: Cause) -> String {
    switch cause {
    case .missing: "it has not run yet"
    case .incomplete: "its last run did not end"
    case .damaged(let what): what
    case .unknownMaker(let what): what
    case .differs(let differences): differences.first.map(text(of:)) ?? "it was made otherwise"
    case .forced: "you ask for it (FORCE)"
    case .unreadable(let what): "what it reads cannot be read: \(what)"
    }
  }

  func text(of difference: Recipe.Difference) -> String {
    let words = difference.name.split(separator: " ", maxSplits: 1).map(String.init)
    let (kind, name) = (words[0], words.count > 1 ? words[1] : "")
    switch kind {
    case "parameter": return change(name, difference)
    case "seed", "shards", "stage": return change(kind, difference)
    case "algorithm":
      return
        "the stage \(step.stage.name) computes otherwise than before (algorithm \(difference.old ?? "?"), now "
        + "\(difference.new ?? "?"))"
    case "input" where name.hasSuffix(", order"): return change("the order of \(name.dropLast(7))", difference)
    case "input": return inputText(name, difference)
    case "manifest": return manifestText(name, difference)
    default: return change(difference.name, difference)
    }
  }

  private func change(_ what: String, _ difference: Recipe.Difference) -> String {
    guard let old = difference.old else { return "\(what) was not there, is \(value(difference.new))" }
    return "\(what) was \(value(old)), is \(difference.new.map { value($0) } ?? "gone")"
  }

  /// Numbers as people write them; texts that could be taken for words in quotes.
  private func value(_ text: String?) -> String {
    guard let text else { return "nothing" }
    if text.isEmpty { return "empty" }
    let items = text.split(separator: ",", omittingEmptySubsequences: false)
    return items.map { Double($0) != nil && $0.hasSuffix(".0") ? String($0.dropLast(2)) : String($0) }.joined(
      separator: ",")
  }

  private func inputText(_ name: String, _ difference: Recipe.Difference) -> String {
    let input = step.inputs.first { $0.recipeName == name }
    guard difference.old != nil else { return "its \(name) is new" }
    guard difference.new != nil, let input else { return "it no longer reads \(name)" }
    switch input.source {
    case .step(let other): return "its \(name) changed: \(other) has other content than when it ran"
    case .file(let path): return "\(path) has other content than when it ran"
    }
  }

  private func manifestText(_ name: String, _ difference: Recipe.Difference) -> String {
    let split = step.request.parameters.first { $0.name == "split" }?.value ?? "train"
    switch name {
    case "classes": return "the manifest's classes changed"
    case "colours": return "the colours of the manifest's classes changed"
    case "images": return "images of the split \(split) changed, or which there are"
    case "labels": return "image-level labels of the split \(split) changed"
    case "masks": return "truth masks of the split \(split) changed"
    default: return change("`\(name)` of the manifest", difference)
    }
  }
}

extension Step.Input {
  /// How a recipe calls it, after `input`.
  var recipeName: String { title.map { "\(name) \($0)" } ?? name }
}
