import ArgumentParser

/// Takes down the declarations of the options of a group while the group is made.
///
/// A property wrapper cannot tell which declaration it came from, but all of a group come to be in the order in which
/// they are written, when `init()` runs. Whoever wants them as data makes the group with a collector at work.
final class Collector: @unchecked Sendable {
  @TaskLocal private static var current: Collector?

  private var options: [OptionDeclaration] = []

  static func note(_ option: OptionDeclaration) { current?.options.append(option) }

  /// An instance of the group and the options that are written in it directly, in their order.
  static func options(of group: any ParsableArguments.Type) -> (
    instance: any ParsableArguments, options: [OptionDeclaration]
  ) {
    let collector = Collector()
    let instance = $current.withValue(collector) { group.init() }
    return (instance, collector.options)
  }
}

/// A value of one option of a stage in canonical spelling.
public struct CanonicalParameter: Hashable, Sendable, Codable {
  public let name: String
  public let value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// Every option of a group and of the groups in it, in the order in which they are written.
///
/// Precondition: each `@Option` and `@Flag` in them is made from a `Declared`.
public func declaredOptions(of group: any ParsableArguments.Type, section: String = "") -> [OptionDeclaration] {
  let (instance, own) = Collector.options(of: group)
  var rest = own[...]
  return Mirror(reflecting: instance).children.flatMap { child -> [OptionDeclaration] in
    if let inner = child.value as? any GroupWrapper {
      return declaredOptions(of: inner.content, section: inner.title.isEmpty ? section : inner.title)
    }
    guard child.value is any ValueWrapper else { return [] }
    guard var option = rest.popFirst() else {
      preconditionFailure("\(group): \(child.label ?? "") lacks a declaration")
    }
    if option.section.isEmpty { option.section = section }
    return [option]
  }
}

/// The values of a parsed group by the names of their options, in canonical spelling; options without a value are
/// left out.
func canonicalValues(of group: any ParsableArguments) -> [(option: OptionDeclaration, value: String)] {
  var rest = Collector.options(of: type(of: group)).options[...]
  return Mirror(reflecting: group).children.flatMap { child -> [(option: OptionDeclaration, value: String)] in
    if let inner = child.value as? any GroupWrapper { return canonicalValues(of: inner.group) }
    guard let wrapper = child.value as? any ValueWrapper, let option = rest.popFirst() else { return [] }
    // An option that may be given several times has several values.
    if let several = wrapper.parsed as? [any Sendable] {
      return several.compactMap { option.text($0) }.map { (option, $0) }
    }
    return option.text(wrapper.parsed).map { [(option, $0)] } ?? []
  }
}

/// `@Option` and `@Flag`, whatever their type.
private protocol ValueWrapper {
  /// Only of a parsed group.
  var parsed: Any { get }
}

extension Option: ValueWrapper {
  fileprivate var parsed: Any { wrappedValue }
}

extension Flag: ValueWrapper {
  fileprivate var parsed: Any { wrappedValue }
}

/// `@OptionGroup`, whatever its type.
private protocol GroupWrapper {
  var title: String { get }
  var content: any ParsableArguments.Type { get }
  /// Only of a parsed group.
  var group: any ParsableArguments { get }
}

extension OptionGroup: GroupWrapper {
  fileprivate var content: any ParsableArguments.Type { Value.self }
  fileprivate var group: any ParsableArguments { wrappedValue }
}
