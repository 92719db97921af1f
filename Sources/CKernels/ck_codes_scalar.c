// Dot products over codes in plain C: the oracle of the other instruction sets.
#define NAME(x) ck_##x##_scalar
#define VECTOR int32_t
#define VECTOR_OF_BYTES int32_t
#define QUERY_VECTOR int32_t
#define ZERO 0
#define BYTES 1
#define LOAD(p) ((int32_t)*(p))
#define LOAD_QUERY(p) ((int32_t)*(p))
#define LOW(v) ((v) & 15)
#define HIGH(v) ((v) >> 4)
#define MADD(a, v, q) ((a) + (v) * (q))
#define WHOLE(h, c) (16 * (h) + (c))
#define SUM(a) (a)
#define STORE4(out, a, b, c, d, offset) \
    ((out)[0] = (a) - (offset), (out)[1] = (b) - (offset), (out)[2] = (c) - (offset), (out)[3] = (d) - (offset))
#include "ck_codes_loops.h"
#undef MADD
#define CHUNK 1
#define CENTERED 1
#define TILE_QUERIES 1
#define MADD(a, c, q) ((a) + ((int32_t)*(c) - 128) * (q))
#include "ck_codes_bytes_loops.h"
