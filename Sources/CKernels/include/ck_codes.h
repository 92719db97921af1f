// Integer dot products over 8-bit codes.
#ifndef CAUSEWAY_CK_CODES_H
#define CAUSEWAY_CK_CODES_H
#include <stddef.h>
#include <stdint.h>
#endif
