// Vector metrics, written once over 8-lane vectors and compiled per instruction set.
// Sixteen partial sums per candidate, combined by a fixed tree: the order never depends on the processor, and
// contraction to fused operations is off, so that the same vectors give the same bits everywhere.
#include "ck_metrics.h"
#include "ck_vectors.h"
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16, ROWS = 4 };

INLINE void load_f32(f64x8 *wide, const float *source) {
    f32x8 narrow;
    memcpy(&narrow, source, sizeof narrow);
    *wide = __builtin_convertvector(narrow, f64x8);
}

INLINE void absolute(f64x8 *value) { *value = (f64x8)((i64x8)*value & (int64_t)0x7FFFFFFFFFFFFFFF); }

/// Adds the terms of 8 coordinates to the sums (and, for cosine, the candidate's squares to `squares`).
INLINE void add_terms(int32_t metric, const f64x8 *q, const f64x8 *x, f64x8 *sum, f64x8 *squares) {
    if (metric == CK_METRIC_DOT || metric == CK_METRIC_COSINE) {
        f64x8 product = *q * *x;
        *sum = *sum + product;
        if (metric == CK_METRIC_COSINE) {
            f64x8 square = *x * *x;
            *squares = *squares + square;
        }
        return;
    }
    f64x8 difference = *q - *x;
    if (metric == CK_METRIC_MANHATTAN) {
        absolute(&difference);
        *sum = *sum + difference;
        return;
    }
    f64x8 term = difference * difference;
    if (metric == CK_METRIC_CHI_SQUARE) {
        f64x8 left = *q, right = *x;
        absolute(&left);
        absolute(&right);
        f64x8 denominator = left + right;
        i64x8 none = denominator == 0.0;
        // 0/0 is 0: divide by 1 where both coordinates are 0, the numerator is 0 there.
        f64x8 safe = (f64x8)(((i64x8)denominator & ~none) | ((i64x8)(f64x8){1, 1, 1, 1, 1, 1, 1, 1} & none));
        term = term / safe;
    }
    *sum = *sum + term;
}

