import Foundation
import Foundations

/// A real Slurm of one node on loopback, with its own folder, ports and key: started by `init`, ended by `stop`.
///
/// Jobs of the partition `urgent` push those of `test`, the default, back into the queue. The daemons need root and the
/// packages `slurm-wlm` and `munge`; `isInstalled` tells. A job asks for memory and cores of a node of 8 cores and
/// 8,000 MB, whatever this machine has.
public final class LocalSlurm: @unchecked Sendable {
  public let folder: String
  /// What the clients need beside `PATH`.
  public let environment: [String: String]
  private let ports: (controller: Int, node: Int)
  private let host: String
  private let largestArray: Int
  private let lock = NSLock()
  private var daemons: [String: pid_t] = [:]

  /// Where Debian and others keep the daemons; not every user's `PATH` has it.
  private static let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]

  private static func path(_ program: String) -> String? {
    places.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Whether a cluster can be started here.
  public static let isInstalled =
    getuid() == 0 && ["munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue"].allSatisfy { path($0) != nil }

  public struct Problem: Error, CustomStringConvertible {
    public let description: String
  }

  /// Starts the daemons and waits until the node is idle.
  ///
  /// - Parameter largestArray: `MaxArraySize`; indices of job arrays are below it.
  /// - Throws: `Problem` with the daemons' logs.
  public init(largestArray: Int = 1001) throws {
    folder = "\(NSTemporaryDirectory())slurm-\(UUID().uuidString.prefix(8))"
    host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "localhost"
    ports = (try Self.freePort(), try Self.freePort())
    self.largestArray = largestArray
    environment = ["SLURM_CONF": "\(folder)/slurm.conf"]
    for name in ["state", "spool", "log", "munge"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    }
    do {
      try configure()
      try startAuthentication()
      try start("slurmctld", ["-D", "-f", "\(folder)/slurm.conf"])
      try start("slurmd", ["-D", "-N", "localhost", "-f", "\(folder)/slurm.conf"])
      try waitUntilIdle()
    } catch {
      stop()
      throw error
    }
  }

  deinit { stop() }

  private func configure() throws {
    let text = """
      ClusterName=it
      SlurmctldHost=\(host)(127.0.0.1)
      SlurmUser=root
      SlurmdUser=root
      SlurmctldPort=\(ports.controller)
      SlurmdPort=\(ports.node)
      AuthType=auth/munge
      AuthInfo=socket=\(folder)/munge/socket
      CredType=cred/munge
      StateSaveLocation=\(folder)/state
      SlurmdSpoolDir=\(folder)/spool
      SlurmctldPidFile=\(folder)/slurmctld.pid
      SlurmdPidFile=\(folder)/slurmd.pid
      SlurmctldLogFile=\(folder)/log/slurmctld.log
      SlurmdLogFile=\(folder)/log/slurmd.log
      PlugStackConfig=\(folder)/plugstack.conf
      ProctrackType=proctrack/linuxproc
      TaskPlugin=task/none
      SwitchType=switch/none
      MpiDefault=none
      SelectType=select/cons_tres
      SelectTypeParameters=CR_Core
      SchedulerType=sched/backfill
      SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
      CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
      SlurmdParameters=config_overrides
      MailProg=/bin/true
      JobAcctGatherType=jobacct_gather/none
      AccountingStorageType=accounting_storage/none
      JobCompType=jobcomp/filetxt
      JobCompLoc=\(folder)/log/jobs.log
      ReturnToService=2
      InactiveLimit=0
      KillWait=2
      MinJobAge=3600
      MaxArraySize=\(largestArray)
      PreemptType=preempt/partition_prio
      PreemptMode=REQUEUE
      NodeName=localhost NodeHostname=\(host) NodeAddr=127.0.0.1 CPUs=8 RealMemory=8000 State=UNKNOWN
      PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
      PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10

      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/slurm.conf"))
    try Data().write(to: URL(fileURLWithPath: "\(folder)/plugstack.conf"))
    let key = Data((0..<1024).map { _ in UInt8.random(in: 0...255) })
    guard
      FileManager.default.createFile(
        atPath: "\(folder)/munge/key", contents: key, attributes: [.posixPermissions: 0o600])
    else { throw Failure(.io, "cannot write munge's key", file: "\(folder)/munge/key") }
  }

  private func startAuthentication() throws {
    let here = "\(folder)/munge"
    try start(
      "munged",
      [
        "--foreground", "--key-file=\(here)/key", "--socket=\(here)/socket", "--pid-file=\(here)/pid",
        "--log-file=\(folder)/log/munged.log", "--seed-file=\(here)/seed",
      ])
    try wait("munged to answer") { (try? run("munge", ["-S", "\(here)/socket", "-n"]).status) == 0 }
  }

  /// Starts a daemon, or starts it again after `end`.
  ///
  /// Not by Foundation's `Process`, which takes a program that closes the files that it inherits, as these do, for one
  /// that has ended, and then waits for it.
  public func start(_ name: String, _ arguments: [String]) throws {
    guard let path = Self.path(name) else { throw Problem(description: "\(name) is not installed") }
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    let values = variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (words + values).forEach { free($0) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor: Int32 in 0...2 {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    var process: pid_t = 0
    let code = posix_spawn(&process, path, &actions, nil, words, values)
    guard code == 0 else { throw Problem(description: "\(path): \(String(cString: strerror(code)))") }
    lock.withLock { daemons[name] = process }
  }

  /// Ends slurmctld and starts it again, as a site does for an update.
  public func restartController() throws {
    end("slurmctld")
    try start("slurmctld", ["-D", "-f", "\(folder)/slurm.conf"])
    try wait("slurmctld to answer") { (try? run("squeue", ["-h"]).status) == 0 }
  }

  /// Ends a daemon: TERM, and KILL where it does not go within ten seconds.
  public func end(_ name: String) {
    guard let process = lock.withLock({ daemons.removeValue(forKey: name) }) else { return }
    kill(process, SIGTERM)
    let deadline = ContinuousClock.now + .seconds(10)
    while waitpid(process, nil, WNOHANG) == 0 {
      if ContinuousClock.now > deadline { kill(process, SIGKILL) }
      usleep(20_000)
    }
  }

  /// Cancels every job, ends the daemons and removes the folder. Does nothing the second time.
  public func stop() {
    if lock.withLock({ daemons["slurmctld"] }) != nil { _ = try? run("scancel", ["-u", "root"]) }
    for name in ["slurmd", "slurmctld", "munged"] { end(name) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Runs a client; its standard output and error together.
  @discardableResult
  public func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.path(program) ?? program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// Waits until every job has left the queue.
  public func waitUntilEmpty(seconds: Double = 60) throws {
    try wait("the queue to be empty", seconds: seconds) { try run("squeue", ["-h"]).output.isEmpty }
  }

  public func waitUntilIdle() throws {
    try wait("the node to be idle") { try run("sinfo", ["-h", "--partition=test", "-o", "%t"]).output == "idle\n" }
  }

  /// Looks every 50 ms until `condition` holds.
  ///
  /// - Throws: `Problem` with the queue and the ends of the daemons' logs where it does not within the time.
  public func wait(_ what: String, seconds: Double = 120, until condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
      guard ContinuousClock.now < deadline else {
        let queue = (try? run("squeue", []).output) ?? ""
        let logs = ["slurmctld", "slurmd", "munged"].map { name in
          let text = (try? String(contentsOfFile: "\(folder)/log/\(name).log", encoding: .utf8)) ?? ""
          return "\(name):\n\(text.split(separator: "\n").suffix(15).joined(separator: "\n"))"
        }
        throw Problem(description: "waited \(seconds) s for \(what)\n\(queue)\n\(logs.joined(separator: "\n"))")
      }
      usleep(50_000)
    }
  }

  /// Lets jobs that were put back into the queue start at once, which otherwise wait for two minutes.
  public func release() throws {
    for job in try run("squeue", ["-h", "-t", "PENDING", "-o", "%i %r"]).output.split(separator: "\n") {
      let cells = job.split(separator: " ")
      if cells.count == 2, cells[1] == "BeginTime" {
        _ = try run("scontrol", ["update", "jobid=\(cells[0])", "StartTime=now"])
      }
    }
  }

  /// A port of loopback that nobody listens on now.
  private static func freePort() throws -> Int {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
      }
    }
    guard status else { throw Problem(description: "no free port: \(String(cString: strerror(errno)))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
