// Cost matrices between two sets of tokens: a blocked float32 product and its conversion to ground costs.
// A tile is some rows of x against one panel of 16 tokens of y; products may fuse here, the solver's steps never do.
#include "ck_vectors.h"
#include "ck_metrics.h"
#include "ck_transport.h"
#include <math.h>
#include <string.h>

// Float32 sums are of a part, parts are summed in float32 to a run, runs in float64: rounding grows with the length of a sum of
// one sign, and so stays bounded whatever the dimension. Between parts a sum costs one addition in 64.
//
// Winograd's inner product (1968) makes one multiplication of two, with two additions: xy + x'y' = (x + y')(x' + y) - xx' - yy'.
// A processor that adds beside its multiplications is quickest when it pairs two coordinates of three so: of each three runs of
// 16, those of the first with those of the second. The crosses xx' are summed once for a token. Rounding is then that of
// |x|^2 + |y|^2 in place of |x||y|, which is what it is in a squared distance anyway.
enum { PART = 64, PAIRED_PART = 96, PAIRED = 48, RUN = 512, TILE_ROWS_MAX = 16 };

INLINE size_t run_end(size_t start, size_t dimension) { return dimension - start < RUN ? dimension : start + RUN; }

void ck_pack_panels(const float *tokens, size_t count, size_t dimension, float *panels) {
    for (size_t first = 0; first < count; first += CK_PANEL) {
        float *panel = panels + first * (dimension + 1), *crosses = panel + dimension * CK_PANEL;
        size_t present = count - first < CK_PANEL ? count - first : CK_PANEL;
        for (size_t k = 0; k < dimension; k++) {
            for (size_t c = 0; c < present; c++) panel[k * CK_PANEL + c] = tokens[(first + c) * dimension + k];
            for (size_t c = present; c < CK_PANEL; c++) panel[k * CK_PANEL + c] = 0;
        }
        for (size_t c = 0; c < CK_PANEL; c++) {
            double cross = 0;
            for (size_t start = 0; start < dimension; start += RUN)
                for (size_t k = start; k + PAIRED <= run_end(start, dimension); k += PAIRED)
                    for (size_t i = k; i < k + 16; i++)
                        cross += (double)panel[i * CK_PANEL + c] * panel[(i + 16) * CK_PANEL + c];
            crosses[c] = (float)cross;
        }
    }
}

// MARK: Products

/// Adds the products of PAIRED coordinates from the first on, but for the crosses.
INLINE void add_paired(size_t rows, const float *x, const float *panel, size_t dimension, size_t first, f32x16 *sums) {
    for (size_t k = first; k < first + 16; k++) {
        f32x16 y[3];
#pragma clang loop unroll(full)
        for (size_t i = 0; i < 3; i++) memcpy(&y[i], panel + (k + 16 * i) * CK_PANEL, sizeof y[i]);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
            const float *token = x + r * dimension + k;
            const f32x16 left = y[1] + token[0], right = y[0] + token[16];
            sums[r] += y[2] * token[32];
            sums[r] += left * right;
        }
    }
}

/// The coordinates from `start` to `end`, at most RUN. `rows` and `paired` are constants after inlining: sums stay in registers.
INLINE void run_of(size_t rows, int paired, const float *x, const float *panel, size_t dimension, size_t start, size_t end,
                   f32x16 *products) {
    const size_t length = paired ? PAIRED_PART : PART;
    for (size_t r = 0; r < rows; r++) products[r] = (f32x16){0};
    for (size_t part = start; part < end; part += length) {
        const size_t part_end = end - part < length ? end : part + length;
        size_t k = part;
        f32x16 sums[TILE_ROWS_MAX];
        for (size_t r = 0; r < rows; r++) sums[r] = (f32x16){0};
        for (; paired && k + PAIRED <= part_end; k += PAIRED) add_paired(rows, x, panel, dimension, k, sums);
        for (; k < part_end; k++) {
            f32x16 y;
            memcpy(&y, panel + k * CK_PANEL, sizeof y);
            for (size_t r = 0; r < rows; r++) sums[r] += y * x[r * dimension + k];
        }
        for (size_t r = 0; r < rows; r++) products[r] += sums[r];
    }
}

