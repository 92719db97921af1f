// Dot products over codes with NEON: signed multiplies to 16 bits, pairwise added to 32.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <stdint.h>
static inline int32x4_t madd16(int32x4_t sum, const uint8_t *code, int8x16_t query) {
    int8x16_t c = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(code), vdupq_n_u8(0x80)));
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(c), vget_low_s8(query)));
    return vpadalq_s16(sum, vmull_high_s8(c, query));
}
static inline void store4(int32_t *out, int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, int32_t offset) {
    int32x4_t sums = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
    vst1q_s32(out, vsubq_s32(sums, vdupq_n_s32(offset)));
}
#define NAME(x) ck_##x##_neon
#define CHUNK 16
#define VECTOR int32x4_t
#define QUERY_VECTOR int8x16_t
#define ZERO vdupq_n_s32(0)
#define CENTERED 1
#define LOAD_QUERY(p) vld1q_s8(p)
#define MADD(a, c, q) madd16((a), (c), (q))
#define SUM(a) vaddvq_s32(a)
#define STORE4 store4
#define TILE_QUERIES 4
#include "ck_codes_loops.h"
#endif
