// Steps of the exact transport solver over rows of a cost matrix, 8 columns at a time.
// Written once over vectors, compiled per instruction set; no contraction, so that all give the same bits.
#include "ck_transport.h"
#include "ck_cpu.h"
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

typedef double f64x8 __attribute__((ext_vector_type(8)));
// The type comparisons of f64x8 have: `long` on every system of ours, where int64_t is `long long` on macOS.
typedef long i64x8 __attribute__((ext_vector_type(8)));

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

INLINE void select_f64(const i64x8 *mask, const f64x8 *chosen, f64x8 *value) {
    *value = (f64x8)((*mask & (i64x8)*chosen) | (~*mask & (i64x8)*value));
}

INLINE void select_i64(const i64x8 *mask, const i64x8 *chosen, i64x8 *value) {
    *value = (*mask & *chosen) | (~*mask & *value);
}

/// Keeps, lane by lane, the least value and where it came from; the first of equals stays.
INLINE void keep_least(const f64x8 *value, const i64x8 *index, f64x8 *least, i64x8 *where) {
    i64x8 lower = *value < *least;
    select_f64(&lower, value, least);
    select_i64(&lower, index, where);
}

/// The least lane, the lowest index among equals. Without branches: which lane wins is not predictable.
INLINE int64_t fold_least(const f64x8 *least, const i64x8 *where, double *value) {
    f64x8 best = *least, other;
    i64x8 lower;
#define STEP(...)                                                \
    other = __builtin_shufflevector(best, best, __VA_ARGS__);    \
    lower = other < best;                                        \
    select_f64(&lower, &other, &best);
    STEP(4, 5, 6, 7, 0, 1, 2, 3)
    STEP(2, 3, 0, 1, 6, 7, 4, 5)
    STEP(1, 0, 3, 2, 5, 4, 7, 6)
#undef STEP
    i64x8 equal = *least == best;
    i64x8 index = (*where & equal) | (INT64_MAX & ~equal), far;
#define STEP(...)                                                \
    far = __builtin_shufflevector(index, index, __VA_ARGS__);    \
    lower = far < index;                                         \
    select_i64(&lower, &far, &index);
    STEP(4, 5, 6, 7, 0, 1, 2, 3)
    STEP(2, 3, 0, 1, 6, 7, 4, 5)
    STEP(1, 0, 3, 2, 5, 4, 7, 6)
#undef STEP
    *value = best[0];
    return index[0];
}

#define INFINITE ((f64x8){INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY})
#define FIRST_LANES ((i64x8){0, 1, 2, 3, 4, 5, 6, 7})

INLINE void reduce_rows(const double *costs, size_t rows, size_t stride, const double *duals, double *minima,
                        int64_t *where) {
    for (size_t i = 0; i < rows; i++) {
        f64x8 least = INFINITE, value, dual;
        i64x8 index = FIRST_LANES, place = FIRST_LANES;
        const double *row = costs + i * stride;
        for (size_t j = 0; j < stride; j += LANES) {
            memcpy(&value, row + j, sizeof value);
            if (duals) {
                memcpy(&dual, duals + j, sizeof dual);
                value = value - dual;
            }
            keep_least(&value, &index, &least, &place);
            index = index + LANES;
        }
        where[i] = fold_least(&least, &place, &minima[i]);
    }
}

INLINE void reduce_columns(const double *costs, size_t rows, size_t stride, const double *duals, double *minima,
                           int64_t *where) {
    for (size_t j = 0; j < stride; j += LANES) {
        f64x8 least = INFINITE, value;
        i64x8 index = {0}, place = {0};
        for (size_t i = 0; i < rows; i++) {
            memcpy(&value, costs + i * stride + j, sizeof value);
            if (duals) value = value - duals[i];
            keep_least(&value, &index, &least, &place);
            index = index + 1;
        }
        memcpy(minima + j, &least, sizeof least);
        memcpy(where + j, &place, sizeof place);
    }
}

/// Lowers 8 distances through one row.
INLINE void lower(const double *costs, double offset, int64_t row, const f64x8 *dual, f64x8 *distance,
                  i64x8 *predecessor) {
    f64x8 value;
    memcpy(&value, costs, sizeof value);
    value = (value - *dual) + offset;
    i64x8 source = (i64x8){0} + row;
    keep_least(&value, &source, distance, predecessor);
}

/// Lowers all distances through some rows, a block of columns at a time.
INLINE void relax_rows(const double *costs, size_t stride, const int64_t *rows, const double *offsets,
                       size_t row_count, const double *duals, double *distances, int64_t *predecessors) {
    for (size_t j = 0; j < stride && row_count > 0; j += LANES) {
        f64x8 distance, dual;
        i64x8 predecessor;
        memcpy(&distance, distances + j, sizeof distance);
        memcpy(&dual, duals + j, sizeof dual);
        memcpy(&predecessor, predecessors + j, sizeof predecessor);
        for (size_t r = 0; r < row_count; r++)
            lower(costs + (size_t)rows[r] * stride + j, offsets[r], rows[r], &dual, &distance, &predecessor);
        memcpy(distances + j, &distance, sizeof distance);
        memcpy(predecessors + j, &predecessor, sizeof predecessor);
    }
}

