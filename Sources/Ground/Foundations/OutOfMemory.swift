import Foundation

/// Ends the program, with code 71 (EX_OSERR), because the system gave no memory.
///
/// Memory is asked for where nothing can be thrown, deep in a kernel, and a precondition's text is not in a release
/// build. What was written so far is
/// whole or hidden, as after a kill.
///
/// - Parameters:
///   - bytes: what was asked for.
///   - held: what is held for the same purpose.
///   - purpose: "tensors".
public func endOutOfMemory(bytes: Int, held: Int, for purpose: String) -> Never {
  let program = CommandLine.arguments.first.map { URL(fileURLWithPath: $0).lastPathComponent } ?? ""
  let text =
    "\(program): out of memory: the system refuses \(bytes >> 20) MiB for \(purpose), which hold \(held >> 20) MiB; "
    + "--memory SIZE makes trainings and inference compute fewer images at a time, "
    + "and fewer --threads and smaller images take less too\n"
  FileHandle.standardError.write(Data(text.utf8))
  _exit(71)
}
