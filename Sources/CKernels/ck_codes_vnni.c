// Dot products over codes with AVX-512 VNNI: unsigned code bytes times signed query bytes, four to an int32, exactly.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)
#include "ck_codes_sums.h"
#define NAME(x) ck_##x##_vnni
#define CHUNK 64
#define VECTOR __m512i
#define QUERY_VECTOR __m512i
#define ZERO _mm512_setzero_si512()
#define CENTERED 0
#define LOAD_QUERY(p) _mm512_loadu_si512((const void *)(p))
#define MADD(a, c, q) _mm512_dpbusd_epi32((a), _mm512_loadu_si512((const void *)(c)), (q))
#define SUM(a) _mm512_reduce_add_epi32(a)
#define STORE4 store4
#define TILE_QUERIES 4
#include "ck_codes_loops.h"
#pragma clang attribute pop
#endif
