// Cost matrices between two sets of tokens: a blocked float32 product and its conversion to ground costs.
// A tile is some rows of x against one panel of 16 tokens of y; products may fuse here, the solver's steps never do.
#include "ck_vectors.h"
#include "ck_metrics.h"
#include "ck_transport.h"
#include <math.h>
#include <string.h>

// Float32 sums are of a part, parts are summed in float32 to a run, runs in float64: rounding grows with the length of a sum of
// one sign, and so stays bounded whatever the dimension. Between parts a sum costs one addition in 64.
enum { PART = 64, RUN = 512, TILE_ROWS_MAX = 16 };

void ck_pack_panels(const float *tokens, size_t count, size_t dimension, float *panels) {
    for (size_t first = 0; first < count; first += CK_PANEL) {
        float *panel = panels + first * dimension;
        size_t present = count - first < CK_PANEL ? count - first : CK_PANEL;
        for (size_t k = 0; k < dimension; k++) {
            for (size_t c = 0; c < present; c++) panel[k * CK_PANEL + c] = tokens[(first + c) * dimension + k];
            for (size_t c = present; c < CK_PANEL; c++) panel[k * CK_PANEL + c] = 0;
        }
    }
}

/// `rows` is a constant after inlining, so that the sums stay in registers.
INLINE void tile(size_t rows, const float *x, const float *panel, size_t dimension, f64x8 (*total)[2]) {
    for (size_t start = 0; start == 0 || start < dimension; start += RUN) {
        size_t end = dimension - start < RUN ? dimension : start + RUN;
        f32x16 parts[TILE_ROWS_MAX];
        for (size_t r = 0; r < rows; r++) parts[r] = (f32x16){0};
        for (size_t part = start; part < end; part += PART) {
            size_t part_end = end - part < PART ? end : part + PART;
            f32x16 sums[TILE_ROWS_MAX];
            for (size_t r = 0; r < rows; r++) sums[r] = (f32x16){0};
            for (size_t k = part; k < part_end; k++) {
                f32x16 y;
                memcpy(&y, panel + k * CK_PANEL, sizeof y);
                for (size_t r = 0; r < rows; r++) sums[r] += y * x[r * dimension + k];
            }
            for (size_t r = 0; r < rows; r++) parts[r] += sums[r];
        }
        for (size_t r = 0; r < rows; r++) {
            f32x8 low = __builtin_shufflevector(parts[r], parts[r], 0, 1, 2, 3, 4, 5, 6, 7);
            f32x8 high = __builtin_shufflevector(parts[r], parts[r], 8, 9, 10, 11, 12, 13, 14, 15);
            f64x8 run[2] = {__builtin_convertvector(low, f64x8), __builtin_convertvector(high, f64x8)};
            for (int h = 0; h < 2; h++) total[r][h] = start == 0 ? run[h] : total[r][h] + run[h];
        }
    }
}

/// A tile of `rows` rows, each count its own code.
INLINE void tile_of(size_t rows, const float *x, const float *panel, size_t dimension, f64x8 (*total)[2]) {
#define CASE(N) \
    case N: tile(N, x, panel, dimension, total); break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)
        CASE(14) CASE(15) CASE(16)
    }
#undef CASE
}

// Below this share of |x|^2 + |y|^2 a squared distance (or twice the cosine cost) has lost digits to cancellation. Beyond the
// bounds float32 products may have left their range, or a square may leave it on its way to the root.
static const double near_share = 1.0 / 16, square_least = 1e-30, square_most = 1e36, cosine_most = 3;

/// Whether costs come from the angle between tokens; the others come from squared distances between factors.
INLINE int by_angle(const struct ck_token_pairs *pairs) { return pairs->ground == CK_GROUND_COSINE && !pairs->centred; }

