// What the dispatcher and the instruction-set files of the code kernels share. Not part of the module's interface.
#ifndef CAUSEWAY_CK_CODES_KERNELS_H
#define CAUSEWAY_CK_CODES_KERNELS_H
#include "ck_codes.h"

// Measured on random lists: lines of one code fetched, and codes fetched ahead of the one being scored.
#define PREFETCH_LINES_MAX 12
#define PREFETCH_AHEAD 8

#define CK_CODES_DECLARE(suffix)                                                                               \
    void ck_gather_##suffix(const uint8_t *, size_t, const int8_t *, int32_t, const uint32_t *, size_t, int32_t *); \
    void ck_gather_hot_##suffix(const uint8_t *, size_t, const int8_t *, int32_t, const uint32_t *, size_t, int32_t *); \
    void ck_block_##suffix(const uint8_t *, size_t, const int8_t *, int32_t, size_t, int32_t *);               \
    void ck_unpack_##suffix(const uint8_t *, size_t, size_t, uint8_t *);                                          \
    void ck_many_##suffix(const uint8_t *, size_t, size_t, const int8_t *, const int32_t *, size_t, int32_t *);
CK_CODES_DECLARE(scalar)
CK_CODES_DECLARE(avx2)
CK_CODES_DECLARE(avx512)
CK_CODES_DECLARE(vnni)
CK_CODES_DECLARE(neon)
#endif
