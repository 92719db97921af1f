// The only C of Causeway: loops over bytes and numbers, each in several instruction sets with a scalar twin.
// No state but the chosen instruction set, no allocation, no files.
#ifndef CAUSEWAY_CKERNELS_H
#define CAUSEWAY_CKERNELS_H
#include "ck_cpu.h"
#include "ck_bytes.h"
#include "ck_codes.h"
#include "ck_metrics.h"
#include "ck_convert.h"
#include "ck_transport.h"
#include "ck_tokens.h"
#include "ck_linear.h"
#include "ck_pairwise.h"
#endif
