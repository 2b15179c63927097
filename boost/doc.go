// Package boost answers: what does a table of numbers say about a label? It trains gradient boosted trees from
// histograms and predicts with them, in plain Go, with the standard library alone.
//
// Shapes: Data.Values is row-major [rows][features] float32, Labels [rows], Weights [rows] or nil. What labels are says the
// Objective. Predict writes Model.Outputs() numbers: the probability of class 1, one probability per class, the
// expected number, its quantile, or a score to order by.
//
// Missing: NaN in Values is missing and goes where the training rows gained most; a column that was never missing
// sends it to the child with more rows. Infinities are ordinary, extreme values. NaN or infinite labels and weights are
// errors that name the row.
//
// Categories: a feature with Data.Categories holds codes without order. The 4,080 most frequent have a bin each, in as many
// columns of 255 as they need; the others, and those with fewer rows than CategorySmooth, are with the missing and with
// what training has not seen. A split sends at most CategoryMost categories left and all others right, the unseen and the
// missing among them; so a million codes cost the memory to count them, and no more.
//
// Same bits: the trees depend on Params (without Threads), the data and nothing else. Gradients are rounded to
// integers before they are summed, so the order of the sums, hence the number of threads, cannot matter. Trees are
// summed in tree order in float64. Exponential and logarithm are our own, and no product meets a sum unrounded
// (float64(x*y)+z), so a processor with fused multiply-add gives the same answer as one without.
//
// Models of others: ImportXGBoost and ImportLightGBM read theirs and answer alike; Model.ONNX is for the programs of others. Why a
// row got its score: Contributions.
//
// Limits: 2^31-1 rows, 65,535 columns, 255 bins and one for missing, 2^20 codes of a feature.
//
// Sources: the second-order objective and the gain are those of Chen and Guestrin (2016), "XGBoost: A Scalable Tree
// Boosting System", section 2; leaf-wise growth, the subtraction of histograms, sampling by gradient and splits of sorted
// categories those of Ke et al. (2017), "LightGBM"; rounding gradients at random, without bias, that of Shi et al. (2022),
// "Quantized Training of Gradient Boosting Decision Trees"; the factor K/(K-1) of the multiclass curvature that of Friedman
// (2001), "Greedy Function Approximation", section 4.6, as is fitting the leaves of Quantile to the quantile of what
// their rows lack; LambdaMART is that of Burges (2010), "From RankNet to LambdaRank to LambdaMART". Oracle: scikit-learn,
// XGBoost and LightGBM, see testdata/oracle.
package boost
