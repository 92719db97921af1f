// The exponent-plane split: mantissas stay raw, exponents become bit planes that LZ4 can compress.
// Only layout; compression happens above. Every instruction set gives the same bytes.
#include "ck_bytes.h"
#include "ck_cpu.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BLOCK 64  // values handled at a time: eight bytes of every bit plane
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t rotated(const float *values, size_t i) {
    uint32_t word;
    memcpy(&word, values + i, 4);
    return word << 1 | word >> 31;
}

INLINE void store_rotated(float *values, size_t i, uint32_t word) {
    word = word >> 1 | word << 31;
    memcpy(values + i, &word, 4);
}

// Up to eight exponents to one byte of each plane, and back.
static void spread_scalar(const uint8_t *exponents, size_t count, uint8_t *bits, size_t stride) {
    for (int p = 0; p < 8; p++) {
        uint8_t byte = 0;
        for (size_t k = 0; k < count; k++) byte |= (uint8_t)((exponents[k] >> p & 1) << k);
        bits[p * stride] = byte;
    }
}

static void gather_scalar(const uint8_t *bits, size_t stride, size_t count, uint8_t *exponents) {
    for (size_t k = 0; k < count; k++) {
        uint8_t value = 0;
        for (int p = 0; p < 8; p++) value |= (uint8_t)((bits[p * stride] >> k & 1) << p);
        exponents[k] = value;
    }
}

// 64 exponents at once, per instruction set.
INLINE void spread64_scalar(const uint8_t *exponents, uint8_t *bits, size_t stride) {
    for (size_t k = 0; k < BLOCK / 8; k++) spread_scalar(exponents + 8 * k, 8, bits + k, stride);
}

INLINE void gather64_scalar(const uint8_t *bits, size_t stride, uint8_t *exponents) {
    for (size_t k = 0; k < BLOCK / 8; k++) gather_scalar(bits + k, stride, 8, exponents + 8 * k);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

AVX2 static inline void spread64_avx2(const uint8_t *exponents, uint8_t *bits, size_t stride) {
    __m256i low = _mm256_loadu_si256((const __m256i *)exponents);
    __m256i high = _mm256_loadu_si256((const __m256i *)(exponents + 32));
    for (int p = 7; p >= 0; p--) {
        uint32_t a = (uint32_t)_mm256_movemask_epi8(low), b = (uint32_t)_mm256_movemask_epi8(high);
        uint64_t word = (uint64_t)b << 32 | a;
        memcpy(bits + (size_t)p * stride, &word, 8);
        low = _mm256_add_epi8(low, low);
        high = _mm256_add_epi8(high, high);
    }
}

AVX2 static inline __m256i bytes_of_mask(uint32_t mask) {
    const __m256i which = _mm256_setr_epi64x(0x0000000000000000, 0x0101010101010101,
                                             0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201ULL);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)mask), which);
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

AVX2 static inline void gather64_avx2(const uint8_t *bits, size_t stride, uint8_t *exponents) {
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int p = 0; p < 8; p++) {
        uint64_t word;
        memcpy(&word, bits + (size_t)p * stride, 8);
        __m256i value = _mm256_set1_epi8((char)(1 << p));
        low = _mm256_or_si256(low, _mm256_and_si256(bytes_of_mask((uint32_t)word), value));
        high = _mm256_or_si256(high, _mm256_and_si256(bytes_of_mask((uint32_t)(word >> 32)), value));
    }
    _mm256_storeu_si256((__m256i *)exponents, low);
    _mm256_storeu_si256((__m256i *)(exponents + 32), high);
}

AVX512 static inline void spread64_avx512(const uint8_t *exponents, uint8_t *bits, size_t stride) {
    __m512i value = _mm512_loadu_si512(exponents);
    for (int p = 0; p < 8; p++) {
        uint64_t word = _mm512_test_epi8_mask(value, _mm512_set1_epi8((char)(1 << p)));
        memcpy(bits + (size_t)p * stride, &word, 8);
    }
}

AVX512 static inline void gather64_avx512(const uint8_t *bits, size_t stride, uint8_t *exponents) {
    __m512i value = _mm512_setzero_si512();
    for (int p = 0; p < 8; p++) {
        uint64_t word;
        memcpy(&word, bits + (size_t)p * stride, 8);
        value = _mm512_or_si512(value, _mm512_maskz_set1_epi8(word, (char)(1 << p)));
    }
    _mm512_storeu_si512(exponents, value);
}
#endif