/// The first of the least distances: a pass for the value, whose chain is one minimum a block, and one for the place.
INLINE int64_t first_least(const double *distances, size_t stride, const f64x8 *least, double *least_out) {
    f64x8 best = *least, other, distance;
#define STEP(...)                                                \
    other = __builtin_shufflevector(best, best, __VA_ARGS__);    \
    best = other < best ? other : best;
    STEP(4, 5, 6, 7, 0, 1, 2, 3)
    STEP(2, 3, 0, 1, 6, 7, 4, 5)
    STEP(1, 0, 3, 2, 5, 4, 7, 6)
#undef STEP
    i64x8 index = FIRST_LANES, none = (i64x8){0} + INT64_MAX, place = none, far;
    for (size_t j = 0; j < stride; j += LANES) {
        memcpy(&distance, distances + j, sizeof distance);
        i64x8 equal = distance == best, candidate = (equal & index) | (none & ~equal);
        place = candidate < place ? candidate : place;
        index = index + LANES;
    }
#define STEP(...)                                                \
    far = __builtin_shufflevector(place, place, __VA_ARGS__);    \
    place = far < place ? far : place;
    STEP(4, 5, 6, 7, 0, 1, 2, 3)
    STEP(2, 3, 0, 1, 6, 7, 4, 5)
    STEP(1, 0, 3, 2, 5, 4, 7, 6)
#undef STEP
    *least_out = best[0];
    return place[0];
}

INLINE int64_t relax(const double *costs, size_t stride, const int64_t *rows, const double *offsets, size_t row_count,
                     const double *duals, double *distances, int64_t *predecessors, double *least_out) {
    f64x8 least = INFINITE, distance, dual;
    i64x8 predecessor;
    if (row_count == 0) {
        for (size_t j = 0; j < stride; j += LANES) {
            memcpy(&distance, distances + j, sizeof distance);
            least = distance < least ? distance : least;
        }
    } else {
        relax_rows(costs, stride, rows, offsets, row_count - 1, duals, distances, predecessors);
        int64_t row = rows[row_count - 1];
        double offset = offsets[row_count - 1];
        const double *last = costs + (size_t)row * stride;
        for (size_t j = 0; j < stride; j += LANES) {
            memcpy(&distance, distances + j, sizeof distance);
            memcpy(&dual, duals + j, sizeof dual);
            memcpy(&predecessor, predecessors + j, sizeof predecessor);
            lower(last + j, offset, row, &dual, &distance, &predecessor);
            memcpy(distances + j, &distance, sizeof distance);
            memcpy(predecessors + j, &predecessor, sizeof predecessor);
            least = distance < least ? distance : least;
        }
    }
    int64_t column = first_least(distances, stride, &least, least_out);
    return *least_out < INFINITY ? column : -1;
}

#define VARIANT(NAME, TARGET)                                                                                        \
    TARGET static void rows_##NAME(const double *costs, size_t rows, size_t stride, const double *duals,             \
                                   double *minima, int64_t *where) {                                                 \
        if (duals) reduce_rows(costs, rows, stride, duals, minima, where);                                           \
        else reduce_rows(costs, rows, stride, 0, minima, where);                                                     \
    }                                                                                                                \
    TARGET static void columns_##NAME(const double *costs, size_t rows, size_t stride, const double *duals,          \
                                      double *minima, int64_t *where) {                                              \
        if (duals) reduce_columns(costs, rows, stride, duals, minima, where);                                        \
        else reduce_columns(costs, rows, stride, 0, minima, where);                                                  \
    }                                                                                                                \
    TARGET static int64_t relax_##NAME(const double *costs, size_t stride, const int64_t *rows,                      \
                                       const double *offsets, size_t row_count, const double *duals,                 \
                                       double *distances, int64_t *predecessors, double *least) {                    \
        return relax(costs, stride, rows, offsets, row_count, duals, distances, predecessors, least);                \
    }

VARIANT(baseline, )  // SSE2 on x86-64, NEON on ARM64, plain code elsewhere
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2,fma"))))
VARIANT(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#define DISPATCH(FUNCTION, ...)                                                   \
    (ck_level() >= CK_AVX512  ? FUNCTION##_avx512(__VA_ARGS__)                    \
     : ck_level() == CK_AVX2 ? FUNCTION##_avx2(__VA_ARGS__)                       \
                              : FUNCTION##_baseline(__VA_ARGS__))
#else
#define DISPATCH(FUNCTION, ...) FUNCTION##_baseline(__VA_ARGS__)
#endif

void ck_reduce_rows(const double *costs, size_t rows, size_t columns, size_t stride, const double *column_duals,
                    double *minima, int64_t *where) {
    (void)columns;  // the padding is +infinity
    DISPATCH(rows, costs, rows, stride, column_duals, minima, where);
}

void ck_reduce_columns(const double *costs, size_t rows, size_t columns, size_t stride, const double *row_duals,
                       double *minima, int64_t *where) {
    (void)columns;
    DISPATCH(columns, costs, rows, stride, row_duals, minima, where);
}

int64_t ck_relax(const double *costs, size_t stride, const int64_t *rows, const double *offsets, size_t row_count,
                 const double *duals, double *distances, int64_t *predecessors, double *least) {
    return DISPATCH(relax, costs, stride, rows, offsets, row_count, duals, distances, predecessors, least);
}
