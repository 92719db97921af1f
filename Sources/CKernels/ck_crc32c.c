// CRC-32C by carry-less multiplication of vectors or the processor's own instruction, with a table as the fallback and oracle.
#include "ck_bytes.h"
#include "ck_cpu.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

// Reflected polynomial 0x1EDC6F41, a table entry per nibble: enough for the fallback,
// which only processors without a CRC instruction run.
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};

static uint32_t crc_scalar(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
        crc = (crc >> 4) ^ nibble_table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__) || defined(__aarch64__)
// The instruction takes three cycles and starts every cycle: three streams of LANE bytes run side by side, and the first two
// are moved past what follows them by multiplication with x^(8 LANE) and x^(16 LANE) modulo the polynomial.
#define LANE 4096
static const uint32_t past_one_lane = 0x35D73A62, past_two_lanes = 0x28461564;

// a times b modulo the polynomial; bit 31 is the coefficient of x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int i = 31; i >= 0; i--) {
        product ^= a & (0u - ((b >> i) & 1u));
        a = (a >> 1) ^ (0x82F63B78u & (0u - (a & 1u)));
    }
    return product;
}

static uint32_t joined(uint64_t first, uint64_t second, uint64_t third) {
    return multiply((uint32_t)first, past_two_lanes) ^ multiply((uint32_t)second, past_one_lane) ^ (uint32_t)third;
}
#endif

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc_hardware(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t wide = crc;
    while (count >= 3 * LANE) {
        uint64_t first = wide, second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            uint64_t a, b, c;
            memcpy(&a, bytes + i, 8);
            memcpy(&b, bytes + LANE + i, 8);
            memcpy(&c, bytes + 2 * LANE + i, 8);
            first = _mm_crc32_u64(first, a);
            second = _mm_crc32_u64(second, b);
            third = _mm_crc32_u64(third, c);
        }
        wide = joined(first, second, third);
        bytes += 3 * LANE;
        count -= 3 * LANE;
    }
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = _mm_crc32_u64(wide, word);
        bytes += 8;
        count -= 8;
    }
    crc = (uint32_t)wide;
    while (count-- > 0) crc = _mm_crc32_u8(crc, *bytes++);
    return crc;
}

// Folding (Gopal et al. 2009, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"): 16 bytes, taken for a
// polynomial and multiplied by x^(8 n) modulo the CRC's, may be added to those n bytes on. Carry-less products of reflected
// numbers are x too large: the factors are those of x^(8 n + 63) for the first eight bytes and x^(8 n - 1) for the others.
struct fold {
    int64_t first, others;
};
static const struct fold past_256 = {(int64_t)0xE9A5D8BE00000000, 0x1426A81500000000};
static const struct fold past_64 = {0x1C19243B00000000, 0x75BBA45B00000000};

#define FOLDING __attribute__((target("avx512f,avx512bw,vpclmulqdq,sse4.2")))
enum { FOLDED_MIN = 512 };

FOLDING static inline __m512i folded(__m512i value, __m512i factors) {
    return _mm512_xor_si512(_mm512_clmulepi64_epi128(value, factors, 0x00), _mm512_clmulepi64_epi128(value, factors, 0x11));
}

FOLDING static inline __m512i factors_of(const struct fold *fold) {
    return _mm512_broadcast_i32x4(_mm_set_epi64x(fold->others, fold->first));
}

/// At least 256 bytes: four vectors of 64 side by side, at the end folded into the last, whose bytes stand for all before them.
FOLDING static uint32_t crc_folded(uint32_t crc, const uint8_t *bytes, size_t count) {
    __m512i sums[4];
    for (int i = 0; i < 4; i++) sums[i] = _mm512_loadu_si512(bytes + 64 * i);
    sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    const __m512i far = factors_of(&past_256), near = factors_of(&past_64);
    for (bytes += 256, count -= 256; count >= 256; bytes += 256, count -= 256)
        for (int i = 0; i < 4; i++)
            sums[i] = _mm512_xor_si512(folded(sums[i], far), _mm512_loadu_si512(bytes + 64 * i));
    for (int i = 0; i < 3; i++) sums[i + 1] = _mm512_xor_si512(sums[i + 1], folded(sums[i], near));
    uint8_t last[64];
    _mm512_storeu_si512(last, sums[3]);
    return crc_hardware(crc_hardware(0, last, sizeof last), bytes, count);
}
#elif defined(__aarch64__)
__attribute__((target("+crc")))
static uint32_t crc_hardware(uint32_t crc, const uint8_t *bytes, size_t count) {
    while (count >= 3 * LANE) {
        uint64_t first = crc, second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            uint64_t a, b, c;
            memcpy(&a, bytes + i, 8);
            memcpy(&b, bytes + LANE + i, 8);
            memcpy(&c, bytes + 2 * LANE + i, 8);
            first = __crc32cd((uint32_t)first, a);
            second = __crc32cd((uint32_t)second, b);
            third = __crc32cd((uint32_t)third, c);
        }
        crc = joined(first, second, third);
        bytes += 3 * LANE;
        count -= 3 * LANE;
    }
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __crc32cd(crc, word);
        bytes += 8;
        count -= 8;
    }
    while (count-- > 0) crc = __crc32cb(crc, *bytes++);
    return crc;
}
#endif

uint32_t ck_crc32c(uint32_t crc, const void *bytes, size_t count) {
    crc = ~crc;
#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
    if (count >= FOLDED_MIN && ck_level() >= CK_AVX512 && __builtin_cpu_supports("vpclmulqdq"))
        return ~crc_folded(crc, bytes, count);
#endif
    // Every level above scalar (AVX2, NEON on ARMv8.1) comes with the CRC instruction.
    if (ck_level() != CK_SCALAR) return ~crc_hardware(crc, bytes, count);
#endif
    return ~crc_scalar(crc, bytes, count);
}
