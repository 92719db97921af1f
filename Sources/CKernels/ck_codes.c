// The choice of the instruction set for the dot products over codes.
#include "ck_codes.h"
#include "ck_codes_kernels.h"
#include "ck_cpu.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#if defined(__x86_64__)
#define DISPATCH(kernel, ...)                                       \
    switch (ck_level()) {                                           \
    case CK_VNNI: kernel##_vnni(__VA_ARGS__); return;               \
    case CK_AVX512: kernel##_avx512(__VA_ARGS__); return;           \
    case CK_AVX2: kernel##_avx2(__VA_ARGS__); return;               \
    default: kernel##_scalar(__VA_ARGS__); return;                  \
    }
#elif defined(__aarch64__)
#define DISPATCH(kernel, ...)                                       \
    switch (ck_level()) {                                           \
    case CK_NEON: kernel##_neon(__VA_ARGS__); return;               \
    default: kernel##_scalar(__VA_ARGS__); return;                  \
    }
#else
#define DISPATCH(kernel, ...) kernel##_scalar(__VA_ARGS__);
#endif

void ck_codes_gather(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, const uint32_t *ids,
                     size_t count, int32_t *out) {
    DISPATCH(ck_gather, codes, n, query, offset, ids, count, out)
}

void ck_codes_block(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, size_t count, int32_t *out) {
    DISPATCH(ck_block, codes, n, query, offset, count, out)
}

void ck_codes_many(const uint8_t *codes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                   size_t query_count, int32_t *out) {
    DISPATCH(ck_many, codes, n, count, queries, offsets, query_count, out)
}

int32_t ck_codes_as_query(const uint8_t *code, size_t n, int8_t *query) {
    for (size_t i = 0; i < n; i++) query[i] = (int8_t)(code[i] ^ 0x80);
    int32_t sum = 0;
#if defined(__x86_64__)
    __m128i sums = _mm_setzero_si128();  // SSE2, which every x86-64 processor has
    for (size_t i = 0; i < n; i += 16)
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(code + i)), _mm_setzero_si128()));
    sum = _mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_unpackhi_epi64(sums, sums));
#else
    for (size_t i = 0; i < n; i++) sum += code[i];
#endif
    return 128 * (sum - 128 * (int32_t)n);
}