// The loops over words are plain C in one body; each instruction set compiles (and vectorises) its own copy of it.
#define DEFINE_SPLIT(NAME, ATTRIBUTE, SPREAD64)                                                              \
    ATTRIBUTE static uint8_t NAME(const float *values, size_t count, uint8_t *planes, uint8_t *bits, int narrow) { \
        const size_t stride = (count + 7) / 8;                                                               \
        uint32_t top = 0;                                                                                    \
        for (size_t i = 0; i < count; i++) {                                                                 \
            uint32_t word = rotated(values, i);                                                              \
            top = word > top ? word : top;                                                                   \
        }                                                                                                    \
        const uint8_t largest = (uint8_t)(top >> 24);                                                        \
        if (narrow) {                                                                                        \
            for (size_t i = 0; i < count; i++) {                                                             \
                uint32_t word = rotated(values, i);                                                          \
                planes[i] = (uint8_t)(word >> 16 | (word & 1));                                              \
            }                                                                                                \
        } else {                                                                                             \
            for (size_t i = 0; i < count; i++) planes[i] = (uint8_t)rotated(values, i);                      \
            for (size_t i = 0; i < count; i++) planes[count + i] = (uint8_t)(rotated(values, i) >> 8);       \
            for (size_t i = 0; i < count; i++) planes[2 * count + i] = (uint8_t)(rotated(values, i) >> 16);  \
        }                                                                                                    \
        uint8_t exponents[BLOCK];                                                                            \
        size_t i = 0;                                                                                        \
        for (; i + BLOCK <= count; i += BLOCK) {                                                             \
            for (size_t k = 0; k < BLOCK; k++)                                                               \
                exponents[k] = (uint8_t)(largest - (uint8_t)(rotated(values, i + k) >> 24));                 \
            SPREAD64(exponents, bits + i / 8, stride);                                                       \
        }                                                                                                    \
        for (; i < count; i += 8) {                                                                          \
            const size_t some = count - i < 8 ? count - i : 8;                                               \
            for (size_t k = 0; k < some; k++)                                                                \
                exponents[k] = (uint8_t)(largest - (uint8_t)(rotated(values, i + k) >> 24));                 \
            spread_scalar(exponents, some, bits + i / 8, stride);                                            \
        }                                                                                                    \
        return largest;                                                                                      \
    }

