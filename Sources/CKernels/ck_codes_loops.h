// The loops over codes, included once per instruction set. The includer defines NAME, VECTOR, BYTES (packed bytes a
// step), LOAD and LOAD_QUERY, LOW and HIGH (the halves of each byte as bytes), MADD (sums of products of bytes 0...15 and
// signed bytes, in int32 lanes), WHOLE(h, c) = 16 h + c by lanes, SUM and STORE4 (four sums less an offset); and where steps
// are wider than 32 bytes, LOAD_32 and LOAD_QUERY_32, which read 32 and set the rest to 0.
#include "ck_codes_kernels.h"

/// One step of four codes: packed bytes against the two runs of the query that their halves belong to.
#define STEP4(LOAD_PART, LOAD_QUERY_PART)                                                   \
    do {                                                                                    \
        QUERY_VECTOR low = LOAD_QUERY_PART(query + j), high = LOAD_QUERY_PART(query + half + j); \
        for (int k = 0; k < 4; k++) {                                                       \
            VECTOR_OF_BYTES packed = LOAD_PART(c[k] + j);                                   \
            a[k] = MADD(MADD(a[k], LOW(packed), low), HIGH(packed), high);                  \
        }                                                                                   \
    } while (0)

/// Adds, for four codes, the products of one plane (`half` packed bytes each) with the query.
static inline __attribute__((always_inline)) void NAME(plane4)(const uint8_t *const c[4], const int8_t *query, size_t half,
                                                                VECTOR a[4]) {
    size_t j = 0;
    for (; j + BYTES <= half; j += BYTES) STEP4(LOAD, LOAD_QUERY);
#ifdef LOAD_32
    if (j < half) STEP4(LOAD_32, LOAD_QUERY_32);
#endif
}

static inline __attribute__((always_inline)) VECTOR NAME(plane1)(const uint8_t *code, const int8_t *query, size_t half) {
    VECTOR a = ZERO;
    size_t j = 0;
    for (; j + BYTES <= half; j += BYTES) {
        VECTOR_OF_BYTES packed = LOAD(code + j);
        a = MADD(MADD(a, LOW(packed), LOAD_QUERY(query + j)), HIGH(packed), LOAD_QUERY(query + half + j));
    }
#ifdef LOAD_32
    if (j < half) {
        VECTOR_OF_BYTES packed = LOAD_32(code + j);
        a = MADD(MADD(a, LOW(packed), LOAD_QUERY_32(query + j)), HIGH(packed), LOAD_QUERY_32(query + half + j));
    }
#endif
    return a;
}

/// Four codes: their hot planes alone, or both planes.
static inline __attribute__((always_inline)) void NAME(dot4)(const uint8_t *const codes[4], const int8_t *query, size_t n,
                                                              int hot, int32_t offset, int32_t *out) {
    VECTOR h[4] = {ZERO, ZERO, ZERO, ZERO}, c[4] = {ZERO, ZERO, ZERO, ZERO};
    NAME(plane4)(codes, query, n / 2, h);
    if (!hot) {
        const uint8_t *const cold[4] = {codes[0] + n / 2, codes[1] + n / 2, codes[2] + n / 2, codes[3] + n / 2};
        NAME(plane4)(cold, query, n / 2, c);
    }
    STORE4(out, WHOLE(h[0], c[0]), WHOLE(h[1], c[1]), WHOLE(h[2], c[2]), WHOLE(h[3], c[3]), offset);
}

static inline __attribute__((always_inline)) int32_t NAME(dot1)(const uint8_t *code, const int8_t *query, size_t n, int hot,
                                                                 int32_t offset) {
    VECTOR h = NAME(plane1)(code, query, n / 2), c = ZERO;
    if (!hot) c = NAME(plane1)(code + n / 2, query, n / 2);
    return (int32_t)((uint32_t)SUM(WHOLE(h, c)) - (uint32_t)offset);
}

static inline void NAME(fetch)(const uint8_t *code, size_t bytes) {
    if (bytes > 64 * PREFETCH_LINES_MAX) bytes = 64 * PREFETCH_LINES_MAX;
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(code + i, 0, 3);
}

static inline __attribute__((always_inline)) void NAME(list)(const uint8_t *codes, size_t n, const int8_t *query, int hot,
                                                              int32_t offset, const uint32_t *ids, size_t count,
                                                              int32_t *out) {
    size_t ahead = count < PREFETCH_AHEAD ? count : PREFETCH_AHEAD, bytes = hot ? n / 2 : n;
    for (size_t i = 0; i < ahead; i++) NAME(fetch)(codes + (size_t)ids[i] * n, bytes);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        size_t last = i + ahead + 4 < count ? i + ahead + 4 : count;
        for (size_t j = i + ahead; j < last; j++) NAME(fetch)(codes + (size_t)ids[j] * n, bytes);
        const uint8_t *const four[4] = {codes + (size_t)ids[i] * n, codes + (size_t)ids[i + 1] * n,
                                        codes + (size_t)ids[i + 2] * n, codes + (size_t)ids[i + 3] * n};
        NAME(dot4)(four, query, n, hot, offset, out + i);
    }
    for (; i < count; i++) out[i] = NAME(dot1)(codes + (size_t)ids[i] * n, query, n, hot, offset);
}

void NAME(gather)(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, const uint32_t *ids,
                  size_t count, int32_t *out) {
    NAME(list)(codes, n, query, 0, offset, ids, count, out);
}

void NAME(gather_hot)(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, const uint32_t *ids,
                      size_t count, int32_t *out) {
    NAME(list)(codes, n, query, 1, offset, ids, count, out);
}

void NAME(block)(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, size_t count, int32_t *out) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint8_t *code = codes + i * n;
        const uint8_t *const four[4] = {code, code + n, code + 2 * n, code + 3 * n};
        NAME(dot4)(four, query, n, 0, offset, out + i);
    }
    for (; i < count; i++) out[i] = NAME(dot1)(codes + i * n, query, n, 0, offset);
}

void NAME(unpack)(const uint8_t *codes, size_t n, size_t count, uint8_t *out) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *hot = codes + i * n, *cold = hot + n / 2;
        uint8_t *low = out + i * n, *high = low + n / 2;
        for (size_t j = 0; j < n / 2; j++) {
            low[j] = (uint8_t)(hot[j] << 4 | (cold[j] & 15));
            high[j] = (uint8_t)((hot[j] & 0xF0) | cold[j] >> 4);
        }
    }
}
