// Dot products over codes with AVX-512 BW, widened to 16 bits.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#include "ck_codes_sums.h"
#define NAME(x) ck_##x##_avx512
#define CHUNK 32
#define VECTOR __m512i
#define QUERY_VECTOR __m512i
#define ZERO _mm512_setzero_si512()
#define CENTERED 0
#define LOAD_QUERY(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define MADD(a, c, q) \
    _mm512_add_epi32((a), _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(c))), (q)))
#define SUM(a) _mm512_reduce_add_epi32(a)
#define STORE4 store4
#define TILE_QUERIES 4
#include "ck_codes_loops.h"
#pragma clang attribute pop
#endif
