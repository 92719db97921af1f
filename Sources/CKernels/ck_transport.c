// Steps of the exact transport solver over rows of a cost matrix, 8 columns at a time.
// Written once over vectors, compiled per instruction set; no contraction, so that all give the same bits.
#include "ck_transport.h"
#include "ck_vectors.h"

#pragma STDC FP_CONTRACT OFF

#include "ck_transport_steps.h"

/// Takes a settled column out of the open ones.
INLINE void freeze(struct ck_tree *tree, int64_t column) {
    set_number(tree->distances, column, INFINITY);
    set_number(tree->duals, column, -INFINITY);
}

/// Relaxes the rows entered since the last time, a code of its own for the commonest numbers of them.
INLINE void relax_entered(struct ck_tree *tree, struct nearest *nearest) {
    const int32_t *rows = tree->scanned + tree->relaxed_count;
    const double *offsets = tree->offsets + tree->relaxed_count;
    const size_t count = tree->scanned_count - tree->relaxed_count;
    tree->relaxed_count = tree->scanned_count;
#define RELAX(COUNT) \
    relax(tree->costs, tree->stride, tree->duals, tree->distances, tree->predecessors, rows, offsets, COUNT, nearest)
    switch (count) {
    case 1: RELAX(1); break;
    case 2: RELAX(2); break;
    default: RELAX(count);
    }
#undef RELAX
}

/// Rows with mass in a settled column are reached at its distance: their cells are tight.
INLINE void enter_rows(struct ck_tree *tree, int64_t column, double height) {
    const int32_t *const cell_rows = tree->cell_rows, *const nexts = tree->nexts;
    int32_t *const seen = tree->seen, *const scanned = tree->scanned;
    double *const heights = tree->heights, *const offsets = tree->offsets;
    const int32_t number = tree->number;
    size_t count = tree->scanned_count;
    for (int32_t cell = tree->heads[column]; cell >= 0; cell = nexts[cell]) {
        const int32_t row = cell_rows[cell];
        if (seen[row] == number) continue;
        seen[row] = number;
        tree->entered_by[row] = cell;
        tree->entered_through[row] = (int32_t)column;
        heights[row] = height;
        scanned[count] = row;
        offsets[count] = height - tree->row_duals[row];
        count++;
    }
    tree->scanned_count = count;
}

INLINE int64_t grow(struct ck_tree *tree, int64_t column, double *distance) {
    if (column >= 0) {
        freeze(tree, column);
        enter_rows(tree, column, *distance);
    }
    for (;;) {
        struct nearest nearest;
        relax_entered(tree, &nearest);
        const double height = least_lane(&nearest.distance);
        if (!(height < INFINITY)) return -1;
        const size_t first = tree->settled_count;
        size_t count = first;
        int64_t columns[LANES];
        memcpy(columns, &nearest.column, sizeof columns);
        for (uint32_t lanes = lanes_of(&nearest.distance, height); lanes; lanes &= lanes - 1) {
            column = columns[__builtin_ctz(lanes)];
            if (tree->demand[column] > 0) {
                tree->settled[first] = (int32_t)column;
                tree->settled_distances[first] = *distance = height;
                tree->settled_count = first + 1;
                return column;
            }
            tree->settled[count] = (int32_t)column;
            tree->settled_distances[count++] = height;
        }
        tree->settled_count = count;
        for (size_t s = first; s < count; s++) {
            freeze(tree, tree->settled[s]);
            enter_rows(tree, tree->settled[s], height);
        }
    }
}

/// e^x for x <= 0, within a few units of the last place: 2^n times the series of the rest, which is below ln(2)/2 in size.
/// Below -708, where the result would not be normal, 0.
INLINE void exponential(f64x8 *x) {
    const double log2_e = 0x1.71547652b82fep+0, ln2_high = 0x1.62e42fefa3800p-1, ln2_low = 0x1.ef35793c76730p-45;
    const double whole = 0x1.8p52;  // added, it leaves a whole number in the low bits
    const i64x8 nothing = *x < -708.0;
    const f64x8 shifted = *x * log2_e + whole, n = shifted - whole;
    const f64x8 r = (*x - n * ln2_high) - n * ln2_low;
    f64x8 sum = (f64x8){0} + 1.0 / 479001600;
    static const double inverse_factorials[12] = {1,          1,           1.0 / 2,      1.0 / 6,      1.0 / 24,      1.0 / 120,
                                                  1.0 / 720,  1.0 / 5040,  1.0 / 40320,  1.0 / 362880, 1.0 / 3628800,
                                                  1.0 / 39916800};
    for (int k = 11; k >= 0; k--) sum = sum * r + inverse_factorials[k];
    const f64x8 power = (f64x8)(((i64x8)shifted << 52) + ((i64x8){0} + 1023LL * (1LL << 52)));
    const f64x8 value = sum * power;
    *x = (f64x8)((i64x8)value & ~nothing);
}

INLINE void exp_sum_rows(const double *costs, size_t rows, size_t stride, const double *duals, const double *minima,
                         double *sums) {
    for (size_t i = 0; i < rows; i++) {
        f64x8 sum = {0}, value, dual;
        for (size_t j = 0; j < stride; j += LANES) {
            memcpy(&value, costs + i * stride + j, sizeof value);
            memcpy(&dual, duals + j, sizeof dual);
            value = minima[i] - (value - dual);
            exponential(&value);
            sum = sum + value;
        }
        sums[i] = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
    }
}

INLINE void exp_sum_columns(const double *costs, size_t rows, size_t stride, const double *duals, const double *minima,
                            double *sums) {
    for (size_t j = 0; j < stride; j += LANES) {
        f64x8 sum = {0}, value, least;
        memcpy(&least, minima + j, sizeof least);
        for (size_t i = 0; i < rows; i++) {
            memcpy(&value, costs + i * stride + j, sizeof value);
            value = least - (value - duals[i]);
            exponential(&value);
            sum = sum + value;
        }
        memcpy(sums + j, &sum, sizeof sum);
    }
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
    TARGET static void exp_rows_##NAME(const double *costs, size_t rows, size_t stride, const double *duals,         \
                                       const double *minima, double *sums) {                                         \
        exp_sum_rows(costs, rows, stride, duals, minima, sums);                                                      \
    }                                                                                                                \
    TARGET static void exp_columns_##NAME(const double *costs, size_t rows, size_t stride, const double *duals,      \
                                          const double *minima, double *sums) {                                      \
        exp_sum_columns(costs, rows, stride, duals, minima, sums);                                                   \
    }                                                                                                                \
    TARGET static int64_t grow_##NAME(struct ck_tree *tree, int64_t column, double *distance) {                      \
        return grow(tree, column, distance);                                                                         \
    }

FOR_EACH_TARGET(VARIANT)

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

int64_t ck_grow(struct ck_tree *tree, int64_t column, double *distance) { return DISPATCH(grow, tree, column, distance); }

void ck_enter_rows(struct ck_tree *tree, int64_t column, double height) { enter_rows(tree, column, height); }

void ck_exp_sum_rows(const double *costs, size_t rows, size_t stride, const double *column_duals, const double *minima,
                     double *sums) {
    DISPATCH(exp_rows, costs, rows, stride, column_duals, minima, sums);
}

void ck_exp_sum_columns(const double *costs, size_t rows, size_t stride, const double *row_duals, const double *minima,
                        double *sums) {
    DISPATCH(exp_columns, costs, rows, stride, row_duals, minima, sums);
}
