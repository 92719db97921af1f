// Float32 distances of a tile of queries with a tile of candidates, for one instruction set; included by ck_pairwise.c for each.
// Wanted from the includer: V (a vector of float), ROWS and COLUMNS of a tile, TARGET, NAME(x).

#define LANES (sizeof(V) / sizeof(float))

TARGET static inline __attribute__((always_inline)) V NAME(term)(int chi_square, V q, V x) {
    V difference = q - x;
    if (!chi_square) return __builtin_elementwise_abs(difference);
    // |q| + |x| is the greater of |q - x| and |q + x|.
    V size = __builtin_elementwise_max(__builtin_elementwise_abs(difference), __builtin_elementwise_abs(q + x));
    V least = (V){0} + FLT_MIN;
    return difference * difference / __builtin_elementwise_max(size, least);
}

/// Rows and columns past the end are given as copies of the last one and their sums thrown away by the caller.
TARGET static inline __attribute__((always_inline)) void NAME(tile)(int chi_square, const float *const *q,
                                                                     const float *const *x, size_t dimension, float *out) {
    V sum[ROWS][COLUMNS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) sum[i][j] = (V){0};
    size_t p = 0;
    for (; p + LANES <= dimension; p += LANES) {
        V left[ROWS], right;
        for (int i = 0; i < ROWS; i++) memcpy(&left[i], q[i] + p, sizeof(V));
        for (int j = 0; j < COLUMNS; j++) {
            memcpy(&right, x[j] + p, sizeof(V));
            for (int i = 0; i < ROWS; i++) sum[i][j] += NAME(term)(chi_square, left[i], right);
        }
    }
    if (p < dimension) {  // the rest padded with zeros, which add nothing
        size_t bytes = (dimension - p) * sizeof(float);
        for (int i = 0; i < ROWS; i++) {
            V left = (V){0};
            memcpy(&left, q[i] + p, bytes);
            for (int j = 0; j < COLUMNS; j++) {
                V right = (V){0};
                memcpy(&right, x[j] + p, bytes);
                sum[i][j] += NAME(term)(chi_square, left, right);
            }
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            float total = 0;
            for (size_t l = 0; l < LANES; l++) total += sum[i][j][l];
            out[i * COLUMNS + j] = total;
        }
}

/// A block of candidates stays in the second-level cache while all queries pass.
TARGET static inline __attribute__((always_inline)) void NAME(pairs)(int chi_square, const float *queries, size_t m,
                                                                      const float *candidates, size_t count,
                                                                      size_t dimension, float *out) {
    size_t block = CACHE_FLOATS / (dimension ? dimension : 1) / COLUMNS * COLUMNS;
    if (block < COLUMNS) block = COLUMNS;
    for (size_t first = 0; first < count; first += block) {
        size_t last = first + block < count ? first + block : count;
        for (size_t i = 0; i < m; i += ROWS) {
            const float *q[ROWS], *x[COLUMNS];
            for (size_t r = 0; r < ROWS; r++) q[r] = queries + (i + r < m ? i + r : m - 1) * dimension;
            for (size_t j = first; j < last; j += COLUMNS) {
                float sums[ROWS * COLUMNS];
                for (size_t c = 0; c < COLUMNS; c++) x[c] = candidates + (j + c < last ? j + c : last - 1) * dimension;
                NAME(tile)(chi_square, q, x, dimension, sums);
                for (size_t r = 0; r < ROWS && i + r < m; r++)
                    for (size_t c = 0; c < COLUMNS && j + c < last; c++)
                        out[(i + r) * count + j + c] = sums[r * COLUMNS + c];
            }
        }
    }
}

TARGET static void NAME(manhattan)(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension,
                                   float *out) {
    NAME(pairs)(0, queries, m, candidates, count, dimension, out);
}

TARGET static void NAME(chi_square)(const float *queries, size_t m, const float *candidates, size_t count, size_t dimension,
                                    float *out) {
    NAME(pairs)(1, queries, m, candidates, count, dimension, out);
}

/// 1 for a value above the threshold beyond doubt, -1 for one below it beyond doubt, 0 for the rest and what is not finite.
TARGET static inline __attribute__((always_inline)) int32_t NAME(side)(float value, float slack, struct ck_threshold t) {
    float gap = value - t.value, doubt = t.base + t.factor * slack;
    int32_t finite = __builtin_fabsf(value) <= FLT_MAX;
    return (finite & (gap > doubt)) - (finite & (gap < -doubt));
}

TARGET static size_t NAME(better)(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                                  struct ck_threshold t, uint32_t *doubtful, size_t *doubtful_count) {
    int32_t above = 0, below = 0;
    for (size_t j = 0; j < count; j++) {
        int32_t side = NAME(side)(scale[j] * raw[j] + shift[j], slack[j], t);
        above += side > 0;
        below += side < 0;
    }
    size_t found = 0;
    if ((size_t)above + (size_t)below < count) {
        for (size_t j = 0; j < count; j++) {
            doubtful[found] = (uint32_t)j;
            found += NAME(side)(scale[j] * raw[j] + shift[j], slack[j], t) == 0;
        }
    }
    *doubtful_count = found;
    return (size_t)above;
}

TARGET static size_t NAME(contenders)(const float *raw, const float *scale, const float *shift, const float *slack, size_t count,
                                      struct ck_threshold t, uint32_t *contenders) {
    int32_t below = 0;
    for (size_t j = 0; j < count; j++) below += NAME(side)(scale[j] * raw[j] + shift[j], slack[j], t) < 0;
    size_t found = 0;
    if ((size_t)below < count) {
        for (size_t j = 0; j < count; j++) {
            contenders[found] = (uint32_t)j;
            found += NAME(side)(scale[j] * raw[j] + shift[j], slack[j], t) >= 0;
        }
    }
    return found;
}

#undef LANES
#undef V
#undef ROWS
#undef COLUMNS
#undef TARGET
#undef NAME
