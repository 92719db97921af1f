// Coded token sets: 8-bit tokens with what bounds their costs, the layout of Schemas/FORMAT.md, § Token codes.
// A bound from codes is at most the cost that ck_ground_costs computes from the tokens themselves.
#ifndef CAUSEWAY_CK_TOKENS_H
#define CAUSEWAY_CK_TOKENS_H
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum {
    CK_TOKEN_HEADER = 16,        // bytes before everything else
    CK_TOKEN_FACTS = 16,         // bytes of a struct ck_token_facts
    CK_TOKEN_WEIGHTED = 1,       // flag: the set has weights
    CK_TOKEN_UNBOUNDED = 2,      // flag: nothing follows the header; no cost of this set can be bounded
    CK_TOKEN_GROUP = 8,          // query tokens compared at a time
    CK_TOKEN_COLUMNS = 4 * 8     // floats a group has beside its planes
};

/// Beside each code. A token t is close to scale * (u - 128).
struct ck_token_facts {
    float scale;
    float error;   // norm of t - scale * (u - 128), rounded up
    float norm;    // of t; 0 only for a zero token
    float length;  // norm of scale * (u - 128)
};

/// Bytes of a coded set of `count` tokens, at most; 0 when they overflow.
size_t ck_token_code_size(size_t count, size_t dimension, int32_t weighted);

/// Codes a set of finite tokens with their weights, if any; returns the bytes written. A set with a token whose norm is
/// neither 0 nor in 2^-32 ... 2^32 gets a header alone, marked unbounded: beyond them float32 products may overflow or vanish.
size_t ck_token_code_encode(const float *tokens, size_t count, size_t dimension, const float *_Nullable weights,
                            uint8_t *out);

/// A coded set taken apart; the addresses lie in its bytes and have no alignment.
struct ck_token_code {
    size_t count;
    size_t zero_count;                // tokens of norm 0
    size_t stride;                    // bytes of a code
    const uint8_t *_Nullable facts;   // count x CK_TOKEN_FACTS
    const uint8_t *_Nullable weights;  // count x float32, or null
    const uint8_t *_Nullable codes;   // count x stride
};

/// Takes bytes apart. Returns 0 unless they are, by their size too, a coded set of this dimension that bounds costs.
int32_t ck_token_code_open(const uint8_t *bytes, size_t size, size_t dimension, struct ck_token_code *code);

/// Makes the query's side of `ck_token_lower_costs` from its own coded tokens: `planes` holds count x stride signed bytes,
/// `offsets` count, `columns` CK_TOKEN_COLUMNS floats for each group of CK_TOKEN_GROUP tokens, the last one padded.
void ck_token_query(int32_t ground, const struct ck_token_code *code, int8_t *planes, int32_t *offsets, float *columns);

/// out[i * out_stride + j]: a lower bound of the cost between token i of the code and token j of the query, the same on every
/// instruction set. Columns past the last hold +infinity up to the next multiple of 8. `dots` has room for 8 for each token.
void ck_token_lower_costs(int32_t ground, const struct ck_token_code *code, const int8_t *planes, const int32_t *offsets,
                          const float *columns, size_t query_count, int32_t *dots, double *out, size_t out_stride);

#pragma clang assume_nonnull end
#endif
