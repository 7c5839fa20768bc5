import ArgumentParser
import StepFiles

/// The declaration of an option together with its type; what `@Option` and `@Flag` are made from.
///
///     @Option(.number("beta", 0...64, default: 8, "Exponent on the affinities."))
///     public var beta: Double
///
/// The range is checked while the command line is parsed, and shown with unit and default in the help. The same
/// declaration is read as data by `declaredOptions(of:)`.
public struct Declared<Value: Sendable>: Sendable {
  public internal(set) var option: OptionDeclaration
  let initial: Value?
  let read: @Sendable (String) throws -> Value

  init(
    _ name: String, _ kind: ValueKind, unit: String? = nil, default standard: Standard<Value>, help: String,
    text: @escaping @Sendable (Value) -> String, read: @escaping @Sendable (String) throws -> Value
  ) {
    initial = standard.value()
    self.read = read
    option = OptionDeclaration(
      name: name, kind: kind, unit: unit, standard: standard.described(text), help: help,
      text: { ($0 as? Value).map(text) })
  }

  /// The same option for a property that may be nil.
  var optional: Declared {
    var copy = self
    if copy.option.standard == .required { copy.option.standard = .nothing }
    if case .input(let accepts, .required) = copy.option.role { copy.option.role = .input(accepts: accepts, .optional) }
    return copy
  }

  /// The same option, which says how an output comes about but not what is in it.
  var unrecorded: Declared {
    var copy = self
    copy.option.isRecorded = false
    return copy
  }

  /// The same option in another role than that of a parameter.
  func with(_ role: OptionDeclaration.Role) -> Declared {
    var copy = self
    copy.option.role = role
    return copy
  }
}

// MARK: - The types of values

extension Declared where Value == Int {
  /// A whole number.
  ///
  /// - Parameters:
  ///   - range: the numbers taken.
  ///   - exception: one further number with a meaning of its own, to be told in `help`.
  public static func integer(
    _ name: String, _ range: ClosedRange<Int>, multipleOf factor: Int = 1, or exception: Int? = nil,
    unit: String? = nil, default standard: Standard<Int>, _ help: String
  ) -> Declared {
    integer(name, IntegerRange(range, multipleOf: factor, or: exception), unit: unit, default: standard, help)
  }

  static func integer(
    _ name: String, _ range: IntegerRange, unit: String? = nil, default standard: Standard<Int>, _ help: String
  ) -> Declared {
    Declared(
      name, .integer(range), unit: unit, default: standard, help: help, text: { "\($0)" },
      read: { try ValueKind.integer($0, in: range) })
  }
}

extension Declared where Value == Double {
  public static func number(
    _ name: String, _ range: ClosedRange<Double>, unit: String? = nil, default standard: Standard<Double>,
    _ help: String
  ) -> Declared {
    number(name, NumberRange(range), unit: unit, default: standard, help)
  }

  public static func number(
    _ name: String, _ range: NumberRange, unit: String? = nil, default standard: Standard<Double>, _ help: String
  ) -> Declared {
    Declared(
      name, .number(range), unit: unit, default: standard, help: help, text: { "\($0)" },
      read: { try ValueKind.number($0, in: range) })
  }
}

extension Declared where Value == NumberList {
  /// Numbers separated by commas, at least one.
  public static func numbers(
    _ name: String, _ range: NumberRange, unit: String? = nil, default standard: NumberList, _ help: String
  ) -> Declared {
    Declared(
      name, .numbers(range), unit: unit, default: .value(standard), help: help, text: { $0.description },
      read: { NumberList(try ValueKind.numbers($0, in: range)) })
  }
}

extension Declared where Value == NumberList {
  /// Numbers of epochs, from 1, separated by commas; none unless given.
  static func epochs(_ name: String, _ help: String) -> Declared {
    let range = NumberRange(1...100_000)
    return Declared(name, .numbers(range), unit: "epochs", default: .nothing, help: help, text: { $0.description }) {
      text in
      let numbers = try ValueKind.numbers(text, in: range)
      guard numbers.allSatisfy({ $0 == $0.rounded() }) else {
        throw WrongValue(expected: "whole numbers of epochs", found: text)
      }
      return NumberList(numbers)
    }
  }
}

extension Declared where Value == Bool {
  /// `--NAME` and `--no-NAME`.
  public static func flag(_ name: String, default standard: Standard<Bool>, _ help: String) -> Declared {
    Declared(name, .flag, default: standard, help: help, text: { "\($0)" }, read: { $0 == "true" })
  }

  /// `--NAME` alone, for somebody at a terminal or for `role`.
  static func switchOn(_ name: String, _ role: OptionDeclaration.Role, _ help: String) -> Declared {
    flag(name, default: .value(false), help).with(role).unrecorded
  }
}