/// Costs in doubt, again in float64 from the tokens. Squared distances or, by the angle, cosine costs.
static void correct(const struct ck_token_pairs *pairs, size_t row, size_t rows, size_t column, size_t columns,
                    double (*cells)[CK_PANEL]) {
    const size_t dimension = pairs->dimension;
    for (size_t r = 0; r < rows; r++) {
        const float *x = pairs->x + (row + r) * dimension;
        const double x_norm = pairs->x_factor_norms[row + r];
        for (size_t c = 0; c < columns; c++) {
            const float *y = pairs->y + (column + c) * dimension;
            const double y_norm = pairs->y_factor_norms[column + c], cost = cells[r][c];
            if (by_angle(pairs)) {
                if (cost >= near_share && cost <= cosine_most && x_norm * y_norm >= square_least) continue;
            } else if (cost >= near_share * (x_norm * x_norm + y_norm * y_norm) + square_least && cost <= square_most) {
                continue;
            }
            if (pairs->ground == CK_GROUND_COSINE) {
                const double norms = pairs->x_norms[row + r] * pairs->y_norms[column + c];
                const double exact = 1 - ck_dot_f32(x, y, dimension) / norms;
                cells[r][c] = exact > 0 ? (by_angle(pairs) ? exact : 2 * exact) : 0;
            } else {
                cells[r][c] = ck_squared_distance_f32(x, y, dimension);
            }
        }
    }
}

/// Roots of squares whose float32 products are good to float32 only: so are the roots. In float64 where squares are exact.
INLINE void take_roots(f64x8 (*total)[2], size_t rows, int exact) {
    for (size_t r = 0; r < rows; r++) {
        f64x16 square;
        memcpy(&square, total[r], sizeof square);
        if (exact) square = __builtin_elementwise_sqrt(square);
        else square = __builtin_convertvector(__builtin_elementwise_sqrt(__builtin_convertvector(square, f32x16)), f64x16);
        memcpy(total[r], &square, sizeof square);
    }
}

/// Products of a tile to ground costs, in place; on whole vectors, or it would cost as much as the products do.
INLINE void convert(const struct ck_token_pairs *pairs, size_t row, size_t rows, size_t column, size_t columns,
                    f64x8 (*total)[2]) {
    double norms[CK_PANEL];
    for (size_t c = 0; c < CK_PANEL; c++) norms[c] = c < columns ? pairs->y_factor_norms[column + c] : 1;
    const int angles = by_angle(pairs);
    f64x8 y_norm[2], y_square[2];
    memcpy(y_norm, norms, sizeof norms);
    for (int h = 0; h < 2; h++) y_square[h] = y_norm[h] * y_norm[h];
    i64x8 sure = ~(i64x8){0};
    for (size_t r = 0; r < rows; r++) {
        const double x_norm = pairs->x_factor_norms[row + r];
        for (int h = 0; h < 2; h++) {
            if (angles) {
                const f64x8 both = x_norm * y_norm[h], cost = 1 - total[r][h] / both;
                sure &= (cost >= near_share) & (cost <= cosine_most) & (both >= square_least);
                total[r][h] = cost;
            } else {
                const f64x8 both = x_norm * x_norm + y_square[h], square = both - 2 * total[r][h];
                sure &= (square >= near_share * both + square_least) & (square <= square_most);
                total[r][h] = square;
            }
        }
    }
    const int all_sure = __builtin_reduce_and(sure) != 0;
    if (!all_sure) correct(pairs, row, rows, column, columns, (double (*)[CK_PANEL])total);
    // The only centred token is next to nothing, and the squares of its distances good to float64.
    const int exact = !all_sure || (pairs->centred && pairs->y_count == 1);
    if (pairs->ground == CK_GROUND_EUCLIDEAN) take_roots(total, rows, exact);
    if (pairs->ground != CK_GROUND_COSINE) return;
    const f64x8 most = (f64x8){0} + 2;
    const double scale = angles ? 1 : 0.5;
    for (size_t r = 0; r < rows; r++) {
        for (int h = 0; h < 2; h++) {
            const f64x8 cost = total[r][h] * scale;
            total[r][h] = cost < most ? cost : most;
        }
    }
}

/// Columns past the last of a row become +infinity.
INLINE void pad(f64x8 (*total)[2], size_t rows, size_t columns) {
    const i64x8 lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    const f64x8 infinite = (f64x8){0} + INFINITY;
    for (size_t r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++) total[r][h] = lanes + 8 * h < (int64_t)columns ? total[r][h] : infinite;
}