#define DEFINE_MERGE(NAME, ATTRIBUTE, GATHER64)                                                              \
    ATTRIBUTE static void NAME(const uint8_t *planes, const uint8_t *bits, uint8_t largest, size_t first,    \
                               size_t count, float *values, int narrow) {                                    \
        const size_t stride = (count + 7) / 8;                                                               \
        uint8_t exponents[BLOCK];                                                                            \
        for (size_t i = first; i < count; i += BLOCK) {                                                      \
            const size_t some = count - i < BLOCK ? count - i : BLOCK;                                       \
            if (some == BLOCK) {                                                                             \
                GATHER64(bits + i / 8, stride, exponents);                                                   \
            } else {                                                                                         \
                for (size_t k = 0; k < some; k += 8)                                                         \
                    gather_scalar(bits + (i + k) / 8, stride, some - k < 8 ? some - k : 8, exponents + k);   \
            }                                                                                                \
            if (narrow) {                                                                                    \
                for (size_t k = 0; k < some; k++) {                                                          \
                    uint32_t exponent = (uint8_t)(largest - exponents[k]), low = planes[i + k];              \
                    store_rotated(values, i + k, exponent << 24 | (low >> 1) << 17 | (low & 1));             \
                }                                                                                            \
            } else {                                                                                         \
                for (size_t k = 0; k < some; k++) {                                                          \
                    uint32_t exponent = (uint8_t)(largest - exponents[k]);                                   \
                    store_rotated(values, i + k, exponent << 24 | (uint32_t)planes[2 * count + i + k] << 16  \
                                                     | (uint32_t)planes[count + i + k] << 8 | planes[i + k]); \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }

DEFINE_SPLIT(split_scalar, , spread64_scalar)
DEFINE_MERGE(merge_scalar, , gather64_scalar)
#if defined(__x86_64__)
DEFINE_SPLIT(split_avx2, AVX2, spread64_avx2)
DEFINE_MERGE(merge_avx2, AVX2, gather64_avx2)
DEFINE_SPLIT(split_avx512, AVX512, spread64_avx512)
DEFINE_MERGE(merge_rest_avx512, AVX512, gather64_avx512)

// The bytes of a word come from four planes: two rounds of interleaving make words, in each quarter of a vector those of
// 16 values; a transpose of the quarters puts them in order. Twice as fast as widening bytes and shifting.
AVX512 static inline void merge64_avx512(const uint8_t *low, size_t count, const uint8_t *bits, size_t stride,
                                         __m512i largest, float *values) {
    __m512i exponents = _mm512_setzero_si512();
    for (int p = 0; p < 8; p++) {
        uint64_t word;
        memcpy(&word, bits + (size_t)p * stride, 8);
        exponents = _mm512_or_si512(exponents, _mm512_maskz_set1_epi8(word, (char)(1 << p)));
    }
    exponents = _mm512_sub_epi8(largest, exponents);
    const __m512i first = _mm512_loadu_si512(low), second = _mm512_loadu_si512(low + count);
    const __m512i third = _mm512_loadu_si512(low + 2 * count);
    const __m512i low0 = _mm512_unpacklo_epi8(first, second), low1 = _mm512_unpackhi_epi8(first, second);
    const __m512i high0 = _mm512_unpacklo_epi8(third, exponents), high1 = _mm512_unpackhi_epi8(third, exponents);
    const __m512i a = _mm512_unpacklo_epi16(low0, high0), b = _mm512_unpackhi_epi16(low0, high0);
    const __m512i c = _mm512_unpacklo_epi16(low1, high1), d = _mm512_unpackhi_epi16(low1, high1);
    const __m512i ab0 = _mm512_shuffle_i32x4(a, b, 0x44), ab1 = _mm512_shuffle_i32x4(a, b, 0xEE);
    const __m512i cd0 = _mm512_shuffle_i32x4(c, d, 0x44), cd1 = _mm512_shuffle_i32x4(c, d, 0xEE);
    _mm512_storeu_si512(values, _mm512_ror_epi32(_mm512_shuffle_i32x4(ab0, cd0, 0x88), 1));
    _mm512_storeu_si512(values + 16, _mm512_ror_epi32(_mm512_shuffle_i32x4(ab0, cd0, 0xDD), 1));
    _mm512_storeu_si512(values + 32, _mm512_ror_epi32(_mm512_shuffle_i32x4(ab1, cd1, 0x88), 1));
    _mm512_storeu_si512(values + 48, _mm512_ror_epi32(_mm512_shuffle_i32x4(ab1, cd1, 0xDD), 1));
}

AVX512 static void merge_avx512(const uint8_t *planes, const uint8_t *bits, uint8_t largest, size_t count, float *values,
                                int narrow) {
    size_t i = 0;
    if (!narrow) {
        const __m512i all_largest = _mm512_set1_epi8((char)largest);
        const size_t stride = (count + 7) / 8;
        for (; i + BLOCK <= count; i += BLOCK)
            merge64_avx512(planes + i, count, bits + i / 8, stride, all_largest, values + i);
    }
    merge_rest_avx512(planes, bits, largest, i, count, values, narrow);
}
#endif

static uint8_t split(const float *values, size_t count, uint8_t *planes, uint8_t *bits, int narrow) {
#if defined(__x86_64__)
    if (ck_level() >= CK_AVX512) return split_avx512(values, count, planes, bits, narrow);
    if (ck_level() >= CK_AVX2) return split_avx2(values, count, planes, bits, narrow);
#endif
    return split_scalar(values, count, planes, bits, narrow);
}

static void merge(const uint8_t *planes, const uint8_t *bits, uint8_t largest, size_t count, float *values, int narrow) {
#if defined(__x86_64__)
    if (ck_level() >= CK_AVX512) return merge_avx512(planes, bits, largest, count, values, narrow);
    if (ck_level() >= CK_AVX2) return merge_avx2(planes, bits, largest, 0, count, values, narrow);
#endif
    merge_scalar(planes, bits, largest, 0, count, values, narrow);
}

uint8_t ck_exponent_split(const float *values, size_t count, uint8_t *planes, uint8_t *bits) {
    return split(values, count, planes, bits, 0);
}

void ck_exponent_merge(const uint8_t *planes, const uint8_t *bits, uint8_t largest, size_t count, float *values) {
    merge(planes, bits, largest, count, values, 0);
}

uint8_t ck_exponent_split_bfloat16(const float *values, size_t count, uint8_t *plane, uint8_t *bits) {
    return split(values, count, plane, bits, 1);
}

void ck_exponent_merge_bfloat16(const uint8_t *plane, const uint8_t *bits, uint8_t largest, size_t count, float *values) {
    merge(plane, bits, largest, count, values, 1);
}
