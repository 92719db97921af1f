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
#pragma clang attribute pop
#endif