extension Declared where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  public static func choice(_ name: String, default standard: Standard<Value>, _ help: String) -> Declared {
    let kind = ValueKind.choice(Value.allCases.map(\.rawValue))
    return Declared(name, kind, default: standard, help: help, text: { $0.rawValue }) { text in
      let known = try kind.canonical(text)
      guard let value = Value(rawValue: known) else { throw WrongValue(expected: kind.description, found: text) }
      return value
    }
  }
}

extension Declared where Value == String {
  public static func text(_ name: String, default standard: Standard<String>, _ help: String) -> Declared {
    Declared(name, .text, default: standard, help: help, text: { $0 }, read: { $0 })
  }

  /// A file or folder that holds any of `contents`. The property's type says whether it must be given.
  public static func input(_ name: String, _ contents: [Content], _ help: String) -> Declared {
    path(name, .input(accepts: contents, .required), help)
  }

  static func path(_ name: String, _ role: OptionDeclaration.Role, _ help: String) -> Declared {
    Declared(name, .path, default: .required, help: help, text: { $0 }, read: { try ValueKind.path.canonical($0) })
      .with(role).unrecorded
  }
}

extension Declared where Value == MemorySize {
  public static func memory(_ help: String) -> Declared {
    Declared("memory", .memory, default: .nothing, help: help, text: { "\($0.bytes)" }) { text in
      MemorySize(bytes: try ValueKind.integer(ValueKind.memory.canonical(text), in: IntegerRange(1...Int.max)))
    }.with(.resource)
  }
}

extension Declared where Value == NamedPath {
  /// Outputs with names, one `--NAME LABEL=PATH` each.
  public static func namedInputs(_ name: String, _ contents: [Content], isRequired: Bool, _ help: String) -> Declared {
    Declared(
      name, .namedPath, default: isRequired ? .required : .nothing, help: help, text: { $0.description }
    ) { text in
      guard let value = NamedPath(argument: text) else { throw WrongValue(expected: "NAME=PATH", found: "\"\(text)\"") }
      return value
    }.with(.input(accepts: contents, isRequired ? .named : .optionalNamed)).unrecorded
  }
}

extension Declared where Value == Shard {
  public static let shard = Declared(
    "shard", .shard, default: .value(Shard()), help: "Work on the I-th of N parts of the items.",
    text: { $0.description }
  ) { text in
    guard let value = Shard(argument: text) else {
      throw WrongValue(expected: "I/N with 1 <= I <= N", found: "\"\(text)\"")
    }
    return value
  }.with(.running).unrecorded
}

// MARK: - The command line

extension Option where Value: Sendable {
  /// An option with a default, or one that must be given.
  public init(_ declared: Declared<Value>) {
    Collector.note(declared.option)
    let name = NameSpecification.customLong(declared.option.name)
    if let initial = declared.initial {
      self.init(wrappedValue: initial, name: name, help: declared.option.argumentHelp, transform: declared.read)
    } else {
      self.init(name: name, help: declared.option.argumentHelp, transform: declared.read)
    }
  }
}

extension Option {
  /// An option that is nil unless given, or until the stage's `validate()` puts in what follows from other options.
  public init<Wrapped>(_ declared: Declared<Wrapped>) where Value == Wrapped? {
    let declared = declared.optional
    Collector.note(declared.option)
    self.init(name: .customLong(declared.option.name), help: declared.option.argumentHelp, transform: declared.read)
  }

  /// An option that may be given several times.
  public init<Element>(_ declared: Declared<Element>) where Value == [Element] {
    Collector.note(declared.option)
    let (name, help) = (NameSpecification.customLong(declared.option.name), declared.option.argumentHelp)
    if declared.option.standard == .required {
      self.init(name: name, help: help, transform: declared.read)
    } else {
      self.init(wrappedValue: [], name: name, help: help, transform: declared.read)
    }
  }
}

extension Flag where Value == Bool {
  public init(_ declared: Declared<Bool>) {
    Collector.note(declared.option)
    let (name, help) = (NameSpecification.customLong(declared.option.name), declared.option.argumentHelp)
    if declared.option.role == .parameter {
      self.init(wrappedValue: declared.initial ?? false, name: name, inversion: .prefixedNo, help: help)
    } else {
      self.init(wrappedValue: false, name: name, help: help)
    }
  }
}

extension Flag where Value == Bool? {
  /// A flag that is nil unless given, or until the stage's `validate()` puts in what follows from other options.
  public init(_ declared: Declared<Bool>) {
    let declared = declared.optional
    Collector.note(declared.option)
    self.init(name: .customLong(declared.option.name), inversion: .prefixedNo, help: declared.option.argumentHelp)
  }
}

extension OptionDeclaration {
  fileprivate var argumentHelp: ArgumentHelp { ArgumentHelp(fullHelp, valueName: kind.placeholder) }
}
