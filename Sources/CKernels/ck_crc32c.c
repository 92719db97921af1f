// CRC-32C by the processor's own instruction, with a table as the fallback and oracle.
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
    // Every level above scalar (AVX2, NEON on ARMv8.1) comes with the CRC instruction.
    if (ck_level() != CK_SCALAR) return ~crc_hardware(crc, bytes, count);
#endif
    return ~crc_scalar(crc, bytes, count);
}
