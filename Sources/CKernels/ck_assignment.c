// The assignment problem, exactly: reductions, then a shortest augmenting path for each row left over. One call solves it.
// Jonker and Volgenant 1987; compiled per instruction set, without contraction, so that all give the same bits.
#include "ck_transport.h"
#include "ck_vectors.h"

#pragma STDC FP_CONTRACT OFF

#include "ck_transport_steps.h"

/// Feasible duals from the column duals given, and a row for each column that some tight cell allows.
INLINE void reduce(struct ck_assignment *a) {
    const size_t count = a->count, stride = a->stride;
    int32_t *const homes = a->homes, *const owners = a->owners;
    reduce_rows(a->costs, count, stride, a->column_duals, a->row_duals, a->row_places);
    reduce_columns(a->costs, count, stride, a->row_duals, a->column_duals, a->column_places);
    for (size_t j = count; j < stride; j++) a->column_duals[j] = 0;
    a->value = 0;
    for (size_t i = 0; i < count; i++) a->value += a->row_duals[i] + a->column_duals[i];
    for (size_t j = 0; j < count; j++) owners[j] = -1;
    for (size_t i = 0; i < count; i++) {
        const int64_t column = a->row_places[i];
        const int taken = owners[column] >= 0;
        homes[i] = taken ? -1 : (int32_t)column;
        owners[column] = taken ? owners[column] : (int32_t)i;
    }
    for (size_t j = 0; j < count; j++) {
        const int64_t row = a->column_places[j];
        if (owners[j] >= 0 || homes[row] >= 0) continue;
        owners[j] = (int32_t)row;
        homes[row] = (int32_t)j;
    }
}

/// Begins a tree with one row: the distance of every column through it.
INLINE void start(const struct ck_assignment *a, int32_t row, struct nearest *nearest) {
    const double *const costs = a->costs + (size_t)row * a->stride;
    const double dual_of_row = a->row_duals[row];
    const i32x8 source = (i32x8){0} + row;
    begin(nearest);
    i64x8 column = FIRST_LANES;
    for (size_t j = 0; j < a->stride; j += LANES) {
        f64x8 distance, dual;
        memcpy(&distance, costs + j, sizeof distance);
        memcpy(&dual, a->column_duals + j, sizeof dual);
        distance = (distance - dual) - dual_of_row;
        memcpy(a->open_duals + j, &dual, sizeof dual);
        memcpy(a->distances + j, &distance, sizeof distance);
        memcpy(a->predecessors + j, &source, sizeof source);
        keep_least(&distance, &column, &nearest->distance, &nearest->column);
        column = column + LANES;
    }
}

/// Lowers the distances of the open columns through the rows of columns just settled at `height`. `only` is a constant.
INLINE void relax_settled(const struct ck_assignment *a, const int32_t *settled, size_t count, int only, double height,
                          struct nearest *nearest) {
    int32_t rows[LANES];
    double offsets[LANES];
    for (size_t s = 0; s < count; s++) {
        rows[s] = a->owners[settled[s]];
        offsets[s] = height - a->row_duals[rows[s]];
    }
    relax(a->costs, a->stride, a->open_duals, a->distances, a->predecessors, rows, offsets, only ? 1 : count, nearest);
}

/// Settles the nearest columns, several of equal distance at once, until one of them is open; returns it and its distance, or
/// -1 if none can be reached, as when costs are no numbers.
/// A settled column is frozen: rounding must not let a later row lower it, which would make cycles.
INLINE int64_t find_open(struct ck_assignment *a, int32_t row, size_t *settled_count, double *reach) {
    struct nearest nearest;
    start(a, row, &nearest);
    size_t settled = 0;
    for (;;) {
        const double height = least_lane(&nearest.distance);
        if (!(height < INFINITY)) return -1;
        const size_t first = settled;
        int64_t columns[LANES];
        memcpy(columns, &nearest.column, sizeof columns);
        for (uint32_t lanes = lanes_of(&nearest.distance, height); lanes; lanes &= lanes - 1) {
            const int64_t column = columns[__builtin_ctz(lanes)];
            if (a->owners[column] < 0) {
                *settled_count = first;
                *reach = height;
                return column;
            }
            a->settled[settled] = (int32_t)column;
            a->settled_distances[settled++] = height;
        }
        for (size_t s = first; s < settled; s++) {
            set_number(a->distances, a->settled[s], INFINITY);
            set_number(a->open_duals, a->settled[s], -INFINITY);
        }
        // One column is the commonest number by far: its loop is none.
        if (settled - first == 1) relax_settled(a, a->settled + first, 1, 1, height, &nearest);
        else relax_settled(a, a->settled + first, settled - first, 0, height, &nearest);
    }
}

/// Gives a row a column along a shortest path; the duals change so that the cells of the path and of the tree are tight.
INLINE void augment(struct ck_assignment *a, int32_t source) {
    int32_t *const homes = a->homes, *const owners = a->owners;
    size_t settled;
    double reach;
    int64_t column = find_open(a, source, &settled, &reach);
    if (column < 0) {
        a->value = NAN;
        return;
    }
    a->value += reach;
    a->row_duals[source] += reach;
    for (size_t s = 0; s < settled; s++) {
        const double fall = reach - a->settled_distances[s];
        a->column_duals[a->settled[s]] -= fall;
        a->row_duals[owners[a->settled[s]]] += fall;
    }
    int32_t row;
    do {
        row = a->predecessors[column];
        const int32_t before = homes[row];
        owners[column] = row;
        homes[row] = (int32_t)column;
        column = before;
    } while (row != source);
}

INLINE void assign(struct ck_assignment *a, double threshold) {
    reduce(a);
    for (size_t i = 0; i < a->count && a->value <= threshold; i++)
        if (a->homes[i] < 0) augment(a, (int32_t)i);
}

#define VARIANT(NAME, TARGET) \
    TARGET static void assign_##NAME(struct ck_assignment *a, double threshold) { assign(a, threshold); }

FOR_EACH_TARGET(VARIANT)

void ck_assign(struct ck_assignment *a, double threshold) {
    DISPATCH(assign, a, threshold);
}
