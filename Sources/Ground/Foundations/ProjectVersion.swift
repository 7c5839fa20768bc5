/// The version of the whole project, as `--version` of every program prints it.
public enum ProjectVersion {
  /// The topmost section of CHANGELOG.md, by which a test goes.
  public static let current = "0.1.0"
}