INLINE void tile(size_t rows, int paired, const float *x, const float *panel, size_t dimension, f64x8 (*products)[2]) {
    for (size_t start = 0; start == 0 || start < dimension; start += RUN) {
        f32x16 run[TILE_ROWS_MAX];
        run_of(rows, paired, x, panel, dimension, start, run_end(start, dimension), run);
        for (size_t r = 0; r < rows; r++) {
            const f64x16 wide = __builtin_convertvector(run[r], f64x16);
            f64x8 halves[2];
            memcpy(halves, &wide, sizeof halves);
            for (int h = 0; h < 2; h++) products[r][h] = start == 0 ? halves[h] : products[r][h] + halves[h];
        }
    }
}

/// A tile of `rows` rows, each count its own code.
INLINE void tile_of(size_t rows, int paired, const float *x, const float *panel, size_t dimension, f64x8 (*products)[2]) {
#define CASE(N) \
    case N: tile(N, paired, x, panel, dimension, products); break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)
        CASE(14) CASE(15) CASE(16)
    }
#undef CASE
}

// MARK: Costs

// Below this share of |x|^2 + |y|^2 a squared distance (or twice the cosine cost) has lost digits to cancellation. Beyond the
// bounds float32 products may have left their range, or a square may leave it on its way to the root.
static const double near_share = 1.0 / 16, square_least = 1e-30, square_most = 1e36, cosine_most = 3;

/// Whether costs come from the angle between tokens; the others come from squared distances between factors.
INLINE int by_angle(const struct ck_token_pairs *pairs) { return pairs->ground == CK_GROUND_COSINE && !pairs->centred; }

/// Of a panel, what costs need beside the products: norms and, for squared distances, what is added to them and the least that
/// counts, each but for what the token of the row adds.
struct panel_facts {
    f64x8 norms[2], added[2], least[2];
};

INLINE void facts_of(const struct ck_token_pairs *pairs, size_t first, size_t columns, int paired, const float *panel,
                     struct panel_facts *facts) {
    double norms[CK_PANEL], added[CK_PANEL];
    for (size_t c = 0; c < CK_PANEL; c++) {
        norms[c] = c < columns ? pairs->y_factor_norms[first + c] : 1;
        added[c] = norms[c] * norms[c] + (paired ? 2.0 * panel[pairs->dimension * CK_PANEL + c] : 0);
    }
    memcpy(facts->norms, norms, sizeof norms);
    memcpy(facts->added, added, sizeof added);
    for (int h = 0; h < 2; h++) facts->least[h] = near_share * (facts->norms[h] * facts->norms[h]) + square_least;
}

/// Products of a row's token with a panel's to squared distances or, by the angle, cosine costs, in place. Lanes of `sure` whose
/// digits are in doubt are cleared.
INLINE void convert(int angles, double x_norm, double x_cross, const struct panel_facts *facts, f64x8 *values, i64x8 *sure) {
    const double square = x_norm * x_norm, added = square + 2 * x_cross, least = near_share * square;
    for (int h = 0; h < 2; h++) {
        if (angles) {
            const f64x8 both = facts->norms[h] * x_norm;
            values[h] = 1 - values[h] / both;
            *sure &= (values[h] >= near_share) & (values[h] <= cosine_most) & (both >= square_least);
        } else {
            values[h] = (facts->added[h] + added) - 2 * values[h];
            *sure &= (values[h] >= facts->least[h] + least) & (values[h] <= square_most);
        }
    }
}

/// Whether `convert` was sure of one of its values.
INLINE int is_sure(int angles, double x_norm, double y_norm, double value) {
    if (angles) return value >= near_share && value <= cosine_most && x_norm * y_norm >= square_least;
    return value >= near_share * (x_norm * x_norm + y_norm * y_norm) + square_least && value <= square_most;
}

/// A cost in float64 from the tokens.
static double exact_cost(const struct ck_token_pairs *pairs, size_t row, size_t column) {
    const size_t dimension = pairs->dimension;
    const float *x = pairs->x + row * dimension, *y = pairs->y + column * dimension;
    if (pairs->ground == CK_GROUND_COSINE) {
        const double norms = sqrt(ck_dot_f32(x, x, dimension)) * sqrt(ck_dot_f32(y, y, dimension));
        const double cost = 1 - ck_dot_f32(x, y, dimension) / norms;
        return cost < 0 ? 0 : cost > 2 ? 2 : cost;
    }
    const double square = ck_squared_distance_f32(x, y, dimension);
    return pairs->ground == CK_GROUND_EUCLIDEAN ? sqrt(square) : square;
}

