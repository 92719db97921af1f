// Dot products over codes with NEON: signed multiplies to 16 bits, pairwise added to 32.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <stdint.h>
static inline int32x4_t madd16(int32x4_t sum, uint8x16_t bytes, int8x16_t query) {
    int8x16_t c = vreinterpretq_s8_u8(bytes);  // 0...15, or a byte less 128
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(c), vget_low_s8(query)));
    return vpadalq_s16(sum, vmull_high_s8(c, query));
}
static inline void store4(int32_t *out, int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, int32_t offset) {
    int32x4_t sums = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
    vst1q_s32(out, vsubq_s32(sums, vdupq_n_s32(offset)));
}
#define NAME(x) ck_##x##_neon
#define VECTOR int32x4_t
#define VECTOR_OF_BYTES uint8x16_t
#define QUERY_VECTOR int8x16_t
#define ZERO vdupq_n_s32(0)
#define BYTES 16
#define LOAD(p) vld1q_u8(p)
#define LOAD_QUERY(p) vld1q_s8(p)
#define LOW(v) vandq_u8((v), vdupq_n_u8(15))
#define HIGH(v) vshrq_n_u8((v), 4)
#define MADD(a, v, q) madd16((a), (v), (q))
#define WHOLE(h, c) vaddq_s32(vshlq_n_s32((h), 4), (c))
#define SUM(a) vaddvq_s32(a)
#define STORE4 store4
#include "ck_codes_loops.h"
#undef MADD
#define CHUNK 16
#define CENTERED 1
#define TILE_QUERIES 4
#define MADD(a, c, q) madd16((a), veorq_u8(vld1q_u8(c), vdupq_n_u8(0x80)), (q))
#include "ck_codes_bytes_loops.h"
#endif
