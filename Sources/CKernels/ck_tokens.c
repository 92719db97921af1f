// Coding of token sets, and lower bounds of ground costs from integer products of the codes. The products are
// ck_codes_many's. Floating point is whole vectors in a fixed order without fused multiplies: the same on every machine.
#include "ck_tokens.h"
#include "ck_codes.h"
#include "ck_vectors.h"
#include "ck_transport.h"
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// MARK: Layout

static size_t rounded_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

size_t ck_token_code_size(size_t count, size_t dimension, int32_t weighted) {
    if (dimension > (size_t)1 << 32 || count > (size_t)1 << 27) return 0;
    size_t weights = weighted ? rounded_up(4 * count, 16) : 0;
    return CK_TOKEN_HEADER + count * CK_TOKEN_FACTS + weights + count * rounded_up(dimension, 64);
}

int32_t ck_token_code_open(const uint8_t *bytes, size_t size, size_t dimension, struct ck_token_code *code) {
    uint32_t header[4];
    if (size < CK_TOKEN_HEADER) return 0;
    memcpy(header, bytes, sizeof header);
    if (header[1] != dimension || header[2] > CK_TOKEN_WEIGHTED || header[3] != 0) return 0;
    int32_t weighted = header[2] == CK_TOKEN_WEIGHTED;
    code->count = header[0];
    if (ck_token_code_size(code->count, dimension, weighted) != size) return 0;
    code->stride = rounded_up(dimension, 64);
    code->facts = bytes + CK_TOKEN_HEADER;
    const uint8_t *after = code->facts + code->count * CK_TOKEN_FACTS;
    code->weights = weighted ? after : NULL;
    code->codes = after + (weighted ? rounded_up(4 * code->count, 16) : 0);
    code->zero_count = 0;
    for (size_t i = 0; i < code->count; i++) {
        struct ck_token_facts facts;
        memcpy(&facts, code->facts + i * CK_TOKEN_FACTS, sizeof facts);
        code->zero_count += facts.norm == 0;
    }
    return 1;
}

// MARK: Coding

/// Eight coordinates, zeros past the last.
INLINE void eight(f32x8 *v, const float *x, size_t present) {
    *v = (f32x8){0};
    if (present >= 8) memcpy(v, x, sizeof *v);
    else memcpy(v, x, present * sizeof(float));
}

