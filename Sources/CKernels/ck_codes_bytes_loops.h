// Products of codes whose bytes are not packed with several queries at once, included once per instruction set after
// ck_codes_loops.h. The includer defines NAME, CHUNK, VECTOR, QUERY_VECTOR, ZERO, LOAD_QUERY, MADD, SUM, STORE4 (four sums less
// an offset), TILE_QUERIES (as many as registers hold four sums of) and CENTERED (1 when MADD itself subtracts the 128).

static inline int32_t NAME(finish)(int32_t sum, int32_t offset) { return CENTERED ? sum : sum - offset; }

static inline int32_t NAME(bytes1)(const uint8_t *code, const int8_t *query, size_t n) {
    VECTOR a = ZERO, b = ZERO;
    for (size_t i = 0; i < n; i += 2 * CHUNK) {
        if (i + CHUNK < n) b = MADD(b, code + i + CHUNK, LOAD_QUERY(query + i + CHUNK));
        a = MADD(a, code + i, LOAD_QUERY(query + i));
    }
    return (int32_t)((uint32_t)SUM(a) + (uint32_t)SUM(b));
}

static inline void NAME(bytes4)(const uint8_t *c0, const uint8_t *c1, const uint8_t *c2, const uint8_t *c3,
                              const int8_t *query, size_t n, int32_t offset, int32_t *out) {
    VECTOR a0 = ZERO, a1 = ZERO, a2 = ZERO, a3 = ZERO;
    for (size_t i = 0; i < n; i += CHUNK) {
        QUERY_VECTOR q = LOAD_QUERY(query + i);
        a0 = MADD(a0, c0 + i, q);
        a1 = MADD(a1, c1 + i, q);
        a2 = MADD(a2, c2 + i, q);
        a3 = MADD(a3, c3 + i, q);
    }
    STORE4(out, a0, a1, a2, a3, CENTERED ? 0 : offset);
}

/// Four codes against TILE_QUERIES queries: each load serves several products, and sums are added up four at a time.
static inline void NAME(tile)(const uint8_t *codes, size_t n, const int8_t *queries, const int32_t *offsets,
                              size_t query_count, int32_t *out) {
    VECTOR a[TILE_QUERIES][4];
    for (size_t k = 0; k < TILE_QUERIES; k++)
        for (size_t j = 0; j < 4; j++) a[k][j] = ZERO;
    for (size_t i = 0; i < n; i += CHUNK) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < TILE_QUERIES; k++) {
            QUERY_VECTOR q = LOAD_QUERY(queries + k * n + i);
#pragma clang loop unroll(full)
            for (size_t j = 0; j < 4; j++) a[k][j] = MADD(a[k][j], codes + j * n + i, q);
        }
    }
#pragma clang loop unroll(full)
    for (size_t k = 0; k < TILE_QUERIES; k++) {
        int32_t sums[4];
        STORE4(sums, a[k][0], a[k][1], a[k][2], a[k][3], CENTERED ? 0 : offsets[k]);
        for (size_t j = 0; j < 4; j++) out[j * query_count + k] = sums[j];
    }
}

/// One code against four queries.
static inline void NAME(four)(const uint8_t *code, size_t n, const int8_t *queries, const int32_t *offsets, int32_t *out) {
    VECTOR a[4] = {ZERO, ZERO, ZERO, ZERO};
    for (size_t i = 0; i < n; i += CHUNK) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < 4; k++) a[k] = MADD(a[k], code + i, LOAD_QUERY(queries + k * n + i));
    }
    int32_t sums[4];
    STORE4(sums, a[0], a[1], a[2], a[3], 0);
    for (size_t k = 0; k < 4; k++) out[k] = NAME(finish)(sums[k], offsets[k]);
}

void NAME(many)(const uint8_t *codes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                size_t query_count, int32_t *out) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint8_t *code = codes + i * n;
        size_t k = 0;
        for (; k + TILE_QUERIES <= query_count; k += TILE_QUERIES)
            NAME(tile)(code, n, queries + k * n, offsets + k, query_count, out + i * query_count + k);
        for (; k < query_count; k++) {
            int32_t sums[4];
            NAME(bytes4)(code, code + n, code + 2 * n, code + 3 * n, queries + k * n, n, offsets[k], sums);
            for (size_t j = 0; j < 4; j++) out[(i + j) * query_count + k] = sums[j];
        }
    }
    for (; i < count; i++) {
        const uint8_t *code = codes + i * n;
        size_t k = 0;
        for (; k + 4 <= query_count; k += 4)
            NAME(four)(code, n, queries + k * n, offsets + k, out + i * query_count + k);
        for (; k < query_count; k++)
            out[i * query_count + k] = NAME(finish)(NAME(bytes1)(code, queries + k * n, n), offsets[k]);
    }
}
