// Dot products over codes with AVX-512 VNNI: unsigned bytes times signed query bytes, four to an int32, exactly.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), \
                             apply_to = function)
#include "ck_codes_sums.h"
#define NAME(x) ck_##x##_vnni
#define MADD(a, v, q) _mm512_dpbusd_epi32((a), (v), (q))
#include "ck_codes_loops.h"
#undef MADD
#define CHUNK 64
#define CENTERED 0
#define TILE_QUERIES 4
#define MADD(a, c, q) _mm512_dpbusd_epi32((a), _mm512_loadu_si512((const void *)(c)), (q))
#include "ck_codes_bytes_loops.h"
#pragma clang attribute pop
#endif