INLINE double sum(const f64x8 *lanes) {
    const f64x8 v = *lanes;
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/// Returns 0 for a token whose norm is out of range; NaN and infinity are.
INLINE int encode_token(const float *x, size_t dimension, size_t stride, uint8_t *code, struct ck_token_facts *facts) {
    f32x8 tops = {0};
    f64x8 squares = {0};
    for (size_t k = 0; k < dimension; k += 8) {
        f32x8 v;
        eight(&v, x + k, dimension - k);
        f64x8 wide = __builtin_convertvector(v, f64x8);
        tops = __builtin_elementwise_max(tops, __builtin_elementwise_abs(v));
        squares += wide * wide;
    }
    double norm = sqrt(sum(&squares));
    if (norm == 0) {
        memset(code, 128, stride);
        *facts = (struct ck_token_facts){0, 0, 0, 0};
        return 1;
    }
    if (!(norm >= 0x1p-32 && norm <= 0x1p32)) return 0;
    float top = 0;
    for (int k = 0; k < 8; k++) top = tops[k] > top ? tops[k] : top;
    float scale = top / 127, inverse = 1 / scale;
    f64x8 errors = {0}, lengths = {0};
    for (size_t k = 0; k < dimension; k += 8) {
        f32x8 v;
        eight(&v, x + k, dimension - k);
        f32x8 rounded = (v * inverse + 12582912.0f) - 12582912.0f;  // leaves no room for a fraction
        rounded = __builtin_elementwise_max(__builtin_elementwise_min(rounded, (f32x8){0} + 127), (f32x8){0} - 127);
        f64x8 whole = __builtin_convertvector(rounded, f64x8);
        f64x8 lost = __builtin_convertvector(v, f64x8) - whole * (double)scale;
        errors += lost * lost;
        lengths += whole * whole;
        u8x8 bytes = __builtin_convertvector(__builtin_convertvector(rounded, i32x8) + 128, u8x8);
        memcpy(code + k, &bytes, sizeof bytes);
    }
    size_t written = rounded_up(dimension, 8);
    memset(code + written, 128, stride - written);
    facts->scale = scale;
    facts->error = (float)(sqrt(sum(&errors)) * (1 + 1e-6));
    facts->norm = (float)norm;
    facts->length = (float)((double)scale * sqrt(sum(&lengths)));
    return 1;
}

// MARK: Bounds

/// What the rounding of the costs themselves and of the steps below takes, as a share of |x|^2 + |y|^2 =: b.
/// ck_transport_costs.c rounds some 72 times in float32 on the way to a sum of magnitudes |x||y|, or b where coordinates are
/// paired, and 15 times on the way to what it then takes away, b/2 at most: a squared distance is off by no more than 1.0e-5 b,
/// with norms that are off by 2^-21 of themselves 1.1e-5 b. Of centred tokens b' may be more than b; but a squared distance below
/// b'/16 is computed anew, so that one that stays is off by 18e-5 of itself, at most 36e-5 b, and by 0.14e-5 b for the rounding
/// of the centred tokens. Below, |x~| <= 2|x| and error <= |x| (each coordinate is rounded to the nearest of numbers among which
/// is 0), so that no term exceeds 4 b; some twenty roundings of them are off by less than 0.6e-5 b. Norms between 2^-32 and 2^32
/// keep every product far from overflow, and what underflows far below b. Together less than 2^-11 b.
static const float slack = 0x1p-11f;

/// Facts of a token in units of its own norm, for cosine.
INLINE struct ck_token_facts unit(struct ck_token_facts facts) {
    float inverse = facts.norm > 0 ? 1 / facts.norm : 0;
    return (struct ck_token_facts){facts.scale * inverse, facts.error * inverse, 1, facts.length * inverse};
}

/// Of eight pairs. With x = x~ + e and y = y~ + f, of which only |e| and |f| are known, both hold:
///   |x - y|^2 = |x|^2 + |y|^2 - 2 x.y,  x.y <= x~.y~ + |x~||f| + |e||y~| + |e||f|      (the better one far apart)
///   |x - y| >= |x~ - y~| - |e| - |f|                                                   (near by)
/// Under cosine all is divided by the norms, and the cost is half the squared distance of unit vectors.
INLINE void lower_costs(int32_t ground, const struct ck_token_code *code, const int32_t *dots, size_t present,
                        const float *columns, double *out, size_t out_stride) {
    f32x8 zero = {0}, scale, error, length, square;
    memcpy(&scale, columns, sizeof scale);
    memcpy(&error, columns + 8, sizeof error);
    memcpy(&length, columns + 16, sizeof length);
    memcpy(&square, columns + 24, sizeof square);
    for (size_t i = 0; i < code->count; i++) {
        struct ck_token_facts facts;
        memcpy(&facts, code->facts + i * CK_TOKEN_FACTS, sizeof facts);
        if (ground == CK_GROUND_COSINE) facts = unit(facts);
        i32x8 whole = {0};
        if (present == 8) memcpy(&whole, dots + i * 8, sizeof whole);
        else memcpy(&whole, dots + i * present, present * sizeof(int32_t));
        f32x8 products = __builtin_convertvector(whole, f32x8) * (scale * facts.scale);
        f32x8 both = square + facts.norm * facts.norm;
        f32x8 lost = length * facts.error + error * (facts.length + facts.error);
        f32x8 by_product = both - (products + lost) * 2;
        f32x8 apart = (length * length + facts.length * facts.length) - products * 2;
        f32x8 gap = __builtin_elementwise_sqrt(__builtin_elementwise_max(apart, zero)) - (error + facts.error);
        gap = __builtin_elementwise_max(gap, zero);
        f32x8 cost = __builtin_elementwise_max(by_product, gap * gap) - both * slack;
        cost = __builtin_elementwise_max(cost, zero);
        if (ground == CK_GROUND_EUCLIDEAN) cost = __builtin_elementwise_sqrt(cost);
        if (ground == CK_GROUND_COSINE) cost *= 0.5f;
        f64x8 wide = __builtin_convertvector(cost, f64x8);
        memcpy(out + i * out_stride, &wide, sizeof wide);
        for (size_t j = present; j < 8; j++) out[i * out_stride + j] = INFINITY;
    }
}

#define VARIANT(NAME, TARGET)                                                                                           \
    TARGET static int encode_##NAME(const float *x, size_t dimension, size_t stride, uint8_t *code,                     \
                                    struct ck_token_facts *facts) {                                                     \
        return encode_token(x, dimension, stride, code, facts);                                                         \
    }                                                                                                                   \
    TARGET static void lower_##NAME(int32_t ground, const struct ck_token_code *code, const int32_t *dots,              \
                                    size_t present, const float *columns, double *out, size_t out_stride) {             \
        if (ground == CK_GROUND_COSINE)                                                                                 \
            lower_costs(CK_GROUND_COSINE, code, dots, present, columns, out, out_stride);                               \
        else if (ground == CK_GROUND_EUCLIDEAN)                                                                         \
            lower_costs(CK_GROUND_EUCLIDEAN, code, dots, present, columns, out, out_stride);                            \
        else                                                                                                            \
            lower_costs(CK_GROUND_SQUARED_EUCLIDEAN, code, dots, present, columns, out, out_stride);                    \
    }

