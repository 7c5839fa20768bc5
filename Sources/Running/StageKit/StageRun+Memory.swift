import CPUBackend
import Datasets
import Foundation
import Foundations
import Networks
import NeuralNet
import StageInterface
import Tensors
import Training

/// What a program needs beside tensors and weights: code, libraries, the buffers of HDF5 and of a thread's matrix
/// products (measured: a training of SqueezeNet on one image of 32 x 32 takes 45 MiB with one thread or two, of which 6
/// are weights, gradients and images).
enum ProgramMemory {
  static func bytes(threads: Int) -> Int { 38 << 20 + threads << 20 }
}

extension StageRun {
  /// The largest micro-batch, of at most the whole batch, whose predicted memory is within `limit`, and that memory;
  /// without a limit the plan's own.
  ///
  /// - Throws: `Failure(.usage)` where not even one sample at a time fits.
  func fitted<Sample: Sendable>(_ job: TrainingJob<Sample>) throws -> (plan: TrainingPlan, memory: MemorySize) {
    let (sample, sampleBytes) = try MemoryPrediction.held { try job.prepare(0, 0) }
    func memory(_ plan: TrainingPlan) throws -> MemorySize {
      try predictedMemory(job, plan, sample, sampleBytes: sampleBytes)
    }
    guard let limit = job.memory else { return (job.plan, try memory(job.plan)) }
    var smallest = (plan: job.plan.with(microBatch: 1), memory: MemorySize(bytes: 0))
    smallest.memory = try memory(smallest.plan)
    guard smallest.memory.bytes <= limit.bytes else {
      throw Failure(
        .usage, expected: "at least \(smallest.memory) for one image at a time", found: "\(limit)", item: "--memory")
    }
    var best = smallest
    var tooMany = job.plan.batch + 1
    while best.plan.microBatch + 1 < tooMany {
      // Most machines have room for the whole batch or for few images.
      let middle = tooMany > job.plan.batch ? job.plan.batch : (best.plan.microBatch + tooMany) / 2
      let plan = job.plan.with(microBatch: middle)
      let memory = try memory(plan)
      if memory.bytes <= limit.bytes { best = (plan, memory) } else { tooMany = middle }
    }
    return best
  }

  /// The resident memory of a training: the program, the weights, samples prepared ahead, and what two steps hold.
  private func predictedMemory<Sample: Sendable>(
    _ job: TrainingJob<Sample>, _ plan: TrainingPlan, _ sample: Sample, sampleBytes: Int
  ) throws -> MemorySize {
    let parameters = job.module.parameters
    let values = parameters.map(\.value)
    defer {
      for (parameter, value) in zip(parameters, values) { (parameter.value, parameter.gradient) = (value, nil) }
    }
    var optimizer = job.optimizer
    let samples = Array(repeating: sample, count: plan.batch)
    let step = try MemoryPrediction.peak(threads: threads) { kernels in
      // The first step makes the velocities that the second one has from the start.
      for step in 0..<min(2, plan.steps) {
        optimizer.zeroGradients()
        _ = try job.update(samples, TrainingPosition(step: step, plan: plan), kernels)
        optimizer.step(rate: 0, kernels: kernels)
      }
    }
    let weights = values.reduce(0) { $0 + $1.count * MemoryLayout<Float>.stride }
    let ahead = Prefetcher<[Sample]>.batchesHeld * plan.batch * sampleBytes
    return MemorySize(bytes: ProgramMemory.bytes(threads: threads) + weights + ahead + step)
  }

  /// The most memory that this process has held so far; nil where the system does not say.
  static var peakMemory: MemorySize? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }.map {
      MemorySize(bytes: $0 << 10)
    }
  }
}
