// Duals to open the transport solver with: near the optimal ones, cheap, and in float32, since any numbers are valid there.
// The solver's exact reductions make them feasible. Compiled per instruction set; no contraction, so that all give the same bits.
#include "ck_transport.h"
#include "ck_vectors.h"
#include <float.h>
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#define LESSER(a, b) ((a) < (b) ? (a) : (b))
#define GREATER(a, b) ((a) > (b) ? (a) : (b))
#define INFINITE ((f32x16){0} + INFINITY)

enum { LANES = 16 };

// Over-relaxation, as in successive over-relaxation: between 1.3 and 1.5 a round does nearly the work of two.
static const float pull = 1.4f;

/// Puts a value among the `kept` least, which ascend.
#define INSERT(value, least, kept)                           \
    for (int k = 0; k < (kept); k++) {                       \
        const f32x16 larger = GREATER((least)[k], (value));  \
        (least)[k] = LESSER((least)[k], (value));            \
        (value) = larger;                                    \
    }

INLINE float mean_of(const f32x16 *sum, float tail, size_t count) {
    f32x8 eight = __builtin_shufflevector(*sum, *sum, 0, 1, 2, 3, 4, 5, 6, 7) +
                  __builtin_shufflevector(*sum, *sum, 8, 9, 10, 11, 12, 13, 14, 15);
    f32x4 four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (((four[0] + four[2]) + (four[1] + four[3])) + tail) / (float)count;
}

/// Copies the costs, +infinity up to whole vectors, and takes the mean of each row.
INLINE void narrow_rows(const double *costs, size_t rows, size_t columns, size_t stride, float *narrow, size_t width,
                        float *means) {
    for (size_t i = 0; i < rows; i++) {
        const double *row = costs + i * stride;
        float *copy = narrow + i * width, tail = 0;
        f32x16 sum = {0};
        size_t j = 0;
        for (; j + LANES <= columns; j += LANES) {
            f64x16 wide;
            memcpy(&wide, row + j, sizeof wide);
            const f32x16 value = __builtin_convertvector(wide, f32x16);
            memcpy(copy + j, &value, sizeof value);
            sum = sum + value;
        }
        for (; j < columns; j++) tail += copy[j] = (float)row[j];
        for (; j < width; j++) copy[j] = INFINITY;
        means[i] = mean_of(&sum, tail, columns);
    }
}

/// duals[j] = mean of the four least costs of column j less the duals of their rows.
INLINE void average_four(const float *narrow, size_t rows, size_t width, const float *row_duals, float *duals) {
    for (size_t j = 0; j < width; j += LANES) {
        f32x16 least[4] = {INFINITE, INFINITE, INFINITE, INFINITE}, value;
        for (size_t i = 0; i < rows; i++) {
            memcpy(&value, narrow + i * width + j, sizeof value);
            value = value - row_duals[i];
            INSERT(value, least, 4)
        }
        value = ((least[0] + least[1]) + (least[2] + least[3])) * 0.25f;
        memcpy(duals + j, &value, sizeof value);
    }
}

/// Moves duals[j] towards the least cost of column j less the dual of its row, or `share` of the way to the next, and beyond:
/// over-relaxed, they settle sooner.
INLINE void average_columns(const float *narrow, size_t rows, size_t width, const float *row_duals, float share,
                            float *duals) {
    for (size_t j = 0; j < width; j += LANES) {
        f32x16 least[2] = {INFINITE, INFINITE}, value;
        for (size_t i = 0; i < rows; i++) {
            memcpy(&value, narrow + i * width + j, sizeof value);
            value = value - row_duals[i];
            INSERT(value, least, 2)
        }
        value = least[0] * (1 - share) + least[1] * share;
        f32x16 dual;
        memcpy(&dual, duals + j, sizeof dual);
        value = dual + (value - dual) * pull;
        memcpy(duals + j, &value, sizeof value);
    }
}