INLINE double fold(const f64x8 *low, const f64x8 *high) {
    double t[8];
    f64x8 both = *low + *high;
    memcpy(t, &both, sizeof t);
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

INLINE double finish(int32_t metric, double sum, double squares, double query_squares) {
    if (metric == CK_METRIC_EUCLIDEAN) return sqrt(sum);
    if (metric != CK_METRIC_COSINE) return sum;
    if (squares == 0 || query_squares == 0) return 0;
    double cosine = sum / sqrt(squares * query_squares);
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/// `rows` candidates at once (a constant after inlining): independent sums hide the latency of the additions.
INLINE void score_rows(int32_t metric, int rows, const float *query, double query_squares, const float *block,
                       size_t dimension, double *scores) {
    f64x8 sum[ROWS][2], squares[ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) sum[r][h] = squares[r][h] = (f64x8){0};
    size_t i = 0;
    for (; i + LANES <= dimension; i += LANES) {
        for (int h = 0; h < 2; h++) {
            f64x8 q, x;
            load_f32(&q, query + i + 8 * h);
            for (int r = 0; r < rows; r++) {
                load_f32(&x, block + (size_t)r * dimension + i + 8 * h);
                add_terms(metric, &q, &x, &sum[r][h], &squares[r][h]);
            }
        }
    }
    if (i < dimension) {  // the rest padded with zeros, which add 0 under every metric
        float tail_query[LANES] = {0};
        memcpy(tail_query, query + i, (dimension - i) * sizeof(float));
        for (int r = 0; r < rows; r++) {
            float tail[LANES] = {0};
            memcpy(tail, block + (size_t)r * dimension + i, (dimension - i) * sizeof(float));
            for (int h = 0; h < 2; h++) {
                f64x8 q, x;
                load_f32(&q, tail_query + 8 * h);
                load_f32(&x, tail + 8 * h);
                add_terms(metric, &q, &x, &sum[r][h], &squares[r][h]);
            }
        }
    }
    for (int r = 0; r < rows; r++)
        scores[r] = finish(metric, fold(&sum[r][0], &sum[r][1]), fold(&squares[r][0], &squares[r][1]), query_squares);
}

INLINE void score_block(int32_t metric, const float *query, double query_squares, const float *block, size_t count,
                        size_t dimension, double *scores) {
    size_t i = 0;
    for (; i + ROWS <= count; i += ROWS)
        score_rows(metric, ROWS, query, query_squares, block + i * dimension, dimension, scores + i);
    for (; i < count; i++) score_rows(metric, 1, query, query_squares, block + i * dimension, dimension, scores + i);
}

INLINE void choose_metric(int32_t metric, const float *query, double query_squares, const float *block, size_t count,
                          size_t dimension, double *scores) {
    switch (metric) {
    case CK_METRIC_DOT: score_block(CK_METRIC_DOT, query, query_squares, block, count, dimension, scores); break;
    case CK_METRIC_COSINE: score_block(CK_METRIC_COSINE, query, query_squares, block, count, dimension, scores); break;
    case CK_METRIC_EUCLIDEAN:
        score_block(CK_METRIC_EUCLIDEAN, query, query_squares, block, count, dimension, scores);
        break;
    case CK_METRIC_MANHATTAN:
        score_block(CK_METRIC_MANHATTAN, query, query_squares, block, count, dimension, scores);
        break;
    default: score_block(CK_METRIC_CHI_SQUARE, query, query_squares, block, count, dimension, scores); break;
    }
}

/// Adds the terms of one run of LANES coordinates of two vectors.
INLINE void add_pair(int squared_distance, const float *x, const float *y, f64x8 *sum) {
    for (int h = 0; h < 2; h++) {
        f64x8 a, b;
        load_f32(&a, x + 8 * h);
        load_f32(&b, y + 8 * h);
        if (squared_distance) {
            add_terms(CK_METRIC_EUCLIDEAN, &a, &b, &sum[h], &sum[h]);
        } else {
            // The product of two float32 is exact in float64: fused or not, the bits are the same.
#pragma clang fp contract(fast)
            sum[h] = sum[h] + a * b;
        }
    }
}

INLINE double pair_sum(int squared_distance, const float *x, const float *y, size_t dimension) {
    f64x8 sum[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + LANES <= dimension; i += LANES) add_pair(squared_distance, x + i, y + i, sum);
    if (i < dimension) {
        float left[LANES] = {0}, right[LANES] = {0};
        memcpy(left, x + i, (dimension - i) * sizeof(float));
        memcpy(right, y + i, (dimension - i) * sizeof(float));
        add_pair(squared_distance, left, right, sum);
    }
    return fold(&sum[0], &sum[1]);
}

/// |x|^2 of `rows` rows at once, which is often their first touch: the rows after them are asked for on the way.
INLINE void square_rows(int rows, const float *x, size_t dimension, double *squares) {
    f64x8 sum[ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) sum[r][h] = (f64x8){0};
    size_t i = 0;
    for (; i + LANES <= dimension; i += LANES)
        for (int r = 0; r < rows; r++) {
            const float *at = x + (size_t)r * dimension + i;
            __builtin_prefetch(at + rows * dimension);
            add_pair(0, at, at, sum[r]);
        }
    if (i < dimension) {
        for (int r = 0; r < rows; r++) {
            float tail[LANES] = {0};
            memcpy(tail, x + (size_t)r * dimension + i, (dimension - i) * sizeof(float));
            add_pair(0, tail, tail, sum[r]);
        }
    }
    for (int r = 0; r < rows; r++) squares[r] = fold(&sum[r][0], &sum[r][1]);
}

INLINE void square_block(const float *x, size_t count, size_t dimension, double *squares) {
    size_t i = 0;
    for (; i + ROWS <= count; i += ROWS) square_rows(ROWS, x + i * dimension, dimension, squares + i);
    for (; i < count; i++) square_rows(1, x + i * dimension, dimension, squares + i);
}

#define VARIANT(NAME, TARGET)                                                                                        \
    TARGET static void block_##NAME(int32_t metric, const float *query, double query_squares, const float *block,    \
                                    size_t count, size_t dimension, double *scores) {                                \
        choose_metric(metric, query, query_squares, block, count, dimension, scores);                                \
    }                                                                                                                \
    TARGET static double pair_##NAME(int squared_distance, const float *x, const float *y, size_t dimension) {       \
        return pair_sum(squared_distance, x, y, dimension);                                                          \
    }                                                                                                                \
    TARGET static void squares_##NAME(const float *x, size_t count, size_t dimension, double *squares) {             \
        square_block(x, count, dimension, squares);                                                                  \
    }

FOR_EACH_TARGET(VARIANT)

void ck_metric_block(int32_t metric, const float *query, double query_norm_squared, const float *block, size_t count,
                     size_t dimension, double *scores) {
    DISPATCH(block, metric, query, query_norm_squared, block, count, dimension, scores);
}

double ck_dot_f32(const float *x, const float *y, size_t dimension) { return DISPATCH(pair, 0, x, y, dimension); }

double ck_squared_distance_f32(const float *x, const float *y, size_t dimension) {
    return DISPATCH(pair, 1, x, y, dimension);
}

void ck_squared_norms(const float *x, size_t count, size_t dimension, double *squares) {
    DISPATCH(squares, x, count, dimension, squares);
}
