// Float32 distances of many pairs: which body runs, and how big its tiles are.
#include "ck_pairwise.h"
#include "ck_vectors.h"
#include <float.h>
#include <string.h>

// Both passes over the values must see the same values: no fused operations in one and not in the other.
#pragma STDC FP_CONTRACT OFF

enum { CACHE_FLOATS = 64 * 1024 };

#define V f32x4
#if defined(__aarch64__)
#define ROWS 4
#define COLUMNS 4
#else
#define ROWS 2
#define COLUMNS 2
#endif
#define TARGET
#define NAME(x) x##_baseline
#include "ck_pairwise_body.h"

#if defined(__x86_64__)
#define V f32x8
#define ROWS 3
#define COLUMNS 2
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_avx2
#include "ck_pairwise_body.h"

#define V f32x16
#define ROWS 4
#define COLUMNS 4
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define NAME(x) x##_avx512
#include "ck_pairwise_body.h"

#endif

void ck_manhattan_f32(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension, float *out) {
    DISPATCH(manhattan, queries, m, candidates, count, dimension, out);
}

void ck_chi_square_f32(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension, float *out) {
    DISPATCH(chi_square, queries, m, candidates, count, dimension, out);
}

size_t ck_count_better(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                       struct ck_threshold threshold, uint32_t *doubtful, size_t *doubtful_count) {
    return DISPATCH(better, raw, scale, shift, slack, count, threshold, doubtful, doubtful_count);
}

size_t ck_list_contenders(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                          struct ck_threshold threshold, uint32_t *contenders) {
    return DISPATCH(contenders, raw, scale, shift, slack, count, threshold, contenders);
}
