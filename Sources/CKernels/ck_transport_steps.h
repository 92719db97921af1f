// What the transport solver's kernels share: vectors of 8 columns, the least of them, and the two reductions.
// Included by files compiled without contraction, inside functions of each instruction set: all give the same bits.
#ifndef CAUSEWAY_CK_TRANSPORT_STEPS_H
#define CAUSEWAY_CK_TRANSPORT_STEPS_H
#include "ck_vectors.h"
#include <math.h>
#include <string.h>

enum { LANES = 8 };

INLINE void select_f64(const i64x8 *mask, const f64x8 *chosen, f64x8 *value) {
    *value = (f64x8)((*mask & (i64x8)*chosen) | (~*mask & (i64x8)*value));
}

INLINE void select_i64(const i64x8 *mask, const i64x8 *chosen, i64x8 *value) {
    *value = (*mask & *chosen) | (~*mask & *value);
}

#define INFINITE ((f64x8){INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY})
#define FIRST_LANES ((i64x8){0, 1, 2, 3, 4, 5, 6, 7})

/// Keeps, lane by lane, the least value and where it came from; the first of equals stays. The least is a minimum, not a choice
/// by the mask: the chain from value to value is shorter.
INLINE void keep_least(const f64x8 *value, const i64x8 *index, f64x8 *least, i64x8 *where) {
    const i64x8 lower = *value < *least;
    *least = *value < *least ? *value : *least;
    select_i64(&lower, index, where);
}

/// The open columns nearest to the tree: at most one a lane.
struct nearest {
    f64x8 distance;
    i64x8 column;
};

INLINE void begin(struct nearest *nearest) {
    nearest->distance = INFINITE;
    nearest->column = FIRST_LANES;
}

/// The least lane: halves, since a narrower step is a quicker one.
INLINE double least_lane(const f64x8 *value) {
    f64x4 low = __builtin_shufflevector(*value, *value, 0, 1, 2, 3);
    f64x4 high = __builtin_shufflevector(*value, *value, 4, 5, 6, 7);
    f64x4 four = low < high ? low : high;
    f64x2 left = __builtin_shufflevector(four, four, 0, 1), right = __builtin_shufflevector(four, four, 2, 3);
    f64x2 two = left < right ? left : right;
    return two[0] < two[1] ? two[0] : two[1];
}

/// The lanes that hold a value, a bit each.
INLINE uint32_t lanes_of(const f64x8 *values, double value) {
    const bits8 equal = __builtin_convertvector(*values == value, bits8);
    uint8_t bits;
    memcpy(&bits, &equal, 1);
    return bits;
}

/// Sets one number by whole vectors: a number stored alone would hold up the vector load that follows.
INLINE void set_number(double *values, int64_t place, double value) {
    const size_t start = (size_t)place / LANES * LANES;
    const i64x8 chosen = FIRST_LANES == place - (int64_t)start;
    const f64x8 other = (f64x8){0} + value;
    f64x8 all;
    memcpy(&all, values + start, sizeof all);
    select_f64(&chosen, &other, &all);
    memcpy(values + start, &all, sizeof all);
}

/// Halves the lanes of two rows, neighbours compared, and puts both halves into one vector, the first row's before.
INLINE void join_least(const struct nearest *x, const struct nearest *y, struct nearest *joined) {
    const f64x8 even = __builtin_shufflevector(x->distance, y->distance, 0, 2, 4, 6, 8, 10, 12, 14);
    const f64x8 odd = __builtin_shufflevector(x->distance, y->distance, 1, 3, 5, 7, 9, 11, 13, 15);
    const i64x8 index = __builtin_shufflevector(x->column, y->column, 1, 3, 5, 7, 9, 11, 13, 15);
    joined->column = __builtin_shufflevector(x->column, y->column, 0, 2, 4, 6, 8, 10, 12, 14);
    joined->distance = even;
    keep_least(&odd, &index, &joined->distance, &joined->column);
}

/// Eight rows at a time, whose least lanes are found together. `rows` is at most 8.
INLINE void reduce_eight(const double *costs, size_t rows, size_t stride, const double *duals, f64x8 *minima, i64x8 *where) {
    struct nearest least[LANES];
    for (size_t r = 0; r < LANES; r++) {
        begin(&least[r]);
        if (r >= rows) continue;
        const double *row = costs + r * stride;
        f64x8 value, dual;
        i64x8 index = FIRST_LANES;
        for (size_t j = 0; j < stride; j += LANES) {
            memcpy(&value, row + j, sizeof value);
            if (duals) {
                memcpy(&dual, duals + j, sizeof dual);
                value = value - dual;
            }
            keep_least(&value, &index, &least[r].distance, &least[r].column);
            index = index + LANES;
        }
    }
    for (size_t r = 0; r < 4; r++) join_least(&least[2 * r], &least[2 * r + 1], &least[r]);
    for (size_t r = 0; r < 2; r++) join_least(&least[2 * r], &least[2 * r + 1], &least[r]);
    join_least(&least[0], &least[1], &least[0]);
    *minima = least[0].distance;
    *where = least[0].column;
}

INLINE void reduce_rows(const double *costs, size_t rows, size_t stride, const double *duals, double *minima,
                        int64_t *where) {
    for (size_t i = 0; i < rows; i += LANES) {
        const size_t count = rows - i < LANES ? rows - i : LANES;
        f64x8 least;
        i64x8 place;
        reduce_eight(costs + i * stride, count, stride, duals, &least, &place);
        for (size_t r = 0; r < count; r++) {
            minima[i + r] = least[r];
            where[i + r] = place[r];
        }
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

/// Lowers the distances of all open columns through some rows (`row_count` may be a constant) and finds the nearest. A row's
/// offset is the distance at which it was reached less its dual. The arrays do not overlap.
INLINE void relax(const double *costs, size_t stride, const double *duals, double *distances, int32_t *predecessors,
                  const int32_t *rows, const double *offsets, size_t row_count, struct nearest *nearest) {
    begin(nearest);
    i64x8 column = FIRST_LANES;
    for (size_t j = 0; j < stride; j += LANES) {
        f64x8 distance, dual, value;
        i32x8 predecessor;
        memcpy(&distance, distances + j, sizeof distance);
        memcpy(&dual, duals + j, sizeof dual);
        memcpy(&predecessor, predecessors + j, sizeof predecessor);
        for (size_t r = 0; r < row_count; r++) {
            memcpy(&value, costs + (size_t)rows[r] * stride + j, sizeof value);
            value = (value - dual) + offsets[r];
            const i64x8 lower = value < distance;
            const i32x8 narrow = __builtin_convertvector(lower, i32x8), source = (i32x8){0} + rows[r];
            distance = value < distance ? value : distance;
            predecessor = (narrow & source) | (~narrow & predecessor);
        }
        memcpy(distances + j, &distance, sizeof distance);
        memcpy(predecessors + j, &predecessor, sizeof predecessor);
        keep_least(&distance, &column, &nearest->distance, &nearest->column);
        column = column + LANES;
    }
}
#endif
