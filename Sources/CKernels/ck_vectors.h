// What kernels share that are written once over vectors: the vectors, and one body compiled for several instruction sets with
// the choice between them at run time. Not part of the module's interface. Files that must give the same bits everywhere add
// `#pragma STDC FP_CONTRACT OFF`.
#ifndef CAUSEWAY_CK_VECTORS_H
#define CAUSEWAY_CK_VECTORS_H
#include "ck_cpu.h"
#include <stddef.h>
#include <stdint.h>

typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef double f64x2 __attribute__((ext_vector_type(2)));
typedef double f64x4 __attribute__((ext_vector_type(4)));
typedef double f64x8 __attribute__((ext_vector_type(8)));
typedef double f64x16 __attribute__((ext_vector_type(16)));
typedef int8_t i8x8 __attribute__((ext_vector_type(8)));
typedef uint8_t u8x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));
// The type comparisons of f64x8 have: `long` on every system of ours, where int64_t is `long long` on macOS.
typedef long i64x8 __attribute__((ext_vector_type(8)));
typedef _Bool bits8 __attribute__((ext_vector_type(8)));

#define INLINE static inline __attribute__((always_inline))

/// FOR_EACH_TARGET(VARIANT) writes VARIANT(name, attributes) for each instruction set; DISPATCH calls FUNCTION_name of the best
/// one in force. The baseline is SSE2 on x86-64, NEON on ARM64 and plain code elsewhere.
#if defined(__x86_64__)
#define FOR_EACH_TARGET(VARIANT)                        \
    VARIANT(baseline, )                                 \
    VARIANT(avx2, __attribute__((target("avx2,fma"))))  \
    VARIANT(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#define DISPATCH(FUNCTION, ...)                                \
    (ck_level() >= CK_AVX512  ? FUNCTION##_avx512(__VA_ARGS__) \
     : ck_level() == CK_AVX2 ? FUNCTION##_avx2(__VA_ARGS__)    \
                              : FUNCTION##_baseline(__VA_ARGS__))
#else
#define FOR_EACH_TARGET(VARIANT) VARIANT(baseline, )
#define DISPATCH(FUNCTION, ...) FUNCTION##_baseline(__VA_ARGS__)
#endif
#endif
