// Products of coded tokens with a query's: sum((u - 128) * q) in int32 over whole bytes, the same on every instruction set.
// Apart from ck_codes.h: graph codes lie in halves for the sake of walks, which would cost twice the products here.
#include "ck_cpu.h"
#include "ck_tokens.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define WHOLE(offset) (offset)
#define NOTHING(offset) ((void)(offset), 0)

#define NAME(x) x##_scalar
#define CHUNK 1
#define VECTOR int32_t
#define QUERY_VECTOR int32_t
#define ZERO 0
#define LOAD_QUERY(p) ((int32_t)*(p))
#define MADD(a, c, q) ((a) + ((int32_t)*(c) - 128) * (q))
#define SUM(a) (a)
#define STORE4(out, a, b, c, d) ((out)[0] = (a), (out)[1] = (b), (out)[2] = (c), (out)[3] = (d))
#define OFFSET NOTHING
#define TILE_QUERIES 1
#include "ck_token_tiles.h"

#if defined(__x86_64__)

// AVX2, widened to 16 bits: maddubs would saturate.
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
static inline void store4_256(int32_t *out, __m256i a, __m256i b, __m256i c, __m256i d) {
    __m256i s = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1)));
}
static inline int32_t sum_256(__m256i v) {
    int32_t sums[4];
    store4_256(sums, v, v, v, v);
    return sums[0];
}
#define NAME(x) x##_avx2
#define CHUNK 16
#define VECTOR __m256i
#define QUERY_VECTOR __m256i
#define ZERO _mm256_setzero_si256()
#define LOAD_QUERY(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define MADD(a, c, q) \
    _mm256_add_epi32((a), _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(c))), (q)))
#define SUM sum_256
#define STORE4 store4_256
#define OFFSET WHOLE
#define TILE_QUERIES 2
#include "ck_token_tiles.h"
#pragma clang attribute pop

// AVX-512 BW, widened to 16 bits.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
static inline void store4_512(int32_t *out, __m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i s = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i t = _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64(s, 1));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1)));
}
#define NAME(x) x##_avx512
#define CHUNK 32
#define VECTOR __m512i
#define QUERY_VECTOR __m512i
#define ZERO _mm512_setzero_si512()
#define LOAD_QUERY(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define MADD(a, c, q) \
    _mm512_add_epi32((a), _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(c))), (q)))
#define SUM(a) _mm512_reduce_add_epi32(a)
#define STORE4 store4_512
#define OFFSET WHOLE
#define TILE_QUERIES 4
#include "ck_token_tiles.h"
#pragma clang attribute pop

// VNNI: unsigned code bytes times signed query bytes, four to an int32, exactly.
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)
#define NAME(x) x##_vnni
#define CHUNK 64
#define VECTOR __m512i
#define QUERY_VECTOR __m512i
#define ZERO _mm512_setzero_si512()
#define LOAD_QUERY(p) _mm512_loadu_si512((const void *)(p))
#define MADD(a, c, q) _mm512_dpbusd_epi32((a), _mm512_loadu_si512((const void *)(c)), (q))
#define SUM(a) _mm512_reduce_add_epi32(a)
#define STORE4 store4_512
#define OFFSET WHOLE
#define TILE_QUERIES 4
#include "ck_token_tiles.h"
#pragma clang attribute pop

#elif defined(__aarch64__)

// NEON: signed multiplies to 16 bits, pairwise added to 32.
static inline int32x4_t madd_neon(int32x4_t sum, const uint8_t *code, int8x16_t query) {
    int8x16_t c = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(code), vdupq_n_u8(0x80)));
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(c), vget_low_s8(query)));
    return vpadalq_s16(sum, vmull_high_s8(c, query));
}
#define NAME(x) x##_neon
#define CHUNK 16
#define VECTOR int32x4_t
#define QUERY_VECTOR int8x16_t
#define ZERO vdupq_n_s32(0)
#define LOAD_QUERY(p) vld1q_s8(p)
#define MADD(a, c, q) madd_neon((a), (c), (q))
#define SUM(a) vaddvq_s32(a)
#define STORE4(out, a, b, c, d) vst1q_s32((out), vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)))
#define OFFSET NOTHING
#define TILE_QUERIES 4
#include "ck_token_tiles.h"
#endif

void ck_token_products(const uint8_t *codes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                       size_t query_count, int32_t *out) {
    switch (ck_level()) {
#if defined(__x86_64__)
    case CK_VNNI: products_vnni(codes, n, count, queries, offsets, query_count, out); return;
    case CK_AVX512: products_avx512(codes, n, count, queries, offsets, query_count, out); return;
    case CK_AVX2: products_avx2(codes, n, count, queries, offsets, query_count, out); return;
#elif defined(__aarch64__)
    case CK_NEON: products_neon(codes, n, count, queries, offsets, query_count, out); return;
#endif
    default: products_scalar(codes, n, count, queries, offsets, query_count, out); return;
    }
}
