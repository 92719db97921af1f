// Exact vector metrics over float32 with float64 accumulation.
#ifndef CAUSEWAY_CK_METRICS_H
#define CAUSEWAY_CK_METRICS_H
#include <stddef.h>
#include <stdint.h>
#endif