/// Squared distances, or cosine costs by the angle, to ground costs. Roots of what is good to float32 only are so too.
INLINE void finish(const struct ck_token_pairs *pairs, const f64x8 *values, double *costs) {
    f64x16 cost;
    memcpy(&cost, values, sizeof cost);
    if (pairs->ground == CK_GROUND_EUCLIDEAN) {
        const f32x16 narrow = __builtin_convertvector(cost, f32x16);
        cost = __builtin_convertvector(__builtin_elementwise_sqrt(narrow), f64x16);
    } else if (pairs->ground == CK_GROUND_COSINE) {
        if (pairs->centred) cost = cost * 0.5;
        cost = __builtin_elementwise_min(cost, (f64x16){0} + 2);
    }
    memcpy(costs, &cost, sizeof cost);
}

/// The ground costs of a tile; on whole vectors, or it would cost as much as the products do.
INLINE void costs_of_tile(const struct ck_token_pairs *pairs, size_t row, size_t rows, int paired, size_t column,
                          size_t columns, const struct panel_facts *facts, f64x8 (*products)[2], double (*costs)[CK_PANEL]) {
    // An only token that is centred is next to nothing: the squared distances to it are those from the centre, good to float64.
    const int all = pairs->centred && pairs->y_count == 1, angles = by_angle(pairs);
    i64x8 sure = ~(i64x8){0};
    for (size_t r = 0; r < rows; r++) {
        const double cross = paired ? pairs->x_crosses[row + r] : 0;
        convert(angles, pairs->x_factor_norms[row + r], cross, facts, products[r], &sure);
        finish(pairs, products[r], costs[r]);
    }
    if (!all && __builtin_reduce_and(sure)) return;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const double x_norm = pairs->x_factor_norms[row + r], y_norm = pairs->y_factor_norms[column + c];
            if (!all && is_sure(angles, x_norm, y_norm, products[r][c / 8][c % 8])) continue;
            costs[r][c] = exact_cost(pairs, row + r, column + c);
        }
    }
}

/// Rows are split into tiles of nearly equal height: a low last tile would wait on its few sums.
INLINE void costs_of(const struct ck_token_pairs *pairs, size_t tile_rows, int paired, double *out, size_t stride) {
    const size_t dimension = pairs->dimension, tiles = (pairs->x_count + tile_rows - 1) / tile_rows;
    for (size_t t = 0; t < tiles; t++) {
        const size_t start = pairs->x_count * t / tiles, rows = pairs->x_count * (t + 1) / tiles - start;
        const float *x = pairs->x_factors + start * dimension;
        for (size_t first = 0; first < pairs->y_count; first += CK_PANEL) {
            const size_t columns = pairs->y_count - first < CK_PANEL ? pairs->y_count - first : CK_PANEL;
            const float *panel = pairs->y_panels + first * (dimension + 1);
            struct panel_facts facts;
            f64x8 products[TILE_ROWS_MAX][2];
            double costs[TILE_ROWS_MAX][CK_PANEL];
            facts_of(pairs, first, columns, paired, panel, &facts);
            tile_of(rows, paired, x, panel, dimension, products);
            costs_of_tile(pairs, start, rows, paired, first, columns, &facts, products, costs);
            if (pairs->transposed) {
                for (size_t c = 0; c < columns; c++)
                    for (size_t r = 0; r < rows; r++) out[(first + c) * stride + start + r] = costs[r][c];
                continue;
            }
            for (size_t r = 0; r < rows; r++) {  // the stride has room for whole vectors of 8
                double *place = out + (start + r) * stride + first;
                for (size_t c = columns; c < CK_PANEL; c++) costs[r][c] = INFINITY;
                memcpy(place, costs[r], CK_PANEL / 2 * sizeof *place);
                if (columns > CK_PANEL / 2) memcpy(place + 8, costs[r] + 8, CK_PANEL / 2 * sizeof *place);
            }
        }
    }
}

