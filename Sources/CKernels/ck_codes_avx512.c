// Dot products over codes with AVX-512 BW: products of halves of bytes fit 16 bits in pairs.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#include "ck_codes_sums.h"
#define NAME(x) ck_##x##_avx512
#define MADD(a, v, q) _mm512_add_epi32((a), _mm512_madd_epi16(_mm512_maddubs_epi16((v), (q)), _mm512_set1_epi16(1)))
#include "ck_codes_loops.h"
#undef LOAD_QUERY
#undef MADD
#define CHUNK 32
#define CENTERED 0
#define TILE_QUERIES 4
#define LOAD_QUERY(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define MADD(a, c, q) \
    _mm512_add_epi32((a), _mm512_madd_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(c))), (q)))
#include "ck_codes_bytes_loops.h"
#pragma clang attribute pop
#endif
