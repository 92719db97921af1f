// Matrix products: which body runs, and how big its blocks are.
#include "ck_linear.h"
#include "ck_cpu.h"

// A block of A (192 × 256) and one of B (256 × 512) stay within a second-level cache of 1 MiB in float32.
enum { BLOCK_M = 192, BLOCK_N = 512, BLOCK_K = 256, SCRATCH_ALIGNMENT = 64 };

size_t ck_gemm_scratch_bytes(void) {
    return (size_t)(BLOCK_M + BLOCK_N + 64) * BLOCK_K * sizeof(double) + SCRATCH_ALIGNMENT;
}

#define VECTOR(name, type, bytes)                                        \
    typedef type name __attribute__((vector_size(bytes)));               \
    typedef type name##u __attribute__((vector_size(bytes), aligned(4), may_alias))

#define T float
#define V float
#define VU float
#define ROWS 4
#define TARGET
#define NAME(x) x##_f32_scalar
#include "ck_linear_product.h"

#define T double
#define V double
#define VU double
#define ROWS 4
#define TARGET
#define NAME(x) x##_f64_scalar
#include "ck_linear_product.h"

#if defined(__x86_64__)
VECTOR(f32x8, float, 32);
VECTOR(f64x4, double, 32);
VECTOR(f32x16, float, 64);
VECTOR(f64x8, double, 64);

#define T float
#define V f32x8
#define VU f32x8u
#define ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_f32_avx2
#include "ck_linear_product.h"

#define T double
#define V f64x4
#define VU f64x4u
#define ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) x##_f64_avx2
#include "ck_linear_product.h"

#define T float
#define V f32x16
#define VU f32x16u
#define ROWS 12
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))
#define NAME(x) x##_f32_avx512
#include "ck_linear_product.h"

#define T double
#define V f64x8
#define VU f64x8u
#define ROWS 12
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))
#define NAME(x) x##_f64_avx512
#include "ck_linear_product.h"
#elif defined(__aarch64__)
VECTOR(f32x4, float, 16);
VECTOR(f64x2, double, 16);

#define T float
#define V f32x4
#define VU f32x4u
#define ROWS 12
#define TARGET
#define NAME(x) x##_f32_neon
#include "ck_linear_product.h"

#define T double
#define V f64x2
#define VU f64x2u
#define ROWS 12
#define TARGET
#define NAME(x) x##_f64_neon
#include "ck_linear_product.h"
#endif

static void *aligned_scratch(void *scratch) {
    uintptr_t address = (uintptr_t)scratch;
    return (char *)scratch + ((SCRATCH_ALIGNMENT - address % SCRATCH_ALIGNMENT) % SCRATCH_ALIGNMENT);
}

#define DISPATCH_SCALAR(type) \
    gemm_##type##_scalar(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b)

void ck_gemm_f32(int32_t ta, int32_t tb, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                 size_t ldb, float *c, size_t ldc, void *scratch) {
    float *packed_a = aligned_scratch(scratch), *packed_b = packed_a + (BLOCK_M + 16) * BLOCK_K;
    switch (ck_level()) {
#if defined(__x86_64__)
    case CK_VNNI:
    case CK_AVX512: gemm_f32_avx512(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
    case CK_AVX2: gemm_f32_avx2(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
#elif defined(__aarch64__)
    case CK_NEON: gemm_f32_neon(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
#endif
    default: DISPATCH_SCALAR(f32);
    }
}

void ck_gemm_f64(int32_t ta, int32_t tb, size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b,
                 size_t ldb, double *c, size_t ldc, void *scratch) {
    double *packed_a = aligned_scratch(scratch), *packed_b = packed_a + (BLOCK_M + 16) * BLOCK_K;
    switch (ck_level()) {
#if defined(__x86_64__)
    case CK_VNNI:
    case CK_AVX512: gemm_f64_avx512(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
    case CK_AVX2: gemm_f64_avx2(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
#elif defined(__aarch64__)
    case CK_NEON: gemm_f64_neon(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, packed_a, packed_b); return;
#endif
    default: DISPATCH_SCALAR(f64);
    }
}
