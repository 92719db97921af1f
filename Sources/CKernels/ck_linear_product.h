// The body of a matrix product for one element type and one instruction set; included by ck_linear.c for each.
// Wanted from the includer: T, V (a vector of T, or T itself), VU (V at any alignment), ROWS (rows of a tile), TARGET, NAME(x).
// A tile of ROWS × two vectors stays in registers; both operands are packed so that it reads them in order.

#define LANES (sizeof(V) / sizeof(T))
#define WIDE (2 * LANES)

TARGET static void NAME(tile)(size_t k, const T *a, const T *b, T *out) {
    V sum[ROWS][2];
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++) sum[i][0] = sum[i][1] = (V){0};
    for (size_t p = 0; p < k; p++, a += ROWS, b += WIDE) {
        const V left = *(const VU *)b, right = *(const VU *)(b + LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < ROWS; i++) {
            sum[i][0] += a[i] * left;
            sum[i][1] += a[i] * right;
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++) {
        *(VU *)(out + i * WIDE) = sum[i][0];
        *(VU *)(out + i * WIDE + LANES) = sum[i][1];
    }
}

/// Panels of `width` columns of op(x), k-major, the last panel filled up with zeros. `along` is the distance in x from one
/// k to the next, `across` from one column to the next.
TARGET static void NAME(pack)(size_t k, size_t columns, size_t width, const T *x, size_t along, size_t across, T *out) {
    for (size_t first = 0; first < columns; first += width) {
        size_t live = columns - first < width ? columns - first : width;
        const T *from = x + first * across;
        for (size_t p = 0; p < k; p++, out += width) {
            for (size_t j = 0; j < live; j++) out[j] = from[p * along + j * across];
            for (size_t j = live; j < width; j++) out[j] = 0;
        }
    }
}

TARGET static void NAME(block)(size_t m, size_t n, size_t k, const T *a, const T *b, T *c, size_t ldc) {
    T tile[ROWS * WIDE];
    for (size_t j = 0; j < n; j += WIDE) {
        size_t columns = n - j < WIDE ? n - j : WIDE;
        for (size_t i = 0; i < m; i += ROWS) {
            size_t rows = m - i < ROWS ? m - i : ROWS;
            NAME(tile)(k, a + i * k, b + j * k, tile);
            for (size_t r = 0; r < rows; r++) {
                T *row = c + (i + r) * ldc + j;
                const T *from = tile + r * WIDE;
                for (size_t q = 0; q < columns; q++) row[q] += from[q];
            }
        }
    }
}

TARGET static void NAME(gemm)(int32_t ta, int32_t tb, size_t m, size_t n, size_t k, const T *a, size_t lda, const T *b,
                              size_t ldb, T *c, size_t ldc, T *packed_a, T *packed_b) {
    for (size_t j = 0; j < n; j += BLOCK_N) {
        size_t columns = n - j < BLOCK_N ? n - j : BLOCK_N;
        for (size_t p = 0; p < k; p += BLOCK_K) {
            size_t depth = k - p < BLOCK_K ? k - p : BLOCK_K;
            const T *from_b = tb ? b + j * ldb + p : b + p * ldb + j;
            NAME(pack)(depth, columns, WIDE, from_b, tb ? 1 : ldb, tb ? ldb : 1, packed_b);
            for (size_t i = 0; i < m; i += BLOCK_M) {
                size_t rows = m - i < BLOCK_M ? m - i : BLOCK_M;
                const T *from_a = ta ? a + p * lda + i : a + i * lda + p;
                NAME(pack)(depth, rows, ROWS, from_a, ta ? lda : 1, ta ? 1 : lda, packed_a);
                NAME(block)(rows, columns, depth, packed_a, packed_b, c + i * ldc + j, ldc);
            }
        }
    }
}

#undef LANES
#undef WIDE
#undef T
#undef V
#undef VU
#undef ROWS
#undef TARGET
#undef NAME