FOR_EACH_TARGET(VARIANT)

size_t ck_token_code_encode(const float *tokens, size_t count, size_t dimension, const float *weights, uint8_t *out) {
    size_t stride = rounded_up(dimension, 64);
    uint32_t header[4] = {(uint32_t)count, (uint32_t)dimension, weights ? CK_TOKEN_WEIGHTED : 0, 0};
    uint8_t *facts = out + CK_TOKEN_HEADER, *codes = facts + count * CK_TOKEN_FACTS;
    if (weights) {
        memcpy(codes, weights, 4 * count);
        memset(codes + 4 * count, 0, rounded_up(4 * count, 16) - 4 * count);
        codes += rounded_up(4 * count, 16);
    }
    size_t end = ck_token_code_size(count, dimension, weights != NULL);
    for (size_t i = 0; i < count; i++) {
        struct ck_token_facts token;
        if (!DISPATCH(encode, tokens + i * dimension, dimension, stride, codes + i * stride, &token)) {
            header[2] |= CK_TOKEN_UNBOUNDED;
            end = CK_TOKEN_HEADER;
            break;
        }
        memcpy(facts + i * CK_TOKEN_FACTS, &token, sizeof token);
    }
    memcpy(out, header, sizeof header);
    return end;
}

void ck_token_query(int32_t ground, const struct ck_token_code *code, int8_t *planes, int32_t *offsets, float *columns) {
    memset(columns, 0, rounded_up(code->count, CK_TOKEN_GROUP) / CK_TOKEN_GROUP * CK_TOKEN_COLUMNS * sizeof(float));
    for (size_t j = 0; j < code->count; j++) {
        struct ck_token_facts facts;
        memcpy(&facts, code->facts + j * CK_TOKEN_FACTS, sizeof facts);
        if (ground == CK_GROUND_COSINE) facts = unit(facts);
        float *group = columns + j / CK_TOKEN_GROUP * CK_TOKEN_COLUMNS + j % CK_TOKEN_GROUP;
        group[0] = facts.scale;
        group[8] = facts.error;
        group[16] = facts.length;
        group[24] = facts.norm * facts.norm;
        int32_t sum = 0;
        for (size_t k = j * code->stride; k < (j + 1) * code->stride; k++) {
            planes[k] = (int8_t)(code->codes[k] ^ 0x80);
            sum += planes[k];
        }
        offsets[j] = 128 * sum;
    }
}

void ck_token_lower_costs(int32_t ground, const struct ck_token_code *code, const int8_t *planes, const int32_t *offsets,
                          const float *columns, size_t query_count, int32_t *dots, double *out, size_t out_stride) {
    for (size_t first = 0; first < query_count; first += CK_TOKEN_GROUP) {
        size_t present = query_count - first < CK_TOKEN_GROUP ? query_count - first : CK_TOKEN_GROUP;
        ck_codes_many(code->codes, code->stride, code->count, planes + first * code->stride, offsets + first, present, dots);
        DISPATCH(lower, ground, code, dots, present, columns + first / CK_TOKEN_GROUP * CK_TOKEN_COLUMNS, out + first,
                 out_stride);
    }
}
