// The choice of the instruction set for the dot products over codes.
#include "ck_codes.h"
#include "ck_codes_kernels.h"
#include "ck_cpu.h"

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

void ck_codes_gather_hot(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, const uint32_t *ids,
                         size_t count, int32_t *out) {
    // What the cold halves are worth in the mean, 7.5 of 256, is left out of the 128 that offsets stand for.
    DISPATCH(ck_gather_hot, codes, n, query, (int32_t)((int64_t)offset * 241 / 256), ids, count, out)
}

void ck_codes_block(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, size_t count, int32_t *out) {
    DISPATCH(ck_block, codes, n, query, offset, count, out)
}

void ck_codes_unpack(const uint8_t *codes, size_t n, size_t count, uint8_t *out) {
    DISPATCH(ck_unpack, codes, n, count, out)
}

void ck_codes_many(const uint8_t *bytes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                   size_t query_count, int32_t *out) {
    DISPATCH(ck_many, bytes, n, count, queries, offsets, query_count, out)
}