/// Rows are split into tiles of nearly equal height: a low last tile would wait on its few sums.
INLINE void costs_of(const struct ck_token_pairs *pairs, size_t tile_rows, double *out, size_t stride) {
    const size_t dimension = pairs->dimension, tiles = (pairs->x_count + tile_rows - 1) / tile_rows;
    for (size_t first = 0; first < pairs->y_count; first += CK_PANEL) {
        const size_t columns = pairs->y_count - first < CK_PANEL ? pairs->y_count - first : CK_PANEL;
        for (size_t t = 0; t < tiles; t++) {
            const size_t start = pairs->x_count * t / tiles, rows = pairs->x_count * (t + 1) / tiles - start;
            f64x8 cells[TILE_ROWS_MAX][2];
            tile_of(rows, pairs->x_factors + start * dimension, pairs->y_panels + first * dimension, dimension, cells);
            convert(pairs, start, rows, first, columns, cells);
            if (!pairs->transposed) {  // the stride has room for whole vectors
                if (columns < CK_PANEL) pad(cells, rows, columns);
                for (size_t r = 0; r < rows; r++) {
                    double *place = out + (start + r) * stride + first;
                    memcpy(place, &cells[r][0], sizeof cells[r][0]);
                    if (columns > CK_PANEL / 2) memcpy(place + CK_PANEL / 2, &cells[r][1], sizeof cells[r][1]);
                }
                continue;
            }
            double numbers[TILE_ROWS_MAX][CK_PANEL];
            memcpy(numbers, cells, sizeof cells[0] * rows);
            for (size_t c = 0; c < columns; c++)
                for (size_t r = 0; r < rows; r++) out[(first + c) * stride + start + r] = numbers[r][c];
        }
    }
}

// As many rows as registers hold sums of.
enum { tile_rows_baseline = 4, tile_rows_avx2 = 6, tile_rows_avx512 = TILE_ROWS_MAX };

/// One rounding a coordinate; the norm is that of the rounded numbers.
INLINE void centre_of(const float *tokens, const double *norms, size_t count, size_t dimension, const float *centre,
                      float *factors, double *factor_norms) {
    for (size_t i = 0; i < count; i++) {
        const float *x = tokens + i * dimension;
        float *out = factors + i * dimension;
        const double scale = norms ? 1 / norms[i] : 1;
        f64x8 squares = {0};
        size_t k = 0;
        for (; k + 8 <= dimension; k += 8) {
            f32x8 token, common;
            memcpy(&token, x + k, sizeof token);
            memcpy(&common, centre + k, sizeof common);
            const f32x8 factor = __builtin_convertvector(
                __builtin_convertvector(token, f64x8) * scale - __builtin_convertvector(common, f64x8), f32x8);
            memcpy(out + k, &factor, sizeof factor);
            const f64x8 wide = __builtin_convertvector(factor, f64x8);
            squares += wide * wide;
        }
        double square = 0;
        for (int lane = 0; lane < 8; lane++) square += squares[lane];
        for (; k < dimension; k++) {
            out[k] = (float)(x[k] * scale - centre[k]);
            square += (double)out[k] * out[k];
        }
        factor_norms[i] = sqrt(square);
    }
}

#define VARIANT(NAME, TARGET)                                                                                         \
    TARGET static void costs_##NAME(const struct ck_token_pairs *pairs, double *out, size_t stride) {                 \
        costs_of(pairs, tile_rows_##NAME, out, stride);                                                               \
    }                                                                                                                 \
    TARGET static void centre_##NAME(const float *tokens, const double *norms, size_t count, size_t dimension,        \
                                     const float *centre, float *factors, double *factor_norms) {                     \
        centre_of(tokens, norms, count, dimension, centre, factors, factor_norms);                                    \
    }

FOR_EACH_TARGET(VARIANT)

void ck_centre_tokens(const float *tokens, const double *norms, size_t count, size_t dimension, const float *centre,
                      float *factors, double *factor_norms) {
    DISPATCH(centre, tokens, norms, count, dimension, centre, factors, factor_norms);
}

void ck_ground_costs(const struct ck_token_pairs *pairs, double *out, size_t stride) {
    DISPATCH(costs, pairs, out, stride);
    if (!pairs->transposed) return;
    for (size_t c = 0; c < pairs->y_count; c++)
        for (size_t j = pairs->x_count; j < stride; j++) out[c * stride + j] = INFINITY;
}
