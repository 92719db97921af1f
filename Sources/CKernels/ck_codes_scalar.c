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
#include "ck_codes_loops.h"
