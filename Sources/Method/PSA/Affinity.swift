import NeuralNet
import Tensors

/// Affinity of each pair of cells: exp(-1/C sum over channels of |f_to - f_from|) (PSA, Eq. 2). Differentiable; where
/// two features are equal the derivative of the distance is taken as 0.
///
/// - Parameter features: (N, C, h, w), C >= 1.
/// - Returns: (N, offsets, n), n the starting cells in reading order (`AffinityPairs.startCount`).
public func affinities(_ features: Variable, pairs: AffinityPairs = AffinityPairs()) -> Variable {
  let (kernels, values) = (features.context.kernels, features.value)
  let cells = pairs.cells(of: values.shape)
  let result = kernels.affinities(values, pairs: cells)
  return features.context.operation(result, from: [features]) { upstream in
    [kernels.affinityGradient(values, pairs: cells, affinities: result, upstream: upstream)]
  }
}

/// As for variables, on plain tensors.
public func affinities(_ features: Tensor, pairs: AffinityPairs = AffinityPairs(), kernels: any Kernels) -> Tensor {
  kernels.affinities(features, pairs: pairs.cells(of: features.shape))
}

extension AffinityPairs {
  /// These pairs in a map of features, (N, C, h, w) with C >= 1 (precondition).
  fileprivate func cells(of shape: Shape) -> CellPairs {
    precondition(shape.rank == 4 && shape[1] > 0, "features have the shape (N, C, h, w), not \(shape)")
    let (rows, columns) = starts(height: shape[2], width: shape[3])
    return CellPairs(offsets: offsets, rows: rows, columns: columns, height: shape[2], width: shape[3])
  }
}
