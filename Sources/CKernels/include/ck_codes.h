// 8-bit codes of vectors: rotation, quantisation, and integer dot products over many codes per call.
#ifndef CAUSEWAY_CK_CODES_H
#define CAUSEWAY_CK_CODES_H
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A code stands for n integers u - 128, u a byte, n a multiple of 64 up to 65,536. It is n bytes in two planes: first the
/// hot one, whose byte j holds the upper half of u[j] below that of u[j + n/2], then the cold one with the lower halves in
/// the same places. A query is n signed bytes; `offset` is 128 times their sum. Every dot product below is
/// exactly sum((u - 128) * q) in int32, on every instruction set; those of `gather_hot` take u's lower half for 7.5 and are
/// exact but for that (and the fraction of the sum, cut off).
///
/// Scores codes[ids[i]] for i < count, prefetching ahead. The caller has checked the ids.
void ck_codes_gather(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset,
                     const uint32_t *ids, size_t count, int32_t *out);

/// The same by the hot planes alone: half the bytes, for walks.
void ck_codes_gather_hot(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset,
                         const uint32_t *ids, size_t count, int32_t *out);

/// Scores `count` codes that lie one after the other.
void ck_codes_block(const uint8_t *codes, size_t n, const int8_t *query, int32_t offset, size_t count, int32_t *out);

/// The bytes u of `count` consecutive codes, n of each.
void ck_codes_unpack(const uint8_t *codes, size_t n, size_t count, uint8_t *out);

/// Scores `count` runs of n bytes u, unpacked, against `query_count` (at most 8) consecutive queries in one pass;
/// out[i * query_count + k].
void ck_codes_many(const uint8_t *bytes, size_t n, size_t count, const int8_t *queries, const int32_t *offsets,
                   size_t query_count, int32_t *out);

/// Turns a code into a query (u - 128; a byte 0 becomes -128, which no encoder writes) and returns its offset.
int32_t ck_codes_as_query(const uint8_t *code, size_t n, int8_t *query);

/// The seeded orthonormal rotation in place: `signs` holds 2n values of +1 or -1; Hadamard blocks of powers of two from
/// the left, then, unless n is itself a power of two, signs and blocks again from the right. float32, fixed order.
void ck_codes_rotate(float *vector, size_t n, const float *signs);

/// A row of the encoder's result beside its code.
struct ck_code_scale {
    float scale;  // r is close to scale * (u - 128)
    float bias;   // <rotated mean, scale * (u - 128)>
    float error;  // Euclidean norm of r - scale * (u - 128), rounded up
};

/// Normalises x (dimension floats), subtracts the mean, rotates, quantises. `work` holds n floats.
/// Returns 0, and leaves the code alone, when x has norm zero or a component that is not finite.
int32_t ck_codes_encode(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                        const float *rotated_mean, float *work, uint8_t *code, struct ck_code_scale *scale);

/// A query in two planes: R q is close to coarse_scale * coarse + fine_scale * fine.
struct ck_query_scale {
    float coarse_scale, fine_scale;
    float coarse_error;  // norm of R q - coarse_scale * coarse, rounded up
    float fine_error;    // norm of R q - coarse_scale * coarse - fine_scale * fine, rounded up
    double center;       // <q, mean>
    int32_t coarse_offset, fine_offset;
};

/// Normalises and rotates a query (the mean is not subtracted). Returns 0 as ck_codes_encode does.
int32_t ck_codes_encode_query(const float *x, size_t dimension, size_t n, const float *mean, const float *signs,
                              float *work, int8_t *coarse, int8_t *fine, struct ck_query_scale *scale);

/// Asks for a cache line that will be read soon.
static inline void ck_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

#pragma clang assume_nonnull end
#endif
