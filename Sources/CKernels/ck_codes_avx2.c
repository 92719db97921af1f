// Dot products over codes with AVX2: products of halves of bytes fit 16 bits in pairs.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
static inline int32_t sum256(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return _mm_cvtsi128_si32(s);
}
static inline void store4(int32_t *out, __m256i a, __m256i b, __m256i c, __m256i d, int32_t offset) {
    __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    _mm_storeu_si128((__m128i *)out, _mm_sub_epi32(t, _mm_set1_epi32(offset)));
}
#define NAME(x) ck_##x##_avx2
#define VECTOR __m256i
#define VECTOR_OF_BYTES __m256i
#define QUERY_VECTOR __m256i
#define ZERO _mm256_setzero_si256()
#define BYTES 32
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define LOAD_QUERY(p) _mm256_loadu_si256((const __m256i *)(p))
#define LOW(v) _mm256_and_si256((v), _mm256_set1_epi8(15))
#define HIGH(v) _mm256_and_si256(_mm256_srli_epi16((v), 4), _mm256_set1_epi8(15))
#define MADD(a, v, q) _mm256_add_epi32((a), _mm256_madd_epi16(_mm256_maddubs_epi16((v), (q)), _mm256_set1_epi16(1)))
#define WHOLE(h, c) _mm256_add_epi32(_mm256_slli_epi32((h), 4), (c))
#define SUM(a) sum256(a)
#define STORE4 store4
#include "ck_codes_loops.h"
#undef LOAD_QUERY
#undef MADD
// Whole bytes are widened to 16 bits: maddubs would saturate.
#define CHUNK 16
#define CENTERED 0
#define TILE_QUERIES 2
#define LOAD_QUERY(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define MADD(a, c, q) \
    _mm256_add_epi32((a), _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(c))), (q)))
#include "ck_codes_bytes_loops.h"
#pragma clang attribute pop
#endif
