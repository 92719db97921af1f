// Dot products over codes in plain C: the oracle of the other instruction sets.
#define NAME(x) ck_##x##_scalar
#define CHUNK 1
#define VECTOR int32_t
#define QUERY_VECTOR int32_t
#define ZERO 0
#define CENTERED 1
#define LOAD_QUERY(p) ((int32_t)*(p))
#define MADD(a, c, q) ((a) + ((int32_t)*(c) - 128) * (q))
#define SUM(a) (a)
#define STORE4(out, a, b, c, d, offset) \
    ((out)[0] = (a) - (offset), (out)[1] = (b) - (offset), (out)[2] = (c) - (offset), (out)[3] = (d) - (offset))
#define TILE_QUERIES 1
#include "ck_codes_loops.h"
