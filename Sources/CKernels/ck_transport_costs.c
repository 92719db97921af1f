// Cost matrices between two sets of tokens: a blocked float32 product and its conversion to ground costs.
// A tile is some rows of x against one panel of 16 tokens of y; products may fuse here, the solver's steps never do.
#include "ck_cpu.h"
#include "ck_metrics.h"
#include "ck_transport.h"
#include <math.h>
#include <string.h>

typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef double f64x8 __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

// Coordinates summed in float32 before a run is added to the float64 total: bounds the rounding whatever the dimension.
enum { RUN = 256, TILE_ROWS_MAX = 16 };

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

/// `rows` is a constant after inlining, so that the sums stay in registers; everything after the sums is whole vectors too,
/// or it would cost as much as they do.
INLINE void tile(size_t rows, const float *x, const float *panel, size_t dimension, double *out, size_t columns,
                 size_t stride, int transposed) {
    f64x8 total[TILE_ROWS_MAX][2];
    for (size_t start = 0; start == 0 || start < dimension; start += RUN) {
        size_t end = dimension - start < RUN ? dimension : start + RUN;
        f32x16 sums[TILE_ROWS_MAX];
        for (size_t r = 0; r < rows; r++) sums[r] = (f32x16){0};
        for (size_t k = start; k < end; k++) {
            f32x16 y;
            memcpy(&y, panel + k * CK_PANEL, sizeof y);
            for (size_t r = 0; r < rows; r++) sums[r] += y * x[r * dimension + k];
        }
        for (size_t r = 0; r < rows; r++) {
            f32x8 low = __builtin_shufflevector(sums[r], sums[r], 0, 1, 2, 3, 4, 5, 6, 7);
            f32x8 high = __builtin_shufflevector(sums[r], sums[r], 8, 9, 10, 11, 12, 13, 14, 15);
            f64x8 run[2] = {__builtin_convertvector(low, f64x8), __builtin_convertvector(high, f64x8)};
            for (int h = 0; h < 2; h++) total[r][h] = start == 0 ? run[h] : total[r][h] + run[h];
        }
    }
    if (!transposed) {  // the stride has room for whole vectors
        for (size_t r = 0; r < rows; r++) memcpy(out + r * stride, &total[r], columns > 8 ? 128 : 64);
        return;
    }
    double cells[TILE_ROWS_MAX][CK_PANEL];
    memcpy(cells, total, sizeof total[0] * rows);
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) out[c * stride + r] = cells[r][c];
}

/// A tile of `rows` rows, each count its own code.
INLINE void tile_of(size_t rows, const float *x, const float *panel, size_t dimension, double *out, size_t columns,
                    size_t stride, int transposed) {
#define CASE(N) \
    case N: tile(N, x, panel, dimension, out, columns, stride, transposed); break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)
        CASE(14) CASE(15) CASE(16)
    }
#undef CASE
}

/// Rows are split into tiles of nearly equal height: a low last tile would wait on its few sums.
INLINE void products(size_t tile_rows, const float *x, size_t x_count, const float *panels, size_t y_count,
                     size_t dimension, double *out, size_t stride, int transposed) {
    size_t tiles = (x_count + tile_rows - 1) / tile_rows;
    for (size_t first = 0; first < y_count; first += CK_PANEL) {
        size_t columns = y_count - first < CK_PANEL ? y_count - first : CK_PANEL;
        for (size_t t = 0; t < tiles; t++) {
            size_t start = x_count * t / tiles, end = x_count * (t + 1) / tiles;
            tile_of(end - start, x + start * dimension, panels + first * dimension, dimension,
                    transposed ? out + first * stride + start : out + start * stride + first, columns, stride,
                    transposed);
        }
    }
}

/// Below this share of |x|^2 + |y|^2 a squared distance (or twice the cosine cost) is computed again in float64.
static const double near_share = 1.0 / 64;

