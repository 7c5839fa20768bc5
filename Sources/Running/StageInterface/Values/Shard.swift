import StepFiles

/// `--shard 2/3` of a stage: which part of its items it works on.
public typealias Shard = Part