INLINE double sum_of(const f64x16 *sums) {
    f64x8 eight[2];
    memcpy(eight, sums, sizeof eight);
    eight[0] += eight[1];
    const f64x4 four = __builtin_shufflevector(eight[0], eight[0], 0, 1, 2, 3) +
                       __builtin_shufflevector(eight[0], eight[0], 4, 5, 6, 7);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/// |x|^2 and the cross of a token from float32 sums of at most twelve products, these in float64. The token after this one is
/// asked for on the way: it is often its first touch.
INLINE double square_of(const float *x, size_t dimension, double *cross) {
    f64x16 squares = {0}, crosses = {0};
    double rest = 0;
    for (size_t start = 0; start < dimension; start += RUN) {
        const size_t end = run_end(start, dimension);
        size_t k = start;
        while (k + PAIRED <= end) {
            f32x16 square = {0}, product = {0};
            for (int groups = 0; groups < 4 && k + PAIRED <= end; groups++, k += PAIRED) {
                f32x16 v[3];
                memcpy(v, x + k, sizeof v);
                for (int i = 0; i < 3; i++) {
                    __builtin_prefetch(x + k + 16 * i + dimension);
                    square += v[i] * v[i];
                }
                product += v[0] * v[1];
            }
            squares += __builtin_convertvector(square, f64x16);
            crosses += __builtin_convertvector(product, f64x16);
        }
        for (; k + 16 <= end; k += 16) {
            f32x16 v;
            memcpy(&v, x + k, sizeof v);
            squares += __builtin_convertvector(v * v, f64x16);
        }
        for (; k < end; k++) rest += (double)x[k] * x[k];
    }
    *cross = sum_of(&crosses);
    return sum_of(&squares) + rest;
}

/// In float64 throughout where float32 might not hold a square; a cross that it does not hold leaves no cost by pairs sure.
INLINE size_t norms_of(const float *tokens, size_t count, size_t dimension, double *norms, double *crosses) {
    size_t finite = 0;
    for (size_t i = 0; i < count; i++) {
        const float *x = tokens + i * dimension;
        const double square = square_of(x, dimension, &crosses[i]);
        norms[i] = sqrt(square >= 0x1p-60 && square <= 0x1p60 ? square : ck_dot_f32(x, x, dimension));
        finite += finite == i && norms[i] < INFINITY;
    }
    return finite;
}

// As many rows as registers hold sums of; where coordinates are paired a row needs three cache lines at a time, and 16 rows that
// begin 2 KiB apart put each other out of the cache.
enum { tile_rows_baseline = 4, tile_rows_avx2 = 6, tile_rows_avx512 = TILE_ROWS_MAX, tile_rows_paired = 12 };

/// One rounding a coordinate; norm and cross are those of the rounded numbers.
INLINE void centre_of(const float *tokens, const double *norms, size_t count, size_t dimension, const float *centre,
                      float *factors, double *factor_norms, double *factor_crosses) {
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
        square_of(out, dimension, &factor_crosses[i]);
    }
}

#define VARIANT(NAME, TARGET)                                                                                         \
    TARGET static void costs_##NAME(const struct ck_token_pairs *pairs, double *out, size_t stride) {                 \
        costs_of(pairs, tile_rows_##NAME, 0, out, stride);                                                            \
    }                                                                                                                 \
    TARGET static size_t norms_##NAME(const float *tokens, size_t count, size_t dimension, double *norms,             \
                                      double *crosses) {                                                              \
        return norms_of(tokens, count, dimension, norms, crosses);                                                    \
    }                                                                                                                 \
    TARGET static void centre_##NAME(const float *tokens, const double *norms, size_t count, size_t dimension,        \
                                     const float *centre, float *factors, double *factor_norms,                       \
                                     double *factor_crosses) {                                                        \
        centre_of(tokens, norms, count, dimension, centre, factors, factor_norms, factor_crosses);                    \
    }

FOR_EACH_TARGET(VARIANT)

size_t ck_token_norms(const float *tokens, size_t count, size_t dimension, double *norms, double *crosses) {
    return DISPATCH(norms, tokens, count, dimension, norms, crosses);
}

void ck_centre_tokens(const float *tokens, const double *norms, size_t count, size_t dimension, const float *centre,
                      float *factors, double *factor_norms, double *factor_crosses) {
    DISPATCH(centre, tokens, norms, count, dimension, centre, factors, factor_norms, factor_crosses);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
static void costs_paired(const struct ck_token_pairs *pairs, double *out, size_t stride) {
    costs_of(pairs, tile_rows_paired, 1, out, stride);
}
#endif

/// Pairs pay where additions have units of their own: measured on Zen 4, a quarter of the time. By the angle, tokens much longer
/// than the others would lose digits.
static void dispatch(const struct ck_token_pairs *pairs, double *out, size_t stride) {
#if defined(__x86_64__)
    if (ck_level() == CK_VNNI && ck_adds_beside_products() && !by_angle(pairs)) {
        costs_paired(pairs, out, stride);
        return;
    }
#endif
    DISPATCH(costs, pairs, out, stride);
}

void ck_ground_costs(const struct ck_token_pairs *pairs, double *out, size_t stride) {
    dispatch(pairs, out, stride);
    if (!pairs->transposed) return;
    for (size_t c = 0; c < pairs->y_count; c++)
        for (size_t j = pairs->x_count; j < stride; j++) out[c * stride + j] = INFINITY;
}