/// Converts one row in place; returns whether some pair is so near that its product cancelled.
INLINE int costs_from_products(int32_t ground, double *row, size_t columns, double x_norm, const double *y_norms) {
    int64_t near = 0;
    for (size_t j = 0; j < columns; j++) {
        if (ground == CK_GROUND_COSINE) {
            double cost = 1 - row[j] / (x_norm * y_norms[j]);
            near |= cost < near_share;
            row[j] = cost > 2 ? 2 : cost;
        } else {
            double both = x_norm * x_norm + y_norms[j] * y_norms[j];
            double square = both - 2 * row[j];
            near |= square < near_share * both;
            row[j] = square;
        }
    }
    return near != 0;
}

static void correct_near(int32_t ground, double *row, size_t columns, const float *x, double x_norm, const float *y,
                         const double *y_norms, size_t dimension) {
    for (size_t j = 0; j < columns; j++) {
        if (ground == CK_GROUND_COSINE) {
            if (row[j] >= near_share) continue;
            double cost = 1 - ck_dot_f32(x, y + j * dimension, dimension) / (x_norm * y_norms[j]);
            row[j] = cost > 0 ? cost : 0;
        } else if (row[j] < near_share * (x_norm * x_norm + y_norms[j] * y_norms[j])) {
            row[j] = ck_squared_distance_f32(x, y + j * dimension, dimension);
        }
    }
}

/// Whole vectors, the padding included: sqrt() sets errno, which keeps compilers from vectorising it.
INLINE void square_roots(double *row, size_t stride) {
    for (size_t j = 0; j < stride; j += 8) {
        f64x8 value;
        memcpy(&value, row + j, sizeof value);
        value = __builtin_elementwise_sqrt(value);
        memcpy(row + j, &value, sizeof value);
    }
}

#define VARIANT(NAME, TARGET, TILE_ROWS)                                                                             \
    TARGET static void products_##NAME(const float *x, size_t x_count, const float *panels, size_t y_count,          \
                                       size_t dimension, double *out, size_t stride, int transposed) {               \
        products(TILE_ROWS, x, x_count, panels, y_count, dimension, out, stride, transposed);                        \
    }                                                                                                                \
    TARGET static int convert_##NAME(int32_t ground, double *row, size_t columns, double x_norm,                     \
                                     const double *y_norms) {                                                        \
        if (ground == CK_GROUND_COSINE)                                                                              \
            return costs_from_products(CK_GROUND_COSINE, row, columns, x_norm, y_norms);                             \
        return costs_from_products(CK_GROUND_EUCLIDEAN, row, columns, x_norm, y_norms);                              \
    }                                                                                                                \
    TARGET static void roots_##NAME(double *row, size_t stride) { square_roots(row, stride); }

VARIANT(baseline, , 4)
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2,fma"))), 6)
VARIANT(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), 16)
#define DISPATCH(FUNCTION, ...)                                \
    (ck_level() >= CK_AVX512  ? FUNCTION##_avx512(__VA_ARGS__) \
     : ck_level() == CK_AVX2 ? FUNCTION##_avx2(__VA_ARGS__)    \
                              : FUNCTION##_baseline(__VA_ARGS__))
#else
#define DISPATCH(FUNCTION, ...) FUNCTION##_baseline(__VA_ARGS__)
#endif

void ck_products(const float *x, size_t x_count, const float *panels, size_t y_count, size_t dimension, double *out,
                 size_t stride, int32_t transposed) {
    DISPATCH(products, x, x_count, panels, y_count, dimension, out, stride, transposed != 0);
}

void ck_ground_costs(int32_t ground, double *costs, size_t rows, size_t columns, size_t stride, const float *x,
                     const double *x_norms, const float *y, const double *y_norms, size_t dimension) {
    for (size_t i = 0; i < rows; i++) {
        double *row = costs + i * stride;
        if (DISPATCH(convert, ground, row, columns, x_norms[i], y_norms))
            correct_near(ground, row, columns, x + i * dimension, x_norms[i], y, y_norms, dimension);
        for (size_t j = columns; j < stride; j++) row[j] = INFINITY;
        if (ground == CK_GROUND_EUCLIDEAN) DISPATCH(roots, row, stride);
    }
}
