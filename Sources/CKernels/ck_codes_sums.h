// Byte halves and sums of 512-bit vectors, for both AVX-512 files; included where the instruction set is set.
#define VECTOR __m512i
#define VECTOR_OF_BYTES __m512i
#define QUERY_VECTOR __m512i
#define ZERO _mm512_setzero_si512()
#define BYTES 64
#define LOAD(p) _mm512_loadu_si512((const void *)(p))
#define LOAD_QUERY(p) _mm512_loadu_si512((const void *)(p))
#define LOAD_32(p) _mm512_maskz_loadu_epi8(0xFFFFFFFF, (const void *)(p))
#define LOAD_QUERY_32(p) _mm512_maskz_loadu_epi8(0xFFFFFFFF, (const void *)(p))
#define LOW(v) _mm512_and_si512((v), _mm512_set1_epi8(15))
#define HIGH(v) _mm512_and_si512(_mm512_srli_epi16((v), 4), _mm512_set1_epi8(15))
#define WHOLE(h, c) _mm512_add_epi32(_mm512_slli_epi32((h), 4), (c))
#define SUM(a) _mm512_reduce_add_epi32(a)
#define STORE4 store4

static inline void store4(int32_t *out, __m512i a, __m512i b, __m512i c, __m512i d, int32_t offset) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i s = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i t = _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64(s, 1));
    __m128i u = _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
    _mm_storeu_si128((__m128i *)out, _mm_sub_epi32(u, _mm_set1_epi32(offset)));
}
