// Products of whole-byte codes with queries, included once per instruction set. The includer defines NAME, CHUNK (bytes a
// step), VECTOR, QUERY_VECTOR, ZERO, LOAD_QUERY, MADD, SUM, STORE4 (four sums), OFFSET (0 where MADD itself subtracts the
// 128) and TILE_QUERIES (as many as registers hold four sums of).

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
        STORE4(sums, a[k][0], a[k][1], a[k][2], a[k][3]);
        for (size_t j = 0; j < 4; j++) out[j * query_count + k] = sums[j] - OFFSET(offsets[k]);
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
    STORE4(sums, a[0], a[1], a[2], a[3]);
    for (size_t k = 0; k < 4; k++) out[k] = sums[k] - OFFSET(offsets[k]);
}

static inline int32_t NAME(one)(const uint8_t *code, size_t n, const int8_t *query, int32_t offset) {
    VECTOR a = ZERO;
    for (size_t i = 0; i < n; i += CHUNK) a = MADD(a, code + i, LOAD_QUERY(query + i));
    return SUM(a) - OFFSET(offset);
}

static void NAME(products)(const uint8_t *codes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                           size_t query_count, int32_t *out) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint8_t *code = codes + i * n;
        int32_t *row = out + i * query_count;
        size_t k = 0;
        for (; k + TILE_QUERIES <= query_count; k += TILE_QUERIES)
            NAME(tile)(code, n, queries + k * n, offsets + k, query_count, row + k);
        for (; k < query_count; k++)
            for (size_t j = 0; j < 4; j++) row[j * query_count + k] = NAME(one)(code + j * n, n, queries + k * n, offsets[k]);
    }
    for (; i < count; i++) {
        int32_t *row = out + i * query_count;
        size_t k = 0;
        for (; k + 4 <= query_count; k += 4) NAME(four)(codes + i * n, n, queries + k * n, offsets + k, row + k);
        for (; k < query_count; k++) row[k] = NAME(one)(codes + i * n, n, queries + k * n, offsets[k]);
    }
}

#undef NAME
#undef CHUNK
#undef VECTOR
#undef QUERY_VECTOR
#undef ZERO
#undef LOAD_QUERY
#undef MADD
#undef SUM
#undef STORE4
#undef OFFSET
#undef TILE_QUERIES