/// The least two numbers of each lane.
struct two {
    f32x16 least, next;
};

/// Halves the lanes of two rows, neighbours compared, and puts both halves into one vector, the first row's before.
INLINE void join(const struct two *x, const struct two *y, struct two *joined) {
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
    const f32x16 a = __builtin_shufflevector(x->least, y->least, EVEN), b = __builtin_shufflevector(x->least, y->least, ODD);
    const f32x16 c = __builtin_shufflevector(x->next, y->next, EVEN), d = __builtin_shufflevector(x->next, y->next, ODD);
    const f32x16 larger = GREATER(a, b), next = LESSER(c, d);
    joined->least = LESSER(a, b);
    joined->next = LESSER(larger, next);
}

/// duals[i] = mean of the two least costs of row i less the duals of their columns; 16 rows at a time.
INLINE void average_rows(const float *narrow, size_t rows, size_t width, const float *column_duals, float *duals) {
    for (size_t i = 0; i < rows; i += LANES) {
        struct two two[LANES];
        for (size_t r = 0; r < LANES; r++) {
            two[r] = (struct two){INFINITE, INFINITE};
            if (i + r >= rows) continue;
            const float *row = narrow + (i + r) * width;
            f32x16 least[2] = {INFINITE, INFINITE}, value, dual;
            for (size_t j = 0; j < width; j += LANES) {
                memcpy(&value, row + j, sizeof value);
                memcpy(&dual, column_duals + j, sizeof dual);
                value = value - dual;
                INSERT(value, least, 2)
            }
            two[r] = (struct two){least[0], least[1]};
        }
        for (size_t half = LANES / 2; half > 0; half /= 2)
            for (size_t r = 0; r < half; r++) join(&two[2 * r], &two[2 * r + 1], &two[r]);
        const f32x16 mean = (two[0].least + two[0].next) * 0.5f;
        memcpy(duals + i, &mean, sizeof mean);
    }
}

/// A dual is where demand meets supply: between the first and the second of as many rows as columns, at the second where a
/// column takes more than one row.
INLINE void opening(const double *costs, size_t rows, size_t columns, size_t stride, int rounds, float *scratch,
                    double *duals) {
    const size_t width = (columns + LANES - 1) / LANES * LANES;
    float *const narrow = scratch, *const column_duals = narrow + rows * width, *const row_duals = column_duals + width;
    narrow_rows(costs, rows, columns, stride, narrow, width, row_duals);
    average_four(narrow, rows, width, row_duals, column_duals);
    for (int round = 0; round < rounds; round++) {
        average_rows(narrow, rows, width, column_duals, row_duals);
        average_columns(narrow, rows, width, row_duals, rows > columns ? 1 : 0.5f, column_duals);
    }
    // Costs beyond the range of float32, and columns of padding, leave no number.
    for (size_t j = 0; j < stride; j++) duals[j] = fabsf(column_duals[j]) <= FLT_MAX ? column_duals[j] : 0;
}

#define VARIANT(NAME, TARGET)                                                                                        \
    TARGET static void opening_##NAME(const double *costs, size_t rows, size_t columns, size_t stride, int rounds,   \
                                      float *scratch, double *duals) {                                               \
        opening(costs, rows, columns, stride, rounds, scratch, duals);                                               \
    }

FOR_EACH_TARGET(VARIANT)

void ck_opening_duals(const double *costs, size_t rows, size_t columns, size_t stride, int32_t rounds, float *scratch,
                      double *duals) {
    if (rows < 4 || columns < 2) {  // fewer than are averaged
        memset(duals, 0, stride * sizeof *duals);
        return;
    }
    DISPATCH(opening, costs, rows, columns, stride, rounds, scratch, duals);
}

size_t ck_opening_scratch(size_t rows, size_t columns) {
    const size_t width = (columns + LANES - 1) / LANES * LANES;
    return (rows + 1) * width + (rows + LANES - 1) / LANES * LANES;
}
