// Exact vector metrics over float32 with float64 accumulation: one query against a block of candidates.
// Every instruction set adds in the same order without fused operations, so all of them return the same bits.
#ifndef CAUSEWAY_CK_METRICS_H
#define CAUSEWAY_CK_METRICS_H
#include <stddef.h>
#include <stdint.h>

enum ck_metric {
    CK_METRIC_DOT = 0,        // sum x*y
    CK_METRIC_COSINE = 1,     // sum x*y / (|x||y|), 0 where a norm is 0, within [-1, 1]
    CK_METRIC_EUCLIDEAN = 2,  // sqrt(sum (x-y)^2)
    CK_METRIC_MANHATTAN = 3,  // sum |x-y|
    CK_METRIC_CHI_SQUARE = 4  // sum (x-y)^2 / (|x|+|y|), 0/0 = 0
};

/// Scores `count` candidates (count x dimension, contiguous) against a query, in float64.
/// A candidate's score depends on its values alone, never on its place in the block.
void ck_metric_block(int32_t metric, const float *query, double query_norm_squared, const float *block, size_t count,
                     size_t dimension, double *scores);

/// Sum of x*y in float64, in the order of ck_metric_block.
double ck_dot_f32(const float *x, const float *y, size_t dimension);

/// squares[i] = |x_i|^2, the same bits as ck_dot_f32 of a row with itself.
void ck_squared_norms(const float *x, size_t count, size_t dimension, double *squares);

/// Sum of (x-y)^2 in float64, subtracting first.
double ck_squared_distance_f32(const float *x, const float *y, size_t dimension);
#endif
