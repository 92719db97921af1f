// Float32 distances of many queries with many candidates at once, and the comparison of such approximate scores with exact
// thresholds. What is close to a threshold is handed back to be decided in float64; nothing here is a final score.
#ifndef CAUSEWAY_CK_PAIRWISE_H
#define CAUSEWAY_CK_PAIRWISE_H
#include <stddef.h>
#include <stdint.h>

/// out[i*count + j] = sum |q_i - x_j|; queries m x d and candidates count x d, contiguous.
void ck_manhattan_f32(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension, float *out);

/// out[i*count + j] = sum (q_i - x_j)^2 / (|q_i| + |x_j|), 0/0 = 0. A term whose numerator leaves the range of float32 is off by
/// less than 2^-63, or makes the sum infinite or not a number.
void ck_chi_square_f32(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension, float *out);

/// The affine form value[j] = scale[j]*raw[j] + shift[j], larger being better, known to within base + factor*slack[j].
struct ck_threshold {
    float value, base, factor;
};

/// Counts the candidates that are better than the threshold beyond doubt. The positions of those in doubt (also all whose value
/// is not finite) go to `doubtful`, ascending, which has room for `count`.
size_t ck_count_better(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                       struct ck_threshold threshold, uint32_t *doubtful, size_t *doubtful_count);

/// Lists the candidates that are not worse than the threshold beyond doubt, ascending; returns how many. There is room for
/// `count`.
size_t ck_list_contenders(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                          struct ck_threshold threshold, uint32_t *contenders);
#endif
